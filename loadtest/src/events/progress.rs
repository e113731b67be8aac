//! How far the work is: a bar on a terminal, a log line per tenth elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// Events between two looks at the bar.
const STEP: u64 = 1 << 13;

pub(crate) struct Progress {
    bar: ProgressBar,
    done: u64,
    total: u64,
    next: u64,
}

impl Progress {
    pub(crate) fn new(total: u64) -> Self {
        // Draws on standard error, and nothing where that is no terminal.
        let bar = ProgressBar::new(total);
        bar.set_style(
            ProgressStyle::with_template(
                "{bar:40} {human_pos}/{human_len} events {per_sec} eta {eta}",
            )
            .expect("the template is constant"),
        );
        Self {
            bar,
            done: 0,
            total,
            next: 0,
        }
    }

    /// One more.
    pub(crate) fn advance(&mut self) {
        self.done += 1;
        if self.done >= self.next {
            self.show();
        }
    }

    fn show(&mut self) {
        if self.bar.is_hidden() {
            let tenth = (self.total / 10).max(1);
            if self.next > 0 {
                log::info!(
                    done = self.done, total = self.total;
                    "{} of {} events", self.done, self.total
                );
            }
            self.next += tenth;
        } else {
            self.bar.set_position(self.done);
            self.next += STEP;
        }
    }

    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
