//! A data folder, a depot and a host's snapshot folder, and the compactor that
//! works on them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use espy_shared::hash::ObjectHash;
use espy_shared::layout;
use espy_shared::manifest::{Current, Manifest};
use espy_shared::segment::Kind;
use tempfile::TempDir;

use crate::program::{program, run};

/// Folders of a test, removed with it.
#[derive(Debug)]
pub struct Site {
    dir: TempDir,
}

impl Site {
    /// Nothing counted, nothing published.
    #[expect(
        clippy::new_without_default,
        reason = "a folder that comes with a default would surprise"
    )]
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where snapshots are installed.
    pub fn snapshots(&self) -> PathBuf {
        self.path("snapshots")
    }

    /// Writes a file to be counted.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("write a file to be counted");
        path
    }

    /// `espy-compactor run` with these files and flags, which must succeed.
    pub fn run<S: AsRef<OsStr>>(&self, files: impl IntoIterator<Item = S>, flags: &[&str]) {
        let mut command = program("espy-compactor");
        command.arg("run").arg("--data").arg(self.path("data"));
        command.arg("--depot").arg(self.path("depot"));
        run(command.args(flags).args(files)).success();
    }

    /// `espy-compactor pull`, which must succeed.
    pub fn pull(&self, flags: &[&str]) {
        let mut command = program("espy-compactor");
        command.arg("pull").arg("--depot").arg(self.path("depot"));
        command.arg("--snapshots").arg(self.snapshots());
        run(command.args(flags)).success();
    }

    /// The manifest of the installed snapshot.
    pub fn manifest(&self) -> Manifest {
        installed_manifest(&self.snapshots())
    }

    /// The hashes of the daily segments of the installed snapshot.
    pub fn spans(&self) -> Vec<ObjectHash> {
        let manifest = self.manifest();
        let spans = manifest.segments.iter();
        spans
            .filter(|entry| entry.kind == Kind::Span)
            .map(|entry| entry.sha256)
            .collect()
    }

    /// Takes an object out of the depot.
    pub fn unpack(&self, hash: &ObjectHash) -> PathBuf {
        let packed = fs::read(self.path("depot").join(layout::object(hash))).expect("an object");
        let raw = zstd::decode_all(&packed[..]).expect("an object is zstd");
        assert_eq!(ObjectHash::of(&raw), *hash);
        let path = self.path(&format!("{hash}.sqlite"));
        fs::write(&path, raw).expect("write the segment");
        path
    }
}

/// The manifest that a snapshot folder points to.
pub fn installed_manifest(snapshots: &Path) -> Manifest {
    let current = fs::read(snapshots.join(layout::CURRENT)).expect("a snapshot is installed");
    let current = Current::parse(&current).expect("a pointer");
    let manifest = fs::read(snapshots.join(layout::manifest(current.sequence))).expect("it is");
    assert_eq!(ObjectHash::of(&manifest), current.manifest);
    Manifest::parse(&manifest).expect("a manifest")
}
