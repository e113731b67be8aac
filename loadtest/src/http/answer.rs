//! Answers, as they arrive in pieces.

use super::body::Body;

/// Larger heads are a protocol error: no honest answer comes near.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Header lines of an answer.
const HEADERS_MAX: usize = 64;

/// What is known of a complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Content bytes, as sent.
    pub(crate) body_bytes: u64,
    /// Whether the connection carries another.
    pub(crate) keep_alive: bool,
}

/// Reads one answer after the other from a connection.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// A head that has not arrived in whole.
    head: Vec<u8>,
    current: Option<(Answer, Body)>,
    etag: Vec<u8>,
}

/// What an answer's reader is interested in besides.
pub(crate) trait Keep {
    /// A header line of the answer that is being read.
    fn header(&mut self, name: &str, value: &[u8]);
    /// A piece of its content.
    fn content(&mut self, bytes: &[u8]);
}

/// Nothing besides.
pub(crate) struct KeepNothing;

impl Keep for KeepNothing {
    fn header(&mut self, _name: &str, _value: &[u8]) {}
    fn content(&mut self, _bytes: &[u8]) {}
}

impl Reader {
    #[cfg(test)]
    /// Whether an answer has begun and not ended.
    pub(crate) fn is_midway(&self) -> bool {
        self.current.is_some() || !self.head.is_empty()
    }

    /// The ETag of the last answer read; empty when it had none.
    pub(crate) fn etag(&self) -> &[u8] {
        &self.etag
    }

    /// Takes bytes from the front of `bytes` until an answer is complete or
    /// they are used up. `is_head` tells an answer to HEAD, which has no body.
    pub(crate) fn take(
        &mut self,
        bytes: &mut &[u8],
        is_head: bool,
        keep: &mut impl Keep,
    ) -> Result<Option<Answer>, &'static str> {
        loop {
            if self.current.is_none() && !self.take_head(bytes, is_head, keep)? {
                return Ok(None);
            }
            let Some((answer, body)) = &mut self.current else {
                return Ok(None);
            };
            let mut content_bytes = 0;
            let taken = body.take(bytes, |content| {
                content_bytes += content.len() as u64;
                keep.content(content);
            })?;
            answer.body_bytes += content_bytes;
            *bytes = &bytes[taken..];
            if !body.is_done() {
                return Ok(None);
            }
            let answer = *answer;
            self.current = None;
            // 100 Continue and 103 Early Hints come before the answer.
            if answer.status >= 200 {
                return Ok(Some(answer));
            }
        }
    }

    /// The answer that the end of the connection completes.
    pub(crate) fn take_end(&mut self) -> Option<Answer> {
        match self.current.take() {
            Some((answer, Body::UntilClose)) => Some(answer),
            _ => None,
        }
    }

    fn take_head(
        &mut self,
        bytes: &mut &[u8],
        is_head: bool,
        keep: &mut impl Keep,
    ) -> Result<bool, &'static str> {
        if bytes.is_empty() {
            return Ok(false);
        }
        if self.head.is_empty() {
            // The usual case: the whole head in one piece, parsed where it lies.
            if let Some((length, parsed)) = parse(bytes, is_head, &mut self.etag, keep)? {
                *bytes = &bytes[length..];
                self.current = Some(parsed);
                return Ok(true);
            }
            self.head.extend_from_slice(bytes);
            *bytes = &[];
        } else {
            let known = self.head.len();
            self.head.extend_from_slice(bytes);
            if let Some((length, parsed)) = parse(&self.head, is_head, &mut self.etag, keep)? {
                // The head was incomplete before, so it ends in the new bytes.
                *bytes = &bytes[length - known..];
                self.head.clear();
                self.current = Some(parsed);
                return Ok(true);
            }
            *bytes = &[];
        }
        if self.head.len() > HEAD_BYTES_MAX {
            return Err("an answer's head does not end");
        }
        Ok(false)
    }
}

type Parsed = Option<(usize, (Answer, Body))>;

