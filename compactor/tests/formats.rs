//! The same events in every format, compression and way of reading: the same
//! segments, byte for byte, and the right counts.

mod common;

use common::events::{Counts, Event, counts, days};
use common::world::{gzip, zstandard};
use common::{Format, World, events, rounds, rows, snapshot};
use espy_compactor::ingest::content::{ContentReader, KnownContents, LineSink};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn sample() -> Vec<Event> {
    // Two closed months, an open one, today and tomorrow.
    let mut days = days("2026-09-20", 62);
    days.extend(common::events::days("2026-11-21", 2));
    events(1, 3000, &days)
}

fn published(args: &[&str], input: Option<&[u8]>, files: &[(&str, Vec<u8>)]) -> World {
    let world = World::new();
    let paths: Vec<String> = files
        .iter()
        .map(|(name, bytes)| world.write(name, bytes))
        .collect();
    let args: Vec<&str> = args
        .iter()
        .copied()
        .chain(paths.iter().map(String::as_str))
        .collect();
    match input {
        Some(input) => world.run_with_input(&args, input).ok(),
        None => world.run(&args).ok(),
    };
    world
}

#[track_caller]
fn assert_counts(found: &Counts, expected: &Counts) {
    for (key, count) in expected {
        assert_eq!(found.get(key), Some(count), "{key:?}");
    }
    assert_eq!(found.len(), expected.len(), "nothing else is counted");
}

#[test]
fn every_format_and_compression_gives_the_same_spans_and_the_right_counts() {
    let events = sample();
    let expected = counts(&events);
    let mut spans: Option<Vec<String>> = None;
    for format in [Format::Ndjson, Format::Linehaul, Format::Counts] {
        let plain = rows(&events, format).into_bytes();
        for (what, bytes) in [
            ("gzip", gzip(&plain)),
            ("zstd", zstandard(&plain)),
            ("plain", plain),
        ] {
            // The name says nothing about the content.
            let by_file = published(&[], None, &[("events.txt", bytes.clone())]);
            let by_input = published(&["-"], Some(&bytes), &[]);
            if what == "plain" {
                assert_counts(&snapshot::counts(&by_file.depot()), &expected);
            }
            for world in [&by_file, &by_input] {
                let found = snapshot::spans(&world.depot());
                assert!(
                    found.len() > 5,
                    "closed months, the open month, today, tomorrow: {found:#?}"
                );
                assert_eq!(
                    spans.get_or_insert_with(|| found.clone()),
                    &found,
                    "{format:?} {what}"
                );
            }
        }
    }
}

#[test]
fn the_steps_one_by_one_publish_what_a_run_publishes() {
    let events = sample();
    let text = rows(&events, Format::Ndjson);
    let whole = published(&[], None, &[("events", text.clone().into_bytes())]);
    let steps = World::new();
    let file = steps.write("events", text);
    steps.four_steps(&[], &[&file]);
    assert_eq!(
        snapshot::segments(&steps.depot()),
        snapshot::segments(&whole.depot())
    );
    assert_eq!(
        snapshot::channel(&steps.depot(), "prod").map(|document| document.sequence),
        Some(1)
    );
}

#[test]
fn lines_may_end_as_on_windows_and_begin_with_a_byte_order_mark() {
    let events = sample();
    let plain = published(
        &[],
        None,
        &[("events", rows(&events, Format::Counts).into_bytes())],
    );
    for format in [Format::Ndjson, Format::Linehaul, Format::Counts] {
        let text = format!("\u{feff}{}", rows(&events, format).replace('\n', "\r\n"));
        let world = published(&[], None, &[("events", text.into_bytes())]);
        assert_eq!(
            snapshot::spans(&world.depot()),
            snapshot::spans(&plain.depot()),
            "{format:?}"
        );
    }
}

/// Hands out its bytes in pieces of these lengths, over and over.
struct Pieces<'a> {
    bytes: &'a [u8],
    lengths: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = *self.lengths.next().unwrap_or(&1);
        let length = length.min(buffer.len()).min(self.bytes.len());
        let (piece, rest) = self.bytes.split_at(length);
        buffer[..length].copy_from_slice(piece);
        self.bytes = rest;
        Ok(length)
    }
}

#[derive(Default)]
struct Lines(Vec<String>);

impl LineSink for Lines {
    fn continued_line(&mut self, _number: u64, _bytes: &[u8], _counted_bytes: usize) {
        panic!("nothing was counted before");
    }

    fn restart(&mut self) {
        self.0.clear();
    }

    fn line(&mut self, number: u64, bytes: &[u8]) {
        self.0
            .push(format!("{number} {}", String::from_utf8_lossy(bytes)));
    }

    fn long_line(&mut self, number: u64, _: &[u8], bytes: u64) {
        self.0.push(format!("{number} long {bytes}"));
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: rounds(500),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    /// A pipe hands over what it has; where it pauses must not show, also in
    /// lines around the limit.
    #[test]
    fn input_in_any_pieces_gives_the_same_lines(
        lengths in proptest::collection::vec(5..15_usize, 1..12),
        ends in proptest::collection::vec(prop_oneof![Just("\n"), Just("\r\n")], 12),
        has_mark: bool,
        is_open: bool,
        pieces in proptest::collection::vec(1..20_usize, 1..8),
    ) {
        let mut text = String::from(if has_mark { "\u{feff}" } else { "" });
        for (length, end) in lengths.iter().zip(&ends) {
            text.push_str(&"x".repeat(*length));
            text.push_str(end);
        }
        if is_open {
            text.truncate(text.trim_end().len());
        }
        let read = |pieces: &[usize]| {
            let known = KnownContents::default();
            let input = Pieces { bytes: text.as_bytes(), lengths: pieces.iter().cycle() };
            let mut lines = Lines::default();
            let mut reader = ContentReader::new(input, &known, 10);
            reader.take_lines(&mut lines, |_| ()).unwrap();
            (reader.finish(true, &mut lines), lines.0)
        };
        prop_assert_eq!(read(&pieces), read(&[usize::MAX]));
    }
}
