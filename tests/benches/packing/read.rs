//! How a span is read: by name, decoded, added to a checksum.

use std::ops::Range;

use rusqlite::blob::Blob;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB, Result, Statement, params};

use crate::codec::{self, Form, SPAN_DAYS_MAX};
use crate::data::{COUNTRY, DIMENSIONS, OVERALL, checksum_factor, is_inline};
use crate::layout::{CATEGORIES_MAX, DIMENSIONS_MAX, Layout, Packing, name_key, row_id};

/// Calls `each` with dimension and byte range. `head` has the table of contents.
fn contents(head: &[u8], mut each: impl FnMut(usize, Range<usize>)) {
    let mut rest = head;
    let mask = codec::take_varint(&mut rest);
    let mut lengths = [(0, 0); DIMENSIONS_MAX];
    let mut present = 0;
    for dimension in (0..DIMENSIONS_MAX).filter(|dimension| mask >> dimension & 1 == 1) {
        lengths[present] = (dimension, codec::take_usize(&mut rest));
        present += 1;
    }
    let mut start = head.len() - rest.len();
    for (dimension, length) in &lengths[..present] {
        each(*dimension, start..start + length);
        start += length;
    }
}

/// What a read asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Overall,
    Country,
    All,
}

impl Wanted {
    pub(crate) const EACH: [(Self, &str); 3] = [
        (Self::Overall, "`overall`"),
        (Self::Country, "`country`"),
        (Self::All, "all dimensions"),
    ];

    pub(crate) fn includes(self, dimension: usize) -> bool {
        match self {
            Self::Overall => dimension == OVERALL,
            Self::Country => dimension == COUNTRY,
            Self::All => true,
        }
    }

    fn columns(self) -> String {
        match self {
            Self::Overall => DIMENSIONS[OVERALL].to_owned(),
            Self::Country => DIMENSIONS[COUNTRY].to_owned(),
            Self::All => DIMENSIONS.join(", "),
        }
    }

    /// First and last.
    fn dimensions(self) -> (usize, usize) {
        match self {
            Self::Overall => (OVERALL, OVERALL),
            Self::Country => (COUNTRY, COUNTRY),
            Self::All => (0, DIMENSIONS_MAX - 1),
        }
    }
}

/// Decodes dimensions and adds them to a checksum.
struct Summer {
    /// Hashes of the file's dictionary, by id.
    labels: Vec<u64>,
    form: Form,
    first_day: usize,
    days: usize,
    name: Vec<u8>,
}

impl Summer {
    /// `from` is the first day that counts, on the scale of `first_day`.
    fn add(&mut self, dimension: usize, mut bytes: &[u8], from: usize, sum: &mut u64) {
        let mut counts = [0; SPAN_DAYS_MAX];
        let counts = &mut counts[..self.days];
        let skip = from.saturating_sub(self.first_day);
        self.name.clear();
        while !bytes.is_empty() {
            let hash = if is_inline(dimension) {
                codec::take_name(&mut bytes, &mut self.name);
                codec::hash(&self.name)
            } else {
                self.labels[codec::take_usize(&mut bytes)]
            };
            self.form.take(&mut bytes, counts);
            let mut weighted = 0_u64;
            for (day, count) in (self.first_day + 1..).zip(counts.iter()).skip(skip) {
                weighted = weighted.wrapping_add(count.wrapping_mul(day as u64));
            }
            *sum = sum.wrapping_add(weighted.wrapping_mul(checksum_factor(dimension, hash)));
        }
    }
}

