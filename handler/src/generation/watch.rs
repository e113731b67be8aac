//! The watcher: looks at the snapshot folder, loads what is new on its own
//! thread, and hands each core its readers. Whatever fails, the old snapshot
//! stays.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use espy_shared::day::Day;
use espy_shared::files;
use espy_shared::hash::ObjectHash;
use espy_shared::layout;
use espy_shared::manifest::{CURRENT_BYTES_MAX, Current, Manifest};
use espy_shared::telemetry::{Stage, StageClock};

use super::{CoreGeneration, Facts, LoadError, Loader};
use crate::error::chain;
use crate::respond::{self, Hot, View};
use crate::signals::{Report, Signals};
use crate::state::{Refusal, ServiceState, now_seconds};

/// Longest time between two tries of a refused snapshot. A try may hash all
/// of it, so they begin at the poll interval and double.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Answers that are rendered anew for a core before it gets a new snapshot:
/// else the hottest questions would all be cold in the same moment.
const HOT_MAX: usize = 2048;
/// A core that does not say in this time what is hot gets its snapshot without.
const HOT_WAIT: Duration = Duration::from_secs(1);
/// Longest time that rendering for one core may delay its snapshot.
const WARM_TIME_MAX: Duration = Duration::from_secs(5);

/// What the watcher wants of a core.
pub(crate) enum CoreTask {
    /// To say what is asked for most, at most so many questions.
    Hottest(usize, SyncSender<Vec<Hot>>),
    /// To go over to a new snapshot.
    Swap(Box<Swap>),
}

/// A core's new readers, and where its old ones go: they are closed and their
/// memory returned on the watcher's thread, not while requests wait.
pub(crate) struct Swap {
    pub(crate) generation: CoreGeneration,
    pub(crate) retired: SyncSender<Option<CoreGeneration>>,
}

/// A tenth of a core that is busy with requests.
const NICE: i32 = 10;

/// Follows the snapshot folder.
pub(crate) struct Watcher {
    pub(crate) dir: PathBuf,
    pub(crate) poll_interval: Duration,
    pub(crate) loader: Loader,
    pub(crate) cores: Vec<Sender<CoreTask>>,
    /// For the answers that are rendered before a swap.
    pub(crate) signals: Arc<Signals>,
    pub(crate) state: Arc<ServiceState>,
    /// Where timings go; none when nobody wants them.
    pub(crate) reports: Option<std::sync::mpsc::SyncSender<Report>>,
}

/// What the last look at the folder led to.
#[derive(Default)]
struct Progress {
    /// What was dealt with.
    seen: Option<Seen>,
    /// When what was refused is tried again.
    retry: Option<Retry>,
    serving: Option<Arc<Facts>>,
    logged_reason: String,
}

/// `current.json` at one look.
#[derive(PartialEq, Eq)]
enum Seen {
    Nothing,
    /// What the system said, as a number where it has one.
    Unreadable(io::ErrorKind, Option<i32>, PathBuf),
    Bytes(Vec<u8>),
}

impl Seen {
    fn current(&self) -> Result<Option<Current>, LoadError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Unreadable(kind, number, path) => Err(LoadError::Read {
                path: path.clone(),
                source: number.map_or_else(|| (*kind).into(), io::Error::from_raw_os_error),
            }),
            Self::Bytes(bytes) => Current::parse(bytes).map(Some).map_err(LoadError::Current),
        }
    }
}

struct Retry {
    at: Instant,
    delay: Duration,
}

