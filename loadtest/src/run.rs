//! `espy-loadtest run`: one load, and the floor beside it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::config::{LoadConfig, Loop, ReportConfig, RunConfig, RunKind, Target};
use crate::floor_child::FloorChild;
use crate::http::probe::{Probe, Whole};
use crate::interrupt::{EXIT_INTERRUPTED, Interrupt};
use crate::measure::{Measured, measure, planned};
use crate::plan::Plan;
use crate::process::{Processes, is_local};
use crate::progress::Progress;
use crate::report::{Outcome, Report, table};
use crate::schedule::{Profile, Spacing};
use crate::{cpu_list, crawl, hostile};

/// The floor is measured before and after the target, each so long.
const FLOOR_SLICE_MIN: Duration = Duration::from_millis(500);
const FLOOR_SLICE_MAX: Duration = Duration::from_secs(5);
const FLOOR_WARMUP_MAX: Duration = Duration::from_millis(500);
/// An open load may be slower than anything can be measured at.
const FLOOR_RATE_MIN: f64 = 100.0;

/// Does what the flags say, and gives the exit code.
///
/// # Errors
///
/// When nothing could be measured, or the report not be written.
pub fn run(config: &RunConfig, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let report = match &config.kind {
        RunKind::Load => load(config, interrupt)?,
        RunKind::Crawl(start) => {
            let mut report = Report::new("crawl");
            report.plan.push(("start".to_owned(), start.clone()));
            report.crawl = Some(crawl::crawl(
                &config.targets[0],
                start,
                &config.load,
                interrupt,
            ));
            report
        }
        RunKind::Hostile => {
            let target = &config.targets[0];
            let path = config
                .plan
                .routes
                .first()
                .map_or("/", |route| &route.template);
            look(target, path, &config.load)?;
            let mut report = Report::new("hostile");
            report
                .plan
                .push(("honest path".to_owned(), path.to_owned()));
            report.hostile = Some(hostile::attack(target, &config.load, path, interrupt));
            report
        }
    };
    finish(report, &config.report, interrupt)
}

