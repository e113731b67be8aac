//! One load on one or more targets, from the first connection to the sums.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::client::{self, Clock, Done, Shared, nanos};
use crate::config::{LoadConfig, Loop, Target};
use crate::interrupt::Interrupt;
use crate::plan::Plan;
use crate::process::{CpuTime, Processes};
use crate::progress::Progress;
use crate::record::{Live, Record, Window};

/// How often the main thread looks at the others.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What a load has shown.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) record: Record,
    /// How long requests were due, or until the last answer if that is longer.
    pub(crate) seconds: f64,
    /// CPU time of the busiest generator thread in parts of the time.
    pub(crate) generator_share: f64,
    /// Time in which a generator thread wanted to run and others did.
    pub(crate) generator_waited_share: f64,
    /// What the targets' processes used.
    pub(crate) target_cpu: Option<TargetCpu>,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) interrupted: bool,
}

/// CPU time of local targets within the reported part of the load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TargetCpu {
    pub(crate) cpu_ns: u64,
    pub(crate) wall_ns: u64,
    /// Answered meanwhile.
    pub(crate) answer_count: u64,
}

impl Measured {
    /// Adds another round.
    pub(crate) fn add(&mut self, other: &Self) {
        self.record.add(&other.record);
        self.seconds += other.seconds;
        self.generator_share = self.generator_share.max(other.generator_share);
        self.generator_waited_share = self
            .generator_waited_share
            .max(other.generator_waited_share);
        self.target_cpu = match (self.target_cpu, other.target_cpu) {
            (Some(ours), Some(theirs)) => Some(TargetCpu {
                cpu_ns: ours.cpu_ns + theirs.cpu_ns,
                wall_ns: ours.wall_ns + theirs.wall_ns,
                answer_count: ours.answer_count + theirs.answer_count,
            }),
            (ours, theirs) => ours.or(theirs),
        };
        self.resident_bytes = self.resident_bytes.max(other.resident_bytes);
        self.interrupted |= other.interrupted;
    }
}

/// Costs at an instant.
struct Reading {
    cpu: CpuTime,
    at_ns: u64,
    answered: u64,
}

/// Puts a load on targets.
///
/// # Errors
///
/// When threads or engines cannot be set up.
pub(crate) fn measure(
    load: &LoadConfig,
    targets: &[Target],
    plan: &Arc<Plan>,
    processes: &Processes,
    interrupt: &Interrupt,
    progress: &mut Progress,
) -> anyhow::Result<Measured> {
    allow_sockets();
    let from_ns = nanos(load.warmup);
    let window = Window {
        from_ns,
        until_ns: from_ns + nanos(load.duration),
    };
    let shared = Arc::new(Shared {
        load: load.clone(),
        targets: targets.to_vec(),
        plan: Arc::clone(plan),
        window,
        gate: Barrier::new(load.thread_count + 1),
        clock: Clock::default(),
        stop: AtomicBool::new(false),
    });
    let lives: Vec<Arc<Live>> = (0..load.thread_count).map(|_| Arc::default()).collect();
    let threads = lives
        .iter()
        .enumerate()
        .map(|(number, live)| {
            let (shared, live) = (Arc::clone(&shared), Arc::clone(live));
            thread::Builder::new()
                .name(format!("load-{number}"))
                .spawn(move || client::run(&shared, live, number))
                .context("start a generator thread")
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    shared.gate.wait();
    shared.clock.start();
    shared.gate.wait();

    let read = || Reading {
        cpu: processes.cpu_time(),
        at_ns: shared.clock.now_ns(),
        answered: lives
            .iter()
            .map(|live| live.answered.load(Ordering::Relaxed))
            .sum(),
    };
    let mut first = (window.from_ns == 0).then(read);
    let mut last = None;
    while !threads.iter().all(thread::JoinHandle::is_finished) {
        if interrupt.is_set() {
            shared.stop.store(true, Ordering::Relaxed);
        }
        let now_ns = shared.clock.now_ns();
        let next_ns = if now_ns < window.from_ns {
            window.from_ns
        } else {
            window.until_ns
        };
        let left = Duration::from_nanos(next_ns.saturating_sub(now_ns));
        thread::sleep(if left.is_zero() {
            LOOK_INTERVAL
        } else {
            left.min(LOOK_INTERVAL)
        });
        let now_ns = shared.clock.now_ns();
        if first.is_none() && now_ns >= window.from_ns {
            first = Some(read());
        }
        if last.is_none() && now_ns >= window.until_ns {
            last = Some(read());
        }
        progress.show(now_ns, window, load, &lives);
    }
    let last = last.unwrap_or_else(read);
    let mut done = Vec::new();
    for thread in threads {
        done.push(
            thread
                .join()
                .map_err(|_| anyhow!("a generator thread panicked"))??,
        );
    }
    let answered: u64 = lives
        .iter()
        .map(|live| live.answered.load(Ordering::Relaxed))
        .sum();
    let target_cpu = first
        .filter(|_| !processes.is_empty())
        .map(|first| TargetCpu {
            cpu_ns: last.cpu.since(&first.cpu),
            wall_ns: last.at_ns - first.at_ns,
            answer_count: last.answered.min(answered) - first.answered,
        });
    Ok(sum(
        load, window, done, &shared, target_cpu, processes, interrupt,
    ))
}

/// Each connection is a file, and many systems begin with room for 1024.
fn allow_sockets() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        log::warn!("open files stay limited to {:?}: {error}", limit.current);
    }
}

fn sum(
    load: &LoadConfig,
    window: Window,
    done: Vec<Done>,
    shared: &Shared,
    target_cpu: Option<TargetCpu>,
    processes: &Processes,
    interrupt: &Interrupt,
) -> Measured {
    let mut record = Record::new(window);
    let (mut busiest, mut waited) = (Duration::ZERO, Duration::ZERO);
    for thread in &done {
        record.add(&thread.record);
        busiest = busiest.max(thread.usage.cpu);
        waited = waited.max(thread.usage.waited);
    }
    let interrupted = interrupt.is_set();
    // A load that was cut short, or that ends by count, lasted until its last
    // answer; the others as long as requests were due.
    let ends_early =
        interrupted || load.count_max != u64::MAX || shared.plan.request_count().is_some();
    let until_ns = if ends_early {
        record.last_ns
    } else {
        record.last_ns.max(window.until_ns)
    };
    let wall = Duration::from_nanos(shared.clock.now_ns().max(1));
    Measured {
        seconds: Duration::from_nanos(until_ns - window.from_ns)
            .as_secs_f64()
            .max(1e-9),
        record,
        generator_share: busiest.as_secs_f64() / wall.as_secs_f64(),
        generator_waited_share: waited.as_secs_f64() / wall.as_secs_f64(),
        target_cpu,
        resident_bytes: (!processes.is_empty()).then(|| processes.resident_bytes()),
        interrupted,
    }
}

/// Requests that an open load will have sent, for a progress bar.
pub(crate) fn planned(load: &LoadConfig) -> Option<f64> {
    match &load.timing {
        Loop::Closed => None,
        Loop::Open { profile, .. } => {
            let until_s = (load.warmup + load.duration).as_secs_f64();
            Some(profile.due_by(until_s) - profile.due_by(load.warmup.as_secs_f64()))
        }
    }
}
