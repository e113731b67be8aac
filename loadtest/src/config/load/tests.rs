//! The flags of `run` and `compare`: what is valid, and what is told.

use clap::Parser;

use super::*;
use crate::args::{Args, Command};

const TARGET: [&str; 2] = ["--target", "http://127.0.0.1:1"];

fn run(flags: &[&str]) -> Result<RunConfig, Mistakes> {
    let typed = ["espy-loadtest", "run"].iter().chain(flags);
    let Command::Run(args) = Args::try_parse_from(typed).unwrap().command else {
        panic!("it is run")
    };
    RunConfig::from_args(&args)
}

#[test]
fn defaults() {
    let config = run(&TARGET).unwrap();
    assert_eq!(config.targets[0].name, "127.0.0.1:1");
    assert_eq!(config.load.timing, Loop::Closed);
    assert_eq!(config.load.duration, Duration::from_secs(10));
    assert_eq!(config.plan.routes[0].template, "/");
    assert!(config.report.with_floor && config.load.keep_alive);
}

#[test]
fn all_mistakes_at_once() {
    let flags = [
        ("--target", "https://x"),
        ("--duration", "10"),
        ("--count", "0"),
        ("--warmup", "-1s"),
        ("--connections", "0"),
        ("--pipeline", "x"),
        ("--threads", "0"),
        ("--cpus", "a"),
        ("--engine", "wrk"),
        ("--timeout", "0s"),
        ("--queue", "0"),
        ("--seed", "-1"),
        ("--load", "odd"),
        ("--rate", "fast"),
        ("--rate-to", "faster"),
        ("--steps", "0"),
        ("--compress", "0"),
        ("--spacing", "odd"),
        ("--path", "x"),
        ("--route", "/x"),
        ("--route-mix", "nothing=1"),
        ("--names", "no-such-file"),
        ("--zipf", "-1"),
        ("--replay", "no-such-log"),
        ("--conditional", "2"),
        ("--gzip", "x"),
        ("--unknown", "-0.1"),
        ("--require", "p98=1ms"),
        ("--pid", "x"),
        ("--floor-cpus", "-"),
        ("--crawl", "x"),
        ("--report", "no/such/place"),
    ];
    let typed: Vec<_> = flags
        .iter()
        .flat_map(|(flag, value)| [*flag, *value])
        .collect();
    let mistakes = run(&typed).unwrap_err().to_string();
    for (flag, _) in flags {
        assert!(mistakes.contains(&format!("{flag}:")), "{flag}: {mistakes}");
    }
}

#[test]
fn mistakes_alone() {
    fn check(flags: &[&str], expect: &str) {
        let flags: Vec<_> = TARGET.iter().chain(flags).copied().collect();
        let mistakes = run(&flags).unwrap_err().to_string();
        assert!(mistakes.contains(expect), "{flags:?}: {mistakes}");
    }
    check(&["--load", "ramp"], "--rate: missing");
    check(&["--load", "ramp"], "--rate-to: missing");
    check(&["--rate", "5"], "--load closed does not use it");
    check(
        &["--engine", "hyper", "--pipeline", "2"],
        "use --engine raw",
    );
    check(&["--threads", "100"], "only 64 connections");
    check(&["--route-mix", "recent=1"], "--names: missing");
    check(&["--hostile", "--crawl", "/"], "--hostile");
    check(&["--pid", "other=1"], "no target is called");
    check(&["--load", "constant", "--rate", "0"], "sends nothing");
}
