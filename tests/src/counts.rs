//! All counts of a snapshot, of whatever wrote them down, to be compared.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use espy_shared::dimension::Dimension;
use espy_shared::layout;
use espy_shared::manifest::Manifest;
use espy_shared::name::ALL;
use espy_shared::segment::{self, Kind, SeriesReader};

use crate::csv;

/// Differences that are shown.
const SHOWN_MAX: usize = 20;
/// The header of counts in CSV.
pub const HEADER: &str = "day,project,dimension,category,count";

/// Counts by day, project, dimension and category. Zeros are not kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts(HashMap<Key, u64>);

/// What is counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// YYYY-MM-DD.
    pub day: String,
    /// PEP 503, or `__all__`.
    pub project: String,
    /// As in the table of dimensions.
    pub dimension: Dimension,
    /// As shown.
    pub category: String,
}

impl Counts {
    /// Reads `day,project,dimension,category,count` lines.
    pub fn of_csv(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let mut counts = Self::default();
        for record in csv::records(&text, HEADER) {
            let [day, project, dimension, category, count] =
                <[String; 5]>::try_from(record).expect("five fields");
            let key = Key {
                day,
                project,
                dimension: Dimension::from_name(&dimension).expect("a dimension"),
                category,
            };
            counts.add(key, count.parse().expect("a count"));
        }
        counts
    }

    /// Reads every daily series of a snapshot folder.
    pub fn of_spans(snapshots: &Path, manifest: &Manifest) -> Self {
        let mut counts = Self::default();
        for entry in manifest.series_segments() {
            assert_eq!(entry.kind, Kind::Span, "all days are kept");
            let connection = segment::open_file(&snapshots.join(layout::segment(&entry.sha256)))
                .expect("an installed segment");
            segment::check(&connection, &entry.identity()).expect("the segment of the manifest");
            counts.add_span(&SeriesReader::new(connection).expect("a span"));
        }
        counts
    }

    fn add_span(&mut self, reader: &SeriesReader) {
        let days: Vec<String> = (0..reader.slots())
            .map(|slot| reader.slot_day(slot).to_string())
            .collect();
        for project in projects(reader) {
            for dimension in Dimension::ALL {
                let each = |category: &str, slots: &[u64]| {
                    for (day, &count) in days.iter().zip(slots) {
                        let key = || Key {
                            day: day.clone(),
                            project: project.clone(),
                            dimension,
                            category: category.to_owned(),
                        };
                        if count > 0 {
                            self.add(key(), count);
                        }
                    }
                };
                reader.walk(&project, dimension, each).expect("a series");
            }
        }
    }

    /// Adds to a count.
    pub fn add(&mut self, key: Key, count: u64) {
        if count > 0 {
            *self.0.entry(key).or_default() += count;
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.0.iter().map(|(key, &count)| (key, count))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A count, or 0.
    pub fn get(&self, key: &Key) -> u64 {
        self.0.get(key).copied().unwrap_or(0)
    }

    /// Takes from one count, which must have it, and gives to another.
    pub fn move_count(&mut self, from: &Key, to: Key, count: u64) {
        let rest = self.get(from).checked_sub(count);
        match rest.unwrap_or_else(|| panic!("{from:?} is less than {count}")) {
            0 => self.0.remove(from),
            rest => self.0.insert(from.clone(), rest),
        };
        self.add(to, count);
    }

    /// Adds `__all__`, as the table of dimensions has it.
    pub fn sum_over_projects(&mut self) {
        let all: Vec<(Key, u64)> = self
            .iter()
            .filter(|(key, _)| key.dimension.is_summed_over_projects())
            .map(|(key, count)| {
                let key = Key {
                    project: ALL.to_owned(),
                    ..key.clone()
                };
                (key, count)
            })
            .collect();
        for (key, count) in all {
            self.add(key, count);
        }
    }

    /// Those of real projects.
    pub fn without_all(&self) -> Self {
        self.filtered(|key| key.project != ALL)
    }

    /// The sums over all projects.
    pub fn only_all(&self) -> Self {
        self.filtered(|key| key.project == ALL)
    }

    fn filtered(&self, keep: impl Fn(&Key) -> bool) -> Self {
        let kept = self.0.iter().filter(|(key, _)| keep(key));
        Self(kept.map(|(key, &count)| (key.clone(), count)).collect())
    }

    /// Categories and days with their counts, sorted: what a series shows.
    pub fn series(&self, project: &str, dimension: Dimension) -> Vec<(&str, &str, u64)> {
        let mut rows: Vec<_> = self
            .iter()
            .filter(|(key, _)| key.project == project && key.dimension == dimension)
            .map(|(key, count)| (&*key.category, &*key.day, count))
            .collect();
        rows.sort_unstable();
        rows
    }

    /// Fails unless both hold the same, showing some of what differs.
    #[track_caller]
    pub fn assert_same(&self, found: &Self, what: &str) {
        let mut keys: Vec<&Key> = (self.0.keys())
            .chain(found.0.keys())
            .filter(|key| self.0.get(key) != found.0.get(key))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let mut text = String::new();
        for key in keys.iter().take(SHOWN_MAX) {
            let (expect, found) = (self.0.get(key), found.0.get(key));
            writeln!(text, "{key:?}: expected {expect:?}, found {found:?}").expect("a string");
        }
        assert!(keys.is_empty(), "{what}: {} differ\n{text}", keys.len());
    }
}

fn projects(reader: &SeriesReader) -> Vec<String> {
    let mut statement = reader
        .connection()
        .prepare("SELECT name FROM project ORDER BY id")
        .expect("a table of projects");
    let rows = statement.query_map([], |row| row.get(0)).expect("projects");
    rows.collect::<Result<_, _>>().expect("projects")
}
