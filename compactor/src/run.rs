//! A whole cycle: ingest, build, verify, publish; and each step alone.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use espy_shared::day::Day;
use espy_shared::telemetry::Statsd;
use jiff::Timestamp;

use crate::base::Base;
use crate::build::{self, BuildConfig, clock::Today, plan::Plan};
use crate::data::DataDir;
use crate::depot::Depot;
use crate::ingest::{self, IngestConfig, IngestReport, source::Input};
use crate::publish::{self, PublishConfig};
use crate::verify;

/// Times a lost race is built again before giving up.
const RACES_MAX: u32 = 16;

/// Everything a cycle needs.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// The data folder.
    pub data: PathBuf,
    /// The depot.
    pub depot: PathBuf,
    /// The run's day.
    pub today: Day,
    /// Whether a person has named the day; the clock may be wrong.
    pub is_today_given: bool,
    /// The run's time, for documents.
    pub now: Timestamp,
    /// What to read.
    pub inputs: Vec<Input>,
    /// How rows are read.
    pub ingest: IngestConfig,
    /// How a snapshot is built.
    pub build: BuildConfig,
    /// How it is published.
    pub publish: PublishConfig,
}

impl RunConfig {
    fn day(&self) -> Today {
        Today {
            day: self.today,
            is_given: self.is_today_given,
        }
    }
}

/// One whole cycle. Idempotent.
///
/// # Errors
///
/// When a step fails; the depot then holds what it held before.
pub fn run(config: &RunConfig, statsd: &Statsd) -> anyhow::Result<ExitCode> {
    let (data, depot) = open(config)?;
    let mut base = Base::fetch(&depot, &data)?;
    if base.is_none() && !data.is_fresh()? {
        log::warn!(depot = depot.name();
            "the depot is empty, but this data folder has published before; is it the right one, and mounted?");
    }
    let report = ingest::ingest(
        &data,
        base.as_ref(),
        &config.inputs,
        config.today,
        &config.ingest,
        statsd,
    )?;
    for _ in 0..RACES_MAX {
        let Some(plan) = build::build(&data, base.as_ref(), config.day(), &config.build, statsd)?
        else {
            publish::announce(&depot, config.now, &config.publish)?;
            if let Some(base) = &base {
                publish::mend(&depot, base)?;
                publish::clean_up(&data, &base.manifest, &base.ledger()?.batches()?)?;
                log::info!(sequence = base.manifest.sequence;
                    "nothing new to publish; the depot holds snapshot {}", base.manifest.sequence);
            } else {
                log::info!("nothing to publish");
            }
            return Ok(exit_code(&report));
        };
        let plan = verify::verify(&data, base.as_ref(), plan, statsd)?;
        if publish_plan(config, &depot, &data, &plan, statsd)? {
            return Ok(exit_code(&report));
        }
        base = Base::fetch(&depot, &data)?;
    }
    bail!("lost the race for a snapshot number {RACES_MAX} times; run again")
}

/// Ingest alone.
///
/// # Errors
///
/// When the data folder or the depot cannot be used.
pub fn ingest(config: &RunConfig, statsd: &Statsd) -> anyhow::Result<ExitCode> {
    let (data, depot) = open(config)?;
    let base = Base::fetch(&depot, &data)?;
    let report = ingest::ingest(
        &data,
        base.as_ref(),
        &config.inputs,
        config.today,
        &config.ingest,
        statsd,
    )?;
    Ok(exit_code(&report))
}

/// Build alone.
///
/// # Errors
///
/// As [`build::build`].
pub fn build(config: &RunConfig, statsd: &Statsd) -> anyhow::Result<ExitCode> {
    let (data, depot) = open(config)?;
    let base = Base::fetch(&depot, &data)?;
    build::build(&data, base.as_ref(), config.day(), &config.build, statsd)?;
    Ok(ExitCode::SUCCESS)
}

/// Verify alone.
///
/// # Errors
///
/// As [`verify::verify`].
pub fn verify(config: &RunConfig, statsd: &Statsd) -> anyhow::Result<ExitCode> {
    let (data, depot) = open(config)?;
    let base = Base::fetch(&depot, &data)?;
    match Plan::load(&data)? {
        Some(plan) => verify::verify(&data, base.as_ref(), plan, statsd).map(|_| ExitCode::SUCCESS),
        None => {
            log::info!("nothing is built");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Publish alone.
///
/// # Errors
///
/// When the build is not verified, or another compactor was faster.
pub fn publish(config: &RunConfig, statsd: &Statsd) -> anyhow::Result<ExitCode> {
    let (data, depot) = open(config)?;
    let Some(plan) = Plan::load(&data)? else {
        publish::announce(&depot, config.now, &config.publish)?;
        log::info!("nothing is built");
        return Ok(ExitCode::SUCCESS);
    };
    if publish_plan(config, &depot, &data, &plan, statsd)? {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("another compactor has published meanwhile; run build and verify again")
}

fn publish_plan(
    config: &RunConfig,
    depot: &Depot,
    data: &DataDir,
    plan: &Plan,
    statsd: &Statsd,
) -> anyhow::Result<bool> {
    let Some(manifest) = publish::publish(depot, data, plan, config.now, &config.publish, statsd)?
    else {
        return Ok(false);
    };
    let ledger = crate::base::cached(&data.cache(), &manifest.ledger.sha256);
    let batches = crate::ledger::Ledger::open(&ledger, &manifest.ledger.identity())?.batches()?;
    publish::clean_up(data, &manifest, &batches)?;
    Ok(true)
}

fn open(config: &RunConfig) -> anyhow::Result<(DataDir, Depot)> {
    let data = DataDir::open(&config.data)?;
    std::fs::create_dir_all(&config.depot)
        .with_context(|| format!("use {} as the depot", config.depot.display()))?;
    Ok((data, Depot::new(&config.depot)))
}

fn exit_code(report: &IngestReport) -> ExitCode {
    if report.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
