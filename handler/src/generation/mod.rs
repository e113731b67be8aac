//! A snapshot as loaded: what one core answers from.

mod daily;
mod facts;
mod load;
mod watch;

use espy_shared::day::Day;
use espy_shared::dimension::Dimension;
use espy_shared::segment::{HeadReader, Kind, SegmentError, SeriesReader};

use std::sync::Arc;

use crate::image::Held;
use crate::respond::Kept;

pub(crate) use daily::DailyTable;
pub use facts::Facts;
pub use load::{LoadError, Loader, LoaderOptions};
pub(crate) use watch::{Swap, Watcher};

/// One core's readers of one snapshot. Immutable; swapped as a whole.
#[derive(Debug)]
pub struct CoreGeneration {
    facts: Arc<Facts>,
    head: Held<HeadReader>,
    /// Spans and histories by first day.
    series: Vec<Held<SeriesReader>>,
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
    pub(crate) fn spans(&self, first: Day, last: Day) -> impl Iterator<Item = &SeriesReader> {
        self.series
            .iter()
            .map(|reader| &**reader)
            .filter(move |reader| {
                let identity = reader.identity();
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
        let mut table = DailyTable::default();
        let Some((first, last)) = self.facts.window() else {
            return Ok(table);
        };
        for span in self.spans(first, last) {
            let mut cursor = table.add_span(span.first_day().since(first), last.since(first));
            span.walk(project, dimension, |category, counts| {
                if is_kept(category) {
                    cursor.add(category, counts);
                }
            })?;
        }
        Ok(table)
    }
}
