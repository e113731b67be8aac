//! Paths and queries as sent.

use std::borrow::Cow;

/// Splits a target at its first `?`.
pub(super) fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

/// The path with its percent escapes resolved. Bytes that are no UTF-8 become
/// U+FFFD, and an escape that is none stays as it is, as WSGI servers have it.
///
/// `None` when a slash was escaped: no route has one inside a name, and
/// taking it for a separator would give one thing two addresses.
pub(super) fn decode_path(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let slashes = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'/').count();
    let decoded = percent_decode(path.as_bytes(), false);
    (slashes(&decoded) == slashes(path.as_bytes())).then(|| into_text(decoded))
}

/// The parameters of a query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// What follows the `?`; `&period=day` and `period=day` are the same.
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The first parameter of that name; empty when it has no `=`.
    pub(crate) fn first(self, name: &str) -> Option<Cow<'a, str>> {
        self.0.split('&').find_map(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (!parameter.is_empty() && decode_form(key) == name).then(|| decode_form(value))
        })
    }
}

fn decode_form(text: &str) -> Cow<'_, str> {
    if text.contains(['%', '+']) {
        into_text(percent_decode(text.as_bytes(), true))
    } else {
        Cow::Borrowed(text)
    }
}

fn percent_decode(bytes: &[u8], is_form: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail) {
            (b'%', [high, low, after @ ..]) if let Some(byte) = hex_byte(*high, *low) => {
                decoded.push(byte);
                rest = after;
            }
            (b'+', _) if is_form => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    decoded
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn into_text<'a>(bytes: Vec<u8>) -> Cow<'a, str> {
    Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (sent, decoded) in [
            ("/a/b", Some("/a/b")),
            ("/a%2Db", Some("/a-b")),
            ("/a%2db", Some("/a-b")),
            ("/%5f%5Fall__", Some("/__all__")),
            ("/a%2Fb", None),
            ("/a%2fb/c", None),
            ("/a%252Fb", Some("/a%2Fb")),
            ("/a%", Some("/a%")),
            ("/a%4", Some("/a%4")),
            ("/a%zz", Some("/a%zz")),
            ("/a%%41", Some("/a%A")),
            ("/a+b", Some("/a+b")),
            ("/%00", Some("/\0")),
            ("/%C3%A9", Some("/é")),
            ("/%FF", Some("/\u{fffd}")),
            ("", Some("")),
        ] {
            assert_eq!(decode_path(sent).as_deref(), decoded, "{sent:?}");
        }
    }

    #[test]
    fn queries() {
        for (query, period) in [
            ("", None),
            ("period=day", Some("day")),
            ("&period=day", Some("day")),
            ("&&x=1&period=day&", Some("day")),
            ("period=day&period=week", Some("day")),
            ("period", Some("")),
            ("period=", Some("")),
            ("=day", None),
            ("Period=day", None),
            ("p%65riod=d%61y", Some("day")),
            ("period=a=b", Some("a=b")),
            ("period=a+b", Some("a b")),
            ("period=%", Some("%")),
            ("period=%2B", Some("+")),
            ("xperiod=day", None),
        ] {
            assert_eq!(
                Query::new(query).first("period").as_deref(),
                period,
                "{query:?}"
            );
        }
    }

    #[test]
    fn targets() {
        for (target, parts) in [
            ("/a?b?c", ("/a", "b?c")),
            ("/a", ("/a", "")),
            ("/a?", ("/a", "")),
            ("*", ("*", "")),
        ] {
            assert_eq!(split(target), parts);
        }
    }
}
