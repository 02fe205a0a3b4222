//! L1 cache: serves catalog values from the memory of this process, and stale ones while the vendor is slow or failing.
//!
//! It is the outermost layer, above single-flight, so that a hit takes no lock that a slow call could hold.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use domain::{Batch, Catalog, ErrorKind, Freshness, FreshnessMode, SourceId, VendorError, VendorOperation};
use jiff::Timestamp;
use metrics::{Counter, Histogram, SharedString, counter, histogram};
use telemetry::explain::record;
use tokio::time::timeout;

use crate::cached_value::CachedValue;
use crate::catalog_cache::{CacheEntry, SourceCache, later};
use crate::catalog_query::{CatalogLayer, CatalogQuery};

/// Shortest time between two background refreshes of an entry, in milliseconds.
const REFRESH_INTERVAL_MS: i64 = 5_000;

/// Serves catalog values from memory.
pub(crate) struct L1Cache {
    cache: SourceCache,
    inner: Arc<dyn Catalog>,
    metrics: LookupMetrics,
}

/// Result of looking up one item.
enum Lookup<V> {
    /// A value or error to return.
    Hit(Result<V, VendorError>),
    /// A stale value to return while it is fetched again (stale-while-revalidate).
    Stale {
        value: V,
        /// True for the one caller that has to start the refresh.
        needs_refresh: bool,
    },
    /// Nothing that may be returned without a call.
    Miss,
}

impl L1Cache {
    pub(crate) fn new(cache: SourceCache, inner: Arc<dyn Catalog>) -> Self {
        Self { metrics: LookupMetrics::new(cache.source()), cache, inner }
    }

    fn lookup<Q: CatalogQuery>(&self, query: &Q, item: &Q::Item) -> Lookup<Q::Value> {
        let now = self.cache.cache.clock.now();
        let key = query.cache_key(self.cache.source(), item);
        let entry = self.cache.get(&key);
        let cached = match entry.as_deref() {
            Some(CacheEntry::NotFound { error, until, .. }) if now < *until => return Lookup::Hit(Err(error.clone())),
            Some(CacheEntry::Value(cached)) => cached,
            _ => return Lookup::Miss,
        };
        let Some(value) = cached.value::<Q::Value>() else { return Lookup::Miss };
        let is_verified = self.cache.tags().is_verified(cached.epoch);
        if let Some(max_age) = query.max_age() {
            let is_young = |age: &Freshness| is_verified && !max_age.is_zero() && age.is_within(max_age, now);
            let young = value.freshness().filter(is_young);
            return young.map_or(Lookup::Miss, |freshness| {
                let expires_at = Some(later(freshness.observed_at, max_age));
                Lookup::Hit(Ok(value.clone().with_freshness(FreshnessMode::Cached, expires_at)))
            });
        }
        if is_verified && now < cached.fresh_until {
            return Lookup::Hit(Ok(value.clone()));
        }
        if now >= cached.revalidate_until {
            return Lookup::Miss;
        }
        let (millis, due) = (now.as_millisecond(), cached.next_refresh.load(Relaxed));
        let next = millis + REFRESH_INTERVAL_MS;
        let needs_refresh = millis >= due && cached.next_refresh.compare_exchange(due, next, Relaxed, Relaxed).is_ok();
        let value = value.clone().with_freshness(FreshnessMode::Stale, Some(cached.fresh_until));
        Lookup::Stale { value, needs_refresh }
    }

    /// Fetches items again in the background, after their stale values were returned.
    fn refresh<Q: CatalogQuery>(&self, query: Q, items: Vec<Q::Item>) {
        let inner = Arc::clone(&self.inner);
        self.cache.tasks().spawn(async move {
            query.fetch_from(&*inner, items).await;
        });
    }

    /// Fetches items from the layer below. If a stale value exists for each of them, waits no longer than `revalidate_timeout`;
    /// a fault of the vendor is replaced with the stale value (stale-if-error).
    async fn fetch_missing<Q: CatalogQuery>(&self, query: &Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Value> {
        let invalidated_at = |key: &_| self.cache.tags().invalidated_at(key);
        let items: Vec<Q::Item> =
            items.into_iter().map(|item| query.drop_invalidated(self.cache.source(), item, invalidated_at)).collect();
        let call = query.fetch_from(&*self.inner, items.clone());
        let has_stale_values = items.iter().all(|item| self.stale_if_error(query, item).is_some());
        let mut results = if has_stale_values {
            // The call goes on in its own task and its value is cached; only this caller stops waiting.
            timeout(self.cache.policy.revalidate_timeout, call).await.unwrap_or_else(|_| {
                let late = VendorError::new(self.cache.source(), Q::OPERATION, ErrorKind::Timeout);
                items.iter().map(|item| (Q::key(item), Err(late.clone()))).collect()
            })
        } else {
            call.await
        };
        let mut replaced = 0;
        for item in &items {
            let Some(result) = results.get_mut(&Q::key(item)) else { continue };
            if result.as_ref().is_err_and(is_fault)
                && let Some(value) = self.stale_if_error(query, item)
            {
                *result = Ok(value);
                replaced += 1;
            }
        }
        self.metrics.for_operation(Q::OPERATION).stale_if_error.increment(replaced);
        record(self.cache.source().as_str(), Q::OPERATION.name(), |stats| stats.stale_hits += replaced);
        results
    }

    /// Counts hits, stale hits and misses, and records the age of the oldest value.
    fn record_lookups(&self, operation: VendorOperation, counts: LookupCounts, oldest: Option<Timestamp>) {
        let metrics = self.metrics.for_operation(operation);
        metrics.hits.increment(counts.hits);
        metrics.stale.increment(counts.stale);
        metrics.misses.increment(counts.misses);
        let age = oldest.and_then(|at| Duration::try_from(self.cache.cache.clock.now().duration_since(at)).ok());
        if let Some(age) = age {
            metrics.ages.record(age.as_secs_f64());
        }
        record(self.cache.source().as_str(), operation.name(), |stats| {
            stats.l1_hits += counts.hits;
            stats.stale_hits += counts.stale;
            stats.l1_misses += counts.misses;
            stats.oldest_age = stats.oldest_age.max(age);
        });
    }

    /// Returns the value to serve while the vendor fails. Availability is never served stale, because the caller limits its age.
    fn stale_if_error<Q: CatalogQuery>(&self, query: &Q, item: &Q::Item) -> Option<Q::Value> {
        if query.max_age().is_some() {
            return None;
        }
        match &*self.cache.get(&query.cache_key(self.cache.source(), item))? {
            CacheEntry::Value(cached) => cached.stale_if_error(self.cache.cache.clock.now()),
            CacheEntry::NotFound { .. } => None,
        }
    }
}

impl CatalogLayer for L1Cache {
    fn source(&self) -> &SourceId {
        self.cache.source()
    }

