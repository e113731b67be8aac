//! The known kinds of installers and mirrors.

use std::borrow::Cow;

use super::version::Version;
use super::words::{
    is_comment, is_digit_dot_digit, is_line, is_nothing_or_more, is_space, name_maybe_version,
    name_version, one_word, split_word, words,
};
use super::{browser, json};
use crate::ingest::details::{Details, Distro, Implementation, Installer, System};

/// The details of a User-Agent of a known kind.
pub(super) fn parse(text: &str) -> Option<Details<'_>> {
    text.split_once('/')
        .and_then(|(name, rest)| named(name, rest))
        .or_else(|| unnamed(text))
        .or_else(|| pex(text))
        .or_else(|| devpi(text))
}

/// Kinds that begin with a name and a slash.
fn named<'a>(name: &str, rest: &'a str) -> Option<Details<'a>> {
    match name {
        "pip" => json::pip(rest).or_else(|| pip_1_4(rest)),
        "uv" => json::uv(rest),
        "poetry" => poetry(rest),
        "pdm" => pdm(rest),
        "twine" => twine(rest),
        "Python-urllib" => python_urllib(rest),
        "setuptools" => setuptools(rest),
        "python-requests" => name_and_more("requests", rest),
        "conda" => name_and_more("conda", rest),
        "Bazel" => bazel(rest),
        "bandersnatch" => name_and_comment("bandersnatch", rest),
        "Nexus" => split_word(rest).map(|(version, _)| installer("Nexus", version)),
        "z3c.pypimirror" => name_only("z3c.pypimirror", rest),
        "Artifactory" => name_only("Artifactory", rest),
        "pep381client" | "pep381client-proxy" => name_only("pep381client", rest),
        "maturin" => name_only("maturin", rest),
        "Homebrew" => homebrew(rest),
        _ => None,
    }
}

/// Kinds without a version, and sometimes without a slash.
fn unnamed(text: &str) -> Option<Details<'_>> {
    let name = if browser::is_browser(text) {
        "Browser"
    } else if browser::is_system(text) {
        "OS"
    } else {
        return None;
    };
    Some(Details {
        installer: Some(Installer {
            name: Some(Cow::Borrowed(name)),
            version: None,
        }),
        ..Details::default()
    })
}

/// `^pip/(\S+) (\S+)/(\S+) (\S+)/(\S+)$`: pip from 1.4 until 6.
fn pip_1_4(rest: &str) -> Option<Details<'_>> {
    let [version, python, system] = words(rest)?;
    let (python_name, python_version) = name_version(python)?;
    let (system_name, system_release) = name_version(system)?;
    let parsed = Version::parse(version)?;
    if !parsed.is_at_least(&[1, 4]) || !parsed.is_below(&[6]) {
        return None;
    }
    // pip writes "Unknown" for what it cannot tell.
    let known = |text: &'_ str| !text.eq_ignore_ascii_case("unknown");
    let either = |a, b| known(a) || known(b);
    let text = |text| known(text).then_some(Cow::Borrowed(text));
    Some(Details {
        python: python_name
            .eq_ignore_ascii_case("cpython")
            .then_some(Cow::Borrowed(python_version)),
        implementation: either(python_name, python_version).then(|| Implementation {
            name: text(python_name),
            version: text(python_version),
        }),
        system: either(system_name, system_release).then(|| System {
            name: text(system_name),
            release: text(system_release),
        }),
        ..installer("pip", version)
    })
}

/// `^poetry/(\S+) (\S+)/(\S+) (\S+)/(\S+)?$`
fn poetry(rest: &str) -> Option<Details<'_>> {
    let [version, python, system] = words(rest)?;
    let (name, release) = name_maybe_version(system)?;
    Some(Details {
        implementation: Some(implementation(python)?),
        system: Some(System {
            name: Some(Cow::Borrowed(name)),
            release: release.map(Cow::Borrowed),
        }),
        ..installer("poetry", version)
    })
}

/// `^pdm/(\S+) (\S+)/(\S+)$`
fn pdm(rest: &str) -> Option<Details<'_>> {
    let [version, python] = words(rest)?;
    Some(Details {
        implementation: Some(implementation(python)?),
        ..installer("pdm", version)
    })
}

/// `^twine/(\S+)(?: .+)? (\S+)/(\S+)$`
fn twine(rest: &str) -> Option<Details<'_>> {
    let (version, rest) = split_word(rest)?;
    let (between, python) = rest.rsplit_once(' ')?;
    if !is_nothing_or_more(between) {
        return None;
    }
    Some(Details {
        implementation: Some(implementation(one_word(python)?)?),
        ..installer("twine", version)
    })
}

