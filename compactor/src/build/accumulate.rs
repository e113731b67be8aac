//! The counts of the project at hand, gathered from all sources and sorted
//! into the segments to be written; and the sums over all projects.

use std::collections::BTreeMap;

use anyhow::ensure;
use espy_shared::day::Day;
use espy_shared::dimension::{Dimension, NULL, OTHER};
use espy_shared::series::SLOTS_MAX;
use rustc_hash::FxHashMap;

use super::series_writer::{CategoryCounts, add};
use super::sources::Count;
use crate::ingest::interner::Interner;
use crate::ledger::Overflow;

/// A segment's series of one project: per dimension its categories.
pub type Series<'a> = Vec<(Dimension, Vec<CategoryCounts<'a>>)>;

/// Where a day's counts go.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Index of the segment to be written.
    pub target: usize,
    /// Its slot there.
    pub slot: usize,
}

/// Places of all days that are written.
#[derive(Debug, Default)]
pub struct Places(FxHashMap<i32, Place>);

impl Places {
    /// Adds a day.
    pub fn insert(&mut self, day: Day, place: Place) {
        self.0.insert(day.number(), place);
    }

    /// The place of a day, where it is written at all.
    pub fn get(&self, day: Day) -> Option<Place> {
        self.0.get(&day.number()).copied()
    }
}

#[derive(Clone, Copy)]
struct Entry {
    target: u32,
    dimension: Dimension,
    category: u32,
    slot: u32,
    day: Day,
    count: i64,
}

/// Gathers one project.
#[derive(Default)]
pub struct Gather {
    entries: Vec<Entry>,
    /// Categories of all projects: few, since they are bounded.
    shared: Interner,
    /// Versions of this project.
    own: Interner,
}

impl Gather {
    /// Forgets the project before.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.own.clear();
    }

    /// Adds one count.
    pub fn add(&mut self, place: Place, count: Count<'_>) {
        let texts = if count.dimension.has_inline_names() {
            &mut self.own
        } else {
            &mut self.shared
        };
        let category = texts.intern(count.category);
        self.entries.push(Entry {
            target: u32::try_from(place.target).unwrap_or(u32::MAX),
            dimension: count.dimension,
            category,
            slot: u32::try_from(place.slot).unwrap_or(u32::MAX),
            day: count.day,
            count: count.count,
        });
    }

    /// Hands over the series of each segment that this project is in.
    ///
    /// # Errors
    ///
    /// When a sum is negative or exceeds 63 bits (then the base contradicts
    /// its ledger), or the first that `each` returns.
    pub fn finish(
        &mut self,
        mut each: impl FnMut(usize, Series<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.entries.sort_unstable_by_key(|entry| {
            (entry.target, entry.dimension, entry.category, entry.slot)
        });
        for of_target in self.entries.chunk_by(|a, b| a.target == b.target) {
            let mut series: Series<'_> = Vec::new();
            for of_dimension in of_target.chunk_by(|a, b| a.dimension == b.dimension) {
                let dimension = of_dimension[0].dimension;
                let texts = if dimension.has_inline_names() {
                    &self.own
                } else {
                    &self.shared
                };
                let mut categories = Vec::new();
                for of_category in of_dimension.chunk_by(|a, b| a.category == b.category) {
                    let name = texts.text(of_category[0].category);
                    let mut counts = [0_i64; SLOTS_MAX];
                    let mut last_day = of_category[0].day;
                    for entry in of_category {
                        last_day = last_day.max(entry.day);
                        let sum = &mut counts[entry.slot as usize];
                        *sum = sum
                            .checked_add(entry.count)
                            .ok_or_else(|| anyhow::anyhow!("a sum of counts exceeds 63 bits"))?;
                    }
                    ensure!(
                        counts.iter().all(|count| *count >= 0),
                        "the ledger says more of {dimension} {name} than its segment holds as other"
                    );
                    let counts = counts.map(i64::unsigned_abs);
                    if counts.iter().any(|count| *count > 0) {
                        categories.push(CategoryCounts {
                            name,
                            counts,
                            last_day,
                        });
                    }
                }
                categories.sort_unstable_by_key(|category| category.name);
                if !categories.is_empty() {
                    series.push((dimension, categories));
                }
            }
            if !series.is_empty() {
                each(of_target[0].target as usize, series)?;
            }
        }
        Ok(())
    }
}

/// Keeps the first `max_categories` of each bounded dimension by count, ties
/// by name, adds the rest to `other`, and hands each of the rest's counts to
/// `each(dimension, category, slot, count)`. `null` and `other` always stay.
///
/// # Errors
///
/// When a sum exceeds 63 bits, or the first that `each` returns.
pub fn bound(
    series: &mut Series<'_>,
    max_categories: usize,
    mut each: impl FnMut(Dimension, &str, usize, u64) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for (dimension, categories) in series {
        if !dimension.is_bounded() || categories.len() <= max_categories {
            continue;
        }
        let (fixed, mut free): (Vec<_>, Vec<_>) = categories
            .drain(..)
            .partition(|category| matches!(category.name, NULL | OTHER));
        let total = |category: &CategoryCounts<'_>| {
            category.counts.iter().map(|n| u128::from(*n)).sum::<u128>()
        };
        free.sort_by(|a, b| total(b).cmp(&total(a)).then_with(|| a.name.cmp(b.name)));
        let rest = free.split_off(max_categories.min(free.len()));
        *categories = fixed;
        categories.append(&mut free);
        if !rest.is_empty() {
            let mut other = match categories
                .iter()
                .position(|category| category.name == OTHER)
            {
                Some(index) => categories.swap_remove(index),
                None => CategoryCounts {
                    name: OTHER,
                    counts: [0; SLOTS_MAX],
                    last_day: Day::EPOCH,
                },
            };
            for category in &rest {
                for (slot, &count) in category
                    .counts
                    .iter()
                    .enumerate()
                    .filter(|(_, count)| **count > 0)
                {
                    other.counts[slot] = add(other.counts[slot], count)?;
                    each(*dimension, category.name, slot, count)?;
                }
            }
            categories.push(other);
        }
        categories.sort_unstable_by_key(|category| category.name);
    }
    Ok(())
}

