//! Rejected rows, kept for a person to mend: one JSON object a line with file,
//! line, reason, detail and the row.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use data_encoding::BASE64;
use serde::Serialize;

use super::row::Reject;

/// The quarantine file of one batch; made with the first row.
pub struct Quarantine {
    dir: PathBuf,
    temporary: PathBuf,
    out: Option<BufWriter<File>>,
    error: Option<std::io::Error>,
}

#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    line: u64,
    reason: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<&'a str>,
    /// For rows that are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    row_base64: Option<String>,
    /// The length of a row of which only the beginning is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    row_bytes: Option<u64>,
}

impl Quarantine {
    /// Files go into `dir`, which must exist.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            temporary: dir.join(format!(".ingest.{}.tmp", std::process::id())),
            out: None,
            error: None,
        }
    }

    /// Adds a row. `row_bytes` is the whole length where `row` is only its head.
    /// An error is kept and returned by [`Quarantine::finish`].
    pub fn add(
        &mut self,
        file: &str,
        line: u64,
        row: &[u8],
        row_bytes: Option<u64>,
        reject: &Reject,
    ) {
        let text = std::str::from_utf8(row).ok();
        let entry = Entry {
            file,
            line,
            reason: reject.reason,
            detail: &reject.detail,
            row: text,
            row_base64: text.is_none().then(|| BASE64.encode(row)),
            row_bytes,
        };
        if let Err(error) = self.write(&entry) {
            self.error.get_or_insert(error);
        }
    }

    /// Forgets all rows so far.
    pub fn reset(&mut self) {
        self.out = None;
        let _ = fs::remove_file(&self.temporary);
    }

    /// Names the file after the batch; none when there were no rows.
    ///
    /// # Errors
    ///
    /// When a row could not be written: rejected rows are never lost silently.
    pub fn finish(mut self, batch: &str) -> anyhow::Result<Option<PathBuf>> {
        if let Some(error) = self.error.take() {
            return Err(error).context("write the quarantine file");
        }
        let Some(out) = self.out.take() else {
            return Ok(None);
        };
        let path = self.dir.join(format!("{batch}.ndjson"));
        let file = out
            .into_inner()
            .map_err(|error| error.into_error())
            .context("write the quarantine file")?;
        file.sync_all().context("write the quarantine file")?;
        espy_shared::files::install(&self.temporary, &path).context("write the quarantine file")?;
        Ok(Some(path))
    }

    fn write(&mut self, entry: &Entry<'_>) -> std::io::Result<()> {
        let out = match &mut self.out {
            Some(out) => out,
            none => none.insert(BufWriter::new(File::create(&self.temporary)?)),
        };
        serde_json::to_writer(&mut *out, entry)?;
        out.write_all(b"\n")
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
