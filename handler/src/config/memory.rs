//! How much memory the process may use.

use std::fs;
use std::path::Path;

/// The machine's memory, or the limit of the control group if that is less.
pub(super) fn usable_bytes() -> Option<u64> {
    let machine = machine_bytes(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(
        group_bytes(Path::new("/sys/fs/cgroup"), &groups)
            .map_or(machine, |bytes| bytes.min(machine)),
    )
}

/// `MemTotal:       24587764 kB`
fn machine_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The least limit on the way from the process' group up to the root, in
/// either version of control groups. In a container the path often leads
/// nowhere and the root is the container's own group.
fn group_bytes(root: &Path, groups: &str) -> Option<u64> {
    let mut least: Option<u64> = None;
    for line in groups.lines() {
        // hierarchy-ID:controller-list:cgroup-path, see cgroups(7).
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let (mount, file) = if controllers.is_empty() {
            (root.to_path_buf(), "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            (root.join("memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        let group = mount.join(path.trim_start_matches('/'));
        for folder in group.ancestors().take_while(|it| it.starts_with(&mount)) {
            // `max` is no number: no limit here.
            let limit = fs::read_to_string(folder.join(file))
                .ok()
                .and_then(|text| text.trim().parse::<u64>().ok());
            least = least.into_iter().chain(limit).min();
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine() {
        let text = "MemTotal:       24587764 kB\nMemFree:        1 kB\n";
        assert_eq!(machine_bytes(text), Some(24_587_764 * 1024));
        assert_eq!(machine_bytes("MemFree: 1 kB\n"), None);
        assert!(usable_bytes().is_some());
    }

    #[test]
    fn the_least_limit_on_the_way_up_holds() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let put = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("a/memory.max", "1000\n");
        put("a/b/memory.max", "max\n");
        put("a/c/memory.max", "500\n");
        put("memory/x/memory.limit_in_bytes", "700\n");
        for (groups, expect) in [
            ("0::/a/b\n", Some(1000)),
            ("0::/a/c\n", Some(500)),
            ("0::/a/gone\n", Some(1000)),
            ("0::/\n", None),
            ("4:memory:/x\n", Some(700)),
            ("5:cpu,memory:/x\n3:cpuset:/a\n", Some(700)),
            ("nonsense\n", None),
            ("", None),
        ] {
            assert_eq!(group_bytes(root, groups), expect, "{groups:?}");
        }
    }
}
