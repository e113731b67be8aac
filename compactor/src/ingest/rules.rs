//! The rules of counting: from one event to the numbers it adds to.

use std::borrow::Cow;

use espy_shared::day::Day;
use espy_shared::dimension::{Dimension, NULL, OTHER, WITH_MIRRORS, WITHOUT_MIRRORS};
use espy_shared::name;
use espy_shared::series::CATEGORY_BYTES_MAX;

use super::counter::{CategoryNumber, Counter};
use super::details::Details;
use super::linehaul::FILE_TYPES;
use super::row::{Reject, Verdict};
use super::tables::Tables;

/// Longest version in bytes.
pub const VERSION_BYTES_MAX: usize = CATEGORY_BYTES_MAX;

/// Endings of files that stand beside installable ones. PyPI stopped counting
/// them as downloads on 2026-08-24.
const SIDE_FILE_ENDINGS: [&str; 2] = [".metadata", ".asc"];

/// One download of one file.
pub struct Event<'a> {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// As sent.
    pub project: &'a str,
    /// As sent.
    pub version: &'a str,
    /// One of [`FILE_TYPES`].
    pub file_type: &'a str,
    /// The last part of the path.
    pub filename: &'a str,
    /// ISO alpha-2.
    pub country: Option<&'a str>,
}

/// What an event's client adds to, as numbers of the counter.
#[derive(Clone, Copy, Debug)]
pub struct Agent {
    is_python_odd: bool,
    is_without_mirrors: bool,
    installer: CategoryNumber,
    traffic: CategoryNumber,
    python_major: CategoryNumber,
    python_minor: CategoryNumber,
    implementation: CategoryNumber,
    cpu: CategoryNumber,
    system: CategoryNumber,
    distro: CategoryNumber,
    libc: CategoryNumber,
    ci: CategoryNumber,
}

/// Counts events by the rules.
pub struct Rules<'t> {
    tables: &'t Tables,
    today: Day,
    kept_from: Option<Day>,
    text: String,
}

impl<'t> Rules<'t> {
    /// `today` bounds the future; days before `kept_from` are in no daily
    /// series any more.
    pub fn new(tables: &'t Tables, today: Day, kept_from: Option<Day>) -> Self {
        Self {
            tables,
            today,
            kept_from,
            text: String::new(),
        }
    }

    /// Checks a day against today and retention.
    ///
    /// # Errors
    ///
    /// `far-future` or `too-old`.
    pub fn check_day(&self, day: Day) -> Result<(), Reject> {
        let limit = self.today.plus(1);
        if day > limit {
            return Err(Reject::new(
                "far-future",
                format!("{day} is later than {limit}"),
            ));
        }
        match self.kept_from {
            Some(kept_from) if day < kept_from => Err(Reject::new(
                "too-old",
                format!("{day} is before {kept_from}, whose daily counts are kept"),
            )
            .on(day)),
            _ => Ok(()),
        }
    }

    /// The numbers for a client. `None` is a User-Agent that nobody knows.
    pub fn agent(&mut self, counter: &mut Counter, details: Option<&Details<'_>>) -> Agent {
        let unknown = Details::default();
        let details = details.unwrap_or(&unknown);
        let installer = present(
            details
                .installer
                .as_ref()
                .and_then(|installer| installer.name.as_deref()),
        );
        let python = present(details.python.as_deref());
        let (major, minor) = python.map_or((None, None), |python| python_parts(python).unzip());
        let system = present(
            details
                .system
                .as_ref()
                .and_then(|system| system.name.as_deref()),
        );
        let distro = details.distro.as_ref();
        let libc = distro.and_then(|distro| distro.libc.as_ref());
        let is_ci = details.ci == Some(true);
        let class = match installer {
            None => "unknown",
            Some(name) => match self.tables.class(name) {
                Some(class) => class,
                None if is_ci => "ci",
                None => "tool",
            },
        };
        Agent {
            is_python_odd: python.is_some() && minor.is_none(),
            is_without_mirrors: installer.is_some_and(|name| !self.tables.is_mirror(name)),
            installer: category(counter, installer),
            traffic: counter.category(class),
            python_major: category(counter, major),
            python_minor: category(counter, minor),
            implementation: category(
                counter,
                present(
                    details
                        .implementation
                        .as_ref()
                        .and_then(|i| i.name.as_deref()),
                ),
            ),
            cpu: category(counter, present(details.cpu.as_deref())),
            system: match system {
                Some(name @ ("Windows" | "Linux" | "Darwin")) => counter.category(name),
                Some(_) => counter.category(OTHER),
                None => counter.category(NULL),
            },
            distro: self.pair(
                counter,
                present(distro.and_then(|distro| distro.name.as_deref())),
                present(distro.and_then(|distro| distro.version.as_deref())),
            ),
            libc: self.pair(
                counter,
                present(libc.and_then(|libc| libc.lib.as_deref())),
                present(libc.and_then(|libc| libc.version.as_deref())),
            ),
            ci: counter.category(if is_ci { "true" } else { NULL }),
        }
    }

