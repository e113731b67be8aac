//! What a generator thread writes down.

use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;

use crate::failure::Failure;
use crate::plan::Expect;

/// Latencies are recorded up to this; above it they count as this.
const LATENCY_NS_MAX: u64 = 3_600_000_000_000;
/// Digits of a percentile that are right.
const DIGITS: u8 = 3;
/// Digits in the plots over time, where thousands of histograms are kept.
const INTERVAL_DIGITS: u8 = 2;
/// Intervals of the plots over time; the interval's length follows from it.
const INTERVALS_MAX: u64 = 240;
const INTERVAL_CHOICES_NS: [u64; 12] = [
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
    300_000_000_000,
    900_000_000_000,
    3_600_000_000_000,
];

/// The part of a load that is reported, in nanoseconds from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from_ns: u64,
    pub(crate) until_ns: u64,
}

impl Window {
    pub(crate) fn has(self, at_ns: u64) -> bool {
        (self.from_ns..self.until_ns).contains(&at_ns)
    }

    /// The length of an interval of the plots.
    pub(crate) fn interval_ns(self) -> u64 {
        let length = self.until_ns - self.from_ns;
        INTERVAL_CHOICES_NS
            .into_iter()
            .find(|choice| length / choice <= INTERVALS_MAX)
            .unwrap_or(INTERVAL_CHOICES_NS[INTERVAL_CHOICES_NS.len() - 1])
    }
}

/// How far a thread is, for whoever looks from outside.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Answers, those of the warm-up included.
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Requests that count, answered or not.
    pub(crate) measured: AtomicU64,
}

/// A stretch of the plots over time.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    pub(crate) latency: Histogram<u64>,
    pub(crate) failed: u64,
}

/// The counts and histograms of one thread, or of several together.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) window: Window,
    /// From the instant a request was due.
    pub(crate) latency: Histogram<u64>,
    /// From the instant it was sent.
    pub(crate) service: Histogram<u64>,
    /// From the instant it was due to the generator's noticing that.
    pub(crate) lateness: Histogram<u64>,
    pub(crate) intervals: Vec<Interval>,
    /// By status.
    pub(crate) statuses: Vec<u64>,
    /// By [`Failure`].
    pub(crate) failures: [u64; Failure::ALL.len()],
    pub(crate) body_bytes: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) connect_count: u64,
    /// The last instant at which something ended that counts.
    pub(crate) last_ns: u64,
}

fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, digits)
        .expect("the bounds are constant and valid")
}

impl Record {
    pub(crate) fn new(window: Window) -> Self {
        Self {
            window,
            latency: histogram(DIGITS),
            service: histogram(DIGITS),
            lateness: histogram(DIGITS),
            intervals: Vec::new(),
            statuses: vec![0; 1000],
            failures: [0; Failure::ALL.len()],
            body_bytes: 0,
            wire_bytes: 0,
            connect_count: 0,
            last_ns: window.from_ns,
        }
    }

    /// Whether a request due at this instant counts.
    pub(crate) fn counts(&self, due_ns: u64) -> bool {
        self.window.has(due_ns)
    }

    /// An answer has arrived in whole.
    pub(crate) fn answer(
        &mut self,
        (due_ns, sent_ns, done_ns): (u64, u64, u64),
        status: u16,
        body_bytes: u64,
        expect: Expect,
        live: &Live,
    ) {
        add(&live.answered);
        if !self.counts(due_ns) {
            return;
        }
        add(&live.measured);
        self.last_ns = self.last_ns.max(done_ns);
        if let Some(count) = self.statuses.get_mut(usize::from(status)) {
            *count += 1;
        }
        self.body_bytes += body_bytes;
        let latency = done_ns.saturating_sub(due_ns).max(1);
        self.latency.saturating_record(latency);
        self.service
            .saturating_record(done_ns.saturating_sub(sent_ns).max(1));
        if let Some(interval) = self.interval(done_ns) {
            interval.latency.saturating_record(latency);
        }
        if !expect.allows(status) {
            add(&live.failed);
            self.count_failure(Failure::of_status(status), done_ns);
        }
    }

    /// A request has come to no answer.
    pub(crate) fn failure(&mut self, due_ns: u64, now_ns: u64, failure: Failure, live: &Live) {
        add(&live.failed);
        if self.counts(due_ns) {
            add(&live.measured);
            self.last_ns = self.last_ns.max(now_ns);
            if failure == Failure::Timeout {
                // It took at least so long; leaving it out would flatter.
                self.latency
                    .saturating_record(now_ns.saturating_sub(due_ns).max(1));
            }
            self.count_failure(failure, now_ns);
        }
    }

