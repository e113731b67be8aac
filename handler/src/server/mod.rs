//! hyper around [`respond`](crate::respond::respond): a thread per core, each
//! with its own runtime, listener, connections and readers.

mod activity;
mod connection;
mod core;
mod listen;
mod pin;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use espy_shared::files;

use crate::config::Config;
use crate::generation::{CoreTask, Loader, LoaderOptions, Watcher};
use crate::rules::Limits;
use crate::signals::{Recorder, Report, Reporter, Sampling, Signals};
use crate::state::{ServiceState, now_seconds};

use self::activity::Timeouts;
use self::core::Core;

/// Tasks that wait for one core; the watcher waits for each before the next.
const TASKS_WAITING_MAX: usize = 1;

/// The server cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The bound address cannot be written down.
    #[error("cannot write {}", path.display())]
    PortFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no thread, runtime or signal.
    #[error("the system does not allow what a server needs")]
    System(#[from] io::Error),
    /// A serving thread ended by itself: better no process than half of one.
    #[error("a serving thread has ended")]
    CoreEnded,
}

/// Serves until SIGTERM or SIGINT, then lets requests finish.
///
/// # Errors
///
/// When the server cannot start, or one of its threads ends.
pub fn run(config: &Config) -> Result<(), ServeError> {
    // The main thread only waits, on a runtime of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut terminate, mut interrupt) = {
        let _context = runtime.enter();
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        )
    };
    let server = Server::start(config)?;
    let mut asked_to_end = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    runtime.block_on(server.run_until(&mut asked_to_end))
}

/// Running threads.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    state: Arc<ServiceState>,
    cores: Vec<JoinHandle<()>>,
    stop_cores: watch::Sender<bool>,
    core_ended: mpsc::Receiver<()>,
    drain_delay: Duration,
    /// Dropped to stop the watcher.
    stop_watcher: std::sync::mpsc::Sender<()>,
}

impl Server {
    /// Binds, starts the watcher and a thread per core, and says where.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound or written to the port file, or a
    /// thread cannot be started.
    pub fn start(config: &Config) -> Result<Self, ServeError> {
        listen::raise_file_limit();
        let core_count = config.cores.get();
        let (address, listeners) =
            listen::bind(config.listen, core_count).map_err(|source| ServeError::Listen {
                address: config.listen,
                source,
            })?;
        let state = Arc::new(ServiceState::new(
            core_count,
            config.resident_limit_bytes,
            now_seconds(),
        ));
        let signals = Arc::new(Signals::new(core_count));
        let reports = match &config.statsd {
            Some(address) => Some(start_reporter(address, &signals, &state)?),
            None => None,
        };
        let sampling = Sampling {
            statsd: config.statsd_sample,
            access_log: config.access_log_sample,
        };
        let (stop_cores, stop) = watch::channel(false);
        let (core_alive, core_ended) = mpsc::channel(1);
        let cpus = pin::cpus(core_count);
        let mut cores = Vec::with_capacity(core_count);
        let mut tasks = Vec::with_capacity(core_count);
        for (number, listener) in listeners.into_iter().enumerate() {
            let (sender, receiver) = mpsc::channel::<CoreTask>(TASKS_WAITING_MAX);
            tasks.push(sender);
            let core = Core {
                cpu: cpus.get(number).copied(),
                listener,
                tasks: receiver,
                stop: stop.clone(),
                state: Arc::clone(&state),
                recorder: Recorder::new(Arc::clone(&signals), number, reports.clone(), sampling),
                limits: Limits {
                    header_count: config.header_count_max,
                    target_bytes: config.target_bytes_max,
                    body_bytes: config.body_bytes_max,
                },
                timeouts: Timeouts {
                    header: config.header_timeout,
                    idle: config.idle_timeout,
                    write: config.write_timeout,
                },
                connections_max: config.connections_max,
                connection_requests_max: config.connection_requests_max,
                header_bytes_max: config.header_bytes_max,
                drain_timeout: config.drain_timeout,
                ended: core_alive.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("core-{number}"));
            cores.push(thread.spawn(move || core.run())?);
        }
        let stop_watcher = start_watcher(config, tasks, &state, &signals, reports)?;
        log::info!(address:% = address, cores = core_count; "listening on {address}");
        if let Some(path) = &config.port_file {
            files::replace(path, format!("{address}\n").as_bytes()).map_err(|source| {
                ServeError::PortFile {
                    path: path.clone(),
                    source,
                }
            })?;
        }
        Ok(Self {
            address,
            state,
            cores,
            stop_cores,
            core_ended,
            drain_delay: config.drain_delay,
            stop_watcher,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `asked_to_end` is ready, goes on for the drain delay while
    /// balancers find another, then lets requests finish. Asked to end again,
    /// it leaves out what is left of the delay.
    ///
    /// # Errors
    ///
    /// `CoreEnded` when a serving thread ends before that.
    pub async fn run_until(
        mut self,
        asked_to_end: &mut impl AsyncFnMut(),
    ) -> Result<(), ServeError> {
        let ended = tokio::select! {
            () = asked_to_end() => Ok(()),
            _ = self.core_ended.recv() => Err(ServeError::CoreEnded),
        };
        self.state.set_stopping();
        if ended.is_ok() && !self.drain_delay.is_zero() {
            log::info!(drain_delay_s = self.drain_delay.as_secs_f64(); "stopping: not ready any more");
            tokio::select! {
                () = tokio::time::sleep(self.drain_delay) => {}
                () = asked_to_end() => {}
                _ = self.core_ended.recv() => {}
            }
        }
        log::info!("stopping: requests finish");
        let _ = self.stop_cores.send(true);
        // The watcher may be in the middle of a long load, and writes
        // nothing: it is told to stop but not waited for.
        drop(self.stop_watcher);
        let mut is_whole = true;
        for core in self.cores {
            is_whole &= core.join().is_ok();
        }
        if !is_whole {
            return Err(ServeError::CoreEnded);
        }
        log::info!("stopped");
        ended
    }
}

/// The thread ends with the last of those that report.
fn start_reporter(
    address: &str,
    signals: &Arc<Signals>,
    state: &Arc<ServiceState>,
) -> io::Result<SyncSender<Report>> {
    let (reporter, reports) = Reporter::new(address, Arc::clone(signals), Arc::clone(state));
    std::thread::Builder::new()
        .name("statsd".to_owned())
        .spawn(move || reporter.run())?;
    Ok(reports)
}

fn start_watcher(
    config: &Config,
    cores: Vec<mpsc::Sender<CoreTask>>,
    state: &Arc<ServiceState>,
    signals: &Arc<Signals>,
    reports: Option<SyncSender<Report>>,
) -> io::Result<std::sync::mpsc::Sender<()>> {
    let (sender, stop) = std::sync::mpsc::channel();
    let config = config.clone();
    let state = Arc::clone(state);
    let signals = Arc::clone(signals);
    std::thread::Builder::new()
        .name("watcher".to_owned())
        .spawn(move || {
            let loader = Loader::new(
                &config.snapshots,
                LoaderOptions {
                    cores: config.cores,
                    resident_limit_bytes: config.resident_limit_bytes,
                    pypistats_days: config.pypistats_days,
                    cache_bytes_max: config.cache_bytes_max,
                },
            );
            let watcher = Watcher {
                dir: config.snapshots,
                poll_interval: config.poll_interval,
                loader,
                cores,
                state,
                signals,
                reports,
            };
            watcher.run(&stop);
        })?;
    Ok(sender)
}
