//! Project names as PEP 503 normalises them.

use std::borrow::Cow;

/// The pseudo project that sums all others. No real project can have this
/// name: PEP 503 turns underscores into hyphens.
pub const ALL: &str = "__all__";

/// Longest project name in bytes, as pypistats.org keeps it
/// (`package(128)` in its tables).
pub const NAME_BYTES_MAX: usize = 128;

/// The PEP 503 form of a name as sent: lower case, each run of `-`, `_` and
/// `.` one hyphen.
///
/// `None` for what cannot be a project: empty, longer than
/// [`NAME_BYTES_MAX`], a character outside `[A-Za-z0-9._-]`, or a hyphen at
/// either end of the result. <https://peps.python.org/pep-0503/>
pub fn normalize(sent: &str) -> Option<Cow<'_, str>> {
    let bytes = sent.as_bytes();
    if bytes.is_empty() || bytes.len() > NAME_BYTES_MAX {
        return None;
    }
    let (first, last) = (bytes[0], bytes[bytes.len() - 1]);
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() {
        return None;
    }
    let mut is_normal = true;
    let mut previous = 0;
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => {}
            b'-' if previous != b'-' => {}
            b'A'..=b'Z' | b'-' | b'_' | b'.' => is_normal = false,
            _ => return None,
        }
        previous = byte;
    }
    if is_normal {
        return Some(Cow::Borrowed(sent));
    }
    let mut normal = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'-' | b'_' | b'.' => {
                if !normal.ends_with('-') {
                    normal.push('-');
                }
            }
            _ => normal.push(char::from(byte.to_ascii_lowercase())),
        }
    }
    Some(Cow::Owned(normal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (sent, normal) in [
            ("pip", Some("pip")),
            ("Flask", Some("flask")),
            ("zope.interface", Some("zope-interface")),
            ("a__b", Some("a-b")),
            ("A-_.b", Some("a-b")),
            ("a--b", Some("a-b")),
            ("7", Some("7")),
            ("", None),
            ("-a", None),
            ("a_", None),
            ("..", None),
            ("a/b", None),
            ("a b", None),
            ("é", None),
            ("a\0b", None),
            (ALL, None),
        ] {
            assert_eq!(normalize(sent).as_deref(), normal, "{sent:?}");
        }
    }

    #[test]
    fn length_limit_on_both_sides() {
        assert!(normalize(&"a".repeat(NAME_BYTES_MAX)).is_some());
        assert!(normalize(&"a".repeat(NAME_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn normalizing_twice_equals_once() {
        for sent in ["Zope.Interface", "a.-_b", "X1"] {
            let once = normalize(sent).unwrap().into_owned();
            assert_eq!(normalize(&once).unwrap(), once);
        }
    }
}
