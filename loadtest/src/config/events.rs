//! What the flags of `espy-loadtest events` mean.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::ToSpan;
use jiff::civil::Date;

use super::Mistakes;
use super::value::{number, one_of, share, writable};
use crate::args::EventsArgs;

/// Names and weights of more projects than PyPI has (788,142 with a download
/// in March 2026) would fit in memory, but mean a typing mistake.
const PROJECTS_MAX: u32 = 5_000_000;
/// A hundred years.
const DAYS_MAX: u32 = 36_525;
/// PyPI has 7 thousand million events on a busy day; this is ten of those.
const ROWS_MAX: u64 = 70_000_000_000;
/// Bad lines are interleaved, so they are few beside the good ones.
const MALFORMED_MAX: u64 = 1_000_000_000;

/// Ends the name of the file with the expected counts.
pub const EXPECTED_CSV: &str = ".expected.csv";
/// Ends the name of the file with the totals.
pub const EXPECTED_JSON: &str = ".expected.json";

/// The layout of the file to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Rows of `bigquery-public-data.pypi.file_downloads` as NDJSON.
    Bigquery,
    /// Lines of PyPI's CDN as its linehaul reads them.
    Linehaul,
    /// nginx combined lines in front of a private index.
    AccessLog,
    /// `day,project,dimension,category,count`.
    Counts,
}

impl Format {
    const ALL: [Self; 4] = [
        Self::Bigquery,
        Self::Linehaul,
        Self::AccessLog,
        Self::Counts,
    ];

    /// The name as typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bigquery => "bigquery",
            Self::Linehaul => "linehaul",
            Self::AccessLog => "access-log",
            Self::Counts => "counts",
        }
    }
}

/// How the file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compress {
    /// Not at all.
    None,
    /// gzip, level 6.
    Gzip,
    /// zstd, level 3.
    Zstd,
}

impl Compress {
    const ALL: [Self; 3] = [Self::None, Self::Gzip, Self::Zstd];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn of_suffix(out: &str) -> Self {
        match Path::new(out)
            .extension()
            .and_then(|suffix| suffix.to_str())
        {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Where the file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// Standard output.
    Stdout,
    /// A file, replaced when it exists.
    File(PathBuf),
}

/// What the events are made from: nothing else changes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Download events to make.
    pub row_count: u64,
    /// Days, ending with `last_day`.
    pub day_count: u32,
    /// The last day.
    pub last_day: Date,
    /// Seed of every choice.
    pub seed: u64,
    /// Number of projects.
    pub project_count: u32,
    /// Malformed lines interleaved.
    pub malformed_count: u64,
    /// Share of side files, 0 to 1.
    pub side_file_share: f64,
}

impl Recipe {
    /// The first day.
    ///
    /// # Panics
    ///
    /// When it lies before the calendar, which [`EventsConfig::from_args`] refuses.
    #[must_use]
    pub fn first_day(&self) -> Date {
        first_day(self.last_day, self.day_count).expect("checked when the flags were read")
    }
}

/// `espy-loadtest events`, valid.
#[derive(Clone, Debug, PartialEq)]
pub struct EventsConfig {
    /// What to make.
    pub recipe: Recipe,
    /// In which layout.
    pub format: Format,
    /// Compressed how.
    pub compress: Compress,
    /// Written where.
    pub out: Out,
    /// Prefix of the files with expected counts; none when not wanted.
    pub expected_prefix: Option<PathBuf>,
}

impl fmt::Display for EventsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recipe {
            row_count,
            day_count,
            last_day,
            seed,
            project_count,
            malformed_count,
            side_file_share,
        } = &self.recipe;
        write!(
            f,
            "events rows={row_count} days={day_count} end={last_day} seed={seed} \
             projects={project_count} malformed={malformed_count} \
             side_files={side_file_share} format={} compress={}",
            self.format.name(),
            self.compress.name()
        )?;
        match &self.out {
            Out::Stdout => f.write_str(" out=-")?,
            Out::File(path) => write!(f, " out={}", path.display())?,
        }
        match &self.expected_prefix {
            Some(prefix) => write!(f, " expected={}", prefix.display()),
            None => f.write_str(" expected=none"),
        }
    }
}

