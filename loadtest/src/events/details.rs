//! What PyPI's linehaul makes of a User-Agent: the `details` record of an event
//! (pypi/linehaul-cloud-function `linehaul/ua/datastructures.py`), in the order
//! and with the nulls of BigQuery's `file_downloads`.

use std::borrow::Cow;

use serde::Serialize;

/// Mostly a figure of a table, sometimes made up.
pub(crate) type Text = Cow<'static, str>;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Details {
    pub(crate) installer: Option<Installer>,
    pub(crate) python: Option<Text>,
    pub(crate) implementation: Option<NameVersion>,
    pub(crate) distro: Option<DistroDetails>,
    pub(crate) system: Option<SystemDetails>,
    pub(crate) cpu: Option<Text>,
    pub(crate) openssl_version: Option<Text>,
    pub(crate) setuptools_version: Option<Text>,
    pub(crate) rustc_version: Option<Text>,
    /// True or null, never false.
    pub(crate) ci: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Installer {
    pub(crate) name: Text,
    pub(crate) version: Option<Text>,
    /// Shell-joined.
    pub(crate) subcommand: Option<Text>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NameVersion {
    pub(crate) name: Text,
    pub(crate) version: Text,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DistroDetails {
    pub(crate) name: Text,
    pub(crate) version: Option<Text>,
    pub(crate) id: Option<Text>,
    pub(crate) libc: Option<Libc>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Libc {
    pub(crate) lib: Text,
    pub(crate) version: Text,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct SystemDetails {
    pub(crate) name: Text,
    pub(crate) release: Option<Text>,
}

impl Details {
    /// All that most programs tell.
    pub(crate) fn of_installer(name: &'static str, version: impl Into<Text>) -> Self {
        Self {
            installer: Some(Installer {
                name: name.into(),
                version: Some(version.into()),
                subcommand: None,
            }),
            ..Self::default()
        }
    }
}
