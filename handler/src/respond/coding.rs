//! Content codings: which one a client wants, and gzip itself.

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// Bodies below this stay as they are: with its headers such an answer fits
/// one packet either way.
const GZIP_BODY_BYTES_MIN: usize = 860;
/// Deflate's window, as a power of two; with it the compressor takes 260 KB.
const WINDOW_BITS: u8 = 15;
/// The next level takes half as much time again for 29 % fewer bytes, level 6
/// 3.7 times the time for a third fewer: docs/benchmarks.md.
const LEVEL: u32 = 1;

/// How a body is written on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Coding {
    Identity,
    Gzip,
}

impl Coding {
    /// What `Accept-Encoding` asks for (RFC 9110, 12.5.3): gzip unless it is
    /// not mentioned, refused, or liked less than the body as it is.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Self {
        let (mut gzip, mut any, mut identity) = (None, None, None);
        let values = headers.get_all(ACCEPT_ENCODING);
        for member in values
            .iter()
            .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        {
            let (name, quality) = weighted(member);
            let slot = if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip")
            {
                &mut gzip
            } else if name == b"*" {
                &mut any
            } else if name.eq_ignore_ascii_case(b"identity") {
                &mut identity
            } else {
                continue;
            };
            *slot = quality.or(*slot);
        }
        let gzip = gzip.or(any).unwrap_or(0);
        if gzip > 0 && gzip >= identity.unwrap_or(0) {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// What a client sends that wants it.
    pub(crate) fn accepted(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
        })
    }

    /// The value of `Content-Encoding`.
    pub(crate) fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
        }
    }
}

/// A name and its `q` in thousandths; none when that is no number.
fn weighted(member: &[u8]) -> (&[u8], Option<u16>) {
    let mut parts = member.split(|&byte| byte == b';');
    let name = parts.next().unwrap_or_default().trim_ascii();
    let mut quality = Some(1000);
    for parameter in parts {
        let parameter = parameter.trim_ascii();
        if let [b'q' | b'Q', b'=', value @ ..] = parameter {
            quality = thousandths(value);
        }
    }
    (name, quality)
}

/// `0`, `0.5`, `1.000`: a digit and at most three more behind a point.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, rest) = text.split_first()?;
    let digits = match rest {
        [] => rest,
        [b'.', digits @ ..] if digits.len() <= 3 => digits,
        _ => return None,
    };
    let mut value = match whole {
        b'0' => 0,
        b'1' => 1000,
        _ => return None,
    };
    let mut unit = 100;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value += unit * u16::from(digit - b'0');
        unit /= 10;
    }
    (value <= 1000).then_some(value)
}

/// A compressor that is used again and again: to make one costs more than to
/// compress a small body.
pub(crate) struct Gzip {
    compress: Compress,
    scratch: Vec<u8>,
}

impl Default for Gzip {
    fn default() -> Self {
        Self {
            compress: Compress::new_gzip(Compression::new(LEVEL), WINDOW_BITS),
            scratch: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Gzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gzip").finish_non_exhaustive()
    }
}

impl Gzip {
    /// The body in gzip, or none when that is not worth it. The same body
    /// always gives the same bytes.
    pub(crate) fn encode(&mut self, body: &[u8]) -> Option<Bytes> {
        if body.len() < GZIP_BODY_BYTES_MIN {
            return None;
        }
        self.compress.reset();
        self.scratch.clear();
        // Whatever does not fit here is no gain.
        self.scratch.reserve(body.len());
        let status = self
            .compress
            .compress_vec(body, &mut self.scratch, FlushCompress::Finish);
        let is_smaller = matches!(status, Ok(Status::StreamEnd)) && self.scratch.len() < body.len();
        is_smaller.then(|| Bytes::copy_from_slice(&self.scratch))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn negotiation() {
        use Coding::{Gzip, Identity};
        for (sent, coding) in [
            (&[][..], Identity),
            (&[""], Identity),
            (&["gzip"], Gzip),
            (&["GZip"], Gzip),
            (&["x-gzip"], Gzip),
            (&["gzip, deflate, br"], Gzip),
            (&["br;q=1.0, gzip;q=0.8, *;q=0.1"], Gzip),
            (&["deflate", "gzip"], Gzip),
            (&["gzip;q=0"], Identity),
            (&["gzip;q=0.000"], Identity),
            (&["gzip;q=0.001"], Gzip),
            (&["gzip ; q=0.5"], Gzip),
            (&["gzip;Q=0"], Identity),
            (&["gzip;q=0, *"], Identity),
            (&["*"], Gzip),
            (&["*;q=0"], Identity),
            (&["*;q=0, gzip"], Gzip),
            (&["identity"], Identity),
            (&["identity, gzip;q=0.5"], Identity),
            (&["identity;q=0.5, gzip"], Gzip),
            (&["identity;q=0.5, gzip;q=0.5"], Gzip),
            (&["identity;q=0"], Identity),
            (&["deflate, br"], Identity),
            (&["gzip;q=2"], Identity),
            (&["gzip;q=1.001"], Identity),
            (&["gzip;q=0.1234"], Identity),
            (&["gzip;q=x"], Identity),
            (&["gzip;q="], Identity),
            (&["gzip;level=9"], Gzip),
            (&["gzipx"], Identity),
            (&[",,gzip,"], Gzip),
        ] {
            let mut headers = HeaderMap::new();
            for value in sent {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(Coding::negotiate(&headers), coding, "{sent:?}");
        }
    }

    #[test]
    fn bodies_come_back() {
        let mut gzip = Gzip::default();
        let rows = r#"{"category":"with_mirrors","date":"2026-01-01","downloads":1},"#;
        for body in [
            rows.repeat(400),
            rows.repeat(20),
            "a".repeat(GZIP_BODY_BYTES_MIN),
        ] {
            let encoded = gzip.encode(body.as_bytes()).unwrap();
            assert!(encoded.len() < body.len());
            let mut back = String::new();
            flate2::read::GzDecoder::new(&*encoded)
                .read_to_string(&mut back)
                .unwrap();
            assert_eq!(back, body);
            assert_eq!(gzip.encode(body.as_bytes()).unwrap(), encoded);
        }
    }

    #[test]
    fn what_does_not_shrink_stays() {
        let mut gzip = Gzip::default();
        assert_eq!(gzip.encode(&[b'a'; GZIP_BODY_BYTES_MIN - 1]), None);
        let noise: Vec<u8> = (0..5000).map(|_| fastrand::u8(..)).collect();
        assert_eq!(gzip.encode(&noise), None);
        assert!(gzip.encode(&[b'a'; GZIP_BODY_BYTES_MIN]).is_some());
    }
}
