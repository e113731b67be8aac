//! Build: the newest published snapshot and the pending partials become new
//! segments. One pass over all projects in the order of their names writes
//! every segment at once; a segment whose days nothing has touched is reused.

pub mod accumulate;
pub mod clock;
pub mod head_writer;
pub mod plan;
pub mod segment_file;
pub mod series_writer;
pub mod sources;
pub mod span_policy;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, ensure};
use espy_shared::day::Day;
use espy_shared::dimension::Dimension;
use espy_shared::manifest::SegmentEntry;
use espy_shared::segment::Kind;
use espy_shared::telemetry::{Stage, StageClock, Statsd};

use crate::base::Base;
use crate::data::{DataDir, Pending, split_counted};
use crate::ledger::LedgerWriter;
use crate::partial::{BatchMeta, PartialReader};
use crate::progress::Progress;
use accumulate::{AllProjects, Gather, Place, Places, bound, overflow_row};
use clock::Today;
use head_writer::{HeadWriter, ProjectSums, read_days};
use plan::{Plan, Planned};
use series_writer::SeriesWriter;
use sources::{OverflowSource, PartialSource, SegmentSource, Source, unbound};
use span_policy::Range;

/// How a snapshot is built.
#[derive(Clone, Debug)]
pub struct BuildConfig {
    /// Days of daily series that are kept, 0 for all.
    pub daily_retention: u32,
    /// Categories of a bounded dimension that a project keeps in a segment.
    pub max_categories: usize,
}

/// Builds, and leaves a plan in the data folder. None when there is nothing to
/// publish: the depot holds all that was counted.
///
/// # Errors
///
/// When the base or a partial is damaged, a sum exceeds 63 bits, or as the
/// file system has them. The depot is not touched.
pub fn build(
    data: &DataDir,
    base: Option<&Base>,
    today: Today,
    config: &BuildConfig,
    statsd: &Statsd,
) -> anyhow::Result<Option<Plan>> {
    let clock = StageClock::start(Stage::Build);
    plan::discard(data)?;
    let (batches, pending) = batches(data, base)?;
    let Some(shape) = Shape::new(base, &pending, today, config)? else {
        let duration_ms = clock.finish(statsd);
        log::info!(duration_ms; "build: nothing new");
        return Ok(None);
    };
    let built = Build {
        data,
        base,
        pending: &pending,
        shape: &shape,
        config,
    }
    .run(&batches)?;
    built.save(data)?;
    let duration_ms = clock.finish(statsd);
    let new = built
        .segments
        .iter()
        .filter(|planned| planned.is_new)
        .count();
    log::info!(batches = pending.len(), segments = built.segments.len(), new, projects = built.projects(),
        data_through = built.data_through.map(|day| day.to_string()).unwrap_or_default(), duration_ms;
        "build: {} batches into {} segments, {new} of them new", pending.len(), built.segments.len());
    Ok(Some(built))
}

/// All batches of the snapshot to be, by hash, and the pending ones that are
/// new to it.
fn batches(data: &DataDir, base: Option<&Base>) -> anyhow::Result<(Vec<BatchMeta>, Vec<Pending>)> {
    let mut batches = match base {
        Some(base) => base.ledger()?.batches()?,
        None => Vec::new(),
    };
    let (pending, _) = split_counted(data.pending()?, &batches);
    batches.extend(pending.iter().map(|pending| pending.meta.clone()));
    batches.sort_by(|a, b| a.hash.cmp(&b.hash));
    for Pending { path, meta } in &pending {
        // A partial that was removed, or a depot other than the one it was read for.
        let is_there = |parent| {
            batches
                .binary_search_by(|batch| batch.hash.cmp(parent))
                .is_ok()
        };
        ensure!(
            meta.parent.as_ref().is_none_or(is_there),
            "{} continues a batch that neither waits nor is published; remove it and ingest {} again",
            path.display(),
            meta.source
        );
    }
    Ok((batches, pending))
}

/// What goes where.
struct Shape {
    data_through: Option<Day>,
    /// Segments to write.
    targets: Vec<Range>,
    /// Base segments taken over as they are.
    reused: Vec<SegmentEntry>,
    /// Base segments whose days are written anew.
    consumed: Vec<SegmentEntry>,
    places: Places,
}

