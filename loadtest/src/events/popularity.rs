//! How downloads spread over projects by rank.

/// Downloads a month by rank, March 2026 (hugovk/top-pypi-packages, 15,000 most
/// downloaded projects). Between the points downloads follow a power law, a
/// straight line in logarithms; past the last the last line goes on, which
/// leaves the projects after 15,000 with 0.5 % of all downloads (0.6 % there).
const CURVE: [(f64, f64); 5] = [
    (1.0, 1.88e9),
    (100.0, 303e6),
    (1_000.0, 16.8e6),
    (10_000.0, 148e3),
    (15_000.0, 57e3),
];

/// Downloads a month at each of the first `count` ranks.
pub(crate) fn weights(count: u32) -> Vec<f64> {
    (1..=count)
        .map(|rank| downloads_at(f64::from(rank)))
        .collect()
}

fn downloads_at(rank: f64) -> f64 {
    let last_line = CURVE.len() - 2;
    let line = CURVE[1..]
        .iter()
        .position(|(end, _)| rank <= *end)
        .unwrap_or(last_line);
    let ((rank_from, from), (rank_to, to)) = (CURVE[line], CURVE[line + 1]);
    let slope = (to / from).ln() / (rank_to / rank_from).ln();
    from * (rank / rank_from).powf(slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meets_the_points_and_falls() {
        for (rank, downloads) in CURVE {
            let ratio = downloads_at(rank) / downloads;
            assert!((ratio - 1.0).abs() < 1e-9, "rank {rank}: {ratio}");
        }
        let weights = weights(20_000);
        assert!(weights.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn whole_pypi_is_about_what_was_reported() {
        // 788,142 projects had downloads in March 2026; the first 15,000 had
        // 135.9 thousand million, about 99.4 % of all.
        let weights = weights(788_142);
        let all: f64 = weights.iter().sum();
        let head: f64 = weights[..15_000].iter().sum();
        assert!((0.99..1.0).contains(&(head / all)), "{}", head / all);
        assert!((100e9..180e9).contains(&head), "{head:e}");
    }
}
