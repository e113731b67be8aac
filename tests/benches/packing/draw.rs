//! Random variates: what `fastrand` does not bring.

use fastrand::Rng;

/// Rounds to the nearest count; negative values become zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, which is what a count needs"
)]
pub(crate) fn round(value: f64) -> u32 {
    value.round() as u32
}

/// A standard normal variate (Box-Muller).
pub(crate) fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// An exponential variate of mean 1.
pub(crate) fn exponential(rng: &mut Rng) -> f64 {
    -(1.0 - rng.f64()).ln()
}

/// A Poisson variate; normal approximation from a mean of 30 on.
pub(crate) fn poisson(rng: &mut Rng, mean: f64) -> u32 {
    if mean > 30.0 {
        return round(mean + mean.sqrt() * normal(rng));
    }
    let limit = (-mean).exp();
    let mut product = rng.f64();
    let mut count = 0;
    while product > limit {
        product *= rng.f64();
        count += 1;
    }
    count
}

fn binomial(rng: &mut Rng, n: u32, p: f64) -> u32 {
    let mean = f64::from(n) * p;
    if mean < 12.0 {
        poisson(rng, mean).min(n)
    } else {
        round(mean + (mean * (1.0 - p)).max(0.0).sqrt() * normal(rng)).min(n)
    }
}

/// Adds `n` events drawn by `weights` to `counts`: few events one by one, many
/// by conditional binomials. The sum always grows by exactly `n`.
pub(crate) fn multinomial(rng: &mut Rng, n: u32, weights: &[f64], mut add: impl FnMut(usize, u32)) {
    let total: f64 = weights.iter().sum();
    if n <= 24 {
        for _ in 0..n {
            let mut left = rng.f64() * total;
            let chosen = weights.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            // Rounding may leave a rest: then the last that has any weight.
            let last = || {
                weights
                    .iter()
                    .rposition(|weight| *weight > 0.0)
                    .expect("a weight")
            };
            add(chosen.unwrap_or_else(last), 1);
        }
        return;
    }
    let (mut events, mut mass) = (n, total);
    let last = weights
        .iter()
        .rposition(|weight| *weight > 0.0)
        .expect("a weight");
    for (index, weight) in weights.iter().enumerate() {
        let drawn = if index == last {
            events
        } else {
            binomial(rng, events, (weight / mass).min(1.0))
        };
        if drawn > 0 {
            add(index, drawn);
        }
        events -= drawn;
        mass -= weight;
        if events == 0 {
            break;
        }
    }
}
