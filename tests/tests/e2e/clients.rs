//! The real client of pypistats.org, and raw requests, against the generator's
//! own totals.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;

use espy_shared::day::Day;
use espy_shared::dimension::{Dimension, WITHOUT_MIRRORS};
use espy_shared::name::ALL;
use espy_tests::counts::Counts;
use espy_tests::handler::Handler;
use espy_tests::program::make_events;
use espy_tests::site::Site;
use espy_tests::{peers, root};
use serde_json::{Value, json};

use crate::sample::{recent_body, series_body};

/// The days of the sample, over three months, and the run's day.
const DAYS: i32 = 50;
const LAST: &str = "2026-11-15";
const TODAY: &str = "2026-11-16";

const ENDPOINTS: [(&str, Dimension); 4] = [
    ("overall", Dimension::Overall),
    ("python_major", Dimension::PythonMajor),
    ("python_minor", Dimension::PythonMinor),
    ("system", Dimension::System),
];

/// A handler with sample events, and what the generator counted.
struct Fixture {
    site: Site,
    handler: Handler,
    counts: Counts,
    /// The most downloaded project with a hyphen.
    project: String,
}

impl Fixture {
    fn new() -> Self {
        let site = Site::new();
        let events = site.path("events");
        make_events([
            "--rows=30000",
            "--projects=300",
            "--seed=11",
            &format!("--days={DAYS}"),
            &format!("--end={LAST}"),
            &format!("--out={}", events.display()),
        ]);
        site.run([&events], &[&format!("--today={TODAY}")]);
        site.pull(&[]);
        let mut counts = Counts::of_csv(&events.with_extension("expected.csv"));
        counts.sum_over_projects();
        let handler = Handler::ready(&site.snapshots(), &[]);
        let project = most_downloaded(&counts);
        Self {
            site,
            handler,
            counts,
            project,
        }
    }

    /// Last day, week and month.
    fn windows(&self, project: &str) -> [u64; 3] {
        let last: Day = LAST.parse().unwrap();
        [1, 7, 30].map(|days| {
            let first = last.plus(1 - days).to_string();
            let rows = self.counts.series(project, Dimension::Overall);
            rows.iter()
                .filter(|row| row.0 == WITHOUT_MIRRORS && row.1 >= &*first)
                .map(|row| row.2)
                .sum()
        })
    }

    /// Rows of an endpoint; of one category, or all.
    fn rows(
        &self,
        project: &str,
        dimension: Dimension,
        only: Option<&str>,
    ) -> Vec<(&str, &str, u64)> {
        let mut rows = self.counts.series(project, dimension);
        rows.retain(|row| only.is_none_or(|only| row.0 == only));
        rows
    }

