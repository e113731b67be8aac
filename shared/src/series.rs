//! The series codec: the counts of one (project, dimension) over the slots of
//! a segment, all categories in one run of bytes.
//!
//! ```text
//! series   := entry*                      categories ascending by name
//! entry    := category counts
//! category := varint id                   into the segment's category table
//!           | varint shared, varint rest, bytes
//!                                         inline names: bytes shared with the name before
//! counts   := varint count                one slot
//!           | width, bits{slots}          1 <= width <= 63: every slot in so
//!                                         many bits, low bits first
//!           | 64 + n, item{n}             the n slots that are not 0
//! item     := varint (count - 1) * 32 + slots passed over
//! ```
//!
//! The shorter of bits and list is written, bits on a tie, and a series
//! without any count is not written at all, so equal counts have equal bytes.
//! Measured against other codecs in `docs/format-measurements.md`.

use crate::varint;

/// Most slots in a segment: days of a month; a year has 12 months.
pub const SLOTS_MAX: usize = 31;
/// Longest category name in bytes. Longer ones are counted as `other`.
pub const CATEGORY_BYTES_MAX: usize = 128;

/// The bytes are no series of this shape.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
#[error("the bytes are not a series of {slots} slots")]
pub struct SeriesError {
    slots: usize,
}

/// How a series names its categories.
#[derive(Clone, Copy, Debug)]
pub enum Names<'a> {
    /// By number, in this table.
    Table(&'a [Box<str>]),
    /// By themselves.
    Inline,
}

/// First byte of a list without items; the bytes below it are widths.
const LIST: u8 = 64;
/// Bits of a list's item that say how many slots are passed over.
const GAP_BITS: u32 = 5;
/// Widest count in bits: SQLite's integers have 63.
const WIDTH_MAX: u8 = 63;

const _: () = assert!(
    SLOTS_MAX <= 1 << GAP_BITS,
    "a gap is shorter than a segment"
);
const _: () = assert!(
    LIST as usize + SLOTS_MAX <= 127,
    "the first byte stays below a varint's second"
);

/// Appends the counts of one category.
///
/// # Panics
///
/// When all counts are zero, one has more than 63 bits, or there are none or
/// more than [`SLOTS_MAX`]: the caller leaves such series out.
pub fn put_counts(out: &mut Vec<u8>, counts: &[u64]) {
    assert!(
        (1..=SLOTS_MAX).contains(&counts.len()),
        "a segment has 1 to 31 slots"
    );
    let all = counts.iter().fold(0, |all, count| all | count);
    assert!(all > 0, "a series without counts is not written");
    let width = 64 - all.leading_zeros();
    assert!(width <= u32::from(WIDTH_MAX), "counts have 63 bits");
    if let [count] = counts {
        varint::put(out, *count);
        return;
    }
    let bits_bytes = (counts.len() * width as usize).div_ceil(8);
    let start = out.len();
    if put_list(out, counts) && out.len() - start < 1 + bits_bytes {
        return;
    }
    out.truncate(start);
    out.push(width.to_le_bytes()[0]);
    let mut pending = 0_u128;
    let mut pending_bits = 0;
    for &count in counts {
        pending |= u128::from(count) << pending_bits;
        pending_bits += width;
        while pending_bits >= 8 {
            out.push(pending.to_le_bytes()[0]);
            pending >>= 8;
            pending_bits -= 8;
        }
    }
    if pending_bits > 0 {
        out.push(pending.to_le_bytes()[0]);
    }
}

/// False when a count is too large for a list.
fn put_list(out: &mut Vec<u8>, counts: &[u64]) -> bool {
    let first = out.len();
    out.push(LIST);
    let mut gap = 0;
    for &count in counts {
        if count == 0 {
            gap += 1;
            continue;
        }
        if (count - 1).leading_zeros() < GAP_BITS {
            return false;
        }
        varint::put(out, (count - 1) << GAP_BITS | gap);
        out[first] += 1;
        gap = 0;
    }
    true
}

