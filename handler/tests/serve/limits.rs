//! Every limit from both sides: what is just allowed is answered and the
//! connection stays good, what is just beyond is refused as documented.
//!
//! Of time limits only the outcome is looked at, never how long it took.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::folder::{Folder, numbered, numbered_overall};
use crate::handler::{DEADLINE, Handler, wait_for};
use crate::wire::{self, SENTINEL, SENTINEL_ID, replies, shown};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n";

fn handler(flags: &[&str]) -> (Folder, Handler) {
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(7));
    let handler = Handler::ready(folder.path(), flags);
    (folder, handler)
}

/// Sends this and a request behind it; the statuses of the answers, without
/// the last when it is to the request behind, and whether it was.
fn statuses(handler: &Handler, bytes: &[u8]) -> (Vec<u16>, bool) {
    let mut stream = handler.connect().into_stream();
    wire::send(&mut stream, &[bytes, SENTINEL].concat());
    split(&wire::rest(&mut stream).unwrap())
}

fn split(came: &[u8]) -> (Vec<u16>, bool) {
    let mut replies = replies(came, 0).unwrap_or_else(|what| panic!("{what}: {}", shown(came)));
    let is_followed = replies.pop_if(|last| last.id() == SENTINEL_ID).is_some();
    if !is_followed {
        let last = replies.last().unwrap();
        assert!(last.is_last(), "no Connection: close: {}", shown(came));
    }
    (
        replies.iter().map(|reply| reply.status).collect(),
        is_followed,
    )
}

/// What is allowed, and what is just beyond and gets this status.
#[track_caller]
fn assert_edge(handler: &Handler, within: &[u8], beyond: &[u8], status: u16) {
    assert_eq!(
        statuses(handler, within),
        (vec![200], true),
        "{}",
        shown(within)
    );
    assert_eq!(
        statuses(handler, beyond),
        (vec![status], false),
        "{}",
        shown(beyond)
    );
}

#[test]
fn header_bytes() {
    for (flag, limit) in [
        (Some("--header-bytes-max=8192"), 8192),
        (Some("--header-bytes-max=32KiB"), 32768),
        (None, 16384),
    ] {
        let flags: Vec<&str> = flag.into_iter().collect();
        let (_folder, handler) = handler(&flags);
        let front = "GET /healthz HTTP/1.1\r\nHost: t\r\nA: ";
        let head = |bytes: usize| {
            let filled = "x".repeat(bytes - front.len() - 4);
            format!("{front}{filled}\r\n\r\n").into_bytes()
        };
        // The whole head, request line and empty line included, is within.
        assert_edge(&handler, &head(limit), &head(limit + 1), 431);
        assert_eq!(statuses(&handler, &head(10 * limit)), (vec![431], false));
        // Many small fields are no way around it, nor is one that comes bit
        // by bit.
        let many: String = (0..=limit / 500)
            .map(|n| format!("A{n}: {}\r\n", "y".repeat(500)))
            .collect();
        let many = format!("GET /healthz HTTP/1.1\r\nHost: t\r\n{many}\r\n");
        assert_eq!(statuses(&handler, many.as_bytes()), (vec![431], false));
        for (bytes, expect) in [
            (head(limit), (vec![200], true)),
            (head(limit + 1), (vec![431], false)),
        ] {
            let mut stream = handler.connect().into_stream();
            for piece in bytes.chunks(97) {
                wire::send(&mut stream, piece);
            }
            wire::send(&mut stream, SENTINEL);
            assert_eq!(split(&wire::rest(&mut stream).unwrap()), expect);
        }
    }
}

/// The answer comes while the line still goes on, and is not lost because of
/// what is still being sent.
#[test]
fn an_endless_header_line() {
    let (_folder, handler) = handler(&[]);
    let mut stream = handler.connect().into_stream();
    wire::send(&mut stream, b"GET /healthz HTTP/1.1\r\nHost: t\r\nA: ");
    for _ in 0..64 {
        wire::send(&mut stream, &[b'x'; 4096]);
    }
    let came = wire::rest(&mut stream).unwrap();
    assert_eq!(split(&came), (vec![431], false));
}

