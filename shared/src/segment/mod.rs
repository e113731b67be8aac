//! Segments: immutable SQLite files. What they are is bound to their bytes:
//! application id, schema version, kind, day range and row count stand in the
//! file and again in the manifest, and both sides compare them.

mod head;
mod mapped;
mod pages;
mod series;

use std::fmt;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::day::Day;

pub use head::{HeadReader, ProjectHead};
pub use mapped::{Lookup, MappedSeries, Memory, SeriesTables};
pub use series::{SeriesReader, Shape};

/// `ESPY` in the header of every segment.
pub const APPLICATION_ID: i32 = 0x4553_5059;
/// The schema that this program writes and reads; `user_version` in the header.
pub const SCHEMA_VERSION: u32 = 1;
/// Tables of a span or history segment.
pub const SERIES_SQL: &str = include_str!("series.sql");
/// Tables of a head segment.
pub const HEAD_SQL: &str = include_str!("head.sql");
/// Tables of a ledger.
pub const LEDGER_SQL: &str = include_str!("ledger.sql");

/// What a segment holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Project directory, totals, recent windows, completeness per day.
    Head,
    /// Daily series of a run of consecutive days inside one calendar month.
    Span,
    /// Monthly series of one calendar year.
    History,
    /// What has been counted; never fetched by handlers.
    Ledger,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Head => "head",
            Kind::Span => "span",
            Kind::History => "history",
            Kind::Ledger => "ledger",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a segment says of itself, and the manifest of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// What it holds.
    pub kind: Kind,
    /// First day covered; none in a ledger, or a head without data.
    pub first_day: Option<Day>,
    /// Last day covered.
    pub last_day: Option<Day>,
    /// Rows of its main table: `series`, `project` or `batch`.
    pub rows: u64,
    /// Downloads with mirrors that it holds; in a ledger, rows counted.
    pub event_sum: u64,
}

impl Identity {
    /// Whether some day lies in the covered range.
    pub fn covers(&self, day: Day) -> bool {
        self.first_day.is_some_and(|first| first <= day)
            && self.last_day.is_some_and(|last| day <= last)
    }
}

/// A file or image is not the segment it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// SQLite refuses it.
    #[error("not a readable segment")]
    Sqlite(#[from] rusqlite::Error),
    /// Readable, but not one of ours.
    #[error("not an espymetrics segment: application id {0:#x}")]
    Foreign(i32),
    /// Written by a newer program; keep serving the old snapshot.
    #[error("schema version {found} is newer than {SCHEMA_VERSION}; upgrade this program")]
    Newer {
        /// The version in the header.
        found: i64,
    },
    /// Says something else than the manifest, or than itself.
    #[error("the segment is not what it should be: {0}")]
    Identity(String),
    /// Pages that are not those of a table, or not where they should be.
    #[error("the pages of its tables are not laid out as they should be")]
    Pages,
    /// A series that the codec refuses.
    #[error("a series cannot be decoded")]
    Series(#[from] crate::series::SeriesError),
}

/// Opens a segment file read-only. The caller has verified its hash.
///
/// # Errors
///
/// As SQLite has them.
pub fn open_file(path: &Path) -> Result<Connection, SegmentError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    harden(&connection)?;
    Ok(connection)
}

/// Sets what every reading connection has: nothing can be written and the
/// schema cannot run functions.
///
/// # Errors
///
/// As SQLite has them.
pub fn harden(connection: &Connection) -> Result<(), SegmentError> {
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "mmap_size", i64::MAX)?;
    // Without it SQLite 3.54 parses a cached statement again at every use: its
    // planner has peeked at a parameter (`whereLoopOutputAdjust`), and rusqlite
    // clears the bindings of what it puts back (`sqlite3_clear_bindings`).
    // Six of seven microseconds of a lookup.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Reads what the segment says of itself and checks that it is one of ours.
///
/// # Errors
///
/// `Foreign`, `Newer`, `Identity` or `Sqlite`.
pub fn identify(connection: &Connection) -> Result<Identity, SegmentError> {
    let application_id: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application_id != APPLICATION_ID {
        return Err(SegmentError::Foreign(application_id));
    }
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > i64::from(SCHEMA_VERSION) {
        return Err(SegmentError::Newer { found: version });
    }
    let text = |key: &str| -> Result<Option<String>, SegmentError> {
        Ok(connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
                row.get(0)
            })
            .optional()?)
    };
    let number = |key: &str| -> Result<u64, SegmentError> {
        let value: Option<i64> = connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
                row.get(0)
            })
            .optional()?;
        value
            .and_then(|value| u64::try_from(value).ok())
            .ok_or_else(|| SegmentError::Identity(format!("meta has no {key}")))
    };
    let day = |key: &str| -> Result<Option<Day>, SegmentError> {
        text(key)?
            .map(|text| {
                text.parse()
                    .map_err(|error| SegmentError::Identity(format!("{key}: {error}")))
            })
            .transpose()
    };
    let kind = match text("kind")?.as_deref() {
        Some("head") => Kind::Head,
        Some("span") => Kind::Span,
        Some("history") => Kind::History,
        Some("ledger") => Kind::Ledger,
        other => return Err(SegmentError::Identity(format!("unknown kind {other:?}"))),
    };
    Ok(Identity {
        kind,
        first_day: day("first_day")?,
        last_day: day("last_day")?,
        rows: number("rows")?,
        event_sum: number("event_sum")?,
    })
}

/// Checks the segment against what the manifest says, counting its rows.
///
/// # Errors
///
/// `Identity` when they differ, and whatever [`identify`] returns.
pub fn check(connection: &Connection, expected: &Identity) -> Result<(), SegmentError> {
    check_identity(connection, expected)?;
    let table = main_table(expected.kind);
    let sql = format!("SELECT count(*) FROM {table}");
    let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
    if u64::try_from(rows) != Ok(expected.rows) {
        return Err(SegmentError::Identity(format!(
            "{rows} rows in {table}, {} in meta",
            expected.rows
        )));
    }
    Ok(())
}

/// The same without walking through the file: whether there are any rows is
/// compared, not how many. Enough where the hash has proved that the bytes are
/// those of which a compactor has counted the rows.
///
/// # Errors
///
/// As [`check`].
pub fn check_identity(connection: &Connection, expected: &Identity) -> Result<(), SegmentError> {
    let found = identify(connection)?;
    if found != *expected {
        return Err(SegmentError::Identity(format!(
            "the manifest says {expected:?}, the file {found:?}"
        )));
    }
    let table = main_table(found.kind);
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {table})");
    let has_rows: bool = connection.query_row(&sql, [], |row| row.get(0))?;
    if has_rows != (found.rows > 0) {
        let some = if has_rows { "some" } else { "no" };
        return Err(SegmentError::Identity(format!(
            "{some} rows in {table}, {} in meta",
            found.rows
        )));
    }
    Ok(())
}

/// The table whose rows are counted.
fn main_table(kind: Kind) -> &'static str {
    match kind {
        Kind::Span | Kind::History => "series",
        Kind::Head => "project",
        Kind::Ledger => "batch",
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_cached_statement_is_parsed_once() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SERIES_SQL).unwrap();
        harden(&connection).unwrap();
        for name in ["a", "b", "c"] {
            let mut statement = connection
                .prepare_cached("SELECT s.overall FROM project AS p JOIN series AS s ON s.project = p.id WHERE p.name = ?1")
                .unwrap();
            assert!(!statement.exists([name]).unwrap());
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
