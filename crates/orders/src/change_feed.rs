//! Change feed: every write of an order as an entry, and subscriptions that combine live changes from the bus with the
//! stored entries that the bus lost.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::change_feed::{FeedError, FeedPage, FeedSlice};
use futures_util::{Stream, StreamExt, stream};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::bus::{ChangeEvent, ChangeEventStream};
use crate::context::OrdersContext;
use crate::request::Actor;
use crate::status::OrderStatus;
use crate::store::OrderStore;
use domain::OrderKey;
use domain::StoreError;

/// Entry of the change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// Position in the feed: ascending, with no gap that fills later. On the bus, the last position of the feed that the
    /// publisher knew: that of the change, or one before it.
    pub cursor: u64,
    /// Time of the change.
    pub at: Timestamp,
    /// The changed order.
    pub order: OrderKey,
    /// Version of the order after the change.
    pub version: u64,
    /// Status of the order after the change.
    pub status: OrderStatus,
    /// Reseller of the order.
    pub reseller: Option<String>,
}

/// Feed whose rows have cursors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feed {
    /// Changes of all orders, at positions that are counted over all resellers.
    Changes,
    /// Transitions of one order.
    Transitions,
}

/// Returns the position of a cursor; without a cursor, that before the first entry.
pub(crate) fn decode_cursor(store: &dyn OrderStore, feed: Feed, cursor: Option<&str>) -> Result<u64, FeedError> {
    cursor.map_or(Ok(0), |cursor| store.decode_cursor(feed, cursor).ok_or(FeedError::InvalidCursor))
}

/// Converts a slice after a position to a page with encrypted cursors.
pub(crate) fn encode_page<T>(
    store: &dyn OrderStore,
    feed: Feed,
    after: u64,
    slice: FeedSlice<T>,
) -> Result<FeedPage<T>, FeedError> {
    let encode = |(position, line)| Ok((store.encode_cursor(feed, position)?, line));
    let lines: Result<_, StoreError> = slice.lines.into_iter().map(encode).collect();
    Ok(FeedPage { lines: lines?, has_more: slice.has_more, has_previous: after > 0 })
}

/// Changes of orders, at least once each. Subscribers read the current order for every change.
pub type OrderChangeStream = Pin<Box<dyn Stream<Item = OrderChange> + Send>>;

/// Distance by which the feed is re-read before the last received change, because replicas publish slightly out of
/// order.
const OVERLAP: u64 = 1_000;
const BATCH_SIZE: usize = 1_000;
/// Delay before the feed is read again, after the store failed or had changes without a position.
const RETRY_DELAY: Duration = Duration::from_secs(1);

struct ChangeWatcher {
    events: ChangeEventStream,
    store: Arc<dyn OrderStore>,
    actor: Actor,
    order: Option<OrderKey>,
    last: u64,
    pending: VecDeque<OrderChange>,
    /// Time of the next attempt to read the changes that the bus lost, while that has not succeeded.
    retry_at: Option<Instant>,
}

/// Subscribes to the changes of one order, or of all orders that the actor may see.
pub(crate) async fn watch(
    context: &OrdersContext,
    actor: Actor,
    order: Option<OrderKey>,
) -> Result<OrderChangeStream, StoreError> {
    let events = context.bus.subscribe();
    let last = context.store.feed_end().await?;
    let store = Arc::clone(&context.store);
    let watcher = ChangeWatcher { events, store, actor, order, last, pending: VecDeque::new(), retry_at: None };
    Ok(Box::pin(stream::unfold(watcher, |mut watcher| async move {
        let change = watcher.next().await?;
        Some((change, watcher))
    })))
}

impl ChangeWatcher {
    async fn next(&mut self) -> Option<OrderChange> {
        loop {
            if let Some(change) = self.pending.pop_front() {
                return Some(change);
            }
            let event = match self.retry_at {
                Some(at) => timeout_at(at, self.events.next()).await.unwrap_or(Some(ChangeEvent::Lagged))?,
                None => self.events.next().await?,
            };
            match event {
                ChangeEvent::Changed(change) => {
                    // What was lost is read from the last position before it.
                    if self.retry_at.is_none() {
                        self.last = self.last.max(change.cursor);
                    }
                    if self.matches(&change) {
                        return Some(change);
                    }
                }
                ChangeEvent::Lagged => self.catch_up().await,
            }
        }
    }

    fn matches(&self, change: &OrderChange) -> bool {
        self.order.is_none_or(|order| order == change.order) && self.actor.can_see(change.reseller.as_deref())
    }

    /// Reads the changes that the bus lost.
    async fn catch_up(&mut self) {
        self.retry_at = Some(Instant::now() + RETRY_DELAY);
        let mut after = self.last.saturating_sub(OVERLAP);
        loop {
            let slice = match self.store.list_changes(after, BATCH_SIZE, self.actor.reseller.as_deref()).await {
                Ok(slice) => slice,
                Err(error) => return tracing::error!(%error, "subscription could not catch up with the change feed"),
            };
            let is_current = slice.is_current;
            let Some((end, _)) = slice.lines.last() else {
                self.retry_at = self.retry_at.filter(|_| !is_current);
                return;
            };
            after = *end;
            self.last = self.last.max(after);
            let wanted: Vec<OrderChange> =
                slice.lines.into_iter().map(|(_, change)| change).filter(|change| self.matches(change)).collect();
            self.pending.extend(wanted);
            if !slice.has_more {
                self.retry_at = self.retry_at.filter(|_| !is_current);
                return;
            }
        }
    }
}
