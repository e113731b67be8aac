//! A UTC calendar day, the unit of time everywhere.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A UTC calendar day from 1970-01-01 to 9999-12-31.
///
/// Kept as days since 1970-01-01, so that ordering, distance and storage are
/// plain integers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

/// Why a text or number is no [`Day`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DayError {
    /// Not `YYYY-MM-DD`, or no such date.
    #[error("not a calendar day as YYYY-MM-DD: {0:?}")]
    Text(String),
    /// Before 1970 or after 9999.
    #[error("day number {0} lies outside 1970-01-01 to 9999-12-31")]
    Range(i64),
}

/// 9999-12-31 as days since the epoch.
const NUMBER_MAX: i32 = 2_932_896;
/// Seconds in a day; leap seconds do not exist in the inputs.
pub const SECONDS: i64 = 86_400;

impl Day {
    /// 1970-01-01, the first.
    pub const EPOCH: Day = Day(0);

    /// The day with this many days since 1970-01-01.
    ///
    /// # Errors
    ///
    /// `Range` outside 1970-01-01 to 9999-12-31.
    pub fn from_number(number: i64) -> Result<Self, DayError> {
        match i32::try_from(number) {
            Ok(n) if (0..=NUMBER_MAX).contains(&n) => Ok(Self(n)),
            _ => Err(DayError::Range(number)),
        }
    }

    /// The day that holds this second since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    ///
    /// `Range` outside 1970-01-01 to 9999-12-31.
    pub fn from_seconds(seconds: i64) -> Result<Self, DayError> {
        Self::from_number(seconds.div_euclid(SECONDS))
    }

    /// The day with this year, month (1 to 12) and day of the month.
    ///
    /// # Errors
    ///
    /// `Text` when there is no such date, `Range` outside 1970 to 9999.
    pub fn from_ymd(year: i16, month: i8, day: i8) -> Result<Self, DayError> {
        let date = Date::new(year, month, day)
            .map_err(|_| DayError::Text(format!("{year:04}-{month:02}-{day:02}")))?;
        Self::from_number(i64::from(days_of(date)))
    }

    /// Days since 1970-01-01, 0 or more.
    pub fn number(self) -> i32 {
        self.0
    }

    /// The second since the epoch with which the day begins.
    pub fn seconds(self) -> i64 {
        i64::from(self.0) * SECONDS
    }

    /// This day moved by `days`, held inside the representable range.
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days).clamp(0, NUMBER_MAX))
    }

    /// Days from `earlier` to this day; negative when it is later.
    pub fn since(self, earlier: Day) -> i32 {
        self.0 - earlier.0
    }

    /// Year, month (1 to 12) and day of the month.
    pub fn ymd(self) -> (i16, i8, i8) {
        let date = self.date();
        (date.year(), date.month(), date.day())
    }

    /// The first day of the calendar month.
    pub fn first_of_month(self) -> Self {
        Self(days_of(self.date().first_of_month()))
    }

    /// The last day of the calendar month.
    pub fn last_of_month(self) -> Self {
        Self(days_of(self.date().last_of_month()))
    }

    /// The first day of the calendar year.
    pub fn first_of_year(self) -> Self {
        Self(days_of(self.date().first_of_year()))
    }

    /// The last day of the calendar year.
    pub fn last_of_year(self) -> Self {
        Self(days_of(self.date().last_of_year()))
    }

    fn date(self) -> Date {
        // jiff has no constructor from a day number; adding a span is checked
        // and stays in range because `number` is.
        Date::constant(1970, 1, 1)
            .checked_add(jiff::Span::new().days(i64::from(self.0)))
            .expect("a Day is inside jiff's range of years")
    }
}

fn days_of(date: Date) -> i32 {
    Date::constant(1970, 1, 1)
        .until(date)
        .expect("both dates are civil and in range")
        .get_days()
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Day {
    type Err = DayError;

    /// Exactly `YYYY-MM-DD`; nothing before, after or left out.
    fn from_str(text: &str) -> Result<Self, DayError> {
        let bad = || DayError::Text(text.chars().take(32).collect());
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return Err(bad());
        }
        let digits = |range: std::ops::Range<usize>| {
            bytes[range].iter().try_fold(0_i16, |n, b| {
                b.is_ascii_digit().then(|| n * 10 + i16::from(b - b'0'))
            })
        };
        let year = digits(0..4).ok_or_else(bad)?;
        let month = digits(5..7).ok_or_else(bad)?;
        let day = digits(8..10).ok_or_else(bad)?;
        let month = i8::try_from(month).map_err(|_| bad())?;
        let day = i8::try_from(day).map_err(|_| bad())?;
        Self::from_ymd(year, month, day).map_err(|_| bad())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["1970-01-01", "2024-02-29", "2026-11-21", "9999-12-31"] {
            let day: Day = text.parse().unwrap();
            assert_eq!(day.to_string(), text);
            assert_eq!(Day::from_number(i64::from(day.number())).unwrap(), day);
        }
    }

    #[test]
    fn every_day_of_a_century_round_trips() {
        let mut previous: Option<Day> = None;
        for number in 0..36_600 {
            let day = Day::from_number(number).unwrap();
            assert_eq!(day.to_string().parse(), Ok(day));
            if let Some(previous) = previous {
                assert_eq!(day.since(previous), 1);
                assert!(day.to_string() > previous.to_string());
            }
            previous = Some(day);
        }
    }

    #[test]
    fn refuses_what_is_no_day() {
        for text in [
            "",
            "2026-1-1",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "1969-12-31",
            "20260101",
            "2026-01-01 ",
            " 2026-01-01",
            "+026-01-01",
            "2026/01/01",
            "２０26-01-01",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn month_and_year_edges() {
        let day: Day = "2024-02-10".parse().unwrap();
        assert_eq!(day.first_of_month().to_string(), "2024-02-01");
        assert_eq!(day.last_of_month().to_string(), "2024-02-29");
        assert_eq!(day.last_of_year().to_string(), "2024-12-31");
        assert_eq!(Day::from_seconds(-1), Err(DayError::Range(-1)));
        assert_eq!(Day::from_seconds(86_399).unwrap().number(), 0);
    }
}
