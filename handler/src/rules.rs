//! What a request must be like before anybody looks at what it asks: the rules
//! of HTTP/1.1 that the engine leaves to its user, and the limits.
//!
//! The engine itself refuses what is no HTTP at all: bad request lines and
//! header fields, folded lines, NUL, differing lengths.

use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, Version};

/// Most of what one request may have.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Header fields.
    pub header_count: usize,
    /// Bytes of the target, as sent.
    pub target_bytes: usize,
    /// Bytes of a body, which nobody reads.
    pub body_bytes: u64,
}

/// A request that is answered without a look at what it asks. Each but
/// `Expectation` is its connection's last: what follows may be anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// None, several, or no host (RFC 9112, 3.2).
    #[error("exactly one Host with a host's name is needed")]
    Host,
    /// No read needs one, and two servers may disagree where it ends.
    #[error("Transfer-Encoding is not accepted")]
    TransferEncoding,
    /// More header fields than the limit.
    #[error("too many header fields")]
    HeaderCount,
    /// A longer target than the limit.
    #[error("the target is too long")]
    TargetLength,
    /// A longer body than the limit.
    #[error("the body is too long")]
    BodyLength,
    /// An expectation other than `100-continue`.
    #[error("only 100-continue can be expected")]
    Expectation,
}

impl Refusal {
    /// What the client sees.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Host | Self::TransferEncoding => StatusCode::BAD_REQUEST,
            Self::HeaderCount => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TargetLength => StatusCode::URI_TOO_LONG,
            Self::BodyLength => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
        }
    }
}

/// Checks a request's head.
///
/// # Errors
///
/// The first rule that it breaks; those about framing come first.
pub fn check(
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
    limits: &Limits,
) -> Result<(), Refusal> {
    // Most requests have neither; both are one look into the map.
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refusal::TransferEncoding);
    }
    if let Some(length) = headers.get(CONTENT_LENGTH) {
        // Of several, the engine has made sure that they are equal.
        let length = str::from_utf8(length.as_bytes()).ok();
        let length = length.and_then(|text| text.trim().parse::<u64>().ok());
        if length.is_none_or(|length| length > limits.body_bytes) {
            return Err(Refusal::BodyLength);
        }
    }
    if headers.len() > limits.header_count {
        return Err(Refusal::HeaderCount);
    }
    let target_bytes = match uri.path_and_query() {
        Some(target) => target.as_str().len(),
        None => 0,
    };
    if target_bytes > limits.target_bytes {
        return Err(Refusal::TargetLength);
    }
    check_host(version, headers)?;
    let is_known = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if !headers.get_all(EXPECT).iter().all(is_known) {
        return Err(Refusal::Expectation);
    }
    Ok(())
}

/// HTTP/1.0 need not have one, but what it has must be one.
fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 => Ok(()),
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        _ => Err(Refusal::Host),
    }
}

/// A name, an IPv4 address or a bracketed IPv6 address, and perhaps a port
/// (RFC 3986, 3.2.2). Empty when the target has no authority.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host {
        [b'[', rest @ ..] => match rest.iter().position(|&byte| byte == b']') {
            Some(end) => {
                let is_address = rest[..end]
                    .iter()
                    .all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte));
                if !is_address || end == 0 {
                    return false;
                }
                (&rest[..0], &rest[end + 1..])
            }
            None => return false,
        },
        _ => {
            let end = host.iter().position(|&byte| byte == b':');
            host.split_at(end.unwrap_or(host.len()))
        }
    };
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_port
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    const LIMITS: Limits = Limits {
        header_count: 4,
        target_bytes: 10,
        body_bytes: 100,
    };

    fn outcome(version: Version, target: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let uri = target.parse().unwrap();
        check(version, &uri, &map, &LIMITS)
    }

    #[test]
    fn rules() {
        const HOST: (&str, &str) = ("host", "a");
        let (one, zero) = (Version::HTTP_11, Version::HTTP_10);
        for (version, target, headers, expect) in [
            (one, "/", &[HOST][..], Ok(())),
            (one, "/", &[], Err(Refusal::Host)),
            (zero, "/", &[], Ok(())),
            (one, "/", &[HOST, HOST], Err(Refusal::Host)),
            (zero, "/", &[HOST, HOST], Err(Refusal::Host)),
            (one, "/", &[HOST, ("expect", "100-Continue")], Ok(())),
            (
                one,
                "/",
                &[HOST, ("expect", "tea")],
                Err(Refusal::Expectation),
            ),
            (
                one,
                "/",
                &[HOST, ("transfer-encoding", "chunked")],
                Err(Refusal::TransferEncoding),
            ),
            (one, "/", &[HOST, ("content-length", "100")], Ok(())),
            (
                one,
                "/",
                &[HOST, ("content-length", "101")],
                Err(Refusal::BodyLength),
            ),
            (one, "/234567890", &[HOST], Ok(())),
            (one, "/2345678901", &[HOST], Err(Refusal::TargetLength)),
            (one, "/2345678?x", &[HOST], Ok(())),
            (one, "/2345678?xy", &[HOST], Err(Refusal::TargetLength)),
            (one, "http://long.example.org/2345", &[HOST], Ok(())),
            (one, "/", &[HOST, ("a", ""), ("a", ""), ("b", "")], Ok(())),
            (
                one,
                "/",
                &[HOST, ("a", ""), ("a", ""), ("b", ""), ("c", "")],
                Err(Refusal::HeaderCount),
            ),
        ] {
            assert_eq!(
                outcome(version, target, headers),
                expect,
                "{target} {headers:?}"
            );
        }
    }

    #[test]
    fn hosts() {
        for (host, is_valid) in [
            ("", true),
            ("a", true),
            ("a.b-c_d:80", true),
            ("a:", true),
            ("127.0.0.1:65535", true),
            ("[::1]", true),
            ("[::1]:8080", true),
            ("[::ffff:1.2.3.4]", true),
            ("a:123456", false),
            ("a:b", false),
            ("a b", false),
            ("a/b", false),
            ("a@b", false),
            ("a, b", false),
            ("[::1", false),
            ("[]", false),
            ("[::1]x", false),
            ("[x]", false),
            ("a:80:80", false),
            ("\u{e9}", false),
        ] {
            assert_eq!(is_host(host.as_bytes()), is_valid, "{host:?}");
        }
    }
}
