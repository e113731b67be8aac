//! The floor server as a process of its own, beside the target.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use crate::config::Target;
use crate::cpu_list;
use crate::http::probe::Whole;

/// What every server says by itself, or what frames the answer.
const OWN_HEADERS: [&str; 7] = [
    "content-length",
    "date",
    "server",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "trailer",
];
/// As `floor --header` takes them.
const HEADERS_MAX: usize = 14;
/// Its variables, which are ours too and mean something else here.
const VARIABLES: [&str; 6] = [
    "ESPY_LISTEN",
    "ESPY_BYTES",
    "ESPY_BODY",
    "ESPY_HEADER",
    "ESPY_CPUS",
    "ESPY_PORT_FILE",
];

/// A floor server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct FloorChild {
    child: Child,
    pub(crate) target: Target,
}

impl FloorChild {
    /// Starts one that answers as `like`: as many bytes, the same headers.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub(crate) fn start(like: &Whole, cpus: &[usize]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the program's own path")?;
        let mut command = Command::new(program);
        command
            .arg("floor")
            .arg(format!("--bytes={}", like.body.len()));
        for (name, value) in like
            .headers
            .iter()
            .filter(|(name, _)| !OWN_HEADERS.contains(&name.as_str()))
            .take(HEADERS_MAX)
        {
            command.arg(format!("--header={name}: {value}"));
        }
        if !cpus.is_empty() {
            command.arg(format!("--cpus={}", cpu_list::print(cpus)));
        }
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        let mut child = command
            .env("ESPY_LOG", "error,may=off,may_minihttp=off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // An interrupt from the terminal must not end it before the load.
            .process_group(0)
            .spawn()
            .context("start the floor server")?;
        let stdout = child.stdout.take().context("the floor server's output")?;
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        let authority = line
            .trim()
            .strip_prefix("http://")
            .unwrap_or_default()
            .to_owned();
        let floor = Self {
            target: Target {
                name: "floor".to_owned(),
                address: authority
                    .parse()
                    .unwrap_or_else(|_| ([127, 0, 0, 1], 0).into()),
                authority,
            },
            child,
        };
        read.context("the floor server's address")?;
        if floor.target.address.port() == 0 {
            bail!("the floor server did not start");
        }
        Ok(floor)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for FloorChild {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
