//! What replicas share through Redis, out of the configuration: memory, news, quotas.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::start::StartError;
use crate::config;
use crate::gateway::health::Dependency;
use crate::gateway::pace::{Count, SharedCounts};
use crate::gateway::persisted::SharedOperations;
use domain::Budget;
use orders::ChangeBus;
use source_stack::{BudgetPolicy, Cache, CacheStore};
use store_redis::{Redis, RedisBudget, RedisBus, RedisCache, RedisCounts};
use vendor_api::Finding;

/// One Redis, and what is kept in it.
pub struct Shared {
    redis: Arc<Redis>,
    facts: Arc<RedisCache>,
    tracker: TaskTracker,
}

impl Shared {
    /// What is configured, if it is; connects to nothing yet.
    pub fn of(config: &config::Cache, tracker: &TaskTracker) -> Result<Option<Self>, StartError> {
        let Some(address) = &config.redis_url else { return Ok(None) };
        let redis = Redis::new(address, config.redis_timeout)
            .map_err(|fault| StartError::Settings(vec![Finding::new("cache.redis_url", fault.to_string())]))?;
        let redis = Arc::new(redis);
        let facts = RedisCache::new(Arc::clone(&redis));
        Ok(Some(Self { redis, facts, tracker: tracker.clone() }))
    }

    /// Where facts are shared.
    pub fn store(&self) -> Arc<dyn CacheStore> {
        Arc::clone(&self.facts) as _
    }

    /// Begins to hear what the other replicas made untrue.
    pub fn listen(&self, cache: &Arc<Cache>, stop: &CancellationToken) {
        let cache = Arc::clone(cache);
        self.tracker.spawn(Arc::clone(&self.facts).listen(stop.clone(), move |heard| cache.hear(heard)));
    }

    /// A quota that replicas share under a name; each keeps to its own share of it while Redis is away.
    pub fn budget(&self, name: &str, policy: &BudgetPolicy) -> Arc<dyn Budget> {
        Arc::new(RedisBudget::new(Arc::clone(&self.redis), name, policy, self.tracker.clone()))
    }

    /// Where changes of orders are told to all replicas; begins to hear theirs.
    pub fn bus(&self, stop: &CancellationToken) -> Arc<dyn ChangeBus> {
        let bus = RedisBus::new(Arc::clone(&self.redis));
        self.tracker.spawn(Arc::clone(&bus).listen(stop.clone()));
        bus
    }

    /// Operations that clients registered at any replica.
    pub fn operations(&self) -> Arc<dyn SharedOperations> {
        Arc::new(Registered(Arc::clone(&self.facts)))
    }

    /// What callers asked of all replicas.
    pub fn counts(&self) -> Arc<dyn SharedCounts> {
        Arc::new(Counts(RedisCounts::new(Arc::clone(&self.redis))))
    }

    /// Redis as `/health/ready` names it.
    pub fn dependency(&self) -> Arc<dyn Dependency> {
        Arc::new(Companion(Arc::clone(&self.redis)))
    }
}

/// How long an operation is known that nobody registers anew.
const KNOWN: Duration = Duration::from_secs(7 * 24 * 3600);

struct Registered(Arc<RedisCache>);

#[async_trait]
impl SharedOperations for Registered {
    async fn find(&self, hash: &str) -> Option<String> {
        let found = self.0.load(&[format!("operation:{hash}")]).await?.into_iter().next()??;
        String::from_utf8(found).ok()
    }

    async fn keep(&self, hash: &str, text: &str) {
        self.0.keep(format!("operation:{hash}"), text.as_bytes().to_vec(), KNOWN).await;
    }
}

struct Counts(RedisCounts);

#[async_trait]
impl SharedCounts for Counts {
    async fn add(&self, name: &str, amount: u32) -> Option<Count> {
        self.0.add(name, amount).await.map(|(used, resets_in)| Count { used, resets_in })
    }
}

/// Redis makes the service better; nothing needs it.
struct Companion(Arc<Redis>);

#[async_trait]
impl Dependency for Companion {
    fn name(&self) -> String {
        "redis".to_owned()
    }

    fn is_required(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<(), String> {
        if self.0.answers().await { Ok(()) } else { Err("does not answer: this process goes on alone".to_owned()) }
    }
}
