//! Replicas with a fake catalog, all layers, and a real Redis.

use std::sync::Arc;
use std::time::Duration;

use domain::{Catalog, FreshnessMode, Observed, PerformanceKey, SourceId, SystemClock, VendorError};
use parking_lot::Mutex;
use source_stack::{CacheStore, CatalogCache, HealthTracker, StackParts, stack};
use store_redis::{Redis, RedisCache};
use testkit::{FakeCatalog, GeneratedRecords, UnlimitedRateLimiter, default_section, fake_source, performance};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::redis_server::RedisServer;

/// Timeout of Redis calls in these tests. Longer than in production, since the machine may be busy.
pub(crate) const REDIS_TIMEOUT: Duration = Duration::from_millis(200);

/// Polls until a condition is met. The test fails if that takes too long.
pub(crate) async fn until(description: &str, mut is_met: impl AsyncFnMut() -> bool) {
    let polling = async {
        let mut interval = tokio::time::interval(Duration::from_millis(5));
        while !is_met().await {
            interval.tick().await;
        }
    };
    let is_in_time = tokio::time::timeout(Duration::from_secs(20), polling).await.is_ok();
    assert!(is_in_time, "timed out waiting until {description}");
}

/// A catalog with 100 vacancies in every performance.
pub(crate) fn venue() -> Arc<FakeCatalog> {
    let clock = Arc::new(SystemClock);
    FakeCatalog::new(SourceId::new("opera"), clock.clone(), GeneratedRecords::new(clock, 100))
}

/// One replica, with its own connection to Redis.
pub(crate) struct Replica {
    pub redis: Arc<Redis>,
    pub cache: Arc<CatalogCache>,
    events: Arc<Mutex<Vec<String>>>,
    catalog: Arc<dyn Catalog>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Replica {
    pub(crate) fn new(venue: &Arc<FakeCatalog>, address: &secrecy::SecretString) -> Self {
        let tasks = TaskTracker::new();
        let (stop, clock) = (CancellationToken::new(), Arc::new(SystemClock));
        let redis = Arc::new(Redis::new(address, REDIS_TIMEOUT).expect("an address"));
        let store = RedisCache::new(Arc::clone(&redis));
        let shared = Some(Arc::clone(&store) as Arc<dyn CacheStore>);
        let cache = CatalogCache::new(1 << 20, shared, clock.clone(), tasks.clone());
        let events = Arc::new(Mutex::new(Vec::new()));
        let on_event = {
            let (cache, events) = (Arc::clone(&cache), Arc::clone(&events));
            move |event| {
                events.lock().push(format!("{event:?}"));
                cache.apply(event);
            }
        };
        tasks.spawn(store.run_subscriber(stop.clone(), on_event));
        let id = SourceId::new("opera");
        let health = Arc::new(HealthTracker::new(id.clone(), clock, Arc::new(UnlimitedRateLimiter)));
        let source = fake_source(id, Arc::clone(venue) as Arc<dyn Catalog>);
        let parts = StackParts {
            capacity: None,
            resilience: default_section("resilience"),
            cache_policy: default_section("cache.lifetimes"),
            health,
            cache: Arc::clone(&cache),
            realm: "r1".to_owned(),
            observer: None,
        };
        let catalog = stack(source, parts).source.catalog;
        Self { redis, cache, events, catalog, tasks, stop }
    }

    /// Starts a replica and waits until it receives messages of the others.
    pub(crate) async fn subscribed(venue: &Arc<FakeCatalog>, server: &RedisServer) -> Self {
        let replica = Self::new(venue, &server.address());
        until("the replica is subscribed", async || !replica.events().is_empty()).await;
        replica
    }

    /// Events received from the other replicas.
    pub(crate) fn events(&self) -> Vec<String> {
        self.events.lock().clone()
    }

    /// Returns the vacancies of a performance, and whether they were cached.
    pub(crate) async fn vacancies(&self, key: &str) -> Result<(u32, FreshnessMode), VendorError> {
        let performances = [Observed::live(Arc::new(performance(key, None)), domain::Clock::now(&SystemClock))];
        let mut results = self.catalog.load_availability(&performances, Duration::from_secs(60)).await;
        let availability = results.remove(&PerformanceKey::new(key)).expect("a result")?;
        Ok((availability.value.vacancies.expect("a number"), availability.freshness.mode))
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
        self.tasks.close();
    }
}
