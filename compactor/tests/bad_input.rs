//! Rows, files, flags and disks that are not as they should be.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as the tests themselves do"
)]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::events::days;
use common::world::{gzip, tree, zstandard};
use common::{Format, World, events, rows, snapshot};
use serde_json::Value;

/// Rows that are fine, so many that the bad ones are a small share.
fn good_rows(count: usize, format: Format) -> Vec<Vec<u8>> {
    let events = events(51, count, &days("2026-11-10", 11));
    rows(&events, format)
        .lines()
        .map(|line| line.as_bytes().to_vec())
        .collect()
}

fn ndjson(timestamp: &str, project: &str, version: &str, file_type: &str, more: &str) -> Vec<u8> {
    format!(
        r#"{{"timestamp":{timestamp},"file":{{"project":{project},"version":{version},"type":{file_type}}}{more}}}"#
    )
    .into_bytes()
}

/// A good row, padded to a length by a field nobody reads.
fn padded(bytes: usize) -> Vec<u8> {
    let row = |padding: usize| {
        let more = format!(r#","tls_cipher":"{}""#, "x".repeat(padding));
        ndjson(
            r#""2026-11-20 10:00:00 UTC""#,
            r#""pip""#,
            r#""1.0""#,
            r#""sdist""#,
            &more,
        )
    };
    let shortest = row(0).len();
    row(bytes - shortest)
}

/// The limit in these tests.
const LINE_BYTES_MAX: usize = 2048;

fn bad_ndjson() -> Vec<(Vec<u8>, &'static str)> {
    let time = r#""2026-11-20 10:00:00 UTC""#;
    let (project, version, sdist) = (r#""pip""#, r#""1.0""#, r#""sdist""#);
    let at = |time: &str| ndjson(&format!("{time:?}"), project, version, sdist, "");
    let long_name = format!("{:?}", "x".repeat(129));
    let mut nul = at("2026-11-20 10:00:00 UTC");
    nul[20] = 0;
    let mut not_utf8 = at("2026-11-20 10:00:00 UTC");
    not_utf8[20] = 0xff;
    let nested = format!(r#","details":{{"new":{}"#, "[".repeat(500));
    vec![
        (b"{".to_vec(), "bad-json"),
        (b"no json at all".to_vec(), "bad-json"),
        (at("2026-11-20 10:00:00 UTC")[..60].to_vec(), "bad-json"),
        (ndjson(time, project, version, sdist, " x"), "bad-json"),
        (ndjson(time, project, version, sdist, &nested), "bad-json"),
        (b"[]".to_vec(), "bad-field"),
        (b"7".to_vec(), "bad-field"),
        (b"{}".to_vec(), "missing-field"),
        (ndjson("7", project, version, sdist, ""), "bad-field"),
        (ndjson("null", project, version, sdist, ""), "bad-field"),
        (ndjson(time, "[]", version, sdist, ""), "bad-field"),
        (ndjson(time, "null", version, sdist, ""), "missing-field"),
        (ndjson(time, project, "1", sdist, ""), "bad-field"),
        (ndjson(time, project, version, "null", ""), "bad-field"),
        (
            ndjson(time, project, version, sdist, r#","details":"pip""#),
            "bad-field",
        ),
        (
            ndjson(time, project, version, sdist, r#","details":{"ci":"yes"}"#),
            "bad-field",
        ),
        (
            ndjson(time, project, version, sdist, r#","timestamp":"x""#),
            "bad-field",
        ),
        (
            br#"{"timestamp":"2026-11-20 10:00:00 UTC"}"#.to_vec(),
            "missing-field",
        ),
        (at(""), "bad-date"),
        (at("2026-02-30 10:00:00 UTC"), "bad-date"),
        (at("2026-11-20 24:00:00 UTC"), "bad-date"),
        (at("1969-12-31 23:59:59 UTC"), "bad-date"),
        (at("1970-01-01 00:00:00 +01:00"), "bad-date"),
        (at("-2026-11-20 10:00:00 UTC"), "bad-date"),
        (at("10000-01-01 00:00:00 UTC"), "bad-date"),
        (at("2026-11-23 00:00:00 UTC"), "far-future"),
        (at("9999-12-31 23:59:59 UTC"), "far-future"),
        (at("9999-12-31 23:59:59 -01:00"), "bad-date"),
        (ndjson(time, r#""..""#, version, sdist, ""), "bad-project"),
        (
            ndjson(time, r#""a\u0000""#, version, sdist, ""),
            "bad-project",
        ),
        (
            ndjson(time, r#""__all__""#, version, sdist, ""),
            "bad-project",
        ),
        (ndjson(time, &long_name, version, sdist, ""), "bad-project"),
        (ndjson(time, project, &long_name, sdist, ""), "bad-version"),
        (ndjson(time, project, r#""""#, sdist, ""), "bad-version"),
        (
            ndjson(time, project, version, r#""exe""#, ""),
            "bad-file-type",
        ),
        (nul, "nul-byte"),
        (not_utf8, "not-utf8"),
        (padded(LINE_BYTES_MAX + 1), "line-too-long"),
        (padded(700_000), "line-too-long"),
    ]
}

fn bad_linehaul() -> Vec<(Vec<u8>, &'static str)> {
    let line = |date: &str, project: &str, version: &str, file_type: &str| {
        format!("download|{date}|US|/a/b|TLSv1.3|x|{project}|{version}|{file_type}|pip/1.5.6 CPython/2.7.6 Linux/3")
            .into_bytes()
    };
    let date = "Fri, 20 Nov 2026 10:00:00 GMT";
    let mut nul = line(date, "pip", "1.0", "sdist");
    nul[50] = 0;
    let mut not_utf8 = line(date, "pip", "1.0", "sdist");
    not_utf8.push(0xff);
    vec![
        (b"download".to_vec(), "malformed-line"),
        (b"download|".to_vec(), "malformed-line"),
        (b"upload|x".to_vec(), "malformed-line"),
        (
            line(date, "pip", "1.0", "sdist")[..70].to_vec(),
            "malformed-line",
        ),
        (b"2@abc|x".to_vec(), "retired-format"),
        (
            line("Fri, 31 Nov 2026 10:00:00 GMT", "pip", "1.0", "sdist"),
            "bad-date",
        ),
        (
            line("2026-11-20T10:00:00Z", "pip", "1.0", "sdist"),
            "bad-date",
        ),
        (
            line("Wed, 31 Dec 1969 23:59:59 GMT", "pip", "1.0", "sdist"),
            "bad-date",
        ),
        (
            line("Mon, 23 Nov 2026 00:00:00 GMT", "pip", "1.0", "sdist"),
            "far-future",
        ),
        (line(date, "(null)", "1.0", "sdist"), "missing-field"),
        (line(date, "pip", "", "sdist"), "missing-field"),
        (line(date, "pip", "1.0", "exe"), "bad-file-type"),
        (line(date, "../pip", "1.0", "sdist"), "bad-project"),
        (nul, "nul-byte"),
        (not_utf8, "not-utf8"),
        (
            [&line(date, "pip", "1.0", "sdist")[..], &[b'x'; 3000]].concat(),
            "line-too-long",
        ),
    ]
}

fn bad_counts() -> Vec<(Vec<u8>, &'static str)> {
    let mut not_utf8 = b"2026-11-20,pip,country,U".to_vec();
    not_utf8.extend([0xff, b',', b'1']);
    let rows = [
        ("2026-11-20,pip,overall,with_mirrors,-1", "bad-count"),
        (
            "2026-11-20,pip,overall,with_mirrors,1000000000001",
            "bad-count",
        ),
        (
            "2026-11-20,pip,overall,with_mirrors,99999999999999999999999",
            "bad-count",
        ),
        ("2026-11-20,pip,overall,with_mirrors,1.5", "bad-count"),
        ("2026-11-20,pip,overall,with_mirrors,", "bad-count"),
        ("2026-11-20,pip,overall,with_mirrors,1e3", "bad-count"),
        ("2026-02-30,pip,overall,with_mirrors,1", "bad-date"),
        ("20-11-2026,pip,overall,with_mirrors,1", "bad-date"),
        ("1969-12-31,pip,overall,with_mirrors,1", "bad-date"),
        ("2026-11-23,pip,overall,with_mirrors,1", "far-future"),
        ("9999-12-31,pip,overall,with_mirrors,1", "far-future"),
        ("2026-11-20,-,overall,with_mirrors,1", "bad-project"),
        ("2026-11-20,,overall,with_mirrors,1", "bad-project"),
        ("2026-11-20,pip,weather,rain,1", "unknown-dimension"),
        ("2026-11-20,pip,overall,all,1", "bad-category"),
        ("2026-11-20,pip,file_type,exe,1", "bad-category"),
        ("2026-11-20,pip,ci,false,1", "bad-category"),
        ("2026-11-20,pip,overall,with_mirrors", "bad-csv"),
        ("2026-11-20,pip,overall,with_mirrors,1,1", "bad-csv"),
        ("2026-11-20,pip,country,\"US,1", "bad-csv"),
        ("2026-11-20,pip,country,U\0S,1", "nul-byte"),
    ];
    let mut rows: Vec<(Vec<u8>, &str)> = rows
        .into_iter()
        .map(|(row, reason)| (row.as_bytes().to_vec(), reason))
        .collect();
    rows.push((not_utf8, "not-utf8"));
    rows.push((
        format!("2026-11-20,pip,country,{},1", "x".repeat(3000)).into_bytes(),
        "line-too-long",
    ));
    rows
}

/// The quarantine file's rows; none where there is no such file.
fn quarantine(world: &World) -> Vec<Value> {
    let mut files: Vec<PathBuf> = fs::read_dir(world.data().join("quarantine"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() <= 1, "{files:?}");
    files.pop().map_or_else(Vec::new, |path| {
        assert_eq!(path.extension().unwrap(), "ndjson");
        assert_eq!(path.file_stem().unwrap().len(), 64, "named after the batch");
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    })
}

fn joined(rows: &[Vec<u8>], end: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        bytes.extend(row);
        bytes.extend(end.as_bytes());
    }
    bytes
}

#[test]
fn bad_rows_go_to_quarantine_with_file_line_reason_and_row_and_the_run_goes_on() {
    let mut random = fastrand::Rng::with_seed(52);
    for (format, bad) in [
        (Format::Ndjson, bad_ndjson()),
        (Format::Linehaul, bad_linehaul()),
        (Format::Counts, bad_counts()),
    ] {
        let good = good_rows(25 * bad.len(), format);
        let clean = World::new();
        let file = clean.write("clean", joined(&good, "\n"));
        clean.run(&[&file]).ok();

        let mut lines = good;
        let mut expected = Vec::new();
        // Behind the first row, which is the header of counts.
        for (row, reason) in &bad {
            lines.insert(random.usize(1..=lines.len()), row.clone());
            expected.push((row, *reason));
        }
        for end in ["\n", "\r\n"] {
            let world = World::new();
            let file = world.write("dirty", joined(&lines, end));
            let limit = LINE_BYTES_MAX.to_string();
            let log = world.run(&["--line-bytes-max", &limit, &file]).ok().log;
            assert!(
                log.contains(&format!("{} rows of {file} are unreadable", bad.len())),
                "{log}"
            );
            assert_eq!(
                snapshot::spans(&world.depot()),
                snapshot::spans(&clean.depot()),
                "{format:?}"
            );
            let found = quarantine(&world);
            assert_eq!(found.len(), expected.len(), "{format:?}");
            for (row, reason) in &expected {
                let number = lines.iter().position(|line| line == *row).unwrap() + 1;
                let entry = found
                    .iter()
                    .find(|entry| entry["line"] == number)
                    .unwrap_or_else(|| panic!("{format:?} line {number}: {found:#?}"));
                let text = String::from_utf8_lossy(row);
                assert_eq!(entry["reason"], *reason, "{text:.200} {entry:#?}");
                assert_eq!(entry["file"], file.as_str());
                assert_ne!(entry["detail"].as_str(), Some(""));
                if *reason == "line-too-long" {
                    assert_eq!(entry["row_bytes"], row.len());
                    let head = entry["row"].as_str().unwrap().as_bytes();
                    assert!(!head.is_empty() && row.starts_with(head));
                } else if *reason == "not-utf8" {
                    let base64 = entry["row_base64"].as_str().unwrap();
                    let bytes = data_encoding::BASE64.decode(base64.as_bytes()).unwrap();
                    assert_eq!(&bytes, *row);
                } else {
                    assert_eq!(entry["row"], text.as_ref());
                }
            }
            // Read again it is known, bad rows and all.
            let published = tree(&world.depot());
            world.run(&["--line-bytes-max", &limit, &file]).ok();
            assert_eq!(tree(&world.depot()), published);
        }
    }
}

#[test]
fn a_line_at_the_limit_is_counted_and_one_beyond_is_not() {
    for end in ["\n", "\r\n", ""] {
        for (bytes, rejected) in [(LINE_BYTES_MAX, 0), (LINE_BYTES_MAX + 1, 1)] {
            let world = World::new();
            let mut lines = vec![padded(300); 20];
            lines.push(padded(bytes));
            let text = joined(&lines, end_or_newline(end));
            let text = text[..text.len() - usize::from(end.is_empty())].to_vec();
            let args = ["--line-bytes-max", "2048", "-"];
            world.run_with_input(&args, &text).ok();
            assert_eq!(quarantine(&world).len(), rejected, "{bytes} {end:?}");
            assert_eq!(
                snapshot::downloads(&world.depot())["pip"],
                21 - rejected as u64
            );
        }
    }
}

fn end_or_newline(end: &str) -> &str {
    if end.is_empty() { "\n" } else { end }
}

#[test]
fn a_file_beyond_the_share_of_rejected_rows_fails_and_the_others_are_published() {
    for (bad, total, share, fits) in [
        (5, 100, None, true),
        (6, 100, None, false),
        (1, 20, None, true),
        (1, 19, None, false),
        (29, 100, Some("0.29"), true),
        (30, 100, Some("0.29"), false),
        (0, 10, Some("0"), true),
        (1, 1000, Some("0"), false),
        (9, 10, Some("1"), true),
    ] {
        let world = World::new();
        let mut lines = vec![padded(300); total - bad];
        lines.extend(vec![b"{".to_vec(); bad]);
        let file = world.write("dirty", joined(&lines, "\n"));
        let other = world.write(
            "other",
            "day,project,dimension,category,count\n2026-11-20,other,overall,with_mirrors,7\n",
        );
        let share = share.map_or(vec![], |share| vec!["--max-reject-share", share]);
        let run = world.run(&[&share[..], &[&file, &other]].concat());
        let downloads = snapshot::downloads(&world.depot());
        assert_eq!(downloads["other"], 7);
        let what = format!("{bad} of {total}, {share:?}: {}", run.log);
        assert_eq!(quarantine(&world).len(), bad, "{what}");
        if fits {
            run.ok();
            let counted = u64::try_from(total - bad).unwrap();
            assert_eq!(downloads["pip"], counted, "{what}");
            continue;
        }
        let message = format!("{bad} of {total} rows are rejected");
        run.fails_with(&message)
            .fails_with("--max-reject-share")
            .fails_with(&file);
        assert_eq!(downloads.get("pip"), None, "{what}");
        // Nothing of it is known: allowed, it counts.
        world.run(&["--max-reject-share", "1", &file]).ok();
        let counted = u64::try_from(total - bad).unwrap();
        assert_eq!(snapshot::downloads(&world.depot())["pip"], counted);
    }
}

#[test]
fn rows_that_claim_to_be_no_downloads_are_in_no_share() {
    let world = World::new();
    let simple =
        b"simple|Fri, 20 Nov 2026 10:00:00 GMT|US|/simple/pip/|TLSv1.3|x||||pip/24".to_vec();
    let mut lines = vec![simple; 200];
    lines.extend(good_rows(19, Format::Linehaul));
    lines.push(b"download|x".to_vec());
    // 1 of 20 downloads is a twentieth; 2 of 21 is more.
    let file = world.write("log", joined(&lines, "\n"));
    world.run(&[&file]).ok();
    lines.push(b"download|y".to_vec());
    let world = World::new();
    let file = world.write("log", joined(&lines, "\n"));
    world.run(&[&file]).fails_with("2 of 21 rows");
}

#[test]
fn an_empty_input_counts_nothing_and_says_so() {
    let world = World::new();
    for (name, bytes) in [
        ("plain", Vec::new()),
        ("gzip", gzip(b"")),
        ("zstd", zstandard(b"")),
    ] {
        let file = world.write(name, bytes);
        let log = world.run(&[&file]).ok().log;
        assert!(log.contains(&format!("{file} is empty")), "{log}");
    }
    let log = world.run_with_input(&["-"], b"").ok().log;
    assert!(log.contains("standard input is empty"), "{log}");
    assert!(snapshot::newest(&world.depot()).is_none());
}

#[test]
fn an_input_that_cannot_be_read_as_a_whole_counts_nothing_and_the_others_are_published() {
    let events = events(53, 200, &days("2026-11-10", 3));
    let (lost, kept) = events.split_at(100);
    let text = rows(lost, Format::Ndjson).into_bytes();
    let mut random = fastrand::Rng::with_seed(53);
    let expected = World::new();
    let file = expected.write("kept", rows(kept, Format::Linehaul));
    expected.run(&[&file]).ok();
    let mut bad: Vec<(&str, Option<Vec<u8>>)> = vec![
        ("unknown-format", Some(b"hello\nworld\n".to_vec())),
        ("csv-of-something", Some(b"a,b,c\n1,2,3\n".to_vec())),
        ("binary", Some((0..=255).cycle().take(100_000).collect())),
        ("missing", None),
        ("directory", None),
    ];
    for (name, bytes) in [
        ("gzip", gzip(&text)),
        ("zstd", zstandard(&text)),
        ("gzip-of-zstd", gzip(&zstandard(&text))),
    ] {
        if name == "gzip-of-zstd" {
            bad.push((name, Some(bytes)));
            continue;
        }
        for _ in 0..common::rounds(50) {
            bad.push((name, Some(bytes[..random.usize(4..bytes.len())].to_vec())));
        }
        let mut flipped = bytes.clone();
        let at = flipped.len() / 2;
        flipped[at] ^= 0x10;
        bad.push((name, Some(flipped)));
        bad.push((name, Some([&bytes[..], b"and more"].concat())));
    }
    for (name, bytes) in bad {
        let world = World::new();
        let kept = world.write("kept", rows(kept, Format::Linehaul));
        let file = match &bytes {
            Some(bytes) => world.write(name, bytes),
            None => world.path(name).to_str().unwrap().to_owned(),
        };
        if name == "directory" {
            fs::create_dir(&file).unwrap();
        }
        let what = bytes.as_ref().map_or(0, Vec::len);
        let run = world.run(&[&file, &kept]);
        assert_eq!(run.code, Some(1), "{name} {what}: {}", run.log);
        let reason = format!("nothing of {file} is counted");
        assert!(run.log.contains(&reason), "{name} {what}: {}", run.log);
        assert_eq!(
            snapshot::segments(&world.depot()),
            snapshot::segments(&expected.depot()),
            "{name} {what}"
        );
        assert_eq!(quarantine(&world), Vec::<Value>::new(), "{name} {what}");
        // Mended, it counts.
        if bytes.is_some() {
            let file = world.write(name, &text);
            world.run(&[&file]).ok();
            assert_eq!(snapshot::ledger(&world.depot()).len(), 2, "{name} {what}");
        }
    }
    let world = World::new();
    let cut = gzip(&text);
    world
        .run_with_input(&["-"], &cut[..cut.len() - 9])
        .fails_with("nothing of standard input is counted");
    assert!(snapshot::newest(&world.depot()).is_none());
}

#[test]
fn wrong_flags_are_reported_at_once_and_nothing_is_made() {
    let world = World::new();
    let check = |args: &[&str], expected: &[&str]| {
        let output = world.command(args).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        for flag in expected {
            assert!(text.contains(flag), "{flag} after {args:?}: {text}");
        }
        let mut left = fs::read_dir(world.path("")).unwrap();
        assert!(left.next().is_none(), "{args:?} made something");
    };
    check(
        &[
            "run",
            "--depot",
            "s3://x",
            "--today",
            "2026-02-30",
            "--max-reject-share",
            "1.5",
            "--line-bytes-max",
            "7",
            "--channel",
            "Prod",
            "--statsd",
            "nowhere",
            "--log-format",
            "xml",
            "--max-categories",
            "many",
            "--daily-retention",
            "x",
            "--expected-interval-hours",
            "0",
            "--mirrors",
            "no/such/file",
            "-",
            "-",
        ],
        &[
            "--data",
            "--depot",
            "--today",
            "--max-reject-share",
            "--line-bytes-max",
            "--channel",
            "--statsd",
            "--log-format",
            "--max-categories",
            "--daily-retention",
            "--expected-interval-hours",
            "--mirrors",
            "FILE",
        ],
    );
    for step in ["ingest", "build", "verify", "publish"] {
        check(&[step, "--today", "now"], &["--data", "--depot", "--today"]);
    }
    check(
        &["pull", "--keep", "1", "--channel", ""],
        &["--depot", "--snapshots", "--keep", "--channel"],
    );
    check(&[], &["Usage"]);
    check(&["run", "--no-such-flag"], &["--no-such-flag"]);
    check(&["dance"], &["dance"]);
    // The environment is read as the flags are.
    let output = world
        .command(&["run"])
        .env("ESPY_DATA", "data")
        .env("ESPY_TODAY", "tomorrow")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("--depot") && text.contains("--today"),
        "{text}"
    );
    assert!(!text.contains("--data"), "{text}");
}

#[test]
fn a_depot_that_cannot_be_used_is_named() {
    type Make = fn(&World);
    let text = rows(&events(54, 50, &days("2026-11-10", 3)), Format::Ndjson);
    let make: [(&str, Make); 4] = [
        ("use depot as the depot", |world| {
            fs::write(world.depot(), "a file").unwrap();
        }),
        ("depot/manifests", |world| {
            fs::create_dir(world.depot()).unwrap();
            fs::write(world.depot().join("manifests"), "a file").unwrap();
        }),
        ("00000000000000000001.json", |world| {
            let manifest = espy_shared::layout::manifest(1);
            fs::create_dir_all(world.depot().join(manifest)).unwrap();
        }),
        ("objects", |world| {
            fs::create_dir(world.depot()).unwrap();
            fs::write(world.depot().join("objects"), "a file").unwrap();
        }),
    ];
    for (name, make) in make {
        let world = World::new();
        make(&world);
        let before = tree(&world.depot());
        let file = world.write("events", &text);
        world.run(&[&file]).fails_with(name);
        assert_eq!(tree(&world.depot()), before, "{name}");
    }
    // A mistyped depot is not an empty one.
    let world = World::new();
    world.pull().fails_with("depot");
    assert!(!world.snapshots().exists(), "nothing is made");
    fs::create_dir(world.depot()).unwrap();
    world.pull().ok();
    assert_eq!(snapshot::installed(&world.snapshots()), None);
}

/// A file system of its own on a folder, gone with the value.
struct SmallDisk(PathBuf);

/// Kilobytes that are enough.
const LARGE: u64 = 65_536;

impl SmallDisk {
    /// None where mounting is not permitted.
    fn mount(dir: PathBuf) -> Option<Self> {
        fs::create_dir_all(&dir).unwrap();
        let disk = Self(dir);
        disk.size("", LARGE).then_some(disk)
    }

    /// Leaves this much space.
    fn shrink(&self, kilobytes: u64) {
        let disk = rustix::fs::statvfs(&self.0).unwrap();
        let used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize / 1024;
        assert!(self.size("remount,", used + kilobytes), "it can shrink");
    }

    fn size(&self, remount: &str, kilobytes: u64) -> bool {
        let options = format!("{remount}size={kilobytes}k");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&self.0)
            .output();
        output.is_ok_and(|output| output.status.success())
    }

    fn grow(&self) {
        // Another mount at the same time can be in the way.
        let has_grown = (0..20).any(|_| self.size("remount,", LARGE));
        assert!(has_grown, "it can grow");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "says why it shows nothing where mounting is not permitted"
)]
fn a_full_disk_leaves_the_depot_as_it_was_and_space_mends_it() {
    let events = events(55, 1500, &days("2026-10-01", 50));
    let (old, new) = events.split_at(300);
    let whole = World::new();
    let file = whole.write("all", rows(&events, Format::Ndjson));
    whole.run(&[&file]).ok();
    let expected = snapshot::segments(&whole.depot());
    let base = World::new();
    let file = base.write("old", rows(old, Format::Ndjson));
    base.run(&[&file]).ok();
    let mut failed = 0;
    for full in ["depot", "data", "snapshots"] {
        for kilobytes in [4, 12, 20, 60, 100, 160, 240, 320, 480] {
            let world = World::new();
            let new = world.write("new", rows(new, Format::Ndjson));
            let Some(disk) = SmallDisk::mount(world.path(full)) else {
                println!("skipped: mounting a small disk is not permitted");
                return;
            };
            common::world::copy_dir(&base.depot(), &world.depot());
            common::world::copy_dir(&base.data(), &world.data());
            disk.shrink(kilobytes);
            let before = (
                tree(&world.depot().join("manifests")),
                tree(&world.depot().join("channels")),
            );
            let run = if full == "snapshots" {
                world.run(&[&new]).ok();
                world.pull()
            } else {
                world.run(&[&new])
            };
            if run.code != Some(0) {
                failed += 1;
                assert_eq!(run.code, Some(1), "{full} {kilobytes}: {}", run.log);
                if full == "snapshots" {
                    assert_eq!(snapshot::installed(&world.snapshots()), None);
                } else {
                    let after = (
                        tree(&world.depot().join("manifests")),
                        tree(&world.depot().join("channels")),
                    );
                    assert_eq!(after, before, "{full} {kilobytes}: {}", run.log);
                }
            }
            disk.grow();
            world.run(&[&new]).ok();
            assert_eq!(snapshot::segments(&world.depot()), expected);
            world.pull().ok();
            assert_eq!(snapshot::installed(&world.snapshots()), Some(2));
        }
    }
    assert!(failed >= 9, "only {failed} disks were too small");
}
