//! The compactor's data folder. Nothing in it is precious: what is published
//! stands in the depot, and inputs can be read again.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, flock};

use crate::partial::{BatchMeta, PartialReader};

/// The data folder, locked by this process.
pub struct DataDir {
    root: PathBuf,
    _lock: File,
}

/// A batch that waits to be published.
pub struct Pending {
    /// Its file.
    pub path: PathBuf,
    /// Its batch.
    pub meta: BatchMeta,
}

/// Parts the batches that wait into those that are not published yet and those
/// that are.
///
/// Another compactor may have counted a grown log whole, of which we hold the
/// beginning and the rest: then the beginning is counted although its own hash
/// is not in the ledger.
pub fn split_counted(
    pending: Vec<Pending>,
    published: &[BatchMeta],
) -> (Vec<Pending>, Vec<Pending>) {
    let published: HashSet<&str> = published.iter().map(|batch| batch.hash.as_str()).collect();
    let parents: HashMap<&str, &str> = pending
        .iter()
        .filter_map(|pending| Some((pending.meta.hash.as_str(), pending.meta.parent.as_deref()?)))
        .collect();
    // All that a published batch's content begins with is counted with it.
    let mut covered = HashSet::new();
    for pending in &pending {
        let mut hash = pending.meta.hash.as_str();
        if !published.contains(hash) {
            continue;
        }
        while let Some(parent) = parents.get(hash)
            && covered.insert((*parent).to_owned())
        {
            hash = parent;
        }
    }
    let is_counted = |hash: &str| published.contains(hash) || covered.contains(hash);
    pending
        .into_iter()
        .partition(|pending| !is_counted(&pending.meta.hash))
}

impl DataDir {
    /// Makes the folder where it is missing and locks it.
    ///
    /// # Errors
    ///
    /// When another compactor works in it, or as the file system has them.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        let context = || format!("use {} as the data folder", root.display());
        for dir in ["partials", "quarantine", "cache", "build"] {
            fs::create_dir_all(root.join(dir)).with_context(context)?;
        }
        let lock = File::create(root.join("lock")).with_context(context)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                bail!(
                    "another compactor is at work in {}; wait for it to end",
                    root.display()
                )
            }
            Err(error) => return Err(error).with_context(context),
        }
        let data = Self {
            root: root.to_owned(),
            _lock: lock,
        };
        data.remove_temporary()?;
        Ok(data)
    }

    /// Partials.
    pub fn partials(&self) -> PathBuf {
        self.root.join("partials")
    }

    /// Rejected rows.
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Segments of the newest published snapshot, unpacked.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// What is being built.
    pub fn build(&self) -> PathBuf {
        self.root.join("build")
    }

    /// Whether nothing was ever published from here, as far as the cache knows.
    ///
    /// # Errors
    ///
    /// As the file system has them.
    pub fn is_fresh(&self) -> anyhow::Result<bool> {
        Ok(fs::read_dir(self.cache())?.next().is_none())
    }

    /// Batches that wait, by hash.
    ///
    /// # Errors
    ///
    /// When one is damaged, naming it.
    pub fn pending(&self) -> anyhow::Result<Vec<Pending>> {
        let mut pending = Vec::new();
        for entry in fs::read_dir(self.partials())? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "partial")
            {
                let meta = PartialReader::open(&path)?.meta;
                pending.push(Pending { path, meta });
            }
        }
        pending.sort_by(|a, b| a.meta.hash.cmp(&b.meta.hash));
        Ok(pending)
    }

    /// A kill leaves half-written files; nobody else can be writing them.
    fn remove_temporary(&self) -> anyhow::Result<()> {
        for dir in [self.partials(), self.quarantine(), self.cache()] {
            for entry in fs::read_dir(dir)? {
                let path = entry?.path();
                if path
                    .file_name()
                    .is_some_and(|name| espy_shared::files::is_temporary(&name.to_string_lossy()))
                {
                    fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
                }
            }
        }
        Ok(())
    }
}
