//! Ingest: every input becomes a batch, every batch a partial in the data
//! folder. A batch that has been counted before becomes nothing.

mod batch;
pub mod bigquery;
pub mod content;
pub mod counter;
pub mod counts;
pub mod details;
pub mod format;
pub mod interner;
pub mod linehaul;
pub mod quarantine;
pub mod row;
pub mod rules;
pub mod source;
pub mod tables;
pub mod timestamp;
pub mod user_agent;

use espy_shared::day::Day;
use espy_shared::telemetry::{Metric, Stage, StageClock, Statsd};

use crate::base::Base;
use crate::data::DataDir;
use crate::partial::{self, BatchMeta};
use crate::progress::Progress;
use batch::{Outcome, Setting};
use content::{BatchHash, KnownContents};
use source::{Input, is_plain_file};
use tables::Tables;

/// How rows are read.
#[derive(Clone, Debug)]
pub struct IngestConfig {
    /// The tables of installers.
    pub tables: Tables,
    /// Largest share of rejected rows, 0 to 1.
    pub max_reject_share: f64,
    /// Longest line in bytes.
    pub line_bytes_max: usize,
    /// Days of daily series that are kept, 0 for all.
    pub daily_retention: u32,
}

/// What a run's ingest came to.
#[derive(Default, Debug)]
pub struct IngestReport {
    /// Batches with new counts.
    pub batches: Vec<BatchMeta>,
    /// Inputs that had been counted before.
    pub known: u64,
    /// Inputs without content.
    pub empty: u64,
    /// Inputs that failed as a whole, with the reason.
    pub failed: Vec<(String, anyhow::Error)>,
}

/// Reads all inputs. One that fails leaves the others alone.
///
/// # Errors
///
/// When the data folder cannot be used at all.
pub fn ingest(
    data: &DataDir,
    base: Option<&Base>,
    inputs: &[Input],
    today: Day,
    config: &IngestConfig,
    statsd: &Statsd,
) -> anyhow::Result<IngestReport> {
    let clock = StageClock::start(Stage::Ingest);
    let mut known = known_contents(data, base)?;
    let setting = Setting {
        tables: &config.tables,
        today,
        kept_from: base.and_then(|base| base.kept_from(config.daily_retention)),
        max_reject_share: config.max_reject_share,
        line_bytes_max: config.line_bytes_max,
        quarantine_dir: data.quarantine(),
    };
    let mut inputs: Vec<&Input> = inputs.iter().collect();
    // A log's older, shorter copy comes first, so that the longer one is
    // recognised as the same log grown. Where the length of the content is not
    // known beforehand, the order given holds.
    if inputs.iter().all(|input| is_plain_file(input)) {
        inputs.sort_by_key(|input| input.bytes());
    }
    let mut progress = Progress::bytes("ingest", inputs.iter().map(|input| input.bytes()).sum());
    let mut report = IngestReport::default();
    for input in inputs {
        let name = input.name();
        let outcome = batch::read(input, &known, &setting, |consumed| {
            progress.within(consumed)
        });
        progress.advance(input.bytes());
        progress.suspend(|| {
            match outcome.and_then(|outcome| store(data, outcome, &name, &mut report)) {
                Ok(Some((length, hash))) => known.insert(length, hash),
                Ok(None) => {}
                Err(error) => {
                    log::error!(file = name; "nothing of {name} is counted: {error:#}");
                    report.failed.push((name, error));
                }
            }
        });
    }
    progress.finish();
    let sum = |field: fn(&BatchMeta) -> u64| report.batches.iter().map(field).sum::<u64>();
    let (counted, ignored, rejected) =
        (sum(|b| b.counted), sum(|b| b.ignored), sum(|b| b.rejected));
    statsd.count(Metric::RowsCounted, counted);
    statsd.count(Metric::RowsIgnored, ignored);
    statsd.count(Metric::RowsRejected, rejected);
    statsd.count(Metric::BatchesFailed, report.failed.len() as u64);
    let duration_ms = clock.finish(statsd);
    log::info!(batches = report.batches.len(), known = report.known, empty = report.empty,
        failed = report.failed.len(), counted, ignored, rejected, duration_ms;
        "ingest: {} new, {} known, {} empty, {} failed; {counted} rows counted, {ignored} ignored, \
         {rejected} rejected",
        report.batches.len(), report.known, report.empty, report.failed.len());
    Ok(report)
}

fn store(
    data: &DataDir,
    outcome: Outcome,
    name: &str,
    report: &mut IngestReport,
) -> anyhow::Result<Option<(u64, BatchHash)>> {
    match outcome {
        Outcome::Empty { left_bytes } => {
            report.empty += 1;
            log::warn!(file = name, left_bytes; "{name} is empty: nothing to count");
            Ok(None)
        }
        Outcome::Known { hash } => {
            report.known += 1;
            log::info!(file = name, batch = hash; "{name} has been counted before: nothing new");
            Ok(None)
        }
        Outcome::Counted {
            meta,
            counter,
            quarantine,
        } => {
            partial::write(&data.partials(), &meta, &counter)?;
            let tally = counter.tally();
            if let Some(quarantine) = quarantine {
                log::warn!(file = name, rejected = meta.rejected, quarantine:% = quarantine.display();
                    "{} rows of {name} are unreadable ({:?}); see {}", meta.rejected, tally.rejected,
                    quarantine.display());
            }
            log::info!(file = name, batch = meta.hash, format = meta.format, counted = meta.counted,
                ignored = meta.ignored, rejected = meta.rejected, continues = meta.parent.is_some();
                "{name}: {} rows counted, {} ignored, {} rejected{}", meta.counted, meta.ignored, meta.rejected,
                if meta.parent.is_some() { ", after what was counted before" } else { "" });
            let known = (meta.length, BatchHash::from_hex(&meta.hash)?);
            report.batches.push(meta);
            Ok(Some(known))
        }
    }
}

/// What has been counted: published, or waiting.
fn known_contents(data: &DataDir, base: Option<&Base>) -> anyhow::Result<KnownContents> {
    let mut known = KnownContents::default();
    if let Some(base) = base {
        for batch in base.ledger()?.batches()? {
            known.insert(batch.length, BatchHash::from_hex(&batch.hash)?);
        }
    }
    for pending in data.pending()? {
        known.insert(
            pending.meta.length,
            BatchHash::from_hex(&pending.meta.hash)?,
        );
    }
    Ok(known)
}
