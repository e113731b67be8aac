//! The content of an input as lines, its hash, and where it continues what has
//! been counted before.

use std::collections::HashMap;
use std::io::{self, Read};

use memchr::{memchr_iter, memrchr};

use super::format::BOM;

/// Longest line in bytes; longer ones are rejected.
pub const LINE_BYTES_MAX_DEFAULT: usize = 1 << 20;
/// Bytes of a line beyond the limit that are kept for quarantine.
const LONG_LINE_KEPT_BYTES: usize = 4096;
/// What may stand around a line and is no part of it: a byte order mark, `\r`.
const LINE_EXTRA_BYTES: usize = BOM.len() + 1;
const READ_BYTES: usize = 256 << 10;

/// The identity of a batch: BLAKE3 of its decompressed content.
pub type BatchHash = blake3::Hash;

/// Batches counted before, by the length of their content.
#[derive(Clone, Default, Debug)]
pub struct KnownContents {
    by_length: HashMap<u64, Vec<BatchHash>>,
    lengths: std::collections::BTreeSet<u64>,
}

impl KnownContents {
    /// Adds one.
    pub fn insert(&mut self, length: u64, hash: BatchHash) {
        self.by_length.entry(length).or_default().push(hash);
        self.lengths.insert(length);
    }

    fn find(&self, length: u64, hash: &BatchHash) -> bool {
        self.by_length
            .get(&length)
            .is_some_and(|hashes| hashes.contains(hash))
    }
}

/// What receives the lines.
pub trait LineSink {
    /// What was seen so far belongs to a batch counted before: forget it.
    fn restart(&mut self);
    /// A line without its newline. Numbers start at 1.
    fn line(&mut self, number: u64, bytes: &[u8]);
    /// A line whose beginning was counted before as a whole line.
    fn continued_line(&mut self, number: u64, bytes: &[u8], counted_bytes: usize);
    /// A line beyond the limit: its beginning and its length.
    fn long_line(&mut self, number: u64, head: &[u8], bytes: u64);
}

/// Where content was found to continue a counted batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parent {
    /// That batch.
    pub hash: BatchHash,
    /// Its length in bytes.
    pub length: u64,
}

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Content {
    /// Of all bytes taken.
    pub hash: BatchHash,
    /// Bytes taken.
    pub length: u64,
    /// The longest counted batch with which it begins; may be all of it.
    pub parent: Option<Parent>,
    /// Whether the last line has no newline.
    pub is_unterminated: bool,
    /// Bytes of an unfinished last line that were left for a later run.
    pub left_bytes: u64,
}

/// Reads lines and hashes content.
pub struct ContentReader<'k, R> {
    reader: R,
    known: &'k KnownContents,
    line_bytes_max: usize,
    hasher: blake3::Hasher,
    hashed: u64,
    parent: Option<Parent>,
    /// Bytes read but not hashed: a line that is not complete yet.
    pending: Vec<u8>,
    line_number: u64,
    /// Length of the part of an over-long line that has been hashed away.
    long: Option<LongLine>,
}

struct LongLine {
    head: Vec<u8>,
    bytes: u64,
    start: u64,
}

impl<'k, R: Read> ContentReader<'k, R> {
    /// `known` are the batches whose continuation is looked for.
    pub fn new(reader: R, known: &'k KnownContents, line_bytes_max: usize) -> Self {
        Self {
            reader,
            known,
            line_bytes_max,
            hasher: blake3::Hasher::new(),
            hashed: 0,
            parent: None,
            pending: Vec::new(),
            line_number: 0,
            long: None,
        }
    }

    /// The first bytes, up to `bytes_max`, without taking them.
    ///
    /// # Errors
    ///
    /// As the input has them.
    pub fn peek(&mut self, bytes_max: usize) -> io::Result<&[u8]> {
        while self.pending.len() < bytes_max && self.fill()? {}
        Ok(&self.pending[..self.pending.len().min(bytes_max)])
    }

