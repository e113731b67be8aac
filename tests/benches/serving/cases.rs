//! What is measured, one table each, and what the design asks for.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::crowd::Crowd;
use crate::data::{Data, LARGE, SMALL, say};
use crate::load::{Effort, Outcome, compare, load};
use crate::server::{Sample, Server};
use crate::table::{self, Target};

/// Ways to be loaded below saturation.
const KINDS: usize = 5;

const UNLIMITED: &str = "--connection-requests-max=1000000000000";

pub fn run(data: &Data, effort: Effort, folder: &Path) {
    data.point(0);
    let handler = Server::handler("handler", data, folder, &[UNLIMITED]);
    let fresh_bytes = own_bytes(&handler);
    let mut targets = Vec::new();
    let [small, large] = [SMALL, LARGE].map(path);
    let samples = [&small, &large].map(|path| Sample::of(&handler, path));
    for sample in &samples {
        println!("{} has {} bytes.\n", sample.path, sample.body.len());
    }
    let nginx = Server::nginx(&samples, folder);

    let alone = |server: &Server, flags: &[&str]| {
        load(server, effort.seconds * effort.rounds, folder, flags)
    };
    for (sample, size) in samples.iter().zip(["1 KB", "26 KB"]) {
        say(&format!("hot {size}"));
        let floor = Server::floor(sample, folder);
        let servers = [&handler, &floor, &nginx];
        let outcomes = compare(&servers, effort, folder, &["--path", &sample.path]);
        table::print(&format!("Hot, {size}"), &outcomes);
        let of = |number: usize| 1.0 / outcomes[number].cpu_ratio.map_or(f64::NAN, |it| it[0]);
        let (to_floor, to_nginx) = (of(1), of(2));
        targets.push(Target {
            what: if size == "1 KB" {
                "hot 1 KB, CPU in parts of nginx's"
            } else {
                "hot 26 KB, CPU in parts of nginx's"
            },
            wanted: "at most 1".to_owned(),
            measured: to_nginx,
            is_met: to_nginx <= 1.0,
        });
        targets.push(Target {
            what: if size == "1 KB" {
                "hot 1 KB, CPU in parts of the floor's"
            } else {
                "hot 26 KB, CPU in parts of the floor's"
            },
            wanted: "at most 1.15".to_owned(),
            measured: to_floor,
            is_met: to_floor <= 1.15,
        });
        say(&format!("pipelined {size}"));
        let flags = [
            "--path",
            &sample.path,
            "--pipeline",
            "16",
            "--connections",
            "8",
        ];
        let outcomes = compare(&servers, effort, folder, &flags);
        table::print(
            &format!("Hot, {size}, 16 requests in flight on each of 8 connections"),
            &outcomes,
        );
    }

    say("gzip and 304");
    let flags = ["--path", &large, "--gzip", "1"];
    table::print("Hot, 26 KB as gzip", &[alone(&handler, &flags)]);
    let flags = ["--path", &large, "--conditional", "1"];
    table::print("304", &[alone(&handler, &flags)]);

    say("cold");
    let names = data.names.display().to_string();
    let uniform = ["--names", &names, "--zipf", "0", "--route-mix", "overall=1"];
    let cold = Server::handler("cold", data, folder, &[UNLIMITED, "--cache-bytes-max=0"]);
    // In turns with the hot read: the machine has faster and slower minutes.
    let mut shares = Vec::new();
    let mut outcomes = Vec::new();
    for _ in 0..effort.rounds {
        let hot = load(&handler, effort.seconds, folder, &["--path", &large]);
        let outcome = load(&cold, effort.seconds, folder, &uniform);
        shares.push(outcome.rps / hot.rps);
        outcomes.push(outcome);
    }
    let share = median(shares.into_iter());
    outcomes.sort_by(|a, b| a.rps.total_cmp(&b.rps));
    let outcome = outcomes.swap_remove(outcomes.len() / 2);
    let cold_rps = outcome.rps;
    table::print("Cold: uniform over all projects, no cache", &[outcome]);
    targets.push(Target {
        what: "cold read, rate in parts of the hot one's",
        wanted: "at least 0.5".to_owned(),
        measured: share,
        is_met: share >= 0.5,
    });
    let datasette = Server::datasette(data, folder);
    let flags = [
        "--names",
        &names,
        "--zipf",
        "0",
        "--connections",
        "8",
        "--timeout",
        "30s",
        "--route",
        "/rows/overall.json?project={p}&_shape=array&_size=1000&_nocount=1=1",
    ];
    let outcome = load(&datasette, effort.seconds * effort.rounds, folder, &flags);
    let times = cold_rps / outcome.rps;
    table::print("Datasette, the same rows", &[outcome]);
    drop(datasette);
    targets.push(Target {
        what: "cold read, rate in parts of Datasette's",
        wanted: "at least 50".to_owned(),
        measured: times,
        is_met: times >= 50.0,
    });

    say("mixed");
    let mixed = [
        "--names",
        &names,
        "--gzip",
        "0.7",
        "--conditional",
        "0.2",
        "--unknown",
        "0.02",
    ];
    let outcome = alone(&handler, &mixed);
    let saturation = outcome.rps;
    table::print(
        "Mixed: Zipf over names and routes, 70 % gzip, 20 % conditional, 2 % unknown",
        &[outcome],
    );

    below_saturation(
        data,
        &handler,
        &mixed,
        saturation,
        effort,
        folder,
        &mut targets,
    );
    memory(data, effort, folder, fresh_bytes, &mut targets);
    table::print_targets(&targets);
}

fn path(name: &str) -> String {
    format!("/api/packages/{name}/overall")
}