#[test]
fn header_count() {
    for (flag, limit) in [
        (Some("--header-count-max=3"), 3),
        (None, 100),
        (Some("--header-count-max=200"), 200),
    ] {
        let flags: Vec<&str> = flag.into_iter().collect();
        let (_folder, handler) = handler(&flags);
        for name in [|n: usize| format!("A{n}"), |_| "Same".to_owned()] {
            let with = |count: usize| {
                let fields: String = (1..count).map(|n| name(n) + ": x\r\n").collect();
                format!("GET /healthz HTTP/1.1\r\nHost: t\r\n{fields}\r\n").into_bytes()
            };
            // The request behind it has three fields itself.
            assert_edge(&handler, &with(limit), &with(limit + 1), 431);
            assert_eq!(statuses(&handler, &with(10 * limit)), (vec![431], false));
        }
    }
}

#[test]
fn target_bytes() {
    for (flag, limit) in [
        (Some("--target-bytes-max=64"), 64),
        (None, 8000),
        (Some("--target-bytes-max=12000"), 12000),
    ] {
        let flags: Vec<&str> = flag.into_iter().collect();
        let (_folder, handler) = handler(&flags);
        let front = "/healthz?";
        let with = |bytes: usize| {
            let query = "q".repeat(bytes - front.len());
            format!("GET {front}{query} HTTP/1.1\r\nHost: t\r\n\r\n").into_bytes()
        };
        assert_edge(&handler, &with(limit), &with(limit + 1), 414);
        // A path is as long as a query, and no method is spared.
        let path = "p".repeat(limit);
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            let request = format!("{method} /{path} HTTP/1.1\r\nHost: t\r\n\r\n");
            let mut stream = handler.connect().into_stream();
            wire::send(&mut stream, request.as_bytes());
            let came = wire::rest(&mut stream).unwrap();
            let found = replies(&came, usize::from(method == "HEAD")).unwrap();
            assert_eq!((found.len(), found[0].status), (1, 414), "{method}");
        }
        // Longer than the header block may be: either limit may speak first.
        let (found, is_followed) = statuses(&handler, &with(40_000));
        assert!(
            matches!(found[..], [414 | 431]) && !is_followed,
            "{found:?}"
        );
    }
}

#[test]
fn body_bytes() {
    for (flag, limit) in [
        (Some("--body-bytes-max=10"), 10),
        (Some("--body-bytes-max=0"), 0),
        (None, 16384),
        (Some("--body-bytes-max=1MiB"), 1 << 20),
    ] {
        let flags: Vec<&str> = flag.into_iter().collect();
        let (_folder, handler) = handler(&flags);
        let with = |bytes: usize| {
            let head =
                format!("GET /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: {bytes}\r\n\r\n");
            [head.as_bytes(), &vec![b'b'; bytes]].concat()
        };
        assert_edge(&handler, &with(limit), &with(limit + 1), 413);
        // In small pieces, and again on the same connection.
        let mut client = handler.connect();
        for _ in 0..2 {
            let head_bytes = with(limit).len() - limit;
            let bytes = with(limit);
            client.send(&bytes[..head_bytes]);
            for piece in bytes[head_bytes..].chunks(1000) {
                client.send(piece);
            }
            assert_eq!(client.answer(false).status, 200);
        }
        // Refused by its length alone: nobody waits for the body.
        let mut stream = handler.connect().into_stream();
        wire::send(
            &mut stream,
            &with(limit + 1)[..with(limit + 1).len() - limit - 1],
        );
        assert_eq!(split(&wire::rest(&mut stream).unwrap()), (vec![413], false));
    }
}

