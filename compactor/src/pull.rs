//! Pull: the other side of publish, on each host. Follows a channel, fetches
//! missing segments, verifies every byte, installs by rename, and moves the
//! pointer last. A failed pull leaves the host as it was.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use espy_shared::files;
use espy_shared::hash::{self, ObjectHash};
use espy_shared::layout::{self, MANIFESTS_DIR, SEGMENTS_DIR};
use espy_shared::manifest::{
    CURRENT_BYTES_MAX, Current, MANIFEST_BYTES_MAX, Manifest, SegmentEntry,
};
use espy_shared::segment;
use espy_shared::telemetry::{Metric, Stage, StageClock, Statsd};
use rustix::fs::{FlockOperation, flock};

use crate::depot::Depot;
use crate::progress::Progress;

/// What is pulled, and whereto.
#[derive(Clone, Debug)]
pub struct PullConfig {
    /// Snapshots are installed here.
    pub snapshots: PathBuf,
    /// The channel to follow.
    pub channel: String,
    /// Snapshots that stay installed, the current one included; 2 or more.
    pub keep: usize,
}

/// What a pull came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pulled {
    /// This sequence is new on this host.
    Installed(u64),
    /// This sequence was installed before.
    UpToDate(u64),
    /// The channel has no document yet.
    Nothing,
}

/// Brings the host to what its channel says.
///
/// # Errors
///
/// When something is missing, damaged or older than what is installed; the
/// host keeps what it has.
pub fn pull(depot: &Depot, config: &PullConfig, statsd: &Statsd) -> anyhow::Result<Pulled> {
    let clock = StageClock::start(Stage::Pull);
    depot.check()?;
    let host = Host::open(&config.snapshots)?;
    let Some(document) = depot.newest_channel(&config.channel)? else {
        ensure!(
            host.current()
                .is_none_or(|current| current.channel != config.channel),
            "nothing is published on channel {} of {}, but this host has followed it; is it the right depot?",
            config.channel,
            depot.name()
        );
        log::warn!(channel = config.channel; "pull: nothing is published on channel {} of {}",
            config.channel, depot.name());
        return Ok(Pulled::Nothing);
    };
    let document = document.content;
    let current = host.current();
    if let Some(current) = current
        .as_ref()
        .filter(|current| current.channel == config.channel)
    {
        ensure!(
            document.counter >= current.counter,
            "the depot's newest document on channel {} is number {}, this host has followed number {}",
            config.channel,
            document.counter,
            current.counter
        );
    }
    let bytes = depot.manifest_bytes(document.sequence)?;
    ensure!(
        ObjectHash::of(&bytes) == document.manifest,
        "manifest {} is not the one that channel {} names: it is damaged",
        document.sequence,
        config.channel
    );
    let manifest =
        Manifest::parse(&bytes).with_context(|| format!("manifest {}", document.sequence))?;
    ensure!(
        manifest.sequence == document.sequence,
        "manifest {} says it is {}",
        document.sequence,
        manifest.sequence
    );
    let fetched = host.install_segments(depot, &manifest)?;
    let (next, pointer) = Current {
        content_hash: String::new(),
        sequence: document.sequence,
        manifest: document.manifest,
        counter: document.counter,
        channel: config.channel.clone(),
    }
    .seal();
    let is_new = current.as_ref() != Some(&next) || !host.manifest_is(document.sequence, &bytes);
    if is_new {
        host.point(next.sequence, &bytes, &pointer)?;
    }
    host.sweep(&manifest, config.keep)?;
    statsd.gauge(Metric::SnapshotSequence, manifest.sequence as f64);
    let duration_ms = clock.finish(statsd);
    let fetched_bytes: u64 = fetched.iter().map(|entry| entry.object_bytes).sum();
    log::info!(sequence = manifest.sequence, counter = document.counter, fetched = fetched.len(),
        bytes = fetched_bytes, is_new, duration_ms;
        "pull: snapshot {} {}, {} segments fetched, {fetched_bytes} bytes", manifest.sequence,
        if is_new { "installed" } else { "was installed before" }, fetched.len());
    Ok(if is_new {
        Pulled::Installed(manifest.sequence)
    } else {
        Pulled::UpToDate(manifest.sequence)
    })
}

/// A host's snapshot folder, locked by this process.
struct Host {
    root: PathBuf,
    _lock: File,
}

