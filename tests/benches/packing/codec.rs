//! Counts of one dimension as bytes.
//!
//! A dimension is a run of categories in name order: the category, then its
//! counts. A category is a varint into the file's dictionary or, for versions,
//! its name, front-coded against the one before. Counts of a single day are one
//! varint; of more days, a header and the counts: header 0 is dense, any other
//! is a mask of the days that are not zero.

/// Longest span: a calendar month.
pub(crate) const SPAN_DAYS_MAX: usize = 31;

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
}

fn varint_len(value: u32) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        0x20_0000..=0xfff_ffff => 4,
        _ => 5,
    }
}

/// Takes a varint off the front. The bytes are our own: no bounds to report.
#[inline]
pub(crate) fn take_varint(bytes: &mut &[u8]) -> u64 {
    let first = bytes[0];
    if first < 0x80 {
        *bytes = &bytes[1..];
        return u64::from(first);
    }
    let (mut value, mut shift, mut at) = (u64::from(first & 0x7f), 7, 1);
    loop {
        let byte = bytes[at];
        value |= u64::from(byte & 0x7f) << shift;
        at += 1;
        if byte < 0x80 {
            *bytes = &bytes[at..];
            return value;
        }
        shift += 7;
    }
}

pub(crate) fn take_usize(bytes: &mut &[u8]) -> usize {
    usize::try_from(take_varint(bytes)).expect("a length we wrote")
}

/// Whether the dense form is at most as long as the sparse one, and the mask.
fn dense_wins(counts: &[u32]) -> (bool, u32) {
    let mut mask = 0;
    let (mut dense, mut sparse) = (1, 0);
    for (day, &count) in counts.iter().enumerate() {
        dense += varint_len(count);
        if count != 0 {
            mask |= 1 << day;
            sparse += varint_len(count);
        }
    }
    (dense <= sparse + varint_len(mask), mask)
}

pub(crate) fn put_counts(out: &mut Vec<u8>, counts: &[u32]) {
    assert!(
        counts.len() <= SPAN_DAYS_MAX,
        "a span never crosses a month"
    );
    if let [count] = counts {
        return put_varint(out, u64::from(*count));
    }
    let (dense, mask) = dense_wins(counts);
    put_varint(out, if dense { 0 } else { u64::from(mask) });
    for &count in counts.iter().filter(|count| dense || **count != 0) {
        put_varint(out, u64::from(count));
    }
}

/// Fills all of `counts`.
#[inline]
fn take_counts(bytes: &mut &[u8], counts: &mut [u64]) {
    let mut mask = take_varint(bytes);
    if mask == 0 {
        for count in counts {
            *count = take_varint(bytes);
        }
        return;
    }
    counts.fill(0);
    while mask != 0 {
        let day = usize::try_from(mask.trailing_zeros()).expect("a bit number");
        counts[day] = take_varint(bytes);
        mask &= mask - 1;
    }
}

