//! A segment in sealed memory, and readers that cannot outlive it.
//!
//! A mapped file dies with SIGBUS when somebody truncates it, and changes when
//! somebody writes it. So the bytes are copied into a memfd, sealed so that
//! nobody can change them any more, and only then hashed: what was verified is
//! what is served. All cores read the one mapping; SQLite gets it by
//! `sqlite3_deserialize` and copies nothing.
//!
//! This is the only module with unsafe code.
#![expect(
    unsafe_code,
    reason = "owns a memory mapping and lends it to SQLite, which knows no lifetimes"
)]

use std::ffi::c_void;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use rusqlite::{Connection, MAIN_DB, OpenFlags};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use espy_shared::hash::ObjectHash;
use espy_shared::segment::{
    self, HeadReader, Identity, MappedSeries, Memory, SegmentError, SeriesReader, SeriesTables,
};

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
    /// The system gives no sealed memory.
    #[error("no sealed memory for {bytes} bytes")]
    Memory {
        /// Asked for.
        bytes: u64,
        /// What the system said.
        source: io::Error,
    },
}

impl Image {
    /// Copies a file into sealed memory and verifies what arrived there.
    ///
    /// # Errors
    ///
    /// When length or hash differ from what is expected, the file cannot be
    /// read, or the system has no memory.
    pub fn load(path: &Path, expected: &ObjectHash, bytes: u64) -> Result<Self, ImageError> {
        let file = File::open(path).map_err(ImageError::Read)?;
        let no_memory = |source| ImageError::Memory { bytes, source };
        let memory = memfd_create(
            "espy-segment",
            MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
        )
        .map_err(|error| no_memory(error.into()))?;
        let mut memory = File::from(memory);
        // Inside the kernel, file to memory. One byte more than expected is
        // enough to know that the file is too long.
        let found = io::copy(&mut file.take(bytes.saturating_add(1)), &mut memory)
            .map_err(ImageError::Read)?;
        if found != bytes {
            return Err(ImageError::Length {
                expected: bytes,
                found,
            });
        }
        fcntl_add_seals(
            &memory,
            SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
        )
        .map_err(|error| no_memory(error.into()))?;
        let image = Self::map(&memory, bytes).map_err(no_memory)?;
        let found = ObjectHash::of(image.bytes());
        if found != *expected {
            return Err(ImageError::Hash { found });
        }
        Ok(image)
    }

    fn map(memory: &File, bytes: u64) -> io::Result<Self> {
        let length = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        // SAFETY: a fresh mapping at an address of the kernel's choice touches
        // no memory of this program. It stays valid when `memory` is closed.
        let address = unsafe {
            mmap(
                std::ptr::null_mut(),
                length,
                ProtFlags::READ,
                // Populated at once: hashing walks it anyway, and readers
                // then meet no page fault.
                MapFlags::PRIVATE | MapFlags::POPULATE,
                memory,
                0,
            )?
        };
        let address = NonNull::new(address).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { address, length })
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `map` made the mapping with this length, readable, and it
        // lives as long as `self`. The memory was sealed against writing and
        // shrinking before it was mapped, so no one can change it or take
        // pages away while the slice is borrowed.
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
        // SAFETY: `map` made exactly this mapping, and no slice of it is left:
        // borrows have ended, and connections hold the image through `Held`.
        let unmapped = unsafe { munmap(self.address.as_ptr(), self.length) };
        debug_assert!(unmapped.is_ok(), "a mapping of our own can be unmapped");
    }
}

// SAFETY: an image is memory that nobody can write, not even this program;
// reading and unmapping it are as good from any thread.
unsafe impl Send for Image {}
// SAFETY: as above: there is nothing to race with.
unsafe impl Sync for Image {}

/// A reader together with the image that it reads.
///
/// The reader owns the connection and gives it out by reference only, so the
/// connection ends with the reader; fields are dropped in their order, so the
/// image goes after it.
#[derive(Debug)]
pub struct Held<R> {
    reader: R,
    /// Not looked at again, but held.
    _image: Arc<Image>,
}

impl<R> Held<R> {
    fn new(
        image: &Arc<Image>,
        reader: impl FnOnce(Connection) -> Result<R, SegmentError>,
    ) -> Result<Self, SegmentError> {
        let image = Arc::clone(image);
        // SAFETY: private to this module, and every closure passed here puts
        // the connection into the reader or drops it. The reader is dropped
        // before `_image`.
        let connection = unsafe { image.connect()? };
        Ok(Self {
            reader: reader(connection)?,
            _image: image,
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
    fn memory_is_sealed_against_this_program_too() {
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
