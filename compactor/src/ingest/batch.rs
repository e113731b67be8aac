//! One input becomes one batch: lines are read, counted, and the rest is
//! quarantined.

use std::path::PathBuf;

use anyhow::{Context, bail};
use espy_shared::day::Day;
use rustc_hash::FxHashMap;

use super::content::{Content, ContentReader, KnownContents, LineSink};
use super::counter::Counter;
use super::format::{Format, HEAD_BYTES};
use super::linehaul::{self, Line};
use super::quarantine::Quarantine;
use super::row::{Reject, Verdict};
use super::rules::{Agent, Event, Rules};
use super::source::{Ending, Input, Source};
use super::tables::Tables;
use super::timestamp::TimestampReader;
use super::user_agent::{self, UserAgent};
use super::{bigquery, counts};
use crate::partial::BatchMeta;

/// User-Agents remembered with their categories. Most events come from few.
const AGENTS_MAX: usize = 100_000;

/// What reading needs besides the input.
pub(super) struct Setting<'a> {
    /// The tables of installers.
    pub tables: &'a Tables,
    /// The run's day.
    pub today: Day,
    /// First day whose daily counts are kept.
    pub kept_from: Option<Day>,
    /// Largest share of rejected rows, 0 to 1.
    pub max_reject_share: f64,
    /// Longest line in bytes.
    pub line_bytes_max: usize,
    /// Where rejected rows go.
    pub quarantine_dir: PathBuf,
}

/// What became of an input.
pub(super) enum Outcome {
    /// New counts.
    Counted {
        /// Its identity and tally.
        meta: BatchMeta,
        /// The counts.
        counter: Box<Counter>,
        /// Rejected rows, where there are any.
        quarantine: Option<PathBuf>,
    },
    /// Every byte has been counted before.
    Known {
        /// Its identity.
        hash: String,
    },
    /// No byte of content.
    Empty {
        /// Bytes of an unfinished line left for a later run.
        left_bytes: u64,
    },
}

/// Reads one input to its end.
///
/// # Errors
///
/// When it cannot be read as a whole, its format is unknown, it changed
/// meanwhile, or too many rows are unreadable. Then nothing of it is counted.
pub(super) fn read(
    input: &Input,
    known: &KnownContents,
    setting: &Setting<'_>,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<Outcome> {
    let name = input.name();
    let source = Source::open(input)?;
    let mut content = ContentReader::new(source, known, setting.line_bytes_max);
    let head = content.peek(HEAD_BYTES).context("read its beginning")?;
    if head.len() < HEAD_BYTES && head.trim_ascii().is_empty() {
        content.reader().finish()?;
        return Ok(Outcome::Empty { left_bytes: 0 });
    }
    let Some(format) = Format::detect(head) else {
        bail!(
            "its format is unknown: expected file_downloads rows as NDJSON, linehaul `download|` lines, \
             or counts as CSV beginning with {:?}",
            counts::COLUMNS.join(",")
        );
    };
    let mut sink = Sink {
        name: &name,
        format,
        has_header: matches!(format, Format::Counts(_)),
        rules: Rules::new(setting.tables, setting.today, setting.kept_from),
        counter: Counter::default(),
        quarantine: Quarantine::new(&setting.quarantine_dir),
        timestamps: TimestampReader::default(),
        agents: FxHashMap::default(),
    };
    content
        .take_lines(&mut sink, |source| progress(source.consumed()))
        .context("it cannot be read to its end; it may be truncated")?;
    let ending = content.reader().finish()?;
    let is_broken = ending != Ending::Grew && sink.is_broken(content.last_line());
    let takes_last_line = match ending {
        Ending::Complete => !is_broken,
        Ending::Grew => false,
        Ending::MaybeGrowing => sink.is_whole(content.last_line()),
    };
    if is_broken {
        sink.reject_last_line(content.line_number() + 1, content.last_line());
    }
    let content = content.finish(takes_last_line, &mut sink);
    if content.left_bytes > 0 {
        log::warn!(file = name, bytes = content.left_bytes, is_rejected = is_broken;
            "the last line of {name} has no end; it is counted when a later run finds it complete");
    }
    conclude(&content, sink, is_broken, setting)
}

