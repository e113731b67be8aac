//! Request lines, hosts, header fields, targets.

use super::{BAD, End::*, NOT_FOUND, OK, Probe, REFUSED_OR_SILENT, probe};

const NOT_ALLOWED: &[u16] = &[405];
const ANY_READ: &[u16] = &[200, 404];
const READ_OR_BAD: &[u16] = &[200, 400];
const ABSENT_OR_BAD: &[u16] = &[404, 400];

#[rustfmt::skip]
pub(super) const PROBES: &[Probe] = &[
    // Methods.
    probe("GET", b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[OK], Open),
    probe("HEAD", b"HEAD /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[OK], Open),
    probe("HEAD of data", b"HEAD /api/packages/one/overall HTTP/1.1\r\nHost: t\r\n\r\n", &[OK], Open),
    probe("HEAD of nothing", b"HEAD /nowhere HTTP/1.1\r\nHost: t\r\n\r\n", &[NOT_FOUND], Open),
    probe("OPTIONS", b"OPTIONS /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[&[204]], Open),
    probe("OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n", &[&[204]], Open),
    probe("GET *", b"GET * HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Either),
    probe("HEAD *", b"HEAD * HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Either),
    probe("POST", b"POST /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[NOT_ALLOWED], Open),
    probe("PUT", b"PUT /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[NOT_ALLOWED], Open),
    probe("DELETE", b"DELETE /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[NOT_ALLOWED], Open),
    probe("PATCH", b"PATCH /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[NOT_ALLOWED], Open),
    probe("TRACE", b"TRACE /healthz HTTP/1.1\r\nHost: t\r\nCookie: secret\r\n\r\n", &[NOT_ALLOWED], Open),
    probe("unknown method", b"BREW /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[NOT_ALLOWED], Open),
    probe("method in lower case", b"get /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[&[400, 405, 501]], Either),
    probe("CONNECT", b"CONNECT t:80 HTTP/1.1\r\nHost: t:80\r\n\r\n", &[&[400, 404, 405]], Either),
    probe("PRI alone", b"PRI * HTTP/1.1\r\nHost: t\r\n\r\n", &[&[400, 404, 405]], Either),

    // Targets.
    probe("absolute form", b"GET http://other.example/healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[OK], Open),
    probe("absolute form, port", b"GET http://other.example:8080/healthz HTTP/1.1\r\nHost: other.example:8080\r\n\r\n", &[OK], Open),
    probe("absolute form, https", b"GET https://other.example/healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[OK], Open),
    probe("absolute form, upper case", b"GET HTTP://OTHER.example/healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[OK], Open),
    probe("absolute form, query", b"GET http://other.example/api/packages/one/recent?period=day HTTP/1.1\r\nHost: t\r\n\r\n", &[OK], Open),
    probe("absolute form, no path", b"GET http://other.example HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("absolute form, no Host", b"GET http://other.example/healthz HTTP/1.1\r\n\r\n", &[BAD], Closed),
    probe("absolute form, user", b"GET http://u:p@other.example/healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[READ_OR_BAD], Either),
    probe("empty query", b"GET /healthz? HTTP/1.1\r\nHost: t\r\n\r\n", &[OK], Open),
    probe("two slashes", b"GET //healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[ABSENT_OR_BAD], Either),
    probe("dot segments", b"GET /./healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("above the root", b"GET /../../etc/passwd HTTP/1.1\r\nHost: t\r\n\r\n", &[NOT_FOUND], Open),
    probe("relative path", b"GET healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[ABSENT_OR_BAD], Either),
    probe("query only", b"GET ?x=1 HTTP/1.1\r\nHost: t\r\n\r\n", &[ABSENT_OR_BAD], Either),
    probe("fragment", b"GET /healthz#x HTTP/1.1\r\nHost: t\r\n\r\n", &[&[200, 400, 404]], Either),
    probe("backslash", b"GET /\\healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[ABSENT_OR_BAD], Either),
    probe("quote in path", b"GET /a\"b HTTP/1.1\r\nHost: t\r\n\r\n", &[ABSENT_OR_BAD], Either),
    probe("UTF-8 in path", b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: t\r\n\r\n", &[ABSENT_OR_BAD], Either),
    probe("0xFF in path", b"GET /\xff HTTP/1.1\r\nHost: t\r\n\r\n", &[ABSENT_OR_BAD], Either),
    probe("NUL in path", b"GET /heal\0thz HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("control in path", b"GET /\x01 HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("bare CR in path", b"GET /\rx HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("space in path", b"GET /a b HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("percent alone", b"GET /api/packages/%/recent HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("percent and a digit", b"GET /api/packages/one/recent%2 HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("percent and letters", b"GET /api/packages/%zz/recent HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("escaped NUL", b"GET /api/packages/%00/recent HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("escaped line end", b"GET /api/packages/one%0d%0aX-Evil:%201/recent HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("escaped 0xFF", b"GET /api/packages/%ff%fe/recent HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("overlong UTF-8", b"GET /api/packages/%c0%af/recent HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("half a surrogate", b"GET /api/packages/%ed%a0%80/overall HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("escaped dots and slash", b"GET /api/packages/%2e%2e%2f/recent HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("escaped twice", b"GET /%2568ealthz HTTP/1.1\r\nHost: t\r\n\r\n", &[NOT_FOUND], Open),
    probe("escaped letter", b"GET /%68ealthz HTTP/1.1\r\nHost: t\r\n\r\n", &[OK], Open),
    probe("nonsense in query", b"GET /api/packages/one/recent?%=%&&&=&period HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("escapes in query", b"GET /api/packages/one/overall?mirrors=%ff%00%0d%0a HTTP/1.1\r\nHost: t\r\n\r\n", &[ANY_READ], Open),
    probe("thousand parameters", &many_parameters(), &[OK], Open),

    // Versions and the request line.
    probe("HTTP/1.0 without Host", b"GET /healthz HTTP/1.0\r\n\r\n", &[OK], Closed),
    probe("HTTP/1.0 keep-alive", b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &[OK], Open),
    probe("HTTP/1.0 keep-alive, no such page", b"GET /nowhere HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &[NOT_FOUND], Open),
    probe("HTTP/1.0 close", b"GET /healthz HTTP/1.0\r\nHost: t\r\nConnection: close\r\n\r\n", &[OK], Closed),
    probe("HTTP/0.9", b"GET /healthz\r\n\r\n", &[REFUSED_OR_SILENT], Closed),
    probe("HTTP/1.2", b"GET /healthz HTTP/1.2\r\nHost: t\r\n\r\n", &[&[200, 400, 505]], Either),
    probe("HTTP/2.0", b"GET /healthz HTTP/2.0\r\nHost: t\r\n\r\n", &[&[400, 505]], Closed),
    probe("HTTP/9.9", b"GET /healthz HTTP/9.9\r\nHost: t\r\n\r\n", &[&[400, 505]], Closed),
    probe("HTTP/1.10", b"GET /healthz HTTP/1.10\r\nHost: t\r\n\r\n", &[&[400, 505]], Closed),
    probe("HTTP/1", b"GET /healthz HTTP/1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("version in lower case", b"GET /healthz http/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("two spaces", b"GET  /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("two spaces behind the target", b"GET /healthz  HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("tab for a space", b"GET\t/healthz\tHTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("space behind the version", b"GET /healthz HTTP/1.1 \r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("space before the method", b" GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("no target", b"GET HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("no method", b"/healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("parentheses in the method", b"G(E)T /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("an empty line before", b"\r\nGET /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[OK], Open),
    probe("an empty line behind", b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n\r\n", &[OK], Open),
    probe("bare LF", b"GET /healthz HTTP/1.1\nHost: t\n\n", &[READ_OR_BAD], Either),
    probe("LF in one line", b"GET /healthz HTTP/1.1\r\nA: b\nHost: t\r\n\r\n", &[READ_OR_BAD], Either),
    probe("bare CR", b"GET /healthz HTTP/1.1\rHost: t\r\r\n\r\n", &[BAD], Closed),

    // Other protocols.
    probe("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", &[REFUSED_OR_SILENT], Closed),
    probe("TLS", b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03\r\n\r\n", &[REFUSED_OR_SILENT], Closed),
    probe("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", &[REFUSED_OR_SILENT], Closed),
    probe("PROXY protocol", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /healthz HTTP/1.1\r\nHost: t\r\n\r\n", &[REFUSED_OR_SILENT], Closed),
    probe("PROXY protocol 2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02", &[REFUSED_OR_SILENT], Closed),
    probe("Redis", b"*1\r\n$4\r\nPING\r\n", &[REFUSED_OR_SILENT], Closed),
    probe("garbage", b"\x80\x81\x82 \xff\xfe\r\n\r\n", &[REFUSED_OR_SILENT], Closed),
    probe("zeros", &[0; 64], &[REFUSED_OR_SILENT], Closed),
    probe("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &[REFUSED_OR_SILENT], Closed),

    // Hosts.
    probe("no Host", b"GET /healthz HTTP/1.1\r\n\r\n", &[BAD], Closed),
    probe("two Hosts", b"GET /healthz HTTP/1.1\r\nHost: t\r\nHost: u\r\n\r\n", &[BAD], Closed),
    probe("the same Host twice", b"GET /healthz HTTP/1.1\r\nHost: t\r\nHost: t\r\n\r\n", &[BAD], Closed),
    probe("two Hosts apart", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA: b\r\nhOST: u\r\n\r\n", &[BAD], Closed),
    probe("Host list", b"GET /healthz HTTP/1.1\r\nHost: t, u\r\n\r\n", &[BAD], Closed),
    probe("Host with a space", b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", &[BAD], Closed),
    probe("Host with a slash", b"GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n", &[BAD], Closed),
    probe("Host with a user", b"GET /healthz HTTP/1.1\r\nHost: u@t\r\n\r\n", &[BAD], Closed),
    probe("Host with a word for a port", b"GET /healthz HTTP/1.1\r\nHost: t:http\r\n\r\n", &[BAD], Closed),
    probe("Host with a port beyond", b"GET /healthz HTTP/1.1\r\nHost: t:123456\r\n\r\n", &[BAD], Closed),
    probe("Host beyond ASCII", b"GET /healthz HTTP/1.1\r\nHost: \xe9\r\n\r\n", &[BAD], Closed),
    probe("Host without its bracket", b"GET /healthz HTTP/1.1\r\nHost: [::1\r\n\r\n", &[BAD], Closed),
    probe("empty Host", b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", &[READ_OR_BAD], Either),
    probe("two Hosts in HTTP/1.0", b"GET /healthz HTTP/1.0\r\nHost: t\r\nHost: u\r\n\r\n", &[READ_OR_BAD], Closed),
    probe("Host with a port", b"GET /healthz HTTP/1.1\r\nHost: t.example:8080\r\n\r\n", &[OK], Open),
    probe("Host IPv6", b"GET /healthz HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", &[OK], Open),
    probe("Host in odd case with tabs", b"GET /healthz HTTP/1.1\r\nhOsT:\tt\t\r\n\r\n", &[OK], Open),

    // Connection.
    probe("close", b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", &[OK], Closed),
    probe("Close", b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: Close\r\n\r\n", &[OK], Closed),
    probe("close in a list", b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: x, close\r\n\r\n", &[OK], Closed),
    probe("close of a data answer", b"GET /api/packages/one/overall HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", &[OK], Closed),
    probe("keep-alive", b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: keep-alive\r\n\r\n", &[OK], Open),
    probe("an upgrade that is not taken", b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", &[OK], Open),
    probe("WebSocket", b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", &[OK], Open),

    // Header fields.
    probe("space before the colon", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA : b\r\n\r\n", &[BAD], Closed),
    probe("space before the colon of Host", b"GET /healthz HTTP/1.1\r\nHost : t\r\n\r\n", &[BAD], Closed),
    probe("obs-fold", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA: b\r\n c\r\n\r\n", &[BAD], Closed),
    probe("obs-fold with a tab", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA: b\r\n\tc\r\n\r\n", &[BAD], Closed),
    probe("space before the first field", b"GET /healthz HTTP/1.1\r\n Host: t\r\n\r\n", &[BAD], Closed),
    probe("no colon", b"GET /healthz HTTP/1.1\r\nHost: t\r\nnonsense\r\n\r\n", &[BAD], Closed),
    probe("no name", b"GET /healthz HTTP/1.1\r\nHost: t\r\n: b\r\n\r\n", &[BAD], Closed),
    probe("space in a name", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA B: c\r\n\r\n", &[BAD], Closed),
    probe("parentheses in a name", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA(B): c\r\n\r\n", &[BAD], Closed),
    probe("a name beyond ASCII", b"GET /healthz HTTP/1.1\r\nHost: t\r\n\xc3\xa9: c\r\n\r\n", &[BAD], Closed),
    probe("NUL in a name", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA\0: c\r\n\r\n", &[BAD], Closed),
    probe("NUL in a value", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA: b\0c\r\n\r\n", &[BAD], Closed),
    probe("bare CR in a value", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA: b\rc\r\n\r\n", &[BAD], Closed),
    probe("DEL in a value", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA: b\x7fc\r\n\r\n", &[READ_OR_BAD], Either),
    probe("obs-text in a value", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA: \xff\xe9\r\n\r\n", &[READ_OR_BAD], Either),
    probe("tab in a value", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA: b\tc\r\n\r\n", &[OK], Open),
    probe("empty value", b"GET /healthz HTTP/1.1\r\nHost: t\r\nA:\r\n\r\n", &[OK], Open),
    probe("every token character", b"GET /healthz HTTP/1.1\r\nHost: t\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n", &[OK], Open),
    probe("odd Accept-Encoding", b"GET /api/packages/one/overall HTTP/1.1\r\nHost: t\r\nAccept-Encoding: ;;q=,,gzip;q=x,;q=0,\xff\r\n\r\n", &[OK], Open),
    probe("odd If-None-Match", b"GET /api/packages/one/overall HTTP/1.1\r\nHost: t\r\nIf-None-Match: ,,W/\",\"\"\", W/\r\n\r\n", &[OK], Open),
    probe("odd If-Modified-Since", b"GET /api/packages/one/overall HTTP/1.1\r\nHost: t\r\nIf-Modified-Since: yesterday\r\n\r\n", &[OK], Open),
    probe("Range", b"GET /api/packages/one/overall HTTP/1.1\r\nHost: t\r\nRange: bytes=0-1\r\n\r\n", &[OK], Open),
    probe("If-Match of another", b"GET /api/packages/one/overall HTTP/1.1\r\nHost: t\r\nIf-Match: \"x\"\r\n\r\n", &[&[200, 412]], Open),

    // Expect.
    probe("Expect without a body", b"GET /healthz HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n\r\n", &[OK], Either),
    probe("Expect with its body", b"GET /healthz HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", &[OK], Open),
    probe("Expect with its body, POST", b"POST /healthz HTTP/1.1\r\nHost: t\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\nhello", &[NOT_ALLOWED], Open),
    probe("Expect in HTTP/1.0", b"GET /healthz HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", &[OK], Closed),
    probe("Expect something else", b"GET /healthz HTTP/1.1\r\nHost: t\r\nExpect: tea\r\n\r\n", &[&[417]], Either),
    probe("Expect more", b"GET /healthz HTTP/1.1\r\nHost: t\r\nExpect: 100-continue, tea\r\n\r\n", &[&[417]], Either),
    probe("Expect twice", b"GET /healthz HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nExpect: tea\r\n\r\n", &[&[417]], Either),
    probe("Expect something else, with a body like a request", b"GET /healthz HTTP/1.1\r\nHost: t\r\nExpect: tea\r\nContent-Length: 38\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: smuggle\r\n", &[&[417]], Either),
];

/// A target of 1,000 parameters.
const fn many_parameters() -> [u8; 2066] {
    let front = b"GET /api/packages/one/overall?";
    let back = b" HTTP/1.1\r\nHost: t\r\n\r\n";
    let mut bytes = [b'&'; 2066];
    let mut at = 0;
    while at < bytes.len() {
        let tail = bytes.len() - back.len();
        bytes[at] = if at < front.len() {
            front[at]
        } else if at >= tail {
            back[at - tail]
        } else if at % 2 == 0 {
            b'a'
        } else {
            b'&'
        };
        at += 1;
    }
    bytes
}
