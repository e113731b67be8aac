//! A number that was measured several times.

use serde::Serialize;

/// The middle of several values, and their ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Half of them are below.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// None of nothing.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values
            .into_iter()
            .filter(|value| value.is_finite())
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() {
            0 => return None,
            count if count % 2 == 1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        };
        Some(Self {
            median,
            min: values[0],
            max: values[values.len() - 1],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        fn check(values: &[f64], expect: Option<(f64, f64, f64)>) {
            let spread = Spread::of(values.iter().copied());
            assert_eq!(
                spread.map(|s| (s.median, s.min, s.max)),
                expect,
                "{values:?}"
            );
        }
        check(&[], None);
        check(&[2.0], Some((2.0, 2.0, 2.0)));
        check(&[3.0, 1.0], Some((2.0, 1.0, 3.0)));
        check(&[9.0, 1.0, f64::NAN, 4.0], Some((4.0, 1.0, 9.0)));
    }
}