/// A client that sends all before it looks at what comes back.
#[test]
fn a_refusal_reaches_who_still_sends() {
    let (_folder, handler) = handler(&[]);
    for _ in 0..20 {
        let mut stream = handler.connect().into_stream();
        let head = "POST /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: 500000\r\n\r\n";
        wire::send(&mut stream, head.as_bytes());
        for _ in 0..100 {
            wire::send(&mut stream, &[b'b'; 5000]);
        }
        assert_eq!(split(&wire::rest(&mut stream).unwrap()), (vec![413], false));
    }
}

#[test]
fn requests_of_a_connection() {
    for limit in [1, 5] {
        let (_folder, handler) = handler(&[&format!("--connection-requests-max={limit}")]);
        // One after the other.
        let mut client = handler.connect();
        for number in 1..=limit {
            let answer = client.request("GET", "/api/packages/one/overall", &[]);
            assert_eq!((answer.status, answer.body), (200, numbered_overall(7)));
            let connection = answer.headers.get("connection").map(String::as_str);
            assert_eq!(connection, (number == limit).then_some("close"), "{number}");
        }
        assert!(!client.is_open());
        // All at once, with more than may be.
        let mut stream = handler.connect().into_stream();
        wire::send(&mut stream, HEALTH.repeat(limit + 5).as_bytes());
        let came = wire::rest(&mut stream).unwrap();
        let found = replies(&came, 0).unwrap();
        assert_eq!(found.len(), limit, "{}", shown(&came));
        for (index, reply) in found.iter().enumerate() {
            assert_eq!(reply.status, 200);
            assert_eq!(reply.is_last(), index + 1 == limit);
        }
    }
}

#[test]
fn connections_of_a_core() {
    const LIMIT: usize = 8;
    let (_folder, handler) = handler(&["--cores=1", &format!("--connections-max={LIMIT}")]);
    let try_connect = || {
        let mut client = handler.connect();
        client.send(HEALTH.as_bytes());
        (client.is_open() && client.answer(false).status == 200).then_some(client)
    };
    // Those that waited for readiness may not be counted out yet.
    let mut inside: Vec<_> = (0..LIMIT)
        .map(|_| wait_for("a place", try_connect))
        .collect();
    for _ in 0..50 {
        assert!(try_connect().is_none(), "one too many is answered");
    }
    for client in &mut inside {
        assert_eq!(client.request("GET", "/healthz", &[]).status, 200);
    }
    // Each that leaves makes a place for one.
    for _ in 0..3 {
        inside.pop();
        inside.push(wait_for("a place again", try_connect));
        assert!(try_connect().is_none());
    }
    for client in &mut inside {
        assert_eq!(client.request("GET", "/healthz", &[]).status, 200);
    }
}

