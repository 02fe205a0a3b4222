//! The bus of changes: who watches an order hears of every write to it.

use std::pin::Pin;

use async_trait::async_trait;
use futures_util::{Stream, StreamExt};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::ledger::Change;

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// An order changed.
    Changed(Change),
    /// Some changes were not heard: the feed has them.
    Missed,
}

/// What a listener hears, in order.
pub type Listening = Pin<Box<dyn Stream<Item = Heard> + Send>>;

/// Tells changes of orders to whoever listens, here or in every replica. A hint: what it loses is in the feed.
#[async_trait]
pub trait ChangeBus: Send + Sync {
    /// Tells a change that is in the ledger already. Never fails: a bus that is down is heard of in its own metrics.
    async fn publish(&self, change: &Change);

    /// Listens from now on.
    fn subscribe(&self) -> Listening;
}

/// The bus of one process.
pub struct LocalBus(broadcast::Sender<Change>);

impl LocalBus {
    /// A bus on which a listener may be `backlog` changes late before it misses some.
    pub fn new(backlog: usize) -> Self {
        Self(broadcast::Sender::new(backlog.max(1)))
    }
}

impl Default for LocalBus {
    fn default() -> Self {
        Self::new(1024)
    }
}

#[async_trait]
impl ChangeBus for LocalBus {
    async fn publish(&self, change: &Change) {
        // Nobody listening is fine.
        let _ = self.0.send(change.clone());
    }

    fn subscribe(&self) -> Listening {
        let heard = BroadcastStream::new(self.0.subscribe()).map(|item| match item {
            Ok(change) => Heard::Changed(change),
            Err(BroadcastStreamRecvError::Lagged(_)) => Heard::Missed,
        });
        Box::pin(heard)
    }
}
