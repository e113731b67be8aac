//! The flags of `espy-loadtest run` and `compare`.

/// `espy-loadtest run`, as typed.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// http://HOST:PORT to load; repeat to spread connections over several
    #[arg(
        long,
        env = "ESPY_TARGET",
        value_name = "URL",
        allow_hyphen_values = true,
        value_delimiter = ' '
    )]
    pub target: Vec<String>,

    /// Instead of a load: follow every link of the pages from PATH on, once
    #[arg(
        long,
        env = "ESPY_CRAWL",
        value_name = "PATH",
        allow_hyphen_values = true
    )]
    pub crawl: Option<String>,

    /// Instead of a load: send requests that no honest client sends; each must get
    /// 4xx or a closed connection, never 5xx, never two answers
    #[arg(long, env = "ESPY_HOSTILE")]
    pub hostile: bool,

    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// `espy-loadtest compare`, as typed.
#[derive(Clone, Debug, clap::Args)]
pub struct CompareArgs {
    /// NAME=http://HOST:PORT; give two or more. The first is what others are compared with
    #[arg(
        long,
        env = "ESPY_TARGET",
        value_name = "NAME=URL",
        allow_hyphen_values = true,
        value_delimiter = ' '
    )]
    pub target: Vec<String>,

    /// How often each target has its turn
    #[arg(
        long,
        env = "ESPY_ROUNDS",
        value_name = "N",
        allow_hyphen_values = true,
        default_value = "5"
    )]
    pub rounds: String,

    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// What `run` and `compare` share, as typed.