impl Watcher {
    /// Looks again and again until `stop` is dropped.
    pub(crate) fn run(mut self, stop: &Receiver<()>) {
        let mut progress = Progress::default();
        loop {
            self.poll(&mut progress);
            match stop.recv_timeout(self.poll_interval) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn poll(&mut self, progress: &mut Progress) {
        let path = self.dir.join(layout::CURRENT);
        let seen = match files::read_limited(&path, CURRENT_BYTES_MAX) {
            Ok(bytes) => Seen::Bytes(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Seen::Nothing,
            Err(source) => Seen::Unreadable(source.kind(), source.raw_os_error(), path),
        };
        let is_new = progress.seen.as_ref() != Some(&seen);
        let is_due = (progress.retry.as_ref()).is_some_and(|retry| retry.at <= Instant::now());
        if !is_new && !is_due {
            return;
        }
        if is_new {
            progress.retry = None;
        }
        if seen == Seen::Nothing {
            let snapshots = self.dir.display();
            log::warn!(snapshots:%; "no snapshot is installed here: espy-compactor pull does that");
        }
        let current = seen.current();
        progress.seen = Some(seen);
        let sequence = match current {
            Ok(None) => None,
            Ok(Some(current)) => match self.follow(progress, &current) {
                Ok(()) => return self.accept(progress, current),
                Err(error) => {
                    self.refuse(progress, Some(current.sequence), &error);
                    Some(current.sequence)
                }
            },
            Err(error) => {
                self.refuse(progress, None, &error);
                None
            }
        };
        if progress.serving.is_none() {
            self.fall_back(progress, sequence);
        }
    }

    /// Serves what `current.json` names, unless it is served already.
    fn follow(&mut self, progress: &mut Progress, current: &Current) -> Result<(), LoadError> {
        if (progress.serving.as_ref()).is_some_and(|facts| *facts.document() == current.manifest) {
            return Ok(());
        }
        let manifest = self.loader.current_manifest(current)?;
        self.serve(progress, manifest, current.manifest)
    }

    /// After a start with nothing to serve: the newest installed snapshot that
    /// can be, first those older than the one refused. A newer one may have
    /// been rolled back on purpose, but is better than none.
    fn fall_back(&mut self, progress: &mut Progress, refused: Option<u64>) {
        let mut sequences = installed(&self.dir.join(layout::MANIFESTS_DIR));
        sequences.retain(|sequence| Some(*sequence) != refused);
        sequences.sort_unstable_by_key(|&sequence| {
            let is_newer = refused.is_some_and(|refused| sequence > refused);
            (is_newer, std::cmp::Reverse(sequence))
        });
        for sequence in sequences {
            let served = self
                .loader
                .manifest(sequence)
                .and_then(|(manifest, document)| self.serve(progress, manifest, document));
            match served {
                Ok(()) => {
                    log::warn!(sequence; "serving an installed snapshot that is not the current one");
                    return;
                }
                Err(error) => {
                    log::warn!(sequence, reason = chain(&error); "an installed snapshot cannot be served");
                }
            }
        }
    }

    /// Loads a snapshot, swaps every core to it, and closes the old one.
    fn serve(
        &mut self,
        progress: &mut Progress,
        manifest: Manifest,
        document: ObjectHash,
    ) -> Result<(), LoadError> {
        let clock = StageClock::start(Stage::Load);
        // A panic leaves some segments opened at most, which are whole each.
        let load = AssertUnwindSafe(|| self.loader.load(manifest, document));
        let loaded = catch_unwind(load).unwrap_or(Err(LoadError::Panic));
        let generations = match loaded {
            Ok(generations) => generations,
            Err(error) => {
                self.loader.keep_only(progress.serving.as_deref());
                return Err(error);
            }
        };
        if progress.serving.is_none() {
            step_back();
        }
        let facts = (generations.first()).map(|generation| Arc::clone(&generation.facts));
        self.swap(generations);
        self.loader.keep_only(facts.as_deref());
        let (wall, cpu) = clock.elapsed();
        if let Some(reports) = &self.reports {
            let _ = reports.try_send(Report::Load { wall, cpu });
        }
        if let Some(facts) = &facts {
            log::info!(
                sequence = facts.manifest().sequence,
                data_through:% = text(facts.manifest().data_through),
                segments = facts.manifest().segments.len(),
                segment_bytes = facts.segment_bytes(),
                duration_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
                "load: serving snapshot {}", facts.manifest().sequence
            );
        }
        progress.serving = facts;
        self.state
            .set_serving(progress.serving.clone(), self.loader.resident_bytes());
        Ok(())
    }

    /// Returns when every core serves the new generation and the old one is
    /// closed. A core that has ended takes no part.
    fn swap(&self, generations: Vec<CoreGeneration>) {
        let (retired, old) = sync_channel(self.cores.len().max(1));
        for (core, generation) in self.cores.iter().zip(generations) {
            let retired = retired.clone();
            self.warm(core, &generation);
            let _ = core.blocking_send(CoreTask::Swap(Box::new(Swap {
                generation,
                retired,
            })));
        }
        drop(retired);
        old.into_iter().for_each(drop);
    }

    /// Renders what the core is asked for most from its new snapshot.
    fn warm(&self, core: &Sender<CoreTask>, generation: &CoreGeneration) {
        let (sender, hottest) = sync_channel(1);
        if core
            .blocking_send(CoreTask::Hottest(HOT_MAX, sender))
            .is_err()
        {
            return;
        }
        let end = Instant::now() + WARM_TIME_MAX;
        for hot in hottest.recv_timeout(HOT_WAIT).unwrap_or_default() {
            if Instant::now() > end {
                return;
            }
            let view = View {
                generation: Some(generation),
                state: &self.state,
                signals: &self.signals,
                now_seconds: now_seconds(),
            };
            respond::warm(&hot, &view);
        }
    }

    fn accept(&self, progress: &mut Progress, current: Current) {
        progress.retry = None;
        progress.logged_reason.clear();
        self.state.set_current(current);
    }

    fn refuse(&self, progress: &mut Progress, sequence: Option<u64>, error: &LoadError) {
        let delay = match &progress.retry {
            Some(retry) => (retry.delay * 2).min(RETRY_MAX),
            None => self.poll_interval,
        };
        progress.retry = Some(Retry {
            at: Instant::now() + delay,
            delay,
        });
        let reason = chain(error);
        self.state.set_refusal(Refusal {
            sequence,
            reason: reason.clone(),
            since_seconds: now_seconds(),
        });
        if progress.logged_reason != reason {
            log::error!(sequence = sequence.unwrap_or(0), reason; "the current snapshot is refused");
            progress.logged_reason = reason;
        }
    }
}

/// From the first snapshot on, requests come before what this thread does:
/// where both share a core, a load would hold them up by whole time slices.
fn step_back() {
    // On Linux this is the thread's own priority. It can only fall.
    if let Err(error) = rustix::process::nice(NICE) {
        log::debug!(error:% = error; "the watcher keeps its priority");
    }
}

/// Numbers of the manifests in a folder.
fn installed(dir: &std::path::Path) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| layout::number_of(entry.ok()?.file_name().to_str()?))
        .collect()
}

fn text(day: Option<Day>) -> String {
    day.map_or_else(|| "none".to_owned(), |day| day.to_string())
}
