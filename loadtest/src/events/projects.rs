//! The projects: names, versions, and how their files are called.

use std::fmt::Write;

use super::alias::AliasTable;
use super::marginals::{
    ODD_VERSION_PROJECTS_PER_10_000, ODD_VERSIONS, VERSION_COUNTS, VERSION_SCHEMES, VersionScheme,
    draw,
};
use super::popularity;

/// One project.
pub(crate) struct Project {
    /// PEP 503 form, as events carry it.
    pub(crate) name: String,
    /// The form in file names: no hyphen, but perhaps capitals and dots.
    pub(crate) stem: String,
    /// Its versions have numbers from 0, the oldest, to this, not included.
    pub(crate) version_count: u32,
    /// Wheels differ by Python and platform.
    pub(crate) native: bool,
    /// There are no wheels at all.
    pub(crate) source_only: bool,
    scheme: VersionScheme,
    /// The oldest version, where it is one that PEP 440 refuses.
    odd_version: Option<&'static str>,
}

/// All projects with their popularity.
pub(crate) struct Projects {
    all: Vec<Project>,
    by_weight: AliasTable,
}

impl Projects {
    /// The first `count` projects of the popularity curve.
    pub(crate) fn new(count: u32, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        // Which name has which rank is the seed's to say.
        let mut name_numbers: Vec<u32> = (0..count).collect();
        rng.shuffle(&mut name_numbers);
        let all = name_numbers
            .into_iter()
            .map(|number| Project::new(number, &mut rng))
            .collect();
        Self {
            all,
            by_weight: AliasTable::new(&popularity::weights(count)),
        }
    }

    pub(crate) fn draw(&self, rng: &mut fastrand::Rng) -> usize {
        self.by_weight.draw(rng)
    }

    pub(crate) fn get(&self, index: usize) -> &Project {
        &self.all[index]
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|project| project.name.as_str())
    }
}

impl Project {
    fn new(number: u32, rng: &mut fastrand::Rng) -> Self {
        let words = words(number);
        let stem = match rng.u32(..100) {
            0..84 => words.join("_"),
            // PyYAML, Flask_Login: capitals survive in names of files.
            84..93 => capitalised(&words).join("_"),
            // zope.interface
            93..98 => words.join("."),
            _ => capitalised(&words).join("."),
        };
        let odd = rng.u32(..10_000) < ODD_VERSION_PROJECTS_PER_10_000;
        Self {
            name: words.join("-"),
            stem,
            version_count: draw(rng, VERSION_COUNTS),
            native: rng.u32(..100) < 25,
            source_only: rng.u32(..100) < 5,
            scheme: draw(rng, VERSION_SCHEMES),
            odd_version: odd.then(|| draw(rng, ODD_VERSIONS)),
        }
    }

    /// Draws a version number: the newest most, old ones ever less.
    pub(crate) fn draw_version(&self, rng: &mut fastrand::Rng) -> u32 {
        let mut age = self.version_count;
        for _ in 0..3 {
            age = rng.u32(..=age.min(self.version_count - 1));
        }
        let newest_first = self.version_count - 1 - age;
        // Installers pass over a pre-release unless told otherwise.
        if newest_first > 0 && self.is_pre_release(newest_first) && rng.u32(..10) < 8 {
            newest_first - 1
        } else {
            newest_first
        }
    }

