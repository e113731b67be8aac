//! One batch's counts, sorted, on disk: what waits in `--data` until it is
//! published.
//!
//! ```text
//! partial  := magic, zstd(header, project*, end), BLAKE3 of all before
//! header   := varint length, JSON {batch, days}
//! project  := 1, name, series*, 0
//! series   := varint dimension + 1, category*, 0
//! category := 1, name, varint days, (varint day - day before, varint count)*
//! name     := varint shared, varint rest, bytes      front-coded within its list
//! end      := 0
//! ```
//! Names, dimensions and days ascend.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use espy_shared::day::Day;
use espy_shared::dimension::Dimension;
use espy_shared::{files, varint};
use serde::{Deserialize, Serialize};

use crate::ingest::counter::{Counter, DayStats};

const MAGIC: &[u8; 8] = b"ESPYPAR1";
const HASH_BYTES: u64 = 32;
const HEADER_BYTES_MAX: u64 = 64 << 20;
const NAME_BYTES_MAX: u64 = 1024;

/// What is known of one batch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BatchMeta {
    /// BLAKE3 of the decompressed content, hexadecimal.
    pub hash: String,
    /// Bytes of content.
    pub length: u64,
    /// The counted batch with which the content begins; only what follows it
    /// is counted here.
    pub parent: Option<String>,
    /// Whether the content ends without a newline.
    pub is_unterminated: bool,
    /// The format's name.
    pub format: String,
    /// Where it came from, for people.
    pub source: String,
    /// Rows counted.
    pub counted: u64,
    /// Rows ignored, those that do not claim to be downloads included.
    pub ignored: u64,
    /// Rows rejected.
    pub rejected: u64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    batch: BatchMeta,
    days: BTreeMap<Day, DayStats>,
    /// Days with a count; `days` has also those with none but ignored rows.
    count_days: BTreeSet<Day>,
}

