//! Writing a span or history segment, project by project.

use std::path::Path;

use anyhow::Context;
use espy_shared::day::Day;
use espy_shared::dimension::{Dimension, WITH_MIRRORS};
use espy_shared::name::ALL;
use espy_shared::segment::{Identity, Kind, SERIES_SQL};
use espy_shared::series::{SLOTS_MAX, put_counts, put_inline_name};
use espy_shared::varint;
use rusqlite::params_from_iter;
use rusqlite::types::ToSqlOutput;
use rustc_hash::FxHashMap;

use super::segment_file::{Finished, SegmentFile};
use super::span_policy::Range;

/// The counts of one category over the slots of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CategoryCounts<'a> {
    /// Its name.
    pub name: &'a str,
    /// A count for each slot; the rest is 0.
    pub counts: [u64; SLOTS_MAX],
    /// The last day with a count; in a history finer than its slots.
    pub last_day: Day,
}

/// A segment being written. Projects come in the order of their names,
/// `__all__` last.
pub struct SeriesWriter {
    file: SegmentFile,
    range: Range,
    slots: usize,
    insert: String,
    categories: FxHashMap<Box<str>, u64>,
    category_names: Vec<Box<str>>,
    names: String,
    name_ends: Vec<usize>,
    /// The rank kept free for `__all__`.
    all_rank: Option<usize>,
    sums: Vec<[u64; Dimension::COUNT]>,
    event_sum: u64,
}

impl SeriesWriter {
    /// Starts a file in `dir`.
    ///
    /// # Errors
    ///
    /// As SQLite and the file system have them.
    pub fn new(dir: &Path, range: Range) -> anyhow::Result<Self> {
        let name = format!("{}-{}-{}", range.kind, range.first_day, range.last_day);
        let places: Vec<String> = (1..=Dimension::COUNT + 1)
            .map(|place| format!("?{place}"))
            .collect();
        Ok(Self {
            file: SegmentFile::create(dir, &name, SERIES_SQL)?,
            range,
            slots: range.slots(),
            insert: format!("INSERT INTO series VALUES ({})", places.join(", ")),
            categories: FxHashMap::default(),
            category_names: Vec::new(),
            names: String::new(),
            name_ends: Vec::new(),
            all_rank: None,
            sums: vec![[0; Dimension::COUNT]; range.slots()],
            event_sum: 0,
        })
    }

