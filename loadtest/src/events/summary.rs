//! `FILE.expected.json`: what the file holds, in numbers.

use serde::Serialize;

use super::expected::Verdict;
use super::write_access_log::OtherLines;
use crate::config::{EventsConfig, Format, Recipe};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    format: &'static str,
    recipe: RecipeSummary,
    first_day: String,
    last_day: String,
    /// Lines of the file, good and bad, a header included.
    lines: u64,
    /// Lines that cannot be read.
    malformed: u64,
    #[serde(flatten)]
    totals: Totals,
    /// Each day, the first first.
    days: Vec<DaySummary>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct RecipeSummary {
    rows: u64,
    days: u32,
    end: String,
    seed: u64,
    projects: u32,
    malformed: u64,
    side_files: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct DaySummary {
    day: String,
    malformed: u64,
    #[serde(flatten)]
    totals: Totals,
}

/// Numbers of a day or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    /// Events made: the same in every format.
    pub(crate) events: u64,
    /// Those that have a row in the file: `counted` and `ignored`. Counts have
    /// no rows of events, so there it is the number of their own rows.
    pub(crate) rows: u64,
    /// `downloads` and `side_files`.
    pub(crate) counted: u64,
    /// The sum of `overall`, `with_mirrors`.
    pub(crate) downloads: u64,
    /// The sum of `side_files`, `with_mirrors`.
    pub(crate) side_files: u64,
    /// Rows that are no downloads, by reason.
    pub(crate) ignored: Ignored,
    /// Lines of an access log that are none of the rows.
    pub(crate) other_lines: OtherLines,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Ignored {
    #[serde(rename = "user-agent")]
    pub(crate) user_agent: u64,
    pub(crate) python: u64,
}

impl Totals {
    /// Takes note of an event of the format.
    pub(crate) fn add(&mut self, format: Format, verdict: Verdict) {
        let has_row = match format {
            Format::Bigquery => verdict != Verdict::IgnoredUserAgent,
            Format::Linehaul | Format::AccessLog => true,
            Format::Counts => false,
        };
        self.events += 1;
        self.rows += u64::from(has_row);
        match verdict {
            Verdict::Download => {
                self.counted += 1;
                self.downloads += 1;
            }
            Verdict::SideFile => {
                self.counted += 1;
                self.side_files += 1;
            }
            Verdict::IgnoredUserAgent => self.ignored.user_agent += u64::from(has_row),
            Verdict::IgnoredPython => self.ignored.python += u64::from(has_row),
        }
    }

    fn add_all(&mut self, other: &Self) {
        self.events += other.events;
        self.rows += other.rows;
        self.counted += other.counted;
        self.downloads += other.downloads;
        self.side_files += other.side_files;
        self.ignored.user_agent += other.ignored.user_agent;
        self.ignored.python += other.ignored.python;
        self.other_lines.add_all(&other.other_lines);
    }
}

impl Summary {
    /// Nothing written yet.
    pub(crate) fn new(config: &EventsConfig) -> Self {
        let Recipe {
            row_count,
            day_count,
            last_day,
            seed,
            project_count,
            malformed_count,
            side_file_share,
        } = config.recipe;
        Self {
            format: config.format.name(),
            recipe: RecipeSummary {
                rows: row_count,
                days: day_count,
                end: last_day.to_string(),
                seed,
                projects: project_count,
                malformed: malformed_count,
                side_files: side_file_share,
            },
            first_day: config.recipe.first_day().to_string(),
            last_day: last_day.to_string(),
            lines: u64::from(config.format == Format::Counts),
            malformed: 0,
            totals: Totals::default(),
            days: Vec::new(),
        }
    }

    /// A day is complete.
    pub(crate) fn add_day(&mut self, day: &str, malformed: u64, totals: Totals) {
        self.lines += totals.rows + totals.other_lines.sum() + malformed;
        self.malformed += malformed;
        self.totals.add_all(&totals);
        self.days.push(DaySummary {
            day: day.to_owned(),
            malformed,
            totals,
        });
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }
}
