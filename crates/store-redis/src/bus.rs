//! The bus of changes of orders over Redis: a watcher at one replica hears what another one wrote.
//!
//! A hint, never the truth: whatever Redis loses is in the feed of the ledger. So each break in listening is told to the
//! watchers as missed, and they read the feed.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::sync::CancellationToken;

use crate::connection::Redis;
use crate::ear::{self, Ear};
use domain::OrderKey;
use orders::bus::Listening;
use orders::ledger::Change;
use orders::{ChangeBus, Heard, OrderStatus};

/// Where replicas tell each other which orders changed.
const CHANNEL: &str = "ticketgraph:orders";
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
        ear::listen(&self.redis, CHANNEL, &*self, stop).await;
    }

    fn tell_here(&self, heard: Heard) {
        // Nobody listening is fine.
        let _ = self.here.send(heard);
    }
}

#[async_trait]
impl Ear for RedisBus {
    fn begin(&self) {
        self.tell_here(Heard::Missed);
    }

    fn hear(&self, message: &[u8]) {
        match serde_json::from_slice::<Told>(message) {
            Ok(told) if told.from == self.who => {}
            // What cannot be read is in the feed.
            told => self.tell_here(told.ok().and_then(Told::change).map_or(Heard::Missed, Heard::Changed)),
        }
    }

    /// While nothing can be heard, the feed is read at the pace of the tries instead.
    fn lose(&self) {
        self.tell_here(Heard::Missed);
    }

    async fn beat(&self) {}
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
