//! hyper around [`respond`](crate::respond::respond): a thread per core, each
//! with its own runtime, listener, connections and readers.

mod connection;
mod core;
mod listen;
mod pin;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use espy_shared::files;
use espy_shared::telemetry::Statsd;

use crate::config::Config;
use crate::generation::{Loader, Swap, Watcher};
use crate::state::{ServiceState, now_seconds};

use self::core::Core;

/// Swaps that wait for one core; the watcher waits for each before the next.
const SWAPS_WAITING_MAX: usize = 1;

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
    runtime.block_on(server.run_until(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }))
}

/// Running threads.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    state: Arc<ServiceState>,
    cores: Vec<JoinHandle<()>>,
    stop_cores: watch::Sender<bool>,
    core_ended: mpsc::Receiver<()>,
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
        let (stop_cores, stop) = watch::channel(false);
        let (core_alive, core_ended) = mpsc::channel(1);
        let cpus = pin::cpus(core_count);
        let mut cores = Vec::with_capacity(core_count);
        let mut swaps = Vec::with_capacity(core_count);
        for (number, listener) in listeners.into_iter().enumerate() {
            let (sender, receiver) = mpsc::channel::<Swap>(SWAPS_WAITING_MAX);
            swaps.push(sender);
            let core = Core {
                cpu: cpus.get(number).copied(),
                listener,
                swaps: receiver,
                stop: stop.clone(),
                state: Arc::clone(&state),
                connections_max: config.connections_max,
                header_bytes_max: config.header_bytes_max,
                idle_timeout: config.idle_timeout,
                drain_timeout: config.drain_timeout,
                ended: core_alive.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("core-{number}"));
            cores.push(thread.spawn(move || core.run())?);
        }
        let stop_watcher = start_watcher(config, swaps, &state)?;
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
            stop_watcher,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then lets requests finish.
    ///
    /// # Errors
    ///
    /// `CoreEnded` when a serving thread ends before that.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            _ = self.core_ended.recv() => Err(ServeError::CoreEnded),
        };
        log::info!("stopping");
        self.state.set_stopping();
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

fn start_watcher(
    config: &Config,
    cores: Vec<mpsc::Sender<Swap>>,
    state: &Arc<ServiceState>,
) -> io::Result<std::sync::mpsc::Sender<()>> {
    let (sender, stop) = std::sync::mpsc::channel();
    let config = config.clone();
    let state = Arc::clone(state);
    std::thread::Builder::new()
        .name("watcher".to_owned())
        .spawn(move || {
            let loader = Loader::new(
                &config.snapshots,
                config.cores,
                config.resident_limit_bytes,
                config.pypistats_days,
            );
            let watcher = Watcher {
                dir: config.snapshots,
                poll_interval: config.poll_interval,
                loader,
                cores,
                state,
                // Resolves a name, which may take its time: not before serving.
                statsd: Statsd::new(config.statsd.as_deref(), "handler"),
            };
            watcher.run(&stop);
        })?;
    Ok(sender)
}
