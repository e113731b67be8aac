//! What all cores know of a snapshot, worked out once when it is loaded.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderValue;
use jiff::Timestamp;

use espy_shared::day::Day;
use espy_shared::hash::ObjectHash;
use espy_shared::manifest::{Manifest, SegmentEntry};
use espy_shared::segment::Kind;

use super::load::LoadError;
use crate::respond::TagSeed;

/// The end of the year 9999.
const HTTP_SECONDS_MAX: u64 = 253_402_300_799;

/// The manifest, and what follows from it for answers.
#[derive(Debug)]
pub struct Facts {
    manifest: Manifest,
    document: ObjectHash,
    published_seconds: i64,
    next_expected_seconds: i64,
    last_modified: HeaderValue,
    window: Option<(Day, Day)>,
    dates: Box<[[u8; 10]]>,
    head_seed: TagSeed,
    daily_seed: TagSeed,
}

impl Facts {
    /// From a manifest whose document has this hash; the pypistats routes
    /// show `pypistats_days` up to `data_through`, or with 0 all.
    ///
    /// # Errors
    ///
    /// `Time` when one of its times is none.
    pub(super) fn new(
        manifest: Manifest,
        document: ObjectHash,
        pypistats_days: u32,
    ) -> Result<Self, LoadError> {
        let seconds = |field, text: &str| {
            text.parse::<Timestamp>()
                .map(Timestamp::as_second)
                .map_err(|source| LoadError::Time { field, source })
        };
        let window = window(&manifest, pypistats_days);
        let dates = window.map_or_else(Box::default, |(first, last)| {
            (0..=last.since(first))
                .map(|days| date(first.plus(days)))
                .collect()
        });
        let spans = manifest.series_segments().iter().filter(|entry| {
            window.is_some_and(|(first, last)| {
                entry.kind == Kind::Span
                    && entry.first_day.is_some_and(|day| day <= last)
                    && entry.last_day.is_some_and(|day| first <= day)
            })
        });
        let days: Vec<i32> = window
            .iter()
            .flat_map(|(first, last)| [first.number(), last.number()])
            .collect();
        let published_seconds = seconds("published_at", &manifest.published_at)?;
        Ok(Self {
            published_seconds,
            last_modified: http_date(published_seconds),
            next_expected_seconds: seconds("next_expected", &manifest.next_expected)?,
            window,
            dates,
            head_seed: TagSeed::new([manifest.head().sha256], &[]),
            daily_seed: TagSeed::new(spans.map(|entry| entry.sha256), &days),
            document,
            manifest,
        })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the manifest's document.
    pub fn document(&self) -> &ObjectHash {
        &self.document
    }

    /// Seconds since 1970 at which it was published.
    pub fn published_seconds(&self) -> i64 {
        self.published_seconds
    }

    /// Seconds since 1970 at which a newer snapshot should be there.
    pub fn next_expected_seconds(&self) -> i64 {
        self.next_expected_seconds
    }

    /// When it was published, as HTTP writes times.
    pub(crate) fn last_modified(&self) -> &HeaderValue {
        &self.last_modified
    }

    /// First and last day that the pypistats routes show.
    pub fn window(&self) -> Option<(Day, Day)> {
        self.window
    }

    /// Bytes of all segments.
    pub fn segment_bytes(&self) -> u64 {
        let bytes = |entry: &SegmentEntry| entry.raw_bytes;
        self.manifest.segments.iter().map(bytes).sum()
    }

    /// The days of the window as `YYYY-MM-DD`.
    pub(crate) fn dates(&self) -> &[[u8; 10]] {
        &self.dates
    }

    /// Seed of the tags of answers that read the head.
    pub(crate) fn head_seed(&self) -> &TagSeed {
        &self.head_seed
    }

    /// Seed of the tags of answers that read the spans in the window.
    pub(crate) fn daily_seed(&self) -> &TagSeed {
        &self.daily_seed
    }
}

/// Ends at `data_through`; days after it are in no window.
fn window(manifest: &Manifest, pypistats_days: u32) -> Option<(Day, Day)> {
    let last = manifest.data_through?;
    let first = match i32::try_from(pypistats_days) {
        Ok(days @ 1..) => last.plus(1 - days),
        _ => {
            manifest
                .series_segments()
                .iter()
                .find(|entry| entry.kind == Kind::Span)?
                .first_day?
        }
    };
    (first <= last).then_some((first, last))
}

/// Times that HTTP cannot write are shown as the nearest that it can.
fn http_date(seconds: i64) -> HeaderValue {
    let seconds = u64::try_from(seconds).unwrap_or(0).min(HTTP_SECONDS_MAX);
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    HeaderValue::try_from(httpdate::fmt_http_date(time)).expect("dates are printable")
}

fn date(day: Day) -> [u8; 10] {
    let text = day.to_string();
    text.as_bytes()
        .try_into()
        .expect("days end with the year 9999")
}

#[cfg(test)]
mod tests {
    use espy_shared::segment::SCHEMA_VERSION;