#[derive(Clone, Debug, clap::Args)]
pub struct LoadArgs {
    /// How requests are timed: closed (each connection asks again when it has its
    /// answer), or open, on a schedule whatever the server does: constant, poisson
    /// (constant on average, gaps at random), ramp (--rate to --rate-to), step (the
    /// same in --steps) or day (100,000 requests over 24 hours, 500 in the busiest
    /// minute)
    #[arg(
        long,
        env = "ESPY_LOAD",
        value_name = "KIND",
        allow_hyphen_values = true,
        default_value = "closed"
    )]
    pub load: String,

    /// Requests per second of an open load; 500/m, 20/h and 100000/d also work
    #[arg(long, env = "ESPY_RATE", value_name = "R", allow_hyphen_values = true)]
    pub rate: Option<String>,

    /// Rate at the end of a ramp or in the last step
    #[arg(
        long,
        env = "ESPY_RATE_TO",
        value_name = "R",
        allow_hyphen_values = true
    )]
    pub rate_to: Option<String>,

    /// Steps from --rate to --rate-to
    #[arg(
        long,
        env = "ESPY_STEPS",
        value_name = "N",
        allow_hyphen_values = true,
        default_value = "5"
    )]
    pub steps: String,

    /// How many times faster the day goes by: 60 makes an hour a minute
    #[arg(
        long,
        env = "ESPY_COMPRESS",
        value_name = "X",
        allow_hyphen_values = true,
        default_value = "1"
    )]
    pub compress: String,

    /// Gaps of an open load: even, or poisson (at random around the same rate)
    /// [default: even; poisson for --load poisson]
    #[arg(
        long,
        env = "ESPY_SPACING",
        value_name = "KIND",
        allow_hyphen_values = true
    )]
    pub spacing: Option<String>,

    /// How long to measure, as in 500ms, 10s, 5m [default: 10s; the whole day for
    /// --load day; 10m when only --count is given, or for --replay]
    #[arg(
        long,
        env = "ESPY_DURATION",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    pub duration: Option<String>,

    /// Measure this many requests at most
    #[arg(long, env = "ESPY_COUNT", value_name = "N", allow_hyphen_values = true)]
    pub count: Option<String>,

    /// The same load before measuring, not reported
    #[arg(
        long,
        env = "ESPY_WARMUP",
        value_name = "TIME",
        allow_hyphen_values = true,
        default_value = "1s"
    )]
    pub warmup: String,

    /// Open connections
    #[arg(
        long,
        env = "ESPY_CONNECTIONS",
        value_name = "N",
        allow_hyphen_values = true,
        default_value = "64"
    )]
    pub connections: String,

    /// Requests a connection has in flight (raw engine)
    #[arg(
        long,
        env = "ESPY_PIPELINE",
        value_name = "N",
        allow_hyphen_values = true,
        default_value = "1"
    )]
    pub pipeline: String,

    /// A new connection for each request
    #[arg(long, env = "ESPY_NO_KEEP_ALIVE")]
    pub no_keep_alive: bool,

    /// Never sleep: a thread that waits for answers asks for them again and again
    /// (raw engine). The server then never pays for waking it, as it does not
    /// under a load that is always late; give each thread a CPU of its own
    #[arg(long, env = "ESPY_SPIN")]
    pub spin: bool,

    /// Generator threads; connections are dealt to them in turn
    #[arg(
        long,
        env = "ESPY_THREADS",
        value_name = "N",
        allow_hyphen_values = true,
        default_value = "1"
    )]
    pub threads: String,

    /// CPUs the generator threads are pinned to, in turn, as in 1 or 1,3-5
    /// [default: not pinned]
    #[arg(
        long,
        env = "ESPY_CPUS",
        value_name = "LIST",
        allow_hyphen_values = true
    )]
    pub cpus: Option<String>,

    /// raw (own client: preformatted requests, pipelining, least CPU) or hyper
    #[arg(
        long,
        env = "ESPY_ENGINE",
        value_name = "ENGINE",
        allow_hyphen_values = true,
        default_value = "raw"
    )]
    pub engine: String,

    /// An answer that takes longer is an error
    #[arg(
        long,
        env = "ESPY_TIMEOUT",
        value_name = "TIME",
        allow_hyphen_values = true,
        default_value = "5s"
    )]
    pub timeout: String,

    /// Requests of an open load that may wait for a connection; beyond it they are
    /// errors (not_sent)
    #[arg(
        long,
        env = "ESPY_QUEUE",
        value_name = "N",
        allow_hyphen_values = true,
        default_value = "100000"
    )]
    pub queue: String,

    /// Seed of every choice
    #[arg(
        long,
        env = "ESPY_SEED",
        value_name = "S",
        allow_hyphen_values = true,
        default_value = "1"
    )]
    pub seed: String,

    /// Ask for this path; repeat for more, asked equally often
    /// [default: / when no names, routes or log are given]
    #[arg(
        long,
        env = "ESPY_PATH",
        value_name = "PATH",
        allow_hyphen_values = true,
        value_delimiter = ' '
    )]
    pub path: Vec<String>,

    /// Package names: a file with one a line (or a JSON document), most popular
    /// first; or a path of the target, as in /v1/top, that answers with JSON
    #[arg(
        long,
        env = "ESPY_NAMES",
        value_name = "FILE",
        allow_hyphen_values = true
    )]
    pub names: Option<String>,

    /// Where in the JSON the list of names is, as in /rows [default: the longest
    /// list of names in the document]
    #[arg(
        long,
        env = "ESPY_NAMES_POINTER",
        value_name = "POINTER",
        allow_hyphen_values = true
    )]
    pub names_pointer: Option<String>,

    /// Exponent of the popularity of names by their place in the list; 0 draws all
    /// equally often
    #[arg(
        long,
        env = "ESPY_ZIPF",
        value_name = "S",
        allow_hyphen_values = true,
        default_value = "1.0"
    )]
    pub zipf: String,

    /// Weights of the known routes: recent, overall, python_major, python_minor,
    /// system [default: recent=60,overall=20,python_minor=10,system=5,python_major=5
    /// when there are names]
    #[arg(
        long,
        env = "ESPY_ROUTE_MIX",
        value_name = "MIX",
        allow_hyphen_values = true
    )]
    pub route_mix: Option<String>,

    /// A route of your own and its weight, as in "/x/{p}=5"; {p} is the name
    #[arg(
        long,
        env = "ESPY_ROUTE",
        value_name = "ROUTE",
        allow_hyphen_values = true,
        value_delimiter = ' '
    )]
    pub route: Vec<String>,

    /// Requests of an access log, in order: combined lines or JSON lines
    #[arg(
        long,
        env = "ESPY_REPLAY",
        value_name = "FILE",
        allow_hyphen_values = true
    )]
    pub replay: Option<String>,

    /// Share of requests that carry the last ETag seen for their path
    #[arg(
        long,
        env = "ESPY_CONDITIONAL",
        value_name = "SHARE",
        allow_hyphen_values = true,
        default_value = "0"
    )]
    pub conditional: String,

    /// Share of requests that accept gzip
    #[arg(
        long,
        env = "ESPY_GZIP",
        value_name = "SHARE",
        allow_hyphen_values = true,
        default_value = "0"
    )]
    pub gzip: String,

    /// Share of requests for names that do not exist (404 and an
    /// empty answer are both right for them)
    #[arg(
        long,
        env = "ESPY_UNKNOWN",
        value_name = "SHARE",
        allow_hyphen_values = true,
        default_value = "0"
    )]
    pub unknown: String,

    /// Limits that decide the exit code, as in
    /// p99=1ms,errors=0,rps=100000,floor=0.8,304=0.2,cpu=8us
    #[arg(
        long,
        env = "ESPY_REQUIRE",
        value_name = "LIMITS",
        allow_hyphen_values = true
    )]
    pub require: Option<String>,

    /// Folder for report.json and report.html
    #[arg(
        long,
        env = "ESPY_REPORT",
        value_name = "DIR",
        allow_hyphen_values = true
    )]
    pub report: Option<String>,

    /// Process of a local target whose CPU time is read, PID or NAME=PID
    /// [default: whoever listens there]
    #[arg(
        long,
        env = "ESPY_PID",
        value_name = "PID",
        allow_hyphen_values = true,
        value_delimiter = ','
    )]
    pub pid: Vec<String>,

    /// Do not measure the floor server [default: measured when the target is local]
    #[arg(long, env = "ESPY_NO_FLOOR")]
    pub no_floor: bool,

    /// CPUs of the floor server [default: those of the target]
    #[arg(
        long,
        env = "ESPY_FLOOR_CPUS",
        value_name = "LIST",
        allow_hyphen_values = true
    )]
    pub floor_cpus: Option<String>,
}
