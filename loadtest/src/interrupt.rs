//! SIGINT and SIGTERM, as a flag that loops look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Set by the first SIGINT or SIGTERM.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for signals from now on. A second one ends the process as if
    /// nobody listened, for whoever does not want to wait for the report.
    ///
    /// # Errors
    ///
    /// When no thread or no signal handler can be had.
    pub fn listen() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let seen = interrupt.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .context("listen for signals")?;
        // Before the thread starts, so that no signal is lost in between.
        let (mut int, mut term) = {
            let _entered = runtime.enter();
            (
                signal(SignalKind::interrupt()).context("listen for SIGINT")?,
                signal(SignalKind::terminate()).context("listen for SIGTERM")?,
            )
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    for is_first in [true, false] {
                        tokio::select! {
                            _ = int.recv() => {}
                            _ = term.recv() => {}
                        }
                        if is_first {
                            seen.0.store(true, Ordering::Relaxed);
                        } else {
                            std::process::exit(i32::from(EXIT_INTERRUPTED));
                        }
                    }
                });
            })
            .context("start the thread that waits for signals")?;
        Ok(interrupt)
    }

    /// Whether a signal has come.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What shells report for a program that SIGINT ended.
pub const EXIT_INTERRUPTED: u8 = 130;
