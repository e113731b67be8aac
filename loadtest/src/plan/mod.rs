//! Which request comes next.
//!
//! A [`Plan`] is shared by all generator threads and never changes; each thread
//! draws from it with a [`Source`] of its own, so no thread waits for another.

mod names;
mod replay;
mod template;

use std::sync::Arc;

use anyhow::{Context, bail};
use rustc_hash::FxHashMap;

use crate::config::{PlanConfig, Target};
use crate::events::alias::AliasTable;
use replay::Recorded;
use template::Template;

/// ETags that a thread remembers; beyond it requests go without. About 20 MB.
const ETAGS_MAX: usize = 200_000;

/// What to ask for, and how often.
#[derive(Debug)]
pub struct Plan {
    kind: Kind,
    names: Vec<Box<str>>,
    conditional_share: f64,
    gzip_share: f64,
    unknown_share: f64,
    /// In words, for the report.
    pub summary: Vec<(String, String)>,
}

#[derive(Debug)]
enum Kind {
    Mix {
        routes: Vec<Template>,
        route_table: AliasTable,
        name_table: Option<AliasTable>,
    },
    Replay(Vec<Recorded>),
}

/// Methods without a body, which are all a reader needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD: an answer without a body, whatever its length says.
    Head,
    /// OPTIONS.
    Options,
}

impl Method {
    /// As in a request line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        }
    }
}

/// Which status is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// 2xx or 3xx.
    Success,
    /// The name does not exist: 4xx, or a success with nothing in it, as
    /// pypistats.org answers for some routes.
    Missing,
    /// The class that a log recorded, 1 to 5.
    Class(u16),
}

impl Expect {
    /// Whether an answer with this status is no error.
    #[must_use]
    pub fn allows(self, status: u16) -> bool {
        match self {
            Self::Success => (200..400).contains(&status),
            Self::Missing => (200..500).contains(&status),
            // A replay at another time may be revalidated where the recorded
            // request was not, and the other way round.
            Self::Class(2 | 3) => (200..400).contains(&status),
            Self::Class(class) => status / 100 == class && class < 5,
        }
    }
}

/// A request to be sent; its path stands in [`Source::path`].
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    /// Its method.
    pub method: Method,
    /// Which answer is right.
    pub expect: Expect,
    /// Whether gzip is accepted.
    pub gzip: bool,
    /// Whether it carries the ETag that [`Source::etag`] has.
    pub conditional: bool,
    /// What the answer's ETag is remembered by.
    pub key: Option<u64>,
}

impl Plan {
    /// Loads names or log.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or names are needed and none found.
    pub fn load(config: &PlanConfig, target: &Target) -> anyhow::Result<Self> {
        let mut summary = Vec::new();
        let mut names = Vec::new();
        let kind = if let Some(log) = &config.replay {
            let replay = replay::read(log)?;
            if replay.requests.is_empty() {
                bail!(
                    "{}: no line with a GET, HEAD or OPTIONS request",
                    log.display()
                );
            }
            summary.push((
                "replay".to_owned(),
                format!(
                    "{}: {} requests, {} lines left out",
                    log.display(),
                    replay.requests.len(),
                    replay.skipped_count
                ),
            ));
            Kind::Replay(replay.requests)
        } else {
            if let Some(from) = &config.names {
                names = names::load(from, config.names_pointer.as_deref(), target)
                    .context("package names")?;
                summary.push((
                    "names".to_owned(),
                    format!("{}, zipf {}", names.len(), config.zipf),
                ));
            }
            let weights: Vec<f64> = config.routes.iter().map(|route| route.weight).collect();
            let sum: f64 = weights.iter().sum();
            for route in config.routes.iter().take(20) {
                summary.push((
                    route.template.clone(),
                    format!("{:.1} %", route.weight / sum * 100.0),
                ));
            }
            if config.routes.len() > 20 {
                summary.push((
                    "…".to_owned(),
                    format!("{} routes in all", config.routes.len()),
                ));
            }
            Kind::Mix {
                routes: config
                    .routes
                    .iter()
                    .map(|route| Template::new(&route.template))
                    .collect(),
                route_table: AliasTable::new(&weights),
                name_table: (!names.is_empty())
                    .then(|| AliasTable::new(&zipf(names.len(), config.zipf))),
            }
        };
        for (what, share) in [
            ("conditional", config.conditional_share),
            ("gzip", config.gzip_share),
            ("unknown names", config.unknown_share),
        ] {
            if share > 0.0 {
                summary.push((what.to_owned(), format!("{:.1} %", share * 100.0)));
            }
        }
        Ok(Self {
            kind,
            names,
            conditional_share: config.conditional_share,
            gzip_share: config.gzip_share,
            unknown_share: config.unknown_share,
            summary,
        })
    }

