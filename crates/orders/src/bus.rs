//! Change bus: publishes every write of an order to subscribers.

use std::pin::Pin;

use async_trait::async_trait;
use futures_util::{Stream, StreamExt};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::change_feed::OrderChange;

/// Item of a change subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeEvent {
    /// An order changed.
    Changed(OrderChange),
    /// The subscriber fell behind and lost changes; they remain in the change feed.
    Lagged,
}

/// Change events in the order of publication.
pub type ChangeEventStream = Pin<Box<dyn Stream<Item = ChangeEvent> + Send>>;

/// Publishes order changes to subscribers in this process or in all replicas. Delivery is best effort: lost changes
/// remain in the feed.
#[async_trait]
pub trait ChangeBus: Send + Sync {
    /// Publishes a change that is already stored. Never fails; an unavailable bus reports through its own metrics.
    async fn publish(&self, change: &OrderChange);

    /// Subscribes to all changes from now on.
    fn subscribe(&self) -> ChangeEventStream;
}

/// Change bus of a single process.
pub struct LocalChangeBus(broadcast::Sender<OrderChange>);

impl LocalChangeBus {
    /// Creates a bus whose subscribers may lag `backlog` changes behind before they lose some.
    pub fn new(backlog: usize) -> Self {
        Self(broadcast::Sender::new(backlog.max(1)))
    }
}

impl Default for LocalChangeBus {
    fn default() -> Self {
        Self::new(1024)
    }
}

#[async_trait]
impl ChangeBus for LocalChangeBus {
    async fn publish(&self, change: &OrderChange) {
        // An error only means that there is no subscriber.
        let _ = self.0.send(change.clone());
    }

    fn subscribe(&self) -> ChangeEventStream {
        let events = BroadcastStream::new(self.0.subscribe()).map(|item| match item {
            Ok(change) => ChangeEvent::Changed(change),
            Err(BroadcastStreamRecvError::Lagged(_)) => ChangeEvent::Lagged,
        });
        Box::pin(events)
    }
}
