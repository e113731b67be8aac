//! Two handlers behind the real HAProxy and the real nginx, each as its users
//! run it: restarted one after the other under load without a failed request,
//! and with what browsers and balancers send.
//!
//! HAProxy asks `/readyz` and is given no retries (`retries 0`, no
//! `redispatch`): the drain delay alone must do. Free nginx asks nothing. It
//! learns by a refused connection that a handler is gone, and by a 503 that
//! one has not loaded its snapshot yet, and goes on to the next: that needs
//! `proxy_next_upstream error timeout http_503`, as its default knows only the
//! first two. `max_fails` is 0: with the default of 1 a handler that was
//! restarted stays out for ten seconds, and if the other one is restarted
//! within them, none is left.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use espy_shared::day::Day;
use espy_tests::program::{program, say};
use espy_tests::site::Site;
use espy_tests::{DEADLINE, rounds, wait_for};
use flate2::read::GzDecoder;
use rustix::process::{Pid, Signal, kill_process};

use crate::sample;

const TODAY: &str = "2026-11-13";
const VIEWS: [&str; 2] = ["with_mirrors", "without_mirrors"];
const OVERALL: &str = "/api/packages/alpha/overall";
const RECENT: &str = "/api/packages/alpha/recent";
const CLIENT_COUNT: usize = 4;
/// Answers to each client between two steps of a restart.
const ANSWERS_BETWEEN: u64 = 20;

/// A page load of Chrome 131 on Linux.
const CHROME: &str = "Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    sec-ch-ua: \"Google Chrome\";v=\"131\", \"Chromium\";v=\"131\", \"Not_A Brand\";v=\"24\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n\
    Sec-Fetch-Site: none\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Cookie: session=0123456789abcdef; theme=dark\r\n";

#[test]
fn haproxy_restarts_without_a_failed_request() {
    let world = World::new();
    let haproxy = Balancer::haproxy(&world);
    world.restart_under_load(&haproxy);
}

#[test]
fn nginx_restarts_without_a_failed_request() {
    let world = World::new();
    let nginx = Balancer::nginx(&world);
    world.restart_under_load(&nginx);
}

#[test]
fn haproxy_passes_what_browsers_send() {
    let world = World::new();
    let _handlers = world.start_both();
    world.check_requests(&Balancer::haproxy(&world));
}

#[test]
fn nginx_passes_what_browsers_send() {
    let world = World::new();
    let _handlers = world.start_both();
    world.check_requests(&Balancer::nginx(&world));
}

/// A snapshot, and addresses for two handlers.
struct World {
    site: Site,
    days: Vec<Day>,
    addresses: [SocketAddr; 2],
}

impl World {
    fn new() -> Self {
        let site = Site::new();
        let days = sample::days("2026-10-20", "2026-11-12");
        let file = site.write("counts.csv", &sample::csv(&days, 1));
        site.run([file], &[&format!("--today={TODAY}")]);
        site.pull(&[]);
        Self {
            site,
            days,
            addresses: [free_address(), free_address()],
        }
    }

    fn start_both(&self) -> [Handler; 2] {
        self.addresses
            .map(|address| Handler::start(&self.site, address))
    }

    /// The target, and the body that is right for it.
    fn expect(&self, number: u64) -> (&'static str, String) {
        if number.is_multiple_of(2) {
            let body = sample::daily_body("alpha", "overall", &VIEWS, &self.days, 2);
            (OVERALL, body)
        } else {
            (RECENT, sample::recent_body("alpha", [2, 14, 48]))
        }
    }

