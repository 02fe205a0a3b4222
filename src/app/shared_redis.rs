//! Builds everything that replicas share through Redis: cache, invalidations, order changes and rate limits.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::error::StartError;
use crate::config;
use crate::gateway::health::Dependency;
use crate::gateway::persisted::SharedOperationStore;
use crate::gateway::rate_limiter::{SharedCounters, WindowCount};
use orders::ChangeBus;
use resilience::RateLimitPolicy;
use source_stack::{CacheStore, CatalogCache};
use store_redis::{Redis, RedisCache, RedisChangeBus, RedisCounters, RedisFault, RedisRateLimiter, Sentinels};
use vendor_api::InvalidSetting;

/// Time in which a connection is established at the start.
const CONNECT_TIME: Duration = Duration::from_secs(2);

async fn fault_after_connecting(redis: &Redis) -> Option<RedisFault> {
    let end = Instant::now() + CONNECT_TIME;
    loop {
        let fault = redis.check().await.err()?;
        if Instant::now() >= end {
            return Some(fault);
        }
        sleep(CONNECT_TIME / 20).await;
    }
}

/// The Redis connection and the shared cache.
pub(super) struct SharedRedis {
    redis: Arc<Redis>,
    cache_store: Arc<RedisCache>,
    tracker: TaskTracker,
}

impl SharedRedis {
    /// Creates it if it is configured; does not connect yet.
    pub(super) fn from_config(config: &config::CacheConfig, tracker: &TaskTracker) -> Result<Option<Self>, StartError> {
        let Some(address) = &config.redis_url else { return Ok(None) };
        let redis = match &config.redis_sentinel_master {
            None => Redis::new(address, config.redis_timeout),
            Some(master) => {
                let password = config.redis_sentinel_password.clone();
                let sentinels = Sentinels { master: master.clone(), password };
                Redis::with_sentinels(address, &sentinels, config.redis_timeout)
            }
        };
        let redis = redis
            .map_err(|error| StartError::Settings(vec![InvalidSetting::new("cache.redis_url", error.to_string())]))?;
        let redis = Arc::new(redis);
        let facts = RedisCache::new(Arc::clone(&redis));
        Ok(Some(Self { redis, cache_store: facts, tracker: tracker.clone() }))
    }

    /// Logs once why nothing is shared, if Redis is not available at the start.
    pub(super) fn log_fault(&self) {
        let redis = Arc::clone(&self.redis);
        self.tracker.spawn(async move {
            if let Some(fault) = fault_after_connecting(&redis).await {
                tracing::warn!("redis {fault}: caches and rate limits are local to this process until it is available");
            }
        });
    }

    /// Returns why Redis shares no state, although it had time to connect.
    pub(super) async fn find_fault(&self) -> Option<RedisFault> {
        fault_after_connecting(&self.redis).await
    }

    /// Returns the shared cache (L2).
    pub(super) fn store(&self) -> Arc<dyn CacheStore> {
        Arc::clone(&self.cache_store) as _
    }

    /// Subscribes to the invalidations of the other replicas.
    pub(super) fn subscribe_to_invalidations(&self, cache: &Arc<CatalogCache>, stop: &CancellationToken) {
        let cache = Arc::clone(cache);
        self.tracker.spawn(Arc::clone(&self.cache_store).run_subscriber(stop.clone(), move |event| cache.apply(event)));
    }

    /// Returns an outbound rate limit that replicas share under a name. While Redis is down, each replica uses its own
    /// part of it.
    pub(super) fn rate_limiter(
        &self,
        name: &str,
        policy: &RateLimitPolicy,
        order_places: usize,
    ) -> Arc<RedisRateLimiter> {
        Arc::new(RedisRateLimiter::new(Arc::clone(&self.redis), name, policy, order_places, self.tracker.clone()))
    }

    /// Returns the bus of order changes, and subscribes to the changes of other replicas.
    pub(super) fn change_bus(&self, stop: &CancellationToken) -> Arc<dyn ChangeBus> {
        let bus = RedisChangeBus::new(Arc::clone(&self.redis));
        self.tracker.spawn(Arc::clone(&bus).run_subscriber(stop.clone()));
        bus
    }

    /// Returns the store of operations that clients registered at any replica.
    pub(super) fn operation_store(&self) -> Arc<dyn SharedOperationStore> {
        Arc::new(RedisOperationStore(Arc::clone(&self.cache_store)))
    }

    /// Returns the request counters of all replicas.
    pub(super) fn request_counters(&self) -> Arc<dyn SharedCounters> {
        Arc::new(RedisRequestCounters(RedisCounters::new(Arc::clone(&self.redis))))
    }

    /// Returns Redis as a dependency for `/health/ready`.
    pub(super) fn dependency(&self) -> Arc<dyn Dependency> {
        Arc::new(RedisDependency(Arc::clone(&self.redis)))
    }
}

/// Time that an unused registered operation is stored.
const OPERATION_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

struct RedisOperationStore(Arc<RedisCache>);

#[async_trait]
impl SharedOperationStore for RedisOperationStore {
    async fn get(&self, hash: &str) -> Option<String> {
        let found = self.0.load(&[format!("operation:{hash}")]).await?.into_iter().next()??;
        String::from_utf8(found).ok()
    }

    async fn insert(&self, hash: &str, text: &str) {
        self.0.insert(format!("operation:{hash}"), text.as_bytes().to_vec(), OPERATION_TTL).await;
    }
}

struct RedisRequestCounters(RedisCounters);

#[async_trait]
impl SharedCounters for RedisRequestCounters {
    async fn add(&self, name: &str, amount: u32) -> Option<WindowCount> {
        self.0.increment(name, amount).await.map(|(used, resets_in)| WindowCount { used, resets_in })
    }
}

/// Redis is optional.
struct RedisDependency(Arc<Redis>);

#[async_trait]
impl Dependency for RedisDependency {
    fn name(&self) -> String {
        "redis".to_owned()
    }

    fn is_required(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<(), String> {
        self.0.check().await.map_err(|fault| format!("{fault}: this process continues without it"))
    }
}
