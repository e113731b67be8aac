//! Package names: from a file, or as the target lists them.

use std::fs;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::config::{NamesFrom, Target};
use crate::http::probe::Probe;

/// More than PyPI has.
const NAMES_MAX: usize = 5_000_000;
const TIMEOUT: Duration = Duration::from_secs(10);
const ADVICE: &str =
    "give --names a file with one name a line, or a path that answers with a JSON list of names";
/// Under these keys the name of a list's row is looked for.
const NAME_KEYS: [&str; 3] = ["name", "project", "package"];

pub(super) fn load(
    from: &NamesFrom,
    pointer: Option<&str>,
    target: &Target,
) -> anyhow::Result<Vec<Box<str>>> {
    let (text, place) = match from {
        NamesFrom::File(path) => (
            fs::read(path).with_context(|| path.display().to_string())?,
            path.display().to_string(),
        ),
        NamesFrom::Target(path) => {
            let place = format!("http://{}{path}", target.authority);
            let answer = Probe::new(target, TIMEOUT)
                .get(path)
                .with_context(|| format!("{place} gave no list; {ADVICE}"))?;
            if answer.status != 200 {
                bail!("{place} answered {}; {ADVICE}", answer.status);
            }
            (answer.body, place)
        }
    };
    let text = String::from_utf8(text).with_context(|| format!("{place} is not UTF-8"))?;
    let names = match serde_json::from_str::<Value>(&text) {
        Ok(document) => of_json(&document, pointer),
        Err(_) => text
            .lines()
            .map(str::trim)
            .filter(|line| is_name_line(line))
            .map(encode)
            .collect(),
    };
    if names.is_empty() {
        bail!("{place} has no names; {ADVICE}");
    }
    if names.len() > NAMES_MAX {
        bail!("{place} has more than {NAMES_MAX} names");
    }
    Ok(names)
}

fn is_name_line(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// The longest list of names, or that at `pointer`.
fn of_json(document: &Value, pointer: Option<&str>) -> Vec<Box<str>> {
    match pointer {
        Some(pointer) => document.pointer(pointer).map(names_of).unwrap_or_default(),
        None => longest(document),
    }
}

fn longest(value: &Value) -> Vec<Box<str>> {
    let inner = match value {
        Value::Array(rows) => rows.iter().map(longest).max_by_key(Vec::len),
        Value::Object(fields) => fields.values().map(longest).max_by_key(Vec::len),
        _ => None,
    };
    let own = names_of(value);
    inner.filter(|inner| inner.len() > own.len()).unwrap_or(own)
}

fn names_of(list: &Value) -> Vec<Box<str>> {
    let Value::Array(rows) = list else {
        return Vec::new();
    };
    rows.iter()
        .filter_map(|row| match row {
            Value::String(name) => Some(name.as_str()),
            Value::Object(fields) => NAME_KEYS
                .iter()
                .find_map(|key| fields.get(*key).and_then(Value::as_str)),
            _ => None,
        })
        .map(encode)
        .collect()
}

/// What a path may not hold is percent-encoded.
fn encode(name: &str) -> Box<str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| {
            if is_plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_found() {
        fn check(document: &str, pointer: Option<&str>, expect: &[&str]) {
            let names = of_json(&serde_json::from_str(document).unwrap(), pointer);
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            assert_eq!(names, expect, "{document}");
        }
        check(r#"["pip","flask"]"#, None, &["pip", "flask"]);
        check(
            r#"{"rows":[{"project":"pip"},{"project":"x y"}],"n":["a"]}"#,
            None,
            &["pip", "x%20y"],
        );
        check(r#"{"a":{"b":["p"]},"c":["q","r"]}"#, Some("/a/b"), &["p"]);
        check(r#"{"a":1}"#, None, &[]);
        check(r#"{"a":1}"#, Some("/b"), &[]);
    }
}
