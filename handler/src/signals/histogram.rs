//! How long answers take, in buckets.

use std::time::Duration;

use super::counter::Counter;

/// Upper bounds of the buckets, in nanoseconds, and as Prometheus writes them
/// in seconds. The last bucket has none.
pub(super) const BOUNDS: [(u64, &str); 14] = [
    (1_000, "1e-06"),
    (2_500, "2.5e-06"),
    (5_000, "5e-06"),
    (10_000, "1e-05"),
    (25_000, "2.5e-05"),
    (50_000, "5e-05"),
    (100_000, "0.0001"),
    (250_000, "0.00025"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_500_000, "0.0025"),
    (10_000_000, "0.01"),
    (100_000_000, "0.1"),
    (1_000_000_000, "1"),
];

/// Counts by duration, and their sum.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Counter; BOUNDS.len() + 1],
    sum_ns: Counter,
}

/// A reading of one or several histograms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) buckets: [u64; BOUNDS.len() + 1],
    pub(super) sum_ns: u64,
}

impl Histogram {
    pub(crate) fn record(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|(bound, _)| ns <= *bound);
        self.buckets[bucket.unwrap_or(BOUNDS.len())].add(1);
        self.sum_ns.add(ns);
    }

    pub(super) fn read_into(&self, reading: &mut Reading) {
        for (sum, bucket) in reading.buckets.iter_mut().zip(&self.buckets) {
            *sum += bucket.get();
        }
        reading.sum_ns += self.sum_ns.get();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_ascend_and_are_what_they_say() {
        for pair in BOUNDS.windows(2) {
            assert!(pair[0].0 < pair[1].0);
        }
        for (ns, seconds) in BOUNDS {
            let seconds: f64 = seconds.parse().unwrap();
            assert!((seconds * 1e9 - ns as f64).abs() < 1e-3, "{ns}");
        }
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        for (ns, bucket) in [
            (0, 0),
            (1_000, 0),
            (1_001, 1),
            (1_000_000_000, 13),
            (1_000_000_001, 14),
        ] {
            let histogram = Histogram::default();
            histogram.record(Duration::from_nanos(ns));
            let mut reading = Reading::default();
            histogram.read_into(&mut reading);
            let mut expect = Reading {
                sum_ns: ns,
                ..Reading::default()
            };
            expect.buckets[bucket] = 1;
            assert_eq!(reading, expect);
        }
    }
}
