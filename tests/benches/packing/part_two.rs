//! Part 2: into which spans the open month is cut.

use std::collections::HashMap;

use fastrand::Rng;
use rusqlite::Result;

use crate::Sizes;
use crate::data::{CLOSED_DAYS, Data, MONTH_DAYS};
use crate::layout::{PACKINGS, Packing, build};
use crate::part_one::closed_months;
use crate::read::{Reader, Wanted};
use crate::timing::{Samples, percent, timed, zstd_len};

/// What won part 1.
const PACKING: Packing = PACKINGS[5];
/// pypistats.org's window.
const READ_DAYS: usize = 181;
/// Days of the open month.
const OPEN: usize = MONTH_DAYS[MONTH_DAYS.len() - 1];

/// First and last day of a span, counted within the open month from 1.
type Span = (usize, usize);

#[derive(Clone, Copy)]
enum Policy {
    Weeks,
    Decades,
    BinaryAndNewest,
    MonthToDate,
    Days,
    Binary,
}

const POLICIES: [(Policy, &str); 6] = [
    (Policy::Weeks, "P1: days, then weeks"),
    (Policy::Decades, "P2: days, then decades"),
    (Policy::BinaryAndNewest, "P3: binary, newest day alone"),
    (Policy::MonthToDate, "P4: month to date"),
    (Policy::Days, "P5: days"),
    (Policy::Binary, "P6: binary, newest day merged"),
];

/// Blocks of `days` days by its binary digits, the largest first.
fn binary(days: usize, spans: &mut Vec<Span>) {
    let mut first = 1;
    for bit in (0..5)
        .rev()
        .map(|bit| 1 << bit)
        .filter(|bit| days & bit != 0)
    {
        spans.push((first, first + bit - 1));
        first += bit;
    }
}

/// Spans of the open month when `newest` is its newest day. On its last day the
/// month is closed: one span.
fn open_spans(policy: Policy, newest: usize) -> Vec<Span> {
    if newest == OPEN {
        return vec![(1, OPEN)];
    }
    let mut spans = Vec::new();
    let blocks: &[usize] = match policy {
        Policy::Weeks => &[7, 14, 21, 28],
        Policy::Decades => &[10, 20],
        Policy::BinaryAndNewest => {
            binary(newest - 1, &mut spans);
            spans.push((newest, newest));
            return spans;
        }
        Policy::Binary => {
            binary(newest, &mut spans);
            return spans;
        }
        Policy::MonthToDate => return vec![(1, newest)],
        Policy::Days => &[],
    };
    let mut first = 1;
    for last in blocks.iter().copied().filter(|last| *last <= newest) {
        spans.push((first, last));
        first = last + 1;
    }
    spans.extend((first..=newest).map(|day| (day, day)));
    spans
}

/// Spans that a read of 181 days up to `newest` touches.
fn touched(policy: Policy, newest: usize) -> usize {
    let from = CLOSED_DAYS + newest - READ_DAYS;
    closed_months().filter(|days| days.end > from).count() + open_spans(policy, newest).len()
}

fn shipped(policy: Policy, newest: usize) -> Vec<Span> {
    let before = if newest > 1 {
        open_spans(policy, newest - 1)
    } else {
        Vec::new()
    };
    open_spans(policy, newest)
        .into_iter()
        .filter(|span| !before.contains(span))
        .collect()
}

/// As `shipped`, when the run also brings late events of the day before: the
/// span that holds them is written again.
fn shipped_with_late(policy: Policy, newest: usize) -> Vec<Span> {
    let new = shipped(policy, newest);
    let is_sent = |span: &Span| new.contains(span) || (span.0..=span.1).contains(&(newest - 1));
    open_spans(policy, newest)
        .into_iter()
        .filter(is_sent)
        .collect()
}

/// The day with the most spans, and the day whose number is nearest the mean.
fn days_to_read(policy: Policy) -> [usize; 2] {
    let total: usize = (1..=OPEN).map(|newest| touched(policy, newest)).sum();
    let worst = (1..=OPEN)
        .max_by_key(|newest| touched(policy, *newest))
        .expect("a month has days");
    // Later days first among equals: they read more days of the open month.
    let typical = (1..OPEN)
        .rev()
        .min_by_key(|newest| (touched(policy, *newest) * OPEN).abs_diff(total))
        .expect("a month has days");
    [worst, typical]
}

struct Scenario {
    newest: usize,
    readers: Vec<Reader>,
    samples: Samples,
}

