//! What a target has shown.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Latency;
use super::spread::Spread;
use crate::failure::Failure;
use crate::measure::Measured;
use crate::record::Record;

/// A generator thread busier than this may have held a closed loop back.
const GENERATOR_BUSY: f64 = 0.9;
/// A target's core below this was waiting for requests.
const SATURATED: f64 = 0.9;
/// A generator that waits longer for its CPU measures other programs too.
const WAITED: f64 = 0.05;
/// Sizes of answers that differ by less than this cost the same.
const SIZE_TOLERANCE: f64 = 0.2;
/// Below this, size hardly matters.
const SMALL_BYTES: f64 = 512.0;
/// An open loop that notices one in a hundred requests later than this adds to
/// what it measures.
const LATE_US: f64 = 500.0;

/// A target's result.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// The target.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Whether it is the floor server.
    pub is_floor: bool,
    /// Whether others are compared with it.
    pub is_first: bool,
    /// Time measured, over all rounds.
    pub seconds: f64,
    /// Requests that counted: answers and those without.
    pub requests: u64,
    /// Complete answers, of any status.
    pub answers: u64,
    /// Answers per second; in a comparison the median of the rounds.
    pub rps: f64,
    /// Errors of all kinds.
    pub error_count: u64,
    /// By kind.
    pub errors: BTreeMap<&'static str, u64>,
    /// Answers by status.
    pub statuses: BTreeMap<usize, u64>,
    /// Answers with status 304, as a share of all.
    pub not_modified_share: f64,
    /// Content of the answers.
    pub body_bytes: u64,
    /// All that was received; the hyper engine does not see heads.
    pub wire_bytes: u64,
    /// Connections opened.
    pub connects: u64,
    /// From the instant a request was due, requests that timed out included.
    pub latency: Latency,
    /// From the instant it was sent: what a generator that waits would have seen.
    pub service: Latency,
    /// From due to noticed by the generator (open loads).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lateness: Option<Latency>,
    /// CPU time of the target's processes per answer; in a comparison the
    /// median of the rounds. Null for targets elsewhere.
    pub cpu_us_per_request: Option<f64>,
    /// CPU time of the target's processes in cores.
    pub cpu_cores: Option<f64>,
    /// Resident memory of the target's processes at the end.
    pub resident_bytes: Option<u64>,
    /// CPU time of the busiest generator thread in cores.
    pub generator_cores: f64,
    /// Part of the time in which a generator thread could have run, but other
    /// programs had its CPU.
    pub generator_waited_share: f64,
    /// The result as a share of the floor's.
    pub floor: Option<FloorShare>,
    /// Compared with the first target (`compare`).
    pub ratio: Option<Ratio>,
    /// Each round of a comparison.
    pub rounds: Vec<Round>,
    /// Over time (`run`).
    pub timeline: Vec<Slice>,
}

/// A result in parts of the floor server's, measured in the same run.
#[derive(Clone, Debug, Serialize)]
pub struct FloorShare {
    /// The one of the following that means most.
    pub share: f64,
    /// Which: `cpu` where both CPU times are known, else `rps` for a closed
    /// load and `p50` for an open one.
    pub basis: &'static str,
    /// Floor's CPU per request over the target's.
    pub cpu: Option<f64>,
    /// Target's rate over the floor's.
    pub rps: f64,
    /// Floor's median latency over the target's.
    pub p50: Option<f64>,
}

/// In parts of the first target: the median of the rounds' ratios, their least
/// and greatest.
#[derive(Clone, Debug, Serialize)]
pub struct Ratio {
    /// Of answers per second.
    pub rps: Option<Spread>,
    /// Of CPU time per request.
    pub cpu: Option<Spread>,
    /// Of median latency.
    pub p50: Option<Spread>,
    /// Of the 99th percentile.
    pub p99: Option<Spread>,
}

/// A round of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// Answers per second.
    pub rps: f64,
    /// CPU time per request.
    pub cpu_us_per_request: Option<f64>,
    /// Of the target, in cores.
    pub cpu_cores: Option<f64>,
    /// Percentiles of latency.
    pub p50_us: Option<f64>,
    /// The 99th.
    pub p99_us: Option<f64>,
    /// The 99.9th.
    pub p99_9_us: Option<f64>,
    /// Errors of all kinds.
    pub error_count: u64,
}

