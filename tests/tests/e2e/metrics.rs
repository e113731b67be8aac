//! `/metrics` as Prometheus reads it, checked with Prometheus's own tool.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;

use espy_tests::handler::Handler;
use espy_tests::peers;
use espy_tests::site::Site;

use crate::sample;

fn handler() -> (Site, Handler) {
    let site = Site::new();
    let days = sample::days("2026-11-01", "2026-11-12");
    let file = site.write("counts.csv", &sample::csv(&days, 1));
    site.run([file], &["--today=2026-11-13"]);
    site.pull(&[]);
    let handler = Handler::ready(&site.snapshots(), &[]);
    (site, handler)
}

/// Lines of the exposition by name and labels.
fn metrics(handler: &Handler) -> BTreeMap<String, f64> {
    let answer = handler.get("/metrics");
    assert_eq!(answer.status, 200);
    let lines = answer.text().lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

#[test]
fn promtool_finds_nothing_to_say() {
    let (_site, handler) = handler();
    handler.get("/api/packages/__all__/overall");
    let text = handler.get("/metrics").text().to_owned();
    let mut promtool = peers::promtool()
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}

#[test]
fn requests_are_counted_by_route() {
    let (_site, handler) = handler();
    let before = metrics(&handler);
    for _ in 0..3 {
        assert_eq!(handler.get("/api/packages/__all__/overall").status, 200);
    }
    assert_eq!(handler.get("/api/packages/nobody/overall").status, 404);
    for number in 0..50 {
        assert_eq!(handler.get(&format!("/made/up/{number}")).status, 404);
    }
    let after = metrics(&handler);
    let grown = |name: &str| {
        let value = |from: &BTreeMap<String, f64>| from.get(name).copied().unwrap_or(0.0);
        value(&after) - value(&before)
    };
    for (name, count) in [
        (
            r#"espy_requests_total{route="pypistats_overall",status="2xx"}"#,
            3.0,
        ),
        (
            r#"espy_requests_total{route="pypistats_overall",status="4xx"}"#,
            1.0,
        ),
        (r#"espy_requests_total{route="unknown",status="4xx"}"#, 50.0),
        (
            r#"espy_request_duration_seconds_count{route="pypistats_overall"}"#,
            4.0,
        ),
        ("espy_connections_accepted_total", 55.0),
    ] {
        assert_eq!(grown(name), count, "{name}");
    }
    // Two cores have a cache each: of three answers one or two come from it.
    let hits = grown(r#"espy_cache_hits_total{route="pypistats_overall"}"#);
    assert!((1.0..=2.0).contains(&hits), "{hits}");
    assert_eq!(after["espy_snapshot_sequence"], 1.0);
    assert_eq!(after["espy_ready"], 1.0);
    // Whatever is asked for, the names are those of routes.
    let names =
        |from: &BTreeMap<String, f64>| from.keys().filter(|name| name.contains("made")).count();
    assert_eq!(names(&after), 0);
}
