//! Stopping: balancers see it before clients do, and what has begun is
//! finished.

use std::net::TcpStream;

use rustix::process::Signal;

use crate::folder::{Folder, numbered, numbered_overall};
use crate::handler::{Handler, wait_for};
use crate::wire;

const OVERALL: &str = "/api/packages/one/overall";

fn handler(flags: &[&str]) -> (Folder, Handler) {
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(7));
    let handler = Handler::ready(folder.path(), flags);
    (folder, handler)
}

fn wait_until_unready(handler: &Handler) {
    wait_for("readiness to end", || {
        (handler.get("/readyz").status == 503).then_some(())
    });
}

fn wait_until_refused(handler: &Handler) {
    wait_for("the listener to close", || {
        TcpStream::connect(handler.address()).err()
    });
}

#[test]
fn the_delay_serves_everybody_and_is_ready_for_nobody() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_folder, mut handler) = handler(&["--drain-delay=600s"]);
        let mut idle = handler.connect();
        assert_eq!(idle.request("GET", "/readyz", &[]).status, 200);
        let mut untouched = handler.connect();
        let mut begun = handler.connect();
        begun.send(b"GET /api/packages/one/overall HTTP/1.1\r\n");
        handler.signal(signal);
        wait_until_unready(&handler);
        // New connections and old ones.
        for _ in 0..10 {
            let answer = handler.get(OVERALL);
            assert_eq!((answer.status, &answer.body), (200, &numbered_overall(7)));
            assert_eq!(answer.header("connection"), "close");
            assert_eq!(handler.get("/healthz").status, 200);
            assert_eq!(handler.get("/readyz").status, 503);
        }
        assert_eq!(handler.status()["ready"], false);
        for client in [&mut idle, &mut untouched] {
            let answer = client.request("GET", OVERALL, &[]);
            assert_eq!((answer.status, answer.body), (200, numbered_overall(7)));
            assert_eq!(answer.headers["connection"], "close");
            assert!(!client.is_open());
        }
        begun.send(b"Host: t\r\n\r\n");
        let answer = begun.answer(false);
        assert_eq!((answer.status, answer.body), (200, numbered_overall(7)));
        // Another signal ends the delay, of ten minutes here.
        handler.signal(signal);
        assert_eq!(handler.wait_for_end().code(), Some(0), "{}", handler.log());
    }
}

#[test]
fn the_delay_ends_by_itself() {
    let (_folder, mut handler) = handler(&["--drain-delay=300ms"]);
    handler.signal(Signal::TERM);
    wait_until_refused(&handler);
    assert_eq!(handler.wait_for_end().code(), Some(0), "{}", handler.log());
}

/// A publication during the delay changes nothing about it.
#[test]
fn a_new_snapshot_does_not_make_it_ready_again() {
    let (mut folder, mut handler) = handler(&["--drain-delay=600s"]);
    handler.signal(Signal::TERM);
    wait_until_unready(&handler);
    let sequence = folder.publish("2026-11-20", &numbered(8));
    handler.wait_until_serving(sequence);
    assert_eq!(handler.get("/readyz").status, 503);
    assert_eq!(handler.get(OVERALL).body, numbered_overall(8));
    handler.signal(Signal::TERM);
    assert_eq!(handler.wait_for_end().code(), Some(0));
}

/// Listeners close at once without a delay; a request that has begun may
/// still end.
#[test]
fn what_has_begun_is_finished() {
    let (_folder, mut handler) = handler(&["--drain-delay=0", "--drain-timeout=600"]);
    let whole = b"POST /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello";
    let cuts = [1, 10, 30, whole.len() - 5, whole.len() - 1];
    let mut begun = cuts.map(|cut| {
        let mut client = handler.connect();
        client.send(&whole[..cut]);
        client
    });
    // And one that has been answered before.
    let mut second = handler.connect();
    assert_eq!(second.request("GET", OVERALL, &[]).status, 200);
    second.send(&whole[..10]);
    // Whoever answers this has seen what was sent before, on either core.
    for _ in 0..20 {
        assert_eq!(handler.get("/healthz").status, 200);
    }
    handler.signal(Signal::TERM);
    wait_until_refused(&handler);
    for (client, cut) in begun.iter_mut().zip(cuts) {
        client.send(&whole[cut..]);
        assert!(client.is_open(), "closed, cut at {cut}");
        let answer = client.answer(false);
        assert_eq!(answer.status, 405, "cut at {cut}");
        assert_eq!(answer.header("connection"), "close", "cut at {cut}");
        assert!(!client.is_open());
    }
    second.send(&whole[10..]);
    assert!(second.is_open(), "closed in its second request");
    assert_eq!(second.answer(false).status, 405);
    assert_eq!(handler.wait_for_end().code(), Some(0), "{}", handler.log());
}

/// Requests that never end, and answers that nobody takes, do not hold it.
#[test]
fn the_timeout_ends_what_does_not_end() {
    let (_folder, mut handler) = handler(&["--drain-timeout=300ms", "--header-timeout=600"]);
    let mut stuck = handler.connect();
    stuck.send(b"GET /healthz HTTP/1.1\r\nHost");
    let mut full = handler.connect().into_stream();
    full.set_nonblocking(true).unwrap();
    let request = format!("GET {OVERALL} HTTP/1.1\r\nHost: t\r\n\r\n").repeat(100);
    while std::io::Write::write(&mut full, request.as_bytes()).is_ok() {}
    assert_eq!(handler.get("/healthz").status, 200);
    handler.signal(Signal::TERM);
    assert_eq!(handler.wait_for_end().code(), Some(0), "{}", handler.log());
}

/// Requests already sent when the listener closes get their answers, though
/// nobody has accepted their connections yet.
#[test]
fn clients_that_come_until_the_last_moment() {
    for _ in 0..10 {
        let (_folder, mut handler) = handler(&["--drain-delay=0"]);
        let signal_at = 50;
        let mut streams = Vec::new();
        for number in 0..100 {
            if number == signal_at {
                handler.signal(Signal::TERM);
            }
            let Ok(mut stream) = TcpStream::connect(handler.address()) else {
                assert!(number >= signal_at);
                break;
            };
            wire::send(
                &mut stream,
                b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
            );
            streams.push(stream);
        }
        // Who connected before the signal is answered.
        for stream in &mut streams[..signal_at] {
            let came = wire::rest(stream).unwrap();
            let found = wire::replies(&came, 0).unwrap();
            assert_eq!(found.len(), 1, "{}", wire::shown(&came));
            assert_eq!(found[0].status, 200);
        }
        assert_eq!(handler.wait_for_end().code(), Some(0), "{}", handler.log());
    }
}
