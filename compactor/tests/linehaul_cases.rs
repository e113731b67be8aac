//! The parsers against real lines and User-Agents with upstream's own results.
//!
//! The cases come from the test fixtures of pypi/linehaul-cloud-function and
//! pypi/linehaul. They are kept beside the repository, not in it; a checkout
//! without them skips these tests, but not in continuous integration.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use espy_compactor::ingest::details::Details;
use espy_compactor::ingest::linehaul::{self, Line};
use espy_compactor::ingest::user_agent::{self, UserAgent};
use serde_json::{Map, Value, json};

/// Cases that are not merged upstream and come out otherwise here, with the
/// reason.
const USER_AGENT_DIFFERENCES: &[(&str, &str)] =
    &[("ua-034", HATCH), ("ua-035", HATCH), ("ua-037", HATCH)];
const HATCH: &str = "hatch is unknown upstream until pull request 283 is merged";

/// As above, for lines.
const EVENT_DIFFERENCES: &[(&str, &str)] = &[
    ("ev-044", RETIRED),
    ("ev-045", RETIRED),
    ("ev-052", RETIRED),
];
const RETIRED: &str = "v2 was retired upstream in July 2026";

#[test]
fn user_agents_have_upstreams_details() {
    let Some(cases) = cases("linehaul_user_agents.json") else {
        return;
    };
    let mut tally = Tally::new(USER_AGENT_DIFFERENCES);
    for case in &cases {
        let seen = match user_agent::parse(text(case, "user_agent")) {
            UserAgent::Ignored => json!("ignored"),
            UserAgent::Unknown => json!("unknown"),
            UserAgent::Known(details) => shown(&details),
        };
        let expect = match &case["expected"] {
            Value::Null => json!("ignored"),
            expected => pruned(expected),
        };
        tally.add(case, &seen, &expect);
    }
    tally.finish();
}

/// A log read while its last line is being written ends anywhere in a
/// User-Agent. Where that is taken as whole, it must count as the whole does.
#[test]
fn a_user_agent_that_seems_whole_counts_as_the_whole() {
    let Some(cases) = cases("linehaul_user_agents.json") else {
        return;
    };
    let counted = |user_agent: &str| match user_agent::parse(user_agent) {
        UserAgent::Ignored => json!("ignored"),
        UserAgent::Unknown => json!("unknown"),
        UserAgent::Known(details) => {
            let mut shown = shown(&details);
            for path in [
                "/installer/version",
                "/implementation/version",
                "/system/release",
            ] {
                if let Some(version) = shown.pointer_mut(path) {
                    *version = json!("in no dimension");
                }
            }
            shown
        }
    };
    let mut mistaken = Vec::new();
    for case in &cases {
        let whole = text(case, "user_agent");
        let expect = counted(whole);
        for (end, _) in whole.char_indices() {
            let cut = &whole[..end];
            if user_agent::is_whole(cut) && counted(cut) != expect {
                mistaken.push(format!("{cut} of {whole}"));
            }
        }
    }
    assert!(mistaken.is_empty(), "{mistaken:#?}");
}

#[test]
fn lines_have_upstreams_events() {
    let Some(cases) = cases("linehaul_events.json") else {
        return;
    };
    let mut tally = Tally::new(EVENT_DIFFERENCES);
    for case in &cases {
        let line = linehaul::expand_tabs(text(case, "line"));
        let seen = match linehaul::parse_line(&line) {
            Ok(line) => event(line),
            Err(_) => json!("refused"),
        };
        let expected = case
            .get("expected")
            .or(case.get("expected_bigquery_row"))
            .expect("a case has an expected result");
        let expect = match expected {
            Value::Null => json!("ignored"),
            expected if expected.get("raises").is_some() => json!("refused"),
            expected => expected_event(expected),
        };
        tally.add(case, &seen, &expect);
    }
    tally.finish();
}

/// User-Agents without a result of upstream: whatever is made of them, an
/// owned copy is the same.
#[test]
fn user_agents_in_the_wild_are_parsed() {
    let Some(cases) = cases("user_agents_in_the_wild.json") else {
        return;
    };
    let mut known = 0;
    for case in &cases {
        if let UserAgent::Known(details) = user_agent::parse(text(case, "user_agent")) {
            known += 1;
            assert_eq!(details.clone().into_owned(), details, "{}", case["id"]);
        }
    }
    assert!(known > cases.len() / 2, "{known} of {}", cases.len());
}

/// What differs, by case, against what may.
struct Tally {
    may_differ: BTreeMap<&'static str, &'static str>,
    mistakes: Vec<String>,
    same: usize,
}

impl Tally {
    fn new(may_differ: &[(&'static str, &'static str)]) -> Tally {
        Tally {
            may_differ: may_differ.iter().copied().collect(),
            mistakes: Vec::new(),
            same: 0,
        }
    }

