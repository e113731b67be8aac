//! The bodies of pypistats.org, byte for byte.

use espy_shared::dimension::Dimension::{Overall, PythonMajor, PythonMinor, System};

use crate::folder::{Folder, head, span};
use crate::handler::{Answer, Handler};

/// Two spans across the end of a month; 2026-11-03 is the run's today, which
/// no window shows.
fn folder() -> Folder {
    let mut folder = Folder::new();
    let october = span(
        "2026-10-30",
        "2026-10-31",
        &[
            ("__all__", Overall, "with_mirrors", &[11, 12]),
            ("pip", Overall, "with_mirrors", &[5, 6]),
            ("pip", Overall, "without_mirrors", &[4, 0]),
            ("pip", PythonMajor, "2", &[1, 0]),
            ("pip", PythonMajor, "3", &[1, 3]),
            ("pip", PythonMinor, "2.7", &[1, 0]),
            ("pip", PythonMinor, "3.10", &[0, 2]),
            ("pip", PythonMinor, "3.9", &[1, 1]),
            ("pip", System, "Linux", &[2, 0]),
            ("pip", System, "other", &[0, 1]),
        ],
    );
    let november = span(
        "2026-11-01",
        "2026-11-03",
        &[
            ("__all__", Overall, "with_mirrors", &[13, 14, 15]),
            ("pip", Overall, "with_mirrors", &[7, 8, 900]),
            ("pip", Overall, "without_mirrors", &[6, 7, 800]),
            ("pip", PythonMajor, "3", &[2, 0, 700]),
            ("pip", PythonMajor, "null", &[0, 9, 0]),
            ("pip", PythonMinor, "3.\"é", &[1, 0, 0]),
            ("pip", PythonMinor, "3.10", &[1, 0, 0]),
            ("pip", System, "Darwin", &[0, 0, 600]),
            ("pip", System, "Windows", &[3, 0, 0]),
            ("pip", System, "null", &[0, 4, 0]),
            ("today-only", Overall, "with_mirrors", &[0, 0, 5]),
            ("zope-interface", Overall, "with_mirrors", &[1, 0, 0]),
        ],
    );
    let head = head(&[
        ("__all__", [14, 50, 50]),
        ("old", [0, 0, 3]),
        ("pip", [7, 17, 20]),
        ("quiet", [0, 0, 0]),
        ("weekly", [0, 2, 3]),
        ("zope-interface", [0, 1, 1]),
    ]);
    folder.publish("2026-11-02", &[head, october, november]);
    folder
}

