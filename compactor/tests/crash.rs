//! Killed at any moment: the next run publishes what an undisturbed one would
//! have, once, and no host ever sees half a snapshot.

mod common;

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use common::events::{Event, counted, days};
use common::{Format, World, events, rounds, rows, snapshot};

/// Events of a first and a second evening, in files.
struct Input {
    events: Vec<Event>,
    evenings: [Vec<(String, String)>; 2],
}

fn input() -> Input {
    let events = events(7, 2400, &days("2026-10-05", 48));
    let (early, late) = events.split_at(1600);
    let files = |events: &[Event], evening: usize| -> Vec<(String, String)> {
        let formats = [Format::Ndjson, Format::Linehaul];
        let chunks = events.chunks(events.len() / 4).enumerate();
        chunks
            .map(|(number, chunk)| {
                (
                    format!("{evening}-{number}"),
                    rows(chunk, formats[number % 2]),
                )
            })
            .collect()
    };
    Input {
        evenings: [files(early, 0), files(late, 1)],
        events,
    }
}

fn write(world: &World, evening: &[(String, String)]) -> Vec<String> {
    evening
        .iter()
        .map(|(name, text)| world.write(name, text))
        .collect()
}

fn texts(files: &[String]) -> Vec<&str> {
    files.iter().map(String::as_str).collect()
}

/// Kills it after this time, wherever it is then.
fn kill_after(mut child: Child, time: Duration) {
    // Not to wait for anything: this is the random moment itself.
    std::thread::sleep(time);
    child.kill().expect("a child can be killed");
    common::world::wait(child);
}

/// Moments spread over some more than an undisturbed run's duration.
fn moments(seed: u64, full: u32, undisturbed: Duration) -> Vec<Duration> {
    let mut random = fastrand::Rng::with_seed(seed);
    let count = rounds(full);
    (0..count)
        .map(|round| {
            undisturbed.mul_f64(1.1 * (f64::from(round) + random.f64()) / f64::from(count))
        })
        .collect()
}

/// A host that has pulled sees a whole snapshot; one that has not, can.
fn assert_host_is_whole(world: &World, newest: u64) {
    let before = snapshot::installed(&world.snapshots());
    world.pull().ok();
    let after = snapshot::installed(&world.snapshots());
    assert!(after >= before, "{before:?} {after:?}");
    assert!(
        after.is_none_or(|sequence| sequence <= newest),
        "{after:?} of {newest}"
    );
}

fn assert_all_counted_once(world: &World, events: &[Event]) {
    let rows: u64 = snapshot::ledger(&world.depot())
        .iter()
        .map(|batch| batch.1)
        .sum();
    assert_eq!(rows, counted(events));
    assert_eq!(
        snapshot::counts(&world.depot()),
        common::events::counts(events)
    );
}

#[test]
fn killed_at_any_moment_a_run_is_completed_by_the_next() {
    let input = input();
    let undisturbed = World::new();
    let files = write(&undisturbed, &input.evenings[0]);
    let started = Instant::now();
    undisturbed.run(&texts(&files)).ok();
    let duration = started.elapsed();
    let expected = snapshot::segments(&undisturbed.depot());
    for (round, moment) in moments(11, 50, duration).into_iter().enumerate() {
        for loses_data in [false, true] {
            let world = World::new();
            let files = write(&world, &input.evenings[0]);
            let files = texts(&files);
            let child = world.step_command("run", &files).spawn();
            kill_after(child.expect("the binary starts"), moment);
            assert_host_is_whole(&world, 1);
            if loses_data {
                world.lose_data();
            }
            world.run(&files).ok();
            assert_eq!(
                snapshot::segments(&world.depot()),
                expected,
                "round {round}, killed after {moment:?}, data lost: {loses_data}"
            );
            world.pull().ok();
            assert_eq!(snapshot::installed(&world.snapshots()), Some(1));
            assert!(
                fs::read_dir(world.data().join("build"))
                    .unwrap()
                    .next()
                    .is_none(),
                "nothing half-built is left"
            );
        }
    }
    assert_all_counted_once(&undisturbed, &input.events[..input.events.len() * 2 / 3]);
}

#[test]
fn killed_on_top_of_a_published_snapshot_a_run_is_completed_by_the_next() {
    let input = input();
    let first = World::new();
    let files = write(&first, &input.evenings[0]);
    first.run(&texts(&files)).ok();
    first.pull().ok();
    let undisturbed = first.copy();
    let files = write(&undisturbed, &input.evenings[1]);
    let started = Instant::now();
    undisturbed.run(&texts(&files)).ok();
    let duration = started.elapsed();
    let expected = snapshot::segments(&undisturbed.depot());
    assert_all_counted_once(&undisturbed, &input.events);
    for (round, moment) in moments(12, 50, duration).into_iter().enumerate() {
        for loses_data in [false, true] {
            let world = first.copy();
            let files = write(&world, &input.evenings[1]);
            let files = texts(&files);
            let child = world.step_command("run", &files).spawn();
            kill_after(child.expect("the binary starts"), moment);
            assert_host_is_whole(&world, 2);
            if loses_data {
                world.lose_data();
            }
            world.run(&files).ok();
            assert_eq!(
                snapshot::segments(&world.depot()),
                expected,
                "round {round}, killed after {moment:?}, data lost: {loses_data}"
            );
            assert_eq!(snapshot::count(&world.depot().join("manifests")), 2);
            world.pull().ok();
            assert_eq!(snapshot::installed(&world.snapshots()), Some(2));
        }
    }
}

