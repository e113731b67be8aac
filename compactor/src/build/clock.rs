//! The day of a run, and when the clock that names it is not believed.

use anyhow::ensure;
use espy_shared::day::Day;
use espy_shared::name::ALL;

use crate::base::Base;
use crate::data::Pending;
use crate::partial::PartialReader;

/// Longest step of `data_through` that is believed whatever comes with it.
const STEP_DAYS_MAX: i32 = 92;
/// Beyond it the new days must hold at least one part in so many of the
/// downloads of the month before.
const SHARE_OF_MONTH: u64 = 10;

/// The run's day, and who says so.
#[derive(Clone, Copy, Debug)]
pub struct Today {
    /// The day.
    pub day: Day,
    /// Whether a person has named it; the clock may be wrong.
    pub is_given: bool,
}

/// Refuses what only a wrong clock explains: days that leave the windows, and
/// daily counts that become history because of a few rows of a far day.
///
/// # Errors
///
/// In these cases, with what to do; or when the base or a partial is damaged.
pub fn doubt(
    base: &Base,
    pending: &[Pending],
    data_through: Option<Day>,
    today: Day,
    is_new_history: bool,
) -> anyhow::Result<()> {
    let Some(before) = base.manifest.data_through else {
        return Ok(());
    };
    let Some(after) = data_through.filter(|after| *after >= before) else {
        anyhow::bail!(
            "by the clock today is {today}, but the depot's snapshot has data through {before}; \
             mend the clock, or name the day with --today"
        );
    };
    if !is_new_history || after.since(before) <= STEP_DAYS_MAX {
        return Ok(());
    }
    let month = base.head()?.project(ALL)?.map_or(0, |head| head.last_month);
    let mut new = 0_u64;
    for pending in pending {
        let days = PartialReader::open(&pending.path)?.days;
        let far = days.range(before.plus(STEP_DAYS_MAX)..);
        new += far.map(|(_, stats)| stats.counted).sum::<u64>();
    }
    ensure!(
        new >= month / SHARE_OF_MONTH,
        "{new} downloads would move the data from {before} to {after} and make history of daily counts, \
         where the month before had {month}; if clock and input are right, name the day with --today {today}"
    );
    Ok(())
}
