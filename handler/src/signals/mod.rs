//! What the handler tells of its work: counters per core, read by `/metrics`
//! and by the thread that feeds statsd; sampled timings; the access log.
//!
//! A core writes its own counters and nobody else's. Names are those of
//! routes, never paths.

mod counter;
mod exposition;
mod histogram;
mod recorder;
mod reporter;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::routes::RouteName;
use crate::state::ServiceState;

use counter::Counter;
use histogram::Histogram;

pub use recorder::{Asked, Recorder, Recording, Sampling};
pub use reporter::Report;
pub(crate) use reporter::Reporter;

/// Status classes 1xx to 5xx.
const CLASSES: usize = 5;

/// What went wrong outside of answers, one word each in `/metrics`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// The system gave no connection, mostly for want of file descriptors.
    Accept,
    /// One connection more than a core takes.
    ConnectionLimit,
    /// No request, or not in the form that HTTP gives it.
    Malformed,
    /// A request did not arrive in time.
    HeaderTimeout,
    /// The peer did not take its answer.
    WriteTimeout,
    /// The peer went away in the middle.
    Aborted,
}

impl Trouble {
    pub(crate) const ALL: [Self; 6] = [
        Self::Accept,
        Self::ConnectionLimit,
        Self::Malformed,
        Self::HeaderTimeout,
        Self::WriteTimeout,
        Self::Aborted,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::ConnectionLimit => "connection_limit",
            Self::Malformed => "malformed",
            Self::HeaderTimeout => "header_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::Aborted => "aborted",
        }
    }
}

/// The counters of all cores.
#[derive(Debug)]
pub struct Signals {
    cores: Box<[CoreSignals]>,
}

/// The counters of one core, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct CoreSignals {
    routes: [RouteSignals; RouteName::ALL.len()],
    troubles: [Counter; Trouble::ALL.len()],
    pub(crate) connections_accepted: Counter,
    pub(crate) connections_open: Counter,
    pub(crate) cache_bytes: Counter,
}

#[derive(Debug, Default)]
struct RouteSignals {
    by_class: [Counter; CLASSES],
    body_bytes: Counter,
    cache_hits: Counter,
    duration: Histogram,
}

/// What is counted of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) route: RouteName,
    pub(crate) status: StatusCode,
    pub(crate) body_bytes: usize,
    pub(crate) is_from_cache: bool,
    /// From the request's last byte to the answer's first, without the engine.
    pub(crate) duration: Duration,
}

impl Signals {
    /// For so many cores, all at 0.
    pub fn new(cores: usize) -> Self {
        Self {
            cores: (0..cores).map(|_| CoreSignals::default()).collect(),
        }
    }

    pub(crate) fn core(&self, number: usize) -> &CoreSignals {
        &self.cores[number]
    }

    /// What `/metrics` answers.
    pub(crate) fn exposition(&self, state: &ServiceState) -> Bytes {
        exposition::write(self, state)
    }

    fn routes(&self, route: RouteName) -> impl Iterator<Item = &RouteSignals> {
        let index = route.index();
        self.cores.iter().map(move |core| &core.routes[index])
    }

    fn sum(&self, counter: impl Fn(&CoreSignals) -> &Counter) -> u64 {
        self.cores.iter().map(|core| counter(core).get()).sum()
    }
}

impl CoreSignals {
    pub(crate) fn answered(&self, answered: &Answered) {
        let route = &self.routes[answered.route.index()];
        let class = usize::from(answered.status.as_u16() / 100).clamp(1, CLASSES) - 1;
        route.by_class[class].add(1);
        route.body_bytes.add(answered.body_bytes as u64);
        route.cache_hits.add(u64::from(answered.is_from_cache));
        route.duration.record(answered.duration);
    }

    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.troubles[trouble as usize].add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_have_their_places() {
        for (index, trouble) in Trouble::ALL.into_iter().enumerate() {
            assert_eq!(trouble as usize, index);
        }
    }

    #[test]
    fn cores_are_summed() {
        let signals = Signals::new(3);
        for core in 0..3 {
            signals.core(core).answered(&Answered {
                route: RouteName::Overall,
                status: StatusCode::NOT_FOUND,
                body_bytes: 3,
                is_from_cache: core == 1,
                duration: Duration::from_micros(7),
            });
        }
        let sum = |counter: fn(&RouteSignals) -> &Counter| -> u64 {
            let routes = signals.routes(RouteName::Overall);
            routes.map(|route| counter(route).get()).sum()
        };
        assert_eq!(sum(|route| &route.by_class[3]), 3);
        assert_eq!(sum(|route| &route.body_bytes), 9);
        assert_eq!(sum(|route| &route.cache_hits), 1);
    }
}