/// Writes a partial to `dir`, named after its batch. The rename at its end is
/// the commit of ingest.
///
/// # Errors
///
/// As the file system has them; then no partial appears.
pub fn write(dir: &Path, meta: &BatchMeta, counter: &Counter) -> anyhow::Result<PathBuf> {
    let path = dir.join(format!("{}.partial", meta.hash));
    let temporary = files::temporary(&path);
    let written = write_temporary(&temporary, meta, counter);
    if let Err(error) = written {
        let _ = std::fs::remove_file(&temporary);
        return Err(error).with_context(|| format!("write {}", temporary.display()));
    }
    files::install(&temporary, &path).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

fn write_temporary(path: &Path, meta: &BatchMeta, counter: &Counter) -> anyhow::Result<()> {
    let mut out = Hashing {
        inner: BufWriter::new(File::create(path)?),
        hasher: blake3::Hasher::new(),
    };
    out.write_all(MAGIC)?;
    let mut encoder = zstd::Encoder::new(&mut out, 1)?;
    let header = serde_json::to_vec(&Header {
        batch: meta.clone(),
        days: counter.days().clone(),
        count_days: counter.count_days(),
    })?;
    let mut buffer = Vec::new();
    varint::put(&mut buffer, header.len() as u64);
    encoder.write_all(&buffer)?;
    encoder.write_all(&header)?;
    write_counts(&mut encoder, counter)?;
    encoder.finish()?;
    let Hashing { mut inner, hasher } = out;
    inner.write_all(hasher.finalize().as_bytes())?;
    let file = inner.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(())
}

fn write_counts(out: &mut impl Write, counter: &Counter) -> io::Result<()> {
    let mut project = String::new();
    let mut dimension = None;
    let mut category: Option<String> = None;
    let mut days: Vec<(Day, u64)> = Vec::new();
    let mut buffer = Vec::new();
    counter.walk(
        |this_project, this_dimension, this_category, day, count| -> io::Result<()> {
            let is_new_project = project != this_project;
            let is_new_dimension = is_new_project || dimension != Some(this_dimension);
            let is_new_category = is_new_dimension || category.as_deref() != Some(this_category);
            if is_new_category && !days.is_empty() {
                put_days(&mut buffer, &mut days);
            }
            if is_new_dimension && dimension.is_some() {
                buffer.push(0);
            }
            if is_new_project {
                if !project.is_empty() {
                    buffer.push(0);
                }
                out.write_all(&buffer)?;
                buffer.clear();
                buffer.push(1);
                put_name(&mut buffer, &project, this_project);
                this_project.clone_into(&mut project);
            }
            if is_new_dimension {
                varint::put(&mut buffer, this_dimension.number() as u64 + 1);
                dimension = Some(this_dimension);
                category = None;
            }
            if is_new_category {
                buffer.push(1);
                put_name(
                    &mut buffer,
                    category.as_deref().unwrap_or(""),
                    this_category,
                );
                category = Some(this_category.to_owned());
            }
            days.push((day, count));
            Ok(())
        },
    )?;
    if !days.is_empty() {
        put_days(&mut buffer, &mut days);
        buffer.extend([0, 0]);
    }
    buffer.push(0);
    out.write_all(&buffer)
}

fn put_name(out: &mut Vec<u8>, previous: &str, name: &str) {
    espy_shared::series::put_inline_name(out, previous, name);
}

fn put_days(out: &mut Vec<u8>, days: &mut Vec<(Day, u64)>) {
    varint::put(out, days.len() as u64);
    let mut previous = 0;
    for (day, count) in days.drain(..) {
        let number = day.number().unsigned_abs();
        varint::put(out, u64::from(number - previous));
        varint::put(out, count);
        previous = number;
    }
}

/// A partial, opened: verified whole, then read project by project.
pub struct PartialReader {
    /// Its batch.
    pub meta: BatchMeta,
    /// What it knows of each day.
    pub days: BTreeMap<Day, DayStats>,
    /// Days with a count.
    pub count_days: BTreeSet<Day>,
    path: PathBuf,
    reader: BufReader<zstd::Decoder<'static, BufReader<io::Take<File>>>>,
    project: Vec<u8>,
    category: Vec<u8>,
}

impl PartialReader {
    /// Opens a partial after checking its hash.
    ///
    /// # Errors
    ///
    /// When it is damaged: remove it and ingest the batch again.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Self::try_open(path).with_context(|| {
            format!(
                "{} is damaged; remove it and ingest its batch again",
                path.display()
            )
        })
    }

    fn try_open(path: &Path) -> anyhow::Result<Self> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        ensure!(length > MAGIC.len() as u64 + HASH_BYTES, "too short");
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader((&mut file).take(length - HASH_BYTES))?;
        let mut stored = [0; 32];
        file.read_exact(&mut stored)?;
        ensure!(
            hasher.finalize() == blake3::Hash::from_bytes(stored),
            "its hash does not match"
        );
        let mut file = File::open(path)?;
        let mut magic = [0; 8];
        file.read_exact(&mut magic)?;
        ensure!(magic == *MAGIC, "not a partial of this version");
        let body = file.take(length - HASH_BYTES - MAGIC.len() as u64);
        let mut reader = BufReader::with_capacity(1 << 16, zstd::Decoder::new(body)?);
        let header_bytes = take_varint(&mut reader)?;
        ensure!(header_bytes <= HEADER_BYTES_MAX, "absurd header");
        let mut header = vec![0; usize::try_from(header_bytes)?];
        reader.read_exact(&mut header)?;
        let Header {
            batch,
            days,
            count_days,
        } = serde_json::from_slice(&header)?;
        Ok(Self {
            meta: batch,
            days,
            count_days,
            path: path.to_owned(),
            reader,
            project: Vec::new(),
            category: Vec::new(),
        })
    }

    /// The next project's name, or none after the last. The counts of the one
    /// before must have been walked.
    ///
    /// # Errors
    ///
    /// When the bytes make no sense, or as the file system has them.
    pub fn next_project(&mut self) -> anyhow::Result<Option<&str>> {
        let context = || format!("read {}", self.path.display());
        if take_byte(&mut self.reader).with_context(context)? == 0 {
            return Ok(None);
        }
        take_name(&mut self.reader, &mut self.project).with_context(context)?;
        Ok(Some(
            std::str::from_utf8(&self.project).with_context(context)?,
        ))
    }

    /// The counts of the project just named: `each(dimension, category, day, count)`.
    ///
    /// # Errors
    ///
    /// When the bytes make no sense, as the file system has them, or the first
    /// that `each` returns.
    pub fn walk(
        &mut self,
        mut each: impl FnMut(Dimension, &str, Day, u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        loop {
            let number = take_varint(&mut self.reader)?;
            if number == 0 {
                return Ok(());
            }
            let dimension = Dimension::from_number(number - 1).context("no such dimension")?;
            self.category.clear();
            while take_byte(&mut self.reader)? != 0 {
                take_name(&mut self.reader, &mut self.category)?;
                let category = std::str::from_utf8(&self.category)?;
                let mut day = 0;
                for _ in 0..take_varint(&mut self.reader)? {
                    day += i64::try_from(take_varint(&mut self.reader)?)?;
                    let count = take_varint(&mut self.reader)?;
                    each(dimension, category, Day::from_number(day)?, count)?;
                }
            }
        }
    }
}

