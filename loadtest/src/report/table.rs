//! The report on a terminal.

use std::fmt::Write;

use super::spread::Spread;
use super::{Outcome, Report};

/// A report as text.
pub(crate) fn text(report: &Report) -> String {
    let mut out = String::new();
    let title = if report.interrupted {
        " (interrupted: what was measured so far)"
    } else {
        ""
    };
    let _ = writeln!(out, "\n{}{title}", report.kind);
    for (what, value) in report.load.iter().chain(&report.plan) {
        let _ = writeln!(out, "  {what:<14} {value}");
    }
    if !report.outcomes.is_empty() {
        out.push('\n');
        out.push_str(&outcomes(&report.outcomes));
    }
    if report
        .outcomes
        .iter()
        .any(|outcome| outcome.ratio.is_some())
    {
        out.push('\n');
        out.push_str(&ratios(&report.outcomes));
    }
    for outcome in &report.outcomes {
        details(&mut out, outcome);
    }
    if let Some(crawl) = &report.crawl {
        let _ = write!(out, "\n{crawl}");
    }
    if let Some(hostile) = &report.hostile {
        let _ = write!(out, "\n{hostile}");
    }
    for warning in &report.warnings {
        let _ = writeln!(out, "\nwarning: {warning}");
    }
    if !report.limits.is_empty() {
        out.push('\n');
    }
    for verdict in &report.limits {
        let _ = writeln!(out, "{verdict}");
    }
    out
}

fn outcomes(outcomes: &[Outcome]) -> String {
    let mut rows = vec![
        [
            "target", "req/s", "p50", "p99", "p99.9", "max", "errors", "CPU/req", "core",
            "of floor",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for outcome in outcomes {
        let at = |percent| time(outcome.percentile(percent));
        rows.push(vec![
            outcome.name.clone(),
            count(outcome.rps),
            at(50.0),
            at(99.0),
            at(99.9),
            time(outcome.latency.max()),
            outcome.error_count.to_string(),
            time(outcome.cpu_us_per_request),
            outcome
                .cpu_cores
                .map_or_else(dash, |cores| format!("{:.0} %", cores * 100.0)),
            outcome.floor.as_ref().map_or_else(dash, |floor| {
                format!("{:.2} ({})", floor.share, floor.basis)
            }),
        ]);
    }
    aligned(&rows)
}

fn ratios(outcomes: &[Outcome]) -> String {
    let first = outcomes.first().map_or("", |outcome| outcome.name.as_str());
    let mut rows = vec![vec![
        format!("over {first}"),
        "req/s".to_owned(),
        "CPU/req".to_owned(),
        "p50".to_owned(),
        "p99".to_owned(),
    ]];
    for outcome in outcomes {
        let Some(ratio) = &outcome.ratio else {
            continue;
        };
        rows.push(vec![
            outcome.name.clone(),
            spread(ratio.rps.as_ref()),
            spread(ratio.cpu.as_ref()),
            spread(ratio.p50.as_ref()),
            spread(ratio.p99.as_ref()),
        ]);
    }
    aligned(&rows)
}

/// `1.04 (0.98 to 1.10)`.
pub(super) fn spread(spread: Option<&Spread>) -> String {
    spread.map_or_else(dash, |s| {
        format!("{:.3} ({:.3} to {:.3})", s.median, s.min, s.max)
    })
}

fn details(out: &mut String, outcome: &Outcome) {
    #[expect(clippy::cast_precision_loss, reason = "shown to a person")]
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    let list = |pairs: Vec<String>| {
        if pairs.is_empty() {
            "none".to_owned()
        } else {
            pairs.join(", ")
        }
    };
    let statuses = outcome
        .statuses
        .iter()
        .map(|(status, n)| format!("{status}: {n}"))
        .collect();
    let errors = outcome
        .errors
        .iter()
        .map(|(kind, n)| format!("{kind}: {n}"))
        .collect();
    let _ = writeln!(
        out,
        "\n{} at {}\n  answers        {} in {:.2} s, {} received, {} connections\n  statuses       {}, 304 share {:.1} %\n  errors         {}",
        outcome.name,
        outcome.address,
        outcome.answers,
        outcome.seconds,
        megabytes(outcome.wire_bytes),
        outcome.connects,
        list(statuses),
        outcome.not_modified_share * 100.0,
        list(errors),
    );
    if let Some(bytes) = outcome.resident_bytes {
        let _ = writeln!(out, "  memory         {}", megabytes(bytes));
    }
    if let Some(late) = &outcome.lateness {
        let _ = writeln!(
            out,
            "  generator      late by p50 {}, p99 {}, max {}; sent to answered p99 {}",
            time(late.percentile(50.0)),
            time(late.percentile(99.0)),
            time(late.max()),
            time(outcome.service.percentile(99.0))
        );
    } else {
        let _ = writeln!(
            out,
            "  generator      {:.0} % of its core",
            outcome.generator_cores * 100.0
        );
    }
}

/// First column to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let width_of = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len))
        .map(width_of)
        .collect();
    let mut out = String::new();
    for row in rows {
        for (number, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if number == 0 {
                write!(out, "{cell:<width$}")
            } else {
                write!(out, "  {cell:>width$}")
            };
        }
        out.push('\n');
    }
    out
}

fn dash() -> String {
    "-".to_owned()
}

/// Microseconds, in the unit that reads best.
pub(super) fn time(us: Option<f64>) -> String {
    match us {
        None => dash(),
        Some(us) if us >= 999_500.0 => format!("{:.2} s", us / 1e6),
        Some(us) if us >= 99_950.0 => format!("{:.0} ms", us / 1e3),
        Some(us) if us >= 9_995.0 => format!("{:.1} ms", us / 1e3),
        Some(us) if us >= 999.5 => format!("{:.2} ms", us / 1e3),
        Some(us) if us >= 99.95 => format!("{us:.0} µs"),
        Some(us) if us >= 9.995 => format!("{us:.1} µs"),
        Some(us) => format!("{us:.2} µs"),
    }
}

/// A rate with its thousands apart.
pub(super) fn count(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (number, digit) in digits.chars().enumerate() {
        if number > 0 && (digits.len() - number) % 3 == 0 {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        fn check(us: f64, expect: &str) {
            assert_eq!(time(Some(us)), expect);
        }
        check(5.678, "5.68 µs");
        check(56.78, "56.8 µs");
        check(567.8, "568 µs");
        check(1234.0, "1.23 ms");
        check(12_345.0, "12.3 ms");
        check(123_456.0, "123 ms");
        check(1_500_000.0, "1.50 s");
        assert_eq!(count(1_234_567.0), "1 234 567");
        assert_eq!(count(12.34), "12.3");
        assert_eq!(count(999.0), "999");
    }

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["a".to_owned(), "µs".to_owned()],
            vec!["long".to_owned(), "1".to_owned()],
        ];
        assert_eq!(aligned(&rows), "a     µs\nlong   1\n");
    }
}
