//! One core: accepts, answers, takes over new generations, drains.

use std::cell::{Cell, RefCell};
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::spawn_local;

use super::activity::{Activity, Clock, Timeouts, Verdict};
use super::{connection, pin};
use crate::generation::{CoreGeneration, CoreTask};
use crate::rules::Limits;
use crate::signals::{Recorder, Trouble};
use crate::state::{ServiceState, now_seconds};

/// Shortest and longest wait after a failed accept, e.g. for want of file
/// descriptors; it doubles in between.
const ACCEPT_WAIT_MIN: Duration = Duration::from_millis(5);
const ACCEPT_WAIT_MAX: Duration = Duration::from_secs(1);
const _: () = assert!(
    ACCEPT_WAIT_MIN.as_nanos() <= ACCEPT_WAIT_MAX.as_nanos(),
    "the wait grows"
);

/// Connections that are looked at without a pause: some 30 µs.
const LOOKS_MAX: usize = 64;
/// The engine takes no smaller buffer.
const BUFFER_BYTES_MIN: usize = 8192;
/// Header fields that the engine takes without being told; to be told makes
/// it allocate for each request.
const ENGINE_HEADER_COUNT: usize = 100;

/// What a core's thread is given.
pub(super) struct Core {
    /// The CPU to stay on.
    pub(super) cpu: Option<usize>,
    pub(super) listener: StdListener,
    pub(super) tasks: mpsc::Receiver<CoreTask>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) state: Arc<ServiceState>,
    pub(super) recorder: Recorder,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) connections_max: usize,
    pub(super) connection_requests_max: u64,
    pub(super) header_bytes_max: usize,
    pub(super) drain_timeout: Duration,
    /// Told when the thread ends, however it ends.
    pub(super) ended: mpsc::Sender<()>,
}

/// What the tasks of one core share.
pub(super) struct Shared {
    pub(super) state: Arc<ServiceState>,
    /// Borrowed for the whole of an answer, which never waits: one request,
    /// one generation.
    pub(super) generation: RefCell<Option<CoreGeneration>>,
    pub(super) engine: hyper::server::conn::http1::Builder,
    pub(super) recorder: Recorder,
    pub(super) clock: Rc<Clock>,
    pub(super) limits: Limits,
    pub(super) connection_requests_max: u64,
    pub(super) flat: Rc<RefCell<Vec<u8>>>,
    open: RefCell<Slab<Rc<Activity>>>,
    /// New connections are to be short as well.
    is_draining: Cell<bool>,
    closed: Notify,
}

impl Core {
    pub(super) fn run(self) {
        let _ended = Ended(self.ended.clone());
        if let Some(cpu) = self.cpu {
            pin::to(cpu);
        }
        // Only this thread's tasks run here, so none needs to be `Send`.
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => runtime.block_on(self.serve()),
            Err(error) => log::error!(error:% = error; "no runtime for a core"),
        }
    }

    async fn serve(mut self) {
        let mut engine = hyper::server::conn::http1::Builder::new();
        // No timer: connections are watched, see `activity`.
        engine
            .half_close(true)
            .max_buf_size(self.header_bytes_max.max(BUFFER_BYTES_MIN))
            .max_header_size(self.header_bytes_max);
        if self.limits.header_count > ENGINE_HEADER_COUNT {
            engine.max_headers(self.limits.header_count);
        }
        let shared = Rc::new(Shared {
            state: Arc::clone(&self.state),
            generation: RefCell::new(None),
            engine,
            recorder: self.recorder,
            clock: Rc::new(Clock::new(now_seconds())),
            limits: self.limits,
            connection_requests_max: self.connection_requests_max,
            flat: Rc::default(),
            open: RefCell::default(),
            is_draining: Cell::new(false),
            closed: Notify::new(),
        });
        let listener = match TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => return log::error!(error:% = error; "a core cannot listen"),
        };
        spawn_local(follow(Rc::clone(&shared), self.tasks));
        spawn_local(watch_over(Rc::clone(&shared), self.timeouts));
        let accept = Accept {
            shared: &shared,
            connections_max: self.connections_max,
        };
        tokio::select! {
            () = accept.forever(&listener) => {}
            _ = self.stop.wait_for(|is_stopping| *is_stopping) => {}
        }
        shared.drain();
        accept.waiting(&listener).await;
        drop(listener);
        if tokio::time::timeout(self.drain_timeout, shared.drained())
            .await
            .is_err()
        {
            log::warn!(connections = shared.open_count(); "connections are cut: the drain timeout is over");
        }
    }
}

