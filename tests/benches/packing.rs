//! Which layout packs daily counts best, and which spans the open month needs.
//!
//! Goals:
//!
//! * bytes of a segment, raw and as shipped (zstd -3), for ways to lay
//!   counts out in rows, for a month and for a single day;
//! * time of a cold read over half a year: a project drawn uniformly, found by
//!   name in each span, its counts decoded and added to a checksum;
//! * time to build;
//! * spans touched and bytes shipped per day for policies of the open month.
//!
//! Non-goals: HTTP, JSON, the merging of spans into an answer, opening and
//! verifying segments, reading from disk, the `head` and `history` segments.
//!
//! The counts are synthetic and seeded. Projects are drawn evenly out of
//! 700,000 popularity ranks, one in 35, so sizes scale by 35 to all of PyPI.
//! Every timed read is compared with a checksum computed from the counts
//! themselves: a fast wrong answer fails.
//!
//! `cargo bench -p espy-tests --bench packing` measures and prints Markdown;
//! without `--bench` (as `cargo test` runs it) sizes are small and the numbers
//! mean nothing. Results: `docs/format-measurements.md`.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

#[path = "packing/codec.rs"]
mod codec;
#[path = "packing/data.rs"]
mod data;
#[path = "packing/draw.rs"]
mod draw;
#[path = "packing/layout.rs"]
mod layout;
#[path = "packing/names.rs"]
mod names;
#[path = "packing/part_one.rs"]
mod part_one;
#[path = "packing/part_two.rs"]
mod part_two;
#[path = "packing/read.rs"]
mod read;
#[path = "packing/timing.rs"]
mod timing;

/// How much to measure.
struct Sizes {
    projects: usize,
    /// Names in the comparison of name tables; all of PyPI when for real.
    names: usize,
    /// Reads of each kind and candidate.
    reads: usize,
    rounds: usize,
}

const MEASURE: Sizes = Sizes {
    projects: 20_000,
    names: 700_000,
    reads: 20_000,
    rounds: 10,
};
const CHECK: Sizes = Sizes {
    projects: 150,
    names: 1_000,
    reads: 100,
    rounds: 2,
};

fn main() -> rusqlite::Result<()> {
    let sizes = if std::env::args().any(|arg| arg == "--bench") {
        MEASURE
    } else {
        CHECK
    };
    let data = data::Data::draw(sizes.projects);
    println!(
        "{} projects, {} days, {} series, {} non-zero daily counts, {} downloads with mirrors\n",
        data.projects.len(),
        data::DAYS,
        data.series_count(),
        data.non_zero_count(),
        data.with_mirrors(),
    );
    part_one::run(&data, &sizes)?;
    names::run(&sizes)?;
    part_two::run(&data, &sizes)
}
