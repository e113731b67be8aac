//! The engine that behaves as most clients do: hyper's client on a
//! current-thread tokio runtime.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use super::{CONNECT_PAUSE, Done, INTERRUPT_GRACE, Share, Usage, nanos};
use crate::failure::Failure;
use crate::http::request::USER_AGENT;
use crate::plan::Shot;

/// tokio's timer is good to a millisecond; the rest is spent looking.
const SPIN_NS: u64 = 1_500_000;
const SLEEP_NS_MAX: u64 = 20_000_000;

type Sender = SendRequest<Empty<Bytes>>;

/// What the tasks of a thread share.
struct Thread {
    share: RefCell<Share>,
    queue: RefCell<VecDeque<u64>>,
    /// Wakes a connection that waits for a request.
    news: Notify,
    in_flight: RefCell<usize>,
    is_over: RefCell<bool>,
}

pub(super) fn run(share: Share) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime");
    let runtime = share.shared.or_pass(runtime)?;
    let tasks = LocalSet::new();
    let connections = share.connections.clone();
    let thread = Rc::new(Thread {
        share: RefCell::new(share),
        queue: RefCell::default(),
        news: Notify::new(),
        in_flight: RefCell::default(),
        is_over: RefCell::new(false),
    });
    let usage = tasks.block_on(&runtime, async {
        let mut opened = Vec::new();
        for &target in &connections {
            // Before the clock starts; what fails is tried again later.
            let sender = if thread.keep_alive() {
                thread.connect(target).await.ok()
            } else {
                None
            };
            opened.push((target, sender));
        }
        let shared = std::sync::Arc::clone(&thread.share.borrow().shared);
        shared.gate.wait();
        shared.gate.wait();
        let before = Usage::now();
        for (target, sender) in opened {
            tokio::task::spawn_local(Rc::clone(&thread).serve(target, sender));
        }
        thread.dispatch().await;
        Usage::now().since(before)
    });
    drop(tasks);
    let thread = Rc::into_inner(thread).context("tasks outlived the load")?;
    Ok(Done {
        record: thread.share.into_inner().record,
        usage,
    })
}

impl Thread {
    fn now_ns(&self) -> u64 {
        self.share.borrow().shared.clock.now_ns()
    }

    fn keep_alive(&self) -> bool {
        self.share.borrow().shared.load.keep_alive
    }

    fn timeout(&self) -> Duration {
        self.share.borrow().shared.load.timeout
    }

    /// Queues what is due, until all is done.
    async fn dispatch(&self) {
        let mut stopped_ns = None;
        loop {
            let now_ns = self.now_ns();
            let next_ns = {
                let share = &mut *self.share.borrow_mut();
                if stopped_ns.is_none() && share.is_stopped() {
                    stopped_ns = Some(now_ns);
                    share.pace.end();
                    self.queue.borrow_mut().clear();
                }
                if share.pace.is_open_loop() {
                    self.queue_due(share, now_ns);
                }
                if share.pace.is_over(now_ns) || *self.is_over.borrow() {
                    let is_done = *self.in_flight.borrow() == 0
                        && (self.queue.borrow().is_empty() || *self.is_over.borrow());
                    let is_late = stopped_ns.is_some_and(|at| now_ns > at + nanos(INTERRUPT_GRACE));
                    if is_done || is_late {
                        return;
                    }
                }
                share.pace.next_ns()
            };
            let sleep_ns = next_ns.map_or(SLEEP_NS_MAX, |due| {
                due.saturating_sub(now_ns)
                    .saturating_sub(SPIN_NS)
                    .min(SLEEP_NS_MAX)
            });
            if sleep_ns == 0 {
                tokio::task::yield_now().await;
            } else if next_ns.is_none() {
                // Ends soon after the last answer, without spinning.
                tokio::time::sleep(Duration::from_millis(2)).await;
            } else {
                let until = self.share.borrow().shared.clock.instant(now_ns + sleep_ns);
                tokio::time::sleep_until(until.into()).await;
            }
        }
    }

    fn queue_due(&self, share: &mut Share, now_ns: u64) {
        let mut queue = self.queue.borrow_mut();
        while let Some(due) = share.pace.take_due(now_ns) {
            share.record.late(due, now_ns);
            if queue.len() >= share.shared.load.queue_max {
                share
                    .record
                    .failure(due, now_ns, Failure::NotSent, &share.live);
            } else {
                queue.push_back(due);
                self.news.notify_one();
            }
        }
        let timeout_ns = nanos(share.shared.load.timeout);
        while let Some(due) = queue.front().copied()
            && due + timeout_ns <= now_ns
        {
            queue.pop_front();
            share
                .record
                .failure(due, now_ns, Failure::Timeout, &share.live);
        }
    }

