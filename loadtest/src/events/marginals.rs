//! Shares the events are drawn from.
//!
//! Each group names the source of its figures. Groups marked *assumed* have no
//! public figure; they are there so that every case of the format occurs, and
//! prove nothing about PyPI.

/// Values with integer weights; only their ratios count.
pub(crate) type Shares<T> = &'static [(T, u32)];

/// Draws a value in proportion to its weight.
pub(crate) fn draw<T: Copy>(rng: &mut fastrand::Rng, shares: Shares<T>) -> T {
    let sum: u32 = shares.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.u32(..sum);
    for (value, weight) in shares {
        if left < *weight {
            return *value;
        }
        left -= weight;
    }
    unreachable!("the draw is below the sum of the weights")
}

/// The forms a User-Agent takes, by the parser of PyPI's linehaul that reads
/// it (`linehaul/ua/parser.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentKind {
    Pip,
    PipBefore6,
    /// pip's JSON as forgers send it: no installer in it.
    PipWithoutInstaller,
    /// pip's JSON with a Python that the counting rule drops.
    PipOddPython,
    Uv,
    Poetry,
    Pdm,
    Twine,
    Setuptools,
    Distribute,
    Urllib2,
    Requests,
    Conda,
    Maturin,
    Pex,
    Bazel,
    Bandersnatch,
    Z3cPypimirror,
    Pep381client,
    Devpi,
    Artifactory,
    Nexus,
    Homebrew,
    Os,
    Browser,
    /// Read by no parser: the event has no details.
    Unknown,
    /// On linehaul's ignore list: there is no event.
    Ignored,
}

/// Nearly per 100,000 events. The first eleven: 1.31 thousand million rows of November
/// 2024, <https://github.com/hugovk/top-pypi-packages/issues/39>. Artifactory
/// and pdm were 5 there and are raised, and the others are *assumed*, so that a
/// file of 100,000 events holds each of them.
pub(crate) const AGENT_KINDS: Shares<AgentKind> = &[
    (AgentKind::Pip, 85_500),
    (AgentKind::Uv, 8_900),
    (AgentKind::Requests, 2_300),
    (AgentKind::Poetry, 1_800),
    (AgentKind::Unknown, 700),
    (AgentKind::Bandersnatch, 500),
    (AgentKind::Setuptools, 100),
    (AgentKind::Bazel, 100),
    (AgentKind::Browser, 80),
    (AgentKind::Nexus, 50),
    (AgentKind::Homebrew, 40),
    (AgentKind::Artifactory, 20),
    (AgentKind::Pdm, 20),
    (AgentKind::Ignored, 300),
    (AgentKind::PipOddPython, 30),
    (AgentKind::PipBefore6, 20),
    (AgentKind::PipWithoutInstaller, 20),
    (AgentKind::Twine, 20),
    (AgentKind::Distribute, 20),
    (AgentKind::Urllib2, 20),
    (AgentKind::Conda, 20),
    (AgentKind::Maturin, 20),
    (AgentKind::Pex, 20),
    (AgentKind::Devpi, 20),
    (AgentKind::Z3cPypimirror, 20),
    (AgentKind::Pep381client, 20),
    (AgentKind::Os, 20),
];

/// Weights per day, Monday first, in ten millions of downloads: February 2026,
/// all of PyPI, ClickHouse/clickpy `public/report/february-2026.html`, which
/// gives Tuesday to Thursday (4.4 thousand million a day), the weekend (2.7) and
/// the mean of all days (3.86); Monday and Friday follow.
pub(crate) const WEEKDAYS: [u32; 7] = [421, 440, 440, 440, 421, 270, 270];

/// Weights per UTC hour. *Assumed*: builds run round the clock, people in
/// Europe and America add a hill from 07 to 22 h.
pub(crate) const HOURS: [u32; 24] = [
    34, 32, 31, 31, 31, 32, 35, 39, 43, 45, 46, 46, 47, 50, 53, 54, 54, 53, 51, 48, 45, 42, 39, 36,
];

