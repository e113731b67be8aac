//! The counting rule by cases.

use jiff::civil::date;

use super::super::agent::{Agent, Known};
use super::super::event::Events;
use super::*;
use crate::config::Recipe;

#[test]
fn dimensions_stand_in_order_of_name() {
    assert!(Dimension::ALL.is_sorted());
    assert!(Dimension::ALL.is_sorted_by_key(|dimension| dimension.name()));
}

#[test]
fn minors() {
    fn check(python: &str, expect: Option<&str>) {
        assert_eq!(minor(python), expect, "{python}");
    }
    check("3.12.1", Some("3.12"));
    check("3.12", Some("3.12"));
    check("2.7.18+", Some("2.7"));
    check("3.15.0a2+", Some("3.15"));
    check("3.2rc1", Some("3.2"));
    check("33.7.1", None);
    check("133.7", None);
    check("Sure.0", None);
    check("3", None);
    check("3.", None);
    check("3.x", None);
    check("", None);
}

#[test]
fn traffic_classes() {
    fn check(installer: Option<&str>, ci: Option<bool>, expect: &str) {
        assert_eq!(traffic(installer, ci), expect, "{installer:?} {ci:?}");
    }
    check(None, Some(true), "unknown");
    check(Some("bandersnatch"), None, "mirror");
    check(Some("z3c.pypimirror"), None, "mirror");
    check(Some("pep381client"), None, "mirror");
    check(Some("Artifactory"), None, "proxy");
    check(Some("devpi"), None, "proxy");
    check(Some("Nexus"), Some(true), "proxy");
    check(Some("Browser"), None, "browser");
    check(Some("pip"), Some(true), "ci");
    check(Some("pip"), None, "tool");
    check(Some("OS"), None, "tool");
}

/// Counts one event with the details; every row but those of version and
/// type, as `dimension=category`.
fn rows_of(known: Known, side_file: bool) -> (Verdict, Vec<String>) {
    let recipe = Recipe {
        row_count: 1,
        day_count: 1,
        last_day: date(2026, 11, 20),
        seed: 1,
        project_count: 3,
        malformed_count: 0,
        side_file_share: 0.0,
    };
    let events = Events::new(&recipe);
    let agent = Agent {
        user_agent: "any".into(),
        known,
    };
    let project = events.projects().get(1);
    let event = Event {
        second: 0,
        country: None,
        project_index: 1,
        project,
        version: "1.0",
        file_type: "sdist",
        filename: "x-1.0.tar.gz",
        url: "/x-1.0.tar.gz",
        side_file,
        tls: None,
        agent: &agent,
    };
    let mut counts = DayCounts::new(events.projects(), true);
    let verdict = counts.add(&event);
    let mut rows = Vec::new();
    counts
        .each_sorted(events.projects(), |row| {
            assert_eq!((row.project, row.count), (project.name.as_str(), 1));
            rows.push(format!("{}={}", row.dimension, row.category));
            Ok(())
        })
        .unwrap();
    assert_eq!(rows.len() as u64, counts.row_count());
    (verdict, rows)
}

fn known(json: &str) -> Known {
    /// Reads what the tests write by hand.
    fn text(value: &serde_json::Value, path: &str) -> Option<super::super::details::Text> {
        Some(value.pointer(path)?.as_str()?.to_owned().into())
    }
    use super::super::details::{DistroDetails, Installer, Libc, NameVersion, SystemDetails};
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    Known::Details(Box::new(Details {
        installer: text(&value, "/installer").map(|name| Installer {
            name,
            version: None,
            subcommand: None,
        }),
        python: text(&value, "/python"),
        implementation: text(&value, "/implementation").map(|name| NameVersion {
            name,
            version: "1".into(),
        }),
        distro: text(&value, "/distro").map(|name| DistroDetails {
            name,
            version: text(&value, "/distro_version"),
            id: None,
            libc: text(&value, "/libc").map(|lib| Libc {
                lib,
                version: "2.35".into(),
            }),
        }),
        system: text(&value, "/system").map(|name| SystemDetails {
            name,
            release: None,
        }),
        cpu: text(&value, "/cpu"),
        ci: value.pointer("/ci").and_then(serde_json::Value::as_bool),
        ..Details::default()
    }))
}

