//! Which path is which route.

mod name;
mod operations;
mod pypistats;

use std::borrow::Cow;

use crate::error::RespondError;
use crate::respond::{Query, Reader, Reply};

pub use name::RouteName;
use operations::Operation;
use pypistats::Endpoint;

/// A route with what its path names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Route<'a> {
    /// `/api/packages/{package}/{endpoint}`
    Pypistats {
        package: &'a str,
        endpoint: Endpoint,
    },
    Operation(Operation),
}

impl<'a> Route<'a> {
    /// The route of a decoded path. A trailing slash makes another path, as
    /// on pypistats.org.
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        if let Some(rest) = path.strip_prefix("api/packages/") {
            let (package, endpoint) = rest.split_once('/')?;
            if package.is_empty() {
                return None;
            }
            let endpoint = Endpoint::of(endpoint)?;
            return Some(Self::Pypistats { package, endpoint });
        }
        Operation::of(path).map(Self::Operation)
    }

    /// Its name in metrics and logs.
    pub(crate) fn name(self) -> RouteName {
        match self {
            Self::Pypistats { endpoint, .. } => endpoint.route(),
            Self::Operation(operation) => operation.route(),
        }
    }

    /// Answers GET and HEAD.
    pub(crate) fn answer(
        self,
        query: Query<'_>,
        reader: &Reader<'_>,
    ) -> Result<Reply, RespondError> {
        match self {
            Self::Pypistats { package, endpoint } => {
                pypistats::answer(endpoint, package, query, reader)
            }
            Self::Operation(operation) => Ok(Reply::Momentary(operation.answer(reader.view))),
        }
    }
}

/// A package as the drop-in families take it from a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Package<'a> {
    /// As answers echo it.
    shown: Cow<'a, str>,
    /// Whether a package can have this name at all.
    is_possible: bool,
}

impl<'a> Package<'a> {
    /// Any PEP 503 spelling, or `__all__`. What cannot be a package keeps its
    /// text, with each `.` and `_` a hyphen as on pypistats.org.
    pub(crate) fn of(sent: &'a str) -> Self {
        let normal = match sent {
            espy_shared::name::ALL => Some(Cow::Borrowed(sent)),
            _ => espy_shared::name::normalize(sent),
        };
        match normal {
            Some(shown) => Self {
                shown,
                is_possible: true,
            },
            None => Self {
                shown: Cow::Owned(sent.replace(['.', '_'], "-")),
                is_possible: false,
            },
        }
    }

    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The name to look up.
    pub(crate) fn name(&self) -> Option<&str> {
        self.is_possible.then_some(&*self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let package = |package, endpoint| Some(Route::Pypistats { package, endpoint });
        for (path, route) in [
            ("/api/packages/pip/recent", package("pip", Endpoint::Recent)),
            (
                "/api/packages/__all__/overall",
                package("__all__", Endpoint::Overall),
            ),
            ("/api/packages/../system", package("..", Endpoint::System)),
            ("/api/packages/pip/recent/", None),
            ("/api/packages/pip/Recent", None),
            ("/api/packages/pip/", None),
            ("/api/packages/pip", None),
            ("/api/packages//recent", None),
            ("/api/packages/a/b/recent", None),
            ("//api/packages/pip/recent", None),
            ("api/packages/pip/recent", None),
            ("/healthz", Some(Route::Operation(Operation::Healthz))),
            ("/readyz", Some(Route::Operation(Operation::Readyz))),
            ("/status", Some(Route::Operation(Operation::Status))),
            ("/metrics", Some(Route::Operation(Operation::Metrics))),
            ("/status/", None),
            ("/", None),
            ("", None),
            ("*", None),
        ] {
            assert_eq!(Route::of(path), route, "{path:?}");
        }
    }

    #[test]
    fn packages() {
        let long = "a".repeat(300);
        for (sent, shown, is_possible) in [
            ("pip", "pip", true),
            ("Zope.Interface", "zope-interface", true),
            ("a__b", "a-b", true),
            ("__all__", "__all__", true),
            ("__ALL__", "--ALL--", false),
            ("..", "--", false),
            ("A b_", "A b-", false),
            ("\0", "\0", false),
            (&long, &long, false),
        ] {
            let package = Package::of(sent);
            assert_eq!(package.shown(), shown);
            assert_eq!(package.name().is_some(), is_possible, "{sent:?}");
        }
    }
}
