//! User-Agents, each with the record that PyPI's linehaul gives for it.
//!
//! What each kind yields is written down in `linehaul/ua/parser.py` of
//! pypi/linehaul-cloud-function; the tests hold cases of its fixtures.

use super::details::{Details, Installer, NameVersion, SystemDetails, Text};
use super::environment::Environment;
use super::json_agent;
use super::marginals::{
    AGENT_KINDS, AgentKind, BROWSERS, IGNORED_AGENTS, OS_AGENTS, PIP_VERSIONS, PYTHONS,
    SETUPTOOLS_VERSIONS, UNKNOWN_AGENTS, UV_VERSIONS, draw,
};

/// One client, as it names itself and as it is understood.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) user_agent: Text,
    pub(crate) known: Known,
}

/// What linehaul's parser says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Known {
    /// It is on the ignore list: no event.
    Ignored,
    /// No parser reads it: an event without details.
    Nothing,
    Details(Box<Details>),
}

impl Agent {
    fn new(user_agent: impl Into<Text>, details: Details) -> Self {
        Self {
            user_agent: user_agent.into(),
            known: Known::Details(Box::new(details)),
        }
    }

    pub(crate) fn details(&self) -> Option<&Details> {
        match &self.known {
            Known::Details(details) => Some(details),
            Known::Ignored | Known::Nothing => None,
        }
    }

    pub(crate) fn is_ignored(&self) -> bool {
        self.known == Known::Ignored
    }

    /// Draws the kind too.
    pub(crate) fn draw_kind(rng: &mut fastrand::Rng) -> AgentKind {
        draw(rng, AGENT_KINDS)
    }

    /// A client of the kind.
    pub(crate) fn make(kind: AgentKind, rng: &mut fastrand::Rng) -> Self {
        match kind {
            AgentKind::Pip => {
                let version = draw(rng, PIP_VERSIONS);
                json_agent::pip(version, Environment::draw(rng), rng)
            }
            AgentKind::PipWithoutInstaller => {
                let version = draw(rng, PIP_VERSIONS);
                json_agent::pip_without_installer(version, Environment::draw(rng))
            }
            AgentKind::PipOddPython => {
                let version = draw(rng, PIP_VERSIONS);
                json_agent::pip(version, Environment::draw_with_odd_python(rng), rng)
            }
            AgentKind::Uv => json_agent::uv(draw(rng, UV_VERSIONS), Environment::draw(rng), rng),
            AgentKind::PipBefore6 => pip_before_6(&Environment::draw(rng)),
            AgentKind::Poetry => poetry(&Environment::draw(rng), rng),
            AgentKind::Pdm => pdm(&Environment::draw(rng), rng),
            AgentKind::Twine => twine(&Environment::draw(rng)),
            AgentKind::Setuptools => setuptools("setuptools", rng),
            AgentKind::Distribute => setuptools("distribute", rng),
            AgentKind::Urllib2 => urllib2(rng),
            AgentKind::Homebrew => homebrew(rng),
            AgentKind::Os => named("OS", draw(rng, OS_AGENTS)),
            AgentKind::Browser => named("Browser", draw(rng, BROWSERS)),
            AgentKind::Unknown => Self {
                user_agent: draw(rng, UNKNOWN_AGENTS).into(),
                known: Known::Nothing,
            },
            AgentKind::Ignored => Self {
                user_agent: draw(rng, IGNORED_AGENTS).into(),
                known: Known::Ignored,
            },
            AgentKind::Requests
            | AgentKind::Conda
            | AgentKind::Maturin
            | AgentKind::Pex
            | AgentKind::Bazel
            | AgentKind::Bandersnatch
            | AgentKind::Z3cPypimirror
            | AgentKind::Pep381client
            | AgentKind::Devpi
            | AgentKind::Artifactory
            | AgentKind::Nexus => name_and_version(kind, rng),
        }
    }
}

