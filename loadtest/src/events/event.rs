//! Download events, one after the other, by time.
//!
//! A format never takes part in a choice here: the same recipe gives the same
//! events whatever is written of them.

use std::cell::OnceCell;
use std::fmt::Write;

use super::agent::Agent;
use super::alias::AliasTable;
use super::marginals::{AgentKind, COUNTRIES, FILES_INSTALLED, FILES_STORED, FileKind, TLS, draw};
use super::projects::{Project, Projects};
use crate::config::Recipe;

/// Container images and machines that ask again and again, by installer. How
/// many unlike User-Agents a log holds is not published; *assumed*.
const REGULAR_AGENTS: u32 = 16_384;
/// Of 100 events of pip and uv, those of a machine not seen before. *Assumed*.
const NEW_AGENTS_PER_100: u32 = 5;
/// The larger, the flatter: with 50 the most frequent agent has 0.3 %. *Assumed*.
const REGULAR_AGENTS_FLATNESS: f64 = 50.0;
/// Of 100 side files of wheels, those that are `.metadata` (PEP 658); the rest
/// are signatures. *Assumed*.
const METADATA_PER_100: u32 = 97;

/// One download of one file.
pub(crate) struct Event<'a> {
    /// Seconds since midnight.
    pub(crate) second: u32,
    pub(crate) country: Option<&'static str>,
    pub(crate) project_index: usize,
    pub(crate) project: &'a Project,
    pub(crate) version: &'a str,
    /// PyPI's name of the type; a side file has that of its file.
    pub(crate) file_type: &'static str,
    pub(crate) filename: &'a str,
    /// Path on the server, file name included.
    pub(crate) url: &'a str,
    pub(crate) side_file: bool,
    /// Protocol and cipher.
    pub(crate) tls: Option<(&'static str, &'static str)>,
    pub(crate) agent: &'a Agent,
}

/// Makes events.
pub(crate) struct Events {
    projects: Projects,
    agents: RegularAgents,
    countries: AliasTable,
    side_file_share: f64,
    rng: fastrand::Rng,
    // Of the latest event.
    version: String,
    url: String,
    agent: Agent,
}

impl Events {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let mut seeds = fastrand::Rng::with_seed(recipe.seed);
        let projects = Projects::new(recipe.project_count, seeds.u64(..));
        let agents = RegularAgents::new(seeds.u64(..));
        let weights: Vec<f64> = COUNTRIES
            .iter()
            .map(|(_, weight)| f64::from(*weight))
            .collect();
        let mut rng = fastrand::Rng::with_seed(seeds.u64(..));
        Self {
            projects,
            agents,
            countries: AliasTable::new(&weights),
            side_file_share: recipe.side_file_share,
            version: String::new(),
            url: String::new(),
            agent: Agent::make(AgentKind::Unknown, &mut rng),
            rng,
        }
    }

    pub(crate) fn projects(&self) -> &Projects {
        &self.projects
    }

    /// The choices of the times of day.
    pub(crate) fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }

    /// The next event, at the second of the day.
    pub(crate) fn make(&mut self, second: u32) -> Event<'_> {
        let rng = &mut self.rng;
        let kind = Agent::draw_kind(rng);
        let agent = match self.agents.draw(kind, rng) {
            Some(agent) => agent,
            None => {
                self.agent = Agent::make(kind, rng);
                &self.agent
            }
        };
        let project_index = self.projects.draw(rng);
        let project = self.projects.get(project_index);
        let is_mirror = matches!(
            kind,
            AgentKind::Bandersnatch | AgentKind::Z3cPypimirror | AgentKind::Pep381client
        );
        let number = if is_mirror {
            rng.u32(..project.version_count)
        } else {
            project.draw_version(rng)
        };
        self.version.clear();
        project.write_version(number, &mut self.version);
        let shares = if is_mirror {
            FILES_STORED
        } else {
            FILES_INSTALLED
        };
        let drawn = draw(rng, shares);
        // Built forms ask for a version that a file name can hold.
        let file = if project.allows_built(number) {
            drawn
        } else {
            FileKind::SdistTarGz
        };
        let side_suffix = if rng.f64() >= self.side_file_share {
            ""
        } else if file == FileKind::Wheel && rng.u32(..100) < METADATA_PER_100 {
            ".metadata"
        } else {
            ".asc"
        };
        self.url.clear();
        write_url_directory(&project.name, number, file, &mut self.url);
        let directory_len = self.url.len();
        write_filename(project, &self.version, file, rng, &mut self.url);
        self.url.push_str(side_suffix);
        let country = COUNTRIES[self.countries.draw(rng)].0;
        let tls = draw(rng, TLS);
        Event {
            second,
            country,
            project_index,
            project,
            version: &self.version,
            file_type: type_name(file),
            filename: &self.url[directory_len..],
            url: &self.url,
            side_file: !side_suffix.is_empty(),
            tls,
            agent,
        }
    }
}

