//! nginx "combined" lines in front of a private index
//! (<https://nginx.org/en/docs/http/ngx_http_log_module.html>), and the other
//! requests that stand between the downloads of such a log. Clients have
//! documentation addresses (RFC 5737). Country and TLS are not in it.

use std::io::Write;

use serde::Serialize;

use super::calendar::Day;
use super::event::Event;
use super::time_of_day::TimeOfDay;

/// Of a thousand downloads, those with a `/simple/` page before them. *Assumed*,
/// like the next ones: an installer asks for a page at least as often as for a
/// file, but then the log would hold pages mostly.
const SIMPLE: u32 = 100;
const PARTIAL: u32 = SIMPLE + 10;
const NOT_MODIFIED: u32 = PARTIAL + 10;
const NOT_FOUND: u32 = NOT_MODIFIED + 10;
const HEAD: u32 = NOT_FOUND + 5;

/// Lines that are no downloads, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct OtherLines {
    /// 206 of a file: uv and pip read metadata of wheels by ranges.
    pub(crate) partial: u64,
    /// 304 of a file.
    pub(crate) not_modified: u64,
    /// 404 below `/packages/`.
    pub(crate) not_found: u64,
    /// HEAD of a file, 200.
    pub(crate) head: u64,
    /// `/simple/` pages: 200, 304, 404.
    pub(crate) simple: u64,
}

impl OtherLines {
    pub(crate) fn sum(&self) -> u64 {
        self.partial + self.not_modified + self.not_found + self.head + self.simple
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        self.partial += other.partial;
        self.not_modified += other.not_modified;
        self.not_found += other.not_found;
        self.head += other.head;
        self.simple += other.simple;
    }
}

/// Writes lines; what they hold besides the event is its own choice, so that
/// the events stay those of the other formats.
pub(crate) struct AccessLog {
    rng: fastrand::Rng,
    pub(crate) other_lines: OtherLines,
}

struct Request<'a> {
    method: &'a str,
    path: &'a str,
    status: u16,
    body_bytes: u32,
}

impl AccessLog {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed ^ 0x6163_6365_7373),
            other_lines: OtherLines::default(),
        }
    }

    /// Appends the line of the event, each line with its end, and perhaps
    /// another request of the same client before it.
    pub(crate) fn write(&mut self, day: &Day, event: &Event<'_>, lines: &mut Vec<u8>) {
        self.write_other(day, event, lines);
        self.write_download(day, event, lines);
        lines.push(b'\n');
    }

    /// Appends the line of the event alone, without its end.
    pub(crate) fn write_download(&mut self, day: &Day, event: &Event<'_>, line: &mut Vec<u8>) {
        let body_bytes = if event.side_file {
            self.rng.u32(300..20_000)
        } else {
            self.rng.u32(5_000..20_000_000)
        };
        let request = Request {
            method: "GET",
            path: event.url,
            status: 200,
            body_bytes,
        };
        self.write_line(day, event, &request, line);
    }

    fn write_other(&mut self, day: &Day, event: &Event<'_>, lines: &mut Vec<u8>) {
        let file = |method, status, body_bytes| Request {
            method,
            path: event.url,
            status,
            body_bytes,
        };
        let page;
        let request = match self.rng.u32(..1_000) {
            ..SIMPLE => {
                self.other_lines.simple += 1;
                page = format!("/simple/{}/", event.project.name);
                let (status, body_bytes) = match self.rng.u32(..20) {
                    0 => (304, 0),
                    1 => (404, 153),
                    _ => (200, self.rng.u32(500..90_000)),
                };
                Request {
                    method: "GET",
                    path: &page,
                    status,
                    body_bytes,
                }
            }
            SIMPLE..PARTIAL => {
                self.other_lines.partial += 1;
                file("GET", 206, self.rng.u32(1_000..64_000))
            }
            PARTIAL..NOT_MODIFIED => {
                self.other_lines.not_modified += 1;
                file("GET", 304, 0)
            }
            NOT_MODIFIED..NOT_FOUND => {
                self.other_lines.not_found += 1;
                file("GET", 404, 153)
            }
            NOT_FOUND..HEAD => {
                self.other_lines.head += 1;
                file("HEAD", 200, 0)
            }
            HEAD.. => return,
        };
        self.write_line(day, event, &request, lines);
        lines.push(b'\n');
    }

    fn write_line(
        &mut self,
        day: &Day,
        event: &Event<'_>,
        request: &Request<'_>,
        line: &mut Vec<u8>,
    ) {
        write!(
            line,
            "192.0.2.{} - - [{}:{} +0000] \"{} {} HTTP/1.1\" {} {} \"-\" \"",
            self.rng.u32(1..255),
            day.nginx,
            TimeOfDay(event.second),
            request.method,
            request.path,
            request.status,
            request.body_bytes,
        )
        .expect("a vector takes all");
        escape(&event.agent.user_agent, line);
        line.push(b'"');
    }
}

const HEX_DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// As nginx's `log_format` escapes by default: `"`, `\`, and bytes below 32 or
/// above 126 as `\xXX`.
fn escape(text: &str, line: &mut Vec<u8>) {
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\' | ..32 | 127..) {
            let digit = |four_bits: u8| HEX_DIGITS[usize::from(four_bits)];
            line.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
        } else {
            line.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_like_nginx() {
        fn check(text: &str, expect: &str) {
            let mut line = Vec::new();
            escape(text, &mut line);
            assert_eq!(String::from_utf8(line).unwrap(), expect);
        }
        check("curl/8.5.0", "curl/8.5.0");
        check("pip/24.0 {\"ci\":null}", "pip/24.0 {\\x22ci\\x22:null}");
        check("a\\u00e9b", "a\\x5Cu00e9b");
        check("\u{e9}\t\u{7f}", "\\xC3\\xA9\\x09\\x7F");
    }
}
