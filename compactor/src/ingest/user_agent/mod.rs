//! Recognises the client behind a User-Agent, with linehaul's results.
//!
//! The kinds, their exact forms and the ignored ones are those of
//! `linehaul/ua/parser.py` in pypi/linehaul-cloud-function at 273861b, so that
//! counts of one's own index compare with PyPI's. Upstream tries its parsers
//! in any order; here the first word picks the only one that can match.
//!
//! The differences, each with a row in the tests:
//!
//! - A User-Agent of two kinds, as `Nexus/3 pex/1`, is what its first word
//!   says. Upstream takes whichever parser it tries first.
//! - JSON of the wrong shape never loses the event. Upstream refuses the line
//!   when a record is a number, and keeps Python's `repr` of a list or an
//!   object where text belongs; here the record is empty and the text null.
//! - JSON as RFC 8259 has it. Python also reads `NaN`, `Infinity`, numbers
//!   beyond a double and lone surrogates.
//! - Digits are ASCII digits, and case is folded in ASCII only.

mod browser;
mod ignored;
mod json;
mod kinds;
mod version;
mod whole;
mod words;

use super::details::Details;

pub use whole::is_whole;

/// What a User-Agent says of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every User-Agent is known, and a box would cost each an allocation"
)]
pub enum UserAgent<'a> {
    /// On the list of clients that are no installers: the event is dropped.
    Ignored,
    /// Of no known kind: the event counts, without details.
    Unknown,
    /// Of a known kind.
    Known(Details<'a>),
}

/// Parses a User-Agent as it stands in the log, without further decoding.
///
/// Total: any text has a result. The usual one, of pip or uv, costs a look at
/// its version and one pass over its JSON; the details borrow from it.
///
/// ```
/// use espy_compactor::ingest::user_agent::{UserAgent, parse};
///
/// let UserAgent::Known(details) = parse("twine/4.0.2 CPython/3.9.16") else {
///     panic!("twine is known");
/// };
/// assert_eq!(details.implementation.unwrap().version.as_deref(), Some("3.9.16"));
/// assert_eq!(parse("Scrapy/2.11"), UserAgent::Ignored);
/// assert_eq!(parse("twine"), UserAgent::Unknown);
/// ```
#[must_use]
pub fn parse(user_agent: &str) -> UserAgent<'_> {
    // The `$` of upstream's expressions matches before a last newline too.
    let text = user_agent.strip_suffix('\n').unwrap_or(user_agent);
    if let Some(details) = kinds::parse(text) {
        return UserAgent::Known(details);
    }
    if ignored::is_ignored(text) {
        UserAgent::Ignored
    } else {
        UserAgent::Unknown
    }
}

#[cfg(test)]
mod tests;