    /// Counts one event of one client.
    pub fn count(&mut self, counter: &mut Counter, event: &Event<'_>, agent: &Agent) -> Verdict {
        let (day, project) = match self.check(event) {
            Ok(checked) => checked,
            Err(reject) => return reject.into(),
        };
        if agent.is_python_odd {
            return Verdict::Ignored {
                reason: "python",
                day: Some(day),
            };
        }
        let project = counter.project(&project);
        let with = counter.category(WITH_MIRRORS);
        let without = counter.category(WITHOUT_MIRRORS);
        counter.see_download(day, event.seconds);
        if SIDE_FILE_ENDINGS
            .iter()
            .any(|ending| event.filename.ends_with(ending))
        {
            counter.add(project, Dimension::SideFiles, with, day, 1);
            if agent.is_without_mirrors {
                counter.add(project, Dimension::SideFiles, without, day, 1);
            }
            return Verdict::Counted;
        }
        let version = counter.category(event.version);
        let file_type = counter.category(event.file_type);
        for (dimension, category) in [
            (Dimension::Overall, with),
            (Dimension::Version, version),
            (Dimension::FileType, file_type),
            (Dimension::Installer, agent.installer),
            (Dimension::Traffic, agent.traffic),
        ] {
            counter.add(project, dimension, category, day, 1);
        }
        if !agent.is_without_mirrors {
            return Verdict::Counted;
        }
        let country = counter.category(&country(event.country));
        self.text.clear();
        self.text.push_str(event.version);
        self.text.push(' ');
        self.text
            .push_str(counter.category_text(agent.python_minor));
        let version_python = counter.category(&self.text);
        for (dimension, category) in [
            (Dimension::Overall, without),
            (Dimension::VersionWithoutMirrors, version),
            (Dimension::FileTypeWithoutMirrors, file_type),
            (Dimension::PythonMajor, agent.python_major),
            (Dimension::PythonMinor, agent.python_minor),
            (Dimension::Implementation, agent.implementation),
            (Dimension::Cpu, agent.cpu),
            (Dimension::System, agent.system),
            (Dimension::Distro, agent.distro),
            (Dimension::Libc, agent.libc),
            (Dimension::Country, country),
            (Dimension::Ci, agent.ci),
            (Dimension::VersionPython, version_python),
        ] {
            counter.add(project, dimension, category, day, 1);
        }
        Verdict::Counted
    }

    fn check<'e>(&self, event: &Event<'e>) -> Result<(Day, Cow<'e, str>), Reject> {
        let day = Day::from_seconds(event.seconds)
            .map_err(|error| Reject::new("bad-date", error.to_string()))?;
        self.check_day(day)?;
        let project = name::normalize(event.project).ok_or_else(|| {
            Reject::new(
                "bad-project",
                format!("{:?} is no project name", event.project),
            )
            .on(day)
        })?;
        if !is_version(event.version) {
            return Err(
                Reject::new("bad-version", format!("{:?} is no version", event.version)).on(day),
            );
        }
        if !FILE_TYPES.contains(&event.file_type) {
            return Err(Reject::new(
                "bad-file-type",
                format!("{:?} is no file type", event.file_type),
            )
            .on(day));
        }
        Ok((day, project))
    }

    fn pair(
        &mut self,
        counter: &mut Counter,
        name: Option<&str>,
        version: Option<&str>,
    ) -> CategoryNumber {
        match (name, version) {
            (Some(name), Some(version)) => {
                self.text.clear();
                self.text.push_str(name);
                self.text.push(' ');
                self.text.push_str(version);
                counter.category(clean(&self.text))
            }
            (name, _) => category(counter, name),
        }
    }
}

