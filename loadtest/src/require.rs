//! Limits that decide the exit code: `p99=1ms,errors=0,rps=100000`.

use std::fmt;
use std::time::Duration;

use crate::config::parse_time;
use crate::report::Outcome;

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// A percentile of latency in percent; at most.
    Percentile(f64),
    /// The mean latency; at most.
    Mean,
    /// The greatest latency; at most.
    Max,
    /// Errors of all kinds; at most.
    Errors,
    /// Answers per second; at least.
    Rps,
    /// The share of the floor server; at least.
    Floor,
    /// The share of answers with status 304; at least.
    NotModified,
    /// CPU time of the target per request; at most.
    Cpu,
    /// CPU per request in parts of the first target's (`compare`); at most.
    CpuRatio,
    /// Answers per second in parts of the first target's (`compare`); at least.
    RpsRatio,
}

const PLAIN: [(&str, Metric); 9] = [
    ("mean", Metric::Mean),
    ("max", Metric::Max),
    ("errors", Metric::Errors),
    ("rps", Metric::Rps),
    ("floor", Metric::Floor),
    ("304", Metric::NotModified),
    ("cpu", Metric::Cpu),
    ("cpu_ratio", Metric::CpuRatio),
    ("rps_ratio", Metric::RpsRatio),
];
const PERCENTILES: [f64; 7] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];

/// One limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// As typed.
    pub text: String,
    /// The target it is about; none for all but the floor.
    pub target: Option<String>,
    /// What it is about.
    pub metric: Metric,
    /// Nanoseconds for times, else a number.
    pub bound: f64,
}

impl Limit {
    /// Reads all, and the mistakes in those that cannot be read.
    #[must_use]
    pub fn parse_all(typed: &str, targets: &[&str]) -> (Vec<Self>, Vec<String>) {
        let (mut limits, mut mistakes) = (Vec::new(), Vec::new());
        for part in typed
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match Self::parse(part, targets) {
                Ok(limit) => limits.push(limit),
                Err(mistake) => mistakes.push(format!("--require: {mistake}")),
            }
        }
        (limits, mistakes)
    }

    fn parse(part: &str, targets: &[&str]) -> Result<Self, String> {
        let (left, value) = part
            .split_once('=')
            .ok_or_else(|| format!("\"{part}\" is not like p99=1ms"))?;
        let (target, name) = match left.rsplit_once('/') {
            Some((target, name)) => (Some(target), name),
            None => (None, left),
        };
        if let Some(target) = target
            && !targets.contains(&target)
        {
            return Err(format!("no target is called \"{target}\" in \"{part}\""));
        }
        let metric = metric(name).ok_or_else(|| {
            let names: Vec<_> = PLAIN.iter().map(|(name, _)| *name).collect();
            format!(
                "\"{name}\" is none of p50, p75, p90, p95, p99, p99.9, p99.99, {}",
                names.join(", ")
            )
        })?;
        let bound = if metric.is_time() {
            parse_time(value).map(|time| time.as_secs_f64() * 1e9)
        } else {
            value
                .replace('_', "")
                .parse()
                .ok()
                .filter(|bound: &f64| bound.is_finite() && *bound >= 0.0)
        };
        let kind = if metric.is_time() {
            "a time like 1ms"
        } else {
            "a number"
        };
        Ok(Self {
            text: part.to_owned(),
            target: target.map(str::to_owned),
            metric,
            bound: bound.ok_or_else(|| format!("\"{value}\" in \"{part}\" is not {kind}"))?,
        })
    }

    /// What the limit says of an outcome; none when it is not about it.
    #[must_use]
    pub fn judge(&self, outcome: &Outcome) -> Option<Verdict> {
        let is_meant = match &self.target {
            Some(target) => *target == outcome.name,
            None => !outcome.is_floor,
        };
        // The first of a comparison has no ratio; a limit on all means the others.
        let is_ratio = matches!(self.metric, Metric::CpuRatio | Metric::RpsRatio);
        if !is_meant || (is_ratio && self.target.is_none() && outcome.is_first) {
            return None;
        }
        let value = self.metric.of(outcome);
        let is_met = value.is_some_and(|value| {
            if self.metric.is_at_least() {
                value >= self.bound
            } else {
                value <= self.bound
            }
        });
        Some(Verdict {
            limit: self.text.clone(),
            target: outcome.name.clone(),
            found: value.map(|value| self.metric.print(value)),
            is_met,
        })
    }
}