    /// Requests in a log; none where the plan goes on for ever.
    #[must_use]
    pub fn request_count(&self) -> Option<usize> {
        match &self.kind {
            Kind::Mix { .. } => None,
            Kind::Replay(requests) => Some(requests.len()),
        }
    }

    /// Whether answers' ETags are needed.
    #[must_use]
    pub fn wants_etags(&self) -> bool {
        self.conditional_share > 0.0
    }

    /// A request as most will be, to look at the answer before the load.
    #[must_use]
    pub fn example(&self) -> String {
        let mut path = String::new();
        match &self.kind {
            Kind::Mix {
                routes,
                route_table,
                ..
            } => {
                let most = route_table.likeliest();
                routes[most].write(&mut path, || self.names.first().map_or("", |name| name));
            }
            Kind::Replay(requests) => path.push_str(&requests[0].path),
        }
        path
    }
}

/// Weights of ranks: the n-th is asked for n^-exponent as often as the first.
#[expect(clippy::cast_precision_loss, reason = "ranks are far below 2^52")]
fn zipf(count: usize, exponent: f64) -> Vec<f64> {
    (1..=count)
        .map(|rank| (rank as f64).powf(-exponent))
        .collect()
}

/// A thread's way through the plan.
#[derive(Debug)]
pub struct Source {
    plan: Arc<Plan>,
    rng: fastrand::Rng,
    etags: FxHashMap<u64, Box<[u8]>>,
    path: String,
    replay_next: usize,
    replay_step: usize,
}

impl Source {
    /// For thread `thread` of `thread_count`, which share a log in turn.
    #[must_use]
    pub fn new(plan: Arc<Plan>, thread: usize, thread_count: usize, seed: u64) -> Self {
        Self {
            plan,
            rng: fastrand::Rng::with_seed(seed),
            etags: FxHashMap::default(),
            path: String::new(),
            replay_next: thread,
            replay_step: thread_count,
        }
    }

    /// The path of the last request drawn.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The ETag to be sent with the last request drawn.
    #[must_use]
    pub fn etag(&self, shot: &Shot) -> Option<&[u8]> {
        if !shot.conditional {
            return None;
        }
        self.etags.get(&shot.key?).map(|etag| &**etag)
    }

    /// Draws the next request; none when the log is over.
    pub fn draw(&mut self) -> Option<Shot> {
        self.path.clear();
        let plan = Arc::clone(&self.plan);
        let gzip = chance(&mut self.rng, plan.gzip_share);
        let conditional = chance(&mut self.rng, plan.conditional_share);
        let (method, expect, key) = match &plan.kind {
            Kind::Mix {
                routes,
                route_table,
                name_table,
            } => {
                let number = if routes.len() == 1 {
                    0
                } else {
                    route_table.draw(&mut self.rng)
                };
                let route = &routes[number];
                if route.name_count > 0 && chance(&mut self.rng, plan.unknown_share) {
                    let name = format!("espy-unknown-{:016x}", self.rng.u64(..));
                    route.write(&mut self.path, || &name);
                    (Method::Get, Expect::Missing, None)
                } else {
                    let mut drawn = 0;
                    let rng = &mut self.rng;
                    route.write(&mut self.path, || match name_table {
                        Some(table) => {
                            drawn = table.draw(rng);
                            &plan.names[drawn]
                        }
                        None => "",
                    });
                    // Several names make more paths than are worth remembering.
                    let key = (route.name_count < 2).then(|| pair(number, drawn));
                    (Method::Get, Expect::Success, key)
                }
            }
            Kind::Replay(requests) => {
                let number = self.replay_next;
                let request = requests.get(number)?;
                self.replay_next += self.replay_step;
                self.path.push_str(&request.path);
                let expect = request.class.map_or(Expect::Success, Expect::Class);
                (request.method, expect, Some(pair(0, request.same_as)))
            }
        };
        let key = key.map(|key| key << 1 | u64::from(gzip));
        Some(Shot {
            method,
            expect,
            gzip,
            conditional,
            key,
        })
    }

    /// Remembers what an answer said.
    pub fn remember(&mut self, key: u64, etag: &[u8]) {
        if let Some(known) = self.etags.get_mut(&key) {
            if **known != *etag {
                *known = etag.into();
            }
        } else if self.etags.len() < ETAGS_MAX {
            self.etags.insert(key, etag.into());
        }
    }
}

