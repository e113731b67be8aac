//! Snapshots are swapped under constant reads. Every count of generation n
//! encodes n, so an answer that mixes two shows itself; its whole body is
//! compared.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use espy_shared::day::Day;
use espy_tests::handler::Handler;
use espy_tests::http::Answer;
use espy_tests::site::Site;
use espy_tests::{rounds, wait_for};

use crate::sample;

const TODAY: &str = "2026-11-13";
const READER_COUNT: usize = 4;
const VIEWS: [&str; 2] = ["with_mirrors", "without_mirrors"];

/// A route, and what it answers in generation n.
struct Route {
    target: &'static str,
    body: fn(&[Day], u64) -> String,
}

/// Two that read several spans, two that read the head, and both for all
/// projects.
const ROUTES: [Route; 5] = [
    Route {
        target: "/api/packages/alpha/overall",
        body: |days, n| sample::daily_body("alpha", "overall", &VIEWS, days, 2 * n),
    },
    Route {
        target: "/api/packages/alpha/recent",
        body: |_, n| sample::recent_body("alpha", [2 * n, 14 * n, 60 * n]),
    },
    Route {
        target: "/api/packages/beta/python_minor",
        body: |days, n| sample::daily_body("beta", "python_minor", &["3.11", "3.12"], days, n),
    },
    Route {
        target: "/api/packages/__all__/overall",
        body: |days, n| sample::daily_body("__all__", "overall", &VIEWS, days, 4 * n),
    },
    Route {
        target: "/api/packages/__all__/recent",
        body: |_, n| sample::recent_body("__all__", [4 * n, 28 * n, 120 * n]),
    },
];

#[test]
fn no_answer_fails_or_mixes_two_generations() {
    let site = Site::new();
    let days = sample::days("2026-09-20", "2026-11-12");
    let world = World::new(&days);
    world.publish(&site, 1);
    assert!(
        site.spans().len() >= 4,
        "answers shall span several segments"
    );
    let handler = Handler::ready(&site.snapshots(), &[]);
    let last = u64::from(rounds(100)) + 1;
    thread::scope(|scope| {
        let _stop = StopOnDrop(&world.is_over);
        let readers: Vec<_> = (0..READER_COUNT)
            .map(|reader| {
                let (world, handler) = (&world, &handler);
                scope.spawn(move || world.read(handler, reader))
            })
            .collect();
        for n in 1..=last {
            if n > 1 {
                world.publish(&site, n);
            }
            wait_for("each connection to see the generation", || {
                assert!(!readers.iter().any(thread::ScopedJoinHandle::is_finished));
                let seen = |seen: &AtomicU64| seen.load(Ordering::SeqCst) == n;
                world.seen.iter().all(seen).then_some(())
            });
        }
    });
    // The status tells of a generation when every core has it, a moment after
    // the first answers from it.
    wait_for("the status to tell of the generation", || {
        (handler.status()["sequence"] == last).then_some(())
    });
    assert!(handler.status()["last_refusal"].is_null());
    world.assert_tags(&handler, last);
}

/// What readers expect and have seen.
struct World<'a> {
    days: &'a [Day],
    published: AtomicU64,
    /// The newest generation that each reader was answered from.
    seen: [AtomicU64; READER_COUNT],
    is_over: AtomicBool,
    /// By place in [`ROUTES`] and generation.
    tags: Mutex<HashMap<(usize, u64), String>>,
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<'a> World<'a> {
    fn new(days: &'a [Day]) -> Self {
        Self {
            days,
            published: AtomicU64::new(0),
            seen: Default::default(),
            is_over: AtomicBool::new(false),
            tags: Mutex::default(),
        }
    }

    /// Adds one to each count and installs it where the handler looks.
    fn publish(&self, site: &Site, n: u64) {
        let file = site.write(
            "counts.csv",
            &sample::csv(self.days, u32::try_from(n).unwrap()),
        );
        site.run([file], &[&format!("--today={TODAY}")]);
        self.published.store(n, Ordering::SeqCst);
        site.pull(&[]);
    }

    /// Reads all routes on one connection until it is over.
    fn read(&self, handler: &Handler, reader: usize) {
        let mut client = handler.connect();
        let mut newest = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            for (index, route) in ROUTES.iter().enumerate() {
                let answer = client.get(route.target);
                let n = self.check(index, &answer);
                assert!(n >= newest, "{}: {n} after {newest}", route.target);
                newest = n;
            }
            self.seen[reader].store(newest, Ordering::SeqCst);
        }
    }

    /// Checks that an answer is of one generation, and returns which.
    fn check(&self, index: usize, answer: &Answer) -> u64 {
        let route = &ROUTES[index];
        assert_eq!(answer.status, 200, "{}: {answer:?}", route.target);
        let n = first_count(answer.text()) / first_count(&(route.body)(self.days, 1));
        assert!((1..=self.published.load(Ordering::SeqCst)).contains(&n));
        assert_eq!(
            answer.text(),
            (route.body)(self.days, n),
            "{}",
            route.target
        );
        let tag = answer.header("etag").to_owned();
        assert!(tag.starts_with('"'), "{tag:?} is no strong tag");
        let mut tags = self.tags.lock().unwrap();
        assert_eq!(*tags.entry((index, n)).or_insert_with(|| tag.clone()), tag);
        n
    }

    /// A tag stands for one generation, in this process and in the next, and
    /// is what a client revalidates with.
    fn assert_tags(&self, handler: &Handler, last: u64) {
        let tags = self.tags.lock().unwrap();
        for (index, route) in ROUTES.iter().enumerate() {
            let mut of_route: Vec<&String> =
                (1..=last).filter_map(|n| tags.get(&(index, n))).collect();
            let count = of_route.len();
            of_route.sort();
            of_route.dedup();
            assert_eq!(of_route.len(), count, "{}: a tag for two", route.target);
            for (n, status) in [(last - 1, 200), (last, 304)] {
                let tag = &tags[&(index, n)];
                let answer =
                    handler
                        .connect()
                        .request("GET", route.target, &[("If-None-Match", tag)]);
                assert_eq!(answer.status, status, "{} {n}", route.target);
                assert_eq!(answer.header("etag"), tags[&(index, last)]);
            }
        }
    }
}

/// The number behind the first `"downloads":` or `"last_day":`.
fn first_count(body: &str) -> u64 {
    let start = ["\"downloads\":", "\"last_day\":"]
        .into_iter()
        .find_map(|key| Some(body.find(key)? + key.len()))
        .unwrap();
    let digits = body[start..].bytes().take_while(u8::is_ascii_digit).count();
    body[start..start + digits].parse().unwrap()
}
