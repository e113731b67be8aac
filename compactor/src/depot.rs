//! The depot: where snapshots are published. So far a directory; all access
//! goes through here.
//!
//! Manifests and channel documents are numbered without gaps and never
//! removed, so the newest is found by probing numbers, without a listing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use espy_shared::files::{self, Created};
use espy_shared::hash::{HashWriter, ObjectHash};
use espy_shared::layout;
use espy_shared::manifest::{
    CHANNEL_BYTES_MAX, ChannelDocument, MANIFEST_BYTES_MAX, Manifest, SegmentEntry,
};
use serde::{Deserialize, Serialize};

/// Compression level of objects: beyond it time grows faster than bytes shrink.
const ZSTD_LEVEL: i32 = 3;
/// The hint is a few numbers.
const LATEST_BYTES_MAX: usize = 64 << 10;

/// A depot in a directory.
#[derive(Clone, Debug)]
pub struct Depot {
    root: PathBuf,
}

/// A document with the hash of its bytes.
#[derive(Clone, Debug)]
pub struct Document<T> {
    /// What it says.
    pub content: T,
    /// SHA-256 of its bytes.
    pub hash: ObjectHash,
}

/// The hint: the newest numbers when it was written.
#[derive(Default, Serialize, Deserialize)]
struct Latest {
    manifest: u64,
    channels: BTreeMap<String, u64>,
}

impl Depot {
    /// The depot at a path.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// For messages.
    pub fn name(&self) -> String {
        self.root.display().to_string()
    }

    /// Checks that it is there at all: a mistyped or unmounted folder is not an
    /// empty depot.
    ///
    /// # Errors
    ///
    /// When it cannot be read, naming it.
    pub fn check(&self) -> anyhow::Result<()> {
        fs::read_dir(&self.root).with_context(|| format!("read the depot {}", self.name()))?;
        Ok(())
    }

    /// The manifest with the highest sequence; none in an empty depot.
    ///
    /// # Errors
    ///
    /// When it is damaged or unreadable, naming it.
    pub fn newest_manifest(&self) -> anyhow::Result<Option<Document<Manifest>>> {
        let hint = self.latest().manifest;
        match self.newest_number(hint, layout::manifest)? {
            0 => Ok(None),
            sequence => self.manifest(sequence).map(Some),
        }
    }

    /// The manifest with a sequence.
    ///
    /// # Errors
    ///
    /// When it is missing, damaged or unreadable, naming it.
    pub fn manifest(&self, sequence: u64) -> anyhow::Result<Document<Manifest>> {
        let name = layout::manifest(sequence);
        let bytes = self.document(&name, MANIFEST_BYTES_MAX)?;
        let content = Manifest::parse(&bytes).with_context(|| self.describe(&name))?;
        ensure!(
            content.sequence == sequence,
            "{} says it is number {}",
            self.describe(&name),
            content.sequence
        );
        Ok(Document {
            content,
            hash: ObjectHash::of(&bytes),
        })
    }

    /// The bytes of a manifest, as published.
    ///
    /// # Errors
    ///
    /// When it is missing or unreadable, naming it.
    pub fn manifest_bytes(&self, sequence: u64) -> anyhow::Result<Vec<u8>> {
        self.document(&layout::manifest(sequence), MANIFEST_BYTES_MAX)
    }

    /// The newest document of a channel; none before the first.
    ///
    /// # Errors
    ///
    /// When it is damaged or unreadable, naming it.
    pub fn newest_channel(
        &self,
        channel: &str,
    ) -> anyhow::Result<Option<Document<ChannelDocument>>> {
        let hint = self.latest().channels.get(channel).copied().unwrap_or(0);
        let counter = self.newest_number(hint, |counter| layout::channel(channel, counter))?;
        if counter == 0 {
            return Ok(None);
        }
        let name = layout::channel(channel, counter);
        let bytes = self.document(&name, CHANNEL_BYTES_MAX)?;
        let content = ChannelDocument::parse(&bytes).with_context(|| self.describe(&name))?;
        ensure!(
            content.counter == counter && content.channel == channel,
            "{} says it is {} number {}",
            self.describe(&name),
            content.channel,
            content.counter
        );
        Ok(Some(Document {
            content,
            hash: ObjectHash::of(&bytes),
        }))
    }

