//! What a stranger may send: each row of the tables in `probes/` on
//! connections of its own, all against one handler process, which must be as
//! good as new afterwards.

mod framing;
mod requests;

use std::fmt::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use socket2::SockRef;

use crate::folder::{Folder, numbered, numbered_overall, numbered_recent};
use crate::handler::Handler;
use crate::wire::{self, Reply, SENTINEL, SENTINEL_ID, replies, shown};

const OK: &[u16] = &[200];
const BAD: &[u16] = &[400];
const NOT_FOUND: &[u16] = &[404];
/// Closed without a word, or with a 400.
const REFUSED_OR_SILENT: &[u16] = &[SILENT, 400];
/// In place of a status: no answer.
const SILENT: u16 = 0;

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// A request behind the probe is answered.
    Open,
    /// Whatever stands behind the probe is not answered.
    Closed,
    /// Either, by rights.
    Either,
}

/// Bytes, and what must come back for them. 100 Continue is not counted.
struct Probe {
    name: &'static str,
    bytes: &'static [u8],
    /// The statuses that each answer may have, in order.
    answers: &'static [&'static [u16]],
    end: End,
}

const fn probe(
    name: &'static str,
    bytes: &'static [u8],
    answers: &'static [&'static [u16]],
    end: End,
) -> Probe {
    Probe {
        name,
        bytes,
        answers,
        end,
    }
}

