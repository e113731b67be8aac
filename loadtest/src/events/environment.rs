//! Where an installer runs: Python, system, distribution, processor.

use super::details::{DistroDetails, Libc, NameVersion, SystemDetails, Text};
use super::marginals::{
    CI_PER_10_000, DARWIN_CPUS, DISTROS, IMPLEMENTATIONS, Kernel, LINUX_CPUS, MACOS, ODD_PYTHONS,
    OPENSSL_VERSIONS, OTHER_SYSTEMS, PYTHONS, SETUPTOOLS_VERSIONS, SYSTEMS, System, WINDOWS_CPUS,
    WINDOWS_RELEASES, draw,
};

/// One machine or container image.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    pub(crate) python: Text,
    /// Of the implementation: CPython has that of the language.
    implementation_name: &'static str,
    implementation_version: Text,
    pub(crate) system: Option<SystemDetails>,
    pub(crate) distro: Option<DistroDetails>,
    /// The C library is musl: seen by uv, not by pip.
    pub(crate) musl: bool,
    pub(crate) cpu: Option<&'static str>,
    pub(crate) openssl: &'static str,
    pub(crate) setuptools: Option<&'static str>,
    pub(crate) rustc: Option<Text>,
    pub(crate) ci: bool,
}

impl Environment {
    pub(crate) fn draw(rng: &mut fastrand::Rng) -> Self {
        let python = draw_python(rng);
        Self::draw_around(python, rng)
    }

    /// With a Python that is none.
    pub(crate) fn draw_with_odd_python(rng: &mut fastrand::Rng) -> Self {
        let python = draw(rng, ODD_PYTHONS);
        Self::draw_around(python.into(), rng)
    }

    pub(crate) fn implementation(&self) -> NameVersion {
        NameVersion {
            name: self.implementation_name.into(),
            version: self.implementation_version.clone(),
        }
    }

    fn draw_around(python: Text, rng: &mut fastrand::Rng) -> Self {
        let implementation_name = draw(rng, IMPLEMENTATIONS);
        let implementation_version = match implementation_name {
            "PyPy" => format!("7.3.{}", rng.u32(1..18)).into(),
            "GraalVM" => "24.1.1".into(),
            _ => python.clone(),
        };
        let mut environment = Self {
            python,
            implementation_name,
            implementation_version,
            system: None,
            distro: None,
            musl: false,
            cpu: None,
            openssl: draw(rng, OPENSSL_VERSIONS),
            setuptools: draw(rng, SETUPTOOLS_VERSIONS),
            rustc: (rng.u32(..100) < 4).then(|| format!("1.{}.0", rng.u32(60..83)).into()),
            ci: rng.u32(..10_000) < CI_PER_10_000,
        };
        // A few tell nothing of the machine.
        if rng.u32(..1_000) >= 4 {
            environment.draw_system(rng);
        }
        environment
    }

    fn draw_system(&mut self, rng: &mut fastrand::Rng) {
        let (name, release) = match draw(rng, SYSTEMS) {
            System::Linux => {
                self.cpu = Some(draw(rng, LINUX_CPUS));
                ("Linux", self.draw_distro(rng))
            }
            System::Windows => {
                self.cpu = Some(draw(rng, WINDOWS_CPUS));
                ("Windows", draw(rng, WINDOWS_RELEASES).into())
            }
            System::Darwin => {
                let version = draw(rng, MACOS);
                self.cpu = Some(draw(rng, DARWIN_CPUS));
                self.distro = Some(DistroDetails {
                    name: "macOS".into(),
                    version: Some(version.into()),
                    id: None,
                    libc: None,
                });
                (
                    "Darwin",
                    format!("2{}.{}.0", rng.u32(1..5), rng.u32(..7)).into(),
                )
            }
            System::Other => {
                let (name, release) = draw(rng, OTHER_SYSTEMS);
                self.cpu = (rng.u32(..3) > 0).then_some("amd64");
                (name, release.into())
            }
        };
        self.system = Some(SystemDetails {
            name: name.into(),
            release: Some(release),
        });
    }

    /// Gives the kernel release that goes with it.
    fn draw_distro(&mut self, rng: &mut fastrand::Rng) -> Text {
        let Some(distro) = draw(rng, DISTROS) else {
            return kernel_release(Kernel::Any, rng);
        };
        self.musl = distro.glibc.is_none();
        self.distro = Some(DistroDetails {
            name: distro.name.into(),
            version: distro.version.map(Text::from),
            id: distro.id.map(Text::from),
            libc: distro.glibc.map(|version| Libc {
                lib: "glibc".into(),
                version: version.into(),
            }),
        });
        kernel_release(distro.kernel, rng)
    }
}

/// A release of the series; few are release candidates or end in "+", which
/// the rule "a digit, a dot, digits" reads all the same.
fn draw_python(rng: &mut fastrand::Rng) -> Text {
    let (minor, patch_max) = draw(rng, PYTHONS);
    if minor == "3.15" {
        return "3.15.0a2+".into();
    }
    if rng.u32(..1_000) == 0 {
        return format!("{minor}.0rc1").into();
    }
    // New patch releases are taken up soon.
    let patch = rng.u8(..=patch_max).max(rng.u8(..=patch_max));
    format!("{minor}.{patch}").into()
}

/// Release names as such kernels have them; numbers within *assumed* bounds.
fn kernel_release(kernel: Kernel, rng: &mut fastrand::Rng) -> Text {
    match kernel {
        Kernel::Ubuntu => match rng.u32(..3) {
            0 => format!("5.15.0-{}-generic", rng.u32(80..130)),
            1 => format!("6.5.0-10{:02}-azure", rng.u32(..30)),
            _ => format!("6.8.0-10{:02}-aws", rng.u32(..30)),
        },
        Kernel::Amazon2 => format!(
            "5.10.{}-{}.882.amzn2.x86_64",
            rng.u32(200..230),
            rng.u32(190..225)
        ),
        Kernel::Amazon2023 => format!(
            "6.1.{}-{}.201.amzn2023.x86_64",
            rng.u32(80..130),
            rng.u32(90..140)
        ),
        Kernel::RedHat7 => format!("3.10.0-1160.{}.1.el7.x86_64", rng.u32(2..120)),
        Kernel::RedHat8 => format!("4.18.0-553.{}.1.el8_10.x86_64", rng.u32(5..40)),
        Kernel::RedHat9 => format!("5.14.0-503.{}.1.el9_5.x86_64", rng.u32(11..40)),
        Kernel::Any => match rng.u32(..6) {
            0 => format!("6.10.{}-linuxkit", rng.u32(..15)),
            1 => "5.15.167.4-microsoft-standard-WSL2".to_owned(),
            2 => format!("6.1.0-{}-amd64", rng.u32(10..30)),
            3 => format!("6.6.{}+", rng.u32(20..60)),
            4 => format!(
                "5.10.{}-{}.882.amzn2.x86_64",
                rng.u32(200..230),
                rng.u32(190..225)
            ),
            _ => format!("6.8.0-10{:02}-azure", rng.u32(..30)),
        },
    }
    .into()
}