/// Download countries. The first twenty, in hundred-thousandths: May 2026,
/// ClickHouse/clickpy `public/report/may-2026.html` (e79667b7713d). Absent:
/// 1.64 % in February 2021, `ofek/pypinfo` README. The rest, about 1.06 % of
/// all, goes to further countries in *assumed* proportions (195 had downloads
/// in July 2025).
pub(crate) const COUNTRIES: Shares<Option<&str>> = &[
    (Some("US"), 74_790),
    (Some("DE"), 3_170),
    (Some("GB"), 3_170),
    (Some("IE"), 2_810),
    (Some("SG"), 2_260),
    (Some("NL"), 2_200),
    (None, 1_640),
    (Some("IN"), 1_530),
    (Some("JP"), 980),
    (Some("FR"), 850),
    (Some("CA"), 730),
    (Some("AU"), 670),
    (Some("CN"), 670),
    (Some("HK"), 550),
    (Some("BR"), 530),
    (Some("BE"), 520),
    (Some("KR"), 510),
    (Some("FI"), 440),
    (Some("SE"), 380),
    (Some("ES"), 280),
    (Some("RU"), 260),
    (Some("IT"), 110),
    (Some("CH"), 100),
    (Some("PL"), 95),
    (Some("TW"), 85),
    (Some("IL"), 75),
    (Some("NO"), 65),
    (Some("DK"), 60),
    (Some("AT"), 55),
    (Some("ZA"), 50),
    (Some("VN"), 45),
    (Some("ID"), 42),
    (Some("TR"), 40),
    (Some("UA"), 36),
    (Some("MX"), 33),
    (Some("CZ"), 30),
    (Some("PT"), 27),
    (Some("AR"), 24),
    (Some("RO"), 21),
    (Some("NZ"), 18),
    (Some("TH"), 15),
    (Some("PK"), 12),
    (Some("KE"), 9),
    (Some("EG"), 6),
    (Some("CL"), 4),
    (Some("IS"), 2),
    (Some("XK"), 1),
];

/// Python series with their last patch release, per 100,000. 3.7 to 3.13: July
/// 2025, all projects, ClickHouse/clickpy `public/report/july-2025.html`
/// (94555259a166). Others: February 2025, pip only, hugovk/pypi-tools
/// `data/2025-02.json`; 3.3 and 3.15 raised to 1.
pub(crate) const PYTHONS: Shares<(&str, u8)> = &[
    (("3.11", 13), 31_000),
    (("3.10", 18), 20_700),
    (("3.12", 11), 14_700),
    (("3.9", 23), 12_700),
    (("3.7", 17), 5_800),
    (("3.8", 20), 4_800),
    (("3.13", 7), 4_800),
    (("3.6", 15), 969),
    (("2.7", 18), 501),
    (("3.5", 10), 25),
    (("3.14", 0), 8),
    (("3.4", 10), 1),
    (("3.3", 7), 1),
    (("3.15", 0), 1),
];

/// Pythons that the counting rule drops: seen in the wild, hugovk/pypi-tools
/// `data/`.
pub(crate) const ODD_PYTHONS: Shares<&str> = &[("Sure.0", 1), ("33.7.1", 1), ("133.7", 1)];

/// *Assumed*.
pub(crate) const IMPLEMENTATIONS: Shares<&str> =
    &[("CPython", 9_930), ("PyPy", 65), ("GraalVM", 5)];

/// Systems where one is known, per 100,000: July 2025, all projects,
/// ClickHouse/clickpy `public/report/july-2025.html`; other systems 5, from 202
/// projects in 2025, simonw/package-stats.
pub(crate) const SYSTEMS: Shares<System> = &[
    (System::Linux, 95_200),
    (System::Windows, 2_200),
    (System::Darwin, 1_100),
    (System::Other, 5),
];

