//! Every event is counted exactly once, however the input was cut, renamed,
//! compressed, repeated or spread over runs; and what is published does not
//! show it.

mod common;

use common::events::{AGENTS, Event, counted, days};
use common::world::{gzip, zstandard};
use common::{Format, World, events, rounds, rows, snapshot};
use espy_shared::day::Day;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// A world in which these rows were read in one go.
fn from_scratch(text: &str, flags: &[&str]) -> World {
    let world = World::new();
    let file = world.write("all", text);
    world.run(&[flags, &[&file]].concat()).ok();
    world
}

fn sample(seed: u64) -> Vec<Event> {
    events(seed, 300, &days("2026-10-25", 28))
}

#[test]
fn a_known_file_counts_and_publishes_nothing_whatever_its_name_and_compression() {
    let text = rows(&sample(2), Format::Ndjson);
    let world = from_scratch(&text, &[]);
    let published = common::world::tree(&world.depot());
    for (name, bytes) in [
        ("all", text.clone().into_bytes()),
        ("renamed", text.clone().into_bytes()),
        ("all.gz", gzip(text.as_bytes())),
        ("all.zst", zstandard(text.as_bytes())),
    ] {
        let file = world.write(name, bytes);
        for _ in 0..2 {
            let log = world.run(&[&file]).ok().log;
            assert!(log.contains("has been counted before"), "{log}");
            assert_eq!(common::world::tree(&world.depot()), published, "{name}");
        }
        world.run_with_input(&["-"], text.as_bytes()).ok();
        world.lose_data();
        world.run(&[&file]).ok();
        assert_eq!(
            common::world::tree(&world.depot()),
            published,
            "{name} without data"
        );
    }
    // The same content twice in one run.
    let twice = World::new();
    let (one, two) = (
        twice.write("one", &text),
        twice.write("two", gzip(text.as_bytes())),
    );
    twice.run(&[&one, &two]).ok();
    assert_eq!(
        snapshot::segments(&twice.depot()),
        snapshot::segments(&world.depot())
    );
}

#[test]
fn a_run_without_files_publishes_nothing_new() {
    let world = World::new();
    world.run(&[]).ok();
    assert!(
        snapshot::newest(&world.depot()).is_none(),
        "nothing was counted"
    );
    let file = world.write("all", rows(&sample(3), Format::Linehaul));
    world.run(&[&file]).ok();
    let published = common::world::tree(&world.depot());
    for step in ["ingest", "build", "verify", "publish", "run"] {
        world.step(step, &[]).ok();
        assert_eq!(common::world::tree(&world.depot()), published, "{step}");
    }
}

/// Ways from a log at noon to the same log at night.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    TwoRuns,
    DataLostBetween,
    OneRunNoonFirst,
    OneRunNightFirst,
    NoonPending,
    BothPending,
}

const WAYS: [Way; 6] = [
    Way::TwoRuns,
    Way::DataLostBetween,
    Way::OneRunNoonFirst,
    Way::OneRunNightFirst,
    Way::NoonPending,
    Way::BothPending,
];

fn noon_and_night(way: Way, noon: &str, night: &str) -> World {
    let world = World::new();
    let noon = world.write("noon.log", noon);
    let night = world.write("night.log", night);
    let (noon, night) = (noon.as_str(), night.as_str());
    match way {
        Way::TwoRuns | Way::DataLostBetween => {
            world.run(&[noon]).ok();
            if way == Way::DataLostBetween {
                world.lose_data();
            }
            world.run(&[night]).ok();
        }
        Way::OneRunNoonFirst => drop(world.run(&[noon, night]).ok()),
        Way::OneRunNightFirst => drop(world.run(&[night, noon]).ok()),
        Way::NoonPending => {
            world.step("ingest", &[noon]).ok();
            world.run(&[night]).ok();
        }
        Way::BothPending => {
            world.step("ingest", &[noon]).ok();
            world.step("ingest", &[night]).ok();
            world.run(&[]).ok();
        }
    }
    world
}