    /// Writes version `number`; different numbers are different versions.
    pub(crate) fn write_version(&self, number: u32, version: &mut String) {
        if let (0, Some(odd)) = (number, self.odd_version) {
            version.push_str(odd);
            return;
        }
        let (major, minor, patch) = (number / 24, number / 4 % 6, number % 4);
        let written = match self.scheme {
            VersionScheme::Three => write!(version, "{major}.{}.{patch}", minor + 1),
            VersionScheme::Two => write!(version, "{}.{}", number / 10, number % 10),
            VersionScheme::Calendar => {
                // One a month up to 2026, however many there are.
                let year = 2026 - (self.version_count - 1) / 12 + number / 12;
                write!(version, "{year}.{}.{}", number % 12 + 1, number % 27 + 1)
            }
            VersionScheme::Stub => {
                let day = number % 28 + 1;
                write!(version, "{major}.{minor}.{patch}.202404{day:02}")
            }
        };
        written.expect("a string takes all");
        if self.is_pre_release(number) {
            version.push_str(["a1", "b2", "rc1", ".dev3"][number as usize / 9 % 4]);
        } else if number % 17 == 5 {
            version.push_str(".post1");
        }
    }

    /// Whether version `number` may have wheels and the like: a version with a
    /// hyphen would be read as two parts of their names.
    pub(crate) fn allows_built(&self, number: u32) -> bool {
        !self.source_only && (number > 0 || self.odd_version.is_none())
    }

    fn is_pre_release(&self, number: u32) -> bool {
        number % 9 == 7
    }
}

/// The words of name `number`; different numbers are different words, of which
/// the first names have one, the next two, then three, then a number besides.
fn words(number: u32) -> Vec<String> {
    let (firsts, nouns, lasts) = (len(FIRSTS), len(NOUNS), len(LASTS));
    let word = |words: &[&str], i: u32| words[i as usize].to_owned();
    let Some(number) = number.checked_sub(nouns) else {
        return vec![word(NOUNS, number)];
    };
    let noun = word(NOUNS, number % nouns);
    let Some(number) = (number / nouns).checked_sub(firsts) else {
        return vec![word(FIRSTS, number / nouns), noun];
    };
    let (first, number) = (word(FIRSTS, number % firsts), number / firsts);
    let (last, number) = (word(LASTS, number % lasts), number / lasts);
    let mut words = vec![first, noun, last];
    if number > 0 {
        words.push((number + 1).to_string());
    }
    words
}

fn len(words: &[&str]) -> u32 {
    u32::try_from(words.len()).expect("short lists")
}

fn capitalised(words: &[String]) -> Vec<String> {
    words
        .iter()
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        })
        .collect()
}

