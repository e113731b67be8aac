//! Progress of long work: a bar on a terminal, a log line now and then
//! elsewhere.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between two log lines of a stage.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// One stage's progress.
pub struct Progress {
    stage: &'static str,
    bar: ProgressBar,
    base: u64,
    total: u64,
    logged: Cell<Instant>,
}

impl Progress {
    /// Of some bytes.
    pub fn bytes(stage: &'static str, total: u64) -> Self {
        Self::new(
            stage,
            total,
            "{msg:8} {wide_bar} {bytes}/{total_bytes} {eta}",
        )
    }

    /// Of some things.
    pub fn things(stage: &'static str, total: u64) -> Self {
        Self::new(stage, total, "{msg:8} {wide_bar} {pos}/{len} {eta}")
    }

    fn new(stage: &'static str, total: u64, template: &str) -> Self {
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        // Draws on standard error, and only when that is a terminal.
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
            .with_style(style)
            .with_message(stage);
        Self {
            stage,
            bar,
            base: 0,
            total,
            logged: Cell::new(Instant::now()),
        }
    }

    /// So much of the thing at hand is done.
    pub fn within(&self, done: u64) {
        let done = self.base + done;
        self.bar.set_position(done);
        if self.bar.is_hidden() && self.logged.get().elapsed() >= LOG_INTERVAL {
            self.logged.set(Instant::now());
            log::info!(stage = self.stage, done, total = self.total; "{}: {done} of {}", self.stage, self.total);
        }
    }

    /// The thing at hand, of this size, is done.
    pub fn advance(&mut self, by: u64) {
        self.base += by;
        self.within(0);
    }

    /// Hides the bar while log lines are written.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        self.bar.suspend(work)
    }

    /// All done; the bar goes away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
