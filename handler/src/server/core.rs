//! One core: accepts, answers, takes over new generations, drains.

use std::cell::{Cell, RefCell};
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::spawn_local;

use super::{connection, pin};
use crate::generation::{CoreGeneration, Swap};
use crate::state::ServiceState;

/// Shortest and longest wait after a failed accept, e.g. for want of file
/// descriptors; it doubles in between.
const ACCEPT_WAIT_MIN: Duration = Duration::from_millis(5);
const ACCEPT_WAIT_MAX: Duration = Duration::from_secs(1);
const _: () = assert!(
    ACCEPT_WAIT_MIN.as_nanos() <= ACCEPT_WAIT_MAX.as_nanos(),
    "the wait grows"
);

/// What a core's thread is given.
pub(super) struct Core {
    /// The CPU to stay on.
    pub(super) cpu: Option<usize>,
    pub(super) listener: StdListener,
    pub(super) swaps: mpsc::Receiver<Swap>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) state: Arc<ServiceState>,
    pub(super) connections_max: usize,
    pub(super) header_bytes_max: usize,
    pub(super) idle_timeout: Duration,
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
    open: Cell<usize>,
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
        engine
            .half_close(true)
            .max_buf_size(self.header_bytes_max)
            .timer(TokioTimer::new())
            // Also the limit of an idle connection: it counts from the end of
            // the answer before.
            .header_read_timeout(self.idle_timeout);
        let shared = Rc::new(Shared {
            state: Arc::clone(&self.state),
            generation: RefCell::new(None),
            engine,
            open: Cell::new(0),
            closed: Notify::new(),
        });
        let listener = match TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => return log::error!(error:% = error; "a core cannot listen"),
        };
        spawn_local(follow(Rc::clone(&shared), self.swaps));
        let accept = Accept {
            shared: &shared,
            stop: self.stop.clone(),
            connections_max: self.connections_max,
        };
        tokio::select! {
            () = accept.forever(&listener) => {}
            _ = self.stop.wait_for(|is_stopping| *is_stopping) => {}
        }
        accept.waiting(&listener).await;
        drop(listener);
        if tokio::time::timeout(self.drain_timeout, shared.drained())
            .await
            .is_err()
        {
            log::warn!(connections = shared.open.get(); "connections are cut: the drain timeout is over");
        }
    }
}

/// Takes over new generations, and gives the old ones back.
async fn follow(shared: Rc<Shared>, mut swaps: mpsc::Receiver<Swap>) {
    while let Some(swap) = swaps.recv().await {
        let old = shared.generation.replace(Some(swap.generation));
        // The channel has room for every core.
        let _ = swap.retired.try_send(old);
    }
}

struct Accept<'a> {
    shared: &'a Rc<Shared>,
    stop: watch::Receiver<bool>,
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
        if self.shared.open.get() >= self.connections_max {
            // Closed at once: the balancer tries elsewhere.
            log::debug!("a connection is closed: the limit is reached");
            return;
        }
        let open = Open::new(Rc::clone(self.shared));
        spawn_local(connection::serve(stream, open, self.stop.clone()));
    }
}

impl Shared {
    async fn drained(&self) {
        while self.open.get() > 0 {
            self.closed.notified().await;
        }
    }
}

/// Counts a connection while it exists.
pub(super) struct Open {
    pub(super) shared: Rc<Shared>,
}

impl Open {
    fn new(shared: Rc<Shared>) -> Self {
        shared.open.set(shared.open.get() + 1);
        Self { shared }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.open.set(self.shared.open.get() - 1);
        self.shared.closed.notify_one();
    }
}

struct Ended(mpsc::Sender<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}