/// The systems that pypistats knows apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Linux,
    Windows,
    Darwin,
    Other,
}

/// Systems beyond the three: names and counts of pillow, 30 days to
/// 2024-12-19, hugovk/pypi-tools `macos.json`; the releases are *assumed*.
pub(crate) const OTHER_SYSTEMS: Shares<(&str, &str)> = &[
    (("FreeBSD", "14.1-RELEASE-p5"), 423),
    (("CYGWIN_NT-10.0-19045", "3.5.4-1.x86_64"), 52),
    (("iOS", "17.5.1"), 40),
    (("OpenBSD", "7.5"), 33),
    (("mobile", "1.0"), 17),
    (("MINGW64_NT-10.0-19045", "3.5.4-395fda67.x86_64"), 11),
    (("NetBSD", "10.0"), 6),
    (("SunOS", "5.11"), 6),
    (("AIX", "2"), 3),
];

/// A Linux distribution as pip names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distro {
    pub(crate) name: &'static str,
    pub(crate) version: Option<&'static str>,
    pub(crate) id: Option<&'static str>,
    /// glibc version; none is musl, which pip does not see.
    pub(crate) glibc: Option<&'static str>,
    pub(crate) kernel: Kernel,
}

/// How kernel releases of a distribution look.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kernel {
    Ubuntu,
    Amazon2,
    Amazon2023,
    RedHat7,
    RedHat8,
    RedHat9,
    /// Containers mostly: the kernel of the host.
    Any,
}

const fn distro(
    name: &'static str,
    version: &'static str,
    id: &'static str,
    glibc: &'static str,
    kernel: Kernel,
) -> Option<Distro> {
    Some(Distro {
        name,
        version: Some(version),
        id: if id.is_empty() { None } else { Some(id) },
        glibc: if glibc.is_empty() { None } else { Some(glibc) },
        kernel,
    })
}

/// Linux distributions by thousands of downloads of pillow, 30 days to
/// 2024-12-19, hugovk/pypi-tools `macos.json`, which has the version alone: the
/// name is our reading (22.04 is Ubuntu, 2023 is Amazon Linux). Several systems
/// share 8.x and 9.x; their split, and the last four rows, are *assumed*. One
/// of those has every character that CSV and JSON quote, one is not ASCII.
pub(crate) const DISTROS: Shares<Option<Distro>> = &[
    (
        distro("Ubuntu", "22.04", "jammy", "2.35", Kernel::Ubuntu),
        11_992,
    ),
    (
        distro("Amazon Linux", "2023", "", "2.34", Kernel::Amazon2023),
        8_289,
    ),
    (
        distro("Debian GNU/Linux", "12", "bookworm", "2.36", Kernel::Any),
        8_069,
    ),
    (
        distro("Debian GNU/Linux", "11", "bullseye", "2.31", Kernel::Any),
        3_422,
    ),
    (
        distro("Ubuntu", "20.04", "focal", "2.31", Kernel::Ubuntu),
        2_498,
    ),
    (None, 2_256),
    (
        distro("Ubuntu", "24.04", "noble", "2.39", Kernel::Ubuntu),
        2_131,
    ),
    (
        distro("Amazon Linux", "2", "Karoo", "2.26", Kernel::Amazon2),
        1_286,
    ),
    (
        distro("Debian GNU/Linux", "10", "buster", "2.28", Kernel::Any),
        521,
    ),
    (
        distro(
            "Red Hat Enterprise Linux",
            "8.10",
            "Ootpa",
            "2.28",
            Kernel::RedHat8,
        ),
        158,
    ),
    (
        distro(
            "Rocky Linux",
            "8.10",
            "Green Obsidian",
            "2.28",
            Kernel::RedHat8,
        ),
        100,
    ),
    (
        distro(
            "Red Hat Enterprise Linux",
            "9.5",
            "Plow",
            "2.34",
            Kernel::RedHat9,
        ),
        133,
    ),
    (
        distro("AlmaLinux", "9.5", "Teal Serval", "2.34", Kernel::RedHat9),
        100,
    ),
    (
        distro("CentOS Linux", "7", "Core", "2.17", Kernel::RedHat7),
        224,
    ),
    (distro("Alpine Linux", "3.20.3", "", "", Kernel::Any), 181),
    (
        distro("Ubuntu", "18.04", "bionic", "2.27", Kernel::Ubuntu),
        168,
    ),
    (distro("Alpine Linux", "3.19.1", "", "", Kernel::Any), 70),
    (
        distro("CentOS Stream", "9", "", "2.34", Kernel::RedHat9),
        63,
    ),
    (
        distro(
            "Debian GNU/Linux",
            "trixie/sid",
            "trixie",
            "2.40",
            Kernel::Any,
        ),
        61,
    ),
    (distro("Fedora Linux", "41", "", "2.40", Kernel::Any), 30),
    (
        Some(Distro {
            name: "Arch Linux",
            version: None,
            id: None,
            glibc: Some("2.40"),
            kernel: Kernel::Any,
        }),
        20,
    ),
    (
        distro(
            "Acme \"Edge\" Linux, LTS",
            "7\\1",
            "edge",
            "2.35",
            Kernel::Any,
        ),
        5,
    ),
    (
        distro("Pingüino Linux", "5.0", "ñandú", "2.31", Kernel::Any),
        5,
    ),
];

