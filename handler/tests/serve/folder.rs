//! A snapshot folder with tiny segments, written as a compactor and `pull`
//! would leave it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use espy_shared::day::Day;
use espy_shared::dimension::Dimension;
use espy_shared::files;
use espy_shared::hash::ObjectHash;
use espy_shared::layout;
use espy_shared::manifest::{Current, Manifest, SegmentEntry};
use espy_shared::segment::{APPLICATION_ID, HEAD_SQL, Identity, Kind, SCHEMA_VERSION, SERIES_SQL};
use espy_shared::series::{put_counts, put_inline_name};
use espy_shared::varint;

/// Project, dimension, category, counts per day; sorted by the first three.
pub type Row<'a> = (&'a str, Dimension, &'a str, &'a [u64]);

/// A segment that is not yet in a folder.
#[derive(Clone)]
pub struct Segment {
    pub identity: Identity,
    pub bytes: Vec<u8>,
}

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A span of the days from `first` to `last`.
pub fn span(first: &str, last: &str, rows: &[Row<'_>]) -> Segment {
    let mut span = Span::default();
    for &(project, dimension, category, counts) in rows {
        span.put(project, dimension, category, counts);
    }
    span.finish(day(first), day(last))
}

/// A span being put together.
#[derive(Default)]
pub struct Span {
    categories: HashMap<String, usize>,
    /// Each with the series of its dimensions, encoded.
    projects: Vec<(String, [Option<Vec<u8>>; Dimension::COUNT])>,
    /// What the row before was about.
    last: Option<(Dimension, String)>,
    event_sum: u64,
}

impl Span {
    /// Adds counts; in the order of project, dimension and category.
    pub fn put(&mut self, project: &str, dimension: Dimension, category: &str, counts: &[u64]) {
        if self.projects.last().is_none_or(|(name, _)| name != project) {
            self.projects.push((project.to_owned(), Default::default()));
            self.last = None;
        }
        let columns = &mut self.projects.last_mut().unwrap().1;
        let bytes = columns[dimension.number()].get_or_insert_default();
        if dimension.has_inline_names() {
            let last = self.last.as_ref().filter(|last| last.0 == dimension);
            put_inline_name(bytes, last.map_or("", |last| &last.1), category);
            self.last = Some((dimension, category.to_owned()));
        } else {
            let next = self.categories.len();
            let id = match self.categories.get(category) {
                Some(&id) => id,
                None => *self.categories.entry(category.to_owned()).or_insert(next),
            };
            varint::put(bytes, id as u64);
        }
        put_counts(bytes, counts);
        if category == "with_mirrors" {
            self.event_sum += counts.iter().sum::<u64>();
        }
    }

    pub fn finish(self, first: Day, last: Day) -> Segment {
        let identity = Identity {
            kind: Kind::Span,
            first_day: Some(first),
            last_day: Some(last),
            rows: self.projects.len() as u64,
            event_sum: self.event_sum,
        };
        build(SERIES_SQL, identity, |connection| {
            let places = vec!["?"; Dimension::COUNT + 1].join(", ");
            let mut series =
                connection.prepare(&format!("INSERT INTO series VALUES ({places})"))?;
            let mut project = connection.prepare("INSERT INTO project VALUES (?1, ?2)")?;
            for (id, (name, columns)) in self.projects.iter().enumerate() {
                project.execute((name, id))?;
                series.raw_bind_parameter(1, id)?;
                for (index, column) in columns.iter().enumerate() {
                    series.raw_bind_parameter(index + 2, column)?;
                }
                series.raw_execute()?;
            }
            // In one order, or the same content would have other bytes.
            let mut categories: Vec<_> = self.categories.iter().collect();
            categories.sort_unstable_by_key(|(_, id)| **id);
            for (name, id) in categories {
                connection.execute("INSERT INTO category VALUES (?1, ?2)", (id, name))?;
            }
            Ok(())
        })
    }
}

/// A head: project, then its last day, week and month.
pub fn head(rows: &[(&str, [u64; 3])]) -> Segment {
    let identity = Identity {
        kind: Kind::Head,
        first_day: None,
        last_day: None,
        rows: rows.len() as u64,
        event_sum: rows.iter().map(|row| row.1[2]).sum(),
    };
    build(HEAD_SQL, identity, |connection| {
        let mut project =
            connection.prepare("INSERT INTO project VALUES (?1, ?2, ?3, ?4, ?4, ?4, 0, 0)")?;
        for (name, [day, week, month]) in rows {
            project.execute((name, day, week, month))?;
        }
        Ok(())
    })
}

fn build(
    sql: &str,
    identity: Identity,
    fill: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Segment {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("segment");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {SCHEMA_VERSION}; BEGIN; {sql}"
        ))
        .unwrap();
    let text = |key: &str, value: String| {
        connection
            .execute("INSERT INTO meta VALUES (?1, ?2)", (key, value))
            .unwrap();
    };
    text("kind", identity.kind.to_string());
    for (key, day) in [
        ("first_day", identity.first_day),
        ("last_day", identity.last_day),
    ] {
        if let Some(day) = day {
            text(key, day.to_string());
        }
    }
    for (key, number) in [("rows", identity.rows), ("event_sum", identity.event_sum)] {
        connection
            .execute("INSERT INTO meta VALUES (?1, ?2)", (key, number))
            .unwrap();
    }
    fill(&connection).unwrap();
    connection.execute_batch("COMMIT").unwrap();
    connection.close().unwrap();
    let bytes = fs::read(path).unwrap();
    Segment { identity, bytes }
}