impl Shape {
    /// None when nothing would change.
    fn new(
        base: Option<&Base>,
        pending: &[Pending],
        today: Today,
        config: &BuildConfig,
    ) -> anyhow::Result<Option<Self>> {
        let mut days = BTreeSet::new();
        let mut history_years = BTreeSet::new();
        let mut current = BTreeMap::new();
        for entry in base.map_or(&[][..], |base| base.manifest.series_segments()) {
            let base = base.context("entries come from a base")?;
            let reader = base.series(entry)?;
            for (slot, _, _) in reader.slot_sums()? {
                days.insert(reader.slot_day(slot));
            }
            if entry.kind == Kind::History {
                history_years.extend(entry.first_day.map(|day| day.ymd().0));
            }
            if is_up_to_date(reader.connection(), config)? {
                current.insert((entry.kind, entry.first_day, entry.last_day), entry);
            }
        }
        let mut touched = BTreeSet::new();
        for pending in pending {
            touched.extend(PartialReader::open(&pending.path)?.count_days);
        }
        days.extend(&touched);
        if days.is_empty() && pending.is_empty() {
            return Ok(None);
        }
        let data_through = days.range(..today.day).next_back().copied();
        let plan = span_policy::plan(&days, data_through, config.daily_retention, &history_years);
        if let Some(base) = base.filter(|_| !today.is_given) {
            let is_new_history = plan.values().any(|range| {
                range.kind == Kind::History && !history_years.contains(&range.first_day.ymd().0)
            });
            clock::doubt(base, pending, data_through, today.day, is_new_history)?;
        }
        let mut shape = Self {
            data_through,
            targets: Vec::new(),
            reused: Vec::new(),
            consumed: Vec::new(),
            places: Places::default(),
        };
        let ranges: BTreeSet<Range> = plan.values().copied().collect();
        let mut ranges: Vec<Range> = ranges.into_iter().collect();
        ranges.sort_by_key(|range| range.first_day);
        for range in ranges {
            let is_touched = touched
                .range(range.first_day..=range.last_day)
                .next()
                .is_some();
            match current.get(&(range.kind, Some(range.first_day), Some(range.last_day))) {
                Some(entry) if !is_touched => shape.reused.push((*entry).clone()),
                _ => {
                    let target = shape.targets.len();
                    shape.targets.push(range);
                    // All days: a history's last downloads lie on any.
                    for ahead in 0..=range.last_day.since(range.first_day) {
                        let day = range.first_day.plus(ahead);
                        let slot = range.slot(day);
                        shape.places.insert(day, Place { target, slot });
                    }
                }
            }
        }
        if let Some(base) = base {
            let is_reused = |entry: &&SegmentEntry| shape.reused.contains(*entry);
            shape.consumed = base
                .manifest
                .series_segments()
                .iter()
                .filter(|entry| !is_reused(entry))
                .cloned()
                .collect();
            let head = base.head()?;
            if pending.is_empty()
                && shape.targets.is_empty()
                && data_through == base.manifest.data_through
                && segment_builder(head.connection())? == Some(segment_file::builder())
            {
                return Ok(None);
            }
        }
        Ok(Some(shape))
    }
}

fn segment_builder(connection: &rusqlite::Connection) -> anyhow::Result<Option<String>> {
    meta(connection, "builder")
}

fn meta<T: rusqlite::types::FromSql>(
    connection: &rusqlite::Connection,
    key: &str,
) -> anyhow::Result<Option<T>> {
    use rusqlite::OptionalExtension;
    Ok(connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
            row.get(0)
        })
        .optional()?)
}

/// Whether this builder with this configuration would write the same bytes.
fn is_up_to_date(connection: &rusqlite::Connection, config: &BuildConfig) -> anyhow::Result<bool> {
    Ok(
        segment_builder(connection)? == Some(segment_file::builder())
            && meta::<usize>(connection, "max_categories")? == Some(config.max_categories),
    )
}

struct Build<'a> {
    data: &'a DataDir,
    base: Option<&'a Base>,
    pending: &'a [Pending],
    shape: &'a Shape,
    config: &'a BuildConfig,
}

/// A source, and whether its segment is reused: then only the head wants it.
struct Standing {
    source: Box<dyn Source>,
    is_reused: bool,
}

