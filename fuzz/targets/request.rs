//! Any request line and header lines, against a real snapshot: what must hold
//! is said in `World::check`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../handler/tests/serve/any_request.rs"]
mod any_request;
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../../handler/tests/serve/folder.rs"]
mod folder;

/// The loader's cores answer on one thread at a time, and the engine has one.
struct OneThread(any_request::World);

thread_local! {
    static WORLD: LazyLock<OneThread> = LazyLock::new(|| {
        let mut snapshots = folder::Folder::new();
        let sequence = snapshots.publish("2026-11-20", &folder::numbered(7));
        OneThread(any_request::World::new(snapshots.path(), sequence))
    });
}

fuzz_target!(|data: &[u8]| {
    WORLD.with(|world| {
        world.0.check(data);
    });
});