/// pip's and uv's users: most downloads come from few images.
struct RegularAgents {
    seed: u64,
    /// Made when first drawn, each from a seed of its own.
    pip: Vec<OnceCell<Agent>>,
    uv: Vec<OnceCell<Agent>>,
    by_weight: AliasTable,
}

impl RegularAgents {
    fn new(seed: u64) -> Self {
        let weights: Vec<f64> = (0..REGULAR_AGENTS)
            .map(|rank| 1.0 / (f64::from(rank) + REGULAR_AGENTS_FLATNESS))
            .collect();
        Self {
            seed,
            pip: vec![OnceCell::new(); weights.len()],
            uv: vec![OnceCell::new(); weights.len()],
            by_weight: AliasTable::new(&weights),
        }
    }

    /// None where the event has an agent of its own.
    fn draw(&self, kind: AgentKind, rng: &mut fastrand::Rng) -> Option<&Agent> {
        let agents = match kind {
            AgentKind::Pip => &self.pip,
            AgentKind::Uv => &self.uv,
            _ => return None,
        };
        if rng.u32(..100) < NEW_AGENTS_PER_100 {
            return None;
        }
        let index = self.by_weight.draw(rng);
        Some(agents[index].get_or_init(|| {
            let seed = self.seed.wrapping_add(index as u64);
            Agent::make(kind, &mut fastrand::Rng::with_seed(seed).fork())
        }))
    }
}

fn type_name(file: FileKind) -> &'static str {
    match file {
        FileKind::Wheel => "bdist_wheel",
        FileKind::SdistTarGz | FileKind::SdistZip | FileKind::SdistTarBz2 => "sdist",
        FileKind::Egg => "bdist_egg",
        FileKind::Wininst => "bdist_wininst",
        FileKind::Dumb => "bdist_dumb",
        FileKind::Msi => "bdist_msi",
        FileKind::Rpm => "bdist_rpm",
        FileKind::Dmg => "bdist_dmg",
    }
}

/// `/packages/<2 hex>/<2 hex>/<60 hex>/`: on PyPI the hash of the file, here of
/// its project, version and kind.
fn write_url_directory(project: &str, version: u32, file: FileKind, url: &mut String) {
    // FNV-1a, then the generator seeded with it; a look-alike of a hash is
    // all that is wanted.
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    let name = project.bytes().map(u64::from);
    for word in name.chain([u64::from(version), file as u64]) {
        state = (state ^ word).wrapping_mul(0x0100_0000_01b3);
    }
    let mut rng = fastrand::Rng::with_seed(state);
    let [a, b, c, d] = [rng.u64(..), rng.u64(..), rng.u64(..), rng.u64(..)];
    let (first, second, rest) = (a >> 56, a >> 48 & 0xff, a & 0xffff_ffff_ffff);
    write!(
        url,
        "/packages/{first:02x}/{second:02x}/{rest:012x}{b:016x}{c:016x}{d:016x}/"
    )
    .expect("a string takes all");
}

