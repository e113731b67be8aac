//! The pieces upstream's regular expressions are made of, matched by hand.
//!
//! Each function stands for one of their parts, named in its comment. `\s` and
//! `\S` are Python's, `.` is anything but a newline.

/// Python's `\s` in text: Unicode white space and four ASCII separators
/// (<https://docs.python.org/3/library/stdtypes.html#str.isspace>).
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// `(\S+)`: splits `text` into its first word and the rest, white space and
/// all. The word is the longest possible, which is what matches as long as the
/// rest of the expression begins with a space or the end.
pub(super) fn split_word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_at(text.find(is_space).unwrap_or(text.len()));
    (!word.is_empty()).then_some((word, rest))
}

/// `(\S+)$`: `text` if it is one word.
pub(super) fn one_word(text: &str) -> Option<&str> {
    match split_word(text)? {
        (word, "") => Some(word),
        _ => None,
    }
}

/// `(\S+) (\S+)…$`: exactly `N` words with one space between.
pub(super) fn words<const N: usize>(text: &str) -> Option<[&str; N]> {
    let mut pieces = text.split(' ');
    let mut words = [""; N];
    for word in &mut words {
        *word = one_word(pieces.next()?)?;
    }
    pieces.next().is_none().then_some(words)
}

/// `(\S+)/(\S+)` of one word: split at the last slash with something on
/// either side.
pub(super) fn name_version(word: &str) -> Option<(&str, &str)> {
    let (at, _) = word
        .rmatch_indices('/')
        .find(|(at, _)| at + 1 < word.len())?;
    (at > 0).then(|| (&word[..at], &word[at + 1..]))
}

/// `(\S+)/(\S+)?` of one word: split at the last slash.
pub(super) fn name_maybe_version(word: &str) -> Option<(&str, Option<&str>)> {
    let (name, version) = word.rsplit_once('/')?;
    (!name.is_empty()).then(|| (name, (!version.is_empty()).then_some(version)))
}

/// `.+`
pub(super) fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.contains('\n')
}

/// `(?: .+)?$`
pub(super) fn is_nothing_or_more(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(' ').is_some_and(is_line)
}

/// ` \(.+\)$`
pub(super) fn is_comment(text: &str) -> bool {
    text.strip_prefix(" (")
        .and_then(|text| text.strip_suffix(')'))
        .is_some_and(is_line)
}

/// `(\d\.\d)`: a Python version of two digits.
pub(super) fn is_digit_dot_digit(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b'.', b] if a.is_ascii_digit() && b.is_ascii_digit())
}

/// `\d+`: the text after one digit or more.
pub(super) fn strip_digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_version_splits_at_the_last_slash_that_can() {
        fn check(word: &str, expect: Option<(&str, &str)>) {
            assert_eq!(name_version(word), expect, "{word}");
        }

        check("CPython/3.12", Some(("CPython", "3.12")));
        check("a/b/c", Some(("a/b", "c")));
        check("a/b/", Some(("a", "b/")));
        check("a//", Some(("a", "/")));
        check("/a/b", Some(("/a", "b")));
        check("//a", Some(("/", "a")));
        check("/a", None);
        check("a/", None);
        check("//", None);
        check("", None);
    }

    #[test]
    fn name_maybe_version_splits_at_the_last_slash() {
        fn check(word: &str, expect: Option<(&str, Option<&str>)>) {
            assert_eq!(name_maybe_version(word), expect, "{word}");
        }

        check("Linux/6.5", Some(("Linux", Some("6.5"))));
        check("Linux/", Some(("Linux", None)));
        check("a/b/", Some(("a/b", None)));
        check("/6.5", None);
        check("Linux", None);
    }

    #[test]
    fn words_are_parted_by_one_space() {
        fn check(text: &str, expect: Option<[&str; 2]>) {
            assert_eq!(words(text), expect, "{text:?}");
        }

        check("a b", Some(["a", "b"]));
        check("a", None);
        check("a  b", None);
        check("a b ", None);
        check("a b c", None);
        check("a\tb c", None);
        check("a b\u{a0}", None);
        check("a b\x1c", None);
        check("a é", Some(["a", "é"]));
    }
}
