//! SHA-256, by which objects and documents are named.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A SHA-256; prints as 64 lower-case hexadecimal digits, like `sha256sum`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectHash([u8; 32]);

/// A text is no hash.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not 64 lower-case hexadecimal digits")]
pub struct HashError;

impl ObjectHash {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// The hash and length of a file.
///
/// # Errors
///
/// As the file system has them.
pub fn of_file(path: &Path) -> io::Result<(ObjectHash, u64)> {
    let mut hasher = HashWriter::new(io::sink());
    io::copy(&mut File::open(path)?, &mut hasher)?;
    let (_, hash, bytes) = hasher.finish();
    Ok((hash, bytes))
}

impl fmt::Display for ObjectHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ObjectHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| HashError)?;
        bytes.try_into().map(Self).map_err(|_| HashError)
    }
}

impl Serialize for ObjectHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes and counts whatever is written through it on its way to `inner`.
pub struct HashWriter<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: io::Write> HashWriter<W> {
    /// Starts with nothing written.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            bytes: 0,
        }
    }

    /// The inner writer, the hash of all that was written, and its length.
    pub fn finish(self) -> (W, ObjectHash, u64) {
        (
            self.inner,
            ObjectHash(self.hasher.finalize().into()),
            self.bytes,
        )
    }
}

impl<W: io::Write> io::Write for HashWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn as_sha256sum_prints_it() {
        let expect = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hash = ObjectHash::of(b"abc");
        assert_eq!(hash.to_string(), expect);
        assert_eq!(expect.parse(), Ok(hash));
        let mut writer = HashWriter::new(Vec::new());
        writer.write_all(b"a").unwrap();
        writer.write_all(b"bc").unwrap();
        assert_eq!(writer.finish(), (b"abc".to_vec(), hash, 3));
    }

    #[test]
    fn refuses_other_text() {
        for text in [
            "",
            "ba78",
            &"B".repeat(64),
            &"g".repeat(64),
            &"a".repeat(65),
        ] {
            assert_eq!(text.parse::<ObjectHash>(), Err(HashError));
        }
    }
}
