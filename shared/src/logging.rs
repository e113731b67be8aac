//! Logs of all programs: human lines on a terminal, JSON lines elsewhere.

use std::io::{IsTerminal, Write};

use env_logger::{Builder, Env, WriteStyle};
use log::kv::{self, Key, Value, VisitSource};

/// Starts logging to standard error. `ESPY_LOG` chooses the level (`info`
/// unless set), `ESPY_LOG_FORMAT` is `human`, `json` or `auto`.
pub fn start(format: LogFormat) {
    let is_human = match format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    let mut builder = Builder::from_env(Env::default().filter_or("ESPY_LOG", "info"));
    if is_human {
        builder.format_timestamp_secs();
    } else {
        builder.write_style(WriteStyle::Never).format(json_line);
    }
    // A second start in one process (tests) keeps the first.
    let _ = builder.try_init();
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object a line: `time`, `level`, `target`, `message`, fields.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err("one of auto, human, json".to_owned()),
        }
    }
}

fn json_line(
    out: &mut env_logger::fmt::Formatter,
    record: &log::Record<'_>,
) -> std::io::Result<()> {
    let mut line = Vec::with_capacity(256);
    put(
        &mut line,
        b'{',
        "time",
        &out.timestamp_millis().to_string().into(),
    );
    put(
        &mut line,
        b',',
        "level",
        &record.level().as_str().to_lowercase().into(),
    );
    put(&mut line, b',', "target", &record.target().into());
    put(
        &mut line,
        b',',
        "message",
        &record.args().to_string().into(),
    );
    // Values that cannot be read are left out rather than failing the line.
    let _ = record.key_values().visit(&mut Fields(&mut line));
    line.extend_from_slice(b"}\n");
    out.write_all(&line)
}

fn put(line: &mut Vec<u8>, separator: u8, key: &str, value: &serde_json::Value) {
    line.push(separator);
    line.extend_from_slice(serde_json::Value::from(key).to_string().as_bytes());
    line.push(b':');
    line.extend_from_slice(value.to_string().as_bytes());
}

struct Fields<'l>(&'l mut Vec<u8>);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let json = if let Some(number) = value.to_u64() {
            number.into()
        } else if let Some(number) = value.to_i64() {
            number.into()
        } else if let Some(number) = value.to_f64() {
            number.into()
        } else if let Some(truth) = value.to_bool() {
            truth.into()
        } else {
            value.to_string().into()
        };
        put(self.0, b',', key.as_str(), &json);
        Ok(())
    }
}
