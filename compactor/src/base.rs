//! The base of a build: the newest published snapshot, unpacked and verified
//! in the data folder's cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use espy_shared::day::Day;
use espy_shared::hash::{self, ObjectHash};
use espy_shared::manifest::{Manifest, SegmentEntry};
use espy_shared::segment::{self, HeadReader, Kind, SeriesReader};

use crate::data::DataDir;
use crate::depot::{Depot, Document};
use crate::ledger::Ledger;
use crate::progress::Progress;

/// The newest published snapshot, at hand.
pub struct Base {
    /// Its manifest.
    pub manifest: Manifest,
    /// SHA-256 of the manifest's document.
    pub hash: ObjectHash,
    cache: PathBuf,
}

impl Base {
    /// Fetches what is not in the cache yet; none for an empty depot.
    ///
    /// # Errors
    ///
    /// When the depot's newest snapshot cannot be had whole and verified.
    pub fn fetch(depot: &Depot, data: &DataDir) -> anyhow::Result<Option<Self>> {
        let Some(Document {
            content: manifest,
            hash,
        }) = depot.newest_manifest()?
        else {
            return Ok(None);
        };
        let base = Self {
            manifest,
            hash,
            cache: data.cache(),
        };
        let mut progress =
            Progress::bytes("fetch", base.entries().map(|entry| entry.raw_bytes).sum());
        for entry in base.entries() {
            let path = base.path(entry);
            if !is_intact(&path, entry)? {
                depot
                    .fetch(entry, &path, |done| progress.within(done))
                    .with_context(|| {
                        format!("fetch the base, snapshot {}", base.manifest.sequence)
                    })?;
            }
            progress.advance(entry.raw_bytes);
        }
        progress.finish();
        Ok(Some(base))
    }

    /// Its ledger.
    ///
    /// # Errors
    ///
    /// When it is not what the manifest says.
    pub fn ledger(&self) -> anyhow::Result<Ledger> {
        Ledger::open(
            &self.path(&self.manifest.ledger),
            &self.manifest.ledger.identity(),
        )
    }

    /// Its head.
    ///
    /// # Errors
    ///
    /// When it is not what the manifest says.
    pub fn head(&self) -> anyhow::Result<HeadReader> {
        let entry = self.manifest.head();
        let connection = segment::open_file(&self.path(entry))?;
        segment::check(&connection, &entry.identity())?;
        Ok(HeadReader::new(connection)?)
    }

    /// One of its spans or histories.
    ///
    /// # Errors
    ///
    /// When it is not what the manifest says.
    pub fn series(&self, entry: &SegmentEntry) -> anyhow::Result<SeriesReader> {
        let connection = segment::open_file(&self.path(entry))?;
        segment::check(&connection, &entry.identity())?;
        Ok(SeriesReader::new(connection)?)
    }

    /// The first day whose daily counts are kept: after the last year that has
    /// become history, or will. None when all are kept.
    pub fn kept_from(&self, daily_retention: u32) -> Option<Day> {
        let history = self
            .manifest
            .series_segments()
            .iter()
            .filter(|entry| entry.kind == Kind::History)
            .filter_map(|entry| entry.last_day)
            .max()
            .map(|last| last.plus(1));
        let retention =
            crate::build::span_policy::first_kept(self.manifest.data_through, daily_retention)
                .map(Day::first_of_year);
        history.max(retention)
    }

    /// Removes from the cache what this snapshot does not name.
    ///
    /// # Errors
    ///
    /// As the file system has them.
    pub fn prune_cache(manifest: &Manifest, data: &DataDir) -> anyhow::Result<()> {
        let kept: Vec<PathBuf> = manifest
            .segments
            .iter()
            .chain([&manifest.ledger])
            .map(|entry| cached(&data.cache(), &entry.sha256))
            .collect();
        for entry in fs::read_dir(data.cache())? {
            let path = entry?.path();
            if !kept.contains(&path) {
                fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Where a segment lies in the cache.
    pub fn path(&self, entry: &SegmentEntry) -> PathBuf {
        cached(&self.cache, &entry.sha256)
    }

    fn entries(&self) -> impl Iterator<Item = &SegmentEntry> {
        self.manifest.segments.iter().chain([&self.manifest.ledger])
    }
}

/// The place of a segment in a cache folder.
pub fn cached(cache: &Path, hash: &ObjectHash) -> PathBuf {
    cache.join(format!("{hash}.sqlite"))
}

fn is_intact(path: &Path, entry: &SegmentEntry) -> anyhow::Result<bool> {
    let Ok(file) = File::open(path) else {
        return Ok(false);
    };
    if file.metadata()?.len() != entry.raw_bytes {
        return Ok(false);
    }
    Ok(hash::of_file(path)?.0 == entry.sha256)
}
