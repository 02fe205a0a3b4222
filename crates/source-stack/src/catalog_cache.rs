//! Cache of catalog values: in this process, bounded by size, in front of a store shared by replicas.
//!
//! The cache owns the port `CacheStore` and knows nothing of the store behind it. Orders never read it.

use std::any::Any;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use domain::{Clock, FreshnessMode, PerformanceKey, SourceId, VendorError, VendorOperation};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio_util::task::TaskTracker;

use crate::cache_key::{CacheKey, CacheTag};
use crate::cached_value::CachedValue;
use crate::codec;
use crate::policy::{CacheLifetime, CachePolicy};
use crate::tag_invalidation::{Invalidation, TagInvalidation};

/// Store shared by replicas. It may lose anything at any time, and no request depends on it.
///
/// Every method is bounded to tens of milliseconds by the store itself, even while the store is failing.
#[async_trait]
pub trait CacheStore: Send + Sync {
    /// Loads values, in the order of their names. Returns `None` if the store is unavailable.
    async fn load(&self, names: &[String]) -> Option<Vec<Option<Vec<u8>>>>;

    /// Stores a value for `ttl`. A failure is ignored.
    async fn insert(&self, name: String, value: Vec<u8>, ttl: Duration);

    /// Removes unusable values. A failure is ignored.
    async fn remove(&self, names: Vec<String>);

    /// Sets tags to versions they never had, for `ttl`, and publishes the invalidation to the other replicas.
    async fn publish_invalidation(&self, tags: Vec<String>, ttl: Duration, invalidation: &Invalidation);
}

/// Event received from the other replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidationEvent {
    /// Another replica invalidated values.
    Invalidated(Invalidation),
    /// Messages may have been lost. Cached values are revalidated before they are served as fresh.
    Lagged,
}

/// Upper bound of the lifetime of a value in the shared store.
pub(crate) const MAX_L2_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// Largest value in the shared store, in bytes. A larger one could not be read within the store's timeout.
pub(crate) const MAX_L2_VALUE_BYTES: usize = 1 << 20;

/// Estimated size of an entry, from which the number of entries is estimated. The size limit is exact.
const ENTRY_BYTES: u64 = 1_000;

/// Weighs an entry by its size in bytes.
#[derive(Clone)]
struct EntryWeighter;

impl Weighter<CacheKey, Arc<CacheEntry>> for EntryWeighter {
    fn weight(&self, key: &CacheKey, entry: &Arc<CacheEntry>) -> u64 {
        (key.weight() + entry.weight()) as u64
    }
}

/// Cache of one process for all of its sources.
pub struct CatalogCache {
    entries: Cache<CacheKey, Arc<CacheEntry>, EntryWeighter>,
    pub(crate) store: Option<Arc<dyn CacheStore>>,
    tags: TagInvalidation,
    pub(crate) clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    observer: OnceLock<InvalidationObserver>,
}

/// Receives invalidations, after the cached values are invalid. It must not wait.
type InvalidationObserver = Box<dyn Fn(&Invalidation) + Send + Sync>;

/// A cached result.
pub(crate) enum CacheEntry {
    /// The source returned a value.
    Value(CachedItem),
    /// The source has no such item.
    NotFound {
        /// Error to return.
        error: VendorError,
        /// End of the entry's lifetime.
        until: Timestamp,
        /// Epoch at which the item was requested.
        epoch: u64,
    },
}

/// A cached value and its lifetime.
pub(crate) struct CachedItem {
    /// A `CatalogQuery::Value`, marked as cached.
    value: Box<dyn Any + Send + Sync>,
    /// The value without prices, built on first use so that all callers get the same allocation.
    without_prices: OnceLock<Option<Box<dyn Any + Send + Sync>>>,
    fetched_at: Timestamp,
    pub(crate) fresh_until: Timestamp,
    pub(crate) revalidate_until: Timestamp,
    stale_if_error_until: Timestamp,
    /// Earliest time of the next background refresh, in milliseconds.
    pub(crate) next_refresh: AtomicI64,
    /// Epoch at which the value was requested.
    pub(crate) epoch: u64,
    weight: usize,
}

impl CatalogCache {
    /// Creates a cache of at most `max_bytes`, in front of a shared store if there is one.
    pub fn new(
        max_bytes: u64,
        store: Option<Arc<dyn CacheStore>>,
        clock: Arc<dyn Clock>,
        tasks: TaskTracker,
    ) -> Arc<Self> {
        // One shard: a list of a large source may take a good part of the whole capacity, and must still be admitted.
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(usize::try_from(max_bytes / ENTRY_BYTES).unwrap_or(usize::MAX).max(1));
        let options = options.weight_capacity(max_bytes).shards(1).build().expect("both capacities are set");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        let entries = Cache::with_options(options, EntryWeighter, hasher, lifecycle);
        Arc::new(Self { entries, store, tags: TagInvalidation::default(), clock, tasks, observer: OnceLock::new() })
    }