#[test]
fn killed_single_steps_are_completed_by_the_same_steps() {
    let input = input();
    let undisturbed = World::new();
    let files = write(&undisturbed, &input.evenings[0]);
    let files = texts(&files);
    let mut durations = Vec::new();
    for step in ["ingest", "build", "verify", "publish"] {
        let started = Instant::now();
        let args = if step == "ingest" { &files[..] } else { &[] };
        undisturbed.step(step, args).ok();
        durations.push((step, started.elapsed()));
    }
    let expected = snapshot::segments(&undisturbed.depot());
    let mut random = fastrand::Rng::with_seed(13);
    for round in 0..rounds(50) {
        for killed in 0..durations.len() {
            let world = World::new();
            let files = write(&world, &input.evenings[0]);
            let files = texts(&files);
            for (index, (step, duration)) in durations.iter().enumerate() {
                let args = if *step == "ingest" { &files[..] } else { &[] };
                if index == killed {
                    let child = world.step_command(step, args).spawn();
                    let moment = duration.mul_f64(1.1 * random.f64());
                    kill_after(child.expect("the binary starts"), moment);
                    assert_host_is_whole(&world, 1);
                }
                world.step(step, args).ok();
            }
            assert_eq!(
                snapshot::segments(&world.depot()),
                expected,
                "round {round}, {} killed",
                durations[killed].0
            );
            world.pull().ok();
            assert_eq!(snapshot::installed(&world.snapshots()), Some(1));
        }
    }
}

#[test]
fn a_killed_pull_is_completed_by_the_next() {
    let input = input();
    let world = World::new();
    let files = write(&world, &input.evenings[0]);
    world.run(&texts(&files)).ok();
    let old_host = world.copy();
    old_host.pull().ok();
    let files = write(&world, &input.evenings[1]);
    world.run(&texts(&files)).ok();
    let undisturbed = world.copy();
    let started = Instant::now();
    undisturbed.pull().ok();
    let duration = started.elapsed();
    for moment in moments(14, 50, duration) {
        let host = World::new();
        common::world::copy_dir(&world.depot(), &host.depot());
        common::world::copy_dir(&old_host.snapshots(), &host.snapshots());
        let child = host.step_command("pull", &[]).spawn();
        kill_after(child.expect("the binary starts"), moment);
        assert!(matches!(
            snapshot::installed(&host.snapshots()),
            Some(1 | 2)
        ));
        host.pull().ok();
        assert_eq!(snapshot::installed(&host.snapshots()), Some(2));
        let names = |world: &World| -> Vec<_> {
            let tree = common::world::tree(&world.snapshots());
            let root = world.snapshots();
            tree.into_keys()
                .map(|path| path.strip_prefix(&root).unwrap().to_owned())
                .collect()
        };
        let fresh: Vec<_> = names(&undisturbed);
        assert!(
            fresh.iter().all(|name| names(&host).contains(name)),
            "all files of the new snapshot"
        );
        let left = fs::read_dir(host.snapshots().join("segments")).unwrap();
        assert!(
            left.map(|entry| entry.unwrap().file_name())
                .all(|name| !espy_shared::files::is_temporary(&name.to_string_lossy())),
            "nothing half-written is left"
        );
    }
}

/// The state a kill between manifest and channel document leaves, by hand.
#[test]
fn a_snapshot_that_no_channel_names_is_announced_by_the_next_run() {
    let input = input();
    let world = World::new();
    for evening in &input.evenings {
        let files = write(&world, evening);
        world.run(&texts(&files)).ok();
    }
    let expected = snapshot::segments(&world.depot());
    let counter = world.depot().join(espy_shared::layout::channel("prod", 2));
    for keeps_hint in [true, false] {
        for step in ["run", "publish"] {
            fs::remove_file(&counter).unwrap();
            if !keeps_hint {
                fs::remove_file(world.depot().join("latest")).unwrap();
            }
            assert_eq!(
                snapshot::channel(&world.depot(), "prod").map(|document| document.sequence),
                Some(1)
            );
            world.step(step, &[]).ok();
            let document = snapshot::channel(&world.depot(), "prod").unwrap();
            assert_eq!((document.counter, document.sequence), (2, 2));
            assert_eq!(snapshot::segments(&world.depot()), expected);
            world.pull().ok();
            assert_eq!(snapshot::installed(&world.snapshots()), Some(2));
        }
    }
}

/// `publish` killed just after its commit, before it tidied up.
#[test]
fn publish_after_its_own_commit_succeeds() {
    let input = input();
    let world = World::new();
    let files = write(&world, &input.evenings[0]);
    world.step("ingest", &texts(&files)).ok();
    world.step("build", &[]).ok();
    world.step("verify", &[]).ok();
    let before = world.copy();
    world.step("publish", &[]).ok();
    // The depot has the snapshot but no channel document; the data folder is
    // as before, but for the first file that went to the cache.
    let killed = before.copy();
    common::world::copy_dir(&world.depot(), &killed.depot());
    fs::remove_dir_all(killed.depot().join("channels")).unwrap();
    let head = snapshot::newest(&world.depot()).unwrap().head().sha256;
    let name = format!("{head}.sqlite");
    fs::copy(
        world.data().join("cache").join(&name),
        killed.data().join("cache").join(&name),
    )
    .unwrap();
    fs::remove_file(killed.data().join("build").join(&name)).unwrap();
    killed
        .step("publish", &["--expected-interval-hours", "7"])
        .ok();
    assert_eq!(
        snapshot::newest(&killed.depot()),
        snapshot::newest(&world.depot())
    );
    killed.pull().ok();
    assert_eq!(snapshot::installed(&killed.snapshots()), Some(1));
    let published = common::world::tree(&killed.depot());
    killed.run(&texts(&files)).ok();
    assert_eq!(common::world::tree(&killed.depot()), published);
}
