//! Every link of the pages, followed once.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::client::nanos;
use crate::config::{LoadConfig, Target};
use crate::http::probe::Probe;
use crate::interrupt::Interrupt;
use crate::report::Latency;

/// Pages of a site with a page for each package have no end; `--count` raises it.
const PAGES_DEFAULT: u64 = 10_000;
/// Links that wait to be followed.
const WAITING_MAX: usize = 1_000_000;

/// What following all links has shown.
#[derive(Debug, Serialize)]
pub struct CrawlFindings {
    /// Paths that were asked for.
    pub visited_count: u64,
    /// Links that were found but not followed, for lack of count or time.
    pub left_count: u64,
    /// Links to other hosts, which are not followed.
    pub foreign_count: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// What does not work.
    pub broken: Vec<BrokenLink>,
    /// Of the answers, in microseconds.
    pub latency: Latency,
}

/// A link that leads nowhere.
#[derive(Debug, Serialize)]
pub struct BrokenLink {
    /// Where it leads.
    pub path: String,
    /// The page it is on.
    pub on: String,
    /// What came of it.
    pub why: String,
}

/// Follows links from `start` on, within the load's duration and count.
pub(crate) fn crawl(
    target: &Target,
    start: &str,
    load: &LoadConfig,
    interrupt: &Interrupt,
) -> CrawlFindings {
    let begun = Instant::now();
    let count_max = if load.count_max == u64::MAX {
        PAGES_DEFAULT
    } else {
        load.count_max
    };
    let mut probe = Probe::new(target, load.timeout);
    let mut histogram = Histogram::<u64>::new(3).expect("three digits are allowed");
    let mut seen: HashSet<String> = HashSet::from([start.to_owned()]);
    let mut waiting = VecDeque::from([(start.to_owned(), "--crawl".to_owned())]);
    let mut foreign: HashSet<String> = HashSet::new();
    let mut findings = CrawlFindings {
        visited_count: 0,
        left_count: 0,
        foreign_count: 0,
        statuses: BTreeMap::new(),
        broken: Vec::new(),
        latency: Latency::default(),
    };
    while findings.visited_count < count_max
        && !interrupt.is_set()
        && begun.elapsed() < load.duration
    {
        let Some((path, on)) = waiting.pop_front() else {
            break;
        };
        findings.visited_count += 1;
        if findings.visited_count.is_multiple_of(500) {
            log::info!(
                "{} pages, {} links waiting",
                findings.visited_count,
                waiting.len()
            );
        }
        let asked = Instant::now();
        let answer = match probe.get(&path) {
            Ok(answer) => answer,
            Err(error) => {
                findings.broken.push(BrokenLink {
                    path,
                    on,
                    why: format!("{error:#}"),
                });
                continue;
            }
        };
        histogram.saturating_record(nanos(asked.elapsed()));
        *findings.statuses.entry(answer.status).or_default() += 1;
        if answer.status >= 400 {
            findings.broken.push(BrokenLink {
                path,
                on,
                why: format!("status {}", answer.status),
            });
            continue;
        }
        let is_page = answer
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/html"));
        let mut links = if is_page {
            links(&String::from_utf8_lossy(&answer.body))
        } else {
            Vec::new()
        };
        links.extend(answer.header("location").map(str::to_owned));
        for link in links {
            match resolve(&path, &link, &target.authority) {
                Link::Here(next) => {
                    if waiting.len() < WAITING_MAX && seen.insert(next.clone()) {
                        waiting.push_back((next, path.clone()));
                    }
                }
                Link::Elsewhere => {
                    foreign.insert(link);
                }
                Link::None => {}
            }
        }
    }
    findings.left_count = waiting.len() as u64;
    findings.foreign_count = foreign.len() as u64;
    findings.latency = Latency::of(&histogram);
    findings
}

