//! Wall and CPU time of every stage go to statsd.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as the tests themselves do"
)]

mod common;

use std::collections::BTreeMap;
use std::net::UdpSocket;

use common::events::{counted, days};
use common::{Format, World, events, rows};

/// All packets that came until now, by name. The process that sent them has
/// ended and loopback delivers at once.
fn received(socket: &UdpSocket) -> BTreeMap<String, Vec<String>> {
    let mut packets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut buffer = [0; 2048];
    while let Ok(length) = socket.recv(&mut buffer) {
        assert!(length < 1400, "a packet fits any network");
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        for line in text.lines() {
            let (name, value) = line.split_once(':').expect("statsd's own form");
            packets
                .entry(name.to_owned())
                .or_default()
                .push(value.to_owned());
        }
    }
    packets
}

#[test]
fn every_stage_sends_its_wall_and_cpu_time() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let world = World::new();
    let events = events(61, 200, &days("2026-11-10", 3));
    let good = world.write("good", rows(&events, Format::Ndjson));
    let bad = world.write("bad", "no format\n");
    let run = world.run(&["--statsd", &address, &good, &bad]);
    assert_eq!(run.code, Some(1), "{}", run.log);
    world.step("pull", &["--statsd", &address]).ok();
    let packets = received(&socket);
    for stage in ["ingest", "build", "verify", "publish", "pull"] {
        for time in ["wall_ms", "cpu_ms"] {
            let values = &packets[&format!("espy.compactor.{stage}.{time}")];
            let [value] = &values[..] else {
                panic!("{stage} {time}: {values:?}")
            };
            let number = value.strip_suffix("|ms").expect("a timing");
            assert!(number.parse::<f64>().unwrap() >= 0.0, "{value}");
        }
    }
    let count = |name: &str| packets[&format!("espy.compactor.{name}")].clone();
    assert_eq!(count("rows.counted"), [format!("{}|c", counted(&events))]);
    assert_eq!(count("rows.rejected"), ["0|c"]);
    assert_eq!(count("batches.failed"), ["1|c"]);
    // Publish and pull.
    assert_eq!(count("snapshot.sequence"), ["1|g", "1|g"]);
}

#[test]
fn a_statsd_that_is_not_there_changes_nothing() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let (world, plain) = (World::new(), World::new());
    let text = rows(&events(62, 100, &days("2026-11-10", 3)), Format::Ndjson);
    for (world, flags) in [(&plain, &[][..]), (&world, &["--statsd", &address])] {
        let file = world.write("events", &text);
        world.run(&[flags, &[&file]].concat()).ok();
    }
    assert_eq!(
        common::snapshot::segments(&world.depot()),
        common::snapshot::segments(&plain.depot())
    );
}
