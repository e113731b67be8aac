//! A connection of the raw engine.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::epoll::{self, EventData, EventFlags};
use socket2::{Domain, Socket, Type};

use crate::http::answer::Reader;
use crate::plan::Shot;

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) due_ns: u64,
    pub(super) sent_ns: u64,
    pub(super) shot: Shot,
}

#[derive(Debug)]
pub(super) enum Link {
    Closed,
    Connecting(TcpStream),
    Open(TcpStream),
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) target: usize,
    address: SocketAddr,
    pub(super) link: Link,
    /// Tells events of this socket from those of one that was closed.
    generation: u32,
    /// Requests that the socket had no room for.
    pub(super) out: Vec<u8>,
    waits_for_room: bool,
    pub(super) flights: VecDeque<Flight>,
    pub(super) reader: Reader,
    /// Whether it is in the list of free connections.
    pub(super) is_free: bool,
    pub(super) paused_until_ns: u64,
}

/// The connection an event is about; none when its socket is gone.
pub(super) fn number_of(data: u64, connections: &[Connection]) -> Option<usize> {
    let number = usize::try_from(data & u64::from(u32::MAX)).ok()?;
    let connection = connections.get(number)?;
    (u64::from(connection.generation) == data >> 32).then_some(number)
}

impl Connection {
    pub(super) fn new(target: usize, address: SocketAddr) -> Self {
        Self {
            target,
            address,
            link: Link::Closed,
            generation: 0,
            out: Vec::new(),
            waits_for_room: false,
            flights: VecDeque::new(),
            reader: Reader::default(),
            is_free: true,
            paused_until_ns: 0,
        }
    }

    fn data(&self, number: usize) -> EventData {
        EventData::new_u64(u64::from(self.generation) << 32 | number as u64)
    }

    /// Opens it and waits for that.
    pub(super) fn open_before(
        &mut self,
        timeout: Duration,
        epoll: &OwnedFd,
        number: usize,
    ) -> io::Result<()> {
        let stream = TcpStream::connect_timeout(&self.address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(epoll, &stream, self.data(number), EventFlags::IN)?;
        self.link = Link::Open(stream);
        Ok(())
    }

    /// Begins to open it.
    pub(super) fn connect(&mut self, epoll: &OwnedFd, number: usize) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&self.address.into()) {
            Ok(()) => {}
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let stream = TcpStream::from(socket);
        epoll::add(
            epoll,
            &stream,
            self.data(number),
            EventFlags::IN | EventFlags::OUT,
        )?;
        self.waits_for_room = true;
        self.link = Link::Connecting(stream);
        Ok(())
    }

    /// The kernel has news of a connection that is being opened.
    pub(super) fn opened(&mut self) -> io::Result<()> {
        let Link::Connecting(stream) = std::mem::replace(&mut self.link, Link::Closed) else {
            return Ok(());
        };
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        self.link = Link::Open(stream);
        Ok(())
    }

    /// Writes what there is room for.
    pub(super) fn flush(&mut self, epoll: &OwnedFd, number: usize) -> io::Result<()> {
        let data = self.data(number);
        let Link::Open(stream) = &mut self.link else {
            return Ok(());
        };
        let mut written = 0;
        while written < self.out.len() {
            match stream.write(&self.out[written..]) {
                Ok(0) => return Err(io::ErrorKind::BrokenPipe.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.drain(..written);
        if self.out.is_empty() == self.waits_for_room {
            self.waits_for_room = !self.out.is_empty();
            let room = if self.waits_for_room {
                EventFlags::OUT
            } else {
                EventFlags::empty()
            };
            epoll::modify(epoll, &*stream, data, EventFlags::IN | room)?;
        }
        Ok(())
    }

    pub(super) fn close(&mut self) {
        // Closing takes the socket out of the epoll.
        self.link = Link::Closed;
        self.generation = self.generation.wrapping_add(1);
        self.out.clear();
        self.waits_for_room = false;
        self.reader = Reader::default();
    }
}
