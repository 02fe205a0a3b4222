//! What replicas share through Redis, out of the configuration: memory, news, quotas.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::start::StartError;
use crate::config;
use crate::domain::Budget;
use crate::layers::{BudgetPolicy, Cache, CacheStore};
use crate::server::health::Dependency;
use crate::store::{Redis, RedisBudget, RedisCache};
use crate::vendors::Finding;

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

    /// Redis as `/health/ready` names it.
    pub fn dependency(&self) -> Arc<dyn Dependency> {
        Arc::new(Companion(Arc::clone(&self.redis)))
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
