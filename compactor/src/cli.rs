//! The command line as typed. Values are texts here; [`crate::config`] checks
//! them all and reports every mistake at once.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
use espy_shared::version;

/// Turns download events of Python packages into immutable snapshots,
/// publishes them to a depot, and installs them on hosts.
#[derive(Parser, Debug)]
#[command(name = "espy-compactor", version = version::text(), propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Parses a command line, setting aside flags that nobody knows, so that they
/// are reported together with all other mistakes. Exits for help, version and
/// what cannot be parsed at all.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> (Cli, Vec<String>) {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let mut unknown = Vec::new();
    loop {
        let error = match Cli::try_parse_from(&args) {
            Ok(cli) => return (cli, unknown),
            Err(error) => error,
        };
        let flag = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(flag)) if error.kind() == ErrorKind::UnknownArgument => {
                flag.clone()
            }
            _ => error.exit(),
        };
        let is_it = |arg: &OsString| {
            arg.to_str()
                .is_some_and(|arg| arg == flag || arg.starts_with(&format!("{flag}=")))
        };
        let Some(place) = args.iter().position(is_it) else {
            error.exit()
        };
        args.remove(place);
        unknown.push(format!("{flag}: no such flag"));
    }
}

/// A command.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// One whole cycle: ingest the files given, build, verify, publish.
    ///
    /// Idempotent: what has been counted is not counted again, and where
    /// nothing is new nothing is published. Exits with 0 only when the depot
    /// holds the result, with 1 when a file or a step failed, with 2 when the
    /// command line is wrong.
    Run(RunArgs),
    /// Read files into the data folder; nothing is published.
    Ingest(RunArgs),
    /// Build a snapshot of what is published and what waits in the data folder.
    Build(StepArgs),
    /// Read back what was built and compare it with what it was built from.
    Verify(StepArgs),
    /// Publish what was built and verified.
    Publish(StepArgs),
    /// Fetch, verify and install the newest snapshot on a host.
    Pull(PullArgs),
}

impl Command {
    /// As typed.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Run(_) => "run",
            Command::Ingest(_) => "ingest",
            Command::Build(_) => "build",
            Command::Verify(_) => "verify",
            Command::Publish(_) => "publish",
            Command::Pull(_) => "pull",
        }
    }
}

/// Flags of `run` and `ingest`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Files to read, `-` for standard input: `file_downloads` rows as NDJSON,
    /// linehaul lines, or counts as CSV; plain, gzip or zstd, told by content.
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment would replace the help of the flags"
    )]
    pub step: StepArgs,
    /// Share of unreadable rows beyond which a file is not counted, 0 to 1.
    #[arg(
        long,
        env = "ESPY_MAX_REJECT_SHARE",
        allow_hyphen_values = true,
        default_value = "0.05",
        value_name = "SHARE"
    )]
    pub max_reject_share: String,
    /// Longest line, in bytes; longer ones are rejected.
    #[arg(
        long,
        env = "ESPY_LINE_BYTES_MAX",
        allow_hyphen_values = true,
        default_value = "1048576",
        value_name = "BYTES"
    )]
    pub line_bytes_max: String,
    /// Table of installers that `without_mirrors` leaves out: a name a line.
    #[arg(long, env = "ESPY_MIRRORS", value_name = "FILE")]
    pub mirrors: Option<String>,
    /// Table of traffic classes: `installer,class` lines.
    #[arg(long, env = "ESPY_INSTALLERS", value_name = "FILE")]
    pub installers: Option<String>,
}

/// Flags of every step.
#[derive(Args, Debug)]
pub struct StepArgs {
    /// Folder for what is not published yet. Required.
    #[arg(long, env = "ESPY_DATA", value_name = "DIR")]
    pub data: Option<String>,
    /// Folder where snapshots are published. Required.
    #[arg(long, env = "ESPY_DEPOT", value_name = "DIR")]
    pub depot: Option<String>,
    /// The run's day in UTC, YYYY-MM-DD; default: the clock's. Windows end at
    /// the latest day with data before it.
    #[arg(
        long,
        env = "ESPY_TODAY",
        allow_hyphen_values = true,
        value_name = "DAY"
    )]
    pub today: Option<String>,
    /// Days of daily counts that are kept, 0 for all. A year whose last day is
    /// older is kept as monthly counts.
    #[arg(
        long,
        env = "ESPY_DAILY_RETENTION",
        allow_hyphen_values = true,
        default_value = "400",
        value_name = "DAYS"
    )]
    pub daily_retention: String,
    /// Categories that a project keeps of a dimension told by User-Agents; the
    /// rest counts as `other`.
    #[arg(
        long,
        env = "ESPY_MAX_CATEGORIES",
        allow_hyphen_values = true,
        default_value = "256",
        value_name = "N"
    )]
    pub max_categories: String,
    /// Channel to tell of the snapshot.
    #[arg(
        long,
        env = "ESPY_CHANNEL",
        default_value = "prod",
        value_name = "NAME"
    )]
    pub channel: String,
    /// Hours until the next snapshot is expected; readers may cache so long.
    #[arg(
        long,
        env = "ESPY_EXPECTED_INTERVAL_HOURS",
        allow_hyphen_values = true,
        default_value = "24",
        value_name = "HOURS"
    )]
    pub expected_interval_hours: String,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment would replace the help of the flags"
    )]
    pub signals: SignalArgs,
}

/// Flags of `pull`.
#[derive(Args, Debug)]
pub struct PullArgs {
    /// Folder where snapshots are published. Required.
    #[arg(long, env = "ESPY_DEPOT", value_name = "DIR")]
    pub depot: Option<String>,
    /// Folder to install snapshots in, which the handler reads. Required.
    #[arg(long, env = "ESPY_SNAPSHOTS", value_name = "DIR")]
    pub snapshots: Option<String>,
    /// Channel to follow.
    #[arg(
        long,
        env = "ESPY_CHANNEL",
        default_value = "prod",
        value_name = "NAME"
    )]
    pub channel: String,
    /// Snapshots that stay installed, the newest included; at least 2.
    #[arg(
        long,
        env = "ESPY_KEEP",
        allow_hyphen_values = true,
        default_value = "3",
        value_name = "N"
    )]
    pub keep: String,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment would replace the help of the flags"
    )]
    pub signals: SignalArgs,
}

/// Flags of logs and timings.
#[derive(Args, Debug)]
pub struct SignalArgs {
    /// Where timings go, `host:port`; none when not given.
    #[arg(long, env = "ESPY_STATSD", value_name = "ADDR")]
    pub statsd: Option<String>,
    /// `human`, `json`, or `auto`: human on a terminal. ESPY_LOG sets the level.
    #[arg(
        long,
        env = "ESPY_LOG_FORMAT",
        default_value = "auto",
        value_name = "FORMAT"
    )]
    pub log_format: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn unknown_flags_are_set_aside() {
        let line = "espy-compactor run --wat --nope=1 --data d x";
        let (cli, unknown) = parse(line.split(' ').map(OsString::from));
        assert_eq!(unknown, ["--wat: no such flag", "--nope: no such flag"]);
        let Command::Run(args) = cli.command else {
            panic!("it is run")
        };
        assert_eq!(
            (args.files, args.step.data.as_deref()),
            (vec!["x".to_owned()], Some("d"))
        );
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
