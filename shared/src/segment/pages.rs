//! SQLite's file format, as far as finding a row by its key needs it:
//! <https://www.sqlite.org/fileformat2.html>. What is not exactly as expected
//! is an error, never a panic; no damage makes it read for ever.

use std::cmp::Ordering;

use crate::name::NAME_BYTES_MAX;

/// Deepest B-tree: each level has at least two children a page, and pages are
/// numbered in 32 bits.
const DEPTH_MAX: u8 = 32;
/// Longest record of a name and a number: three bytes or four of header, nine
/// for the number.
const KEY_BYTES_MAX: usize = NAME_BYTES_MAX + 13;
/// Smallest page: a record of a key never goes on in another one.
const PAGE_BYTES_MIN: usize = 1024;
const _: () = assert!(
    KEY_BYTES_MAX <= (PAGE_BYTES_MIN - 12) * 64 / 255 - 23,
    "SQLite keeps whole what is not longer than this"
);
/// The first page holds the schema, so no other tree begins there.
const FIRST_PAGE: u32 = 2;
/// Bytes before the cell pointers of a leaf, and of any other page.
const LEAF_HEADER_BYTES: usize = 8;
const INNER_HEADER_BYTES: usize = 12;
/// First byte of a page.
const INNER_KEYS: u8 = 0x02;
const INNER_ROWS: u8 = 0x05;
const LEAF_KEYS: u8 = 0x0a;
const LEAF_ROWS: u8 = 0x0d;

/// The pages of a file.
#[derive(Clone, Copy)]
pub(super) struct Pages<'a> {
    bytes: &'a [u8],
    page_bytes: usize,
}

/// One step down a tree.
#[derive(Clone, Copy)]
pub(super) enum Step<T> {
    /// The page to go on with.
    Down(Place),
    Found(T),
    Missing,
}

/// How far a search has come: a page, and in a leaf the cells left. In a leaf
/// a step is one comparison, so that searches that take turns wait for memory
/// together; the other pages are few, and in the cache.
#[derive(Clone, Copy)]
pub(super) struct Place {
    page: u32,
    depth: u8,
    cells: Option<(usize, usize)>,
    next_read: usize,
}

impl Place {
    pub(super) fn root(page: u32) -> Self {
        Self {
            page,
            depth: 0,
            cells: None,
            next_read: 0,
        }
    }

    /// Where in the file the next step begins to read.
    pub(super) fn next_read(&self) -> usize {
        self.next_read
    }

    fn child(self, page: u32, page_bytes: usize) -> Option<Self> {
        let depth = self.depth + 1;
        (depth < DEPTH_MAX).then_some(Self {
            page,
            depth,
            cells: None,
            next_read: (page as usize).wrapping_sub(1).wrapping_mul(page_bytes),
        })
    }

    /// The same page with fewer cells left.
    fn within(self, page: &Page<'_>, low: usize, high: usize) -> Option<Self> {
        let next_cell = match low < high {
            true => page.cell_start(usize::midpoint(low, high))?,
            false => 0,
        };
        Some(Self {
            cells: Some((low, high)),
            next_read: page.start + next_cell,
            ..self
        })
    }
}

/// A row of a table: what its page holds of it, and where the rest is.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    local: &'a [u8],
    /// Bytes of the whole.
    length: usize,
    /// Page with what follows `local`.
    overflow: u32,
}