    /// Unpacks an object to `path`, verified; what is at `path` is replaced.
    ///
    /// # Errors
    ///
    /// When it is missing, damaged or longer than the manifest says; then
    /// nothing appears at `path`.
    pub fn fetch(
        &self,
        entry: &SegmentEntry,
        path: &Path,
        progress: impl FnMut(u64),
    ) -> anyhow::Result<()> {
        let temporary = files::temporary(path);
        let fetched = self
            .unpack(entry, File::create(&temporary)?, progress)
            .and_then(|file| Ok(file.sync_all()?));
        let installed = fetched.and_then(|_| Ok(files::install(&temporary, path)?));
        if let Err(error) = installed {
            let _ = fs::remove_file(&temporary);
            return Err(error).with_context(|| format!("unpack into {}", path.display()));
        }
        Ok(())
    }

    /// Stores a segment file as an object, unless an intact one is there, and
    /// reads it back. Returns its compressed length.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or what is read back differs.
    pub fn store(&self, entry: &SegmentEntry, segment: &Path) -> anyhow::Result<u64> {
        let path = self.root.join(layout::object(&entry.sha256));
        let is_there = path.exists();
        if !is_there || self.unpack(entry, io::sink(), |_| ()).is_err() {
            if is_there {
                log::warn!("{} is damaged; it is stored again", path.display());
            }
            self.make_dir(&path)?;
            let temporary = files::temporary(&path);
            let written = pack(entry, segment, &temporary)
                .and_then(|()| Ok(files::install(&temporary, &path)?));
            if let Err(error) = written {
                let _ = fs::remove_file(&temporary);
                return Err(error).with_context(|| format!("write {}", path.display()));
            }
            self.unpack(entry, io::sink(), |_| ())
                .context("read back what was just written")?;
        }
        Ok(fs::metadata(&path)?.len())
    }

    /// Creates the manifest of a sequence: the commit. False when another
    /// manifest has that number.
    ///
    /// # Errors
    ///
    /// As the file system has them.
    pub fn create_manifest(&self, sequence: u64, bytes: &[u8]) -> anyhow::Result<bool> {
        self.create(&layout::manifest(sequence), bytes)
    }

    /// Creates a channel's document of a counter. False when another one has
    /// that number.
    ///
    /// # Errors
    ///
    /// As the file system has them.
    pub fn create_channel(
        &self,
        channel: &str,
        counter: u64,
        bytes: &[u8],
    ) -> anyhow::Result<bool> {
        self.create(&layout::channel(channel, counter), bytes)
    }

