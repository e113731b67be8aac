//! Processes of this machine, as `/proc` shows them: who listens on an address,
//! and what that costs.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::cpu_list;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";
/// USER_HZ, which is 100 on every Linux that is in use.
const TICK_NS: u64 = 10_000_000;

/// Processes whose cost is watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Processes(Vec<u32>);

/// CPU time used up to an instant.
#[derive(Clone, Debug, Default)]
pub(crate) struct CpuTime {
    /// By thread, exact to the nanosecond.
    threads: BTreeMap<(u32, u32), u64>,
    /// By process, threads that have ended included, exact to 10 ms.
    processes: BTreeMap<u32, u64>,
}

impl Processes {
    pub(crate) fn new(pids: Vec<u32>) -> Self {
        Self(pids)
    }

    /// Who listens on `address`: none when it is not on this machine, or
    /// belongs to another user.
    pub(crate) fn listening_on(address: SocketAddr) -> Self {
        let mut inodes = HashSet::new();
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            let text = fs::read_to_string(table).unwrap_or_default();
            inodes.extend(
                text.lines()
                    .skip(1)
                    .filter_map(|line| listener(line, address)),
            );
        }
        if inodes.is_empty() || !is_local(address) {
            return Self::default();
        }
        let mut pids: Vec<u32> = numbers_in(Path::new("/proc"))
            .into_iter()
            .filter(|pid| {
                let links = fs::read_dir(format!("/proc/{pid}/fd"))
                    .into_iter()
                    .flatten()
                    .flatten();
                links
                    .filter_map(|link| fs::read_link(link.path()).ok())
                    .any(|link| {
                        link.to_str()
                            .and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']'))
                            .is_some_and(|inode| inodes.contains(inode))
                    })
            })
            .collect();
        pids.sort_unstable();
        Self(pids)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn pids(&self) -> &[u32] {
        &self.0
    }

    pub(crate) fn cpu_time(&self) -> CpuTime {
        let mut time = CpuTime::default();
        for &pid in &self.0 {
            for thread in numbers_in(Path::new(&format!("/proc/{pid}/task"))) {
                let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat"));
                let ns = text
                    .ok()
                    .and_then(|text| text.split(' ').next()?.parse().ok());
                if let Some(ns) = ns {
                    time.threads.insert((pid, thread), ns);
                }
            }
            if let Some(ticks) = ticks(pid) {
                time.processes.insert(pid, ticks * TICK_NS);
            }
        }
        time
    }

    /// Resident memory of all, in bytes; memory they share counts for each.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.0
            .iter()
            .filter_map(|pid| {
                status_field(*pid, "VmRSS:")?
                    .split(' ')
                    .next()?
                    .parse::<u64>()
                    .ok()
            })
            .map(|kilobytes| kilobytes * 1024)
            .sum()
    }

    /// CPUs that some of them may use.
    pub(crate) fn cpus(&self) -> Vec<usize> {
        let mut cpus: Vec<usize> = self
            .0
            .iter()
            .flat_map(|pid| {
                // A process may let its threads stay on fewer than itself.
                let threads = numbers_in(Path::new(&format!("/proc/{pid}/task")));
                threads.into_iter().filter_map(move |thread| {
                    let path = format!("/proc/{pid}/task/{thread}/status");
                    cpu_list::parse(&field(
                        &fs::read_to_string(path).ok()?,
                        "Cpus_allowed_list:",
                    )?)
                })
            })
            .flatten()
            .collect();
        cpus.sort_unstable();
        cpus.dedup();
        cpus
    }
}

impl CpuTime {
    /// CPU time since `before`, in nanoseconds.
    pub(crate) fn since(&self, before: &Self) -> u64 {
        let has_lost = before
            .threads
            .keys()
            .any(|thread| !self.threads.contains_key(thread));
        if has_lost || self.threads.is_empty() {
            // The kernel adds what ended threads have used to the process only.
            return self
                .processes
                .iter()
                .map(|(pid, ns)| ns.saturating_sub(before.processes.get(pid).copied().unwrap_or(0)))
                .sum();
        }
        self.threads
            .iter()
            .map(|(thread, ns)| ns.saturating_sub(before.threads.get(thread).copied().unwrap_or(0)))
            .sum()
    }
}

/// Whether an address is one of this machine's: only then can it be bound.
pub(crate) fn is_local(address: SocketAddr) -> bool {
    std::net::UdpSocket::bind((address.ip(), 0)).is_ok()
}

/// The inode of a line of `/proc/net/tcp`, if it listens on `address`.
fn listener(line: &str, address: SocketAddr) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (ip, port) = fields.get(1)?.split_once(':')?;
    let is_it = *fields.get(3)? == LISTEN
        && u16::from_str_radix(port, 16).ok()? == address.port()
        && (ip.bytes().all(|digit| digit == b'0') || ip == hex(address) || ip.len() == 32);
    is_it.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
}

/// An IPv4 address as the kernel prints it: its bytes as a number of this machine.
fn hex(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => format!("{:08X}", u32::from_ne_bytes(v4.ip().octets())),
        SocketAddr::V6(_) => String::new(),
    }
}

fn numbers_in(folder: &Path) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// User and system time of a process in ticks.
fn ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may have spaces; fields count from behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

fn status_field(pid: u32, name: &str) -> Option<String> {
    field(
        &fs::read_to_string(format!("/proc/{pid}/status")).ok()?,
        name,
    )
}

fn field(text: &str, name: &str) -> Option<String> {
    text.lines()
        .find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_and_costs_something() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let found = Processes::listening_on(socket.local_addr().unwrap());
        assert_eq!(found.pids(), [std::process::id()]);
        assert!(found.resident_bytes() > 0 && !found.cpus().is_empty());
        let before = found.cpu_time();
        let mut sum = 0u64;
        while found.cpu_time().since(&before) == 0 {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        assert!(sum != 1);
    }

    #[test]
    fn nobody_is_found_where_nobody_listens() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert!(Processes::listening_on(closed).is_empty());
        assert!(is_local(closed));
        assert!(!is_local("192.0.2.1:80".parse().unwrap()));
    }

    #[test]
    fn lines_of_the_kernel() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 34567 1 0 100 0 0 10 0";
        let check = |address: &str, expect: Option<&str>| {
            assert_eq!(
                listener(line, address.parse().unwrap()).as_deref(),
                expect,
                "{address}"
            );
        };
        check("127.0.0.1:8080", Some("34567"));
        check("127.0.0.1:8081", None);
        check("127.0.0.2:8080", None);
    }
}
