//! One input: a file or standard input, plain, gzip or zstd, read to a known
//! end. What is read must be one version of the file.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Chain, Cursor, Read, Take};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail, ensure};

/// How an input is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

/// First bytes that tell the compression.
const MAGIC_BYTES: u64 = 4;

impl Compression {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// An input as named on the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// `-`.
    Stdin,
    /// A path.
    File(PathBuf),
}

impl Input {
    /// For messages.
    pub fn name(&self) -> String {
        match self {
            Input::Stdin => "standard input".to_owned(),
            Input::File(path) => path.display().to_string(),
        }
    }

    /// Bytes on disk, 0 where unknown.
    pub fn bytes(&self) -> u64 {
        match self {
            Input::Stdin => 0,
            Input::File(path) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
        }
    }
}

/// An opened input. Read it to its end, then ask [`Source::finish`].
pub struct Source {
    reader: Box<dyn Read>,
    origin: Option<Origin>,
    compression: Compression,
    consumed: Arc<AtomicU64>,
}

struct Origin {
    path: PathBuf,
    file: File,
    opened: Metadata,
}

/// How an input ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Nothing was or will be added.
    Complete,
    /// A plain file that did not change while it was read, but whose last
    /// line, without a newline, may still be in the making.
    MaybeGrowing,
    /// A plain file that grew while it was read: it ends at its last newline
    /// before its size at open.
    Grew,
}

/// Whether an input is a file whose content is as long as the file. One that
/// cannot be looked at is not.
pub fn is_plain_file(input: &Input) -> bool {
    let Input::File(path) = input else {
        return false;
    };
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let mut magic = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC_BYTES).read_to_end(&mut magic));
    is_file && read.is_ok() && Compression::of(&magic) == Compression::None
}

impl Source {
    /// Opens an input and tells its compression from its first bytes.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or read, or is no file.
    pub fn open(input: &Input) -> anyhow::Result<Self> {
        let (raw, origin): (Box<dyn Read>, _) = match input {
            Input::Stdin => (Box::new(io::stdin().lock()), None),
            Input::File(path) => {
                let file = File::open(path)?;
                let opened = file.metadata()?;
                ensure!(!opened.is_dir(), "is a directory; name the files in it");
                if opened.is_file() {
                    // Bytes that come later belong to a later run.
                    let limited: Take<File> = file.try_clone()?.take(opened.len());
                    (
                        Box::new(limited),
                        Some(Origin {
                            path: path.clone(),
                            file,
                            opened,
                        }),
                    )
                } else {
                    (Box::new(file), None)
                }
            }
        };
        let consumed = Arc::new(AtomicU64::new(0));
        let mut raw = Counted {
            inner: raw,
            consumed: Arc::clone(&consumed),
        };
        let mut magic = Vec::new();
        (&mut raw).take(MAGIC_BYTES).read_to_end(&mut magic)?;
        let compression = Compression::of(&magic);
        let whole: Chain<Cursor<Vec<u8>>, Counted> = Cursor::new(magic).chain(raw);
        let buffered = BufReader::with_capacity(256 << 10, whole);
        let reader: Box<dyn Read> = match compression {
            Compression::None => Box::new(buffered),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?),
        };
        Ok(Self {
            reader,
            origin,
            compression,
            consumed,
        })
    }

    /// Bytes taken from disk so far, for progress.
    pub fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    /// Checks, after the last byte was read, that it was one version of the file.
    ///
    /// # Errors
    ///
    /// When the file was truncated, replaced or rewritten meanwhile.
    pub fn finish(&self) -> anyhow::Result<Ending> {
        let Some(origin) = &self.origin else {
            return Ok(Ending::Complete);
        };
        let opened = &origin.opened;
        let now = origin.file.metadata().context("look at it again")?;
        if self.consumed() < opened.len() || now.len() < opened.len() {
            bail!(
                "was truncated while it was read, from {} to {} bytes; run again",
                opened.len(),
                now.len()
            );
        }
        match std::fs::metadata(&origin.path) {
            Ok(named) if (named.dev(), named.ino()) == (opened.dev(), opened.ino()) => {}
            // A log that is rotated away is still the same bytes.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(_) => bail!("was replaced by another file while it was read; run again"),
            Err(error) => return Err(error).context("look at it again"),
        }
        if now.len() > opened.len() {
            if self.compression != Compression::None {
                bail!(
                    "grew while it was read, and a compressed file cannot be read in part; run again"
                );
            }
            return Ok(Ending::Grew);
        }
        if now.modified().ok() != opened.modified().ok() {
            bail!("was rewritten while it was read; run again");
        }
        Ok(if self.compression == Compression::None {
            Ending::MaybeGrowing
        } else {
            Ending::Complete
        })
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

struct Counted {
    inner: Box<dyn Read>,
    consumed: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.consumed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn read(bytes: &[u8], meanwhile: impl FnOnce(&Path)) -> (anyhow::Result<Ending>, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, bytes).unwrap();
        let mut source = Source::open(&Input::File(path.clone())).unwrap();
        meanwhile(&path);
        let mut content = Vec::new();
        let ending = match source.read_to_end(&mut content) {
            Ok(_) => source.finish(),
            Err(error) => Err(error.into()),
        };
        (ending, content)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressions_give_the_same_content() {
        let text = b"a\nb\n".repeat(1000);
        let members = [gzip(&text[..1001]), gzip(&text[1001..])].concat();
        let frames = [
            zstd::encode_all(&text[..7], 1).unwrap(),
            zstd::encode_all(&text[7..], 1).unwrap(),
        ]
        .concat();
        for (bytes, ending) in [
            (text.clone(), Ending::MaybeGrowing),
            (members, Ending::Complete),
            (frames, Ending::Complete),
        ] {
            let (found, content) = read(&bytes, |_| ());
            assert_eq!(found.unwrap(), ending);
            assert_eq!(content, text);
        }
    }

    #[test]
    fn cut_compression_fails_at_every_length() {
        let text = b"hello\n".repeat(100);
        for bytes in [gzip(&text), zstd::encode_all(&text[..], 1).unwrap()] {
            for length in 4..bytes.len() {
                assert!(
                    read(&bytes[..length], |_| ()).0.is_err(),
                    "cut at {length} of {}",
                    bytes.len()
                );
            }
        }
    }

    #[test]
    fn changes_while_reading() {
        let append = |path: &Path| {
            std::fs::OpenOptions::new()
                .append(true)
                .open(path)
                .unwrap()
                .write_all(b"c\n")
                .unwrap();
        };
        let (ending, content) = read(b"a\nb", append);
        assert_eq!((ending.unwrap(), content), (Ending::Grew, b"a\nb".to_vec()));
        assert!(
            read(b"a\nb\n", |path| std::fs::write(path, b"a").unwrap())
                .0
                .is_err()
        );
        assert!(
            read(b"a\nb\n", |path| {
                std::fs::remove_file(path).unwrap();
                std::fs::write(path, b"a\nb\n").unwrap();
            })
            .0
            .is_err()
        );
        assert!(
            read(b"a\nb\n", |path| std::fs::remove_file(path).unwrap())
                .0
                .is_ok()
        );
        assert!(read(&gzip(b"a\nb\n"), append).0.is_err());
    }
}
