//! The default engine: requests as prepared bytes over non-blocking sockets,
//! one epoll loop per thread.
//!
//! A generator on one core can saturate a server on another only if a request
//! costs it less. hyper's client costs about as much as a server does, and does
//! not pipeline; this one costs little more than its system calls.

mod connection;

use std::collections::VecDeque;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::Context;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::{CONNECT_PAUSE, Done, INTERRUPT_GRACE, Share, Usage, nanos};
use crate::failure::Failure;
use crate::http::answer::KeepNothing;
use crate::http::request::Fixed;
use connection::{Connection, Flight, Link};

/// From here on the loop looks without sleeping: the kernel may wake a thread
/// up to a millisecond late.
const SPIN_NS: u64 = 1_500_000;
/// The longest sleep, after which the thread looks whether it shall stop.
const SLEEP_MS_MAX: u64 = 20;
/// How often requests are looked at for their timeout.
const TIMEOUT_LOOK_NS: u64 = 10_000_000;
const EVENTS_MAX: usize = 256;
/// A 26 KB answer comes in one read.
const READ_BYTES: usize = 128 << 10;

struct Worker {
    share: Share,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    fixed: Vec<Fixed>,
    /// Connections with room for a request; each at most once.
    free: VecDeque<usize>,
    /// Due instants of requests that wait for a connection.
    queue: VecDeque<u64>,
    in_flight: usize,
    timeout_ns: u64,
    next_look_ns: u64,
    /// A log that is replayed is over.
    is_exhausted: bool,
}

pub(super) fn run(share: Share) -> anyhow::Result<Done> {
    let load = &share.shared.load;
    let targets = &share.shared.targets;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("create an epoll");
    let mut worker = Worker {
        epoll: share.shared.or_pass(epoll)?,
        connections: share
            .connections
            .iter()
            .map(|&target| Connection::new(target, targets[target].address))
            .collect(),
        fixed: targets
            .iter()
            .map(|target| Fixed::new(&target.authority, load.keep_alive))
            .collect(),
        free: (0..share.connections.len()).collect(),
        queue: VecDeque::new(),
        in_flight: 0,
        timeout_ns: nanos(load.timeout),
        next_look_ns: 0,
        is_exhausted: false,
        share,
    };
    worker.connect_all();
    worker.share.shared.gate.wait();
    worker.share.shared.gate.wait();
    let before = Usage::now();
    worker.work()?;
    Ok(Done {
        usage: Usage::now().since(before),
        record: worker.share.record,
    })
}

impl Worker {
    fn now_ns(&self) -> u64 {
        self.share.shared.clock.now_ns()
    }

    /// Opens connections before the clock starts. What fails is tried again
    /// when a request needs it, and counted then.
    fn connect_all(&mut self) {
        if !self.share.shared.load.keep_alive {
            return;
        }
        let timeout = self.share.shared.load.timeout.min(Duration::from_secs(2));
        for number in 0..self.connections.len() {
            if self.connections[number]
                .open_before(timeout, &self.epoll, number)
                .is_err()
            {
                break;
            }
            self.share.record.connect_count += 1;
        }
    }

