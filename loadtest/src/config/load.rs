//! What the flags of `espy-loadtest run` and `compare` mean.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use super::plan::{PlanConfig, request_path};
use super::value::{cpus, number, one_of, rate, time};
use super::{Mistakes, value};
use crate::args::{CompareArgs, LoadArgs, RunArgs};
use crate::require::Limit;
use crate::schedule::{Profile, Spacing};

/// A day, and then some.
const DURATION_MAX: Duration = Duration::from_secs(7 * 86_400);
const DURATION_DEFAULT: Duration = Duration::from_secs(10);
/// For loads that end by themselves.
const DURATION_COUNTED: Duration = Duration::from_secs(600);
const CONNECTIONS_MAX: usize = 60_000;
const PIPELINE_MAX: usize = 1024;
const THREADS_MAX: usize = 256;
const ROUNDS_MAX: usize = 1000;

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As it is called in reports.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// For the Host header.
    pub authority: String,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Our own client.
    Raw,
    /// hyper's.
    Hyper,
}

impl Engine {
    const ALL: [Self; 2] = [Self::Raw, Self::Hyper];

    /// The name as typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Hyper => "hyper",
        }
    }
}

/// When requests are sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Loop {
    /// When the last was answered.
    Closed,
    /// On a schedule.
    Open {
        /// The rate over time.
        profile: Profile,
        /// The gaps around it.
        spacing: Spacing,
    },
}

/// The load, valid.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadConfig {
    /// As typed: closed, constant, …
    pub kind: &'static str,
    /// When requests are sent.
    pub timing: Loop,
    /// How long it is measured.
    pub duration: Duration,
    /// How many requests are measured at most.
    pub count_max: u64,
    /// How long it goes on before.
    pub warmup: Duration,
    /// Open connections, over all threads.
    pub connection_count: usize,
    /// Requests in flight on each.
    pub pipeline_depth: usize,
    /// Whether a connection carries more than one request.
    pub keep_alive: bool,
    /// Whether threads never sleep.
    pub spin: bool,
    /// Generator threads.
    pub thread_count: usize,
    /// Their CPUs; empty when not pinned.
    pub cpus: Vec<usize>,
    /// Who sends.
    pub engine: Engine,
    /// Until an answer is complete.
    pub timeout: Duration,
    /// Requests that may wait for a connection.
    pub queue_max: usize,
    /// Of every choice.
    pub seed: u64,
}

/// A process given for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pid {
    /// The target's name; none for all.
    pub target: Option<String>,
    /// The process.
    pub pid: u32,
}

/// What is made of the measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportConfig {
    /// Limits that decide the exit code.
    pub limits: Vec<Limit>,
    /// Where report.json and report.html go.
    pub folder: Option<PathBuf>,
    /// Processes of targets.
    pub pids: Vec<Pid>,
    /// Whether the floor is measured, where the target is local.
    pub with_floor: bool,
    /// Its CPUs; empty for the target's.
    pub floor_cpus: Vec<usize>,
}

/// What a run does.
#[derive(Clone, Debug, PartialEq)]
pub enum RunKind {
    /// Measures.
    Load,
    /// Follows links from this path on.
    Crawl(String),
    /// Sends what no honest client sends.
    Hostile,
}

/// `espy-loadtest run`, valid.
#[derive(Clone, Debug, PartialEq)]
pub struct RunConfig {
    /// Measure, crawl or attack.
    pub kind: RunKind,
    /// Who is asked.
    pub targets: Vec<Target>,
    /// How.
    pub load: LoadConfig,
    /// For what.
    pub plan: PlanConfig,
    /// And then.
    pub report: ReportConfig,
}

/// `espy-loadtest compare`, valid.
#[derive(Clone, Debug, PartialEq)]
pub struct CompareConfig {
    /// Who is asked; the others are compared with the first.
    pub targets: Vec<Target>,
    /// How often each.
    pub round_count: usize,
    /// How, each time.
    pub load: LoadConfig,
    /// For what.
    pub plan: PlanConfig,
    /// And then.
    pub report: ReportConfig,
}

impl RunConfig {
    /// Reads what was typed.
    ///
    /// # Errors
    ///
    /// All mistakes at once.
    pub fn from_args(args: &RunArgs) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let mut targets = Vec::new();
        for typed in args.target.iter().filter(|typed| !typed.is_empty()) {
            targets.extend(mistakes.take(target(typed, typed)));
        }
        if args.target.is_empty() {
            mistakes.add("--target: missing; give http://HOST:PORT".to_owned());
        }
        let kind = match (&args.crawl, args.hostile) {
            (Some(_), true) => {
                mistakes.add("--hostile: not together with --crawl".to_owned());
                None
            }
            (Some(path), false) => mistakes
                .take(request_path("--crawl", path))
                .map(RunKind::Crawl),
            (None, true) => Some(RunKind::Hostile),
            (None, false) => Some(RunKind::Load),
        };
        let load = load(&args.load, &mut mistakes);
        let plan = PlanConfig::from_args(&args.load, &mut mistakes);
        let report = report(&args.load, &targets, &mut mistakes);
        let valid = || {
            Some(Self {
                kind: kind?,
                targets,
                load: load?,
                plan: plan?,
                report: report?,
            })
        };
        match valid() {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(mistakes),
        }
    }
}