const FIRSTS: &[&str] = &[
    "py", "django", "fast", "aio", "flask", "types", "simple", "data", "cloud", "auto", "open",
    "micro", "easy", "azure", "google", "aws", "apache", "pytest", "jupyter", "sphinx", "my",
    "smart", "quick", "tiny", "deep", "neuro", "geo", "bio", "astro", "quantum", "agent", "llm",
    "robot", "edge", "async", "multi", "hyper", "meta", "mono", "nano", "omni", "poly", "proto",
    "retro", "semi", "super", "trans", "ultra", "uni", "zope",
];
const NOUNS: &[&str] = &[
    "http",
    "json",
    "yaml",
    "toml",
    "xml",
    "csv",
    "html",
    "sql",
    "graph",
    "tensor",
    "array",
    "matrix",
    "frame",
    "plot",
    "chart",
    "image",
    "video",
    "audio",
    "text",
    "token",
    "parser",
    "lexer",
    "grammar",
    "template",
    "config",
    "settings",
    "logging",
    "metrics",
    "trace",
    "queue",
    "broker",
    "worker",
    "task",
    "job",
    "cron",
    "schedule",
    "event",
    "signal",
    "socket",
    "server",
    "proxy",
    "router",
    "gateway",
    "auth",
    "oauth",
    "jwt",
    "crypto",
    "hash",
    "cipher",
    "secret",
    "vault",
    "storage",
    "bucket",
    "blob",
    "cache",
    "redis",
    "mongo",
    "postgres",
    "mysql",
    "sqlite",
    "orm",
    "schema",
    "model",
    "field",
    "form",
    "widget",
    "table",
    "index",
    "search",
    "vector",
    "embedding",
    "prompt",
    "chat",
    "speech",
    "translate",
    "stats",
    "regress",
    "cluster",
    "forest",
    "bayes",
    "neural",
    "torch",
    "optim",
    "solver",
    "genome",
    "protein",
    "molecule",
    "crystal",
    "climate",
    "weather",
    "map",
    "tile",
    "route",
    "gps",
    "drone",
    "sensor",
    "serial",
    "modbus",
    "mqtt",
    "bluetooth",
    "usb",
    "pdf",
    "docx",
    "xlsx",
    "markdown",
    "calendar",
    "email",
    "sms",
    "invoice",
    "payment",
    "ledger",
    "bank",
    "stock",
    "trade",
    "game",
    "sprite",
    "physics",
    "mesh",
    "shader",
    "font",
    "color",
    "theme",
];
const LASTS: &[&str] = &[
    "client",
    "utils",
    "core",
    "tools",
    "sdk",
    "api",
    "cli",
    "lib",
    "helper",
    "plugin",
    "extras",
    "common",
    "base",
    "runner",
    "manager",
    "wrapper",
    "bindings",
    "backend",
    "frontend",
    "kit",
    "stubs",
    "adapter",
    "bridge",
    "connector",
    "driver",
    "engine",
    "factory",
    "handler",
    "hub",
    "lite",
    "loader",
    "mixin",
    "monitor",
    "next",
    "ng",
    "pack",
    "pipeline",
    "provider",
    "reader",
    "service",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// PEP 503.
    fn normalised(name: &str) -> String {
        name.split(['-', '_', '.'])
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("-")
            .to_lowercase()
    }

    #[test]
    fn names_are_normalised_unlike_and_found_in_file_names() {
        for count in [1, 150, 10_000] {
            let projects = Projects::new(count, 5);
            let names: HashSet<_> = projects.names().collect();
            assert_eq!(names.len(), count as usize);
            for project in &projects.all {
                assert_eq!(normalised(&project.name), project.name);
                assert_eq!(normalised(&project.stem), project.name);
                assert!(!project.stem.contains('-'), "{}", project.stem);
            }
        }
    }

    #[test]
    fn words_of_names_are_unlike() {
        // Past the first names with a number, of which there is no end.
        let count = 250_000;
        let names: HashSet<_> = (0..count).map(|number| words(number).join("-")).collect();
        assert_eq!(names.len(), count as usize);
    }

    #[test]
    fn some_file_names_keep_capitals_and_dots() {
        let projects = Projects::new(2_000, 5);
        let count = |found: fn(&Project) -> bool| projects.all.iter().filter(|p| found(p)).count();
        assert!(count(|p| p.stem.contains(|c: char| c.is_ascii_uppercase())) > 50);
        assert!(count(|p| p.stem.contains('.')) > 20);
        assert!(count(|p| p.odd_version.is_some()) > 3);
    }

    #[test]
    fn versions_of_a_project_are_unlike() {
        for project in &Projects::new(500, 9).all {
            let versions: HashSet<_> = (0..project.version_count)
                .map(|number| {
                    let mut version = String::new();
                    project.write_version(number, &mut version);
                    assert!(version.starts_with(|c: char| c.is_ascii_digit()));
                    version
                })
                .collect();
            assert_eq!(versions.len(), project.version_count as usize);
        }
    }

    #[test]
    fn the_newest_version_leads() {
        let projects = Projects::new(500, 9);
        let project = projects.all.iter().find(|p| p.version_count == 15).unwrap();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut counts = [0u32; 15];
        for _ in 0..20_000 {
            counts[project.draw_version(&mut rng) as usize] += 1;
        }
        let most = counts.iter().max().unwrap();
        assert_eq!(counts.iter().rposition(|count| count == most), Some(14));
        assert!(counts[13] > 4 * counts[2], "{counts:?}");
        // 7 is a pre-release.
        assert!(counts[7] * 2 < counts[8], "{counts:?}");
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    }
}
