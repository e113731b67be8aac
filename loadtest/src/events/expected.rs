//! The counting rule, written a second time.
//!
//! It shares nothing with the programs it judges, so its text follows the
//! published rules line by line: what is dropped, what is a mirror, what falls
//! in which category (pypistats `tasks/pypi.py` for the drop-in dimensions).

use std::fmt::Write as _;
use std::io;

use rustc_hash::FxHashMap;

use super::details::Details;
use super::event::Event;
use super::projects::Projects;
use super::write_counts;

/// Left out of `without_mirrors`, as pypistats does.
const NOT_WITHOUT_MIRRORS: [&str; 4] = ["bandersnatch", "z3c.pypimirror", "Artifactory", "devpi"];
const MIRRORS: [&str; 3] = ["bandersnatch", "z3c.pypimirror", "pep381client"];
const PROXIES: [&str; 3] = ["Artifactory", "devpi", "Nexus"];

/// What counts are split by. Variants stand in the order of their names, so
/// that sorting by one sorts by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Dimension {
    Ci,
    Country,
    Cpu,
    Distro,
    FileType,
    FileTypeWithoutMirrors,
    Implementation,
    Installer,
    Libc,
    Overall,
    PythonMajor,
    PythonMinor,
    SideFiles,
    System,
    Traffic,
    Version,
    VersionPython,
    VersionWithoutMirrors,
}

impl Dimension {
    const ALL: [Self; 18] = [
        Self::Ci,
        Self::Country,
        Self::Cpu,
        Self::Distro,
        Self::FileType,
        Self::FileTypeWithoutMirrors,
        Self::Implementation,
        Self::Installer,
        Self::Libc,
        Self::Overall,
        Self::PythonMajor,
        Self::PythonMinor,
        Self::SideFiles,
        Self::System,
        Self::Traffic,
        Self::Version,
        Self::VersionPython,
        Self::VersionWithoutMirrors,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ci => "ci",
            Self::Country => "country",
            Self::Cpu => "cpu",
            Self::Distro => "distro",
            Self::FileType => "file_type",
            Self::FileTypeWithoutMirrors => "file_type_without_mirrors",
            Self::Implementation => "implementation",
            Self::Installer => "installer",
            Self::Libc => "libc",
            Self::Overall => "overall",
            Self::PythonMajor => "python_major",
            Self::PythonMinor => "python_minor",
            Self::SideFiles => "side_files",
            Self::System => "system",
            Self::Traffic => "traffic",
            Self::Version => "version",
            Self::VersionPython => "version_python",
            Self::VersionWithoutMirrors => "version_without_mirrors",
        }
    }
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A download.
    Download,
    /// A side file, counted apart.
    SideFile,
    /// Not counted: linehaul ignores the User-Agent.
    IgnoredUserAgent,
    /// Not counted: the Python is none.
    IgnoredPython,
}

/// The counts of one day.
pub(crate) struct DayCounts {
    with_country: bool,
    /// By project and category.
    counts: FxHashMap<(u32, u32), u64>,
    categories: Categories,
    /// Place of each project in the order of names.
    project_places: Vec<u32>,
    /// Project at each place.
    projects_by_name: Vec<u32>,
    scratch: String,
}

/// Numbers for (dimension, category).
struct Categories {
    by_text: Vec<FxHashMap<Box<str>, u32>>,
    count: u32,
}

impl Categories {
    fn new() -> Self {
        Self {
            by_text: vec![FxHashMap::default(); Dimension::ALL.len()],
            count: 0,
        }
    }

    fn number(&mut self, dimension: Dimension, text: &str) -> u32 {
        let numbers = &mut self.by_text[dimension as usize];
        if let Some(number) = numbers.get(text) {
            return *number;
        }
        let number = self.count;
        numbers.insert(text.into(), number);
        self.count += 1;
        number
    }

    /// All, by dimension and text.
    fn sorted(&self) -> Vec<(Dimension, &str, u32)> {
        let mut sorted: Vec<_> = Dimension::ALL
            .into_iter()
            .zip(&self.by_text)
            .flat_map(|(dimension, numbers)| {
                numbers
                    .iter()
                    .map(move |(text, number)| (dimension, &**text, *number))
            })
            .collect();
        sorted.sort_unstable();
        sorted
    }
}

impl DayCounts {
    /// No counts; `with_country` unless the format has none.
    pub(crate) fn new(projects: &Projects, with_country: bool) -> Self {
        let names: Vec<&str> = projects.names().collect();
        let count = u32::try_from(names.len()).expect("the flag is a u32");
        let mut projects_by_name: Vec<u32> = (0..count).collect();
        projects_by_name.sort_unstable_by_key(|project| names[*project as usize]);
        let mut project_places = vec![0; names.len()];
        for (place, project) in (0..).zip(&projects_by_name) {
            project_places[*project as usize] = place;
        }
        Self {
            with_country,
            counts: FxHashMap::default(),
            categories: Categories::new(),
            project_places,
            projects_by_name,
            scratch: String::new(),
        }
    }

