//! The JSON that pip and uv send after their name and version.

use std::borrow::Cow;

use serde_json::Value;

use super::version::Version;
use super::words::{is_space, split_word};
use crate::ingest::details::{Details, Distro, Implementation, Installer, Libc, System, Text};

/// pip has sent JSON since 6.0.
const PIP: &[u64] = &[6];
/// uv has sent JSON since 0.1.22.
const UV: &[u64] = &[0, 1, 22];

/// The details of `pip/<version> <JSON>`, given the part after `pip/`.
pub(super) fn pip(rest: &str) -> Option<Details<'_>> {
    versioned(rest, PIP)
}

/// The details of `uv/<version> <JSON>`, given the part after `uv/`.
pub(super) fn uv(rest: &str) -> Option<Details<'_>> {
    versioned(rest, UV)
}

fn versioned<'a>(rest: &'a str, threshold: &[u64]) -> Option<Details<'a>> {
    let (version, json) = split_word(rest)?;
    if !Version::parse(version)?.is_at_least(threshold) {
        return None;
    }
    let json = json.trim_start_matches(is_space);
    serde_json::from_str(json)
        .ok()
        .or_else(|| Some(lenient(&serde_json::from_str(json).ok()?)))
}

/// Reads what a genuine pip or uv never sends, by upstream's rules: text may
/// be a number or a boolean, `ci` is anything Python finds true, of a key that
/// stands twice the last counts.
fn lenient(value: &Value) -> Details<'static> {
    Details {
        installer: record(value, "installer", |value| Installer {
            name: text(value, "name"),
            version: text(value, "version"),
        }),
        python: text(value, "python"),
        implementation: record(value, "implementation", |value| Implementation {
            name: text(value, "name"),
            version: text(value, "version"),
        }),
        distro: record(value, "distro", |value| Distro {
            name: text(value, "name"),
            version: text(value, "version"),
            id: text(value, "id"),
            libc: record(value, "libc", |value| Libc {
                lib: text(value, "lib"),
                version: text(value, "version"),
            }),
        }),
        system: record(value, "system", |value| System {
            name: text(value, "name"),
            release: text(value, "release"),
        }),
        cpu: text(value, "cpu"),
        openssl_version: text(value, "openssl_version"),
        setuptools_version: text(value, "setuptools_version"),
        rustc_version: text(value, "rustc_version"),
        ci: field(value, "ci").map(is_true),
        user_data: text(value, "user_data"),
    }
}

/// The field of an object, null being none.
fn field<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|value| !value.is_null())
}

/// A record, which is without any field when the value is no object.
fn record<T>(value: &Value, key: &str, read: impl Fn(&Value) -> T) -> Option<T> {
    field(value, key).map(read)
}

/// As Python's `str()` for all but lists and objects.
fn text(value: &Value, key: &str) -> Text<'static> {
    match field(value, key)? {
        Value::String(text) => Some(Cow::Owned(text.clone())),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(true) => Some(Cow::Borrowed("True")),
        Value::Bool(false) => Some(Cow::Borrowed("False")),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// As Python's `bool()`.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}
