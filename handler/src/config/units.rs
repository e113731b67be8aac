//! Durations and sizes as people type them.

use std::time::Duration;

/// `500ms`, `10s`, `2m`, `1h`; a number alone is seconds, `0.5` half of one.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit_seconds) = split(
        text,
        &[
            ("ms", 0.001),
            ("s", 1.0),
            ("m", 60.0),
            ("h", 3600.0),
            ("", 1.0),
        ],
    )?;
    let seconds = decimal(number)? * unit_seconds;
    Duration::try_from_secs_f64(seconds).ok()
}

/// `65536`, `64KiB`, `8MiB`, `2GiB`; a number alone is bytes.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(
        text,
        &[
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("", 1),
        ],
    )?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| is_number)?;
    number.checked_mul(unit)
}

/// Takes the first unit off the end that is there.
fn split<'a, T: Copy>(text: &'a str, units: &[(&str, T)]) -> Option<(&'a str, T)> {
    units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))
}

/// Digits and at most one point: no sign, exponent, `inf` or `nan`.
fn decimal(text: &str) -> Option<f64> {
    let is_decimal = text.bytes().any(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("5ms", Some(5)),
            ("0ms", Some(0)),
            ("10s", Some(10_000)),
            ("10", Some(10_000)),
            ("0.5", Some(500)),
            ("1.5s", Some(1_500)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("10 s", Some(10_000)),
            ("", None),
            ("s", None),
            (".", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("inf", None),
            ("nan", None),
            ("1d", None),
            ("1.2.3", None),
            ("99999999999999999999999h", None),
        ] {
            let expect = millis.map(Duration::from_millis);
            assert_eq!(duration(text), expect, "{text:?}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expect) in [
            ("0", Some(0)),
            ("65536", Some(65_536)),
            ("64KiB", Some(65_536)),
            ("8 MiB", Some(8 << 20)),
            ("2GiB", Some(2 << 30)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("18014398509481984KiB", None),
            ("", None),
            ("KiB", None),
            ("1.5MiB", None),
            ("-1", None),
            ("+1", None),
            ("1KB", None),
        ] {
            assert_eq!(bytes(text), expect, "{text:?}");
        }
    }
}
