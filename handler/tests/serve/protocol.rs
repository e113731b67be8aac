//! Methods, conditional requests, headers, stopping.

use std::io::Write;
use std::process::Command;

use rustix::process::Signal;
use socket2::SockRef;

use crate::folder::{Folder, numbered, numbered_overall, numbered_recent};
use crate::handler::{Answer, Handler, wait_for};
use crate::wire;

const RECENT: &str = "/api/packages/one/recent";
const OVERALL: &str = "/api/packages/one/overall";

fn folder() -> Folder {
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(7));
    folder
}

#[test]
fn headers_of_data() {
    let folder = folder();
    let handler = Handler::ready(folder.path(), &[]);
    for target in [RECENT, OVERALL] {
        let answer = handler.get(target);
        assert_eq!(answer.status, 200);
        let tag = answer.header("etag");
        assert!(tag.len() == 34 && tag.starts_with('"') && tag.ends_with('"'));
        let freshness: Vec<&str> = answer.header("cache-control").split(", ").collect();
        let [
            "public",
            max_age,
            "stale-while-revalidate=600",
            "stale-if-error=604800",
        ] = freshness[..]
        else {
            panic!("{freshness:?}");
        };
        let max_age: u64 = max_age.strip_prefix("max-age=").unwrap().parse().unwrap();
        assert!(max_age >= 60);
        let published = httpdate::parse_http_date(answer.header("last-modified")).unwrap();
        assert!(published <= std::time::SystemTime::now());
        assert_eq!(answer.header("vary"), "Accept-Encoding");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
    let ids: Vec<String> = ["good-ID_1.2", "bad id", ""]
        .iter()
        .map(|id| {
            let answer = handler.request("GET", RECENT, &[("X-Request-Id", id)]);
            answer.header("x-request-id").to_owned()
        })
        .collect();
    assert_eq!(ids[0], "good-ID_1.2");
    assert!(ids[1].len() == 32 && ids[2].len() == 32 && ids[1] != ids[2]);
}

#[test]
fn conditional_requests() {
    let folder = folder();
    let handler = Handler::ready(folder.path(), &[]);
    let fresh = handler.get(OVERALL);
    let tag = fresh.header("etag").to_owned();
    for (sent, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"other\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
        (tag.replace('"', ""), 200),
    ] {
        let answer = handler.request("GET", OVERALL, &[("If-None-Match", &sent)]);
        assert_eq!(answer.status, status, "{sent}");
        assert_eq!(answer.body.is_empty(), status == 304);
        for name in ["etag", "vary", "content-type"] {
            assert_eq!(answer.header(name), fresh.header(name), "{sent} {name}");
        }
        // It counts down while the test runs.
        let cache_control = answer.header("cache-control");
        assert!(cache_control.starts_with("public, max-age="), "{sent}");
        assert_eq!(answer.headers.contains_key("content-length"), status == 200);
    }
    // One connection survives it.
    let mut client = handler.connect();
    for _ in 0..3 {
        assert_eq!(
            client
                .request("GET", OVERALL, &[("If-None-Match", &tag)])
                .status,
            304
        );
        assert_eq!(client.request("GET", OVERALL, &[]).body, fresh.body);
        assert_eq!(
            client
                .request("HEAD", OVERALL, &[("If-None-Match", &tag)])
                .status,
            304
        );
    }
    let absent = "/api/packages/nobody/overall";
    assert_eq!(
        handler
            .request("GET", absent, &[("If-None-Match", "*")])
            .status,
        404
    );
    // Questions that differ have tags that differ, spellings do not.
    let tag = |target: &str| handler.get(target).header("etag").to_owned();
    assert_ne!(tag(OVERALL), tag("/api/packages/one/overall?mirrors=true"));
    assert_ne!(tag(OVERALL), tag(RECENT));
    assert_eq!(
        tag(OVERALL),
        tag("/api/packages/ONE/overall?&x=1&mirrors=maybe")
    );
}

#[test]
fn methods() {
    let folder = folder();
    let handler = Handler::ready(folder.path(), &[]);
    let mut client = handler.connect();
    for target in [RECENT, "/api/packages/nobody/recent", "/healthz", "/readyz"] {
        let get = client.request("GET", target, &[]);
        let head = client.request("HEAD", target, &[]);
        assert_eq!((head.status, &*head.body), (get.status, ""), "{target}");
        for name in ["content-length", "content-type", "etag"] {
            assert_eq!(head.header(name), get.header(name), "{target} {name}");
        }
        let is_kept = |answer: &Answer| answer.header("cache-control") != "no-store";
        assert_eq!(is_kept(&head), is_kept(&get), "{target}");
        let options = client.request("OPTIONS", target, &[]);
        assert_eq!((options.status, &*options.body), (204, ""));
        assert_eq!(options.header("allow"), "GET, HEAD, OPTIONS");
        assert_eq!(
            options.header("access-control-allow-methods"),
            "GET, HEAD, OPTIONS"
        );
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            let answer = client.request(method, target, &[]);
            assert_eq!((answer.status, &*answer.body), (405, "405"), "{method}");
            assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
        }
    }
    assert_eq!(client.request("OPTIONS", "*", &[]).status, 204);
    assert_eq!(client.request("POST", "/nowhere", &[]).status, 404);
    let absolute = client.request("GET", "http://other.example/healthz", &[]);
    assert_eq!((absolute.status, &*absolute.body), (200, "ok\n"));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let folder = folder();
    let handler = Handler::ready(folder.path(), &[]);
    let mut client = handler.connect();
    let request = |target| format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n");
    client.send((request(RECENT) + &request(OVERALL) + &request(RECENT)).as_bytes());
    for body in [numbered_recent(7), numbered_overall(7), numbered_recent(7)] {
        assert_eq!(client.answer(false).body, body);
    }
}

