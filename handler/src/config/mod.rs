//! What the handler is told: flags and environment, checked as a whole.

mod args;
mod memory;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use espy_shared::logging::LogFormat;

pub use args::{Args, Cli, Command};

/// Cores that one process may be told to use.
pub const CORES_MAX: usize = 1024;
/// Least and most bytes of a request's header block; hyper takes no less.
pub const HEADER_BYTES: std::ops::RangeInclusive<u64> = 8_192..=1_048_576;

/// Valid, with units in the names.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder that `espy-compactor pull` installs into.
    pub snapshots: PathBuf,
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Serving threads, one runtime each.
    pub cores: NonZeroUsize,
    /// Days that the pypistats routes show; 0 shows all that is kept.
    pub pypistats_days: u32,
    /// How often the folder is looked at.
    pub poll_interval: Duration,
    /// Most bytes of segments in memory.
    pub resident_limit_bytes: u64,
    /// Most open connections on each core.
    pub connections_max: usize,
    /// Most bytes of a request's header block.
    pub header_bytes_max: usize,
    /// How long a connection may take for a request's headers, and stay open
    /// without a request.
    pub idle_timeout: Duration,
    /// How long requests may take to finish after a stop was asked for.
    pub drain_timeout: Duration,
    /// `host:port` of statsd.
    pub statsd: Option<String>,
    /// How log lines look.
    pub log_format: LogFormat,
    /// File that receives the bound address.
    pub port_file: Option<PathBuf>,
}

/// Everything that is wrong with what was typed.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.0 {
            writeln!(f, "error: {mistake}")?;
        }
        write!(f, "\nFor more information, try '--help'.")
    }
}

impl std::error::Error for Mistakes {}

impl Config {
    /// Reads a whole command line, the program's name first. Exits for help,
    /// version and what cannot be parsed at all.
    ///
    /// # Errors
    ///
    /// Every mistake, unknown flags first.
    pub fn from_command_line(args: impl IntoIterator<Item = OsString>) -> Result<Self, Mistakes> {
        let (cli, mut unknown) = args::parse(args);
        let Command::Serve(args) = cli.command;
        match Self::try_from(args) {
            Ok(config) if unknown.is_empty() => Ok(config),
            Ok(_) => Err(Mistakes(unknown)),
            Err(Mistakes(known)) => {
                unknown.extend(known);
                Err(Mistakes(unknown))
            }
        }
    }
}

impl TryFrom<Args> for Config {
    type Error = Mistakes;

    fn try_from(args: Args) -> Result<Self, Mistakes> {
        let mut checks = Checks::default();
        let snapshots = checks.take("snapshots", snapshots(args.snapshots));
        let listen = checks.take(
            "listen",
            args.listen.parse::<SocketAddr>().map_err(|_| {
                format!(
                    "{:?} is no address and port such as 127.0.0.1:8080 or [::]:8080",
                    args.listen
                )
            }),
        );
        let cores = match args.cores {
            Some(text) => checks.number("cores", &text, 1..=CORES_MAX as u64),
            None => std::thread::available_parallelism()
                .ok()
                .map(|cores| cores.get().min(CORES_MAX) as u64)
                .or(Some(1)),
        };
        let resident_limit = match args.resident_limit_bytes {
            Some(text) => checks.number("resident-limit-bytes", &text, 1..=u64::MAX),
            None => checks.take(
                "resident-limit-bytes",
                memory::usable_bytes()
                    .map(|bytes| bytes / 5 * 4)
                    .ok_or_else(|| "memory cannot be told from /proc; give the limit".to_owned()),
            ),
        };
        let pypistats_days = checks.number("pypistats-days", &args.pypistats_days, 0..=100_000);
        let poll = checks.number("poll-interval-ms", &args.poll_interval_ms, 1..=3_600_000);
        let connections = checks.number("connections-max", &args.connections_max, 1..=1_000_000);
        let header_bytes = checks.number("header-bytes-max", &args.header_bytes_max, HEADER_BYTES);
        let idle = checks.number("idle-timeout-s", &args.idle_timeout_s, 1..=86_400);
        let drain = checks.number("drain-timeout-s", &args.drain_timeout_s, 0..=86_400);
        let statsd = checks.take("statsd", statsd(args.statsd));
        let log_format = checks.take(
            "log-format",
            args.log_format
                .parse()
                .map_err(|error| format!("{:?} is not {error}", args.log_format)),
        );
        let port_file = args.port_file.filter(|path| !path.as_os_str().is_empty());

        if !checks.mistakes.is_empty() {
            return Err(Mistakes(checks.mistakes));
        }
        let whole = || -> Option<Self> {
            Some(Self {
                snapshots: snapshots?,
                listen: listen?,
                cores: NonZeroUsize::new(usize::try_from(cores?).ok()?)?,
                pypistats_days: u32::try_from(pypistats_days?).ok()?,
                poll_interval: Duration::from_millis(poll?),
                resident_limit_bytes: resident_limit?,
                connections_max: usize::try_from(connections?).ok()?,
                header_bytes_max: usize::try_from(header_bytes?).ok()?,
                idle_timeout: Duration::from_secs(idle?),
                drain_timeout: Duration::from_secs(drain?),
                statsd: statsd?,
                log_format: log_format?,
                port_file,
            })
        };
        Ok(whole().expect("a value is absent only together with a mistake"))
    }
}

