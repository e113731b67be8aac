//! Time, and numbers for people.

use std::time::{Duration, Instant};

pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// Nanoseconds of single reads.
#[derive(Default)]
pub(crate) struct Samples(Vec<u64>);

impl Samples {
    pub(crate) fn push(&mut self, elapsed: Duration) {
        self.0
            .push(u64::try_from(elapsed.as_nanos()).expect("shorter than centuries"));
    }

    /// The value that `percent` of the samples do not exceed.
    pub(crate) fn percentile(&mut self, percent: usize) -> u64 {
        self.0.sort_unstable();
        self.0[(self.0.len() - 1) * percent / 100]
    }
}

pub(crate) fn megabytes(bytes: usize) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

pub(crate) fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

/// Bytes as shipped.
pub(crate) fn zstd_len(bytes: &[u8]) -> usize {
    zstd::bulk::compress(bytes, 3)
        .expect("zstd into memory")
        .len()
}
