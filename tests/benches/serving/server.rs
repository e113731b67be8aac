//! The servers that are compared, each on the first core.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use espy_tests::http::Client;
use espy_tests::program::program;
use espy_tests::{root, wait_for};

use crate::data::Data;

/// Where servers run; the load runs on the other.
const SERVER_CPU: &str = "0";

/// A running server; it is killed when dropped.
pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    child: Child,
    /// The process that answers; of nginx its worker.
    pub pid: u32,
}

impl Server {
    fn start(name: &'static str, address: SocketAddr, command: &Command, folder: &Path) -> Self {
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", SERVER_CPU]).arg(command.get_program());
        pinned.args(command.get_args()).stdin(Stdio::null());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => pinned.env(key, value),
                None => pinned.env_remove(key),
            };
        }
        let log = File::create(folder.join(format!("{name}.log"))).unwrap();
        pinned.stdout(Stdio::null()).stderr(log);
        let mut child = pinned.spawn().unwrap();
        wait_for(name, || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended, see {}", folder.display());
            std::net::TcpStream::connect(address).ok()
        });
        let pid = worker(child.id()).unwrap_or(child.id());
        Self {
            name,
            address,
            child,
            pid,
        }
    }

    /// The handler on one core.
    pub fn handler(name: &'static str, data: &Data, folder: &Path, flags: &[&str]) -> Self {
        let address = free_address();
        let mut command = program("espy-handler");
        command.args([
            "serve",
            "--cores=1",
            "--drain-delay=0",
            "--poll-interval=20ms",
        ]);
        command.arg(format!("--listen={address}"));
        command.arg("--snapshots").arg(&data.snapshots).args(flags);
        let server = Self::start(name, address, &command, folder);
        wait_for("the snapshot", || {
            (Client::connect(address).get("/readyz").status == 200).then_some(())
        });
        server
    }

    /// The least a server can do, with the bytes and headers of an answer.
    pub fn floor(answer: &Sample, folder: &Path) -> Self {
        let address = free_address();
        let body = folder.join("floor-body");
        fs::write(&body, &answer.body).unwrap();
        let mut command = program("espy-loadtest");
        command.arg("floor").arg(format!("--listen={address}"));
        command.arg("--body").arg(&body);
        for (name, value) in &answer.headers {
            command.args(["--header", &format!("{name}: {value}")]);
        }
        Self::start("floor", address, &command, folder)
    }

    /// nginx with one worker, which returns answers from its configuration.
    pub fn nginx(answers: &[Sample], folder: &Path) -> Self {
        let address = free_address();
        let locations: String = answers.iter().map(location).collect();
        let config = format!(
            "worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx.err;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; keepalive_requests 1000000000;\n\
             server {{ listen {address} backlog=4096;\n{locations} }} }}\n",
            dir = folder.display(),
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&path);
        Self::start("nginx", address, &command, folder)
    }

    /// Datasette on the same rows.
    pub fn datasette(data: &Data, folder: &Path) -> Self {
        let address = free_address();
        let mut command = Command::new(root().join(".venv-bench/bin/datasette"));
        command.arg("serve").arg("--immutable").arg(&data.rows);
        command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
        Self::start("datasette", address, &command, folder)
    }

    /// Bytes of resident memory; `field` as in `/proc/PID/status`.
    pub fn memory(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    }

    /// What `/status` says.
    pub fn status(&self) -> serde_json::Value {
        Client::connect(self.address).get("/status").json()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx ends its worker on SIGTERM only.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.child.wait();
    }
}

/// An answer of the handler, for others to imitate.
pub struct Sample {
    pub path: String,
    pub body: Vec<u8>,
    pub headers: Vec<(String, String)>,
}

impl Sample {
    pub fn of(server: &Server, path: &str) -> Self {
        let answer = Client::connect(server.address).get(path);
        assert_eq!(answer.status, 200, "{path}");
        let by_engine = ["content-length", "date", "connection"];
        let headers = answer.headers.iter();
        Self {
            path: path.to_owned(),
            headers: headers
                .filter(|(name, _)| !by_engine.contains(&&***name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            body: answer.body,
        }
    }
}

/// Texts in a configuration are short, so a long body is put together from
/// variables.
fn location(answer: &Sample) -> String {
    let quote = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let mut text = format!("location = {} {{\n", answer.path);
    let body = String::from_utf8(answer.body.clone()).unwrap();
    let mut names = String::new();
    for (number, part) in body.as_bytes().chunks(3000).enumerate() {
        let part = quote(str::from_utf8(part).unwrap());
        let name = format!("$part_{}_{number}", body.len());
        text += &format!("set {name} '{part}';\n");
        names += &name;
    }
    for (name, value) in &answer.headers {
        text += &match &**name {
            "content-type" => format!("default_type '{value}';\n"),
            _ => format!("add_header {name} '{}';\n", quote(value)),
        };
    }
    text + &format!("return 200 '{names}';\n}}\n")
}

/// The process that a server has started to do its work, if any.
fn worker(pid: u32) -> Option<u32> {
    let children: PathBuf = format!("/proc/{pid}/task/{pid}/children").into();
    let children = fs::read_to_string(children).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
