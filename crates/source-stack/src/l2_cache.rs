//! L2 cache: the store shared by replicas, and the only layer that inserts values, into both caches.
//!
//! It stands below single-flight: one call reads the store and inserts the value once, however many callers wait, and a fetched
//! value is inserted even if every caller has hung up.

use std::sync::Arc;

use domain::{Batch, Catalog, ErrorKind, FreshnessMode, SourceId, VendorOperation};
use metrics::counter;
use telemetry::explain::record;

use crate::cache_key::CacheKey;
use crate::cached_value::CachedValue;
use crate::catalog_cache::{CacheStore, MAX_L2_TTL, MAX_L2_VALUE_BYTES, SourceCache, l2_tag_name, later};
use crate::catalog_query::{CatalogLayer, CatalogQuery};
use crate::codec::{self, DecodeError, DecodedEntry};

/// Serves catalog values from the shared store, and fills both caches.
pub(crate) struct L2Cache {
    cache: SourceCache,
    inner: Arc<dyn Catalog>,
}

/// A requested item.
struct PendingLookup<I> {
    item: I,
    key: CacheKey,
    /// Versions of the key's tags in the shared store when the item was requested. `None` if the store is unavailable, in which
    /// case the value is not shared either.
    tag_versions: Option<Vec<Option<String>>>,
}

impl L2Cache {
    pub(crate) fn new(cache: SourceCache, inner: Arc<dyn Catalog>) -> Self {
        Self { cache, inner }
    }

    /// Looks up items in the shared store and removes those with a fresh value from `pending`. Every usable value is inserted into
    /// the L1 cache.
    async fn lookup<Q: CatalogQuery>(
        &self,
        query: &Q,
        pending: &mut Vec<PendingLookup<Q::Item>>,
        epoch: u64,
    ) -> Batch<Q::Key, Q::Value> {
        let mut results = Batch::new();
        let Some(store) = &self.cache.cache.store else { return results };
        let names: Vec<String> = pending.iter().flat_map(|lookup| self.names(&lookup.key)).collect();
        let Some(mut values) = store.load(&names).await.map(Vec::into_iter) else { return results };
        let mut discarded = Vec::new();
        let mut missing = Vec::with_capacity(pending.len());
        for mut lookup in pending.drain(..) {
            let value = values.next().flatten();
            let tag_versions: Vec<Option<String>> =
                values.by_ref().take(lookup.key.tags().len()).map(|version| version.and_then(text)).collect();
            let name = self.cache.l2_name(&lookup.key);
            let now = self.cache.cache.clock.now();
            let fresh = match value.map(|value| codec::decode::<Q::Value>(&value, &name, now)) {
                Some(Ok(entry)) if entry.tag_versions == tag_versions => self.accept(query, &lookup.key, entry, epoch),
                Some(Err(error)) => {
                    self.count_discarded(error);
                    discarded.push(name);
                    None
                }
                _ => None,
            };
            lookup.tag_versions = Some(tag_versions);
            match fresh {
                Some(value) => drop(results.insert(Q::key(&lookup.item), Ok(value))),
                None => missing.push(lookup),
            }
        }
        self.record_lookups(Q::OPERATION, results.len() as u64, missing.len() as u64);
        *pending = missing;
        self.remove(store, discarded);
        results
    }

    /// Inserts a shared value into the L1 cache, and returns it if it is fresh.
    fn accept<Q: CatalogQuery>(
        &self,
        query: &Q,
        key: &CacheKey,
        entry: DecodedEntry<Q::Value>,
        epoch: u64,
    ) -> Option<Q::Value> {
        let now = self.cache.cache.clock.now();
        // A value that this replica has just invalidated may not have been removed from the store yet.
        if self.cache.tags().invalidated_at(key).is_some_and(|at| at >= entry.fetched_at) {
            return None;
        }
        let fresh_until = later(entry.fetched_at, self.cache.lifetime(key.operation).max_age);
        self.cache.insert(key.clone(), &entry.value, epoch, entry.fetched_at);
        let is_fresh = match query.max_age() {
            Some(max_age) => {
                let freshness = entry.value.freshness();
                !max_age.is_zero() && freshness.is_some_and(|freshness| freshness.is_within(max_age, now))
            }
            None => now < fresh_until,
        };
        is_fresh.then(|| entry.value.with_freshness(FreshnessMode::Cached, Some(fresh_until)))
    }