impl EventsConfig {
    /// Reads what was typed; `today` is the current day, UTC.
    ///
    /// # Errors
    ///
    /// All mistakes at once.
    pub fn from_args(args: &EventsArgs, today: Date) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let row_count = mistakes.take(number("--rows", &args.rows, 1, ROWS_MAX));
        let day_count = mistakes.take(number("--days", &args.days, 1, DAYS_MAX));
        let seed = mistakes.take(number("--seed", &args.seed, 0, u64::MAX));
        let project_count = mistakes.take(number("--projects", &args.projects, 1, PROJECTS_MAX));
        let malformed_count =
            mistakes.take(number("--malformed", &args.malformed, 0, MALFORMED_MAX));
        let side_file_share = mistakes.take(share("--side-files", &args.side_files));
        let format = mistakes.take(one_of("--format", &args.format, &Format::ALL, Format::name));
        let last_day = mistakes.take(last_day(args.end.as_deref(), today));
        if let (Some(last_day), Some(day_count)) = (last_day, day_count)
            && first_day(last_day, day_count).is_none_or(|day| day.year() < 1970)
        {
            mistakes.add(format!(
                "--days: {day_count} days to {last_day} begin before 1970"
            ));
        }
        let typed_out = args.out.as_deref().filter(|out| !out.is_empty());
        let out = mistakes.take(out(typed_out));
        let compress = mistakes.take(match &args.compress {
            Some(typed) => one_of("--compress", typed, &Compress::ALL, Compress::name),
            None => Ok(Compress::of_suffix(typed_out.unwrap_or_default())),
        });
        let expected_prefix = match (&args.expected, typed_out) {
            (Some(prefix), _) => mistakes.take(writable("--expected", prefix)),
            (None, None | Some("-")) => None,
            (None, Some(out)) => Some(PathBuf::from(out)),
        };
        if let (Some(Out::File(out)), Some(prefix)) = (&out, &expected_prefix)
            && [EXPECTED_CSV, EXPECTED_JSON]
                .iter()
                .any(|suffix| *out == with_suffix(prefix, suffix))
        {
            mistakes.add(format!(
                "--expected: \"{}\" would overwrite --out",
                prefix.display()
            ));
        }
        // A value is missing only where its mistake was kept.
        let valid = || {
            Some(Self {
                recipe: Recipe {
                    row_count: row_count?,
                    day_count: day_count?,
                    last_day: last_day?,
                    seed: seed?,
                    project_count: project_count?,
                    malformed_count: malformed_count?,
                    side_file_share: side_file_share?,
                },
                format: format?,
                compress: compress?,
                out: out?,
                expected_prefix,
            })
        };
        match valid() {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(mistakes),
        }
    }
}

/// The file beside: `suffix` comes after the whole name.
#[must_use]
pub fn with_suffix(prefix: &Path, suffix: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn first_day(last_day: Date, day_count: u32) -> Option<Date> {
    last_day.checked_sub((i64::from(day_count) - 1).days()).ok()
}

fn last_day(typed: Option<&str>, today: Date) -> Result<Date, String> {
    let Some(typed) = typed else {
        return today
            .yesterday()
            .map_err(|_| "--end: the clock shows no day with a yesterday".to_owned());
    };
    Date::strptime("%Y-%m-%d", typed)
        .ok()
        // strptime takes "2026-1-2" too.
        .filter(|day| day.to_string() == typed)
        .ok_or_else(|| format!("--end: \"{typed}\" is not a day like 2026-11-20"))
}

fn out(typed: Option<&str>) -> Result<Out, String> {
    match typed {
        None => Err("--out: missing; name a file, or - for standard output".to_owned()),
        Some("-") => Ok(Out::Stdout),
        Some(path) => writable("--out", path).map(Out::File),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use jiff::civil::date;

    use super::*;
    use crate::args::{Args, Command};

    const TODAY: Date = date(2026, 11, 21);

    fn read(flags: &[&str]) -> Result<EventsConfig, Mistakes> {
        let typed = ["espy-loadtest", "events"].iter().chain(flags);
        let Command::Events(args) = Args::try_parse_from(typed).unwrap().command else {
            panic!("it is events")
        };
        EventsConfig::from_args(&args, TODAY)
    }

    #[test]
    fn defaults() {
        let config = read(&["--out", "events.ndjson.gz"]).unwrap();
        assert_eq!(config.recipe.row_count, 100_000);
        assert_eq!(config.recipe.last_day, date(2026, 11, 20));
        assert_eq!(config.recipe.first_day(), date(2026, 11, 20));
        assert_eq!(config.format, Format::Bigquery);
        assert_eq!(config.compress, Compress::Gzip);
        assert_eq!(
            config.expected_prefix,
            Some(PathBuf::from("events.ndjson.gz"))
        );
    }

    #[test]
    fn standard_output_has_no_files_beside_it() {
        let config = read(&["--out", "-", "--rows", "1_000"]).unwrap();
        assert_eq!((config.out, config.expected_prefix), (Out::Stdout, None));
        let config = read(&["--out", "-", "--expected", "here"]).unwrap();
        assert_eq!(config.expected_prefix, Some(PathBuf::from("here")));
    }

    #[test]
    fn all_mistakes_at_once() {
        let flags = [
            ("--rows", "0"),
            ("--days", "-1"),
            ("--end", "2026-02-30"),
            ("--seed", "x"),
            ("--format", "parquet"),
            ("--out", "no/such/place/file"),
            ("--compress", "xz"),
            ("--projects", "1e3"),
            ("--malformed", ""),
            ("--side-files", "1.5"),
            ("--expected", ".."),
        ];
        let typed: Vec<_> = flags
            .iter()
            .flat_map(|(flag, value)| [*flag, *value])
            .collect();
        let mistakes = read(&typed).unwrap_err();
        assert_eq!(mistakes.len(), flags.len(), "{mistakes}");
        for (flag, _) in flags {
            assert!(mistakes.to_string().contains(flag), "{flag}: {mistakes}");
        }
    }

    #[test]
    fn mistakes_alone() {
        fn check(flags: &[&str], expect: &str) {
            let mistakes = read(flags).unwrap_err().to_string();
            assert!(mistakes.contains(expect), "{flags:?}: {mistakes}");
        }
        check(&[], "--out: missing");
        check(&["--out", ""], "--out: missing");
        check(&["--out", "."], "--out: \".\" is a directory");
        check(&["--out", "-", "--end", "2026-1-2"], "--end");
        check(&["--out", "-", "--side-files", "NaN"], "--side-files");
        check(
            &["--out", "a.expected.csv", "--expected", "a"],
            "would overwrite --out",
        );
        check(
            &["--out", "-", "--days", "400", "--end", "1970-12-31"],
            "begin before 1970",
        );
    }
}