/// Requests that begin and do not end in time, by where they stop.
#[test]
fn a_request_that_does_not_end_in_time() {
    let short = ["--header-timeout=300ms", "--idle-timeout=600"];
    let (_folder, handler) = handler(&short);
    let mut idle = handler.connect();
    assert_eq!(idle.request("GET", "/healthz", &[]).status, 200);
    let body = "POST /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n";
    let parts = [
        ("G".to_owned(), 0),
        ("GET /healthz HTTP/1.1\r\n".to_owned(), 0),
        ("GET /healthz HTTP/1.1\r\nHost: t\r\n".to_owned(), 0),
        ("GET /healthz HTTP/1.1\r\nHost: t\r\n\r".to_owned(), 0),
        (body.to_owned(), 0),
        (format!("{body}half"), 0),
        // Behind whole requests, in the same packet.
        (format!("{HEALTH}G"), 1),
        (format!("{HEALTH}GET /healthz HTTP/1.1\r\nHost: t\r\n"), 1),
        (format!("{HEALTH}{body}half"), 1),
        (format!("{HEALTH}{HEALTH}{HEALTH}GET /heal"), 3),
    ];
    // All wait together.
    let failures = thread::scope(|scope| {
        let waiting = parts.each_ref().map(|(part, before)| {
            let mut stream = handler.connect().into_stream();
            wire::send(&mut stream, part.as_bytes());
            scope.spawn(move || {
                let came = wire::rest(&mut stream)
                    .map_err(|what| format!("{part:?} is waited for: {what}"))?;
                let mut expect = vec![200; *before];
                expect.push(408);
                let found = replies(&came, 0)?.into_iter().map(|reply| reply.status);
                let is_expected = found.collect::<Vec<_>>() == expect;
                let failure = || format!("{part:?}: {}", shown(&came));
                is_expected.then_some(()).ok_or_else(failure)
            })
        });
        let ended = waiting.into_iter().map(|thread| thread.join().unwrap());
        ended.filter_map(Result::err).collect::<Vec<String>>()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // Behind an answer that has been taken.
    let mut client = handler.connect();
    assert_eq!(client.request("GET", "/healthz", &[]).status, 200);
    client.send(b"GET /healthz HTTP/1.1\r\n");
    assert_eq!(client.answer(false).status, 408);
    assert!(!client.is_open());
    // Not a byte of a request is not a slow request.
    assert_eq!(idle.request("GET", "/healthz", &[]).status, 200);
}

/// A byte now and then is no progress; with time enough it is.
#[test]
fn a_request_that_dribbles() {
    for (flag, status) in [
        ("--header-timeout=300ms", 408),
        ("--header-timeout=60s", 200),
    ] {
        let (_folder, handler) = handler(&[flag]);
        let mut stream = handler.connect().into_stream();
        stream.set_nonblocking(true).unwrap();
        // Nine hundred bytes and more, each of them later.
        let request = format!(
            "GET /healthz HTTP/1.1\r\nHost: t\r\nA: {}\r\nConnection: close\r\n\r\n",
            "x".repeat(100)
        );
        let mut came = Vec::new();
        for byte in request.as_bytes() {
            wire::send(&mut stream, &[*byte]);
            std::thread::sleep(Duration::from_millis(5));
            let mut buffer = [0; 1024];
            if let Ok(length) = std::io::Read::read(&mut stream, &mut buffer) {
                came.extend_from_slice(&buffer[..length]);
                break;
            }
        }
        stream.set_nonblocking(false).unwrap();
        came.extend(wire::rest(&mut stream).unwrap());
        assert_eq!(split(&came), (vec![status], false), "{flag}");
    }
}

/// Without a byte of a request the connection is closed without a word; the
/// same with time enough stays.
#[test]
fn idle_connections() {
    let (_folder, handler_short) = handler(&["--idle-timeout=300ms", "--header-timeout=60"]);
    let (_folder, handler_long) = handler(&["--idle-timeout=600", "--header-timeout=300ms"]);
    let mut stay = handler_long.connect();
    let mut used = handler_long.connect();
    assert_eq!(used.request("GET", "/healthz", &[]).status, 200);
    for request in ["", HEALTH, &HEALTH.repeat(3)] {
        let mut stream = handler_short.connect().into_stream();
        wire::send(&mut stream, request.as_bytes());
        let count = request.len() / HEALTH.len();
        let came = wire::rest(&mut stream).unwrap();
        let found = replies(&came, 0).unwrap();
        assert_eq!(found.len(), count, "{}", shown(&came));
        assert!(found.iter().all(|reply| reply.status == 200));
    }
    // A slow request is not an idle connection.
    let mut slow = handler_short.connect();
    slow.send(&HEALTH.as_bytes()[..20]);
    let mut idle = handler_short.connect();
    assert!(!idle.is_open());
    slow.send(&HEALTH.as_bytes()[20..]);
    assert_eq!(slow.answer(false).status, 200);
    for client in [&mut stay, &mut used] {
        assert_eq!(client.request("GET", "/healthz", &[]).status, 200);
    }
}

/// Answers that nobody takes, more than the system keeps for both sides.
fn flood(handler: &Handler) -> (TcpStream, usize) {
    let mut stream = handler.connect().into_stream();
    let request = "GET /api/packages/one/overall HTTP/1.1\r\nHost: t\r\n\r\n";
    let train = request.repeat(1000);
    let mut sent = 0;
    // Longer than a busy machine makes a handler pause that could go on.
    stream
        .set_write_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    // Until the handler reads no more, since it cannot write any more.
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        let rest = &train.as_bytes()[sent % train.len()..];
        match std::io::Write::write(&mut stream, rest) {
            Ok(length) => sent += length,
            Err(_) => return (stream, sent / request.len()),
        }
    }
    panic!("{sent} bytes of requests were taken, and no answer");
}

#[test]
fn answers_that_nobody_takes() {
    const MANY: &str = "--connection-requests-max=1000000000";
    let (_folder, patient) = handler(&["--write-timeout=600", MANY]);
    let (_folder, hasty) = handler(&["--write-timeout=500ms", MANY]);
    let before = hasty.open_files();
    let (mut late, count) = flood(&patient);
    let (mut cut, cut_count) = flood(&hasty);
    wait_for("the connection's end", || {
        (hasty.open_files() <= before).then_some(())
    });
    // It was closed in the middle.
    let mut came = Vec::new();
    let _ = std::io::Read::read_to_end(&mut cut, &mut came);
    let answer_count = came
        .windows(17)
        .filter(|window| window == b"HTTP/1.1 200 OK\r\n")
        .count();
    assert!(answer_count < cut_count, "{answer_count} of {cut_count}");
    // The other one is still there, and gets every answer whole.
    wire::half_close(&late);
    let came = wire::rest(&mut late).unwrap();
    let found = replies(&came, 0);
    // The last request may have been sent in part.
    let found = found.unwrap();
    let whole = found.iter().filter(|reply| reply.status == 200);
    assert!(whole.clone().count() >= count, "{} of {count}", found.len());
    assert!(
        whole
            .into_iter()
            .all(|reply| reply.body == numbered_overall(7).as_bytes())
    );
    // Neither is in the way of others.
    for handler in [&patient, &hasty] {
        assert_eq!(handler.get("/healthz").status, 200);
    }
}

#[test]
fn no_cache_gives_the_same_answers() {
    let (_folder, with) = handler(&[]);
    let (_folder, without) = handler(&["--cache-bytes-max=0"]);
    for target in ["overall", "recent", "overall?mirrors=true", "system"] {
        let target = format!("/api/packages/one/{target}");
        let first = with.get(&target);
        for handler in [&with, &without, &without] {
            let again = handler.get(&target);
            assert_eq!((again.status, &again.body), (first.status, &first.body));
            assert_eq!(again.header("etag"), first.header("etag"));
        }
    }
}

#[test]
fn access_log_samples() {
    // All lines are written when it has ended.
    let lines = |mut handler: Handler, target: &str| {
        handler.signal(Signal::TERM);
        assert!(handler.wait_for_end().success());
        let log = handler.log();
        let lines = log
            .lines()
            .filter(|line| line.contains("\"target\":\"access\""));
        lines.filter(|line| line.contains(target)).count()
    };
    let empty = Folder::new();
    for (flag, expect) in [("--access-log-sample=0", 0), ("--access-log-sample=1", 20)] {
        let (_folder, handler) = handler(&[flag]);
        for _ in 0..20 {
            assert_eq!(handler.get("/nowhere").status, 404);
        }
        assert_eq!(lines(handler, "/nowhere"), expect, "{flag}");
        // Server errors always.
        let failing = Handler::start(empty.path(), &[flag]);
        for _ in 0..5 {
            assert_eq!(failing.get("/api/packages/one/recent").status, 503);
        }
        assert_eq!(lines(failing, "/api/packages/one/recent"), 5, "{flag}");
    }
}
