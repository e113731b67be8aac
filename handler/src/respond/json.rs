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
/// less time than five pieces a row take. Written before the copy
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

impl Row {
    /// `before`, a date, `between`, a number and `},`.
    pub(crate) fn new(before: &[u8], between: &[u8]) -> Self {
        let date = before.len();
        let number = date + DATE_BYTES + between.len();
        let mut template = vec![0; number + DIGITS_MAX + ROW_END.len()];
        template[..date].copy_from_slice(before);
        template[number - between.len()..number].copy_from_slice(between);
        Self {
            template,
            date,
            number,
        }
    }

    /// Appends a row for each number that is not 0.
    pub(crate) fn put_all(&self, json: &mut Json, dates: &[[u8; DATE_BYTES]], numbers: &[u64]) {
        for (date, &number) in dates.iter().zip(numbers) {
            if number > 0 {
                self.put(json, date, number);
            }
        }
    }

    /// Appends the row.
    #[inline]
    fn put(&self, json: &mut Json, date: &[u8; DATE_BYTES], number: u64) {
        let start = json.bytes.len();
        json.bytes.extend_from_slice(&self.template);
        let row = &mut json.bytes[start..];
        row[self.date..][..DATE_BYTES].copy_from_slice(date);
        let end = self.number + put_digits(&mut row[self.number..], number);
        row[end..][..ROW_END.len()].copy_from_slice(&ROW_END);
        json.bytes.truncate(start + end + ROW_END.len());
    }
}

/// Writes a number at the front of `out` and says how long it is. Where it
/// goes is known beforehand, so nothing is copied as from `itoa`'s buffer.
#[inline]
fn put_digits(out: &mut [u8], number: u64) -> usize {
    const PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[b'0'; 2]; 100];
        let mut number = 0_u8;
        while number < 100 {
            pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
            number += 1;
        }
        pairs
    };
    let length = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut rest = number;
    let mut end = length;
    while end >= 2 {
        let pair = PAIRS[usize::from((rest % 100).to_le_bytes()[0])];
        out[end - 2..end].copy_from_slice(&pair);
        rest /= 100;
        end -= 2;
    }
    if end == 1 {
        out[0] = b'0' + rest.to_le_bytes()[0];
    }
    length
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
            [
                power - 1,
                power,
                power + 1,
                7 * (power / 9),
                u64::MAX / power,
            ]
        });
        for number in numbers.chain(0..20_000) {
            for before in ["", "[", &"x".repeat(200)] {
                let mut json = Json::default();
                let row = Row::new(before.as_bytes(), b":");
                row.put(&mut json, b"2026-11-24", number);
                row.put_all(&mut json, &[*b"2026-11-24", *b"2026-11-25"], &[0, number]);
                let end = format!("{number}}},");
                let expect = match number {
                    0 => format!("{before}2026-11-24:{end}"),
                    _ => format!("{before}2026-11-24:{end}{before}2026-11-25:{end}"),
                };
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
