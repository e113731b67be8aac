//! Seeded mutations of real requests, as the fuzz target tries them for hours.

use crate::any_request::World;
use crate::folder::{Folder, numbered};

/// Real requests, and those that have been found to be hard.
const SEEDS: [&str; 14] = [
    "GET /api/packages/one/recent HTTP/1.1\nhost: a",
    "GET /api/packages/one/overall?mirrors=true HTTP/1.1\nhost: a\naccept-encoding: gzip",
    "GET /api/packages/O%6Ee/overall?&period=day HTTP/1.1\nhost: a:80\naccept-encoding: gzip;q=0.5, *;q=0",
    "HEAD /api/packages/__all__/python_minor?version=3.12 HTTP/1.1\nhost: [::1]:80",
    "GET /api/packages/one/system?os=null HTTP/1.0",
    "GET /api/packages/nobody/python_major HTTP/1.1\nhost:\nif-none-match: *",
    "GET /api/packages/one/recent HTTP/1.1\nhost: a\nif-none-match: W/\"0123456789abcdef0123456789abcdef\", \"x\"",
    "GET /api/packages/one/recent HTTP/1.1\nhost: a\nif-modified-since: Thu, 01 Jan 1970 00:00:00 GMT",
    "OPTIONS /api/packages/one/recent HTTP/1.1\nhost: a\norigin: null\naccess-control-request-method: GET",
    "OPTIONS * HTTP/1.1\nhost: a",
    "POST /status HTTP/1.1\nhost: a\ncontent-length: 5\nexpect: 100-continue",
    "GET http://example.org/metrics?x=%zz HTTP/1.1\nhost: example.org\nx-request-id: a.b-c_1",
    "GET /readyz HTTP/1.1\nhost: a\ntransfer-encoding: chunked",
    "GET /api/packages/..%2f..%2f/recent HTTP/1.1\nhost: a",
];

/// Pieces that mean something somewhere.
const PIECES: [&str; 24] = [
    "%",
    "%2f",
    "%00",
    "/",
    "//",
    "..",
    "?",
    "&",
    "=",
    "*",
    "\"",
    ",",
    ";q=",
    "0.001",
    "gzip",
    "identity",
    "__all__",
    "null",
    "\n",
    "\nhost: b",
    ":",
    " ",
    "\u{e9}",
    "W/",
];

#[test]
fn any_request_has_a_proper_answer() {
    let mut folder = Folder::new();
    let sequence = folder.publish("2026-11-20", &numbered(7));
    let world = World::new(folder.path(), sequence);
    for seed in SEEDS {
        assert!(world.check(seed.as_bytes()), "{seed}");
    }
    let rounds = if std::env::var_os("ESPY_SOAK").is_some() {
        300_000
    } else {
        30_000
    };
    let mut random = fastrand::Rng::with_seed(1);
    let mut answered = 0;
    for _ in 0..rounds {
        let mut text = random.choice(SEEDS).unwrap().as_bytes().to_vec();
        for _ in 0..random.usize(1..5) {
            mutate(&mut text, &mut random);
        }
        answered += usize::from(world.check(&text));
    }
    // Else the mutations would test the parser of this test.
    assert!(answered * 5 > rounds, "{answered} of {rounds}");
}

fn mutate(text: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let at = random.usize(0..=text.len());
    match random.u8(0..4) {
        0 if at < text.len() => text[at] = random.u8(..),
        1 if at < text.len() => {
            text.remove(at);
        }
        2 => {
            let from = random.choice(SEEDS).unwrap().as_bytes();
            let cut = random.usize(0..from.len());
            text.truncate(at);
            text.extend_from_slice(&from[cut..]);
        }
        _ => {
            let piece = random.choice(PIECES).unwrap();
            text.splice(at..at, piece.bytes());
        }
    }
}