    use super::*;
    use crate::respond::Coding;

    fn manifest(data_through: Option<&str>, spans: &[(&str, &str)]) -> Manifest {
        let entry = |kind, days: Option<(&str, &str)>| SegmentEntry {
            sha256: ObjectHash::of(format!("{days:?}").as_bytes()),
            raw_bytes: 10,
            object_bytes: 1,
            kind,
            first_day: days.map(|days| days.0.parse().unwrap()),
            last_day: days.map(|days| days.1.parse().unwrap()),
            rows: 1,
            event_sum: 1,
        };
        Manifest {
            content_hash: String::new(),
            schema_version: SCHEMA_VERSION,
            sequence: 1,
            parent: None,
            data_through: data_through.map(|day| day.parse().unwrap()),
            published_at: "2026-11-21T01:00:00Z".into(),
            next_expected: "2026-11-22T01:00:00Z".into(),
            builder: "test".into(),
            segments: std::iter::once(entry(Kind::Head, None))
                .chain(spans.iter().map(|days| entry(Kind::Span, Some(*days))))
                .collect(),
            ledger: entry(Kind::Ledger, None),
        }
    }

    fn facts(manifest: Manifest, days: u32) -> Facts {
        Facts::new(manifest, ObjectHash::of(b""), days).unwrap()
    }

    #[test]
    fn windows() {
        let spans = &[("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-02-05")];
        for (data_through, spans, days, expect) in [
            (
                Some("2026-02-04"),
                &spans[..],
                181,
                Some(("2025-08-08", "2026-02-04")),
            ),
            (
                Some("2026-02-04"),
                spans,
                1,
                Some(("2026-02-04", "2026-02-04")),
            ),
            (
                Some("2026-02-04"),
                spans,
                0,
                Some(("2026-01-01", "2026-02-04")),
            ),
            (Some("2026-02-04"), &[], 0, None),
            (
                Some("1970-01-02"),
                &[],
                181,
                Some(("1970-01-01", "1970-01-02")),
            ),
            (None, spans, 181, None),
            // Only today's events so far, which are in no window.
            (Some("2025-12-31"), spans, 0, None),
        ] {
            let facts = facts(manifest(data_through, spans), days);
            let window = facts.window().map(|(a, b)| (a.to_string(), b.to_string()));
            let expect = expect.map(|(a, b)| (a.to_owned(), b.to_owned()));
            assert_eq!(window, expect);
            let dates = window.map_or(0, |_| {
                let (first, last) = facts.window().unwrap();
                usize::try_from(last.since(first)).unwrap() + 1
            });
            assert_eq!(facts.dates().len(), dates);
        }
    }

    /// A tag that stays while the answer changes would keep old data in
    /// caches; one that changes for nothing would empty them.
    #[test]
    fn daily_tags_follow_the_spans_in_the_window() {
        let tag = |data_through, spans: &[(&str, &str)], days| {
            facts(manifest(Some(data_through), spans), days)
                .daily_seed()
                .tag(Coding::Identity, &["overall", "pip"])
        };
        let spans = [("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-02-05")];
        let base = tag("2026-02-05", &spans, 5);
        assert_eq!(base, tag("2026-02-05", &spans[1..], 5));
        assert_ne!(base, tag("2026-02-04", &spans, 5));
        assert_ne!(base, tag("2026-02-05", &spans, 6));
        assert_ne!(base, tag("2026-02-05", &[("2026-02-01", "2026-02-06")], 5));
    }

    #[test]
    fn http_dates() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_763_686_800, "Fri, 21 Nov 2025 01:00:00 GMT"),
            (i64::MIN, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(seconds), text);
        }
    }

    #[test]
    fn times_must_be_times() {
        for field in ["published_at", "next_expected"] {
            let mut manifest = manifest(None, &[]);
            match field {
                "published_at" => manifest.published_at = "yesterday".into(),
                _ => manifest.next_expected = String::new(),
            }
            let error = Facts::new(manifest, ObjectHash::of(b""), 1).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }
}
