//! The command line, checked: every mistake is found before anything is done.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use espy_shared::day::Day;
use espy_shared::logging::LogFormat;
use jiff::Timestamp;

use crate::build::BuildConfig;
use crate::cli::{PullArgs, RunArgs, SignalArgs, StepArgs};
use crate::ingest::IngestConfig;
use crate::ingest::source::Input;
use crate::ingest::tables::Tables;
use crate::publish::PublishConfig;
use crate::pull::PullConfig;
use crate::run::RunConfig;

/// Shortest daily retention: the window of a month needs its days.
const MONTH_DAYS: u32 = 30;
/// Largest table of installers in bytes.
const TABLE_BYTES_MAX: usize = 1 << 20;
/// Shortest limit of lines that still takes real rows.
const LINE_BYTES_MIN: usize = 1024;
/// Longest limit of lines; a line is held in memory.
const LINE_BYTES_LIMIT: usize = 1 << 30;

/// Logs and timings.
#[derive(Clone, Debug)]
pub struct Signals {
    /// Where timings go.
    pub statsd: Option<String>,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// Checks the flags of `run` and `ingest`.
///
/// # Errors
///
/// Every mistake, a sentence each.
pub fn run(args: &RunArgs, now: Timestamp) -> Result<(RunConfig, Signals), Vec<String>> {
    let mut mistakes = Mistakes::default();
    let mut config = step_config(&args.step, now, &mut mistakes);
    let signals = signals(&args.step.signals, &mut mistakes);
    config.inputs = args
        .files
        .iter()
        .map(|file| {
            if file == "-" {
                Input::Stdin
            } else {
                Input::File(PathBuf::from(file))
            }
        })
        .collect();
    if config
        .inputs
        .iter()
        .filter(|input| **input == Input::Stdin)
        .count()
        > 1
    {
        mistakes.add("FILE: standard input can be read only once");
    }
    config.ingest.max_reject_share =
        mistakes.number("--max-reject-share", &args.max_reject_share, 0.0..=1.0);
    config.ingest.line_bytes_max = mistakes.number(
        "--line-bytes-max",
        &args.line_bytes_max,
        LINE_BYTES_MIN..=LINE_BYTES_LIMIT,
    );
    if args.mirrors.is_some() || args.installers.is_some() {
        let mirrors = mistakes.table(
            "--mirrors",
            args.mirrors.as_deref(),
            include_str!("ingest/mirrors.txt"),
        );
        let installers = mistakes.table(
            "--installers",
            args.installers.as_deref(),
            include_str!("ingest/installers.csv"),
        );
        match Tables::parse(&mirrors, &installers) {
            Ok(tables) => config.ingest.tables = tables,
            Err(mistake) => mistakes.add(format!("--installers: {mistake}")),
        }
    }
    mistakes.finish((config, signals))
}

/// Checks the flags of a single step.
///
/// # Errors
///
/// Every mistake, a sentence each.
pub fn step(args: &StepArgs, now: Timestamp) -> Result<(RunConfig, Signals), Vec<String>> {
    let mut mistakes = Mistakes::default();
    let config = step_config(args, now, &mut mistakes);
    let signals = signals(&args.signals, &mut mistakes);
    mistakes.finish((config, signals))
}

/// Checks the flags of `pull`.
///
/// # Errors
///
/// Every mistake, a sentence each.
pub fn pull(args: &PullArgs) -> Result<(PathBuf, PullConfig, Signals), Vec<String>> {
    let mut mistakes = Mistakes::default();
    let depot = mistakes.depot(args.depot.as_deref());
    let config = PullConfig {
        snapshots: mistakes.dir("--snapshots", args.snapshots.as_deref()),
        channel: mistakes.channel(&args.channel),
        keep: mistakes.number("--keep", &args.keep, 2..=10_000),
    };
    let signals = signals(&args.signals, &mut mistakes);
    mistakes.finish((depot, config, signals))
}

fn step_config(args: &StepArgs, now: Timestamp, mistakes: &mut Mistakes) -> RunConfig {
    let today = match &args.today {
        Some(text) => mistakes.parse("--today", text),
        None => Day::from_seconds(now.as_second()).ok(),
    };
    let daily_retention =
        mistakes.number("--daily-retention", &args.daily_retention, 0..=1_000_000);
    if (1..MONTH_DAYS).contains(&daily_retention) {
        mistakes.add(format!(
            "--daily-retention: {daily_retention} days are less than a month; 0 keeps all, else {MONTH_DAYS} or more"
        ));
    }
    RunConfig {
        data: mistakes.dir("--data", args.data.as_deref()),
        depot: mistakes.depot(args.depot.as_deref()),
        // A mistake has been noted where there is none.
        today: today.unwrap_or(Day::EPOCH),
        is_today_given: args.today.is_some(),
        now,
        inputs: Vec::new(),
        ingest: IngestConfig {
            tables: Tables::default(),
            max_reject_share: 0.0,
            line_bytes_max: LINE_BYTES_MIN,
            daily_retention,
        },
        build: BuildConfig {
            daily_retention,
            max_categories: mistakes.number(
                "--max-categories",
                &args.max_categories,
                0..=1_000_000,
            ),
        },
        publish: PublishConfig {
            channel: mistakes.channel(&args.channel),
            expected_interval_hours: mistakes.number(
                "--expected-interval-hours",
                &args.expected_interval_hours,
                1..=10_000,
            ),
        },
    }
}

fn signals(args: &SignalArgs, mistakes: &mut Mistakes) -> Signals {
    let statsd = args.statsd.clone().filter(|address| !address.is_empty());
    if let Some(address) = &statsd
        && !address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    {
        mistakes.add(format!("--statsd: {address:?} is not host:port"));
    }
    Signals {
        statsd,
        log_format: mistakes
            .parse("--log-format", &args.log_format)
            .unwrap_or_default(),
    }
}

#[derive(Default)]
struct Mistakes(Vec<String>);

impl Mistakes {
    fn add(&mut self, mistake: impl Into<String>) {
        self.0.push(mistake.into());
    }

