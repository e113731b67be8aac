//! Series of consecutive spans, put together by category.

/// Counts by category and day of a window.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DailyTable {
    days: usize,
    categories: Vec<Category>,
    row_count: usize,
}

/// One category with a count for each day, 0 where nothing was counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Category {
    pub(crate) name: Box<str>,
    pub(crate) counts: Box<[u64]>,
}

impl DailyTable {
    /// For a window of so many days.
    pub(crate) fn new(days: usize) -> Self {
        Self {
            days,
            categories: Vec::new(),
            row_count: 0,
        }
    }

    /// Categories by name; none is without a count.
    pub(crate) fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// How many counts are not 0.
    pub(crate) fn row_count(&self) -> usize {
        self.row_count
    }

    /// Begins a span. `offset` is the place of its first slot in the window,
    /// negative when the window begins inside it.
    pub(super) fn add_span(&mut self, offset: i32) -> SpanCursor<'_> {
        SpanCursor {
            skipped: usize::try_from(-offset).unwrap_or(0),
            place: usize::try_from(offset).unwrap_or(0),
            position: 0,
            table: self,
        }
    }
}

/// Merges the categories of one span, which come ascending by name.
pub(super) struct SpanCursor<'a> {
    table: &'a mut DailyTable,
    /// Slots before the window.
    skipped: usize,
    /// Of the first slot that is not skipped.
    place: usize,
    /// After the category added last.
    position: usize,
}

impl SpanCursor<'_> {
    /// Adds a category's counts, one per slot.
    pub(super) fn add(&mut self, name: &str, counts: &[u64]) {
        let room = self.table.days.saturating_sub(self.place);
        let counts = counts.get(self.skipped..).unwrap_or_default();
        let counts = &counts[..counts.len().min(room)];
        let row_count = counts.iter().filter(|count| **count > 0).count();
        if row_count == 0 {
            return;
        }
        self.table.row_count += row_count;
        let categories = &mut self.table.categories;
        let found = categories[self.position..].binary_search_by(|known| (*known.name).cmp(name));
        let (Ok(index) | Err(index)) = found;
        let index = self.position + index;
        if found.is_err() {
            let counts = vec![0; self.table.days].into();
            let name = name.into();
            categories.insert(index, Category { name, counts });
        }
        categories[index].counts[self.place..][..counts.len()].copy_from_slice(counts);
        self.position = index + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A category and its counts per slot.
    type Series<'a> = (&'a str, &'a [u64]);

    fn table(spans: &[(i32, &[Series<'_>])], last: i32) -> Vec<(String, Vec<(usize, u64)>)> {
        let mut table = DailyTable::new(usize::try_from(last + 1).unwrap());
        for (offset, series) in spans {
            let mut cursor = table.add_span(*offset);
            for (name, counts) in *series {
                cursor.add(name, counts);
            }
        }
        let row_count = table.row_count();
        let rows: Vec<_> = table
            .categories
            .into_iter()
            .map(|category| {
                let counts = category.counts.into_iter().enumerate();
                let rows: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
                (category.name.into(), rows)
            })
            .collect();
        let counts = rows.iter().flat_map(|(_, rows): &(String, _)| rows);
        assert_eq!(counts.count(), row_count);
        rows
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
