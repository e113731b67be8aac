//! The report as one page that needs nothing else: style and charts are inside,
//! there is no script.

mod charts;

use std::fmt::Write;

use super::table::{count, time};
use super::{Outcome, Report};

const STYLE: &str = include_str!("style.css");
const COLORS: [&str; 5] = ["--s0", "--s1", "--s2", "--s3", "--s4"];
const FLOOR_COLOR: &str = "--floor";
/// What a person may want to read of a list; the JSON has all.
const ROWS_MAX: usize = 200;

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let names: Vec<&str> = report
        .outcomes
        .iter()
        .filter(|outcome| !outcome.is_floor)
        .map(|outcome| outcome.name.as_str())
        .collect();
    let subject = if names.is_empty() {
        report.kind.to_owned()
    } else {
        names.join(" and ")
    };
    let title = match report.kind {
        "compare" => format!("Comparison of {}", escape(&subject)),
        "crawl" => "Crawl".to_owned(),
        "hostile" => "Hostile requests".to_owned(),
        _ => format!("Load on {}", escape(&subject)),
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p class=\"soft\">{}, {} CPUs, {}, Linux {}, espy-loadtest {}{}</p>\n",
        report.started,
        report.machine.cpu_count,
        escape(&report.machine.cpu_model),
        escape(&report.machine.kernel),
        report.version,
        if report.interrupted {
            ". <b>Interrupted: what was measured so far.</b>"
        } else {
            ""
        }
    );
    tiles(&mut out, report);
    if !report.warnings.is_empty() {
        out.push_str("<ul class=\"warn\">\n");
        for warning in &report.warnings {
            let _ = writeln!(out, "<li>{}</li>", escape(warning));
        }
        out.push_str("</ul>\n");
    }
    limits(&mut out, report);
    if !report.outcomes.is_empty() {
        outcomes(&mut out, report);
        charts::latency(&mut out, &report.outcomes);
        if report.kind == "compare" {
            charts::comparison(&mut out, &report.outcomes);
        }
        for outcome in report.outcomes.iter().filter(|outcome| !outcome.is_floor) {
            charts::timeline(&mut out, outcome);
        }
        answers(&mut out, &report.outcomes);
    }
    findings(&mut out, report);
    out.push_str("<h2>How it was measured</h2>\n<dl>\n");
    for (what, value) in report.load.iter().chain(&report.plan) {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escape(what), escape(value));
    }
    out.push_str(
        "</dl>\n<p class=\"soft\">Latency counts from the instant a request was due, so time in which \
         the server stalled is in it. The floor is a server that answers every request with the same \
         bytes and does nothing else.</p>\n</body>\n</html>\n",
    );
    out
}

fn color(outcome: &Outcome, number: usize) -> &'static str {
    if outcome.is_floor {
        FLOOR_COLOR
    } else {
        COLORS[number % COLORS.len()]
    }
}

fn tiles(out: &mut String, report: &Report) {
    let mut all = Vec::new();
    if let (Some(first), false) = (report.outcomes.first(), report.kind == "compare") {
        all.push((count(first.rps), "answers per second", false));
        all.push((time(first.percentile(50.0)), "half are faster", false));
        all.push((time(first.percentile(99.0)), "99 % are faster", false));
        all.push((
            first.error_count.to_string(),
            "errors",
            first.error_count > 0,
        ));
        if let Some(us) = first.cpu_us_per_request {
            all.push((time(Some(us)), "CPU per request", false));
        }
        if let Some(floor) = &first.floor {
            let what = match floor.basis {
                "cpu" => "of the floor, by CPU",
                "rps" => "of the floor, by rate",
                _ => "of the floor, by median",
            };
            all.push((format!("{:.2}", floor.share), what, false));
        }
    }
    if let Some(crawl) = &report.crawl {
        all.push((crawl.visited_count.to_string(), "links followed", false));
        all.push((
            crawl.broken.len().to_string(),
            "broken",
            !crawl.broken.is_empty(),
        ));
        all.push((
            time(crawl.latency.percentile(50.0)),
            "half are faster",
            false,
        ));
    }
    if let Some(hostile) = &report.hostile {
        all.push((hostile.case_count.to_string(), "hostile requests", false));
        all.push((
            hostile.failed_count.to_string(),
            "answered wrongly",
            hostile.failed_count > 0,
        ));
    }
    if all.is_empty() {
        return;
    }
    out.push_str("<div class=\"tiles\">\n");
    for (value, what, is_bad) in all {
        let class = if is_bad { "tile bad" } else { "tile" };
        let _ = writeln!(
            out,
            "<div class=\"{class}\"><b>{value}</b><span>{what}</span></div>"
        );
    }
    out.push_str("</div>\n");
}

