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

/// Flags of `serve`. Of one given twice the last holds, so that a service's
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
        default_value = "127.0.0.1:8080"
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
        env = "ESPY_POLL_INTERVAL_MS",
        value_name = "MS",
        default_value = "500"
    )]
    pub(super) poll_interval_ms: String,
    /// Most bytes of segments in memory; a snapshot beyond it is refused
    /// [default: 80 % of the memory the process may use].
    #[arg(
        long,
        alias = "resident-limit",
        env = "ESPY_RESIDENT_LIMIT_BYTES",
        value_name = "BYTES"
    )]
    pub(super) resident_limit_bytes: Option<String>,
    /// Most open connections on each core; one more is closed at once.
    #[arg(
        long,
        env = "ESPY_CONNECTIONS_MAX",
        value_name = "N",
        default_value = "16384"
    )]
    pub(super) connections_max: String,
    /// Most bytes of a request's header block.
    #[arg(
        long,
        env = "ESPY_HEADER_BYTES_MAX",
        value_name = "BYTES",
        default_value = "16384"
    )]
    pub(super) header_bytes_max: String,
    /// How long a connection may take for a request's headers, and stay open
    /// without a request.
    // Longer than the keep-alive of common balancers towards their servers
    // (nginx: 60 s), so that it is the balancer that closes.
    #[arg(
        long,
        env = "ESPY_IDLE_TIMEOUT_S",
        value_name = "S",
        default_value = "75"
    )]
    pub(super) idle_timeout_s: String,
    /// How long requests may take to finish after SIGTERM.
    #[arg(
        long,
        env = "ESPY_DRAIN_TIMEOUT_S",
        value_name = "S",
        default_value = "10"
    )]
    pub(super) drain_timeout_s: String,
    /// Where timings and gauges are sent.
    #[arg(long, env = "ESPY_STATSD", value_name = "HOST:PORT")]
    pub(super) statsd: Option<String>,
    /// `human`, `json`, or `auto`: human on a terminal.
    #[arg(
        long,
        env = "ESPY_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "auto"
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