/// macOS versions, thousands of downloads of pillow, same file.
pub(crate) const MACOS: Shares<&str> = &[
    ("14.7.1", 493),
    ("15.1.1", 263),
    ("14.7", 142),
    ("13.7.1", 126),
    ("15.1", 101),
    ("14.6.1", 87),
    ("14.5", 71),
    ("10.16", 50),
    ("15.2", 44),
    ("15.0.1", 44),
    ("15.0", 29),
];

/// *Assumed*.
pub(crate) const WINDOWS_RELEASES: Shares<&str> = &[
    ("10", 55),
    ("11", 20),
    ("2022Server", 15),
    ("2019Server", 10),
];
/// *Assumed*.
pub(crate) const LINUX_CPUS: Shares<&str> = &[
    ("x86_64", 920),
    ("aarch64", 75),
    ("armv7l", 3),
    ("ppc64le", 1),
    ("s390x", 1),
];
/// *Assumed*.
pub(crate) const WINDOWS_CPUS: Shares<&str> = &[("AMD64", 97), ("ARM64", 2), ("x86", 1)];
/// *Assumed*.
pub(crate) const DARWIN_CPUS: Shares<&str> = &[("arm64", 80), ("x86_64", 20)];

/// CI set, of 10,000: pillow, 5 days to 2024-02-25, pip only, `ofek/pypinfo`
/// README.
pub(crate) const CI_PER_10_000: u32 = 2_063;

/// pip by major version, per thousand: March to September 2024, PEP 777,
/// appendix "PyPI download analysis". The split within a major version is
/// *assumed*.
pub(crate) const PIP_VERSIONS: Shares<&str> = &[
    ("24.0", 200),
    ("24.1.2", 77),
    ("24.2", 150),
    ("24.3.1", 50),
    ("23.0.1", 89),
    ("23.1.2", 20),
    ("23.2.1", 60),
    ("23.3.2", 30),
    ("21.2.4", 69),
    ("21.3.1", 70),
    ("22.0.2", 45),
    ("22.3.1", 60),
    ("20.0.2", 34),
    ("20.3.4", 20),
    ("9.0.1", 10),
    ("9.0.3", 9),
];

