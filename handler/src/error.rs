//! Why a request gets no data, and the one place that says what the client
//! then sees. The client sees a fixed text, the log the detail.

use std::error::Error;
use std::fmt::Write;

use http::StatusCode;

use espy_shared::segment::SegmentError;

/// A request that gets no data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RespondError {
    /// No such route; no snapshot will change that.
    #[error("no such route")]
    NoRoute,
    /// The route exists, the snapshot has nothing to show there.
    #[error("nothing to show")]
    NoRows,
    /// The route exists for other methods.
    #[error("the method is not allowed")]
    Method,
    /// `*` is a target of OPTIONS only.
    #[error("the target is for OPTIONS only")]
    Asterisk,
    /// No snapshot has been loaded yet.
    #[error("no snapshot is loaded yet")]
    NotReady,
    /// Verified bytes that cannot be read: built wrongly.
    #[error("a verified segment cannot be read")]
    Segment(#[from] SegmentError),
    /// A bug.
    #[error("the request panicked")]
    Panic,
}

impl RespondError {
    /// The status that the client sees.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute | Self::NoRows => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Asterisk => StatusCode::BAD_REQUEST,
            Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::Segment(_) | Self::Panic => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The body of pypistats.org for that status, `text/html`.
    pub fn body(&self) -> &'static str {
        match self {
            Self::NoRoute | Self::NoRows => "404",
            Self::Method => "405",
            Self::Asterisk => "400",
            Self::NotReady => "503 TEMPORARILY DISABLED",
            Self::Segment(_) | Self::Panic => "500",
        }
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
