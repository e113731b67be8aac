//! Headers that many answers share.

use data_encoding::HEXLOWER;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, HeaderName, LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderValue};

use crate::generation::CoreGeneration;

/// Headers of an answer with data, at most; so many have room at once.
pub(super) const COUNT: usize = 10;

/// Of error bodies, as pypistats.org has them.
pub(super) const HTML: &str = "text/html; charset=utf-8";

/// For answers about this very moment.
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Shortest time in a cache, also when the next snapshot is overdue: then it
/// may come at any moment.
const FRESH_SECONDS_MIN: i64 = 60;
/// Longest, whatever a manifest says: shared caches cannot be told otherwise
/// before.
const FRESH_SECONDS_MAX: i64 = 31 * 24 * 3600;
const _: () = assert!(FRESH_SECONDS_MIN <= FRESH_SECONDS_MAX, "both bounds hold");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// For how long a cache may show an answer that is no longer fresh while it
/// asks for the new one: nobody waits for the first read after a snapshot.
const STALE_WHILE_REVALIDATE_SECONDS: i64 = 600;
/// For how long it may when nobody answers: numbers of last week are better
/// than none.
const STALE_IF_ERROR_SECONDS: i64 = 7 * 24 * 3600;

/// `Cache-Control` until the next snapshot is expected, and `Vary`.
pub(super) fn put_fresh(headers: &mut HeaderMap, generation: &CoreGeneration, now_seconds: i64) {
    headers.insert(
        CACHE_CONTROL,
        generation.kept().fresh(now_seconds, || {
            fresh(generation.facts().next_expected_seconds(), now_seconds)
        }),
    );
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
}

fn fresh(next_expected_seconds: i64, now_seconds: i64) -> HeaderValue {
    HeaderValue::try_from(format!(
        "public, max-age={}, stale-while-revalidate={STALE_WHILE_REVALIDATE_SECONDS}, \
         stale-if-error={STALE_IF_ERROR_SECONDS}",
        fresh_seconds(next_expected_seconds, now_seconds)
    ))
    .expect("numbers are printable")
}

/// When the data was published.
pub(super) fn put_modified(headers: &mut HeaderMap, generation: &CoreGeneration) {
    headers.insert(LAST_MODIFIED, generation.facts().last_modified().clone());
}

fn fresh_seconds(next_expected_seconds: i64, now_seconds: i64) -> i64 {
    next_expected_seconds
        .saturating_sub(now_seconds)
        .clamp(FRESH_SECONDS_MIN, FRESH_SECONDS_MAX)
}

/// Pages of any site may read the answer.
pub(super) fn put_cross_origin(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}

/// The same, as the answer to a preflight, kept for a day.
pub(super) fn put_cross_origin_preflight(headers: &mut HeaderMap, methods: HeaderValue) {
    put_cross_origin(headers);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("If-None-Match, X-Request-Id"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
}

/// The balancer's request id when it is well formed, else a new one.
pub(super) fn put_request_id(request: &HeaderMap, response: &mut HeaderMap) {
    let id = match request.get(&REQUEST_ID) {
        Some(sent) if is_request_id(sent.as_bytes()) => sent.clone(),
        _ => {
            let mut text = [0; 32];
            HEXLOWER.encode_mut(&fastrand::u128(..).to_be_bytes(), &mut text);
            HeaderValue::from_bytes(&text).expect("hexadecimal digits are printable")
        }
    };
    response.insert(REQUEST_ID, id);
}

fn is_request_id(id: &[u8]) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_edges() {
        for (next_expected, now, expect) in [
            (1000, 0, 1000),
            (1000, 939, 61),
            (1000, 940, 60),
            (1000, 941, 60),
            (1000, 5000, 60),
            (i64::MAX, 0, FRESH_SECONDS_MAX),
            (i64::MIN, i64::MAX, 60),
        ] {
            assert_eq!(fresh_seconds(next_expected, now), expect);
        }
    }

    #[test]
    fn request_ids() {
        for (sent, is_taken) in [
            ("a", true),
            ("A-9_z.7", true),
            (&"x".repeat(128), true),
            (&"x".repeat(129), false),
            ("", false),
            ("a b", false),
            ("a,b", false),
            ("\"a\"", false),
        ] {
            let mut request = HeaderMap::new();
            request.insert(REQUEST_ID, HeaderValue::from_str(sent).unwrap());
            let mut response = HeaderMap::new();
            put_request_id(&request, &mut response);
            let id = response[REQUEST_ID].to_str().unwrap();
            assert_eq!(id == sent, is_taken, "{sent:?}");
            assert!(is_request_id(id.as_bytes()));
        }
    }
}
