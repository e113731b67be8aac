//! The generator threads, one engine each.

mod hyper;
mod pace;
mod raw;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::time::{ClockId, clock_gettime};

use crate::config::{Engine, LoadConfig, Target};
use crate::cpu_list;
use crate::plan::{Plan, Source};
use crate::record::{Live, Record, Window};
use pace::Pace;

/// How long requests in flight may take after an interrupt.
const INTERRUPT_GRACE: Duration = Duration::from_millis(300);
/// A connection that could not be opened is tried again after this.
const CONNECT_PAUSE: Duration = Duration::from_millis(10);

/// What all threads of a load have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) load: LoadConfig,
    pub(crate) targets: Vec<Target>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) window: Window,
    /// Threads meet here when their connections are open, and once more when
    /// the clock is set.
    pub(crate) gate: Barrier,
    pub(crate) clock: Clock,
    pub(crate) stop: AtomicBool,
}

impl Shared {
    /// A thread that cannot begin must not keep the others waiting.
    fn or_pass<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        if result.is_err() {
            self.gate.wait();
            self.gate.wait();
        }
        result
    }
}

/// Nanoseconds from the start of the load.
#[derive(Debug, Default)]
pub(crate) struct Clock(OnceLock<Instant>);

impl Clock {
    pub(crate) fn start(&self) {
        self.0.get_or_init(Instant::now);
    }

    /// 0 before the start.
    pub(crate) fn now_ns(&self) -> u64 {
        self.0.get().map_or(0, |start| nanos(start.elapsed()))
    }

    fn instant(&self, at_ns: u64) -> Instant {
        self.0.get().copied().unwrap_or_else(Instant::now) + Duration::from_nanos(at_ns)
    }
}

/// 584 years fit.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What comes back from a thread.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) record: Record,
    /// Of the thread, from the start of the load.
    pub(crate) usage: Usage,
}

/// A thread's own part of the load.
struct Share {
    shared: Arc<Shared>,
    live: Arc<Live>,
    source: Source,
    pace: Pace,
    record: Record,
    /// Which target each of its connections goes to.
    connections: Vec<usize>,
}

impl Share {
    fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }
}

/// Runs thread `number` of the load to its end.
///
/// # Errors
///
/// When the engine cannot be set up.
pub(crate) fn run(shared: &Arc<Shared>, live: Arc<Live>, number: usize) -> anyhow::Result<Done> {
    let load = &shared.load;
    if !load.cpus.is_empty() {
        cpu_list::pin(&[load.cpus[number % load.cpus.len()]]);
    }
    // Far apart, so that threads do not repeat each other.
    let seed = load
        .seed
        .wrapping_add((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let share = Share {
        shared: Arc::clone(shared),
        live,
        source: Source::new(Arc::clone(&shared.plan), number, load.thread_count, seed),
        pace: shared.or_pass(Pace::new(shared, number, seed))?,
        record: Record::new(shared.window),
        connections: (number..load.connection_count)
            .step_by(load.thread_count)
            .map(|connection| connection % shared.targets.len())
            .collect(),
    };
    match load.engine {
        Engine::Raw => raw::run(share).context("raw engine"),
        Engine::Hyper => hyper::run(share).context("hyper engine"),
    }
}

/// What the calling thread has used until now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Time in which it could have run but had no CPU.
    pub(crate) waited: Duration,
}

impl Usage {
    fn now() -> Self {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let waited_ns = fs::read_to_string("/proc/thread-self/schedstat")
            .ok()
            .and_then(|text| text.split_whitespace().nth(1)?.parse().ok());
        Self {
            cpu: Duration::new(
                u64::try_from(time.tv_sec).unwrap_or(0),
                u32::try_from(time.tv_nsec).unwrap_or(0),
            ),
            waited: Duration::from_nanos(waited_ns.unwrap_or(0)),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            waited: self.waited.saturating_sub(before.waited),
        }
    }
}
