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
//!           | 0 varint{slots}             dense
//!           | mask varint{ones of mask}   sparse: bit 0 is the first slot
//! ```
//!
//! The shorter of dense and sparse is written, dense on a tie, and a series
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

/// Appends the counts of one category.
///
/// # Panics
///
/// When all counts are zero, or there are none or more than [`SLOTS_MAX`]:
/// the caller leaves such series out.
pub fn put_counts(out: &mut Vec<u8>, counts: &[u64]) {
    assert!(
        (1..=SLOTS_MAX).contains(&counts.len()),
        "a segment has 1 to 31 slots"
    );
    if let [count] = counts {
        assert!(*count > 0, "a series without counts is not written");
        varint::put(out, *count);
        return;
    }
    let mut mask = 0_u64;
    let mut sparse = 0;
    let mut dense = 1;
    for (slot, &count) in counts.iter().enumerate() {
        let bytes = varint::len(count);
        dense += bytes;
        if count > 0 {
            mask |= 1 << slot;
            sparse += bytes;
        }
    }
    assert!(mask > 0, "a series without counts is not written");
    if varint::len(mask) + sparse < dense {
        varint::put(out, mask);
        counts
            .iter()
            .filter(|&&count| count > 0)
            .for_each(|&count| varint::put(out, count));
    } else {
        out.push(0);
        counts.iter().for_each(|&count| varint::put(out, count));
    }
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
    let mut mask = varint::take(rest)?;
    if mask == 0 {
        for count in counts.iter_mut() {
            *count = varint::take(rest)?;
        }
        return Some(());
    }
    if mask >> counts.len() != 0 {
        return None;
    }
    counts.fill(0);
    while mask != 0 {
        let slot = mask.trailing_zeros() as usize;
        let count = varint::take(rest)?;
        if count == 0 {
            return None;
        }
        counts[slot] = count;
        mask &= mask - 1;
    }
    Some(())
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
            (&[0, 0, 7], &[0b100, 7]),
            (&[1, 2, 3], &[0, 1, 2, 3]),
            (&[1, 0, 0], &[0b001, 1]),
            (&[300, 1], &[0, 0xac, 2, 1]),
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
            &[0][..],                        // a category without counts
            &[9, 0, 1, 1, 1],                // no such category
            &[0, 0b1000, 1],                 // a day outside the segment
            &[0, 0b001, 0],                  // a marked day without a count
            &[1, 0, 1, 1, 1, 0, 0, 1, 1, 1], // b before a
            &[0, 0, 1, 1],                   // cut short
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
            rows in proptest::collection::btree_map("[a-z0-9.]{0,12}", proptest::collection::vec(prop_oneof![3 => Just(0_u64), 2 => 0..300_u64, 1 => any::<u64>()], SLOTS_MAX), 0..8),
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
