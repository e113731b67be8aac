//! A segment in memory of our own, and readers that cannot outlive it.
//!
//! A mapped file dies with SIGBUS when somebody truncates it, and changes when
//! somebody writes it. So the bytes are copied into private memory that has no
//! name, file or descriptor by which anybody else could reach it, hashed
//! there, and made read-only: what was verified is what is served, and a stray
//! write of our own is a fault, not a wrong answer. All cores read the one
//! mapping; SQLite gets it by `sqlite3_deserialize` and copies nothing.
//!
//! Private memory may consist of huge pages, which a memfd gets by default
//! nowhere: a cold read costs half, a start two thirds
//! (`docs/read-measurements.md`).
//!
//! This is the only module with unsafe code.
#![expect(
    unsafe_code,
    reason = "owns a memory mapping and lends it to SQLite, which knows no lifetimes"
)]

use std::ffi::c_void;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Deref;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use rusqlite::{Connection, MAIN_DB, OpenFlags};
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap,
};

use espy_shared::hash::{HashWriter, ObjectHash};
use espy_shared::segment::{
    self, HeadReader, Identity, MappedSeries, Memory, SegmentError, SeriesReader, SeriesTables,
};

/// Bytes copied before they are hashed: few enough to be still in the second
/// level of the processor's cache.
const COPY_BYTES: usize = 256 << 10;

/// The bytes of one segment, verified and unchangeable.
#[derive(Debug)]
pub struct Image {
    address: NonNull<c_void>,
    length: usize,
}

/// A file is not the segment it should be, or finds no memory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// It cannot be opened or read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    /// Cut short, or grown.
    #[error("the file has {found} bytes, the manifest says {expected}")]
    Length {
        /// By the manifest.
        expected: u64,
        /// In the file, or one more than expected when there is more.
        found: u64,
    },
    /// Other bytes.
    #[error("the file's SHA-256 is {found}, not the one in its name")]
    Hash {
        /// Of its bytes.
        found: ObjectHash,
    },
    /// The system gives no memory.
    #[error("no memory for {bytes} bytes")]
    Memory {
        /// Asked for.
        bytes: u64,
        /// What the system said.
        source: io::Error,
    },
}

impl Image {
    /// Copies a file into memory, verifies what arrived there, and makes it
    /// read-only.
    ///
    /// # Errors
    ///
    /// When length or hash differ from what is expected, the file cannot be
    /// read, or the system has no memory.
    pub fn load(path: &Path, expected: &ObjectHash, bytes: u64) -> Result<Self, ImageError> {
        let mut file = File::open(path).map_err(ImageError::Read)?;
        let no_memory = |source| ImageError::Memory { bytes, source };
        let mut image = Self::empty(bytes).map_err(no_memory)?;
        let (hash, found) = image.fill(&mut file).map_err(ImageError::Read)?;
        if found != bytes {
            return Err(ImageError::Length {
                expected: bytes,
                found,
            });
        }
        image.protect().map_err(no_memory)?;
        if hash != *expected {
            return Err(ImageError::Hash { found: hash });
        }
        Ok(image)
    }

    /// Zeros.
    fn empty(bytes: u64) -> io::Result<Self> {
        let length = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        // SAFETY: a fresh mapping at an address of the kernel's choice touches
        // no memory of this program.
        let address = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                length,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )?
        };
        let address = NonNull::new(address).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let image = Self { address, length };
        // SAFETY: the mapping is our own, and the advice changes no content.
        // Where the system has no huge pages, small ones do.
        let _ = unsafe { madvise(address.as_ptr(), length, Advice::LinuxHugepage) };
        Ok(image)
    }

    /// Reads a file into the memory and hashes it there, piece by piece. The
    /// bytes found are one more than there is room for when there are more.
    fn fill(&mut self, file: &mut File) -> io::Result<(ObjectHash, u64)> {
        // SAFETY: `empty` made the mapping with this length, readable and
        // writable; it is not protected yet, and `&mut self` says that nobody
        // else has a slice of it.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(self.address.as_ptr().cast::<u8>(), self.length)
        };
        let mut hasher = HashWriter::new(io::sink());
        let mut found = 0;
        for piece in bytes.chunks_mut(COPY_BYTES) {
            let mut filled = 0;
            while filled < piece.len() {
                match file.read(&mut piece[filled..]) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            hasher.write_all(&piece[..filled])?;
            found += filled as u64;
        }
        if found == self.length() {
            found += file.take(1).read_to_end(&mut Vec::new())? as u64;
        }
        let (_, hash, _) = hasher.finish();
        Ok((hash, found))
    }

    /// From now on a write is a fault.
    fn protect(&mut self) -> io::Result<()> {
        // SAFETY: the mapping is our own, and no slice through which it could
        // be written is left.
        unsafe { mprotect(self.address.as_ptr(), self.length, MprotectFlags::READ)? };
        Ok(())
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `empty` made the mapping with this length, readable, and it
        // lives as long as `self`. Nothing but `fill`, which borrows `self`
        // alone, writes to it.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr().cast::<u8>(), self.length) }
    }

    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.length as u64
    }

    /// The span or history in the bytes, checked against the manifest.
    ///
    /// # Errors
    ///
    /// When it is not what the manifest says.
    pub fn into_series(self, expected: &Identity) -> Result<MappedSeries<Self>, SegmentError> {
        // SAFETY: the connection ends with the reader, before `self` moves on.
        let connection = unsafe { self.connect()? };
        segment::check_identity(&connection, expected)?;
        let reader = SeriesReader::new(connection)?;
        let tables = SeriesTables::find(&reader)?;
        drop(reader);
        MappedSeries::new(self, tables)
    }

    /// A read-only connection on the bytes.
    ///
    /// # Safety
    ///
    /// The connection must be dropped before the image is.
    unsafe fn connect(&self) -> Result<Connection, SegmentError> {
        // SAFETY: the lifetime is a lie that SQLite's interface forces; the
        // caller promises that the connection, which alone keeps the slice, is
        // gone before the mapping is.
        let bytes: &'static [u8] = unsafe { &*std::ptr::from_ref(self.bytes()) };
        // Every connection stays on one thread, so SQLite needs no mutexes.
        let mut connection = Connection::open_in_memory_with_flags(
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.deserialize_bytes(MAIN_DB, bytes)?;
        segment::harden(&connection)?;
        // One read transaction for good: nothing ever changes, and beginning
        // one per statement costs 0.3 µs of a lookup of 1.5 µs.
        connection.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema")?;
        Ok(connection)
    }
}