impl Build<'_> {
    fn run(&self, batches: &[BatchMeta]) -> anyhow::Result<Plan> {
        let dir = self.data.build();
        let mut writers = self
            .shape
            .targets
            .iter()
            .map(|range| SeriesWriter::new(&dir, *range))
            .collect::<Result<Vec<_>, _>>()?;
        let mut alls: Vec<AllProjects> = writers.iter().map(|_| AllProjects::default()).collect();
        let mut head = HeadWriter::new(&dir)?;
        let mut ledger = LedgerWriter::new(&dir)?;
        self.projects(&mut writers, &mut alls, &mut head, &mut ledger)?;

        let mut segments: Vec<Planned> = self
            .shape
            .reused
            .iter()
            .cloned()
            .map(Planned::reused)
            .collect();
        for (writer, all) in writers.into_iter().zip(&alls) {
            let mut series = all.series();
            // `__all__` can be summed again from the others: no ledger rows.
            bound(&mut series, self.config.max_categories, |_, _, _, _| Ok(()))?;
            segments.push(Planned::new(
                writer.finish(&series, self.config.max_categories)?,
            ));
        }
        segments.sort_by_key(|planned| planned.entry.first_day);
        segments.insert(
            0,
            Planned::new(head.finish(&self.days()?, self.shape.data_through)?),
        );
        Ok(Plan {
            base: self.base.map(|base| (base.manifest.sequence, base.hash)),
            data_through: self.shape.data_through,
            builder: segment_file::builder(),
            segments,
            ledger: Planned::new(ledger.finish(batches)?),
            consumed: self.shape.consumed.clone(),
            batches: self
                .pending
                .iter()
                .map(|pending| pending.meta.hash.clone())
                .collect(),
            is_verified: false,
        })
    }

    /// The pass over all projects.
    fn projects(
        &self,
        writers: &mut [SeriesWriter],
        alls: &mut [AllProjects],
        head: &mut HeadWriter,
        ledger: &mut LedgerWriter,
    ) -> anyhow::Result<()> {
        let mut sources = self.sources()?;
        let mut overflow = self
            .base
            .map(|base| OverflowSource::new(base.ledger()?))
            .transpose()?;
        let total = self.base.map_or(0, |base| base.manifest.head().rows);
        let mut progress = Progress::things("build", total);
        let mut gather = Gather::default();
        let (shape, data_through) = (self.shape, self.shape.data_through);
        loop {
            let names = sources
                .iter()
                .filter_map(|standing| standing.source.project());
            let names = names.chain(overflow.as_ref().and_then(OverflowSource::project));
            let Some(project) = names.min().map(str::to_owned) else {
                break;
            };
            let context = || format!("build {project}");
            gather.clear();
            let mut sums = ProjectSums::default();
            let mut exact = Vec::new();
            for standing in &mut sources {
                if standing.source.project() != Some(&project) {
                    continue;
                }
                if standing.is_reused {
                    standing.source.take(&mut |count| {
                        sums.add(
                            count.category,
                            count.day,
                            count.count.unsigned_abs(),
                            data_through,
                        )
                    })?;
                } else {
                    standing.source.take(&mut |count| {
                        gather.add(
                            shape
                                .places
                                .get(count.day)
                                .context("a day without a place")?,
                            count,
                        );
                        Ok(())
                    })?;
                }
            }
            while let Some(row) = overflow
                .as_mut()
                .map(|o| o.next_of(&project))
                .transpose()?
                .flatten()
            {
                match shape.places.get(row.slot_day) {
                    None => exact.push(row),
                    Some(place) => unbound(&row, |count| {
                        gather.add(place, count);
                        Ok(())
                    })?,
                }
            }
            gather
                .finish(|target, mut series| {
                    let range = shape.targets[target];
                    alls[target].add(&series)?;
                    bound(
                        &mut series,
                        self.config.max_categories,
                        |dimension, category, slot, count| {
                            exact.push(overflow_row(
                                &project,
                                dimension,
                                category,
                                range.slot_day(slot),
                                count,
                            ));
                            Ok(())
                        },
                    )?;
                    for category in series
                        .iter()
                        .filter(|(d, _)| *d == Dimension::Overall)
                        .flat_map(|(_, c)| c)
                    {
                        for (slot, &count) in category
                            .counts
                            .iter()
                            .enumerate()
                            .filter(|(_, count)| **count > 0)
                        {
                            sums.add(category.name, range.slot_day(slot), count, data_through)?;
                        }
                    }
                    writers[target].put(&project, &series)
                })
                .with_context(context)?;
            exact.sort_unstable();
            for row in &exact {
                ledger.put_overflow(row)?;
            }
            head.put(&project, &sums).with_context(context)?;
            progress.advance(1);
        }
        progress.finish();
        Ok(())
    }

    fn sources(&self) -> anyhow::Result<Vec<Standing>> {
        let mut sources: Vec<Standing> = Vec::new();
        for pending in self.pending {
            let source = Box::new(PartialSource::new(PartialReader::open(&pending.path)?)?);
            sources.push(Standing {
                source,
                is_reused: false,
            });
        }
        if let Some(base) = self.base {
            let kinds = [
                (&self.shape.consumed, &Dimension::ALL[..], false),
                (&self.shape.reused, &[Dimension::Overall][..], true),
            ];
            for (entries, dimensions, is_reused) in kinds {
                for entry in entries {
                    let source = Box::new(SegmentSource::new(base.series(entry)?, dimensions)?);
                    sources.push(Standing { source, is_reused });
                }
            }
        }
        Ok(sources)
    }

    fn days(&self) -> anyhow::Result<BTreeMap<Day, crate::ingest::counter::DayStats>> {
        let mut days = match self.base {
            Some(base) => read_days(&base.head()?)?,
            None => BTreeMap::new(),
        };
        for pending in self.pending {
            for (day, stats) in &PartialReader::open(&pending.path)?.days {
                days.entry(*day).or_default().merge(stats);
            }
        }
        Ok(days)
    }
}

impl Plan {
    fn projects(&self) -> u64 {
        self.segments.first().map_or(0, |head| head.entry.rows)
    }
}

/// Removes what a build before left behind.
fn clear_dir(dir: &std::path::Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}
