//! Whatever is wrong with a snapshot, readers keep the last good one.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use rusqlite::Connection;

use espy_shared::layout;
use espy_shared::manifest::Current;

use crate::folder::{Folder, Segment, numbered, numbered_overall, numbered_recent};
use crate::handler::{Handler, wait_for};

const RECENT: &str = "/api/packages/one/recent";

/// Publishes a second snapshot and spoils it before it becomes current; then
/// a running handler refuses it, and so does one that starts.
fn refused(spoil: impl Fn(&Folder, &[Segment]), reason: &str) {
    let mut folder = Folder::new();
    let good = folder.publish("2026-11-20", &numbered(1));
    let segments = numbered(2);
    let bad = folder.publish("2026-11-20", &segments);
    folder.point(good);
    let handler = Handler::ready(folder.path(), &[]);
    spoil(&folder, &segments);
    folder.point(bad);
    let check = |handler: &Handler| {
        let found = handler.wait_for_refusal(Some(bad));
        assert!(found.contains(reason), "{found:?} does not say {reason:?}");
        handler.wait_until_ready();
        let status = handler.status();
        assert_eq!(status["sequence"], good);
        assert_eq!(status["segment_bytes"], status["resident_bytes"]);
        assert_eq!(handler.get(RECENT).body, numbered_recent(1));
        assert_eq!(
            handler.get("/api/packages/one/overall").body,
            numbered_overall(1)
        );
    };
    check(&handler);
    let restarted = Handler::start(folder.path(), &[]);
    check(&restarted);
    let refusals = || restarted.log().matches("is refused").count();
    wait_for("the refusal in the log", || (refusals() > 0).then_some(()));
    assert_eq!(refusals(), 1, "logged once");
    // The next good one ends it.
    let next = folder.publish("2026-11-20", &numbered(3));
    for handler in [&handler, &restarted] {
        handler.wait_until_serving(next);
        assert_eq!(handler.get(RECENT).body, numbered_recent(3));
    }
}

fn flip(path: &Path, offset: u64) {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&[byte[0] ^ 1]).unwrap();
}

#[test]
fn flipped_bit_in_a_segment() {
    for (index, offset) in [(0, 0), (1, 5000), (2, 100)] {
        refused(
            |folder, segments| flip(&folder.segment_path(&segments[index]), offset),
            "SHA-256",
        );
    }
}

#[test]
fn segment_cut_or_grown() {
    refused(
        |folder, segments| {
            let file = OpenOptions::new()
                .write(true)
                .open(folder.segment_path(&segments[2]))
                .unwrap();
            file.set_len(segments[2].bytes.len() as u64 - 1).unwrap();
        },
        "bytes, the manifest says",
    );
    refused(
        |folder, segments| {
            OpenOptions::new()
                .append(true)
                .open(folder.segment_path(&segments[0]))
                .and_then(|mut file| file.write_all(b"x"))
                .unwrap();
        },
        "bytes, the manifest says",
    );
}

#[test]
fn segment_missing() {
    refused(
        |folder, segments| fs::remove_file(folder.segment_path(&segments[1])).unwrap(),
        "cannot read the file",
    );
}

#[test]
fn manifest_changed() {
    refused(
        |folder, _| flip(&folder.path().join(layout::manifest(2)), 300),
        "manifest 2",
    );
}

/// The hash in the pointer decides, however whole the manifest is by itself.
#[test]
fn another_manifest_than_the_pointer_names() {
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(1));
    let handler = Handler::ready(folder.path(), &[]);
    folder.publish("2026-11-20", &numbered(2));
    let third = folder.publish("2026-11-20", &numbered(3));
    handler.wait_until_serving(third);
    let manifests = |n| folder.path().join(layout::manifest(n));
    fs::copy(manifests(1), manifests(3)).unwrap();
    let current = folder.path().join(layout::CURRENT);
    let mut pointer = Current::parse(&fs::read(&current).unwrap()).unwrap();
    pointer.counter += 1;
    fs::write(&current, pointer.seal().1).unwrap();
    // Served already by its hash: nothing needs to be read again.
    handler.wait_until_serving(third);
    let restarted = Handler::start(folder.path(), &[]);
    assert!(restarted.wait_for_refusal(Some(3)).contains("number"));
    restarted.wait_until_ready();
    assert_eq!(restarted.status()["sequence"], 2);
}

#[test]
fn pointer_damaged_or_gone() {
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(1));
    let good = folder.publish("2026-11-20", &numbered(2));
    let current = folder.path().join(layout::CURRENT);
    fs::write(&current, "{\"sequence\":2").unwrap();
    let handler = Handler::start(folder.path(), &[]);
    assert!(handler.wait_for_refusal(None).contains("damaged"));
    handler.wait_until_ready();
    assert_eq!(handler.status()["sequence"], good);
    fs::remove_file(&current).unwrap();
    let restarted = Handler::ready(folder.path(), &[]);
    assert_eq!(restarted.status()["sequence"], good);
    folder.point(1);
    for handler in [&handler, &restarted] {
        handler.wait_until_serving(1);
    }
}

