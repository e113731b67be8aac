//! Many who want little, and more than there is room for: those who ask get
//! their answers all the time, and afterwards nothing is left behind.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, prlimit, setrlimit};

use crate::folder::{Folder, numbered, numbered_overall};
use crate::handler::{Client, Handler, rounds, wait_for};

/// With `ESPY_SOAK=1`; else a tenth.
const IDLE_COUNT: usize = 10_000;
const SLOW_COUNT: usize = 1_000;
/// Files that each process needs besides its connections.
const SPARE_FILES: u64 = 200;

const OVERALL: &str = "/api/packages/one/overall";
const SLOW_REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: slow.example\r\n\r\n";

/// Takes as many files as the test may have.
fn raise_file_limit(need: usize) {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
    let need = need as u64 + SPARE_FILES;
    assert!(
        current.is_none_or(|current| current >= need),
        "this test needs {need} open files: ulimit -n says {current:?}"
    );
}

fn read(client: &mut Client) {
    let answer = client.request("GET", OVERALL, &[]);
    assert_eq!((answer.status, answer.body), (200, numbered_overall(7)));
}

/// A client that sends one byte now and then, and takes its answers.
struct Slow {
    stream: TcpStream,
    sent: usize,
    answer_count: usize,
}

impl Slow {
    fn step(&mut self) {
        let byte = SLOW_REQUEST[self.sent % SLOW_REQUEST.len()];
        match self.stream.write(&[byte]) {
            Ok(_) => self.sent += 1,
            Err(error) => panic!("a slow client is cut off after {}: {error}", self.sent),
        }
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => panic!("a slow client is closed after {} bytes", self.sent),
            Ok(length) => {
                let words = buffer[..length].windows(9);
                self.answer_count += words.filter(|word| word == b"HTTP/1.1 ").count();
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
    }
}

#[test]
fn idle_and_slow_clients_are_in_nobodys_way() {
    let (idle_count, slow_count) = (rounds(IDLE_COUNT), rounds(SLOW_COUNT));
    raise_file_limit(idle_count + slow_count);
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(7));
    let flags = [
        "--header-timeout=600",
        "--idle-timeout=600",
        "--connection-requests-max=1000000000",
    ];
    let handler = Handler::ready(folder.path(), &flags);
    // A core has looked at every connection of the past once it is fewer.
    let before = wait_for("a quiet handler", || {
        let count = handler.open_files();
        thread::sleep(Duration::from_millis(20));
        (handler.open_files() == count).then_some(count)
    });
    let is_over = AtomicBool::new(false);
    let read_count = AtomicU64::new(0);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|number| {
                let (handler, is_over, read_count) = (&handler, &is_over, &read_count);
                scope.spawn(move || {
                    let mut kept = handler.connect();
                    while !is_over.load(Ordering::Relaxed) {
                        read(&mut kept);
                        if number == 0 {
                            read(&mut handler.connect());
                        }
                        read_count.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let stop = StopOnDrop(&is_over);
        let assert_read_on = |what: &str| {
            let seen = read_count.load(Ordering::Relaxed);
            wait_for(what, || {
                assert!(!readers.iter().any(thread::ScopedJoinHandle::is_finished));
                (read_count.load(Ordering::Relaxed) >= seen + 20).then_some(())
            });
        };
        // Half of them have never said anything.
        let idle: Vec<Client> = (0..idle_count)
            .map(|number| {
                let mut client = handler.connect();
                if number % 2 == 0 {
                    assert_eq!(client.request("GET", "/healthz", &[]).status, 200);
                }
                client
            })
            .collect();
        let mut slow: Vec<Slow> = (0..slow_count)
            .map(|_| {
                let stream = handler.connect().into_stream();
                stream.set_nonblocking(true).unwrap();
                Slow {
                    stream,
                    sent: 0,
                    answer_count: 0,
                }
            })
            .collect();
        wait_for("all connections", || {
            (handler.open_files() >= before + idle_count + slow_count).then_some(())
        });
        assert_read_on("reads beside the crowd");
        for _ in 0..2 * SLOW_REQUEST.len() {
            for slow in &mut slow {
                slow.step();
            }
        }
        assert_read_on("reads beside slow clients");
        // Each slow client has asked twice.
        wait_for("the answers to slow clients", || {
            for slow in &mut slow {
                if slow.answer_count < 2 {
                    let mut buffer = [0; 4096];
                    if let Ok(length) = slow.stream.read(&mut buffer) {
                        assert!(length > 0, "a slow client is closed");
                        let words = buffer[..length].windows(9);
                        slow.answer_count += words.filter(|word| word == b"HTTP/1.1 ").count();
                    }
                }
            }
            slow.iter().all(|slow| slow.answer_count >= 2).then_some(())
        });
        // Nobody was thrown out to make room.
        for client in &idle {
            assert!(client.is_quiet(), "an idle client was sent something");
        }
        drop((idle, slow));
        assert_read_on("reads after the crowd");
        drop(stop);
    });
    wait_for("the crowd's files to be given back", || {
        (handler.open_files() <= before).then_some(())
    });
    let log = handler.log();
    assert!(!log.contains("\"level\":\"error\""), "{log}");
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A process that may have no more files goes on with those it has, and takes
/// new ones again as soon as it can.
#[test]
fn no_files_left() {
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(7));
    let handler = Handler::ready(folder.path(), &["--idle-timeout=600"]);
    let mut early = handler.connect();
    read(&mut early);
    let limit = handler.open_files() as u64 + 20;
    prlimit(
        Some(handler.process()),
        Resource::Nofile,
        Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        },
    )
    .unwrap();
    // The system completes these; the handler cannot take all of them.
    let crowd: Vec<Client> = (0..200)
        .map(|_| {
            let mut client = handler.connect();
            client.send(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n");
            client
        })
        .collect();
    wait_for("the handler to have no files left", || {
        handler
            .log()
            .contains("cannot accept a connection")
            .then_some(())
    });
    for _ in 0..200 {
        read(&mut early);
    }
    // Still so, and it does not fill the log by trying.
    let tries = handler.log().matches("cannot accept a connection").count();
    assert!(tries < 1000, "{tries} tries");
    // A new snapshot needs files too: refused or served, but nothing breaks.
    drop(crowd);
    for _ in 0..50 {
        let mut late = handler.connect();
        read(&mut late);
    }
    read(&mut early);
}

/// The same from the start, with a limit that cannot be raised.
#[test]
fn a_small_file_limit_from_the_start() {
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(7));
    let mut handler = Handler::start_limited(folder.path(), 64);
    handler.wait_until_ready();
    let mut early = handler.connect();
    read(&mut early);
    for _ in 0..2 {
        let crowd: Vec<Client> = (0..300).map(|_| handler.connect()).collect();
        wait_for("the handler to have no files left", || {
            read(&mut early);
            (handler.open_files() >= 63).then_some(())
        });
        for _ in 0..100 {
            read(&mut early);
        }
        drop(crowd);
        for _ in 0..20 {
            read(&mut handler.connect());
        }
    }
    // Snapshots are taken over again, too.
    let sequence = folder.publish("2026-11-20", &numbered(8));
    handler.wait_until_serving(sequence);
    handler.signal(Signal::TERM);
    assert_eq!(handler.wait_for_end().code(), Some(0), "{}", handler.log());
}