#[test]
fn a_log_read_at_noon_and_at_night_counts_each_line_once() {
    let events = sample(4);
    for format in [Format::Ndjson, Format::Linehaul] {
        let night = rows(&events, format);
        let whole = from_scratch(&night, &[]);
        let expected = snapshot::segments(&whole.depot());
        let middle = night.len() / 2;
        let line_end = middle + night[middle..].find('\n').expect("lines end") + 1;
        for way in WAYS {
            // At the end of a line, before its newline, and inside it.
            for cut in [line_end, line_end - 1, line_end - 40] {
                let world = noon_and_night(way, &night[..cut], &night);
                assert_eq!(
                    snapshot::segments(&world.depot()),
                    expected,
                    "{format:?} {way:?} {cut}"
                );
                let rows: u64 = snapshot::ledger(&world.depot()).iter().map(|b| b.1).sum();
                assert_eq!(rows, counted(&events), "{format:?} {way:?} {cut}");
            }
        }
    }
}

/// A cut inside the User-Agent can leave one that is also known; every cut of
/// the last line of every client must come out right.
#[test]
fn a_last_line_cut_anywhere_is_counted_once_and_as_what_it_is() {
    let mut random = fastrand::Rng::with_seed(5);
    for format in [Format::Ndjson, Format::Linehaul] {
        let events = events(5, 12 * AGENTS.len(), &days("2026-11-20", 1));
        let lines: Vec<String> = rows(&events, format).lines().map(str::to_owned).collect();
        let mut last_lines: Vec<&String> = lines.iter().collect();
        if format == Format::Linehaul {
            // One of each client, and one that is a client's with more behind it.
            last_lines.sort_by_key(|line| line.rsplit('|').next());
            last_lines.dedup_by_key(|line| line.rsplit('|').next());
            assert_eq!(last_lines.len(), AGENTS.len());
        } else {
            last_lines.truncate(3);
        }
        for last in last_lines {
            let night = format!("{}\n{last}\n", lines[0]);
            let whole = from_scratch(&night, &[]);
            let start = lines[0].len() + 1;
            let agent = start + last.rfind('|').unwrap_or(0);
            // All words of the User-Agent, and some cuts anywhere.
            let mut cuts: Vec<usize> = night[agent..]
                .match_indices([' ', ')', '}', '\n'])
                .flat_map(|(at, _)| [agent + at, agent + at + 1])
                .collect();
            cuts.extend((0..6).map(|_| random.usize(start + 1..night.len())));
            random.shuffle(&mut cuts);
            cuts.truncate(rounds(100) as usize);
            for cut in cuts {
                let world = noon_and_night(Way::TwoRuns, &night[..cut], &night);
                assert_eq!(
                    snapshot::segments(&world.depot()),
                    snapshot::segments(&whole.depot()),
                    "{format:?}, read at noon: {:?}",
                    &night[..cut]
                );
            }
        }
    }
}

/// What comes by a pipe has an end of its own, but may be the beginning of a
/// log all the same.
#[test]
fn a_half_line_by_standard_input_is_counted_when_the_log_is_whole() {
    let events = sample(7);
    let night = rows(&events, Format::Ndjson);
    let whole = from_scratch(&night, &[]);
    let middle = night.len() / 2;
    let line_end = middle + night[middle..].find('\n').expect("lines end") + 1;
    for cut in [line_end, line_end - 1, line_end - 2, line_end - 40] {
        let world = World::new();
        world.run_with_input(&["-"], &night.as_bytes()[..cut]).ok();
        let file = world.write("night", &night);
        world.run(&[&file]).ok();
        assert_eq!(
            snapshot::segments(&world.depot()),
            snapshot::segments(&whole.depot()),
            "cut at {cut}"
        );
    }
}

/// A number that is cut is a smaller number: the rest of the line puts it right.
#[test]
fn counts_read_while_they_are_written_come_out_right() {
    let first = "day,project,dimension,category,count\n2026-11-20,b,overall,with_mirrors,7\n";
    let night = format!(
        "{first}2026-11-20,a,overall,with_mirrors,1234\n2026-11-20,c,python_minor,3.12,56\n"
    );
    let whole = from_scratch(&night, &[]);
    for cut in first.len()..night.len() {
        let world = noon_and_night(Way::TwoRuns, &night[..cut], &night);
        assert_eq!(
            snapshot::segments(&world.depot()),
            snapshot::segments(&whole.depot()),
            "read at noon: {:?}",
            &night[..cut]
        );
    }
}

