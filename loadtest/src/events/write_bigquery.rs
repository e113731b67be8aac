//! Rows of `bigquery-public-data.pypi.file_downloads` as newline-delimited JSON
//! (pypi/linehaul `schema.json`). An event of an ignored User-Agent has no row.

use serde::Serialize;

use super::calendar::Day;
use super::details::Details;
use super::event::Event;
use super::time_of_day::TimeOfDay;

#[derive(Serialize)]
struct Row<'a> {
    timestamp: &'a str,
    country_code: Option<&'a str>,
    url: &'a str,
    project: &'a str,
    file: File<'a>,
    details: Option<&'a Details>,
    tls_protocol: Option<&'a str>,
    tls_cipher: Option<&'a str>,
}

#[derive(Serialize)]
struct File<'a> {
    filename: &'a str,
    project: &'a str,
    version: &'a str,
    r#type: &'a str,
}

/// Appends the row, without the end of its line.
pub(crate) fn write(day: &Day, event: &Event<'_>, line: &mut Vec<u8>) {
    let timestamp = format!("{} {} UTC", day.iso, TimeOfDay(event.second));
    let row = Row {
        timestamp: &timestamp,
        country_code: event.country,
        url: event.url,
        project: &event.project.name,
        file: File {
            filename: event.filename,
            project: &event.project.name,
            version: event.version,
            r#type: event.file_type,
        },
        details: event.agent.details(),
        tls_protocol: event.tls.map(|(protocol, _)| protocol),
        tls_cipher: event.tls.map(|(_, cipher)| cipher),
    };
    serde_json::to_writer(line, &row).expect("a vector takes all, and strings are JSON");
}
