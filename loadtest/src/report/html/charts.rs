//! The charts of the page.

use std::fmt::Write;

use super::{color, escape};
use crate::report::spread::Spread;
use crate::report::svg::{self, Axis, Line};
use crate::report::table::{count, spread, time};
use crate::report::{Outcome, Round};

/// Percentiles over an axis on which each nine is as wide as the other.
pub(super) fn latency(out: &mut String, outcomes: &[Outcome]) {
    let nines = |percent: f64| 1.0 / (1.0 - percent / 100.0).max(1e-9);
    let curves = || outcomes.iter().flat_map(|outcome| &outcome.latency.curve);
    let Some(most) = curves()
        .map(|(percent, _)| nines(*percent))
        .reduce(f64::max)
    else {
        return;
    };
    let (min, max) = bounds(curves().map(|(_, us)| *us));
    let ticks = [
        (0.0, "0"),
        (50.0, "50 %"),
        (90.0, "90 %"),
        (99.0, "99 %"),
        (99.9, "99.9 %"),
        (99.99, "99.99 %"),
        (99.999, "99.999 %"),
        (99.9999, "99.9999 %"),
    ];
    let x = Axis {
        from: 1.0,
        to: most.max(10.0),
        is_log: true,
        ticks: ticks
            .into_iter()
            .map(|(percent, label)| (nines(percent), label.to_owned()))
            .filter(|(at, _)| *at <= most.max(10.0) * 1.001)
            .collect(),
    };
    let y = Axis::log(min, max, axis_time);
    let lines: Vec<Line> = outcomes
        .iter()
        .enumerate()
        .map(|(number, outcome)| Line {
            color: color(outcome, number),
            points: outcome
                .latency
                .curve
                .iter()
                .map(|(percent, us)| (nines(*percent), *us))
                .collect(),
            dashed: outcome.is_floor,
            filled: false,
        })
        .collect();
    let keys: Vec<(&str, &str)> = outcomes
        .iter()
        .enumerate()
        .map(|(number, outcome)| (color(outcome, number), outcome.name.as_str()))
        .collect();
    out.push_str("<h2>Latency</h2>\n");
    figure(
        out,
        "Latency by percentile",
        &keys,
        &svg::chart("Latency by percentile", 300.0, &x, &y, &lines, &[]),
    );
}

fn figure(out: &mut String, title: &str, keys: &[(&str, &str)], chart: &str) {
    let _ = write!(out, "<figure><figcaption><b>{title}</b>");
    for (color, name) in keys {
        let _ = write!(
            out,
            "<span class=\"name\"><span class=\"key\" style=\"background:var({color})\"></span>{}</span>",
            escape(name)
        );
    }
    let _ = writeln!(out, "</figcaption>{chart}</figure>");
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(min, max), value| {
        (min.min(value), max.max(value))
    })
}

/// Round, as marks of an axis are.
fn axis_time(us: f64) -> String {
    if us >= 1e6 {
        format!("{} s", us / 1e6)
    } else if us >= 1e3 {
        format!("{} ms", us / 1e3)
    } else {
        format!("{us} µs")
    }
}

