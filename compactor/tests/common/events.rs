//! Seeded download events, in the three formats that say the same.

use std::collections::BTreeMap;
use std::fmt::Write;

use espy_shared::day::{Day, SECONDS};

/// Project, dimension, category and day with a count.
pub type Counts = BTreeMap<(String, &'static str, String, String), u64>;

/// A client: what it sends, the record PyPI makes of it, and what it counts as.
pub struct Agent {
    user_agent: &'static str,
    details: &'static str,
    counts_as: CountsAs,
    installer: &'static str,
    traffic: &'static str,
    /// Categories without mirrors.
    rest: [(&'static str, &'static str); 8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CountsAs {
    User,
    Mirror,
    Ignored,
}

const fn rest(
    python: [&'static str; 2],
    implementation: &'static str,
    cpu: &'static str,
    system: &'static str,
    distro_libc: [&'static str; 2],
    ci: &'static str,
) -> [(&'static str, &'static str); 8] {
    [
        ("python_major", python[0]),
        ("python_minor", python[1]),
        ("implementation", implementation),
        ("cpu", cpu),
        ("system", system),
        ("distro", distro_libc[0]),
        ("libc", distro_libc[1]),
        ("ci", ci),
    ]
}

const NOTHING: [(&str, &str); 8] = rest(
    ["null", "null"],
    "null",
    "null",
    "null",
    ["null", "null"],
    "null",
);

/// Clients of every kind of counting.
pub const AGENTS: [Agent; 11] = [
    Agent {
        user_agent: r#"pip/24.0 {"ci":true,"cpu":"x86_64","distro":{"id":"jammy","libc":{"lib":"glibc","version":"2.35"},"name":"Ubuntu","version":"22.04"},"implementation":{"name":"CPython","version":"3.12.1"},"installer":{"name":"pip","version":"24.0"},"python":"3.12.1","system":{"name":"Linux","release":"5.15"}}"#,
        details: r#"{"ci":true,"cpu":"x86_64","distro":{"id":"jammy","libc":{"lib":"glibc","version":"2.35"},"name":"Ubuntu","version":"22.04"},"implementation":{"name":"CPython","version":"3.12.1"},"installer":{"name":"pip","version":"24.0"},"python":"3.12.1","system":{"name":"Linux","release":"5.15"}}"#,
        counts_as: CountsAs::User,
        installer: "pip",
        traffic: "ci",
        rest: rest(
            ["3", "3.12"],
            "CPython",
            "x86_64",
            "Linux",
            ["Ubuntu 22.04", "glibc 2.35"],
            "true",
        ),
    },
    Agent {
        user_agent: r#"pip/23.1 {"ci":null,"cpu":"AMD64","implementation":{"name":"CPython","version":"3.9.7"},"installer":{"name":"pip","version":"23.1"},"python":"3.9.7","system":{"name":"Windows","release":"10"}}"#,
        details: r#"{"ci":null,"cpu":"AMD64","implementation":{"name":"CPython","version":"3.9.7"},"installer":{"name":"pip","version":"23.1"},"python":"3.9.7","system":{"name":"Windows","release":"10"}}"#,
        counts_as: CountsAs::User,
        installer: "pip",
        traffic: "tool",
        rest: rest(
            ["3", "3.9"],
            "CPython",
            "AMD64",
            "Windows",
            ["null", "null"],
            "null",
        ),
    },
    Agent {
        user_agent: r#"uv/0.4.1 {"installer":{"name":"uv","version":"0.4.1"},"python":"3.11.2","implementation":{"name":"PyPy","version":"7.3"},"distro":{"name":"Alpine Linux","version":"3.20","libc":{"lib":"musl","version":"1.2"}},"system":{"name":"FreeBSD","release":"14"},"cpu":"aarch64"}"#,
        details: r#"{"installer":{"name":"uv","version":"0.4.1"},"python":"3.11.2","implementation":{"name":"PyPy","version":"7.3"},"distro":{"name":"Alpine Linux","version":"3.20","libc":{"lib":"musl","version":"1.2"}},"system":{"name":"FreeBSD","release":"14"},"cpu":"aarch64"}"#,
        counts_as: CountsAs::User,
        installer: "uv",
        traffic: "tool",
        rest: rest(
            ["3", "3.11"],
            "PyPy",
            "aarch64",
            "other",
            ["Alpine Linux 3.20", "musl 1.2"],
            "null",
        ),
    },
    Agent {
        user_agent: "pip/1.5.6 CPython/2.7.6 Linux/3.13.0",
        details: r#"{"installer":{"name":"pip","version":"1.5.6"},"python":"2.7.6","implementation":{"name":"CPython","version":"2.7.6"},"system":{"name":"Linux","release":"3.13.0"}}"#,
        counts_as: CountsAs::User,
        installer: "pip",
        traffic: "tool",
        rest: rest(
            ["2", "2.7"],
            "CPython",
            "null",
            "Linux",
            ["null", "null"],
            "null",
        ),
    },
    Agent {
        user_agent: "poetry/1.8.2 CPython/3.10.4 Darwin/23.1.0",
        details: r#"{"installer":{"name":"poetry","version":"1.8.2"},"implementation":{"name":"CPython","version":"3.10.4"},"system":{"name":"Darwin","release":"23.1.0"}}"#,
        counts_as: CountsAs::User,
        installer: "poetry",
        traffic: "tool",
        rest: rest(
            ["null", "null"],
            "CPython",
            "null",
            "Darwin",
            ["null", "null"],
            "null",
        ),
    },
    Agent {
        user_agent: "Python-urllib/2.7 setuptools/40.1",
        details: r#"{"installer":{"name":"setuptools","version":"40.1"},"python":"2.7"}"#,
        counts_as: CountsAs::User,
        installer: "setuptools",
        traffic: "tool",
        rest: rest(
            ["2", "2.7"],
            "null",
            "null",
            "null",
            ["null", "null"],
            "null",
        ),
    },
    Agent {
        user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.1 Safari/537.36",
        details: r#"{"installer":{"name":"Browser"}}"#,
        counts_as: CountsAs::User,
        installer: "Browser",
        traffic: "browser",
        rest: NOTHING,
    },
    Agent {
        user_agent: "bandersnatch/4.4.0 (cpython 3.8.5-final0, Linux x86_64)",
        details: r#"{"installer":{"name":"bandersnatch","version":"4.4.0"}}"#,
        counts_as: CountsAs::Mirror,
        installer: "bandersnatch",
        traffic: "mirror",
        rest: NOTHING,
    },
    Agent {
        user_agent: "Artifactory/6.18.1",
        details: r#"{"installer":{"name":"Artifactory","version":"6.18.1"}}"#,
        counts_as: CountsAs::Mirror,
        installer: "Artifactory",
        traffic: "proxy",
        rest: NOTHING,
    },
    Agent {
        user_agent: "a client | that nobody knows",
        details: "null",
        counts_as: CountsAs::Mirror,
        installer: "null",
        traffic: "unknown",
        rest: NOTHING,
    },
    Agent {
        user_agent: r#"pip/9.0 {"installer":{"name":"pip","version":"9.0"},"python":"Sure.0"}"#,
        details: r#"{"installer":{"name":"pip","version":"9.0"},"python":"Sure.0"}"#,
        counts_as: CountsAs::Ignored,
        installer: "pip",
        traffic: "tool",
        rest: NOTHING,
    },
];

/// One download. Its number makes its row unlike any other.
#[derive(Clone, Debug)]
pub struct Event {
    number: usize,
    seconds: i64,
    project: &'static str,
    version: &'static str,
    file_type: &'static str,
    is_side_file: bool,
    country: Option<&'static str>,
    agent: usize,
}

/// A format of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `file_downloads` rows.
    Ndjson,
    /// CDN log lines.
    Linehaul,
    /// Pre-aggregated.
    Counts,
}

impl Event {
    /// Its day.
    pub fn day(&self) -> Day {
        Day::from_seconds(self.seconds).expect("events are between 1970 and 9999")
    }

    fn filename(&self) -> String {
        let end = if self.file_type == "sdist" {
            ".tar.gz"
        } else {
            "-py3-none-any.whl"
        };
        let side = if self.is_side_file { ".metadata" } else { "" };
        format!(
            "{}-{}-{}{end}{side}",
            self.project, self.version, self.number
        )
    }

    fn path(&self) -> String {
        format!("/packages/aa/bb/{}", self.filename())
    }

    fn ndjson(&self) -> String {
        let time = jiff::Timestamp::from_second(self.seconds).expect("events have times");
        let country = self
            .country
            .map_or("null".to_owned(), |country| format!("{country:?}"));
        format!(
            r#"{{"timestamp":"{}","country_code":{country},"url":"{}","project":"{}","file":{{"filename":"{}","project":"{}","version":"{}","type":"{}"}},"details":{}}}"#,
            time.strftime("%Y-%m-%d %H:%M:%S UTC"),
            self.path(),
            self.project,
            self.filename(),
            self.project,
            self.version,
            self.file_type,
            AGENTS[self.agent].details,
        )
    }

    fn linehaul(&self) -> String {
        let time = jiff::Timestamp::from_second(self.seconds).expect("events have times");
        format!(
            "download|{}|{}|{}|TLSv1.3|TLS_AES_256|{}|{}|{}|{}",
            time.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            self.country.unwrap_or_default(),
            self.path(),
            self.project,
            self.version,
            self.file_type,
            AGENTS[self.agent].user_agent,
        )
    }
}

/// Events over these days, in order of time.
pub fn events(seed: u64, count: usize, days: &[Day]) -> Vec<Event> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut times: Vec<i64> = (0..count)
        .map(|_| random.choice(days).expect("there are days").seconds() + random.i64(0..SECONDS))
        .collect();
    times.sort_unstable();
    let projects = [
        "pip",
        "Zope.Interface",
        "numpy",
        "a_b",
        "7zip",
        "zope_interface",
    ];
    let mut pick = |from: &[&'static str]| from[random.usize(0..from.len())];
    let mut events: Vec<Event> = times
        .into_iter()
        .enumerate()
        .map(|(number, seconds)| Event {
            number,
            seconds,
            project: pick(&projects),
            version: pick(&["1.0", "1.0.1", "2.0rc1"]),
            file_type: pick(&["sdist", "bdist_wheel", "bdist_wheel"]),
            is_side_file: pick(&["", "", "", "", "", "", "", "x"]) == "x",
            country: Some(pick(&["US", "de", "FR", "A1", "USA", ""])),
            agent: 0,
        })
        .collect();
    for event in &mut events {
        event.country = event.country.filter(|country| !country.is_empty());
        event.agent = random.usize(0..AGENTS.len());
    }
    events
}

/// Consecutive days.
pub fn days(first: &str, count: i32) -> Vec<Day> {
    let first: Day = first.parse().expect("a day");
    (0..count).map(|n| first.plus(n)).collect()
}

/// The text of a file with these events, every line ended.
pub fn rows<'e>(events: impl IntoIterator<Item = &'e Event>, format: Format) -> String {
    let mut text = String::new();
    if format == Format::Counts {
        text.push_str("day,project,dimension,category,count\n");
        for ((project, dimension, category, day), count) in counts(events) {
            writeln!(text, "{day},{project},{dimension},{category},{count}")
                .expect("a string takes all");
        }
        return text;
    }
    for event in events {
        text.push_str(&match format {
            Format::Ndjson => event.ndjson(),
            _ => event.linehaul(),
        });
        text.push('\n');
    }
    text
}

/// What these events must be counted as, by the table of the design and apart
/// from the program's own rules.
pub fn counts<'e>(events: impl IntoIterator<Item = &'e Event>) -> Counts {
    let mut counts = Counts::new();
    for event in events {
        let agent = &AGENTS[event.agent];
        if agent.counts_as == CountsAs::Ignored {
            continue;
        }
        let project = event.project.to_lowercase().replace(['.', '_'], "-");
        let day = event.day().to_string();
        let mut add = |dimension: &'static str, category: &str| {
            let key = (project.clone(), dimension, category.to_owned(), day.clone());
            *counts.entry(key).or_default() += 1;
        };
        let is_user = agent.counts_as == CountsAs::User;
        let overall = if event.is_side_file {
            "side_files"
        } else {
            "overall"
        };
        add(overall, "with_mirrors");
        if is_user {
            add(overall, "without_mirrors");
        }
        if event.is_side_file {
            continue;
        }
        for (dimension, category) in [
            ("version", event.version),
            ("file_type", event.file_type),
            ("installer", agent.installer),
            ("traffic", agent.traffic),
        ] {
            add(dimension, category);
        }
        if !is_user {
            continue;
        }
        for (dimension, category) in agent.rest {
            add(dimension, category);
        }
        let country = match event.country {
            None => "null".to_owned(),
            Some(code) if code.len() == 2 => code.to_uppercase(),
            Some(_) => "other".to_owned(),
        };
        add("country", &country);
        add("version_without_mirrors", event.version);
        add("file_type_without_mirrors", event.file_type);
        let minor = agent.rest[1].1;
        add("version_python", &format!("{} {minor}", event.version));
    }
    counts
}

/// The events that are counted, side files included.
pub fn counted(events: &[Event]) -> u64 {
    let counted = |event: &&Event| AGENTS[event.agent].counts_as != CountsAs::Ignored;
    events.iter().filter(counted).count() as u64
}
