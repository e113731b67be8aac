//! What was typed, as typed.
//!
//! Values are texts here and are read in [`crate::config`], not by clap, which
//! stops at the first bad one: a person fixing a long command line wants all its
//! mistakes at once.

mod events;
mod floor;
mod load;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};

pub use events::EventsArgs;
pub use floor::FloorArgs;
pub use load::{CompareArgs, LoadArgs, RunArgs};

/// Load generation for EspyMetrics.
#[derive(Debug, Parser)]
#[command(name = "espy-loadtest", version, about, max_term_width = 100)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make realistic download events and their exact expected totals
    ///
    /// Writes FILE, and beside it FILE.expected.csv (the exact counts per day,
    /// project, dimension and category that FILE holds) and FILE.expected.json
    /// (rows, counted, ignored by reason, malformed, totals per day; written
    /// last, so it stands for a complete file).
    ///
    /// The same seed and parameters give the same events in every format, and
    /// the same bytes on every run.
    #[command(after_help = "\
Examples:
  espy-loadtest events --rows 1000000 --days 7 --format linehaul --out events.log.gz
  espy-loadtest events --rows 50000 --days 1 --end 2026-11-20 --malformed 20 --out day.ndjson
  espy-loadtest events --projects 700000 --rows 20000000 --days 30 --format counts --out counts.csv.zst
  espy-loadtest events --rows 1000 --out - | head -n 3")]
    Events(EventsArgs),

    /// Put a load on a server and report latency, rate and errors
    ///
    /// Latency counts from the instant a request was due, so that a server that
    /// stalls, or a generator that is late, cannot hide. The same load is put on
    /// a floor server (the least work that answers with the same bytes), and the
    /// result is also given as a share of it.
    ///
    /// Exit code: 0, or 1 when a --require limit is missed, a crawled link is
    /// broken, a hostile request was answered wrongly or nothing was answered,
    /// 2 for a mistaken command line. An interrupt (SIGINT, SIGTERM) ends the
    /// load, reports what was measured so far, and exits with 130.
    #[command(after_help = "\
Examples:
  espy-loadtest run --target http://127.0.0.1:8080 --names names.txt --zipf 1.0
  espy-loadtest run --target http://127.0.0.1:8080 --path /healthz --load constant --rate 20000 \\
      --require p99=1ms,errors=0 --report report/
  espy-loadtest run --target http://127.0.0.1:8080 --names names.txt --load day --compress 60
  espy-loadtest run --target http://127.0.0.1:8080 --crawl /
  espy-loadtest run --target http://127.0.0.1:8080 --hostile")]
    Run(Box<RunArgs>),

    /// Put the same load on several targets in turn and compare them
    ///
    /// Targets are interleaved over rounds, so that a machine that changes its
    /// speed changes it for all. Reported are medians over the rounds, and the
    /// ratio to the first target as the median of the rounds' own ratios with
    /// their least and greatest.
    #[command(after_help = "\
Examples:
  espy-loadtest compare --target handler=http://127.0.0.1:8080 --target nginx=http://127.0.0.1:8081 \\
      --path /api/packages/pip/recent --rounds 7 --duration 3s --cpus 1 --floor-cpus 0")]
    Compare(Box<CompareArgs>),

    /// Answer every request with the same bytes: the least a server can do
    ///
    /// Runs until SIGINT or SIGTERM. Not a web server: it knows no HEAD, no
    /// limits and no timeouts; do not expose it.
    #[command(after_help = "\
Examples:
  espy-loadtest floor --listen 127.0.0.1:8090 --bytes 1024
  espy-loadtest floor --body answer.json --header 'content-type: application/json' --cpus 0")]
    Floor(FloorArgs),
}

impl Command {
    /// The name as typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Events(_) => "events",
            Self::Run(_) => "run",
            Self::Compare(_) => "compare",
            Self::Floor(_) => "floor",
        }
    }
}

/// Parses a command line, setting aside flags that nobody knows, so that they
/// are reported together with all other mistakes. Exits for help, version and
/// what cannot be parsed at all.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> (Args, Vec<String>) {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let mut unknown = Vec::new();
    loop {
        let error = match Args::try_parse_from(&args) {
            Ok(parsed) => return (parsed, unknown),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_finds_no_fault() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_variable() {
        for command in Args::command().get_subcommands() {
            for arg in command.get_arguments() {
                let Some(long) = arg.get_long() else { continue };
                let variable = format!("ESPY_{}", long.to_uppercase().replace('-', "_"));
                assert_eq!(arg.get_env().unwrap(), variable.as_str());
            }
        }
    }

    #[test]
    fn unknown_flags_are_set_aside() {
        let line = "espy-loadtest floor --wat --nope=1 --bytes 7";
        let (args, unknown) = parse(line.split(' ').map(OsString::from));
        assert_eq!(unknown, ["--wat: no such flag", "--nope: no such flag"]);
        let Command::Floor(floor) = args.command else {
            panic!("it is floor")
        };
        assert_eq!(floor.bytes, "7");
    }
}
