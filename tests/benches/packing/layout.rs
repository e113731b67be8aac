//! The layouts, and how a span is written.

use std::collections::HashMap;
use std::ops::Range;

use rusqlite::{Connection, MAIN_DB, Result, params};

use crate::codec::{self, Form, put_name, put_varint};
use crate::data::{DIMENSIONS, Data, Project, is_inline};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A: a row per (project, dimension, category).
    CategoryRows,
    /// B: a row per (project, dimension).
    DimensionRows,
    /// C: a row per project, one blob with a table of contents.
    ProjectBlob,
    /// D: a row per project, a column per dimension.
    DimensionColumns,
    /// E: as D, but the row's key is a hash of the name and the name stands in
    /// the row: no table of names, one descent instead of two.
    HashedColumns,
}

/// A layout and how it writes counts.
#[derive(Clone, Copy)]
pub(crate) struct Packing {
    pub(crate) layout: Layout,
    pub(crate) form: Form,
    pub(crate) title: &'static str,
}

const fn packing(layout: Layout, form: Form, title: &'static str) -> Packing {
    Packing {
        layout,
        form,
        title,
    }
}

pub(crate) const PACKINGS: [Packing; 7] = [
    packing(
        Layout::CategoryRows,
        Form::MaskOrVarints,
        "A: row per category",
    ),
    packing(
        Layout::DimensionRows,
        Form::MaskOrVarints,
        "B: row per dimension",
    ),
    packing(
        Layout::ProjectBlob,
        Form::MaskOrVarints,
        "C: row per project, one blob",
    ),
    packing(
        Layout::DimensionColumns,
        Form::MaskOrVarints,
        "D: row per project, column per dimension",
    ),
    packing(
        Layout::HashedColumns,
        Form::MaskOrVarints,
        "E: as D, keyed by a hash of the name",
    ),
    packing(
        Layout::DimensionColumns,
        Form::ListOrBits,
        "D with lists or bits",
    ),
    packing(
        Layout::HashedColumns,
        Form::ListOrBits,
        "E with lists or bits",
    ),
];

/// Room for the dimensions of a project, in B's row ids.
pub(crate) const DIMENSIONS_MAX: usize = 32;
/// Room for the categories of a dimension, in A's row ids.
pub(crate) const CATEGORIES_MAX: usize = 4096;

/// Numbers a file's categories by first appearance.
#[derive(Default)]
struct Dictionary {
    ids: HashMap<(usize, usize), u64>,
    entries: Vec<(usize, usize)>,
}

impl Dictionary {
    fn id(&mut self, dimension: usize, label: usize) -> u64 {
        let entries = &mut self.entries;
        *self.ids.entry((dimension, label)).or_insert_with(|| {
            entries.push((dimension, label));
            entries.len() as u64 - 1
        })
    }
}

/// One project's counts of a span: a blob per dimension, or per category.
#[derive(Default)]
pub(crate) struct Encoded {
    pub(crate) dimensions: Vec<Vec<u8>>,
    /// (dimension, blob), for the layout with a row per category.
    categories: Vec<(usize, Vec<u8>)>,
}

pub(crate) struct Encoder<'a> {
    data: &'a Data,
    form: Form,
    days: Range<usize>,
    dictionary: Dictionary,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(data: &'a Data, form: Form, days: Range<usize>) -> Self {
        Self {
            data,
            form,
            days,
            dictionary: Dictionary::default(),
        }
    }

    /// `None` when the project has nothing in these days.
    pub(crate) fn encode(&mut self, project: &Project, by_category: bool) -> Option<Encoded> {
        let mut encoded = Encoded {
            dimensions: vec![Vec::new(); DIMENSIONS.len()],
            categories: Vec::new(),
        };
        let (mut before, mut before_dimension) = ("", usize::MAX);
        let mut is_empty = true;
        for (index, series) in project.series.iter().enumerate() {
            let counts = &project.counts(index)[self.days.clone()];
            if counts.iter().all(|count| *count == 0) {
                continue;
            }
            is_empty = false;
            if by_category || before_dimension != series.dimension {
                before = "";
                before_dimension = series.dimension;
            }
            let mut row = Vec::new();
            let out = if by_category {
                &mut row
            } else {
                &mut encoded.dimensions[series.dimension]
            };
            if is_inline(series.dimension) {
                let name = &self.data.labels[series.label];
                put_name(out, before, name);
                before = name;
            } else {
                put_varint(out, self.dictionary.id(series.dimension, series.label));
            }
            self.form.put(out, counts);
            if by_category {
                encoded.categories.push((series.dimension, row));
            }
        }
        (!is_empty).then_some(encoded)
    }
}

/// The key that stands for a name where names are hashed.
pub(crate) fn name_key(name: &str) -> i64 {
    codec::hash(name.as_bytes()).cast_signed()
}

pub(crate) fn row_id(parts: usize) -> i64 {
    i64::try_from(parts).expect("far below 2^63")
}

