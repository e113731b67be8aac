//! From a manifest to readers for every core.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use espy_shared::files;
use espy_shared::hash::ObjectHash;
use espy_shared::layout;
use espy_shared::manifest::{Current, DocumentError, MANIFEST_BYTES_MAX, Manifest, SegmentEntry};
use espy_shared::segment::{Identity, Kind, SegmentError};

use super::{CoreGeneration, Facts, Series};
use crate::image::{Held, Image, ImageError};
use crate::respond::Kept;

/// Why a snapshot is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file of the snapshot folder cannot be read.
    #[error("{}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `current.json` is not what `pull` writes.
    #[error("{} is damaged", layout::CURRENT)]
    Current(#[source] DocumentError),
    /// The manifest is another one than `current.json` names.
    #[error("manifest {sequence} has the SHA-256 {found}, another one was to be served")]
    Manifest {
        /// The number it should have.
        sequence: u64,
        /// Of its document.
        found: ObjectHash,
    },
    /// The manifest is refused.
    #[error("manifest {sequence}")]
    Document {
        /// By its file's name.
        sequence: u64,
        /// Why.
        source: DocumentError,
    },
    /// The manifest lies under another number than its own.
    #[error("the manifest under number {named} has number {found}")]
    Number {
        /// By its file's name.
        named: u64,
        /// In the document.
        found: u64,
    },
    /// A time in the manifest is none.
    #[error("{field} in the manifest is no time")]
    Time {
        /// Which.
        field: &'static str,
        /// Why.
        source: jiff::Error,
    },
    /// More than the process may hold.
    #[error(
        "the snapshot has {snapshot} bytes; with the one still served {needed} bytes would be \
         in memory, more than the limit of {limit} (--resident-limit)"
    )]
    ResidentLimit {
        /// Bytes of the snapshot.
        snapshot: u64,
        /// Bytes in memory during the swap.
        needed: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The file of a segment is refused.
    #[error("{}", layout::segment(sha256))]
    Image {
        /// Its name.
        sha256: ObjectHash,
        /// Why.
        source: ImageError,
    },
    /// The content of a segment is refused.
    #[error("{}", layout::segment(sha256))]
    Segment {
        /// Its name.
        sha256: ObjectHash,
        /// Why.
        source: SegmentError,
    },
    /// A bug, met by this snapshot.
    #[error("loading panicked; the log says where")]
    Panic,
}

/// Keeps the segments in memory and opens snapshots from them.
#[derive(Debug)]
pub struct Loader {
    dir: PathBuf,
    options: LoaderOptions,
    opened: HashMap<ObjectHash, Opened>,
}

/// How snapshots are opened.
#[derive(Clone, Copy, Debug)]
pub struct LoaderOptions {
    /// Serving threads, each with readers of its own.
    pub cores: NonZeroUsize,
    /// Most bytes of segments in memory.
    pub resident_limit_bytes: u64,
    /// Days that the pypistats routes show; 0 shows all that is kept.
    pub pypistats_days: u32,
    /// Most bytes of rendered answers that each core keeps.
    pub cache_bytes_max: u64,
}

/// A segment in memory.
#[derive(Debug)]
struct Opened {
    identity: Identity,
    bytes: u64,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    /// Each core opens it for itself.
    Head(Arc<Image>),
    Series(Arc<Series>),
}

impl Opened {
    fn open(dir: &Path, entry: &SegmentEntry) -> Result<Self, LoadError> {
        let sha256 = entry.sha256;
        let identity = entry.identity();
        let image = Image::load(
            &dir.join(layout::segment(&sha256)),
            &sha256,
            entry.raw_bytes,
        )
        .map_err(|source| LoadError::Image { sha256, source })?;
        let reader = match entry.kind {
            Kind::Head => Ok(Reader::Head(Arc::new(image))),
            _ => image
                .into_series(&identity)
                .map(Arc::new)
                .map(Reader::Series),
        };
        Ok(Self {
            identity,
            bytes: entry.raw_bytes,
            reader: reader.map_err(|source| LoadError::Segment { sha256, source })?,
        })
    }

    /// Another manifest may say something else of the same file.
    fn check(&self, entry: &SegmentEntry) -> Result<(), LoadError> {
        let identity = entry.identity();
        if self.identity == identity && self.bytes == entry.raw_bytes {
            return Ok(());
        }
        Err(LoadError::Segment {
            sha256: entry.sha256,
            source: SegmentError::Identity(format!(
                "the manifest says {identity:?}, the file {:?}",
                self.identity
            )),
        })
    }
}

impl Loader {
    /// For the snapshot folder `dir`.
    pub fn new(dir: &Path, options: LoaderOptions) -> Self {
        Self {
            dir: dir.to_path_buf(),
            options,
            opened: HashMap::new(),
        }
    }

    /// Bytes of the segments in memory.
    pub fn resident_bytes(&self) -> u64 {
        self.opened.values().map(|opened| opened.bytes).sum()
    }