/// Kinds that yield the name of the program and its version, no more.
fn name_and_version(kind: AgentKind, rng: &mut fastrand::Rng) -> Agent {
    let patch = rng.u32(..20);
    let (name, version, user_agent) = match kind {
        AgentKind::Requests => {
            let version = format!("2.{}.{}", rng.u32(20..33), rng.u32(..4));
            let user_agent = format!("python-requests/{version}");
            ("requests", version, user_agent)
        }
        AgentKind::Conda => {
            let version = format!("24.{}.{}", rng.u32(1..12), rng.u32(..3));
            let user_agent = format!(
                "conda/{version} requests/2.31.0 CPython/3.11.9 Linux/5.15.0-{patch}-generic \
                 ubuntu/22.04 glibc/2.35"
            );
            ("conda", version, user_agent)
        }
        AgentKind::Maturin => slashed("maturin", format!("1.7.{patch}")),
        AgentKind::Pex => slashed("pex", format!("2.{patch}.0")),
        AgentKind::Bazel => {
            let version = format!("7.4.{patch}");
            let release = if rng.bool() { "release " } else { "" };
            let user_agent = format!("Bazel/{release}{version}");
            ("Bazel", version, user_agent)
        }
        AgentKind::Bandersnatch => {
            let version = format!("6.{}.0", rng.u32(1..7));
            let user_agent = format!(
                "bandersnatch/{version} (cpython 3.11.{patch}-final0, Linux x86_64) \
                 (aiohttp 3.9.1)"
            );
            ("bandersnatch", version, user_agent)
        }
        AgentKind::Z3cPypimirror => slashed("z3c.pypimirror", "1.0.16".to_owned()),
        AgentKind::Pep381client => {
            let version = format!("1.{}", rng.u32(..6));
            let proxy = if rng.bool() { "-proxy" } else { "" };
            let user_agent = format!("pep381client{proxy}/{version}");
            ("pep381client", version, user_agent)
        }
        AgentKind::Devpi => {
            let version = format!("6.{patch}.0");
            let user_agent = format!("devpi-server/{version} (py3.11.{patch}; linux)");
            ("devpi", version, user_agent)
        }
        AgentKind::Artifactory => slashed("Artifactory", format!("7.{}.{patch}", rng.u32(40..90))),
        AgentKind::Nexus => {
            let version = format!("3.{}.0-0{}", rng.u32(50..76), rng.u32(1..6));
            let user_agent =
                format!("Nexus/{version} (PRO; Linux; 5.10.{patch}; amd64; 17.0.9) python/3.9");
            ("Nexus", version, user_agent)
        }
        _ => unreachable!("the caller lists the kinds"),
    };
    Agent::new(user_agent, Details::of_installer(name, version))
}

fn slashed(name: &'static str, version: String) -> (&'static str, String, String) {
    let user_agent = format!("{name}/{version}");
    (name, version, user_agent)
}

/// Kinds of which not even the version is kept.
fn named(name: &'static str, user_agent: &'static str) -> Agent {
    let details = Details {
        installer: Some(Installer {
            name: name.into(),
            version: None,
            subcommand: None,
        }),
        ..Details::default()
    };
    Agent::new(user_agent, details)
}

/// pip 1.4 to 5. "Unknown" is read as absent, and Python is known from CPython
/// alone.
fn pip_before_6(environment: &Environment) -> Agent {
    let implementation = environment.implementation();
    let system = environment.system.clone();
    let user_agent = match &system {
        Some(SystemDetails {
            name,
            release: Some(release),
        }) => format!(
            "pip/1.5.6 {}/{} {name}/{release}",
            implementation.name, implementation.version
        ),
        _ => format!(
            "pip/1.5.6 {}/{} Unknown/Unknown",
            implementation.name, implementation.version
        ),
    };
    let details = Details {
        python: (implementation.name == "CPython").then(|| implementation.version.clone()),
        implementation: Some(implementation),
        system: system.filter(|system| system.release.is_some()),
        ..Details::of_installer("pip", "1.5.6")
    };
    Agent::new(user_agent, details)
}