    fn finish<T>(self, config: T) -> Result<T, Vec<String>> {
        if self.0.is_empty() {
            Ok(config)
        } else {
            Err(self.0)
        }
    }

    fn parse<T: FromStr>(&mut self, flag: &str, text: &str) -> Option<T>
    where
        T::Err: Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(format!("{flag}: {text:?}: {error}"));
                None
            }
        }
    }

    fn number<T: FromStr + PartialOrd + Display + Copy>(
        &mut self,
        flag: &str,
        text: &str,
        range: std::ops::RangeInclusive<T>,
    ) -> T {
        match text.parse() {
            Ok(value) if range.contains(&value) => value,
            _ => {
                self.add(format!(
                    "{flag}: {text:?} is no number from {} to {}",
                    range.start(),
                    range.end()
                ));
                *range.start()
            }
        }
    }

    fn dir(&mut self, flag: &str, text: Option<&str>) -> PathBuf {
        match text {
            Some(text) if !text.is_empty() => PathBuf::from(text),
            _ => {
                self.add(format!("{flag}: a folder is required"));
                PathBuf::new()
            }
        }
    }

    fn depot(&mut self, text: Option<&str>) -> PathBuf {
        if let Some((scheme, _)) = text.and_then(|text| text.split_once("://")) {
            self.add(format!(
                "--depot: {scheme}:// is not known; a depot is a folder"
            ));
        }
        self.dir("--depot", text)
    }

    fn channel(&mut self, text: &str) -> String {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > 64 || !text.bytes().all(is_name) {
            self.add(format!(
                "--channel: {text:?} is no name of a-z, 0-9 and - up to 64 characters"
            ));
        }
        text.to_owned()
    }

    fn table(&mut self, flag: &str, path: Option<&str>, default: &str) -> String {
        let Some(path) = path else {
            return default.to_owned();
        };
        let read =
            espy_shared::files::read_limited(path.as_ref(), TABLE_BYTES_MAX).and_then(|bytes| {
                String::from_utf8(bytes).map_err(|error| std::io::Error::other(error.to_string()))
            });
        match read {
            Ok(text) => text,
            Err(error) => {
                self.add(format!("{flag}: {path}: {error}"));
                String::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn mistakes(line: &str) -> Vec<String> {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        match cli.command {
            Command::Run(args) => run(&args, Timestamp::UNIX_EPOCH).err().unwrap_or_default(),
            Command::Pull(args) => pull(&args).err().unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_mistakes_at_once() {
        let found = mistakes(
            "espy-compactor run --depot s3://x --today 2026-13-01 --max-reject-share 2 --line-bytes-max 1 \
             --channel A --statsd nowhere --log-format xml --max-categories -1 - -",
        );
        for flag in [
            "--data",
            "--depot",
            "--today",
            "--max-reject-share",
            "--line-bytes-max",
            "--channel",
            "--statsd",
            "--log-format",
            "--max-categories",
            "FILE",
        ] {
            assert!(
                found.iter().any(|mistake| mistake.starts_with(flag)),
                "{flag} in {found:?}"
            );
        }
        assert_eq!(found.len(), 10, "{found:?}");
    }

    #[test]
    fn limits_on_both_sides() {
        for (flag, good, bad) in [
            ("max-reject-share", "1", "1.01"),
            ("max-reject-share", "0", "-0.01"),
            ("line-bytes-max", "1024", "1023"),
            ("expected-interval-hours", "1", "0"),
            ("daily-retention", "30", "29"),
            ("daily-retention", "0", "1"),
            ("channel", &"a".repeat(64), &"a".repeat(65)),
        ] {
            let line =
                |value: &str| format!("espy-compactor run --data d --depot d --{flag}={value}");
            assert_eq!(mistakes(&line(good)), Vec::<String>::new());
            assert_eq!(mistakes(&line(bad)).len(), 1, "{flag} {bad}");
        }
        assert!(mistakes("espy-compactor pull --depot d --snapshots s --keep 2").is_empty());
        assert_eq!(
            mistakes("espy-compactor pull --depot d --snapshots s --keep 1").len(),
            1
        );
    }
}
