//! The User-Agents that are JSON: pip since 6 and uv since 0.1.22.
//!
//! linehaul takes the JSON object as it is, so each is written from the record
//! it stands for. pip sorts the keys, leaves out what it does not know (but
//! sends `ci`) and writes ASCII (pypa/pip `network/session.py`); uv keeps its
//! order, sends nulls and writes UTF-8 (astral-sh/uv `uv-client/src/linehaul.rs`).

use std::fmt::Write;

use serde::Serialize;

use super::agent::{Agent, Known};
use super::details::{Details, DistroDetails, Installer, Libc, NameVersion, SystemDetails, Text};
use super::environment::Environment;
use super::marginals::{UV_SUBCOMMANDS, draw};

/// pip.
pub(crate) fn pip(
    version: &'static str,
    environment: Environment,
    rng: &mut fastrand::Rng,
) -> Agent {
    // Set by PIP_USER_AGENT_USER_DATA; linehaul drops it.
    let user_data = (rng.u32(..300) == 0).then_some("team=data; build=\"42\"");
    pip_agent(
        version,
        details(Some(installer("pip", version)), environment),
        user_data,
    )
}

/// pip as forgers send it.
pub(crate) fn pip_without_installer(version: &str, environment: Environment) -> Agent {
    pip_agent(version, details(None, environment), None)
}

/// uv.
pub(crate) fn uv(
    version: &'static str,
    environment: Environment,
    rng: &mut fastrand::Rng,
) -> Agent {
    let subcommand = draw(rng, UV_SUBCOMMANDS);
    let musl = environment.musl;
    let mut details = details(Some(installer("uv", version)), environment);
    if let Some(installer) = &mut details.installer {
        installer.subcommand = subcommand.map(|words| words.join(" ").into());
    }
    if let (true, Some(distro)) = (musl, &mut details.distro) {
        distro.libc = Some(Libc {
            lib: "musl".into(),
            version: "1.2".into(),
        });
    }
    details.openssl_version = None;
    details.setuptools_version = None;
    details.rustc_version = None;
    let json = serde_json::to_string(&UvAgent::new(&details, subcommand))
        .expect("strings and their lists are JSON");
    Agent {
        user_agent: format!("uv/{version} {json}").into(),
        known: Known::Details(Box::new(details)),
    }
}

fn installer(name: &'static str, version: &'static str) -> Installer {
    Installer {
        name: name.into(),
        version: Some(version.into()),
        subcommand: None,
    }
}

fn details(installer: Option<Installer>, environment: Environment) -> Details {
    Details {
        installer,
        implementation: Some(environment.implementation()),
        python: Some(environment.python),
        distro: environment.distro,
        system: environment.system,
        cpu: environment.cpu.map(Text::from),
        openssl_version: Some(environment.openssl.into()),
        setuptools_version: environment.setuptools.map(Text::from),
        rustc_version: environment.rustc,
        ci: environment.ci.then_some(true),
    }
}

fn pip_agent(version: &str, details: Details, user_data: Option<&str>) -> Agent {
    let json = serde_json::to_string(&PipAgent::new(&details, user_data))
        .expect("strings and their lists are JSON");
    Agent {
        user_agent: format!("pip/{version} {}", ascii_json(json)).into(),
        known: Known::Details(Box::new(details)),
    }
}

/// As Python's `json.dumps` writes it: what is not ASCII is escaped.
fn ascii_json(json: String) -> String {
    if json.is_ascii() {
        return json;
    }
    let mut ascii = String::with_capacity(json.len() + 16);
    let mut units = [0; 2];
    for c in json.chars() {
        if c.is_ascii() {
            ascii.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            write!(ascii, "\\u{unit:04x}").expect("a string takes all");
        }
    }
    ascii
}

#[derive(Serialize)]
struct PipAgent<'a> {
    ci: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distro: Option<PipDistro<'a>>,
    implementation: Option<&'a NameVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installer: Option<PipInstaller<'a>>,
    openssl_version: Option<&'a str>,
    python: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rustc_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    setuptools_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a SystemDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<&'a str>,
}

