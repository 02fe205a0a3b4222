//! Port of the store of changes.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use domain::StoreError;

use crate::page::FeedSlice;
use crate::subject::{ChangeKind, ChangeSubject};

/// Entry of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Position in the feed: ascending, with no gap that fills later.
    pub position: u64,
    /// Time of the change.
    pub at: Timestamp,
    /// The changed object.
    pub subject: ChangeSubject,
    /// Version of the object after the change; of a ticket, that of its order.
    pub version: u64,
    /// Reseller of the object, if it belongs to one.
    pub reseller: Option<String>,
    /// True if the object is no longer listed. It may still be loaded by its key.
    pub is_removed: bool,
}

/// A change that has no position yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    /// Time of the change.
    pub at: Timestamp,
    /// The changed object.
    pub subject: ChangeSubject,
    /// Version of the object after the change.
    pub version: u64,
    /// Reseller of the object, if it belongs to one.
    pub reseller: Option<String>,
    /// True if the object is no longer listed. It may still be loaded by its key.
    pub is_removed: bool,
}

/// Changes that a reader wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Kinds; all, if empty.
    pub kinds: Vec<ChangeKind>,
    /// Limits the kinds that belong to a reseller to this one. The others are everybody's.
    pub reseller: Option<String>,
}

/// Durable feed of changes. Kinds that are written with their object, as orders are, do not come through [`append`](Self::append).
#[async_trait]
pub trait ChangeStore: Send + Sync {
    /// Lists up to `first` changes after a position, at most 1,000. Waits a short time for positions of changes that were just
    /// committed.
    async fn list(&self, after: u64, first: usize, filter: &ChangeFilter) -> Result<FeedSlice<Change>, StoreError>;

    /// Returns the position of the last change.
    async fn end(&self) -> Result<u64, StoreError>;

    /// Appends changes, all or none.
    async fn append(&self, changes: &[NewChange]) -> Result<(), StoreError>;

    /// Encrypts a position as a cursor for clients: the same for every replica with the same keys.
    fn encode_cursor(&self, position: u64) -> Result<String, StoreError>;

    /// Decrypts a cursor. Returns `None` if it was not issued for this feed with one of the keys.
    fn decode_cursor(&self, cursor: &str) -> Option<u64>;

    /// Returns the last position that this process has seen, which wakes readers. Other replicas may have written later ones.
    fn positions(&self) -> watch::Receiver<u64>;
}
