//! Values as typed, read with a message that says what was meant.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

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

/// A list of CPU numbers as the kernel writes them: `0,2-3`. Empty when nothing
/// was typed.
pub(super) fn cpus(flag: &str, typed: Option<&str>) -> Result<Vec<usize>, String> {
    let Some(typed) = typed.filter(|typed| !typed.is_empty()) else {
        return Ok(Vec::new());
    };
    crate::cpu_list::parse(typed)
        .ok_or_else(|| format!("{flag}: \"{typed}\" is not a list of CPUs like 0,2-3"))
}
