//! A client that knows nothing but bytes, and takes only well-formed answers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::DEADLINE;

/// Header lines that an answer may have.
const HEADER_LINES_MAX: usize = 32;

/// A connection that is kept alive.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<TcpStream>,
}

/// A whole answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    /// As many bytes as announced.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body in JSON")
    }
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the handler accepts");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self {
            reader: BufReader::new(stream),
        }
    }

    /// `GET` of a target as it stands.
    pub fn get(&mut self, target: &str) -> Answer {
        self.request("GET", target, &[])
    }

    /// One request and its answer.
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        let context = |error| panic!("{method} {target}: {error}");
        let stream = self.reader.get_mut();
        stream.write_all(text.as_bytes()).unwrap_or_else(context);
        let answer = self.answer(method == "HEAD");
        assert!(
            self.reader.buffer().is_empty(),
            "{method} {target}: bytes behind the answer"
        );
        answer
    }

    fn answer(&mut self, is_head: bool) -> Answer {
        let status_line = self.line();
        let status: u16 = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.split_once(' '))
            .filter(|(code, _)| code.len() == 3)
            .and_then(|(code, _)| code.parse().ok())
            .unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let mut headers = BTreeMap::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line
                .split_once(": ")
                .unwrap_or_else(|| panic!("no header: {line:?}"));
            let is_token = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(name.bytes().all(is_token), "odd header name {name:?}");
            let doubled = headers.insert(name.to_owned(), value.to_owned());
            assert_eq!(doubled, None, "two headers {name}");
            assert!(headers.len() <= HEADER_LINES_MAX, "too many headers");
        }
        let body = vec![0; body_length(status, &headers, is_head)];
        let mut answer = Answer {
            status,
            headers,
            body,
        };
        self.reader
            .read_exact(&mut answer.body)
            .unwrap_or_else(|error| panic!("the body is cut off: {error}"));
        answer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader
            .read_line(&mut line)
            .unwrap_or_else(|error| panic!("read an answer: {error}"));
        match line.strip_suffix("\r\n") {
            Some(line) => line.to_owned(),
            None => panic!("cut off after {line:?}"),
        }
    }
}

/// Bodies of known length are all that the handler should send.
fn body_length(status: u16, headers: &BTreeMap<String, String>, is_head: bool) -> usize {
    let coding = headers.get("transfer-encoding");
    assert_eq!(coding, None, "a body of unknown length");
    let length = headers.get("content-length").map(|length| {
        assert!(length.bytes().all(|byte| byte.is_ascii_digit()));
        length.parse().expect("a length")
    });
    match (status, length) {
        (204 | 304, _) => 0,
        (_, Some(_)) if is_head => 0,
        (_, Some(length)) => length,
        (_, None) => panic!("status {status} without a length"),
    }
}