/// Whether a text can be a version: 1 to [`VERSION_BYTES_MAX`] bytes without
/// control characters.
pub fn is_version(text: &str) -> bool {
    !text.is_empty() && text.len() <= VERSION_BYTES_MAX && !text.chars().any(char::is_control)
}

/// The category for a country as sent: two ASCII letters or digits (CDNs send
/// codes like `A1`), upper case; `(null)`, which linehaul keeps as sent, is
/// absent; anything else is `other`.
pub fn country(sent: Option<&str>) -> Cow<'_, str> {
    match present(sent) {
        None | Some("(null)") => Cow::Borrowed(NULL),
        Some(code) if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            if code.bytes().any(|byte| byte.is_ascii_lowercase()) {
                Cow::Owned(code.to_ascii_uppercase())
            } else {
                Cow::Borrowed(code)
            }
        }
        Some(_) => Cow::Borrowed(OTHER),
    }
}

/// The category for a text as sent, or `other` for one that cannot be kept:
/// longer than [`CATEGORY_BYTES_MAX`] or with control characters.
pub fn clean(sent: &str) -> &str {
    if sent.len() > CATEGORY_BYTES_MAX || sent.chars().any(char::is_control) {
        OTHER
    } else {
        sent
    }
}

fn category(counter: &mut Counter, sent: Option<&str>) -> CategoryNumber {
    counter.category(sent.map_or(NULL, clean))
}

