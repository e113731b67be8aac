//! Where things lie: names inside a depot and inside a host's snapshot folder.

use crate::hash::ObjectHash;

/// The channel that readers follow unless told otherwise.
pub const CHANNEL_DEFAULT: &str = "prod";

/// A segment or ledger in a depot, compressed.
pub fn object(hash: &ObjectHash) -> String {
    format!("objects/{hash}.zst")
}

/// A manifest in a depot or a snapshot folder.
pub fn manifest(sequence: u64) -> String {
    format!("manifests/{sequence:020}.json")
}

/// A channel document in a depot.
pub fn channel(name: &str, counter: u64) -> String {
    format!("channels/{name}/{counter:020}.json")
}

/// The hint in a depot: the newest counter of each channel, may be stale or
/// lost without harm.
pub const LATEST: &str = "latest";

/// A segment in a snapshot folder, as served.
pub fn segment(hash: &ObjectHash) -> String {
    format!("segments/{hash}.sqlite")
}

/// The pointer in a snapshot folder, a [`crate::manifest::Current`].
pub const CURRENT: &str = "current.json";

/// Folder of installed segments.
pub const SEGMENTS_DIR: &str = "segments";
/// Folder of manifests.
pub const MANIFESTS_DIR: &str = "manifests";

/// The number in a name like `00000000000000000042.json`.
pub fn number_of(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(".json")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        assert_eq!(manifest(42), "manifests/00000000000000000042.json");
        for (name, number) in [
            ("00000000000000000042.json", Some(42)),
            ("18446744073709551615.json", Some(u64::MAX)),
            ("99999999999999999999.json", None),
            ("42.json", None),
            ("0000000000000000004x.json", None),
            ("00000000000000000042.json.tmp", None),
        ] {
            assert_eq!(number_of(name), number, "{name}");
        }
    }
}
