//! Cache validity of responses: how long a response may be cached. It expires with the first fact that it contains, or
//! when one of them is invalidated.
//!
//! While a request runs, every loaded fact is recorded in the request's `DependencyTracker`. The result is a
//! `CacheValidity`.

mod cacheable;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use domain::error::VendorError;
use domain::ids::{PerformanceKey, SourceId};
use domain::time::{Clock, Freshness, FreshnessMode};
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};

pub use cacheable::is_cacheable;

/// The log of invalidated facts, kept by the source cache.
pub trait Invalidations: Send + Sync {
    /// The current epoch. Every invalidation increments it.
    fn epoch(&self) -> u64;

    /// True if any of the dependencies was invalidated after epoch `since`, or if invalidations may have been missed.
    fn is_invalidated(&self, used: &ResponseDependencies, since: u64) -> bool;
}

/// The facts that a response depends on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ResponseDependencies {
    /// Sources of the facts.
    pub sources: BTreeSet<SourceId>,
    /// Performances whose availability is part of the response.
    pub performances: BTreeSet<(SourceId, PerformanceKey)>,
}

/// Records the facts of one request. Cheap to clone; all clones share the record.
#[derive(Clone, Default)]
pub struct DependencyTracker(Arc<Mutex<TrackedDependencies>>);

#[derive(Default)]
struct TrackedDependencies {
    dependencies: ResponseDependencies,
    /// Expiry of the first fact to expire. `None` while no fact was recorded.
    expires_at: Option<Timestamp>,
    /// True if the response contains something that must not be cached: a fact just fetched from the vendor, or a
    /// failure.
    is_uncacheable: bool,
}

impl DependencyTracker {
    /// Records a fact of a source. A fact that is not cached makes the response uncacheable.
    pub fn record_fact(&self, source: &SourceId, age: Freshness) {
        let mut tracked = self.lock();
        if !tracked.dependencies.sources.contains(source) {
            tracked.dependencies.sources.insert(source.clone());
        }
        match age.expires_at.filter(|_| age.mode == FreshnessMode::Cached) {
            Some(at) => tracked.expire_at(at),
            None => tracked.is_uncacheable = true,
        }
    }

    /// Records the availability of a performance.
    pub fn record_availability(&self, source: &SourceId, performance: &PerformanceKey, age: Freshness) {
        self.record_fact(source, age);
        self.lock().dependencies.performances.insert((source.clone(), performance.clone()));
    }

    /// Records a time at which the same arguments get another meaning.
    pub fn expire_at(&self, at: Timestamp) {
        self.lock().expire_at(at);
    }

    /// Marks the response as uncacheable.
    pub fn mark_uncacheable(&self) {
        self.lock().is_uncacheable = true;
    }

    /// Records the result of a source call: the age of the fact, or a failure.
    pub fn record_result<T>(&self, source: &SourceId, outcome: &Result<T, VendorError>, age: impl Fn(&T) -> Freshness) {
        match outcome {
            Ok(fact) => self.record_fact(source, age(fact)),
            Err(_) => self.mark_uncacheable(),
        }
    }

    /// Returns the validity of a response of these facts, requested at epoch `requested_at`, or `None` if it is not
    /// cacheable.
    pub(in crate::graphql) fn cache_validity(
        &self,
        invalidations: &Arc<dyn Invalidations>,
        clock: &Arc<dyn Clock>,
        requested_at: u64,
    ) -> Option<CacheValidity> {
        let tracked = self.lock();
        let expires_at = tracked.expires_at.filter(|_| !tracked.is_uncacheable)?;
        let (invalidations, clock, dependencies) =
            (Arc::clone(invalidations), Arc::clone(clock), tracked.dependencies.clone());
        Some(CacheValidity {
            expires_at,
            dependencies,
            valid_at_epoch: AtomicU64::new(requested_at),
            invalidations,
            clock,
        })
    }

    fn lock(&self) -> MutexGuard<'_, TrackedDependencies> {
        self.0.lock()
    }
}

impl TrackedDependencies {
    fn expire_at(&mut self, at: Timestamp) {
        self.expires_at = Some(self.expires_at.map_or(at, |until| until.min(at)));
    }
}

/// The validity of a cached response.
pub struct CacheValidity {
    expires_at: Timestamp,
    dependencies: ResponseDependencies,
    /// The latest epoch at which the response was known to be valid.
    valid_at_epoch: AtomicU64,
    invalidations: Arc<dyn Invalidations>,
    clock: Arc<dyn Clock>,
}

impl CacheValidity {
    /// Returns true if the response may be served now. Nearly free while nothing was invalidated.
    pub fn is_valid(&self) -> bool {
        if self.clock.now() >= self.expires_at {
            return false;
        }
        let (moment, good_at) = (self.invalidations.epoch(), self.valid_at_epoch.load(Relaxed));
        if moment == good_at {
            return true;
        }
        let holds = !self.invalidations.is_invalidated(&self.dependencies, good_at);
        if holds {
            // The epoch was read first, so an invalidation since then is checked by the next call.
            self.valid_at_epoch.fetch_max(moment, Relaxed);
        }
        holds
    }

    /// Estimated memory use in bytes.
    pub fn estimated_size(&self) -> usize {
        200 + 64 * (self.dependencies.sources.len() + self.dependencies.performances.len())
    }
}
