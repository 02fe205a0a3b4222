//! The shared cache (L2) in Redis, and the invalidation messages between replicas.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::connection::Redis;
use crate::subscriber::{self, Subscriber};
use source_stack::{CacheStore, Invalidation, InvalidationEvent};

/// Prefix of every key, so that other applications can use the same Redis.
const PREFIX: &str = "ticketgraph:";
/// Redis channel for invalidations.
const CHANNEL: &str = "ticketgraph:invalidations";
/// Maximum number of invalidations held until Redis is available again.
const MAX_PENDING: usize = 1000;

/// The shared cache (L2).
pub struct RedisCache {
    redis: Arc<Redis>,
    /// Distinguishes this replica's own messages from those of other replicas.
    replica_id: u64,
    pending: Mutex<VecDeque<PendingInvalidation>>,
}

/// An invalidation to store and publish.
#[derive(Clone)]
struct PendingInvalidation {
    tags: Vec<String>,
    ttl: Duration,
    invalidation: Invalidation,
}

/// Message for one invalidation.
#[derive(Serialize, Deserialize)]
struct InvalidationMessage {
    from: u64,
    #[serde(rename = "what")]
    invalidation: Invalidation,
}

/// Passes the invalidations of other replicas to a callback.
struct InvalidationSubscriber<'a, F> {
    cache: &'a RedisCache,
    on_event: F,
}

#[async_trait]
impl<F: Fn(InvalidationEvent) + Send + Sync> Subscriber for InvalidationSubscriber<'_, F> {
    fn on_subscribed(&self) {
        (self.on_event)(InvalidationEvent::Lagged);
    }

    fn on_message(&self, message: &[u8]) {
        match serde_json::from_slice::<InvalidationMessage>(message) {
            Ok(message) if message.from == self.cache.replica_id => {}
            Ok(message) => (self.on_event)(InvalidationEvent::Invalidated(message.invalidation)),
            // Sent by another version: something was invalidated, but it is unknown what.
            Err(_) => (self.on_event)(InvalidationEvent::Lagged),
        }
    }

    /// Missed messages are reported when the subscription is restored.
    fn on_disconnect(&self) {}

    async fn on_heartbeat(&self) {
        self.cache.publish_pending().await;
    }
}

impl RedisCache {
    /// Creates a shared cache in this Redis.
    pub fn new(redis: Arc<Redis>) -> Arc<Self> {
        Arc::new(Self { redis, replica_id: fastrand::u64(..), pending: Mutex::default() })
    }

    /// Receives invalidations of the other replicas until `stop` is canceled. After each interruption it reports that
    /// messages may be missing.
    pub async fn run_subscriber(
        self: Arc<Self>,
        stop: CancellationToken,
        on_event: impl Fn(InvalidationEvent) + Send + Sync,
    ) {
        let subscriber = InvalidationSubscriber { cache: &self, on_event };
        subscriber::run_subscriber(&self.redis, CHANNEL, &subscriber, stop).await;
    }

    /// Publishes the invalidations that are pending since Redis was unavailable, in their order.
    async fn publish_pending(&self) {
        loop {
            let Some(first) = self.pending.lock().pop_front() else { return };
            if !self.publish(&first).await {
                self.pending.lock().push_front(first);
                return;
            }
        }
    }

    async fn publish(&self, pending: &PendingInvalidation) -> bool {
        let message = InvalidationMessage { from: self.replica_id, invalidation: pending.invalidation.clone() };
        let Ok(message) = serde_json::to_vec(&message) else { return true };
        let ttl = millis(pending.ttl);
        let published = self.redis.run(|connection| async move {
            let writes = pending.tags.iter().map(|tag| {
                let mut connection = connection.clone();
                let token = format!("{:016x}", fastrand::u64(..));
                async move {
                    redis::cmd("SET").arg(prefixed(tag)).arg(token).arg("PX").arg(ttl).exec_async(&mut connection).await
                }
            });
            // All tags are written before the message is published, so that receivers read the new state.
            try_join_all(writes).await?;
            redis::cmd("PUBLISH").arg(CHANNEL).arg(message).exec_async(&mut connection.clone()).await
        });
        published.await.is_some()
    }
}

#[async_trait]
impl CacheStore for RedisCache {
    async fn load(&self, names: &[String]) -> Option<Vec<Option<Vec<u8>>>> {
        let names: Vec<String> = names.iter().map(|name| prefixed(name)).collect();
        let loaded: Vec<Option<Vec<u8>>> = self
            .redis
            .run(|mut connection| async move { redis::cmd("MGET").arg(&names).query_async(&mut connection).await })
            .await?;
        Some(loaded)
    }

    async fn insert(&self, name: String, value: Vec<u8>, ttl: Duration) {
        let stored = self.redis.run(|mut connection| async move {
            redis::cmd("SET")
                .arg(prefixed(&name))
                .arg(value)
                .arg("PX")
                .arg(millis(ttl))
                .exec_async(&mut connection)
                .await
        });
        // A value that cannot be stored is fetched again.
        stored.await;
    }

    async fn remove(&self, names: Vec<String>) {
        let names: Vec<String> = names.iter().map(|name| prefixed(name)).collect();
        self.redis
            .run(|mut connection| async move { redis::cmd("UNLINK").arg(&names).exec_async(&mut connection).await })
            .await;
    }

    async fn publish_invalidation(&self, tags: Vec<String>, ttl: Duration, invalidation: &Invalidation) {
        let unpublished = PendingInvalidation { tags, ttl, invalidation: invalidation.clone() };
        if self.publish(&unpublished).await {
            return;
        }
        let mut pending = self.pending.lock();
        if pending.len() == MAX_PENDING {
            pending.pop_front();
            tracing::error!(
                "too many invalidations while redis was unavailable: other replicas serve some stale values until they expire"
            );
        }
        pending.push_back(unpublished);
    }
}

fn prefixed(name: &str) -> String {
    format!("{PREFIX}{name}")
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}
