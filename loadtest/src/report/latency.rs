//! A histogram's percentiles.

use hdrhistogram::Histogram;
use serde::{Serialize, Serializer};

/// Percentiles in microseconds; null without a sample.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Latency {
    /// Samples.
    pub count: u64,
    /// By name: min, mean, p50, p75, p90, p95, p99, p99.9, p99.99, max.
    #[serde(serialize_with = "as_object")]
    pub us: Vec<(&'static str, Option<f64>)>,
    /// The curve: (percent, microseconds), denser towards 100.
    pub curve: Vec<(f64, f64)>,
}

const NAMED: [(&str, f64); 7] = [
    ("p50", 50.0),
    ("p75", 75.0),
    ("p90", 90.0),
    ("p95", 95.0),
    ("p99", 99.0),
    ("p99.9", 99.9),
    ("p99.99", 99.99),
];
/// Points of the curve in each factor of ten of 1 / (1 - p).
const POINTS_PER_DECADE: i32 = 12;

impl Latency {
    /// Of nanoseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let has_any = !histogram.is_empty();
        let us = |value: f64| has_any.then_some(value / 1e3);
        #[expect(clippy::cast_precision_loss, reason = "an hour is below 2^52 ns")]
        let at = |percent: f64| histogram.value_at_percentile(percent) as f64;
        let mut named = vec![("min", us(at(0.0))), ("mean", us(histogram.mean()))];
        named.extend(
            NAMED
                .iter()
                .map(|(name, percent)| (*name, us(at(*percent)))),
        );
        named.push(("max", us(at(100.0))));
        Self {
            count: histogram.len(),
            us: named,
            curve: curve(histogram),
        }
    }

    /// One of the named percentiles.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let (name, _) = NAMED
            .iter()
            .find(|(_, known)| (known - percent).abs() < 1e-9)?;
        self.named(name)
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.named("mean")
    }

    /// The greatest.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.named("max")
    }

    fn named(&self, name: &str) -> Option<f64> {
        self.us
            .iter()
            .find(|(other, _)| *other == name)
            .and_then(|(_, us)| *us)
    }
}

fn as_object<S: Serializer>(pairs: &[(&str, Option<f64>)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().copied())
}

/// Up to where a single sample is the rest.
#[expect(clippy::cast_precision_loss, reason = "plotted")]
fn curve(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let last = (histogram.len() as f64).log10().max(1.0);
    (0..)
        .map(|point| f64::from(point) / f64::from(POINTS_PER_DECADE))
        .take_while(|nines| *nines <= last)
        .map(|nines| {
            let percent = 100.0 - 100.0 * 10f64.powf(-nines);
            (percent, histogram.value_at_percentile(percent) as f64 / 1e3)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_curve() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        assert_eq!(Latency::of(&histogram).percentile(50.0), None);
        for us in 1..=1000 {
            histogram.record(us * 1000).unwrap();
        }
        let latency = Latency::of(&histogram);
        let near = |found: Option<f64>, expect: f64| {
            assert!(
                (found.unwrap() / expect - 1.0).abs() < 0.002,
                "{found:?} {expect}"
            );
        };
        near(latency.percentile(50.0), 500.0);
        near(latency.percentile(99.9), 999.0);
        near(latency.max(), 1000.0);
        near(latency.mean(), 500.5);
        assert!(latency.curve.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
        assert_eq!(latency.curve.len(), 37);
    }
}