    /// Renews the hint.
    ///
    /// # Errors
    ///
    /// As the file system has them; harmless, since readers probe.
    pub fn hint(&self, sequence: u64, channel: &str, counter: u64) -> anyhow::Result<()> {
        let mut latest = self.latest();
        latest.manifest = sequence;
        latest.channels.insert(channel.to_owned(), counter);
        let bytes = serde_json::to_vec(&latest)?;
        files::replace(&self.root.join(layout::LATEST), &bytes)?;
        Ok(())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> anyhow::Result<bool> {
        let path = self.root.join(name);
        self.make_dir(&path)?;
        let created = files::create_absent(&path, bytes)
            .with_context(|| format!("create {}", path.display()))?;
        // An earlier try of ours may have got through although it seemed to fail.
        Ok(created == Created::Ours || fs::read(&path).is_ok_and(|found| found == bytes))
    }

    fn make_dir(&self, path: &Path) -> anyhow::Result<()> {
        let dir = path.parent().context("a depot's files lie in folders")?;
        if !dir.is_dir() {
            fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
            files::sync_parent(dir)?;
        }
        Ok(())
    }

    fn latest(&self) -> Latest {
        // Lost or damaged it is as good as old.
        files::read_limited(&self.root.join(layout::LATEST), LATEST_BYTES_MAX)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// The highest number that exists; 0 when not even 1 does.
    fn newest_number(&self, hint: u64, name: impl Fn(u64) -> String) -> anyhow::Result<u64> {
        let exists = |number: u64| -> anyhow::Result<bool> {
            let path = self.root.join(name(number));
            path.try_exists()
                .with_context(|| format!("look for {}", path.display()))
        };
        // Double the step from a number that exists until one does not, then halve.
        let mut low = if hint > 0 && exists(hint)? { hint } else { 0 };
        let mut step = 1;
        while exists(low.saturating_add(step))? {
            low += step;
            step *= 2;
        }
        let mut high = low + step;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if exists(middle)? {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn document(&self, name: &str, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
        files::read_limited(&self.root.join(name), bytes_max).with_context(|| self.describe(name))
    }

    fn describe(&self, name: &str) -> String {
        format!("read {}", self.root.join(name).display())
    }

    fn unpack<W: Write>(
        &self,
        entry: &SegmentEntry,
        out: W,
        mut progress: impl FnMut(u64),
    ) -> anyhow::Result<W> {
        let path = self.root.join(layout::object(&entry.sha256));
        let context = || format!("read {}", path.display());
        let file = File::open(&path).with_context(context)?;
        let mut decoder = zstd::Decoder::new(file)
            .with_context(context)?
            .single_frame();
        let mut out = HashWriter::new(BufWriter::with_capacity(256 << 10, out));
        // One byte more than it may have shows that it has more.
        let mut limited = (&mut decoder).take(entry.raw_bytes + 1);
        let mut buffer = vec![0; 256 << 10];
        let mut done = 0;
        loop {
            let read = limited.read(&mut buffer).with_context(context)?;
            if read == 0 {
                break;
            }
            out.write_all(&buffer[..read])?;
            done += read as u64;
            progress(done);
        }
        let (out, hash, bytes) = out.finish();
        if bytes != entry.raw_bytes || hash != entry.sha256 {
            bail!(
                "{} does not hold what the manifest says: its content is damaged",
                path.display()
            );
        }
        let mut rest: BufReader<File> = decoder.finish();
        ensure!(
            rest.read(&mut [0])? == 0,
            "{} has bytes after its end",
            path.display()
        );
        out.into_inner().map_err(|error| error.into_error().into())
    }
}

/// Compresses a segment file, provided that it is what the manifest will say.
fn pack(entry: &SegmentEntry, segment: &Path, object: &Path) -> anyhow::Result<()> {
    let mut file = File::open(segment).with_context(|| format!("read {}", segment.display()))?;
    let mut encoder = zstd::Encoder::new(File::create(object)?, ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    let mut hashing = HashWriter::new(encoder);
    io::copy(&mut file, &mut hashing)?;
    let (encoder, hash, bytes) = hashing.finish();
    ensure!(
        hash == entry.sha256 && bytes == entry.raw_bytes,
        "{} is not what was built: it is damaged",
        segment.display()
    );
    encoder.finish()?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_number_is_found_whatever_the_hint() {
        let dir = tempfile::tempdir().unwrap();
        let depot = Depot::new(dir.path());
        assert_eq!(depot.newest_number(7, layout::manifest).unwrap(), 0);
        for newest in 1..40 {
            depot.create_manifest(newest, b"x").unwrap();
            for hint in [0, 1, newest / 2, newest, newest + 1, u64::MAX] {
                assert_eq!(
                    depot.newest_number(hint, layout::manifest).unwrap(),
                    newest,
                    "hint {hint}"
                );
            }
        }
    }

    #[test]
    fn one_creator_per_number() {
        let dir = tempfile::tempdir().unwrap();
        let depot = Depot::new(dir.path());
        assert!(depot.create_manifest(1, b"ours").unwrap());
        assert!(
            depot.create_manifest(1, b"ours").unwrap(),
            "our own bytes are ours"
        );
        assert!(!depot.create_manifest(1, b"theirs").unwrap());
    }
}
