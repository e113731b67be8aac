//! CPUs by number: lists of them, and threads that stay on theirs.

use rustix::thread::{CpuSet, sched_setaffinity};

/// Reads a list as the kernel writes it: `0,2-3`.
pub(crate) fn parse(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= CpuSet::MAX_CPU {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// The same list in print.
pub(crate) fn print(cpus: &[usize]) -> String {
    let texts: Vec<String> = cpus.iter().map(ToString::to_string).collect();
    texts.join(",")
}

/// Keeps the calling thread, and those it starts, on these CPUs. Without that
/// it works all the same, but measures with more noise.
pub(crate) fn pin(cpus: &[usize]) {
    if cpus.is_empty() {
        return;
    }
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu);
    }
    if let Err(error) = sched_setaffinity(None, &set) {
        log::warn!("a thread cannot be pinned to CPU {}: {error}", print(cpus));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        fn check(text: &str, expect: Option<&[usize]>) {
            assert_eq!(parse(text).as_deref(), expect, "{text}");
        }
        check("0", Some(&[0]));
        check("0,2-4\n", Some(&[0, 2, 3, 4]));
        check("", None);
        check("3-1", None);
        check("0,", None);
        check("0-99999", None);
    }
}
