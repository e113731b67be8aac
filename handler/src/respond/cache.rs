//! Rendered answers, kept for as long as the generation they were made from.
//!
//! Each core has its own, bounded in bytes. The crate's policy (S3-FIFO with a
//! ghost queue) resists scans: a crawler that walks all projects once does not
//! push out what is asked for again and again.

use std::hash::{Hash, Hasher};

use quick_cache::unsync::{Cache as Store, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder, Weighter};

use super::coding::Coding;
use super::content::Content;

/// What the most common answers weigh, to size the tables.
const ENTRY_BYTES_TYPICAL: u64 = 512;
/// Answers that are remembered to have been asked for, besides those that are
/// kept, as a share of them: a second question inside that time brings an
/// answer among those that a scan does not touch.
const GHOST_SHARE: f64 = 1.0;
/// What an entry takes besides its texts: its place in the tables, its fields,
/// and what the allocator adds to four allocations.
const ENTRY_BYTES_FIXED: u64 = 256;

/// The answers of one core.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Boxed: what is only remembered takes the room of an entry too.
    store: Option<Store<Key, Box<Content>, Weight>>,
}

/// A target as sent and the coding it is answered in. Spellings of one
/// question are kept apart: to tell that they are one costs as much as half
/// an answer.
#[derive(Debug)]
struct Key {
    target: Box<str>,
    coding: Coding,
}

/// A question that is asked often.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Hot {
    pub(super) target: Box<str>,
    pub(super) coding: Coding,
}

/// A [`Key`], borrowed.
struct Asked<'a> {
    target: &'a str,
    coding: Coding,
}

#[derive(Clone, Copy, Debug)]
struct Weight;

impl Cache {
    /// Holds about `bytes` of answers; with 0 none.
    pub(crate) fn new(bytes: u64) -> Self {
        let entries = usize::try_from(bytes / ENTRY_BYTES_TYPICAL).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(entries.max(1))
            .weight_capacity(bytes)
            .ghost_allocation(GHOST_SHARE)
            .build();
        let store = options.ok().filter(|_| bytes > 0).map(|options| {
            Store::with_options(
                options,
                Weight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            )
        });
        Self { store }
    }

    pub(crate) fn get(&self, target: &str, coding: Coding) -> Option<&Content> {
        let content = self.store.as_ref()?.get(&Asked { target, coding })?;
        content.hits.set(content.hits.get().saturating_add(1));
        Some(content)
    }

    /// What has been asked for most since it was kept, at most so many.
    pub(crate) fn hottest(&self, count: usize) -> Vec<Hot> {
        let entries = self.store.iter().flat_map(Store::iter);
        let mut hits: Vec<(u32, &Key)> = entries
            .map(|(key, content)| (content.hits.get(), key))
            .filter(|(hits, _)| *hits > 0)
            .collect();
        if hits.len() > count {
            hits.select_nth_unstable_by_key(count, |(hits, _)| std::cmp::Reverse(*hits));
            hits.truncate(count);
        }
        hits.into_iter()
            .map(|(_, key)| Hot {
                target: key.target.clone(),
                coding: key.coding,
            })
            .collect()
    }

    /// Keeps an answer, as long as it is worth its room.
    pub(crate) fn insert(&mut self, target: &str, coding: Coding, content: Content) {
        if let Some(store) = &mut self.store {
            let target = target.into();
            store.insert(Key { target, coding }, Box::new(content));
        }
    }

    /// Bytes of the answers in it.
    pub(crate) fn bytes(&self) -> u64 {
        self.store.as_ref().map_or(0, Store::weight)
    }
}

impl Weighter<Key, Box<Content>> for Weight {
    fn weight(&self, key: &Key, content: &Box<Content>) -> u64 {
        (key.target.len() + content.body.len()) as u64 + ENTRY_BYTES_FIXED
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { target, coding } = self;
        let coding = *coding;
        Asked { target, coding }.hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        (&self.target, self.coding) == (&other.target, other.coding)
    }
}

impl Eq for Key {}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.target.hash(state);
        self.coding.hash(state);
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        (self.target, self.coding) == (&*key.target, key.coding)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn content(bytes: usize) -> Content {
        Content::test(Bytes::from(vec![b'x'; bytes]))
    }

    #[test]
    fn codings_are_kept_apart() {
        let mut cache = Cache::new(1 << 20);
        cache.insert("/a", Coding::Gzip, content(10));
        assert!(cache.get("/a", Coding::Gzip).is_some());
        assert!(cache.get("/a", Coding::Identity).is_none());
        assert!(cache.get("/b", Coding::Gzip).is_none());
    }

    #[test]
    fn bytes_are_bounded() {
        let bound = 100_000;
        let mut cache = Cache::new(bound);
        for number in 0..10_000 {
            let body = content(fastrand::usize(..2000));
            cache.insert(&format!("/{number}"), Coding::Identity, body);
            assert!(cache.bytes() <= bound);
        }
        assert!(cache.bytes() > bound / 2, "{}", cache.bytes());
        // What is larger than all is not kept, and pushes out nothing.
        cache.insert("/huge", Coding::Identity, content(200_000));
        assert!(cache.get("/huge", Coding::Identity).is_none());
        assert!(cache.bytes() > bound / 2);
        let mut none = Cache::new(0);
        none.insert("/a", Coding::Identity, content(1));
        assert!(none.get("/a", Coding::Identity).is_none());
    }

    #[test]
    fn the_hottest_come_first() {
        let mut cache = Cache::new(1 << 20);
        for (number, asked) in [3, 0, 1, 2].into_iter().enumerate() {
            let target = format!("/{number}");
            cache.insert(&target, Coding::Identity, content(1));
            for _ in 0..asked {
                cache.get(&target, Coding::Identity);
            }
        }
        let targets = |count| -> Vec<String> {
            let mut targets: Vec<String> = cache
                .hottest(count)
                .into_iter()
                .map(|hot| hot.target.into())
                .collect();
            targets.sort();
            targets
        };
        assert_eq!(targets(2), ["/0", "/3"]);
        assert_eq!(targets(9), ["/0", "/2", "/3"]);
        assert!(Cache::new(0).hottest(9).is_empty());
    }

    /// A crawler that asks for everything once must not cost the storefront
    /// its hot set.
    #[test]
    fn a_scan_leaves_the_hot_set() {
        let mut cache = Cache::new(1 << 20);
        let hot: Vec<String> = (0..200).map(|number| format!("/hot/{number}")).collect();
        let ask = |cache: &mut Cache, target: &str| {
            let is_hit = cache.get(target, Coding::Identity).is_some();
            if !is_hit {
                cache.insert(target, Coding::Identity, content(1000));
            }
            is_hit
        };
        let (mut asked, mut hits) = (0, 0);
        for number in 0..100_000 {
            ask(&mut cache, &format!("/crawl/{number}"));
            if number % 5 == 0 {
                let is_hit = ask(&mut cache, &hot[number / 5 % hot.len()]);
                if number > 20_000 {
                    asked += 1;
                    hits += usize::from(is_hit);
                }
            }
        }
        assert!(hits * 100 > asked * 95, "{hits} of {asked}");
    }
}