    fn add(&mut self, case: &Value, seen: &Value, expect: &Value) {
        let id = text(case, "id");
        let reason = self.may_differ.remove(id);
        assert!(
            reason.is_none() || text(case, "status") != "merged",
            "{id} is merged upstream and must not differ"
        );
        match (seen == expect, reason) {
            (true, None) => self.same += 1,
            (false, Some(_)) => {}
            (true, Some(reason)) => self
                .mistakes
                .push(format!("{id} does not differ: {reason}")),
            (false, None) => self
                .mistakes
                .push(format!("{id}\n  expected {expect}\n  but got  {seen}")),
        }
    }

    fn finish(self) {
        assert!(self.mistakes.is_empty(), "{}", self.mistakes.join("\n"));
        assert!(self.may_differ.is_empty(), "no case: {:?}", self.may_differ);
        assert!(self.same > 0, "no case at all");
    }
}

/// The cases of one file, `None` where there are no shared files.
fn cases(name: &str) -> Option<Vec<Value>> {
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/events"
    ));
    if !folder.exists() {
        let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!in_ci, "continuous integration needs {}", folder.display());
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: no {}", folder.display());
        }
        return None;
    }
    let json = fs::read_to_string(folder.join(name)).expect(name);
    Some(serde_json::from_str(&json).expect(name))
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().expect(key)
}

/// An event in the form of the fixtures, as far as [`Line`] keeps it: without
/// the TLS fields.
fn event(line: Line<'_>) -> Value {
    let (mut event, user_agent) = match line {
        Line::Download {
            seconds,
            country,
            url,
            filename,
            project,
            version,
            file_type,
            user_agent,
        } => {
            let file = json!({"filename": filename, "project": project, "version": version,
                "type": file_type});
            let event = json!({"timestamp": seconds, "country_code": country, "url": url,
                "project": project, "file": file});
            (event, user_agent)
        }
        Line::Simple {
            seconds,
            country,
            url,
            project,
            user_agent,
        } => {
            let event = json!({"timestamp": seconds, "country_code": country, "url": url,
                "project": project});
            (event, user_agent)
        }
    };
    event["details"] = match user_agent::parse(user_agent) {
        UserAgent::Ignored => return json!("ignored"),
        UserAgent::Unknown => Value::Null,
        UserAgent::Known(details) => shown(&details),
    };
    pruned(&event)
}

fn expected_event(expected: &Value) -> Value {
    let mut event = pruned(expected);
    let fields = event.as_object_mut().expect("an event");
    fields.remove("tls_protocol");
    fields.remove("tls_cipher");
    // Format v2 had the project in the file only.
    let project = fields.get("file").map(|file| file["project"].clone());
    if let Some(project) = project {
        fields.entry("project").or_insert(project);
    }
    // By `date -u -d "$timestamp" +%s`.
    fields["timestamp"] = json!(match text(expected, "timestamp") {
        "Fri, 20 Jul 2018 02:19:19 GMT" => 1_532_053_159,
        "2021-01-07 20:54:52 +00:00" => 1_610_052_892,
        "2021-01-07 20:54:54 +00:00" => 1_610_052_894,
        "2021-01-07 20:54:56 +00:00" => 1_610_052_896,
        other => panic!("add the seconds of {other}"),
    });
    event
}

/// Details in the form of the fixtures, nulls left out. Every field is named,
/// so that a new one cannot be forgotten.
fn shown(details: &Details<'_>) -> Value {
    let Details {
        installer,
        python,
        implementation,
        distro,
        system,
        cpu,
        openssl_version,
        setuptools_version,
        rustc_version,
        ci,
        user_data,
    } = details;
    assert_eq!(*user_data, None, "no fixture of upstream has it");
    let installer = installer
        .as_ref()
        .map(|it| json!({"name": it.name, "version": it.version}));
    let implementation = implementation
        .as_ref()
        .map(|it| json!({"name": it.name, "version": it.version}));
    let distro = distro.as_ref().map(|it| {
        let libc = it
            .libc
            .as_ref()
            .map(|it| json!({"lib": it.lib, "version": it.version}));
        json!({"name": it.name, "version": it.version, "id": it.id, "libc": libc})
    });
    let system = system
        .as_ref()
        .map(|it| json!({"name": it.name, "release": it.release}));
    pruned(&json!({
        "installer": installer,
        "python": python,
        "implementation": implementation,
        "distro": distro,
        "system": system,
        "cpu": cpu,
        "openssl_version": openssl_version,
        "setuptools_version": setuptools_version,
        "rustc_version": rustc_version,
        "ci": ci,
    }))
}

/// Without nulls, and without `subcommand`, which [`Details`] leaves out.
fn pruned(value: &Value) -> Value {
    let Value::Object(fields) = value else {
        return value.clone();
    };
    let fields: Map<String, Value> = fields
        .iter()
        .filter(|(key, value)| !value.is_null() && *key != "subcommand")
        .map(|(key, value)| (key.clone(), pruned(value)))
        .collect();
    Value::Object(fields)
}