impl Config {
    /// Logs what is in effect, once.
    pub fn log(&self) {
        log::info!(
            version = espy_shared::version::text(),
            snapshots:% = self.snapshots.display(),
            listen:% = self.listen,
            cores = self.cores.get(),
            pypistats_days = self.pypistats_days,
            poll_interval_ms = u64::try_from(self.poll_interval.as_millis()).unwrap_or(u64::MAX),
            resident_limit_bytes = self.resident_limit_bytes,
            connections_max = self.connections_max,
            header_bytes_max = self.header_bytes_max,
            idle_timeout_s = self.idle_timeout.as_secs(),
            drain_timeout_s = self.drain_timeout.as_secs(),
            statsd = self.statsd.as_deref().unwrap_or("none");
            "configuration"
        );
    }
}

/// Collects mistakes instead of stopping at the first.
#[derive(Default)]
struct Checks {
    mistakes: Vec<String>,
}

impl Checks {
    fn take<T>(&mut self, flag: &str, value: Result<T, String>) -> Option<T> {
        value
            .map_err(|mistake| self.mistakes.push(format!("--{flag}: {mistake}")))
            .ok()
    }

    fn number(
        &mut self,
        flag: &str,
        text: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = text
            .parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                format!(
                    "{text:?} is no whole number from {} to {}",
                    range.start(),
                    range.end()
                )
            });
        self.take(flag, value)
    }
}

/// The folder need not be there yet: the handler starts before the first pull.
fn snapshots(path: Option<PathBuf>) -> Result<PathBuf, String> {
    let path = path
        .filter(|path| !path.as_os_str().is_empty())
        .ok_or("give the folder that espy-compactor pull installs into, or set ESPY_SNAPSHOTS")?;
    if path.exists() && !path.is_dir() {
        return Err(format!("{} is no folder", path.display()));
    }
    Ok(path)
}

fn statsd(address: Option<String>) -> Result<Option<String>, String> {
    let Some(address) = address.filter(|address| !address.is_empty()) else {
        return Ok(None);
    };
    let is_address = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !is_address {
        return Err(format!("{address:?} is no host:port"));
    }
    Ok(Some(address))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn config(flags: &[&str]) -> Result<Config, Mistakes> {
        let Ok(args::Cli {
            command: args::Command::Serve(args),
        }) = args::Cli::try_parse_from(["espy-handler", "serve"].iter().chain(flags))
        else {
            panic!("clap refuses {flags:?}");
        };
        Config::try_from(args)
    }

    #[test]
    fn unknown_flags_are_reported_with_the_rest() {
        let line = "espy-handler serve --wat --nope=1 --cores 0 --snapshots d";
        let mistakes = Config::from_command_line(line.split(' ').map(OsString::from))
            .unwrap_err()
            .to_string();
        for flag in ["--wat: ", "--nope: ", "--cores: "] {
            assert!(mistakes.contains(flag), "{mistakes}");
        }
    }

    #[test]
    fn defaults_are_those_documented() {
        let config = config(&["--snapshots", "/nowhere"]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.pypistats_days, 181);
        assert_eq!(config.poll_interval, Duration::from_millis(500));
        assert_eq!(config.header_bytes_max, 16_384);
        assert!(config.cores.get() >= 1);
        assert!(config.resident_limit_bytes > 1 << 20);
    }

    #[test]
    fn every_mistake_is_reported() {
        let mistakes = config(&[
            "--listen=localhost",
            "--cores=0",
            "--pypistats-days=-1",
            "--poll-interval-ms=0",
            "--resident-limit-bytes=lots",
            "--connections-max=0",
            "--header-bytes-max=100",
            "--idle-timeout-s=x",
            "--drain-timeout-s=",
            "--statsd=nonsense",
            "--log-format=xml",
        ])
        .unwrap_err()
        .to_string();
        for flag in [
            "snapshots",
            "listen",
            "cores",
            "pypistats-days",
            "poll-interval-ms",
            "resident-limit-bytes",
            "connections-max",
            "header-bytes-max",
            "idle-timeout-s",
            "drain-timeout-s",
            "statsd",
            "log-format",
        ] {
            assert!(mistakes.contains(&format!("--{flag}: ")), "{mistakes}");
        }
    }

    #[test]
    fn limits_on_both_sides() {
        for (flag, is_valid) in [
            ("--cores=1", true),
            ("--cores=1024", true),
            ("--cores=1025", false),
            ("--header-bytes-max=8191", false),
            ("--header-bytes-max=8192", true),
            ("--listen=[::1]:0", true),
            ("--statsd=host:8125", true),
            ("--statsd=", true),
            ("--statsd=:1", false),
            ("--pypistats-days=0", true),
        ] {
            assert_eq!(
                config(&["--snapshots=/nowhere", flag]).is_ok(),
                is_valid,
                "{flag}"
            );
        }
    }
}
