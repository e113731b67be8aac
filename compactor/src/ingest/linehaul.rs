//! Reads the lines PyPI's CDN logs, the input of linehaul.
//!
//! ```text
//! download|<date>|<country>|<url path>|<tls protocol>|<tls cipher>|<project>|<version>|<type>|<User-Agent>
//! simple|<date>|<country>|/simple/<project>/|<tls protocol>|<tls cipher>||||<User-Agent>
//! ```
//!
//! The grammar is that of `linehaul/events/parser.py` in
//! pypi/linehaul-cloud-function at 273861b: a field holds printable ASCII,
//! spaces and tabs, but neither `|` nor `@`; white space before it is skipped,
//! white space after it is kept; `(null)` means null in the TLS fields, the
//! project, the version and the type; the User-Agent is all that follows, and
//! may be anything. The country may be empty, and is taken as sent: upstream
//! keeps even `(null)` there.
//!
//! The differences: dates are read strictly (see [`LineError::BadDate`]), and
//! the formats v1 and v2, which upstream retired in July 2026, are refused.

mod date;

use std::borrow::Cow;

/// One event, borrowed from its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A file was sent.
    Download {
        /// Seconds since 1970-01-01 00:00:00 UTC.
        seconds: i64,
        /// As the CDN wrote it, usually ISO 3166 alpha-2; `None` when empty.
        country: Option<&'a str>,
        /// The path of the URL.
        url: &'a str,
        /// The part of `url` after its last slash; may be empty.
        filename: &'a str,
        /// As sent, not yet normalised.
        project: &'a str,
        /// As sent.
        version: &'a str,
        /// One of [`FILE_TYPES`].
        file_type: &'a str,
        /// As sent; `(null)` when the client sent none.
        user_agent: &'a str,
    },
    /// A project's page of the simple index was sent.
    Simple {
        /// Seconds since 1970-01-01 00:00:00 UTC.
        seconds: i64,
        /// As the CDN wrote it, usually ISO 3166 alpha-2; `None` when empty.
        country: Option<&'a str>,
        /// The path of the URL.
        url: &'a str,
        /// What stands after the second slash of `url`; may be empty.
        project: &'a str,
        /// As sent; `(null)` when the client sent none.
        user_agent: &'a str,
    },
}

/// The types of files PyPI has ever taken.
pub const FILE_TYPES: [&str; 8] = [
    "bdist_dmg",
    "bdist_dumb",
    "bdist_egg",
    "bdist_msi",
    "bdist_rpm",
    "bdist_wheel",
    "bdist_wininst",
    "sdist",
];

/// Why a line is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// Of no format known here: too few fields, another first word, a
    /// character no field may have, or text after the end of the line.
    #[error("not a line of linehaul's format")]
    Malformed,
    /// Format v1 or v2, or wrapped by syslog. Upstream dropped these in 2026.
    #[error("a retired format of linehaul")]
    RetiredFormat,
    /// Not `Fri, 20 Jul 2018 02:19:19 GMT` to the letter, or a date or time
    /// that does not exist; second 60 neither, as upstream. The weekday may be
    /// wrong. Upstream also takes one-digit numbers and any zone.
    #[error("not a date of RFC 1123")]
    BadDate,
    /// The project, version or type is `(null)` or empty, or there is no
    /// project in the path of a simple line. The field's name is given.
    #[error("no {0}")]
    MissingField(&'static str),
    /// Not one of [`FILE_TYPES`].
    #[error("not a type of file")]
    BadFileType,
}

impl LineError {
    /// The reason as a metric or a tally names it; never changes.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            LineError::Malformed => "malformed-line",
            LineError::RetiredFormat => "retired-format",
            LineError::BadDate => "bad-date",
            LineError::MissingField(_) => "missing-field",
            LineError::BadFileType => "bad-file-type",
        }
    }
}