fn write_filename(
    project: &Project,
    version: &str,
    file: FileKind,
    rng: &mut fastrand::Rng,
    name: &mut String,
) {
    name.push_str(&project.stem);
    name.push('-');
    name.push_str(version);
    name.push_str(match file {
        FileKind::Wheel if project.native => rng
            .choice([
                "-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                "-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                "-cp312-cp312-manylinux_2_28_aarch64.whl",
                "-cp39-abi3-musllinux_1_2_x86_64.whl",
                "-cp313-cp313-macosx_11_0_arm64.whl",
                "-cp312-cp312-win_amd64.whl",
            ])
            .expect("six names"),
        FileKind::Wheel if project.stem.len().is_multiple_of(5) => "-py2.py3-none-any.whl",
        FileKind::Wheel => "-py3-none-any.whl",
        FileKind::SdistTarGz => ".tar.gz",
        FileKind::SdistZip => ".zip",
        FileKind::SdistTarBz2 => ".tar.bz2",
        FileKind::Egg => "-py2.7.egg",
        FileKind::Wininst => ".win-amd64-py2.7.exe",
        FileKind::Dumb => ".linux-x86_64.tar.gz",
        FileKind::Msi => ".win32-py2.7.msi",
        FileKind::Rpm => "-1.noarch.rpm",
        FileKind::Dmg => ".dmg",
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::civil::date;

    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            row_count: 0,
            day_count: 1,
            last_day: date(2026, 11, 20),
            seed: 42,
            project_count: 500,
            malformed_count: 0,
            side_file_share: 0.02,
        }
    }

    #[test]
    fn file_names_hold_the_project_and_the_version() {
        let mut events = Events::new(&recipe());
        for _ in 0..20_000 {
            let event = events.make(0);
            let start = format!("{}-{}", event.project.stem, event.version);
            assert!(event.filename.starts_with(&start), "{}", event.filename);
            assert_eq!(event.url.len(), 10 + 3 + 3 + 61 + event.filename.len());
            let side = event.filename.ends_with(".metadata") || event.filename.ends_with(".asc");
            assert_eq!(event.side_file, side);
            // A wheel's name is five or six parts, so its version has no hyphen.
            if event.filename.ends_with(".whl") {
                assert_eq!(event.filename.split('-').count(), 5, "{}", event.filename);
            }
        }
    }

    #[test]
    fn one_file_has_one_url() {
        let mut events = Events::new(&recipe());
        let mut urls = BTreeMap::new();
        for _ in 0..20_000 {
            let event = events.make(0);
            let url = urls
                .entry(event.filename.to_owned())
                .or_insert_with(|| event.url.to_owned());
            assert_eq!(url, event.url);
        }
    }

    #[test]
    fn shares_are_as_in_the_tables() {
        const EVENTS: u32 = 200_000;
        let mut events = Events::new(&recipe());
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for _ in 0..EVENTS {
            let event = events.make(0);
            let mut count =
                |what, found: bool| *counts.entry(what).or_default() += u32::from(found);
            count("side files", event.side_file);
            count("US", event.country == Some("US"));
            count("no country", event.country.is_none());
            count("ignored", event.agent.is_ignored());
            let details = event.agent.details();
            count("no details", details.is_none());
            let Some(details) = details else { continue };
            let installer = details.installer.as_ref().map(|installer| &*installer.name);
            count("pip", installer == Some("pip"));
            count("uv", installer == Some("uv"));
            count("poetry", installer == Some("poetry"));
            count("ci", details.ci == Some(true));
            let system = details.system.as_ref().map(|system| &*system.name);
            count("Linux", system == Some("Linux"));
            let python = details.python.as_deref().unwrap_or_default();
            count("3.11", python.starts_with("3.11."));
            count("sdist", event.file_type == "sdist");
        }
        let check = |what, expect: f64, tolerance: f64| {
            let share = f64::from(counts[what]) / f64::from(EVENTS);
            assert!(
                (share - expect).abs() <= tolerance,
                "{what}: {share}, not {expect}"
            );
        };
        check("side files", 0.02, 0.002);
        check("US", 0.748, 0.004);
        check("no country", 0.0164, 0.001);
        check("ignored", 0.003, 0.0005);
        check("no details", 0.010, 0.001);
        check("pip", 0.850, 0.004);
        check("uv", 0.088, 0.003);
        check("poetry", 0.018, 0.001);
        // Of pip and uv, 93.8 % of all; the regular agents make it coarse.
        check("ci", 0.2063 * 0.938, 0.02);
        check("Linux", 0.962 * 0.938 + 0.017, 0.02);
        check("3.11", 0.323 * 0.938, 0.03);
        check("sdist", 0.10, 0.05);
    }
}