#[test]
fn header_block_has_a_limit() {
    let folder = folder();
    let handler = Handler::ready(folder.path(), &["--header-bytes-max=8192"]);
    let long = |bytes| "x".repeat(bytes);
    let answer = handler.request("GET", RECENT, &[("X-Long", &long(7000))]);
    assert_eq!(answer.status, 200);
    let answer = handler.request("GET", RECENT, &[("X-Long", &long(9000))]);
    assert_eq!(answer.status, 431);
}

#[test]
fn connections_have_a_limit() {
    let folder = folder();
    let handler = Handler::ready(folder.path(), &["--cores=1", "--connections-max=2"]);
    // What waiting for readiness opened may not be counted out yet.
    let mut two = [(); 2].map(|()| {
        crate::handler::wait_for("a place", || {
            let mut client = handler.connect();
            let answer = client.request("GET", "/healthz", &[]);
            (answer.status == 200).then_some(client)
        })
    });
    let mut third = handler.connect();
    let turned_away = third.answer(false);
    assert_eq!(turned_away.status, 503);
    assert_eq!(turned_away.header("connection"), "close");
    assert!(!third.is_open());
    for client in &mut two {
        assert_eq!(client.request("GET", "/healthz", &[]).body, "ok\n");
    }
}

#[test]
fn idle_connections_are_closed() {
    let folder = folder();
    let handler = Handler::ready(folder.path(), &["--idle-timeout=1", "--header-timeout=1"]);
    let mut idle = handler.connect();
    assert_eq!(idle.request("GET", "/healthz", &[]).status, 200);
    let mut slow = handler.connect();
    slow.send(b"GET /healthz HTTP/1.1\r\nHost");
    assert_eq!(idle.rest(), b"");
    let end = String::from_utf8(slow.rest()).unwrap();
    assert!(end.starts_with("HTTP/1.1 408 "), "{end:?}");
}

#[test]
fn sigterm_and_sigint_end_with_zero() {
    let folder = folder();
    for signal in [Signal::TERM, Signal::INT] {
        let mut handler = Handler::ready(folder.path(), &[]);
        let mut idle = handler.connect();
        assert_eq!(idle.request("GET", RECENT, &[]).status, 200);
        let mut untouched = handler.connect();
        handler.signal(signal);
        assert_eq!(idle.rest(), b"");
        assert_eq!(untouched.rest(), b"");
        let status = handler.wait_for_end();
        assert_eq!(status.code(), Some(0), "{}", handler.log());
        assert!(handler.log().contains("stopped"));
    }
}