    async fn fetch<Q: CatalogQuery>(&self, query: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Value> {
        let mut results = Batch::with_capacity(items.len());
        let (mut missing, mut due, mut stale) = (Vec::new(), Vec::new(), 0);
        let mut oldest = None;
        for item in items {
            match self.lookup(&query, &item) {
                Lookup::Hit(result) => {
                    oldest = older(oldest, result.as_ref().ok());
                    results.insert(Q::key(&item), result);
                }
                Lookup::Stale { value, needs_refresh } => {
                    stale += 1;
                    oldest = older(oldest, Some(&value));
                    results.insert(Q::key(&item), Ok(value));
                    if needs_refresh {
                        due.push(item);
                    }
                }
                Lookup::Miss => missing.push(item),
            }
        }
        let hits = (results.len() as u64).saturating_sub(stale);
        let counts = LookupCounts { hits, stale, misses: missing.len() as u64 };
        self.record_lookups(Q::OPERATION, counts, oldest);
        if !due.is_empty() {
            self.refresh(query.clone(), due);
        }
        if !missing.is_empty() {
            results.extend(self.fetch_missing(&query, missing).await);
        }
        results
    }
}

/// Returns the earlier of a time and the time at which a value was observed.
fn older<V: CachedValue>(oldest: Option<Timestamp>, value: Option<&V>) -> Option<Timestamp> {
    let observed_at = value.and_then(CachedValue::freshness).map(|freshness| freshness.observed_at);
    oldest.into_iter().chain(observed_at).min()
}

/// True if the vendor failed, as opposed to rejecting the request.
fn is_fault(error: &VendorError) -> bool {
    !matches!(error.kind, ErrorKind::NotFound | ErrorKind::Rejected(_) | ErrorKind::Unsupported)
}

/// Numbers of lookups by outcome.
struct LookupCounts {
    hits: u64,
    stale: u64,
    misses: u64,
}

/// Metrics of one source. They are registered once, so that a hit does not search the registry.
struct LookupMetrics(Vec<(VendorOperation, OperationMetrics)>);

struct OperationMetrics {
    hits: Counter,
    stale: Counter,
    stale_if_error: Counter,
    misses: Counter,
    ages: Histogram,
}

impl LookupMetrics {
    fn new(source: &SourceId) -> Self {
        let operations = [
            VendorOperation::ListEvents,
            VendorOperation::LoadEvents,
            VendorOperation::LoadTicketTypes,
            VendorOperation::ListPerformances,
            VendorOperation::LoadPerformances,
            VendorOperation::LoadAvailability,
            VendorOperation::LoadCalendar,
        ];
        Self(operations.into_iter().map(|operation| (operation, OperationMetrics::new(source, operation))).collect())
    }

    fn for_operation(&self, operation: VendorOperation) -> &OperationMetrics {
        let found = self.0.iter().find(|(listed, _)| *listed == operation);
        &found.unwrap_or(&self.0[0]).1
    }
}

impl OperationMetrics {
    fn new(source: &SourceId, operation: VendorOperation) -> Self {
        let count = |outcome: &'static str| {
            let labels = [
                ("source", SharedString::from(source.to_string())),
                ("operation", SharedString::const_str(operation.name())),
                ("level", SharedString::const_str("l1")),
                ("outcome", SharedString::const_str(outcome)),
            ];
            counter!("ticketgraph_cache_lookups_total", &labels)
        };
        let labels = [
            ("source", SharedString::from(source.to_string())),
            ("operation", SharedString::const_str(operation.name())),
        ];
        let ages = histogram!("ticketgraph_cache_age_seconds", &labels);
        let stale_if_error = count("stale_if_error");
        Self { hits: count("hit"), stale: count("stale"), stale_if_error, misses: count("miss"), ages }
    }
}