#[derive(Serialize)]
struct PipDistro<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    libc: Option<&'a Libc>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

#[derive(Serialize)]
struct PipInstaller<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> PipAgent<'a> {
    fn new(details: &'a Details, user_data: Option<&'a str>) -> Self {
        Self {
            ci: details.ci,
            cpu: details.cpu.as_deref(),
            distro: details.distro.as_ref().map(|distro| PipDistro {
                id: distro.id.as_deref(),
                libc: distro.libc.as_ref(),
                name: &distro.name,
                version: distro.version.as_deref(),
            }),
            implementation: details.implementation.as_ref(),
            installer: details.installer.as_ref().map(|installer| PipInstaller {
                name: &installer.name,
                version: installer.version.as_deref(),
            }),
            openssl_version: details.openssl_version.as_deref(),
            python: details.python.as_deref(),
            rustc_version: details.rustc_version.as_deref(),
            setuptools_version: details.setuptools_version.as_deref(),
            system: details.system.as_ref(),
            user_data,
        }
    }
}

#[derive(Serialize)]
struct UvAgent<'a> {
    installer: UvInstaller<'a>,
    python: Option<&'a str>,
    implementation: Option<&'a NameVersion>,
    distro: Option<&'a DistroDetails>,
    system: Option<&'a SystemDetails>,
    cpu: Option<&'a str>,
    openssl_version: Option<&'a str>,
    setuptools_version: Option<&'a str>,
    rustc_version: Option<&'a str>,
    ci: Option<bool>,
}

#[derive(Serialize)]
struct UvInstaller<'a> {
    name: &'a str,
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subcommand: Option<&'a [&'a str]>,
}

impl<'a> UvAgent<'a> {
    fn new(details: &'a Details, subcommand: Option<&'a [&'a str]>) -> Self {
        let version = details
            .installer
            .as_ref()
            .and_then(|own| own.version.as_deref());
        Self {
            installer: UvInstaller {
                name: "uv",
                version,
                subcommand,
            },
            python: details.python.as_deref(),
            implementation: details.implementation.as_ref(),
            distro: details.distro.as_ref(),
            system: details.system.as_ref(),
            cpu: details.cpu.as_deref(),
            openssl_version: None,
            setuptools_version: None,
            rustc_version: None,
            ci: details.ci,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The JSON object of the User-Agent, without what linehaul drops, is the
    /// record, without its nulls.
    fn check(agent: &Agent) {
        let (_, json) = agent.user_agent.split_once(' ').unwrap();
        let mut sent: Value = serde_json::from_str(json).unwrap();
        sent.as_object_mut().unwrap().remove("user_data");
        if let Some(words) = sent.pointer_mut("/installer/subcommand") {
            let joined: Vec<_> = words
                .as_array()
                .unwrap()
                .iter()
                .flat_map(Value::as_str)
                .collect();
            *words = json!(joined.join(" "));
        }
        let record = serde_json::to_value(agent.details().unwrap()).unwrap();
        assert_eq!(
            without_nulls(sent),
            without_nulls(record),
            "{}",
            agent.user_agent
        );
    }

    fn without_nulls(value: Value) -> Value {
        match value {
            Value::Object(fields) => fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
            other => other,
        }
    }

    #[test]
    fn json_is_the_record() {
        let mut rng = fastrand::Rng::with_seed(2);
        for _ in 0..2_000 {
            let environment = Environment::draw(&mut rng);
            check(&pip("24.0", environment.clone(), &mut rng));
            check(&pip_without_installer("24.0", environment.clone()));
            check(&uv("0.9.13", environment, &mut rng));
        }
    }

    #[test]
    fn pip_sorts_keys_and_writes_ascii() {
        let mut rng = fastrand::Rng::with_seed(2);
        let mut escaped = 0;
        for _ in 0..5_000 {
            let agent = pip("24.0", Environment::draw(&mut rng), &mut rng);
            assert!(agent.user_agent.is_ascii());
            assert!(agent.user_agent.starts_with("pip/24.0 {\"ci\":"));
            escaped += u32::from(agent.user_agent.contains("Ping\\u00fcino"));
        }
        assert!(escaped > 0);
    }
}
