//! The thread that feeds statsd: resolves its name, gathers what the cores
//! have counted and sampled, and sends it each second. Nobody waits for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use espy_shared::day::Day;
use espy_shared::telemetry::{Batch, Metric, Stage, Statsd};

use super::Signals;
use crate::routes::RouteName;
use crate::state::{ServiceState, now_seconds};

/// How often is sent.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// How often the name is resolved anew: a daemon may move.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(60);
/// Shortest time to the next try when it cannot be resolved; it doubles up to
/// the interval above.
const RESOLVE_WAIT_MIN: Duration = Duration::from_secs(1);
const _: () = assert!(
    RESOLVE_WAIT_MIN.as_nanos() <= RESOLVE_INTERVAL.as_nanos(),
    "the wait grows"
);
/// Reports that wait for the next flush; more are lost.
const REPORTS_WAITING_MAX: usize = 4096;
/// Timings of one route in one flush; with more, percentiles get no better.
const TIMINGS_PER_FLUSH_MAX: u64 = 100;

/// What is sent besides counters.
#[derive(Clone, Copy, Debug)]
pub enum Report {
    /// A sampled answer.
    Answer {
        /// Its route.
        route: RouteName,
        /// Time it took.
        wall: Duration,
        /// CPU time of its thread.
        cpu: Duration,
    },
    /// A snapshot was read, verified and prepared.
    Load {
        /// Time it took.
        wall: Duration,
        /// CPU time of the process meanwhile.
        cpu: Duration,
    },
}

/// Runs until nobody can send reports any more.
pub(crate) struct Reporter {
    address: String,
    reports: Receiver<Report>,
    signals: Arc<Signals>,
    state: Arc<ServiceState>,
    /// Per route: answers, server errors and cache hits that have been sent.
    sent: [[u64; 3]; RouteName::ALL.len()],
}

impl Reporter {
    /// For the daemon at `address`, and where reports are sent to.
    pub(crate) fn new(
        address: &str,
        signals: Arc<Signals>,
        state: Arc<ServiceState>,
    ) -> (Self, SyncSender<Report>) {
        let (sender, reports) = sync_channel(REPORTS_WAITING_MAX);
        let reporter = Self {
            address: address.to_owned(),
            reports,
            signals,
            state,
            sent: Default::default(),
        };
        (reporter, sender)
    }

    pub(crate) fn run(mut self) {
        let mut link = Link::default();
        loop {
            let is_last = self.flush(link.client(&self.address));
            if is_last {
                return;
            }
        }
    }

    /// Gathers for one interval, then sends. True when this was the end.
    fn flush(&mut self, statsd: Option<&Statsd>) -> bool {
        let end = Instant::now() + FLUSH_INTERVAL;
        let mut batch = Batch::default();
        let mut timings = [0; RouteName::ALL.len()];
        let is_last = loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.reports.recv_timeout(left) {
                Ok(Report::Answer { route, wall, cpu }) => {
                    timings[route.index()] += 1;
                    if timings[route.index()] <= TIMINGS_PER_FLUSH_MAX {
                        batch.time(Metric::RouteWall(route.as_str()), wall);
                        batch.time(Metric::RouteCpu(route.as_str()), cpu);
                    }
                }
                Ok(Report::Load { wall, cpu }) => {
                    batch.time(Metric::StageWall(Stage::Load), wall);
                    batch.time(Metric::StageCpu(Stage::Load), cpu);
                }
                Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        let Some(statsd) = statsd else { return is_last };
        self.count(&mut batch);
        self.gauge(&mut batch);
        statsd.send(batch);
        is_last
    }

    fn count(&mut self, batch: &mut Batch) {
        for route in RouteName::ALL {
            let mut now = [0; 3];
            for route in self.signals.routes(route) {
                now[0] += route.by_class.iter().map(super::Counter::get).sum::<u64>();
                now[1] += route.by_class[super::CLASSES - 1].get();
                now[2] += route.cache_hits.get();
            }
            let sent = &mut self.sent[route.index()];
            let name = route.as_str();
            for (metric, (now, sent)) in [
                Metric::RouteRequests(name),
                Metric::RouteErrors(name),
                Metric::RouteCacheHits(name),
            ]
            .into_iter()
            .zip(now.into_iter().zip(sent))
            {
                let new = now.saturating_sub(*sent);
                if new > 0 {
                    batch.count(metric, new);
                    *sent = now;
                }
            }
        }
    }

    fn gauge(&self, batch: &mut Batch) {
        let Some(facts) = self.state.served().serving else {
            return;
        };
        // Gauges are floats; a sequence is far below 2^53.
        batch.gauge(Metric::SnapshotSequence, facts.manifest().sequence as f64);
        if let (Some(day), Ok(today)) = (
            facts.manifest().data_through,
            Day::from_seconds(now_seconds()),
        ) {
            batch.gauge(Metric::SnapshotAgeDays, f64::from(today.since(day)));
        }
    }
}

/// The daemon's address, as last resolved.
#[derive(Default)]
struct Link {
    statsd: Option<Statsd>,
    next_try: Option<Instant>,
    wait: Duration,
}

impl Link {
    /// Resolves when it is time to. A name that was resolved once stays in
    /// use until it is resolved again.
    fn client(&mut self, address: &str) -> Option<&Statsd> {
        if self.next_try.is_none_or(|at| at <= Instant::now()) {
            let statsd = Statsd::new(Some(address), "handler");
            let is_resolved = statsd.is_resolved();
            self.wait = if is_resolved {
                RESOLVE_INTERVAL
            } else {
                (self.wait * 2).clamp(RESOLVE_WAIT_MIN, RESOLVE_INTERVAL)
            };
            if is_resolved || self.statsd.is_none() {
                self.statsd = Some(statsd);
            }
            self.next_try = Some(Instant::now() + self.wait);
        }
        self.statsd.as_ref()
    }
}
