//! The program as people run it, against its own floor server and against
//! servers made to misbehave.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_espy-loadtest"))
}

struct Floor {
    child: Child,
    url: String,
}

impl Floor {
    fn start(flags: &[&str]) -> Self {
        let mut child = program()
            .arg("floor")
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        Self {
            child,
            url: url.trim().to_owned(),
        }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(flags: &[&str]) -> Output {
    program().args(flags).output().unwrap()
}

#[track_caller]
fn check_code(output: &Output, expect: i32) {
    assert_eq!(
        output.status.code(),
        Some(expect),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn report(folder: &Path) -> Value {
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("<svg") || !page.contains("Latency by"));
    // It stands alone: nothing is fetched, nothing is executed.
    for outside in ["<script", "<link", "src=", "url(", "NaN", "inf"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let report: Value =
        serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["schema"], 1);
    report
}

/// A server of threads: each connection is given to `answer`.
fn server(answer: impl Fn(usize, std::net::TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || answer(number, stream.unwrap()));
        }
    });
    address
}

/// Answers each request on a connection with what `answer` makes of its head.
fn serve(mut stream: std::net::TcpStream, mut answer: impl FnMut(&str) -> Option<String>) {
    let mut head = String::new();
    let mut byte = [0];
    while stream.read(&mut byte).is_ok_and(|count| count > 0) {
        head.push(char::from(byte[0]));
        if head.ends_with("\r\n\r\n") {
            let Some(text) = answer(&head) else { return };
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
            head.clear();
        }
    }
}

