//! The hostile requests.
//!
//! Sources: RFC 9112 (message syntax, sections 2 to 7 and 11), the request
//! smuggling cases of PortSwigger's "HTTP Desync Attacks" (2019), and what was
//! probed when the handler's engine was chosen.

/// What must become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// 4xx, or the connection is closed.
    Refuse,
    /// RFC 9112 lets a server answer it; but once, and with the first request's
    /// answer only.
    OneAnswer,
}

#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) rule: Rule,
    pub(super) is_head: bool,
    /// Whether the client then says that nothing more will come. Without it a
    /// request that is not complete would rightly be waited for.
    pub(super) half_close: bool,
}

/// All of them, for a server called `host` that answers `path`.
pub(super) fn all(host: &str, path: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |rule, name, bytes: Vec<u8>| {
        cases.push(Case {
            name,
            bytes,
            rule,
            is_head: false,
            half_close: false,
        });
    };
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
    // A whole request whose header block has this line in it.
    let line = |line: &[u8]| [head.as_bytes(), line, b"\r\n\r\n"].concat();
    let first = |first: &str| format!("{first}\r\nHost: {host}\r\n\r\n").into_bytes();
    let next = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let (refuse, one) = (Rule::Refuse, Rule::OneAnswer);

    // Request lines.
    add(refuse, "garbage line", b"lorem ipsum\r\n\r\n".to_vec());
    add(
        refuse,
        "binary noise",
        (0..=255u8).chain(*b"\r\n\r\n").collect(),
    );
    add(
        refuse,
        "TLS client hello",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
    );
    add(
        refuse,
        "HTTP/2 preface",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
    );
    add(
        refuse,
        "HTTP/0.9",
        format!("GET {path}\r\n\r\n").into_bytes(),
    );
    add(refuse, "HTTP/9.9", first(&format!("GET {path} HTTP/9.9")));
    add(refuse, "HTTP/1.x", first(&format!("GET {path} HTTP/1.x")));
    add(
        refuse,
        "lower-case http",
        first(&format!("GET {path} http/1.1")),
    );
    add(
        refuse,
        "no version after a space",
        first(&format!("GET {path} ")),
    );
    add(
        refuse,
        "two spaces before the target",
        first(&format!("GET  {path} HTTP/1.1")),
    );
    add(
        refuse,
        "tab instead of space",
        first(&format!("GET\t{path} HTTP/1.1")),
    );
    add(
        refuse,
        "words after the version",
        first(&format!("GET {path} HTTP/1.1 now")),
    );
    add(refuse, "space in the target", first("GET /a b HTTP/1.1"));
    add(refuse, "empty method", first(&format!(" {path} HTTP/1.1")));
    add(
        refuse,
        "brackets in the method",
        first(&format!("G[E]T {path} HTTP/1.1")),
    );
    add(
        refuse,
        "unknown method",
        first(&format!("BREW {path} HTTP/1.1")),
    );
    add(
        refuse,
        "long method",
        first(&format!("{} {path} HTTP/1.1", "A".repeat(10_000))),
    );
    add(refuse, "CONNECT", first("CONNECT example.org:443 HTTP/1.1"));
    add(refuse, "TRACE", first(&format!("TRACE {path} HTTP/1.1")));
    add(refuse, "DELETE", first(&format!("DELETE {path} HTTP/1.1")));
    add(
        refuse,
        "target without slash",
        first("GET healthz HTTP/1.1"),
    );
    add(refuse, "asterisk target", first("GET * HTTP/1.1"));

    // Targets.
    add(refuse, "NUL in the target", first("GET /a\0b HTTP/1.1"));
    add(
        refuse,
        "byte above ASCII in the target",
        [
            &b"GET /\xff\xfe HTTP/1.1\r\nHost: "[..],
            host.as_bytes(),
            b"\r\n\r\n",
        ]
        .concat(),
    );
    add(
        refuse,
        "encoded NUL in a name",
        first("GET /api/packages/%00/recent HTTP/1.1"),
    );
    add(
        refuse,
        "percent without digits",
        first("GET /api/packages/%zz/recent HTTP/1.1"),
    );
    add(
        refuse,
        "percent cut short",
        first("GET /api/packages/pip%2 HTTP/1.1"),
    );
    add(
        refuse,
        "overlong UTF-8",
        first("GET /api/packages/%c0%af/recent HTTP/1.1"),
    );
    add(
        refuse,
        "path traversal",
        first("GET /../../../../etc/passwd HTTP/1.1"),
    );
    add(
        refuse,
        "encoded path traversal",
        first("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1"),
    );
    add(
        refuse,
        "double encoded traversal",
        first("GET /packages/%252e%252e%252fetc%252fpasswd/x HTTP/1.1"),
    );
    add(
        refuse,
        "backslash traversal",
        first("GET /..\\..\\windows\\win.ini HTTP/1.1"),
    );
    add(
        refuse,
        "encoded line end in a name",
        first("GET /api/packages/a%0d%0aSet-Cookie:%20x=1/recent HTTP/1.1"),
    );
    add(
        refuse,
        "SQL in a name",
        first("GET /api/packages/x'%20OR%20'1'='1/recent HTTP/1.1"),
    );
    add(
        refuse,
        "script in a name",
        first("GET /api/packages/%3Cscript%3Ealert(1)%3C/script%3E/recent HTTP/1.1"),
    );
    add(
        refuse,
        "name of 4 KB",
        first(&format!(
            "GET /api/packages/{}/recent HTTP/1.1",
            "a".repeat(4096)
        )),
    );
    add(
        refuse,
        "target of 64 KB",
        first(&format!("GET /{} HTTP/1.1", "a".repeat(65_536))),
    );
    add(
        refuse,
        "target of 1 MB",
        first(&format!("GET /{} HTTP/1.1", "a".repeat(1 << 20))),
    );
    add(
        refuse,
        "query of 64 KB",
        first(&format!("GET {path}?{} HTTP/1.1", "a=b&".repeat(16_384))),
    );
    add(
        refuse,
        "ten thousand slashes",
        first(&format!("GET {}x HTTP/1.1", "/".repeat(10_000))),
    );

    // Headers.
    add(
        refuse,
        "no Host",
        format!("GET {path} HTTP/1.1\r\n\r\n").into_bytes(),
    );
    add(refuse, "two Hosts", line(b"Host: other.example"));
    add(
        refuse,
        "Host with a space",
        format!("GET {path} HTTP/1.1\r\nHost: a b\r\n\r\n").into_bytes(),
    );
    add(
        refuse,
        "line of 64 KB",
        line(format!("X: {}", "a".repeat(65_536)).as_bytes()),
    );
    add(
        refuse,
        "line of 1 MB",
        line(format!("X: {}", "a".repeat(1 << 20)).as_bytes()),
    );
    add(
        refuse,
        "ten thousand headers",
        line("X: y\r\n".repeat(10_000).trim_end().as_bytes()),
    );
    add(refuse, "NUL in a value", line(b"X: a\0b"));
    add(refuse, "bare CR in a value", line(b"X: a\rb"));
    add(refuse, "NUL in a name", line(b"X\0Y: a"));
    add(refuse, "space before the colon", line(b"X : a"));
    add(refuse, "folded line", line(b"X: a\r\n b"));
    add(
        refuse,
        "folded first line",
        format!("GET {path} HTTP/1.1\r\n X: a\r\nHost: {host}\r\n\r\n").into_bytes(),
    );
    add(refuse, "no colon", line(b"nonsense"));
    add(refuse, "empty name", line(b": a"));
    add(refuse, "byte above ASCII in a name", line(b"X\xff: a"));

    // Framing: where one request ends and the next begins.
    add(
        refuse,
        "negative Content-Length",
        line(b"Content-Length: -1"),
    );
    add(refuse, "signed Content-Length", line(b"Content-Length: +0"));
    add(
        refuse,
        "Content-Length of words",
        line(b"Content-Length: abc"),
    );
    add(
        refuse,
        "Content-Length beyond 64 bits",
        line(b"Content-Length: 99999999999999999999"),
    );
    add(
        refuse,
        "two Content-Lengths",
        line(b"Content-Length: 5\r\nContent-Length: 6"),
    );
    add(
        refuse,
        "list of Content-Lengths",
        line(b"Content-Length: 5, 6"),
    );
    add(
        refuse,
        "unknown Transfer-Encoding",
        line(b"Transfer-Encoding: xchunked"),
    );
    add(
        refuse,
        "chunked not last",
        line(b"Transfer-Encoding: chunked, identity"),
    );
    add(
        refuse,
        "Transfer-Encoding with vertical tab",
        line(b"Transfer-Encoding: \x0bchunked"),
    );
    add(
        refuse,
        "Transfer-Encoding in HTTP/1.0",
        format!(
            "GET {path} HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        )
        .into_bytes(),
    );
    let body = |framing: &str, body: &str| format!("{head}{framing}\r\n\r\n{body}").into_bytes();
    add(
        one,
        "Content-Length and chunked",
        body(
            "Content-Length: 4\r\nTransfer-Encoding: chunked",
            &format!("0\r\n\r\n{next}"),
        ),
    );
    add(
        one,
        "chunked and Content-Length",
        body(
            "Transfer-Encoding: chunked\r\nContent-Length: 4",
            &format!("1\r\nZ\r\nQ\r\n{next}"),
        ),
    );
    add(
        one,
        "chunked twice",
        body(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "0\r\n\r\n",
        ),
    );
    add(
        one,
        "request in a GET's body",
        body(&format!("Content-Length: {}", next.len()), &next),
    );
    add(
        one,
        "request in a chunked body",
        body(
            "Transfer-Encoding: chunked",
            &format!("{:x}\r\n{next}\r\n0\r\n\r\n", next.len()),
        ),
    );
    add(
        one,
        "chunk size that is none",
        body("Transfer-Encoding: chunked", &format!("zz\r\n{next}")),
    );
    add(
        one,
        "chunk size beyond 64 bits",
        body(
            "Transfer-Encoding: chunked",
            &format!("fffffffffffffffff\r\n{next}"),
        ),
    );
    add(
        one,
        "chunk longer than its size",
        body(
            "Transfer-Encoding: chunked",
            &format!("1\r\nabc\r\n0\r\n\r\n{next}"),
        ),
    );
    add(
        one,
        "endless chunk extension",
        body(
            "Transfer-Encoding: chunked",
            &format!("1;{}\r\n", "a".repeat(100_000)),
        ),
    );
    add(
        refuse,
        "POST with a body",
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\nhi").into_bytes(),
    );
    add(
        refuse,
        "Expect something else",
        line(b"Expect: 200-maybe\r\nContent-Length: 1"),
    );
    add(one, "Upgrade to HTTP/2", line(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"));
    add(one, "range of nonsense", line(b"Range: bytes=9-1,,-"));
    add(
        one,
        "ETag list of 8 KB",
        line(format!("If-None-Match: {}", "\"x\",".repeat(2000)).as_bytes()),
    );
    add(
        one,
        "absolute target of another host",
        first("GET http://other.example/ HTTP/1.1"),
    );

    // Cut short: the client says that nothing more will come.
    for (name, bytes) in [
        ("request line cut short", b"GET / HT".to_vec()),
        ("headers cut short", head.clone().into_bytes()),
        ("body cut short", body("Content-Length: 100", "hi")),
    ] {
        cases.push(Case {
            name,
            bytes,
            rule: one,
            is_head: false,
            half_close: true,
        });
    }
    cases.push(Case {
        name: "HEAD with a body",
        bytes: format!(
            "HEAD {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{next}",
            next.len()
        )
        .into_bytes(),
        rule: one,
        is_head: true,
        half_close: false,
    });
    cases
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_many_and_distinct() {
        let cases = all("h", "/");
        let names: HashSet<_> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len());
        assert!(cases.len() >= 80, "{}", cases.len());
    }
}