/// Appends an inline category name that follows `previous`.
pub fn put_inline_name(out: &mut Vec<u8>, previous: &str, name: &str) {
    let shared = previous
        .bytes()
        .zip(name.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    varint::put(out, shared as u64);
    varint::put(out, (name.len() - shared) as u64);
    out.extend_from_slice(&name.as_bytes()[shared..]);
}

/// Walks all categories of a series: `each(name, counts)`, where `counts` has
/// `slots` numbers, in ascending order of name.
///
/// # Errors
///
/// When the bytes are not such a series: cut short, an unknown category,
/// names out of order, a name that is not UTF-8, or a zero where none may be.
pub fn walk(
    bytes: &[u8],
    slots: usize,
    names: Names<'_>,
    mut each: impl FnMut(&str, &[u64]),
) -> Result<(), SeriesError> {
    let error = SeriesError { slots };
    if !(1..=SLOTS_MAX).contains(&slots) {
        return Err(error);
    }
    let mut rest = bytes;
    let mut counts = [0_u64; SLOTS_MAX];
    match names {
        Names::Table(table) => {
            let mut previous: Option<&str> = None;
            while !rest.is_empty() {
                let id = varint::take(&mut rest).ok_or(error)?;
                let name = usize::try_from(id)
                    .ok()
                    .and_then(|id| table.get(id))
                    .ok_or(error)?;
                if previous.is_some_and(|previous| previous >= &**name) {
                    return Err(error);
                }
                previous = Some(name);
                take_counts(&mut rest, &mut counts[..slots]).ok_or(error)?;
                each(name, &counts[..slots]);
            }
        }
        Names::Inline => {
            let mut name: Vec<u8> = Vec::with_capacity(CATEGORY_BYTES_MAX);
            let mut previous: Vec<u8> = Vec::with_capacity(CATEGORY_BYTES_MAX);
            let mut is_first = true;
            while !rest.is_empty() {
                take_inline_name(&mut rest, &mut name).ok_or(error)?;
                if !is_first && previous >= name {
                    return Err(error);
                }
                is_first = false;
                let text = std::str::from_utf8(&name).map_err(|_| error)?;
                take_counts(&mut rest, &mut counts[..slots]).ok_or(error)?;
                each(text, &counts[..slots]);
                previous.clone_from(&name);
            }
        }
    }
    Ok(())
}

/// Walks the last-download dates of a project's versions: `each(version, day
/// of the year from 0)`, ascending by name.
///
/// # Errors
///
/// When the bytes are not such a list.
pub fn walk_last_downloads(
    bytes: &[u8],
    mut each: impl FnMut(&str, u64),
) -> Result<(), SeriesError> {
    let error = SeriesError { slots: 1 };
    let mut rest = bytes;
    let mut name: Vec<u8> = Vec::with_capacity(CATEGORY_BYTES_MAX);
    while !rest.is_empty() {
        take_inline_name(&mut rest, &mut name).ok_or(error)?;
        let text = std::str::from_utf8(&name).map_err(|_| error)?;
        each(text, varint::take(&mut rest).ok_or(error)?);
    }
    Ok(())
}

fn take_inline_name(rest: &mut &[u8], name: &mut Vec<u8>) -> Option<()> {
    let shared = usize::try_from(varint::take(rest)?).ok()?;
    let fresh = usize::try_from(varint::take(rest)?).ok()?;
    if shared > name.len() || fresh > rest.len() {
        return None;
    }
    name.truncate(shared);
    let (head, tail) = rest.split_at(fresh);
    name.extend_from_slice(head);
    *rest = tail;
    Some(())
}

fn take_counts(rest: &mut &[u8], counts: &mut [u64]) -> Option<()> {
    if let [count] = counts {
        *count = varint::take(rest)?;
        return (*count > 0).then_some(());
    }
    let (&form, bytes) = rest.split_first()?;
    *rest = bytes;
    if form > LIST {
        return take_list(rest, counts, form - LIST);
    }
    take_bits(rest, counts, form)
}

fn take_list(rest: &mut &[u8], counts: &mut [u64], items: u8) -> Option<()> {
    counts.fill(0);
    let mut slot = 0;
    for _ in 0..items {
        let item = varint::take(rest)?;
        slot += usize::try_from(item & ((1 << GAP_BITS) - 1)).ok()?;
        *counts.get_mut(slot)? = (item >> GAP_BITS) + 1;
        slot += 1;
    }
    Some(())
}

fn take_bits(rest: &mut &[u8], counts: &mut [u64], width: u8) -> Option<()> {
    if width == 0 || width > WIDTH_MAX {
        return None;
    }
    let width = usize::from(width);
    let (bytes, after) = rest.split_at_checked((counts.len() * width).div_ceil(8))?;
    *rest = after;
    let mask = u64::MAX >> (64 - width);
    let mut bit = 0;
    for count in counts {
        let from = bytes.get(bit / 8..)?;
        *count = match from.first_chunk() {
            // 57 bits that begin inside a byte end in the eighth at the latest.
            Some(word) if width <= 57 => u64::from_le_bytes(*word) >> (bit % 8) & mask,
            _ => take_last_bits(from, bit % 8) & mask,
        };
        bit += width;
    }
    Some(())
}

/// Up to 63 bits near the end of the bytes: they end in the ninth at the latest.
fn take_last_bits(from: &[u8], bit: usize) -> u64 {
    let mut word = [0; 16];
    let length = from.len().min(9);
    word[..length].copy_from_slice(&from[..length]);
    let [low, high] = [0, 8].map(|at| {
        let half = word[at..].first_chunk().expect("16 bytes are twice eight");
        u64::from_le_bytes(*half)
    });
    if bit == 0 {
        low
    } else {
        low >> bit | high << (64 - bit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table() -> Vec<Box<str>> {
        ["a", "b", "c", "d"].map(Box::from).to_vec()
    }

    #[test]
    fn bytes_are_as_documented() {
        for (counts, bytes) in [
            (&[5][..], &[5][..]),
            (&[300], &[0xac, 2]),
            (&[1, 2, 3], &[2, 0b11_10_01]),
            (&[0, 0, 7], &[3, 0b1100_0000, 0b1]),
            (
                &[0, 0, 7, 0, 0, 0, 0, 1],
                &[3, 0b1100_0000, 0b1, 0b0010_0000],
            ),
            (&[300, 1], &[9, 0x2c, 0b11, 0]),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 300], &[65, 0xe8, 0x4a]),
        ] {
            let mut out = Vec::new();
            put_counts(&mut out, counts);
            assert_eq!(out, bytes, "{counts:?}");
        }
    }

    #[test]
    fn refuses_what_it_never_writes() {
        let table = table();
        for bytes in [
            &[0][..],            // a category without counts
            &[9, 1, 7],          // no such category
            &[0, 0],             // no width
            &[0, 64, 1, 1],      // neither a width nor a list
            &[0, 65, 3],         // a day outside the segment
            &[0, 66, 2, 0],      // the same, after one inside
            &[1, 1, 7, 0, 1, 7], // b before a
            &[0, 8, 1, 1],       // cut short
        ] {
            assert!(
                walk(bytes, 3, Names::Table(&table), |_, _| ()).is_err(),
                "{bytes:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn walk_inverts_put(
            slots in 1..=SLOTS_MAX,
            rows in proptest::collection::btree_map("[a-z0-9.]{0,12}", proptest::collection::vec(prop_oneof![3 => Just(0_u64), 2 => 0..300_u64, 1 => 0..=i64::MAX.unsigned_abs()], SLOTS_MAX), 0..8),
        ) {
            let rows: Vec<(String, Vec<u64>)> = rows
                .into_iter()
                .map(|(name, counts)| (name, counts[..slots].to_vec()))
                .filter(|(_, counts)| counts.iter().any(|&count| count > 0))
                .collect();
            let mut inline = Vec::new();
            let mut by_id = Vec::new();
            let mut previous = String::new();
            let table: Vec<Box<str>> = rows.iter().map(|(name, _)| name.as_str().into()).collect();
            for (id, (name, counts)) in rows.iter().enumerate() {
                put_inline_name(&mut inline, &previous, name);
                put_counts(&mut inline, counts);
                varint::put(&mut by_id, id as u64);
                put_counts(&mut by_id, counts);
                previous.clone_from(name);
            }
            for (bytes, names) in [(inline, Names::Inline), (by_id, Names::Table(&table))] {
                let mut read = Vec::new();
                walk(&bytes, slots, names, |name, counts| read.push((name.to_owned(), counts.to_vec()))).unwrap();
                prop_assert_eq!(&read, &rows);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, slots in 0..40_usize) {
            let table = table();
            let _ = walk(&bytes, slots, Names::Inline, |_, _| ());
            let _ = walk(&bytes, slots, Names::Table(&table), |_, _| ());
        }
    }
}
