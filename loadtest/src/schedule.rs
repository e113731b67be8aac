//! When the requests of an open load are due.
//!
//! A rate over time is a line with corners ([`Profile`]). Its integral counts
//! the requests due until an instant; request `n` is due where it reaches
//! `n` + 1/2. So the number of requests is the area, whatever the shape, and the
//! instants are arithmetic: no timer adds its error to them.

use std::time::Duration;

/// Requests of the seed's day: what the service that this one replaces had.
const DAY_REQUESTS: f64 = 100_000.0;
/// Requests of its busiest minute.
const DAY_PEAK_PER_MINUTE: f64 = 500.0;
/// The minute of the peak: 14:00 UTC, Europe and America at work.
const DAY_PEAK_MINUTE: u16 = 840;
const DAY_MINUTES: u16 = 1440;
/// What never sleeps.
const DAY_NIGHT_PER_MINUTE: f64 = 15.0;
/// What working hours add at their height.
const DAY_HUMP_PER_MINUTE: f64 = 85.0;

/// How arrivals lie around the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Evenly.
    Even,
    /// At random, independent of each other.
    Poisson,
}

impl Spacing {
    /// The name as typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Even => "even",
            Self::Poisson => "poisson",
        }
    }
}

/// A stretch in which the rate is a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    start_s: f64,
    length_s: f64,
    from: f64,
    to: f64,
    /// Requests due before it.
    before: f64,
}

impl Piece {
    fn area(&self) -> f64 {
        self.length_s * (self.from + self.to) / 2.0
    }

    /// The instant by which `area` requests of this piece are due.
    fn instant_s(&self, area: f64) -> f64 {
        // from x + slope x²/2 = area, in the form that does not cancel.
        let slope = (self.to - self.from) / self.length_s;
        let root = (self.from * self.from + 2.0 * slope * area).max(0.0).sqrt();
        let x = 2.0 * area / (self.from + root);
        self.start_s
            + if x.is_finite() {
                x.min(self.length_s)
            } else {
                0.0
            }
    }
}

/// A rate over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    pieces: Vec<Piece>,
}

impl Profile {
    /// The same rate throughout.
    #[must_use]
    pub fn constant(rate: f64, duration: Duration) -> Self {
        Self::default().then(rate, rate, duration)
    }

    /// From one rate to another.
    #[must_use]
    pub fn ramp(from: f64, to: f64, duration: Duration) -> Self {
        Self::default().then(from, to, duration)
    }

    /// The same in steps.
    #[must_use]
    pub fn step(from: f64, to: f64, step_count: u32, duration: Duration) -> Self {
        let last = f64::from(step_count.saturating_sub(1).max(1));
        (0..step_count).fold(Self::default(), |profile, step| {
            let rate = from + (to - from) * f64::from(step) / last;
            profile.then(rate, rate, duration / step_count)
        })
    }

    /// The seed's day, `compress` times as fast: quiet nights, a hump of working
    /// hours, and a storm of about an hour whose width makes the day's sum right.
    #[must_use]
    pub fn day(compress: f64) -> Self {
        let (mut narrow, mut wide) = (1.0, 300.0);
        // Halving the interval to the limit of f64.
        for _ in 0..100 {
            let middle = (narrow + wide) / 2.0;
            if day_requests(middle) < DAY_REQUESTS {
                narrow = middle;
            } else {
                wide = middle;
            }
        }
        let minute = Duration::from_secs(60).div_f64(compress);
        let rate = |at| day_per_minute(at, narrow) / 60.0 * compress;
        (0..DAY_MINUTES).fold(Self::default(), |profile, at| {
            profile.then(rate(at), rate(at + 1), minute)
        })
    }

    fn then(mut self, from: f64, to: f64, duration: Duration) -> Self {
        let length_s = duration.as_secs_f64();
        if length_s > 0.0 {
            self.pieces.push(Piece {
                start_s: self.duration_s(),
                length_s,
                from,
                to,
                before: self.total(),
            });
        }
        self
    }

    /// The first rate for a while, then this.
    #[must_use]
    pub fn after_warmup(self, warmup: Duration) -> Self {
        let rate = self.pieces.first().map_or(0.0, |piece| piece.from);
        self.pieces
            .iter()
            .fold(Self::constant(rate, warmup), |profile, piece| {
                profile.then(
                    piece.from,
                    piece.to,
                    Duration::from_secs_f64(piece.length_s),
                )
            })
    }

    /// Requests due in all.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.pieces
            .last()
            .map_or(0.0, |last| last.before + last.area())
    }

    /// Its length.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        self.pieces
            .last()
            .map_or(0.0, |last| last.start_s + last.length_s)
    }

    /// Requests due by an instant.
    #[must_use]
    pub fn due_by(&self, instant_s: f64) -> f64 {
        let Some(piece) = self
            .pieces
            .iter()
            .rev()
            .find(|piece| piece.start_s <= instant_s)
        else {
            return 0.0;
        };
        let x = (instant_s - piece.start_s).min(piece.length_s);
        let slope = (piece.to - piece.from) / piece.length_s;
        piece.before + x * (piece.from + slope * x / 2.0)
    }
}

fn day_per_minute(minute: u16, storm_minutes: f64) -> f64 {
    let from_peak = f64::from(minute) - f64::from(DAY_PEAK_MINUTE);
    let daylight = f64::midpoint(
        1.0,
        (from_peak / f64::from(DAY_MINUTES) * std::f64::consts::TAU).cos(),
    );
    let storm_height = DAY_PEAK_PER_MINUTE - DAY_NIGHT_PER_MINUTE - DAY_HUMP_PER_MINUTE;
    DAY_NIGHT_PER_MINUTE
        + DAY_HUMP_PER_MINUTE * daylight * daylight
        + storm_height * (-(from_peak / storm_minutes).powi(2)).exp()
}

