//! Programs of others, which `tests/install` puts into the project folder.

use std::path::PathBuf;
use std::process::Command;

use crate::root;

fn installed(path: &str) -> PathBuf {
    let path = root().join(path);
    assert!(
        path.exists(),
        "{} is missing: run `make test`, which installs it",
        path.display()
    );
    path
}

/// Python with DuckDB and the pypistats client. It writes no byte code beside
/// the scripts.
pub fn python() -> Command {
    let mut command = Command::new(installed(".venv/bin/python"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Prometheus's tool that checks metrics.
pub fn promtool() -> Command {
    Command::new("promtool")
}

/// The statsd daemon; it takes the path of its configuration.
pub fn statsd() -> Command {
    let mut command = Command::new("node");
    command.arg(installed(".npm/node_modules/statsd/stats.js"));
    command
}
