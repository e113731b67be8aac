//! What the process tells of itself: written by the watcher, read by `/readyz`
//! and `/status` on any core, never by answers with data.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use espy_shared::day::Day;
use espy_shared::manifest::Current;
use espy_shared::segment::SCHEMA_VERSION;

use crate::generation::Facts;
use espy_shared::version::{COMMIT, VERSION};

/// Seconds since 1970 now.
pub(crate) fn now_seconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or(0)
}

/// Shared by all threads.
#[derive(Debug)]
pub struct ServiceState {
    is_ready: AtomicBool,
    is_stopping: AtomicBool,
    started_seconds: i64,
    cores: usize,
    resident_limit_bytes: u64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    serving: Option<Arc<Facts>>,
    resident_bytes: u64,
    current: Option<Current>,
    refusal: Option<Refusal>,
}

/// Why the snapshot that `current.json` names is not the one being served.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// Its number, when that much can be read.
    pub(crate) sequence: Option<u64>,
    pub(crate) reason: String,
    pub(crate) since_seconds: i64,
}

/// What metrics tell of the snapshot.
pub(crate) struct Served {
    pub(crate) serving: Option<Arc<Facts>>,
    pub(crate) resident_bytes: u64,
    pub(crate) is_refusing: bool,
}

/// The document of `/status`.
#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    commit: &'static str,
    sqlite: &'static str,
    schema_version: u32,
    started: String,
    cores: usize,
    ready: bool,
    sequence: Option<u64>,
    data_through: Option<Day>,
    published_at: Option<&'a str>,
    next_expected: Option<&'a str>,
    age_seconds: Option<i64>,
    segment_count: usize,
    segment_bytes: u64,
    resident_bytes: u64,
    resident_limit_bytes: u64,
    counter: Option<u64>,
    channel: Option<&'a str>,
    last_refusal: Option<RefusalDocument<'a>>,
}

#[derive(Serialize)]
struct RefusalDocument<'a> {
    sequence: Option<u64>,
    reason: &'a str,
    since: String,
}

impl ServiceState {
    /// At start, with nothing served.
    pub fn new(cores: usize, resident_limit_bytes: u64, started_seconds: i64) -> Self {
        Self {
            is_ready: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            started_seconds,
            cores,
            resident_limit_bytes,
            seen: Mutex::default(),
        }
    }

    /// Whether every core serves a verified snapshot, and goes on doing so.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed) && !self.is_stopping()
    }

    /// Whether the process has been asked to end: every answer is its
    /// connection's last.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// What is served now.
    pub(crate) fn served(&self) -> Served {
        let seen = self.seen();
        Served {
            serving: seen.serving.clone(),
            resident_bytes: seen.resident_bytes,
            is_refusing: seen.refusal.is_some(),
        }
    }

    /// Seconds since 1970 at which the process started.
    pub(crate) fn started_seconds(&self) -> i64 {
        self.started_seconds
    }

    /// From now on balancers should send nobody.
    pub(crate) fn set_stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Every core serves this.
    pub(crate) fn set_serving(&self, facts: Option<Arc<Facts>>, resident_bytes: u64) {
        let mut seen = self.seen();
        seen.serving = facts;
        seen.resident_bytes = resident_bytes;
        self.is_ready
            .store(seen.serving.is_some(), Ordering::Relaxed);
    }

    /// What `current.json` names is served.
    pub(crate) fn set_current(&self, current: Current) {
        let mut seen = self.seen();
        seen.current = Some(current);
        seen.refusal = None;
    }

    /// What `current.json` names is not served. The same reason again keeps
    /// the time of its first appearance.
    pub(crate) fn set_refusal(&self, refusal: Refusal) {
        let mut seen = self.seen();
        let is_known = seen.refusal.as_ref().is_some_and(|known| {
            (known.sequence, &known.reason) == (refusal.sequence, &refusal.reason)
        });
        if !is_known {
            seen.refusal = Some(refusal);
        }
    }

    /// The document of `/status`.
    pub(crate) fn document(&self, now_seconds: i64) -> Bytes {
        let seen = self.seen();
        let serving = seen.serving.as_deref();
        let manifest = serving.map(Facts::manifest);
        let document = Document {
            version: VERSION,
            commit: COMMIT,
            sqlite: rusqlite::version(),
            schema_version: SCHEMA_VERSION,
            started: time(self.started_seconds),
            cores: self.cores,
            ready: self.is_ready(),
            sequence: manifest.map(|manifest| manifest.sequence),
            data_through: manifest.and_then(|manifest| manifest.data_through),
            published_at: manifest.map(|manifest| &*manifest.published_at),
            next_expected: manifest.map(|manifest| &*manifest.next_expected),
            age_seconds: serving.map(|facts| now_seconds - facts.published_seconds()),
            segment_count: manifest.map_or(0, |manifest| manifest.segments.len()),
            segment_bytes: serving.map_or(0, Facts::segment_bytes),
            resident_bytes: seen.resident_bytes,
            resident_limit_bytes: self.resident_limit_bytes,
            counter: seen.current.as_ref().map(|current| current.counter),
            channel: seen.current.as_ref().map(|current| &*current.channel),
            last_refusal: seen.refusal.as_ref().map(|refusal| RefusalDocument {
                sequence: refusal.sequence,
                reason: &refusal.reason,
                since: time(refusal.since_seconds),
            }),
        };
        let mut bytes = serde_json::to_vec(&document).expect("texts and numbers only");
        bytes.push(b'\n');
        bytes.into()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Nothing is left half written by a panic here: fields are assigned.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 3339, UTC.
fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| String::new(), |time| time.to_string())
}
