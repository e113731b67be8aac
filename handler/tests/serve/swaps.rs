//! Following the snapshot folder.

use std::sync::atomic::{AtomicBool, Ordering};

use espy_shared::layout;

use crate::folder::{Folder, numbered, numbered_overall, numbered_recent};
use crate::handler::{Handler, rounds};

#[test]
fn starts_without_a_snapshot() {
    let mut folder = Folder::new();
    let handler = Handler::start(folder.path(), &[]);
    assert_eq!(handler.get("/healthz").body, "ok\n");
    assert_eq!(handler.get("/readyz").status, 503);
    let answer = handler.get("/api/packages/one/recent");
    assert_eq!(
        (answer.status, &*answer.body),
        (503, "503 TEMPORARILY DISABLED")
    );
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(answer.header("cache-control"), "no-store");
    let status = handler.status();
    assert!(status["sequence"].is_null() && status["ready"] == false);

    let sequence = folder.publish("2026-11-20", &numbered(3));
    handler.wait_until_ready();
    assert_eq!(
        handler.get("/api/packages/one/recent").body,
        numbered_recent(3)
    );
    let status = handler.wait_until_serving(sequence);
    assert_eq!(status["data_through"], "2026-11-20");
    assert_eq!(status["published_at"], "2026-11-21T01:00:00Z");
    assert_eq!(status["next_expected"], "2026-11-22T01:00:00Z");
    assert!(status["age_seconds"].is_i64());
    assert_eq!(
        (&status["counter"], &status["channel"]),
        (&101.into(), &"prod".into())
    );
    assert_eq!(
        (&status["cores"], &status["segment_count"]),
        (&2.into(), &3.into())
    );
    assert_eq!(status["segment_bytes"], status["resident_bytes"]);
    assert_eq!(status["schema_version"], 1);
    for name in ["version", "commit", "sqlite", "started"] {
        assert!(status[name].is_string(), "{name}");
    }
}

#[test]
fn starts_without_a_folder() {
    let folder = Folder::new();
    let path = folder.path().join("not/yet");
    let handler = Handler::start(&path, &[]);
    assert_eq!(handler.get("/readyz").status, 503);
}

#[test]
fn follows_up_and_down_again() {
    let mut folder = Folder::new();
    let first = folder.publish("2026-11-20", &numbered(1));
    let handler = Handler::ready(folder.path(), &[]);
    let second = folder.publish("2026-11-20", &numbered(2));
    handler.wait_until_serving(second);
    assert_eq!(
        handler.get("/api/packages/one/recent").body,
        numbered_recent(2)
    );
    folder.point(first);
    let status = handler.wait_until_serving(first);
    assert_eq!(
        handler.get("/api/packages/one/recent").body,
        numbered_recent(1)
    );
    // What is no longer served is no longer in memory.
    assert_eq!(status["segment_bytes"], status["resident_bytes"]);
}

/// Else the storefront's hottest questions would all be cold in the same moment.
#[test]
fn what_was_hot_is_rendered_before_the_swap() {
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(1));
    let handler = Handler::ready(folder.path(), &["--cores=1"]);
    let hits = || {
        let metrics = handler.get("/metrics").body;
        let line = "espy_cache_hits_total{route=\"pypistats_overall\"} ";
        let value = metrics.lines().find_map(|text| text.strip_prefix(line));
        value.unwrap().parse::<u64>().unwrap()
    };
    let hot = "/api/packages/one/overall";
    for expect in [0, 1] {
        handler.get(hot);
        assert_eq!(hits(), expect);
    }
    let second = folder.publish("2026-11-20", &numbered(2));
    handler.wait_until_serving(second);
    assert_eq!(handler.get(hot).body, numbered_overall(2));
    assert_eq!(hits(), 2);
    // What was asked for once is not.
    handler.get("/api/packages/one/overall?mirrors=true");
    let third = folder.publish("2026-11-20", &numbered(3));
    handler.wait_until_serving(third);
    handler.get("/api/packages/one/overall?mirrors=true");
    assert_eq!(hits(), 2);
}

/// Every count of generation n is n, in the head and in both spans: an answer
/// that mixes two generations shows.
#[test]
fn swaps_under_reads_fail_nothing_and_mix_nothing() {
    let swaps = u64::try_from(rounds(1000)).unwrap();
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(1));
    let handler = Handler::ready(folder.path(), &["--connection-requests-max=1000000000"]);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = handler.connect();
                let mut newest = 0;
                while !is_done.load(Ordering::Relaxed) {
                    let answer = client.request("GET", "/api/packages/one/overall", &[]);
                    let n = count(&answer.body);
                    assert_eq!(answer.body, numbered_overall(n));
                    // One connection stays on one core, which never goes back.
                    assert!(n >= newest, "{n} after {newest}");
                    newest = n;
                    let answer = client.request("GET", "/api/packages/one/recent", &[]);
                    newest = count(&answer.body).max(newest);
                    assert_eq!(answer.body, numbered_recent(newest));
                }
                assert_eq!(newest, swaps + 1);
            });
        }
        for n in 2..=swaps + 1 {
            let sequence = folder.publish("2026-11-20", &numbered(n));
            handler.wait_until_serving(sequence);
        }
        is_done.store(true, Ordering::Relaxed);
    });
    let status = handler.status();
    assert_eq!(status["segment_bytes"], status["resident_bytes"]);
}

/// The first number after a count's name.
fn count(body: &str) -> u64 {
    let from = body
        .find("downloads\":")
        .map(|at| at + 11)
        .or_else(|| body.find("last_day\":").map(|at| at + 10))
        .unwrap();
    let digits: String = body[from..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap()
}

#[test]
fn unchanged_segments_are_not_read_again() {
    let mut folder = Folder::new();
    let mut segments = numbered(1);
    folder.publish("2026-11-20", &segments);
    let handler = Handler::ready(folder.path(), &[]);
    // Gone from the folder, but in memory already.
    std::fs::remove_file(folder.segment_path(&segments[1])).unwrap();
    let old = segments[1].clone();
    segments = numbered(2);
    segments[1] = old;
    let path = folder.segment_path(&segments[1]);
    std::fs::create_dir(&path).unwrap();
    let sequence = folder.publish("2026-11-20", &segments);
    handler.wait_until_serving(sequence);
    let body = handler.get("/api/packages/one/overall").body;
    assert!(body.contains("\"2026-11-18\",\"downloads\":1"));
    assert!(body.contains("\"2026-11-19\",\"downloads\":2"));
    assert!(folder.path().join(layout::CURRENT).exists());
}
