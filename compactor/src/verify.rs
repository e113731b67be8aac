//! Verify: what was built is read back from disk and compared with what it was
//! built from, before anything is published.
//!
//! Sums are taken anew on both sides: over every decoded series of the new
//! segments, and over the partials and the base segments they replace.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use espy_shared::day::Day;
use espy_shared::dimension::{Dimension, WITH_MIRRORS, WITHOUT_MIRRORS};
use espy_shared::hash;
use espy_shared::manifest::SegmentEntry;
use espy_shared::name::ALL;
use espy_shared::segment::{self, HeadReader, Kind, SeriesReader};
use espy_shared::telemetry::{Stage, StageClock, Statsd};
use rusqlite::Connection;

use crate::base::Base;
use crate::build::plan::Plan;
use crate::build::series_writer::add;
use crate::data::DataDir;
use crate::ledger::Ledger;
use crate::partial::PartialReader;
use crate::progress::Progress;

/// Sums over all projects by first day of the slot and dimension.
type Sums = BTreeMap<(Day, Dimension), u64>;

/// Checks a plan and marks it as verified.
///
/// # Errors
///
/// When anything differs: nothing is published.
pub fn verify(
    data: &DataDir,
    base: Option<&Base>,
    mut plan: Plan,
    statsd: &Statsd,
) -> anyhow::Result<Plan> {
    let clock = StageClock::start(Stage::Verify);
    ensure!(
        plan.base == base.map(|base| (base.manifest.sequence, base.hash)),
        "the depot has moved on since the build; build again"
    );
    let mut progress = Progress::bytes(
        "verify",
        plan.new_objects().map(|entry| entry.raw_bytes).sum(),
    );
    let mut found = Sums::new();
    let mut overall = [0; 2];
    for planned in plan
        .segments
        .iter()
        .filter(|planned| planned.entry.kind != Kind::Head)
    {
        let entry = &planned.entry;
        let context = || {
            format!(
                "verify {} {:?} to {:?}",
                entry.kind, entry.first_day, entry.last_day
            )
        };
        let reader = if planned.is_new {
            let reader = SeriesReader::new(open(data, entry)?).with_context(context)?;
            series(&reader, &mut found).with_context(context)?;
            progress.advance(entry.raw_bytes);
            reader
        } else {
            base.context("a reused segment without a base")?
                .series(entry)?
        };
        add_overall(&reader, plan.data_through, &mut overall).with_context(context)?;
    }
    let expected = expected(data, base, &plan)?;
    ensure!(
        found == expected,
        "the new segments do not add up: {}",
        difference(&expected, &found)
    );
    let head = HeadReader::new(open(data, &plan.segments[0].entry)?).context("verify the head")?;
    check_head(&head, overall).context("verify the head")?;
    let entry = &plan.ledger.entry;
    open(data, entry)?;
    let ledger =
        Ledger::open(&Plan::file(data, entry), &entry.identity()).context("verify the ledger")?;
    let batches = ledger.batches()?;
    for hash in &plan.batches {
        ensure!(
            batches.iter().any(|batch| batch.hash == *hash),
            "batch {hash} is not in the ledger"
        );
    }
    progress.finish();
    plan.is_verified = true;
    plan.save(data)?;
    let duration_ms = clock.finish(statsd);
    log::info!(segments = plan.new_objects().count(), sums = found.len(), duration_ms;
        "verify: {} new objects read back, {} sums agree", plan.new_objects().count(), found.len());
    Ok(plan)
}

/// Opens a new object after checking its hash and what it says of itself.
fn open(data: &DataDir, entry: &SegmentEntry) -> anyhow::Result<Connection> {
    let path = Plan::file(data, entry);
    let context = || format!("read back {}", path.display());
    let (hash, bytes) = hash::of_file(&path).with_context(context)?;
    ensure!(
        hash == entry.sha256 && bytes == entry.raw_bytes,
        "{} is not what was written",
        path.display()
    );
    let connection = segment::open_file(&path).with_context(context)?;
    segment::check(&connection, &entry.identity()).with_context(context)?;
    Ok(connection)
}

