//! The order change bus over Redis, which notifies subscribers on one replica of changes made by another one.
//!
//! Messages are only hints: the change feed of the order store is authoritative. After every interruption of the
//! subscription, subscribers are notified that messages may be missing, and they read the feed.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::sync::CancellationToken;

use crate::connection::Redis;
use crate::subscriber::{self, Subscriber};
use domain::OrderKey;
use orders::bus::ChangeEventStream;
use orders::change_feed::OrderChange;
use orders::{ChangeBus, ChangeEvent, OrderStatus};

/// Redis channel for order changes.
const CHANNEL: &str = "ticketgraph:orders";
/// Number of changes buffered per subscriber before it misses some.
const CHANNEL_CAPACITY: usize = 1024;

/// A change bus that all replicas share.
pub struct RedisChangeBus {
    redis: Arc<Redis>,
    /// Distinguishes this replica's own messages, which are delivered locally, from those of other replicas.
    replica_id: u64,
    local: broadcast::Sender<ChangeEvent>,
}

/// Message for one change. Statuses are encoded by name, so that replicas of different versions understand each other.
#[derive(Serialize, Deserialize)]
struct ChangeMessage {
    from: u64,
    cursor: u64,
    at: Timestamp,
    order: uuid::Uuid,
    version: u64,
    status: String,
    reseller: Option<String>,
}

impl ChangeMessage {
    fn new(from: u64, change: &OrderChange) -> Self {
        Self {
            from,
            cursor: change.cursor,
            at: change.at,
            order: change.order.0,
            version: change.version,
            status: change.status.name().to_owned(),
            reseller: change.reseller.clone(),
        }
    }

    /// Returns `None` if the status is unknown because another version sent it.
    fn into_change(self) -> Option<OrderChange> {
        Some(OrderChange {
            cursor: self.cursor,
            at: self.at,
            order: OrderKey(self.order),
            version: self.version,
            status: OrderStatus::parse(&self.status)?,
            reseller: self.reseller,
        })
    }
}

impl RedisChangeBus {
    /// Creates a bus over this Redis. It receives messages of other replicas while [`run_subscriber`](Self::run_subscriber) runs.
    pub fn new(redis: Arc<Redis>) -> Arc<Self> {
        Arc::new(Self { redis, replica_id: fastrand::u64(..), local: broadcast::Sender::new(CHANNEL_CAPACITY) })
    }

    /// Receives messages of the other replicas until `stop` is canceled. After each interruption, subscribers read the feed.
    pub async fn run_subscriber(self: Arc<Self>, stop: CancellationToken) {
        subscriber::run_subscriber(&self.redis, CHANNEL, &*self, stop).await;
    }

    fn publish_locally(&self, event: ChangeEvent) {
        // There may be no subscribers.
        let _ = self.local.send(event);
    }
}

#[async_trait]
impl Subscriber for RedisChangeBus {
    fn on_subscribed(&self) {
        self.publish_locally(ChangeEvent::Lagged);
    }

    fn on_message(&self, message: &[u8]) {
        match serde_json::from_slice::<ChangeMessage>(message) {
            Ok(message) if message.from == self.replica_id => {}
            // A change whose message cannot be parsed is still in the feed.
            message => self.publish_locally(
                message.ok().and_then(ChangeMessage::into_change).map_or(ChangeEvent::Lagged, ChangeEvent::Changed),
            ),
        }
    }

    /// While disconnected, subscribers read the feed at every reconnection attempt.
    fn on_disconnect(&self) {
        self.publish_locally(ChangeEvent::Lagged);
    }

    async fn on_heartbeat(&self) {}
}

#[async_trait]
impl ChangeBus for RedisChangeBus {
    async fn publish(&self, change: &OrderChange) {
        self.publish_locally(ChangeEvent::Changed(change.clone()));
        let Ok(message) = serde_json::to_vec(&ChangeMessage::new(self.replica_id, change)) else { return };
        let published = self.redis.run(|mut connection| async move {
            redis::cmd("PUBLISH").arg(CHANNEL).arg(message).exec_async(&mut connection).await
        });
        if published.await.is_none() {
            metrics::counter!("ticketgraph_order_changes_unpublished_total").increment(1);
        }
    }

    fn subscribe(&self) -> ChangeEventStream {
        Box::pin(BroadcastStream::new(self.local.subscribe()).map(|item| item.unwrap_or(ChangeEvent::Lagged)))
    }
}
