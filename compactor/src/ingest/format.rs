//! What an input holds, told from its content.

use super::counts::Header;

/// Bytes from the beginning of an input that are looked at.
pub const HEAD_BYTES: usize = 64 << 10;

/// A format of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `file_downloads` rows as NDJSON.
    Bigquery,
    /// Linehaul's `download|` lines.
    Linehaul,
    /// Pre-aggregated counts as CSV.
    Counts(Header),
}

impl Format {
    /// The word in logs and the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Format::Bigquery => "bigquery",
            Format::Linehaul => "linehaul",
            Format::Counts(_) => "counts",
        }
    }

    /// Tells the format from the first bytes; the first line that looks like
    /// one decides, so that a damaged first line does not hide it. A header of
    /// counts counts only as the first line.
    pub fn detect(head: &[u8]) -> Option<Self> {
        let head = head.strip_prefix(BOM).unwrap_or(head);
        let mut is_first = true;
        for line in head.split(|&byte| byte == b'\n') {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if line[0] == b'{' {
                return Some(Format::Bigquery);
            }
            if line.starts_with(b"download|") || line.starts_with(b"simple|") {
                return Some(Format::Linehaul);
            }
            if is_first && let Some(header) = std::str::from_utf8(line).ok().and_then(Header::parse)
            {
                return Some(Format::Counts(header));
            }
            is_first = false;
        }
        None
    }
}

/// What some programs write before UTF-8 text.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        for (head, expect) in [
            (&b"{\"timestamp\""[..], Some("bigquery")),
            (b"\xef\xbb\xbf{}", Some("bigquery")),
            (b"garbage\n\n  {\"a\":1}", Some("bigquery")),
            (b"download|Fri, 20 Jul", Some("linehaul")),
            (b"simple|Fri\ndownload|x", Some("linehaul")),
            (b"\0\xff\ndownload|x", Some("linehaul")),
            (b"day,project,dimension,category,count\r\n", Some("counts")),
            (b"\nday,project,dimension,category,count", Some("counts")),
            (b"x\nday,project,dimension,category,count", None),
            (b"hello\nworld", None),
            (b"", None),
        ] {
            assert_eq!(Format::detect(head).map(Format::name), expect);
        }
    }
}
