//! Routes for those who run the handler.

use bytes::Bytes;
use http::StatusCode;

use super::RouteName;
use crate::respond::{Response, View, operations};

const TEXT: &str = "text/plain; charset=utf-8";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    /// The process runs.
    Healthz,
    /// A verified snapshot is being served, however old.
    Readyz,
    /// What is served, and what not and why.
    Status,
    /// Counters and durations for Prometheus.
    Metrics,
}

impl Operation {
    /// The route of a path, without its leading slash.
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            "healthz" => Some(Self::Healthz),
            "readyz" => Some(Self::Readyz),
            "status" => Some(Self::Status),
            "metrics" => Some(Self::Metrics),
            _ => None,
        }
    }

    /// Its name in metrics.
    pub(super) fn route(self) -> RouteName {
        match self {
            Self::Healthz => RouteName::Healthz,
            Self::Readyz => RouteName::Readyz,
            Self::Status => RouteName::Status,
            Self::Metrics => RouteName::Metrics,
        }
    }

    pub(super) fn answer(self, view: &View<'_>) -> Response {
        match self {
            Self::Healthz => operations(StatusCode::OK, TEXT, Bytes::from_static(b"ok\n")),
            Self::Readyz if view.state.is_ready() => {
                operations(StatusCode::OK, TEXT, Bytes::from_static(b"ready\n"))
            }
            Self::Readyz => operations(
                StatusCode::SERVICE_UNAVAILABLE,
                TEXT,
                Bytes::from_static(b"not ready\n"),
            ),
            Self::Status => operations(
                StatusCode::OK,
                "application/json",
                view.state.document(view.now_seconds),
            ),
            Self::Metrics => operations(
                StatusCode::OK,
                // The version of the text format, not of ours.
                "text/plain; version=0.0.4; charset=utf-8",
                view.signals.exposition(view.state),
            ),
        }
    }
}
