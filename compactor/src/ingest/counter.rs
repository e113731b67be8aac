//! The counts of one batch while it is read.

use std::collections::{BTreeMap, BTreeSet};

use espy_shared::day::{Day, SECONDS};
use espy_shared::dimension::Dimension;
use rustc_hash::FxHashMap;

use super::interner::Interner;
use super::row::{Reject, Verdict};

/// Largest count of one row of pre-aggregated input. No day of any index comes
/// near; it keeps sums over a million rows inside 63 bits.
pub const COUNT_MAX: u64 = 1_000_000_000_000;

/// What is known of one day apart from its counts.
#[derive(Clone, Default, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct DayStats {
    /// Downloads, side files included.
    pub counted: u64,
    /// Second of the day of the first event.
    pub first_second: Option<u32>,
    /// And of the last.
    pub last_second: Option<u32>,
    /// Bit h: there was an event between h:00 and h+1:00.
    pub hours: u32,
    /// Rows ignored, by reason.
    pub ignored: BTreeMap<String, u64>,
    /// Rows rejected, by reason, as far as their day could be read.
    pub rejected: BTreeMap<String, u64>,
}

impl DayStats {
    /// Adds what another source knows of the same day.
    pub fn merge(&mut self, other: &DayStats) {
        self.counted += other.counted;
        self.first_second = match (self.first_second, other.first_second) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last_second = self.last_second.max(other.last_second);
        self.hours |= other.hours;
        for (reason, count) in &other.ignored {
            *self.ignored.entry(reason.clone()).or_default() += count;
        }
        for (reason, count) in &other.rejected {
            *self.rejected.entry(reason.clone()).or_default() += count;
        }
    }

    fn see(&mut self, second: u32) {
        self.first_second = Some(self.first_second.map_or(second, |first| first.min(second)));
        self.last_second = Some(self.last_second.map_or(second, |last| last.max(second)));
        self.hours |= 1 << (second / 3600);
    }
}

/// Rows by what became of them.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Rows counted.
    pub counted: u64,
    /// Rows ignored, by reason.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Rows that do not claim to be downloads, by what they are.
    pub unrelated: BTreeMap<&'static str, u64>,
    /// Rows rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// All rows ignored, the unrelated ones included.
    pub fn ignored_sum(&self) -> u64 {
        self.ignored.values().sum::<u64>() + self.unrelated.values().sum::<u64>()
    }

    /// All rows rejected.
    pub fn rejected_sum(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Rows that claim to be downloads.
    pub fn claims(&self) -> u64 {
        self.counted + self.ignored.values().sum::<u64>() + self.rejected_sum()
    }
}

/// One number of a series: whose, of what, on which day.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    project: u32,
    category: u32,
    day: i32,
    dimension: Dimension,
}

/// The counts of one batch.
#[derive(Default)]
pub struct Counter {
    projects: Interner,
    categories: Interner,
    counts: FxHashMap<Key, u64>,
    days: BTreeMap<Day, DayStats>,
    tally: Tally,
}

/// One project's number of the counter.
#[derive(Clone, Copy)]
pub struct ProjectNumber(u32);

/// One category's number of the counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CategoryNumber(u32);

impl Counter {
    /// Forgets all counts: what was read so far has been counted before.
    pub fn reset(&mut self) {
        // Texts stay: numbers of them may be cached by the caller.
        self.counts.clear();
        self.days.clear();
        self.tally = Tally::default();
    }

    /// The number of a project.
    pub fn project(&mut self, name: &str) -> ProjectNumber {
        ProjectNumber(self.projects.intern(name))
    }

    /// The number of a category.
    pub fn category(&mut self, name: &str) -> CategoryNumber {
        CategoryNumber(self.categories.intern(name))
    }

    /// The text of a category.
    pub fn category_text(&self, number: CategoryNumber) -> &str {
        self.categories.text(number.0)
    }

    /// Adds to one number. `count` is at most [`COUNT_MAX`].
    pub fn add(
        &mut self,
        project: ProjectNumber,
        dimension: Dimension,
        category: CategoryNumber,
        day: Day,
        count: u64,
    ) {
        let key = Key {
            project: project.0,
            category: category.0,
            day: day.number(),
            dimension,
        };
        *self.counts.entry(key).or_default() += count;
    }

    /// Notes that a download happened at a second since 1970.
    pub fn see_download(&mut self, day: Day, seconds: i64) {
        let stats = self.days.entry(day).or_default();
        stats.counted += 1;
        stats.see(u32::try_from(seconds.rem_euclid(SECONDS)).unwrap_or(0));
    }

    /// Notes pre-aggregated downloads of a day.
    pub fn see_count(&mut self, day: Day, count: u64) {
        self.days.entry(day).or_default().counted += count;
    }

    /// Notes what became of a row; hands the rejected ones back.
    pub fn record(&mut self, verdict: Verdict) -> Option<Reject> {
        match verdict {
            Verdict::Counted => self.tally.counted += 1,
            Verdict::Ignored { reason, day } => {
                *self.tally.ignored.entry(reason).or_default() += 1;
                if let Some(day) = day {
                    let stats = self.days.entry(day).or_default();
                    *stats.ignored.entry(reason.to_owned()).or_default() += 1;
                }
            }
            Verdict::Unrelated { reason } => *self.tally.unrelated.entry(reason).or_default() += 1,
            Verdict::Rejected(reject) => {
                *self.tally.rejected.entry(reject.reason).or_default() += 1;
                if let Some(day) = reject.day {
                    let stats = self.days.entry(day).or_default();
                    *stats.rejected.entry(reject.reason.to_owned()).or_default() += 1;
                }
                return Some(reject);
            }
        }
        None
    }

    /// Rows so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What is known of each day.
    pub fn days(&self) -> &BTreeMap<Day, DayStats> {
        &self.days
    }

    /// Days with a count.
    ///
    /// # Panics
    ///
    /// Never: keys are made of days.
    pub fn count_days(&self) -> BTreeSet<Day> {
        let numbers: BTreeSet<i32> = self.counts.keys().map(|key| key.day).collect();
        numbers.into_iter().map(day_of).collect()
    }

    /// All counts: `each(project, dimension, category, day, count)`, ascending
    /// by project, dimension, category (as texts) and day.
    ///
    /// # Errors
    ///
    /// The first that `each` returns.
    pub fn walk<E>(
        &self,
        mut each: impl FnMut(&str, Dimension, &str, Day, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let ranks = |texts: &Interner| -> Vec<u32> {
            let count = u32::try_from(texts.len()).unwrap_or(u32::MAX);
            let mut order: Vec<u32> = (0..count).collect();
            order.sort_unstable_by(|a, b| texts.text(*a).cmp(texts.text(*b)));
            let mut ranks = vec![0; order.len()];
            for (rank, number) in (0..count).zip(order) {
                ranks[number as usize] = rank;
            }
            ranks
        };
        let projects = ranks(&self.projects);
        let categories = ranks(&self.categories);
        let mut entries: Vec<(&Key, &u64)> = self.counts.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| {
            (
                projects[key.project as usize],
                key.dimension,
                categories[key.category as usize],
                key.day,
            )
        });
        for (key, &count) in entries {
            each(
                self.projects.text(key.project),
                key.dimension,
                self.categories.text(key.category),
                day_of(key.day),
                count,
            )?;
        }
        Ok(())
    }
}

fn day_of(number: i32) -> Day {
    Day::from_number(i64::from(number)).expect("keys are made of days")
}