/// Changes segments in ways whose hash is right: only the manifest is at odds.
fn refused_content(change: impl Fn(&mut Vec<Segment>), reason: &str) {
    let mut folder = Folder::new();
    let good = folder.publish("2026-11-20", &numbered(1));
    let handler = Handler::ready(folder.path(), &[]);
    let mut segments = numbered(2);
    change(&mut segments);
    let bad = folder.publish("2026-11-20", &segments);
    let found = handler.wait_for_refusal(Some(bad));
    assert!(found.contains(reason), "{found:?} does not say {reason:?}");
    assert_eq!(handler.status()["sequence"], good);
    assert_eq!(handler.get(RECENT).body, numbered_recent(1));
}

fn edit(segment: &mut Segment, sql: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("segment");
    fs::write(&path, &segment.bytes).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(sql).unwrap();
    connection.close().unwrap();
    segment.bytes = fs::read(path).unwrap();
}

#[test]
fn content_at_odds_with_the_manifest() {
    refused_content(
        |segments| edit(&mut segments[1], "PRAGMA user_version = 2"),
        "newer",
    );
    refused_content(
        |segments| edit(&mut segments[1], "PRAGMA application_id = 1"),
        "not an espymetrics segment",
    );
    refused_content(
        |segments| edit(&mut segments[0], "DELETE FROM project"),
        "no rows in project",
    );
    refused_content(
        |segments| {
            edit(
                &mut segments[2],
                "UPDATE meta SET value = 9 WHERE key = 'event_sum'",
            )
        },
        "the manifest says",
    );
    refused_content(
        |segments| edit(&mut segments[2], "UPDATE category SET id = id + 7"),
        "category",
    );
    refused_content(
        |segments| segments[1].bytes = vec![7; 4096],
        "not a readable segment",
    );
    refused_content(
        |segments| {
            let bytes = &mut segments[1].bytes;
            bytes.truncate(bytes.len() / 2);
        },
        "segments/",
    );
}

#[test]
fn manifest_of_a_newer_schema() {
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &numbered(1));
    let handler = Handler::ready(folder.path(), &[]);
    let bad = folder.publish_changed("2026-11-20", &numbered(2), |manifest| {
        manifest.schema_version += 1;
    });
    assert!(handler.wait_for_refusal(Some(bad)).contains("newer"));
    assert_eq!(handler.get(RECENT).body, numbered_recent(1));
}

#[test]
fn beyond_the_resident_limit() {
    let small = numbered(1);
    let bytes: usize = small.iter().map(|segment| segment.bytes.len()).sum();
    let mut folder = Folder::new();
    folder.publish("2026-11-20", &small);
    let exact = format!("--resident-limit={bytes}");
    let below = format!("--resident-limit={}", bytes - 1);
    let handler = Handler::ready(folder.path(), &[&exact]);
    let refusing = Handler::start(folder.path(), &[&below]);
    assert!(
        refusing
            .wait_for_refusal(Some(1))
            .contains("--resident-limit")
    );
    assert_eq!(refusing.get("/readyz").status, 503);
    // Old and new would be in memory together.
    let second = folder.publish("2026-11-20", &numbered(2));
    assert!(
        handler
            .wait_for_refusal(Some(second))
            .contains("--resident-limit")
    );
    assert_eq!(handler.get(RECENT).body, numbered_recent(1));
    // What both have counts once.
    let third = folder.publish("2026-11-20", &small);
    handler.wait_until_serving(third);
    let absurd = folder.publish_changed("2026-11-20", &small, |manifest| {
        manifest.segments[1].raw_bytes = u64::MAX;
        manifest.segments[2].raw_bytes = u64::MAX;
        manifest.segments[1].sha256 = manifest.ledger.sha256;
    });
    handler.wait_for_refusal(Some(absurd));
}

#[test]
fn a_repaired_snapshot_is_taken_without_a_new_pointer() {
    let mut folder = Folder::new();
    let segments = numbered(1);
    let path = folder.segment_path(&segments[1]);
    fs::create_dir(&path).unwrap();
    let sequence = folder.publish("2026-11-20", &segments);
    let handler = Handler::start(folder.path(), &[]);
    handler.wait_for_refusal(Some(sequence));
    fs::remove_dir(&path).unwrap();
    fs::write(&path, &segments[1].bytes).unwrap();
    handler.wait_until_serving(sequence);
}

#[test]
fn files_may_vanish_while_they_are_served() {
    let mut folder = Folder::new();
    let segments = numbered(4);
    folder.publish("2026-11-20", &segments);
    let handler = Handler::ready(folder.path(), &[]);
    let check = || {
        assert_eq!(handler.get(RECENT).body, numbered_recent(4));
        assert_eq!(
            handler.get("/api/packages/one/overall").body,
            numbered_overall(4)
        );
    };
    for segment in &segments {
        let path = folder.segment_path(segment);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        (&file).write_all(&[0xff; 4096]).unwrap();
        file.set_len(0).unwrap();
        check();
        fs::remove_file(&path).unwrap();
        check();
    }
    fs::remove_dir_all(folder.path()).unwrap();
    // The folder has been looked at and found missing.
    File::create(folder.path()).unwrap();
    wait_for("the refusal", || {
        (!handler.status()["last_refusal"].is_null()).then_some(())
    });
    check();
    assert_eq!(handler.get("/readyz").status, 200);
    fs::remove_file(folder.path()).unwrap();
}