    /// The generator has come to a request.
    pub(crate) fn late(&mut self, due_ns: u64, now_ns: u64) {
        if self.counts(due_ns) {
            self.lateness
                .saturating_record(now_ns.saturating_sub(due_ns).max(1));
        }
    }

    fn count_failure(&mut self, failure: Failure, now_ns: u64) {
        self.failures[failure as usize] += 1;
        if let Some(interval) = self.interval(now_ns) {
            interval.failed += 1;
        }
    }

    fn interval(&mut self, at_ns: u64) -> Option<&mut Interval> {
        let number = at_ns.saturating_sub(self.window.from_ns) / self.window.interval_ns();
        // What ends after the load belongs to no interval.
        let number = usize::try_from(number.min(2 * INTERVALS_MAX)).ok()?;
        if at_ns >= self.window.until_ns {
            return None;
        }
        while self.intervals.len() <= number {
            self.intervals.push(Interval {
                latency: histogram(INTERVAL_DIGITS),
                failed: 0,
            });
        }
        self.intervals.get_mut(number)
    }

    pub(crate) fn failure_count(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// Adds what another thread, or another round, has written down.
    pub(crate) fn add(&mut self, other: &Self) {
        let same = "histograms of the same bounds";
        self.latency.add(&other.latency).expect(same);
        self.service.add(&other.service).expect(same);
        self.lateness.add(&other.lateness).expect(same);
        for (number, theirs) in other.intervals.iter().enumerate() {
            match self.intervals.get_mut(number) {
                Some(ours) => {
                    ours.latency.add(&theirs.latency).expect(same);
                    ours.failed += theirs.failed;
                }
                None => self.intervals.push(theirs.clone()),
            }
        }
        for (ours, theirs) in self.statuses.iter_mut().zip(&other.statuses) {
            *ours += theirs;
        }
        for (ours, theirs) in self.failures.iter_mut().zip(&other.failures) {
            *ours += theirs;
        }
        self.body_bytes += other.body_bytes;
        self.wire_bytes += other.wire_bytes;
        self.connect_count += other.connect_count;
        self.last_ns = self.last_ns.max(other.last_ns);
    }
}

/// Each counter has one writer, so it needs no locked addition.
fn add(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window {
        from_ns: 1_000_000_000,
        until_ns: 11_000_000_000,
    };

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let mut record = Record::new(WINDOW);
        let live = Live::default();
        let due = WINDOW.from_ns;
        for n in 1..=100_000u64 {
            record.answer((due, due, due + n * 1000), 200, 10, Expect::Success, &live);
        }
        for (percent, expect) in [(50.0, 5e7), (99.0, 9.9e7), (99.9, 9.99e7), (100.0, 1e8)] {
            let at = record.latency.value_at_percentile(percent);
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let ratio = at as f64 / expect;
            assert!((ratio - 1.0).abs() < 0.001, "p{percent}: {at}");
        }
        assert_eq!(
            (record.statuses[200], record.body_bytes),
            (100_000, 1_000_000)
        );
    }

    #[test]
    fn only_the_window_counts() {
        let mut record = Record::new(WINDOW);
        let live = Live::default();
        for due in [
            0,
            WINDOW.from_ns - 1,
            WINDOW.from_ns,
            WINDOW.until_ns - 1,
            WINDOW.until_ns,
        ] {
            record.answer((due, due, due + 5), 200, 1, Expect::Success, &live);
            record.failure(due, due, Failure::Reset, &live);
        }
        assert_eq!((record.latency.len(), record.failure_count()), (2, 2));
        assert_eq!(live.answered.load(Ordering::Relaxed), 5);
        assert_eq!(live.measured.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_wrong_status_is_an_answer_and_an_error() {
        let mut record = Record::new(WINDOW);
        let at = WINDOW.from_ns;
        record.answer((at, at, at + 5), 503, 1, Expect::Success, &Live::default());
        assert_eq!(record.failures[Failure::Status5xx as usize], 1);
        assert_eq!((record.latency.len(), record.statuses[503]), (1, 1));
    }

    #[test]
    fn plots_have_a_bounded_number_of_intervals() {
        for seconds in [1, 10, 60, 3600, 86_400, 604_800] {
            let window = Window {
                from_ns: 0,
                until_ns: seconds * 1_000_000_000,
            };
            assert!(
                window.until_ns / window.interval_ns() <= INTERVALS_MAX,
                "{seconds}"
            );
        }
    }
}