/// The values of all `href` and `src` attributes. No parser of HTML: a page
/// that needs one to find its links is wrong for other readers too.
fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    for name in ["href", "src"] {
        for (at, _) in page.match_indices(name) {
            let before = page[..at].chars().next_back();
            if !before.is_some_and(char::is_whitespace) {
                continue;
            }
            let rest = page[at + name.len()..].trim_start();
            let Some(rest) = rest.strip_prefix('=').map(str::trim_start) else {
                continue;
            };
            let value = match rest.chars().next() {
                Some(quote @ ('"' | '\'')) => rest[1..].split(quote).next(),
                _ => rest.split([' ', '>', '\n', '\t']).next(),
            };
            links.extend(value.map(unescape));
        }
    }
    links
}

fn unescape(text: &str) -> String {
    text.trim()
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[derive(Debug, PartialEq)]
enum Link {
    Here(String),
    Elsewhere,
    None,
}

/// Where a link on a page leads (RFC 3986, section 5, without its rarities).
fn resolve(page: &str, link: &str, authority: &str) -> Link {
    let link = link.split('#').next().unwrap_or_default();
    let own = format!("http://{authority}");
    let link = match link.strip_prefix(&own) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => link,
    };
    if link.is_empty()
        || link.starts_with("data:")
        || link.starts_with("mailto:")
        || link.starts_with("javascript:")
    {
        return Link::None;
    }
    let scheme_end = link.find(':').unwrap_or(usize::MAX);
    if link.starts_with("//") || scheme_end < link.find(['/', '?']).unwrap_or(link.len()) {
        return Link::Elsewhere;
    }
    let page_path = page.split('?').next().unwrap_or(page);
    let joined = if link.starts_with('/') {
        link.to_owned()
    } else if link.starts_with('?') {
        format!("{page_path}{link}")
    } else {
        let folder = page_path
            .rfind('/')
            .map_or("/", |slash| &page_path[..=slash]);
        format!("{folder}{link}")
    };
    let (path, query) = match joined.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (joined.as_str(), String::new()),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        parts.push("");
    }
    let whole = format!("/{}{query}", parts.join("/"));
    // A browser encodes what a request line cannot hold.
    let encoded = whole
        .bytes()
        .map(|byte| {
            if byte.is_ascii_graphic() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    Link::Here(encoded)
}

impl fmt::Display for CrawlFindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "followed {} links ({} not followed, {} lead to other hosts), {} broken",
            self.visited_count,
            self.left_count,
            self.foreign_count,
            self.broken.len()
        )?;
        for broken in self.broken.iter().take(50) {
            writeln!(
                f,
                "  BROKEN {} on {}: {}",
                broken.path, broken.on, broken.why
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_page() {
        let page =
            r#"<a href="/a?x=1&amp;y=2">A</a> <img src='b.svg'><a data-href="no" href = c >C</a>"#;
        assert_eq!(links(page), ["/a?x=1&y=2", "c", "b.svg"]);
    }

    #[test]
    fn where_links_lead() {
        fn check(page: &str, link: &str, expect: Option<&str>) {
            let expect = expect.map_or(Link::None, |path| match path {
                "elsewhere" => Link::Elsewhere,
                path => Link::Here(path.to_owned()),
            });
            assert_eq!(resolve(page, link, "h:1"), expect, "{link} on {page}");
        }
        check("/a/b", "/c", Some("/c"));
        check("/a/b", "c", Some("/a/c"));
        check("/a/b/", "../c?d=../e", Some("/a/c?d=../e"));
        check("/a/b?x", "?y", Some("/a/b?y"));
        check("/a", "http://h:1/z#top", Some("/z"));
        check("/a", "http://h:1", Some("/"));
        check("/a", "http://other/z", Some("elsewhere"));
        check("/a", "//other/z", Some("elsewhere"));
        check("/a", "#top", None);
        check("/a", "mailto:x@y", None);
        check("/a", "x y", Some("/x%20y"));
        check("/a", "/packages/a:b", Some("/packages/a:b"));
    }
}
