//! The ground is taken away under constant reads: every file of the snapshot
//! folder is cut, overwritten, deleted or replaced by something else.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::folder::{Folder, numbered, numbered_overall, numbered_recent};
use crate::handler::{Handler, wait_for};

/// What is done to a file.
type Deed = (&'static str, fn(&Path));

const DEEDS: [Deed; 8] = [
    ("cut to nothing", |path| open(path).set_len(0).unwrap()),
    ("cut in half", |path| {
        let file = open(path);
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    }),
    ("overwritten in place", |path| {
        let length = usize::try_from(fs::metadata(path).unwrap().len()).unwrap();
        open(path).write_all(&vec![0xff; length]).unwrap();
    }),
    ("grown", |path| {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(&[0; 8192]).unwrap();
    }),
    ("made unreadable", |path| {
        fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
    }),
    ("deleted", |path| fs::remove_file(path).unwrap()),
    ("made a folder", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
    ("made a link to itself", |path| {
        fs::remove_file(path).unwrap();
        symlink(path, path).unwrap();
    }),
];

fn open(path: &Path) -> fs::File {
    OpenOptions::new().write(true).open(path).unwrap()
}

/// Every file under a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

#[test]
fn nothing_done_to_the_files_reaches_a_reader() {
    for (deed, act) in DEEDS {
        let mut folder = Folder::new();
        folder.publish("2026-11-20", &numbered(1));
        folder.publish("2026-11-20", &numbered(2));
        // Answers come from the image itself, not from kept ones.
        let flags = [
            "--cache-bytes-max=0",
            "--connection-requests-max=1000000000",
        ];
        let handler = Handler::ready(folder.path(), &flags);
        handler.wait_until_serving(2);
        let is_over = AtomicBool::new(false);
        let read_count = AtomicU64::new(0);
        thread::scope(|scope| {
            let stop = StopOnDrop(&is_over);
            let readers = [(); 2].map(|()| {
                scope.spawn(|| {
                    let mut client = handler.connect();
                    while !is_over.load(Ordering::Relaxed) {
                        for (target, body) in [
                            ("overall", numbered_overall(2)),
                            ("recent", numbered_recent(2)),
                        ] {
                            let target = format!("/api/packages/one/{target}");
                            let answer = client.request("GET", &target, &[]);
                            assert_eq!((answer.status, answer.body), (200, body), "{deed}");
                        }
                        let ready = client.request("GET", "/readyz", &[]);
                        assert_eq!(ready.status, 200, "{deed}");
                        read_count.fetch_add(1, Ordering::Relaxed);
                    }
                })
            });
            let mut paths = files(folder.path());
            // The pointer last: what it names is looked for again then.
            paths.sort_by_key(|path| path.ends_with(espy_shared::layout::CURRENT));
            assert!(paths.len() >= 9, "{paths:?}");
            for path in &paths {
                act(path);
                let seen = read_count.load(Ordering::Relaxed);
                wait_for("reads", || {
                    assert!(!readers.iter().any(thread::ScopedJoinHandle::is_finished));
                    (read_count.load(Ordering::Relaxed) >= seen + 2).then_some(())
                });
            }
            drop(stop);
        });
        let status = handler.status();
        assert_eq!(
            (&status["sequence"], &status["ready"]),
            (&2.into(), &true.into())
        );
        // What is mended is served.
        for path in files(folder.path()) {
            fs::remove_file(&path).unwrap();
        }
        for dir in ["segments", "manifests"] {
            fs::remove_dir_all(folder.path().join(dir)).unwrap();
            fs::create_dir(folder.path().join(dir)).unwrap();
        }
        let current = folder.path().join(espy_shared::layout::CURRENT);
        if current.is_dir() {
            fs::remove_dir(&current).unwrap();
        }
        let sequence = folder.publish("2026-11-20", &numbered(3));
        handler.wait_until_serving(sequence);
        let body = handler.get("/api/packages/one/overall").body;
        assert_eq!(body, numbered_overall(3), "{deed}");
        assert!(
            !handler.log().contains("panic"),
            "{deed}: {}",
            handler.log()
        );
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
