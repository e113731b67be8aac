//! Connections that do nothing, or nearly nothing.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::load::LOAD_CPU;

/// Between two bytes of slow connections, whichever: with 1,000 of them each
/// sends one in about half a second.
const GAP: Duration = Duration::from_micros(450);

/// Open until dropped.
pub struct Crowd {
    idle: Vec<TcpStream>,
    is_over: Arc<AtomicBool>,
    slow: Option<JoinHandle<()>>,
}

impl Crowd {
    /// `idle` connections that ask for nothing, and `slow` ones that send a
    /// byte of a request now and then and connect again when they are cut off.
    pub fn new(address: SocketAddr, idle: usize, slow: usize) -> Self {
        let limit = getrlimit(Resource::Nofile);
        let all = Rlimit {
            current: limit.maximum,
            ..limit
        };
        setrlimit(Resource::Nofile, all).unwrap();
        let connect = move || TcpStream::connect(address).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let slow = (slow > 0).then(|| {
            let is_over = Arc::clone(&is_over);
            let mut streams: Vec<TcpStream> = (0..slow).map(|_| connect()).collect();
            std::thread::spawn(move || {
                // Beside the load, not beside the server.
                let mut cpu = CpuSet::new();
                cpu.set(LOAD_CPU);
                sched_setaffinity(None, &cpu).unwrap();
                let request = b"GET /api/packages/project-00001/overall HTTP/1.1\r\nHost: slow\r\n";
                for byte in request.iter().cycle() {
                    for stream in &mut streams {
                        if stream.write_all(&[*byte]).is_err() {
                            *stream = connect();
                        }
                        std::thread::sleep(GAP);
                        if is_over.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                }
            })
        });
        Self {
            idle: (0..idle).map(|_| connect()).collect(),
            is_over,
            slow,
        }
    }

    pub fn idle_count(&self) -> usize {
        self.idle.len()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(slow) = self.slow.take() {
            let _ = slow.join();
        }
    }
}
