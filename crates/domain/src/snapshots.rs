//! Snapshots of vendors' data that may be requested rarely: kept over restarts, and shared by replicas.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::store::StoreError;

/// Snapshot as the vendor sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Time at which it was read.
    pub read_at: Timestamp,
    /// Time of the last change that it contains, by the vendor's clock, if known.
    pub changed_at: Option<Timestamp>,
    /// The vendor's data.
    pub body: Vec<u8>,
}

/// Keeps one snapshot under each name.
#[async_trait]
pub trait SnapshotStore: Send + Sync {
    /// Returns the snapshot.
    async fn load_snapshot(&self, name: &str) -> Result<Option<Snapshot>, StoreError>;

    /// Replaces the snapshot.
    async fn save_snapshot(&self, name: &str, snapshot: &Snapshot) -> Result<(), StoreError>;

    /// Records a request that may be sent once in an interval. Returns the rest of the interval if another one was sent in it; then
    /// nothing is recorded.
    async fn claim_request(
        &self,
        name: &str,
        interval: Duration,
        now: Timestamp,
    ) -> Result<Option<Duration>, StoreError>;

    /// Forgets a request: it failed, and another may be sent at once.
    async fn release_request(&self, name: &str) -> Result<(), StoreError>;

    /// Returns the vendor's id of a request whose result is not there yet, if it was kept after a time.
    async fn pending_request(&self, name: &str, after: Timestamp) -> Result<Option<i64>, StoreError>;

    /// Keeps the vendor's id of a request whose result is not there yet, or forgets it.
    async fn save_pending_request(&self, name: &str, id: Option<i64>, now: Timestamp) -> Result<(), StoreError>;
}
