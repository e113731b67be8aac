//! Threads that stay on their CPU.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A CPU for each of `count` threads, of those that the process may use. None
/// when it may use one only: there is nothing to choose.
pub(super) fn cpus(count: usize) -> Vec<usize> {
    let Ok(allowed) = sched_getaffinity(None) else {
        return Vec::new();
    };
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&cpu| allowed.is_set(cpu))
        .collect();
    if cpus.len() < 2 {
        return Vec::new();
    }
    cpus.iter().copied().cycle().take(count).collect()
}

/// Keeps the calling thread on a CPU. Without that it serves all the same.
pub(super) fn to(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    if let Err(error) = sched_setaffinity(None, &set) {
        log::warn!(cpu, error:% = error; "a thread cannot be pinned");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_cpus_in_turn() {
        let all = cpus(1000);
        assert!(all.is_empty() || all.len() == 1000);
        let mut distinct = all.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() != 1, "one CPU is no choice");
        assert_eq!(&all[..distinct.len().min(all.len())], distinct);
    }
}