/// A stretch of time.
#[derive(Clone, Debug, Serialize)]
pub struct Slice {
    /// Its beginning, in seconds of the reported part of the load.
    pub at_s: f64,
    /// Answers per second.
    pub rps: f64,
    /// Errors.
    pub error_count: u64,
    /// Median latency; null without answers.
    pub p50_us: Option<f64>,
    /// The 99th percentile.
    pub p99_us: Option<f64>,
    /// The greatest.
    pub max_us: Option<f64>,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and bytes are shown, not computed with"
)]
impl Outcome {
    /// Of one load.
    pub(crate) fn of(name: &str, address: String, is_floor: bool, measured: &Measured) -> Self {
        let record = &measured.record;
        let statuses: BTreeMap<usize, u64> = record
            .statuses
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, count)| *count > 0)
            .collect();
        let answers: u64 = statuses.values().sum();
        let errors: BTreeMap<&'static str, u64> = Failure::ALL
            .into_iter()
            .map(|kind| (kind, record.failures[kind as usize]))
            // The floor finds everything, also what a replayed log did not.
            .filter(|(kind, count)| *count > 0 && !(is_floor && *kind == Failure::StatusUnexpected))
            .map(|(kind, count)| (kind.name(), count))
            .collect();
        let status_errors: u64 = [
            Failure::Status4xx,
            Failure::Status5xx,
            Failure::StatusUnexpected,
        ]
        .into_iter()
        .map(|kind| record.failures[kind as usize])
        .sum();
        // No time at all: the process was gone when it was looked at.
        let cpu = measured
            .target_cpu
            .filter(|cpu| cpu.answer_count > 0 && cpu.cpu_ns > 0);
        Self {
            name: name.to_owned(),
            address,
            is_floor,
            seconds: measured.seconds,
            requests: answers + record.failure_count() - status_errors,
            answers,
            rps: answers as f64 / measured.seconds,
            error_count: errors.values().sum(),
            not_modified_share: record.statuses[304] as f64 / answers.max(1) as f64,
            errors,
            statuses,
            body_bytes: record.body_bytes,
            wire_bytes: record.wire_bytes,
            connects: record.connect_count,
            latency: Latency::of(&record.latency),
            service: Latency::of(&record.service),
            lateness: (!record.lateness.is_empty()).then(|| Latency::of(&record.lateness)),
            cpu_us_per_request: cpu.map(|cpu| cpu.cpu_ns as f64 / 1e3 / cpu.answer_count as f64),
            cpu_cores: cpu.map(|cpu| cpu.cpu_ns as f64 / cpu.wall_ns.max(1) as f64),
            resident_bytes: measured.resident_bytes,
            generator_cores: measured.generator_share,
            generator_waited_share: measured.generator_waited_share,
            timeline: timeline(record),
            ..Self::default()
        }
    }

    /// A percentile of latency; of several rounds the median, so that one bad
    /// round does not decide.
    pub(crate) fn percentile(&self, percent: f64) -> Option<f64> {
        let of_round = |round: &Round| match percent {
            50.0 => round.p50_us,
            99.0 => round.p99_us,
            99.9 => round.p99_9_us,
            _ => None,
        };
        Spread::of(self.rounds.iter().filter_map(of_round))
            .map(|spread| spread.median)
            .or_else(|| self.latency.percentile(percent))
    }

    pub(crate) fn round(&self) -> Round {
        Round {
            rps: self.rps,
            cpu_us_per_request: self.cpu_us_per_request,
            cpu_cores: self.cpu_cores,
            p50_us: self.latency.percentile(50.0),
            p99_us: self.latency.percentile(99.0),
            p99_9_us: self.latency.percentile(99.9),
            error_count: self.error_count,
        }
    }

    /// In parts of the floor.
    pub(crate) fn share_of(&self, floor: &Self, is_closed: bool) -> FloorShare {
        let over =
            |above: Option<f64>, below: Option<f64>| Some(above? / below.filter(|b| *b > 0.0)?);
        let cpu = over(floor.cpu_us_per_request, self.cpu_us_per_request);
        let rps = over(Some(self.rps), Some(floor.rps)).unwrap_or(0.0);
        let p50 = over(
            floor.latency.percentile(50.0),
            self.latency.percentile(50.0),
        );
        let (share, basis) = match (cpu, p50) {
            (Some(cpu), _) => (cpu, "cpu"),
            (None, Some(p50)) if !is_closed => (p50, "p50"),
            _ => (rps, "rps"),
        };
        FloorShare {
            share,
            basis,
            cpu,
            rps,
            p50,
        }
    }

    /// When the floor's answers are of another size, which makes its share
    /// the comparison of two different loads: it answers the plan's first
    /// question over and over, whatever the plan asks.
    pub(crate) fn size_warning(&self, floor: &Self) -> Option<String> {
        let mean = |outcome: &Self| outcome.body_bytes as f64 / outcome.answers.max(1) as f64;
        let (own, floors) = (mean(self), mean(floor));
        let is_near = (own - floors).abs() <= SIZE_TOLERANCE * own.max(floors);
        (!is_near && own.max(floors) > SMALL_BYTES).then(|| {
            format!(
                "{}: its answers have {own:.0} bytes on average, the floor's {floors:.0}; the share \
                 of the floor compares different answers",
                self.name
            )
        })
    }

    /// What a reader should know before believing the numbers.
    pub(crate) fn warnings(&self, is_closed: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.generator_waited_share > WAITED {
            warnings.push(format!(
                "{}: the generator waited for its CPU {:.0} % of the time; other programs are \
                 measured too",
                self.name,
                self.generator_waited_share * 100.0
            ));
        }
        let is_saturated = self.cpu_cores.is_some_and(|cores| cores >= SATURATED);
        if is_closed && self.generator_cores > GENERATOR_BUSY && !is_saturated {
            warnings.push(format!(
                "{}: the generator was the bottleneck (its CPU was {:.0} % busy); the rate is its \
                 limit, not the target's",
                self.name,
                self.generator_cores * 100.0
            ));
        } else if is_closed && self.cpu_cores.is_some() && !is_saturated {
            warnings.push(format!(
                "{}: its CPU was {:.0} % busy, so the rate is not its limit; compare CPU per request",
                self.name,
                self.cpu_cores.unwrap_or(0.0) * 100.0
            ));
        }
        let late_us = self
            .lateness
            .as_ref()
            .and_then(|late| late.percentile(99.0));
        if let Some(late_us) = late_us.filter(|late| *late > LATE_US) {
            warnings.push(format!(
                "{}: the generator was late (1 % of requests by more than {}); it was the \
                 bottleneck, or had no CPU of its own",
                self.name,
                super::table::time(Some(late_us))
            ));
        }
        warnings
    }
}

