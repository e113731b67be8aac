//! Listeners that share one address.

use std::io;
use std::net::{SocketAddr, TcpListener};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the system completes while a core is busy; it holds this
/// down to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A listener per core on one address; with port 0 all get the port that the
/// first one gets. The system spreads connections over them.
pub(super) fn bind(
    address: SocketAddr,
    count: usize,
) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    // Without sharing the port first: another process that listens there would
    // otherwise get a part of the connections.
    drop(socket(address)?);
    let first = listener(address)?;
    let bound = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(listener(bound)?);
    }
    Ok((bound, listeners))
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = unbound(address)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A socket that has the address for itself.
fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = unbound(address)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn unbound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Connections of a process before may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// Connections are file descriptors: takes as many as the process may have.
/// The usual soft limit of 1024 is for programs that use `select`.
pub(super) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        log::warn!(error:% = error; "the limit of open files cannot be raised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_share_one_port() {
        let (address, listeners) = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_ne!(address.port(), 0);
        for listener in &listeners {
            assert_eq!(listener.local_addr().unwrap(), address);
        }
        assert!(bind("192.0.2.1:1".parse().unwrap(), 1).is_err());
        assert!(bind(address, 1).is_err(), "another server has the address");
    }
}
