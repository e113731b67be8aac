//! A snapshot for benchmarks: seeded counts of made-up projects, in the spans
//! that `build/span_policy` of the compactor cuts at the end of the 29th.

use espy_shared::day::Day;
use espy_shared::dimension::Dimension;
use fastrand::Rng;

use crate::folder::{Folder, Segment, Span, day, head};

/// Five closed months and the pieces of the open one: 180 days.
const SPANS: [(&str, &str); 9] = [
    ("2026-01-01", "2026-01-31"),
    ("2026-02-01", "2026-02-28"),
    ("2026-03-01", "2026-03-31"),
    ("2026-04-01", "2026-04-30"),
    ("2026-05-01", "2026-05-31"),
    ("2026-06-01", "2026-06-16"),
    ("2026-06-17", "2026-06-24"),
    ("2026-06-25", "2026-06-28"),
    ("2026-06-29", "2026-06-29"),
];
const DATA_THROUGH: &str = "2026-06-29";
const SEED: u64 = 20_260_629;

/// Dimensions in the order of their columns, each category with its share of
/// the project's downloads. Those that no route of this benchmark reads are
/// there to give rows their bytes: 1.7 KB a project and month, as measured for
/// all of PyPI in `docs/format-measurements.md`.
const SHARES: [(Dimension, &[(&str, f64)]); 9] = [
    (
        Dimension::Overall,
        &[("with_mirrors", 1.0), ("without_mirrors", 0.8)],
    ),
    (
        Dimension::PythonMajor,
        &[("2", 0.01), ("3", 0.75), ("null", 0.04)],
    ),
    (
        Dimension::PythonMinor,
        &[
            ("2.7", 0.01),
            ("3.10", 0.15),
            ("3.11", 0.17),
            ("3.12", 0.2),
            ("3.13", 0.1),
            ("3.7", 0.02),
            ("3.8", 0.03),
            ("3.9", 0.08),
            ("null", 0.04),
        ],
    ),
    (
        Dimension::System,
        &[
            ("Darwin", 0.04),
            ("Linux", 0.65),
            ("Windows", 0.07),
            ("other", 0.04),
        ],
    ),
    (
        Dimension::Traffic,
        &[("ci", 0.3), ("mirror", 0.2), ("tool", 0.5)],
    ),
    (
        Dimension::Installer,
        &[
            ("bandersnatch", 0.2),
            ("pip", 0.6),
            ("poetry", 0.05),
            ("uv", 0.15),
        ],
    ),
    (
        Dimension::Cpu,
        &[("AMD64", 0.1), ("aarch64", 0.1), ("x86_64", 0.6)],
    ),
    (
        Dimension::Country,
        &[
            ("AU", 0.02),
            ("BR", 0.02),
            ("CA", 0.03),
            ("CN", 0.05),
            ("DE", 0.07),
            ("FR", 0.04),
            ("GB", 0.05),
            ("IN", 0.06),
            ("JP", 0.04),
            ("NL", 0.03),
            ("SG", 0.02),
            ("US", 0.4),
        ],
    ),
    (
        Dimension::Version,
        &[("0.1", 0.05), ("0.2", 0.1), ("1.0", 0.35), ("1.1", 0.5)],
    ),
];

/// A snapshot in a folder of its own.
pub(crate) struct Snapshot {
    pub(crate) folder: Folder,
    /// In the order of popularity, which is no order of their letters.
    pub(crate) names: Vec<String>,
    /// Of each name: downloads with and without mirrors of all days, added up.
    pub(crate) overall: Vec<u64>,
}

impl Snapshot {
    /// With `projects` projects, every one with counts on all 180 days.
    pub(crate) fn build(projects: usize) -> Self {
        let names: Vec<String> = (0..projects).map(name).collect();
        let mut by_name: Vec<usize> = (0..projects).collect();
        by_name.sort_by(|a, b| names[*a].cmp(&names[*b]));
        let mut overall = vec![0; projects];
        let mut segments: Vec<Segment> = vec![directory(&names, &by_name)];
        for (index, (first, last)) in SPANS.into_iter().enumerate() {
            let mut rng = Rng::with_seed(SEED + index as u64);
            segments.push(span(
                &mut rng,
                (day(first), day(last)),
                &names,
                &by_name,
                &mut overall,
            ));
        }
        let mut folder = Folder::new();
        folder.publish(DATA_THROUGH, &segments);
        Self {
            folder,
            names,
            overall,
        }
    }
}

fn name(rank: usize) -> String {
    const WORDS: [&str; 12] = [
        "py", "django", "data", "flask", "aws", "lib", "net", "auth", "graph", "sql", "tool", "x",
    ];
    let scattered = rank.wrapping_mul(0x9e37_79b9) % 0xf_ffff;
    format!("{}-{scattered:05x}-{rank}", WORDS[scattered % WORDS.len()])
}

/// Downloads a day of a project: from 200,000 down to 20, evenly on a
/// logarithmic scale.
fn daily_mean(rank: usize, projects: usize) -> f64 {
    200_000.0 * 1e-4_f64.powf(rank as f64 / projects as f64)
}

fn directory(names: &[String], by_name: &[usize]) -> Segment {
    let rows: Vec<(&str, [u64; 3])> = by_name
        .iter()
        .map(|&rank| {
            let day = whole(daily_mean(rank, names.len()));
            (&*names[rank], [day, 7 * day, 30 * day])
        })
        .collect();
    head(&rows)
}

fn span(
    rng: &mut Rng,
    (first, last): (Day, Day),
    names: &[String],
    by_name: &[usize],
    overall: &mut [u64],
) -> Segment {
    let slots = usize::try_from(last.since(first)).expect("last is not before first") + 1;
    let mut span = Span::default();
    let mut counts = vec![0; slots];
    for &rank in by_name {
        let mean = daily_mean(rank, names.len());
        for (dimension, categories) in SHARES {
            for (category, share) in categories {
                for count in &mut counts {
                    // Within a factor of two; the rare have days without any.
                    let drawn = mean * share * (0.5 + rng.f64());
                    *count = whole(drawn + rng.f64() - 0.5);
                }
                if counts.iter().all(|count| *count == 0) {
                    continue;
                }
                if dimension == Dimension::Overall {
                    overall[rank] += counts.iter().sum::<u64>();
                }
                span.put(&names[rank], dimension, category, &counts);
            }
        }
    }
    span.finish(first, last)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, which is what a count needs"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}