/// A connection that was made before the end has a moment for its first
/// request. That moment is short, so one try in many is enough.
#[test]
fn a_first_request_on_its_way_is_answered() {
    let folder = folder();
    let answered = (0..20).any(|_| {
        let handler = Handler::ready(folder.path(), &["--cores=1"]);
        let mut client = handler.connect();
        // Accepted for sure: a later one has had its answer.
        assert_eq!(handler.get(RECENT).status, 200);
        handler.signal(Signal::TERM);
        wait_for("the end to begin", || {
            let has_begun = handler.log().contains("requests finish");
            has_begun.then_some(())
        });
        std::thread::sleep(std::time::Duration::from_millis(10));
        let request = format!("GET {RECENT} HTTP/1.1\r\nHost: t\r\n\r\n");
        client.try_send(request.as_bytes()) && client.is_open() && {
            let answer = client.answer(false);
            assert_eq!(answer.status, 200);
            answer.header("connection") == "close"
        }
    });
    assert!(answered);
}

/// To close while something is unread would reset the connection, and the
/// client might lose what it has not read yet.
#[test]
fn the_last_answer_arrives_whatever_is_still_sent() {
    const ANSWERS: usize = 100;
    let folder = folder();
    let limit = format!("--connection-requests-max={ANSWERS}");
    let handler = Handler::ready(folder.path(), &[&limit]);
    let mut stream = handler.connect().into_stream();
    // Most answers wait at the server's side until they are read.
    SockRef::from(&stream).set_recv_buffer_size(16_384).unwrap();
    let request = format!("GET {OVERALL} HTTP/1.1\r\nHost: t\r\n\r\n");
    let requests = request.repeat(30 * ANSWERS);
    let came = std::thread::scope(|scope| {
        let mut sender = stream.try_clone().unwrap();
        scope.spawn(move || sender.write_all(requests.as_bytes()));
        std::thread::sleep(std::time::Duration::from_millis(300));
        wire::rest(&mut stream).unwrap()
    });
    let replies = wire::replies(&came, 0).unwrap();
    assert_eq!(replies.len(), ANSWERS);
    let is_whole = |reply: &wire::Reply| reply.body == numbered_overall(7).as_bytes();
    assert!(replies.iter().all(is_whole));
}

#[test]
fn refusals_have_the_balancers_id() {
    let folder = folder();
    let handler = Handler::ready(folder.path(), &[]);
    let mut client = handler.connect();
    client.send(b"GET /healthz HTTP/1.1\r\nX-Request-Id: balancer-1\r\n\r\n");
    let refused = client.answer(false);
    assert_eq!(refused.status, 400);
    assert_eq!(refused.header("x-request-id"), "balancer-1");
    assert_eq!(refused.header("cache-control"), "no-store");
}

#[test]
fn wrong_flags_are_all_reported() {
    let output = Command::new(env!("CARGO_BIN_EXE_espy-handler"))
        .args(["serve", "--listen=nowhere", "--cores=0"])
        .env("ESPY_PYPISTATS_DAYS", "many")
        .env("ESPY_LOG_FORMAT", "xml")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    for flag in [
        "snapshots",
        "listen",
        "cores",
        "pypistats-days",
        "log-format",
    ] {
        assert!(text.contains(&format!("--{flag}: ")), "{text}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_espy-handler"))
        .args(["serve", "--unknown"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn version_names_commit_and_sqlite() {
    let output = Command::new(env!("CARGO_BIN_EXE_espy-handler"))
        .arg("--version")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("espy-handler 0."), "{text}");
    assert!(
        text.contains("commit ") && text.contains("SQLite 3."),
        "{text}"
    );
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_espy-handler"))
        .args(["serve", "--snapshots=/nowhere", "--listen=192.0.2.1:1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot listen on 192.0.2.1:1"), "{text}");
}