impl<'a> Pages<'a> {
    /// `page_bytes` is what [`page_bytes`] has found.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], page_bytes: usize) -> Self {
        Self { bytes, page_bytes }
    }

    /// Whether a table with integer keys begins at that page.
    pub(super) fn is_root_of_rows(self, page: u32) -> bool {
        self.page(page)
            .is_some_and(|page| matches!(page.kind, INNER_ROWS | LEAF_ROWS))
    }

    /// Whether an index, or a table without integer keys, begins at that page.
    pub(super) fn is_root_of_keys(self, page: u32) -> bool {
        self.page(page)
            .is_some_and(|page| matches!(page.kind, INNER_KEYS | LEAF_KEYS))
    }

    /// One step towards the integer that stands beside a text, in a table of
    /// rows (text, integer) whose primary key the text is. None: damaged.
    #[inline]
    pub(super) fn step_to_key(self, place: Place, key: &[u8]) -> Option<Step<u64>> {
        let page = self.page(place.page)?;
        match page.kind {
            LEAF_KEYS => {
                let Some((low, high)) = place.cells else {
                    return Some(Step::Down(place.within(&page, 0, page.cell_count)?));
                };
                if low >= high {
                    return Some(Step::Missing);
                }
                let middle = usize::midpoint(low, high);
                let (text, number) = text_and_number(page.cell(middle)?)?;
                let place = match text.cmp(key) {
                    Ordering::Less => place.within(&page, middle + 1, high),
                    Ordering::Greater => place.within(&page, low, middle),
                    Ordering::Equal => return Some(Step::Found(integer(number)?)),
                };
                Some(Step::Down(place?))
            }
            INNER_KEYS => {
                let (mut low, mut high) = (0, page.cell_count);
                while low < high {
                    let middle = usize::midpoint(low, high);
                    let (text, number) = text_and_number(page.cell(middle)?.get(4..)?)?;
                    match text.cmp(key) {
                        Ordering::Less => low = middle + 1,
                        Ordering::Greater => high = middle,
                        Ordering::Equal => return Some(Step::Found(integer(number)?)),
                    }
                }
                let child = place.child(page.child(low)?, self.page_bytes)?;
                Some(Step::Down(child))
            }
            _ => None,
        }
    }

    /// One step towards the row with that integer key. None: damaged.
    #[inline]
    pub(super) fn step_to_row(self, place: Place, key: u64) -> Option<Step<Row<'a>>> {
        let page = self.page(place.page)?;
        match page.kind {
            LEAF_ROWS => {
                let Some((low, high)) = place.cells else {
                    return Some(Step::Down(place.within(&page, 0, page.cell_count)?));
                };
                if low >= high {
                    return Some(Step::Missing);
                }
                let middle = usize::midpoint(low, high);
                let mut cell = page.cell(middle)?;
                let length = varint(&mut cell)?;
                let place = match varint(&mut cell)?.cmp(&key) {
                    Ordering::Less => place.within(&page, middle + 1, high),
                    Ordering::Greater => place.within(&page, low, middle),
                    Ordering::Equal => return Some(Step::Found(self.row(cell, length)?)),
                };
                Some(Step::Down(place?))
            }
            INNER_ROWS => {
                let (mut low, mut high) = (0, page.cell_count);
                while low < high {
                    let middle = usize::midpoint(low, high);
                    let mut last = page.cell(middle)?.get(4..)?;
                    if varint(&mut last)? < key {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                let child = place.child(page.child(low)?, self.page_bytes)?;
                Some(Step::Down(child))
            }
            _ => None,
        }
    }

    /// A column that is a blob or NULL; `scratch` is for one that does not
    /// fit its page. The outer none: damaged.
    #[inline]
    pub(super) fn blob<'b>(
        self,
        row: &Row<'a>,
        column: usize,
        scratch: &'b mut Vec<u8>,
    ) -> Option<Option<&'b [u8]>>
    where
        'a: 'b,
    {
        let mut rest = row.local;
        let header_bytes = usize::try_from(varint(&mut rest)?).ok()?;
        let taken = row.local.len() - rest.len();
        let mut header = row.local.get(taken..header_bytes)?;
        let mut start = header_bytes;
        for _ in 0..column {
            start = start.checked_add(content_bytes(varint(&mut header)?)?)?;
        }
        let kind = varint(&mut header)?;
        if kind == 0 {
            return Some(None);
        }
        if kind < 12 || kind % 2 == 1 {
            return None;
        }
        let end = start.checked_add(content_bytes(kind)?)?;
        if end > row.length {
            return None;
        }
        match row.local.get(start..end) {
            Some(bytes) => Some(Some(bytes)),
            None => self.overflow(row, start..end, scratch).map(Some),
        }
    }

    /// Puts together what does not lie within the row's page.
    #[cold]
    fn overflow<'b>(
        self,
        row: &Row<'_>,
        range: std::ops::Range<usize>,
        out: &'b mut Vec<u8>,
    ) -> Option<&'b [u8]> {
        out.clear();
        out.extend_from_slice(row.local.get(range.start..).unwrap_or_default());
        // Each page has four bytes for the number of the next one. The pages
        // before the range are passed over: their place is only in their chain.
        let (mut position, mut page) = (row.local.len(), row.overflow);
        while position < range.end {
            let bytes = self.bytes_of(page)?;
            let (next, content) = bytes.split_first_chunk::<4>()?;
            let from = range.start.max(position) - position;
            let to = (range.end - position).min(content.len());
            out.extend_from_slice(content.get(from..to).unwrap_or_default());
            position += content.len();
            page = u32::from_be_bytes(*next);
        }
        (out.len() == range.len()).then_some(&out[..])
    }

    fn bytes_of(self, page: u32) -> Option<&'a [u8]> {
        let index = usize::try_from(page.checked_sub(1)?).ok()?;
        let start = index.checked_mul(self.page_bytes)?;
        self.bytes.get(start..start.checked_add(self.page_bytes)?)
    }

    #[inline]
    fn page(self, number: u32) -> Option<Page<'a>> {
        if number < FIRST_PAGE {
            return None;
        }
        let bytes = self.bytes_of(number)?;
        let kind = bytes[0];
        Some(Page {
            bytes,
            start: (number as usize - 1) * self.page_bytes,
            kind,
            cell_count: usize::from(u16::from_be_bytes([bytes[3], bytes[4]])),
            cells_start: match kind {
                LEAF_ROWS | LEAF_KEYS => LEAF_HEADER_BYTES,
                _ => INNER_HEADER_BYTES,
            },
        })
    }

    /// The row whose payload begins at `cell`.
    fn row(self, cell: &'a [u8], length: u64) -> Option<Row<'a>> {
        let length = usize::try_from(length).ok()?;
        let local_max = self.page_bytes - 35;
        if length <= local_max {
            return Some(Row {
                local: cell.get(..length)?,
                length,
                overflow: 0,
            });
        }
        let least = (self.page_bytes - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.page_bytes - 4);
        let local_bytes = if fitting <= local_max { fitting } else { least };
        let (local, rest) = cell.split_at_checked(local_bytes)?;
        Some(Row {
            local,
            length,
            overflow: u32::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

/// The size of the pages of a file without reserved bytes, its text in UTF-8,
/// as every segment. None: another kind of file.
pub(super) fn page_bytes(file: &[u8]) -> Option<usize> {
    let header = file.first_chunk::<100>()?;
    let is_known = header.starts_with(b"SQLite format 3\0")
        && header[20] == 0
        && header[56..60] == [0, 0, 0, 1];
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => usize::from(size),
    };
    (is_known && page_bytes >= PAGE_BYTES_MIN && page_bytes.is_power_of_two()).then_some(page_bytes)
}

/// A page of a tree.
struct Page<'a> {
    bytes: &'a [u8],
    /// In the file.
    start: usize,
    kind: u8,
    cell_count: usize,
    cells_start: usize,
}

impl<'a> Page<'a> {
    #[inline]
    fn cell_start(&self, index: usize) -> Option<usize> {
        let pointer = self.bytes.get(self.cells_start + 2 * index..)?;
        Some(usize::from(u16::from_be_bytes(*pointer.first_chunk()?)))
    }

    #[inline]
    fn cell(&self, index: usize) -> Option<&'a [u8]> {
        self.bytes.get(self.cell_start(index)?..)
    }

    /// The page with the keys before those of a cell, or after all of them.
    #[inline]
    fn child(&self, index: usize) -> Option<u32> {
        let number = if index < self.cell_count {
            self.cell(index)?
        } else {
            &self.bytes[8..]
        };
        Some(u32::from_be_bytes(*number.first_chunk()?))
    }
}

/// The parts of a record (text, integer) whose header is all in one page;
/// names are too short for more.
#[inline]
fn text_and_number(mut cell: &[u8]) -> Option<(&[u8], Number<'_>)> {
    let length = usize::try_from(varint(&mut cell)?).ok()?;
    if length > KEY_BYTES_MAX {
        return None;
    }
    let record = cell.get(..length)?;
    let mut header = record;
    let header_bytes = usize::try_from(varint(&mut header)?).ok()?;
    let text_kind = varint(&mut header)?;
    let number_kind = varint(&mut header)?;
    if text_kind < 13 || text_kind % 2 == 0 {
        return None;
    }
    let (text, rest) = record
        .get(header_bytes..)?
        .split_at_checked(content_bytes(text_kind)?)?;
    Some((
        text,
        Number {
            kind: number_kind,
            bytes: rest,
        },
    ))
}

/// An integer as a record has it.
#[derive(Clone, Copy)]
struct Number<'a> {
    kind: u64,
    bytes: &'a [u8],
}