impl Metric {
    fn is_time(self) -> bool {
        matches!(
            self,
            Self::Percentile(_) | Self::Mean | Self::Max | Self::Cpu
        )
    }

    fn is_at_least(self) -> bool {
        matches!(
            self,
            Self::Rps | Self::Floor | Self::NotModified | Self::RpsRatio
        )
    }

    /// None where it was not measured, which misses every limit.
    fn of(self, outcome: &Outcome) -> Option<f64> {
        let nanos = |us: f64| us * 1e3;
        match self {
            Self::Percentile(percent) => outcome.percentile(percent).map(nanos),
            Self::Mean => outcome.latency.mean().map(nanos),
            Self::Max => outcome.latency.max().map(nanos),
            #[expect(clippy::cast_precision_loss, reason = "compared with small numbers")]
            Self::Errors => Some(outcome.error_count as f64),
            Self::Rps => Some(outcome.rps),
            Self::Floor => outcome.floor.as_ref().map(|floor| floor.share),
            Self::NotModified => Some(outcome.not_modified_share),
            Self::Cpu => outcome.cpu_us_per_request.map(nanos),
            Self::CpuRatio => outcome
                .ratio
                .as_ref()?
                .cpu
                .as_ref()
                .map(|spread| spread.median),
            Self::RpsRatio => outcome
                .ratio
                .as_ref()?
                .rps
                .as_ref()
                .map(|spread| spread.median),
        }
    }

    fn print(self, value: f64) -> String {
        if self.is_time() {
            format!("{:.3?}", Duration::from_secs_f64(value / 1e9))
        } else if value.fract() == 0.0 {
            format!("{value:.0}")
        } else {
            format!("{value:.3}")
        }
    }
}

fn metric(name: &str) -> Option<Metric> {
    if let Some(percent) = name.strip_prefix('p') {
        let percent: f64 = percent.parse().ok()?;
        return PERCENTILES
            .into_iter()
            .find(|known| (known - percent).abs() < 1e-9)
            .map(Metric::Percentile);
    }
    PLAIN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, metric)| *metric)
}

/// What became of a limit.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Verdict {
    /// As typed.
    pub limit: String,
    /// Of whom.
    pub target: String,
    /// What was measured; null where it could not be.
    pub found: Option<String>,
    /// Whether it holds.
    pub is_met: bool,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_met { "met" } else { "MISSED" };
        let found = self.found.as_deref().unwrap_or("not measured");
        write!(f, "{word:<6} {} of {}: {found}", self.limit, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        fn check(typed: &str, expect: Result<(Metric, f64), &str>) {
            let (limits, mistakes) = Limit::parse_all(typed, &["a"]);
            match expect {
                Ok((metric, bound)) => {
                    assert_eq!(mistakes, [""; 0], "{typed}");
                    assert_eq!(limits[0].metric, metric, "{typed}");
                    assert!((limits[0].bound - bound).abs() < 1e-6, "{typed}");
                }
                Err(text) => assert!(mistakes[0].contains(text), "{typed}: {mistakes:?}"),
            }
        }
        check("p99=1ms", Ok((Metric::Percentile(99.0), 1e6)));
        check("p99.9=250us", Ok((Metric::Percentile(99.9), 250e3)));
        check("errors=0", Ok((Metric::Errors, 0.0)));
        check("rps=100_000", Ok((Metric::Rps, 1e5)));
        check("floor=0.8", Ok((Metric::Floor, 0.8)));
        check("304=0.25", Ok((Metric::NotModified, 0.25)));
        check("cpu=8us", Ok((Metric::Cpu, 8e3)));
        check("a/max=1s", Ok((Metric::Max, 1e9)));
        check("b/max=1s", Err("no target is called \"b\""));
        check("p98=1ms", Err("is none of"));
        check("speed=1", Err("is none of"));
        check("p99=1", Err("is not a time"));
        check("errors=no", Err("is not a number"));
        check("p99", Err("is not like"));
        assert_eq!(
            Limit::parse_all("p50=1ms, p99=2ms,errors=0", &[]).0.len(),
            3
        );
        assert_eq!(Limit::parse_all("x=1,y=2", &[]).1.len(), 2);
    }
}
