//! Synthetic counts with the shape of PyPI's: projects, versions, dimensions.

use std::collections::{HashMap, HashSet};

use fastrand::Rng;

use crate::codec;
use crate::draw::{exponential, multinomial, normal, poisson, round};

/// Six whole months and the open one: 2026-01-01 to 2026-07-31.
pub(crate) const MONTH_DAYS: [usize; 7] = [31, 28, 31, 30, 31, 30, 31];
/// The months before the open one: 181 days, what pypistats.org keeps.
pub(crate) const CLOSED_MONTHS: usize = 6;
pub(crate) const CLOSED_DAYS: usize = 181;
pub(crate) const DAYS: usize = 212;

/// Ranks the projects are drawn from.
const RANKS: f64 = 700_000.0;
const SEED: u64 = 20_260_701;

/// In the order of the columns of a row per project: what is read most first,
/// what is longest last.
pub(crate) const DIMENSIONS: [&str; 19] = [
    "overall",
    "python_major",
    "python_minor",
    "system",
    "side_files",
    "partial",
    "file_type",
    "file_type_without_mirrors",
    "traffic",
    "ci",
    "implementation",
    "cpu",
    "installer",
    "libc",
    "distro",
    "country",
    "version",
    "version_without_mirrors",
    "version_python",
];
pub(crate) const OVERALL: usize = 0;
const PYTHON_MAJOR: usize = 1;
const PYTHON_MINOR: usize = 2;
const SYSTEM: usize = 3;
const SIDE_FILES: usize = 4;
const PARTIAL: usize = 5;
const FILE_TYPE: usize = 6;
const FILE_TYPE_WITHOUT_MIRRORS: usize = 7;
const TRAFFIC: usize = 8;
const CI: usize = 9;
const IMPLEMENTATION: usize = 10;
const CPU: usize = 11;
const INSTALLER: usize = 12;
const LIBC: usize = 13;
const DISTRO: usize = 14;
pub(crate) const COUNTRY: usize = 15;
const VERSION: usize = 16;
const VERSION_WITHOUT_MIRRORS: usize = 17;
const VERSION_PYTHON: usize = 18;

/// Dimensions whose categories stand in the rows, not in the dictionary.
pub(crate) fn is_inline(dimension: usize) -> bool {
    dimension >= VERSION
}

/// Drawn independently for each download without mirrors.
const WITHOUT_MIRRORS: [usize; 8] = [
    SYSTEM,
    FILE_TYPE_WITHOUT_MIRRORS,
    CI,
    IMPLEMENTATION,
    CPU,
    LIBC,
    DISTRO,
    COUNTRY,
];

pub(crate) struct Series {
    pub(crate) dimension: usize,
    /// Index into `Data::labels`.
    pub(crate) label: usize,
}

/// Series sorted by dimension and category; `counts` has `DAYS` for each.
pub(crate) struct Project {
    pub(crate) name: String,
    pub(crate) series: Vec<Series>,
    counts: Vec<u32>,
}

impl Project {
    pub(crate) fn counts(&self, series: usize) -> &[u32] {
        &self.counts[series * DAYS..][..DAYS]
    }
}

pub(crate) struct Data {
    /// Sorted by name.
    pub(crate) projects: Vec<Project>,
    pub(crate) labels: Vec<String>,
    label_hashes: Vec<u64>,
}

/// What a category's counts are multiplied by in a checksum.
pub(crate) fn checksum_factor(dimension: usize, label_hash: u64) -> u64 {
    label_hash.wrapping_add(dimension as u64 * 0x9e37_79b9)
}

