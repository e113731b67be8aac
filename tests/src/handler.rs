//! A handler process.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use crate::http::{Answer, Client};
use crate::program::{program, say};
use crate::wait_for;

/// A running handler; it is killed when dropped.
#[derive(Debug)]
pub struct Handler {
    child: Child,
    address: SocketAddr,
    dir: TempDir,
}

impl Handler {
    /// Starts with two cores on a port of the system's choice.
    pub fn start(snapshots: &Path, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (log, port) = (dir.path().join("log"), dir.path().join("port"));
        let mut command = program("espy-handler");
        command.arg("serve").arg("--snapshots").arg(snapshots);
        command.arg("--port-file").arg(&port);
        command.args(["--listen=127.0.0.1:0", "--cores=2", "--poll-interval=5ms"]);
        command.arg("--log-format=json").args(flags);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&log).expect("a log file"));
        let mut child = command.spawn().expect("start the handler");
        let address = wait_for("the port file", || {
            if let Some(status) = child.try_wait().expect("look after the handler") {
                let log = fs::read_to_string(&log).unwrap_or_default();
                panic!("the handler ended with {status}: {log}");
            }
            fs::read_to_string(&port).ok()?.trim().parse().ok()
        });
        Self {
            child,
            address,
            dir,
        }
    }

    /// Starts and waits for the first snapshot.
    pub fn ready(snapshots: &Path, flags: &[&str]) -> Self {
        let handler = Self::start(snapshots, flags);
        wait_for("readiness", || {
            (handler.get("/readyz").status == 200).then_some(())
        });
        handler
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn get(&self, target: &str) -> Answer {
        self.connect().get(target)
    }

    /// What it says of itself.
    pub fn status(&self) -> serde_json::Value {
        let answer = self.get("/status");
        assert_eq!(answer.status, 200);
        answer.json()
    }

    /// The log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Ends it at once.
    pub fn kill(mut self) {
        self.child.kill().expect("kill the handler");
        self.child.wait().expect("wait for the handler's end");
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            say(&format!("the handler's log:\n{}", self.log()));
        }
    }
}
