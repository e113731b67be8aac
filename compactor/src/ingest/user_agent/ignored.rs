//! Clients whose requests are no installs: monitors, crawlers, libraries.

use super::words::{is_digit_dot_digit, strip_digits};

/// Whole User-Agents.
const WHOLE: &[&str] = &[
    "(null)",
    "Ruby",
    "Download Master",
    "GNU Guile",
    "github-olee",
    "YisouSpider",
    "ansible-httpget",
    "NSIS_Inetc (Mozilla)",
    "MauiBot (crawler.feedback+dc@gmail.com)",
    "inspector.pypi.io",
];

/// Beginnings of User-Agents.
const PREFIXES: &[&str] = &[
    "Datadog Agent/",
    "WordPress/",
    "Chef Client/",
    "Chef Knife/",
    "Slackbot-LinkExpanding",
    "TextualInlineMedia/",
    "WeeChat/",
    "Java/",
    "Go-http-client/",
    "Apache Ant/",
    "Salt/",
    "Scrapy/",
    "spectool/",
    "AWSBrewLinkChecker/",
    "Y!J-ASR/",
    "Debian uscan",
];

/// Whether upstream drops the events of this client, which is of no known
/// kind.
pub(super) fn is_ignored(text: &str) -> bool {
    WHOLE.contains(&text)
        || PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        || text.contains("Nutch")
        || strip_dotted(text, "ltx71 - (http://ltx71.com/)").is_some()
        || is_go_package(text)
        || is_pingdom(text)
}

/// `^Go \d\.\d package http$`
fn is_go_package(text: &str) -> bool {
    text.strip_prefix("Go ")
        .and_then(|text| text.strip_suffix(" package http"))
        .is_some_and(is_digit_dot_digit)
}

/// `^Pingdom\.com_bot_version_\d+\.\d+_\(https?://www.pingdom.com/\)$`
fn is_pingdom(text: &str) -> bool {
    let version_and_home = |text| {
        let text = strip_digits(text)?.strip_prefix('.')?;
        let text = strip_digits(text)?.strip_prefix("_(http")?;
        strip_dotted(
            text.strip_prefix('s').unwrap_or(text),
            "://www.pingdom.com/)",
        )
    };
    text.strip_prefix("Pingdom.com_bot_version_")
        .and_then(version_and_home)
        == Some("")
}

/// The text after `pattern`, in which a dot is any character, as upstream left
/// the dots of two addresses.
fn strip_dotted<'a>(text: &'a str, pattern: &str) -> Option<&'a str> {
    let mut chars = text.chars();
    for expect in pattern.chars() {
        let c = chars.next()?;
        if c != expect && (expect != '.' || c == '\n') {
            return None;
        }
    }
    Some(chars.as_str())
}