impl Host {
    fn open(root: &Path) -> anyhow::Result<Self> {
        let context = || format!("use {} as the snapshot folder", root.display());
        for dir in [SEGMENTS_DIR, MANIFESTS_DIR] {
            fs::create_dir_all(root.join(dir)).with_context(context)?;
        }
        let lock = File::create(root.join(".lock")).with_context(context)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                bail!("another pull is at work in {}", root.display())
            }
            Err(error) => return Err(error).with_context(context),
        }
        for dir in [
            root.to_owned(),
            root.join(SEGMENTS_DIR),
            root.join(MANIFESTS_DIR),
        ] {
            for entry in fs::read_dir(&dir).with_context(context)? {
                let path = entry?.path();
                if path
                    .file_name()
                    .is_some_and(|name| files::is_temporary(&name.to_string_lossy()))
                {
                    fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
                }
            }
        }
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
        })
    }

    /// The pointer; a damaged one is as good as none.
    fn current(&self) -> Option<Current> {
        let bytes =
            files::read_limited(&self.root.join(layout::CURRENT), CURRENT_BYTES_MAX).ok()?;
        Current::parse(&bytes).ok()
    }

    fn segment(&self, entry: &SegmentEntry) -> PathBuf {
        self.root.join(layout::segment(&entry.sha256))
    }

    /// Fetches what is not there intact, and checks that each segment is what
    /// the manifest says.
    fn install_segments(
        &self,
        depot: &Depot,
        manifest: &Manifest,
    ) -> anyhow::Result<Vec<SegmentEntry>> {
        let mut fetched = Vec::new();
        let mut progress = Progress::bytes(
            "pull",
            manifest.segments.iter().map(|entry| entry.raw_bytes).sum(),
        );
        for entry in &manifest.segments {
            let path = self.segment(entry);
            if !is_intact(&path, entry) {
                depot.fetch(entry, &path, |done| progress.within(done))?;
                fs::set_permissions(&path, Permissions::from_mode(0o444))?;
                fetched.push(entry.clone());
            }
            let check = segment::open_file(&path)
                .and_then(|connection| segment::check(&connection, &entry.identity()));
            check.with_context(|| format!("segment {}", entry.sha256))?;
            progress.advance(entry.raw_bytes);
        }
        progress.finish();
        Ok(fetched)
    }

    fn manifest_is(&self, sequence: u64, bytes: &[u8]) -> bool {
        files::read_limited(
            &self.root.join(layout::manifest(sequence)),
            MANIFEST_BYTES_MAX,
        )
        .is_ok_and(|found| found == bytes)
    }

    fn point(&self, sequence: u64, manifest: &[u8], pointer: &[u8]) -> anyhow::Result<()> {
        files::replace(&self.root.join(layout::manifest(sequence)), manifest)
            .with_context(|| format!("write manifest {sequence}"))?;
        files::replace(&self.root.join(layout::CURRENT), pointer).context("write the pointer")
    }

    /// Removes snapshots beyond `keep`, newest first, and segments that none
    /// of the rest names. A manifest that cannot be read keeps everything.
    fn sweep(&self, current: &Manifest, keep: usize) -> anyhow::Result<()> {
        let dir = self.root.join(MANIFESTS_DIR);
        let mut sequences: Vec<u64> = Vec::new();
        for entry in fs::read_dir(&dir)? {
            sequences.extend(layout::number_of(&entry?.file_name().to_string_lossy()));
        }
        sequences.sort_unstable_by(|a, b| b.cmp(a));
        sequences.retain(|sequence| *sequence != current.sequence);
        let gone = sequences.split_off(sequences.len().min(keep.saturating_sub(1)));
        let mut named: BTreeSet<PathBuf> = current
            .segments
            .iter()
            .map(|entry| self.segment(entry))
            .collect();
        for sequence in sequences {
            let bytes = files::read_limited(
                &self.root.join(layout::manifest(sequence)),
                MANIFEST_BYTES_MAX,
            )?;
            match Manifest::parse(&bytes) {
                Ok(manifest) => {
                    named.extend(manifest.segments.iter().map(|entry| self.segment(entry)))
                }
                Err(error) => {
                    log::warn!(sequence; "installed manifest {sequence} is damaged, nothing is swept: {error}");
                    return Ok(());
                }
            }
        }
        for sequence in gone {
            fs::remove_file(self.root.join(layout::manifest(sequence)))?;
        }
        for entry in fs::read_dir(self.root.join(SEGMENTS_DIR))? {
            let path = entry?.path();
            if !named.contains(&path) {
                fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
            }
        }
        Ok(())
    }
}

fn is_intact(path: &Path, entry: &SegmentEntry) -> bool {
    hash::of_file(path).is_ok_and(|found| found == (entry.sha256, entry.raw_bytes))
}