impl AsRef<[u8]> for Image {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Memory for Image {
    #[inline]
    fn prefetch(&self, start: usize) {
        #[cfg(target_arch = "x86_64")]
        if let Some(byte) = self.bytes().get(start) {
            // SAFETY: every x86-64 has the instruction, and it changes nothing
            // that a program can see.
            unsafe {
                std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
                    std::ptr::from_ref(byte).cast(),
                );
            }
        }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: `empty` made exactly this mapping, and no slice of it is left:
        // borrows have ended, and connections hold the image through `Held`.
        let unmapped = unsafe { munmap(self.address.as_ptr(), self.length) };
        debug_assert!(unmapped.is_ok(), "a mapping of our own can be unmapped");
    }
}

// SAFETY: an image owns its memory, which belongs to no thread.
unsafe impl Send for Image {}
// SAFETY: a shared image can only be read.
unsafe impl Sync for Image {}

/// A reader together with the image that it reads.
///
/// The reader owns the connection and gives it out by reference only, so the
/// connection ends with the reader; fields are dropped in their order, so the
/// image goes after it.
#[derive(Debug)]
pub struct Held<R> {
    reader: R,
    image: Arc<Image>,
}

impl<R> Held<R> {
    fn new(
        image: &Arc<Image>,
        reader: impl FnOnce(Connection) -> Result<R, SegmentError>,
    ) -> Result<Self, SegmentError> {
        let image = Arc::clone(image);
        // SAFETY: private to this module, and every closure passed here puts
        // the connection into the reader or drops it. The reader is dropped
        // before `image`.
        let connection = unsafe { image.connect()? };
        Ok(Self {
            reader: reader(connection)?,
            image,
        })
    }
}

impl Held<HeadReader> {
    /// Opens a head for one core, checks it against the manifest, and prepares
    /// its statement, so that the first request costs what the others do.
    ///
    /// # Errors
    ///
    /// When it is not what the manifest says.
    pub fn head(image: &Arc<Image>, expected: &Identity) -> Result<Self, SegmentError> {
        Self::new(image, |connection| {
            segment::check_identity(&connection, expected)?;
            let reader = HeadReader::new(connection)?;
            reader.project("")?;
            Ok(reader)
        })
    }
}

impl<R> Deref for Held<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.reader
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_may_vanish_and_the_image_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        fs::write(&path, &bytes).unwrap();
        let image = Image::load(&path, &ObjectHash::of(&bytes), bytes.len() as u64).unwrap();
        File::create(&path).unwrap().set_len(1).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(image.bytes() == bytes);
    }

    #[test]
    fn other_bytes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        fs::write(&path, b"12345").unwrap();
        let hash = ObjectHash::of(b"12345");
        let refused = |hash: &ObjectHash, bytes| Image::load(&path, hash, bytes).unwrap_err();
        assert!(matches!(
            refused(&hash, 4),
            ImageError::Length {
                expected: 4,
                found: 5
            }
        ));
        assert!(matches!(
            refused(&hash, 6),
            ImageError::Length {
                expected: 6,
                found: 5
            }
        ));
        assert!(matches!(
            refused(&ObjectHash::of(b"12346"), 5),
            ImageError::Hash { found } if found == hash
        ));
        fs::write(&path, b"").unwrap();
        assert!(matches!(
            refused(&ObjectHash::of(b""), 0),
            ImageError::Memory { bytes: 0, .. }
        ));
        assert!(matches!(
            Image::load(&dir.path().join("none"), &hash, 5),
            Err(ImageError::Read(_))
        ));
    }

    #[test]
    fn memory_is_read_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        // More than one piece, and a rest.
        let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        fs::write(&path, &bytes).unwrap();
        let image = Image::load(&path, &ObjectHash::of(&bytes), bytes.len() as u64).unwrap();
        let address = format!("{:x}-", image.address.as_ptr() as usize);
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let mapping = maps.lines().find(|line| line.starts_with(&address));
        let mapping: Vec<&str> = mapping.unwrap().split_whitespace().collect();
        // Permissions, offset, device, inode, and no name.
        assert_eq!(mapping[1..], ["r--p", "00000000", "00:00", "0"]);
        assert!(image.bytes() == bytes);
    }

    #[test]
    fn sql_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        drop(connection);
        let bytes = fs::read(&path).unwrap();
        let image =
            Arc::new(Image::load(&path, &ObjectHash::of(&bytes), bytes.len() as u64).unwrap());
        let held = Held::new(&image, Ok).unwrap();
        drop(image);
        for sql in ["INSERT INTO t VALUES (1)", "DROP TABLE t"] {
            assert!(held.execute_batch(sql).is_err(), "{sql}");
        }
        let rows: i64 = held
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 0);
    }
}
