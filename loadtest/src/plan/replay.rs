//! Requests of an access log, in order.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, bail};
use rustc_hash::FxHashMap;
use serde_json::Value;

use super::Method;

/// About a gigabyte of paths.
const REQUESTS_MAX: usize = 10_000_000;

/// A line of the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) method: Method,
    pub(super) path: Box<str>,
    /// Of the recorded status.
    pub(super) class: Option<u16>,
    /// The first line with the same path.
    pub(super) same_as: usize,
}

pub(super) struct Replay {
    pub(super) requests: Vec<Recorded>,
    pub(super) skipped_count: usize,
}

/// Reads a log, plain, gzip or zstd by its content.
pub(super) fn read(path: &Path) -> anyhow::Result<Replay> {
    let in_file = || path.display().to_string();
    let mut file = BufReader::new(File::open(path).with_context(in_file)?);
    let begins_with = |magic: &[u8], file: &mut BufReader<File>| {
        file.fill_buf().map(|start| start.starts_with(magic))
    };
    if begins_with(&[0x1f, 0x8b], &mut file).with_context(in_file)? {
        lines(BufReader::new(flate2::bufread::MultiGzDecoder::new(file))).with_context(in_file)
    } else if begins_with(&[0x28, 0xb5, 0x2f, 0xfd], &mut file).with_context(in_file)? {
        let decoder = zstd::stream::read::Decoder::with_buffer(file).with_context(in_file)?;
        lines(BufReader::new(decoder)).with_context(in_file)
    } else {
        lines(file).with_context(in_file)
    }
}

fn lines(log: impl BufRead) -> anyhow::Result<Replay> {
    let mut replay = Replay {
        requests: Vec::new(),
        skipped_count: 0,
    };
    let mut first_of: FxHashMap<Box<str>, usize> = FxHashMap::default();
    for line in log.split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if line.trim().is_empty() {
            continue;
        }
        let Some((method, path, class)) = parse(&line) else {
            replay.skipped_count += 1;
            continue;
        };
        if replay.requests.len() == REQUESTS_MAX {
            bail!("more than {REQUESTS_MAX} requests");
        }
        let same_as = *first_of.entry(path.into()).or_insert(replay.requests.len());
        replay.requests.push(Recorded {
            method,
            path: path.into(),
            class,
            same_as,
        });
    }
    Ok(replay)
}

/// Reads a line; none for what no reader sends.
fn parse(line: &str) -> Option<(Method, &str, Option<u16>)> {
    // Paths are borrowed from the line, so JSON must not have escaped them.
    if line.trim_start().starts_with('{') {
        json(line)
    } else {
        combined(line)
    }
}

/// `… "GET /path HTTP/1.1" 200 …`
fn combined(line: &str) -> Option<(Method, &str, Option<u16>)> {
    let (_, rest) = line.split_once('"')?;
    let (request, rest) = rest.split_once('"')?;
    let class = rest.split_whitespace().next().and_then(class_of);
    let (method, path) = request_line(request)?;
    Some((method, path, class))
}

fn request_line(request: &str) -> Option<(Method, &str)> {
    let mut words = request.split(' ');
    let method = method(words.next()?)?;
    let path = words.next()?;
    is_path(path).then_some((method, path))
}

/// nginx, Caddy, Envoy and others each have their own names for the same.
fn json(line: &str) -> Option<(Method, &str, Option<u16>)> {
    let document: Value = serde_json::from_str(line).ok()?;
    let text = |holder: &Value, keys: &[&str]| {
        keys.iter()
            .find_map(|key| holder.get(key)?.as_str().map(str::to_owned))
    };
    let status = ["status", "response_code", "status_code"]
        .iter()
        .find_map(|key| document.get(key))
        .and_then(|status| match status {
            Value::Number(number) => class_of(&number.to_string()),
            Value::String(text) => class_of(text),
            _ => None,
        });
    // Caddy nests the request; others write the request line, or its parts.
    let holder = document
        .get("request")
        .filter(|request| request.is_object())
        .unwrap_or(&document);
    let (method, path) = match text(&document, &["request"]) {
        Some(request) => {
            let (method, path) = request_line(&request)?;
            (method, path.to_owned())
        }
        None => (
            method(
                &text(holder, &["method", "request_method"]).unwrap_or_else(|| "GET".to_owned()),
            )?,
            text(holder, &["uri", "request_uri", "path", "target", "url"])?,
        ),
    };
    let start = line.find(&path)?;
    let path = &line[start..start + path.len()];
    is_path(path).then_some((method, path, status))
}

fn method(name: &str) -> Option<Method> {
    match name {
        "GET" => Some(Method::Get),
        "HEAD" => Some(Method::Head),
        "OPTIONS" => Some(Method::Options),
        _ => None,
    }
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic())
}

fn class_of(status: &str) -> Option<u16> {
    let status: u16 = status.parse().ok()?;
    (100..600).contains(&status).then_some(status / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_log_lines() {
        fn check(line: &str, expect: Option<(Method, &str, Option<u16>)>) {
            assert_eq!(parse(line), expect, "{line}");
        }
        check(
            r#"192.0.2.1 - - [20/Nov/2026:09:41:02 +0000] "GET /api/packages/pip/recent?period=day HTTP/1.1" 200 75 "-" "curl/8""#,
            Some((Method::Get, "/api/packages/pip/recent?period=day", Some(2))),
        );
        check(
            r#"- - - [x] "HEAD / HTTP/1.0" 404 0"#,
            Some((Method::Head, "/", Some(4))),
        );
        check(r#"- - - [x] "GET /a" - -"#, Some((Method::Get, "/a", None)));
        check(r#"- - - [x] "POST /a HTTP/1.1" 200 0"#, None);
        check(r#"- - - [x] "GET http://x/ HTTP/1.1" 200 0"#, None);
        check(r#"- - - [x] "\x16\x03" 400 0"#, None);
        check("nonsense", None);
        check(
            r#"{"request":"GET /a HTTP/1.1","status":"304"}"#,
            Some((Method::Get, "/a", Some(3))),
        );
        check(
            r#"{"method":"GET","path":"/b","status":500}"#,
            Some((Method::Get, "/b", Some(5))),
        );
        check(
            r#"{"request":{"method":"HEAD","uri":"/c"},"status":200}"#,
            Some((Method::Head, "/c", Some(2))),
        );
        check(r#"{"uri":"/d"}"#, Some((Method::Get, "/d", None)));
        check(r#"{"method":"GET"}"#, None);
        check(r#"{"method":"#, None);
    }

    #[test]
    fn order_and_repeats_are_kept() {
        let log =
            "\"GET /a HTTP/1.1\" 200\n\"GET /b HTTP/1.1\" 200\nbad\n\n\"GET /a HTTP/1.1\" 200\n";
        let replay = lines(log.as_bytes()).unwrap();
        let paths: Vec<_> = replay
            .requests
            .iter()
            .map(|line| (&*line.path, line.same_as))
            .collect();
        assert_eq!(paths, [("/a", 0), ("/b", 1), ("/a", 0)]);
        assert_eq!(replay.skipped_count, 1);
    }
}
