//! The real statsd daemon (npm) takes what both programs send, and complains
//! of nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Stdio};

use espy_tests::handler::Handler;
use espy_tests::site::Site;
use espy_tests::{DEADLINE, peers, wait_for};
use serde_json::json;

use crate::sample;

const COMPACTOR_STAGES: [&str; 5] = ["ingest", "build", "verify", "publish", "pull"];

#[test]
fn timings_arrive_and_no_line_is_bad() {
    let site = Site::new();
    let statsd = Statsd::start(&site);
    let to = format!("--statsd={}", statsd.udp);
    let days = sample::days("2026-11-01", "2026-11-12");
    let file = site.write("counts.csv", &sample::csv(&days, 1));
    site.run([file], &["--today=2026-11-13", &to]);
    site.pull(&[&to]);
    let handler = Handler::ready(&site.snapshots(), &[&to, "--statsd-sample=1"]);
    for _ in 0..3 {
        assert_eq!(handler.get("/api/packages/__all__/overall").status, 200);
    }

    let stages = COMPACTOR_STAGES.map(|stage| format!("compactor.{stage}"));
    let stages = stages.into_iter().chain(["handler.load".to_owned()]);
    let stages = stages.chain(["handler.route.pypistats_overall".to_owned()]);
    let timers: Vec<String> = stages
        .flat_map(|stage| ["wall_ms", "cpu_ms"].map(|clock| format!("'espy.{stage}.{clock}'")))
        .collect();
    statsd.wait_for("timers", &timers);
    statsd.wait_for(
        "counters",
        &[
            "'espy.compactor.rows.counted': 97".to_owned(),
            "'espy.handler.route.pypistats_overall.requests': 3".to_owned(),
        ],
    );
    statsd.wait_for(
        "gauges",
        &[
            "'espy.compactor.snapshot.sequence': 1".to_owned(),
            "'espy.handler.snapshot.sequence': 1".to_owned(),
            "'espy.handler.snapshot.age_days'".to_owned(),
        ],
    );
    let bad = "messages.bad_lines_seen: 0".to_owned();
    assert!(
        statsd.ask("stats").contains(&bad),
        "{:?}",
        statsd.ask("stats")
    );
    drop(handler);
}

/// The daemon; it is killed when dropped.
struct Statsd {
    child: Child,
    udp: SocketAddr,
    management: SocketAddr,
}

impl Statsd {
    fn start(site: &Site) -> Self {
        let (udp, management) = free_ports();
        let config = json!({
            "address": "127.0.0.1", "port": udp.port(),
            "mgmt_address": "127.0.0.1", "mgmt_port": management.port(),
            // What arrives is kept until it is flushed, which is never.
            "flushInterval": 3_600_000, "backends": [], "title": false,
        });
        let config = site.write("statsd.js", &format!("({config})"));
        let child = peers::statsd()
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let statsd = Self {
            child,
            udp,
            management,
        };
        wait_for("statsd", || TcpStream::connect(management).ok());
        statsd
    }

    /// Lines of the answer to a command of the management port.
    fn ask(&self, command: &str) -> Vec<String> {
        let mut stream = TcpStream::connect(self.management).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(format!("{command}\n").as_bytes()).unwrap();
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        lines.take_while(|line| line != "END").collect()
    }

    /// Waits until the answer holds all of these texts: packets take a moment.
    fn wait_for(&self, command: &str, texts: &[String]) {
        wait_for(&format!("{texts:?} in {command}"), || {
            let answer = self.ask(command).join("\n");
            texts.iter().all(|text| answer.contains(text)).then_some(())
        });
    }
}

impl Drop for Statsd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The daemon cannot choose ports and tell them, so they are chosen for it.
fn free_ports() -> (SocketAddr, SocketAddr) {
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    (udp.local_addr().unwrap(), tcp.local_addr().unwrap())
}