impl Data {
    pub(crate) fn draw(projects: usize) -> Self {
        let mut rng = Rng::with_seed(SEED);
        let names = draw_names(projects, SEED);
        let catalogs = catalogs();
        let mut labels = Labels::default();
        let step = RANKS / projects as f64;
        let mut projects: Vec<Project> = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| {
                let rank = (index as f64 + rng.f64()) * step + 1.0;
                let mut rng = Rng::with_seed(SEED ^ (index as u64 + 1));
                Grid::draw(&mut rng, rank, &catalogs).into_project(name, &mut labels)
            })
            .collect();
        projects.sort_by(|a, b| a.name.cmp(&b.name));
        let label_hashes = labels
            .names
            .iter()
            .map(|name| codec::hash(name.as_bytes()))
            .collect();
        Self {
            projects,
            labels: labels.names,
            label_hashes,
        }
    }

    /// Sum over all counts of count x (day + 1) x category, for `days` and the
    /// dimensions chosen.
    pub(crate) fn checksum(
        &self,
        project: &Project,
        days: std::ops::Range<usize>,
        chosen: impl Fn(usize) -> bool,
    ) -> u64 {
        let mut sum = 0_u64;
        for (index, series) in project.series.iter().enumerate() {
            if chosen(series.dimension) {
                let factor = checksum_factor(series.dimension, self.label_hashes[series.label]);
                for day in days.clone() {
                    let count = u64::from(project.counts(index)[day]);
                    sum = sum.wrapping_add((count * (day as u64 + 1)).wrapping_mul(factor));
                }
            }
        }
        sum
    }

    pub(crate) fn series_count(&self) -> usize {
        self.projects
            .iter()
            .map(|project| project.series.len())
            .sum()
    }

    pub(crate) fn non_zero_count(&self) -> usize {
        self.projects
            .iter()
            .flat_map(|project| &project.counts)
            .filter(|count| **count > 0)
            .count()
    }

    pub(crate) fn with_mirrors(&self) -> u64 {
        let mut sum = 0;
        for project in &self.projects {
            for (index, series) in project.series.iter().enumerate() {
                if series.dimension == OVERALL && self.labels[series.label] == "with_mirrors" {
                    sum += project
                        .counts(index)
                        .iter()
                        .map(|count| u64::from(*count))
                        .sum::<u64>();
                }
            }
        }
        sum
    }
}

/// Downloads in 30 days by rank: points of `top-pypi-packages`, straight lines
/// between their logarithms, the last slope kept for the tail.
fn monthly_downloads(rank: f64) -> f64 {
    const POINTS: [(f64, f64); 5] = [
        (1.0, 1.88e9),
        (100.0, 303e6),
        (1_000.0, 16.8e6),
        (10_000.0, 148e3),
        (15_000.0, 57e3),
    ];
    let after = POINTS
        .iter()
        .position(|point| rank < point.0)
        .unwrap_or(POINTS.len() - 1)
        .max(1);
    let ((x0, y0), (x1, y1)) = (POINTS[after - 1], POINTS[after]);
    y0 * (rank / x0).powf((y1 / y0).ln() / (x1 / x0).ln())
}

fn version_count(rng: &mut Rng, rank: f64) -> usize {
    match rank {
        ..1_000.0 => 60,
        ..10_000.0 => rng.usize(25..=60),
        ..100_000.0 => rng.usize(4..=25),
        _ => rng.usize(1..=5),
    }
}

/// Unique names, one to three words, sorted by nothing.
pub(crate) fn draw_names(count: usize, seed: u64) -> Vec<String> {
    const SYLLABLES: [&str; 48] = [
        "py", "data", "lib", "net", "ml", "io", "auth", "cloud", "test", "flow", "ka", "ro", "mi",
        "ten", "sor", "graph", "sql", "web", "api", "client", "tool", "kit", "core", "utils", "an",
        "el", "is", "ax", "qu", "zen", "lo", "ra", "ve", "to", "no", "fast", "micro", "open", "x",
        "s3", "aws", "django", "flask", "bot", "cli", "parser", "async", "stub",
    ];
    let mut rng = Rng::with_seed(seed);
    let mut seen = HashSet::new();
    let mut names = Vec::with_capacity(count);
    while names.len() < count {
        let mut name = String::new();
        for word in 0..rng.usize(1..=3) {
            if word > 0 {
                name.push('-');
            }
            for _ in 0..rng.usize(1..=3) {
                name.push_str(SYLLABLES[rng.usize(..SYLLABLES.len())]);
            }
        }
        if seen.insert(name.clone()) {
            names.push(name);
        }
    }
    names
}

/// Categories of one dimension in name order, with their share of all PyPI.
type Catalog = Vec<(String, f64)>;

