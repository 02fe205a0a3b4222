//! The layers together: the stack around a fake catalog, with a paused clock.

mod batching;
mod caching;
mod replicas;
mod single_flight;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Availability, Catalog, Event, EventKey, Observed, Performance, PerformanceKey, Source, SourceId, VendorError,
};
use parking_lot::Mutex;
use testkit::{
    FakeCatalog, FakeOrdering, GeneratedRecords, TokioClock, UnlimitedRateLimiter, default_section, fake_source,
    performance,
};
use tokio_util::task::TaskTracker;

use crate::{CachePolicy, CacheStore, CatalogCache, HealthTracker, ResiliencePolicy, StackParts, stack};

pub(crate) fn source_id() -> SourceId {
    SourceId::new("opera")
}

/// The resilience settings of the default configuration.
pub(crate) fn default_resilience() -> ResiliencePolicy {
    default_section("resilience")
}

/// A catalog that serves records for every key, with ten vacancies.
pub(crate) fn fake_catalog(clock: &Arc<TokioClock>) -> Arc<FakeCatalog> {
    FakeCatalog::new(source_id(), clock.clone(), GeneratedRecords::new(clock.clone(), 10))
}

/// One replica: a source with all its layers.
struct Replica {
    source: Source,
    uncached_catalog: Arc<dyn Catalog>,
    cache: Arc<CatalogCache>,
    tasks: TaskTracker,
}

/// Parts of a replica.
struct ReplicaBuilder {
    vendor: Arc<FakeCatalog>,
    ordering: Option<FakeOrdering>,
    store: Option<Arc<dyn CacheStore>>,
    cache_policy: CachePolicy,
    max_bytes: u64,
    clock: Arc<TokioClock>,
}

impl ReplicaBuilder {
    /// A replica with the default settings, except that values expire without jitter.
    fn new(vendor: &Arc<FakeCatalog>, clock: &Arc<TokioClock>) -> Self {
        let cache_policy = CachePolicy { jitter_percent: 0, ..default_section("cache.lifetimes") };
        let (vendor, clock) = (Arc::clone(vendor), Arc::clone(clock));
        Self { vendor, ordering: None, store: None, cache_policy, max_bytes: 1 << 20, clock }
    }

    fn build(self) -> Replica {
        let health = Arc::new(HealthTracker::new(source_id(), self.clock.clone(), Arc::new(UnlimitedRateLimiter)));
        let tasks = TaskTracker::new();
        let cache = CatalogCache::new(self.max_bytes, self.store, self.clock.clone(), tasks.clone());
        let mut source = fake_source(source_id(), self.vendor);
        source.ordering = self.ordering.map(|ordering| Arc::new(ordering) as _);
        let parts = StackParts {
            capacity: None,
            resilience: default_resilience(),
            cache_policy: self.cache_policy,
            health,
            cache: Arc::clone(&cache),
            realm: "r1".to_owned(),
            observer: None,
        };
        let layered = stack(source, parts);
        Replica { source: layered.source, uncached_catalog: layered.uncached_catalog, cache, tasks }
    }
}

/// A vendor and one replica in front of it.
fn single_replica() -> (Arc<FakeCatalog>, Replica) {
    let clock = TokioClock::new();
    let vendor = fake_catalog(&clock);
    let replica = ReplicaBuilder::new(&vendor, &clock).build();
    (vendor, replica)
}

impl Replica {
    fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.source.catalog
    }

    async fn event(&self, key: &str) -> Result<Observed<Arc<Event>>, VendorError> {
        self.catalog().load_events(&[EventKey::new(key)]).await.remove(&EventKey::new(key)).expect("a result")
    }

    async fn availability(&self, key: &str, max_age: u64) -> Result<Observed<Arc<Availability>>, VendorError> {
        let observed = Observed::live(Arc::new(performance(key, None)), TokioClock::start());
        self.availability_of(observed, max_age).await
    }

    async fn availability_of(
        &self,
        performance: Observed<Arc<Performance>>,
        max_age: u64,
    ) -> Result<Observed<Arc<Availability>>, VendorError> {
        let key = performance.value.key.clone();
        let max_age = Duration::from_secs(max_age);
        self.catalog().load_availability(&[performance], max_age).await.remove(&key).expect("a result")
    }

    /// Waits for all background tasks.
    async fn settle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

fn keys(names: &[&str]) -> Vec<EventKey> {
    names.iter().map(|name| EventKey::new(*name)).collect()
}

fn performances(names: &[&str]) -> Vec<PerformanceKey> {
    names.iter().map(|name| PerformanceKey::new(*name)).collect()
}

/// A store in memory that replicas share, with a bus between its subscribers.
#[derive(Default)]
struct InMemoryCacheStore {
    values: Mutex<BTreeMap<String, Vec<u8>>>,
    is_down: Mutex<bool>,
    subscribers: Mutex<Vec<Arc<CatalogCache>>>,
}

impl InMemoryCacheStore {
    fn subscribe(&self, cache: &Arc<CatalogCache>) {
        self.subscribers.lock().push(Arc::clone(cache));
    }

    /// Changes every stored catalog value. Returns how many there are.
    fn change_values(&self, change: impl Fn(&mut Vec<u8>)) -> usize {
        let mut values = self.values.lock();
        values.iter_mut().filter(|(name, _)| name.starts_with('v')).map(|(_, value)| change(value)).count()
    }
}

#[async_trait]
impl CacheStore for InMemoryCacheStore {
    async fn load(&self, names: &[String]) -> Option<Vec<Option<Vec<u8>>>> {
        tokio::task::yield_now().await;
        let values = self.values.lock();
        (!*self.is_down.lock()).then(|| names.iter().map(|name| values.get(name).cloned()).collect())
    }

    async fn insert(&self, name: String, value: Vec<u8>, _ttl: Duration) {
        if !*self.is_down.lock() {
            self.values.lock().insert(name, value);
        }
    }

    async fn remove(&self, names: Vec<String>) {
        self.values.lock().retain(|name, _| !names.contains(name));
    }

    async fn publish_invalidation(&self, tags: Vec<String>, _ttl: Duration, invalidation: &crate::Invalidation) {
        for name in tags {
            let version = fastrand::u64(..).to_string();
            self.values.lock().insert(name, version.into_bytes());
        }
        for subscriber in self.subscribers.lock().iter() {
            subscriber.apply(crate::InvalidationEvent::Invalidated(invalidation.clone()));
        }
    }
}

/// A failed write that may have been applied.
pub(crate) fn outcome_unknown(operation: domain::VendorOperation) -> VendorError {
    VendorError::new(&source_id(), operation, domain::ErrorKind::Unavailable).with_effect(domain::Effect::Unknown)
}