#[test]
fn one_event_in_every_dimension() {
    let (verdict, rows) = rows_of(
        known(
            r#"{"installer":"pip","python":"3.12.1","implementation":"CPython",
                "distro":"Ubuntu","distro_version":"22.04","libc":"glibc",
                "system":"FreeBSD","cpu":"x86_64","ci":true}"#,
        ),
        false,
    );
    assert_eq!(verdict, Verdict::Download);
    let expect = [
        "ci=true",
        "country=null",
        "cpu=x86_64",
        "distro=Ubuntu 22.04",
        "file_type=sdist",
        "file_type_without_mirrors=sdist",
        "implementation=CPython",
        "installer=pip",
        "libc=glibc 2.35",
        "overall=with_mirrors",
        "overall=without_mirrors",
        "python_major=3",
        "python_minor=3.12",
        "system=other",
        "traffic=ci",
        "version=1.0",
        "version_python=1.0 3.12",
        "version_without_mirrors=1.0",
    ];
    assert_eq!(rows, expect);
}

#[test]
fn absent_is_null() {
    let (_, rows) = rows_of(known(r#"{"installer":"pdm","distro":"Arch Linux"}"#), false);
    for expect in [
        "ci=null",
        "cpu=null",
        "distro=Arch Linux",
        "implementation=null",
        "libc=null",
        "python_major=null",
        "python_minor=null",
        "system=null",
        "traffic=tool",
        "version_python=1.0 null",
    ] {
        assert!(rows.iter().any(|row| row == expect), "{expect}: {rows:?}");
    }
}

#[test]
fn mirrors_and_the_unknown_count_with_mirrors_alone() {
    fn check(known: Known, installer: &str, traffic: &str) {
        let (verdict, rows) = rows_of(known, false);
        assert_eq!(verdict, Verdict::Download);
        let installer = format!("installer={installer}");
        let traffic = format!("traffic={traffic}");
        let overall = "overall=with_mirrors";
        let expect = [
            "file_type=sdist",
            &installer,
            overall,
            &traffic,
            "version=1.0",
        ];
        assert_eq!(rows, expect);
    }
    check(
        known(r#"{"installer":"bandersnatch"}"#),
        "bandersnatch",
        "mirror",
    );
    check(
        known(r#"{"installer":"Artifactory"}"#),
        "Artifactory",
        "proxy",
    );
    check(known(r#"{"installer":"devpi"}"#), "devpi", "proxy");
    check(known(r#"{"python":"2.7"}"#), "null", "unknown");
    check(Known::Nothing, "null", "unknown");
}

#[test]
fn nexus_and_pep381client_are_in_both_views() {
    for name in ["Nexus", "pep381client"] {
        let (_, rows) = rows_of(known(&format!(r#"{{"installer":"{name}"}}"#)), false);
        assert!(rows.contains(&"overall=without_mirrors".to_owned()));
    }
}

#[test]
fn side_files_count_apart() {
    let (verdict, rows) = rows_of(known(r#"{"installer":"pip"}"#), true);
    assert_eq!(verdict, Verdict::SideFile);
    assert_eq!(
        rows,
        ["side_files=with_mirrors", "side_files=without_mirrors"]
    );
    let (_, rows) = rows_of(Known::Nothing, true);
    assert_eq!(rows, ["side_files=with_mirrors"]);
}

#[test]
fn the_ignored_count_nothing() {
    let (verdict, rows) = rows_of(Known::Ignored, false);
    assert_eq!((verdict, rows.len()), (Verdict::IgnoredUserAgent, 0));
    let odd = known(r#"{"installer":"pip","python":"Sure.0"}"#);
    let (verdict, rows) = rows_of(odd, true);
    assert_eq!((verdict, rows.len()), (Verdict::IgnoredPython, 0));
}