/// A span as a handler holds it: an image in memory, statements kept.
pub(crate) struct Reader {
    layout: Layout,
    summer: Summer,
    statements: Vec<(Wanted, Statement<'static>)>,
    find: Statement<'static>,
    /// Reads parts of C's blob without assembling it.
    handle: Option<Blob<'static>>,
    buffer: Vec<u8>,
}

/// Opens an image that is never freed: a benchmark ends.
pub(crate) fn open_image(image: &'static [u8]) -> Result<&'static Connection> {
    let mut db = Connection::open_in_memory()?;
    db.deserialize_bytes(MAIN_DB, image)?;
    let db: &'static Connection = Box::leak(Box::new(db));
    db.pragma_update(None, "mmap_size", 1_i64 << 40)?;
    // One lasting read transaction: nobody writes, so nothing can become stale.
    db.execute_batch("BEGIN")?;
    Ok(db)
}

impl Reader {
    pub(crate) fn open(
        image: &'static [u8],
        packing: Packing,
        days: Range<usize>,
        by_handle: bool,
    ) -> Result<Self> {
        let Packing { layout, form, .. } = packing;
        let db = open_image(image)?;
        let labels = db
            .prepare("SELECT name FROM category ORDER BY id")?
            .query_map([], |row| Ok(codec::hash(row.get_ref(0)?.as_bytes()?)))?
            .collect::<Result<_>>()?;
        let mut statements = Vec::new();
        for (wanted, _) in Wanted::EACH {
            let sql = match (layout, wanted) {
                (Layout::CategoryRows, _) => format!(
                    "SELECT d.counts, d.id / {CATEGORIES_MAX} % {DIMENSIONS_MAX}
                     FROM project p CROSS JOIN daily d
                     WHERE p.name = ?1
                     AND d.id BETWEEN (p.id * {DIMENSIONS_MAX} + ?2) * {CATEGORIES_MAX}
                     AND (p.id * {DIMENSIONS_MAX} + ?3) * {CATEGORIES_MAX} + {CATEGORIES_MAX} - 1"
                ),
                (Layout::DimensionRows, _) => format!(
                    "SELECT d.counts, d.id % {DIMENSIONS_MAX} FROM project p CROSS JOIN daily d
                     WHERE p.name = ?1
                     AND d.id BETWEEN p.id * {DIMENSIONS_MAX} + ?2 AND p.id * {DIMENSIONS_MAX} + ?3"
                ),
                (Layout::ProjectBlob, _) => from_project_row("counts"),
                (Layout::DimensionColumns, _) => from_project_row(&wanted.columns()),
                (Layout::HashedColumns, _) => {
                    format!("SELECT {}, name FROM daily WHERE id = ?1", wanted.columns())
                }
            };
            statements.push((wanted, db.prepare(&sql)?));
        }
        Ok(Self {
            layout,
            summer: Summer {
                labels,
                form,
                first_day: days.start,
                days: days.len(),
                name: Vec::new(),
            },
            statements,
            find: db.prepare("SELECT id FROM project WHERE name = ?1")?,
            handle: by_handle
                .then(|| db.blob_open(MAIN_DB, "daily", "counts", 0, true))
                .transpose()?,
            buffer: Vec::new(),
        })
    }

    /// Adds the days of `name` from `from` on; a project that is not here adds nothing.
    pub(crate) fn read(
        &mut self,
        name: &str,
        wanted: Wanted,
        from: usize,
        sum: &mut u64,
    ) -> Result<()> {
        if self.handle.is_some() {
            return self.read_by_handle(name, wanted, from, sum);
        }
        let summer = &mut self.summer;
        let (_, statement) = self
            .statements
            .iter_mut()
            .find(|statement| statement.0 == wanted)
            .expect("prepared in `open`");
        match self.layout {
            Layout::CategoryRows | Layout::DimensionRows => {
                let (first, last) = wanted.dimensions();
                let mut rows = statement.query(params![name, row_id(first), row_id(last)])?;
                while let Some(row) = rows.next()? {
                    let dimension = usize::try_from(row.get::<_, i64>(1)?).expect("below 32");
                    summer.add(dimension, row.get_ref(0)?.as_blob()?, from, sum);
                }
            }
            Layout::ProjectBlob => {
                let mut rows = statement.query([name])?;
                if let Some(row) = rows.next()? {
                    let blob = row.get_ref(0)?.as_blob()?;
                    contents(blob, |dimension, bytes| {
                        if wanted.includes(dimension) {
                            summer.add(dimension, &blob[bytes], from, sum);
                        }
                    });
                }
            }
            Layout::DimensionColumns | Layout::HashedColumns => {
                let (first, last) = wanted.dimensions();
                let last = last.min(DIMENSIONS.len() - 1);
                let is_hashed = self.layout == Layout::HashedColumns;
                let mut rows = if is_hashed {
                    statement.query([name_key(name)])?
                } else {
                    statement.query([name])?
                };
                if let Some(row) = rows.next()? {
                    if is_hashed && row.get_ref(last - first + 1)?.as_str()? != name {
                        return Ok(());
                    }
                    for dimension in first..=last {
                        if let ValueRef::Blob(bytes) = row.get_ref(dimension - first)? {
                            summer.add(dimension, bytes, from, sum);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn read_by_handle(
        &mut self,
        name: &str,
        wanted: Wanted,
        from: usize,
        sum: &mut u64,
    ) -> Result<()> {
        /// Longer than any table of contents: a mask and 19 lengths.
        const HEAD: usize = 96;
        let handle = self.handle.as_mut().expect("opened by handle");
        let mut rows = self.find.query([name])?;
        let Some(row) = rows.next()? else {
            return Ok(());
        };
        handle.reopen(row.get(0)?)?;
        let length = handle.len();
        self.buffer.resize(length, 0);
        let head = if wanted == Wanted::All {
            length
        } else {
            HEAD.min(length)
        };
        handle.read_at_exact(&mut self.buffer[..head], 0)?;
        let mut found = Vec::new();
        contents(&self.buffer[..head], |dimension, bytes| {
            if wanted.includes(dimension) {
                found.push((dimension, bytes));
            }
        });
        for (dimension, bytes) in found {
            if bytes.end > head {
                handle.read_at_exact(&mut self.buffer[bytes.clone()], bytes.start)?;
            }
            self.summer.add(dimension, &self.buffer[bytes], from, sum);
        }
        Ok(())
    }
}

fn from_project_row(columns: &str) -> String {
    format!("SELECT {columns} FROM project p JOIN daily d ON d.id = p.id WHERE p.name = ?1")
}
