//! `espy-loadtest compare`: several targets in turn.

use std::process::ExitCode;
use std::sync::Arc;

use crate::config::{CompareConfig, Loop, Target};
use crate::interrupt::Interrupt;
use crate::measure::{Measured, measure};
use crate::plan::Plan;
use crate::process::{Processes, is_local};
use crate::progress::Progress;
use crate::report::spread::Spread;
use crate::report::{Outcome, Ratio, Report, Round};
use crate::run::{describe, finish, floor_beside, look, processes_of};

/// A target that is called so is the floor, and no other is started.
const FLOOR: &str = "floor";

/// What is known of a target so far.
struct Entry {
    target: Target,
    processes: Processes,
    sum: Option<Measured>,
    rounds: Vec<Round>,
}

/// Does what the flags say, and gives the exit code.
///
/// # Errors
///
/// When nothing could be measured, or the report not be written.
pub fn run(config: &CompareConfig, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let first = &config.targets[0];
    let plan = Arc::new(Plan::load(&config.plan, first)?);
    let mut entries = Vec::new();
    let mut example = None;
    for target in &config.targets {
        let answer = look(target, &plan.example(), &config.load)?;
        example.get_or_insert(answer);
        entries.push(Entry {
            processes: processes_of(std::slice::from_ref(target), &config.report),
            target: target.clone(),
            sum: None,
            rounds: Vec::new(),
        });
    }
    let has_own_floor = config.targets.iter().any(|target| target.name == FLOOR);
    let floor = match &example {
        Some(example) if !has_own_floor => {
            floor_beside(first, example, &entries[0].processes, &config.report)?
        }
        _ => None,
    };
    if let Some(floor) = &floor {
        entries.push(Entry {
            target: floor.target.clone(),
            processes: Processes::new(vec![floor.pid()]),
            sum: None,
            rounds: Vec::new(),
        });
    }

    let mut report = Report::new("compare");
    report.load = describe(&config.load);
    report
        .load
        .push(("rounds".to_owned(), config.round_count.to_string()));
    report.plan.clone_from(&plan.summary);
    measure_rounds(config, &plan, &mut entries, interrupt)?;

    let is_closed = config.load.timing == Loop::Closed;
    report.outcomes = outcomes(&entries);
    if let Some(floor) = report
        .outcomes
        .iter()
        .find(|outcome| outcome.is_floor)
        .cloned()
    {
        for outcome in report
            .outcomes
            .iter_mut()
            .filter(|outcome| !outcome.is_floor)
        {
            outcome.floor = Some(outcome.share_of(&floor, is_closed));
            report.warnings.extend(outcome.size_warning(&floor));
        }
    } else if !is_local(first.address) {
        report
            .warnings
            .push("the floor was not measured: the target is not on this machine".to_owned());
    }
    for outcome in &report.outcomes {
        report.warnings.extend(outcome.warnings(is_closed));
    }
    finish(report, &config.report, interrupt)
}

fn measure_rounds(
    config: &CompareConfig,
    plan: &Arc<Plan>,
    entries: &mut [Entry],
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let mut progress = Progress::new();
    for round in 0..config.round_count {
        for turn in 0..entries.len() {
            // Another one begins each round: whoever comes first finds the
            // machine as the pause left it.
            let number = (round + turn) % entries.len();
            let entry = &mut entries[number];
            progress.begin(&format!(
                "round {}/{} {}",
                round + 1,
                config.round_count,
                entry.target.name
            ));
            let targets = [entry.target.clone()];
            let measured = measure(
                &config.load,
                &targets,
                plan,
                &entry.processes,
                interrupt,
                &mut progress,
            )?;
            if measured.interrupted {
                // Half a round would be compared with whole ones, unless it is
                // all there is.
                if entry.sum.is_none() {
                    entry.sum = Some(measured);
                }
                progress.finish();
                return Ok(());
            }
            entry
                .rounds
                .push(Outcome::of("", String::new(), false, &measured).round());
            match &mut entry.sum {
                Some(sum) => sum.add(&measured),
                sum => *sum = Some(measured),
            }
        }
    }
    progress.finish();
    Ok(())
}

fn outcomes(entries: &[Entry]) -> Vec<Outcome> {
    let first = &entries[0].rounds;
    entries
        .iter()
        .enumerate()
        .filter_map(|(number, entry)| {
            let address = format!("http://{}", entry.target.authority);
            let is_floor = entry.target.name == FLOOR;
            let mut outcome =
                Outcome::of(&entry.target.name, address, is_floor, entry.sum.as_ref()?);
            let median = |get: fn(&Round) -> Option<f64>| {
                Spread::of(entry.rounds.iter().filter_map(get)).map(|spread| spread.median)
            };
            outcome.rps = median(|round| Some(round.rps)).unwrap_or(outcome.rps);
            outcome.cpu_us_per_request =
                median(|round| round.cpu_us_per_request).or(outcome.cpu_us_per_request);
            outcome.cpu_cores = median(|round| round.cpu_cores).or(outcome.cpu_cores);
            outcome.is_first = number == 0;
            outcome.ratio = (number > 0).then(|| ratio(&entry.rounds, first));
            outcome.rounds.clone_from(&entry.rounds);
            // Rounds lie over each other in it.
            outcome.timeline.clear();
            Some(outcome)
        })
        .collect()
}

fn ratio(rounds: &[Round], first: &[Round]) -> Ratio {
    let of = |get: fn(&Round) -> Option<f64>| {
        Spread::of(
            rounds
                .iter()
                .zip(first)
                .filter_map(|(own, first)| Some(get(own)? / get(first)?)),
        )
    };
    Ratio {
        rps: of(|round| Some(round.rps)),
        cpu: of(|round| round.cpu_us_per_request),
        p50: of(|round| round.p50_us),
        p99: of(|round| round.p99_us),
    }
}
