//! From a request to its answer, without an engine: what is benchmarked and
//! tested. hyper is a thin shell around it, see `server`.

mod cache;
mod coding;
mod content;
mod etag;
mod headers;
mod json;
mod kept;
mod reader;
mod target;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::error::{RespondError, chain};
use crate::generation::CoreGeneration;
use crate::routes::{Route, RouteName};
use crate::signals::Signals;
use crate::state::ServiceState;

pub(crate) use cache::Hot;
pub(crate) use coding::Coding;
pub(crate) use etag::TagSeed;
pub(crate) use json::{Json, Row};
pub(crate) use kept::Kept;
pub(crate) use reader::{Reader, Reply};
pub(crate) use target::Query;

/// Methods that every route knows.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// Seconds after which a client may ask again when no snapshot is loaded.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Any method.
    pub method: &'a Method,
    /// Path and query as sent, or `*`.
    pub target: &'a str,
    /// `Accept-Encoding`, `If-None-Match`, `If-Modified-Since` and
    /// `X-Request-Id` are looked at.
    pub headers: &'a HeaderMap,
}

/// Status, headers and the whole body; for HEAD the body that GET would get,
/// which the engine measures and leaves out.
pub type Response = http::Response<Bytes>;

/// A response, and what metrics and logs say of it.
#[derive(Debug)]
pub struct Answer {
    /// Never the path.
    pub route: RouteName,
    /// Whether it had been rendered before.
    pub is_from_cache: bool,
    /// What is sent.
    pub response: Response,
}

/// The world as a request sees it; one generation for the whole answer.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What this core serves; none before the first snapshot.
    pub generation: Option<&'a CoreGeneration>,
    /// What `/readyz` and `/status` tell.
    pub state: &'a ServiceState,
    /// What `/metrics` tells.
    pub signals: &'a Signals,
    /// Seconds since 1970, for `Cache-Control` and ages. No data depends on it.
    pub now_seconds: i64,
}

/// Answers a request. A panic inside costs this request only: a 500.
pub fn respond(request: &Request<'_>, view: &View<'_>) -> Answer {
    let mut seen = Seen::default();
    let mut response =
        guard(|| answer(request, view, &mut seen)).unwrap_or_else(|error| refuse(&error));
    headers::put_request_id(request.headers, response.headers_mut());
    Answer {
        route: seen.route,
        is_from_cache: seen.is_from_cache,
        response,
    }
}

/// Answers a question that was hot, for the cache only.
pub(crate) fn warm(hot: &Hot, view: &View<'_>) {
    let mut headers = HeaderMap::with_capacity(1);
    headers.insert(ACCEPT_ENCODING, hot.coding.accepted());
    let request = Request {
        method: &Method::GET,
        target: &hot.target,
        headers: &headers,
    };
    respond(&request, view);
}

/// The headers of an answer to a request that nobody has looked into.
pub(crate) fn put_refusal_headers(request: &HeaderMap, response: &mut HeaderMap) {
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.insert(CONTENT_TYPE, text);
    response.insert(CACHE_CONTROL, headers::NO_STORE);
    headers::put_cross_origin(response);
    headers::put_request_id(request, response);
}

/// What has been found out on the way to an answer.
struct Seen {
    route: RouteName,
    is_from_cache: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            route: RouteName::Unknown,
            is_from_cache: false,
        }
    }
}

fn guard(
    answer: impl FnOnce() -> Result<Response, RespondError>,
) -> Result<Response, RespondError> {
    // What a panic leaves behind is per request, but for SQLite statements,
    // which reset themselves when they are given back.
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or(Err(RespondError::Panic))
}

