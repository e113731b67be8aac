//! One bit flipped or bytes cut anywhere: refused with the file's name and
//! nothing published or installed, or harmless to the byte. And two
//! compactors at once.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as the tests themselves do"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::events::{counted, days};
use common::world::{TODAY, tree};
use common::{Format, World, events, rounds, rows, snapshot};

/// A depot with two snapshots of which a host has the first, and a third
/// evening's file, not read yet.
struct Scene {
    world: World,
}

fn scene() -> Scene {
    let events = events(21, 360, &days("2026-10-20", 33));
    let world = World::new();
    for (number, evening) in events.chunks(120).enumerate() {
        world.write(&format!("evening-{number}"), rows(evening, Format::Ndjson));
    }
    world.run(&["evening-0"]).ok();
    world.pull().ok();
    world.run(&["evening-1"]).ok();
    Scene { world }
}

/// Flips a bit, or cuts one byte or all from some place on.
fn damage(path: &Path, random: &mut fastrand::Rng) -> String {
    let mut bytes = fs::read(path).expect("the file can be read");
    let at = random.usize(0..bytes.len());
    let what = match random.usize(0..4) {
        0 => {
            bytes.remove(at);
            "byte cut out"
        }
        1 => {
            bytes.truncate(at);
            "cut off"
        }
        _ => {
            bytes[at] ^= 1 << random.usize(0..8);
            "bit flipped"
        }
    };
    // Installed segments cannot be written to; damage does not ask.
    fs::remove_file(path).expect("the file can be replaced");
    fs::write(path, bytes).expect("the file can be replaced");
    format!("{what} at {at} of {}", path.display())
}

/// A random file under a folder.
fn any_file(dir: &Path, random: &mut fastrand::Rng) -> PathBuf {
    let files: Vec<PathBuf> = tree(dir).into_keys().collect();
    random.choice(files).expect("the folder holds files")
}

/// Whether a log names a file: by its name, or a manifest by its number.
fn names(log: &str, path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    let stem = name.split('.').next().unwrap();
    let number = stem.trim_start_matches('0');
    log.contains(stem) || log.contains(&format!("manifest {number}"))
}

/// What readers can see: manifests and channel documents.
fn visible(depot: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = tree(&depot.join("manifests"));
    files.extend(tree(&depot.join("channels")));
    files
}

#[test]
fn a_damaged_depot_is_refused_by_pull_or_harmless() {
    let scene = scene();
    let undisturbed = scene.world.copy();
    undisturbed.pull().ok();
    let expected = tree(&undisturbed.snapshots());
    let mut random = fastrand::Rng::with_seed(31);
    let (mut refused, mut harmless) = (0, 0);
    for _ in 0..rounds(200) {
        let world = scene.world.copy();
        if random.bool() {
            fs::remove_dir_all(world.snapshots()).unwrap();
        }
        let before = tree(&world.snapshots());
        let file = any_file(&world.depot(), &mut random);
        let what = damage(&file, &mut random);
        let pulled = world.pull();
        if pulled.code == Some(0) {
            harmless += 1;
            assert_eq!(snapshot::installed(&world.snapshots()), Some(2), "{what}");
            for (path, bytes) in tree(&world.snapshots()) {
                let name = path.strip_prefix(world.snapshots()).unwrap();
                let expected = &expected[&undisturbed.snapshots().join(name)];
                assert_eq!(&bytes, expected, "{what}: {}", path.display());
            }
        } else {
            refused += 1;
            assert_eq!(pulled.code, Some(1), "{what}: {}", pulled.log);
            assert!(names(&pulled.log, &file), "{what}: {}", pulled.log);
            let pointer = world.snapshots().join(espy_shared::layout::CURRENT);
            assert_eq!(
                tree(&world.snapshots()).get(&pointer),
                before.get(&pointer),
                "{what}: the host serves what it served"
            );
            snapshot::installed(&world.snapshots());
        }
    }
    assert!(refused > 0 && harmless > 0, "{refused} and {harmless}");
}

