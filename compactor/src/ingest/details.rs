//! What a client says of itself: the `details` record of one event.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Text of a client, borrowed from the line it came in wherever the JSON has
/// no escapes; `None` when null or absent.
pub type Text<'a> = Option<Cow<'a, str>>;

/// The client behind one download, as far as its User-Agent tells.
///
/// The fields are those of linehaul's `UserAgent` record
/// (pypi/linehaul-cloud-function, `linehaul/ua/datastructures.py`), which is
/// also the `details` column of BigQuery's `file_downloads`. Two differ:
/// `installer.subcommand` is left out, `user_data` is added.
///
/// Deserialising is strict where BigQuery's schema is: any field may be null
/// or absent and unknown keys are skipped, but text must be a JSON string, a
/// record a JSON object, `ci` a boolean, and no key may stand twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(default, remote = "Self")]
pub struct Details<'a> {
    /// The program that asked for the file.
    #[serde(borrow)]
    pub installer: Option<Installer<'a>>,
    /// Version of Python the file is for, as sent: `3.12.2`.
    #[serde(borrow, deserialize_with = "text")]
    pub python: Text<'a>,
    /// The Python implementation.
    #[serde(borrow)]
    pub implementation: Option<Implementation<'a>>,
    /// The distribution of Linux, or macOS.
    #[serde(borrow)]
    pub distro: Option<Distro<'a>>,
    /// The operating system.
    #[serde(borrow)]
    pub system: Option<System<'a>>,
    /// The machine: `x86_64`, `AMD64`, `arm64`.
    #[serde(borrow, deserialize_with = "text")]
    pub cpu: Text<'a>,
    /// As OpenSSL prints it: `OpenSSL 3.0.2 15 Mar 2022`.
    #[serde(borrow, deserialize_with = "text")]
    pub openssl_version: Text<'a>,
    /// Version of setuptools beside the installer.
    #[serde(borrow, deserialize_with = "text")]
    pub setuptools_version: Text<'a>,
    /// Version of the Rust compiler on the machine.
    #[serde(borrow, deserialize_with = "text")]
    pub rustc_version: Text<'a>,
    /// Whether the installer ran in continuous integration. pip and uv send
    /// true or null, never false, so null means "not known to be".
    pub ci: Option<bool>,
    /// What the user put into `PIP_USER_AGENT_USER_DATA`. linehaul drops it,
    /// so rows of BigQuery never have it.
    #[serde(borrow, deserialize_with = "text")]
    pub user_data: Text<'a>,
}

/// The program that asked for the file: `pip`, `uv`, `bandersnatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(default, remote = "Self")]
pub struct Installer<'a> {
    /// As sent, case kept: `Artifactory`.
    #[serde(borrow, deserialize_with = "text")]
    pub name: Text<'a>,
    /// As sent; not always a version.
    #[serde(borrow, deserialize_with = "text")]
    pub version: Text<'a>,
}

/// The Python implementation: `CPython`, `PyPy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(default, remote = "Self")]
pub struct Implementation<'a> {
    /// `CPython`.
    #[serde(borrow, deserialize_with = "text")]
    pub name: Text<'a>,
    /// Of the implementation, which for CPython is Python's.
    #[serde(borrow, deserialize_with = "text")]
    pub version: Text<'a>,
}

/// The distribution of Linux, or macOS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(default, remote = "Self")]
pub struct Distro<'a> {
    /// `Debian GNU/Linux`.
    #[serde(borrow, deserialize_with = "text")]
    pub name: Text<'a>,
    /// `12`.
    #[serde(borrow, deserialize_with = "text")]
    pub version: Text<'a>,
    /// The code name: `bookworm`.
    #[serde(borrow, deserialize_with = "text")]
    pub id: Text<'a>,
    /// The C library the interpreter runs on.
    #[serde(borrow)]
    pub libc: Option<Libc<'a>>,
}

/// The C library the interpreter runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(default, remote = "Self")]
pub struct Libc<'a> {
    /// `glibc` or `musl`.
    #[serde(borrow, deserialize_with = "text")]
    pub lib: Text<'a>,
    /// `2.36`.
    #[serde(borrow, deserialize_with = "text")]
    pub version: Text<'a>,
}

/// The operating system: `Linux`, `Darwin`, `Windows`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(default, remote = "Self")]
pub struct System<'a> {
    /// As Python's `platform.system()`.
    #[serde(borrow, deserialize_with = "text")]
    pub name: Text<'a>,
    /// As Python's `platform.release()`.
    #[serde(borrow, deserialize_with = "text")]
    pub release: Text<'a>,
}

impl Details<'_> {
    /// The same details, free of the line they were read from: what a cache
    /// of parsed User-Agents keeps.
    #[must_use]
    pub fn into_owned(self) -> Details<'static> {
        Details {
            installer: self.installer.map(Installer::into_owned),
            python: owned(self.python),
            implementation: self.implementation.map(Implementation::into_owned),
            distro: self.distro.map(Distro::into_owned),
            system: self.system.map(System::into_owned),
            cpu: owned(self.cpu),
            openssl_version: owned(self.openssl_version),
            setuptools_version: owned(self.setuptools_version),
            rustc_version: owned(self.rustc_version),
            ci: self.ci,
            user_data: owned(self.user_data),
        }
    }
}

impl Installer<'_> {
    fn into_owned(self) -> Installer<'static> {
        Installer {
            name: owned(self.name),
            version: owned(self.version),
        }
    }
}

impl Implementation<'_> {
    fn into_owned(self) -> Implementation<'static> {
        Implementation {
            name: owned(self.name),
            version: owned(self.version),
        }
    }
}