fn conclude(
    content: &Content,
    sink: Sink<'_, '_>,
    is_last_line_rejected: bool,
    setting: &Setting<'_>,
) -> anyhow::Result<Outcome> {
    let hash = content.hash.to_hex().to_string();
    if content
        .parent
        .is_some_and(|parent| parent.length == content.length)
    {
        return Ok(Outcome::Known { hash });
    }
    let quarantine = sink.quarantine.finish(&hash)?;
    let tally = sink.counter.tally();
    let (rejected, claims) = (tally.rejected_sum(), tally.claims());
    // A log that is read while it is written ends inside a line; only where
    // there is nothing else does that fail the batch.
    let spared = u64::from(is_last_line_rejected && claims > 1);
    // Divided, so that 29 of 100 are the share that 0.29 reads as.
    let share = (rejected - spared) as f64 / (claims - spared).max(1) as f64;
    if share > setting.max_reject_share {
        let kept = quarantine
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        bail!(
            "{rejected} of {claims} rows are rejected, more than the share of {} that --max-reject-share \
             allows; see {kept}",
            setting.max_reject_share
        );
    }
    if content.length == 0 {
        return Ok(Outcome::Empty {
            left_bytes: content.left_bytes,
        });
    }
    let meta = BatchMeta {
        hash,
        length: content.length,
        parent: content
            .parent
            .map(|parent| parent.hash.to_hex().to_string()),
        is_unterminated: content.is_unterminated,
        format: sink.format.name().to_owned(),
        source: sink.name.to_owned(),
        counted: tally.counted,
        ignored: tally.ignored_sum(),
        rejected,
    };
    Ok(Outcome::Counted {
        meta,
        counter: Box::new(sink.counter),
        quarantine,
    })
}

struct Sink<'n, 't> {
    name: &'n str,
    format: Format,
    has_header: bool,
    rules: Rules<'t>,
    counter: Counter,
    quarantine: Quarantine,
    timestamps: TimestampReader,
    agents: FxHashMap<Box<str>, Option<Agent>>,
}

impl Sink<'_, '_> {
    /// Whether an unfinished last line is surely no half line: it parses, and
    /// a cut would have shown.
    fn is_whole(&self, bytes: &[u8]) -> bool {
        let Ok(line) = std::str::from_utf8(bytes) else {
            return false;
        };
        match self.format {
            Format::Bigquery => bigquery::is_whole(line),
            // The fields before it are whole: the User-Agent is the last.
            Format::Linehaul => match linehaul::parse_line(&linehaul::expand_tabs(line)) {
                Ok(Line::Download { user_agent, .. } | Line::Simple { user_agent, .. }) => {
                    user_agent::is_whole(user_agent)
                }
                Err(_) => false,
            },
            // Nothing shows that 12 is not the beginning of 123; where it was,
            // `continued_line` puts it right.
            Format::Counts(header) => {
                self.has_header || counts::is_readable(line, &header, &self.rules)
            }
        }
    }

    /// Whether an unfinished last line is unreadable as it stands. It is then
    /// reported, but no part of the batch, since it may be the first half of
    /// a line that is still being written.
    fn is_broken(&self, bytes: &[u8]) -> bool {
        if bytes.trim_ascii().is_empty() {
            return false;
        }
        let Ok(line) = std::str::from_utf8(bytes) else {
            return true;
        };
        match self.format {
            Format::Bigquery => !bigquery::is_whole(line),
            Format::Linehaul => linehaul::parse_line(&linehaul::expand_tabs(line)).is_err(),
            Format::Counts(header) => {
                !self.has_header && !counts::is_readable(line, &header, &self.rules)
            }
        }
    }

    fn reject_last_line(&mut self, number: u64, bytes: &[u8]) {
        let verdict = match std::str::from_utf8(bytes) {
            Ok(line) => self.verdict(line),
            Err(error) => Reject::new("not-utf8", error.to_string()).into(),
        };
        if let Verdict::Rejected(mut reject) = verdict {
            // It may count yet, so no day is told of it.
            reject.day = None;
            reject.detail.push_str(
                " (the last line, without an end; counted when a later run finds it complete)",
            );
            self.reject(number, bytes, None, reject);
        }
    }

