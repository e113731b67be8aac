//! CPU time of answers that no cache gives: lookup, decoding, rendering.
//!
//! Goals: the median over rounds of the CPU time of one call of `respond`, for
//! names drawn evenly from 20,000 projects (memory is cold) and for one name
//! again and again (what is left when memory is not waited for).
//!
//! Non-goals: the engine, the network, loading.
//!
//! `cargo bench -p espy-handler --bench respond` measures and prints Markdown;
//! without `--bench` (as `cargo test` runs it) sizes are small and the numbers
//! mean nothing. Every answer counts for a checksum, and the sums of some are
//! compared with what was put into the snapshot: a fast wrong answer fails.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

#[expect(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of the server"
)]
#[path = "../tests/serve/folder.rs"]
mod folder;
#[path = "common/snapshot.rs"]
mod snapshot;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use rustix::time::{ClockId, clock_gettime};

use espy_handler::generation::{CoreGeneration, Loader, LoaderOptions};
use espy_handler::respond::{Answer, Request, View, respond};
use espy_handler::signals::{Asked, Recorder, Sampling, Signals};
use espy_handler::state::ServiceState;
use espy_shared::files;
use espy_shared::layout;
use espy_shared::manifest::{CURRENT_BYTES_MAX, Current};

use snapshot::Snapshot;

struct Sizes {
    projects: usize,
    /// Answers in one round.
    answers: usize,
    rounds: usize,
}

const MEASURE: Sizes = Sizes {
    projects: 20_000,
    answers: 4_000,
    rounds: 25,
};
const CHECK: Sizes = Sizes {
    projects: 60,
    answers: 100,
    rounds: 2,
};

const ENDPOINTS: [&str; 4] = ["recent", "overall", "python_minor", "system"];

fn main() {
    let is_measuring = std::env::args().any(|arg| arg == "--bench");
    let sizes = if is_measuring { MEASURE } else { CHECK };
    let snapshot = Snapshot::build(sizes.projects);
    let bench = Bench {
        sizes,
        state: ServiceState::new(1, u64::MAX, 0),
        signals: Arc::new(Signals::new(1)),
        generation: load(&snapshot, 0),
        headers: HeaderMap::new(),
        names: &snapshot.names,
    };
    bench.check(&snapshot.overall);
    println!(
        "{} projects, 180 days, {} segments, {:.0} MB\n",
        bench.sizes.projects,
        bench.generation.facts().manifest().segments.len(),
        bench.generation.facts().segment_bytes() as f64 / 1e6,
    );
    println!(
        "| answer | body, bytes | any project, µs | fastest round | one project, µs | fastest round |"
    );
    println!("|---|---|---|---|---|---|");
    // `-- overall` measures that alone, for a profile of it.
    let chosen = |endpoint: &&str| std::env::args().any(|argument| argument == *endpoint);
    let is_any_chosen = ENDPOINTS.iter().any(chosen);
    for endpoint in ENDPOINTS {
        if is_any_chosen && !chosen(&endpoint) {
            continue;
        }
        let any = bench.measure(endpoint, bench.names);
        let middle = bench.names.len() / 2;
        let one = bench.measure(endpoint, &bench.names[middle..=middle]);
        println!(
            "| `{endpoint}` | {} | {:.2} | {:.2} | {:.2} | {:.2} |",
            any.body_bytes, any.median_us, any.least_us, one.median_us, one.least_us
        );
    }
    if is_any_chosen {
        return;
    }
    let middle = &bench.names[bench.names.len() / 2];
    let one = std::slice::from_ref(middle);
    let signals_us = bench.signals_us(middle);
    let bench = Bench {
        generation: load(&snapshot, 8 << 20),
        ..bench
    };
    let hot = bench.measure("overall", one);
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let bench = Bench {
        generation: load(&snapshot, 0),
        headers,
        ..bench
    };
    let gzip = bench.measure("overall", one);
    println!("\n| part | µs |\n|---|---|");
    println!("| `overall` from the cache | {:.2} |", hot.median_us);
    println!(
        "| `overall` of one project rendered and compressed to {} bytes | {:.2} |",
        gzip.body_bytes, gzip.median_us
    );
    println!("| signals of an answer: counters, histogram, samples | {signals_us:.2} |");
}

