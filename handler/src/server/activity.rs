//! What one connection is doing and since when, so that those that do nothing
//! can be ended.
//!
//! The engine's own timer would be set anew for every request. Here a request
//! costs a few stores, and one look at all connections every now and then
//! finds those whose time is over.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::signals::Trouble;

/// A clock that is read without asking the system; right to one tick.
#[derive(Debug)]
pub(super) struct Clock {
    now: Cell<Instant>,
    /// Seconds since 1970.
    second: Cell<i64>,
}

impl Clock {
    pub(super) fn new(second: i64) -> Self {
        Self {
            now: Cell::new(Instant::now()),
            second: Cell::new(second),
        }
    }

    pub(super) fn tick(&self, second: i64) {
        self.now.set(Instant::now());
        self.second.set(second);
    }

    pub(super) fn second(&self) -> i64 {
        self.second.get()
    }
}

/// How long each may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// From the first byte of a request to its last.
    pub(super) header: Duration,
    /// Without a request.
    pub(super) idle: Duration,
    /// Without taking a byte of what is to be written.
    pub(super) write: Duration,
}

/// At most this long between two looks; shorter limits are looked at more
/// often.
const TICK_MAX: Duration = Duration::from_secs(1);
const TICK_MIN: Duration = Duration::from_millis(5);

impl Timeouts {
    /// How often connections are looked at.
    pub(super) fn tick(&self) -> Duration {
        let shortest = self.header.min(self.idle).min(self.write);
        (shortest / 4).clamp(TICK_MIN, TICK_MAX)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Between requests.
    Idle,
    /// A part of a request is here.
    Reading,
    /// A request is being answered.
    Answering,
}

/// Why a connection has to end, or to begin with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The process ends: the request at hand is the last.
    Drain,
    /// Nothing was asked for too long.
    Idle,
    /// A request did not arrive in time.
    HeaderTimeout,
    /// The peer does not take its answer.
    WriteTimeout,
}

impl Verdict {
    /// What is counted; an idle connection that is closed is no trouble.
    pub(super) fn trouble(self) -> Option<Trouble> {
        match self {
            Self::Drain | Self::Idle => None,
            Self::HeaderTimeout => Some(Trouble::HeaderTimeout),
            Self::WriteTimeout => Some(Trouble::WriteTimeout),
        }
    }
}

/// Shared by a connection's stream, its service and the sweep.
#[derive(Debug)]
pub(super) struct Activity {
    clock: Rc<Clock>,
    phase: Cell<Phase>,
    since: Cell<Instant>,
    stalled_since: Cell<Option<Instant>>,
    /// The bytes that came last.
    tail: Cell<[u8; 4]>,
    has_body: Cell<bool>,
    answers: Cell<u64>,
    is_refused: Cell<bool>,
    is_last: Cell<bool>,
    verdict: Cell<Option<Verdict>>,
    task: RefCell<Option<Waker>>,
}

impl Activity {
    pub(super) fn new(clock: Rc<Clock>) -> Self {
        let now = clock.now.get();
        Self {
            clock,
            phase: Cell::new(Phase::Idle),
            since: Cell::new(now),
            stalled_since: Cell::new(None),
            tail: Cell::default(),
            has_body: Cell::new(false),
            answers: Cell::new(0),
            is_refused: Cell::new(false),
            is_last: Cell::new(false),
            verdict: Cell::new(None),
            task: RefCell::new(None),
        }
    }

    /// These bytes have come. Those of a request behind the one being answered
    /// count from its answer on.
    pub(super) fn has_read(&self, bytes: &[u8]) {
        let mut tail = self.tail.get();
        for &byte in bytes.iter().skip(bytes.len().saturating_sub(tail.len())) {
            tail.rotate_left(1);
            tail[tail.len() - 1] = byte;
        }
        self.tail.set(tail);
        self.is_reading();
    }

    /// A part of a request is here.
    pub(super) fn is_reading(&self) {
        if self.phase.get() == Phase::Idle {
            self.begin(Phase::Reading);
        }
    }

    /// Whether the process may end without finishing a request.
    pub(super) fn has_begun(&self) -> bool {
        self.phase.get() == Phase::Reading
    }

    /// Whether not a byte has come so far.
    pub(super) fn is_untouched(&self) -> bool {
        self.answers.get() == 0 && self.phase.get() == Phase::Idle
    }

    /// A whole request is here; returns how many there have been. Where one
    /// with a body ends cannot be told from the bytes that came last.
    pub(super) fn answers(&self, has_body: bool) -> u64 {
        self.has_body.set(has_body);
        self.begin(Phase::Answering);
        self.answers.set(self.answers.get() + 1);
        self.answers.get()
    }

    /// Some bytes of an answer are on their way.
    pub(super) fn has_written(&self) {
        self.stalled_since.set(None);
    }

    /// The peer takes no more for now.
    pub(super) fn is_stalled(&self) {
        if self.stalled_since.get().is_none() {
            self.stalled_since.set(Some(self.clock.now.get()));
        }
    }

