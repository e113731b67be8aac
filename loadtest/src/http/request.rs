//! Requests as bytes.

use crate::plan::{Shot, Source};

/// How this program calls itself.
pub(crate) const USER_AGENT: &str = concat!("espy-loadtest/", env!("CARGO_PKG_VERSION"));

/// What is the same in all requests to a target.
#[derive(Debug)]
pub(crate) struct Fixed {
    /// From behind the path to the last header that is always there.
    common: String,
}

impl Fixed {
    pub(crate) fn new(authority: &str, keep_alive: bool) -> Self {
        let close = if keep_alive {
            ""
        } else {
            "Connection: close\r\n"
        };
        Self {
            common: format!(
                " HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n{close}"
            ),
        }
    }

    /// Appends the request that `source` has just drawn.
    pub(crate) fn write(&self, shot: &Shot, source: &Source, out: &mut Vec<u8>) {
        out.extend_from_slice(shot.method.name().as_bytes());
        out.push(b' ');
        out.extend_from_slice(source.path().as_bytes());
        out.extend_from_slice(self.common.as_bytes());
        if shot.gzip {
            out.extend_from_slice(b"Accept-Encoding: gzip\r\n");
        }
        if let Some(etag) = source.etag(shot) {
            out.extend_from_slice(b"If-None-Match: ");
            out.extend_from_slice(etag);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}
