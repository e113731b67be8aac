//! `espy-loadtest events`: download events and what counting them must give.
//!
//! `event` makes the events of a [`Recipe`](crate::config::Recipe), one after
//! the other; a `write_*` module per format turns each into a line, and
//! `expected` counts it. Neither knows of the other, and none of the choices
//! of an event depends on the format. Memory holds the counts of one day.

mod agent;
pub(crate) mod alias;
mod calendar;
mod details;
mod environment;
mod event;
mod expected;
mod json_agent;
mod lines;
mod malformed;
mod marginals;
mod output;
mod popularity;
mod progress;
mod projects;
mod summary;
mod time_of_day;
mod write_access_log;
mod write_bigquery;
mod write_counts;
mod write_linehaul;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;

use self::calendar::{DayPlan, Seconds};
use self::event::Events;
use self::expected::DayCounts;
use self::lines::Lines;
use self::output::Output;
use self::progress::Progress;
use self::summary::{Summary, Totals};
use crate::config::{EXPECTED_CSV, EXPECTED_JSON, EventsConfig, Format, Out, with_suffix};

/// Makes the file and those beside it.
///
/// # Errors
///
/// When a file cannot be created or written. What is there then is not
/// complete, and no `.expected.json` stands beside it.
pub fn run(config: &EventsConfig) -> anyhow::Result<()> {
    let prefix = config.expected_prefix.as_deref();
    let csv_path = prefix.map(|prefix| with_suffix(prefix, EXPECTED_CSV));
    let json_path = prefix.map(|prefix| with_suffix(prefix, EXPECTED_JSON));
    if let Some(path) = &json_path {
        remove_stale(path)?;
    }
    let mut out = Output::open(&config.out, config.compress)?;
    let mut csv: Box<dyn Write> = match &csv_path {
        Some(path) => Box::new(BufWriter::new(output::create(path)?)),
        None => Box::new(io::sink()),
    };
    let summary = generate(config, &mut out, &mut csv)?;
    out.finish()
        .with_context(|| format!("write {}", out_name(&config.out)))?;
    csv.flush().context("write the expected counts")?;
    drop(csv);
    if let Some(path) = &json_path {
        let mut json = serde_json::to_vec_pretty(&summary).context("write the summary as JSON")?;
        json.push(b'\n');
        fs::write(path, json).with_context(|| format!("write {}", path.display()))?;
    }
    let (lines, totals) = (summary.lines(), summary.totals());
    log::info!(
        lines = lines, events = totals.events, downloads = totals.downloads;
        "wrote {lines} lines of {} events, {} downloads, to {}",
        totals.events, totals.downloads, out_name(&config.out)
    );
    Ok(())
}

/// The summary stands for complete files: that of an earlier run goes first.
fn remove_stale(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => {
            Err(err).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn out_name(out: &Out) -> String {
    match out {
        Out::Stdout => "standard output".to_owned(),
        Out::File(path) => path.display().to_string(),
    }
}

/// Writes the lines to `out` and the expected counts to `csv`.
fn generate(
    config: &EventsConfig,
    out: &mut dyn Write,
    csv: &mut dyn Write,
) -> anyhow::Result<Summary> {
    let mut events = Events::new(&config.recipe);
    let mut lines = Lines::new(config, out);
    let mut counts = DayCounts::new(events.projects(), config.format != Format::AccessLog);
    let mut summary = Summary::new(config);
    let mut progress = Progress::new(config.recipe.row_count);
    let lines_failed = || format!("write {}", out_name(&config.out));
    let csv_failed = "write the expected counts";

    lines.write_header().with_context(lines_failed)?;
    writeln!(csv, "{}", write_counts::HEADER).context(csv_failed)?;
    for DayPlan {
        day,
        event_count,
        malformed_count,
    } in calendar::plan(&config.recipe)
    {
        let mut totals = Totals::default();
        let mut seconds = Seconds::new(event_count);
        lines.start_day(malformed_count, event_count);
        while let Some(second) = seconds.next(events.rng()) {
            let event = events.make(second);
            let verdict = counts.add(&event);
            totals.add(config.format, verdict);
            lines
                .write_event(&day, &event, verdict)
                .with_context(lines_failed)?;
            progress.advance();
        }
        if config.format == Format::Counts {
            totals.rows = counts.row_count();
            lines.start_day(malformed_count, totals.rows);
            counts
                .each_sorted(events.projects(), |row| lines.write_count(&day, row))
                .with_context(lines_failed)?;
        }
        totals.other_lines = lines.end_day(&day).with_context(lines_failed)?;
        let mut line = Vec::new();
        counts
            .each_sorted(events.projects(), |row| {
                line.clear();
                write_counts::write(&day.iso, row, &mut line);
                line.push(b'\n');
                csv.write_all(&line)
            })
            .context(csv_failed)?;
        counts.clear();
        summary.add_day(&day.iso, malformed_count, totals);
    }
    progress.finish();
    Ok(summary)
}

#[cfg(test)]
mod tests;