fn chance(rng: &mut fastrand::Rng, share: f64) -> bool {
    share > 0.0 && rng.f64() < share
}

/// Routes and names are far fewer than 2^31.
fn pair(route: usize, name: usize) -> u64 {
    (route as u64) << 32 | name as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NamesFrom, RouteConfig};

    fn plan(routes: &[(&str, f64)], change: impl FnOnce(&mut PlanConfig)) -> Arc<Plan> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("names");
        std::fs::write(&file, "alpha\nbeta\ngamma\ndelta\n").unwrap();
        let mut config = PlanConfig {
            routes: routes
                .iter()
                .map(|(template, weight)| RouteConfig {
                    template: (*template).to_owned(),
                    weight: *weight,
                })
                .collect(),
            names: Some(NamesFrom::File(file)),
            names_pointer: None,
            zipf: 1.0,
            replay: None,
            conditional_share: 0.0,
            gzip_share: 0.0,
            unknown_share: 0.0,
        };
        change(&mut config);
        let target = Target {
            name: "t".to_owned(),
            address: "127.0.0.1:1".parse().unwrap(),
            authority: "t".to_owned(),
        };
        Arc::new(Plan::load(&config, &target).unwrap())
    }

    fn share_of(plan: &Arc<Plan>, is_it: impl Fn(&str, &Shot) -> bool) -> f64 {
        let mut source = Source::new(Arc::clone(plan), 0, 1, 3);
        let hits = (0..50_000)
            .filter(|_| {
                let shot = source.draw().unwrap();
                is_it(source.path(), &shot)
            })
            .count();
        f64::from(u32::try_from(hits).unwrap()) / 50_000.0
    }

    #[test]
    fn names_follow_zipf_and_routes_their_weights() {
        let plan = plan(&[("/a/{p}", 3.0), ("/b", 1.0)], |_| {});
        let near =
            |share: f64, expect: f64| assert!((share - expect).abs() < 0.01, "{share} {expect}");
        near(share_of(&plan, |path, _| path == "/b"), 0.25);
        let sum = 1.0 + 1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 4.0;
        near(share_of(&plan, |path, _| path == "/a/alpha"), 0.75 / sum);
        near(
            share_of(&plan, |path, _| path == "/a/delta"),
            0.75 / 4.0 / sum,
        );
        assert_eq!(plan.example(), "/a/alpha");
    }

    #[test]
    fn shares_of_the_other_kinds() {
        let plan = plan(&[("/a/{p}", 1.0)], |config| {
            config.unknown_share = 0.2;
            config.gzip_share = 0.5;
            config.conditional_share = 0.3;
        });
        let near =
            |share: f64, expect: f64| assert!((share - expect).abs() < 0.01, "{share} {expect}");
        near(
            share_of(&plan, |_, shot| shot.expect == Expect::Missing),
            0.2,
        );
        near(share_of(&plan, |path, _| path.contains("unknown")), 0.2);
        near(share_of(&plan, |_, shot| shot.gzip), 0.5);
        near(share_of(&plan, |_, shot| shot.conditional), 0.3);
    }

    #[test]
    fn an_etag_is_remembered_for_its_path_and_coding() {
        let plan = plan(&[("/a/{p}", 1.0)], |config| config.conditional_share = 1.0);
        let mut source = Source::new(plan, 0, 1, 3);
        let shot = source.draw().unwrap();
        assert_eq!(source.etag(&shot), None);
        source.remember(shot.key.unwrap(), b"\"1\"");
        assert_eq!(source.etag(&shot), Some(&b"\"1\""[..]));
        let gzipped = Shot {
            key: shot.key.map(|key| key ^ 1),
            ..shot
        };
        assert_eq!(source.etag(&gzipped), None);
    }

    #[test]
    fn the_right_statuses() {
        fn check(expect: Expect, status: u16, is_right: bool) {
            assert_eq!(expect.allows(status), is_right, "{expect:?} {status}");
        }
        check(Expect::Success, 200, true);
        check(Expect::Success, 304, true);
        check(Expect::Success, 404, false);
        check(Expect::Missing, 404, true);
        check(Expect::Missing, 200, true);
        check(Expect::Missing, 500, false);
        check(Expect::Class(2), 304, true);
        check(Expect::Class(4), 404, true);
        check(Expect::Class(4), 200, false);
        check(Expect::Class(5), 503, false);
    }
}
