//! Gives `--version` the commit and SQLite's version.

use std::process::Command;

fn main() {
    // A build without git (a source archive) still works.
    let commit = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        );
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=ESPY_COMMIT={commit}");
    println!("cargo::rustc-env=ESPY_VERSION={version} (commit {commit})");
    println!("cargo::rerun-if-changed=../.git/HEAD");
    println!("cargo::rerun-if-changed=../.git/refs/heads");
}