/// Tells no Python (python-poetry/poetry#10631).
fn poetry(environment: &Environment, rng: &mut fastrand::Rng) -> Agent {
    let version = format!("1.{}.{}", rng.u32(1..9), rng.u32(..6));
    let NameVersion {
        name: implementation,
        version: implementation_version,
    } = environment.implementation();
    let system = environment.system.clone().unwrap_or(SystemDetails {
        name: "Linux".into(),
        release: None,
    });
    let release = system.release.as_deref().unwrap_or_default();
    let user_agent = format!(
        "poetry/{version} {implementation}/{implementation_version} {}/{release}",
        system.name
    );
    let details = Details {
        implementation: Some(environment.implementation()),
        system: Some(system),
        ..Details::of_installer("poetry", version)
    };
    Agent::new(user_agent, details)
}

/// Tells neither Python nor system.
fn pdm(environment: &Environment, rng: &mut fastrand::Rng) -> Agent {
    let version = format!("2.{}.{}", rng.u32(1..21), rng.u32(..5));
    let implementation = environment.implementation();
    let user_agent = format!(
        "pdm/{version} {}/{}",
        implementation.name, implementation.version
    );
    let details = Details {
        implementation: Some(implementation),
        ..Details::of_installer("pdm", version)
    };
    Agent::new(user_agent, details)
}

fn twine(environment: &Environment) -> Agent {
    let implementation = environment.implementation();
    let user_agent = format!(
        "twine/3.8.0 pkginfo/1.9.6 requests/2.27.1 tqdm/4.64.1 keyring/23.4.1 {}/{}",
        implementation.name, implementation.version
    );
    let details = Details {
        implementation: Some(implementation),
        ..Details::of_installer("twine", "3.8.0")
    };
    Agent::new(user_agent, details)
}

/// setuptools and its fork distribute tell Python with one digit on either
/// side of the dot; linehaul's pattern takes no more (`\d\.\d`).
fn setuptools(name: &'static str, rng: &mut fastrand::Rng) -> Agent {
    let python = one_digit_minor(rng);
    let version = draw(rng, SETUPTOOLS_VERSIONS).unwrap_or("0.6.21");
    let user_agent = if name == "setuptools" && rng.bool() {
        format!("setuptools/{version} Python-urllib/{python}")
    } else {
        format!("Python-urllib/{python} {name}/{version}")
    };
    let details = Details {
        python: Some(python.into()),
        ..Details::of_installer(name, version)
    };
    Agent::new(user_agent, details)
}

/// Tells Python and no installer.
fn urllib2(rng: &mut fastrand::Rng) -> Agent {
    let python = one_digit_minor(rng);
    let details = Details {
        python: Some(python.into()),
        ..Details::default()
    };
    Agent::new(format!("Python-urllib/{python}"), details)
}

fn one_digit_minor(rng: &mut fastrand::Rng) -> &'static str {
    let (minor, _) = draw(rng, PYTHONS);
    if minor.len() == 3 { minor } else { "3.9" }
}