/// Tells the report, writes it, and judges.
///
/// # Errors
///
/// When the report cannot be written.
pub(crate) fn finish(
    mut report: Report,
    config: &ReportConfig,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    report.interrupted |= interrupt.is_set();
    report.limits = config
        .limits
        .iter()
        .flat_map(|limit| {
            report
                .outcomes
                .iter()
                .filter_map(|outcome| limit.judge(outcome))
        })
        .collect();
    print(&table::text(&report));
    if let Some(folder) = &config.folder {
        report.write(folder).context("write the report")?;
        log::info!("report: {}", folder.join("report.html").display());
    }
    Ok(if report.interrupted {
        ExitCode::from(EXIT_INTERRUPTED)
    } else if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(text: &str) {
    use std::io::Write;
    // A closed pipe is the reader's choice.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn load(config: &RunConfig, interrupt: &Interrupt) -> anyhow::Result<Report> {
    let first = &config.targets[0];
    let plan = Arc::new(Plan::load(&config.plan, first)?);
    let example = look(first, &plan.example(), &config.load)?;
    let processes = processes_of(&config.targets, &config.report);
    let floor = floor_beside(first, &example, &processes, &config.report)?;
    let mut progress = Progress::new();
    let mut report = Report::new("run");
    report.load = describe(&config.load);
    report.plan.clone_from(&plan.summary);

    let slice = floor.as_ref().map(|_| floor_load(&config.load));
    let mut floor_measured: Option<Measured> = None;
    let mut measure_floor = |progress: &mut Progress| -> anyhow::Result<()> {
        let (Some(floor), Some(slice)) = (&floor, &slice) else {
            return Ok(());
        };
        if interrupt.is_set() {
            return Ok(());
        }
        progress.begin("floor");
        let processes = Processes::new(vec![floor.pid()]);
        let targets = [floor.target.clone()];
        let next = measure(slice, &targets, &plan, &processes, interrupt, progress)?;
        match &mut floor_measured {
            Some(sum) => sum.add(&next),
            sum => *sum = Some(next),
        }
        Ok(())
    };
    // Before and after, so that a machine that changes its speed meanwhile
    // changes both halves of the floor and the target between them alike.
    measure_floor(&mut progress)?;
    progress.begin(&first.name);
    let measured = measure(
        &config.load,
        &config.targets,
        &plan,
        &processes,
        interrupt,
        &mut progress,
    )?;
    report.interrupted = measured.interrupted;
    measure_floor(&mut progress)?;
    progress.finish();

    let is_closed = config.load.timing == Loop::Closed;
    let addresses: Vec<String> = config
        .targets
        .iter()
        .map(|target| format!("http://{}", target.authority))
        .collect();
    let mut outcome = Outcome::of(&first.name, addresses.join(", "), false, &measured);
    outcome.is_first = true;
    report.warnings = outcome.warnings(is_closed);
    if let Some(sent) = planned(&config.load).filter(|_| !measured.interrupted) {
        report
            .load
            .push(("planned".to_owned(), format!("{sent:.0} requests")));
    }
    let floor_outcome = floor
        .as_ref()
        .zip(floor_measured.as_ref())
        .map(|(floor, measured)| {
            Outcome::of(
                "floor",
                format!("http://{}", floor.target.authority),
                true,
                measured,
            )
        });
    if let Some(floor) = &floor_outcome {
        outcome.floor = Some(outcome.share_of(floor, is_closed));
        report.warnings.extend(outcome.size_warning(floor));
        if is_closed {
            report.warnings.extend(floor.warnings(is_closed));
        }
    } else if !config.report.with_floor {
        report
            .warnings
            .push("the floor was not measured (--no-floor)".to_owned());
    } else if !is_local(first.address) {
        report
            .warnings
            .push("the floor was not measured: the target is not on this machine".to_owned());
    }
    report.outcomes.push(outcome);
    report.outcomes.extend(floor_outcome);
    Ok(report)
}

/// Asks once, so that a mistyped target is told before a load is put on it.
pub(crate) fn look(target: &Target, path: &str, load: &LoadConfig) -> anyhow::Result<Whole> {
    let url = format!("http://{}{path}", target.authority);
    let answer = Probe::new(target, load.timeout)
        .get(path)
        .with_context(|| format!("ask for {url}"))?;
    if answer.status >= 400 {
        log::warn!("{url} answers {}", answer.status);
    }
    Ok(answer)
}

/// The processes given for targets, else those that listen.
pub(crate) fn processes_of(targets: &[Target], config: &ReportConfig) -> Processes {
    let mut pids: Vec<u32> = config
        .pids
        .iter()
        .filter(|pid| {
            pid.target
                .as_ref()
                .is_none_or(|name| targets.iter().any(|t| t.name == *name))
        })
        .map(|pid| pid.pid)
        .collect();
    if pids.is_empty() {
        for target in targets {
            pids.extend(Processes::listening_on(target.address).pids());
        }
    }
    pids.sort_unstable();
    pids.dedup();
    Processes::new(pids)
}

/// A floor server on the CPUs of a local target, if it is wanted.
pub(crate) fn floor_beside(
    target: &Target,
    example: &Whole,
    processes: &Processes,
    config: &ReportConfig,
) -> anyhow::Result<Option<FloorChild>> {
    if !config.with_floor || !is_local(target.address) {
        return Ok(None);
    }
    let cpus = if config.floor_cpus.is_empty() {
        processes.cpus()
    } else {
        config.floor_cpus.clone()
    };
    FloorChild::start(example, &cpus).map(Some)
}

/// The same load for the floor, shorter, and at the mean rate if it is open.
fn floor_load(load: &LoadConfig) -> LoadConfig {
    let duration = (load.duration / 4).clamp(FLOOR_SLICE_MIN, FLOOR_SLICE_MAX);
    let warmup = load.warmup.min(FLOOR_WARMUP_MAX);
    let timing = match planned(load) {
        None => Loop::Closed,
        Some(sent) => {
            let rate = (sent / load.duration.as_secs_f64()).max(FLOOR_RATE_MIN);
            Loop::Open {
                profile: Profile::constant(rate, duration).after_warmup(warmup),
                spacing: match &load.timing {
                    Loop::Open { spacing, .. } => *spacing,
                    Loop::Closed => Spacing::Even,
                },
            }
        }
    };
    LoadConfig {
        duration,
        warmup,
        timing,
        count_max: u64::MAX,
        ..load.clone()
    }
}

/// The load in words.
pub(crate) fn describe(load: &LoadConfig) -> Vec<(String, String)> {
    let mut words = vec![("load".to_owned(), load.kind.to_owned())];
    let mut add = |what: &str, value: String| words.push((what.to_owned(), value));
    if let Loop::Open { spacing, .. } = &load.timing {
        add("spacing", spacing.name().to_owned());
    }
    let reuse = match (load.keep_alive, load.pipeline_depth) {
        (false, _) => ", a new one for each request".to_owned(),
        (true, 1) => ", kept alive".to_owned(),
        (true, depth) => format!(", {depth} requests in flight on each"),
    };
    add("connections", format!("{}{reuse}", load.connection_count));
    add(
        "time",
        format!(
            "{:?} after {:?} of warm-up, timeout {:?}",
            load.duration, load.warmup, load.timeout
        ),
    );
    if load.count_max != u64::MAX {
        add("count", format!("at most {}", load.count_max));
    }
    let pinned = if load.cpus.is_empty() {
        "not pinned".to_owned()
    } else {
        format!("on CPU {}", cpu_list::print(&load.cpus))
    };
    add(
        "generator",
        format!(
            "{} engine, {} thread(s), {pinned}, seed {}",
            load.engine.name(),
            load.thread_count,
            load.seed
        ),
    );
    words
}
