//! When downloads happen: days of the week, hours of the day.

use jiff::ToSpan;
use jiff::civil::Date;

use super::marginals::{HOURS, WEEKDAYS};
use crate::config::Recipe;

const MINUTES_PER_DAY: usize = 24 * 60;

/// One day to be filled.
pub(crate) struct DayPlan {
    pub(crate) day: Day,
    /// Download events of the day.
    pub(crate) event_count: u64,
    /// Malformed lines between them.
    pub(crate) malformed_count: u64,
}

/// A UTC day in the spellings of the formats.
pub(crate) struct Day {
    /// `2026-11-20`
    pub(crate) iso: String,
    /// `Fri, 20 Nov 2026`
    pub(crate) rfc1123: String,
    /// `20/Nov/2026`
    pub(crate) nginx: String,
}

impl Day {
    pub(crate) fn new(date: Date) -> Self {
        Self {
            iso: date.to_string(),
            rfc1123: date.strftime("%a, %d %b %Y").to_string(),
            nginx: date.strftime("%d/%b/%Y").to_string(),
        }
    }
}

/// Spreads events and malformed lines over the days, exactly.
pub(crate) fn plan(recipe: &Recipe) -> Vec<DayPlan> {
    let first = recipe.first_day();
    let dates: Vec<Date> = (0..i64::from(recipe.day_count))
        .map(|days| {
            first
                .checked_add(days.days())
                .expect("not after the last day, which is in the calendar")
        })
        .collect();
    let weights: Vec<u32> = dates
        .iter()
        .map(|date| WEEKDAYS[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())])
        .collect();
    let events = apportion(recipe.row_count, &weights);
    let malformed = apportion(recipe.malformed_count, &weights);
    dates
        .into_iter()
        .zip(events.into_iter().zip(malformed))
        .map(|(date, (event_count, malformed_count))| DayPlan {
            day: Day::new(date),
            event_count,
            malformed_count,
        })
        .collect()
}

/// The seconds of a day at which its events happen, in order, one minute at a
/// time: however many events there are, memory holds those of one minute.
pub(crate) struct Seconds {
    minute_counts: Vec<u64>,
    minute: usize,
    /// Seconds of the current minute yet to come, last first.
    ready: Vec<u8>,
}

impl Seconds {
    pub(crate) fn new(event_count: u64) -> Self {
        let weights: Vec<u32> = HOURS.iter().flat_map(|weight| [*weight; 60]).collect();
        debug_assert_eq!(weights.len(), MINUTES_PER_DAY);
        Self {
            minute_counts: apportion(event_count, &weights),
            minute: 0,
            ready: Vec::new(),
        }
    }

    /// The time of day of the next event, in seconds; none after the last.
    pub(crate) fn next(&mut self, rng: &mut fastrand::Rng) -> Option<u32> {
        while self.ready.is_empty() {
            let count = *self.minute_counts.get(self.minute)?;
            self.ready.extend((0..count).map(|_| rng.u8(..60)));
            self.ready.sort_unstable_by(|a, b| b.cmp(a));
            self.minute += 1;
        }
        let minute = u32::try_from(self.minute - 1).expect("1,440 minutes");
        self.ready
            .pop()
            .map(|second| minute * 60 + u32::from(second))
    }
}

/// Splits `total` in proportion to `weights`, to the last unit: each part ends
/// where its running share does.
fn apportion(total: u64, weights: &[u32]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let mut weight_so_far = 0;
    let mut given = 0;
    weights
        .iter()
        .map(|weight| {
            weight_so_far += u128::from(*weight);
            let due = u128::from(total) * weight_so_far / sum;
            let due = u64::try_from(due).expect("at most the total");
            let part = due - given;
            given = due;
            part
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn parts_sum_to_the_whole() {
        fn check(total: u64, weights: &[u32], expect: &[u64]) {
            assert_eq!(apportion(total, weights), expect, "{total} by {weights:?}");
        }
        check(0, &[1, 2], &[0, 0]);
        check(3, &[1, 2], &[1, 2]);
        check(1, &[1, 1, 1], &[0, 0, 1]);
        check(7, &[5, 0, 5], &[3, 0, 4]);
    }

    #[test]
    fn spellings_of_a_day() {
        let day = Day::new(date(2026, 11, 2));
        assert_eq!(day.iso, "2026-11-02");
        assert_eq!(day.rfc1123, "Mon, 02 Nov 2026");
        assert_eq!(day.nginx, "02/Nov/2026");
    }

    #[test]
    fn a_week_has_its_shape() {
        let recipe = Recipe {
            row_count: 2_702,
            day_count: 7,
            last_day: date(2026, 11, 22),
            seed: 1,
            project_count: 1,
            malformed_count: 7,
            side_file_share: 0.0,
        };
        let plan = plan(&recipe);
        let counts: Vec<_> = plan.iter().map(|day| day.event_count).collect();
        assert_eq!(counts, [421, 440, 440, 440, 421, 270, 270]);
        assert_eq!(plan[0].day.iso, "2026-11-16");
        assert_eq!(plan.iter().map(|day| day.malformed_count).sum::<u64>(), 7);
    }

    #[test]
    fn seconds_come_in_order_and_all() {
        for count in [0, 1, 59, 10_000] {
            let mut rng = fastrand::Rng::with_seed(3);
            let mut seconds = Seconds::new(count);
            let all: Vec<_> = std::iter::from_fn(|| seconds.next(&mut rng)).collect();
            assert_eq!(all.len() as u64, count);
            assert!(all.is_sorted());
            assert!(all.iter().all(|second| *second < 86_400));
        }
    }
}
