//! From a request to its answer, without an engine: what is benchmarked and
//! tested. hyper is a thin shell around it, see `server`.

mod conditional;
mod etag;
mod headers;
mod json;
mod target;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::error::{RespondError, chain};
use crate::generation::CoreGeneration;
use crate::routes::Route;
use crate::state::ServiceState;

pub(crate) use conditional::conditional;
pub(crate) use etag::TagSeed;
pub(crate) use json::{Json, Row};
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
    /// `If-None-Match` and `X-Request-Id` are looked at.
    pub headers: &'a HeaderMap,
}

/// Status, headers and the whole body; for HEAD the body that GET would get,
/// which the engine measures and leaves out.
pub type Response = http::Response<Bytes>;

/// The world as a request sees it; one generation for the whole answer.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What this core serves; none before the first snapshot.
    pub generation: Option<&'a CoreGeneration>,
    /// What `/readyz` and `/status` tell.
    pub state: &'a ServiceState,
    /// Seconds since 1970, for `Cache-Control` and ages. No data depends on it.
    pub now_seconds: i64,
}

impl<'a> View<'a> {
    pub(crate) fn generation(&self) -> Result<&'a CoreGeneration, RespondError> {
        self.generation.ok_or(RespondError::NotReady)
    }
}

/// Answers a request. A panic inside costs this request only: a 500.
pub fn respond(request: &Request<'_>, view: &View<'_>) -> Response {
    let mut response = guard(|| answer(request, view)).unwrap_or_else(|error| refuse(&error, view));
    headers::put_request_id(request.headers, response.headers_mut());
    response
}

fn guard(
    answer: impl FnOnce() -> Result<Response, RespondError>,
) -> Result<Response, RespondError> {
    // What a panic leaves behind is per request, but for SQLite statements,
    // which reset themselves when they are given back.
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or(Err(RespondError::Panic))
}

fn answer(request: &Request<'_>, view: &View<'_>) -> Result<Response, RespondError> {
    let (path, query) = target::split(request.target);
    if path == "*" && request.method == Method::OPTIONS {
        return Ok(preflight());
    }
    let path = target::decode_path(path).ok_or(RespondError::NoRoute)?;
    let route = Route::of(&path).ok_or(RespondError::NoRoute)?;
    match *request.method {
        Method::GET | Method::HEAD => route.answer(request, Query::new(query), view),
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

fn refuse(error: &RespondError, view: &View<'_>) -> Response {
    let status = error.status();
    if status.is_server_error() && !matches!(error, RespondError::NotReady) {
        log::error!(error = chain(error); "a request failed");
    }
    let mut response = Response::new(Bytes::from_static(error.body().as_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers::put_cross_origin(headers);
    match (error, view.generation) {
        // As good as data: the same until the next snapshot.
        (RespondError::NoRows, Some(generation)) => {
            headers::put_fresh(headers, generation.facts(), view.now_seconds);
        }
        (RespondError::NoRoute | RespondError::NoRows, _) => {
            headers.insert(
                CACHE_CONTROL,
                HeaderValue::from_static("public, max-age=60"),
            );
        }
        (RespondError::Method, _) => {
            headers.insert(ALLOW, METHODS);
        }
        (RespondError::NotReady, _) => {
            headers.insert(CACHE_CONTROL, headers::NO_STORE);
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        (RespondError::Segment(_) | RespondError::Panic, _) => {
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
        let view = View {
            generation: None,
            state: &state,
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
            (Method::GET, "*", 404),
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
            );
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