pub(crate) fn put_name(out: &mut Vec<u8>, before: &str, name: &str) {
    let shared = before
        .bytes()
        .zip(name.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    put_varint(out, shared as u64);
    put_varint(out, (name.len() - shared) as u64);
    out.extend_from_slice(&name.as_bytes()[shared..]);
}

pub(crate) fn take_name(bytes: &mut &[u8], name: &mut Vec<u8>) {
    name.truncate(take_usize(bytes));
    let suffix = take_usize(bytes);
    name.extend_from_slice(&bytes[..suffix]);
    *bytes = &bytes[suffix..];
}

/// FNV-1a with a final mix: stands for a name in checksums and as a key.
pub(crate) fn hash(name: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash.wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// Ways to write the counts of more days than one.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// What the layouts use: mask and varints, or dense varints.
    MaskOrVarints,
    /// A mask and varints, or header 0 and packed bits.
    MaskOrBits,
    /// A list of days, or packed bits; one byte tells which.
    ListOrBits,
}

/// `ListOrBits`: smaller first bytes are the width of packed bits, this and
/// larger ones the number of days in the list.
const LIST: u8 = 33;

impl Form {
    pub(crate) fn put(self, out: &mut Vec<u8>, counts: &[u32]) {
        assert!(
            counts.len() <= SPAN_DAYS_MAX,
            "a span never crosses a month"
        );
        if let [count] = counts {
            return put_varint(out, u64::from(*count));
        }
        let days = || counts.iter().enumerate().filter(|(_, count)| **count != 0);
        match self {
            Self::MaskOrVarints => put_counts(out, counts),
            Self::MaskOrBits => {
                let mask = days().map(|(day, _)| 1 << day).sum();
                let sparse =
                    varint_len(mask) + days().map(|(_, count)| varint_len(*count)).sum::<usize>();
                if bits::len(counts) < sparse {
                    out.push(0);
                    bits::put_counts(out, counts);
                } else {
                    put_varint(out, u64::from(mask));
                    days().for_each(|(_, count)| put_varint(out, u64::from(*count)));
                }
            }
            Self::ListOrBits => {
                let start = out.len();
                out.push(LIST + u8::try_from(days().count()).expect("at most 31"));
                let mut next = 0;
                for (day, &count) in days() {
                    // Five bits for the days passed over, the rest for the count.
                    put_varint(out, (u64::from(count) - 1) << 5 | (day - next) as u64);
                    next = day + 1;
                }
                if out.len() - start >= bits::len(counts) {
                    out.truncate(start);
                    bits::put_counts(out, counts);
                }
            }
        }
    }

    #[inline]
    pub(crate) fn take(self, bytes: &mut &[u8], counts: &mut [u64]) {
        if let [count] = counts {
            *count = take_varint(bytes);
            return;
        }
        match self {
            Self::MaskOrBits if bytes[0] == 0 => {
                *bytes = &bytes[1..];
                bits::take_counts(bytes, counts);
            }
            Self::MaskOrVarints | Self::MaskOrBits => take_counts(bytes, counts),
            Self::ListOrBits if bytes[0] < LIST => bits::take_counts(bytes, counts),
            Self::ListOrBits => {
                let entries = bytes[0] - LIST;
                *bytes = &bytes[1..];
                counts.fill(0);
                let mut next = 0;
                for _ in 0..entries {
                    let entry = take_varint(bytes);
                    next += usize::try_from(entry & 31).expect("five bits");
                    counts[next] = (entry >> 5) + 1;
                    next += 1;
                }
            }
        }
    }
}

/// The alternative for dense series: a byte for the width of the widest count,
/// then all counts in that many bits, low bits first.
pub(crate) mod bits {
    fn width(counts: &[u32]) -> u32 {
        counts
            .iter()
            .map(|count| 32 - count.leading_zeros())
            .max()
            .unwrap_or(0)
    }

    pub(crate) fn len(counts: &[u32]) -> usize {
        1 + (width(counts) as usize * counts.len()).div_ceil(8)
    }

    pub(crate) fn put_counts(out: &mut Vec<u8>, counts: &[u32]) {
        let width = width(counts);
        out.push(u8::try_from(width).expect("at most 32"));
        let (mut buffer, mut filled) = (0_u64, 0);
        for &count in counts {
            buffer |= u64::from(count) << filled;
            filled += width;
            while filled >= 8 {
                out.push(u8::try_from(buffer & 0xff).expect("eight bits"));
                buffer >>= 8;
                filled -= 8;
            }
        }
        if filled > 0 {
            out.push(u8::try_from(buffer & 0xff).expect("eight bits"));
        }
    }

    pub(crate) fn take_counts(bytes: &mut &[u8], counts: &mut [u64]) {
        let width = u32::from(bytes[0]);
        let mask = (1_u64 << width) - 1;
        let (mut buffer, mut filled, mut at) = (0_u64, 0, 1);
        for count in counts {
            while filled < width {
                buffer |= u64::from(bytes[at]) << filled;
                filled += 8;
                at += 1;
            }
            *count = buffer & mask;
            buffer >>= width;
            filled -= width;
        }
        *bytes = &bytes[at..];
    }
}
