//! The handler beside the least a server can do, nginx and Datasette, in one
//! run on one machine: servers on the first core, the load on the second.
//!
//! Goals: requests per second, CPU time per request, latency and memory for
//! hot, cold and mixed reads, gzip, 304 and pipelining; latency below
//! saturation, during swaps and beside a crowd of idle and slow connections;
//! the ratios of the design's targets.
//!
//! Non-goals: networks, other machines, start (`handler/benches/start.rs`),
//! the inside of an answer (`handler/benches/respond.rs`).
//!
//! Ratios within a round are the result; absolute numbers are the scale. A
//! rate counts only when the server's core was saturated (`cores` near 1).
//!
//! `make bench-serving` runs it and prints Markdown, see `docs/benchmarks.md`.
//! `ESPY_BENCH_ROUNDS` and `ESPY_BENCH_SECONDS` change the effort.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a benchmark reports on standard output, has nobody to report errors to, and is imported by nobody"
)]

#[path = "serving/cases.rs"]
mod cases;
#[path = "serving/crowd.rs"]
mod crowd;
#[path = "serving/data.rs"]
mod data;
#[path = "serving/load.rs"]
mod load;
#[path = "serving/server.rs"]
mod server;
#[path = "serving/table.rs"]
mod table;

use load::Effort;

fn main() {
    let number = |name: &str, default: u32| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap())
    };
    let effort = Effort {
        rounds: number("ESPY_BENCH_ROUNDS", 7),
        seconds: number("ESPY_BENCH_SECONDS", 3),
    };
    let folder = espy_tests::root().join("target/bench-serving");
    let data = data::Data::make(&folder.join("data"));
    cases::run(&data, effort, &folder);
}
