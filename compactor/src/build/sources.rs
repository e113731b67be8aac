//! Where a build's counts come from, each walked in the order of project
//! names: base segments, pending partials, and the base ledger's overflow.

use std::collections::VecDeque;

use anyhow::Context;
use espy_shared::day::Day;
use espy_shared::dimension::{Dimension, OTHER};
use espy_shared::name::ALL;
use espy_shared::segment::{Kind, SeriesReader};

use crate::ledger::{Ledger, Overflow};
use crate::partial::PartialReader;

/// Names read at once.
const CHUNK_ROWS: i64 = 1024;

/// One count on its way into a build. Negative where the exact count of a
/// category is taken out of `other` again.
#[derive(Clone, Copy, Debug)]
pub struct Count<'a> {
    /// Of what.
    pub dimension: Dimension,
    /// Its category.
    pub category: &'a str,
    /// Its day; the first day of its month where only months are known.
    pub day: Day,
    /// How many.
    pub count: i64,
}

/// A source of counts, standing at one project.
pub trait Source {
    /// The project at hand; none after the last.
    fn project(&self) -> Option<&str>;

    /// Hands over all counts of the project at hand and goes to the next.
    ///
    /// # Errors
    ///
    /// When the source is damaged, or the first that `each` returns.
    fn take(&mut self, each: &mut dyn FnMut(Count<'_>) -> anyhow::Result<()>)
    -> anyhow::Result<()>;
}

/// A base segment; `__all__` is left out, since it is summed anew.
pub struct SegmentSource {
    reader: SeriesReader,
    dimensions: &'static [Dimension],
    sql: String,
    names: VecDeque<(String, i64)>,
}

impl SegmentSource {
    /// All dimensions, or only those asked for.
    ///
    /// # Errors
    ///
    /// As SQLite has them.
    pub fn new(reader: SeriesReader, dimensions: &'static [Dimension]) -> anyhow::Result<Self> {
        let columns: Vec<&str> = dimensions
            .iter()
            .map(|dimension| dimension.name())
            .collect();
        let sql = format!(
            "SELECT {} FROM series WHERE project = ?1",
            columns.join(", ")
        );
        let mut source = Self {
            reader,
            dimensions,
            sql,
            names: VecDeque::new(),
        };
        source.fill("")?;
        Ok(source)
    }

    fn fill(&mut self, after: &str) -> anyhow::Result<()> {
        let mut statement = self.reader.connection().prepare_cached(
            "SELECT name, id FROM project WHERE name > ?1 AND name <> ?2 ORDER BY name LIMIT ?3",
        )?;
        let rows = statement.query_map(rusqlite::params![after, ALL, CHUNK_ROWS], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        self.names = rows.collect::<Result<_, _>>()?;
        Ok(())
    }
}

impl Source for SegmentSource {
    fn project(&self) -> Option<&str> {
        self.names.front().map(|(name, _)| name.as_str())
    }

    fn take(
        &mut self,
        each: &mut dyn FnMut(Count<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (name, id) = self
            .names
            .pop_front()
            .context("taken after the last project")?;
        {
            let mut statement = self.reader.connection().prepare_cached(&self.sql)?;
            let mut rows = statement.query([id])?;
            let row = rows
                .next()?
                .with_context(|| format!("{name} has no series"))?;
            for (column, &dimension) in self.dimensions.iter().enumerate() {
                let Some(bytes) = row.get_ref(column)?.as_blob_or_null()? else {
                    continue;
                };
                let mut result = Ok(());
                self.reader.decode(dimension, bytes, |category, counts| {
                    for (slot, &count) in counts.iter().enumerate() {
                        if count > 0 && result.is_ok() {
                            let day = self.reader.slot_day(slot);
                            result = i64::try_from(count)
                                .context("a count exceeds 63 bits")
                                .and_then(|count| {
                                    each(Count {
                                        dimension,
                                        category,
                                        day,
                                        count,
                                    })
                                });
                        }
                    }
                })?;
                result?;
                if dimension == Dimension::Version && self.reader.identity().kind == Kind::History {
                    // Months know the day only so far; the counts are in already.
                    let mut result = Ok(());
                    self.reader.last_downloads(id, |category, day| {
                        if result.is_ok() {
                            result = each(Count {
                                dimension,
                                category,
                                day,
                                count: 0,
                            });
                        }
                    })?;
                    result?;
                }
            }
        }
        if self.names.is_empty() {
            self.fill(&name)?;
        }
        Ok(())
    }
}

/// A pending partial.
pub struct PartialSource {
    reader: PartialReader,
    project: Option<String>,
}

impl PartialSource {
    /// Stands at its first project.
    ///
    /// # Errors
    ///
    /// As the reader has them.
    pub fn new(mut reader: PartialReader) -> anyhow::Result<Self> {
        let project = reader.next_project()?.map(str::to_owned);
        Ok(Self { reader, project })
    }
}

impl Source for PartialSource {
    fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    fn take(
        &mut self,
        each: &mut dyn FnMut(Count<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.reader.walk(|dimension, category, day, count| {
            let count = i64::try_from(count).context("a count exceeds 63 bits")?;
            each(Count {
                dimension,
                category,
                day,
                count,
            })
        })?;
        self.project = self.reader.next_project()?.map(str::to_owned);
        Ok(())
    }
}

/// The exact counts that base segments hold as `other`: they come out of
/// `other` and back under their own name.
pub struct OverflowSource {
    ledger: Ledger,
    rows: VecDeque<Overflow>,
}

impl OverflowSource {
    /// Stands at its first project.
    ///
    /// # Errors
    ///
    /// As SQLite has them.
    pub fn new(ledger: Ledger) -> anyhow::Result<Self> {
        let rows = ledger.overflow_after(None)?.into();
        Ok(Self { ledger, rows })
    }

    /// The next exact count of a project.
    ///
    /// # Errors
    ///
    /// As SQLite has them.
    pub fn next_of(&mut self, project: &str) -> anyhow::Result<Option<Overflow>> {
        if self.rows.front().is_none_or(|row| row.project != project) {
            return Ok(None);
        }
        let row = self.rows.pop_front();
        if self.rows.is_empty() {
            self.rows = self.ledger.overflow_after(row.as_ref())?.into();
        }
        Ok(row)
    }

    /// The project at hand; none after the last.
    pub fn project(&self) -> Option<&str> {
        self.rows.front().map(|row| row.project.as_str())
    }
}

/// An exact count as what it does to a bounded series.
///
/// # Errors
///
/// When it exceeds 63 bits, or the first that `each` returns.
pub fn unbound(
    row: &Overflow,
    mut each: impl FnMut(Count<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let count = i64::try_from(row.count).context("a count exceeds 63 bits")?;
    let (dimension, day) = (row.dimension, row.slot_day);
    each(Count {
        dimension,
        category: OTHER,
        day,
        count: -count,
    })?;
    each(Count {
        dimension,
        category: &row.category,
        day,
        count,
    })
}
