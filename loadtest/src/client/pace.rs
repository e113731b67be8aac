//! Which requests are due, and whether more are to come.

use anyhow::Context;

use super::Shared;
use crate::config::Loop;
use crate::schedule::Arrivals;

/// One thread's pace.
#[derive(Debug)]
pub(super) struct Pace {
    /// The next instant of an open load, and those after it.
    arrivals: Option<Arrivals>,
    next_ns: Option<u64>,
    from_ns: u64,
    until_ns: u64,
    /// Requests that may still count.
    left: u64,
}

impl Pace {
    pub(super) fn new(shared: &Shared, number: usize, seed: u64) -> anyhow::Result<Self> {
        let thread_count = shared.load.thread_count as u64;
        let count_max = shared.load.count_max;
        let mut pace = Self {
            arrivals: match &shared.load.timing {
                Loop::Closed => None,
                Loop::Open { profile, spacing } => Some(Arrivals::new(
                    profile.clone(),
                    *spacing,
                    u32::try_from(number).context("thread number")?,
                    u32::try_from(thread_count).context("thread count")?,
                    seed,
                )),
            },
            next_ns: None,
            from_ns: shared.window.from_ns,
            until_ns: shared.window.until_ns,
            left: count_max / thread_count + u64::from((number as u64) < count_max % thread_count),
        };
        pace.advance();
        Ok(pace)
    }

    pub(super) fn is_open_loop(&self) -> bool {
        self.arrivals.is_some()
    }

    /// When the next request of an open load is due; none when that was all.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.next_ns
    }

    /// The due instant that has come, if one has.
    pub(super) fn take_due(&mut self, now_ns: u64) -> Option<u64> {
        let due = self.next_ns.filter(|due| *due <= now_ns)?;
        self.count(due);
        self.advance();
        Some(due)
    }

    /// Whether a closed load sends another now.
    pub(super) fn take_closed(&mut self, now_ns: u64) -> bool {
        if self.left == 0 || now_ns >= self.until_ns {
            return false;
        }
        self.count(now_ns);
        true
    }

    /// Whether no request will ever come.
    pub(super) fn is_over(&self, now_ns: u64) -> bool {
        match &self.arrivals {
            Some(_) => self.next_ns.is_none(),
            None => self.left == 0 || now_ns >= self.until_ns,
        }
    }

    /// Ends the load.
    pub(super) fn end(&mut self) {
        self.left = 0;
        self.next_ns = None;
    }

    fn count(&mut self, due_ns: u64) {
        if due_ns >= self.from_ns {
            self.left = self.left.saturating_sub(1);
        }
    }

    fn advance(&mut self) {
        self.next_ns = self
            .arrivals
            .as_mut()
            .and_then(Iterator::next)
            .filter(|due| *due < self.until_ns && self.left > 0);
    }
}