    /// Reads the manifest that `current.json` names.
    ///
    /// # Errors
    ///
    /// When it is not exactly that one.
    pub fn current_manifest(&self, current: &Current) -> Result<Manifest, LoadError> {
        let (manifest, found) = self.manifest(current.sequence)?;
        if found != current.manifest {
            return Err(LoadError::Manifest {
                sequence: current.sequence,
                found,
            });
        }
        Ok(manifest)
    }

    /// Reads an installed manifest, and the hash of its document.
    ///
    /// # Errors
    ///
    /// When it is missing, changed, newer than this program or misnumbered.
    pub fn manifest(&self, sequence: u64) -> Result<(Manifest, ObjectHash), LoadError> {
        let path = self.dir.join(layout::manifest(sequence));
        let bytes = files::read_limited(&path, MANIFEST_BYTES_MAX)
            .map_err(|source| LoadError::Read { path, source })?;
        let manifest =
            Manifest::parse(&bytes).map_err(|source| LoadError::Document { sequence, source })?;
        if manifest.sequence != sequence {
            return Err(LoadError::Number {
                named: sequence,
                found: manifest.sequence,
            });
        }
        Ok((manifest, ObjectHash::of(&bytes)))
    }

    /// Opens a snapshot for every core. Segments that are already in memory
    /// are not read again. On failure, what was served still can be.
    ///
    /// # Errors
    ///
    /// When a segment is missing or not what the manifest says, or memory
    /// would not do.
    pub fn load(
        &mut self,
        manifest: Manifest,
        document: ObjectHash,
    ) -> Result<Vec<CoreGeneration>, LoadError> {
        self.check_limit(&manifest.segments)?;
        let facts = Facts::new(manifest, document, self.options.pypistats_days)?;
        self.open_all(&facts.manifest().segments)?;
        let facts = Arc::new(facts);
        (0..self.options.cores.get())
            .map(|_| self.generation(&facts))
            .collect()
    }

    /// Lets go of every segment that the snapshot being served does not have.
    pub fn keep_only(&mut self, facts: Option<&Facts>) {
        let kept = facts.map_or(&[][..], |facts| &facts.manifest().segments);
        self.opened
            .retain(|sha256, _| kept.iter().any(|entry| entry.sha256 == *sha256));
    }

    /// Old and new are in memory together until every core has swapped, so
    /// both count; what they share counts once.
    fn check_limit(&self, segments: &[SegmentEntry]) -> Result<(), LoadError> {
        let sum = |bytes: u64, entry: &SegmentEntry| bytes.saturating_add(entry.raw_bytes);
        let needed = segments
            .iter()
            .filter(|entry| !self.opened.contains_key(&entry.sha256))
            .fold(self.resident_bytes(), sum);
        if needed > self.options.resident_limit_bytes {
            return Err(LoadError::ResidentLimit {
                snapshot: segments.iter().fold(0, sum),
                needed,
                limit: self.options.resident_limit_bytes,
            });
        }
        Ok(())
    }

    /// Opens what is not open yet. At a start, when nobody is served, all
    /// cores copy and hash; later only one does, beside the requests.
    fn open_all(&mut self, entries: &[SegmentEntry]) -> Result<(), LoadError> {
        let mut missing = Vec::with_capacity(entries.len());
        for entry in entries {
            match self.opened.get(&entry.sha256) {
                Some(opened) => opened.check(entry)?,
                None => missing.push(entry),
            }
        }
        // The largest first, so that no core is left alone with one at the end.
        missing.sort_by_key(|entry| std::cmp::Reverse(entry.raw_bytes));
        let threads = match self.opened.is_empty() {
            true => self.options.cores.get().min(missing.len()),
            false => 1,
        };
        let next = AtomicUsize::new(0);
        let open_some = || {
            let mut opened = Vec::new();
            while let Some(entry) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                opened.push((entry.sha256, Opened::open(&self.dir, entry)?));
            }
            Ok(opened)
        };
        let results: Vec<Result<Vec<_>, LoadError>> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(open_some)).collect();
            let mut results = vec![open_some()];
            results.extend(
                others
                    .into_iter()
                    .map(|other| other.join().unwrap_or(Err(LoadError::Panic))),
            );
            results
        });
        for opened in results {
            self.opened.extend(opened?);
        }
        Ok(())
    }

    fn generation(&self, facts: &Arc<Facts>) -> Result<CoreGeneration, LoadError> {
        let mut head = None;
        let mut series = Vec::with_capacity(facts.manifest().segments.len());
        for entry in &facts.manifest().segments {
            let sha256 = entry.sha256;
            let refused = |source| LoadError::Segment { sha256, source };
            match self.opened.get(&sha256).map(|opened| &opened.reader) {
                Some(Reader::Head(image)) => {
                    let reader = Held::head(image, &entry.identity()).map_err(refused)?;
                    head = Some(reader);
                }
                Some(Reader::Series(reader)) => series.push(Arc::clone(reader)),
                None => unreachable!("every segment of the manifest has been opened"),
            }
        }
        Ok(CoreGeneration {
            facts: Arc::clone(facts),
            head: head.expect("a manifest begins with its head"),
            series,
            kept: Kept::new(self.options.cache_bytes_max),
        })
    }
}