    fn restart_under_load(&self, balancer: &Balancer) {
        let mut handlers = self.start_both();
        balancer.wait_until_all_are_up();
        let load = Load::default();
        thread::scope(|scope| {
            let _stop = StopOnDrop(&load.is_over);
            let clients: Vec<_> = (0..CLIENT_COUNT)
                .map(|number| {
                    let load = &load;
                    scope.spawn(move || self.read(balancer, load, number))
                })
                .collect();
            let serve_some = |what: &str| {
                let seen = load.answer_counts();
                wait_for(what, || {
                    let is_running = !clients.iter().any(thread::ScopedJoinHandle::is_finished);
                    assert!(is_running, "a client has failed");
                    let mut pairs = seen.iter().zip(load.answer_counts());
                    pairs
                        .all(|(seen, now)| now >= seen + ANSWERS_BETWEEN)
                        .then_some(())
                });
            };
            serve_some("answers from both");
            for round in 0..rounds(20) {
                for (index, handler) in handlers.iter_mut().enumerate() {
                    handler.signal(Signal::TERM);
                    handler.wait_until_unready();
                    serve_some("answers in the drain delay");
                    balancer.wait_until_down(index);
                    // The delay is ten minutes: this ends it.
                    handler.signal(Signal::TERM);
                    handler.wait_for_end();
                    serve_some("answers from the other");
                    *handler = Handler::start(&self.site, handler.address);
                    balancer.wait_until_all_are_up();
                    serve_some(&format!("answers from both, round {round}"));
                }
            }
        });
        for handler in &handlers {
            let count = handler.data_answer_count();
            assert!(count > 0, "a restarted handler gets nothing");
        }
    }

    /// Reads until the end; whatever is not the right answer fails.
    fn read(&self, balancer: &Balancer, load: &Load, client: usize) {
        let mut connection = Connection::open(balancer.address);
        let mut number = 0;
        while !load.is_over.load(Ordering::Relaxed) {
            let (target, body) = self.expect(number);
            let what = format!("client {client}, request {number}, {target}");
            let answer =
                connection.ask(&format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n"), &what);
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
            assert_eq!(str::from_utf8(&answer.body), Ok(&*body), "{what}");
            number += 1;
            load.answers[client].store(number, Ordering::Relaxed);
            // One client of four does not keep its connections.
            if client == 0 || answer.header("connection") == "close" {
                connection = Connection::open(balancer.address);
            }
        }
    }

    /// What browsers and their like send gets through, there and back.
    fn check_requests(&self, balancer: &Balancer) {
        balancer.wait_until_all_are_up();
        let mut connection = Connection::open(balancer.address);
        let mut ask = |head: &str, body: &str| {
            let answer = connection.ask(&format!("{head}\r\n{body}"), head);
            // Its own id, which the balancer shows beside the handler's echo.
            let id = answer.header("x-request-id");
            assert!(!id.is_empty(), "{head}: {answer:?}");
            assert_eq!(id, answer.header("x-made-here"), "{head}: {answer:?}");
            answer
        };
        let (_, body) = self.expect(0);
        let mut ids = Vec::new();
        // Several, so that both handlers are asked.
        for _ in 0..6 {
            let chrome = format!("GET {OVERALL} HTTP/1.1\r\nHost: stats.example\r\n{CHROME}");
            let page = ask(&chrome, "");
            assert_eq!(page.status, 200, "{page:?}");
            assert_eq!(page.header("content-encoding"), "gzip");
            assert_eq!(page.header("vary"), "Accept-Encoding");
            let mut text = String::new();
            let mut unpacked = GzDecoder::new(&page.body[..]);
            unpacked.read_to_string(&mut text).unwrap();
            assert_eq!(text, body);
            ids.push(page.header("x-request-id").to_owned());

            let get = format!("GET {OVERALL} HTTP/1.1\r\nHost: t\r\n");
            let plain = ask(&get, "");
            assert_eq!((plain.status, plain.header("content-encoding")), (200, ""));
            assert_eq!(str::from_utf8(&plain.body), Ok(&*body));
            assert_ne!(page.header("etag"), plain.header("etag"));
            for (answer, coding) in [(&page, "Accept-Encoding: gzip\r\n"), (&plain, "")] {
                let tag = answer.header("etag");
                assert!(tag.starts_with('"'), "{tag:?} is no strong tag");
                let again = ask(&format!("{get}{coding}If-None-Match: {tag}\r\n"), "");
                assert_eq!((again.status, again.header("etag")), (304, tag), "{coding}");
            }

            let head = ask(&get.replace("GET", "HEAD"), "");
            assert_eq!((head.status, head.body.len()), (200, 0));
            assert_eq!(
                head.header("content-length"),
                plain.header("content-length")
            );
            assert_eq!(ask(&get.replace("GET", "OPTIONS"), "").status, 204);
            for body in ["", "hello", "GET /nowhere HTTP/1.1\r\nHost: s\r\n\r\n"] {
                let post = get.replace("GET", "POST");
                let length = body.len();
                let post = ask(&format!("{post}Content-Length: {length}\r\n"), body);
                assert_eq!(post.status, 405, "{body:?}");
                assert_eq!(post.header("allow"), "GET, HEAD, OPTIONS");
            }
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 6, "an id for each request");
    }
}

/// What clients under load have done.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    answers: [AtomicU64; CLIENT_COUNT],
}