#[test]
fn a_batch_whose_end_another_compactor_counted_is_not_counted_again() {
    let events = sample(6);
    let night = rows(&events, Format::Ndjson);
    let ends: Vec<usize> = night.match_indices('\n').map(|(at, _)| at + 1).collect();
    let whole = from_scratch(&night, &[]);
    // Ours: the log in three pieces, each after the one before, all pending.
    let ours = World::new();
    for (name, end) in [("a", ends[50]), ("b", ends[150]), ("c", night.len())] {
        let file = ours.write(name, &night[..end]);
        ours.step("ingest", &[&file]).ok();
    }
    for theirs in [&[night.len()][..], &[ends[50], night.len()]] {
        // Theirs: the same log, in fewer pieces, published meanwhile.
        let world = ours.copy();
        for end in theirs {
            let file = world.write("theirs", &night[..*end]);
            let args = ["run", "--data", "other", "--depot", "depot", "--today"];
            let output = world
                .command(&[&args[..], &[common::world::TODAY, &file]].concat())
                .output();
            assert!(output.expect("the binary starts").status.success());
        }
        world.run(&[]).ok();
        assert_eq!(
            snapshot::segments(&world.depot()),
            snapshot::segments(&whole.depot()),
            "theirs in {} pieces",
            theirs.len()
        );
    }
}

/// How the pieces of a plan are brought in.
#[derive(Clone, Copy, Debug)]
enum Action {
    Run,
    Ingest,
    FourSteps,
    LoseDataAndRun,
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => Just(Action::Run),
        2 => Just(Action::Ingest),
        1 => Just(Action::FourSteps),
        1 => Just(Action::LoseDataAndRun),
    ]
}

/// Brings pieces in, each with the run's day; ends with a run on the last day.
fn bring_in(world: &World, flags: &[&str], pieces: &[(String, Action, Day)], last: Day) {
    let mut pending = false;
    for (number, (text, action, today)) in pieces.iter().enumerate() {
        let today = today.to_string();
        let flags = [flags, &["--today", &today]].concat();
        let name = format!("piece-{number}");
        let files = if text.is_empty() {
            vec![]
        } else {
            vec![world.write(&name, text)]
        };
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let with_files = [&flags[..], &files[..]].concat();
        match action {
            Action::Ingest => drop(world.step("ingest", &with_files).ok()),
            Action::FourSteps => world.four_steps(&flags, &files),
            Action::LoseDataAndRun => {
                // What is pending would be lost with it.
                if !pending {
                    world.lose_data();
                }
                world.run(&with_files).ok();
            }
            Action::Run => drop(world.run(&with_files).ok()),
        }
        pending = matches!(action, Action::Ingest);
    }
    let last = last.to_string();
    world.run(&[flags, &["--today", &last]].concat()).ok();
}

fn config(full: u32) -> ProptestConfig {
    ProptestConfig {
        cases: rounds(full),
        max_shrink_iters: 60,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

fn formats() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Ndjson), Just(Format::Linehaul)]
}

/// Rows of events chosen by the piece they were given to.
fn piece(events: &[Event], owners: &[usize], number: usize, format: Format) -> String {
    let own = events
        .iter()
        .zip(owners)
        .filter(|(_, owner)| **owner == number);
    let own: Vec<&Event> = own.map(|(event, _)| event).collect();
    rows(own, format)
}