fn answer(
    request: &Request<'_>,
    view: &View<'_>,
    seen: &mut Seen,
) -> Result<Response, RespondError> {
    let is_read = matches!(*request.method, Method::GET | Method::HEAD);
    let coding = if is_read {
        Coding::negotiate(request.headers)
    } else {
        Coding::Identity
    };
    if is_read && let Some(generation) = view.generation {
        let cache = generation.kept().cache.borrow();
        if let Some(content) = cache.get(request.target, coding) {
            seen.route = content.route;
            seen.is_from_cache = true;
            return Ok(content.present(request, generation, view.now_seconds));
        }
    }
    let (path, query) = target::split(request.target);
    if path == "*" {
        return match *request.method {
            Method::OPTIONS => Ok(preflight()),
            _ => Err(RespondError::Asterisk),
        };
    }
    let path = target::decode_path(path).ok_or(RespondError::NoRoute)?;
    let route = Route::of(&path).ok_or(RespondError::NoRoute)?;
    seen.route = route.name();
    match *request.method {
        Method::GET | Method::HEAD => {
            let reader = Reader {
                request,
                view,
                coding,
                route: seen.route,
            };
            reader.finish(route.answer(Query::new(query), &reader))
        }
        Method::OPTIONS => Ok(preflight()),
        _ => Err(RespondError::Method),
    }
}

/// What browsers ask before a request from another site's page.
fn preflight() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, METHODS);
    headers::put_cross_origin_preflight(headers, METHODS);
    response
}

fn refuse(error: &RespondError) -> Response {
    let status = error.status();
    if status.is_server_error() && !matches!(error, RespondError::NotReady) {
        log::error!(error = chain(error); "a request failed");
    }
    let mut response = Response::new(Bytes::from_static(error.body().as_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(headers::HTML));
    headers::put_cross_origin(headers);
    match error {
        RespondError::NoRoute | RespondError::NoRows => {
            headers.insert(
                CACHE_CONTROL,
                HeaderValue::from_static("public, max-age=60"),
            );
        }
        RespondError::Method => {
            headers.insert(ALLOW, METHODS);
        }
        RespondError::NotReady => {
            headers.insert(CACHE_CONTROL, headers::NO_STORE);
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        RespondError::Segment(_) | RespondError::Panic | RespondError::Asterisk => {
            headers.insert(CACHE_CONTROL, headers::NO_STORE);
        }
    }
    response
}

/// An answer about the process itself, never to be kept.
pub(crate) fn operations(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, headers::NO_STORE);
    headers::put_cross_origin(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_costs_one_request() {
        let error = guard(|| panic!("on purpose")).unwrap_err();
        assert!(matches!(error, RespondError::Panic));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    /// Without a snapshot, what depends on none: routes, methods, statuses.
    #[test]
    fn routes_and_methods() {
        let state = ServiceState::new(1, 1, 0);
        let signals = Signals::new(1);
        let view = View {
            generation: None,
            state: &state,
            signals: &signals,
            now_seconds: 0,
        };
        for (method, target, status) in [
            (Method::GET, "/healthz", 200),
            (Method::HEAD, "/healthz", 200),
            (Method::GET, "/healthz?x=1", 200),
            (Method::GET, "/readyz", 503),
            (Method::GET, "/status", 200),
            (Method::GET, "/api/packages/pip/recent", 503),
            (Method::GET, "/", 404),
            (Method::POST, "/", 404),
            (Method::OPTIONS, "*", 204),
            (Method::GET, "/metrics", 200),
            (Method::GET, "*", 400),
            (Method::DELETE, "*", 400),
            (Method::OPTIONS, "/healthz", 204),
            (Method::OPTIONS, "/api/packages/pip/recent", 204),
            (Method::POST, "/api/packages/pip/recent", 405),
            (Method::DELETE, "/status", 405),
            (Method::CONNECT, "", 404),
        ] {
            let response = respond(
                &Request {
                    method: &method,
                    target,
                    headers: &HeaderMap::new(),
                },
                &view,
            )
            .response;
            assert_eq!(response.status(), status, "{method} {target}");
            assert_eq!(
                response.headers().contains_key(ALLOW),
                matches!(status, 204 | 405)
            );
            assert!(response.headers().contains_key("x-request-id"));
            assert_eq!(response.headers()["access-control-allow-origin"], "*");
        }
    }
}
