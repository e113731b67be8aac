//! Results as Markdown.

use crate::load::Outcome;

/// A table of one case, the first server being what others are measured by.
pub fn print(title: &str, outcomes: &[Outcome]) {
    println!("### {title}\n");
    println!(
        "| server | requests/s | cores | CPU µs/request | ratio of CPU | p50 µs | p99 µs | p99.9 µs | errors |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for outcome in outcomes {
        let ratio = outcome.cpu_ratio.map_or_else(
            || "1".to_owned(),
            |[median, least, most]| format!("{median:.2} ({least:.2} to {most:.2})"),
        );
        println!(
            "| {} | {:.0} | {:.2} | {:.2} | {ratio} | {:.0} | {:.0} | {:.0} | {} |",
            outcome.name,
            outcome.rps,
            outcome.cores,
            outcome.cpu_us,
            outcome.p50_us,
            outcome.p99_us,
            outcome.p99_9_us,
            outcome.errors,
        );
    }
    println!();
}

/// A target and what was measured.
pub struct Target {
    pub what: &'static str,
    pub wanted: String,
    pub measured: f64,
    pub is_met: bool,
}

pub fn print_targets(targets: &[Target]) {
    println!("### Targets\n");
    println!("| what | target | measured | |");
    println!("|---|---|---|---|");
    for target in targets {
        let met = if target.is_met { "met" } else { "missed" };
        println!(
            "| {} | {} | {:.2} | {met} |",
            target.what, target.wanted, target.measured
        );
    }
    println!();
}