fn day_requests(storm_minutes: f64) -> f64 {
    (0..DAY_MINUTES)
        .map(|at| {
            f64::midpoint(
                day_per_minute(at, storm_minutes),
                day_per_minute(at + 1, storm_minutes),
            )
        })
        .sum()
}

/// The instants of one generator thread, in nanoseconds from the start.
#[derive(Clone, Debug)]
pub struct Arrivals {
    profile: Profile,
    piece: usize,
    /// Requests due by the next instant, of all threads.
    next: f64,
    thread_count: f64,
    spacing: Spacing,
    rng: fastrand::Rng,
}

impl Arrivals {
    /// The share of thread `thread` of `thread_count`: evenly spaced arrivals
    /// are dealt in turn, random ones are a process of their own, whose sum is
    /// again one.
    #[must_use]
    pub fn new(
        profile: Profile,
        spacing: Spacing,
        thread: u32,
        thread_count: u32,
        seed: u64,
    ) -> Self {
        let mut arrivals = Self {
            profile,
            piece: 0,
            next: f64::from(thread) + 0.5,
            thread_count: f64::from(thread_count),
            spacing,
            rng: fastrand::Rng::with_seed(seed),
        };
        if spacing == Spacing::Poisson {
            arrivals.next = arrivals.gap();
        }
        arrivals
    }

    fn gap(&mut self) -> f64 {
        match self.spacing {
            Spacing::Even => self.thread_count,
            Spacing::Poisson => -(1.0 - self.rng.f64()).ln() * self.thread_count,
        }
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            let piece = self.profile.pieces.get(self.piece)?;
            let area = self.next - piece.before;
            if area < piece.area() {
                let due = Duration::try_from_secs_f64(piece.instant_s(area)).ok()?;
                self.next += self.gap();
                return u64::try_from(due.as_nanos()).ok();
            }
            self.piece += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instants(profile: &Profile, spacing: Spacing, thread_count: u32) -> Vec<u64> {
        let mut all: Vec<u64> = (0..thread_count)
            .flat_map(|thread| {
                let own: Vec<u64> = Arrivals::new(
                    profile.clone(),
                    spacing,
                    thread,
                    thread_count,
                    5 + u64::from(thread),
                )
                .collect();
                assert!(own.is_sorted());
                own
            })
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn totals_are_the_area() {
        fn check(profile: &Profile, expect: usize) {
            for thread_count in [1, 3] {
                let all = instants(profile, Spacing::Even, thread_count);
                assert_eq!(all.len(), expect);
                let end = profile.duration_s();
                assert!(
                    all.iter()
                        .all(|&at| Duration::from_nanos(at).as_secs_f64() <= end)
                );
            }
        }
        let second = Duration::from_secs(1);
        check(&Profile::constant(1000.0, second), 1000);
        check(&Profile::constant(0.5, second * 10), 5);
        check(&Profile::ramp(0.0, 1000.0, second), 500);
        check(&Profile::ramp(1000.0, 0.0, second), 500);
        check(&Profile::step(100.0, 300.0, 3, second * 3), 600);
        check(&Profile::step(100.0, 300.0, 1, second), 100);
        check(&Profile::constant(0.0, second), 0);
        check(&Profile::constant(10.0, second).after_warmup(second), 20);
    }

    #[test]
    fn constant_gaps_are_equal() {
        let all = instants(
            &Profile::constant(4000.0, Duration::from_secs(1)),
            Spacing::Even,
            2,
        );
        assert!(
            all.windows(2)
                .all(|pair| (249_999..=250_001).contains(&(pair[1] - pair[0])))
        );
    }

    #[test]
    fn the_seed_day_sums_and_peaks() {
        for compress in [1.0, 60.0] {
            let day = Profile::day(compress);
            assert!((day.total() - 100_000.0).abs() < 0.01, "{}", day.total());
            assert!((day.duration_s() - 86_400.0 / compress).abs() < 0.01);
            assert_eq!(instants(&day, Spacing::Even, 2).len(), 100_000);
            let minute = 60.0 / compress;
            let busiest = (0..1440)
                .map(|at| {
                    day.due_by(f64::from(at + 1) * minute) - day.due_by(f64::from(at) * minute)
                })
                .fold(0.0, f64::max);
            assert!((495.0..=500.0).contains(&busiest), "{busiest}");
            let peak = day.pieces.iter().map(|piece| piece.to).fold(0.0, f64::max);
            assert!((peak * minute - 500.0).abs() < 1e-6, "{peak}");
        }
    }

    #[test]
    fn poisson_has_the_rate_and_its_scatter() {
        let profile = Profile::constant(10_000.0, Duration::from_secs(10));
        let all = instants(&profile, Spacing::Poisson, 4);
        let count = f64::from(u32::try_from(all.len()).unwrap());
        // Four standard deviations.
        assert!(
            (count - 100_000.0).abs() < 4.0 * 100_000f64.sqrt(),
            "{count}"
        );
        let mean = 100_000.0;
        let variance = all
            .windows(2)
            .map(|pair| {
                (Duration::from_nanos(pair[1] - pair[0]).as_secs_f64() * 1e9 - mean).powi(2)
            })
            .sum::<f64>()
            / count;
        // Exponential gaps scatter as much as their mean.
        assert!((0.95..1.05).contains(&(variance.sqrt() / mean)));
    }
}
