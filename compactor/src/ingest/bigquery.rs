//! Rows of PyPI's `file_downloads` table as NDJSON.
//! <https://docs.pypi.org/api/bigquery/>

use std::borrow::Cow;

use serde::Deserialize;

use super::counter::Counter;
use super::details::{Details, Text, text};
use super::row::{Reject, Verdict};
use super::rules::{Event, Rules};
use super::timestamp::TimestampReader;

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    country_code: Text<'a>,
    #[serde(borrow, default, deserialize_with = "text")]
    url: Text<'a>,
    #[serde(borrow, default, deserialize_with = "text")]
    project: Text<'a>,
    #[serde(borrow)]
    file: File<'a>,
    #[serde(borrow, default)]
    details: Option<Details<'a>>,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    filename: Text<'a>,
    #[serde(borrow, default, deserialize_with = "text")]
    project: Text<'a>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    file_type: Cow<'a, str>,
}

/// Counts one row.
pub fn count(
    line: &str,
    timestamps: &mut TimestampReader,
    rules: &mut Rules<'_>,
    counter: &mut Counter,
) -> Verdict {
    let row: Row<'_> = match serde_json::from_str(line) {
        Ok(row) => row,
        Err(error) => return reject(&error).into(),
    };
    let Some(seconds) = timestamps.read(&row.timestamp) else {
        return Reject::new(
            "bad-date",
            format!("timestamp {:?} is no time", row.timestamp),
        )
        .into();
    };
    let Some(project) = row.file.project.as_deref().or(row.project.as_deref()) else {
        return Reject::new("missing-field", "neither file.project nor project").into();
    };
    let path = row
        .file
        .filename
        .as_deref()
        .or(row.url.as_deref())
        .unwrap_or("");
    let event = Event {
        seconds,
        project,
        version: &row.file.version,
        file_type: &row.file.file_type,
        filename: path.rsplit('/').next().unwrap_or(path),
        country: row.country_code.as_deref(),
    };
    let agent = rules.agent(counter, row.details.as_ref());
    rules.count(counter, &event, &agent)
}

/// Whether a line is one complete JSON object, so that it cannot be the first
/// half of a line still being written.
pub fn is_whole(line: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
}

fn reject(error: &serde_json::Error) -> Reject {
    let detail = error.to_string();
    let reason = match error.classify() {
        serde_json::error::Category::Data if detail.starts_with("missing field") => "missing-field",
        serde_json::error::Category::Data => "bad-field",
        _ => "bad-json",
    };
    Reject::new(reason, detail)
}

#[cfg(test)]
mod tests {
    use super::super::tables::Tables;
    use super::*;

    fn check(line: &str) -> Verdict {
        let tables = Tables::default();
        let mut rules = Rules::new(&tables, "2026-11-21".parse().unwrap(), None);
        count(
            line,
            &mut TimestampReader::default(),
            &mut rules,
            &mut Counter::default(),
        )
    }

    #[test]
    fn rows() {
        for line in [
            r#"{"timestamp":"2021-01-07 20:54:54 +00:00","country_code":"US","url":"/packages/f7/12/x/threadpoolctl-2.1.0-py3-none-any.whl","project":"threadpoolctl","file":{"filename":"threadpoolctl-2.1.0-py3-none-any.whl","project":"threadpoolctl","version":"2.1.0","type":"bdist_wheel"},"tls_protocol":"TLSv1.2","tls_cipher":"x","details":{"installer":{"name":"pip","version":"20.1.1"},"python":"3.7.9","ci":null}}"#,
            r#"{"timestamp":"2021-01-07T20:54:54Z","file":{"project":"a","version":"1","type":"sdist"},"details":null}"#,
            r#"{"timestamp":"2021-01-07T20:54:54Z","project":"a","file":{"version":"1","type":"sdist","new":[1,{}]}}"#,
        ] {
            assert_eq!(check(line), Verdict::Counted, "{line}");
        }
    }

    #[test]
    fn bad_rows_name_their_reason() {
        for (line, reason) in [
            ("{", "bad-json"),
            ("{}", "missing-field"),
            ("[]", "bad-field"),
            (
                r#"{"timestamp":7,"file":{"project":"a","version":"1","type":"sdist"}}"#,
                "bad-field",
            ),
            (
                r#"{"timestamp":null,"file":{"project":"a","version":"1","type":"sdist"}}"#,
                "bad-field",
            ),
            (
                r#"{"timestamp":"2021-02-30 00:00:00 UTC","file":{"project":"a","version":"1","type":"sdist"}}"#,
                "bad-date",
            ),
            (
                r#"{"timestamp":"2021-02-03 00:00:00 UTC","file":{"version":"1","type":"sdist"}}"#,
                "missing-field",
            ),
            (
                r#"{"timestamp":"2021-02-03 00:00:00 UTC","file":{"project":"a","type":"sdist"}}"#,
                "missing-field",
            ),
            (
                r#"{"timestamp":"2021-02-03 00:00:00 UTC","file":{"project":"a","version":1,"type":"sdist"}}"#,
                "bad-field",
            ),
            (
                r#"{"timestamp":"2021-02-03 00:00:00 UTC","file":{"project":"a","version":"1","type":"rar"}}"#,
                "bad-file-type",
            ),
            (
                r#"{"timestamp":"2021-02-03 00:00:00 UTC","file":{"project":"a\u0000","version":"1","type":"sdist"}}"#,
                "bad-project",
            ),
            (
                r#"{"timestamp":"2021-02-03 00:00:00 UTC","file":{"project":"a","version":"1","type":"sdist"},"details":{"ci":"yes"}}"#,
                "bad-field",
            ),
            (
                r#"{"timestamp":"2021-02-03 00:00:00 UTC","file":{"project":"a","version":"1","type":"sdist"}} x"#,
                "bad-json",
            ),
        ] {
            match check(line) {
                Verdict::Rejected(reject) => {
                    assert_eq!(reject.reason, reason, "{line}: {}", reject.detail)
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}
