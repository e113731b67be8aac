//! Reading span and history segments.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::{Identity, Kind, SegmentError, identify};
use crate::day::Day;
use crate::dimension::Dimension;
use crate::series::{self, Names, SLOTS_MAX};

/// What a span or history is, and the names of its categories.
#[derive(Clone, Debug)]
pub struct Shape {
    identity: Identity,
    first_day: Day,
    slots: usize,
    categories: Arc<[Box<str>]>,
}

impl Shape {
    fn read(connection: &Connection) -> Result<Self, SegmentError> {
        let identity = identify(connection)?;
        let (Kind::Span | Kind::History, Some(first_day), Some(last_day)) =
            (identity.kind, identity.first_day, identity.last_day)
        else {
            return Err(SegmentError::Identity(format!(
                "{identity:?} is no series segment"
            )));
        };
        let slots = match identity.kind {
            Kind::History => 12,
            _ => usize::try_from(last_day.since(first_day) + 1).unwrap_or(0),
        };
        if !(1..=SLOTS_MAX).contains(&slots) {
            return Err(SegmentError::Identity(format!(
                "{first_day} to {last_day} is no span"
            )));
        }
        Ok(Self {
            identity,
            first_day,
            slots,
            categories: read_categories(connection)?,
        })
    }

    /// What the segment says of itself.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The first day of the first slot.
    pub fn first_day(&self) -> Day {
        self.first_day
    }

    /// Slots in each series: days of a span, the 12 months of a history.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Decodes one column of a `series` row.
    ///
    /// # Errors
    ///
    /// When the bytes are no series of this segment.
    pub fn decode(
        &self,
        dimension: Dimension,
        bytes: &[u8],
        each: impl FnMut(&str, &[u64]),
    ) -> Result<(), SegmentError> {
        let names = if dimension.has_inline_names() {
            Names::Inline
        } else {
            Names::Table(&self.categories)
        };
        Ok(series::walk(bytes, self.slots, names, each)?)
    }
}

/// A span or history segment, opened. Not `Sync`: one per thread.
#[derive(Debug)]
pub struct SeriesReader {
    connection: Connection,
    shape: Shape,
}

impl SeriesReader {
    /// Takes a connection whose bytes are verified.
    ///
    /// # Errors
    ///
    /// When it is no span or history, or its category table has gaps.
    pub fn new(connection: Connection) -> Result<Self, SegmentError> {
        let shape = Shape::read(&connection)?;
        connection.set_prepared_statement_cache_capacity(Dimension::COUNT + 4);
        Ok(Self { connection, shape })
    }

    /// What it is, without the connection.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What the segment says of itself.
    pub fn identity(&self) -> &Identity {
        &self.shape.identity
    }

    /// The first day of the first slot.
    pub fn first_day(&self) -> Day {
        self.shape.first_day
    }

    /// Slots in each series: days of a span, the 12 months of a history.
    pub fn slots(&self) -> usize {
        self.shape.slots
    }

    /// The first day of a slot.
    ///
    /// # Panics
    ///
    /// When there is no such slot.
    pub fn slot_day(&self, slot: usize) -> Day {
        let slot = i32::try_from(slot).expect("slots are at most 31");
        match self.shape.identity.kind {
            Kind::History => {
                let (year, _, _) = self.shape.first_day.ymd();
                let month = i8::try_from(slot + 1).expect("slots of a year are months");
                Day::from_ymd(year, month, 1).unwrap_or(self.shape.first_day)
            }
            _ => self.shape.first_day.plus(slot),
        }
    }

    /// Walks the categories of one project and dimension: `each(category,
    /// counts per slot)`, ascending by name. False when there is no such series.
    ///
    /// # Errors
    ///
    /// `Sqlite` or `Series`: the segment is not what was published.
    pub fn walk(
        &self,
        project: &str,
        dimension: Dimension,
        each: impl FnMut(&str, &[u64]),
    ) -> Result<bool, SegmentError> {
        // Indexed by dimension: formatting the text per read would cost more
        // than the lookup of the prepared statement.
        let mut statement = self
            .connection
            .prepare_cached(READ_SQL[dimension.number()])?;
        let mut rows = statement.query([project])?;
        let Some(row) = rows.next()? else {
            return Ok(false);
        };
        let Some(bytes) = row
            .get_ref(0)?
            .as_blob_or_null()
            .map_err(rusqlite::Error::from)?
        else {
            return Ok(false);
        };
        self.decode(dimension, bytes, each)?;
        Ok(true)
    }

