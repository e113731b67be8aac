//! What the flags of `espy-loadtest floor` mean.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use super::Mistakes;
use super::value::{cpus, number, writable};
use crate::args::FloorArgs;

/// Answers larger than this mean a typing mistake; each is copied per request.
const BODY_BYTES_MAX: usize = 64 << 20;
/// may_minihttp has room for 16 header lines and panics on the next; two are
/// left for its own use in later versions.
const HEADERS_MAX: usize = 14;

/// `espy-loadtest floor`, valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloorConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What to answer.
    pub body: String,
    /// Header lines besides its own.
    pub headers: Vec<String>,
    /// CPUs to run on; empty for all.
    pub cpus: Vec<usize>,
    /// Receives the bound address.
    pub port_file: Option<PathBuf>,
}

impl FloorConfig {
    /// Reads what was typed.
    ///
    /// # Errors
    ///
    /// All mistakes at once.
    pub fn from_args(args: &FloorArgs) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let listen = mistakes.take(address(&args.listen));
        let byte_count = mistakes.take(number("--bytes", &args.bytes, 0, BODY_BYTES_MAX));
        let body = match &args.body {
            Some(path) => mistakes.take(body_of(path)),
            None => byte_count.map(filler),
        };
        let headers: Vec<String> = args
            .header
            .iter()
            .filter(|line| !line.is_empty())
            .cloned()
            .collect();
        for line in &headers {
            if !is_header(line) {
                mistakes.add(format!("--header: \"{line}\" is not like \"name: value\""));
            }
        }
        if headers.len() > HEADERS_MAX {
            mistakes.add(format!("--header: more than {HEADERS_MAX}"));
        }
        let cpus = mistakes.take(cpus("--cpus", args.cpus.as_deref()));
        let port_file = args
            .port_file
            .as_deref()
            .and_then(|path| mistakes.take(writable("--port-file", path)));
        let valid = || {
            Some(Self {
                listen: listen?,
                body: body?,
                headers,
                cpus: cpus?,
                port_file,
            })
        };
        match valid() {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(mistakes),
        }
    }
}

fn address(typed: &str) -> Result<SocketAddr, String> {
    typed
        .to_socket_addrs()
        .ok()
        .and_then(|mut all| all.next())
        .ok_or_else(|| format!("--listen: \"{typed}\" is not an address and port"))
}

fn body_of(path: &str) -> Result<String, String> {
    let bytes = fs::read(path).map_err(|error| format!("--body: {path}: {error}"))?;
    if bytes.len() > BODY_BYTES_MAX {
        return Err(format!("--body: {path} is above {BODY_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| format!("--body: {path} is not UTF-8 text"))
}

/// Letters; what they are makes no difference to a server.
fn filler(byte_count: usize) -> String {
    "abcdefghijklmnopqrstuvwxyz012345"
        .chars()
        .cycle()
        .take(byte_count)
        .collect()
}

fn is_header(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    }) && !line.contains(['\r', '\n'])
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn read(flags: &[&str]) -> Result<FloorConfig, Mistakes> {
        let typed = ["espy-loadtest", "floor"].iter().chain(flags);
        let Command::Floor(args) = Args::try_parse_from(typed).unwrap().command else {
            panic!("it is floor")
        };
        FloorConfig::from_args(&args)
    }

    #[test]
    fn defaults() {
        let config = read(&["--header", "etag: \"x\"", "--cpus", "0,2-3"]).unwrap();
        assert_eq!(config.body.len(), 1024);
        assert_eq!(config.headers, ["etag: \"x\""]);
        assert_eq!(config.cpus, [0, 2, 3]);
    }

    #[test]
    fn all_mistakes_at_once() {
        let mistakes = read(&[
            "--listen",
            "nowhere",
            "--bytes",
            "-1",
            "--header",
            "no colon",
            "--cpus",
            "3-1",
            "--port-file",
            "no/such/place/file",
        ])
        .unwrap_err();
        assert_eq!(mistakes.len(), 5, "{mistakes}");
    }
}
