//! Which days share a segment: a function of the days with data, of
//! `data_through` and of retention, and of nothing else, so that it does not
//! matter how a snapshot came about.
//!
//! The newest day stands alone, so that a day costs its own bytes to ship. The
//! days of the month before it are cut as the binary digits of their number
//! say, the largest block first: each merge happens once, and an open month
//! has at most five spans. A closed month is one span, a year whose last day
//! has left daily retention one history. Measured against other policies in
//! `docs/format-measurements.md`.

use std::collections::{BTreeMap, BTreeSet};

use espy_shared::day::Day;
use espy_shared::segment::Kind;

/// One segment to be: what it holds and which days it covers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Range {
    /// Span or history.
    pub kind: Kind,
    /// First day covered.
    pub first_day: Day,
    /// Last day covered.
    pub last_day: Day,
}

impl Range {
    /// Values in each series.
    pub fn slots(&self) -> usize {
        match self.kind {
            Kind::History => 12,
            _ => usize::try_from(self.last_day.since(self.first_day)).unwrap_or(0) + 1,
        }
    }

    /// The slot of a day inside the range.
    pub fn slot(&self, day: Day) -> usize {
        match self.kind {
            Kind::History => {
                let (_, month, _) = day.ymd();
                usize::try_from(month).unwrap_or(1) - 1
            }
            _ => usize::try_from(day.since(self.first_day)).unwrap_or(0),
        }
    }

    /// The first day of a slot.
    pub fn slot_day(&self, slot: usize) -> Day {
        let slot = i32::try_from(slot).unwrap_or(0);
        match self.kind {
            Kind::History => (0..slot).fold(self.first_day, |day, _| day.last_of_month().plus(1)),
            _ => self.first_day.plus(slot),
        }
    }
}

/// The first day that daily retention keeps; none when it keeps all.
pub fn first_kept(data_through: Option<Day>, daily_retention: u32) -> Option<Day> {
    let days = i32::try_from(daily_retention).unwrap_or(i32::MAX);
    match (data_through, days) {
        (_, 0) | (None, _) => None,
        (Some(day), days) => Some(day.plus(1 - days)),
    }
}

/// The segments for these days. Years in `history_years` are history already
/// and stay it.
pub fn plan(
    days: &BTreeSet<Day>,
    data_through: Option<Day>,
    daily_retention: u32,
    history_years: &BTreeSet<i16>,
) -> BTreeMap<Day, Range> {
    let first_kept = first_kept(data_through, daily_retention);
    let mut plan = BTreeMap::new();
    for &day in days {
        let range = if history_years.contains(&day.ymd().0)
            || first_kept.is_some_and(|kept| day.last_of_year() < kept)
        {
            Range {
                kind: Kind::History,
                first_day: day.first_of_year(),
                last_day: day.last_of_year(),
            }
        } else {
            let (first_day, last_day) = span(day, data_through);
            Range {
                kind: Kind::Span,
                first_day,
                last_day,
            }
        };
        plan.insert(day, range);
    }
    plan
}

fn span(day: Day, data_through: Option<Day>) -> (Day, Day) {
    let Some(settled) = data_through.map(|newest| newest.plus(-1)) else {
        return (day, day);
    };
    if day > settled {
        return (day, day);
    }
    let first = day.first_of_month();
    if day.last_of_month() <= settled {
        return (first, day.last_of_month());
    }
    let mut left = settled.since(first) + 1;
    let mut start = first;
    loop {
        let block = 1 << left.ilog2();
        if day < start.plus(block) {
            return (start, start.plus(block - 1));
        }
        start = start.plus(block);
        left -= block;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn ranges(from: &str, to: &str, data_through: Option<&str>, retention: u32) -> Vec<String> {
        let (from, to) = (day(from), day(to));
        let days: BTreeSet<Day> = (0..=to.since(from)).map(|n| from.plus(n)).collect();
        let mut texts: Vec<String> =
            plan(&days, data_through.map(day), retention, &BTreeSet::new())
                .values()
                .map(|range| format!("{} {}..{}", range.kind, range.first_day, range.last_day))
                .collect();
        texts.dedup();
        texts
    }

    #[test]
    fn days_blocks_months() {
        for (to, through, expect) in [
            (
                "2026-11-01",
                "2026-11-01",
                &["10-01..2026-10-31", "11-01..2026-11-01"][..],
            ),
            (
                "2026-11-02",
                "2026-11-02",
                &[
                    "10-01..2026-10-31",
                    "11-01..2026-11-01",
                    "11-02..2026-11-02",
                ],
            ),
            (
                "2026-11-15",
                "2026-11-14",
                &[
                    "10-01..2026-10-31",
                    "11-01..2026-11-08",
                    "11-09..2026-11-12",
                    "11-13..2026-11-13",
                    "11-14..2026-11-14",
                    "11-15..2026-11-15",
                ],
            ),
        ] {
            let expect: Vec<String> = expect
                .iter()
                .map(|text| format!("span 2026-{text}"))
                .collect();
            assert_eq!(ranges("2026-10-20", to, Some(through), 0), expect);
        }
    }

    #[test]
    fn nothing_before_today_stands_alone() {
        assert_eq!(
            ranges("2026-11-20", "2026-11-21", None, 400),
            ["span 2026-11-20..2026-11-20", "span 2026-11-21..2026-11-21"]
        );
    }

    #[test]
    fn a_year_becomes_history_when_its_last_day_leaves() {
        let first = |through, retention| {
            ranges("2024-12-30", "2025-01-01", Some(through), retention)[0].clone()
        };
        assert_eq!(first("2026-02-03", 400), "span 2024-12-01..2024-12-31");
        assert_eq!(first("2026-02-04", 400), "history 2024-01-01..2024-12-31");
        assert_eq!(first("2026-02-04", 0), "span 2024-12-01..2024-12-31");
    }

    #[test]
    fn every_plan_is_a_partition_with_few_spans() {
        let from = day("2026-01-01");
        for through in (0..120).map(|n| from.plus(n)) {
            let days: BTreeSet<Day> = (0..=through.since(from)).map(|n| from.plus(n)).collect();
            let plan = plan(&days, Some(through), 0, &BTreeSet::new());
            let spans: BTreeSet<Range> = plan.values().copied().collect();
            let mut next = from;
            for span in &spans {
                assert_eq!(span.first_day, next, "through {through}");
                assert_eq!(
                    span.first_day.first_of_month(),
                    span.last_day.first_of_month()
                );
                next = span.last_day.plus(1);
            }
            assert_eq!(next, through.plus(1));
            let open = spans
                .iter()
                .filter(|span| span.first_day >= through.plus(-1).first_of_month())
                .count();
            assert!(
                open <= 6,
                "{open} spans since the month began, through {through}"
            );
        }
    }

    #[test]
    fn slots_and_their_days() {
        let history = Range {
            kind: Kind::History,
            first_day: day("2024-01-01"),
            last_day: day("2024-12-31"),
        };
        for (slot, text) in [(0, "2024-01-01"), (1, "2024-02-01"), (11, "2024-12-01")] {
            assert_eq!(history.slot_day(slot).to_string(), text);
            assert_eq!(history.slot(day(text).plus(20)), slot);
        }
        let span = Range {
            kind: Kind::Span,
            first_day: day("2024-02-09"),
            last_day: day("2024-02-12"),
        };
        assert_eq!(
            (span.slots(), span.slot(day("2024-02-10")), span.slot_day(3)),
            (4, 1, day("2024-02-12"))
        );
    }
}
