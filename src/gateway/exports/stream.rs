//! The body of a file of several pages.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream::{StreamExt as _, iter, unfold};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::gateway::auth::Principal;
use crate::gateway::exports::document::Export;
use crate::gateway::exports::{Exports, csv_text};
use crate::gateway::state::AppState;

/// Part of a body.
pub(super) enum Part {
    /// Rows or lines.
    Rows(Bytes),
    /// All rows were sent. A body that ends without it is incomplete.
    End,
}

/// Loads the pages of a file while the client reads, at most one ahead.
pub(super) struct Producer {
    pub(super) state: Arc<AppState>,
    pub(super) export: Export,
    pub(super) principal: Principal,
    pub(super) exports: Exports,
    /// The places of the export: among the exports, and among the operations in flight.
    pub(super) places: [OwnedSemaphorePermit; 2],
}

impl Producer {
    /// Returns a body that begins with `head` and continues with the pages after the cursor `next`. `sent` orders are in
    /// `head`. The body fails instead of ending before its last row. Dropping it stops the export.
    pub(super) fn stream(self, head: Bytes, sent: u64, next: String) -> Body {
        let (sender, receiver) = channel(1);
        let mut running = JoinSet::new();
        running.spawn(Box::pin(self.run(sender, sent, next).in_current_span()));
        body_of(head, receiver, running)
    }

    async fn run(self, sender: Sender<Part>, sent: u64, next: String) {
        let produced = tokio::select! {
            produced = self.produce(sender, sent, next) => produced,
            () = self.state.wait_until_revoked(&self.principal) => Err("the caller lost its access"),
        };
        if let Err(reason) = produced {
            tracing::warn!(reason, "an export ended before its last row");
        }
        drop(self.places);
    }

    async fn produce(&self, sender: Sender<Part>, mut sent: u64, next: String) -> Result<(), &'static str> {
        let limits = self.exports.limits;
        let mut next = Some(next);
        while let Some(after) = next {
            let page = self.export.load_page(&self.state.pipeline, Some(after));
            let page = timeout(self.exports.load_shed.response_timeout, page).await;
            let page =
                page.map_err(|_| "a page was not ready in time")?.map_err(|rejection| rejection.code.as_str())?;
            sent += page.count;
            if sent > limits.orders {
                return Err("orders were added beyond the limit of an export");
            }
            let rows = csv_text::append(Vec::new(), &page.rows).map_err(|_| "a row could not be written")?;
            send(&sender, Part::Rows(rows), limits.write_timeout).await?;
            next = page.next;
        }
        send(&sender, Part::End, limits.write_timeout).await
    }
}

/// Returns a body that begins with `head` and ends with [`Part::End`]; it fails if the task ends without it.
pub(super) fn body_of(head: Bytes, receiver: Receiver<Part>, running: JoinSet<()>) -> Body {
    let parts = unfold(Some((receiver, running)), |state| async move {
        let (mut receiver, running) = state?;
        match receiver.recv().await {
            Some(Part::Rows(rows)) => Some((Ok(rows), Some((receiver, running)))),
            Some(Part::End) => None,
            None => Some((Err(io::Error::other("the export is incomplete")), None)),
        }
    });
    // Compression polls a body again after its end.
    Body::from_stream(iter([Ok(head)]).chain(parts).fuse())
}

/// Sends a part, or fails if the client does not read within a time.
pub(super) async fn send(sender: &Sender<Part>, part: Part, limit: std::time::Duration) -> Result<(), &'static str> {
    match timeout(limit, sender.send(part)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("the client has gone"),
        Err(_) => Err("the client does not read"),
    }
}
