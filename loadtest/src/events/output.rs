//! Where the lines go: a file or standard output, compressed or not.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::config::{Compress, Out};

const BUFFER_BYTES: usize = 1 << 18;

/// An open output. Nothing is complete before [`Output::finish`].
pub(crate) enum Output {
    Plain(Sink),
    Gzip(GzEncoder<Sink>),
    Zstd(zstd::Encoder<'static, Sink>),
}

type Sink = BufWriter<Box<dyn Write>>;

impl Output {
    pub(crate) fn open(out: &Out, compress: Compress) -> anyhow::Result<Self> {
        let target: Box<dyn Write> = match out {
            Out::Stdout => Box::new(io::stdout()),
            Out::File(path) => Box::new(create(path)?),
        };
        let sink = BufWriter::with_capacity(BUFFER_BYTES, target);
        Ok(match compress {
            Compress::None => Self::Plain(sink),
            // No name and no time in the header: the same bytes every time.
            Compress::Gzip => Self::Gzip(GzEncoder::new(sink, Compression::default())),
            Compress::Zstd => {
                let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                Self::Zstd(zstd::Encoder::new(sink, level).context("start zstd")?)
            }
        })
    }

    /// Writes what is held back.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        }
        .flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(sink) => sink.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

/// Creates or empties a file.
pub(crate) fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("create {}", path.display()))
}
