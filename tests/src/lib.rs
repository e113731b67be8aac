//! The harness: starts the built programs and their peers, and reads what they
//! leave behind.
//!
//! Nothing here waits by sleeping for a while and hoping: every wait looks
//! again and again, up to a deadline that no healthy machine reaches.

#![expect(
    clippy::missing_panics_doc,
    reason = "a harness panics whenever something is not as it should be: that fails the test"
)]

pub mod counts;
pub mod csv;
pub mod handler;
pub mod http;
pub mod peers;
pub mod program;
pub mod site;

use std::env;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Far beyond what anything takes here; a failure, not a measure.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// Rounds that a loop has at least.
const ROUNDS_MIN: u32 = 5;

/// Looks again and again until there is something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited too long for {what}");
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// Whether loops have their full count: `ESPY_SOAK=1`, as `make soak` sets it.
pub fn is_soak() -> bool {
    env::var_os("ESPY_SOAK").is_some_and(|value| value == "1")
}

/// The rounds of a loop: all of them under `make soak`, else a tenth.
pub fn rounds(full: u32) -> u32 {
    if is_soak() {
        full
    } else {
        (full / 10).max(ROUNDS_MIN.min(full))
    }
}

/// The folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies in the workspace")
}

/// The real data beside the project; `None`, and a line that says so, in a
/// checkout without it. In continuous integration it must be there.
pub fn shared_data() -> Option<PathBuf> {
    let dir = root().parent()?.join("shared/data");
    if dir.is_dir() {
        return Some(dir);
    }
    let is_ci = env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!is_ci, "{} is missing", dir.display());
    program::say(&format!("skipped: there is no {}", dir.display()));
    None
}