    /// Decodes one column of a `series` row.
    ///
    /// # Errors
    ///
    /// When the bytes are no series of this segment.
    pub fn decode(
        &self,
        dimension: Dimension,
        bytes: &[u8],
        each: impl FnMut(&str, &[u64]),
    ) -> Result<(), SegmentError> {
        self.shape.decode(dimension, bytes, each)
    }

    /// When each version of a project was last downloaded in the year of a
    /// history: `each(version, day)`, ascending by name.
    ///
    /// # Errors
    ///
    /// `Sqlite` or `Series`: the segment is not what was published.
    pub fn last_downloads(
        &self,
        project_id: i64,
        mut each: impl FnMut(&str, Day),
    ) -> Result<(), SegmentError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT versions FROM last_download WHERE project = ?1")?;
        let Some(bytes) = statement
            .query_row([project_id], |row| row.get::<_, Vec<u8>>(0))
            .optional()?
        else {
            return Ok(());
        };
        series::walk_last_downloads(&bytes, |version, day| {
            each(
                version,
                self.shape
                    .first_day
                    .plus(i32::try_from(day).unwrap_or(i32::MAX)),
            );
        })?;
        Ok(())
    }

    /// The connection, for reading whole tables.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// `(slot, dimension, sum over all projects)`, ascending.
    ///
    /// # Errors
    ///
    /// `Sqlite`, or `Identity` for sums that cannot be.
    pub fn slot_sums(&self) -> Result<Vec<(usize, Dimension, u64)>, SegmentError> {
        let mut statement = self
            .connection
            .prepare("SELECT slot, dimension, count FROM slot_sum ORDER BY slot, dimension")?;
        let mut rows = statement.query([])?;
        let mut sums = Vec::new();
        while let Some(row) = rows.next()? {
            let (slot, dimension, count): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let read = (
                usize::try_from(slot)
                    .ok()
                    .filter(|slot| *slot < self.shape.slots),
                u64::try_from(dimension)
                    .ok()
                    .and_then(Dimension::from_number),
                u64::try_from(count).ok(),
            );
            let (Some(slot), Some(dimension), Some(count)) = read else {
                return Err(SegmentError::Identity(format!(
                    "absurd sum {slot} {dimension} {count}"
                )));
            };
            sums.push((slot, dimension, count));
        }
        Ok(sums)
    }
}

fn read_categories(connection: &Connection) -> Result<Arc<[Box<str>]>, SegmentError> {
    let mut statement = connection.prepare("SELECT id, name FROM category ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut categories = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if usize::try_from(id) != Ok(categories.len()) {
            return Err(SegmentError::Identity(format!(
                "category {id} follows {}",
                categories.len()
            )));
        }
        categories.push(row.get::<_, Box<str>>(1)?);
    }
    Ok(categories.into())
}

macro_rules! read_sql {
    ($($column:literal),+ $(,)?) => {
        [$(concat!(
            "SELECT s.", $column,
            " FROM project AS p JOIN series AS s ON s.project = p.id WHERE p.name = ?1"
        )),+]
    };
}

/// In the order of [`Dimension::ALL`]; a test holds the two together.
const READ_SQL: [&str; Dimension::COUNT] = read_sql![
    "overall",
    "python_major",
    "python_minor",
    "system",
    "side_files",
    "partial",
    "ci",
    "traffic",
    "installer",
    "implementation",
    "cpu",
    "file_type",
    "file_type_without_mirrors",
    "libc",
    "distro",
    "country",
    "user_data",
    "version",
    "version_without_mirrors",
    "version_python",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_the_dimensions_in_order() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(super::super::SERIES_SQL).unwrap();
        let statement = connection.prepare("SELECT * FROM series").unwrap();
        let columns: Vec<&str> = statement.column_names().skip(1).collect();
        let names: Vec<&str> = Dimension::ALL
            .iter()
            .map(|dimension| dimension.name())
            .collect();
        assert_eq!(columns, names);
        for (dimension, sql) in Dimension::ALL.iter().zip(READ_SQL) {
            assert!(sql.starts_with(&format!("SELECT s.{dimension} ")), "{sql}");
            connection.prepare(sql).unwrap();
        }
    }
}