    /// Adds a project: per dimension its categories, ascending by name.
    ///
    /// # Errors
    ///
    /// As SQLite has them, or when a sum exceeds 63 bits.
    pub fn put(
        &mut self,
        project: &str,
        series: &[(Dimension, Vec<CategoryCounts<'_>>)],
    ) -> anyhow::Result<()> {
        if self.all_rank.is_none() && project > ALL {
            self.all_rank = Some(self.name_ends.len());
        }
        let rank = self.name_ends.len() + usize::from(self.all_rank.is_some());
        self.names.push_str(project);
        self.name_ends.push(self.names.len());
        for (dimension, categories) in series {
            for category in categories {
                for (sums, &count) in self.sums.iter_mut().zip(&category.counts) {
                    let sum = &mut sums[dimension.number()];
                    *sum = add(*sum, count)?;
                }
            }
        }
        self.event_sum = add(self.event_sum, events(series)?)?;
        if self.range.kind == Kind::History {
            self.insert_last_downloads(rank, series)?;
        }
        self.insert(rank, series)
    }

    /// Adds `__all__`, then everything that stands beside the series, and ends
    /// the file.
    ///
    /// # Errors
    ///
    /// As SQLite and the file system have them.
    pub fn finish(
        mut self,
        all: &[(Dimension, Vec<CategoryCounts<'_>>)],
        max_categories: usize,
    ) -> anyhow::Result<Finished> {
        let all_rank = self.all_rank.unwrap_or(self.name_ends.len());
        self.insert(all_rank, all)?;
        {
            let connection = self.file.connection();
            let mut statement = connection.prepare_cached("INSERT INTO project VALUES (?1, ?2)")?;
            let mut start = 0;
            for (index, &end) in self.name_ends.iter().enumerate() {
                if index == all_rank {
                    statement.execute((ALL, all_rank))?;
                }
                statement.execute((
                    &self.names[start..end],
                    index + usize::from(index >= all_rank),
                ))?;
                start = end;
            }
            if all_rank == self.name_ends.len() {
                statement.execute((ALL, all_rank))?;
            }
            let mut statement =
                connection.prepare_cached("INSERT INTO category VALUES (?1, ?2)")?;
            for (id, name) in self.category_names.iter().enumerate() {
                statement.execute((id, name))?;
            }
            let mut statement =
                connection.prepare_cached("INSERT INTO slot_sum VALUES (?1, ?2, ?3)")?;
            for (slot, sums) in self.sums.iter().enumerate() {
                for (dimension, &sum) in sums.iter().enumerate().filter(|(_, sum)| **sum > 0) {
                    statement.execute((slot, dimension, sum))?;
                }
            }
        }
        self.file.put_meta("max_categories", max_categories)?;
        self.file.finish(Identity {
            kind: self.range.kind,
            first_day: Some(self.range.first_day),
            last_day: Some(self.range.last_day),
            rows: self.name_ends.len() as u64 + 1,
            event_sum: self.event_sum,
        })
    }

    fn insert(
        &mut self,
        rank: usize,
        series: &[(Dimension, Vec<CategoryCounts<'_>>)],
    ) -> anyhow::Result<()> {
        let mut columns: [Option<Vec<u8>>; Dimension::COUNT] = Default::default();
        for (dimension, categories) in series {
            let mut bytes = Vec::new();
            let mut previous = "";
            for category in categories {
                if dimension.has_inline_names() {
                    put_inline_name(&mut bytes, previous, category.name);
                    previous = category.name;
                } else {
                    let id = self.category_id(category.name);
                    varint::put(&mut bytes, id);
                }
                put_counts(&mut bytes, &category.counts[..self.slots]);
            }
            columns[dimension.number()] = Some(bytes);
        }
        let rank = i64::try_from(rank).context("ranks fit SQLite's integers")?;
        let values =
            std::iter::once(ToSqlOutput::from(rank)).chain(columns.into_iter().map(|column| {
                match column {
                    Some(bytes) => ToSqlOutput::Owned(bytes.into()),
                    None => ToSqlOutput::Owned(rusqlite::types::Value::Null),
                }
            }));
        self.file
            .connection()
            .prepare_cached(&self.insert)?
            .execute(params_from_iter(values))?;
        Ok(())
    }

    fn insert_last_downloads(
        &self,
        rank: usize,
        series: &[(Dimension, Vec<CategoryCounts<'_>>)],
    ) -> anyhow::Result<()> {
        let Some((_, versions)) = series
            .iter()
            .find(|(dimension, _)| *dimension == Dimension::Version)
        else {
            return Ok(());
        };
        let mut bytes = Vec::new();
        let mut previous = "";
        for version in versions {
            put_inline_name(&mut bytes, previous, version.name);
            previous = version.name;
            varint::put(
                &mut bytes,
                u64::try_from(version.last_day.since(self.range.first_day))?,
            );
        }
        self.file
            .connection()
            .prepare_cached("INSERT INTO last_download VALUES (?1, ?2)")?
            .execute((rank, bytes))?;
        Ok(())
    }

    fn category_id(&mut self, name: &str) -> u64 {
        if let Some(&id) = self.categories.get(name) {
            return id;
        }
        let id = self.category_names.len() as u64;
        self.categories.insert(name.into(), id);
        self.category_names.push(name.into());
        id
    }
}

fn events(series: &[(Dimension, Vec<CategoryCounts<'_>>)]) -> anyhow::Result<u64> {
    series
        .iter()
        .filter(|(dimension, _)| *dimension == Dimension::Overall)
        .flat_map(|(_, categories)| categories)
        .filter(|category| category.name == WITH_MIRRORS)
        .flat_map(|category| category.counts)
        .try_fold(0, add)
}

/// Adds counts; SQLite's integers have 63 bits.
///
/// # Errors
///
/// When the sum has more.
pub fn add(a: u64, b: u64) -> anyhow::Result<u64> {
    a.checked_add(b)
        .filter(|sum| i64::try_from(*sum).is_ok())
        .context("a sum of counts exceeds 63 bits")
}
