//! `20:54:54`.

use std::fmt;

/// Seconds since midnight.
pub(crate) struct TimeOfDay(pub(crate) u32);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(second) = self;
        write!(
            f,
            "{:02}:{:02}:{:02}",
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_each() {
        fn check(second: u32, expect: &str) {
            assert_eq!(TimeOfDay(second).to_string(), expect);
        }
        check(0, "00:00:00");
        check(75_294, "20:54:54");
        check(86_399, "23:59:59");
    }
}
