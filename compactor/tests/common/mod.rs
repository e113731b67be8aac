//! What the integration tests share: a world of folders around the real
//! binary, and seeded events.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test binary uses another part of this module"
)]

pub mod events;
pub mod snapshot;
pub mod world;

pub use events::{Format, events, rows};
pub use world::World;

/// How often a loop runs: in full for `make soak`, else a tenth of it.
pub fn rounds(full: u32) -> u32 {
    if std::env::var_os("ESPY_SOAK").is_some_and(|value| value == "1") {
        full
    } else {
        (full / 10).max(5)
    }
}