pub(super) fn timeline(out: &mut String, outcome: &Outcome) {
    if outcome.timeline.len() < 2 {
        return;
    }
    let end = outcome
        .timeline
        .iter()
        .map(|slice| slice.at_s)
        .fold(0.0, f64::max);
    let x = Axis {
        to: end.max(1e-9),
        ..Axis::linear(end, |s| format!("{s} s"))
    };
    let x = Axis {
        ticks: x
            .ticks
            .iter()
            .filter(|(at, _)| *at <= x.to * 1.001)
            .cloned()
            .collect(),
        ..x
    };
    let rate: Vec<(f64, f64)> = outcome
        .timeline
        .iter()
        .map(|slice| (slice.at_s, slice.rps))
        .collect();
    let (_, most) = bounds(rate.iter().map(|(_, rps)| *rps));
    let errors: Vec<f64> = outcome
        .timeline
        .iter()
        .filter(|slice| slice.error_count > 0)
        .map(|slice| slice.at_s)
        .collect();
    let _ = writeln!(out, "<h2>Over time</h2>");
    let line = Line {
        color: "--s0",
        points: rate,
        dashed: false,
        filled: true,
    };
    let mut keys = vec![("--s0", "answers per second")];
    if !errors.is_empty() {
        keys.push(("--bad", "errors"));
    }
    let y = Axis::linear(most, count_mark);
    figure(
        out,
        "Rate",
        &keys,
        &svg::chart(
            "Answers per second over time",
            180.0,
            &x,
            &y,
            &[line],
            &errors,
        ),
    );

    let series = |get: fn(&crate::report::Slice) -> Option<f64>| -> Vec<(f64, f64)> {
        outcome
            .timeline
            .iter()
            .filter_map(|slice| Some((slice.at_s, get(slice)?)))
            .collect()
    };
    let lines: Vec<Line> = [
        ("--s0", series(|slice| slice.p50_us)),
        ("--s1", series(|slice| slice.p99_us)),
        ("--s3", series(|slice| slice.max_us)),
    ]
    .into_iter()
    .map(|(color, points)| Line {
        color,
        points,
        dashed: false,
        filled: false,
    })
    .collect();
    let (min, max) = bounds(
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|(_, us)| *us),
    );
    let keys = [("--s0", "p50"), ("--s1", "p99"), ("--s3", "max")];
    let y = Axis::log(min, max, axis_time);
    figure(
        out,
        "Latency",
        &keys,
        &svg::chart("Latency over time", 220.0, &x, &y, &lines, &[]),
    );
}

fn count_mark(value: f64) -> String {
    if value < 100.0 {
        value.to_string()
    } else {
        count(value)
    }
}

pub(super) fn comparison(out: &mut String, outcomes: &[Outcome]) {
    type Chart = (&'static str, fn(&Round) -> Option<f64>, fn(f64) -> String);
    let charts: [Chart; 3] = [
        ("Answers per second", |round| Some(round.rps), count),
        (
            "CPU per request",
            |round| round.cpu_us_per_request,
            |us| time(Some(us)),
        ),
        ("p99", |round| round.p99_us, |us| time(Some(us))),
    ];
    let _ = writeln!(
        out,
        "<h2>Side by side</h2>\n<p class=\"soft\">Medians of the rounds; the mark goes from the least to the greatest.</p>"
    );
    for (title, get, label) in charts {
        let rows: Vec<_> = outcomes
            .iter()
            .enumerate()
            .filter_map(|(number, outcome)| {
                let spread = Spread::of(outcome.rounds.iter().filter_map(get))?;
                let name = escape(&outcome.name);
                Some((
                    name,
                    color(outcome, number),
                    spread.median,
                    spread.min,
                    spread.max,
                ))
            })
            .collect();
        if !rows.is_empty() {
            figure(out, title, &[], &svg::bars(title, &rows, label));
        }
    }
    let first = outcomes.first().map_or("", |outcome| outcome.name.as_str());
    let _ = writeln!(
        out,
        "<h2>In parts of {}</h2>\n<p class=\"soft\">Median of the rounds' own ratios, least and greatest in parentheses.</p>\
         <div class=\"scroll\"><table>\n<tr><th>Target</th><th>Answers/s</th><th>CPU/request</th><th>p50</th><th>p99</th></tr>",
        escape(first)
    );
    for outcome in outcomes {
        let Some(ratio) = &outcome.ratio else {
            continue;
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&outcome.name),
            spread(ratio.rps.as_ref()),
            spread(ratio.cpu.as_ref()),
            spread(ratio.p50.as_ref()),
            spread(ratio.p99.as_ref())
        );
    }
    out.push_str("</table></div>\n");
}
