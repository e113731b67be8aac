//! Reading head segments.

use rusqlite::{Connection, OptionalExtension};

use super::{Identity, Kind, SegmentError, identify};

/// What the head knows of a project; windows are without mirrors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProjectHead {
    /// Downloads on the day of `data_through`.
    pub last_day: u64,
    /// In the 7 days that end there.
    pub last_week: u64,
    /// In the 30 days that end there.
    pub last_month: u64,
    /// All that is kept, with mirrors.
    pub total_with_mirrors: u64,
    /// All that is kept, without.
    pub total_without_mirrors: u64,
}

/// A head segment, opened. One per thread.
#[derive(Debug)]
pub struct HeadReader {
    connection: Connection,
    identity: Identity,
}

impl HeadReader {
    /// Takes a connection whose bytes are verified.
    ///
    /// # Errors
    ///
    /// When it is no head.
    pub fn new(connection: Connection) -> Result<Self, SegmentError> {
        let identity = identify(&connection)?;
        if identity.kind != Kind::Head {
            return Err(SegmentError::Identity(format!("{identity:?} is no head")));
        }
        Ok(Self {
            connection,
            identity,
        })
    }

    /// What the segment says of itself.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The connection, for reading whole tables.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// A project by its normalised name, or `__all__`.
    ///
    /// # Errors
    ///
    /// `Sqlite`.
    pub fn project(&self, name: &str) -> Result<Option<ProjectHead>, SegmentError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT last_day, last_week, last_month, total_with_mirrors, total_without_mirrors
             FROM project WHERE name = ?1",
        )?;
        let head = statement
            .query_row([name], |row| {
                Ok(ProjectHead {
                    last_day: row.get(0)?,
                    last_week: row.get(1)?,
                    last_month: row.get(2)?,
                    total_with_mirrors: row.get(3)?,
                    total_without_mirrors: row.get(4)?,
                })
            })
            .optional()?;
        Ok(head)
    }
}