impl Distro<'_> {
    fn into_owned(self) -> Distro<'static> {
        Distro {
            name: owned(self.name),
            version: owned(self.version),
            id: owned(self.id),
            libc: self.libc.map(Libc::into_owned),
        }
    }
}

impl Libc<'_> {
    fn into_owned(self) -> Libc<'static> {
        Libc {
            lib: owned(self.lib),
            version: owned(self.version),
        }
    }
}

impl System<'_> {
    fn into_owned(self) -> System<'static> {
        System {
            name: owned(self.name),
            release: owned(self.release),
        }
    }
}

fn owned(text: Text<'_>) -> Text<'static> {
    text.map(|text| Cow::Owned(text.into_owned()))
}

/// Reads a string or null. serde's own `Option<Cow<str>>` always copies
/// (<https://serde.rs/lifetimes.html#borrowing-data-in-a-derived-impl> covers
/// a bare `Cow` only); this borrows.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text<'de>, D::Error> {
    struct TextVisitor;

    impl<'de> Visitor<'de> for TextVisitor {
        type Value = Text<'de>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a string or null")
        }

        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
            Ok(Some(Cow::Borrowed(text)))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
            Ok(Some(Cow::Owned(text.to_owned())))
        }

        fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(TextVisitor)
}

/// Reads a JSON object only. What serde derives for a struct takes an array
/// of the fields in order as well, which no writer of these records means.
struct ObjectVisitor<T>(PhantomData<T>);

macro_rules! object_only {
    ($($record:ident)*) => {$(
        impl<'de: 'a, 'a> Deserialize<'de> for $record<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ObjectVisitor::<Self>(PhantomData))
            }
        }

        impl<'de: 'a, 'a> Visitor<'de> for ObjectVisitor<$record<'a>> {
            type Value = $record<'a>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<$record<'a>, M::Error> {
                // The derived reader, which `remote = "Self"` made inherent.
                $record::deserialize(MapAccessDeserializer::new(map))
            }
        }
    )*};
}

object_only!(Details Installer Implementation Distro Libc System);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Details<'_>, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn nulls_absent_fields_and_unknown_keys_are_no_error() {
        fn check(json: &str, expect: Details<'_>) {
            assert_eq!(read(json).expect(json), expect, "{json}");
        }

        let none = Details::default;
        check("{}", none());
        check(
            r#"{"installer":null,"python":null,"implementation":null,"distro":null,
               "system":null,"cpu":null,"openssl_version":null,"setuptools_version":null,
               "rustc_version":null,"ci":null,"user_data":null}"#,
            none(),
        );
        check(r#"{"wheel_version":"0.45.1","x":[{"y":1}]}"#, none());
        check(
            r#"{"system":{"name":null,"release":null}}"#,
            Details {
                system: Some(System::default()),
                ..none()
            },
        );
        check(
            r#"{"installer":{"name":"uv","version":"0.12.5","subcommand":["pip","install"]}}"#,
            Details {
                installer: Some(Installer {
                    name: Some("uv".into()),
                    version: Some("0.12.5".into()),
                }),
                ..none()
            },
        );
        check(
            r#"{"distro":{"name":"Alpine","libc":{"lib":"musl","version":"1.2"}},"ci":true}"#,
            Details {
                distro: Some(Distro {
                    name: Some("Alpine".into()),
                    libc: Some(Libc {
                        lib: Some("musl".into()),
                        version: Some("1.2".into()),
                    }),
                    ..Distro::default()
                }),
                ci: Some(true),
                ..none()
            },
        );
    }

    #[test]
    fn wrong_types_are_errors() {
        fn check(json: &str, expect: &str) {
            let error = read(json).expect_err(json).to_string();
            assert!(error.contains(expect), "{json}: {error}");
        }

        check("null", "expected an object");
        check("[]", "expected an object");
        check(r#"{"installer":["pip","24.0"]}"#, "expected an object");
        check(r#"{"installer":"pip"}"#, "expected an object");
        check(r#"{"distro":{"libc":[]}}"#, "expected an object");
        check(r#"{"python":3.12}"#, "expected a string or null");
        check(r#"{"cpu":{}}"#, "expected a string or null");
        check(r#"{"system":{"name":true}}"#, "expected a string or null");
        check(r#"{"ci":"true"}"#, "expected a boolean");
        check(r#"{"ci":1}"#, "expected a boolean");
        check(r#"{"cpu":"a","cpu":"b"}"#, "duplicate field");
    }

    #[test]
    fn text_is_borrowed_unless_escaped() {
        let json = r#"{"cpu":"x86_64","python":"3.\u0038","system":{"name":"Linux"}}"#;
        let details = read(json).unwrap();
        assert!(matches!(details.cpu, Some(Cow::Borrowed("x86_64"))));
        assert!(matches!(&details.python, Some(Cow::Owned(text)) if text == "3.8"));
        let system = details.system.as_ref().unwrap();
        assert!(matches!(system.name, Some(Cow::Borrowed("Linux"))));
    }

    #[test]
    fn owned_details_equal_the_borrowed_and_outlive_the_line() {
        let json = String::from(
            r#"{"installer":{"name":"pip","version":"24.0"},"python":"3.12.2",
               "implementation":{"name":"CPython","version":"3.12.2"},
               "distro":{"name":"Ubuntu","version":"22.04","id":"jammy",
                         "libc":{"lib":"glibc","version":"2.35"}},
               "system":{"name":"Linux","release":"6.5"},"cpu":"x86_64",
               "openssl_version":"OpenSSL 3","setuptools_version":"69","rustc_version":"1.76.0",
               "ci":true,"user_data":"team-a"}"#,
        );
        let owned = read(&json).unwrap().into_owned();
        assert_eq!(read(&json).unwrap(), owned);
        drop(json);
        assert_eq!(owned.user_data.as_deref(), Some("team-a"));
    }
}