    /// Invalidates values after a write of this replica: here at once, in the shared store and at the other replicas soon after.
    pub fn invalidate(self: &Arc<Self>, invalidation: Invalidation) {
        self.invalidate_locally(&invalidation);
        self.notify(&invalidation);
        if self.store.is_none() {
            return;
        }
        let cache = Arc::clone(self);
        self.tasks.spawn(async move {
            let Some(store) = &cache.store else { return };
            let tags = invalidation.tags().unwrap_or_default().iter().map(l2_tag_name).collect();
            store.publish_invalidation(tags, MAX_L2_TTL, &invalidation).await;
        });
    }

    /// Passes every invalidation to an observer, those of other replicas too: until this one learned of them, it may have served
    /// values that are kept elsewhere. Only the first observer has an effect.
    pub fn observe_invalidations(&self, observer: impl Fn(&Invalidation) + Send + Sync + 'static) {
        // A second observer is dropped.
        let _ = self.observer.set(Box::new(observer));
    }

    /// Invalidates values here at once, and returns after the invalidation was handed to the other replicas.
    pub async fn invalidate_everywhere(&self, invalidation: &Invalidation) {
        self.invalidate_locally(invalidation);
        self.notify(invalidation);
        if let Some(store) = &self.store {
            let tags = invalidation.tags().unwrap_or_default().iter().map(l2_tag_name).collect();
            store.publish_invalidation(tags, MAX_L2_TTL, invalidation).await;
        }
    }

    /// Returns the current epoch, which is incremented by each invalidation.
    pub fn epoch(&self) -> u64 {
        self.tags.epoch()
    }

    /// True if any of these sources or performances was invalidated after `since`, or if invalidations may have been missed.
    pub fn is_invalidated<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a SourceId>,
        performances: impl IntoIterator<Item = &'a (SourceId, PerformanceKey)>,
        since: u64,
    ) -> bool {
        !self.tags.is_verified(since) || self.tags.any_invalidated_since(&used_tags(sources, performances), since)
    }

    /// Returns when any of these sources or performances was last invalidated.
    pub fn invalidated_at<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a SourceId>,
        performances: impl IntoIterator<Item = &'a (SourceId, PerformanceKey)>,
    ) -> Option<Timestamp> {
        self.tags.last_invalidated(&used_tags(sources, performances))
    }

    /// Applies an event received from the other replicas.
    pub fn apply(&self, event: InvalidationEvent) {
        match event {
            InvalidationEvent::Invalidated(invalidation) => {
                self.invalidate_locally(&invalidation);
                self.notify(&invalidation);
            }
            InvalidationEvent::Lagged => {
                self.tags.mark_unverified();
                self.notify(&Invalidation::Everything);
            }
        }
    }

    fn notify(&self, invalidation: &Invalidation) {
        if let Some(observer) = self.observer.get() {
            observer(invalidation);
        }
    }

    fn invalidate_locally(&self, invalidation: &Invalidation) {
        self.tags.invalidate(invalidation, self.clock.now());
    }

    /// Returns the number of cached entries and their estimated size in bytes.
    pub fn usage(&self) -> (u64, u64) {
        (self.entries.len() as u64, self.entries.weight())
    }
}

/// Returns every tag that invalidates responses with facts of these sources and the availability of these performances.
fn used_tags<'a>(
    sources: impl IntoIterator<Item = &'a SourceId>,
    performances: impl IntoIterator<Item = &'a (SourceId, PerformanceKey)>,
) -> Vec<CacheTag> {
    let source_tags = |source: &SourceId| {
        [CacheTag::Source(source.clone()), CacheTag::Lists(source.clone()), CacheTag::Performances(source.clone())]
    };
    let performance_tag =
        |(source, key): &(SourceId, PerformanceKey)| CacheTag::Performance(source.clone(), key.clone());
    let mut tags: Vec<CacheTag> = sources.into_iter().flat_map(source_tags).collect();
    tags.extend(performances.into_iter().map(performance_tag));
    tags
}

/// View of the cache for one source.
#[derive(Clone)]
pub(crate) struct SourceCache {
    pub(crate) cache: Arc<CatalogCache>,
    source: SourceId,
    /// Separates accounts of the same name in different configurations that share a store.
    realm: Arc<str>,
    pub(crate) policy: CachePolicy,
}

impl SourceCache {
    pub(crate) fn new(cache: Arc<CatalogCache>, source: SourceId, realm: &str, policy: CachePolicy) -> Self {
        Self { cache, source, realm: Arc::from(realm), policy }
    }

    pub(crate) fn source(&self) -> &SourceId {
        &self.source
    }

    pub(crate) fn tags(&self) -> &TagInvalidation {
        &self.cache.tags
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.cache.tasks
    }

