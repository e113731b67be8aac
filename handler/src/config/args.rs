//! Flags as typed. Values are texts here, so that all mistakes can be
//! reported together.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};

/// Answers questions about Python package downloads from a local snapshot.
#[derive(Parser, Debug)]
#[command(name = "espy-handler", version = espy_shared::version::text())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Answers reads, and follows new snapshots without dropping a request.
    Serve(Args),
}

/// Flags of `serve`. TIME is `250ms`, `10s`, `2m` or a number of seconds, BYTES
/// a number or `64KiB`, `8MiB`, `2GiB`. Of one given twice the last holds, so that a service's
/// command line can be extended.
#[derive(clap::Args, Debug)]
#[command(args_override_self = true)]
pub struct Args {
    /// Folder that `espy-compactor pull` installs snapshots into.
    #[arg(long, env = "ESPY_SNAPSHOTS", value_name = "DIR")]
    pub(super) snapshots: Option<PathBuf>,
    /// Address and port to listen on; port 0 lets the system choose.
    #[arg(
        long,
        env = "ESPY_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:8080",
        allow_hyphen_values = true
    )]
    pub(super) listen: String,
    /// Serving threads, each with its own listener [default: as many as the
    /// process may use].
    #[arg(long, env = "ESPY_CORES", value_name = "N")]
    pub(super) cores: Option<String>,
    /// Days that the pypistats routes show; 0 shows all that is kept.
    #[arg(
        long,
        env = "ESPY_PYPISTATS_DAYS",
        value_name = "DAYS",
        default_value = "181",
        allow_hyphen_values = true
    )]
    pub(super) pypistats_days: String,
    /// How often the folder is looked at for a new snapshot.
    #[arg(
        long,
        env = "ESPY_POLL_INTERVAL",
        value_name = "TIME",
        default_value = "500ms",
        allow_hyphen_values = true
    )]
    pub(super) poll_interval: String,
    /// Most bytes of segments in memory; a snapshot beyond it is refused
    /// [default: 80 % of the memory the process may use].
    #[arg(long, env = "ESPY_RESIDENT_LIMIT", value_name = "BYTES")]
    pub(super) resident_limit: Option<String>,
    /// Most bytes of rendered answers that each core keeps; 0 keeps none.
    #[arg(
        long,
        env = "ESPY_CACHE_BYTES_MAX",
        value_name = "BYTES",
        default_value = "6MiB",
        allow_hyphen_values = true
    )]
    pub(super) cache_bytes_max: String,
    /// Most open connections on each core; one more is turned away with a 503.
    #[arg(
        long,
        env = "ESPY_CONNECTIONS_MAX",
        value_name = "N",
        default_value = "16384",
        allow_hyphen_values = true
    )]
    pub(super) connections_max: String,
    /// Most requests on one connection; it is closed after the last.
    #[arg(
        long,
        env = "ESPY_CONNECTION_REQUESTS_MAX",
        value_name = "N",
        default_value = "10000",
        allow_hyphen_values = true
    )]
    pub(super) connection_requests_max: String,
    /// Most bytes of a request's header block; beyond it 431.
    #[arg(
        long,
        env = "ESPY_HEADER_BYTES_MAX",
        value_name = "BYTES",
        default_value = "16KiB",
        allow_hyphen_values = true
    )]
    pub(super) header_bytes_max: String,
    /// Most header fields of a request; beyond it 431.
    #[arg(
        long,
        env = "ESPY_HEADER_COUNT_MAX",
        value_name = "N",
        default_value = "100",
        allow_hyphen_values = true
    )]
    pub(super) header_count_max: String,
    /// Most bytes of a request's target; beyond it 414.
    #[arg(
        long,
        env = "ESPY_TARGET_BYTES_MAX",
        value_name = "BYTES",
        default_value = "8000",
        allow_hyphen_values = true
    )]
    pub(super) target_bytes_max: String,
    /// Most bytes of a request's body, which is read and ignored; beyond it 413.
    #[arg(
        long,
        env = "ESPY_BODY_BYTES_MAX",
        value_name = "BYTES",
        default_value = "16KiB",
        allow_hyphen_values = true
    )]
    pub(super) body_bytes_max: String,
    /// How long a request may take from its first byte to its last; beyond it
    /// 408.
    #[arg(
        long,
        env = "ESPY_HEADER_TIMEOUT",
        value_name = "TIME",
        default_value = "10s",
        allow_hyphen_values = true
    )]
    pub(super) header_timeout: String,
    /// How long a connection may stay open without a request.
    // Longer than the keep-alive of common balancers towards their servers
    // (nginx: 60 s), so that it is the balancer that closes.
    #[arg(
        long,
        env = "ESPY_IDLE_TIMEOUT",
        value_name = "TIME",
        default_value = "75s",
        allow_hyphen_values = true
    )]
    pub(super) idle_timeout: String,
    /// How long a client may take nothing of its answer before it is closed.
    #[arg(
        long,
        env = "ESPY_WRITE_TIMEOUT",
        value_name = "TIME",
        default_value = "30s",
        allow_hyphen_values = true
    )]
    pub(super) write_timeout: String,
    /// How long after SIGTERM it goes on serving while `/readyz` says 503 and
    /// balancers look elsewhere; a second SIGTERM ends the wait.
    #[arg(
        long,
        env = "ESPY_DRAIN_DELAY",
        value_name = "TIME",
        default_value = "5s",
        allow_hyphen_values = true
    )]
    pub(super) drain_delay: String,
    /// How long requests may then take to finish.
    #[arg(
        long,
        env = "ESPY_DRAIN_TIMEOUT",
        value_name = "TIME",
        default_value = "10s",
        allow_hyphen_values = true
    )]
    pub(super) drain_timeout: String,
    /// Logs one of so many answers, 0 none; server errors always.
    #[arg(
        long,
        env = "ESPY_ACCESS_LOG_SAMPLE",
        value_name = "N",
        default_value = "1000",
        allow_hyphen_values = true
    )]
    pub(super) access_log_sample: String,
    /// Where timings and gauges are sent.
    #[arg(long, env = "ESPY_STATSD", value_name = "HOST:PORT")]
    pub(super) statsd: Option<String>,
    /// Sends the time of one of so many answers to statsd, 0 none.
    #[arg(
        long,
        env = "ESPY_STATSD_SAMPLE",
        value_name = "N",
        default_value = "64",
        allow_hyphen_values = true
    )]
    pub(super) statsd_sample: String,
    /// `human`, `json`, or `auto`: human on a terminal.
    #[arg(
        long,
        env = "ESPY_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "auto",
        allow_hyphen_values = true
    )]
    pub(super) log_format: String,
    /// File that receives the bound address, once it is bound.
    #[arg(long, env = "ESPY_PORT_FILE", value_name = "PATH")]
    pub(super) port_file: Option<PathBuf>,
}

/// Parses a command line, setting aside flags that nobody knows, so that they
/// are reported together with all other mistakes. Exits for help, version and
/// what cannot be parsed at all.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> (Cli, Vec<String>) {
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
