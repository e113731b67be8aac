//! Generation 2 arrives damaged: one bit flipped, or one byte cut, anywhere in
//! what a handler reads. It is refused with the reason, or the damage is
//! harmless; no byte is served that was not published, then or after a restart.

use std::fs;
use std::path::{Path, PathBuf};

use espy_shared::layout::{self, CURRENT, MANIFESTS_DIR, SEGMENTS_DIR};
use espy_shared::manifest::Manifest;
use espy_tests::handler::Handler;
use espy_tests::site::{Site, installed_manifest};
use espy_tests::{rounds, wait_for};

use crate::sample;

const SEED: u64 = 0x5eed_2026;
const TARGETS: [&str; 6] = [
    "/api/packages/alpha/recent",
    "/api/packages/alpha/overall",
    "/api/packages/beta/python_minor",
    "/api/packages/__all__/recent",
    "/api/packages/__all__/overall",
    "/api/packages/gamma/overall",
];

/// Two published generations, each installed in a folder of its own.
struct Published {
    site: Site,
    one: PathBuf,
    two: PathBuf,
}

/// What is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victim {
    /// A segment that only generation 2 has.
    NewSegment,
    /// A segment that both have, on its arrival with generation 2.
    OldSegment,
    Manifest,
    Current,
}

#[derive(Debug)]
enum Damage {
    Flip { byte: usize, bit: u8 },
    Cut { byte: usize },
    End { length: usize },
}

impl Damage {
    fn draw(rng: &mut fastrand::Rng, length: usize) -> Self {
        let byte = rng.usize(..length);
        match rng.u8(..4) {
            0 => Self::Cut { byte },
            1 => Self::End { length: byte },
            _ => Self::Flip {
                byte,
                bit: rng.u8(..8),
            },
        }
    }

    fn apply(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        match *self {
            Self::Flip { byte, bit } => bytes[byte] ^= 1 << bit,
            Self::Cut { byte } => drop(bytes.remove(byte)),
            Self::End { length } => bytes.truncate(length),
        }
        bytes
    }
}

#[test]
fn damage_is_refused_with_the_reason_or_harmless() {
    let published = Published::new();
    let good = [&published.one, &published.two].map(|folder| {
        let handler = Handler::ready(folder, &[]);
        bodies(&handler)
    });
    assert_ne!(good[0], good[1]);
    let mut rng = fastrand::Rng::with_seed(SEED);
    for round in 0..rounds(200) {
        let victim = [
            Victim::NewSegment,
            Victim::OldSegment,
            Victim::Manifest,
            Victim::Current,
        ][round as usize % 4];
        let folder = published.site.path("host");
        copy(&published.one, &folder);
        let handler = Handler::ready(&folder, &[]);
        let (file, damage) = published.arrive_damaged(&folder, victim, &mut rng);
        let what = format!("seed {SEED:#x} round {round}: {victim:?} {file} {damage:?}");

        let served = look(&handler, &what);
        let expect = if served == 2 { &good[1] } else { &good[0] };
        assert_eq!(&bodies(&handler), expect, "{what}");
        if matches!(victim, Victim::NewSegment | Victim::Manifest) {
            assert_eq!(served, 1, "{what}");
        }
        handler.kill();
        check_restart(&folder, victim, &good, &what);
        fs::remove_dir_all(&folder).unwrap();
    }
}

/// Waits until the handler has dealt with what arrived; which generation it
/// serves then.
fn look(handler: &Handler, what: &str) -> u64 {
    wait_for(what, || {
        let status = handler.status();
        let served = status["sequence"].as_u64().unwrap();
        let refusal = &status["last_refusal"];
        if refusal.is_null() {
            return (served == 2).then_some(2);
        }
        assert_eq!(served, 1, "{what}");
        let reason = refusal["reason"].as_str().unwrap();
        assert!(!reason.is_empty(), "{what}");
        Some(1)
    })
}

