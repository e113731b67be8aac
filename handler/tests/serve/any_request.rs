//! What must hold for any request whatsoever. The test gives it seeded
//! mutations of real requests; the fuzz target `request` gives it whatever
//! finds new paths through the code.

use std::num::NonZeroUsize;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

use espy_handler::generation::{CoreGeneration, Loader, LoaderOptions};
use espy_handler::respond::{Answer, Request, View, respond};
use espy_handler::rules::{self, Limits};
use espy_handler::signals::Signals;
use espy_handler::state::ServiceState;

/// What requests are answered from, twice: by a generation that keeps answers
/// and by one that does not.
pub struct World {
    keeping: CoreGeneration,
    forgetful: CoreGeneration,
    state: ServiceState,
    signals: Signals,
}

/// A request as the engine would give it.
struct Parsed {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
}

impl World {
    /// From the newest snapshot of a folder, which has the number `sequence`.
    pub fn new(snapshots: &Path, sequence: u64) -> Self {
        let load = |cache_bytes_max| {
            let options = LoaderOptions {
                cores: NonZeroUsize::MIN,
                resident_limit_bytes: u64::MAX,
                pypistats_days: 181,
                cache_bytes_max,
            };
            let mut loader = Loader::new(snapshots, options);
            let (manifest, document) = loader.manifest(sequence).unwrap();
            loader.load(manifest, document).unwrap().remove(0)
        };
        Self {
            keeping: load(64 * 1024),
            forgetful: load(0),
            state: ServiceState::new(1, 1, 0),
            signals: Signals::new(1),
        }
    }

    /// Panics when the answer breaks a rule. `text` is a request line and
    /// header lines; what the engine would refuse is passed over, and told by
    /// false.
    pub fn check(&self, text: &[u8]) -> bool {
        let Some(parsed) = parse(text) else {
            return false;
        };
        let limits = Limits {
            header_count: 20,
            target_bytes: 200,
            body_bytes: 100,
        };
        if let Err(refusal) = rules::check(parsed.version, &parsed.uri, &parsed.headers, &limits) {
            assert!(refusal.status().is_client_error());
            return true;
        }
        let first = self.answer(&parsed, &self.keeping);
        let again = self.answer(&parsed, &self.keeping);
        let fresh = self.answer(&parsed, &self.forgetful);
        check_alone(&parsed, &first);
        assert!(!first.is_from_cache || again.is_from_cache);
        for other in [again, fresh] {
            assert_same(&parsed, &first, &other);
        }
        true
    }

    fn answer(&self, parsed: &Parsed, generation: &CoreGeneration) -> Answer {
        let target = parsed.uri.path_and_query();
        respond(
            &Request {
                method: &parsed.method,
                target: target.map_or("", |target| target.as_str()),
                headers: &parsed.headers,
            },
            &View {
                generation: Some(generation),
                state: &self.state,
                signals: &self.signals,
                now_seconds: 1_700_000_000,
            },
        )
    }
}

fn check_alone(parsed: &Parsed, answer: &Answer) {
    let response = &answer.response;
    let headers = response.headers();
    let is_conditional = headers.contains_key("etag")
        && parsed
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("if-"));
    match response.status().as_u16() {
        200 | 204 | 400 | 404 | 405 => {}
        304 => assert!(is_conditional),
        // Without being loaded into a server, the state says not ready.
        503 => assert_eq!(answer.route.as_str(), "readyz"),
        status => panic!("status {status}"),
    }
    assert_eq!(headers["access-control-allow-origin"], "*");
    let id = headers["x-request-id"].as_bytes();
    assert!((1..=128).contains(&id.len()));
    match response.status().as_u16() {
        204 | 304 => assert!(response.body().is_empty()),
        _ => assert!(!response.body().is_empty()),
    }
    if headers.contains_key("etag") {
        assert!(headers.contains_key("last-modified"));
        assert_eq!(headers["vary"], "Accept-Encoding");
    }
}

/// The request id is made anew, and of what is measured the values change.
fn assert_same(parsed: &Parsed, one: &Answer, other: &Answer) {
    if matches!(one.route.as_str(), "metrics" | "status") {
        return;
    }
    assert_eq!(one.route, other.route);
    assert_eq!(one.response.status(), other.response.status());
    assert_eq!(one.response.body(), other.response.body());
    for (name, value) in one.response.headers() {
        if name != "x-request-id" || parsed.headers.contains_key(name) && is_echoed(parsed, one) {
            assert_eq!(other.response.headers().get(name), Some(value), "{name}");
        }
    }
    assert_eq!(one.response.headers().len(), other.response.headers().len());
}

fn is_echoed(parsed: &Parsed, answer: &Answer) -> bool {
    parsed.headers.get("x-request-id") == answer.response.headers().get("x-request-id")
}

fn parse(text: &[u8]) -> Option<Parsed> {
    let mut lines = text.split(|&byte| byte == b'\n');
    let mut words = lines.next()?.splitn(3, |&byte| byte == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let uri = Uri::try_from(words.next()?).ok()?;
    let version = match words.next()? {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        _ => return None,
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let value = line[colon + 1..].trim_ascii();
        headers
            .try_append(
                HeaderName::from_bytes(&line[..colon]).ok()?,
                HeaderValue::from_bytes(value).ok()?,
            )
            .ok()?;
    }
    Some(Parsed {
        method,
        uri,
        version,
        headers,
    })
}