    /// Takes all complete lines to the end of the input.
    ///
    /// # Errors
    ///
    /// As the input has them, truncated compression included.
    pub fn take_lines(
        &mut self,
        sink: &mut impl LineSink,
        mut progress: impl FnMut(&R),
    ) -> io::Result<()> {
        loop {
            if let Some(newline) = memrchr(b'\n', &self.pending) {
                let mut block = std::mem::take(&mut self.pending);
                self.pending = block.split_off(newline + 1);
                self.take_block(&block, sink);
            } else if self.pending.len() > self.line_bytes_max + LINE_EXTRA_BYTES {
                let mut part = std::mem::take(&mut self.pending);
                // It may be the first half of the line's end.
                if part.ends_with(b"\r") {
                    part.pop();
                    self.pending.push(b'\r');
                }
                let start = self.hashed;
                self.hash(&part, sink);
                let text = match self.long {
                    None if self.line_number == 0 => part.strip_prefix(BOM).unwrap_or(&part),
                    _ => &part,
                };
                let long = self.long.get_or_insert_with(|| LongLine {
                    head: text[..text.len().min(LONG_LINE_KEPT_BYTES)].to_vec(),
                    bytes: 0,
                    start,
                });
                long.bytes += text.len() as u64;
            }
            progress(&self.reader);
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// The unfinished last line, empty when there is none.
    pub fn last_line(&self) -> &[u8] {
        &self.pending
    }

    /// The number of the last complete line.
    pub fn line_number(&self) -> u64 {
        self.line_number
    }

    /// The reader, to ask how it ended.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// Ends the content, with the unfinished last line or without.
    pub fn finish(mut self, takes_last_line: bool, sink: &mut impl LineSink) -> Content {
        let last = std::mem::take(&mut self.pending);
        let has_last = !last.is_empty() || self.long.is_some();
        let mut left_bytes = 0;
        if has_last && (takes_last_line || self.long.is_some()) {
            self.take_block(&last, sink);
        } else {
            left_bytes = last.len() as u64;
        }
        Content {
            hash: self.hasher.finalize(),
            length: self.hashed,
            parent: self.parent,
            is_unterminated: has_last && left_bytes == 0,
            left_bytes,
        }
    }

    /// Takes lines, each but perhaps the last with its newline.
    fn take_block(&mut self, block: &[u8], sink: &mut impl LineSink) {
        let block_start = self.hashed;
        self.hash(block, sink);
        let counted_to = self.parent.map_or(0, |parent| parent.length);
        let mut start = 0;
        let ends = memchr_iter(b'\n', block).map(|newline| (newline, newline + 1));
        let tail = (!block.ends_with(b"\n")).then_some((block.len(), block.len()));
        for (end, next) in ends.chain(tail) {
            self.line_number += 1;
            let bytes = block[start..end]
                .strip_suffix(b"\r")
                .unwrap_or(&block[start..end]);
            if let Some(long) = self.long.take() {
                if long.start >= counted_to {
                    sink.long_line(
                        self.line_number,
                        &long.head,
                        long.bytes + bytes.len() as u64,
                    );
                }
            } else if block_start + start as u64 >= counted_to {
                let bytes = if self.line_number == 1 {
                    bytes.strip_prefix(BOM).unwrap_or(bytes)
                } else {
                    bytes
                };
                if bytes.len() > self.line_bytes_max {
                    let head = &bytes[..bytes.len().min(LONG_LINE_KEPT_BYTES)];
                    sink.long_line(self.line_number, head, bytes.len() as u64);
                } else {
                    sink.line(self.line_number, bytes);
                }
            } else if counted_to < block_start + (start + bytes.len()) as u64 {
                let counted_bytes = counted_to - block_start - start as u64;
                let counted_bytes =
                    usize::try_from(counted_bytes).expect("it lies inside the line");
                sink.continued_line(self.line_number, bytes, counted_bytes);
            }
            start = next;
        }
    }

    /// Hashes bytes; stops at the length of every known batch to compare.
    fn hash(&mut self, mut bytes: &[u8], sink: &mut impl LineSink) {
        let end = self.hashed + bytes.len() as u64;
        let mut is_found = false;
        for &length in self.known.lengths.range(self.hashed + 1..=end) {
            let split =
                usize::try_from(length - self.hashed).expect("the length lies inside the bytes");
            self.hasher.update(&bytes[..split]);
            bytes = &bytes[split..];
            self.hashed = length;
            let hash = self.hasher.finalize();
            if self.known.find(length, &hash) {
                self.parent = Some(Parent { hash, length });
                is_found = true;
            }
        }
        self.hasher.update(bytes);
        self.hashed = end;
        if is_found {
            sink.restart();
        }
    }

    /// Reads more; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let length = self.pending.len();
        self.pending.resize(length + READ_BYTES, 0);
        let read = loop {
            match self.reader.read(&mut self.pending[length..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.pending.truncate(length + *read.as_ref().unwrap_or(&0));
        Ok(read? > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Default, PartialEq, Eq, Debug)]
    struct Lines(Vec<(u64, Vec<u8>)>);

    impl LineSink for Lines {
        fn restart(&mut self) {
            self.0.clear();
        }
        fn line(&mut self, number: u64, bytes: &[u8]) {
            self.0.push((number, bytes.to_vec()));
        }
        fn continued_line(&mut self, number: u64, bytes: &[u8], counted_bytes: usize) {
            let text = String::from_utf8_lossy(bytes);
            self.0
                .push((number, format!("{text} after {counted_bytes}").into_bytes()));
        }
        fn long_line(&mut self, number: u64, _head: &[u8], bytes: u64) {
            self.0.push((number, format!("long {bytes}").into_bytes()));
        }
    }

    fn read(
        bytes: &[u8],
        known: &KnownContents,
        takes_last: bool,
    ) -> (Content, Vec<(u64, String)>) {
        let mut lines = Lines::default();
        let mut reader = ContentReader::new(bytes, known, 10);
        reader.take_lines(&mut lines, |_| ()).unwrap();
        let content = reader.finish(takes_last, &mut lines);
        let texts = lines
            .0
            .into_iter()
            .map(|(n, b)| (n, String::from_utf8_lossy(&b).into_owned()))
            .collect();
        (content, texts)
    }

    fn numbered(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
        lines
            .iter()
            .map(|(n, text)| (*n, (*text).to_owned()))
            .collect()
    }

    #[test]
    fn lines_of_all_shapes() {
        let none = KnownContents::default();
        for (bytes, expect) in [
            (
                &b"a\r\nb\n\nc"[..],
                &[(1, "a"), (2, "b"), (3, ""), (4, "c")][..],
            ),
            (b"", &[]),
            (b"\xef\xbb\xbfa\n", &[(1, "a")]),
            (
                b"0123456789\n0123456789x\nz\n",
                &[(1, "0123456789"), (2, "long 11"), (3, "z")],
            ),
        ] {
            let (content, lines) = read(bytes, &none, true);
            assert_eq!(lines, numbered(expect));
            assert_eq!(
                (content.hash, content.length),
                (blake3::hash(bytes), bytes.len() as u64)
            );
        }
    }

    #[test]
    fn lines_longer_than_a_read_are_bounded() {
        let long = "x".repeat(3 * READ_BYTES);
        let text = format!("a\n{long}\nb\n{long}");
        let (content, lines) = read(text.as_bytes(), &KnownContents::default(), true);
        let expect = format!("long {}", long.len());
        assert_eq!(
            lines,
            numbered(&[(1, "a"), (2, &expect), (3, "b"), (4, &expect)])
        );
        assert_eq!(content.hash, blake3::hash(text.as_bytes()));
    }

    #[test]
    fn an_unfinished_last_line_can_be_left() {
        let (content, lines) = read(b"a\nb", &KnownContents::default(), false);
        assert_eq!(lines, numbered(&[(1, "a")]));
        assert_eq!(
            (content.hash, content.length, content.left_bytes),
            (blake3::hash(b"a\n"), 2, 1)
        );
        assert!(!content.is_unterminated);
    }

    #[test]
    fn only_what_follows_a_counted_batch_is_seen() {
        for (counted, bytes, expect) in [
            (&b"a\nb\n"[..], &b"a\nb\nc\n"[..], &[(3, "c")][..]),
            (b"a\nb", b"a\nb\nc\n", &[(3, "c")]),
            (b"a\nb", b"a\nbx\nc\n", &[(2, "bx after 1"), (3, "c")]),
            (b"a\nb", b"a\nb\r\nc\n", &[(3, "c")]),
            (b"a\nb\n", b"a\nb\n", &[]),
            (b"a\nb\n", b"a\nx\nc\n", &[(1, "a"), (2, "x"), (3, "c")]),
        ] {
            let mut known = KnownContents::default();
            known.insert(counted.len() as u64, blake3::hash(counted));
            let (content, lines) = read(bytes, &known, true);
            assert_eq!(
                lines,
                numbered(expect),
                "{}",
                String::from_utf8_lossy(bytes)
            );
            assert_eq!(content.hash, blake3::hash(bytes));
        }
    }

    proptest! {
        #[test]
        fn growing_shows_each_line_once(lines in proptest::collection::vec("[a-c]{0,4}", 1..30), cuts in proptest::collection::vec(0..30_usize, 1..4)) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let ends: Vec<usize> = text.match_indices('\n').map(|(index, _)| index + 1).collect();
            let mut known = KnownContents::default();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| ends[cut % ends.len()]).collect();
            cuts.push(text.len());
            cuts.sort_unstable();
            cuts.dedup();
            let mut seen = Vec::new();
            for cut in cuts {
                let (content, fresh) = read(&text.as_bytes()[..cut], &known, true);
                seen.extend(fresh);
                known.insert(content.length, content.hash);
            }
            let expect: Vec<(u64, String)> = (1..).zip(lines).collect();
            prop_assert_eq!(seen, expect);
        }
    }
}
