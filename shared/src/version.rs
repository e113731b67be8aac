//! What a program is: version, commit and SQLite.

use std::sync::LazyLock;

/// The workspace's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from; `unknown` outside a repository.
pub const COMMIT: &str = env!("ESPY_COMMIT");

/// All three in one line.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{VERSION} (commit {COMMIT}, SQLite {})",
            rusqlite::version()
        )
    });
    &TEXT
}