proptest! {
    #![proptest_config(config(60))]

    /// Any lines in any file, files in any order, in any runs.
    #[test]
    fn any_cut_order_and_runs_give_the_same_segments(
        seed: u64,
        plan in proptest::collection::vec((actions(), formats()), 2..6),
        max_categories in prop_oneof![Just("0"), Just("2"), Just("256")],
    ) {
        let today: Day = "2026-11-21".parse().unwrap();
        // Three months with holes, today and tomorrow.
        let mut days: Vec<Day> = days("2026-09-10", 74);
        let mut random = fastrand::Rng::with_seed(seed);
        days.retain(|day| *day >= today || random.usize(0..3) > 0);
        let events = events(seed, 120, &days);
        let owners: Vec<usize> = events.iter().map(|_| random.usize(0..plan.len())).collect();
        let pieces: Vec<(String, Action, Day)> = plan
            .iter()
            .enumerate()
            .map(|(number, (action, format))| (piece(&events, &owners, number, *format), *action, today))
            .collect();
        let flags = ["--max-categories", max_categories];
        let world = World::new();
        bring_in(&world, &flags, &pieces, today);
        let whole = from_scratch(&rows(&events, Format::Ndjson), &flags);
        prop_assert_eq!(snapshot::segments(&world.depot()), snapshot::segments(&whole.depot()));
    }

    /// The run's day moves on; late events come with it. What counts is the
    /// last day.
    #[test]
    fn days_that_pass_between_runs_give_the_same_segments(
        seed: u64,
        plan in proptest::collection::vec((actions(), formats(), 0..9_i32), 2..6),
        max_categories in prop_oneof![Just("2"), Just("256")],
    ) {
        let first: Day = "2026-10-27".parse().unwrap();
        let mut random = fastrand::Rng::with_seed(seed);
        let mut today = first;
        let todays: Vec<Day> = plan.iter().map(|(_, _, passed)| { today = today.plus(*passed); today }).collect();
        let last = today;
        let events = events(seed, 100, &days("2026-10-10", last.plus(2).since("2026-10-10".parse().unwrap())));
        // An event comes in a run that takes its day: not before the day before it.
        let owners: Vec<usize> = events
            .iter()
            .map(|event| {
                let earliest = todays.iter().position(|today| event.day() <= today.plus(1)).unwrap();
                random.usize(earliest..plan.len())
            })
            .collect();
        let pieces: Vec<(String, Action, Day)> = plan
            .iter()
            .zip(&todays)
            .enumerate()
            .map(|(number, ((action, format, _), today))| (piece(&events, &owners, number, *format), *action, *today))
            .collect();
        let flags = ["--max-categories", max_categories];
        let world = World::new();
        bring_in(&world, &flags, &pieces, last);
        let today = last.to_string();
        let whole = from_scratch(&rows(&events, Format::Ndjson), &["--max-categories", max_categories, "--today", &today]);
        prop_assert_eq!(snapshot::segments(&world.depot()), snapshot::segments(&whole.depot()));
    }

    /// Years that leave daily retention become history on the way.
    #[test]
    fn years_that_become_history_on_the_way_give_the_same_segments(
        seed: u64,
        cuts in proptest::collection::vec((0..150_usize, actions(), formats()), 1..6),
        max_categories in prop_oneof![Just("2"), Just("256")],
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut days: Vec<Day> = days("2023-10-01", 1100);
        days.retain(|_| random.usize(0..12) == 0);
        let events = events(seed, 150, &days);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.0).collect();
        ends.sort_unstable();
        ends.pop();
        ends.push(events.len());
        let mut start = 0;
        let mut pieces = Vec::new();
        for (end, (_, action, format)) in ends.iter().zip(&cuts) {
            let own = &events[start..*end];
            let today = events[..*end].last().map_or(days[0], |event| event.day().plus(1));
            pieces.push((rows(own, *format), *action, today));
            start = *end;
        }
        let last = pieces.last().unwrap().2;
        let flags = ["--max-categories", max_categories, "--daily-retention", "30"];
        let world = World::new();
        bring_in(&world, &flags, &pieces, last);
        let today = last.to_string();
        let whole = from_scratch(&rows(&events, Format::Ndjson), &[&flags[..], &["--today", &today]].concat());
        let expected = snapshot::segments(&whole.depot());
        prop_assert!(expected.iter().any(|segment| segment.starts_with("history 2024")), "{expected:#?}");
        prop_assert_eq!(snapshot::segments(&world.depot()), expected);
        let rows: u64 = snapshot::ledger(&world.depot()).iter().map(|batch| batch.1).sum();
        prop_assert_eq!(rows, counted(&events), "no event was too old");
    }
}
