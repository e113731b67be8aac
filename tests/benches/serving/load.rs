//! `espy-loadtest`, and what it reports.

use std::path::Path;
use std::process::Stdio;

use espy_tests::program::program;
use serde_json::Value;

use crate::server::Server;

/// Where the load runs.
pub const LOAD_CPU: usize = 1;

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: u32,
    pub seconds: u32,
}

/// What one server has shown in one case.
pub struct Outcome {
    pub name: String,
    pub rps: f64,
    pub cpu_us: f64,
    /// Of the server, in cores.
    pub cores: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub p99_9_us: f64,
    pub errors: u64,
    /// CPU per request in parts of the first server's: median, least, greatest.
    pub cpu_ratio: Option<[f64; 3]>,
}

/// Loads the servers in turn.
pub fn compare(servers: &[&Server], effort: Effort, folder: &Path, flags: &[&str]) -> Vec<Outcome> {
    let mut command = program("espy-loadtest");
    command.arg("compare");
    for server in servers {
        command.args([
            "--target",
            &format!("{}=http://{}", server.name, server.address),
        ]);
    }
    command.args(["--rounds", &effort.rounds.to_string()]);
    command.args(["--duration", &format!("{}s", effort.seconds), "--warmup=1s"]);
    command
        .args(["--cpus", &LOAD_CPU.to_string(), "--spin"])
        .args(flags);
    report(command, folder)
}

/// Loads one server once.
pub fn load(server: &Server, seconds: u32, folder: &Path, flags: &[&str]) -> Outcome {
    let mut command = program("espy-loadtest");
    command
        .arg("run")
        .args(["--target", &format!("http://{}", server.address)]);
    command.args([
        "--duration",
        &format!("{seconds}s"),
        "--warmup=1s",
        "--no-floor",
    ]);
    command
        .args(["--cpus", &LOAD_CPU.to_string(), "--spin"])
        .args(flags);
    report(command, folder).remove(0)
}

fn report(mut command: std::process::Command, folder: &Path) -> Vec<Outcome> {
    command.arg("--report").arg(folder);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let report = std::fs::read(folder.join("report.json"));
    let report: Value =
        serde_json::from_slice(&report.unwrap_or_else(|_| panic!("{said}"))).unwrap();
    let outcomes = report["outcomes"].as_array().unwrap();
    outcomes.iter().map(outcome).collect()
}

fn outcome(json: &Value) -> Outcome {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let spread = |value: &Value| {
        let part = |name| value[name].as_f64();
        Some([part("median")?, part("min")?, part("max")?])
    };
    let us = &json["latency"]["us"];
    Outcome {
        name: json["name"].as_str().unwrap().to_owned(),
        rps: number(&json["rps"]),
        cpu_us: number(&json["cpu_us_per_request"]),
        cores: number(&json["cpu_cores"]),
        p50_us: number(&us["p50"]),
        p99_us: number(&us["p99"]),
        p99_9_us: number(&us["p99.9"]),
        errors: json["error_count"].as_u64().unwrap(),
        cpu_ratio: spread(&json["ratio"]["cpu"]),
    }
}