    /// Inserts a fetched value into the L1 cache and the shared store.
    fn insert<V: CachedValue>(&self, key: CacheKey, tag_versions: Option<Vec<Option<String>>>, value: &V, epoch: u64) {
        let now = self.cache.cache.clock.now();
        if let Some((store, tag_versions)) = self.cache.cache.store.as_ref().zip(tag_versions) {
            let name = self.cache.l2_name(&key);
            if let Some(bytes) = codec::encode(&name, &tag_versions, now, value, MAX_L2_VALUE_BYTES) {
                let ttl = self.cache.lifetime(key.operation).total().min(MAX_L2_TTL);
                let store = Arc::clone(store);
                // No caller waits for the store.
                self.cache.tasks().spawn(async move { store.insert(name, bytes, ttl).await });
            }
        }
        self.cache.insert(key, value, epoch, now);
    }

    /// Names of a value and of its tags in the shared store.
    fn names(&self, key: &CacheKey) -> Vec<String> {
        std::iter::once(self.cache.l2_name(key)).chain(key.tags().iter().map(l2_tag_name)).collect()
    }

    fn remove(&self, store: &Arc<dyn CacheStore>, names: Vec<String>) {
        if !names.is_empty() {
            let store = Arc::clone(store);
            self.cache.tasks().spawn(async move { store.remove(names).await });
        }
    }

    fn record_lookups(&self, operation: VendorOperation, hits: u64, misses: u64) {
        let source = self.cache.source();
        for (outcome, number) in [("hit", hits), ("miss", misses)] {
            let labels = [
                ("source", source.to_string()),
                ("operation", operation.name().to_owned()),
                ("level", "l2".to_owned()),
                ("outcome", outcome.to_owned()),
            ];
            counter!("ticketgraph_cache_lookups_total", &labels).increment(number);
        }
        record(source.as_str(), operation.name(), |stats| stats.l2_hits += hits);
    }

    fn count_discarded(&self, error: DecodeError) {
        let (source, reason): (_, &'static str) = (self.cache.source().to_string(), error.into());
        counter!("ticketgraph_cache_discarded_total", "source" => source, "reason" => reason).increment(1);
    }
}

impl CatalogLayer for L2Cache {
    fn source(&self) -> &SourceId {
        self.cache.source()
    }

    async fn fetch<Q: CatalogQuery>(&self, query: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Value> {
        // Read before any call: a value invalidated from now on must not be inserted.
        let epoch = self.cache.tags().epoch();
        let source = self.cache.source();
        let pending = |item| PendingLookup { key: query.cache_key(source, &item), item, tag_versions: None };
        let mut pending: Vec<_> = items.into_iter().map(pending).collect();
        let mut results = self.lookup(&query, &mut pending, epoch).await;
        if pending.is_empty() {
            return results;
        }
        let missing: Vec<Q::Item> = pending.iter().map(|lookup| lookup.item.clone()).collect();
        let mut fetched = query.fetch_from(&*self.inner, missing).await;
        for PendingLookup { item, key, tag_versions } in pending {
            let Some(result) = fetched.remove(&Q::key(&item)) else { continue };
            match &result {
                Ok(value) => self.insert(key, tag_versions, value, epoch),
                Err(error) if error.kind == ErrorKind::NotFound => {
                    self.cache.insert_not_found(key, error.clone(), epoch);
                }
                Err(_) => {}
            }
            results.insert(Q::key(&item), result);
        }
        results
    }
}

fn text(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok()
}
