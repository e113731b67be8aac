//! Series of consecutive spans, put together by category.

/// Counts by category and day, the days counted from the first of a window.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DailyTable {
    categories: Vec<Category>,
}

/// One category with its days that have a count, ascending.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Category {
    pub(crate) name: Box<str>,
    pub(crate) counts: Vec<(usize, u64)>,
}

impl DailyTable {
    /// Categories by name; none is without a count.
    pub(crate) fn categories(&self) -> &[Category] {
        &self.categories
    }

    pub(crate) fn row_count(&self) -> usize {
        self.categories
            .iter()
            .map(|category| category.counts.len())
            .sum()
    }

    /// Begins a span later than those before. `offset` is the place of its
    /// first slot in the window, negative when the window begins inside it;
    /// `last` is the place of the window's last day.
    pub(super) fn add_span(&mut self, offset: i32, last: i32) -> SpanCursor<'_> {
        SpanCursor {
            table: self,
            position: 0,
            offset,
            last,
        }
    }
}

/// Merges the categories of one span, which come ascending by name.
pub(super) struct SpanCursor<'a> {
    table: &'a mut DailyTable,
    position: usize,
    offset: i32,
    last: i32,
}

impl SpanCursor<'_> {
    /// Adds a category's counts, one per slot.
    pub(super) fn add(&mut self, name: &str, counts: &[u64]) {
        let is_inside = |day: &i32| (0..=self.last).contains(day);
        let mut rows = (self.offset..)
            .zip(counts)
            .filter(|(day, count)| is_inside(day) && **count > 0)
            .map(|(day, &count)| (day.unsigned_abs() as usize, count))
            .peekable();
        if rows.peek().is_none() {
            return;
        }
        let categories = &mut self.table.categories;
        let found = categories[self.position..].binary_search_by(|known| (*known.name).cmp(name));
        let (Ok(place) | Err(place)) = found;
        let place = self.position + place;
        if found.is_err() {
            let counts = Vec::with_capacity(usize::try_from(self.last + 1).unwrap_or(0));
            let name = name.into();
            categories.insert(place, Category { name, counts });
        }
        categories[place].counts.extend(rows);
        self.position = place + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A category and its counts per slot.
    type Series<'a> = (&'a str, &'a [u64]);

    fn table(spans: &[(i32, &[Series<'_>])], last: i32) -> Vec<(String, Vec<(usize, u64)>)> {
        let mut table = DailyTable::default();
        for (offset, series) in spans {
            let mut cursor = table.add_span(*offset, last);
            for (name, counts) in *series {
                cursor.add(name, counts);
            }
        }
        let rows = table.row_count();
        let counts = table.categories.iter().flat_map(|it| &it.counts);
        assert_eq!(counts.count(), rows);
        table
            .categories
            .into_iter()
            .map(|category| (category.name.into(), category.counts))
            .collect()
    }

    #[test]
    fn window_edges() {
        let counts: &[Series<'_>] = &[("a", &[1, 2, 3, 4])];
        for (offset, last, expect) in [
            (0, 3, &[(0, 1), (1, 2), (2, 3), (3, 4)][..]),
            (0, 2, &[(0, 1), (1, 2), (2, 3)]),
            (0, 0, &[(0, 1)]),
            (-1, 3, &[(0, 2), (1, 3), (2, 4)]),
            (-3, 3, &[(0, 4)]),
            (2, 3, &[(2, 1), (3, 2)]),
        ] {
            let rows = table(&[(offset, counts)], last);
            assert_eq!(rows, [("a".to_owned(), expect.to_vec())]);
        }
        // Wholly before or behind the window there is no category at all.
        assert_eq!(table(&[(-4, counts)], 3), []);
        assert_eq!(table(&[(4, counts)], 3), []);
    }

    #[test]
    fn categories_of_spans_meet_by_name() {
        let rows = table(
            &[
                (0, &[("b", &[1, 0]), ("d", &[0, 2])]),
                (2, &[("a", &[3]), ("b", &[4]), ("c", &[0]), ("e", &[5])]),
                (3, &[("d", &[6]), ("e", &[7])]),
            ],
            9,
        );
        let expect = [
            ("a", vec![(2, 3)]),
            ("b", vec![(0, 1), (2, 4)]),
            ("d", vec![(1, 2), (3, 6)]),
            ("e", vec![(2, 5), (3, 7)]),
        ];
        assert_eq!(rows, expect.map(|(name, counts)| (name.to_owned(), counts)));
    }
}