fn parse(
    bytes: &[u8],
    is_head: bool,
    etag: &mut Vec<u8>,
    keep: &mut impl Keep,
) -> Result<Parsed, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err("an answer with too many headers"),
        Err(_) => return Err("an answer that is not HTTP/1"),
    };
    let status = response.code.ok_or("an answer without status")?;
    let mut keep_alive = response.version == Some(1);
    let mut length_said = None;
    let mut chunked = false;
    etag.clear();
    for header in response.headers.iter() {
        let (name, value) = (header.name, header.value);
        keep.header(name, value);
        if name.eq_ignore_ascii_case("content-length") {
            let said: u64 = std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .ok_or("a content-length that is no number")?;
            if length_said.is_some_and(|other| other != said) {
                return Err("two content-lengths");
            }
            length_said = Some(said);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err("a transfer-encoding other than chunked");
            }
            chunked = true;
        } else if name.eq_ignore_ascii_case("connection") {
            if value.eq_ignore_ascii_case(b"close") {
                keep_alive = false;
            } else if value.eq_ignore_ascii_case(b"keep-alive") {
                keep_alive = true;
            }
        } else if name.eq_ignore_ascii_case("etag") {
            etag.extend_from_slice(value);
        }
    }
    let body = if is_head || status < 200 || status == 204 || status == 304 {
        Body::Length(0)
    } else if chunked {
        Body::CHUNKED
    } else if let Some(length) = length_said {
        Body::Length(length)
    } else {
        keep_alive = false;
        Body::UntilClose
    };
    Ok(Some((
        length,
        (
            Answer {
                status,
                body_bytes: 0,
                keep_alive,
            },
            body,
        ),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, step: usize, is_head: bool) -> Result<Vec<Answer>, &'static str> {
        let mut reader = Reader::default();
        let mut answers = Vec::new();
        for part in text.as_bytes().chunks(step) {
            let mut part = part;
            while !part.is_empty() {
                match reader.take(&mut part, is_head, &mut KeepNothing)? {
                    Some(answer) => answers.push(answer),
                    None => assert!(part.is_empty()),
                }
            }
        }
        answers.extend(reader.take_end());
        assert!(!reader.is_midway());
        Ok(answers)
    }

    #[test]
    fn answers_cut_anywhere() {
        fn check(text: &str, is_head: bool, expect: &[(u16, u64, bool)]) {
            for step in 1..=text.len() {
                let answers: Vec<_> = read(text, step, is_head)
                    .unwrap()
                    .iter()
                    .map(|answer| (answer.status, answer.body_bytes, answer.keep_alive))
                    .collect();
                assert_eq!(answers, expect, "{text:?} by {step}");
            }
        }
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"x\"\r\n\r\nhi";
        check(ok, false, &[(200, 2, true)]);
        check(&ok.repeat(3), false, &[(200, 2, true); 3]);
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
            true,
            &[(200, 0, true)],
        );
        check(
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            false,
            &[(304, 0, true)],
        );
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nHTTP/1.1 404 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            false,
            &[(200, 2, true), (404, 0, false)],
        );
        check(
            "HTTP/1.0 200 OK\r\n\r\nuntil the end",
            false,
            &[(200, 13, false)],
        );
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            false,
            &[(200, 0, true)],
        );
    }

    #[test]
    fn nonsense_is_an_error() {
        fn check(text: &str) {
            assert!(read(text, text.len(), false).is_err(), "{text:?}");
        }
        check("SMTP ready\r\n\r\n");
        check("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
        check("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n");
        check(&format!(
            "HTTP/1.1 200 OK\r\n{}\r\n",
            "a: b\r\n".repeat(100)
        ));
    }

    #[test]
    fn the_etag_is_kept() {
        let mut reader = Reader::default();
        let mut bytes = &b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\netag: \"abc\"\r\n\r\n"[..];
        reader
            .take(&mut bytes, false, &mut KeepNothing)
            .unwrap()
            .unwrap();
        assert_eq!(reader.etag(), b"\"abc\"");
    }
}