#[test]
fn a_damaged_depot_is_refused_by_a_run_or_harmless() {
    let scene = scene();
    let undisturbed = scene.world.copy();
    undisturbed.run(&["evening-2"]).ok();
    let expected = snapshot::segments(&undisturbed.depot());
    let mut random = fastrand::Rng::with_seed(32);
    let (mut refused, mut harmless) = (0, 0);
    for _ in 0..rounds(200) {
        let world = scene.world.copy();
        let loses_data = random.bool();
        if loses_data {
            world.lose_data();
        }
        let file = any_file(&world.depot(), &mut random);
        let what = damage(&file, &mut random);
        let before = visible(&world.depot());
        let run = world.run(&["evening-2"]);
        if run.code == Some(0) {
            harmless += 1;
            assert_eq!(snapshot::segments(&world.depot()), expected, "{what}");
            // An object the cache stood in for is refused by those who need it.
            fs::remove_dir_all(world.snapshots()).unwrap();
            let pulled = world.pull();
            assert!(
                pulled.code == Some(0) || (!loses_data && names(&pulled.log, &file)),
                "{what}: {}",
                pulled.log
            );
            if pulled.code == Some(0) {
                assert_eq!(snapshot::installed(&world.snapshots()), Some(3), "{what}");
            }
        } else {
            refused += 1;
            assert_eq!(run.code, Some(1), "{what}: {}", run.log);
            assert!(names(&run.log, &file), "{what}: {}", run.log);
            assert_eq!(visible(&world.depot()), before, "{what}: {}", run.log);
        }
    }
    assert!(refused > 0 && harmless > 0, "{refused} and {harmless}");
}

#[test]
fn a_run_that_could_not_tell_its_channel_publishes_nothing() {
    let world = scene().world;
    let channel = world.depot().join(espy_shared::layout::channel("prod", 2));
    let document = fs::read(&channel).unwrap();
    fs::write(&channel, &document[1..]).unwrap();
    let before = visible(&world.depot());
    let name = channel.file_name().unwrap().to_string_lossy().into_owned();
    world.run(&["evening-2"]).fails_with(&name);
    assert_eq!(visible(&world.depot()), before);
    fs::write(&channel, document).unwrap();
    world.run(&["evening-2"]).ok();
    assert_eq!(
        snapshot::channel(&world.depot(), "prod").unwrap().sequence,
        3
    );
}

#[test]
fn damage_in_the_data_folder_is_refused_or_harmless() {
    let scene = scene();
    scene.world.step("ingest", &["evening-2"]).ok();
    let undisturbed = scene.world.copy();
    undisturbed.run(&[]).ok();
    let expected = snapshot::segments(&undisturbed.depot());
    let mut random = fastrand::Rng::with_seed(33);
    for dir in ["partials", "cache"] {
        for _ in 0..rounds(100) {
            let world = scene.world.copy();
            let file = any_file(&world.data().join(dir), &mut random);
            let what = damage(&file, &mut random);
            let before = visible(&world.depot());
            let run = world.run(&["evening-2"]);
            if run.code == Some(0) {
                assert_eq!(dir, "cache", "{what}: a partial is never taken");
                assert_eq!(snapshot::segments(&world.depot()), expected, "{what}");
                world.pull().ok();
                assert_eq!(snapshot::installed(&world.snapshots()), Some(3));
            } else {
                assert_eq!(dir, "partials", "{what}: the cache can be fetched again");
                assert!(names(&run.log, &file), "{what}: {}", run.log);
                assert_eq!(visible(&world.depot()), before, "{what}");
                // What the message asks for mends it.
                fs::remove_file(&file).unwrap();
                world.run(&["evening-2"]).ok();
                assert_eq!(snapshot::segments(&world.depot()), expected, "{what}");
            }
        }
    }
}

#[test]
fn damage_to_what_was_built_is_refused_or_harmless() {
    let scene = scene();
    let undisturbed = scene.world.copy();
    undisturbed.run(&["evening-2"]).ok();
    let expected = snapshot::segments(&undisturbed.depot());
    let built = scene.world.copy();
    built.step("ingest", &["evening-2"]).ok();
    built.step("build", &[]).ok();
    let verified = built.copy();
    verified.step("verify", &[]).ok();
    let mut random = fastrand::Rng::with_seed(34);
    for (from, steps) in [
        (&built, &["verify", "publish"][..]),
        (&verified, &["publish"]),
    ] {
        for round in 0..rounds(200) {
            let world = from.copy();
            // The plan is one small file among many; it gets half of the damage.
            let file = if round % 2 == 0 {
                world.data().join("build").join("plan.json")
            } else {
                any_file(&world.data().join("build"), &mut random)
            };
            let what = damage(&file, &mut random);
            let before = visible(&world.depot());
            let failed = steps
                .iter()
                .map(|step| world.step(step, &[]))
                .find(|step| step.code != Some(0));
            match failed {
                None => assert_eq!(snapshot::segments(&world.depot()), expected, "{what}"),
                Some(failed) => {
                    assert_eq!(failed.code, Some(1), "{what}: {}", failed.log);
                    assert!(names(&failed.log, &file), "{what}: {}", failed.log);
                    assert_eq!(visible(&world.depot()), before, "{what}");
                    world.run(&[]).ok();
                    assert_eq!(snapshot::segments(&world.depot()), expected, "{what}");
                }
            }
            world.pull().ok();
            assert_eq!(snapshot::installed(&world.snapshots()), Some(3), "{what}");
        }
    }
}