/// Builds the segment of `days` and returns the bytes of the file.
pub(crate) fn build(data: &Data, packing: Packing, days: Range<usize>) -> Result<Vec<u8>> {
    let layout = packing.layout;
    let mut db = Connection::open_in_memory()?;
    db.execute_batch("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF;")?;
    let columns = match layout {
        Layout::DimensionColumns => DIMENSIONS.join(" BLOB, "),
        Layout::HashedColumns => format!("name TEXT NOT NULL, {}", DIMENSIONS.join(" BLOB, ")),
        _ => "counts".to_owned(),
    };
    let transaction = db.transaction()?;
    transaction.execute_batch(&format!(
        "CREATE TABLE project(name TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
         CREATE TABLE category(id INTEGER PRIMARY KEY, dimension INTEGER NOT NULL, name TEXT NOT NULL);
         CREATE TABLE daily(id INTEGER PRIMARY KEY, {columns} BLOB);"
    ))?;
    let mut encoder = Encoder::new(data, packing.form, days);
    let mut names = insert_counts(&transaction, layout, data, &mut encoder)?;
    if layout == Layout::HashedColumns {
        names.clear();
    }
    {
        let mut insert = transaction.prepare("INSERT INTO project VALUES (?1, ?2)")?;
        for (id, name) in names.iter().enumerate() {
            insert.execute(params![name, row_id(id)])?;
        }
        let mut insert = transaction.prepare("INSERT INTO category VALUES (?1, ?2, ?3)")?;
        for (id, (dimension, label)) in encoder.dictionary.entries.iter().enumerate() {
            insert.execute(params![row_id(id), row_id(*dimension), data.labels[*label]])?;
        }
    }
    transaction.commit()?;
    Ok(db.serialize(MAIN_DB)?.to_vec())
}

/// Returns the names of the projects written, in the order of their ids.
fn insert_counts<'a>(
    db: &Connection,
    layout: Layout,
    data: &'a Data,
    encoder: &mut Encoder<'_>,
) -> Result<Vec<&'a str>> {
    let mut names = Vec::new();
    let parameters = match layout {
        Layout::DimensionColumns => vec!["?"; DIMENSIONS.len() + 1].join(", "),
        Layout::HashedColumns => vec!["?"; DIMENSIONS.len() + 2].join(", "),
        _ => "?, ?".to_owned(),
    };
    let mut insert = db.prepare(&format!("INSERT INTO daily VALUES ({parameters})"))?;
    let mut projects: Vec<&Project> = data.projects.iter().collect();
    if layout == Layout::HashedColumns {
        projects.sort_by_key(|project| name_key(&project.name));
    }
    for project in projects {
        let Some(encoded) = encoder.encode(project, layout == Layout::CategoryRows) else {
            continue;
        };
        let id = names.len();
        names.push(project.name.as_str());
        match layout {
            Layout::CategoryRows => {
                let (mut ordinal, mut before) = (0, usize::MAX);
                for (dimension, row) in encoded.categories {
                    ordinal = if dimension == before { ordinal + 1 } else { 0 };
                    before = dimension;
                    assert!(
                        ordinal < CATEGORIES_MAX,
                        "row ids have room for the categories"
                    );
                    let key = (id * DIMENSIONS_MAX + dimension) * CATEGORIES_MAX + ordinal;
                    insert.execute(params![row_id(key), row])?;
                }
            }
            Layout::DimensionRows => {
                for (dimension, blob) in encoded
                    .dimensions
                    .iter()
                    .enumerate()
                    .filter(|(_, blob)| !blob.is_empty())
                {
                    insert.execute(params![row_id(id * DIMENSIONS_MAX + dimension), blob])?;
                }
            }
            Layout::ProjectBlob => {
                insert.execute(params![row_id(id), join(&encoded.dimensions)])?;
            }
            Layout::DimensionColumns | Layout::HashedColumns => {
                let first = if layout == Layout::HashedColumns {
                    insert.raw_bind_parameter(1, name_key(&project.name))?;
                    insert.raw_bind_parameter(2, &project.name)?;
                    3
                } else {
                    insert.raw_bind_parameter(1, row_id(id))?;
                    2
                };
                for (dimension, blob) in encoded.dimensions.iter().enumerate() {
                    insert.raw_bind_parameter(
                        dimension + first,
                        (!blob.is_empty()).then_some(blob),
                    )?;
                }
                insert.raw_execute()?;
            }
        }
    }
    Ok(names)
}

/// C's blob: a mask of the dimensions present, their lengths, their bytes.
fn join(dimensions: &[Vec<u8>]) -> Vec<u8> {
    let present = dimensions
        .iter()
        .enumerate()
        .filter(|(_, blob)| !blob.is_empty());
    let mut out = Vec::new();
    put_varint(
        &mut out,
        present.clone().map(|(dimension, _)| 1 << dimension).sum(),
    );
    for (_, blob) in present.clone() {
        put_varint(&mut out, blob.len() as u64);
    }
    for (_, blob) in present {
        out.extend_from_slice(blob);
    }
    out
}