    /// Counts one event.
    pub(crate) fn add(&mut self, event: &Event<'_>) -> Verdict {
        if event.agent.is_ignored() {
            return Verdict::IgnoredUserAgent;
        }
        let none = Details::default();
        let details = event.agent.details().unwrap_or(&none);
        let python_minor = match details.python.as_deref() {
            None => None,
            Some(python) => match minor(python) {
                None => return Verdict::IgnoredPython,
                some => some,
            },
        };
        let installer = details.installer.as_ref().map(|installer| &*installer.name);
        let without_mirrors = installer.is_some_and(|name| !NOT_WITHOUT_MIRRORS.contains(&name));
        let project = self.project_places[event.project_index];
        if event.side_file {
            self.count(project, Dimension::SideFiles, "with_mirrors");
            if without_mirrors {
                self.count(project, Dimension::SideFiles, "without_mirrors");
            }
            return Verdict::SideFile;
        }
        let traffic = traffic(installer, details.ci);
        self.count(project, Dimension::Overall, "with_mirrors");
        self.count(project, Dimension::Version, event.version);
        self.count(project, Dimension::FileType, event.file_type);
        self.count(project, Dimension::Installer, installer.unwrap_or("null"));
        self.count(project, Dimension::Traffic, traffic);
        if without_mirrors {
            self.add_without_mirrors(project, event, details, python_minor);
        }
        Verdict::Download
    }

    fn add_without_mirrors(
        &mut self,
        project: u32,
        event: &Event<'_>,
        details: &Details,
        python_minor: Option<&str>,
    ) {
        self.count(project, Dimension::Overall, "without_mirrors");
        self.count(project, Dimension::VersionWithoutMirrors, event.version);
        self.count(project, Dimension::FileTypeWithoutMirrors, event.file_type);
        let python_major = python_minor.map(|minor| &minor[..1]);
        self.count(
            project,
            Dimension::PythonMajor,
            python_major.unwrap_or("null"),
        );
        let python_minor = python_minor.unwrap_or("null");
        self.count(project, Dimension::PythonMinor, python_minor);
        self.count_pair(
            project,
            Dimension::VersionPython,
            event.version,
            Some(python_minor),
        );
        let implementation = details.implementation.as_ref().map(|known| &*known.name);
        self.count(
            project,
            Dimension::Implementation,
            implementation.unwrap_or("null"),
        );
        let cpu = details.cpu.as_deref();
        self.count(project, Dimension::Cpu, cpu.unwrap_or("null"));
        let system = match details.system.as_ref().map(|system| &*system.name) {
            None => "null",
            Some(known @ ("Windows" | "Linux" | "Darwin")) => known,
            Some(_) => "other",
        };
        self.count(project, Dimension::System, system);
        let distro = details.distro.as_ref();
        match distro {
            None => self.count(project, Dimension::Distro, "null"),
            Some(distro) => {
                let version = distro.version.as_deref();
                self.count_pair(project, Dimension::Distro, &distro.name, version);
            }
        }
        match distro.and_then(|distro| distro.libc.as_ref()) {
            None => self.count(project, Dimension::Libc, "null"),
            Some(libc) => {
                self.count_pair(project, Dimension::Libc, &libc.lib, Some(&libc.version));
            }
        }
        if self.with_country {
            self.count(project, Dimension::Country, event.country.unwrap_or("null"));
        }
        let ci = if details.ci == Some(true) {
            "true"
        } else {
            "null"
        };
        self.count(project, Dimension::Ci, ci);
    }

    /// The category "first", or "first second".
    fn count_pair(
        &mut self,
        project: u32,
        dimension: Dimension,
        first: &str,
        second: Option<&str>,
    ) {
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        text.push_str(first);
        if let Some(second) = second {
            write!(text, " {second}").expect("a string takes all");
        }
        self.count(project, dimension, &text);
        self.scratch = text;
    }

    fn count(&mut self, project: u32, dimension: Dimension, text: &str) {
        let category = self.categories.number(dimension, text);
        *self.counts.entry((project, category)).or_default() += 1;
    }

    /// Number of rows that [`DayCounts::each_sorted`] would write.
    pub(crate) fn row_count(&self) -> u64 {
        self.counts.len() as u64
    }

    /// Gives `write` the row of each count: project, dimension, category, count;
    /// sorted.
    pub(crate) fn each_sorted(
        &self,
        projects: &Projects,
        mut write: impl FnMut(&write_counts::Row<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let categories = self.categories.sorted();
        let mut category_places = vec![0; categories.len()];
        for (place, (_, _, number)) in (0u32..).zip(&categories) {
            category_places[*number as usize] = place;
        }
        let mut rows: Vec<_> = self
            .counts
            .iter()
            .map(|((project, category), count)| {
                ((*project, category_places[*category as usize]), *count)
            })
            .collect();
        rows.sort_unstable();
        for ((project, category), count) in rows {
            let project = self.projects_by_name[project as usize];
            let (dimension, category, _) = categories[category as usize];
            write(&write_counts::Row {
                project: &projects.get(project as usize).name,
                dimension: dimension.name(),
                category,
                count,
            })?;
        }
        Ok(())
    }

    /// Forgets the day.
    pub(crate) fn clear(&mut self) {
        self.counts.clear();
        self.categories = Categories::new();
    }
}

fn traffic(installer: Option<&str>, ci: Option<bool>) -> &'static str {
    match installer {
        None => "unknown",
        Some(name) if MIRRORS.contains(&name) => "mirror",
        Some(name) if PROXIES.contains(&name) => "proxy",
        Some("Browser") => "browser",
        Some(_) if ci == Some(true) => "ci",
        Some(_) => "tool",
    }
}

/// `3.12` of `3.12.1`: what `^[0-9]\.[0-9]+` matches.
fn minor(python: &str) -> Option<&str> {
    let bytes = python.as_bytes();
    if !bytes.first()?.is_ascii_digit() || *bytes.get(1)? != b'.' {
        return None;
    }
    let digits = bytes[2..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (digits > 0).then(|| &python[..2 + digits])
}

#[cfg(test)]
mod tests;
