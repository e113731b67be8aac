//! What this program is, for `--version`, the log and `/status`.

use std::sync::LazyLock;

/// The crate's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from; `unknown` outside a repository.
pub const COMMIT: &str = env!("ESPY_BUILD_COMMIT");

/// Version, commit and SQLite in one line.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{VERSION} (commit {COMMIT}, SQLite {})",
            rusqlite::version()
        )
    });
    &TEXT
}