/// The sums over all projects of one segment, before anything is bounded.
#[derive(Default)]
pub struct AllProjects(BTreeMap<Dimension, BTreeMap<Box<str>, [u64; SLOTS_MAX]>>);

impl AllProjects {
    /// Adds a project's series.
    ///
    /// # Errors
    ///
    /// When a sum exceeds 63 bits.
    pub fn add(&mut self, series: &Series<'_>) -> anyhow::Result<()> {
        for (dimension, categories) in series {
            if !dimension.is_summed_over_projects() {
                continue;
            }
            let sums = self.0.entry(*dimension).or_default();
            for category in categories {
                if !sums.contains_key(category.name) {
                    sums.insert(category.name.into(), [0; SLOTS_MAX]);
                }
                if let Some(sums) = sums.get_mut(category.name) {
                    for (sum, &count) in sums.iter_mut().zip(&category.counts) {
                        *sum = add(*sum, count)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// As a series of `__all__`.
    pub fn series(&self) -> Series<'_> {
        self.0
            .iter()
            .map(|(dimension, sums)| (*dimension, categories(sums)))
            .collect()
    }
}

fn categories(sums: &BTreeMap<Box<str>, [u64; SLOTS_MAX]>) -> Vec<CategoryCounts<'_>> {
    sums.iter()
        .map(|(name, counts)| CategoryCounts {
            name,
            counts: *counts,
            // Only versions have last-download dates, and `__all__` has none.
            last_day: Day::EPOCH,
        })
        .collect()
}

/// One exact count of a bounded series, for the ledger.
pub fn overflow_row(
    project: &str,
    dimension: Dimension,
    category: &str,
    slot_day: Day,
    count: u64,
) -> Overflow {
    Overflow {
        project: project.to_owned(),
        dimension,
        category: category.to_owned(),
        slot_day,
        count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(name: &str, count: u64) -> CategoryCounts<'_> {
        let mut counts = [0; SLOTS_MAX];
        counts[0] = count;
        CategoryCounts {
            name,
            counts,
            last_day: Day::EPOCH,
        }
    }

    #[test]
    fn what_is_bounded_away_is_in_other_and_handed_over() {
        let names = |n: usize| -> (Vec<(String, u64)>, Vec<String>) {
            let mut series: Series<'_> = vec![(
                Dimension::Country,
                vec![
                    category("DE", 5),
                    category("FR", 2),
                    category("GB", 2),
                    category("null", 1),
                    category("other", 4),
                ],
            )];
            let mut handed = Vec::new();
            bound(&mut series, n, |_, name, slot, count| {
                handed.push(format!("{name} {slot} {count}"));
                Ok(())
            })
            .unwrap();
            (
                series[0]
                    .1
                    .iter()
                    .map(|c| (c.name.to_owned(), c.counts[0]))
                    .collect(),
                handed,
            )
        };
        let own = |rows: &[(&str, u64)]| {
            rows.iter()
                .map(|(n, c)| ((*n).to_owned(), *c))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(5).1, Vec::<String>::new());
        assert_eq!(
            names(3),
            (
                own(&[("DE", 5), ("FR", 2), ("GB", 2), ("null", 1), ("other", 4)]),
                vec![]
            )
        );
        assert_eq!(
            names(2),
            (
                own(&[("DE", 5), ("FR", 2), ("null", 1), ("other", 6)]),
                vec!["GB 0 2".to_owned()]
            )
        );
        assert_eq!(names(0).0, own(&[("null", 1), ("other", 13)]));
    }

    #[test]
    fn other_gives_back_what_the_ledger_knows() {
        let mut gather = Gather::default();
        let day: Day = "2026-11-20".parse().unwrap();
        let place = Place { target: 0, slot: 2 };
        for (category, count) in [("other", 7), ("other", -3), ("GB", 3)] {
            gather.add(
                place,
                Count {
                    dimension: Dimension::Country,
                    category,
                    day,
                    count,
                },
            );
        }
        gather
            .finish(|target, series| {
                let counts: Vec<(&str, u64)> =
                    series[0].1.iter().map(|c| (c.name, c.counts[2])).collect();
                assert_eq!((target, counts), (0, vec![("GB", 3), ("other", 4)]));
                Ok(())
            })
            .unwrap();
        gather.clear();
        gather.add(
            place,
            Count {
                dimension: Dimension::Country,
                category: "other",
                day,
                count: -1,
            },
        );
        assert!(gather.finish(|_, _| Ok(())).is_err());
    }
}
