//! What is served: 20,000 projects x 180 days x 2 series, seeded, counted by
//! the compactor like any other input; and the same rows for Datasette.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use fastrand::Rng;
use rusqlite::Connection;

use espy_shared::day::Day;
use espy_tests::program::{program, run};

pub const PROJECTS: usize = 20_000;
pub const DAYS: i32 = 180;
/// Its `overall` answer is about 26 KB.
pub const LARGE: &str = "project-00001";
/// Has been there for a week: its answer is about 1 KB.
pub const SMALL: &str = "project-19999";
const SMALL_DAYS: i32 = 7;

/// Folders and files, made once and kept for the next time.
pub struct Data {
    pub names: PathBuf,
    pub rows: PathBuf,
    /// Two snapshots are installed, of one day and of the next.
    pub snapshots: PathBuf,
    /// What `current.json` says for each.
    pub currents: [Vec<u8>; 2],
}

impl Data {
    pub fn make(folder: &Path) -> Self {
        let data = |name: &str| folder.join(name);
        let done = data("done");
        if !done.exists() {
            let _ = fs::remove_dir_all(folder);
            fs::create_dir_all(folder).unwrap();
            let today: Day = "2026-11-21".parse().unwrap();
            say("writing counts");
            write_names(&data("names.txt"));
            write_counts(
                &data("counts.csv.zst"),
                &data("rows.db"),
                today.plus(-DAYS),
                DAYS,
            );
            write_counts(&data("next.csv.zst"), &data("next.db"), today, 1);
            for (number, file, today) in [
                (0, "counts.csv.zst", today),
                (1, "next.csv.zst", today.plus(1)),
            ] {
                say("counting and publishing");
                let mut count = program("espy-compactor");
                count.args(["run", "--today", &today.to_string(), "--data"]);
                count.arg(data("work")).arg("--depot").arg(data("depot"));
                run(count.arg(data(file))).success();
                let mut pull = program("espy-compactor");
                pull.arg("pull").arg("--depot").arg(data("depot"));
                run(pull.arg("--snapshots").arg(data("snapshots"))).success();
                let current = data("snapshots").join("current.json");
                fs::copy(current, data(&format!("current-{number}.json"))).unwrap();
            }
            fs::remove_dir_all(data("work")).unwrap();
            fs::write(&done, "").unwrap();
        }
        Self {
            names: data("names.txt"),
            rows: data("rows.db"),
            snapshots: data("snapshots"),
            currents: [0, 1]
                .map(|number| fs::read(data(&format!("current-{number}.json"))).unwrap()),
        }
    }

    /// Makes a snapshot the current one, as `pull` does.
    pub fn point(&self, number: usize) {
        let path = self.snapshots.join("current.json");
        espy_shared::files::replace(&path, &self.currents[number]).unwrap();
    }
}

pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "serving: {text}");
}

fn name(number: usize) -> String {
    format!("project-{number:05}")
}

fn write_names(path: &Path) {
    let names: Vec<String> = (1..PROJECTS - 1).map(name).collect();
    fs::write(path, names.join("\n")).unwrap();
}

/// Popularity falls with rank; days vary by a third.
fn write_counts(csv: &Path, rows: &Path, first: Day, days: i32) {
    let file = BufWriter::new(File::create(csv).unwrap());
    let mut csv = zstd::Encoder::new(file, 1).unwrap().auto_finish();
    writeln!(csv, "day,project,dimension,category,count").unwrap();
    let mut connection = Connection::open(rows).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             CREATE TABLE overall (project TEXT, category TEXT, date TEXT, downloads INTEGER,
                 PRIMARY KEY (project, category, date)) WITHOUT ROWID;",
        )
        .unwrap();
    let transaction = connection.transaction().unwrap();
    let mut insert = transaction
        .prepare("INSERT INTO overall VALUES (?1, ?2, ?3, ?4)")
        .unwrap();
    let dates: Vec<String> = (0..days).map(|day| first.plus(day).to_string()).collect();
    for number in 0..PROJECTS {
        let (name, mut random) = (name(number), Rng::with_seed(number as u64));
        let mean = 40_000_000 / (number as u64 + 4);
        let from = if name == SMALL {
            (days - SMALL_DAYS).max(0)
        } else {
            0
        };
        let counts: Vec<u64> = dates
            .iter()
            .map(|_| mean * 2 / 3 + random.u64(0..=mean * 2 / 3) + 1)
            .collect();
        for (category, percent) in [("with_mirrors", 115), ("without_mirrors", 100)] {
            for (date, count) in dates
                .iter()
                .zip(&counts)
                .skip(usize::try_from(from).unwrap())
            {
                let count = count * percent / 100 + 1;
                writeln!(csv, "{date},{name},overall,{category},{count}").unwrap();
                insert.execute((&name, category, date, count)).unwrap();
            }
        }
    }
    drop(insert);
    transaction.commit().unwrap();
}
