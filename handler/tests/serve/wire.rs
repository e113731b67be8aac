//! Bytes in, bytes out: whatever a peer may send, and a strict look at what
//! comes back.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

/// The id of the request that follows a probe.
pub const SENTINEL_ID: &str = "sentinel-4711";
/// A request that ends its connection. Answered, it proves that what stood
/// before it was understood to its last byte.
pub const SENTINEL: &[u8] =
    b"GET /healthz HTTP/1.1\r\nHost: t\r\nX-Request-Id: sentinel-4711\r\nConnection: close\r\n\r\n";

/// One answer, as it stood on the wire.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn id(&self) -> &str {
        self.headers.get("x-request-id").map_or("", String::as_str)
    }

    pub fn is_last(&self) -> bool {
        self.headers
            .get("connection")
            .is_some_and(|value| value == "close")
    }
}

/// Writes as far as the peer takes it: it may have closed already.
pub fn send(stream: &mut TcpStream, bytes: &[u8]) {
    match stream.write_all(bytes) {
        Ok(()) => {}
        Err(error) => assert!(
            matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
            ),
            "{error}"
        ),
    }
}

/// No more is sent; answers can still come.
pub fn half_close(stream: &TcpStream) {
    // Fails when the peer has closed already.
    let _ = stream.shutdown(Shutdown::Write);
}

/// Whatever comes until the other side closes, or resets what it has refused.
pub fn rest(stream: &mut TcpStream) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(bytes),
        Err(error) => Err(format!("{error} after {}", shown(&bytes))),
    }
}

/// The next bytes, until they are so many whole final answers.
pub fn some(stream: &mut TcpStream, count: usize, head_count: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    loop {
        let found = replies(&bytes, head_count).unwrap_or_default();
        if found.iter().filter(|reply| reply.status >= 200).count() >= count {
            return Ok(bytes);
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => return Err(format!("closed after {}", shown(&bytes))),
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            Err(error) => return Err(format!("{error} after {}", shown(&bytes))),
        }
    }
}

/// Takes bytes apart into whole answers. `head_count` of the first final ones
/// are to HEAD.
pub fn replies(mut bytes: &[u8], mut head_count: usize) -> Result<Vec<Reply>, String> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .ok_or("an answer's head has no end")?;
        let head = str::from_utf8(&bytes[..end]).map_err(|_| "a head that is no text")?;
        bytes = &bytes[end + 4..];
        let mut reply = parse_head(head)?;
        let is_interim = reply.status < 200;
        let length = match reply.headers.get("content-length") {
            Some(length) => length.parse().map_err(|_| "no length")?,
            None if is_interim || matches!(reply.status, 204 | 304) => 0,
            None => return Err(format!("an answer without a length: {head:?}")),
        };
        let has_body = !is_interim && !matches!(reply.status, 204 | 304) && head_count == 0;
        if !is_interim {
            head_count = head_count.saturating_sub(1);
        }
        if has_body {
            if bytes.len() < length {
                return Err(format!("a body is cut off: {head:?}"));
            }
            reply.body = bytes[..length].to_vec();
            bytes = &bytes[length..];
        }
        replies.push(reply);
    }
    Ok(replies)
}

fn parse_head(head: &str) -> Result<Reply, String> {
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = (status_line.strip_prefix("HTTP/1.1 "))
        .or_else(|| status_line.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| format!("no status line: {status_line:?}"))?;
    let mut headers = BTreeMap::new();
    for line in lines {
        let (name, value) = (line.split_once(": ")).ok_or_else(|| format!("no field: {line:?}"))?;
        let name = name.to_ascii_lowercase();
        if headers.insert(name.clone(), value.to_owned()).is_some() {
            return Err(format!("two fields {name}"));
        }
    }
    Ok(Reply {
        status,
        headers,
        body: Vec::new(),
    })
}

/// Bytes for people; the middle of many is left out.
pub fn shown(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 300;
    if bytes.len() <= SHOWN_MAX {
        return format!("b\"{}\"", bytes.escape_ascii());
    }
    let (front, back) = (&bytes[..200], &bytes[bytes.len() - 80..]);
    format!(
        "b\"{}\" … {} bytes … b\"{}\"",
        front.escape_ascii(),
        bytes.len() - 280,
        back.escape_ascii()
    )
}