/// Latency at 70 % of saturation: alone, during swaps, beside a crowd; and of
/// the floor server at the same rate, to tell what the machine adds.
fn below_saturation(
    data: &Data,
    handler: &Server,
    flags: &[&str],
    saturation: f64,
    effort: Effort,
    folder: &Path,
    targets: &mut Vec<Target>,
) {
    let rate = format!("{:.0}", saturation * 0.7);
    let mut open = vec!["--load", "poisson", "--rate", &rate];
    open.extend_from_slice(flags);
    let floor = Server::floor(&Sample::of(handler, &path(LARGE)), folder);
    let measure = |what: &str, server: &Server| {
        say(what);
        let mut outcome = load(server, effort.seconds * 2, folder, &open);
        outcome.name = what.to_owned();
        outcome
    };
    let beside_crowd = |what: &str, server: &Server| {
        let crowd = Crowd::new(server.address, 10_000, 1_000);
        let outcome = measure(what, server);
        drop(crowd);
        outcome
    };
    let mut rounds: Vec<[Outcome; KINDS]> = Vec::new();
    for _ in 0..effort.rounds {
        let quiet = measure("the floor server", &floor);
        let crowded_floor = beside_crowd("the floor server beside the crowd", &floor);
        let alone = measure("alone", handler);
        let swapping = while_swapping(data, || measure("a new snapshot each 2 seconds", handler));
        let crowded = beside_crowd("beside 10,000 idle and 1,000 slow connections", handler);
        rounds.push([quiet, alone, swapping, crowded, crowded_floor]);
    }
    // Of each kind the round with the median p99; ratios round by round.
    let ratio = |kind: usize, base: usize| {
        median(rounds.iter().map(|it| it[kind].p99_us / it[base].p99_us))
    };
    let (swap_ratio, crowd_ratio, floor_crowd) = (ratio(2, 1), ratio(3, 1), ratio(4, 0));
    let alone = median(rounds.iter().map(|it| it[1].p99_us));
    let floor = median(rounds.iter().map(|it| it[0].p99_us));
    let failed: u64 = rounds.iter().map(|it| it[2].errors).sum();
    targets.extend([
        Target {
            what: "p99 at 70 % of saturation, µs",
            wanted: format!("below 1000 (the floor server: {floor:.0})"),
            measured: alone,
            is_met: alone < 1000.0,
        },
        Target {
            what: "p99 with a new snapshot each 2 seconds, in parts of that",
            wanted: format!("at most 1.5, no failed request ({failed} failed)"),
            measured: swap_ratio,
            is_met: swap_ratio <= 1.5 && failed == 0,
        },
        Target {
            what: "p99 beside the crowd, in parts of that",
            wanted: format!("at most 1.5 (the floor server: {floor_crowd:.1} times its own)"),
            measured: crowd_ratio,
            is_met: crowd_ratio <= 1.5,
        },
    ]);
    let mut columns: [Vec<Outcome>; KINDS] = Default::default();
    for round in rounds {
        for (column, outcome) in columns.iter_mut().zip(round) {
            column.push(outcome);
        }
    }
    let middle = columns.map(|mut column| {
        column.sort_by(|a, b| a.p99_us.total_cmp(&b.p99_us));
        column.swap_remove(column.len() / 2)
    });
    table::print(
        &format!("The same mix at {rate} requests/s, 70 % of saturation"),
        &middle,
    );
}

/// Measures while the handler goes from one snapshot to the other and back.
fn while_swapping(data: &Data, measure: impl FnOnce() -> Outcome) -> Outcome {
    let is_over = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in [1, 0].into_iter().cycle() {
                data.point(number);
                std::thread::sleep(Duration::from_secs(2));
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let outcome = measure();
        is_over.store(true, Ordering::Relaxed);
        outcome
    });
    data.point(0);
    outcome
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Memory besides the snapshot: with a full cache, and per connection.
fn memory(data: &Data, effort: Effort, folder: &Path, fresh: u64, targets: &mut Vec<Target>) {
    say("memory");
    let handler = Server::handler("handler", data, folder, &[UNLIMITED]);
    let names = data.names.display().to_string();
    let uniform = ["--names", &names, "--zipf", "0", "--route-mix", "overall=1"];
    load(&handler, effort.seconds, folder, &uniform);
    let full = own_bytes(&handler);
    let crowd = Crowd::new(handler.address, 10_000, 0);
    std::thread::sleep(Duration::from_secs(1));
    let crowded = own_bytes(&handler);
    let each = (crowded - full) as f64 / crowd.idle_count() as f64 / 1024.0;
    let [fresh, full] = [fresh, full].map(|bytes| bytes as f64 / f64::from(1 << 20));
    println!("### Memory besides the snapshot, one core\n");
    println!("| after the start, MiB | cache at its limit, MiB | per idle connection, KiB |");
    println!("|---|---|---|\n| {fresh:.1} | {full:.1} | {each:.1} |\n");
    targets.push(Target {
        what: "memory besides the snapshot with a full cache, MB",
        wanted: "at most 16".to_owned(),
        measured: full * 1.048_576,
        is_met: full * 1.048_576 <= 16.0,
    });
    targets.push(Target {
        what: "memory per open connection, KB",
        wanted: "at most 16".to_owned(),
        measured: each * 1.024,
        is_met: each * 1.024 <= 16.0,
    });
}

/// Resident memory without the segments.
fn own_bytes(handler: &Server) -> u64 {
    let segments = handler.status()["resident_bytes"].as_u64().unwrap();
    handler.memory("VmRSS").saturating_sub(segments)
}
