//! Port of the delivery store: everything about deliveries that must survive a crash.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ChannelStream;
use crate::delivery::{Delivery, LastError, PushState};
use domain::OrderKey;
use domain::StoreError;
use domain::mobile::AppTicketKey;
use orders::idempotency::IdempotencyRecord;

/// Right to run the streams of a channel. The fencing token grows with every owner, so a late writer is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelLease {
    /// Key of the channel.
    pub channel: String,
    /// Fencing token of the owner.
    pub fence: u64,
}

/// Last run of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRun {
    /// Time of the last run.
    pub last_run_at: Option<Timestamp>,
    /// Time of the last successful run.
    pub last_success_at: Option<Timestamp>,
    /// Error of the last run.
    #[serde(rename = "trouble")]
    pub last_error: Option<LastError>,
    /// First of the failed runs since the last successful one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Last notice of the failure to the operator. Stored before it is sent, so that no notice is sent twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<Timestamp>,
}

/// Positions of a channel in the feeds that it reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedPositions {
    /// Cursor in the change feed of orders.
    pub orders: u64,
    /// Opaque cursor in the feed of the app. Must not be shared between readers.
    pub app: Option<String>,
}

/// Number of pending and failed deliveries of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamCounts {
    /// Deliveries to push, or pushed with an unknown outcome.
    pub pending: u64,
    /// Deliveries refused by the app.
    pub failed: u64,
}

/// One atomic change of a channel.
#[derive(Debug, Default)]
pub struct ChannelWrite<'a> {
    /// New and changed deliveries.
    pub deliveries: &'a [Delivery],
    /// New cursor in the change feed of orders.
    pub order_cursor: Option<u64>,
    /// New cursor in the feed of the app.
    pub app_cursor: Option<&'a str>,
    /// Run of a stream.
    pub run: Option<(ChannelStream, &'a StreamRun)>,
}

/// Durable store of deliveries.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Acquires the lease of a channel for a time from now. `None` if another runner holds it. A store that several processes
    /// share ignores `now` and goes by its own clock.
    async fn claim(&self, channel: &str, now: Timestamp, lease: Duration) -> Result<Option<ChannelLease>, StoreError>;

    /// Releases a lease.
    async fn release(&self, lease: &ChannelLease) -> Result<(), StoreError>;

    /// Writes a change and extends the lease to a time from now, see [`claim`](Self::claim). Fails with
    /// [`StoreError::Outdated`] if the lease was lost.
    async fn write(
        &self,
        lease: &ChannelLease,
        now: Timestamp,
        extension: Duration,
        change: &ChannelWrite<'_>,
    ) -> Result<(), StoreError>;

    /// Loads the feed positions of a channel.
    async fn load_positions(&self, channel: &str) -> Result<FeedPositions, StoreError>;

    /// Loads the last run of a stream.
    async fn load_last_run(&self, channel: &str, stream: ChannelStream) -> Result<StreamRun, StoreError>;

    /// Lists the deliveries of a stream whose push is in one of these states, after a key, by ascending key.
    async fn list_in_states(
        &self,
        channel: &str,
        stream: ChannelStream,
        states: &[PushState],
        after: Option<&AppTicketKey>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Loads deliveries by key. Missing ones are omitted.
    async fn load_deliveries(&self, channel: &str, keys: &[AppTicketKey]) -> Result<Vec<Delivery>, StoreError>;

    /// Lists the deliveries of an order by ticket index.
    async fn list_by_order(&self, order: OrderKey) -> Result<Vec<Delivery>, StoreError>;

    /// Lists orders with delivered tickets that are not final and whose refresh is due by this time.
    async fn list_orders_to_refresh(
        &self,
        channel: &str,
        by: Timestamp,
        limit: usize,
    ) -> Result<Vec<OrderKey>, StoreError>;

    /// Counts the pending and failed deliveries of a stream.
    async fn load_counts(&self, channel: &str, stream: ChannelStream) -> Result<StreamCounts, StoreError>;

    /// Stores an idempotency record, or returns the existing one.
    async fn insert_idempotency_record(
        &self,
        used: &IdempotencyRecord,
        now: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, StoreError>;
}
