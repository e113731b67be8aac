//! Part 1: the layouts, and the codec of dense series.

use std::hint::black_box;
use std::ops::Range;

use fastrand::Rng;
use rusqlite::Result;

use crate::Sizes;
use crate::codec::{self, Form, SPAN_DAYS_MAX};
use crate::data::{CLOSED_DAYS, CLOSED_MONTHS, DIMENSIONS, Data, MONTH_DAYS};
use crate::layout::{Encoder, Layout, PACKINGS, Packing, build};
use crate::read::{Reader, Wanted};
use crate::timing::{Samples, megabytes, percent, timed, zstd_len};

/// The days of the closed months, one range each.
pub(crate) fn closed_months() -> impl Iterator<Item = Range<usize>> {
    (0..CLOSED_MONTHS).map(|month| {
        let start = MONTH_DAYS[..month].iter().sum();
        start..start + MONTH_DAYS[month]
    })
}

/// The single-day span is a Wednesday in the middle.
const SINGLE_DAY: Range<usize> = 90..91;

pub(crate) fn run(data: &Data, sizes: &Sizes) -> Result<()> {
    let mut candidates = Vec::new();
    println!("### Size and build time\n");
    println!(
        "| layout | six month spans, MB | zstd -3, MB | one day, MB | zstd -3, MB | build six months, ms | build one day, ms |"
    );
    println!("|---|---|---|---|---|---|---|");
    for packing in PACKINGS {
        let title = packing.title;
        let (images, months_time) = timed(|| {
            closed_months()
                .map(|days| build(data, packing, days))
                .collect::<Result<Vec<_>>>()
        });
        let images = images?;
        let (day, day_time) = timed(|| build(data, packing, SINGLE_DAY));
        let day = day?;
        assert!(
            day == build(data, packing, SINGLE_DAY)?,
            "the same counts give the same bytes"
        );
        println!(
            "| {title} | {} | {} | {} | {} | {} | {} |",
            megabytes(images.iter().map(Vec::len).sum()),
            megabytes(images.iter().map(|image| zstd_len(image)).sum()),
            megabytes(day.len()),
            megabytes(zstd_len(&day)),
            months_time.as_millis(),
            day_time.as_millis(),
        );
        let images: Vec<&'static [u8]> = images.into_iter().map(|image| &*image.leak()).collect();
        candidates.push((title.to_owned(), open(&images, packing, false)?));
        if packing.layout == Layout::ProjectBlob {
            candidates.push((
                format!("{title}, blob handle"),
                open(&images, packing, true)?,
            ));
        }
    }
    read(data, sizes, &mut candidates)?;
    by_dimension(data, Form::ListOrBits);
    forms(data);
    Ok(())
}