    /// What the client prints for each of these command lines.
    fn client(&self, calls: &[Vec<String>]) -> Vec<String> {
        let mut command = peers::python();
        command.arg(root().join("tests/tests/e2e/clients/calls.py"));
        command.arg(format!("http://{}/api/", self.handler.address()));
        command.arg(self.site.path("cache"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = serde_json::to_vec(calls).unwrap();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn most_downloaded(counts: &Counts) -> String {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, count) in counts.iter() {
        if key.dimension == Dimension::Overall && key.project.contains('-') {
            *totals.entry(&key.project).or_default() += count;
        }
    }
    let most = totals.into_iter().max_by_key(|&(_, count)| count);
    most.unwrap().0.to_owned()
}

/// `Azure-_form` for `azure-form`.
fn odd(project: &str) -> String {
    let (first, rest) = project.split_at(1);
    format!("{}{}", first.to_uppercase(), rest.replacen('-', "-_.", 1))
}

#[test]
fn the_pypistats_client_prints_the_expected_numbers() {
    let fixture = Fixture::new();
    let odd = odd(&fixture.project);
    let spellings = [
        (&*fixture.project, &*fixture.project),
        (&odd, &*fixture.project),
        (ALL, ALL),
    ];
    let mut checks: Vec<Check> = Vec::new();
    for (sent, project) in spellings {
        recent_checks(&mut checks, &fixture, sent, project);
        for (endpoint, dimension) in ENDPOINTS {
            for (flags, only) in filters(&fixture, project, dimension) {
                let call: Vec<&str> = [&[endpoint, sent][..], &flags].concat();
                let rows = fixture.rows(project, dimension, only);
                daily_checks(&mut checks, &call, project, &rows);
            }
        }
    }
    let mut call = |arguments: &[&str], expect| {
        let call = arguments.iter().map(ToString::to_string).collect();
        checks.push((call, Expect::Text(expect)));
    };
    let no_data = "No data found for https://pypi.org/project/no-such/\n".to_owned();
    call(&["system", "no_such"], no_data.clone());
    call(&["python_major", "no.such"], no_data);
    let address = fixture.handler.address();
    call(
        &["recent", "no_such"],
        format!("error: HTTP Error 404 for url: http://{address}/api/packages/no_such/recent"),
    );

    let calls: Vec<_> = checks.iter().map(|(call, _)| call.clone()).collect();
    let printed = fixture.client(&calls);
    assert_eq!(printed.len(), checks.len());
    for ((call, expect), printed) in checks.iter().zip(printed) {
        expect.check(call, &printed);
    }
}

type Check = (Vec<String>, Expect);

/// What the client should print.
enum Expect {
    Text(String),
    Json(Value),
    /// Cells of the table's lines, whatever is drawn around them, in any order.
    Table(BTreeSet<Vec<String>>),
}

impl Expect {
    fn check(&self, call: &[String], printed: &str) {
        match self {
            Self::Text(text) => assert_eq!(printed, text, "{call:?}"),
            Self::Json(json) => {
                let printed: Value = serde_json::from_str(printed)
                    .unwrap_or_else(|error| panic!("{call:?} {error}: {printed}"));
                assert_eq!(printed, *json, "{call:?}");
            }
            Self::Table(rows) => {
                let lines = printed.lines().map(cells);
                let found: BTreeSet<_> = lines.filter(|cells| is_numbered(cells)).collect();
                assert_eq!(&found, rows, "{call:?}\n{printed}");
            }
        }
    }
}

/// What stands between the frame of a table's line, without percentages.
fn cells(line: &str) -> Vec<String> {
    line.split(['│', '|', '\t'])
        .map(|cell| cell.trim().replace(',', ""))
        .filter(|cell| !cell.is_empty() && !cell.ends_with('%'))
        .collect()
}

fn is_numbered(cells: &[String]) -> bool {
    cells.last().is_some_and(|cell| cell.parse::<u64>().is_ok())
}

fn recent_checks(checks: &mut Vec<Check>, fixture: &Fixture, sent: &str, project: &str) {
    let [day, week, month] = fixture.windows(project);
    assert!(day > 0 && day < week && week < month);
    let mut add = |period: &[&str], data: Value| {
        let call = |format: &str| {
            let start = ["recent", sent].into_iter().chain(period.iter().copied());
            start.chain(["-f", format]).map(str::to_owned).collect()
        };
        let row = data.as_object().unwrap().values().map(ToString::to_string);
        let row: Vec<String> = row.collect();
        for format in ["pretty", "md", "tsv"] {
            let rows = BTreeSet::from([row.clone()]);
            checks.push((call(format), Expect::Table(rows)));
        }
        let json = json!({"data": data, "package": project, "type": "recent_downloads"});
        checks.push((call("json"), Expect::Json(json)));
    };
    // Columns of tables stand in the order of the body's keys.
    add(
        &[],
        json!({"last_day": day, "last_month": month, "last_week": week}),
    );
    add(&["-p", "day"], json!({"last_day": day}));
    add(&["-p", "week"], json!({"last_week": week}));
    add(&["-p", "month"], json!({"last_month": month}));
}

/// Flags of the client, and the category that they ask for.
fn filters<'a>(
    fixture: &'a Fixture,
    project: &str,
    dimension: Dimension,
) -> Vec<(Vec<&'static str>, Option<&'a str>)> {
    let mut filters = vec![(vec![], None)];
    let all: &[(&[&str], &str)] = match dimension {
        Dimension::Overall => &[
            (&["--mirrors", "true"], "with_mirrors"),
            (&["--mirrors", "with"], "with_mirrors"),
            (&["--mirrors", "false"], "without_mirrors"),
            (&["--mirrors", "without"], "without_mirrors"),
        ],
        Dimension::PythonMajor => &[(&["-V", "2"], "2"), (&["-V", "3"], "3")],
        Dimension::PythonMinor => &[(&["-V", "3.12"], "3.12"), (&["-V", "3.10"], "3.10")],
        _ => &[
            (&["-o", "linux"], "Linux"),
            (&["-o", "WINDOWS"], "Windows"),
            (&["-o", "Darwin"], "Darwin"),
            (&["-o", "null"], "null"),
        ],
    };
    for &(flags, category) in all {
        assert!(!fixture.rows(project, dimension, Some(category)).is_empty());
        filters.push((flags.to_vec(), Some(category)));
    }
    filters
}

/// Each total that the client makes, in each format.
fn daily_checks(checks: &mut Vec<Check>, call: &[&str], project: &str, rows: &[(&str, &str, u64)]) {
    let endpoint = call[0];
    for (total, length) in [("", 0), ("--monthly", 7), ("--daily", 10)] {
        let sums = sums(rows, length);
        let with = |format: &str| -> Vec<String> {
            let words = call
                .iter()
                .copied()
                .chain([total, "-c", "no", "-f", format]);
            // `recent` and `overall` never colour; the others are told not to.
            words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let data: Vec<Value> = sums.iter().map(|row| as_json(row, length)).collect();
        let kind = format!("{endpoint}_downloads");
        let json = json!({"data": data, "package": project, "type": kind});
        checks.push((with("json"), Expect::Json(json)));
        let table = table(&sums, endpoint);
        for format in ["pretty", "md", "tsv"] {
            checks.push((with(format), Expect::Table(table.clone())));
        }
    }
}

/// Sums by category and the first `length` characters of the day, in the
/// order of the rows.
fn sums<'a>(rows: &[(&'a str, &'a str, u64)], length: usize) -> Vec<(&'a str, &'a str, u64)> {
    let mut sums: Vec<(&str, &str, u64)> = Vec::new();
    for &(category, day, count) in rows {
        let day = &day[..length];
        match sums.last_mut() {
            Some(sum) if (sum.0, sum.1) == (category, day) => sum.2 += count,
            _ => sums.push((category, day, count)),
        }
    }
    sums
}

fn as_json(&(category, day, count): &(&str, &str, u64), length: usize) -> Value {
    match length {
        0 => json!({"category": category, "downloads": count}),
        _ => json!({"category": category, "date": day, "downloads": count}),
    }
}

/// The lines of a table, with the total that the client adds below several.
fn table(sums: &[(&str, &str, u64)], endpoint: &str) -> BTreeSet<Vec<String>> {
    let mut table: BTreeSet<Vec<String>> = sums
        .iter()
        .map(|(category, day, count)| {
            let cells = [category.to_string(), day.to_string(), count.to_string()];
            cells.into_iter().filter(|cell| !cell.is_empty()).collect()
        })
        .collect();
    if sums.len() > 1 {
        let of = |category: &str| -> u64 {
            let rows = sums.iter().filter(|row| row.0 == category);
            rows.map(|row| row.2).sum()
        };
        let total = match endpoint {
            "overall" => of("with_mirrors").max(of("without_mirrors")),
            _ => sums.iter().map(|row| row.2).sum(),
        };
        table.insert(vec!["Total".to_owned(), total.to_string()]);
    }
    table
}

#[test]
fn bodies_are_those_of_pypistats_org_byte_for_byte() {
    let fixture = Fixture::new();
    let mut client = fixture.handler.connect();
    let project = &*fixture.project;
    let odd = odd(project);
    let mut check = |target: String, status: u16, kind: &str, body: &str| {
        let answer = client.get(&target);
        let found = (answer.status, answer.header("content-type"), answer.text());
        assert_eq!(found, (status, kind, body), "{target}");
    };
    let json = "application/json";
    let html = "text/html; charset=utf-8";
    for (sent, project) in [(project, project), (&odd, project), (ALL, ALL)] {
        let path = format!("/api/packages/{sent}");
        let windows = fixture.windows(project);
        check(
            format!("{path}/recent"),
            200,
            json,
            &recent_body(project, windows),
        );
        for (period, count) in ["day", "week", "month"].into_iter().zip(windows) {
            let body = format!(
                "{{\"data\":{{\"last_{period}\":{count}}},\"package\":\"{project}\",\
                 \"type\":\"recent_downloads\"}}\n"
            );
            // The client's odd query, and a plain one.
            check(format!("{path}/recent?&period={period}"), 200, json, &body);
            check(format!("{path}/recent?period={period}"), 200, json, &body);
        }
        for (endpoint, dimension) in ENDPOINTS {
            let body = series_body(project, endpoint, fixture.rows(project, dimension, None));
            check(format!("{path}/{endpoint}"), 200, json, &body);
            check(format!("{path}/{endpoint}?no=such"), 200, json, &body);
        }
        for (endpoint, query, dimension, category) in [
            (
                "overall",
                "mirrors=true",
                Dimension::Overall,
                "with_mirrors",
            ),
            (
                "overall",
                "mirrors=false",
                Dimension::Overall,
                "without_mirrors",
            ),
            ("python_major", "version=3", Dimension::PythonMajor, "3"),
            (
                "python_minor",
                "version=3.11",
                Dimension::PythonMinor,
                "3.11",
            ),
            ("system", "os=linux", Dimension::System, "Linux"),
            ("system", "os=LINUX", Dimension::System, "Linux"),
        ] {
            let rows = fixture.rows(project, dimension, Some(category));
            let body = series_body(project, endpoint, rows);
            check(format!("{path}/{endpoint}?&{query}"), 200, json, &body);
        }
        check(format!("{path}/recent?period=year"), 404, html, "404");
        check(format!("{path}/recent/"), 404, html, "404");
    }
    let none = |endpoint| series_body::<&str, &str>("no-such", endpoint, []);
    for endpoint in ["python_major", "python_minor", "system"] {
        let target = format!("/api/packages/no_such/{endpoint}");
        check(target, 200, json, &none(endpoint));
    }
    for path in [
        "no_such/recent",
        "no_such/overall",
        "..",
        "%2e%2e/recent",
        "a%2Fb/recent",
    ] {
        check(format!("/api/packages/{path}"), 404, html, "404");
    }
}