/// *Assumed*.
pub(crate) const UV_VERSIONS: Shares<&str> = &[
    ("0.5.11", 10),
    ("0.6.0", 12),
    ("0.7.20", 20),
    ("0.8.13", 25),
    ("0.9.13", 20),
    ("0.9.26", 13),
];
/// Sent by recent uv as a list and stored shell-joined
/// (pypi/linehaul-cloud-function#237); shares *assumed*.
pub(crate) const UV_SUBCOMMANDS: Shares<Option<&[&str]>> = &[
    (None, 50),
    (Some(&["sync"]), 25),
    (Some(&["pip", "install"]), 15),
    (Some(&["run"]), 10),
];
/// *Assumed*.
pub(crate) const SETUPTOOLS_VERSIONS: Shares<Option<&str>> = &[
    (None, 40),
    (Some("47.1.0"), 5),
    (Some("58.1.0"), 15),
    (Some("65.5.0"), 20),
    (Some("68.1.2"), 8),
    (Some("75.1.0"), 12),
];
/// *Assumed*.
pub(crate) const OPENSSL_VERSIONS: Shares<&str> = &[
    ("OpenSSL 1.1.1f  31 Mar 2020", 10),
    ("OpenSSL 1.1.1w  11 Sep 2023", 25),
    ("OpenSSL 3.0.2 15 Mar 2022", 30),
    ("OpenSSL 3.0.15 3 Sep 2024", 35),
];
/// *Assumed*.
pub(crate) const TLS: Shares<Option<(&str, &str)>> = &[
    (Some(("TLSv1.3", "TLS_AES_256_GCM_SHA384")), 600),
    (Some(("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256")), 390),
    (Some(("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384")), 9),
    (None, 1),
];

/// What a file is called and what PyPI calls its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Wheel,
    SdistTarGz,
    SdistZip,
    SdistTarBz2,
    Egg,
    Wininst,
    Dumb,
    Msi,
    Rpm,
    Dmg,
}

/// All files of PyPI by extension, per 100,000 (20.8 million files), which a
/// mirror takes alike: <https://github.com/pypi/infra/pull/242>. The last four
/// are below 3 there and raised.
pub(crate) const FILES_STORED: Shares<FileKind> = &[
    (FileKind::Wheel, 59_120),
    (FileKind::SdistTarGz, 39_770),
    (FileKind::Egg, 580),
    (FileKind::SdistZip, 430),
    (FileKind::Wininst, 80),
    (FileKind::SdistTarBz2, 20),
    (FileKind::Dumb, 20),
    (FileKind::Msi, 20),
    (FileKind::Rpm, 20),
    (FileKind::Dmg, 20),
];

/// Files that installers take of a project with wheels. *Assumed*: an
/// installer prefers the wheel.
pub(crate) const FILES_INSTALLED: Shares<FileKind> = &[
    (FileKind::Wheel, 95_000),
    (FileKind::SdistTarGz, 4_600),
    (FileKind::SdistZip, 200),
    (FileKind::Egg, 100),
    (FileKind::Wininst, 60),
    (FileKind::SdistTarBz2, 30),
    (FileKind::Msi, 10),
];

/// Versions of a project. *Assumed* spread around the known mean: 6.22 million
/// releases (October 2024) of 589,368 projects with a download (November 2024)
/// make 10.6; `requests` has 153, `boto3` 1,842 (ClickHouse/clickpy, July 2025).
pub(crate) const VERSION_COUNTS: Shares<u32> = &[
    (1, 200),
    (2, 140),
    (4, 220),
    (8, 200),
    (15, 130),
    (30, 80),
    (60, 22),
    (120, 6),
    (240, 1),
    (600, 1),
];

/// Projects, of 10,000, whose oldest version PEP 440 refuses: 0.08 % of the
/// releases (October 2024, "Non-Conforming Package Versions"), about ten a
/// project.
pub(crate) const ODD_VERSION_PROJECTS_PER_10_000: u32 = 80;
/// Such versions, as found on PyPI. Each begins with a digit, so that a file
/// name shows where the version begins.
pub(crate) const ODD_VERSIONS: Shares<&str> = &[
    ("2004d", 3),
    ("1.3.0.dev-r634", 2),
    ("1.0.0-final", 2),
    ("1.9.0-python3", 1),
    ("0.1.2.final.0", 1),
    ("1.0.pre-alpha", 1),
];
/// Shares of the version forms. *Assumed*.
pub(crate) const VERSION_SCHEMES: Shares<VersionScheme> = &[
    (VersionScheme::Three, 70),
    (VersionScheme::Two, 12),
    (VersionScheme::Calendar, 10),
    (VersionScheme::Stub, 8),
];

