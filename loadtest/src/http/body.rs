//! Where an answer's body ends (RFC 9112, section 6).

/// Longer chunk-size lines are no honest server's.
const SIZE_LINE_BYTES_MAX: usize = 4096;

/// How far a body has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes are missing.
    Length(u64),
    /// Chunked coding.
    Chunked(Chunk),
    /// It ends with the connection.
    UntilClose,
}

/// Where in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// In a size line: the size so far, whether an extension began, bytes seen.
    Size {
        size: u64,
        digits: u8,
        in_extension: bool,
        seen: usize,
    },
    /// In data: bytes missing.
    Data(u64),
    /// In the line end behind data.
    DataEnd,
    /// In trailer lines: whether the line has anything but its end.
    Trailer { is_empty: bool },
    /// Behind it all.
    Done,
}

impl Chunk {
    const SIZE: Self = Self::Size {
        size: 0,
        digits: 0,
        in_extension: false,
        seen: 0,
    };
}

impl Body {
    pub(super) const CHUNKED: Self = Self::Chunked(Chunk::SIZE);

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// Takes what belongs to the body from the front of `bytes`, and gives how
    /// many that were. `keep` gets the content.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut keep: impl FnMut(&[u8]),
    ) -> Result<usize, &'static str> {
        match self {
            Self::UntilClose => {
                keep(bytes);
                Ok(bytes.len())
            }
            Self::Length(missing) => {
                let taken = up_to(bytes, missing);
                keep(&bytes[..taken]);
                Ok(taken)
            }
            Self::Chunked(chunk) => {
                let mut at = 0;
                while at < bytes.len() && *chunk != Chunk::Done {
                    at += chunk.take(&bytes[at..], &mut keep)?;
                }
                Ok(at)
            }
        }
    }
}

fn up_to(bytes: &[u8], missing: &mut u64) -> usize {
    let taken = usize::try_from(*missing).map_or(bytes.len(), |missing| missing.min(bytes.len()));
    *missing -= taken as u64;
    taken
}

impl Chunk {
    fn take(&mut self, bytes: &[u8], keep: &mut impl FnMut(&[u8])) -> Result<usize, &'static str> {
        let byte = bytes[0];
        match self {
            Self::Data(missing) => {
                let taken = up_to(bytes, missing);
                keep(&bytes[..taken]);
                if *missing == 0 {
                    *self = Self::DataEnd;
                }
                return Ok(taken);
            }
            Self::Size {
                size,
                digits,
                in_extension,
                seen,
            } => {
                *seen += 1;
                if *seen > SIZE_LINE_BYTES_MAX {
                    return Err("a chunk's size line does not end");
                }
                match byte {
                    b'\n' if *digits == 0 => return Err("a chunk without size"),
                    b'\n' if *size == 0 => *self = Self::Trailer { is_empty: true },
                    b'\n' => *self = Self::Data(*size),
                    b'\r' => {}
                    _ if *in_extension => {}
                    b';' | b' ' | b'\t' => *in_extension = true,
                    _ => {
                        let digit = char::from(byte)
                            .to_digit(16)
                            .ok_or("a chunk size that is none")?;
                        *digits += 1;
                        if *digits > 15 {
                            return Err("a chunk size beyond all");
                        }
                        *size = *size << 4 | u64::from(digit);
                    }
                }
            }
            Self::DataEnd => match byte {
                b'\r' => {}
                b'\n' => *self = Self::SIZE,
                _ => return Err("a chunk longer than its size"),
            },
            Self::Trailer { is_empty } => match byte {
                b'\r' => {}
                b'\n' if *is_empty => *self = Self::Done,
                b'\n' => *is_empty = true,
                _ => *is_empty = false,
            },
            Self::Done => return Ok(0),
        }
        Ok(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunked_bodies_cut_anywhere() {
        fn check(text: &str, expect: Result<&str, ()>) {
            for step in 1..=text.len() {
                let (mut body, mut content, mut used) = (Body::CHUNKED, Vec::new(), 0);
                let read = text.as_bytes().chunks(step).try_for_each(|part| {
                    used += body
                        .take(part, |bytes| content.extend_from_slice(bytes))
                        .map_err(|_| ())?;
                    Ok(())
                });
                let got = read.map(|()| String::from_utf8(content).unwrap());
                assert_eq!(
                    got.as_deref(),
                    expect.as_ref().copied(),
                    "{text:?} by {step}"
                );
                if expect.is_ok() {
                    assert!(body.is_done(), "{text:?} by {step}");
                    assert_eq!(used, text.find('X').unwrap_or(text.len()), "{text:?}");
                }
            }
        }
        check("0\r\n\r\n", Ok(""));
        check("5\r\nhello\r\n0\r\n\r\n", Ok("hello"));
        check(
            "a;x=y\r\n0123456789\r\n1\r\n!\r\n0\r\nTrail: er\r\n\r\nXNEXT",
            Ok("0123456789!"),
        );
        check("g\r\n", Err(()));
        check("\r\n", Err(()));
        check("1\r\nab\r\n", Err(()));
        check("1234567890123456\r\n", Err(()));
    }
}
