//! Compact JSON, written once from front to back.

use bytes::Bytes;

/// A document that is being written. The caller puts the punctuation.
#[derive(Debug, Default)]
pub(crate) struct Json {
    bytes: Vec<u8>,
}

impl Json {
    /// Room for a document of about that length.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// Appends text as it is.
    pub(crate) fn raw(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.bytes.extend_from_slice(text.as_ref());
        self
    }

    /// Appends a string, quoted and escaped as Python's `json` does: printable
    /// ASCII as it is, everything else by `\u`, so that bodies are those of
    /// pypistats.org.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes.push(b'"');
        for character in text.chars() {
            let mut buffer = [0; 4];
            let escape = match character {
                '"' => r#"\""#,
                '\\' => r"\\",
                '\n' => r"\n",
                '\r' => r"\r",
                '\t' => r"\t",
                '\u{8}' => r"\b",
                '\u{c}' => r"\f",
                ' '..='~' => character.encode_utf8(&mut buffer),
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        self.raw(format!("\\u{unit:04x}"));
                    }
                    continue;
                }
            };
            self.raw(escape);
        }
        self.bytes.push(b'"');
        self
    }

    /// Appends a number.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.raw(itoa::Buffer::new().format(number))
    }

    /// Takes back a comma that nothing followed.
    pub(crate) fn trim_comma(&mut self) -> &mut Self {
        if self.bytes.last() == Some(&b',') {
            self.bytes.pop();
        }
        self
    }

    /// Starts again, keeping the room.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// What has been written so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The document, ended with a newline.
    pub(crate) fn finish(mut self) -> Bytes {
        self.bytes.push(b'\n');
        self.bytes.into()
    }
}

/// A row of a long list: the same text again and again around a date and a
/// number.
///
/// The text is copied as a whole, and the two are then written into the copy:
/// a third of the time that five pieces a row take. Written before the copy
/// they would save nothing: the copy reads in larger units than were just
/// written, and waits until they have left the processor's store buffer.
#[derive(Debug)]
pub(crate) struct Row {
    template: Vec<u8>,
    date: usize,
    number: usize,
}

/// Bytes of a date, `YYYY-MM-DD`.
const DATE_BYTES: usize = 10;
/// Digits of the largest number.
const DIGITS_MAX: usize = 20;
/// After the number.
const ROW_END: [u8; 2] = *b"},";
/// Nearly every row is shorter, and a copy of a known length is a few
/// instructions instead of a call.
const BLOCK_BYTES: usize = 128;

impl Row {
    /// `before`, a date, `between`, a number and `},`.
    pub(crate) fn new(before: &[u8], between: &[u8]) -> Self {
        let date = before.len();
        let number = date + DATE_BYTES + between.len();
        let length = number + DIGITS_MAX + ROW_END.len();
        let mut template = vec![0; length.max(BLOCK_BYTES)];
        template[..date].copy_from_slice(before);
        template[number - between.len()..number].copy_from_slice(between);
        Self {
            template,
            date,
            number,
        }
    }

    /// Appends the row.
    #[inline]
    pub(crate) fn put(&self, json: &mut Json, date: &[u8; DATE_BYTES], number: u64) {
        let start = json.bytes.len();
        match self.template.as_array::<BLOCK_BYTES>() {
            Some(block) => json.bytes.extend_from_slice(block),
            None => json.bytes.extend_from_slice(&self.template),
        }
        let row = &mut json.bytes[start..];
        row[self.date..][..DATE_BYTES].copy_from_slice(date);
        let end = self.number + put_digits(&mut row[self.number..], number);
        row[end..][..ROW_END.len()].copy_from_slice(&ROW_END);
        json.bytes.truncate(start + end + ROW_END.len());
    }
}

/// Digits of a number that [`put_digits`] writes at once.
const SHORT_DIGITS: usize = 8;

/// Writes a number at the front of `out`, which has room for the longest, and
/// says how long it is.
///
/// Without a branch on the number of digits, which changes from day to day and
/// would be guessed wrongly: the digits are computed beside each other in one
/// word and the leading zeros shifted out of it. Half the time of `itoa` and a
/// copy.
#[inline]
fn put_digits(out: &mut [u8], number: u64) -> usize {
    if number >= 100_000_000 {
        let mut buffer = itoa::Buffer::new();
        let text = buffer.format(number);
        out[..text.len()].copy_from_slice(text.as_bytes());
        return text.len();
    }
    // In lanes of 32, 16 and 8 bits, the first digits lowest. The factors are
    // 2^20 / 100 and 2^10 / 10, rounded up: exact below 10,000 and 100.
    let fours = number / 10_000 | (number % 10_000) << 32;
    let hundreds = (fours * 10_486) >> 20 & 0x7f_0000_007f;
    let twos = hundreds | (fours - 100 * hundreds) << 16;
    let tens = (twos * 103) >> 10 & 0x000f_000f_000f_000f;
    let ones = tens | (twos - 10 * tens) << 8;
    let zeros = (ones.trailing_zeros() / 8).min(7);
    let text = (ones | 0x3030_3030_3030_3030) >> (8 * zeros);
    out[..SHORT_DIGITS].copy_from_slice(&text.to_le_bytes());
    SHORT_DIGITS - zeros as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_as_python_prints_them() {
        for (text, expect) in [
            ("pip", r#""pip""#),
            ("", r#""""#),
            ("a\"b\\c/", r#""a\"b\\c/""#),
            (
                "\n\r\t\u{8}\u{c}\0\u{1f}\u{7f}",
                r#""\n\r\t\b\f\u0000\u001f\u007f""#,
            ),
            ("é\u{fffd}", r#""\u00e9\ufffd""#),
            ("😀", r#""\ud83d\ude00""#),
            ("</script>&'", r#""</script>&'""#),
        ] {
            let mut json = Json::default();
            json.text(text);
            assert_eq!(json.as_bytes(), expect.as_bytes());
            let back: String = serde_json::from_slice(json.as_bytes()).unwrap();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn rows() {
        let numbers = (0..20).flat_map(|digits| {
            let power = 10_u64.pow(digits);
            [power - 1, power, power + 1, 7 * (power / 9), u64::MAX / power]
        });
        for number in numbers.chain(0..20_000) {
            for before in ["", "[", &"x".repeat(200)] {
                let mut json = Json::default();
                let row = Row::new(before.as_bytes(), b":");
                row.put(&mut json, b"2026-11-24", number);
                row.put(&mut json, b"2026-11-25", number);
                let expect = format!("{before}2026-11-24:{number}}},{before}2026-11-25:{number}}},");
                assert_eq!(std::str::from_utf8(json.as_bytes()), Ok(&*expect));
            }
        }
    }

    #[test]
    fn numbers_and_commas() {
        let mut json = Json::with_capacity(10);
        json.raw("[")
            .number(0)
            .raw(",")
            .number(u64::MAX)
            .raw(",")
            .trim_comma()
            .trim_comma()
            .raw("]");
        assert_eq!(json.finish(), "[0,18446744073709551615]\n");
    }
}
