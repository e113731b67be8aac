//! What is asked for, as configured.

use std::path::{Path, PathBuf};

use super::Mistakes;
use super::value::{number, share};
use crate::args::LoadArgs;

/// The routes that `--route-mix` knows by name.
const KNOWN_ROUTES: [(&str, &str); 9] = [
    ("recent", "/api/packages/{p}/recent"),
    ("overall", "/api/packages/{p}/overall"),
    ("python_major", "/api/packages/{p}/python_major"),
    ("python_minor", "/api/packages/{p}/python_minor"),
    ("system", "/api/packages/{p}/system"),
    ("page", "/packages/{p}"),
    ("badge", "/badge/{p}"),
    ("pepy", "/api/v2/projects/{p}"),
    ("healthz", "/healthz"),
];
/// Mostly the short answer, as the storefront that asks for a number beside
/// each package; the series are for detail pages.
const DEFAULT_MIX: &str = "recent=60,overall=20,python_minor=10,system=5,python_major=5";
/// More would be a list in a file, which `--replay` reads.
const ROUTES_MAX: usize = 10_000;

/// A route and how often it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteConfig {
    /// A path in which `{p}` stands for a name.
    pub template: String,
    /// Relative to the other routes.
    pub weight: f64,
}

/// Where names come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamesFrom {
    /// A file on this machine.
    File(PathBuf),
    /// A path of the target.
    Target(String),
}

/// The request plan, valid.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanConfig {
    /// Routes; empty for a replay.
    pub routes: Vec<RouteConfig>,
    /// Names, when routes need them.
    pub names: Option<NamesFrom>,
    /// Where the names are in a JSON document.
    pub names_pointer: Option<String>,
    /// Exponent of their popularity.
    pub zipf: f64,
    /// The log to replay.
    pub replay: Option<PathBuf>,
    /// Share with If-None-Match.
    pub conditional_share: f64,
    /// Share with Accept-Encoding: gzip.
    pub gzip_share: f64,
    /// Share of names that do not exist.
    pub unknown_share: f64,
}

impl PlanConfig {
    /// Reads the flags; where one is mistaken, its mistake is kept.
    pub(super) fn from_args(args: &LoadArgs, mistakes: &mut Mistakes) -> Option<Self> {
        let zipf = mistakes.take(zipf(&args.zipf));
        let conditional_share = mistakes.take(share("--conditional", &args.conditional));
        let gzip_share = mistakes.take(share("--gzip", &args.gzip));
        let unknown_share = mistakes.take(share("--unknown", &args.unknown));
        let replay = args
            .replay
            .as_deref()
            .and_then(|path| mistakes.take(file("--replay", path)));
        let names = args
            .names
            .as_deref()
            .and_then(|typed| mistakes.take(names(typed)));
        if let Some(pointer) = &args.names_pointer
            && !pointer.is_empty()
            && !pointer.starts_with('/')
        {
            mistakes.add(format!(
                "--names-pointer: \"{pointer}\" does not begin with /"
            ));
        }
        let routes = routes(args, mistakes);
        if args.replay.is_some() {
            let others = [
                ("--path", !args.path.is_empty()),
                ("--route", !args.route.is_empty()),
                ("--route-mix", args.route_mix.is_some()),
                ("--names", args.names.is_some()),
            ];
            for (flag, _) in others.iter().filter(|(_, is_given)| *is_given) {
                mistakes.add(format!("{flag}: a replay asks for what its log says"));
            }
        } else if routes.iter().any(|route| has_name(&route.template)) && args.names.is_none() {
            mistakes.add(
                "--names: missing; the routes have {p} in them. Give a file with one name a line, \
                 or a path of the target that answers with a JSON list of names, like /v1/top"
                    .to_owned(),
            );
        }
        if unknown_share.is_some_and(|share| share > 0.0)
            && !routes.iter().any(|route| has_name(&route.template))
        {
            mistakes.add("--unknown: no route has {p} in it".to_owned());
        }
        Some(Self {
            routes: if args.replay.is_some() {
                Vec::new()
            } else {
                routes
            },
            names,
            names_pointer: args
                .names_pointer
                .clone()
                .filter(|pointer| !pointer.is_empty()),
            zipf: zipf?,
            replay,
            conditional_share: conditional_share?,
            gzip_share: gzip_share?,
            unknown_share: unknown_share?,
        })
    }
}

