//! Cache validity of responses: how long a response may be cached. It expires with the first fact that it contains, or
//! when one of them is invalidated.
//!
//! While a request runs, every loaded fact is recorded in the request's `DependencyTracker`. The result is a
//! `CacheValidity`.

mod cacheable;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::error::VendorError;
use domain::ids::{EventKey, PerformanceKey, SourceId};
use domain::time::{Clock, Freshness, FreshnessMode};
use edge::{EdgeTag, response_tags};
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};

pub use cacheable::{is_cacheable, is_cacheable_entity};

/// The log of invalidated facts, kept by the source cache.
pub trait Invalidations: Send + Sync {
    /// The current epoch. Every invalidation increments it.
    fn epoch(&self) -> u64;

    /// True if any of the dependencies was invalidated after epoch `since`, or if invalidations may have been missed.
    fn is_invalidated(&self, used: &ResponseDependencies, since: u64) -> bool;

    /// Time at which any of the dependencies was last invalidated.
    fn invalidated_at(&self, used: &ResponseDependencies) -> Option<Timestamp>;
}

/// The facts that a response depends on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ResponseDependencies {
    /// Sources of the facts.
    pub sources: BTreeSet<SourceId>,
    /// Events with facts in the response. An edit of one invalidates its source.
    pub events: BTreeSet<(SourceId, EventKey)>,
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
    /// True if the response contains a fact that is never served after its expiry: availability.
    is_never_stale: bool,
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

    /// Records an event whose facts are part of the response.
    pub fn record_event(&self, source: &SourceId, event: &EventKey) {
        self.lock().dependencies.events.insert((source.clone(), event.clone()));
    }

    /// Records a day of a calendar. It is never served after its expiry.
    pub fn record_calendar_day(&self, source: &SourceId, age: Freshness) {
        self.record_fact(source, age);
        self.lock().is_never_stale = true;
    }

    /// Records the availability of a performance. It is never served after its expiry.
    pub fn record_availability(&self, source: &SourceId, performance: &PerformanceKey, age: Freshness) {
        self.record_fact(source, age);
        let mut tracked = self.lock();
        tracked.dependencies.performances.insert((source.clone(), performance.clone()));
        tracked.is_never_stale = true;
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
            is_never_stale: tracked.is_never_stale,
            tags: OnceLock::new(),
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
    is_never_stale: bool,
    /// Cache tags, computed once.
    tags: OnceLock<Vec<EdgeTag>>,
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

    /// Returns the time for which a shared cache may store the response, or `None` if the response is not valid or was invalidated
    /// less than `quiet` ago: other replicas may not know of that yet.
    pub fn shared_lifetime(&self, quiet: Duration) -> Option<Duration> {
        let invalidated_at = self.invalidations.invalidated_at(&self.dependencies);
        let now = self.clock.now();
        let is_quiet = invalidated_at.is_none_or(|at| now.duration_since(at).unsigned_abs() >= quiet);
        // Checked last, so that nothing that was invalidated before this moment gets a lifetime.
        let lifetime = Duration::try_from(self.expires_at.duration_since(now)).ok();
        lifetime.filter(|_| is_quiet && self.is_valid())
    }

    /// Returns true if the response may be served after its expiry while it is revalidated, or while that fails.
    pub fn may_be_stale(&self) -> bool {
        !self.is_never_stale
    }

    /// Returns the cache tags of the response: besides those of its sources, at most `max`. `max` must not change.
    pub fn edge_tags(&self, max: usize) -> &[EdgeTag] {
        let ResponseDependencies { sources, events, performances } = &self.dependencies;
        self.tags.get_or_init(|| response_tags(sources, events, performances, max))
    }

    /// Estimated memory use in bytes, with the cache tags.
    pub fn estimated_size(&self) -> usize {
        let ResponseDependencies { sources, events, performances } = &self.dependencies;
        200 + 64 * (2 * sources.len() + 2 * events.len() + 2 * performances.len())
    }
}