/// A host's snapshot folder.
pub struct Folder {
    dir: TempDir,
    sequence: u64,
}

impl Folder {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in [layout::SEGMENTS_DIR, layout::MANIFESTS_DIR] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir, sequence: 0 }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn segment_path(&self, segment: &Segment) -> PathBuf {
        self.path()
            .join(layout::segment(&ObjectHash::of(&segment.bytes)))
    }

    /// Installs the next snapshot and makes it the current one.
    pub fn publish(&mut self, data_through: &str, segments: &[Segment]) -> u64 {
        self.publish_changed(data_through, segments, |_| ())
    }

    /// The same with a manifest that says something else.
    pub fn publish_changed(
        &mut self,
        data_through: &str,
        segments: &[Segment],
        change: impl FnOnce(&mut Manifest),
    ) -> u64 {
        for segment in segments {
            let path = self.segment_path(segment);
            if !path.exists() {
                files::replace(&path, &segment.bytes).unwrap();
            }
        }
        self.sequence += 1;
        let sequence = self.sequence;
        let ledger = Segment {
            identity: Identity {
                kind: Kind::Ledger,
                first_day: None,
                last_day: None,
                rows: 0,
                event_sum: 0,
            },
            bytes: b"not here".to_vec(),
        };
        let mut manifest = Manifest {
            content_hash: String::new(),
            schema_version: SCHEMA_VERSION,
            sequence,
            parent: (sequence > 1).then(|| ObjectHash::of(b"parent")),
            data_through: Some(day(data_through)),
            published_at: "2026-11-21T01:00:00Z".into(),
            next_expected: "2026-11-22T01:00:00Z".into(),
            builder: "test".into(),
            segments: segments.iter().map(entry).collect(),
            ledger: entry(&ledger),
        };
        change(&mut manifest);
        let (_, document) = manifest.seal();
        files::replace(&self.path().join(layout::manifest(sequence)), &document).unwrap();
        self.point(sequence);
        sequence
    }

    /// Makes an installed snapshot the current one.
    pub fn point(&self, sequence: u64) {
        let document = fs::read(self.path().join(layout::manifest(sequence))).unwrap();
        let (_, bytes) = Current {
            content_hash: String::new(),
            sequence,
            manifest: ObjectHash::of(&document),
            counter: sequence + 100,
            channel: "prod".into(),
        }
        .seal();
        files::replace(&self.path().join(layout::CURRENT), &bytes).unwrap();
    }
}

fn entry(segment: &Segment) -> SegmentEntry {
    SegmentEntry {
        sha256: ObjectHash::of(&segment.bytes),
        raw_bytes: segment.bytes.len() as u64,
        object_bytes: 1,
        kind: segment.identity.kind,
        first_day: segment.identity.first_day,
        last_day: segment.identity.last_day,
        rows: segment.identity.rows,
        event_sum: segment.identity.event_sum,
    }
}

/// A snapshot in which every count of `one` is `n`: its head and two spans.
pub fn numbered(n: u64) -> Vec<Segment> {
    let counts = [n, n];
    let rows: [Row<'_>; 2] = [
        ("one", Dimension::Overall, "with_mirrors", &counts),
        ("one", Dimension::Overall, "without_mirrors", &counts),
    ];
    vec![
        head(&[("one", [n, n, n])]),
        span("2026-11-17", "2026-11-18", &rows),
        span("2026-11-19", "2026-11-20", &rows),
    ]
}

/// The body of `/overall` of such a snapshot.
pub fn numbered_overall(n: u64) -> String {
    let rows: Vec<String> = ["with_mirrors", "without_mirrors"]
        .iter()
        .flat_map(|category| {
            (17..=20).map(move |day| {
                format!(r#"{{"category":"{category}","date":"2026-11-{day}","downloads":{n}}}"#)
            })
        })
        .collect();
    format!(
        "{{\"data\":[{}],\"package\":\"one\",\"type\":\"overall_downloads\"}}\n",
        rows.join(",")
    )
}

/// The body of `/recent` of such a snapshot.
pub fn numbered_recent(n: u64) -> String {
    format!(
        "{{\"data\":{{\"last_day\":{n},\"last_month\":{n},\"last_week\":{n}}},\"package\":\"one\",\"type\":\"recent_downloads\"}}\n"
    )
}