fn long_tail(first: &[&str], count: usize, slope: f64, name: impl Fn(usize) -> String) -> Catalog {
    (0..count)
        .map(|index| {
            let name = first
                .get(index)
                .map_or_else(|| name(index), ToString::to_string);
            (name, (index as f64 + 1.0).powf(-slope))
        })
        .collect()
}

fn catalogs() -> Vec<Catalog> {
    let fixed = |entries: &[(&str, f64)]| -> Catalog {
        entries
            .iter()
            .map(|(name, weight)| ((*name).to_owned(), *weight))
            .collect()
    };
    let mut catalogs = vec![Catalog::new(); DIMENSIONS.len()];
    catalogs[OVERALL] = fixed(&[("with_mirrors", 1.0), ("without_mirrors", 1.0)]);
    catalogs[SIDE_FILES] = catalogs[OVERALL].clone();
    catalogs[PARTIAL] = fixed(&[("partial", 1.0)]);
    catalogs[PYTHON_MAJOR] = fixed(&[("2", 1.0), ("3", 1.0), ("null", 1.0)]);
    catalogs[PYTHON_MINOR] = fixed(&[
        ("2.7", 0.03),
        ("3.10", 0.17),
        ("3.11", 0.20),
        ("3.12", 0.22),
        ("3.13", 0.10),
        ("3.7", 0.04),
        ("3.8", 0.07),
        ("3.9", 0.13),
        ("null", 0.04),
    ]);
    catalogs[SYSTEM] = fixed(&[
        ("Darwin", 0.05),
        ("Linux", 0.82),
        ("Windows", 0.08),
        ("other", 0.05),
    ]);
    catalogs[FILE_TYPE] = fixed(&[("bdist_wheel", 0.86), ("sdist", 0.14)]);
    catalogs[FILE_TYPE_WITHOUT_MIRRORS] = catalogs[FILE_TYPE].clone();
    catalogs[CI] = fixed(&[("null", 0.6), ("true", 0.4)]);
    catalogs[IMPLEMENTATION] = fixed(&[("CPython", 0.95), ("PyPy", 0.01), ("null", 0.04)]);
    catalogs[CPU] = fixed(&[
        ("AMD64", 0.08),
        ("aarch64", 0.08),
        ("arm64", 0.05),
        ("null", 0.04),
        ("x86_64", 0.75),
    ]);
    // The mirrors' installers stand last: see `MIRROR_INSTALLERS`.
    catalogs[INSTALLER] = fixed(&[
        ("pdm", 0.01),
        ("pip", 0.69),
        ("poetry", 0.05),
        ("uv", 0.25),
        ("Artifactory", 0.2),
        ("bandersnatch", 0.5),
        ("devpi", 0.05),
        ("null", 0.25),
    ]);
    catalogs[TRAFFIC] = fixed(&[
        ("ci", 0.4),
        ("tool", 0.6),
        ("mirror", 0.7),
        ("proxy", 0.1),
        ("unknown", 0.2),
    ]);
    let glibc = [
        "glibc 2.31",
        "glibc 2.35",
        "glibc 2.36",
        "glibc 2.26",
        "null",
        "glibc 2.17",
    ];
    catalogs[LIBC] = long_tail(&glibc, 15, 1.2, |index| format!("musl 1.{index}"));
    let distros = [
        "Ubuntu 22.04",
        "Debian GNU/Linux 12",
        "Amazon Linux 2",
        "null",
        "Ubuntu 20.04",
        "Debian GNU/Linux 11",
        "Alpine Linux 3.20",
        "macOS 15.1",
        "Ubuntu 24.04",
        "CentOS Linux 7",
    ];
    catalogs[DISTRO] = long_tail(&distros, 60, 1.3, |index| {
        format!("Linux Distribution {index}.{}", index % 7)
    });
    let letter = |index: usize| char::from(b'A' + u8::try_from(index % 26).expect("a letter"));
    catalogs[COUNTRY] = long_tail(&["US"], 100, 1.4, |index| {
        [letter(index * 7), letter(index * 11 + index / 26)]
            .iter()
            .collect()
    });
    for (dimension, catalog) in catalogs.iter_mut().enumerate() {
        if ![INSTALLER, TRAFFIC].contains(&dimension) {
            catalog.sort_by(|a, b| a.0.cmp(&b.0));
        }
    }
    catalogs
}

