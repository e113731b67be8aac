//! The flags of `espy-loadtest events`.

/// `espy-loadtest events`, as typed.
#[derive(Clone, Debug, clap::Args)]
pub struct EventsArgs {
    /// Download events to make, side files and ignored ones included
    ///
    /// Some formats hold more lines (access-log adds other requests) or fewer
    /// (bigquery has no events of ignored User-Agents); the .expected.json
    /// says how many.
    #[arg(
        long,
        env = "ESPY_ROWS",
        value_name = "N",
        default_value = "100000",
        allow_hyphen_values = true
    )]
    pub rows: String,

    /// Days the events spread over, ending with --end
    #[arg(
        long,
        env = "ESPY_DAYS",
        value_name = "D",
        default_value = "1",
        allow_hyphen_values = true
    )]
    pub days: String,

    /// Last day, YYYY-MM-DD [default: yesterday, UTC]
    #[arg(long, env = "ESPY_END", value_name = "DAY", allow_hyphen_values = true)]
    pub end: Option<String>,

    /// Seed of every choice, 0 to 18446744073709551615
    #[arg(
        long,
        env = "ESPY_SEED",
        value_name = "S",
        default_value = "1",
        allow_hyphen_values = true
    )]
    pub seed: String,

    /// bigquery (file_downloads rows as NDJSON), linehaul (PyPI's CDN log
    /// lines), access-log (nginx combined lines of a private index) or counts
    /// (pre-aggregated CSV)
    #[arg(
        long,
        env = "ESPY_FORMAT",
        value_name = "FORMAT",
        default_value = "bigquery",
        allow_hyphen_values = true
    )]
    pub format: String,

    /// Where to write; "-" is standard output
    #[arg(
        long,
        env = "ESPY_OUT",
        value_name = "FILE",
        allow_hyphen_values = true
    )]
    pub out: Option<String>,

    /// Write PREFIX.expected.csv and PREFIX.expected.json
    /// [default: FILE; none for "-"]
    #[arg(
        long,
        env = "ESPY_EXPECTED",
        value_name = "PREFIX",
        allow_hyphen_values = true
    )]
    pub expected: Option<String>,

    /// Compression of FILE: none, gzip or zstd
    /// [default: by its suffix .gz or .zst, else none]
    #[arg(
        long,
        env = "ESPY_COMPRESS",
        value_name = "METHOD",
        allow_hyphen_values = true
    )]
    pub compress: Option<String>,

    /// Projects downloaded: the P first of PyPI's popularity curve
    #[arg(
        long,
        env = "ESPY_PROJECTS",
        value_name = "P",
        default_value = "2000",
        allow_hyphen_values = true
    )]
    pub projects: String,

    /// Malformed lines to interleave
    #[arg(
        long,
        env = "ESPY_MALFORMED",
        value_name = "K",
        default_value = "0",
        allow_hyphen_values = true
    )]
    pub malformed: String,

    /// Share of events that are side files (.metadata, .asc), 0 to 1
    #[arg(
        long,
        env = "ESPY_SIDE_FILES",
        value_name = "SHARE",
        default_value = "0.02",
        allow_hyphen_values = true
    )]
    pub side_files: String,
}