/// Parses one line, with or without its newline.
///
/// A line with tabs is to go through [`expand_tabs`] first, as upstream has
/// it; without that, tabs are kept as they are.
///
/// # Errors
///
/// The first reason found, from left to right, to refuse the line. The caller
/// counts it and goes on.
pub fn parse_line(line: &str) -> Result<Line<'_>, LineError> {
    let mut fields = Fields { rest: line };
    let format = fields.next().map_err(|_| retired_or_malformed(line))?;
    let format = format.trim_matches(SPACES);
    if format != "download" && format != "simple" {
        return Err(retired_or_malformed(line));
    }
    let seconds = date::parse(word(fields.next()?)?).ok_or(LineError::BadDate)?;
    let country = fields.next()?;
    let country = if is_blank(country) {
        None
    } else {
        Some(word(country)?)
    };
    let url = word(fields.next()?)?;
    nullable_word(fields.next()?)?;
    nullable_word(fields.next()?)?;
    if format == "simple" {
        for _ in 0..3 {
            if !is_blank(fields.next()?) {
                return Err(LineError::Malformed);
            }
        }
        return Ok(Line::Simple {
            seconds,
            country,
            url,
            project: url
                .split('/')
                .nth(2)
                .ok_or(LineError::MissingField("project"))?,
            user_agent: fields.user_agent()?,
        });
    }
    let project = required(fields.next()?, "project")?;
    let version = required(fields.next()?, "version")?;
    let file_type = required(fields.next()?, "type")?.trim_end_matches(SPACES);
    if !FILE_TYPES.contains(&file_type) {
        return Err(LineError::BadFileType);
    }
    Ok(Line::Download {
        seconds,
        country,
        url,
        filename: url.rsplit('/').next().unwrap_or(url),
        project,
        version,
        file_type,
        user_agent: fields.user_agent()?,
    })
}

/// Puts spaces up to the next column of eight for every tab.
///
/// Upstream does so before it parses (Python's `str.expandtabs`), and the
/// stored values show it. A line without tabs, which nearly all are, is not
/// copied.
#[must_use]
pub fn expand_tabs(line: &str) -> Cow<'_, str> {
    const COLUMNS: usize = 8;

    if !line.contains('\t') {
        return Cow::Borrowed(line);
    }
    let mut expanded = String::with_capacity(line.len() + COLUMNS);
    let mut column = 0;
    for c in line.chars() {
        match c {
            '\t' => {
                let width = COLUMNS - column % COLUMNS;
                expanded.extend(std::iter::repeat_n(' ', width));
                column += width;
            }
            '\n' | '\r' => {
                expanded.push(c);
                column = 0;
            }
            _ => {
                expanded.push(c);
                column += 1;
            }
        }
    }
    Cow::Owned(expanded)
}

/// The white space upstream's grammar skips between a field and its bar.
const SPACES: &[char] = &[' ', '\t', '\n', '\r'];

/// The fields of a line that are still to be read.
struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Fields<'a> {
    /// The text up to the next bar.
    fn next(&mut self) -> Result<&'a str, LineError> {
        let (field, rest) = self.rest.split_once('|').ok_or(LineError::Malformed)?;
        self.rest = rest;
        Ok(field)
    }

    /// All up to the end of the line, after which there may be white space
    /// only.
    fn user_agent(self) -> Result<&'a str, LineError> {
        match self.rest.split_once('\n') {
            None => Ok(self.rest),
            Some((user_agent, end)) if is_blank(end) => Ok(user_agent),
            Some(_) => Err(LineError::Malformed),
        }
    }
}

/// The text of a field: from its first character that is not white space to
/// the last that a field may have, trailing spaces and all.
fn word(field: &str) -> Result<&str, LineError> {
    let field = field.trim_start_matches(SPACES);
    let is_word = |c: char| matches!(c, ' '..='~' | '\t') && c != '@' && c != '|';
    let (word, rest) = field.split_at(field.find(|c| !is_word(c)).unwrap_or(field.len()));
    if word.is_empty() || !is_blank(rest) {
        return Err(LineError::Malformed);
    }
    Ok(word)
}

/// Like [`word`], where `(null)` is `None` but may not begin other text.
fn nullable_word(field: &str) -> Result<Option<&str>, LineError> {
    let word = word(field)?;
    match word.strip_prefix("(null)") {
        None => Ok(Some(word)),
        Some(rest) if is_blank(rest) => Ok(None),
        Some(_) => Err(LineError::Malformed),
    }
}

fn required<'a>(field: &'a str, name: &'static str) -> Result<&'a str, LineError> {
    if is_blank(field) {
        return Err(LineError::MissingField(name));
    }
    nullable_word(field)?.ok_or(LineError::MissingField(name))
}

fn is_blank(text: &str) -> bool {
    text.trim_start_matches(SPACES).is_empty()
}

/// Which of the two a line with an unknown first field is.
fn retired_or_malformed(line: &str) -> LineError {
    // `<134>2018-07-20T02:19:20Z host linehaul[411617]: 2@…` from syslog.
    let message = match line.strip_prefix('<') {
        Some(wrapped) => wrapped
            .split_once(" linehaul[")
            .and_then(|(_, process)| process.split_once("]: "))
            .map(|(_, message)| message),
        None => Some(line),
    };
    if message.is_some_and(|message| message.starts_with("1@") || message.starts_with("2@")) {
        LineError::RetiredFormat
    } else {
        LineError::Malformed
    }
}

#[cfg(test)]
mod tests;
