//! Publish: objects first, then the manifest, which is the commit, then the
//! channel document that readers follow. Each step may be repeated.

use std::fs;

use anyhow::{Context, bail, ensure};
use espy_shared::manifest::{ChannelDocument, Manifest};
use espy_shared::segment::SCHEMA_VERSION;
use espy_shared::telemetry::{Metric, Stage, StageClock, Statsd};
use jiff::{SignedDuration, Timestamp};

use crate::base::{self, Base};
use crate::build::plan::{self, Plan};
use crate::data::{DataDir, split_counted};
use crate::depot::{Depot, Document};
use crate::partial::BatchMeta;
use crate::progress::Progress;

/// Tries to number a channel document while others number theirs.
const CHANNEL_TRIES_MAX: u32 = 16;

/// How a snapshot is published.
#[derive(Clone, Debug)]
pub struct PublishConfig {
    /// The channel that is told.
    pub channel: String,
    /// Hours until the next snapshot is expected.
    pub expected_interval_hours: u32,
}

/// Commits a verified plan. `None` when another compactor took its number:
/// build again on what it published.
///
/// # Errors
///
/// When the depot cannot be written, or what is read back differs. Then
/// nothing is visible to readers, or all of it.
pub fn publish(
    depot: &Depot,
    data: &DataDir,
    plan: &Plan,
    now: Timestamp,
    config: &PublishConfig,
    statsd: &Statsd,
) -> anyhow::Result<Option<Manifest>> {
    let clock = StageClock::start(Stage::Publish);
    ensure!(plan.is_verified, "the build is not verified");
    let mut segments = plan.segments.clone();
    let mut ledger = plan.ledger.clone();
    let raw_bytes = segments.iter().map(|planned| planned.entry.raw_bytes);
    let mut progress = Progress::bytes("publish", raw_bytes.sum());
    let (mut objects, mut bytes) = (0_u64, 0_u64);
    // Reused ones too: one that was damaged in the depot meanwhile is stored
    // again from the cache, before a snapshot names it anew.
    for planned in segments.iter_mut().chain([&mut ledger]) {
        let file = if planned.is_new {
            Plan::file(data, &planned.entry)
        } else {
            base::cached(&data.cache(), &planned.entry.sha256)
        };
        planned.entry.object_bytes = depot.store(&planned.entry, &file)?;
        if planned.is_new {
            objects += 1;
            bytes += planned.entry.object_bytes;
        }
        progress.advance(planned.entry.raw_bytes);
    }
    progress.finish();
    // A channel that cannot be read could not be told afterwards.
    depot.newest_channel(&config.channel)?;
    let sequence = plan.base.map_or(1, |(sequence, _)| sequence + 1);
    let interval = SignedDuration::from_hours(i64::from(config.expected_interval_hours));
    let (manifest, document) = Manifest {
        content_hash: String::new(),
        schema_version: SCHEMA_VERSION,
        sequence,
        parent: plan.base.map(|(_, hash)| hash),
        data_through: plan.data_through,
        published_at: seconds(now),
        next_expected: seconds(
            now.checked_add(interval)
                .context("the next snapshot is beyond time")?,
        ),
        builder: plan.builder.clone(),
        segments: segments.into_iter().map(|planned| planned.entry).collect(),
        ledger: ledger.entry,
    }
    .seal();
    let manifest = if depot.create_manifest(sequence, &document)? {
        manifest
    } else {
        // A kill after the commit leaves our own snapshot there, published at
        // another time; the ledger in it tells it from anybody else's.
        let there = depot.manifest(sequence)?.content;
        if (&there.segments, &there.ledger) != (&manifest.segments, &manifest.ledger) {
            log::warn!(sequence; "another compactor has published snapshot {sequence}; building again on it");
            return Ok(None);
        }
        there
    };
    keep_as_cache(data, plan)?;
    announce(depot, now, config)?;
    statsd.gauge(Metric::SnapshotSequence, sequence as f64);
    let duration_ms = clock.finish(statsd);
    log::info!(sequence, objects, bytes, channel = config.channel, event_sum = manifest.head().event_sum,
        data_through = plan.data_through.map(|day| day.to_string()).unwrap_or_default(), duration_ms;
        "publish: snapshot {sequence}, {objects} new objects of {bytes} bytes, on channel {}", config.channel);
    Ok(Some(manifest))
}

/// Stores again from the cache what was damaged in the depot, so that a run
/// with nothing new also ends with the depot whole.
///
/// # Errors
///
/// When the depot cannot be read or written.
pub fn mend(depot: &Depot, base: &Base) -> anyhow::Result<()> {
    for entry in base.manifest.segments.iter().chain([&base.manifest.ledger]) {
        depot.store(entry, &base.path(entry))?;
    }
    Ok(())
}

/// Tells the channel of the newest manifest, unless it knows. A crash between
/// manifest and channel document is mended here by the next run.
///
/// # Errors
///
/// When the depot cannot be read or written.
pub fn announce(depot: &Depot, now: Timestamp, config: &PublishConfig) -> anyhow::Result<()> {
    for _ in 0..CHANNEL_TRIES_MAX {
        let Some(Document {
            content: manifest,
            hash,
        }) = depot.newest_manifest()?
        else {
            return Ok(());
        };
        let newest = depot.newest_channel(&config.channel)?;
        if newest
            .as_ref()
            .is_some_and(|newest| newest.content.sequence >= manifest.sequence)
        {
            return Ok(());
        }
        let counter = newest
            .as_ref()
            .map_or(1, |newest| newest.content.counter + 1);
        let (_, document) = ChannelDocument {
            content_hash: String::new(),
            channel: config.channel.clone(),
            counter,
            previous: newest.map(|newest| newest.hash),
            sequence: manifest.sequence,
            manifest: hash,
            issued_at: seconds(now),
            reason: "release".to_owned(),
        }
        .seal();
        if depot.create_channel(&config.channel, counter, &document)? {
            if let Err(error) = depot.hint(manifest.sequence, &config.channel, counter) {
                log::warn!(
                    "the depot's hint could not be renewed; readers probe instead: {error:#}"
                );
            }
            return Ok(());
        }
    }
    bail!(
        "channel {} is being written by others all the time",
        config.channel
    )
}

/// The new files are the next run's base: they need not be fetched again.
fn keep_as_cache(data: &DataDir, plan: &Plan) -> anyhow::Result<()> {
    for entry in plan.new_objects() {
        let (file, cached) = (
            Plan::file(data, entry),
            base::cached(&data.cache(), &entry.sha256),
        );
        // A kill may have come between two of them.
        if file.exists() || !cached.exists() {
            espy_shared::files::install(&file, &cached)?;
        }
    }
    plan::discard(data)
}

/// Removes partials that the depot holds, and cached segments that nothing
/// names.
///
/// # Errors
///
/// As the file system has them; harmless, the next run does it again.
pub fn clean_up(
    data: &DataDir,
    manifest: &Manifest,
    published: &[BatchMeta],
) -> anyhow::Result<()> {
    let (_, counted) = split_counted(data.pending()?, published);
    for pending in counted {
        fs::remove_file(&pending.path)
            .with_context(|| format!("remove {}", pending.path.display()))?;
    }
    Base::prune_cache(manifest, data)
}

fn seconds(time: Timestamp) -> String {
    format!("{time:.0}")
}