/// An empty text says as little as none.
fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// `3` and `3.12` of `3.12.1`. `None` unless it begins with one digit, a dot
/// and a digit, the condition of pypistats.org (`^[0-9]\.[0-9]+`).
fn python_parts(python: &str) -> Option<(&str, &str)> {
    let bytes = python.as_bytes();
    if bytes.len() < 3 || !bytes[0].is_ascii_digit() || bytes[1] != b'.' {
        return None;
    }
    let digits = bytes[2..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (digits > 0).then(|| (&python[..1], &python[..2 + digits]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_versions() {
        for (python, expect) in [
            ("3.12.1", Some(("3", "3.12"))),
            ("2.7", Some(("2", "2.7"))),
            ("3.10rc1", Some(("3", "3.10"))),
            ("3.9+", Some(("3", "3.9"))),
            ("3", None),
            ("3.", None),
            ("33.7.1", None),
            ("Sure.0", None),
            ("3.x", None),
        ] {
            assert_eq!(python_parts(python), expect, "{python}");
        }
    }

    #[test]
    fn countries() {
        for (sent, expect) in [
            (None, "null"),
            (Some(""), "null"),
            (Some("US"), "US"),
            (Some("us"), "US"),
            (Some("A1"), "A1"),
            (Some("(null)"), "null"),
            (Some("USA"), "other"),
            (Some("ÄÖ"), "other"),
        ] {
            assert_eq!(country(sent), expect);
        }
    }

    #[test]
    fn limits_on_both_sides() {
        let edge = "x".repeat(CATEGORY_BYTES_MAX);
        assert_eq!(clean(&edge), edge);
        assert_eq!(clean(&format!("{edge}x")), OTHER);
        assert_eq!(clean("a\tb"), OTHER);
        assert!(is_version(&edge));
        assert!(!is_version(&format!("{edge}x")));
        assert!(!is_version(""));
        assert!(!is_version("1\0"));
    }

    fn count(event: &Event<'_>, details: Option<&Details<'_>>) -> (Verdict, Vec<String>) {
        let tables = Tables::default();
        let mut counter = Counter::default();
        let mut rules = Rules::new(&tables, "2026-11-21".parse().unwrap(), None);
        let agent = rules.agent(&mut counter, details);
        let verdict = rules.count(&mut counter, event, &agent);
        let mut rows = Vec::new();
        counter
            .walk(|project, dimension, category, day, count| {
                rows.push(format!("{day} {project} {dimension} {category} {count}"));
                Ok::<_, ()>(())
            })
            .unwrap();
        (verdict, rows)
    }

    fn event() -> Event<'static> {
        Event {
            seconds: 1_795_200_000, // 2026-11-20T18:40:00Z
            project: "Zope.Interface",
            version: "7.0",
            file_type: "sdist",
            filename: "zope_interface-7.0.tar.gz",
            country: Some("US"),
        }
    }

    #[test]
    fn one_event_counts_in_every_dimension() {
        let details: Details<'_> = serde_json::from_str(
            r#"{"installer":{"name":"pip","version":"24"},"python":"3.12.1",
                "implementation":{"name":"CPython"},"cpu":"x86_64","ci":true,
                "distro":{"name":"Ubuntu","version":"22.04","libc":{"lib":"glibc","version":"2.35"}},
                "system":{"name":"Linux"}}"#,
        )
        .unwrap();
        let (verdict, rows) = count(&event(), Some(&details));
        assert_eq!(verdict, Verdict::Counted);
        let expect: Vec<String> = [
            "overall with_mirrors",
            "overall without_mirrors",
            "python_major 3",
            "python_minor 3.12",
            "system Linux",
            "ci true",
            "traffic ci",
            "installer pip",
            "implementation CPython",
            "cpu x86_64",
            "file_type sdist",
            "file_type_without_mirrors sdist",
            "libc glibc 2.35",
            "distro Ubuntu 22.04",
            "country US",
            "version 7.0",
            "version_without_mirrors 7.0",
            "version_python 7.0 3.12",
        ]
        .iter()
        .map(|row| format!("2026-11-20 zope-interface {row} 1"))
        .collect();
        assert_eq!(rows, expect);
    }

    #[test]
    fn unknown_clients_count_with_mirrors_only() {
        let (verdict, rows) = count(&event(), None);
        assert_eq!(verdict, Verdict::Counted);
        let dimensions: Vec<&str> = rows
            .iter()
            .map(|row| row.split(' ').nth(2).unwrap())
            .collect();
        assert_eq!(
            dimensions,
            ["overall", "traffic", "installer", "file_type", "version"]
        );
        assert!(rows.contains(&"2026-11-20 zope-interface traffic unknown 1".to_owned()));
    }

    #[test]
    fn side_files_are_counted_apart() {
        let side = Event {
            filename: "zope_interface-7.0.whl.metadata",
            ..event()
        };
        let (verdict, rows) = count(&side, None);
        assert_eq!(verdict, Verdict::Counted);
        assert_eq!(
            rows,
            ["2026-11-20 zope-interface side_files with_mirrors 1"]
        );
    }

    #[test]
    fn what_is_no_download_is_ignored_or_rejected() {
        let odd: Details<'_> =
            serde_json::from_str(r#"{"installer":{"name":"pip"},"python":"Sure.0"}"#).unwrap();
        assert!(matches!(
            count(&event(), Some(&odd)).0,
            Verdict::Ignored {
                reason: "python",
                ..
            }
        ));
        for (event, reason) in [
            (
                Event {
                    project: "a/b",
                    ..event()
                },
                "bad-project",
            ),
            (
                Event {
                    version: "",
                    ..event()
                },
                "bad-version",
            ),
            (
                Event {
                    file_type: "exe",
                    ..event()
                },
                "bad-file-type",
            ),
            (
                Event {
                    seconds: 1_795_392_000,
                    ..event()
                },
                "far-future",
            ), // 2026-11-23
            (
                Event {
                    seconds: -1,
                    ..event()
                },
                "bad-date",
            ),
        ] {
            let (verdict, rows) = count(&event, None);
            assert!(matches!(verdict, Verdict::Rejected(reject) if reject.reason == reason));
            assert!(rows.is_empty());
        }
        // Today + 1 is still kept.
        assert_eq!(
            count(
                &Event {
                    seconds: 1_795_219_200 + 86_400,
                    ..event()
                },
                None
            )
            .0,
            Verdict::Counted
        );
    }
}
