//! Logs of all programs: human lines on a terminal, JSON lines elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use env_logger::{Builder, Env, Target, WriteStyle};
use log::kv::{self, Key, Value, VisitSource};

/// Lines that wait for standard error to take them; more are dropped.
const LINES_WAITING_MAX: usize = 4096;
/// How long the end of a program waits for the last lines to be written.
const LAST_LINES_WAIT: Duration = Duration::from_secs(1);

static DROPPED_LINES: AtomicU64 = AtomicU64::new(0);

/// Starts logging to standard error. `ESPY_LOG` chooses the level (`info`
/// unless set), `ESPY_LOG_FORMAT` is `human`, `json` or `auto`.
pub fn start(format: LogFormat) {
    // A second start in one process (tests) keeps the first.
    let _ = builder(format).try_init();
}

/// As [`start`], but no thread that logs ever waits for whoever reads standard
/// error: a thread of its own writes the lines, and when too many wait, new
/// ones are dropped and counted.
pub fn start_queued(format: LogFormat) -> Queue {
    let (sender, lines) = sync_channel(LINES_WAITING_MAX);
    let (ended, end) = sync_channel(1);
    let writer = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_lines(&lines, &ended));
    let Ok(writer) = writer else {
        start(format);
        return Queue(None);
    };
    let mut builder = builder(format);
    // The formatter sees a pipe and would never colour.
    if is_human(format) && std::io::stderr().is_terminal() {
        builder.write_style(WriteStyle::Always);
    }
    let target = Target::Pipe(Box::new(Sender(sender.clone())));
    let _ = builder.target(target).try_init();
    Queue(Some((sender, end, writer)))
}

/// How many lines found no room so far.
pub fn dropped_lines() -> u64 {
    DROPPED_LINES.load(Ordering::Relaxed)
}

/// Kept while the program runs; the last lines are written when it is dropped.
#[must_use = "dropped, it ends the log"]
pub struct Queue(Option<(SyncSender<Line>, Receiver<()>, JoinHandle<()>)>);

impl Drop for Queue {
    fn drop(&mut self) {
        if let Some((sender, end, writer)) = self.0.take() {
            let _ = sender.try_send(Line::Last);
            // With nobody reading, the end is not held up for long.
            if end.recv_timeout(LAST_LINES_WAIT) != Err(RecvTimeoutError::Timeout) {
                let _ = writer.join();
            }
        }
    }
}

enum Line {
    Text(Vec<u8>),
    Last,
}

/// One write per line: the formatter sends whole ones.
struct Sender(SyncSender<Line>);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.0.try_send(Line::Text(bytes.to_vec())) {
            DROPPED_LINES.fetch_add(1, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn write_lines(lines: &Receiver<Line>, ended: &SyncSender<()>) {
    while let Ok(Line::Text(line)) = lines.recv() {
        // Nothing can be told when even this fails.
        let _ = std::io::stderr().write_all(&line);
    }
    let _ = ended.try_send(());
}

fn is_human(format: LogFormat) -> bool {
    match format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    }
}

fn builder(format: LogFormat) -> Builder {
    let mut builder = Builder::from_env(Env::default().filter_or("ESPY_LOG", "info"));
    if is_human(format) {
        builder.format_timestamp_secs();
    } else {
        builder.write_style(WriteStyle::Never).format(json_line);
    }
    builder
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
