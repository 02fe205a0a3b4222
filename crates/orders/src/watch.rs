//! Watching orders: what the bus tells, and from the feed what the bus lost.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};

use crate::bus::{Heard, Listening};
use crate::ledger::{Change, Ledger, LedgerError};
use crate::request::Asker;
use crate::shared::Shared;
use domain::OrderKey;

/// Changes of orders. One may come twice, never not at all: a watcher reads the order as it is now.
pub type Watching = Pin<Box<dyn Stream<Item = Change> + Send>>;

/// How far before the last change heard the feed is read again: replicas tell changes slightly out of order.
const OVERLAP: u64 = 1_000;
const BATCH: usize = 1_000;

struct Watcher {
    listening: Listening,
    ledger: Arc<dyn Ledger>,
    asker: Asker,
    order: Option<OrderKey>,
    last: u64,
    waiting: VecDeque<Change>,
}

/// Watches one order, or all that the asker sees.
pub(crate) async fn watch(shared: &Shared, asker: Asker, order: Option<OrderKey>) -> Result<Watching, LedgerError> {
    let listening = shared.bus.subscribe();
    let last = shared.ledger.feed_end().await?;
    let ledger = Arc::clone(&shared.ledger);
    let watcher = Watcher { listening, ledger, asker, order, last, waiting: VecDeque::new() };
    Ok(Box::pin(stream::unfold(watcher, |mut watcher| async move {
        let change = watcher.next().await?;
        Some((change, watcher))
    })))
}

impl Watcher {
    async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.waiting.pop_front() {
                return Some(change);
            }
            match self.listening.next().await? {
                Heard::Changed(change) => {
                    self.last = self.last.max(change.cursor);
                    if self.wants(&change) {
                        return Some(change);
                    }
                }
                Heard::Missed => self.catch_up().await,
            }
        }
    }

    fn wants(&self, change: &Change) -> bool {
        self.order.is_none_or(|order| order == change.order) && self.asker.sees(change.reseller.as_deref())
    }

    async fn catch_up(&mut self) {
        let mut after = self.last.saturating_sub(OVERLAP);
        loop {
            let slice = match self.ledger.changes(after, BATCH, self.asker.reseller.as_deref()).await {
                Ok(slice) => slice,
                Err(error) => return tracing::error!(%error, "a watcher could not catch up"),
            };
            let Some((end, _)) = slice.lines.last() else { return };
            after = *end;
            self.last = self.last.max(after);
            let wanted: Vec<Change> =
                slice.lines.into_iter().map(|(_, change)| change).filter(|change| self.wants(change)).collect();
            self.waiting.extend(wanted);
            if !slice.has_more {
                return;
            }
        }
    }
}