/// After a restart the last good generation is served. What both generations
/// need and is damaged leaves none: then nothing is served.
fn check_restart(folder: &Path, victim: Victim, good: &[Bodies; 2], what: &str) {
    if victim == Victim::OldSegment {
        let handler = Handler::start(folder, &[]);
        wait_for(what, || {
            assert_eq!(handler.get("/readyz").status, 503, "{what}");
            let has_tried_all = handler
                .log()
                .contains("an installed snapshot cannot be served");
            has_tried_all.then_some(())
        });
        assert!(bodies(&handler).iter().all(|body| body.0 == 503), "{what}");
        return;
    }
    let handler = Handler::ready(folder, &[]);
    let served = bodies(&handler);
    match victim {
        // The pointer alone says nothing of the snapshots beside it.
        Victim::Current => assert!(good.contains(&served), "{what}"),
        _ => assert_eq!(served, good[0], "{what}"),
    }
}

/// Statuses and bodies of all targets.
type Bodies = Vec<(u16, Vec<u8>)>;

fn bodies(handler: &Handler) -> Bodies {
    TARGETS
        .iter()
        .map(|target| handler.get(target))
        .map(|answer| (answer.status, answer.body))
        .collect()
}

impl Published {
    fn new() -> Self {
        let site = Site::new();
        let days = sample::days("2026-10-20", "2026-11-12");
        let (newest, older) = days.split_last().unwrap();
        for (n, days, today) in [(1, older, "2026-11-12"), (2, &[*newest], "2026-11-13")] {
            let file = site.write("counts.csv", &sample::csv(days, n));
            site.run([file], &[&format!("--today={today}")]);
            site.pull(&[]);
            copy(&site.snapshots(), &site.path(&n.to_string()));
        }
        let (one, two) = (site.path("1"), site.path("2"));
        Self { site, one, two }
    }

    /// Installs generation 2 in a folder that has generation 1, in the order of
    /// a pull, with one file damaged.
    fn arrive_damaged(
        &self,
        folder: &Path,
        victim: Victim,
        rng: &mut fastrand::Rng,
    ) -> (String, Damage) {
        let manifest = installed_manifest(&self.two);
        let (new, old) = self.segments(&manifest);
        let manifest_file = layout::manifest(manifest.sequence);
        let file = match victim {
            Victim::NewSegment => rng.choice(&new).unwrap().clone(),
            Victim::OldSegment => rng.choice(&old).unwrap().clone(),
            Victim::Manifest => manifest_file.clone(),
            Victim::Current => CURRENT.to_owned(),
        };
        let bytes = fs::read(self.two.join(&file)).unwrap();
        let damage = Damage::draw(rng, bytes.len());
        let mut damaged = Some(damage.apply(bytes));
        let others = new.iter().chain([&manifest_file]);
        for name in others.filter(|name| **name != file) {
            replace(&folder.join(name), &fs::read(self.two.join(name)).unwrap());
        }
        if victim != Victim::Current {
            replace(&folder.join(&file), &damaged.take().unwrap());
        }
        let current = damaged.unwrap_or_else(|| fs::read(self.two.join(CURRENT)).unwrap());
        replace(&folder.join(CURRENT), &current);
        (file, damage)
    }

    /// Files of the segments that are new in generation 2, and of those that
    /// are not.
    fn segments(&self, two: &Manifest) -> (Vec<String>, Vec<String>) {
        let one = installed_manifest(&self.one);
        let old = |hash| one.segments.iter().any(|entry| entry.sha256 == hash);
        let files = two.segments.iter().map(|entry| entry.sha256);
        let (old, new): (Vec<_>, Vec<_>) = files.partition(|hash| old(*hash));
        assert!(!new.is_empty() && !old.is_empty());
        let names = |hashes: Vec<_>| hashes.iter().map(layout::segment).collect();
        (names(new), names(old))
    }
}

/// As a pull does it: the old file, if there is one, is not written into.
fn replace(path: &Path, bytes: &[u8]) {
    espy_shared::files::replace(path, bytes).unwrap();
}

fn copy(from: &Path, to: &Path) {
    for dir in [SEGMENTS_DIR, MANIFESTS_DIR] {
        fs::create_dir_all(to.join(dir)).unwrap();
        for entry in fs::read_dir(from.join(dir)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(dir).join(entry.file_name())).unwrap();
        }
    }
    fs::copy(from.join(CURRENT), to.join(CURRENT)).unwrap();
}
