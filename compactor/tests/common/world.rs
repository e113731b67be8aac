//! A data folder, a depot and a host in a folder of their own, and the binary
//! that works in them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The run's day unless a test says otherwise.
pub const TODAY: &str = "2026-11-21";

/// A folder with `data`, `depot`, `snapshots` and inputs.
pub struct World {
    dir: TempDir,
}

/// What a process left behind.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; none when killed.
    pub code: Option<i32>,
    /// Standard error: the log.
    pub log: String,
}

impl Finished {
    /// Panics unless it exited with 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.log);
        self
    }

    /// Panics unless it exited with 1 and its log has this text.
    #[track_caller]
    pub fn fails_with(self, text: &str) -> Self {
        assert_eq!(self.code, Some(1), "{}", self.log);
        assert!(self.log.contains(text), "{text:?} in {}", self.log);
        self
    }
}

impl World {
    /// A new one. In memory where there is such a folder: every step syncs.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() {
            tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir())
        } else {
            tempfile::tempdir()
        };
        Self {
            dir: dir.expect("a folder can be made"),
        }
    }

    /// A copy with all its files.
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        copy_dir(self.dir.path(), copy.dir.path());
        copy
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes an input and returns its path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).expect("an input can be written");
        path.to_str().expect("paths are text").to_owned()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The depot.
    pub fn depot(&self) -> PathBuf {
        self.path("depot")
    }

    /// The host's folder.
    pub fn snapshots(&self) -> PathBuf {
        self.path("snapshots")
    }

    /// Forgets the data folder, as a lost disk would.
    pub fn lose_data(&self) {
        let _ = fs::remove_dir_all(self.data());
    }

    /// The binary with these arguments and nothing from the environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_espy-compactor"));
        command
            .env_clear()
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A step with this world's folders; flags and files follow.
    pub fn step_command(&self, step: &str, args: &[&str]) -> Command {
        let mut all = vec![step, "--depot", "depot"];
        if step == "pull" {
            all.extend(["--snapshots", "snapshots"]);
        } else {
            all.extend(["--data", "data"]);
            if !args.contains(&"--today") {
                all.extend(["--today", TODAY]);
            }
        }
        all.extend(args);
        self.command(&all)
    }

    /// Runs a step to its end.
    pub fn step(&self, step: &str, args: &[&str]) -> Finished {
        let output = self
            .step_command(step, args)
            .output()
            .expect("the binary starts");
        Finished {
            code: output.status.code(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A whole cycle.
    pub fn run(&self, args: &[&str]) -> Finished {
        self.step("run", args)
    }

    /// The four steps, one process each; files go to the first.
    pub fn four_steps(&self, flags: &[&str], files: &[&str]) {
        let with_files: Vec<&str> = flags.iter().chain(files).copied().collect();
        self.step("ingest", &with_files).ok();
        for step in ["build", "verify", "publish"] {
            self.step(step, flags).ok();
        }
    }

    /// A whole cycle that reads standard input.
    pub fn run_with_input(&self, args: &[&str], input: &[u8]) -> Finished {
        let mut child = self
            .step_command("run", args)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // A process that fails early closes its end.
        let _ = stdin.write_all(input);
        drop(stdin);
        wait(child)
    }

    /// Pulls.
    pub fn pull(&self) -> Finished {
        self.step("pull", &[])
    }
}

/// Waits for the end of a process.
pub fn wait(child: Child) -> Finished {
    let output = child.wait_with_output().expect("a child can be waited for");
    Finished {
        code: output.status.code(),
        log: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Copies a folder.
pub fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let target = to.join(path.file_name().expect("entries have names"));
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file can be copied");
        }
    }
}

/// All files under a folder with their bytes, half-written ones left out.
pub fn tree(dir: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let Ok(entries) = fs::read_dir(&dir) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_none_or(|extension| extension != "tmp") {
                let bytes = fs::read(&path).expect("the file can be read");
                files.insert(path, bytes);
            }
        }
    }
    files
}

/// As gzip, in two members.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let member = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("a vector takes all");
        encoder.finish().expect("a vector takes all")
    };
    [member(first), member(second)].concat()
}

/// As one zstd frame.
pub fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("a vector takes all")
}
