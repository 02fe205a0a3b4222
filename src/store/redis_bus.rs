//! The bus of changes of orders over Redis: a watcher at one replica hears what another one wrote.
//!
//! A hint, never the truth: whatever Redis loses is in the feed of the ledger. So each break in listening is told to the
//! watchers as missed, and they read the feed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use jiff::Timestamp;
use redis::aio::PubSub;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::time::{interval, sleep, timeout};
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::sync::CancellationToken;

use crate::domain::OrderKey;
use crate::orders::bus::Listening;
use crate::orders::ledger::Change;
use crate::orders::{ChangeBus, Heard, OrderStatus};
use crate::store::redis::Redis;

/// Where replicas tell each other which orders changed.
const CHANNEL: &str = "ticketgraph:orders";
/// How long to wait before listening is tried again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));
/// How often a listener makes sure that it could still hear something.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How many changes a watcher may be late before it misses some.
const BACKLOG: usize = 1024;

/// A bus that all replicas share.
pub struct RedisBus {
    redis: Arc<Redis>,
    /// Tells our own changes, which are heard at once, from those of others.
    who: u64,
    here: broadcast::Sender<Heard>,
}

/// A change as replicas tell it. Names, so that replicas of two versions understand each other.
#[derive(Serialize, Deserialize)]
struct Told {
    from: u64,
    cursor: u64,
    at: Timestamp,
    order: uuid::Uuid,
    version: u64,
    status: String,
    reseller: Option<String>,
}

impl Told {
    fn of(from: u64, change: &Change) -> Self {
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

    /// `None` where another version has a status that this one does not know.
    fn change(self) -> Option<Change> {
        Some(Change {
            cursor: self.cursor,
            at: self.at,
            order: OrderKey(self.order),
            version: self.version,
            status: OrderStatus::parse(&self.status)?,
            reseller: self.reseller,
        })
    }
}

impl RedisBus {
    /// A bus over this Redis. It hears other replicas once [`listen`](Self::listen) runs.
    pub fn new(redis: Arc<Redis>) -> Arc<Self> {
        Arc::new(Self { redis, who: fastrand::u64(..), here: broadcast::Sender::new(BACKLOG) })
    }

    /// Hears the other replicas until it is told to stop. After each time that it could not, watchers read the feed.
    pub async fn listen(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = PAUSES.0;
        loop {
            if let Some(listener) = self.subscribed().await {
                pause = PAUSES.0;
                self.tell_here(Heard::Missed);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.hear_until_torn(listener) => {}
                }
            }
            // While nothing can be heard, the feed is read at this pace instead.
            self.tell_here(Heard::Missed);
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => pause = (pause * 2).min(PAUSES.1),
            }
        }
    }

    async fn subscribed(&self) -> Option<PubSub> {
        let mut listener = self.redis.listener().await?;
        timeout(HEARTBEAT, listener.subscribe(CHANNEL)).await.ok()?.ok()?;
        Some(listener)
    }

    async fn hear_until_torn(&self, listener: PubSub) {
        let (mut sink, mut messages) = listener.split();
        let mut heartbeat = interval(HEARTBEAT);
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return };
                    match serde_json::from_slice::<Told>(message.get_payload_bytes()) {
                        Ok(told) if told.from == self.who => {}
                        // What cannot be read is in the feed.
                        told => self.tell_here(told.ok().and_then(Told::change).map_or(Heard::Missed, Heard::Changed)),
                    }
                }
                _ = heartbeat.tick() => {
                    if !matches!(timeout(HEARTBEAT, sink.ping::<redis::Value>()).await, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }

    fn tell_here(&self, heard: Heard) {
        // Nobody listening is fine.
        let _ = self.here.send(heard);
    }
}

#[async_trait]
impl ChangeBus for RedisBus {
    async fn publish(&self, change: &Change) {
        self.tell_here(Heard::Changed(change.clone()));
        let Ok(told) = serde_json::to_vec(&Told::of(self.who, change)) else { return };
        let sent = self
            .redis
            .ask(|mut link| async move { redis::cmd("PUBLISH").arg(CHANNEL).arg(told).exec_async(&mut link).await });
        if sent.await.is_none() {
            metrics::counter!("ticketgraph_order_changes_untold_total").increment(1);
        }
    }

    fn subscribe(&self) -> Listening {
        Box::pin(BroadcastStream::new(self.here.subscribe()).map(|item| item.unwrap_or(Heard::Missed)))
    }
}