    fn work(&mut self) -> anyhow::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut buffer = vec![0; READ_BYTES];
        let mut stopped_ns = None;
        loop {
            let now_ns = self.now_ns();
            if stopped_ns.is_none() && self.share.is_stopped() {
                stopped_ns = Some(now_ns);
                self.share.pace.end();
                self.queue.clear();
            }
            self.send_due(now_ns);
            let is_over = self.is_exhausted || self.share.pace.is_over(now_ns);
            if is_over && self.in_flight == 0 && (self.queue.is_empty() || self.is_exhausted) {
                return Ok(());
            }
            if stopped_ns.is_some_and(|at| now_ns > at + nanos(INTERRUPT_GRACE)) {
                return Ok(());
            }
            let timeout = self.sleep(now_ns);
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("wait for sockets"),
            }
            for event in events.drain(..) {
                let data = event.data.u64();
                self.ready(data, event.flags, &mut buffer);
            }
            let now_ns = self.now_ns();
            if now_ns >= self.next_look_ns {
                self.next_look_ns = now_ns + TIMEOUT_LOOK_NS.min(self.timeout_ns / 4).max(1);
                self.time_out(now_ns);
            }
        }
    }

    /// How long nothing needs to be done.
    fn sleep(&self, now_ns: u64) -> Timespec {
        let until_due_ns = match self.share.pace.next_ns() {
            Some(due) => due.saturating_sub(now_ns).saturating_sub(SPIN_NS),
            None => u64::MAX,
        };
        // Whole milliseconds, rounded down: epoll has no finer ones everywhere.
        let mut sleep_ms = (until_due_ns / 1_000_000).min(SLEEP_MS_MAX);
        if !self.free.is_empty() && !self.share.pace.is_open_loop() || !self.queue.is_empty() {
            // Connections that pause after a failure.
            sleep_ms = sleep_ms.min(1);
        }
        if self.share.shared.load.spin {
            sleep_ms = 0;
        }
        Timespec {
            tv_sec: 0,
            tv_nsec: i64::try_from(sleep_ms * 1_000_000).unwrap_or(0),
        }
    }

    /// Sends what is due, as far as connections are free.
    fn send_due(&mut self, now_ns: u64) {
        if self.share.pace.is_open_loop() {
            while let Some(due) = self.share.pace.take_due(now_ns) {
                self.share.record.late(due, now_ns);
                if self.queue.len() >= self.share.shared.load.queue_max {
                    let Share { record, live, .. } = &mut self.share;
                    record.failure(due, now_ns, Failure::NotSent, live);
                } else {
                    self.queue.push_back(due);
                }
            }
            if self.queue.is_empty() {
                return;
            }
        }
        for _ in 0..self.free.len() {
            let Some(number) = self.free.pop_front() else {
                return;
            };
            self.connections[number].is_free = false;
            self.feed(number, now_ns);
            if self.share.pace.is_open_loop() && self.queue.is_empty() {
                return;
            }
        }
    }

    /// Gives a connection what it has room for, and takes it into the list of
    /// free ones if room is left.
    fn feed(&mut self, number: usize, now_ns: u64) {
        let depth = self.share.shared.load.pipeline_depth;
        if self.connections[number].paused_until_ns <= now_ns && !self.is_exhausted {
            // A closed loop refills a connection in whole: one packet, one read.
            let is_closed = !self.share.pace.is_open_loop();
            let mut has_new = false;
            while self.connections[number].flights.len() < depth {
                let due = if is_closed {
                    if !self.share.pace.take_closed(now_ns) {
                        break;
                    }
                    now_ns
                } else {
                    let Some(due) = self.queue.pop_front() else {
                        break;
                    };
                    due
                };
                let Some(shot) = self.share.source.draw() else {
                    self.is_exhausted = true;
                    break;
                };
                let connection = &mut self.connections[number];
                self.fixed[connection.target].write(&shot, &self.share.source, &mut connection.out);
                connection.flights.push_back(Flight {
                    due_ns: due,
                    sent_ns: now_ns,
                    shot,
                });
                self.in_flight += 1;
                has_new = true;
                if !is_closed {
                    // The next goes to another connection, if one is free.
                    break;
                }
            }
            if has_new {
                self.send(number, now_ns);
            }
        }
        let connection = &mut self.connections[number];
        if connection.flights.len() < depth && !connection.is_free {
            connection.is_free = true;
            self.free.push_back(number);
        }
    }

    fn send(&mut self, number: usize, now_ns: u64) {
        let connection = &mut self.connections[number];
        let sent = match connection.link {
            Link::Closed => {
                self.share.record.connect_count += 1;
                connection
                    .connect(&self.epoll, number)
                    .map_err(|error| Failure::of_connect(&error))
            }
            Link::Connecting(_) => Ok(()),
            Link::Open(_) => connection
                .flush(&self.epoll, number)
                .map_err(|error| Failure::of_io(&error)),
        };
        if let Err(failure) = sent {
            self.fail(number, failure, now_ns);
        }
    }

    /// Something happened on a connection.
    fn ready(&mut self, data: u64, flags: epoll::EventFlags, buffer: &mut [u8]) {
        let Some(number) = connection::number_of(data, &self.connections) else {
            // It was closed after the kernel made the event.
            return;
        };
        let connection = &mut self.connections[number];
        match connection.link {
            Link::Closed => {}
            Link::Connecting(_) => {
                let opened = connection
                    .opened()
                    .map_err(|error| Failure::of_connect(&error))
                    .and_then(|()| {
                        connection
                            .flush(&self.epoll, number)
                            .map_err(|error| Failure::of_io(&error))
                    });
                if let Err(failure) = opened {
                    let now_ns = self.now_ns();
                    self.fail(number, failure, now_ns);
                }
            }
            Link::Open(_) => {
                if flags.contains(epoll::EventFlags::OUT)
                    && !connection.out.is_empty()
                    && let Err(error) = connection.flush(&self.epoll, number)
                {
                    let now_ns = self.now_ns();
                    self.fail(number, Failure::of_io(&error), now_ns);
                    return;
                }
                if !flags.intersects(
                    epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR,
                ) {
                    return;
                }
                let Link::Open(stream) = &mut self.connections[number].link else {
                    return;
                };
                let read = stream.read(buffer);
                let now_ns = self.now_ns();
                match read {
                    Ok(0) => self.ended(number, now_ns),
                    Ok(count) => self.received(number, &buffer[..count], now_ns),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(error) => self.fail(number, Failure::of_io(&error), now_ns),
                }
            }
        }
    }

    fn received(&mut self, number: usize, mut bytes: &[u8], now_ns: u64) {
        if now_ns >= self.share.shared.window.from_ns {
            self.share.record.wire_bytes += bytes.len() as u64;
        }
        while !bytes.is_empty() {
            let connection = &mut self.connections[number];
            let Some(flight) = connection.flights.front().copied() else {
                // An answer that nobody asked for.
                self.fail(number, Failure::Protocol, now_ns);
                return;
            };
            let is_head = flight.shot.method == crate::plan::Method::Head;
            match connection
                .reader
                .take(&mut bytes, is_head, &mut KeepNothing)
            {
                Ok(Some(answer)) => {
                    connection.flights.pop_front();
                    self.in_flight -= 1;
                    self.answered(number, &flight, answer, now_ns);
                    if !answer.keep_alive || !self.share.shared.load.keep_alive {
                        self.close(number, Failure::ClosedEarly, now_ns);
                        break;
                    }
                }
                Ok(None) => return,
                Err(_) => {
                    self.fail(number, Failure::Protocol, now_ns);
                    return;
                }
            }
        }
        // An open loop takes free connections in turn, so that all are used.
        let is_closed_loop = !self.share.pace.is_open_loop();
        if self.connections[number].is_free
            || (is_closed_loop && !self.connections[number].flights.is_empty())
        {
            return;
        }
        if is_closed_loop || !self.queue.is_empty() {
            self.feed(number, now_ns);
        } else {
            self.connections[number].is_free = true;
            self.free.push_back(number);
        }
    }

    fn answered(
        &mut self,
        number: usize,
        flight: &Flight,
        answer: crate::http::answer::Answer,
        now_ns: u64,
    ) {
        let Share {
            record,
            live,
            source,
            shared,
            ..
        } = &mut self.share;
        let times = (flight.due_ns, flight.sent_ns, now_ns);
        record.answer(
            times,
            answer.status,
            answer.body_bytes,
            flight.shot.expect,
            live,
        );
        if shared.plan.wants_etags()
            && answer.status == 200
            && let Some(key) = flight.shot.key
        {
            let etag = self.connections[number].reader.etag();
            if !etag.is_empty() {
                source.remember(key, etag);
            }
        }
    }

    /// The target has closed the connection.
    fn ended(&mut self, number: usize, now_ns: u64) {
        let connection = &mut self.connections[number];
        if let Some(answer) = connection.reader.take_end()
            && let Some(flight) = connection.flights.pop_front()
        {
            self.in_flight -= 1;
            self.answered(number, &flight, answer, now_ns);
        }
        self.close(number, Failure::ClosedEarly, now_ns);
        if !self.share.pace.is_open_loop() && !self.connections[number].is_free {
            self.feed(number, now_ns);
        }
    }

    fn fail(&mut self, number: usize, failure: Failure, now_ns: u64) {
        // Nobody listens, or answers: do not ask again at once.
        self.connections[number].paused_until_ns = now_ns + nanos(CONNECT_PAUSE);
        self.close(number, failure, now_ns);
    }

    /// Closes a connection; what is in flight on it has failed.
    fn close(&mut self, number: usize, failure: Failure, now_ns: u64) {
        let connection = &mut self.connections[number];
        connection.close();
        let Share { record, live, .. } = &mut self.share;
        for flight in connection.flights.drain(..) {
            self.in_flight -= 1;
            record.failure(flight.due_ns, now_ns, failure, live);
        }
        if !connection.is_free {
            connection.is_free = true;
            self.free.push_back(number);
        }
    }

    fn time_out(&mut self, now_ns: u64) {
        for number in 0..self.connections.len() {
            let oldest = self.connections[number].flights.front();
            if oldest.is_some_and(|flight| flight.sent_ns + self.timeout_ns <= now_ns) {
                self.close(number, Failure::Timeout, now_ns);
            }
        }
        while let Some(due) = self.queue.front().copied()
            && due + self.timeout_ns <= now_ns
        {
            self.queue.pop_front();
            let Share { record, live, .. } = &mut self.share;
            record.failure(due, now_ns, Failure::Timeout, live);
        }
    }
}