impl Load {
    fn answer_counts(&self) -> [u64; CLIENT_COUNT] {
        std::array::from_fn(|client| self.answers[client].load(Ordering::Relaxed))
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A handler on an address of its own, which its next run takes over.
struct Handler {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Handler {
    fn start(site: &Site, address: SocketAddr) -> Self {
        let log = site.path(&format!("handler-{}.log", address.port()));
        let file = File::options().append(true).create(true).open(&log);
        let mut command = program("espy-handler");
        command
            .arg("serve")
            .arg("--snapshots")
            .arg(site.snapshots());
        command.arg(format!("--listen={address}"));
        command.args(["--cores=2", "--poll-interval=5ms", "--log-format=json"]);
        command.args(["--drain-delay=600", "--drain-timeout=600"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(file.unwrap()).spawn().unwrap();
        let mut handler = Self {
            child,
            address,
            log,
        };
        wait_for("readiness", || {
            let ended = handler.child.try_wait().unwrap();
            assert!(ended.is_none(), "the handler ended with {ended:?}");
            (handler.readiness()? == 200).then_some(())
        });
        handler
    }

    /// The status of `/readyz`, when somebody listens.
    fn readiness(&self) -> Option<u16> {
        TcpStream::connect(self.address).ok()?;
        Some(get(self.address, "/readyz").status)
    }

    fn wait_until_unready(&self) {
        wait_for("the end of readiness", || {
            (self.readiness()? == 503).then_some(())
        });
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait_for_end(&mut self) {
        let ended = wait_for("the handler's end", || self.child.try_wait().unwrap());
        assert_eq!(ended.code(), Some(0));
    }

    /// Answers with data since it was started.
    fn data_answer_count(&self) -> u64 {
        let answer = get(self.address, "/metrics");
        let text = str::from_utf8(&answer.body).unwrap();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("espy_requests_total{") && line.contains("pypistats"));
        let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        values.sum()
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            say(&fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// A balancer before both handlers; it is killed when dropped.
struct Balancer {
    child: Child,
    address: SocketAddr,
    /// Where it tells whom it thinks alive, if it does.
    statistics: Option<SocketAddr>,
    log: PathBuf,
}

impl Balancer {
    fn haproxy(world: &World) -> Self {
        let (address, statistics) = (free_address(), free_address());
        let [a, b] = world.addresses;
        let config = world.site.write(
            "haproxy.cfg",
            &format!(
                "global
    stats socket ipv4@{statistics} level user
defaults
    mode http
    timeout connect 30s
    timeout client 60s
    timeout server 60s
    timeout check 30s
    retries 0
frontend entrance
    bind {address}
    unique-id-format %[uuid()]
    unique-id-header X-Request-ID
    http-response set-header X-Made-Here %[unique-id]
    default_backend handlers
backend handlers
    balance roundrobin
    option httpchk GET /readyz
    http-check expect status 200
    server first {a} check inter 100ms fall 1 rise 1
    server second {b} check inter 100ms fall 1 rise 1
"
            ),
        );
        let mut command = daemon("haproxy");
        command.arg("-db").arg("-f").arg(config);
        Self::start(command, address, Some(statistics), &world.site)
    }

    fn nginx(world: &World) -> Self {
        let address = free_address();
        let [a, b] = world.addresses;
        let dir = world.site.path("nginx");
        fs::create_dir(&dir).unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("    {kind}_temp_path {kind};\n"))
            .concat();
        let config = world.site.write(
            "nginx/nginx.conf",
            &format!(
                "daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
{temporary}
    upstream handlers {{
        server {a} max_fails=0;
        server {b} max_fails=0;
        keepalive 16;
    }}
    server {{
        listen {address};
        add_header X-Made-Here $request_id always;
        location / {{
            proxy_pass http://handlers;
            proxy_http_version 1.1;
            proxy_next_upstream error timeout http_503;
            proxy_set_header Connection \"\";
            proxy_set_header Host $host;
            proxy_set_header X-Request-ID $request_id;
        }}
    }}
}}
"
            ),
        );
        let mut command = daemon("nginx");
        command.arg("-p").arg(&dir).arg("-c").arg(config);
        command.args(["-e", "stderr"]);
        Self::start(command, address, None, &world.site)
    }

    fn start(
        mut command: Command,
        address: SocketAddr,
        statistics: Option<SocketAddr>,
        site: &Site,
    ) -> Self {
        let log = site.path("balancer.log");
        let file = File::create(&log).unwrap();
        command.stdin(Stdio::null());
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let mut balancer = Self {
            child: command.spawn().unwrap(),
            address,
            statistics,
            log,
        };
        wait_for("the balancer", || {
            let ended = balancer.child.try_wait().unwrap();
            assert!(ended.is_none(), "the balancer ended with {ended:?}");
            TcpStream::connect(address).ok()
        });
        balancer
    }

    /// What HAProxy thinks of its servers.
    fn states(&self) -> Option<[String; 2]> {
        let mut socket = TcpStream::connect(self.statistics?).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.write_all(b"show stat\n").unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        let mut lines = text.lines();
        let names = lines.next().unwrap().trim_start_matches("# ").split(',');
        let column = names.clone().position(|name| name == "status");
        let column = column.unwrap_or_else(|| panic!("no status: {text}"));
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        Some(["first", "second"].map(|name| {
            let mut rows = rows.iter();
            let row = rows.find(|row| row[..2] == ["handlers", name]);
            let row = row.unwrap_or_else(|| panic!("no {name}: {text}"));
            row[column].to_owned()
        }))
    }

    fn wait_until_all_are_up(&self) {
        wait_for("both to be up", || {
            let states = self.states();
            states
                .is_none_or(|states| states == ["UP", "UP"])
                .then_some(())
        });
    }

    fn wait_until_down(&self, index: usize) {
        wait_for("one to be down", || {
            let states = self.states();
            states
                .is_none_or(|states| states[index].starts_with("DOWN"))
                .then_some(())
        });
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            say(&fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// A program that `tests/install` has brought; Debian has them in `sbin`.
fn daemon(name: &str) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).chain(["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from));
    let found = dirs.map(|dir| dir.join(name)).find(|path| path.is_file());
    Command::new(found.unwrap_or_else(|| panic!("{name} is missing: run `make test`")))
}

/// A port that nobody has, and that the system gives nobody for a connection
/// of theirs: a restarted handler must find it free.
fn free_address() -> SocketAddr {
    wait_for("a free port", || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, fastrand::u16(20_000..32_000)));
        TcpListener::bind(address).is_ok().then_some(address)
    })
}

/// HTTP/1.0, for which no body comes in chunks.
fn get(address: SocketAddr, target: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.0\r\nHost: t\r\n\r\n");
    Connection::open(address).ask(&request, target)
}

/// An answer as balancers pass it on: names of fields in any case.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    /// Sends this; reads an answer that is whole or fails.
    fn ask(&mut self, request: &str, what: &str) -> Answer {
        let fail = |error| panic!("{what}: {error}");
        let stream = self.reader.get_mut();
        stream.write_all(request.as_bytes()).unwrap_or_else(fail);
        let mut line = || {
            let mut line = String::new();
            self.reader
                .read_line(&mut line)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            let line = line.strip_suffix("\r\n");
            line.unwrap_or_else(|| panic!("{what}: cut off")).to_owned()
        };
        let status_line = line();
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = BTreeMap::new();
        loop {
            let line = line();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let old = headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            assert_eq!(old, None, "{what}: two fields {name}");
        }
        let mut body = Vec::new();
        let has_body = !request.starts_with("HEAD ") && !matches!(status, 204 | 304);
        match headers.get("content-length").map(|length| length.parse()) {
            _ if !has_body => {}
            Some(length) => {
                body.resize(length.unwrap(), 0);
                self.reader.read_exact(&mut body).unwrap_or_else(fail);
            }
            None => {
                assert!(request.contains(" HTTP/1.0"), "{what}: no length");
                self.reader
                    .read_to_end(&mut body)
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
            }
        }
        Answer {
            status,
            headers,
            body,
        }
    }
}
