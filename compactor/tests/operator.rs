//! What goes wrong around the programs on a bad day: a clock that is off, a
//! disk that lost something, a depot that is not mounted.

mod common;

use std::fs;

use common::World;
use common::snapshot;
use espy_shared::layout;
use espy_shared::segment::Kind;

/// Counts of one download of `pip` on each day.
fn counts(days: &[&str]) -> String {
    let mut text = String::from("day,project,dimension,category,count\n");
    for day in days {
        for category in ["with_mirrors", "without_mirrors"] {
            text.push_str(&format!("{day},pip,overall,{category},1\n"));
        }
    }
    text
}

/// A run by the real clock: `--today` is not given.
fn run_by_the_clock(world: &World, files: &[&str]) -> common::world::Finished {
    let data = world.data();
    let depot = world.depot();
    let mut args = vec![
        "run",
        "--data",
        data.to_str().expect("paths are text"),
        "--depot",
        depot.to_str().expect("paths are text"),
    ];
    args.extend(files);
    let child = world.command(&args).spawn().expect("the binary starts");
    common::world::wait(child)
}

/// The depot was written by a machine whose day is later than ours: going by
/// our clock would take its days out of every window.
#[test]
fn a_clock_that_is_behind_publishes_nothing() {
    let world = World::new();
    let first = world.write("first", counts(&["2199-12-31"]));
    world.run(&["--today", "2200-01-01", &first]).ok();
    run_by_the_clock(&world, &[]).fails_with("mend the clock, or name the day with --today");
    assert_eq!(snapshot::count(&world.depot().join("manifests")), 1);
    // A person may insist.
    world.run(&["--today", "2199-12-31"]).ok();
    let newest = snapshot::newest(&world.depot()).expect("it is published");
    assert_eq!((newest.sequence, newest.data_through), (2, None));
}

/// One row of a far day must not turn years of daily counts into months; as
/// much as usual may.
#[test]
fn a_few_rows_of_a_far_day_make_no_history() {
    let month: Vec<String> = (1..=20).map(|day| format!("2020-01-{day:02}")).collect();
    let month: Vec<&str> = month.iter().map(String::as_str).collect();
    let base = World::new();
    let first = base.write("first", counts(&month));
    base.run(&["--today", "2020-01-21", &first]).ok();
    for (far, is_believed) in [
        (&["2026-01-01"][..], false),
        (&["2026-01-01", "2026-01-02"], true),
    ] {
        let world = base.copy();
        let second = world.write("second", counts(far));
        let run = run_by_the_clock(&world, &[&second]);
        if !is_believed {
            run.fails_with("make history of daily counts");
            assert_eq!(snapshot::count(&world.depot().join("manifests")), 1);
            // A person may insist.
            world.run(&["--today", "2026-01-02"]).ok();
        }
        let newest = snapshot::newest(&world.depot()).expect("it is published");
        assert_eq!(newest.sequence, 2);
        assert!(
            newest
                .segments
                .iter()
                .any(|entry| entry.kind == Kind::History)
        );
    }
}

/// A snapshot names reused objects; one that the depot has lost or damaged
/// meanwhile would keep every host from pulling.
#[test]
fn a_damaged_or_lost_object_is_stored_again() {
    for is_new in [true, false] {
        for is_lost in [true, false] {
            let world = World::new();
            let first = world.write("first", counts(&["2026-10-01", "2026-11-18"]));
            world.run(&["--today", "2026-11-21", &first]).ok();
            let newest = snapshot::newest(&world.depot()).expect("it is published");
            // The closed month, which no later day touches.
            let closed = &newest.series_segments()[0];
            let object = world.depot().join(layout::object(&closed.sha256));
            if is_lost {
                fs::remove_file(&object).expect("it is there");
            } else {
                let mut bytes = fs::read(&object).expect("it is there");
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&object, bytes).expect("it can be written");
            }
            let second = world.write("second", counts(&["2026-11-19"]));
            let files = if is_new {
                vec![second.as_str()]
            } else {
                vec![]
            };
            world
                .run(&[&["--today", "2026-11-21"][..], &files].concat())
                .ok();
            world.pull().ok();
            let sequence = snapshot::newest(&world.depot()).map(|newest| newest.sequence);
            assert_eq!(snapshot::installed(&world.snapshots()), sequence);
        }
    }
}

/// A depot that is not mounted looks like one in which nothing was published.
#[test]
fn an_empty_depot_is_no_news_for_a_host_that_follows_a_channel() {
    let world = World::new();
    let first = world.write("first", counts(&["2026-11-18"]));
    world.run(&["--today", "2026-11-21", &first]).ok();
    world.pull().ok();
    fs::remove_dir_all(world.depot()).expect("it can be unmounted");
    fs::create_dir(world.depot()).expect("a mount point");
    world.pull().fails_with("is it the right depot?");
    assert_eq!(snapshot::installed(&world.snapshots()), Some(1));
    let run = world.run(&["--today", "2026-11-21"]).ok();
    assert!(
        run.log.contains("is it the right one, and mounted?"),
        "{}",
        run.log
    );
}