fn load(snapshot: &Snapshot, cache_bytes_max: u64) -> CoreGeneration {
    let options = LoaderOptions {
        cores: NonZeroUsize::MIN,
        resident_limit_bytes: u64::MAX,
        pypistats_days: 181,
        cache_bytes_max,
    };
    let mut loader = Loader::new(snapshot.folder.path(), options);
    let path = snapshot.folder.path().join(layout::CURRENT);
    let current = files::read_limited(&path, CURRENT_BYTES_MAX).expect("it was written");
    let current = Current::parse(&current).expect("it is whole");
    let manifest = loader.current_manifest(&current).expect("it is whole");
    loader
        .load(manifest, current.manifest)
        .expect("a snapshot of our own")
        .remove(0)
}

struct Bench<'a> {
    sizes: Sizes,
    state: ServiceState,
    signals: Arc<Signals>,
    generation: CoreGeneration,
    headers: HeaderMap,
    names: &'a [String],
}

struct Measured {
    body_bytes: usize,
    median_us: f64,
    least_us: f64,
}

impl Bench<'_> {
    fn body(&self, endpoint: &str, name: &str) -> Bytes {
        self.answer(endpoint, name).response.into_body()
    }

    fn answer(&self, endpoint: &str, name: &str) -> Answer {
        let target = format!("/api/packages/{name}/{endpoint}");
        let request = Request {
            method: &Method::GET,
            target: &target,
            headers: &self.headers,
        };
        let view = View {
            generation: Some(&self.generation),
            state: &self.state,
            signals: &self.signals,
            now_seconds: 0,
        };
        let answer = respond(&request, &view);
        assert_eq!(answer.response.status(), StatusCode::OK, "{target}");
        answer
    }

    /// CPU time of what is counted and sampled of an answer, in microseconds.
    fn signals_us(&self, name: &str) -> f64 {
        let answer = self.answer("recent", name);
        let (reports, received) = sync_channel(4096);
        let sampling = Sampling {
            statsd: 64,
            // Lines are not written anywhere here; the sample is taken.
            access_log: 1000,
        };
        let recorder = Recorder::new(Arc::clone(&self.signals), 0, Some(reports), sampling);
        let asked = Asked {
            method: &Method::GET,
            target: "/",
            version: Version::HTTP_11,
        };
        let rounds = (0..self.sizes.rounds).map(|_| {
            let start = cpu_time();
            for _ in 0..self.sizes.answers {
                let recording = recorder.start();
                recorder.finish(recording, &asked, std::hint::black_box(&answer));
            }
            let round = cpu_time() - start;
            received.try_iter().for_each(drop);
            round
        });
        let mut rounds: Vec<Duration> = rounds.collect();
        rounds.sort_unstable();
        rounds[rounds.len() / 2].as_secs_f64() * 1e6 / self.sizes.answers as f64
    }

    /// The counts in the answers are those of the snapshot.
    fn check(&self, overall: &[u64]) {
        for index in (0..self.names.len()).step_by(self.names.len().div_ceil(500)) {
            let body = self.body("overall", &self.names[index]);
            let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            let rows = body["data"].as_array().expect("rows");
            let counts = rows.iter().filter_map(|row| row["downloads"].as_u64());
            assert_eq!(counts.sum::<u64>(), overall[index]);
            assert!(rows.is_sorted_by_key(|row| {
                (row["category"].to_string(), row["date"].to_string())
            }));
        }
    }

    /// Answers about projects drawn from these.
    fn measure(&self, endpoint: &str, names: &[String]) -> Measured {
        let mut rng = Rng::with_seed(1);
        let mut bytes = 0;
        let mut rounds: Vec<Duration> = (0..self.sizes.rounds)
            .map(|_| {
                let names: Vec<&str> = (0..self.sizes.answers)
                    .map(|_| &*names[rng.usize(..names.len())])
                    .collect();
                let start = cpu_time();
                for name in names {
                    bytes += std::hint::black_box(self.body(endpoint, name)).len();
                }
                cpu_time() - start
            })
            .collect();
        rounds.sort_unstable();
        let microseconds = |round: Duration| round.as_secs_f64() * 1e6 / self.sizes.answers as f64;
        Measured {
            body_bytes: bytes / (self.sizes.answers * self.sizes.rounds),
            median_us: microseconds(rounds[rounds.len() / 2]),
            least_us: microseconds(rounds[0]),
        }
    }
}

/// CPU time of this thread: what others do meanwhile does not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).expect("no thread ran before it began"),
        u32::try_from(time.tv_nsec).expect("less than a second"),
    )
}
