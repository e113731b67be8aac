//! An answer without the headers that change with time or request: what can
//! be kept.

use std::cell::Cell;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::coding::Coding;
use super::etag::{EntityTag, Match};
use super::{Request, Response, headers};
use crate::error::RespondError;
use crate::generation::CoreGeneration;
use crate::routes::RouteName;

/// What a generation answers to a question.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) route: RouteName,
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    /// Answers without data have none.
    pub(crate) tag: Option<EntityTag>,
    /// Of the body; `Identity` also when gzip was asked for in vain.
    pub(crate) coding: Coding,
    pub(crate) body: Bytes,
    /// How often it was taken from the cache.
    pub(crate) hits: Cell<u32>,
}

impl Content {
    /// The route exists, but there is nothing to show: pypistats.org's 404.
    pub(crate) fn no_rows(route: RouteName) -> Self {
        let error = RespondError::NoRows;
        Self {
            route,
            status: error.status(),
            content_type: headers::HTML,
            tag: None,
            coding: Coding::Identity,
            body: Bytes::from_static(error.body().as_bytes()),
            hits: Cell::new(0),
        }
    }

    /// The answer to this request: all of it, or the news that there is none.
    pub(crate) fn present(
        &self,
        request: &Request<'_>,
        generation: &CoreGeneration,
        now_seconds: i64,
    ) -> Response {
        if let Some(tag) = &self.tag
            && is_unchanged(request.headers, tag, generation)
        {
            return not_modified(tag, self.content_type, generation, now_seconds);
        }
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        put_headers(
            &mut response,
            self.tag.as_ref(),
            self.content_type,
            generation,
            now_seconds,
        );
        if let Some(coding) = self.coding.header() {
            response.headers_mut().insert(CONTENT_ENCODING, coding);
        }
        response
    }
}

/// A 304, with the headers that the whole answer would have, but for its
/// coding: there is no body to be coded.
pub(crate) fn not_modified(
    tag: &EntityTag,
    content_type: &'static str,
    generation: &CoreGeneration,
    now_seconds: i64,
) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    put_headers(
        &mut response,
        Some(tag),
        content_type,
        generation,
        now_seconds,
    );
    response
}

fn put_headers(
    response: &mut Response,
    tag: Option<&EntityTag>,
    content_type: &'static str,
    generation: &CoreGeneration,
    now_seconds: i64,
) {
    let headers = response.headers_mut();
    headers.reserve(headers::COUNT);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(tag) = tag {
        headers.insert(ETAG, tag.header());
        headers::put_modified(headers, generation);
    }
    headers::put_fresh(headers, generation, now_seconds);
    headers::put_cross_origin(headers);
}

/// Whether the client listed this very tag. Asked before rendering: the tag
/// covers question, coding and segments, so whoever has it got it with a 200
/// for the same bytes.
pub(crate) fn is_listed(headers: &HeaderMap, tag: &EntityTag) -> bool {
    tag.matches(values(headers)) == Match::Listed
}

/// Whether a client that asks conditionally has the answer already, which is
/// known to exist.
fn is_unchanged(headers: &HeaderMap, tag: &EntityTag, generation: &CoreGeneration) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return tag.matches(values(headers)) != Match::None;
    }
    // Equal, not later: after a rollback the older snapshot is the news.
    headers
        .get(IF_MODIFIED_SINCE)
        .is_some_and(|since| since == generation.facts().last_modified())
}

fn values(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .map(HeaderValue::as_bytes)
}

#[cfg(test)]
impl Content {
    /// Any answer with this body.
    pub(super) fn test(body: Bytes) -> Self {
        Self {
            route: RouteName::Recent,
            status: StatusCode::OK,
            content_type: "text/plain",
            tag: None,
            coding: Coding::Identity,
            body,
            hits: Cell::new(0),
        }
    }
}
