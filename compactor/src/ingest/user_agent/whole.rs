//! Whether a User-Agent at the end of an unfinished line can be taken as it
//! stands.

use super::{UserAgent, parse};

/// Clients whose later words count too, so that a cut one looks like another:
/// `Python-urllib/2.7` of `Python-urllib/2.7 setuptools/40.0`.
const TELL_MORE_LATER: [&str; 10] = [
    "pip",
    "uv",
    "hatch",
    "poetry",
    "pdm",
    "twine",
    "Python-urllib",
    "setuptools",
    "distribute",
    "Homebrew",
];
/// Clients that nobody knows before their comment has ended.
const UNKNOWN_WHEN_CUT: [&str; 2] = ["bandersnatch", "devpi-server"];

/// Whether more text behind it would not change what is counted: it ends with
/// whole JSON, or its first word decides.
///
/// A User-Agent that names a second client behind one that nobody knows
/// (`mytool/1 pex/2`) can deceive it.
pub fn is_whole(user_agent: &str) -> bool {
    let parsed = parse(user_agent);
    if user_agent.ends_with('}') {
        return matches!(parsed, UserAgent::Known(_));
    }
    let product = user_agent.split(' ').next().unwrap_or("");
    let Some((name, version)) = product.split_once('/') else {
        return false;
    };
    if version.is_empty() || TELL_MORE_LATER.contains(&name) {
        return false;
    }
    match parsed {
        UserAgent::Ignored => false,
        UserAgent::Unknown if UNKNOWN_WHEN_CUT.contains(&name) => false,
        UserAgent::Unknown => matches!(parse(&format!("{name}/1.0")), UserAgent::Unknown),
        UserAgent::Known(details) => {
            details.python.is_none() && details.implementation.is_none() && details.system.is_none()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_and_whole_json_decide() {
        for (user_agent, expect) in [
            (r#"pip/20.1.1 {"installer":{"name":"pip"}}"#, true),
            (r#"pip/20.1.1 {"installer":{"name":"pip"}"#, false),
            (r#"pip/20.1.1 {"inst"#, false),
            ("pip/20.1.1", false),
            (
                "bandersnatch/2.2.1 (cpython 3.7.0-final0, Darwin x86_64)",
                true,
            ),
            ("bandersnatch/2.2.1 (cpython 3.7.0-final0, Dar", false),
            ("devpi-server/4.6.0 (py3", false),
            ("conda/4.3.16", true),
            ("bandersnatch/", false),
            ("bander", false),
            ("mytool/1.0", true),
            ("mytool", false),
            ("", false),
            ("Python-urllib/2.7", false),
            ("poetry/1.1.11 CPython/3.9.2", false),
            ("Wget/1.20.3", true),
            ("(null)", false),
        ] {
            assert_eq!(is_whole(user_agent), expect, "{user_agent}");
        }
    }
}
