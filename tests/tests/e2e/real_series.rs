//! Years of real daily counts of 200 projects go in as pre-aggregated counts
//! and come back through the API, each value.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use espy_shared::name;
use espy_tests::counts::HEADER;
use espy_tests::handler::Handler;
use espy_tests::site::Site;
use espy_tests::{csv, shared_data};
use flate2::read::MultiGzDecoder;

use crate::sample::series_body;

const TODAY: &str = "2026-04-08";
/// Values of the two files, as their README has it.
const TOTAL_COUNT: usize = 298_177;
const SYSTEM_COUNT: usize = 360_854;

/// Per project: category, day and count, sorted.
type Series = BTreeMap<String, Vec<(String, String, u64)>>;

#[test]
fn every_value_of_the_real_series_comes_back() {
    let Some(data) = shared_data() else {
        return;
    };
    let totals = series(
        &data.join("series/daily_total_with_mirrors.csv.gz"),
        "project,date,downloads",
        |[project, day, count]| (project, "with_mirrors".to_owned(), day, count),
    );
    let systems = series(
        &data.join("series/daily_by_system.csv.gz"),
        "project,date,system,downloads",
        |[project, day, system, count]| (project, system, day, count),
    );
    assert_eq!(totals.values().map(Vec::len).sum::<usize>(), TOTAL_COUNT);
    assert_eq!(systems.values().map(Vec::len).sum::<usize>(), SYSTEM_COUNT);
    assert!(
        totals
            .values()
            .chain(systems.values())
            .flatten()
            .all(|row| row.2 > 0)
    );

    let site = Site::new();
    let files = [
        site.write("totals.csv", &counts("overall", &totals)),
        site.write("systems.csv", &counts("system", &systems)),
    ];
    let today = format!("--today={TODAY}");
    site.run(files, &[&today, "--daily-retention=0"]);
    site.pull(&[]);
    let handler = Handler::ready(&site.snapshots(), &["--pypistats-days=0"]);
    let mut client = handler.connect();
    for (endpoint, query, all) in [
        ("overall", "?mirrors=true", &totals),
        ("system", "", &systems),
    ] {
        for (project, rows) in all {
            let target = format!("/api/packages/{project}/{endpoint}{query}");
            let answer = client.get(&target);
            assert_eq!(answer.status, 200, "{target}");
            let package = name::normalize(project).unwrap();
            let expect = series_body(&package, endpoint, rows.iter().map(as_row));
            assert!(answer.text() == expect, "{target}: {}", answer.text());
        }
    }
}

fn as_row((category, day, count): &(String, String, u64)) -> (&str, &str, u64) {
    (category, day, *count)
}

/// Reads a file; `place` tells project, category, day and count of a record.
fn series<const N: usize>(
    path: &Path,
    header: &str,
    place: impl Fn([String; N]) -> (String, String, String, String),
) -> Series {
    let mut text = String::new();
    MultiGzDecoder::new(File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let mut series = Series::new();
    for record in csv::records(&text, header) {
        let (project, category, day, count) = place(record.try_into().unwrap());
        let row = (category, day, count.parse().unwrap());
        series.entry(project).or_default().push(row);
    }
    series.values_mut().for_each(|rows| rows.sort());
    series
}

fn counts(dimension: &str, series: &Series) -> String {
    let mut text = format!("{HEADER}\n");
    for (project, rows) in series {
        for (category, day, count) in rows {
            writeln!(text, "{day},{project},{dimension},{category},{count}").unwrap();
        }
    }
    text
}