fn limits(out: &mut String, report: &Report) {
    if report.limits.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Limits</h2>\n<table>\n<tr><th>Limit</th><th>Target</th><th>Found</th><th></th></tr>\n",
    );
    for verdict in &report.limits {
        let (class, word) = if verdict.is_met {
            ("met", "met")
        } else {
            ("missed", "missed")
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"{class}\">{word}</td></tr>",
            escape(&verdict.limit),
            escape(&verdict.target),
            escape(verdict.found.as_deref().unwrap_or("not measured"))
        );
    }
    out.push_str("</table>\n");
}

fn outcomes(out: &mut String, report: &Report) {
    out.push_str(
        "<h2>Result</h2>\n<div class=\"scroll\"><table>\n<tr><th>Target</th><th>Answers/s</th><th>p50</th>\
         <th>p99</th><th>p99.9</th><th>Max</th><th>Errors</th><th>CPU/request</th><th>CPU</th>\
         <th>Memory</th><th>Of floor</th></tr>\n",
    );
    for (number, outcome) in report.outcomes.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "shown to a person")]
        let memory = outcome
            .resident_bytes
            .map(|bytes| format!("{:.1} MB", bytes as f64 / 1e6));
        let _ = writeln!(
            out,
            "<tr><td><span class=\"key\" style=\"background:var({})\"></span>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            color(outcome, number),
            escape(&outcome.name),
            count(outcome.rps),
            time(outcome.percentile(50.0)),
            time(outcome.percentile(99.0)),
            time(outcome.percentile(99.9)),
            time(outcome.latency.max()),
            outcome.error_count,
            time(outcome.cpu_us_per_request),
            outcome
                .cpu_cores
                .map_or_else(dash, |cores| format!("{:.0} %", cores * 100.0)),
            memory.unwrap_or_else(dash),
            outcome
                .floor
                .as_ref()
                .map_or_else(dash, |floor| format!("{:.2}", floor.share)),
        );
    }
    out.push_str("</table></div>\n");
}

fn dash() -> String {
    "–".to_owned()
}

fn answers(out: &mut String, outcomes: &[Outcome]) {
    out.push_str(
        "<h2>Answers</h2>\n<div class=\"scroll\"><table>\n<tr><th>Target</th><th>Answers</th><th>Received</th>\
         <th>304 share</th><th class=\"text\">Statuses</th><th class=\"text\">Errors</th><th>Generator</th></tr>\n",
    );
    for outcome in outcomes {
        let list = |pairs: Vec<String>| {
            if pairs.is_empty() {
                "none".to_owned()
            } else {
                pairs.join(", ")
            }
        };
        let generator = match &outcome.lateness {
            Some(late) => format!("late by {} (p99)", time(late.percentile(99.0))),
            None => format!("{:.0} % of its core", outcome.generator_cores * 100.0),
        };
        #[expect(clippy::cast_precision_loss, reason = "shown to a person")]
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{:.1} MB</td><td>{:.1} %</td><td class=\"text\">{}</td>\
             <td class=\"text\">{}</td><td>{generator}</td></tr>",
            escape(&outcome.name),
            count(outcome.answers as f64),
            outcome.wire_bytes as f64 / 1e6,
            outcome.not_modified_share * 100.0,
            list(
                outcome
                    .statuses
                    .iter()
                    .map(|(status, n)| format!("{status}: {n}"))
                    .collect()
            ),
            list(
                outcome
                    .errors
                    .iter()
                    .map(|(kind, n)| format!("{kind}: {n}"))
                    .collect()
            ),
        );
    }
    out.push_str("</table></div>\n");
}

fn findings(out: &mut String, report: &Report) {
    if let Some(crawl) = &report.crawl {
        let _ = writeln!(
            out,
            "<h2>Broken links</h2>\n<p class=\"soft\">{} followed, {} not followed, {} lead to other hosts.</p>\n<table>\n\
             <tr><th class=\"text\">Link</th><th class=\"text\">On</th><th class=\"text\">What came</th></tr>",
            crawl.visited_count, crawl.left_count, crawl.foreign_count
        );
        for broken in crawl.broken.iter().take(ROWS_MAX) {
            let _ = writeln!(
                out,
                "<tr><td class=\"text\">{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td></tr>",
                escape(&broken.path),
                escape(&broken.on),
                escape(&broken.why)
            );
        }
        out.push_str("</table>\n");
    }
    if let Some(hostile) = &report.hostile {
        out.push_str(
            "<h2>Requests</h2>\n<table>\n<tr><th class=\"text\">Request</th><th class=\"text\">What came</th>\
             <th class=\"text\">Wrong</th></tr>\n",
        );
        for case in &hostile.cases {
            let _ = writeln!(
                out,
                "<tr><td class=\"text\">{}</td><td class=\"text\">{}</td><td class=\"text missed\">{}</td></tr>",
                escape(case.name),
                escape(&case.got),
                escape(case.wrong.as_deref().unwrap_or_default())
            );
        }
        out.push_str("</table>\n");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