fn open(images: &[&'static [u8]], packing: Packing, by_handle: bool) -> Result<Vec<Reader>> {
    images
        .iter()
        .zip(closed_months())
        .map(|(image, days)| Reader::open(image, packing, days, by_handle))
        .collect()
}

fn read(data: &Data, sizes: &Sizes, candidates: &mut [(String, Vec<Reader>)]) -> Result<()> {
    let mut order: Vec<usize> = (0..data.projects.len()).collect();
    Rng::with_seed(1).shuffle(&mut order);
    let mut samples: Vec<Vec<Samples>> = candidates
        .iter()
        .map(|_| Wanted::EACH.iter().map(|_| Samples::default()).collect())
        .collect();
    // No project comes twice in one kind of read; kinds and candidates take turns.
    for round in 0..sizes.rounds {
        for (kind, (wanted, _)) in Wanted::EACH.into_iter().enumerate() {
            let per_round = sizes.reads / sizes.rounds;
            let start = (round + kind * sizes.rounds / 3) % sizes.rounds * per_round;
            for (candidate, (_, readers)) in candidates.iter_mut().enumerate() {
                for index in order.iter().skip(start).take(per_round) {
                    let project = &data.projects[*index];
                    let (sum, elapsed) = timed(|| {
                        let mut sum = 0;
                        for reader in readers.iter_mut() {
                            reader.read(&project.name, wanted, 0, &mut sum)?;
                        }
                        Ok::<_, rusqlite::Error>(sum)
                    });
                    let expected = data.checksum(project, 0..CLOSED_DAYS, |dimension| {
                        wanted.includes(dimension)
                    });
                    assert_eq!(sum?, expected, "counts of {}", project.name);
                    samples[candidate][kind].push(elapsed);
                }
            }
        }
    }
    println!(
        "\n### Cold read of 181 days in six month spans, by name, median (99th percentile), ns\n"
    );
    println!(
        "| layout | {} |",
        Wanted::EACH.map(|kind| kind.1).join(" | ")
    );
    println!("|---|---|---|---|");
    for ((title, _), samples) in candidates.iter().zip(&mut samples) {
        let cells: Vec<String> = samples
            .iter_mut()
            .map(|samples| format!("{} ({})", samples.percentile(50), samples.percentile(99)))
            .collect();
        println!("| {title} | {} |", cells.join(" | "));
    }
    Ok(())
}

/// Where the bytes are.
fn by_dimension(data: &Data, form: Form) {
    let sum = |spans: &[Range<usize>]| {
        let mut bytes = vec![Vec::new(); DIMENSIONS.len()];
        for days in spans {
            let mut encoder = Encoder::new(data, form, days.clone());
            for encoded in data
                .projects
                .iter()
                .filter_map(|project| encoder.encode(project, false))
            {
                for (all, blob) in bytes.iter_mut().zip(encoded.dimensions) {
                    all.extend(blob);
                }
            }
        }
        bytes
    };
    let months = sum(&closed_months().collect::<Vec<_>>());
    let day = sum(&[SINGLE_DAY]);
    let total = |bytes: &[Vec<u8>]| bytes.iter().map(Vec::len).sum::<usize>();
    println!("\n### Packed bytes by dimension, lists or bits, without SQLite\n");
    println!(
        "| dimension | six month spans, MB | share, % | zstd -3, MB | one day, MB | share, % |"
    );
    println!("|---|---|---|---|---|---|");
    for ((name, months_bytes), day_bytes) in DIMENSIONS.iter().zip(&months).zip(&day) {
        println!(
            "| `{name}` | {} | {:.1} | {} | {} | {:.1} |",
            megabytes(months_bytes.len()),
            percent(months_bytes.len(), total(&months)),
            megabytes(zstd_len(months_bytes)),
            megabytes(day_bytes.len()),
            percent(day_bytes.len(), total(&day)),
        );
    }
}

/// How the counts of a series are best written: dense series alone, then all.
fn forms(data: &Data) {
    println!("\n### Counts of one series: varints, packed bits, lists\n");
    println!(
        "Without categories and without SQLite. Dense: where the mask would be longer than varints for all days.\n"
    );
    println!("| series | form | MB | zstd -3, MB | decode, ns a series |");
    println!("|---|---|---|---|---|");
    let months: Vec<Range<usize>> = closed_months().collect();
    let weeks: Vec<Range<usize>> = (0..4).map(|week| week * 8..week * 8 + 8).collect();
    let dense = |counts: &[u32]| {
        let mut buffer = Vec::new();
        codec::put_counts(&mut buffer, counts);
        buffer[0] == 0
    };
    compare_forms("dense, of months", &collect(data, &months, dense));
    compare_forms("all, of months", &collect(data, &months, |_| true));
    compare_forms(
        "all, of four times 8 days",
        &collect(data, &weeks, |_| true),
    );
}

/// All series that have a count, and are chosen, in each of the spans.
fn collect<'a>(
    data: &'a Data,
    spans: &[Range<usize>],
    chosen: impl Fn(&[u32]) -> bool,
) -> Vec<&'a [u32]> {
    let mut all = Vec::new();
    for days in spans {
        for project in &data.projects {
            let series =
                (0..project.series.len()).map(|index| &project.counts(index)[days.clone()]);
            all.extend(
                series.filter(|counts| counts.iter().any(|count| *count > 0) && chosen(counts)),
            );
        }
    }
    all
}

fn compare_forms(title: &str, series: &[&[u32]]) {
    const FORMS: [(Form, &str); 3] = [
        (Form::MaskOrVarints, "mask or varints"),
        (Form::MaskOrBits, "mask or bits"),
        (Form::ListOrBits, "list or bits"),
    ];
    const REPEATS: usize = 5;
    let days: Vec<usize> = series.iter().map(|counts| counts.len()).collect();
    let expected: u64 = series
        .iter()
        .flat_map(|counts| *counts)
        .map(|count| u64::from(*count))
        .sum();
    let encoded = FORMS.map(|(form, _)| {
        let mut bytes = Vec::new();
        series
            .iter()
            .for_each(|counts| form.put(&mut bytes, counts));
        let mut rest = &bytes[..];
        let mut decoded = [0; SPAN_DAYS_MAX];
        for counts in series {
            let decoded = &mut decoded[..counts.len()];
            form.take(&mut rest, decoded);
            assert!(
                counts
                    .iter()
                    .map(|count| u64::from(*count))
                    .eq(decoded.iter().copied()),
                "{title}"
            );
        }
        bytes
    });
    let mut samples = FORMS.map(|_| Samples::default());
    for _ in 0..REPEATS {
        for ((form, _), (bytes, samples)) in FORMS.iter().zip(encoded.iter().zip(&mut samples)) {
            let (sum, elapsed) = timed(|| {
                let mut rest = black_box(&bytes[..]);
                let mut sum = 0_u64;
                let mut counts = [0; SPAN_DAYS_MAX];
                for days in &days {
                    let counts = &mut counts[..*days];
                    form.take(&mut rest, counts);
                    sum += counts.iter().sum::<u64>();
                }
                sum
            });
            assert_eq!(sum, expected, "counts of {title}");
            samples.push(elapsed);
        }
    }
    for ((_, form), (bytes, samples)) in FORMS.iter().zip(encoded.iter().zip(&mut samples)) {
        println!(
            "| {title}: {} | {form} | {} | {} | {} |",
            series.len(),
            megabytes(bytes.len()),
            megabytes(zstd_len(bytes)),
            samples.percentile(50) / series.len() as u64,
        );
    }
}
