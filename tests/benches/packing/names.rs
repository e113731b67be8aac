//! Three ways to find a project by name within a segment.

use fastrand::Rng;
use rusqlite::{Connection, MAIN_DB, Result, Statement, params};

use crate::Sizes;
use crate::data::draw_names;
use crate::layout::name_key;
use crate::read::open_image;
use crate::timing::{Samples, megabytes, timed, zstd_len};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Name,
    UniqueIndex,
    Hash,
    HashOnly,
}

const KEYS: [(Key, &str); 4] = [
    (Key::Name, "`name` primary key, WITHOUT ROWID"),
    (Key::UniqueIndex, "`id` primary key, unique index on `name`"),
    (
        Key::Hash,
        "64-bit hash primary key, `id`, `name` to compare",
    ),
    (Key::HashOnly, "64-bit hash primary key and `id`, no name"),
];

fn build(names: &[String], how: Key) -> Result<Vec<u8>> {
    let mut db = Connection::open_in_memory()?;
    db.execute_batch("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF;")?;
    let transaction = db.transaction()?;
    transaction.execute_batch(match how {
        Key::Name => "CREATE TABLE project(name TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;",
        Key::UniqueIndex => "CREATE TABLE project(id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
        Key::Hash => "CREATE TABLE project(key INTEGER PRIMARY KEY, id INTEGER NOT NULL, name TEXT NOT NULL);",
        Key::HashOnly => "CREATE TABLE project(key INTEGER PRIMARY KEY, id INTEGER NOT NULL);",
    })?;
    let mut rows: Vec<(i64, i64, &str)> = (0..)
        .zip(names)
        .map(|(id, name)| (name_key(name), id, name.as_str()))
        .collect();
    if matches!(how, Key::Hash | Key::HashOnly) {
        rows.sort_unstable();
    }
    for (key, id, name) in rows {
        match how {
            Key::Name => transaction
                .prepare_cached("INSERT INTO project(name, id) VALUES (?1, ?2)")?
                .execute(params![name, id])?,
            Key::UniqueIndex => transaction
                .prepare_cached("INSERT INTO project(name, id) VALUES (?1, ?2)")?
                .execute(params![name, id])?,
            Key::Hash => transaction
                .prepare_cached("INSERT INTO project VALUES (?1, ?2, ?3)")?
                .execute(params![key, id, name])?,
            Key::HashOnly => transaction
                .prepare_cached("INSERT INTO project VALUES (?1, ?2)")?
                .execute(params![key, id])?,
        };
    }
    if how == Key::UniqueIndex {
        transaction.execute_batch("CREATE UNIQUE INDEX project_name ON project(name);")?;
    }
    transaction.commit()?;
    Ok(db.serialize(MAIN_DB)?.to_vec())
}

fn find(statement: &mut Statement<'_>, how: Key, name: &str) -> Result<i64> {
    let mut rows = match how {
        Key::Name | Key::UniqueIndex => statement.query([name])?,
        Key::Hash | Key::HashOnly => statement.query([name_key(name)])?,
    };
    let row = rows.next()?.expect("the name is in the table");
    if how == Key::Hash {
        assert_eq!(row.get_ref(1)?.as_str()?, name, "a collision");
    }
    row.get(0)
}

pub(crate) fn run(sizes: &Sizes) -> Result<()> {
    let mut names = draw_names(sizes.names, 3);
    names.sort_unstable();
    let mut tables = Vec::new();
    for (how, title) in KEYS {
        let image: &'static [u8] = build(&names, how)?.leak();
        let db = open_image(image)?;
        let statement = db.prepare(match how {
            Key::Name | Key::UniqueIndex => "SELECT id FROM project WHERE name = ?1",
            Key::Hash => "SELECT id, name FROM project WHERE key = ?1",
            Key::HashOnly => "SELECT id FROM project WHERE key = ?1",
        })?;
        tables.push((how, title, image, statement, Samples::default()));
    }
    let mut order: Vec<usize> = (0..names.len()).collect();
    Rng::with_seed(2).shuffle(&mut order);
    for chunk in order.chunks(names.len().div_ceil(sizes.rounds)) {
        for (how, _, _, statement, samples) in &mut tables {
            for index in chunk {
                let (id, elapsed) = timed(|| find(statement, *how, &names[*index]));
                assert_eq!(usize::try_from(id?), Ok(*index), "id of {}", names[*index]);
                samples.push(elapsed);
            }
        }
    }
    println!("\n### Finding a project by name: {} names\n", names.len());
    println!("| key | MB | zstd -3, MB | lookup, median ns | 99th percentile |");
    println!("|---|---|---|---|---|");
    for (_, title, image, _, samples) in &mut tables {
        println!(
            "| {title} | {} | {} | {} | {} |",
            megabytes(image.len()),
            megabytes(zstd_len(image)),
            samples.percentile(50),
            samples.percentile(99),
        );
    }
    Ok(())
}