/// `^Python-urllib/(\d\.\d)$`, alone or before setuptools or distribute. Alone
/// it names no installer: pip before 1.4 sent it, and anything else might.
fn python_urllib(rest: &str) -> Option<Details<'_>> {
    let (python, client) = match rest.split_once(' ') {
        None => (rest, Details::default()),
        Some((python, client)) => {
            let (name, version) = client.split_once('/')?;
            let name = match name {
                "setuptools" => "setuptools",
                "distribute" => "distribute",
                _ => return None,
            };
            (python, name_only(name, version)?)
        }
    };
    is_digit_dot_digit(python).then_some(Details {
        python: Some(Cow::Borrowed(python)),
        ..client
    })
}

/// `^setuptools/(\S+) Python-urllib/(\d\.\d)$`
fn setuptools(rest: &str) -> Option<Details<'_>> {
    let [version, python] = words(rest)?;
    let python = python.strip_prefix("Python-urllib/")?;
    is_digit_dot_digit(python).then(|| Details {
        python: Some(Cow::Borrowed(python)),
        ..installer("setuptools", version)
    })
}

/// `^Bazel/(?:release\s+)?(.+)$`
fn bazel(rest: &str) -> Option<Details<'_>> {
    let version = match rest.strip_prefix("release").map(split_spaces) {
        Some((spaces, version)) if !spaces.is_empty() && !version.is_empty() => version,
        // White space alone: the version is the last of it, or if there is but
        // one, the word "release" too.
        Some((spaces, "")) => match spaces.char_indices().next_back() {
            Some((at, _)) if at > 0 => &spaces[at..],
            _ => rest,
        },
        _ => rest,
    };
    is_line(version).then(|| installer("Bazel", version))
}

fn split_spaces(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches(is_space).len())
}

/// `^Homebrew/(\S+) \(Macintosh; Intel (?:Mac OS X|macOS) ([^)]+)\)(?: .+)?$`
fn homebrew(rest: &str) -> Option<Details<'_>> {
    let (version, rest) = split_word(rest)?;
    let rest = rest.strip_prefix(" (Macintosh; Intel ")?;
    let (macos, more) = rest
        .strip_prefix("Mac OS X ")
        .or_else(|| rest.strip_prefix("macOS "))?
        .split_once(')')?;
    (!macos.is_empty() && is_nothing_or_more(more)).then(|| Details {
        distro: Some(Distro {
            name: Some(Cow::Borrowed("OS X")),
            version: Some(Cow::Borrowed(macos)),
            ..Distro::default()
        }),
        ..installer("Homebrew", version)
    })
}

/// `pex/(\S+)$`, anywhere.
fn pex(text: &str) -> Option<Details<'_>> {
    let last_word = text.rsplit(is_space).next()?;
    let (_, version) = last_word.split_once("pex/")?;
    name_only("pex", version)
}

/// `devpi-server/(\S+) \(.+\)$`, anywhere.
fn devpi(text: &str) -> Option<Details<'_>> {
    const NAME: &str = "devpi-server/";
    text.match_indices(NAME)
        .find_map(|(at, _)| name_and_comment("devpi", &text[at + NAME.len()..]))
}

/// `(\S+)$`
fn name_only<'a>(name: &'static str, rest: &'a str) -> Option<Details<'a>> {
    one_word(rest).map(|version| installer(name, version))
}

/// `(\S+)(?: .+)?$`
fn name_and_more<'a>(name: &'static str, rest: &'a str) -> Option<Details<'a>> {
    let (version, more) = split_word(rest)?;
    is_nothing_or_more(more).then(|| installer(name, version))
}

/// `(\S+) \(.+\)$`
fn name_and_comment<'a>(name: &'static str, rest: &'a str) -> Option<Details<'a>> {
    let (version, comment) = split_word(rest)?;
    is_comment(comment).then(|| installer(name, version))
}

fn installer<'a>(name: &'static str, version: &'a str) -> Details<'a> {
    Details {
        installer: Some(Installer {
            name: Some(Cow::Borrowed(name)),
            version: Some(Cow::Borrowed(version)),
        }),
        ..Details::default()
    }
}

/// `(\S+)/(\S+)`
fn implementation(word: &str) -> Option<Implementation<'_>> {
    name_version(word).map(|(name, version)| Implementation {
        name: Some(Cow::Borrowed(name)),
        version: Some(Cow::Borrowed(version)),
    })
}
