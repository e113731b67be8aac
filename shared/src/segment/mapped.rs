//! Finding series in the bytes of a segment, without SQLite.

use super::pages::{Pages, Place, Row, Step};
use super::series::Shape;
use super::{SegmentError, SeriesReader};
use crate::dimension::Dimension;

/// The bytes of a segment in memory.
pub trait Memory: AsRef<[u8]> {
    /// Says that the bytes at `start` will be read soon. The default does
    /// nothing, and answers are the same.
    fn prefetch(&self, start: usize);
}

/// A span or history in memory, its rows found by way of its pages.
///
/// A statement costs a lookup more than the lookup itself, and a connection
/// belongs to one thread; this is shared by all. Every series is also there
/// for SQL, see [`SeriesReader`]; the two are compared in tests.
#[derive(Debug)]
pub struct MappedSeries<B> {
    bytes: B,
    tables: SeriesTables,
}

/// Where a span or history has its tables, and what it is.
#[derive(Clone, Debug)]
pub struct SeriesTables {
    shape: Shape,
    /// First pages of `project` and of `series`.
    names_root: u32,
    rows_root: u32,
}

impl SeriesTables {
    /// Asks SQLite.
    ///
    /// # Errors
    ///
    /// As SQLite has them.
    pub fn find(reader: &SeriesReader) -> Result<Self, SegmentError> {
        let root = |table: &str| {
            reader.connection().query_row(
                "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?1",
                [table],
                |row| row.get(0),
            )
        };
        Ok(Self {
            shape: reader.shape().clone(),
            names_root: root("project")?,
            rows_root: root("series")?,
        })
    }
}

/// A lookup on its way from the name of a project to its row.
#[derive(Clone, Copy)]
pub struct Lookup<'a>(State<'a>);

#[derive(Clone, Copy)]
enum State<'a> {
    Name(Place),
    Row(Place, u64),
    Found(Row<'a>),
    Missing,
}

impl Lookup<'_> {
    /// Whether [`MappedSeries::step`] has nothing left to do.
    #[inline]
    pub fn is_done(&self) -> bool {
        matches!(self.0, State::Found(_) | State::Missing)
    }
}

impl<B: Memory> MappedSeries<B> {
    /// Of verified bytes, in which `tables` were found.
    ///
    /// # Errors
    ///
    /// When the tables are not laid out as they should be.
    pub fn new(bytes: B, tables: SeriesTables) -> Result<Self, SegmentError> {
        let is_known = Pages::new(bytes.as_ref()).is_some_and(|pages| {
            pages.is_root_of_keys(tables.names_root) && pages.is_root_of_rows(tables.rows_root)
        });
        if !is_known {
            return Err(SegmentError::Pages);
        }
        Ok(Self { bytes, tables })
    }

    /// What the segment is.
    pub fn shape(&self) -> &Shape {
        &self.tables.shape
    }

    /// Begins to look for a project.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup(State::Name(Place::root(self.tables.names_root)))
    }

    /// Takes a lookup one page further. Lookups in several segments that take
    /// turns wait for memory together instead of one after the other.
    ///
    /// # Errors
    ///
    /// `Pages`: the segment is not what was published.
    #[inline]
    pub fn step<'a>(&'a self, lookup: &mut Lookup<'a>, project: &str) -> Result<(), SegmentError> {
        let pages = self.pages()?;
        let damaged = SegmentError::Pages;
        let state = match lookup.0 {
            State::Name(place) => {
                match pages.step_to_key(place, project.as_bytes()).ok_or(damaged)? {
                    Step::Down(place) => State::Name(self.soon(place)),
                    Step::Found(id) => State::Row(Place::root(self.tables.rows_root), id),
                    Step::Missing => State::Missing,
                }
            }
            State::Row(place, id) => match pages.step_to_row(place, id).ok_or(damaged)? {
                Step::Down(place) => State::Row(self.soon(place), id),
                Step::Found(row) => State::Found(row),
                Step::Missing => State::Missing,
            },
            done => done,
        };
        lookup.0 = state;
        Ok(())
    }

    /// Walks the categories of what a lookup has found: `each(category, counts
    /// per slot)`, ascending by name. `scratch` keeps its room between calls.
    ///
    /// # Errors
    ///
    /// `Pages` or `Series`: the segment is not what was published.
    pub fn walk(
        &self,
        lookup: &Lookup<'_>,
        dimension: Dimension,
        scratch: &mut Vec<u8>,
        each: impl FnMut(&str, &[u64]),
    ) -> Result<(), SegmentError> {
        let State::Found(row) = &lookup.0 else {
            return Ok(());
        };
        // The key is the first column.
        let blob = self
            .pages()?
            .blob(row, 1 + dimension.number(), scratch)
            .ok_or(SegmentError::Pages)?;
        match blob {
            Some(bytes) => self.tables.shape.decode(dimension, bytes, each),
            None => Ok(()),
        }
    }

    #[inline]
    fn soon(&self, place: Place) -> Place {
        self.bytes.prefetch(place.next_read());
        place
    }

    #[inline]
    fn pages(&self) -> Result<Pages<'_>, SegmentError> {
        Pages::new(self.bytes.as_ref()).ok_or(SegmentError::Pages)
    }
}
