//! Writing the head: the project directory with its totals and windows, and
//! what is known of each day.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use espy_shared::day::Day;
use espy_shared::dimension::{WITH_MIRRORS, WITHOUT_MIRRORS};
use espy_shared::name::ALL;
use espy_shared::segment::{HEAD_SQL, HeadReader, Identity, Kind};
use rusqlite::params;

use super::segment_file::{Finished, SegmentFile};
use super::series_writer::add;
use crate::ingest::counter::DayStats;

/// Days in the window that pypistats.org calls a week.
const WEEK_DAYS: i32 = 7;
/// And a month.
const MONTH_DAYS: i32 = 30;

/// What the head says of one project, while it is summed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ProjectSums {
    last_day: u64,
    last_week: u64,
    last_month: u64,
    with_mirrors: u64,
    without_mirrors: u64,
    seen: Option<(Day, Day)>,
}

impl ProjectSums {
    /// Adds a count of `overall`. Days after `data_through` are in no window
    /// and no total.
    ///
    /// # Errors
    ///
    /// When a sum exceeds 63 bits.
    pub fn add(
        &mut self,
        category: &str,
        day: Day,
        count: u64,
        data_through: Option<Day>,
    ) -> anyhow::Result<()> {
        self.see(day);
        let Some(newest) = data_through.filter(|newest| day <= *newest) else {
            return Ok(());
        };
        match category {
            WITH_MIRRORS => self.with_mirrors = add(self.with_mirrors, count)?,
            WITHOUT_MIRRORS => {
                self.without_mirrors = add(self.without_mirrors, count)?;
                let age = newest.since(day);
                if age < MONTH_DAYS {
                    self.last_month = add(self.last_month, count)?;
                }
                if age < WEEK_DAYS {
                    self.last_week = add(self.last_week, count)?;
                }
                if age == 0 {
                    self.last_day = add(self.last_day, count)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn see(&mut self, day: Day) {
        self.seen = Some(
            self.seen
                .map_or((day, day), |(first, last)| (first.min(day), last.max(day))),
        );
    }

    fn add_all(&mut self, other: &Self) -> anyhow::Result<()> {
        self.last_day = add(self.last_day, other.last_day)?;
        self.last_week = add(self.last_week, other.last_week)?;
        self.last_month = add(self.last_month, other.last_month)?;
        self.with_mirrors = add(self.with_mirrors, other.with_mirrors)?;
        self.without_mirrors = add(self.without_mirrors, other.without_mirrors)?;
        if let Some((first, last)) = other.seen {
            self.see(first);
            self.see(last);
        }
        Ok(())
    }
}

/// A head being written. Projects come in the order of their names.
pub struct HeadWriter {
    file: SegmentFile,
    rows: u64,
    all: ProjectSums,
}

impl HeadWriter {
    /// Starts a file in `dir`.
    ///
    /// # Errors
    ///
    /// As SQLite and the file system have them.
    pub fn new(dir: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            file: SegmentFile::create(dir, "head", HEAD_SQL)?,
            rows: 0,
            all: ProjectSums::default(),
        })
    }

    /// Adds a project.
    ///
    /// # Errors
    ///
    /// As SQLite has them, or when a sum exceeds 63 bits.
    pub fn put(&mut self, project: &str, sums: &ProjectSums) -> anyhow::Result<()> {
        self.all.add_all(sums)?;
        self.insert(project, sums)
    }

    /// Adds `__all__` and the days, and ends the file.
    ///
    /// # Errors
    ///
    /// As SQLite and the file system have them.
    pub fn finish(
        mut self,
        days: &BTreeMap<Day, DayStats>,
        data_through: Option<Day>,
    ) -> anyhow::Result<Finished> {
        let all = self.all;
        self.insert(ALL, &all)?;
        {
            let connection = self.file.connection();
            let mut day_row =
                connection.prepare_cached("INSERT INTO day VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for (day, stats) in days {
                let hours = (stats.hours > 0).then_some(stats.hours);
                day_row.execute(params![
                    day.number(),
                    stats.counted,
                    stats.first_second,
                    stats.last_second,
                    hours
                ])?;
            }
            let mut reason_row =
                connection.prepare_cached("INSERT INTO day_reason VALUES (?1, ?2, ?3, ?4)")?;
            for (day, stats) in days {
                for (outcome, reasons) in
                    [("ignored", &stats.ignored), ("rejected", &stats.rejected)]
                {
                    for (reason, count) in reasons {
                        reason_row.execute(params![day.number(), outcome, reason, count])?;
                    }
                }
            }
        }
        if let Some(day) = data_through {
            self.file.put_meta("data_through", day.to_string())?;
        }
        let seen = self.all.seen;
        self.file.finish(Identity {
            kind: Kind::Head,
            first_day: seen.map(|(first, _)| first),
            last_day: seen.map(|(_, last)| last),
            rows: self.rows,
            event_sum: self.all.with_mirrors,
        })
    }

    fn insert(&mut self, project: &str, sums: &ProjectSums) -> anyhow::Result<()> {
        self.rows += 1;
        self.file
            .connection()
            .prepare_cached("INSERT INTO project VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                project,
                sums.last_day,
                sums.last_week,
                sums.last_month,
                sums.with_mirrors,
                sums.without_mirrors,
                sums.seen.map(|(first, _)| first.number()),
                sums.seen.map(|(_, last)| last.number()),
            ])?;
        Ok(())
    }
}

/// What a head knows of each day.
///
/// # Errors
///
/// As SQLite has them.
pub fn read_days(head: &HeadReader) -> anyhow::Result<BTreeMap<Day, DayStats>> {
    let mut days: BTreeMap<Day, DayStats> = BTreeMap::new();
    let mut statement = head
        .connection()
        .prepare("SELECT day, counted, first_second, last_second, hours FROM day")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        days.insert(
            Day::from_number(row.get(0)?)?,
            DayStats {
                counted: row.get(1)?,
                first_second: row.get(2)?,
                last_second: row.get(3)?,
                hours: row.get::<_, Option<u32>>(4)?.unwrap_or(0),
                ..DayStats::default()
            },
        );
    }
    let mut statement = head
        .connection()
        .prepare("SELECT day, outcome, reason, count FROM day_reason")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let stats = days
            .get_mut(&Day::from_number(row.get(0)?)?)
            .context("a reason without its day")?;
        let outcome: String = row.get(1)?;
        let reasons = if outcome == "ignored" {
            &mut stats.ignored
        } else {
            &mut stats.rejected
        };
        reasons.insert(row.get(2)?, row.get(3)?);
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_at_data_through() {
        let newest: Day = "2026-11-20".parse().unwrap();
        let mut sums = ProjectSums::default();
        for (age, count) in [
            (-1, 1_000_000),
            (0, 1),
            (6, 10),
            (7, 100),
            (29, 1000),
            (30, 10_000),
        ] {
            sums.add(WITHOUT_MIRRORS, newest.plus(-age), count, Some(newest))
                .unwrap();
            sums.add(WITH_MIRRORS, newest.plus(-age), 2 * count, Some(newest))
                .unwrap();
        }
        assert_eq!(
            (sums.last_day, sums.last_week, sums.last_month),
            (1, 11, 1111)
        );
        assert_eq!((sums.without_mirrors, sums.with_mirrors), (11_111, 22_222));
        assert_eq!(sums.seen, Some((newest.plus(-30), newest.plus(1))));
    }
}