    fn verdict(&mut self, line: &str) -> Verdict {
        match self.format {
            Format::Bigquery => bigquery::count(
                line,
                &mut self.timestamps,
                &mut self.rules,
                &mut self.counter,
            ),
            Format::Linehaul => self.linehaul(line),
            Format::Counts(header) => {
                counts::count(line, &header, &mut self.rules, &mut self.counter)
            }
        }
    }

    fn linehaul(&mut self, line: &str) -> Verdict {
        match linehaul::parse_line(&linehaul::expand_tabs(line)) {
            Ok(Line::Download {
                seconds,
                country,
                filename,
                project,
                version,
                file_type,
                user_agent,
                ..
            }) => {
                let Some(agent) = self.agent(user_agent) else {
                    return Verdict::Ignored {
                        reason: "user-agent",
                        day: Day::from_seconds(seconds).ok(),
                    };
                };
                let event = Event {
                    seconds,
                    project,
                    version,
                    file_type,
                    filename,
                    country,
                };
                self.rules.count(&mut self.counter, &event, &agent)
            }
            Ok(Line::Simple { .. }) => Verdict::Unrelated { reason: "simple" },
            Err(error) => Reject::new(error.reason(), error.to_string()).into(),
        }
    }

    /// The categories of a User-Agent; none when it is one to be ignored.
    fn agent(&mut self, user_agent: &str) -> Option<Agent> {
        if let Some(agent) = self.agents.get(user_agent) {
            return *agent;
        }
        let agent = match user_agent::parse(user_agent) {
            UserAgent::Ignored => None,
            UserAgent::Unknown => Some(self.rules.agent(&mut self.counter, None)),
            UserAgent::Known(details) => Some(self.rules.agent(&mut self.counter, Some(&details))),
        };
        if self.agents.len() >= AGENTS_MAX {
            self.agents.clear();
        }
        self.agents.insert(user_agent.into(), agent);
        agent
    }

    fn reject(&mut self, number: u64, bytes: &[u8], row_bytes: Option<u64>, reject: Reject) {
        if let Some(reject) = self.counter.record(reject.into()) {
            self.quarantine
                .add(self.name, number, bytes, row_bytes, &reject);
        }
    }
}

impl LineSink for Sink<'_, '_> {
    fn restart(&mut self) {
        self.counter.reset();
        self.quarantine.reset();
        // The header stands in the part counted before.
        self.has_header = false;
    }

    fn line(&mut self, number: u64, bytes: &[u8]) {
        if bytes.trim_ascii().is_empty() {
            return;
        }
        if std::mem::take(&mut self.has_header) {
            return;
        }
        if memchr::memchr(0, bytes).is_some() {
            return self.reject(
                number,
                bytes,
                None,
                Reject::new("nul-byte", "the row holds a NUL byte"),
            );
        }
        match std::str::from_utf8(bytes) {
            Ok(line) => {
                let verdict = self.verdict(line);
                if let Some(reject) = self.counter.record(verdict) {
                    self.quarantine.add(self.name, number, bytes, None, &reject);
                }
            }
            Err(error) => self.reject(
                number,
                bytes,
                None,
                Reject::new("not-utf8", error.to_string()),
            ),
        }
    }

    fn continued_line(&mut self, number: u64, bytes: &[u8], counted_bytes: usize) {
        let verdict = match (self.format, std::str::from_utf8(bytes)) {
            // What was counted of it cannot have changed: see `is_whole`.
            (Format::Linehaul, _) => return,
            (Format::Counts(header), Ok(line)) => match counts::count_rest(
                line,
                counted_bytes,
                &header,
                &mut self.rules,
                &mut self.counter,
            ) {
                Ok(()) => return,
                Err(reject) => reject.into(),
            },
            _ => Reject::new(
                "torn-row",
                format!("its first {counted_bytes} bytes were counted before as a whole row"),
            )
            .into(),
        };
        if let Some(reject) = self.counter.record(verdict) {
            self.quarantine.add(self.name, number, bytes, None, &reject);
        }
    }

    fn long_line(&mut self, number: u64, head: &[u8], bytes: u64) {
        let reject = Reject::new(
            "line-too-long",
            format!("{bytes} bytes are more than --line-bytes-max"),
        );
        self.reject(number, head, Some(bytes), reject);
    }
}
