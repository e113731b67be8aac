//! Counts that are easily told: every number of every day is the same.

use std::fmt::Write as _;

use espy_shared::day::Day;
use espy_tests::counts::HEADER;

/// Projects of the sample.
pub(crate) const PROJECTS: [&str; 2] = ["alpha", "beta"];

/// The days from `first` to `last`.
pub(crate) fn days(first: &str, last: &str) -> Vec<Day> {
    let (first, last): (Day, Day) = (first.parse().unwrap(), last.parse().unwrap());
    (0..=last.since(first)).map(|n| first.plus(n)).collect()
}

/// One download of each project with 3.11 on each day, and one with 3.12. The
/// mark makes the content, and so the batch, one of its own; it is a version,
/// which no route here shows.
pub(crate) fn csv(days: &[Day], mark: u32) -> String {
    let mut csv = format!("{HEADER}\n");
    for day in days {
        for project in PROJECTS {
            for category in [
                "overall,with_mirrors,2",
                "overall,without_mirrors,2",
                "python_minor,3.11,1",
                "python_minor,3.12,1",
            ] {
                writeln!(csv, "{day},{project},{category}").unwrap();
            }
        }
    }
    writeln!(csv, "{},alpha,version,{mark},1", days[0]).unwrap();
    csv
}

/// The body of a daily series with the same number everywhere.
pub(crate) fn daily_body(
    package: &str,
    endpoint: &str,
    categories: &[&str],
    days: &[Day],
    count: u64,
) -> String {
    let rows = categories.iter().flat_map(|&category| {
        days.iter()
            .map(move |day| (category, day.to_string(), count))
    });
    series_body(package, endpoint, rows)
}

/// The body of `/api/packages/{package}/{endpoint}` as pypistats.org has it.
pub(crate) fn series_body<C: AsRef<str>, D: AsRef<str>>(
    package: &str,
    endpoint: &str,
    rows: impl IntoIterator<Item = (C, D, u64)>,
) -> String {
    let rows: Vec<String> = rows
        .into_iter()
        .map(|(category, day, count)| {
            let (category, day) = (category.as_ref(), day.as_ref());
            format!(r#"{{"category":"{category}","date":"{day}","downloads":{count}}}"#)
        })
        .collect();
    let rows = rows.join(",");
    format!("{{\"data\":[{rows}],\"package\":\"{package}\",\"type\":\"{endpoint}_downloads\"}}\n")
}

/// The body of `/api/packages/{package}/recent`.
pub(crate) fn recent_body(package: &str, [day, week, month]: [u64; 3]) -> String {
    format!(
        "{{\"data\":{{\"last_day\":{day},\"last_month\":{month},\"last_week\":{week}}},\
         \"package\":\"{package}\",\"type\":\"recent_downloads\"}}\n"
    )
}