/// How a project numbers its versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionScheme {
    /// `2.31.0`
    Three,
    /// `1.26`
    Two,
    /// `2024.8.30`
    Calendar,
    /// `2.31.0.20240406`, like typeshed's stubs
    Stub,
}

/// User-Agents that linehaul's parsers refuse and its ignore list does not
/// have; most were quoted in public places.
pub(crate) const UNKNOWN_AGENTS: Shares<&str> = &[
    ("python-httpx/0.27.0", 20),
    ("Python/3.11 aiohttp/3.9.1", 15),
    ("pip/23.0", 10),
    ("pip/19.0.3 no JSON UA", 3),
    ("pip/evil {invalid JSON}", 2),
    ("Artifactory/7.46.10 74610900", 15),
    ("JFrog-Router/7.42.0-1", 5),
    ("axios/1.6.2", 10),
    ("Mythic HTTP monitor check", 3),
    ("*/*", 2),
    ("errant nonsense | with pipes", 2),
    ("says \"hello\" and \\goodbye\\", 2),
    (
        "uv/0.1.21 {\"installer\":{\"name\":\"uv\",\"version\":\"0.1.21\"},\"python\":\"3.12.2\"}",
        5,
    ),
];

/// User-Agents on linehaul's ignore list (`_ignore_re` of
/// `linehaul/ua/parser.py`).
pub(crate) const IGNORED_AGENTS: Shares<&str> = &[
    ("Go-http-client/1.1", 40),
    ("Go-http-client/2.0", 20),
    ("Java/1.8.0_292", 8),
    ("Datadog Agent/7.49.0", 5),
    ("(null)", 10),
    ("Scrapy/2.11.0 (+https://scrapy.org)", 4),
    ("WordPress/6.4.2; https://blog.example", 2),
    ("Chef Client/17.10.0", 2),
    ("Salt/3006.4", 2),
    ("ansible-httpget", 2),
    ("Ruby", 2),
    ("inspector.pypi.io", 3),
    ("example-crawler/Nutch-1.19", 1),
];

/// One program that needs no more than its version.
pub(crate) const BROWSERS: Shares<&str> = &[
    ("curl/8.5.0", 30),
    ("Wget/1.21.4", 25),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        20,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/131.0.0.0 Safari/537.36",
        20,
    ),
    ("okhttp/4.12.0", 3),
    ("aria2/1.37.0", 2),
];
/// Download tools of operating systems, as linehaul's `OS` parser lists them.
pub(crate) const OS_AGENTS: Shares<&str> = &[
    ("fetch libfetch/2.0", 4),
    ("OpenBSD ftp", 2),
    ("MacPorts/2.8.1 libcurl/7.85.0", 2),
    ("xbps/0.59.2", 1),
    ("PTXdist 2023.01.0", 1),
    ("NetBSD-ftp/20230507", 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_are_about_1_6_times_weekend_days() {
        let weekday = f64::from(WEEKDAYS[..5].iter().sum::<u32>()) / 5.0;
        let weekend = f64::from(WEEKDAYS[5..].iter().sum::<u32>()) / 2.0;
        assert!((1.55..1.65).contains(&(weekday / weekend)));
    }

    #[test]
    fn draws_follow_the_weights() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut us = 0;
        for _ in 0..100_000 {
            us += u32::from(draw(&mut rng, COUNTRIES) == Some("US"));
        }
        assert!((74_000..75_600).contains(&us), "{us}");
    }
}
