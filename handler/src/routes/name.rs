//! Names of routes in metrics and logs: never the path, which anybody can
//! make up.

/// A route, or where requests go that have none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the routes of the README")]
pub enum RouteName {
    Recent,
    Overall,
    PythonMajor,
    PythonMinor,
    System,
    Healthz,
    Readyz,
    Status,
    Metrics,
    /// No route has that path.
    Unknown,
    /// Refused before its path was looked at.
    Refused,
}

impl RouteName {
    /// Every route.
    pub const ALL: [Self; 11] = [
        Self::Recent,
        Self::Overall,
        Self::PythonMajor,
        Self::PythonMinor,
        Self::System,
        Self::Healthz,
        Self::Readyz,
        Self::Status,
        Self::Metrics,
        Self::Unknown,
        Self::Refused,
    ];

    /// In metrics and logs; letters and underscores only.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recent => "pypistats_recent",
            Self::Overall => "pypistats_overall",
            Self::PythonMajor => "pypistats_python_major",
            Self::PythonMinor => "pypistats_python_minor",
            Self::System => "pypistats_system",
            Self::Healthz => "healthz",
            Self::Readyz => "readyz",
            Self::Status => "status",
            Self::Metrics => "metrics",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
        }
    }

    /// Its place in [`RouteName::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_clean() {
        for (index, route) in RouteName::ALL.into_iter().enumerate() {
            assert_eq!(route.index(), index);
            let name = route.as_str();
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            );
            assert!(
                RouteName::ALL[..index]
                    .iter()
                    .all(|other| other.as_str() != name)
            );
        }
    }
}