/// Decodes every series of a segment; its own sums and `__all__` must agree.
fn series(reader: &SeriesReader, sums: &mut Sums) -> anyhow::Result<()> {
    let mut own = Sums::new();
    let mut all = Sums::new();
    let columns: Vec<&str> = Dimension::ALL
        .iter()
        .map(|dimension| dimension.name())
        .collect();
    let sql = format!(
        "SELECT p.name, s.{} FROM project AS p JOIN series AS s ON s.project = p.id ORDER BY p.name",
        columns.join(", s.")
    );
    let mut statement = reader.connection().prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut count = 0_u64;
    while let Some(row) = rows.next()? {
        count += 1;
        let is_all = row.get_ref(0)?.as_str()? == ALL;
        let sums = if is_all { &mut all } else { &mut own };
        for (column, dimension) in (1..).zip(Dimension::ALL) {
            let Some(bytes) = row.get_ref(column)?.as_blob_or_null()? else {
                continue;
            };
            let mut result = Ok(());
            reader.decode(dimension, bytes, |_, counts| {
                for (slot, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                    let sum = sums.entry((reader.slot_day(slot), dimension)).or_default();
                    match add(*sum, count) {
                        Ok(added) => *sum = added,
                        Err(error) => result = Err(error),
                    }
                }
            })?;
            result?;
        }
    }
    ensure!(
        count == reader.identity().rows,
        "{count} projects have a name, {} a series",
        reader.identity().rows
    );
    let stored: Sums = reader
        .slot_sums()?
        .into_iter()
        .map(|(slot, d, sum)| ((reader.slot_day(slot), d), sum))
        .collect();
    ensure!(
        stored == own,
        "its own sums differ: {}",
        difference(&stored, &own)
    );
    let summed: Sums = own
        .iter()
        .filter(|((_, d), _)| d.is_summed_over_projects())
        .map(|(k, v)| (*k, *v))
        .collect();
    ensure!(
        summed == all,
        "__all__ differs: {}",
        difference(&summed, &all)
    );
    for (key, sum) in own {
        let total = sums.entry(key).or_default();
        *total = add(*total, sum)?;
    }
    Ok(())
}

/// What the new segments must hold.
fn expected(data: &DataDir, base: Option<&Base>, plan: &Plan) -> anyhow::Result<Sums> {
    let mut sums = Sums::new();
    let history: Vec<(Day, Day)> = plan
        .segments
        .iter()
        .filter(|planned| planned.entry.kind == Kind::History)
        .filter_map(|planned| planned.entry.first_day.zip(planned.entry.last_day))
        .collect();
    let slot_day = |day: Day| {
        if history
            .iter()
            .any(|(first, last)| *first <= day && day <= *last)
        {
            day.first_of_month()
        } else {
            day
        }
    };
    for entry in &plan.consumed {
        let reader = base
            .context("consumed segments without a base")?
            .series(entry)?;
        for (slot, dimension, sum) in reader.slot_sums()? {
            let total = sums
                .entry((slot_day(reader.slot_day(slot)), dimension))
                .or_default();
            *total = add(*total, sum)?;
        }
    }
    for pending in data
        .pending()?
        .iter()
        .filter(|pending| plan.batches.contains(&pending.meta.hash))
    {
        let mut reader = PartialReader::open(&pending.path)?;
        while reader.next_project()?.is_some() {
            reader.walk(|dimension, _, day, count| {
                let total = sums.entry((slot_day(day), dimension)).or_default();
                *total = add(*total, count)?;
                Ok(())
            })?;
        }
    }
    Ok(sums)
}

/// Adds `__all__`'s downloads up to `data_through`, with and without mirrors.
fn add_overall(
    reader: &SeriesReader,
    data_through: Option<Day>,
    overall: &mut [u64; 2],
) -> anyhow::Result<()> {
    let mut result = Ok(());
    reader.walk(ALL, Dimension::Overall, |category, counts| {
        let Some(index) = [WITH_MIRRORS, WITHOUT_MIRRORS]
            .iter()
            .position(|known| *known == category)
        else {
            return;
        };
        for (slot, &count) in counts.iter().enumerate() {
            if data_through.is_some_and(|newest| reader.slot_day(slot) <= newest) {
                match add(overall[index], count) {
                    Ok(sum) => overall[index] = sum,
                    Err(error) => result = Err(error),
                }
            }
        }
    })?;
    result
}

/// The head's totals must be those of the segments, and its `__all__` the sum
/// of its projects.
fn check_head(head: &HeadReader, overall: [u64; 2]) -> anyhow::Result<()> {
    let columns = [
        "last_day",
        "last_week",
        "last_month",
        "total_with_mirrors",
        "total_without_mirrors",
    ];
    for column in columns {
        let sum = |comparison: &str| -> rusqlite::Result<i64> {
            let sql = format!(
                "SELECT coalesce(sum({column}), 0) FROM project WHERE name {comparison} ?1"
            );
            head.connection().query_row(&sql, [ALL], |row| row.get(0))
        };
        let (projects, all) = (sum("<>")?, sum("=")?);
        ensure!(
            projects == all,
            "{column} of __all__ is {all}, its projects have {projects}"
        );
    }
    let all = head.project(ALL)?.context("no __all__")?;
    ensure!(
        [all.total_with_mirrors, all.total_without_mirrors] == overall,
        "totals are {} and {}, the segments hold {overall:?}",
        all.total_with_mirrors,
        all.total_without_mirrors
    );
    Ok(())
}

fn difference(expected: &Sums, found: &Sums) -> String {
    let keys: std::collections::BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    keys.into_iter()
        .find(|key| expected.get(key) != found.get(key))
        .map(|key| {
            let (day, dimension) = key;
            let of = |sums: &Sums| sums.get(key).copied().unwrap_or(0);
            format!(
                "{dimension} of {day} is {}, expected {}",
                of(found),
                of(expected)
            )
        })
        .unwrap_or_default()
}