    /// Everything that was to be written is.
    pub(super) fn has_flushed(&self) {
        if self.phase.get() == Phase::Answering {
            // What came last is no end of a header block: there is more in
            // the engine's buffer than what has been answered.
            let is_rest = !matches!(
                self.tail.get(),
                [.., b'\n', b'\n'] | [_, b'\n', b'\r', b'\n']
            );
            self.begin(if is_rest && !self.has_body.get() {
                Phase::Reading
            } else {
                Phase::Idle
            });
        }
    }

    /// What the peer sends from now on is not looked at.
    pub(super) fn refuse(&self) {
        self.is_refused.set(true);
    }

    /// The connection ends with the answer at hand.
    pub(super) fn ends(&self) {
        self.is_last.set(true);
    }

    /// Whether the peer may still be sending when the connection is closed.
    pub(super) fn lingers(&self) -> bool {
        self.is_last.get() || self.is_refused.get()
    }

    pub(super) fn is_refused(&self) -> bool {
        self.is_refused.get()
    }

    fn begin(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.clock.now.get());
    }

    /// Ends the connection when its time is over. The clock may be a tick
    /// behind when a phase begins, so a tick is given on top.
    pub(super) fn look(&self, timeouts: &Timeouts) {
        let now = self.clock.now.get();
        let tick = timeouts.tick();
        let is_over = |since: Instant, limit: Duration| now.duration_since(since) >= limit + tick;
        let stalled = self.stalled_since.get();
        let verdict = match self.phase.get() {
            _ if stalled.is_some_and(|since| is_over(since, timeouts.write)) => {
                Verdict::WriteTimeout
            }
            Phase::Idle if is_over(self.since.get(), timeouts.idle) => Verdict::Idle,
            Phase::Reading if is_over(self.since.get(), timeouts.header) => Verdict::HeaderTimeout,
            _ => return,
        };
        self.judge(verdict);
    }

    /// Tells the connection's task.
    pub(super) fn judge(&self, verdict: Verdict) {
        self.verdict.set(Some(verdict));
        if let Some(task) = self.task.borrow_mut().take() {
            task.wake();
        }
    }

    /// The verdict, once; without one the task is woken when there is.
    pub(super) fn take_verdict(&self, task: &Waker) -> Option<Verdict> {
        let verdict = self.verdict.take();
        if verdict.is_none() {
            let mut known = self.task.borrow_mut();
            if !known.as_ref().is_some_and(|known| known.will_wake(task)) {
                *known = Some(task.clone());
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        write: Duration::from_secs(30),
    };

    /// The verdict so many seconds after `act`.
    fn verdict(act: impl FnOnce(&Activity), seconds: u64) -> Option<Verdict> {
        let clock = Rc::new(Clock::new(0));
        let activity = Activity::new(Rc::clone(&clock));
        act(&activity);
        clock
            .now
            .set(clock.now.get() + Duration::from_secs(seconds));
        activity.look(&TIMEOUTS);
        activity.verdict.get()
    }

    #[test]
    fn each_phase_has_its_time() {
        let reading = |activity: &Activity| activity.has_read(b"GET");
        let answering_all = |activity: &Activity, bytes: &[u8]| {
            activity.has_read(bytes);
            activity.answers(false);
        };
        let answering = |activity: &Activity| answering_all(activity, b"GET\r\n\r\n");
        let stalled = |activity: &Activity| {
            answering(activity);
            activity.is_stalled();
        };
        let flushed = |activity: &Activity| {
            stalled(activity);
            activity.has_written();
            activity.has_flushed();
        };
        assert_eq!(verdict(|_| (), 75), None);
        assert_eq!(verdict(|_| (), 76), Some(Verdict::Idle));
        assert_eq!(verdict(reading, 10), None);
        assert_eq!(verdict(reading, 11), Some(Verdict::HeaderTimeout));
        assert_eq!(verdict(answering, 1000), None);
        assert_eq!(verdict(stalled, 30), None);
        assert_eq!(verdict(stalled, 31), Some(Verdict::WriteTimeout));
        assert_eq!(verdict(flushed, 75), None);
        assert_eq!(verdict(flushed, 76), Some(Verdict::Idle));
        for (bytes, is_rest) in [
            (&b"GET\n\n"[..], false),
            (b"\n\r\n", false),
            (b"GET\r\n\r\nG", true),
            (b"GET\r\n\r\nG\r\n", true),
        ] {
            let rest = |activity: &Activity| {
                answering_all(activity, bytes);
                activity.has_flushed();
            };
            let expect = is_rest.then_some(Verdict::HeaderTimeout);
            assert_eq!(verdict(rest, 11), expect, "{bytes:?}");
        }
    }

    #[test]
    fn short_limits_are_looked_at_often() {
        assert_eq!(TIMEOUTS.tick(), Duration::from_secs(1));
        let header = Duration::from_millis(200);
        let short = Timeouts { header, ..TIMEOUTS };
        assert_eq!(short.tick(), Duration::from_millis(50));
        let write = Duration::ZERO;
        assert_eq!(Timeouts { write, ..TIMEOUTS }.tick(), TICK_MIN);
    }
}
