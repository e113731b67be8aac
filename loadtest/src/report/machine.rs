//! Where a report was made: numbers of one machine say little about another.

use std::fs;
use std::thread;

use serde::Serialize;

/// A machine.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// CPUs this process may use.
    pub cpu_count: usize,
    /// As the kernel calls it.
    pub cpu_model: String,
    /// The kernel's version.
    pub kernel: String,
}

impl Machine {
    pub(super) fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpu_model = read("/proc/cpuinfo").lines().find_map(|line| {
            Some(
                line.strip_prefix("model name")?
                    .split_once(':')?
                    .1
                    .trim()
                    .to_owned(),
            )
        });
        Self {
            cpu_count: thread::available_parallelism().map_or(0, Into::into),
            cpu_model: cpu_model.unwrap_or_default(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}
