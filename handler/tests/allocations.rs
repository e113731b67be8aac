//! How often a hot request allocates: counted over a whole server in this
//! process, with a client that allocates nothing.

use std::alloc::System;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use espy_handler::config::Config;
use espy_handler::server::Server;

#[expect(
    dead_code,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "shared with the other tests, which use more of it"
)]
#[path = "serve/folder.rs"]
mod folder;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Of one request on a connection that has had others, with a 200 from the
/// cache: two for the response's header map, one for its request id.
const ALLOCATIONS_MAX: usize = 3;

const REQUESTS: usize = 1000;

#[test]
fn hot_requests_allocate_little() {
    let mut snapshots = folder::Folder::new();
    snapshots.publish("2026-11-20", &folder::numbered(7));
    let line = format!(
        "espy-handler serve --listen 127.0.0.1:0 --cores 1 --access-log-sample 0 \
         --drain-delay 0 --snapshots {}",
        snapshots.path().display()
    );
    let config = Config::from_command_line(line.split(' ').map(Into::into)).unwrap();
    let server = Server::start(&config).unwrap();
    let mut client = TcpStream::connect(server.address()).unwrap();
    let (stop, stopped) = mpsc::channel::<()>();
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(server.run_until(&mut async || {
            let _ = stopped.recv();
        }))
    });
    let mut buffer = [0; 4096];
    let mut ask = |request: &[u8]| {
        client.write_all(request).unwrap();
        let length = client.read(&mut buffer).unwrap();
        buffer[..length].starts_with(b"HTTP/1.1 200")
    };
    while !ask(b"GET /readyz HTTP/1.1\r\nHost: t\r\n\r\n") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for (what, request) in [
        (
            "hot",
            &b"GET /api/packages/one/overall HTTP/1.1\r\nHost: t\r\nAccept: */*\r\n\r\n"[..],
        ),
        (
            "with a balancer's headers",
            b"GET /api/packages/one/overall HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n\
              X-Request-Id: 0123456789\r\n\r\n",
        ),
    ] {
        for _ in 0..10 {
            assert!(ask(request));
        }
        let region = Region::new(ALLOCATOR);
        for _ in 0..REQUESTS {
            assert!(ask(request));
        }
        let change = region.change();
        let each = change.allocations + change.reallocations;
        // The watch over connections and files allocates now and then.
        assert!(
            each <= ALLOCATIONS_MAX * REQUESTS + REQUESTS / 2,
            "{what}: {} allocations, {} reallocations in {REQUESTS} requests",
            change.allocations,
            change.reallocations
        );
        assert!(each > REQUESTS, "{what}: the counter counts");
    }
    drop(stop);
    drop(client);
    serving.join().unwrap().unwrap();
}
