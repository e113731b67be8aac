//! How one core records its answers: counters always, timings and access log
//! by sample.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use rustix::time::{ClockId, clock_gettime};

use super::reporter::Report;
use super::{Answered, CoreSignals, Signals, Trouble};
use crate::respond::Answer;
use crate::routes::RouteName;

/// Bytes of a target that the access log shows.
const TARGET_LOGGED_BYTES_MAX: usize = 512;

/// How many answers there are to one sample; 0 takes none.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// For timings sent to statsd.
    pub statsd: u32,
    /// For lines of the access log.
    pub access_log: u32,
}

/// Belongs to one core.
#[derive(Debug)]
pub struct Recorder {
    signals: Arc<Signals>,
    core: usize,
    /// None when nobody wants timings.
    reports: Option<SyncSender<Report>>,
    timings: Sampler,
    lines: Sampler,
}

/// A request whose answer is being made.
#[derive(Debug)]
pub struct Recording {
    started: Instant,
    cpu_started: Option<Duration>,
}

/// What a line of the access log shows besides the answer. No client address:
/// it is the balancer's, or a person's.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// As sent.
    pub method: &'a Method,
    /// Path and query as sent.
    pub target: &'a str,
    /// Of HTTP.
    pub version: http::Version,
}

impl Recorder {
    /// For core number `core`; reports that find no room are dropped.
    pub fn new(
        signals: Arc<Signals>,
        core: usize,
        reports: Option<SyncSender<Report>>,
        sampling: Sampling,
    ) -> Self {
        let statsd = if reports.is_some() {
            sampling.statsd
        } else {
            0
        };
        Self {
            signals,
            core,
            reports,
            timings: Sampler::new(statsd),
            lines: Sampler::new(sampling.access_log),
        }
    }

    /// The counters of all cores.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// The counters of this core.
    pub(crate) fn core(&self) -> &CoreSignals {
        self.signals.core(self.core)
    }

    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.core().trouble(trouble);
    }

    /// When a request begins to be answered.
    pub fn start(&self) -> Recording {
        // Asking for CPU time is a system call, so only for samples.
        let cpu_started = self.timings.takes().then(thread_cpu_time);
        Recording {
            started: Instant::now(),
            cpu_started,
        }
    }

    /// When it has been.
    pub fn finish(&self, recording: Recording, asked: &Asked<'_>, answer: &Answer) {
        let duration = recording.started.elapsed();
        let response = &answer.response;
        let answered = Answered {
            route: answer.route,
            status: response.status(),
            body_bytes: if *asked.method == Method::HEAD {
                0
            } else {
                response.body().len()
            },
            is_from_cache: answer.is_from_cache,
            duration,
        };
        self.core().answered(&answered);
        if let (Some(reports), Some(cpu_started)) = (&self.reports, recording.cpu_started) {
            // Timings are lost rather than waited for.
            let _ = reports.try_send(Report::Answer {
                route: answer.route,
                wall: duration,
                cpu: thread_cpu_time().saturating_sub(cpu_started),
            });
        }
        // A balancer that asks whether it is ready has its answer.
        let is_error = response.status().is_server_error() && answer.route != RouteName::Readyz;
        if self.lines.takes() || is_error {
            log(&answered, asked, response.headers());
        }
    }
}

fn log(answered: &Answered, asked: &Asked<'_>, headers: &HeaderMap) {
    let request_id = headers.get("x-request-id");
    log::info!(
        target: "access",
        method:% = asked.method,
        uri:% = printable(asked.target),
        version:? = asked.version,
        route = answered.route.as_str(),
        status = answered.status.as_u16(),
        body_bytes = answered.body_bytes,
        cached = answered.is_from_cache,
        duration_us = u64::try_from(answered.duration.as_micros()).unwrap_or(u64::MAX),
        request_id = request_id.and_then(|id| id.to_str().ok()).unwrap_or_default();
        "{} {}", answered.route.as_str(), answered.status.as_u16()
    );
}

/// The beginning of a target, with everything escaped that could be taken for
/// something else in a terminal or by what reads the log.
fn printable(target: &str) -> impl std::fmt::Display {
    let bytes = target.as_bytes();
    bytes[..bytes.len().min(TARGET_LOGGED_BYTES_MAX)].escape_ascii()
}

fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Takes one in so many, at random distances: what comes in a rhythm is not
/// taken always or never.
#[derive(Debug)]
struct Sampler {
    one_in: u32,
    skip: Cell<u32>,
}

impl Sampler {
    fn new(one_in: u32) -> Self {
        Self {
            one_in,
            skip: Cell::new(distance(one_in)),
        }
    }

    fn takes(&self) -> bool {
        if self.one_in == 0 {
            return false;
        }
        let skip = self.skip.get();
        if skip > 0 {
            self.skip.set(skip - 1);
            return false;
        }
        self.skip.set(distance(self.one_in));
        true
    }
}

/// How many to leave out: `one_in - 1` on average.
fn distance(one_in: u32) -> u32 {
    match one_in {
        0 | 1 => 0,
        _ => fastrand::u32(0..=2 * (one_in - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_cannot_be_taken_for_anything_else() {
        for (target, shown) in [
            ("/a?b=c&d", "/a?b=c&d"),
            ("/\u{9b}31m\u{2028}", "/\\xc2\\x9b31m\\xe2\\x80\\xa8"),
            ("/\"\n", "/\\\"\\n"),
        ] {
            assert_eq!(printable(target).to_string(), shown);
        }
        let long = "/".repeat(TARGET_LOGGED_BYTES_MAX + 1);
        assert_eq!(printable(&long).to_string(), long[1..]);
    }

    #[test]
    fn samples_are_as_many_as_asked_for() {
        for (one_in, least, most) in [
            (0, 0, 0),
            (1, 64_000, 64_000),
            (2, 31_000, 33_000),
            (64, 800, 1_200),
        ] {
            let sampler = Sampler::new(one_in);
            let taken = (0..64_000).filter(|_| sampler.takes()).count();
            assert!(
                (least..=most).contains(&taken),
                "{taken} with 1 in {one_in}"
            );
        }
    }
}