#[test]
fn bodies() {
    let folder = folder();
    let handler = Handler::ready(folder.path(), &[]);
    let rows = |rows: &[(&str, &str, u64)]| {
        let rows: Vec<String> = rows
            .iter()
            .map(|(category, date, downloads)| {
                format!(
                    r#"{{"category":"{category}","date":"2026-{date}","downloads":{downloads}}}"#
                )
            })
            .collect();
        rows.join(",")
    };
    let list = |package: &str, kind: &str, data: String| {
        format!("{{\"data\":[{data}],\"package\":\"{package}\",\"type\":\"{kind}_downloads\"}}\n")
    };
    let with = [
        ("with_mirrors", "10-30", 5),
        ("with_mirrors", "10-31", 6),
        ("with_mirrors", "11-01", 7),
        ("with_mirrors", "11-02", 8),
    ];
    let without = [
        ("without_mirrors", "10-30", 4),
        ("without_mirrors", "11-01", 6),
        ("without_mirrors", "11-02", 7),
    ];
    let both = list("pip", "overall", rows(&[&with[..], &without].concat()));
    let recent = |data: &str, package: &str| {
        format!("{{\"data\":{{{data}}},\"package\":\"{package}\",\"type\":\"recent_downloads\"}}\n")
    };
    let pip = recent(r#""last_day":7,"last_month":20,"last_week":17"#, "pip");
    let zope = recent(
        r#""last_day":0,"last_month":1,"last_week":1"#,
        "zope-interface",
    );
    let unknown = |package: &str| list(package, "system", String::new());
    for (target, body) in [
        ("pip/recent", pip.clone()),
        ("Pip/recent", pip.clone()),
        ("pip/recent?", pip.clone()),
        ("pip/recent?unknown=1&mirrors=true", pip.clone()),
        ("p%69p/rec%65nt", pip),
        ("pip/recent?&period=day", recent(r#""last_day":7"#, "pip")),
        ("pip/recent?period=week", recent(r#""last_week":17"#, "pip")),
        (
            "pip/recent?period=month&period=day",
            recent(r#""last_month":20"#, "pip"),
        ),
        (
            "weekly/recent",
            recent(r#""last_day":0,"last_month":3,"last_week":2"#, "weekly"),
        ),
        (
            "old/recent",
            recent(r#""last_day":0,"last_month":3,"last_week":0"#, "old"),
        ),
        ("zope-interface/recent", zope.clone()),
        ("Zope.Interface/recent", zope.clone()),
        ("zope__interface/recent", zope.clone()),
        ("ZOPE-_.interface/recent", zope),
        (
            "__all__/recent",
            recent(r#""last_day":14,"last_month":50,"last_week":50"#, "__all__"),
        ),
        (
            "%5F%5fall__/recent?period=day",
            recent(r#""last_day":14"#, "__all__"),
        ),
        ("pip/overall", both.clone()),
        ("pip/overall?mirrors=yes", both.clone()),
        ("pip/overall?mirrors=", both),
        (
            "pip/overall?&mirrors=true",
            list("pip", "overall", rows(&with)),
        ),
        (
            "pip/overall?mirrors=false",
            list("pip", "overall", rows(&without)),
        ),
        (
            "__all__/overall",
            list(
                "__all__",
                "overall",
                rows(&[
                    ("with_mirrors", "10-30", 11),
                    ("with_mirrors", "10-31", 12),
                    ("with_mirrors", "11-01", 13),
                    ("with_mirrors", "11-02", 14),
                ]),
            ),
        ),
        (
            "pip/python_major",
            list(
                "pip",
                "python_major",
                rows(&[
                    ("2", "10-30", 1),
                    ("3", "10-30", 1),
                    ("3", "10-31", 3),
                    ("3", "11-01", 2),
                    ("null", "11-02", 9),
                ]),
            ),
        ),
        (
            "pip/python_major?version=2",
            list("pip", "python_major", rows(&[("2", "10-30", 1)])),
        ),
        (
            "pip/python_major?version=null",
            list("pip", "python_major", rows(&[("null", "11-02", 9)])),
        ),
        (
            "pip/python_major?version=4",
            list("pip", "python_major", String::new()),
        ),
        (
            "pip/python_minor",
            list(
                "pip",
                "python_minor",
                rows(&[
                    ("2.7", "10-30", 1),
                    (r#"3.\"\u00e9"#, "11-01", 1),
                    ("3.10", "10-31", 2),
                    ("3.10", "11-01", 1),
                    ("3.9", "10-30", 1),
                    ("3.9", "10-31", 1),
                ]),
            ),
        ),
        (
            "pip/python_minor?&version=3.10",
            list(
                "pip",
                "python_minor",
                rows(&[("3.10", "10-31", 2), ("3.10", "11-01", 1)]),
            ),
        ),
        (
            "pip/system",
            list(
                "pip",
                "system",
                rows(&[
                    ("Linux", "10-30", 2),
                    ("Windows", "11-01", 3),
                    ("null", "11-02", 4),
                    ("other", "10-31", 1),
                ]),
            ),
        ),
        (
            "pip/system?os=wInDoWs",
            list("pip", "system", rows(&[("Windows", "11-01", 3)])),
        ),
        (
            "pip/system?os=null",
            list("pip", "system", rows(&[("null", "11-02", 4)])),
        ),
        (
            "pip/system?os=Other",
            list("pip", "system", rows(&[("other", "10-31", 1)])),
        ),
        ("pip/system?os=darwin", list("pip", "system", String::new())),
        // No such package.
        ("nobody/system", unknown("nobody")),
        ("No.Body/system", unknown("no-body")),
        ("../system", unknown("--")),
        ("%2E%2e/system", unknown("--")),
        ("a%22%3Cb/system", unknown(r#"a\"<b"#)),
        ("a%00b/system", unknown(r"a\u0000b")),
        ("%C3%A9/system", unknown(r"\u00e9")),
        ("%FF/system", unknown(r"\ufffd")),
        ("_x.y/system", unknown("-x-y")),
        (
            "nobody/python_major",
            list("nobody", "python_major", String::new()),
        ),
        (
            "nobody/python_minor?version=3",
            list("nobody", "python_minor", String::new()),
        ),
    ] {
        let answer = handler.get(&format!("/api/packages/{target}"));
        assert_eq!((answer.status, &answer.body), (200, &body), "{target}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    let long = "a".repeat(5000);
    let answer = handler.get(&format!("/api/packages/{long}/system"));
    assert_eq!(answer.body, unknown(&long));
}

#[test]
fn not_found() {
    let folder = folder();
    let handler = Handler::ready(folder.path(), &[]);
    let long = format!("/api/packages/{}/recent", "a".repeat(5000));
    for target in [
        "/api/packages/nobody/recent",
        "/api/packages/nobody/overall",
        "/api/packages/zope-interface/overall?mirrors=false",
        "/api/packages/today-only/overall",
        "/api/packages/quiet/recent",
        "/api/packages/old/recent?period=week",
        "/api/packages/weekly/recent?period=day",
        "/api/packages/pip/recent?period=year",
        "/api/packages/pip/recent?period=",
        "/api/packages/pip/recent?period=last_day",
        "/api/packages/pip/recent/",
        "/api/packages/pip",
        "/api/packages/pip/",
        "/api/packages//recent",
        "/api/packages/a/b/recent",
        "/api/packages/pip%2Frecent",
        "/api/packages/a%2Fb/recent",
        "/api/packages/a%2fb/system",
        "/api/packages/../recent",
        "/api/packages/%00/recent",
        "/api/packages/__ALL__/recent",
        "/api/packages/-pip/recent",
        "/api/packages/pip/unknown",
        "/api",
        "/",
        "/%",
        &long,
    ] {
        let answer = handler.get(target);
        assert_eq!((answer.status, &*answer.body), (404, "404"), "{target}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.header("etag"), "");
    }
}

#[test]
fn windows_end_at_data_through() {
    let folder = folder();
    let dates = |answer: &Answer| {
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let rows = body["data"].as_array().unwrap();
        let dates = rows
            .iter()
            .map(|row| row["date"].as_str().unwrap()[5..].to_owned());
        dates.collect::<Vec<_>>()
    };
    for (days, expect) in [
        ("1", &["11-02"][..]),
        ("2", &["11-01", "11-02"]),
        ("3", &["10-31", "11-01", "11-02"]),
        ("4", &["10-30", "10-31", "11-01", "11-02"]),
        ("0", &["10-30", "10-31", "11-01", "11-02"]),
    ] {
        let flag = format!("--pypistats-days={days}");
        let handler = Handler::ready(folder.path(), &[&flag]);
        let answer = handler.get("/api/packages/pip/overall?mirrors=true");
        assert_eq!(dates(&answer), expect, "{days} days");
    }
}