/// Takes over new generations, and gives the old ones back.
async fn follow(shared: Rc<Shared>, mut tasks: mpsc::Receiver<CoreTask>) {
    while let Some(task) = tasks.recv().await {
        // The channels have room for every core, and nobody waits for them.
        match task {
            CoreTask::Hottest(count, sender) => {
                let generation = shared.generation.borrow();
                let hottest = generation.as_ref().map(|it| it.kept().hottest(count));
                let _ = sender.try_send(hottest.unwrap_or_default());
            }
            CoreTask::Swap(swap) => {
                let old = shared.generation.replace(Some(swap.generation));
                let _ = swap.retired.try_send(old);
            }
        }
    }
}

/// Looks at all connections again and again, at few of them at once: each is a
/// wait for memory, and all of them together would be a pause.
async fn watch_over(shared: Rc<Shared>, timeouts: Timeouts) {
    loop {
        let slices = shared.open.borrow().capacity().div_ceil(LOOKS_MAX).max(1);
        let pause = timeouts.tick() / u32::try_from(slices).unwrap_or(u32::MAX);
        for slice in 0..slices {
            tokio::time::sleep(pause).await;
            shared.clock.tick(now_seconds());
            let open = shared.open.borrow();
            for key in slice * LOOKS_MAX..(slice + 1) * LOOKS_MAX {
                if let Some(activity) = open.get(key) {
                    activity.look(&timeouts);
                }
            }
        }
        let generation = shared.generation.borrow();
        let cache_bytes = generation.as_ref().map_or(0, |it| it.kept().cache_bytes());
        shared.recorder.core().cache_bytes.set(cache_bytes);
    }
}

struct Accept<'a> {
    shared: &'a Rc<Shared>,
    connections_max: usize,
}

impl Accept<'_> {
    async fn forever(&self, listener: &TcpListener) {
        let mut wait = ACCEPT_WAIT_MIN;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    wait = ACCEPT_WAIT_MIN;
                    self.spawn(stream);
                }
                Err(error) => {
                    self.shared.recorder.trouble(Trouble::Accept);
                    log::warn!(error:% = error, wait:? = wait; "cannot accept a connection");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(ACCEPT_WAIT_MAX);
                }
            }
        }
    }

    /// Connections that the system has completed but nobody has accepted:
    /// closing the listener would reset them.
    async fn waiting(&self, listener: &TcpListener) {
        while let Ok(Ok((stream, _))) =
            tokio::time::timeout(Duration::ZERO, listener.accept()).await
        {
            self.spawn(stream);
        }
    }

    fn spawn(&self, stream: TcpStream) {
        if self.shared.open_count() >= self.connections_max {
            self.shared.recorder.trouble(Trouble::ConnectionLimit);
            return connection::turn_away(stream);
        }
        let open = Open::new(Rc::clone(self.shared));
        spawn_local(connection::serve(stream, open));
    }
}

impl Shared {
    fn open_count(&self) -> usize {
        self.open.borrow().len()
    }

    /// From now on each connection ends with the request at hand.
    fn drain(&self) {
        self.is_draining.set(true);
        for (_, activity) in &*self.open.borrow() {
            activity.judge(Verdict::Drain);
        }
    }

    async fn drained(&self) {
        while self.open_count() > 0 {
            self.closed.notified().await;
        }
    }
}

/// Counts a connection, and makes it known to the watch, while it exists.
pub(super) struct Open {
    pub(super) shared: Rc<Shared>,
    pub(super) activity: Rc<Activity>,
    key: usize,
}

impl Open {
    fn new(shared: Rc<Shared>) -> Self {
        let activity = Rc::new(Activity::new(Rc::clone(&shared.clock)));
        if shared.is_draining.get() {
            activity.judge(Verdict::Drain);
        }
        let key = shared.open.borrow_mut().insert(Rc::clone(&activity));
        let signals = shared.recorder.core();
        signals.connections_accepted.add(1);
        signals.connections_open.set(shared.open_count() as u64);
        Self {
            shared,
            activity,
            key,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.open.borrow_mut().remove(self.key);
        let signals = self.shared.recorder.core();
        signals
            .connections_open
            .set(self.shared.open_count() as u64);
        self.shared.closed.notify_one();
    }
}

struct Ended(mpsc::Sender<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}
