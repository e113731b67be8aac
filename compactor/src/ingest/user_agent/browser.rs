//! Clients that are told apart from installers but not from each other.

use super::words::{one_word, split_word};

/// Names that stand whole before a slash or the end, in any case. Those with
/// a slash of their own match nothing but the bare name or a second slash, as
/// upstream: `Firefox/120` is unknown.
const BROWSERS: &[&str] = &[
    "Mozilla",
    "Safari",
    "wget",
    "curl",
    "Opera",
    "aria2",
    "AndroidDownloadManager",
    "com.apple.WebKit.Networking/",
    "URL/Emacs",
    "Firefox/",
    "UCWEB",
    "Links",
    "okhttp",
    "Apache-HttpClient",
];

/// Downloaders of operating systems and their package builders.
const SYSTEMS: &[&str] = &[
    "MacPorts",
    "NetBSD-ftp/",
    "slapt-get",
    "pypi-install/",
    "PTXdist",
    "GARstow/",
    "xbps/",
];

/// Whether a person's browser or a general download tool sent this.
pub(super) fn is_browser(text: &str) -> bool {
    BROWSERS
        .iter()
        .filter_map(|name| strip_prefix_any_case(text, name))
        .any(|rest| rest.is_empty() || rest.starts_with('/'))
        || strip_prefix_any_case(text, "FDM ").is_some_and(is_fdm_version)
}

/// Whether the package tools of an operating system sent this.
pub(super) fn is_system(text: &str) -> bool {
    matches!(text, "OpenBSD ftp" | "slackrepo")
        || SYSTEMS.iter().any(|name| text.starts_with(name))
        || text
            .strip_prefix("fetch ")
            .unwrap_or(text)
            .strip_prefix("libfetch/")
            .and_then(one_word)
            .is_some()
}

/// `\S+(?:/|$)`: Free Download Manager's version.
fn is_fdm_version(text: &str) -> bool {
    split_word(text).is_some_and(|(word, rest)| {
        rest.is_empty() || word.char_indices().any(|(at, c)| at > 0 && c == '/')
    })
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}
