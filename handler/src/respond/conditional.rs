//! Answers with data, or with the news that there is no news.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};

use super::etag::{EntityTag, Match};
use super::{Request, Response, headers};
use crate::error::RespondError;
use crate::generation::Facts;

/// A 200 with what `render` gives, or a 304 with the same headers.
///
/// A listed tag is answered without rendering: the tag covers question and
/// segments, so whoever has it got it with a 200 for the same bytes.
///
/// # Errors
///
/// As `render` has them.
pub(crate) fn conditional(
    request: &Request<'_>,
    facts: &Facts,
    now_seconds: i64,
    tag: &EntityTag,
    content_type: &'static str,
    render: impl FnOnce() -> Result<Bytes, RespondError>,
) -> Result<Response, RespondError> {
    let values = request.headers.get_all(IF_NONE_MATCH);
    let (status, body) = match tag.matches(values.iter().map(HeaderValue::as_bytes)) {
        Match::Listed => (StatusCode::NOT_MODIFIED, Bytes::new()),
        Match::Any => {
            render()?;
            (StatusCode::NOT_MODIFIED, Bytes::new())
        }
        Match::None => (StatusCode::OK, render()?),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(ETAG, tag.header());
    headers::put_fresh(headers, facts, now_seconds);
    headers::put_cross_origin(headers);
    Ok(response)
}