impl Scenario {
    fn open(
        policy: Policy,
        newest: usize,
        images: &HashMap<Span, &'static [u8]>,
        closed: &[&'static [u8]],
    ) -> Result<Self> {
        let from = CLOSED_DAYS + newest - READ_DAYS;
        let mut readers = Vec::new();
        for (days, image) in closed_months()
            .zip(closed)
            .filter(|(days, _)| days.end > from)
        {
            readers.push(Reader::open(image, PACKING, days, false)?);
        }
        for span in open_spans(policy, newest) {
            let days = CLOSED_DAYS + span.0 - 1..CLOSED_DAYS + span.1;
            readers.push(Reader::open(images[&span], PACKING, days, false)?);
        }
        Ok(Self {
            newest,
            readers,
            samples: Samples::default(),
        })
    }

    fn read(&mut self, data: &Data, projects: &[usize]) -> Result<()> {
        let end = CLOSED_DAYS + self.newest;
        let from = end - READ_DAYS;
        for index in projects {
            let project = &data.projects[*index];
            let (sum, elapsed) = timed(|| {
                let mut sum = 0;
                for reader in &mut self.readers {
                    reader.read(&project.name, Wanted::Overall, from, &mut sum)?;
                }
                Ok::<_, rusqlite::Error>(sum)
            });
            let expected = data.checksum(project, from..end, |dimension| {
                Wanted::Overall.includes(dimension)
            });
            assert_eq!(sum?, expected, "counts of {}", project.name);
            self.samples.push(elapsed);
        }
        Ok(())
    }
}

pub(crate) fn run(data: &Data, sizes: &Sizes) -> Result<()> {
    let closed = closed_months()
        .map(|days| build(data, PACKING, days))
        .collect::<Result<Vec<_>>>()?;
    let full: usize = closed.iter().map(|image| zstd_len(image)).sum();
    let closed: Vec<&'static [u8]> = closed.into_iter().map(|image| &*image.leak()).collect();

    // Every span that any policy makes is built once; only those that are read stay.
    let mut lengths: HashMap<Span, usize> = HashMap::new();
    let mut images: HashMap<Span, &'static [u8]> = HashMap::new();
    for (policy, _) in POLICIES {
        let read: Vec<Span> = days_to_read(policy)
            .into_iter()
            .flat_map(|newest| open_spans(policy, newest))
            .collect();
        for span in (1..=OPEN).flat_map(|newest| open_spans(policy, newest)) {
            let is_read = read.contains(&span) && !images.contains_key(&span);
            if is_read || !lengths.contains_key(&span) {
                let image = build(
                    data,
                    PACKING,
                    CLOSED_DAYS + span.0 - 1..CLOSED_DAYS + span.1,
                )?;
                lengths.insert(span, zstd_len(&image));
                if is_read {
                    images.insert(span, image.leak());
                }
            }
        }
    }

    let mut scenarios = Vec::new();
    for (policy, title) in POLICIES {
        let [worst, typical] = days_to_read(policy);
        let open = |newest| Scenario::open(policy, newest, &images, &closed);
        scenarios.push((policy, title, [open(worst)?, open(typical)?]));
    }
    let mut order: Vec<usize> = (0..data.projects.len()).collect();
    Rng::with_seed(4).shuffle(&mut order);
    for projects in order[..sizes.reads].chunks(sizes.reads / sizes.rounds) {
        for scenario in scenarios.iter_mut().flat_map(|scenario| &mut scenario.2) {
            scenario.read(data, projects)?;
        }
    }

    println!("\n### Policies of the open month ({OPEN} days)\n");
    println!(
        "The full snapshot is six closed months, {CLOSED_DAYS} days. Every policy ships the whole month on its last day. \
         Late events: each run from the second on also brings some of the day before.\n"
    );
    println!(
        "| policy | spans touched, mean | most | shipped a day, mean % of full | most | most but the last day | mean with late events | \
         read at the worst day, ns (day, spans) | read at a mean day, ns (day, spans) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (policy, title, scenarios) in &mut scenarios {
        let policy = *policy;
        let spans: Vec<usize> = (1..=OPEN).map(|newest| touched(policy, newest)).collect();
        let bytes_of = |ship: fn(Policy, usize) -> Vec<Span>| -> Vec<usize> {
            (1..=OPEN)
                .map(|newest| ship(policy, newest).iter().map(|span| lengths[span]).sum())
                .collect()
        };
        let (bytes, late) = (bytes_of(shipped), bytes_of(shipped_with_late));
        let most = |values: &[usize]| values.iter().copied().max().unwrap_or(0);
        let cells: Vec<String> = scenarios
            .iter_mut()
            .map(|scenario| {
                format!(
                    "{} ({}, {})",
                    scenario.samples.percentile(50),
                    scenario.newest,
                    scenario.readers.len()
                )
            })
            .collect();
        println!(
            "| {title} | {:.1} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
            spans.iter().sum::<usize>() as f64 / OPEN as f64,
            most(&spans),
            percent(bytes.iter().sum::<usize>(), full) / OPEN as f64,
            percent(most(&bytes), full),
            percent(most(&bytes[..OPEN - 1]), full),
            percent(late.iter().sum::<usize>(), full) / OPEN as f64,
            cells.join(" | "),
        );
    }
    println!("\n| span | zstd -3, MB | % of full | MB a day |\n|---|---|---|---|");
    for span in [
        (1, 1),
        (1, 2),
        (1, 4),
        (1, 7),
        (1, 8),
        (1, 10),
        (1, 16),
        (1, OPEN),
    ] {
        let length = lengths[&span];
        println!(
            "| {} days | {:.3} | {:.2} | {:.3} |",
            span.1,
            length as f64 / 1e6,
            percent(length, full),
            length as f64 / 1e6 / span.1 as f64
        );
    }
    Ok(())
}