fn ok(body: &str) -> Option<String> {
    Some(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

#[test]
fn a_run_is_counted_reported_and_judged() {
    let floor = Floor::start(&["--bytes", "500", "--header", "etag: \"x\""]);
    for engine in ["raw", "hyper"] {
        let folder = tempfile::tempdir().unwrap();
        let output = run(&[
            "run",
            "--target",
            &floor.url,
            "--path",
            "/a",
            "--count",
            "2000",
            "--warmup",
            "50ms",
            "--connections",
            "4",
            "--threads",
            "2",
            "--engine",
            engine,
            "--require",
            "errors=0,p50=1h,rps=1,floor=0.00001",
            "--report",
            folder.path().to_str().unwrap(),
        ]);
        check_code(&output, 0);
        let report = report(folder.path());
        let target = &report["outcomes"][0];
        assert_eq!(target["answers"], 2000, "{engine}");
        assert_eq!(target["body_bytes"], 2000 * 500);
        assert_eq!(target["statuses"]["200"], 2000);
        assert_eq!(target["error_count"], 0);
        assert_eq!(target["latency"]["count"], 2000);
        assert!(target["cpu_us_per_request"].is_number());
        assert!(target["floor"]["share"].as_f64().unwrap() > 0.0);
        assert_eq!(report["outcomes"][1]["is_floor"], true);
        assert_eq!(report["limits"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn a_missed_limit_and_a_mistake_have_their_exit_codes() {
    let floor = Floor::start(&[]);
    let base = [
        "run",
        "--target",
        &floor.url,
        "--count",
        "50",
        "--warmup",
        "0s",
        "--no-floor",
    ];
    let with = |more: &[&str]| run(&[&base[..], more].concat());
    check_code(&with(&["--require", "errors=0"]), 0);
    let missed = with(&["--require", "max=1ns,rps=1e12,errors=0"]);
    check_code(&missed, 1);
    let text = String::from_utf8(missed.stdout).unwrap();
    assert!(
        text.contains("MISSED max=1ns") && text.contains("MISSED rps=1e12"),
        "{text}"
    );
    assert!(text.contains("met    errors=0"), "{text}");
    // Not measured is missed.
    check_code(&with(&["--require", "floor=0.1"]), 1);
    let mistaken = with(&["--require", "p98=1ms", "--nonsense", "--zipf", "x"]);
    check_code(&mistaken, 2);
    let text = String::from_utf8(mistaken.stderr).unwrap();
    for mistake in ["--nonsense: no such flag", "p98", "--zipf"] {
        assert!(text.contains(mistake), "{mistake}: {text}");
    }
    // Nobody listens.
    check_code(
        &run(&["run", "--target", "http://127.0.0.1:1", "--no-floor"]),
        1,
    );
}

#[test]
fn an_open_load_sends_what_its_schedule_says() {
    let floor = Floor::start(&[]);
    for (engine, load) in [
        ("raw", "constant"),
        ("hyper", "constant"),
        ("raw", "ramp"),
        ("raw", "step"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let rate_to: &[&str] = if load == "constant" {
            &[]
        } else {
            &["--rate-to", "600", "--steps", "2"]
        };
        let flags = [
            "run",
            "--target",
            &floor.url,
            "--load",
            load,
            "--rate",
            "200",
            "--duration",
            "1s",
            "--warmup",
            "200ms",
            "--no-floor",
            "--engine",
            engine,
            "--report",
            folder.path().to_str().unwrap(),
        ];
        check_code(&run(&[&flags[..], rate_to].concat()), 0);
        let report = report(folder.path());
        let expect = if load == "constant" { 200 } else { 400 };
        assert_eq!(report["outcomes"][0]["answers"], expect, "{engine} {load}");
        assert_eq!(report["outcomes"][0]["lateness"]["count"], expect);
    }
}

/// The server stalls for 600 ms on its first answer, with one connection and a
/// request due every 10 ms: about 60 requests fall due meanwhile, and each has
/// waited for the rest of the stall. Measured from sending, one would show it.
#[test]
fn a_stall_is_in_the_latency_of_all_requests_that_were_due() {
    for engine in ["raw", "hyper"] {
        let folder = tempfile::tempdir().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let address = server(move |_, stream| {
            let counter = Arc::clone(&counter);
            serve(stream, move |_| {
                // The first is the look before the load.
                if counter.fetch_add(1, Ordering::SeqCst) == 1 {
                    thread::sleep(Duration::from_millis(600));
                }
                ok("hi")
            });
        });
        let output = run(&[
            "run",
            "--target",
            &format!("http://{address}"),
            "--load",
            "constant",
            "--rate",
            "100",
            "--duration",
            "2s",
            "--warmup",
            "0s",
            "--connections",
            "1",
            "--no-floor",
            "--engine",
            engine,
            "--report",
            folder.path().to_str().unwrap(),
        ]);
        check_code(&output, 0);
        let report = report(folder.path());
        let target = &report["outcomes"][0];
        assert_eq!(target["answers"], 200);
        let curve = target["latency"]["curve"].as_array().unwrap();
        let slower = |us: f64| {
            curve
                .iter()
                .filter(|point| point[1].as_f64().unwrap() >= us)
                .map(|point| 200.0 * (1.0 - point[0].as_f64().unwrap() / 100.0))
                .fold(0.0, f64::max)
        };
        // 50 of them were due more than 100 ms before its end; fewer are asked
        // for, since the curve has steps.
        assert!(slower(100_000.0) > 30.0, "{engine}: {curve:?}");
        assert!(target["latency"]["us"]["max"].as_f64().unwrap() > 590_000.0);
    }
}

#[test]
fn errors_are_told_by_kind() {
    fn check(
        engine: &str,
        expect: &str,
        answer: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) {
        let answer = Arc::new(answer);
        let address = server(move |number, stream| {
            let answer = Arc::clone(&answer);
            // The look before the load is answered well.
            serve(
                stream,
                move |_| if number == 0 { ok("hi") } else { answer() },
            );
        });
        let folder = tempfile::tempdir().unwrap();
        let output = run(&[
            "run",
            "--target",
            &format!("http://{address}"),
            "--count",
            "10",
            "--warmup",
            "0s",
            "--connections",
            "2",
            "--no-floor",
            "--timeout",
            // Only where it is what is tested: a busy machine may take long.
            if expect == "timeout" { "200ms" } else { "60s" },
            "--engine",
            engine,
            "--require",
            "errors=0",
            "--report",
            folder.path().to_str().unwrap(),
        ]);
        check_code(&output, 1);
        let report = report(folder.path());
        assert_eq!(
            report["outcomes"][0]["errors"][expect], 10,
            "{engine} {expect}: {}",
            report["outcomes"][0]["errors"]
        );
    }
    let plain = |text: &'static str| move || Some(text.to_owned());
    for engine in ["raw", "hyper"] {
        check(
            engine,
            "status_5xx",
            plain("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"),
        );
        check(
            engine,
            "status_4xx",
            plain("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"),
        );
        check(engine, "closed_early", || None);
        check(engine, "protocol", plain("220 mail.example ESMTP\r\n\r\n"));
        check(engine, "timeout", plain(""));
    }
}

#[test]
fn etags_are_sent_back_and_unknown_names_are_expected_to_be_missing() {
    for engine in ["raw", "hyper"] {
        let address = server(|_, stream| {
            serve(stream, |head| {
                if head.contains("espy-unknown") {
                    Some("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n".to_owned())
                } else if head.to_ascii_lowercase().contains("if-none-match: \"tag\"") {
                    Some("HTTP/1.1 304 X\r\nETag: \"tag\"\r\n\r\n".to_owned())
                } else {
                    Some("HTTP/1.1 200 X\r\nETag: \"tag\"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n".to_owned())
                }
            });
        });
        let folder = tempfile::tempdir().unwrap();
        let names = folder.path().join("names");
        fs::write(&names, "pip\nflask\n").unwrap();
        let output = run(&[
            "run",
            "--target",
            &format!("http://{address}"),
            "--count",
            "500",
            "--warmup",
            "0s",
            "--connections",
            "2",
            "--no-floor",
            "--names",
            names.to_str().unwrap(),
            "--conditional",
            "1",
            "--unknown",
            "0.2",
            "--engine",
            engine,
            "--require",
            "errors=0,304=0.5",
            "--report",
            folder.path().to_str().unwrap(),
        ]);
        check_code(&output, 0);
        let report = report(folder.path());
        let statuses = &report["outcomes"][0]["statuses"];
        assert!(statuses["304"].as_u64().unwrap() > 300, "{statuses}");
        assert!(
            (50..200).contains(&statuses["404"].as_u64().unwrap()),
            "{statuses}"
        );
    }
}

#[test]
fn a_log_is_replayed_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let lines: String = (0..50)
        .map(|n| format!("- - - [x] \"GET /page/{n} HTTP/1.1\" 200 5\n"))
        .collect();
    fs::write(&log, lines).unwrap();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let paths = Arc::clone(&seen);
    let address = server(move |number, stream| {
        let paths = Arc::clone(&paths);
        serve(stream, move |head| {
            if number > 0 {
                paths
                    .lock()
                    .unwrap()
                    .push(head.split(' ').nth(1).unwrap().to_owned());
            }
            ok("")
        });
    });
    for (engine, pipeline) in [("raw", "1"), ("raw", "7"), ("hyper", "1")] {
        seen.lock().unwrap().clear();
        let target = format!("http://{address}");
        let output = run(&[
            "run",
            "--target",
            &target,
            "--replay",
            log.to_str().unwrap(),
            "--warmup",
            "0s",
            "--connections",
            "1",
            "--pipeline",
            pipeline,
            "--no-floor",
            "--engine",
            engine,
        ]);
        check_code(&output, 0);
        let expect: Vec<String> = (0..50).map(|n| format!("/page/{n}")).collect();
        // The look before the load is on a connection of its own, not the first
        // of the server in later rounds.
        let seen = seen.lock().unwrap();
        assert_eq!(seen[seen.len() - 50..], expect, "{engine} {pipeline}");
    }
}

#[test]
fn connections_are_new_without_keep_alive() {
    for engine in ["raw", "hyper"] {
        let address = server(|_, stream| {
            serve(stream, |_| {
                Some("HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned())
            });
        });
        let folder = tempfile::tempdir().unwrap();
        let output = run(&[
            "run",
            "--target",
            &format!("http://{address}"),
            "--count",
            "30",
            "--warmup",
            "0s",
            "--connections",
            "3",
            "--no-keep-alive",
            "--no-floor",
            "--engine",
            engine,
            "--require",
            "errors=0",
            "--report",
            folder.path().to_str().unwrap(),
        ]);
        check_code(&output, 0);
        assert_eq!(
            report(folder.path())["outcomes"][0]["connects"],
            30,
            "{engine}"
        );
    }
}

#[test]
fn targets_are_compared_in_rounds() {
    let (one, two) = (
        Floor::start(&["--bytes", "10"]),
        Floor::start(&["--bytes", "20"]),
    );
    let folder = tempfile::tempdir().unwrap();
    let output = run(&[
        "compare",
        "--target",
        &format!("one={}", one.url),
        "--target",
        &format!("two={}", two.url),
        "--rounds",
        "3",
        "--duration",
        "300ms",
        "--warmup",
        "20ms",
        "--connections",
        "4",
        "--require",
        "errors=0,one/p99=1h,cpu_ratio=1000",
        "--report",
        folder.path().to_str().unwrap(),
    ]);
    check_code(&output, 0);
    let report = report(folder.path());
    let names: Vec<_> = report["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["name"].clone())
        .collect();
    assert_eq!(names, ["one", "two", "floor"]);
    for outcome in report["outcomes"].as_array().unwrap() {
        assert_eq!(outcome["rounds"].as_array().unwrap().len(), 3);
        assert_eq!(outcome["ratio"].is_null(), outcome["name"] == "one");
    }
    let ratio = &report["outcomes"][1]["ratio"]["cpu"];
    assert!(ratio["min"].as_f64() <= ratio["median"].as_f64());
    assert!(ratio["median"].as_f64() <= ratio["max"].as_f64());
    assert!(report["outcomes"][0]["floor"]["share"].is_number());
}

#[test]
fn links_are_followed_and_broken_ones_found() {
    let address = server(|_, stream| {
        serve(stream, |head| {
            let page = match head.split(' ').nth(1).unwrap() {
                "/" => {
                    "<a href=\"a\">a</a><a href='/gone?x=1&amp;y'>b</a><a href=http://other.example/>c</a>"
                }
                "/a" => "<a href=\"/\">back</a><img src=\"/pic\">",
                "/pic" => "",
                _ => return Some("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n".to_owned()),
            };
            Some(format!(
                "HTTP/1.1 200 X\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}",
                page.len()
            ))
        });
    });
    let folder = tempfile::tempdir().unwrap();
    let target = format!("http://{address}");
    let output = run(&[
        "run",
        "--target",
        &target,
        "--crawl",
        "/",
        "--report",
        folder.path().to_str().unwrap(),
    ]);
    check_code(&output, 1);
    let crawl = &report(folder.path())["crawl"];
    assert_eq!(
        (&crawl["visited_count"], &crawl["foreign_count"]),
        (&4.into(), &1.into())
    );
    assert_eq!(crawl["broken"][0]["path"], "/gone?x=1&y");
    assert_eq!(crawl["broken"][0]["on"], "/");
    check_code(
        &run(&["run", "--target", &target, "--crawl", "/a", "--count", "1"]),
        0,
    );
}

#[test]
fn hostile_requests_are_judged() {
    // One refuses everything that is not the honest request, one answers all.
    let strict = server(|_, stream| {
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        serve(stream, |head| {
            if head.starts_with("GET / HTTP/1.1\r\n") && head.contains("User-Agent: espy-loadtest")
            {
                ok("hi")
            } else {
                None
            }
        });
    });
    let naive = server(|_, stream| serve(stream, |_| ok("hi")));
    let folder = tempfile::tempdir().unwrap();
    let attack = |address: SocketAddr| {
        run(&[
            "run",
            "--target",
            &format!("http://{address}"),
            "--hostile",
            "--report",
            folder.path().to_str().unwrap(),
        ])
    };
    let naive = attack(naive);
    check_code(&naive, 1);
    let text = String::from_utf8(naive.stdout).unwrap();
    assert!(
        text.contains("WRONG unknown method: status 200 instead of 4xx"),
        "{text}"
    );
    assert!(
        text.contains("WRONG request in a GET's body: 2 answers"),
        "{text}"
    );
    let _ = attack(strict);
    let hostile = &report(folder.path())["hostile"];
    let wrong: Vec<_> = hostile["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| !case["wrong"].is_null() && case["got"] != "silence")
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(hostile["case_count"].as_u64().unwrap() >= 80);
}

#[test]
fn an_interrupt_reports_what_was_measured() {
    for (command, signal) in [("run", "-INT"), ("compare", "-TERM")] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let address = server(move |_, stream| {
            serve(stream, |_| {
                counter.fetch_add(1, Ordering::SeqCst);
                ok("hi")
            });
        });
        let folder = tempfile::tempdir().unwrap();
        let targets: Vec<String> = match command {
            "run" => vec!["--target".to_owned(), format!("http://{address}")],
            _ => ["a", "b"]
                .iter()
                .flat_map(|name| ["--target".to_owned(), format!("{name}=http://{address}")])
                .collect(),
        };
        let child = program()
            .arg(command)
            .args(targets)
            .args([
                "--duration",
                "10m",
                "--warmup",
                "0s",
                "--connections",
                "2",
                "--load",
            ])
            .args(["constant", "--rate", "200", "--no-floor", "--report"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while asked.load(Ordering::SeqCst) < 50 {
            thread::sleep(Duration::from_millis(10));
        }
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        check_code(&output, 130);
        let report = report(folder.path());
        assert_eq!(report["interrupted"], true);
        assert!(
            report["outcomes"][0]["answers"].as_u64().unwrap() > 0,
            "{command}"
        );
    }
}

#[test]
fn names_are_taken_from_the_target() {
    let address = server(|_, stream| {
        serve(stream, |head| match head.split(' ').nth(1).unwrap() {
            "/v1/top" => ok(r#"{"rows":[{"project":"pip"},{"project":"flask"}]}"#),
            "/badge/pip" | "/badge/flask" => ok("hi"),
            _ => Some("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n".to_owned()),
        });
    });
    let target = format!("http://{address}");
    let with = |names: &str| {
        run(&[
            "run",
            "--target",
            &target,
            "--count",
            "50",
            "--warmup",
            "0s",
            "--no-floor",
            "--names",
            names,
            "--route-mix",
            "badge=1",
            "--require",
            "errors=0",
        ])
    };
    check_code(&with("/v1/top"), 0);
    let none = with("/v1/none");
    check_code(&none, 1);
    let text = String::from_utf8(none.stderr).unwrap();
    assert!(text.contains("answered 404; give --names a file"), "{text}");
}