impl CompareConfig {
    /// Reads what was typed.
    ///
    /// # Errors
    ///
    /// All mistakes at once.
    pub fn from_args(args: &CompareArgs) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let mut targets: Vec<Target> = Vec::new();
        for typed in args.target.iter().filter(|typed| !typed.is_empty()) {
            let named = typed
                .split_once('=')
                .filter(|(name, _)| !name.is_empty() && !name.contains([':', '/', ',']))
                .ok_or_else(|| format!("--target: \"{typed}\" is not like name=http://HOST:PORT"))
                .and_then(|(name, url)| target(name, url));
            let Some(named) = mistakes.take(named) else {
                continue;
            };
            if targets.iter().any(|other| other.name == named.name) {
                mistakes.add(format!("--target: \"{}\" is given twice", named.name));
            }
            targets.push(named);
        }
        if args.target.len() < 2 {
            mistakes.add("--target: give two or more, each NAME=http://HOST:PORT".to_owned());
        }
        let round_count = mistakes.take(number("--rounds", &args.rounds, 1, ROUNDS_MAX));
        let load = load(&args.load, &mut mistakes);
        let plan = PlanConfig::from_args(&args.load, &mut mistakes);
        let report = report(&args.load, &targets, &mut mistakes);
        let valid = || {
            Some(Self {
                targets,
                round_count: round_count?,
                load: load?,
                plan: plan?,
                report: report?,
            })
        };
        match valid() {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(mistakes),
        }
    }
}

fn target(name: &str, url: &str) -> Result<Target, String> {
    let wrong = |why: &str| format!("--target: \"{url}\" {why}");
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| wrong("does not begin with http:// (there is no TLS here)"))?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@']) {
        return Err(wrong("has more than host and port; paths go to --path"));
    }
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let with_port = if has_port {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let address = with_port
        .to_socket_addrs()
        .ok()
        .and_then(|mut all| all.next())
        .ok_or_else(|| wrong("names no host that can be found"))?;
    Ok(Target {
        name: name
            .strip_prefix("http://")
            .unwrap_or(name)
            .trim_end_matches('/')
            .to_owned(),
        address,
        authority: authority.to_owned(),
    })
}

fn load(args: &LoadArgs, mistakes: &mut Mistakes) -> Option<LoadConfig> {
    const KINDS: [&str; 6] = ["closed", "constant", "poisson", "ramp", "step", "day"];
    let kind = mistakes.take(one_of("--load", &args.load, &KINDS, |name| name));
    let count_max = match &args.count {
        Some(typed) => mistakes.take(number("--count", typed, 1, u64::MAX)),
        None => Some(u64::MAX),
    };
    let compress = mistakes.take(compress(&args.compress));
    let duration = match &args.duration {
        Some(typed) => mistakes.take(time(
            "--duration",
            typed,
            Duration::from_millis(1),
            DURATION_MAX,
        )),
        None if kind == Some("day") => {
            compress.map(|compress| Duration::from_secs(86_400).div_f64(compress))
        }
        None if args.count.is_some() || args.replay.is_some() => Some(DURATION_COUNTED),
        None => Some(DURATION_DEFAULT),
    };
    let warmup = mistakes.take(time("--warmup", &args.warmup, Duration::ZERO, DURATION_MAX));
    let connections = mistakes.take(number(
        "--connections",
        &args.connections,
        1,
        CONNECTIONS_MAX,
    ));
    let pipeline_depth = mistakes.take(number("--pipeline", &args.pipeline, 1, PIPELINE_MAX));
    let threads = mistakes.take(number("--threads", &args.threads, 1, THREADS_MAX));
    let cpus = mistakes.take(cpus("--cpus", args.cpus.as_deref()));
    let engine = mistakes.take(one_of("--engine", &args.engine, &Engine::ALL, Engine::name));
    let timeout = mistakes.take(time(
        "--timeout",
        &args.timeout,
        Duration::from_millis(1),
        DURATION_MAX,
    ));
    let queue_max = mistakes.take(number("--queue", &args.queue, 1, 10_000_000));
    let seed = mistakes.take(number("--seed", &args.seed, 0, u64::MAX));
    if let (Some(connections), Some(threads)) = (connections, threads)
        && connections < threads
    {
        mistakes.add(format!(
            "--threads: {threads}, but only {connections} connections"
        ));
    }
    if pipeline_depth.is_some_and(|depth| depth > 1) {
        if engine == Some(Engine::Hyper) {
            mistakes.add("--pipeline: hyper's client cannot; use --engine raw".to_owned());
        }
        if args.no_keep_alive {
            mistakes.add("--pipeline: not together with --no-keep-alive".to_owned());
        }
    }
    let timing = timing(
        args,
        kind.unwrap_or("constant"),
        duration,
        warmup,
        compress,
        mistakes,
    );
    if args.spin && engine == Some(Engine::Hyper) {
        mistakes.add("--spin: hyper's client cannot; use --engine raw".to_owned());
    }
    Some(LoadConfig {
        kind: kind?,
        timing: timing?,
        duration: duration?,
        count_max: count_max?,
        warmup: warmup?,
        connection_count: connections?,
        pipeline_depth: pipeline_depth?,
        keep_alive: !args.no_keep_alive,
        spin: args.spin,
        thread_count: threads?,
        cpus: cpus?,
        engine: engine?,
        timeout: timeout?,
        queue_max: queue_max?,
        seed: seed?,
    })
}