    pub(crate) fn lifetime(&self, operation: VendorOperation) -> CacheLifetime {
        match operation {
            VendorOperation::ListEvents => self.policy.lists,
            VendorOperation::LoadCalendar => CacheLifetime::never_stale(self.policy.calendar),
            VendorOperation::LoadAvailability => CacheLifetime::never_stale(self.policy.availability),
            _ => self.policy.facts,
        }
    }

    /// Returns the cached entry, unless it has been invalidated since it was requested.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<Arc<CacheEntry>> {
        let entry = self.cache.entries.get(key)?;
        if self.cache.tags.is_stale(key, entry.epoch()) {
            self.cache.entries.remove(key);
            return None;
        }
        Some(entry)
    }

    /// Inserts a value that was requested at `epoch` and fetched at `fetched_at`, unless a newer one is cached or the value has
    /// been invalidated since.
    pub(crate) fn insert<V: CachedValue>(&self, key: CacheKey, value: &V, epoch: u64, fetched_at: Timestamp) {
        let lifetime = self.lifetime(key.operation);
        let freshness = value.freshness();
        // A value that the source itself served stale is fetched again next time.
        if freshness.is_some_and(|freshness| freshness.mode == FreshnessMode::Stale) {
            return;
        }
        let percent = 100 - fastrand::u32(0..=self.policy.jitter_percent.min(99));
        let max_age = lifetime.max_age * percent / 100;
        let expires_at_source = freshness.and_then(|freshness| freshness.expires_at).unwrap_or(Timestamp::MAX);
        let fresh_until = later(fetched_at, max_age).min(expires_at_source);
        let entry = CacheEntry::Value(CachedItem {
            value: Box::new(value.clone().with_freshness(FreshnessMode::Cached, Some(fresh_until))),
            without_prices: OnceLock::new(),
            fetched_at,
            fresh_until,
            revalidate_until: later(fetched_at, lifetime.max_age.saturating_add(lifetime.stale_while_revalidate)),
            stale_if_error_until: later(fetched_at, lifetime.max_age.saturating_add(lifetime.stale_if_error)),
            next_refresh: AtomicI64::new(0),
            epoch,
            weight: value.weight(),
        });
        // A value from the shared store may be older than the cached one.
        let cached = self.cache.entries.get(&key);
        let is_newest = !matches!(cached.as_deref(), Some(CacheEntry::Value(item)) if item.fetched_at > fetched_at);
        if is_newest && !self.cache.tags.is_stale(&key, epoch) {
            self.cache.entries.insert(key, Arc::new(entry));
        }
    }

    /// Inserts a "not found" error for a few seconds.
    pub(crate) fn insert_not_found(&self, key: CacheKey, error: VendorError, epoch: u64) {
        let until = later(self.cache.clock.now(), self.policy.not_found);
        self.cache.entries.insert(key, Arc::new(CacheEntry::NotFound { error, until, epoch }));
    }

    /// Returns the name of a value in the shared store.
    pub(crate) fn l2_name(&self, key: &CacheKey) -> String {
        format!("v{}:{}:{key}", codec::SCHEMA_VERSION, self.realm)
    }
}

impl CacheEntry {
    fn epoch(&self) -> u64 {
        match self {
            Self::Value(item) => item.epoch,
            Self::NotFound { epoch, .. } => *epoch,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Value(item) => item.weight + size_of::<CachedItem>(),
            Self::NotFound { .. } => size_of::<Self>(),
        }
    }
}

impl CachedItem {
    pub(crate) fn value<V: CachedValue>(&self) -> Option<&V> {
        self.value.downcast_ref()
    }

    /// Returns the value to serve while the vendor fails (stale-if-error), without its prices once they are too old.
    pub(crate) fn stale_if_error<V: CachedValue>(&self, now: Timestamp) -> Option<V> {
        if now >= self.stale_if_error_until {
            return None;
        }
        let value = if now < self.revalidate_until { self.value::<V>()?.clone() } else { self.without_prices()? };
        Some(value.with_freshness(FreshnessMode::Stale, Some(self.fresh_until)))
    }

    fn without_prices<V: CachedValue>(&self) -> Option<V> {
        let build = || {
            let without_prices = self.value::<V>()?.without_prices()?;
            Some(Box::new(without_prices) as Box<dyn Any + Send + Sync>)
        };
        self.without_prices.get_or_init(build).as_ref()?.downcast_ref::<V>().cloned()
    }
}

/// Returns the name of a tag in the shared store.
pub(crate) fn l2_tag_name(tag: &CacheTag) -> String {
    format!("tag:{tag}")
}

/// Adds a duration to a time, up to the largest time.
pub(crate) fn later(at: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration).ok().and_then(|duration| at.checked_add(duration).ok()).unwrap_or(Timestamp::MAX)
}
