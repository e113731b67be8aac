//! Running the programs.

use std::env;
use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program of this workspace, built with the same profile as this test. It
/// sees no `ESPY_` variable of the caller.
pub fn program(name: &str) -> Command {
    let test = env::current_exe().expect("the path of this test");
    let profile = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests lie in target/<profile>/deps");
    let path: PathBuf = profile.join(name);
    assert!(
        path.is_file(),
        "{} is missing: run `make test`, which builds the programs first",
        path.display()
    );
    let mut command = Command::new(path);
    without_settings(&mut command);
    command
}

/// Removes `ESPY_` variables, so that a developer's own change nothing.
fn without_settings(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("ESPY_") {
            command.env_remove(name);
        }
    }
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// The output of a program that must have ended with 0.
    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Ended {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("run {:?}: {error}", command.get_program()));
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("programs write UTF-8"),
        err: String::from_utf8(output.stderr).expect("programs write UTF-8"),
    }
}

/// Makes sample events: `espy-loadtest events` with these flags.
pub fn make_events<S: AsRef<OsStr>>(flags: impl IntoIterator<Item = S>) {
    run(program("espy-loadtest").arg("events").args(flags)).success();
}

/// A line for the person who reads the test's output.
pub fn say(line: &str) {
    // A closed standard error fails no test.
    let _ = writeln!(std::io::stderr(), "{line}");
}
