//! From exec to the first answer with data, beside `sha256sum` of the same
//! files on the same cores.
//!
//! Goal: the ratio that README promises, for one core and for all.
//! Non-goals: disks. The files are in the system's page cache, for both.
//!
//! `cargo bench -p espy-handler --bench start` measures and prints Markdown;
//! `-- --projects N` makes another size, about 25 KB a project. Without
//! `--bench` (as `cargo test` runs it) the snapshot is small and the numbers
//! mean nothing.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

#[expect(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of the server"
)]
#[path = "../tests/serve/folder.rs"]
mod folder;
#[expect(dead_code, reason = "the counts are of no interest here")]
#[path = "common/snapshot.rs"]
mod snapshot;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use espy_shared::layout;

use snapshot::Snapshot;

const PROJECTS: usize = 40_000;
const ROUNDS: usize = 7;
/// Between two looks at a server that is starting: what a look costs is not to
/// be seen in the time.
const POLL: Duration = Duration::from_millis(1);
const DEADLINE: Duration = Duration::from_secs(60);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let is_measuring = arguments.iter().any(|argument| argument == "--bench");
    let place = arguments.iter().position(|it| it == "--projects");
    let projects = match place.and_then(|place| arguments.get(place + 1)) {
        Some(projects) => projects.parse().expect("a number of projects"),
        None if is_measuring => PROJECTS,
        None => 60,
    };
    let rounds = if is_measuring { ROUNDS } else { 1 };
    let snapshot = Snapshot::build(projects);
    let files = segments(snapshot.folder.path());
    let bytes: u64 = (files.iter())
        .map(|path| fs::metadata(path).expect("a segment").len())
        .sum();
    println!("{} segments, {:.0} MB\n", files.len(), bytes as f64 / 1e6);
    println!("| cores | sha256sum, ms | exec to first answer, ms | less 50 ms, as a ratio |");
    println!("|---|---|---|---|");
    let all = sched_getaffinity(None).expect("the system says where we may run");
    for cores in 1..=usize::try_from(all.count()).expect("a few cores").min(2) {
        restrict(&all, cores);
        let target = format!("/api/packages/{}/overall", snapshot.names[projects / 2]);
        // In turns, so that a slow minute of the machine meets both.
        let (mut sums, mut starts): (Vec<_>, Vec<_>) = (0..rounds)
            .map(|_| {
                let sum = sha256sum(&files);
                (sum, start(snapshot.folder.path(), cores, &target))
            })
            .unzip();
        let (sum, start) = (median(&mut sums), median(&mut starts));
        println!(
            "| {cores} | {:.0} | {:.0} | {:.2} |",
            sum * 1e3,
            start * 1e3,
            (start - 0.05).max(0.0) / sum
        );
    }
}

/// Only the first cores, for this thread and what it starts.
fn restrict(all: &CpuSet, cores: usize) {
    let mut some = CpuSet::new();
    (0..CpuSet::MAX_CPU)
        .filter(|cpu| all.is_set(*cpu))
        .take(cores)
        .for_each(|cpu| some.set(cpu));
    sched_setaffinity(None, &some).expect("fewer cores than we had");
}

fn segments(snapshots: &Path) -> Vec<PathBuf> {
    fs::read_dir(snapshots.join(layout::SEGMENTS_DIR))
        .expect("a snapshot folder")
        .map(|entry| entry.expect("a segment").path())
        .collect()
}

fn sha256sum(files: &[PathBuf]) -> f64 {
    let start = Instant::now();
    let status = Command::new("sha256sum")
        .args(files)
        .stdout(Stdio::null())
        .status()
        .expect("coreutils are installed");
    assert!(status.success());
    start.elapsed().as_secs_f64()
}

fn start(snapshots: &Path, cores: usize, target: &str) -> f64 {
    let dir = tempfile::tempdir().expect("a folder");
    let port_file = dir.path().join("port");
    let start = Instant::now();
    let mut handler = Command::new(env!("CARGO_BIN_EXE_espy-handler"))
        .args(["serve", "--listen=127.0.0.1:0", "--log-format=json"])
        .arg(format!("--cores={cores}"))
        .arg("--snapshots")
        .arg(snapshots)
        .arg("--port-file")
        .arg(&port_file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the handler was built with this benchmark");
    let elapsed = first_answer(&port_file, target, start);
    stop(&mut handler);
    elapsed
        .expect("an answer before the deadline")
        .as_secs_f64()
}

/// Asks on one connection until there is data.
fn first_answer(port_file: &Path, target: &str, start: Instant) -> Option<Duration> {
    let mut connection: Option<BufReader<TcpStream>> = None;
    while start.elapsed() < DEADLINE {
        if let Some(stream) = &mut connection {
            if status(stream, target)? == 200 {
                return Some(start.elapsed());
            }
        } else if let Ok(address) = fs::read_to_string(port_file) {
            let stream = TcpStream::connect(address.trim()).ok()?;
            connection = Some(BufReader::new(stream));
        }
        sleep(POLL);
    }
    None
}

fn status(stream: &mut BufReader<TcpStream>, target: &str) -> Option<u16> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes()).ok()?;
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    std::io::Read::read_exact(stream, &mut vec![0; length]).ok()?;
    Some(status)
}

fn stop(handler: &mut Child) {
    if let Some(pid) = i32::try_from(handler.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    let _ = handler.wait();
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
