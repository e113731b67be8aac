//! What a build made, on disk: the steps after it can run in another process.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use espy_shared::day::Day;
use espy_shared::files;
use espy_shared::hash::ObjectHash;
use espy_shared::manifest::SegmentEntry;
use serde::{Deserialize, Serialize};

use super::segment_file::Finished;
use crate::data::DataDir;

/// Largest plan in bytes.
const PLAN_BYTES_MAX: usize = 64 << 20;

/// One object of the snapshot to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Planned {
    /// What the manifest will say of it.
    pub entry: SegmentEntry,
    /// Whether this build wrote it; else it is in the depot already.
    pub is_new: bool,
}

impl Planned {
    /// Taken over from the base.
    pub fn reused(entry: SegmentEntry) -> Self {
        Self {
            entry,
            is_new: false,
        }
    }

    /// Written by this build.
    pub fn new(finished: Finished) -> Self {
        Self {
            entry: finished.entry,
            is_new: true,
        }
    }
}

/// A snapshot, built but not published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Sequence and document hash of the manifest it is built on.
    pub base: Option<(u64, ObjectHash)>,
    /// The latest day with a counted event before the run's today.
    pub data_through: Option<Day>,
    /// What wrote it.
    pub builder: String,
    /// The head, then spans and histories by first day.
    pub segments: Vec<Planned>,
    /// The ledger.
    pub ledger: Planned,
    /// Base segments whose days were written anew.
    pub consumed: Vec<SegmentEntry>,
    /// Pending batches that are in it.
    pub batches: Vec<String>,
    /// Whether verify has passed.
    pub is_verified: bool,
}

impl Plan {
    /// The plan that a build left; none when nothing is built.
    ///
    /// # Errors
    ///
    /// When it is damaged: build again.
    pub fn load(data: &DataDir) -> anyhow::Result<Option<Self>> {
        let path = path(data);
        match files::read_limited(&path, PLAN_BYTES_MAX) {
            Ok(bytes) => parse(&bytes)
                .with_context(|| format!("{} is damaged; build again", path.display()))
                .map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    /// Saves it.
    ///
    /// # Errors
    ///
    /// As the file system has them.
    pub fn save(&self, data: &DataDir) -> anyhow::Result<()> {
        let path = path(data);
        let json = serde_json::to_vec(self)?;
        let mut bytes = format!("{}\n", ObjectHash::of(&json)).into_bytes();
        bytes.extend(json);
        files::replace(&path, &bytes).with_context(|| format!("write {}", path.display()))
    }

    /// Objects that this build wrote.
    pub fn new_objects(&self) -> impl Iterator<Item = &SegmentEntry> {
        self.segments
            .iter()
            .chain([&self.ledger])
            .filter(|planned| planned.is_new)
            .map(|planned| &planned.entry)
    }

    /// Where the file of a new object lies.
    pub fn file(data: &DataDir, entry: &SegmentEntry) -> PathBuf {
        crate::base::cached(&data.build(), &entry.sha256)
    }
}

/// A line with the hash of the rest, then the plan as JSON.
fn parse(bytes: &[u8]) -> anyhow::Result<Plan> {
    let end = memchr::memchr(b'\n', bytes).context("it has no hash")?;
    let (hash, json) = (&bytes[..end], &bytes[end + 1..]);
    ensure!(
        ObjectHash::of(json).to_string().as_bytes() == hash,
        "its hash does not match"
    );
    Ok(serde_json::from_slice(json)?)
}

/// Removes plan and files.
///
/// # Errors
///
/// As the file system has them.
pub fn discard(data: &DataDir) -> anyhow::Result<()> {
    super::clear_dir(&data.build())
}

fn path(data: &DataDir) -> PathBuf {
    data.build().join("plan.json")
}