#[expect(clippy::cast_precision_loss, reason = "plotted")]
fn timeline(record: &Record) -> Vec<Slice> {
    let interval = Duration::from_nanos(record.window.interval_ns()).as_secs_f64();
    let window = Duration::from_nanos(record.window.until_ns - record.window.from_ns).as_secs_f64();
    record
        .intervals
        .iter()
        .enumerate()
        .map(|(number, slice)| {
            let at_s = number as f64 * interval;
            let us = |percent| {
                (!slice.latency.is_empty())
                    .then(|| slice.latency.value_at_percentile(percent) as f64 / 1e3)
            };
            Slice {
                at_s,
                // The last may be cut short.
                rps: slice.latency.len() as f64 / interval.min(window - at_s).max(1e-9),
                error_count: slice.failed,
                p50_us: us(50.0),
                p99_us: us(99.0),
                max_us: us(100.0),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_other_sizes_are_told() {
        let of = |answers: u64, body_bytes: u64| Outcome {
            answers,
            body_bytes,
            ..Outcome::default()
        };
        for (own, floor, is_told) in [
            (of(10, 10_000), of(20, 20_000), false),
            (of(10, 10_000), of(10, 8_000), false),
            (of(10, 10_000), of(10, 7_900), true),
            (of(10, 1_000), of(10, 10_000), true),
            (of(10, 5_000), of(10, 10), false),
            (of(0, 0), of(0, 0), false),
        ] {
            let warning = own.size_warning(&floor);
            assert_eq!(warning.is_some(), is_told, "{warning:?}");
        }
    }
}