/// Whether a name must be put into it.
pub(crate) fn has_name(template: &str) -> bool {
    template.contains("{p}")
}

fn zipf(typed: &str) -> Result<f64, String> {
    typed
        .parse()
        .ok()
        .filter(|exponent| (0.0..=10.0).contains(exponent))
        .ok_or_else(|| format!("--zipf: \"{typed}\" is not an exponent from 0 to 10"))
}

/// A path of the target begins with `/` too, so what exists here is a file.
fn names(typed: &str) -> Result<NamesFrom, String> {
    let path = Path::new(typed);
    if path.is_file() {
        Ok(NamesFrom::File(path.to_owned()))
    } else if typed.starts_with('/') {
        request_path("--names", typed).map(NamesFrom::Target)
    } else {
        Err(format!(
            "--names: \"{typed}\" is neither a file nor a path of the target"
        ))
    }
}

fn file(flag: &str, typed: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(typed);
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("{flag}: \"{typed}\" is no file"))
    }
}

/// A path that can stand in a request line as it is.
pub(super) fn request_path(flag: &str, typed: &str) -> Result<String, String> {
    if typed.starts_with('/')
        && typed
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
    {
        Ok(typed.to_owned())
    } else {
        Err(format!(
            "{flag}: \"{typed}\" is not a path like /api/packages/pip/recent"
        ))
    }
}

fn routes(args: &LoadArgs, mistakes: &mut Mistakes) -> Vec<RouteConfig> {
    let mut routes = Vec::new();
    for path in args.path.iter().filter(|path| !path.is_empty()) {
        if let Some(template) = mistakes.take(request_path("--path", path)) {
            routes.push(RouteConfig {
                template,
                weight: 1.0,
            });
        }
    }
    for typed in args.route.iter().filter(|typed| !typed.is_empty()) {
        routes.extend(mistakes.take(route(typed)));
    }
    let has_own = !args.path.is_empty() || !args.route.is_empty();
    let mix = match &args.route_mix {
        Some(mix) => Some(mix.as_str()),
        None if args.names.is_some() && !has_own => Some(DEFAULT_MIX),
        None => None,
    };
    for part in mix
        .unwrap_or_default()
        .split(',')
        .filter(|part| !part.is_empty())
    {
        routes.extend(mistakes.take(mix_part(part)));
    }
    if routes.is_empty() {
        routes.push(RouteConfig {
            template: "/".to_owned(),
            weight: 1.0,
        });
    }
    if routes.len() > ROUTES_MAX {
        mistakes.add(format!("--route: more than {ROUTES_MAX}; use --replay"));
    }
    routes
}

/// `/x/{p}=5`; the weight is behind the last sign of equality.
fn route(typed: &str) -> Result<RouteConfig, String> {
    let parsed = typed.rsplit_once('=').and_then(|(template, weight)| {
        Some((
            request_path("--route", template).ok()?,
            parse_weight(weight)?,
        ))
    });
    parsed
        .map(|(template, weight)| RouteConfig { template, weight })
        .ok_or_else(|| {
            format!("--route: \"{typed}\" is not a path and a weight like \"/x/{{p}}=5\"")
        })
}

fn mix_part(part: &str) -> Result<RouteConfig, String> {
    let (name, weight) = part
        .split_once('=')
        .and_then(|(name, weight)| Some((name, parse_weight(weight)?)))
        .ok_or_else(|| format!("--route-mix: \"{part}\" is not like recent=60"))?;
    KNOWN_ROUTES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, template)| RouteConfig {
            template: (*template).to_owned(),
            weight,
        })
        .ok_or_else(|| {
            let names: Vec<_> = KNOWN_ROUTES.iter().map(|(name, _)| *name).collect();
            format!(
                "--route-mix: \"{name}\" is none of {}; use --route",
                names.join(", ")
            )
        })
}

fn parse_weight(typed: &str) -> Option<f64> {
    number::<u32>("", typed, 1, 1_000_000).ok().map(f64::from)
}
