//! How far a load is: a bar on a terminal, a log line every few seconds elsewhere.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::config::LoadConfig;
use crate::record::{Live, Window};

const LOG_INTERVAL_NS: u64 = 5_000_000_000;
const DRAW_INTERVAL_NS: u64 = 100_000_000;

/// Of one run, whatever loads it consists of.
pub(crate) struct Progress {
    bar: ProgressBar,
    what: String,
    next_ns: u64,
    /// Instant and answers at the last look.
    last: (u64, u64),
}

impl Progress {
    pub(crate) fn new() -> Self {
        // Draws on standard error, and nothing where that is no terminal.
        let bar = ProgressBar::new(1000);
        bar.set_style(
            ProgressStyle::with_template("{prefix} {bar:30} {msg}")
                .expect("the template is constant"),
        );
        Self {
            bar,
            what: String::new(),
            next_ns: 0,
            last: (0, 0),
        }
    }

    /// A new load begins.
    pub(crate) fn begin(&mut self, what: &str) {
        self.what = what.to_owned();
        self.bar.set_prefix(self.what.clone());
        self.next_ns = 0;
        self.last = (0, 0);
        if self.bar.is_hidden() {
            self.next_ns = LOG_INTERVAL_NS;
        }
    }

    pub(crate) fn show(
        &mut self,
        now_ns: u64,
        window: Window,
        load: &LoadConfig,
        lives: &[Arc<Live>],
    ) {
        if now_ns < self.next_ns {
            return;
        }
        let sum = |counter: fn(&Live) -> u64| lives.iter().map(|live| counter(live)).sum::<u64>();
        let answered = sum(|live| live.answered.load(Ordering::Relaxed));
        let failed = sum(|live| live.failed.load(Ordering::Relaxed));
        let measured = sum(|live| live.measured.load(Ordering::Relaxed));
        let seconds = Duration::from_nanos(now_ns.saturating_sub(self.last.0)).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "shown to a person")]
        let rate = (answered - self.last.1) as f64 / seconds.max(1e-3);
        self.last = (now_ns, answered);
        let left = Duration::from_nanos(window.until_ns.saturating_sub(now_ns));
        let text = format!(
            "{rate:.0}/s, {answered} answers, {failed} errors, {:.0} s left",
            left.as_secs_f64()
        );
        if self.bar.is_hidden() {
            self.next_ns = now_ns + LOG_INTERVAL_NS;
            log::info!(answered, failed; "{}: {text}", self.what);
        } else {
            self.next_ns = now_ns + DRAW_INTERVAL_NS;
            let by_time = now_ns.saturating_mul(1000) / window.until_ns.max(1);
            let by_count = measured.saturating_mul(1000) / load.count_max;
            self.bar.set_position(by_time.max(by_count).min(1000));
            self.bar.set_message(text);
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
