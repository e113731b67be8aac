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
