//! Times as exports of `file_downloads` print them.

use espy_shared::day::{Day, SECONDS};

/// Reads timestamps; remembers the last date, since logs run in time order.
#[derive(Default)]
pub struct TimestampReader {
    last: Option<([u8; 10], Day)>,
}

impl TimestampReader {
    /// Seconds since 1970-01-01T00:00:00Z.
    ///
    /// Reads `YYYY-MM-DD` then a space or `T`, `HH:MM:SS`, an optional
    /// fraction (cut off), and an optional zone: `Z`, ` UTC`, `+HH`, `+HHMM`,
    /// `+HH:MM`, with or without a space before it; none means UTC. `None` for
    /// anything else and for times that do not exist.
    pub fn read(&mut self, text: &str) -> Option<i64> {
        let bytes = text.as_bytes();
        let (date, rest) = bytes.split_first_chunk::<10>()?;
        let day = self.day(date)?;
        let (clock, mut zone) = rest.split_first_chunk::<9>()?;
        if !matches!(clock[0], b' ' | b'T') || clock[3] != b':' || clock[6] != b':' {
            return None;
        }
        let hour = two_digits(&clock[1..3]).filter(|n| *n < 24)?;
        let minute = two_digits(&clock[4..6]).filter(|n| *n < 60)?;
        let second = two_digits(&clock[7..9]).filter(|n| *n < 60)?;
        if let [b'.', fraction @ ..] = zone {
            let digits = fraction
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if digits == 0 {
                return None;
            }
            zone = &fraction[digits..];
        }
        let local = i64::from(day.number()) * SECONDS + hour * 3600 + minute * 60 + second;
        Some(local - offset_seconds(zone)?)
    }

    fn day(&mut self, date: &[u8; 10]) -> Option<Day> {
        match self.last {
            Some((last, day)) if last == *date => Some(day),
            _ => {
                let day: Day = std::str::from_utf8(date).ok()?.parse().ok()?;
                self.last = Some((*date, day));
                Some(day)
            }
        }
    }
}

fn offset_seconds(zone: &[u8]) -> Option<i64> {
    let zone = zone.strip_prefix(b" ").unwrap_or(zone);
    let (sign, digits) = match zone {
        b"" | b"Z" | b"z" | b"UTC" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        2 => (two_digits(digits)?, 0),
        4 => (two_digits(&digits[..2])?, two_digits(&digits[2..])?),
        5 if digits[2] == b':' => (two_digits(&digits[..2])?, two_digits(&digits[3..])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn two_digits(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(i64::from(a - b'0') * 10 + i64::from(b - b'0')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let expect = 1_610_052_894; // 2021-01-07T20:54:54Z
        for (text, shift) in [
            ("2021-01-07 20:54:54 +00:00", 0),
            ("2021-01-07 20:54:54 UTC", 0),
            ("2021-01-07T20:54:54Z", 0),
            ("2021-01-07 20:54:54", 0),
            ("2021-01-07 20:54:54+00", 0),
            ("2021-01-07 20:54:54.999999 UTC", 0),
            ("2021-01-07T22:54:54+02:00", 0),
            ("2021-01-07T16:24:54-0430", 0),
            ("2021-01-07T20:54:55Z", 1),
        ] {
            assert_eq!(
                TimestampReader::default().read(text),
                Some(expect + shift),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2021-01-07",
            "2021-02-30 00:00:00 UTC",
            "2021-01-07 24:00:00 UTC",
            "2021-01-07 23:60:00 UTC",
            "2021-01-07 23:59:60 UTC",
            "2021-01-07 20:54:54 CET",
            "2021-01-07 20:54:54.",
            "2021-01-07 20:54:54 UTC ",
            "2021-01-07_20:54:54",
            "2021-01-07 20:54",
            "1610052894",
        ] {
            assert_eq!(TimestampReader::default().read(text), None, "{text:?}");
        }
    }
}
