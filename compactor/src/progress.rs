//! Progress of long work: a bar on a terminal, nothing elsewhere (the log
//! lines of each stage say it there).

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One stage's progress.
pub struct Progress {
    bar: ProgressBar,
    base: u64,
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
        Self { bar, base: 0 }
    }

    /// So much of the thing at hand is done.
    pub fn within(&self, done: u64) {
        self.bar.set_position(self.base + done);
    }

    /// The thing at hand, of this size, is done.
    pub fn advance(&mut self, by: u64) {
        self.base += by;
        self.bar.set_position(self.base);
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
