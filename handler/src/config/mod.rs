//! What the handler is told: flags and environment, checked as a whole.

mod args;
mod memory;
mod units;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use espy_shared::logging::LogFormat;

pub use args::{Args, Cli, Command};

/// Cores that one process may be told to use.
pub const CORES_MAX: usize = 1024;
/// Least and most bytes of a request's header block; hyper takes no less.
pub const HEADER_BYTES: RangeInclusive<u64> = 8_192..=1_048_576;
/// Least and most bytes of a target; the engine refuses more by itself.
pub const TARGET_BYTES: RangeInclusive<u64> = 64..=65_534;
/// Most bytes of a body that can be allowed.
pub const BODY_BYTES: u64 = 1 << 30;
/// Most bytes of answers that a core can be told to keep.
pub const CACHE_BYTES: u64 = 1 << 40;
/// Times from a millisecond to a day.
const TIMES: RangeInclusive<Duration> = Duration::from_millis(1)..=DAY;
/// Times that may be none at all.
const TIMES_OR_NONE: RangeInclusive<Duration> = Duration::ZERO..=DAY;
const DAY: Duration = Duration::from_secs(86_400);

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
    /// Most bytes of rendered answers that each core keeps.
    pub cache_bytes_max: u64,
    /// Most open connections on each core.
    pub connections_max: usize,
    /// Most requests on one connection.
    pub connection_requests_max: u64,
    /// Most bytes of a request's header block.
    pub header_bytes_max: usize,
    /// Most header fields of a request.
    pub header_count_max: usize,
    /// Most bytes of a request's target.
    pub target_bytes_max: usize,
    /// Most bytes of a request's body, which nobody reads.
    pub body_bytes_max: u64,
    /// How long a request may take from its first byte to its last.
    pub header_timeout: Duration,
    /// How long a connection may stay open without a request.
    pub idle_timeout: Duration,
    /// How long a peer may take nothing of its answer.
    pub write_timeout: Duration,
    /// How long it goes on serving after a stop was asked for.
    pub drain_delay: Duration,
    /// How long requests may then take to finish.
    pub drain_timeout: Duration,
    /// One of so many answers is logged; 0 logs none.
    pub access_log_sample: u32,
    /// `host:port` of statsd.
    pub statsd: Option<String>,
    /// The time of one of so many answers is sent to statsd; 0 sends none.
    pub statsd_sample: u32,
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
        let resident_limit = match args.resident_limit {
            Some(text) => checks.bytes("resident-limit", &text, 1..=u64::MAX),
            None => checks.take(
                "resident-limit",
                memory::usable_bytes()
                    .map(|bytes| bytes / 5 * 4)
                    .ok_or_else(|| "memory cannot be told from /proc; give the limit".to_owned()),
            ),
        };
        let pypistats_days = checks.number("pypistats-days", &args.pypistats_days, 0..=100_000);
        let poll = checks.time("poll-interval", &args.poll_interval, TIMES);
        let cache_bytes = checks.bytes("cache-bytes-max", &args.cache_bytes_max, 0..=CACHE_BYTES);
        let connections = checks.number("connections-max", &args.connections_max, 1..=1_000_000);
        let connection_requests = checks.number(
            "connection-requests-max",
            &args.connection_requests_max,
            1..=u64::MAX,
        );
        let header_bytes = checks.bytes("header-bytes-max", &args.header_bytes_max, HEADER_BYTES);
        let header_count = checks.number("header-count-max", &args.header_count_max, 1..=10_000);
        let target_bytes = checks.bytes("target-bytes-max", &args.target_bytes_max, TARGET_BYTES);
        let body_bytes = checks.bytes("body-bytes-max", &args.body_bytes_max, 0..=BODY_BYTES);
        let header_timeout = checks.time("header-timeout", &args.header_timeout, TIMES);
        let idle_timeout = checks.time("idle-timeout", &args.idle_timeout, TIMES);
        let write_timeout = checks.time("write-timeout", &args.write_timeout, TIMES);
        let drain_delay = checks.time("drain-delay", &args.drain_delay, TIMES_OR_NONE);
        let drain_timeout = checks.time("drain-timeout", &args.drain_timeout, TIMES_OR_NONE);
        let samples = 0..=u64::from(u32::MAX / 2);
        let access_log_sample = checks.number(
            "access-log-sample",
            &args.access_log_sample,
            samples.clone(),
        );
        let statsd_sample = checks.number("statsd-sample", &args.statsd_sample, samples);
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
                poll_interval: poll?,
                resident_limit_bytes: resident_limit?,
                cache_bytes_max: cache_bytes?,
                connections_max: usize::try_from(connections?).ok()?,
                connection_requests_max: connection_requests?,
                header_bytes_max: usize::try_from(header_bytes?).ok()?,
                header_count_max: usize::try_from(header_count?).ok()?,
                target_bytes_max: usize::try_from(target_bytes?).ok()?,
                body_bytes_max: body_bytes?,
                header_timeout: header_timeout?,
                idle_timeout: idle_timeout?,
                write_timeout: write_timeout?,
                drain_delay: drain_delay?,
                drain_timeout: drain_timeout?,
                access_log_sample: u32::try_from(access_log_sample?).ok()?,
                statsd: statsd?,
                statsd_sample: u32::try_from(statsd_sample?).ok()?,
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
            poll_interval:? = self.poll_interval,
            resident_limit_bytes = self.resident_limit_bytes,
            cache_bytes_max = self.cache_bytes_max,
            connections_max = self.connections_max,
            connection_requests_max = self.connection_requests_max,
            header_bytes_max = self.header_bytes_max,
            header_count_max = self.header_count_max,
            target_bytes_max = self.target_bytes_max,
            body_bytes_max = self.body_bytes_max,
            header_timeout:? = self.header_timeout,
            idle_timeout:? = self.idle_timeout,
            write_timeout:? = self.write_timeout,
            drain_delay:? = self.drain_delay,
            drain_timeout:? = self.drain_timeout,
            access_log_sample = self.access_log_sample,
            statsd_sample = self.statsd_sample,
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

    fn number(&mut self, flag: &str, text: &str, range: RangeInclusive<u64>) -> Option<u64> {
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

    fn bytes(&mut self, flag: &str, text: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = units::bytes(text)
            .filter(|bytes| range.contains(bytes))
            .ok_or_else(|| {
                format!(
                    "{text:?} is no size such as 65536, 64KiB or 8MiB from {} to {} bytes",
                    range.start(),
                    range.end()
                )
            });
        self.take(flag, value)
    }

    fn time(
        &mut self,
        flag: &str,
        text: &str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let value = units::duration(text)
            .filter(|time| range.contains(time))
            .ok_or_else(|| {
                format!(
                    "{text:?} is no time such as 250ms, 10s or 2m from {:?} to {:?}",
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
            "--poll-interval=0",
            "--resident-limit=lots",
            "--cache-bytes-max=-1",
            "--connections-max=0",
            "--connection-requests-max=0",
            "--header-bytes-max=100",
            "--header-count-max=0",
            "--target-bytes-max=1",
            "--body-bytes-max=2GiB",
            "--header-timeout=0",
            "--idle-timeout=x",
            "--write-timeout=25h",
            "--drain-delay=never",
            "--drain-timeout=",
            "--access-log-sample=0.5",
            "--statsd-sample=all",
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
            "poll-interval",
            "resident-limit",
            "cache-bytes-max",
            "connections-max",
            "connection-requests-max",
            "header-bytes-max",
            "header-count-max",
            "target-bytes-max",
            "body-bytes-max",
            "header-timeout",
            "idle-timeout",
            "write-timeout",
            "drain-delay",
            "drain-timeout",
            "access-log-sample",
            "statsd-sample",
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
