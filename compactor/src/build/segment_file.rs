//! A segment while it is written: one SQLite file, one transaction, rows in
//! the order of their keys, so that equal rows give equal bytes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use espy_shared::files;
use espy_shared::hash::{self, ObjectHash};
use espy_shared::manifest::SegmentEntry;
use espy_shared::segment::{APPLICATION_ID, Identity, SCHEMA_VERSION};
use rusqlite::{Connection, OpenFlags, params};

/// Program, version and SQLite: segments are equal byte for byte only between
/// equal builders.
pub fn builder() -> String {
    format!(
        "espy-compactor {} sqlite {}",
        env!("CARGO_PKG_VERSION"),
        rusqlite::version()
    )
}

/// A segment file being written.
pub struct SegmentFile {
    connection: Connection,
    path: PathBuf,
}

/// A segment file, written.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Finished {
    /// What the manifest will say; `object_bytes` is not known yet.
    pub entry: SegmentEntry,
    /// Where it lies.
    pub path: PathBuf,
}

impl SegmentFile {
    /// Starts a file in `dir` with the tables of `schema`.
    ///
    /// # Errors
    ///
    /// As SQLite and the file system have them.
    pub fn create(dir: &Path, name: &str, schema: &str) -> anyhow::Result<Self> {
        let path = dir.join(format!("{name}.tmp"));
        let context = || format!("create {}", path.display());
        if path.exists() {
            fs::remove_file(&path).with_context(context)?;
        }
        let connection = Connection::open_with_flags(
            &path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .with_context(context)?;
        // No journal: a half-written file is thrown away, never repaired.
        connection
            .execute_batch(&format!(
                "PRAGMA page_size = 4096; PRAGMA encoding = 'UTF-8'; PRAGMA auto_vacuum = NONE;
                 PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
                 PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};
                 BEGIN; {schema}"
            ))
            .with_context(context)?;
        Ok(Self { connection, path })
    }

    /// For inserting rows.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Adds one more fact about the file.
    ///
    /// # Errors
    ///
    /// As SQLite has them.
    pub fn put_meta(&self, key: &str, value: impl rusqlite::ToSql) -> anyhow::Result<()> {
        self.connection
            .prepare_cached("INSERT INTO meta VALUES (?1, ?2)")?
            .execute(params![key, value])?;
        Ok(())
    }

    /// Writes what the file is, commits, syncs, and names it by its hash.
    ///
    /// # Errors
    ///
    /// As SQLite and the file system have them.
    pub fn finish(self, identity: Identity) -> anyhow::Result<Finished> {
        let context = || format!("write {}", self.path.display());
        self.put_meta("builder", builder())?;
        self.put_meta("event_sum", identity.event_sum)?;
        if let Some(day) = identity.first_day {
            self.put_meta("first_day", day.to_string())?;
        }
        self.put_meta("kind", identity.kind.to_string())?;
        if let Some(day) = identity.last_day {
            self.put_meta("last_day", day.to_string())?;
        }
        self.put_meta("rows", identity.rows)?;
        self.connection.flush_prepared_statement_cache();
        self.connection
            .execute_batch("COMMIT")
            .with_context(context)?;
        let Self { connection, path } = self;
        connection
            .close()
            .map_err(|(_, error)| error)
            .with_context(|| format!("write {}", path.display()))?;
        File::open(&path)?.sync_all()?;
        let (sha256, raw_bytes) = hash::of_file(&path)?;
        let named = path.with_file_name(format!("{sha256}.sqlite"));
        files::install(&path, &named)?;
        Ok(Finished {
            entry: entry(sha256, raw_bytes, &identity),
            path: named,
        })
    }
}

fn entry(sha256: ObjectHash, raw_bytes: u64, identity: &Identity) -> SegmentEntry {
    SegmentEntry {
        sha256,
        raw_bytes,
        object_bytes: 0,
        kind: identity.kind,
        first_day: identity.first_day,
        last_day: identity.last_day,
        rows: identity.rows,
        event_sum: identity.event_sum,
    }
}
