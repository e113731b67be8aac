//! A handler process, and a client that knows nothing but bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Far beyond what anything here takes; a failure, not a measure.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Every header that the handler may send.
const HEADERS: [&str; 17] = [
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-max-age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "retry-after",
    "transfer-encoding",
    "vary",
    "x-request-id",
];

/// All rounds of a loop with `ESPY_SOAK=1`, as `make soak` sets it; else a
/// tenth.
pub fn rounds(full: usize) -> usize {
    if std::env::var_os("ESPY_SOAK").is_some_and(|value| value == "1") {
        full
    } else {
        full / 10
    }
}

/// Tries again and again until there is something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub struct Handler {
    child: Child,
    address: String,
    dir: TempDir,
}

impl Handler {
    /// Starts with two cores on a port of the system's choice.
    pub fn start(snapshots: &Path, flags: &[&str]) -> Self {
        let command = Command::new(env!("CARGO_BIN_EXE_espy-handler"));
        Self::start_by(command, snapshots, flags)
    }

    /// The same with so many files at most, whatever it does about it.
    pub fn start_limited(snapshots: &Path, files_max: u32) -> Self {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("ulimit -n {files_max}; exec \"$0\" \"$@\""))
            .arg(env!("CARGO_BIN_EXE_espy-handler"));
        Self::start_by(command, snapshots, &[])
    }

    fn start_by(mut command: Command, snapshots: &Path, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port_file = dir.path().join("port");
        command
            .arg("serve")
            .arg("--snapshots")
            .arg(snapshots)
            .arg("--port-file")
            .arg(&port_file)
            .args(["--listen=127.0.0.1:0", "--cores=2", "--poll-interval=5ms"])
            .args(["--log-format=json", "--drain-delay=0"])
            .args(flags)
            .stderr(File::create(dir.path().join("log")).unwrap())
            .stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let address = wait_for("the port file", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!(
                    "the handler ended with {status}: {}",
                    fs::read_to_string(dir.path().join("log")).unwrap()
                );
            }
            fs::read_to_string(&port_file).ok()
        });
        Self {
            child,
            address: address.trim().to_owned(),
            dir,
        }
    }

    /// Starts and waits for the first snapshot.
    pub fn ready(snapshots: &Path, flags: &[&str]) -> Self {
        let handler = Self::start(snapshots, flags);
        handler.wait_until_ready();
        handler
    }

    pub fn wait_until_ready(&self) {
        wait_for("readiness", || {
            (self.get("/readyz").status == 200).then_some(())
        });
    }

    /// Waits until this snapshot is the one being served.
    pub fn wait_until_serving(&self, sequence: u64) -> serde_json::Value {
        wait_for("the snapshot", || {
            let status = self.status();
            (status["sequence"] == sequence && status["last_refusal"].is_null()).then_some(status)
        })
    }

    /// Waits for a refusal of this snapshot and returns its reason.
    pub fn wait_for_refusal(&self, sequence: Option<u64>) -> String {
        wait_for("the refusal", || {
            let refusal = &self.status()["last_refusal"];
            (!refusal.is_null() && refusal["sequence"].as_u64() == sequence)
                .then(|| refusal["reason"].as_str().unwrap().to_owned())
        })
    }

    pub fn status(&self) -> serde_json::Value {
        let answer = self.get("/status");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        serde_json::from_str(&answer.body).unwrap()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn process(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            reader: BufReader::new(stream),
        }
    }

    pub fn get(&self, target: &str) -> Answer {
        self.request("GET", target, &[])
    }

    /// One request on a connection of its own.
    pub fn request(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.connect().request(method, target, headers)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.process(), signal).unwrap();
    }

    pub fn wait_for_end(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the end", || child.try_wait().unwrap())
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let _ = write!(std::io::stderr(), "the handler's log:\n{}", self.log());
        }
    }
}

pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub fn send(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    /// The bare connection, from which nothing has been read.
    pub fn into_stream(self) -> TcpStream {
        assert!(self.reader.buffer().is_empty(), "bytes would be lost");
        self.reader.into_inner()
    }

    /// Sends, unless the other side has closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.reader.get_mut().write_all(bytes).is_ok()
    }

    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        self.send((text + "\r\n").as_bytes());
        self.answer(method == "HEAD")
    }

    /// Reads one answer.
    pub fn answer(&mut self, is_head: bool) -> Answer {
        let status_line = self.line();
        let mut words = status_line.split(' ');
        assert_eq!(words.next(), Some("HTTP/1.1"), "{status_line:?}");
        let status: u16 = words.next().unwrap().parse().unwrap();
        let mut headers = BTreeMap::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else {
                assert_eq!(line, "");
                break;
            };
            assert!(HEADERS.contains(&name), "unexpected header {name}");
            let doubled = headers.insert(name.to_owned(), value.to_owned());
            assert_eq!(doubled, None, "two headers {name}");
        }
        let length = match headers.get("content-length") {
            Some(_) if is_head || status == 304 => 0,
            Some(length) => length.parse().unwrap(),
            None => 0,
        };
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).unwrap();
        Answer {
            status,
            headers,
            body: String::from_utf8(body).unwrap(),
        }
    }

    /// Waits until something comes, or the other side closes.
    pub fn is_open(&mut self) -> bool {
        self.reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty())
    }

    /// Whether the connection is open and nothing has come.
    pub fn is_quiet(&self) -> bool {
        let stream = self.reader.get_ref();
        stream.set_nonblocking(true).unwrap();
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).unwrap();
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Whatever comes until the other side closes.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.strip_suffix("\r\n")
            .unwrap_or_else(|| panic!("cut off after {line:?}"))
            .to_owned()
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}