/// First category that only mirrors send, in `installer` and in `traffic`.
const MIRROR_INSTALLERS: usize = 4;
const MIRROR_TRAFFIC: usize = 2;

/// The counts of one project while they are drawn.
struct Grid {
    /// By dimension and category: a name and the counts of the days.
    cells: Vec<Vec<(String, Vec<u32>)>>,
}

impl Grid {
    fn draw(rng: &mut Rng, rank: f64, catalogs: &[Catalog]) -> Self {
        // Each project has a public of its own.
        let weights: Vec<Vec<f64>> = catalogs
            .iter()
            .map(|catalog| {
                catalog
                    .iter()
                    .map(|entry| entry.1 * (0.7 * normal(rng)).exp())
                    .collect()
            })
            .collect();
        let mut versions = Versions::draw(rng, rank);
        let mut grid = Self::empty(catalogs, &versions.names);
        let daily = monthly_downloads(rank) / 30.0;
        // Mirrors fetch each version about once a day, in bursts
        // (duckinator/bork-statistics shows some 45 a month for each version).
        let mirrored = versions.names.len() as f64 + 0.02 * daily;
        let drift = 0.2 * normal(rng);
        let has_partial = rng.f64() < 0.02;
        for day in 0..DAYS {
            versions.advance(day);
            // 2026-01-01 was a Thursday.
            let weekday = [1.05, 1.15, 1.17, 1.15, 1.05, 0.72, 0.71][(day + 3) % 7];
            let trend = (drift * day as f64 / DAYS as f64 + 0.08 * normal(rng)).exp();
            let without = poisson(rng, daily * weekday * trend);
            let burst = exponential(rng);
            let mirrors = poisson(rng, mirrored * burst);
            grid.draw_day(rng, day, (without, mirrors), &versions, &weights);
            if has_partial {
                grid.add(PARTIAL, 0, day, without / 3);
            }
        }
        grid
    }

    fn empty(catalogs: &[Catalog], versions: &[String]) -> Self {
        let row = |name: String| (name, vec![0; DAYS]);
        let mut cells: Vec<Vec<_>> = catalogs
            .iter()
            .map(|catalog| catalog.iter().map(|entry| row(entry.0.clone())).collect())
            .collect();
        cells[VERSION] = versions.iter().cloned().map(row).collect();
        cells[VERSION_WITHOUT_MIRRORS] = cells[VERSION].clone();
        for version in versions {
            for minor in &catalogs[PYTHON_MINOR] {
                cells[VERSION_PYTHON].push(row(format!("{version} {}", minor.0)));
            }
        }
        Self { cells }
    }

    fn add(&mut self, dimension: usize, category: usize, day: usize, count: u32) {
        self.cells[dimension][category].1[day] += count;
    }