#[test]
fn damage_on_a_host_is_repaired_by_the_next_pull() {
    let scene = scene();
    scene.world.pull().ok();
    let expected = tree(&scene.world.snapshots());
    let mut random = fastrand::Rng::with_seed(35);
    let installed = snapshot::newest(&scene.world.depot()).unwrap();
    for round in 0..rounds(200) {
        let world = scene.world.copy();
        let host = world.snapshots();
        let file = match round % 4 {
            0 => host.join(espy_shared::layout::CURRENT),
            1 => host.join(espy_shared::layout::manifest(2)),
            _ => {
                let entry = random.choice(&installed.segments).unwrap();
                host.join(espy_shared::layout::segment(&entry.sha256))
            }
        };
        let what = damage(&file, &mut random);
        // A pointer that still reads may say that the host is ahead of the depot.
        let pulled = world.pull();
        if pulled.code == Some(0) {
            assert_eq!(snapshot::installed(&host), Some(2), "{what}");
            for (path, bytes) in &expected {
                let path = host.join(path.strip_prefix(scene.world.snapshots()).unwrap());
                // White space may be lost from the pointer.
                if round % 4 != 0 {
                    assert_eq!(&fs::read(&path).unwrap(), bytes, "{what}");
                }
            }
        } else {
            assert_eq!(round % 4, 0, "{what}: {}", pulled.log);
            assert!(pulled.log.contains("this host has followed"), "{what}");
        }
    }
}

#[test]
fn a_second_compactor_in_the_same_data_folder_says_so() {
    let world = World::new();
    fs::create_dir(world.data()).unwrap();
    let lock = fs::File::create(world.data().join("lock")).unwrap();
    lock.lock().unwrap();
    for step in ["run", "ingest", "build", "verify", "publish"] {
        world
            .step(step, &[])
            .fails_with("another compactor is at work in data");
    }
    assert!(!world.depot().exists(), "nothing is made");
    drop(lock);
    world.run(&[]).ok();
}

#[test]
fn compactors_that_race_on_one_depot_count_every_batch_once() {
    let events = events(41, 240, &days("2026-11-01", 20));
    let whole = World::new();
    let all = whole.write("all", rows(&events, Format::Ndjson));
    whole.run(&[&all]).ok();
    for round in 0..rounds(20) {
        let world = World::new();
        // The last file is read by all of them.
        let names: Vec<String> = events
            .chunks(60)
            .enumerate()
            .map(|(number, chunk)| {
                world.write(&format!("file-{number}"), rows(chunk, Format::Linehaul))
            })
            .collect();
        let children: Vec<_> = (0..3)
            .map(|number| {
                let data = format!("data-{number}");
                let args = ["run", "--data", &data, "--depot", "depot", "--today", TODAY];
                world
                    .command(&[&args[..], &[&names[number], &names[3]]].concat())
                    .spawn()
                    .expect("the binary starts")
            })
            .collect();
        for child in children {
            common::world::wait(child).ok();
        }
        assert_eq!(
            snapshot::segments(&world.depot()),
            snapshot::segments(&whole.depot()),
            "round {round}"
        );
        let ledger = snapshot::ledger(&world.depot());
        assert_eq!(ledger.len(), 4, "{ledger:?}");
        let rows: u64 = ledger.iter().map(|batch| batch.1).sum();
        assert_eq!(rows, counted(&events));
        // Each manifest names the one before it.
        let count = snapshot::count(&world.depot().join("manifests"));
        let mut parent = None;
        for sequence in 1..=count {
            let path = world.depot().join(espy_shared::layout::manifest(sequence));
            let bytes = fs::read(path).unwrap();
            let manifest = espy_shared::manifest::Manifest::parse(&bytes).unwrap();
            assert_eq!(manifest.parent, parent, "manifest {sequence}");
            parent = Some(espy_shared::hash::ObjectHash::of(&bytes));
        }
        assert_eq!(
            snapshot::channel(&world.depot(), "prod").map(|document| document.sequence),
            Some(count)
        );
        world.pull().ok();
        assert_eq!(snapshot::installed(&world.snapshots()), Some(count));
    }
}
