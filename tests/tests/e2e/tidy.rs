//! Facts of the workspace as tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use espy_tests::program::run;
use espy_tests::root;
use serde_json::Value;

const PROGRAMS: [&str; 3] = ["espy-handler", "espy-compactor", "espy-loadtest"];
/// Folders that hold nothing of ours.
const NOT_OURS: [&str; 5] = ["target", ".git", ".venv", ".venv-bench", ".npm"];
/// Endings of files that hold bytes rather than text.
const NO_TEXT: [&str; 4] = ["gz", "zst", "sqlite", "parquet"];
/// Set by build scripts for `env!`, not read from an environment.
const BUILD_TIME: [&str; 2] = ["ESPY_COMMIT", "ESPY_VERSION"];

#[test]
fn every_crate_inherits_the_lints() {
    for package in packages() {
        let path = package["manifest_path"].as_str().unwrap();
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains("\n[lints]\nworkspace = true\n"), "{path}");
    }
}

#[test]
fn programs_do_not_import_each_other() {
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            assert!(!PROGRAMS.contains(&other), "{name} depends on {other}");
        }
    }
}

#[test]
fn the_contract_knows_no_runtime_and_no_command_line() {
    let packages = packages();
    let shared = packages
        .iter()
        .find(|package| package["name"] == "espy-shared");
    for dependency in shared.unwrap()["dependencies"].as_array().unwrap() {
        let name = dependency["name"].as_str().unwrap();
        assert!(!["tokio", "hyper", "clap"].contains(&name), "{name}");
    }
}

#[test]
fn the_readme_names_every_variable() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let documented = variables(&readme);
    let sources = files().into_iter().filter(|path| {
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        is_rust || path.ends_with("Makefile") || path.ends_with("install")
    });
    let used: BTreeSet<String> = sources
        .flat_map(|path| variables(&fs::read_to_string(path).unwrap()))
        .collect();
    assert!(used.len() > 20, "{used:?}");
    let missing: Vec<&String> = used
        .difference(&documented)
        .filter(|name| !BUILD_TIME.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in README.md: {missing:?}");
    let unknown: Vec<&String> = documented.difference(&used).collect();
    assert!(unknown.is_empty(), "only in README.md: {unknown:?}");
}

/// `ESPY_` and what follows, wherever it stands.
fn variables(text: &str) -> BTreeSet<String> {
    text.split("ESPY_")
        .skip(1)
        .map(|rest| {
            let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            format!("ESPY_{}", &rest[..end])
        })
        .filter(|name| name != "ESPY_")
        .collect()
}

#[test]
fn no_file_holds_a_path_of_one_machine() {
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else {
            let extension = path.extension().unwrap_or_default().to_string_lossy();
            assert!(NO_TEXT.contains(&&*extension), "{}", path.display());
            continue;
        };
        // Written apart, or this file would hold them.
        for machine in [
            concat!("/wo", "rk/"),
            concat!("/ro", "ot/"),
            concat!("/ho", "me/"),
        ] {
            assert!(!text.contains(machine), "{machine} in {}", path.display());
        }
    }
}

#[test]
fn every_make_target_says_what_it_is_for() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let targets = makefile.lines().filter(|line| {
        let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
        let name = line.split_once(':').map_or("", |(name, _)| name);
        !name.is_empty() && name.chars().all(is_name)
    });
    let bare: Vec<&str> = targets.filter(|line| !line.contains("## ")).collect();
    assert!(bare.is_empty(), "without a ## line: {bare:?}");
}

/// The packages of the workspace, as cargo has them.
fn packages() -> Vec<Value> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
    let output = run(command.current_dir(root())).success().out;
    let metadata: Value = serde_json::from_str(&output).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Every file of the project.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(root(), &mut files);
    assert!(files.len() > 50);
    files
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        let name = entry.file_name();
        if kind.is_file() && name != ".git" {
            files.push(entry.path());
        } else if kind.is_dir() && !NOT_OURS.contains(&&*name.to_string_lossy()) {
            collect(&entry.path(), files);
        }
    }
}
