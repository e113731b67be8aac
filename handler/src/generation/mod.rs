//! A snapshot as loaded: what one core answers from.

mod daily;
mod facts;
mod load;
mod watch;

use std::sync::Arc;

use espy_shared::day::Day;
use espy_shared::dimension::Dimension;
use espy_shared::segment::{HeadReader, Kind, Lookup, MappedSeries, SegmentError};

use crate::image::{Held, Image};
use crate::respond::Kept;

pub(crate) use daily::DailyTable;
pub use facts::Facts;
pub use load::{LoadError, Loader, LoaderOptions};
pub(crate) use watch::{CoreTask, Watcher};

/// A span or history.
type Series = MappedSeries<Image>;

/// One core's readers of one snapshot. Immutable; swapped as a whole.
#[derive(Debug)]
pub struct CoreGeneration {
    facts: Arc<Facts>,
    head: Held<HeadReader>,
    /// Spans and histories by first day; all cores read the same.
    series: Vec<Arc<Series>>,
    /// What was answered from it goes when it goes.
    kept: Kept,
}

impl CoreGeneration {
    /// What all cores know of the snapshot.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Its head.
    pub fn head(&self) -> &HeadReader {
        &self.head
    }

    /// What this core has answered from it.
    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The daily spans that hold any of these days, by first day.
    fn spans(&self, first: Day, last: Day) -> impl Iterator<Item = &Series> {
        self.series
            .iter()
            .map(|series| &**series)
            .filter(move |series| {
                let identity = series.shape().identity();
                identity.kind == Kind::Span
                    && identity.first_day.is_some_and(|day| day <= last)
                    && identity.last_day.is_some_and(|day| first <= day)
            })
    }

    /// The counts of a project inside the pypistats window, for the
    /// categories that are kept.
    ///
    /// # Errors
    ///
    /// When a segment is not what was published.
    pub(crate) fn daily(
        &self,
        project: &str,
        dimension: Dimension,
        is_kept: impl Fn(&str) -> bool,
    ) -> Result<DailyTable, SegmentError> {
        let mut table = DailyTable::new(self.facts.dates().len());
        let Some((first, last)) = self.facts.window() else {
            return Ok(table);
        };
        let mut lookups: Vec<(&Series, Lookup<'_>)> = Vec::with_capacity(self.series.len());
        lookups.extend(self.spans(first, last).map(|span| (span, span.lookup())));
        loop {
            let mut is_done = true;
            for (span, lookup) in &mut lookups {
                span.step(lookup, project)?;
                is_done &= lookup.is_done();
            }
            if is_done {
                break;
            }
        }
        let mut scratch = Vec::new();
        for (span, lookup) in lookups {
            let mut cursor = table.add_span(span.shape().first_day().since(first));
            span.walk(&lookup, dimension, &mut scratch, |category, counts| {
                if is_kept(category) {
                    cursor.add(category, counts);
                }
            })?;
        }
        Ok(table)
    }
}