impl Probe {
    fn all() -> impl Iterator<Item = &'static Self> {
        requests::PROBES.iter().chain(framing::PROBES)
    }

    fn head_count(&self) -> usize {
        usize::from(self.bytes.starts_with(b"HEAD "))
    }

    /// What is wrong with what came back.
    fn judge(&self, came: &[u8], is_followed: bool) -> Result<(), String> {
        let mut replies = replies(came, self.head_count())?;
        replies.retain(|reply| reply.status >= 200);
        let is_sentinel_answered = replies
            .last()
            .is_some_and(|last| last.status == 200 && last.id() == SENTINEL_ID);
        if is_sentinel_answered {
            replies.pop();
        }
        let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        let is_expected =
            statuses.len() <= self.answers.len()
                && self.answers.iter().enumerate().all(|(index, allowed)| {
                    allowed.contains(statuses.get(index).unwrap_or(&SILENT))
                });
        if !is_expected {
            return Err(format!("{statuses:?}, not {:?}", self.answers));
        }
        match (self.end, is_followed) {
            (End::Open, true) if !is_sentinel_answered => {
                Err("the request behind it is not answered".to_owned())
            }
            (End::Closed, true) if is_sentinel_answered => {
                Err("the request behind it is answered".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Failures of all rows, shown together.
#[derive(Default)]
struct Failures(String);

impl Failures {
    fn take(&mut self, name: &str, sent: &[u8], came: Result<(), String>, bytes: &[u8]) {
        if let Err(what) = came {
            writeln!(
                self.0,
                "{name}: {what}\n  in  {}\n  out {}",
                shown(sent),
                shown(bytes)
            )
            .unwrap();
        }
    }

    #[track_caller]
    fn assert_none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0);
    }
}

struct World {
    _folder: Folder,
    handler: Handler,
}

impl World {
    fn new() -> Self {
        let mut folder = Folder::new();
        folder.publish("2026-11-20", &numbered(7));
        let handler = Handler::ready(folder.path(), &[]);
        Self {
            _folder: folder,
            handler,
        }
    }

    fn connect(&self) -> TcpStream {
        self.handler.connect().into_stream()
    }

    /// Sends this in one go and reads until the end.
    fn exchange(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut stream = self.connect();
        wire::send(&mut stream, bytes);
        wire::rest(&mut stream)
    }

    /// After whatever has been sent: it answers, and nothing went wrong inside.
    #[track_caller]
    fn assert_unharmed(&self) {
        let answer = self.handler.get("/api/packages/one/overall");
        assert_eq!(
            (answer.status, answer.body),
            (200, numbered_overall(7)),
            "another answer than before"
        );
        let log = self.handler.log();
        for word in ["panic", "\"level\":\"ERROR\"", "\"level\":\"error\""] {
            assert!(!log.contains(word), "{word} in the log:\n{log}");
        }
    }
}

/// Each probe with a request right behind it in the same packet.
#[test]
fn each_probe_gets_its_answers_and_no_other() {
    assert!(Probe::all().count() >= 80);
    let world = World::new();
    let mut failures = Failures::default();
    for probe in Probe::all() {
        let sent = [probe.bytes, SENTINEL].concat();
        match world.exchange(&sent) {
            Ok(came) => failures.take(probe.name, &sent, probe.judge(&came, true), &came),
            Err(error) => failures.take(probe.name, &sent, Err(error), &[]),
        }
    }
    failures.assert_none();
    world.assert_unharmed();
}

/// Each probe alone: what is to be closed is closed by the handler, and what
/// stays open answers a request that comes only after the probe's answers.
#[test]
fn each_probe_alone_ends_as_it_should() {
    let world = World::new();
    let mut failures = Failures::default();
    for probe in Probe::all().filter(|probe| probe.end != End::Either) {
        let mut stream = world.connect();
        wire::send(&mut stream, probe.bytes);
        let mut first = Vec::new();
        if probe.end == End::Open {
            let head_count = probe.head_count();
            first = wire::some(&mut stream, probe.answers.len(), head_count).unwrap();
            wire::send(&mut stream, SENTINEL);
        }
        match wire::rest(&mut stream) {
            Ok(came) => {
                let came = [first, came].concat();
                let result = probe.judge(&came, probe.end == End::Open);
                failures.take(probe.name, probe.bytes, result, &came);
            }
            Err(error) => failures.take(probe.name, probe.bytes, Err(error), &first),
        }
    }
    failures.assert_none();
    world.assert_unharmed();
}

/// What is refused says so, and says that it is the last.
#[test]
fn an_answer_before_a_close_announces_it() {
    let world = World::new();
    let mut failures = Failures::default();
    for probe in Probe::all().filter(|probe| probe.end == End::Closed) {
        let came = world.exchange(probe.bytes).unwrap_or_default();
        let last = replies(&came, probe.head_count()).ok();
        let last = last.and_then(|replies| replies.into_iter().last());
        // HTTP/1.0 closes without being told.
        let is_old = probe.bytes.windows(8).any(|word| word == b"HTTP/1.0");
        if last.is_some_and(|last| !last.is_last()) && !is_old {
            let what = Err("no Connection: close".to_owned());
            failures.take(probe.name, probe.bytes, what, &came);
        }
    }
    failures.assert_none();
}

/// Each probe and then no more: the other side has gone, or has closed its
/// half. Answers are the same, and the handler closes.
#[test]
fn each_probe_with_the_sending_half_closed() {
    let world = World::new();
    let mut failures = Failures::default();
    for probe in Probe::all() {
        let mut stream = world.connect();
        wire::send(&mut stream, probe.bytes);
        wire::half_close(&stream);
        match wire::rest(&mut stream) {
            Ok(came) => failures.take(probe.name, probe.bytes, probe.judge(&came, false), &came),
            Err(error) => failures.take(probe.name, probe.bytes, Err(error), &[]),
        }
    }
    failures.assert_none();
    world.assert_unharmed();
}

/// Whole exchanges that end their connections.
fn cuttable() -> [(&'static str, Vec<u8>); 5] {
    let sentinel = SENTINEL;
    [
        (
            "a data answer",
            [
                b"GET /api/packages/one/overall?mirrors=true HTTP/1.1\r\nHost: t\r\nX-Request-Id: a\r\n\r\n",
                sentinel,
            ]
            .concat(),
        ),
        (
            "a body",
            [
                &b"POST /healthz HTTP/1.1\r\nHost: t\r\nX-Request-Id: b\r\nContent-Length: 23\r\n\r\nGET / HTTP/1.1\r\nHost: s"[..],
                sentinel,
            ]
            .concat(),
        ),
        (
            "three methods",
            [
                &b"OPTIONS * HTTP/1.1\r\nHost: t\r\nX-Request-Id: c\r\n\r\nGET http://o.example/api/packages/One/recent HTTP/1.1\r\nHost: t\r\nX-Request-Id: d\r\n\r\n"[..],
                sentinel,
            ]
            .concat(),
        ),
        (
            "lengths that differ",
            b"GET /healthz HTTP/1.1\r\nHost: t\r\nX-Request-Id: e\r\n\r\nGET /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_vec(),
        ),
        (
            "chunked",
            b"GET /healthz HTTP/1.1\r\nHost: t\r\nX-Request-Id: f\r\n\r\nPOST /healthz HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        ),
    ]
}

/// Statuses, ids of those that were sent, and bodies.
type Summary = Vec<(u16, String, Vec<u8>)>;

fn summary(replies: Vec<Reply>) -> Summary {
    let id = |reply: &Reply| match reply.id() {
        // Made by the handler.
        made if made.len() == 32 => String::new(),
        sent => sent.to_owned(),
    };
    let each = replies.into_iter();
    each.map(|reply| (reply.status, id(&reply), reply.body))
        .collect()
}

/// A request cut at any byte is answered as if it came in one piece.
#[test]
fn cut_anywhere_the_answers_are_the_same() {
    let world = World::new();
    for (name, bytes) in cuttable() {
        let whole = summary(replies(&world.exchange(&bytes).unwrap(), 0).unwrap());
        assert!(whole.len() >= 2, "{name}: {whole:?}");
        // Without a pause between the halves.
        for cut in 1..bytes.len() {
            let mut stream = world.connect();
            wire::send(&mut stream, &bytes[..cut]);
            wire::send(&mut stream, &bytes[cut..]);
            let came = wire::rest(&mut stream).unwrap();
            let found = summary(replies(&came, 0).unwrap());
            assert_eq!(found, whole, "{name}, cut at {cut}: {}", shown(&came));
        }
        // All first halves are there, and looked at, before the second ones.
        let mut streams: Vec<(usize, TcpStream)> = (1..bytes.len())
            .map(|cut| {
                let mut stream = world.connect();
                wire::send(&mut stream, &bytes[..cut]);
                (cut, stream)
            })
            .collect();
        for _ in 0..8 {
            assert_eq!(world.handler.get("/healthz").status, 200);
        }
        for (cut, stream) in &mut streams {
            wire::send(stream, &bytes[*cut..]);
        }
        for (cut, mut stream) in streams {
            let came = wire::rest(&mut stream).unwrap();
            let found = summary(replies(&came, 0).unwrap());
            assert_eq!(found, whole, "{name}, paused at {cut}: {}", shown(&came));
        }
        let mut stream = world.connect();
        for byte in &bytes {
            wire::send(&mut stream, &[*byte]);
        }
        let came = wire::rest(&mut stream).unwrap();
        let found = summary(replies(&came, 0).unwrap());
        assert_eq!(found, whole, "{name}, byte by byte: {}", shown(&came));
    }
    world.assert_unharmed();
}

/// So many requests in one packet, numbered; the last closes.
fn train(count: usize, target: impl Fn(usize) -> &'static str, is_closed: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..count {
        let close = if is_closed && number + 1 == count {
            "Connection: close\r\n"
        } else {
            ""
        };
        bytes.extend_from_slice(
            format!(
                "GET {} HTTP/1.1\r\nHost: t\r\nX-Request-Id: n{number}\r\n{close}\r\n",
                target(number)
            )
            .as_bytes(),
        );
    }
    bytes
}

fn target(number: usize) -> &'static str {
    match number % 3 {
        0 => "/api/packages/one/overall",
        1 => "/api/packages/one/recent",
        _ => "/healthz",
    }
}

#[track_caller]
fn assert_train(came: &[u8], count: usize) {
    let replies = replies(came, 0).unwrap();
    assert_eq!(replies.len(), count, "{}", shown(came));
    for (number, reply) in replies.iter().enumerate() {
        assert_eq!(reply.id(), format!("n{number}"));
        let body = match number % 3 {
            0 => numbered_overall(7),
            1 => numbered_recent(7),
            _ => "ok\n".to_owned(),
        };
        assert_eq!(
            (reply.status, str::from_utf8(&reply.body)),
            (200, Ok(&*body))
        );
    }
}

#[test]
fn requests_in_one_packet_are_answered_in_order() {
    let world = World::new();
    for count in [3, 50] {
        let came = world.exchange(&train(count, target, true)).unwrap();
        assert_train(&came, count);
    }
}

/// The client has asked for all it wants and says so; it still gets it.
#[test]
fn a_closed_half_still_gets_all_answers() {
    let world = World::new();
    for count in [1, 3, 50, 500] {
        let mut stream = world.connect();
        wire::send(&mut stream, &train(count, target, false));
        wire::half_close(&stream);
        assert_train(&wire::rest(&mut stream).unwrap(), count);
    }
    // Part of a next request is no reason to keep back the answers before.
    let whole = train(3, target, false);
    for part in [&b"G"[..], b"GET /healthz HTTP/1.1\r\nHost: t\r\n", b"\r\n"] {
        let mut stream = world.connect();
        wire::send(&mut stream, &[&whole, part].concat());
        wire::half_close(&stream);
        let came = wire::rest(&mut stream).unwrap();
        let replies = replies(&came, 0).unwrap();
        assert!(matches!(replies.len(), 3 | 4), "{}", shown(&came));
        assert!(replies[..3].iter().all(|reply| reply.status == 200));
        let is_refused = |reply: &Reply| matches!(reply.status, 400 | 408);
        assert!(replies[3..].iter().all(is_refused), "{}", shown(&came));
    }
}

/// Every complete answer is sent before the rest of the next request is here.
#[test]
fn an_answer_does_not_wait_for_the_next_request() {
    let world = World::new();
    let request = b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n";
    for cut in 1..request.len() {
        let mut client = world.handler.connect();
        client.send(&[request, &request[..cut]].concat());
        assert_eq!(client.answer(false).status, 200, "{cut}");
        client.send(&request[cut..]);
        assert_eq!(client.answer(false).status, 200, "{cut}");
    }
}

/// A request that ends before it is whole gets nothing, or is told so.
#[test]
fn half_a_request_and_no_more() {
    let world = World::new();
    let request =
        b"POST /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: 40\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: s\r\n\r\n";
    for cut in 0..request.len() {
        let mut stream = world.connect();
        wire::send(&mut stream, &request[..cut]);
        wire::half_close(&stream);
        let came = wire::rest(&mut stream).unwrap();
        let statuses: Vec<u16> = replies(&came, 0)
            .unwrap()
            .iter()
            .map(|reply| reply.status)
            .collect();
        let is_fine = matches!(statuses[..], [] | [400 | 408]);
        assert!(is_fine, "cut at {cut}: {}", shown(&came));
        assert!(cut > 0 || statuses.is_empty());
    }
    world.assert_unharmed();
}

/// A client of HTTP/1.0 must be told that the connection stays.
#[test]
fn http_1_0_is_told_that_it_may_go_on() {
    let world = World::new();
    for target in ["/healthz", "/api/packages/one/overall", "/nowhere"] {
        let mut stream = world.connect();
        for _ in 0..3 {
            let request = format!("GET {target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
            wire::send(&mut stream, request.as_bytes());
            let came = wire::some(&mut stream, 1, 0).unwrap();
            let replies = replies(&came, 0).unwrap();
            let connection = replies[0].headers.get("connection");
            assert_eq!(
                connection.map(String::as_str),
                Some("keep-alive"),
                "{target}: {}",
                shown(&came)
            );
        }
    }
}

/// A client that waits to be asked is asked, once, and then answered.
#[test]
fn expected_100_continue_comes_before_the_body() {
    let world = World::new();
    for (method, status) in [("GET", 200), ("POST", 405), ("OPTIONS", 204), ("HEAD", 200)] {
        let mut client = world.handler.connect();
        for _ in 0..2 {
            client.send(
                format!("{method} /healthz HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 34\r\n\r\n")
                    .as_bytes(),
            );
            let mut answer = client.answer(method == "HEAD");
            // Who sees from the head what to say need not ask for the body.
            if answer.status == 100 {
                assert!(answer.headers.is_empty(), "{answer:?}");
                client.send(b"GET /nowhere HTTP/1.1\r\nHost: s\r\n\r\n");
                answer = client.answer(method == "HEAD");
            } else {
                assert_eq!(answer.header("connection"), "close", "{method}");
            }
            assert_eq!(answer.status, status, "{method}");
            assert!(method != "GET" || answer.header("connection").is_empty());
        }
    }
}

/// Peers that vanish in the middle of anything: no error, no leftover.
#[test]
fn resets_do_no_harm() {
    let world = World::new();
    let whole = train(50, |_| "/api/packages/one/overall", false);
    for number in 0..200 {
        let mut stream = world.connect();
        let length = number * whole.len() / 199;
        wire::send(&mut stream, &whole[..length]);
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(stream);
    }
    world.assert_unharmed();
}
