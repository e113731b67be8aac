//! The flags of `espy-loadtest floor`.

/// `espy-loadtest floor`, as typed.
#[derive(Clone, Debug, clap::Args)]
pub struct FloorArgs {
    /// Address and port; port 0 lets the system choose
    #[arg(
        long,
        env = "ESPY_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:0"
    )]
    pub listen: String,

    /// Size of the body to answer, filled with letters
    #[arg(
        long,
        env = "ESPY_BYTES",
        value_name = "N",
        default_value = "1024",
        allow_hyphen_values = true
    )]
    pub bytes: String,

    /// Answer the text of FILE instead
    #[arg(long, env = "ESPY_BODY", value_name = "FILE")]
    pub body: Option<String>,

    /// A header to answer with, "name: value"; repeat for more (at most 14)
    ///
    /// Content-Length, Date and Server are always there. In the environment
    /// variable they are separated by line ends.
    #[arg(
        long,
        env = "ESPY_HEADER",
        value_name = "LINE",
        value_delimiter = '\n',
        allow_hyphen_values = true
    )]
    pub header: Vec<String>,

    /// CPUs to run on, as in 0 or 0,2-3 [default: all that are allowed]
    #[arg(long, env = "ESPY_CPUS", value_name = "LIST")]
    pub cpus: Option<String>,

    /// Receives the bound address once it listens
    #[arg(long, env = "ESPY_PORT_FILE", value_name = "FILE")]
    pub port_file: Option<String>,
}
