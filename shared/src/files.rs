//! File manners: a file is written beside its target, synced, moved into
//! place, and the folder synced. A reader sees the old file or the new one,
//! whole, also after a power cut.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What [`create_absent`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Created {
    /// The file is now there with these bytes.
    Ours,
    /// A file of that name was there before; it was not touched.
    Exists,
}

/// Replaces `path` by `bytes`.
///
/// # Errors
///
/// As the file system has them; the old file is then untouched.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_beside(path, bytes)?;
    install(&temporary, path)
}

/// Creates `path` with `bytes`, or leaves what is there alone. Of several
/// callers one wins: the commit primitive of a depot.
///
/// # Errors
///
/// As the file system has them.
pub fn create_absent(path: &Path, bytes: &[u8]) -> io::Result<Created> {
    let temporary = write_beside(path, bytes)?;
    let linked = fs::hard_link(&temporary, path);
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => {
            sync_parent(path)?;
            Ok(Created::Ours)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Created::Exists),
        Err(error) => Err(error),
    }
}

/// Moves a complete, synced file into place and syncs the folder.
///
/// # Errors
///
/// As the file system has them; `temporary` is then removed if possible.
pub fn install(temporary: &Path, path: &Path) -> io::Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the module that syncs around it"
    )]
    let moved = fs::rename(temporary, path);
    if let Err(error) = moved {
        let _ = fs::remove_file(temporary);
        return Err(error);
    }
    sync_parent(path)
}

/// A new name beside `path` for a file that is still being written. It begins
/// with a dot and ends at random, so that two writers, perhaps on two hosts,
/// never share one.
pub fn temporary(path: &Path) -> PathBuf {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    path.with_file_name(format!(".{name}.{:016x}.tmp", fastrand::u64(..)))
}

/// Whether [`temporary`] made this file name.
pub fn is_temporary(file_name: &str) -> bool {
    file_name.starts_with('.') && file_name.ends_with(".tmp")
}

/// Reads a file of at most `bytes_max` bytes.
///
/// # Errors
///
/// As the file system has them; `FileTooLarge` beyond the limit.
pub fn read_limited(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {bytes_max} bytes"),
        ));
    }
    Ok(bytes)
}

/// Syncs the folder that holds `path`.
///
/// # Errors
///
/// As the file system has them.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let temporary = temporary(path);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(temporary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_creator_wins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        assert_eq!(create_absent(&path, b"one").unwrap(), Created::Ours);
        assert_eq!(create_absent(&path, b"two").unwrap(), Created::Exists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[test]
    fn reading_stops_at_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        replace(&path, b"12345").unwrap();
        assert_eq!(read_limited(&path, 5).unwrap(), b"12345");
        assert_eq!(
            read_limited(&path, 4).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }
}