    /// The due instant of the next request for a connection; none when it
    /// shall wait or end.
    fn take(&self) -> Option<u64> {
        let share = &mut *self.share.borrow_mut();
        if share.pace.is_open_loop() {
            self.queue.borrow_mut().pop_front()
        } else {
            let now_ns = share.shared.clock.now_ns();
            share.pace.take_closed(now_ns).then_some(now_ns)
        }
    }

    /// A connection's task.
    async fn serve(self: Rc<Self>, target: usize, mut sender: Option<Sender>) {
        loop {
            let Some(due_ns) = self.take() else {
                if !self.share.borrow().pace.is_open_loop() {
                    return;
                }
                self.news.notified().await;
                continue;
            };
            *self.in_flight.borrow_mut() += 1;
            let drawn = self.share.borrow_mut().source.draw();
            if let Some(shot) = drawn {
                self.ask(target, &mut sender, due_ns, shot).await;
            } else {
                *self.is_over.borrow_mut() = true;
            }
            *self.in_flight.borrow_mut() -= 1;
            if drawn.is_none() {
                return;
            }
        }
    }

    async fn ask(&self, target: usize, sender: &mut Option<Sender>, due_ns: u64, shot: Shot) {
        let request = self.request(target, &shot);
        let sent_ns = self.now_ns();
        let asked = async {
            let request = request.map_err(|_| Failure::Protocol)?;
            // A connection that was closed while idle is opened again.
            if !sender.as_ref().is_some_and(SendRequest::is_ready) {
                *sender = Some(self.connect(target).await?);
            }
            let sender = sender.as_mut().ok_or(Failure::Connect)?;
            let response = sender
                .send_request(request)
                .await
                .map_err(|error| of_hyper(&error))?;
            self.read(response, &shot).await
        };
        let asked = tokio::time::timeout(self.timeout(), asked)
            .await
            .unwrap_or(Err(Failure::Timeout));
        let pause = {
            let share = &mut *self.share.borrow_mut();
            let now_ns = share.shared.clock.now_ns();
            let failed = asked.is_err();
            match asked {
                Ok((status, body_bytes)) => {
                    let times = (due_ns, sent_ns, now_ns);
                    share
                        .record
                        .answer(times, status, body_bytes, shot.expect, &share.live);
                }
                Err(failure) => share.record.failure(due_ns, now_ns, failure, &share.live),
            }
            if failed || !share.shared.load.keep_alive {
                *sender = None;
            }
            failed.then(|| share.shared.clock.instant(now_ns + nanos(CONNECT_PAUSE)))
        };
        if let Some(pause) = pause {
            tokio::time::sleep_until(pause.into()).await;
        }
    }

    /// The request that was just drawn.
    fn request(&self, target: usize, shot: &Shot) -> http::Result<Request<Empty<Bytes>>> {
        let share = self.share.borrow();
        let mut builder = Request::builder()
            .method(shot.method.name())
            .uri(share.source.path())
            .header("host", share.shared.targets[target].authority.as_str())
            .header("user-agent", USER_AGENT)
            .header("accept", "*/*");
        if !share.shared.load.keep_alive {
            builder = builder.header("connection", "close");
        }
        if shot.gzip {
            builder = builder.header("accept-encoding", "gzip");
        }
        if let Some(etag) = share.source.etag(shot) {
            builder = builder.header("if-none-match", etag);
        }
        builder.body(Empty::new())
    }

    async fn connect(&self, target: usize) -> Result<Sender, Failure> {
        let address = {
            let share = &mut *self.share.borrow_mut();
            share.record.connect_count += 1;
            share.shared.targets[target].address
        };
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| Failure::of_connect(&error))?;
        stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
        let (mut sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| of_hyper(&error))?;
        tokio::task::spawn_local(async move {
            // Its error reaches whoever waits for the answer.
            let _ = connection.await;
        });
        sender.ready().await.map_err(|error| of_hyper(&error))?;
        Ok(sender)
    }

    async fn read(&self, response: Response<Incoming>, shot: &Shot) -> Result<(u16, u64), Failure> {
        let status = response.status().as_u16();
        {
            let share = &mut *self.share.borrow_mut();
            if share.shared.plan.wants_etags()
                && status == 200
                && let (Some(key), Some(etag)) = (shot.key, response.headers().get("etag"))
            {
                share.source.remember(key, etag.as_bytes());
            }
        }
        let mut body = response.into_body();
        let mut body_bytes = 0;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|error| of_hyper(&error))?.into_data() {
                body_bytes += data.len() as u64;
            }
        }
        // hyper does not tell the size of heads.
        let share = &mut *self.share.borrow_mut();
        if share.shared.clock.now_ns() >= share.shared.window.from_ns {
            share.record.wire_bytes += body_bytes;
        }
        Ok((status, body_bytes))
    }
}

fn of_hyper(error: &hyper::Error) -> Failure {
    use std::error::Error;
    if error.is_parse() {
        return Failure::Protocol;
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Failure::ClosedEarly;
    }
    match error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>())
    {
        Some(error) => Failure::of_io(error),
        None => Failure::Reset,
    }
}
