//! The ledger: which batches have been counted, and the exact counts where a
//! segment holds `other`.

use std::path::Path;

use anyhow::Context;
use data_encoding::HEXLOWER;
use espy_shared::day::Day;
use espy_shared::dimension::Dimension;
use espy_shared::segment::{self, Identity, Kind, LEDGER_SQL};
use rusqlite::{Connection, params};

use crate::build::segment_file::SegmentFile;
use crate::partial::BatchMeta;

/// Rows of overflow read at once.
const CHUNK_ROWS: i64 = 4096;

/// One exact count of a bounded series.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Overflow {
    /// Whose.
    pub project: String,
    /// Of what.
    pub dimension: Dimension,
    /// The category that the segment holds as `other`.
    pub category: String,
    /// First day of its slot.
    pub slot_day: Day,
    /// The count.
    pub count: u64,
}

/// A ledger, opened.
pub struct Ledger {
    connection: Connection,
}

impl Ledger {
    /// Opens a verified file.
    ///
    /// # Errors
    ///
    /// When it is not what `identity` says.
    pub fn open(path: &Path, identity: &Identity) -> anyhow::Result<Self> {
        let connection = segment::open_file(path)?;
        segment::check(&connection, identity)?;
        Ok(Self { connection })
    }

    /// All batches, by hash.
    ///
    /// # Errors
    ///
    /// As SQLite has them.
    pub fn batches(&self) -> anyhow::Result<Vec<BatchMeta>> {
        let mut statement = self.connection.prepare(
            "SELECT hash, length, parent, is_unterminated, format, source, counted, ignored, rejected
             FROM batch ORDER BY hash",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(BatchMeta {
                hash: HEXLOWER.encode(&row.get::<_, Vec<u8>>(0)?),
                length: row.get(1)?,
                parent: row
                    .get::<_, Option<Vec<u8>>>(2)?
                    .map(|bytes| HEXLOWER.encode(&bytes)),
                is_unterminated: row.get(3)?,
                format: row.get(4)?,
                source: row.get(5)?,
                counted: row.get(6)?,
                ignored: row.get(7)?,
                rejected: row.get(8)?,
            })
        })?;
        rows.collect::<Result<_, _>>()
            .context("read the ledger's batches")
    }

    /// Overflow that follows `after`, in order of its fields; at most some
    /// thousand rows, none after the last.
    ///
    /// # Errors
    ///
    /// As SQLite has them.
    pub fn overflow_after(&self, after: Option<&Overflow>) -> anyhow::Result<Vec<Overflow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT project, dimension, category, slot_day, count FROM overflow
             WHERE (project, dimension, category, slot_day) > (?1, ?2, ?3, ?4)
             ORDER BY project, dimension, category, slot_day LIMIT ?5",
        )?;
        let (project, dimension, category, slot_day) = after.map_or(("", -1, "", -1), |last| {
            let dimension = i64::try_from(last.dimension.number()).unwrap_or(i64::MAX);
            (
                last.project.as_str(),
                dimension,
                last.category.as_str(),
                last.slot_day.number(),
            )
        });
        let mut rows =
            statement.query(params![project, dimension, category, slot_day, CHUNK_ROWS])?;
        let mut chunk = Vec::new();
        while let Some(row) = rows.next()? {
            chunk.push(Overflow {
                project: row.get(0)?,
                dimension: Dimension::from_number(row.get(1)?)
                    .context("the ledger knows another dimension")?,
                category: row.get(2)?,
                slot_day: Day::from_number(row.get(3)?)?,
                count: row.get(4)?,
            });
        }
        Ok(chunk)
    }
}

/// A ledger being written. Overflow comes in order, batches at the end.
pub struct LedgerWriter {
    file: SegmentFile,
}

impl LedgerWriter {
    /// Starts a file in `dir`.
    ///
    /// # Errors
    ///
    /// As SQLite and the file system have them.
    pub fn new(dir: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            file: SegmentFile::create(dir, "ledger", LEDGER_SQL)?,
        })
    }

    /// Adds one exact count.
    ///
    /// # Errors
    ///
    /// As SQLite has them.
    pub fn put_overflow(&mut self, row: &Overflow) -> anyhow::Result<()> {
        self.file
            .connection()
            .prepare_cached("INSERT INTO overflow VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                row.project,
                row.dimension.number(),
                row.category,
                row.slot_day.number(),
                row.count
            ])?;
        Ok(())
    }

    /// Adds the batches, which must be sorted by hash, and ends the file.
    ///
    /// # Errors
    ///
    /// As SQLite and the file system have them.
    pub fn finish(
        self,
        batches: &[BatchMeta],
    ) -> anyhow::Result<crate::build::segment_file::Finished> {
        {
            let mut statement = self
                .file
                .connection()
                .prepare_cached("INSERT INTO batch VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
            let decode = |hex: &str| {
                HEXLOWER
                    .decode(hex.as_bytes())
                    .context("a batch hash is hexadecimal")
            };
            for batch in batches {
                statement.execute(params![
                    decode(&batch.hash)?,
                    batch.length,
                    batch.parent.as_deref().map(decode).transpose()?,
                    batch.is_unterminated,
                    batch.format,
                    batch.source,
                    batch.counted,
                    batch.ignored,
                    batch.rejected,
                ])?;
            }
        }
        self.file.finish(Identity {
            kind: Kind::Ledger,
            first_day: None,
            last_day: None,
            rows: batches.len() as u64,
            event_sum: batches.iter().map(|batch| batch.counted).sum(),
        })
    }
}
