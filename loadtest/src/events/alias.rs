//! Weighted choice in constant time, for tables too long to walk.

/// Walker's alias table, built by Vose's method
/// (M. D. Vose, "A linear algorithm for generating random numbers with a given
/// distribution", IEEE Trans. Softw. Eng. 17 (1991)).
#[derive(Debug)]
pub(crate) struct AliasTable {
    /// Per column: the share of the column that is its own, and who has the rest.
    columns: Vec<(f64, u32)>,
    likeliest: usize,
}

impl AliasTable {
    /// A table that draws index `i` in proportion to `weights[i]`.
    ///
    /// # Panics
    ///
    /// On more than 2^32 weights, or none.
    pub(crate) fn new(weights: &[f64]) -> Self {
        let count = u32::try_from(weights.len()).expect("tables are far below 2^32 rows");
        assert!(count > 0, "a table has something to draw");
        let mean = weights.iter().sum::<f64>() / f64::from(count);
        let mut columns: Vec<_> = weights
            .iter()
            .zip(0..)
            .map(|(weight, own)| (weight / mean, own))
            .collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..count).partition(|i| columns[*i as usize].0 < 1.0);
        while let (Some(little), Some(much)) = (small.pop(), large.last().copied()) {
            columns[little as usize].1 = much;
            columns[much as usize].0 -= 1.0 - columns[little as usize].0;
            if columns[much as usize].0 < 1.0 {
                large.pop();
                small.push(much);
            }
        }
        // What is left is full but for rounding.
        for i in small.into_iter().chain(large) {
            columns[i as usize] = (1.0, i);
        }
        let likeliest = (0..weights.len())
            .rev()
            .max_by(|a, b| weights[*a].total_cmp(&weights[*b]))
            .unwrap_or(0);
        Self { columns, likeliest }
    }

    /// The index with the greatest weight, the first of equals.
    pub(crate) fn likeliest(&self) -> usize {
        self.likeliest
    }

    pub(crate) fn draw(&self, rng: &mut fastrand::Rng) -> usize {
        let own = rng.usize(..self.columns.len());
        let (share, other) = self.columns[own];
        if rng.f64() < share {
            own
        } else {
            other as usize
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_in_proportion() {
        fn check(weights: &[f64]) {
            let table = AliasTable::new(weights);
            let mut rng = fastrand::Rng::with_seed(7);
            let mut counts = vec![0u32; weights.len()];
            for _ in 0..200_000 {
                counts[table.draw(&mut rng)] += 1;
            }
            let sum: f64 = weights.iter().sum();
            for (weight, count) in weights.iter().zip(counts) {
                let share = f64::from(count) / 200_000.0;
                assert!((share - weight / sum).abs() < 0.005, "{weights:?}: {share}");
            }
        }
        check(&[1.0]);
        check(&[1.0, 1.0, 1.0]);
        check(&[70.0, 20.0, 9.0, 1.0]);
        check(&[0.5, 0.0, 3.5, 1e-9]);
    }
}