fn homebrew(rng: &mut fastrand::Rng) -> Agent {
    let version = format!("4.{}.{}", rng.u32(..5), rng.u32(..20));
    let macos = format!("1{}.{}.0", rng.u32(..6), rng.u32(..7));
    let system = if rng.bool() { "Mac OS X" } else { "macOS" };
    let user_agent = format!("Homebrew/{version} (Macintosh; Intel {system} {macos}) curl/8.7.1");
    let mut details = Details::of_installer("Homebrew", version);
    details.distro = Some(super::details::DistroDetails {
        name: "OS X".into(),
        version: Some(macos.into()),
        id: None,
        libc: None,
    });
    Agent::new(user_agent, details)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(kind: AgentKind) -> Vec<Agent> {
        let mut rng = fastrand::Rng::with_seed(11);
        (0..2_000).map(|_| Agent::make(kind, &mut rng)).collect()
    }

    /// Which of installer, python, implementation, distro, system, cpu are told.
    fn told(agent: &Agent) -> [bool; 6] {
        let Some(details) = agent.details() else {
            return [false; 6];
        };
        [
            details.installer.is_some(),
            details.python.is_some(),
            details.implementation.is_some(),
            details.distro.is_some(),
            details.system.is_some(),
            details.cpu.is_some(),
        ]
    }

    #[test]
    fn kinds_tell_what_linehaul_reads() {
        fn check(kind: AgentKind, start: &str, expect: [bool; 6]) {
            for agent in many(kind) {
                assert!(agent.user_agent.contains(start), "{agent:?}");
                assert_eq!(told(&agent), expect, "{agent:?}");
            }
        }
        let installer = [true, false, false, false, false, false];
        check(
            AgentKind::Poetry,
            "poetry/1.",
            [true, false, true, false, true, false],
        );
        check(
            AgentKind::Pdm,
            "pdm/2.",
            [true, false, true, false, false, false],
        );
        check(
            AgentKind::Twine,
            "twine/3",
            [true, false, true, false, false, false],
        );
        check(
            AgentKind::Setuptools,
            "setuptools/",
            [true, true, false, false, false, false],
        );
        check(
            AgentKind::Distribute,
            " distribute/",
            [true, true, false, false, false, false],
        );
        check(
            AgentKind::Urllib2,
            "Python-urllib/",
            [false, true, false, false, false, false],
        );
        check(
            AgentKind::Homebrew,
            "Homebrew/4",
            [true, false, false, true, false, false],
        );
        check(AgentKind::Requests, "python-requests/2.", installer);
        check(AgentKind::Conda, "conda/24.", installer);
        check(AgentKind::Maturin, "maturin/1", installer);
        check(AgentKind::Pex, "pex/2", installer);
        check(AgentKind::Bazel, "Bazel/", installer);
        check(AgentKind::Bandersnatch, "bandersnatch/6", installer);
        check(AgentKind::Z3cPypimirror, "z3c.pypimirror/1.0.16", installer);
        check(AgentKind::Pep381client, "pep381client", installer);
        check(AgentKind::Devpi, "devpi-server/6", installer);
        check(AgentKind::Artifactory, "Artifactory/7", installer);
        check(AgentKind::Nexus, "Nexus/3", installer);
        check(AgentKind::Os, "", installer);
        check(AgentKind::Browser, "/", installer);
        check(AgentKind::Unknown, "", [false; 6]);
        check(AgentKind::Ignored, "", [false; 6]);
    }

    #[test]
    fn pip_and_uv_tell_most_things() {
        for kind in [AgentKind::Pip, AgentKind::Uv] {
            for agent in many(kind) {
                let [installer, python, implementation, ..] = told(&agent);
                assert!(installer && python && implementation, "{agent:?}");
            }
        }
        for agent in many(AgentKind::PipWithoutInstaller) {
            assert!(agent.details().unwrap().installer.is_none());
        }
        for agent in many(AgentKind::PipOddPython) {
            let python = agent.details().unwrap().python.clone().unwrap();
            assert!(!python.starts_with(['2', '3']) || !python[1..].starts_with('.'));
        }
    }

    #[test]
    fn unknown_words_of_old_pip_are_absent() {
        let told_systems: Vec<_> = many(AgentKind::PipBefore6)
            .iter()
            .map(|agent| {
                let unknown = agent.user_agent.ends_with("Unknown/Unknown");
                assert_eq!(unknown, agent.details().unwrap().system.is_none());
                unknown
            })
            .collect();
        assert!(told_systems.contains(&true) && told_systems.contains(&false));
    }
}