fn take_byte(reader: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn take_varint(reader: &mut impl Read) -> anyhow::Result<u64> {
    let mut bytes = [0; 10];
    for length in 1..=bytes.len() {
        bytes[length - 1] = take_byte(reader)?;
        if bytes[length - 1] < 0x80 {
            return varint::take(&mut &bytes[..length]).context("no number");
        }
    }
    anyhow::bail!("no number")
}

fn take_name(reader: &mut impl Read, name: &mut Vec<u8>) -> anyhow::Result<()> {
    let shared = take_varint(reader)?;
    let rest = take_varint(reader)?;
    ensure!(
        shared <= name.len() as u64 && rest <= NAME_BYTES_MAX,
        "no name"
    );
    name.truncate(usize::try_from(shared)?);
    let length = name.len();
    name.resize(length + usize::try_from(rest)?, 0);
    reader.read_exact(&mut name[length..])?;
    Ok(())
}

struct Hashing<W> {
    inner: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn meta() -> BatchMeta {
        BatchMeta {
            hash: "ab".repeat(32),
            length: 7,
            parent: None,
            is_unterminated: false,
            format: "counts".into(),
            source: "x.csv".into(),
            counted: 1,
            ignored: 2,
            rejected: 3,
        }
    }

    type Rows = BTreeMap<(String, Dimension, String, i32), u64>;

    fn counter(rows: &Rows) -> Counter {
        let mut counter = Counter::default();
        // Backwards, so that sorting has something to do.
        for ((project, dimension, category, day), count) in rows.iter().rev() {
            let (project, category) = (counter.project(project), counter.category(category));
            let day = Day::from_number(i64::from(*day)).unwrap();
            counter.add(project, *dimension, category, day, *count);
        }
        counter
    }

    fn read(path: &Path) -> anyhow::Result<Rows> {
        let mut reader = PartialReader::open(path)?;
        assert_eq!(reader.meta, meta());
        let mut rows = Rows::new();
        while let Some(project) = reader.next_project()?.map(str::to_owned) {
            reader.walk(|dimension, category, day, count| {
                rows.insert(
                    (
                        project.clone(),
                        dimension,
                        category.to_owned(),
                        day.number(),
                    ),
                    count,
                );
                Ok(())
            })?;
        }
        Ok(rows)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn read_inverts_write(rows in proptest::collection::btree_map(
            ("[a-z]{1,3}", 0..20_usize, "[a-z0-9 .]{1,6}", 0..40_000_i32), 1..1_000_000_u64, 0..60,
        )) {
            let rows: Rows = rows.into_iter().map(|((p, d, c, day), n)| ((p, Dimension::ALL[d], c, day), n)).collect();
            let dir = tempfile::tempdir().unwrap();
            let path = write(dir.path(), &meta(), &counter(&rows)).unwrap();
            prop_assert_eq!(read(&path).unwrap(), rows);
        }
    }

    #[test]
    fn any_damage_is_refused() {
        let rows: Rows = [(
            (
                "pip".to_owned(),
                Dimension::Overall,
                "with_mirrors".to_owned(),
                20_000,
            ),
            5,
        )]
        .into();
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), &meta(), &counter(&rows)).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << (index % 8);
            std::fs::write(&path, &changed).unwrap();
            assert!(PartialReader::open(&path).is_err(), "byte {index}");
            std::fs::write(&path, &bytes[..index]).unwrap();
            assert!(PartialReader::open(&path).is_err(), "cut at {index}");
        }
    }
}
