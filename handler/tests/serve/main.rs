//! The real binary on port 0, raw bytes in and out.

#![expect(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "helpers of tests fail by panicking, and nobody imports a test"
)]

mod any_request;
mod crowd;
mod drain;
mod faults;
mod folder;
mod ground;
mod handler;
mod limits;
mod mutations;
mod probes;
mod protocol;
mod pypistats;
mod swaps;
mod wire;
