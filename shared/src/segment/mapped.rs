//! Finding series in the bytes of a segment, without SQLite.

use super::pages::{Pages, Place, Row, Step, page_bytes};
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
    page_bytes: usize,
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
        let page_bytes = page_bytes(bytes.as_ref()).ok_or(SegmentError::Pages)?;
        let series = Self {
            bytes,
            page_bytes,
            tables,
        };
        let tables = &series.tables;
        let has_names = series.pages().is_root_of_keys(tables.names_root);
        if !has_names || !series.pages().is_root_of_rows(tables.rows_root) {
            return Err(SegmentError::Pages);
        }
        Ok(series)
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
        let pages = self.pages();
        let damaged = SegmentError::Pages;
        let state = match lookup.0 {
            State::Name(place) => {
                match pages
                    .step_to_key(place, project.as_bytes())
                    .ok_or(damaged)?
                {
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
            .pages()
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
    fn pages(&self) -> Pages<'_> {
        Pages::new(self.bytes.as_ref(), self.page_bytes)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, MAIN_DB};

    use super::*;
    use crate::segment::{APPLICATION_ID, SCHEMA_VERSION, SERIES_SQL};
    use crate::series::put_counts;
    use crate::varint;

    impl Memory for Vec<u8> {
        fn prefetch(&self, _: usize) {}
    }

    const PROJECTS: u64 = 700;

    fn name(id: u64) -> String {
        // Up to the longest, and none whose neighbours begin alike.
        let length = usize::try_from(id * id % 120).unwrap();
        format!("p{id:05}{}", "x".repeat(length))
    }

    /// A span of two days. Some rows lie in one page, some go on in others,
    /// some have columns that begin or end there.
    fn span(page_bytes: usize) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA page_size = {page_bytes}; PRAGMA application_id = {APPLICATION_ID};
                 PRAGMA user_version = {SCHEMA_VERSION}; {SERIES_SQL};
                 INSERT INTO meta VALUES ('kind', 'span'), ('rows', {PROJECTS}), ('event_sum', 1),
                     ('first_day', '2026-11-20'), ('last_day', '2026-11-21');
                 BEGIN"
            ))
            .unwrap();
        let places = vec!["?"; Dimension::COUNT + 1].join(", ");
        let mut series = connection
            .prepare(&format!("INSERT INTO series VALUES ({places})"))
            .unwrap();
        let mut rng = fastrand::Rng::with_seed(7);
        for category in 0..2_000 {
            let row = (category, format!("{category:04}"));
            connection
                .execute("INSERT INTO category VALUES (?1, ?2)", row)
                .unwrap();
        }
        for id in 0..PROJECTS {
            connection
                .execute("INSERT INTO project VALUES (?1, ?2)", (name(id), id))
                .unwrap();
            series.raw_bind_parameter(1, id).unwrap();
            for column in 2..Dimension::COUNT + 2 {
                let categories = match rng.u8(..) {
                    ..120 => 0,
                    120..240 => rng.u64(1..20),
                    _ => rng.u64(1..2_000),
                };
                let mut bytes = Vec::new();
                for category in 0..categories {
                    varint::put(&mut bytes, category);
                    put_counts(&mut bytes, &[rng.u64(..1 << 40), 1]);
                }
                let bytes = (categories > 0).then_some(bytes);
                series.raw_bind_parameter(column, bytes).unwrap();
            }
            series.raw_execute().unwrap();
        }
        drop(series);
        connection.execute_batch("COMMIT").unwrap();
        connection
    }

    type Read = Vec<(String, Vec<u64>)>;

    fn walk(
        series: &MappedSeries<Vec<u8>>,
        name: &str,
        d: Dimension,
    ) -> Result<Read, SegmentError> {
        let mut lookup = series.lookup();
        while !lookup.is_done() {
            series.step(&mut lookup, name)?;
        }
        let mut read = Vec::new();
        let mut scratch = Vec::new();
        series.walk(&lookup, d, &mut scratch, |category, counts| {
            read.push((category.to_owned(), counts.to_vec()));
        })?;
        Ok(read)
    }

    #[test]
    fn reads_what_sql_reads() {
        for page_bytes in [1024, 4096, 65_536] {
            let mut connection = span(page_bytes);
            let bytes = connection.serialize(MAIN_DB).unwrap().to_vec();
            let reader = SeriesReader::new(connection).unwrap();
            let tables = SeriesTables::find(&reader).unwrap();
            let series = MappedSeries::new(bytes, tables).unwrap();
            let names = (0..PROJECTS + 1).map(name);
            let absent = ["", "a", "p00300", "q", "p00007xxxxxxxxxx"].map(str::to_owned);
            for name in names.chain(absent) {
                for dimension in Dimension::ALL {
                    // Names of versions would have to stand in the series.
                    if dimension.has_inline_names() {
                        continue;
                    }
                    let mut expect = Vec::new();
                    reader
                        .walk(&name, dimension, |category, counts| {
                            expect.push((category.to_owned(), counts.to_vec()));
                        })
                        .unwrap();
                    assert_eq!(walk(&series, &name, dimension).unwrap(), expect, "{name}");
                }
            }
        }
    }

    #[test]
    fn damage_is_an_error_or_other_counts_but_no_panic() {
        let mut connection = span(1024);
        let bytes = connection.serialize(MAIN_DB).unwrap().to_vec();
        let reader = SeriesReader::new(connection).unwrap();
        let tables = SeriesTables::find(&reader).unwrap();
        let mut rng = fastrand::Rng::with_seed(8);
        for _ in 0..400 {
            let mut bytes = bytes.clone();
            let length = bytes.len();
            // The headers of pages above all, where most is to be destroyed.
            for _ in 0..rng.usize(1..200) {
                let page = rng.usize(..length / 1024) * 1024;
                bytes[page + rng.usize(..20)] = rng.u8(..);
                bytes[rng.usize(..length)] = rng.u8(..);
            }
            bytes.truncate(length - rng.usize(..2) * rng.usize(..length));
            let Ok(series) = MappedSeries::new(bytes, tables.clone()) else {
                continue;
            };
            for _ in 0..20 {
                let name = name(rng.u64(..PROJECTS));
                let _ = walk(&series, &name, Dimension::Overall);
                let _ = walk(&series, &name, Dimension::Country);
            }
        }
    }
}
