//! The snapshot against DuckDB, which counts the same file by rules stated
//! independently in `differential/count.sql`, and against the generator, which
//! counted while it wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use espy_shared::dimension::{Dimension, OTHER};
use espy_shared::layout;
use espy_shared::name::ALL;
use espy_shared::segment::{self, HeadReader};
use espy_tests::counts::{Counts, Key};
use espy_tests::program::{make_events, run};
use espy_tests::site::Site;
use espy_tests::{csv, is_soak, peers, root};
use rusqlite::Connection;

const TODAY: &str = "2026-11-16";
const ROW_COUNT: u32 = 200_000;

#[test]
fn duckdb_and_the_generator_count_the_same() {
    let site = Site::new();
    let events = events(&site, "bigquery", ROW_COUNT);
    publish(&site, &events, &[]);
    let snapshot = Counts::of_spans(&site.snapshots(), &site.manifest());
    let (counts, heads) = duckdb(&site, &events);

    let duckdb = Counts::of_csv(&counts);
    assert_all_dimensions(&duckdb);
    duckdb.assert_same(&snapshot, "DuckDB and the snapshot");

    let generator = Counts::of_csv(&expected(&events));
    generator.assert_same(&snapshot.without_all(), "the generator and the snapshot");

    assert_eq!(heads_of_csv(&heads), heads_of_snapshot(&site));
}

/// Only what the input cannot hold is missing.
fn assert_all_dimensions(counts: &Counts) {
    let missing: Vec<Dimension> = Dimension::ALL
        .into_iter()
        .filter(|&dimension| !counts.iter().any(|(key, _)| key.dimension == dimension))
        .collect();
    assert_eq!(missing, [Dimension::Partial, Dimension::UserData]);
}

#[test]
fn the_same_events_in_three_formats_give_the_same_spans() {
    let row_count = if is_soak() { ROW_COUNT } else { ROW_COUNT / 5 };
    let spans = ["bigquery", "linehaul", "counts"].map(|format| {
        let site = Site::new();
        let events = events(&site, format, row_count);
        publish(&site, &events, &[]);
        site.spans()
    });
    assert!(spans[0].len() >= 3, "a closed month and an open one");
    assert_eq!(spans[1], spans[0], "linehaul lines");
    assert_eq!(spans[2], spans[0], "counts");
}

/// What a span holds as `other` for want of place stands in the ledger, so
/// that both together are what DuckDB counts. `__all__` has no ledger rows: it
/// is the sum of the others.
#[test]
fn bounded_categories_are_exact_in_the_ledger() {
    let site = Site::new();
    let events = events(&site, "bigquery", ROW_COUNT / 10);
    publish(&site, &events, &["--max-categories=3"]);
    let snapshot = Counts::of_spans(&site.snapshots(), &site.manifest());
    let duckdb = Counts::of_csv(&duckdb(&site, &events).0);

    let mut exact = snapshot.without_all();
    let overflow = overflow(&site);
    assert!(
        overflow.len() > 1000,
        "only {} bounded away",
        overflow.len()
    );
    for (key, count) in overflow {
        assert!(key.dimension.is_bounded(), "{key:?}");
        exact.move_count(&as_other(&key), key, count);
    }
    duckdb
        .without_all()
        .assert_same(&exact, "DuckDB and the snapshot with its ledger");

    let mut bounded = duckdb.clone();
    for (key, count) in duckdb.iter().filter(|(key, _)| key.project == ALL) {
        if key.dimension.is_bounded() && snapshot.get(key) == 0 {
            bounded.move_count(key, as_other(key), count);
        }
    }
    bounded
        .only_all()
        .assert_same(&snapshot.only_all(), "DuckDB and `__all__`");
}

fn as_other(key: &Key) -> Key {
    Key {
        category: OTHER.to_owned(),
        ..key.clone()
    }
}

/// 30 days over two months, one of them closed.
fn events(site: &Site, format: &str, row_count: u32) -> PathBuf {
    let path = site.path("events");
    make_events([
        format!("--rows={row_count}"),
        format!("--format={format}"),
        format!("--out={}", path.display()),
        "--days=30".to_owned(),
        "--end=2026-11-15".to_owned(),
        "--seed=7".to_owned(),
    ]);
    path
}

fn expected(events: &Path) -> PathBuf {
    events.with_extension("expected.csv")
}

fn publish(site: &Site, events: &Path, flags: &[&str]) {
    let today = format!("--today={TODAY}");
    site.run([events], &[&[&*today], flags].concat());
    site.pull(&[]);
}

/// The files of counts and of windows that DuckDB writes.
fn duckdb(site: &Site, events: &Path) -> (PathBuf, PathBuf) {
    let (counts, heads) = (site.path("duckdb.counts"), site.path("duckdb.heads"));
    let script = root().join("tests/tests/e2e/differential/count.py");
    let mut command = peers::python();
    command
        .arg(script)
        .args([events, &counts, &heads])
        .arg(TODAY);
    run(&mut command).success();
    (counts, heads)
}

/// Per project: last day, week and month, total with and without mirrors.
type Heads = BTreeMap<String, [u64; 5]>;

fn heads_of_csv(path: &Path) -> Heads {
    let header = "project,last_day,last_week,last_month,total_with_mirrors,total_without_mirrors";
    csv::records(&fs::read_to_string(path).unwrap(), header)
        .map(|mut record| {
            let project = record.remove(0);
            let numbers: Vec<u64> = record.iter().map(|field| field.parse().unwrap()).collect();
            (project, numbers.try_into().unwrap())
        })
        .collect()
}

fn heads_of_snapshot(site: &Site) -> Heads {
    let manifest = site.manifest();
    let path = site
        .snapshots()
        .join(layout::segment(&manifest.head().sha256));
    let reader = HeadReader::new(segment::open_file(&path).unwrap()).unwrap();
    names(reader.connection())
        .into_iter()
        .map(|name| {
            let head = reader.project(&name).unwrap().unwrap();
            let numbers = [
                head.last_day,
                head.last_week,
                head.last_month,
                head.total_with_mirrors,
                head.total_without_mirrors,
            ];
            (name, numbers)
        })
        .collect()
}

fn names(connection: &Connection) -> Vec<String> {
    let mut statement = connection.prepare("SELECT name FROM project").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The counts in the ledger of what is bounded away.
fn overflow(site: &Site) -> Vec<(Key, u64)> {
    let manifest = site.manifest();
    let ledger = segment::open_file(&site.unpack(&manifest.ledger.sha256)).unwrap();
    segment::check(&ledger, &manifest.ledger.identity()).unwrap();
    let mut statement = ledger
        .prepare(
            "SELECT date(slot_day * 86400, 'unixepoch'), project, dimension, category, count
             FROM overflow",
        )
        .unwrap();
    let rows = statement
        .query_map([], |row| {
            let key = Key {
                day: row.get(0)?,
                project: row.get(1)?,
                dimension: Dimension::from_number(row.get(2)?).unwrap(),
                category: row.get(3)?,
            };
            Ok((key, row.get(4)?))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}
