//! Values as typed, read with a message that says what was meant.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Requests per second that no generator here comes near.
const RATE_MAX: f64 = 1e8;

/// A whole number; `1_000_000` reads well and is taken.
pub(super) fn number<T>(flag: &str, typed: &str, min: T, max: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    typed
        .replace('_', "")
        .parse()
        .ok()
        .filter(|value| *value >= min && *value <= max)
        .ok_or_else(|| format!("{flag}: \"{typed}\" is not a whole number from {min} to {max}"))
}

pub(super) fn share(flag: &str, typed: &str) -> Result<f64, String> {
    typed
        .parse()
        .ok()
        .filter(|value| (0.0..=1.0).contains(value))
        .ok_or_else(|| format!("{flag}: \"{typed}\" is not a share from 0 to 1"))
}

pub(super) fn one_of<T: Copy>(
    flag: &str,
    typed: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    all.iter()
        .copied()
        .find(|value| name(*value) == typed)
        .ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|value| name(*value)).collect();
            format!("{flag}: \"{typed}\" is none of {}", names.join(", "))
        })
}

/// Refuses what could not be written, before anything is.
pub(super) fn writable(flag: &str, typed: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(typed);
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(format!("{flag}: \"{typed}\" is no file name")),
    };
    if !parent.is_dir() {
        return Err(format!("{flag}: \"{}\" is no directory", parent.display()));
    }
    if path.is_dir() || path.file_name().is_none() {
        return Err(format!("{flag}: \"{typed}\" is a directory"));
    }
    Ok(path)
}

/// A folder that exists or can be made beside what exists.
pub(super) fn folder(flag: &str, typed: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(typed);
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    };
    if path.is_dir() || (parent.is_dir() && !path.exists()) {
        Ok(path)
    } else {
        Err(format!(
            "{flag}: \"{typed}\" is no folder and cannot be one"
        ))
    }
}

/// A length of time: `250us`, `1ms`, `10s`, `5m`, `24h`.
pub(super) fn time(
    flag: &str,
    typed: &str,
    min: Duration,
    max: Duration,
) -> Result<Duration, String> {
    parse_time(typed)
        .filter(|time| *time >= min && *time <= max)
        .ok_or_else(|| {
            format!("{flag}: \"{typed}\" is not a time from {min:?} to {max:?}, like 500ms or 10s")
        })
}

/// Reads `1ms`; the unit is required, so that nobody has to guess it.
pub(crate) fn parse_time(typed: &str) -> Option<Duration> {
    let digits = typed.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (value, unit) = typed.split_at(digits);
    let seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(value.parse::<f64>().ok()? * seconds).ok()
}

/// Requests per second: `1000`, `500/m`, `100000/d`.
pub(super) fn rate(flag: &str, typed: &str) -> Result<f64, String> {
    let (value, unit) = typed.split_once('/').unwrap_or((typed, "s"));
    let seconds = match unit {
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        "d" => Some(86400.0),
        _ => None,
    };
    value
        .replace('_', "")
        .parse::<f64>()
        .ok()
        .zip(seconds)
        .map(|(value, seconds)| value / seconds)
        .filter(|rate| *rate >= 0.0 && *rate <= RATE_MAX)
        .ok_or_else(|| format!("{flag}: \"{typed}\" is not a rate like 1000, 500/m or 100000/d"))
}

/// A list of CPU numbers as the kernel writes them: `0,2-3`. Empty when nothing
/// was typed.
pub(super) fn cpus(flag: &str, typed: Option<&str>) -> Result<Vec<usize>, String> {
    let Some(typed) = typed.filter(|typed| !typed.is_empty()) else {
        return Ok(Vec::new());
    };
    crate::cpu_list::parse(typed)
        .ok_or_else(|| format!("{flag}: \"{typed}\" is not a list of CPUs like 0,2-3"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        fn check(typed: &str, expect: Option<Duration>) {
            assert_eq!(parse_time(typed), expect, "{typed}");
        }
        check("1ms", Some(Duration::from_millis(1)));
        check("1.5s", Some(Duration::from_millis(1500)));
        check("250us", Some(Duration::from_micros(250)));
        check("5m", Some(Duration::from_secs(300)));
        check("10", None);
        check("s", None);
        check("1.2.3s", None);
        check("-1s", None);
    }

    #[test]
    fn rates() {
        fn check(typed: &str, expect: Option<f64>) {
            assert_eq!(rate("--rate", typed).ok(), expect, "{typed}");
        }
        check("1_000", Some(1000.0));
        check("300/m", Some(5.0));
        check("86400/d", Some(1.0));
        check("-1", None);
        check("5/y", None);
        check("NaN", None);
    }
}