/// One that is not negative.
fn integer(number: Number<'_>) -> Option<u64> {
    if let 8 | 9 = number.kind {
        return Some(number.kind - 8);
    }
    let bytes = number.bytes.get(..content_bytes(number.kind)?)?;
    if !(1..=6).contains(&number.kind) || bytes[0] >= 0x80 {
        return None;
    }
    let value = bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    Some(value)
}

/// Bytes of a value by its kind in a record's header.
#[inline]
fn content_bytes(kind: u64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => usize::try_from(kind).ok(),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        _ => usize::try_from((kind - 12) / 2).ok(),
    }
}

/// Takes a number off the front: seven bits a byte, high bits first, all eight
/// of the ninth.
#[inline]
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let low = |byte: u8| u64::from(byte & 0x7f);
    match **bytes {
        [a, ref rest @ ..] if a < 0x80 => {
            *bytes = rest;
            Some(u64::from(a))
        }
        [a, b, ref rest @ ..] if b < 0x80 => {
            *bytes = rest;
            Some(low(a) << 7 | u64::from(b))
        }
        [a, b, c, ref rest @ ..] if c < 0x80 => {
            *bytes = rest;
            Some(low(a) << 14 | low(b) << 7 | u64::from(c))
        }
        _ => long_varint(bytes),
    }
}

#[cold]
fn long_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(9).enumerate() {
        if index == 8 || byte < 0x80 {
            *bytes = &bytes[index + 1..];
            let bits = if index == 8 { 8 } else { 7 };
            return Some(value << bits | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
    }
    None
}