    fn draw_day(
        &mut self,
        rng: &mut Rng,
        day: usize,
        (without, mirrors): (u32, u32),
        versions: &Versions,
        weights: &[Vec<f64>],
    ) {
        self.add(OVERALL, 0, day, without + mirrors);
        self.add(OVERALL, 1, day, without);
        let side_files = round(f64::from(without) * 0.7);
        self.add(SIDE_FILES, 0, day, side_files + mirrors / 2);
        self.add(SIDE_FILES, 1, day, side_files);
        for dimension in WITHOUT_MIRRORS {
            multinomial(rng, without, &weights[dimension], |category, count| {
                self.add(dimension, category, day, count);
                if dimension == FILE_TYPE_WITHOUT_MIRRORS {
                    self.add(FILE_TYPE, category, day, count);
                }
            });
        }
        let (users, robots) = weights[INSTALLER].split_at(MIRROR_INSTALLERS);
        multinomial(rng, without, users, |category, count| {
            self.add(INSTALLER, category, day, count)
        });
        multinomial(rng, mirrors, robots, |category, count| {
            self.add(INSTALLER, MIRROR_INSTALLERS + category, day, count);
        });
        let (users, robots) = weights[TRAFFIC].split_at(MIRROR_TRAFFIC);
        multinomial(rng, without, users, |category, count| {
            self.add(TRAFFIC, category, day, count)
        });
        multinomial(rng, mirrors, robots, |category, count| {
            self.add(TRAFFIC, MIRROR_TRAFFIC + category, day, count);
        });
        multinomial(rng, mirrors, &weights[FILE_TYPE], |category, count| {
            self.add(FILE_TYPE, category, day, count);
        });
        multinomial(rng, mirrors, &versions.released, |version, count| {
            self.add(VERSION, version, day, count)
        });
        let mut by_version = Vec::new();
        multinomial(rng, without, &versions.popularity, |version, count| {
            by_version.push((version, count))
        });
        let minors = &weights[PYTHON_MINOR];
        for (version, count) in by_version {
            self.add(VERSION, version, day, count);
            self.add(VERSION_WITHOUT_MIRRORS, version, day, count);
            multinomial(rng, count, minors, |minor, count| {
                let major = match minor {
                    0 => 0,
                    8 => 2,
                    _ => 1,
                };
                self.add(PYTHON_MAJOR, major, day, count);
                self.add(PYTHON_MINOR, minor, day, count);
                self.add(VERSION_PYTHON, version * minors.len() + minor, day, count);
            });
        }
    }

    fn into_project(self, name: String, labels: &mut Labels) -> Project {
        let mut project = Project {
            name,
            series: Vec::new(),
            counts: Vec::new(),
        };
        for (dimension, mut categories) in self.cells.into_iter().enumerate() {
            categories.retain(|(_, counts)| counts.iter().any(|count| *count > 0));
            categories.sort_by(|a, b| a.0.cmp(&b.0));
            for (label, counts) in categories {
                project.series.push(Series {
                    dimension,
                    label: labels.intern(label),
                });
                project.counts.extend_from_slice(&counts);
            }
        }
        project
    }
}

/// Releases of a project and how its downloads spread over them.
struct Versions {
    names: Vec<String>,
    /// Day of release; negative is before the first day.
    days: Vec<f64>,
    /// Share of downloads by people who pin this version.
    pinned: Vec<f64>,
    popularity: Vec<f64>,
    /// 1 for a version that mirrors can fetch.
    released: Vec<f64>,
}

impl Versions {
    fn draw(rng: &mut Rng, rank: f64) -> Self {
        let count = version_count(rng, rank);
        let pace = (if rank < 100_000.0 { 14.0 } else { 150.0 }) * exponential(rng).max(0.2);
        // The newest release lies somewhere before the last day.
        let newest = DAYS as f64 - exponential(rng) * pace;
        let mut names = Vec::with_capacity(count);
        let (mut minor, mut patch) = (rng.usize(0..9), 0);
        for _ in 0..count {
            names.push(format!("{}.{minor}.{patch}", minor / 12));
            if rng.f64() < 0.4 {
                (minor, patch) = (minor + 1, 0);
            } else {
                patch += 1;
            }
        }
        let mut days: Vec<f64> = (0..count)
            .map(|index| newest - (count - 1 - index) as f64 * pace)
            .collect();
        days[0] = days[0].min(-1.0);
        let pinned = (0..count)
            .map(|_| 0.004 * (1.5 * normal(rng)).exp())
            .collect();
        Self {
            names,
            days,
            pinned,
            popularity: vec![0.0; count],
            released: vec![0.0; count],
        }
    }

    fn advance(&mut self, day: usize) {
        let released = self
            .days
            .iter()
            .filter(|release| **release <= day as f64)
            .count();
        for index in 0..released {
            let age = (released - 1 - index) as f64;
            self.popularity[index] = (-0.9 * age).exp() + self.pinned[index];
            self.released[index] = 1.0;
        }
    }
}

#[derive(Default)]
struct Labels {
    names: Vec<String>,
    ids: HashMap<String, usize>,
}

impl Labels {
    fn intern(&mut self, name: String) -> usize {
        if let Some(id) = self.ids.get(&name) {
            return *id;
        }
        self.ids.insert(name.clone(), self.names.len());
        self.names.push(name);
        self.names.len() - 1
    }
}
