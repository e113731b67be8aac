//! Dates of RFC 1123, section 5.2.14, as HTTP writes them (RFC 9110, 5.6.7).

/// Seconds since 1970-01-01 00:00:00 UTC of `Fri, 20 Jul 2018 02:19:19 GMT`.
///
/// The form is fixed to the byte, but for the weekday, of which only the
/// letters are checked, not that it fits the date. There is no second 60.
pub(super) fn parse(text: &str) -> Option<i64> {
    let &[w, e, k, b',', b' ', ref date @ .., b' ', b'G', b'M', b'T'] = text.as_bytes() else {
        return None;
    };
    if ![w, e, k].iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let &[
        d,
        dd,
        b' ',
        m,
        o,
        n,
        b' ',
        y,
        yy,
        yyy,
        yyyy,
        b' ',
        ref time @ ..,
    ] = date
    else {
        return None;
    };
    let &[h, hh, b':', i, ii, b':', s, ss] = time else {
        return None;
    };
    let year = 100 * two_digits(y, yy)? + two_digits(yyy, yyyy)?;
    let month = month(&[m, o, n])?;
    let day = two_digits(d, dd)?;
    let (hour, minute, second) = (two_digits(h, hh)?, two_digits(i, ii)?, two_digits(s, ss)?);
    let exists = year >= 1
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    exists.then(|| {
        let hours = 24 * days_since_1970(year, month, day) + hour;
        60 * (60 * hours + minute) + second
    })
}

fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let digit = |c: u8| c.is_ascii_digit().then(|| i64::from(c - b'0'));
    Some(10 * digit(tens)? + digit(ones)?)
}

/// 1 to 12.
fn month(name: &[u8; 3]) -> Option<i64> {
    Some(match name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `days_from_civil` of <https://howardhinnant.github.io/date_algorithms.html>
/// for years from 1 on: the year begins in March, so that the leap day is its
/// last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values by `date -u -d "$text" +%s`.
    #[test]
    fn dates_are_read_to_the_letter() {
        fn check(text: &str, expect: Option<i64>) {
            assert_eq!(parse(text), expect, "{text}");
        }

        check("Fri, 20 Jul 2018 02:19:19 GMT", Some(1_532_053_159));
        check("Thu, 07 Jan 2021 20:54:54 GMT", Some(1_610_052_894));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1));
        check("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400));
        check("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199));
        check("Mon, 01 Jan 0001 00:00:00 GMT", Some(-62_135_596_800));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799));
        check("Xxx, 20 Jul 2018 02:19:19 GMT", Some(1_532_053_159));

        check("", None);
        check("Fri, 20 Jul 2018 02:19:19 GMT ", None);
        check("Fri, 20 Jul 2018 02:19:19 UTC", None);
        check("Fri, 20 Jul 2018 02:19:19", None);
        check("Fri 20 Jul 2018 02:19:19 GMT", None);
        check("Fri, 5 Jul 2018 02:19:19 GMT", None);
        check("Fri, 20 jul 2018 02:19:19 GMT", None);
        check("Fri, 20-Jul-2018 02:19:19 GMT", None);
        check("Fri, +2 Jul 2018 02:19:19 GMT", None);
        check("Fri, 00 Jul 2018 02:19:19 GMT", None);
        check("Fri, 31 Jun 2018 02:19:19 GMT", None);
        check("Fri, 29 Feb 2023 02:19:19 GMT", None);
        check("Fri, 29 Feb 2100 02:19:19 GMT", None);
        check("Fri, 20 Jul 0000 02:19:19 GMT", None);
        check("Fri, 20 Jul 2018 24:00:00 GMT", None);
        check("Fri, 20 Jul 2018 02:60:19 GMT", None);
        check("Fri, 20 Jul 2018 02:19:60 GMT", None);
        check("Fri, 20 Jul 2018 02:19:1é GMT", None);
    }
}
