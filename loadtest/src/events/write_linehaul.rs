//! Log lines as PyPI's CDN writes them for linehaul (version 3):
//! `download|date|country|url|protocol|cipher|project|version|type|User-Agent`.
//! An absent country is empty, other absent fields are `(null)`; the User-Agent
//! goes to the end of the line and may hold anything.

use std::io::Write;

use super::calendar::Day;
use super::event::Event;
use super::time_of_day::TimeOfDay;

/// Appends the line, without its end.
pub(crate) fn write(day: &Day, event: &Event<'_>, line: &mut Vec<u8>) {
    let (protocol, cipher) = event.tls.unwrap_or(("(null)", "(null)"));
    write!(
        line,
        "download|{} {} GMT|{}|{}|{protocol}|{cipher}|{}|{}|{}|{}",
        day.rfc1123,
        TimeOfDay(event.second),
        event.country.unwrap_or_default(),
        event.url,
        event.project.name,
        event.version,
        event.file_type,
        event.agent.user_agent,
    )
    .expect("a vector takes all");
}
