//! What one core keeps while it answers from one generation.

use std::cell::RefCell;

use http::HeaderValue;

use super::cache::{Cache, Hot};
use super::coding::Gzip;

/// Borrowed only inside `respond`, which never waits.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(super) cache: RefCell<Cache>,
    pub(super) gzip: RefCell<Gzip>,
    /// `Cache-Control` counts down in whole seconds.
    fresh: RefCell<Option<(i64, HeaderValue)>>,
}

impl Kept {
    /// With room for so many bytes of answers.
    pub(crate) fn new(cache_bytes_max: u64) -> Self {
        Self {
            cache: RefCell::new(Cache::new(cache_bytes_max)),
            gzip: RefCell::default(),
            fresh: RefCell::default(),
        }
    }

    /// Bytes of answers in the cache.
    pub(crate) fn cache_bytes(&self) -> u64 {
        self.cache.borrow().bytes()
    }

    /// What has been asked for most, at most so many questions.
    pub(crate) fn hottest(&self, count: usize) -> Vec<Hot> {
        self.cache.borrow().hottest(count)
    }

    /// The header of this second, written by the first answer in it.
    pub(super) fn fresh(&self, second: i64, write: impl FnOnce() -> HeaderValue) -> HeaderValue {
        let mut fresh = self.fresh.borrow_mut();
        match &*fresh {
            Some((known, header)) if *known == second => header.clone(),
            _ => fresh.insert((second, write())).1.clone(),
        }
    }
}
