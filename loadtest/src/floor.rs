//! The floor server: every request gets the same bytes.
//!
//! `may_minihttp` does next to nothing per request (DESIGN calls it the least a
//! server can do), so a real server's cost is told as a ratio to it, which holds
//! across machines where microseconds do not.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use may_minihttp::{HttpService, HttpServiceFactory, Request, Response};
use socket2::{Domain, Socket, Type};

use crate::config::FloorConfig;
use crate::cpu_list;
use crate::interrupt::Interrupt;

/// How often the main thread looks whether it shall end.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

#[derive(Clone, Copy)]
struct Answer {
    body: &'static str,
    headers: &'static [&'static str],
}

impl HttpService for Answer {
    fn call(&mut self, _request: Request, response: &mut Response) -> io::Result<()> {
        for header in self.headers {
            response.header(header);
        }
        response.body(self.body);
        Ok(())
    }
}

impl HttpServiceFactory for Answer {
    type Service = Self;

    fn new_service(&self, _id: usize) -> Self {
        *self
    }
}

/// Serves until `interrupt`.
///
/// # Errors
///
/// When the address cannot be had or the port file not be written.
pub fn run(config: FloorConfig, interrupt: &Interrupt) -> anyhow::Result<()> {
    // Threads that start later inherit it. may's own pinning would put every
    // floor server of a machine on the first core.
    cpu_list::pin(&config.cpus);
    may::config().set_workers(1).set_worker_pin(false);
    let (address, _reserved) =
        reserve(config.listen).with_context(|| format!("listen on {}", config.listen))?;
    let answer = Answer {
        // The server takes static text only; it lives as long as the process.
        body: config.body.leak(),
        headers: config
            .headers
            .into_iter()
            .map(|line| &*line.leak())
            .collect::<Vec<_>>()
            .leak(),
    };
    answer
        .start(address)
        .with_context(|| format!("listen on {address}"))?;
    if let Some(path) = &config.port_file {
        fs::write(path, address.to_string()).with_context(|| path.display().to_string())?;
    }
    log::info!(
        "floor server answers {} bytes on http://{address}",
        answer.body.len()
    );
    let _ = writeln!(io::stdout(), "http://{address}");
    while !interrupt.is_set() {
        thread::sleep(LOOK_INTERVAL);
    }
    Ok(())
}

/// Chooses the port, which `may_minihttp` would not tell. The socket is kept,
/// bound but not listening, so that nobody else gets the port meanwhile.
fn reserve(listen: SocketAddr) -> io::Result<(SocketAddr, Socket)> {
    // It sets SO_REUSEPORT itself, so a second server on the same port would
    // go unnoticed; ask without it first.
    if listen.port() != 0 {
        let alone = Socket::new(Domain::for_address(listen), Type::STREAM, None)?;
        alone.set_reuse_address(true)?;
        alone.bind(&listen.into())?;
        alone.listen(1)?;
    }
    let socket = Socket::new(Domain::for_address(listen), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&listen.into())?;
    let address = socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::other("no address"))?;
    Ok((address, socket))
}