fn timing(
    args: &LoadArgs,
    kind: &str,
    duration: Option<Duration>,
    warmup: Option<Duration>,
    compress: Option<f64>,
    mistakes: &mut Mistakes,
) -> Option<Loop> {
    let from = args
        .rate
        .as_deref()
        .and_then(|typed| mistakes.take(rate("--rate", typed)));
    let to = args
        .rate_to
        .as_deref()
        .and_then(|typed| mistakes.take(rate("--rate-to", typed)));
    let steps = mistakes.take(number("--steps", &args.steps, 1u32, 10_000));
    let spacing = match args.spacing.as_deref() {
        None if kind == "poisson" => Some(Spacing::Poisson),
        None => Some(Spacing::Even),
        Some(typed) => mistakes.take(one_of(
            "--spacing",
            typed,
            &[Spacing::Even, Spacing::Poisson],
            Spacing::name,
        )),
    };
    let needs_rate = matches!(kind, "constant" | "poisson" | "ramp" | "step");
    if needs_rate && args.rate.is_none() {
        mistakes.add(format!("--rate: missing; --load {kind} needs it"));
    }
    if matches!(kind, "ramp" | "step") && args.rate_to.is_none() {
        mistakes.add(format!("--rate-to: missing; --load {kind} needs it"));
    }
    for (flag, is_given, is_used) in [
        ("--rate", args.rate.is_some(), needs_rate),
        (
            "--rate-to",
            args.rate_to.is_some(),
            matches!(kind, "ramp" | "step"),
        ),
        ("--spacing", args.spacing.is_some(), kind != "closed"),
    ] {
        if is_given && !is_used {
            mistakes.add(format!("{flag}: --load {kind} does not use it"));
        }
    }
    if matches!(kind, "constant" | "poisson") && from == Some(0.0) {
        mistakes.add("--rate: 0 sends nothing".to_owned());
    }
    let duration = duration?;
    let profile = match kind {
        "closed" => return Some(Loop::Closed),
        "ramp" => Profile::ramp(from?, to?, duration),
        "step" => Profile::step(from?, to?, steps?, duration),
        "day" => Profile::day(compress?),
        _ => Profile::constant(from?, duration),
    };
    Some(Loop::Open {
        profile: profile.after_warmup(warmup?),
        spacing: spacing?,
    })
}

fn compress(typed: &str) -> Result<f64, String> {
    typed
        .parse()
        .ok()
        .filter(|factor| (1.0..=86_400.0).contains(factor))
        .ok_or_else(|| format!("--compress: \"{typed}\" is not a factor from 1 to 86400"))
}

fn report(args: &LoadArgs, targets: &[Target], mistakes: &mut Mistakes) -> Option<ReportConfig> {
    let limits = match &args.require {
        Some(typed) => {
            let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            let (limits, wrong) = Limit::parse_all(typed, &names);
            for mistake in wrong {
                mistakes.add(mistake);
            }
            limits
        }
        None => Vec::new(),
    };
    let folder = args
        .report
        .as_deref()
        .filter(|typed| !typed.is_empty())
        .and_then(|typed| mistakes.take(value::folder("--report", typed)));
    let mut pids = Vec::new();
    for typed in args.pid.iter().filter(|typed| !typed.is_empty()) {
        pids.extend(mistakes.take(pid(typed, targets)));
    }
    let floor_cpus = mistakes.take(cpus("--floor-cpus", args.floor_cpus.as_deref()));
    Some(ReportConfig {
        limits,
        folder,
        pids,
        with_floor: !args.no_floor,
        floor_cpus: floor_cpus?,
    })
}

fn pid(typed: &str, targets: &[Target]) -> Result<Pid, String> {
    let (target, number) = match typed.split_once('=') {
        Some((name, number)) => (Some(name), number),
        None => (None, typed),
    };
    let pid = number
        .parse()
        .map_err(|_| format!("--pid: \"{typed}\" is not a process number"))?;
    match target {
        Some(name) if !targets.iter().any(|target| target.name == name) => {
            Err(format!("--pid: no target is called \"{name}\""))
        }
        target => Ok(Pid {
            target: target.map(str::to_owned),
            pid,
        }),
    }
}

#[cfg(test)]
mod tests;
