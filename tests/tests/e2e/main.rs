//! The programs as strangers meet them: real processes, real peers, real data,
//! raw bytes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod balancers;
mod clients;
mod differential;
mod metrics;
mod real_series;
mod sample;
mod served_bytes;
mod statsd;
mod swaps;
mod tidy;
