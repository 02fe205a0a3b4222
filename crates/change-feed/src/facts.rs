//! Port of the store of facts: the state of each object as the feed last named it, so that a change is appended once over all replicas.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use domain::{SourceId, StoreError};

use crate::store::NewChange;
use crate::subject::ChangeKind;

/// Key of an object whose facts are stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FactKey {
    /// Kind of the object.
    pub kind: ChangeKind,
    /// Source of the object.
    pub source: SourceId,
    /// Key of the object within its kind and source.
    pub key: String,
}

/// Part of an object, as a vendor returned it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactPart {
    /// Digest of the value.
    pub digest: String,
    /// Time at which the vendor returned the value.
    pub at: Timestamp,
}

/// The state of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredFacts {
    /// Parts by name. Empty for an object that has gone.
    pub parts: BTreeMap<String, FactPart>,
    /// Number of changes.
    pub version: u64,
    /// Time at which the vendor returned the last change, or a list without the object.
    pub seen_at: Timestamp,
    /// Time of the last entry.
    pub recorded_at: Timestamp,
    /// Event of a performance.
    pub parent: Option<String>,
    /// Start of a performance.
    pub starts_at: Option<Timestamp>,
}

/// A change of an object, to be stored and appended to the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactChange {
    /// The object.
    pub key: FactKey,
    /// Version that the store must have. 0: it has none.
    pub expected_version: u64,
    /// The new state.
    pub facts: StoredFacts,
    /// Entry of the feed.
    pub change: NewChange,
}

/// Durable state of the objects that the feed names.
#[async_trait]
pub trait FactStore: Send + Sync {
    /// Loads the state of objects; unknown ones are missing. At most 1,000 keys of one kind and source.
    async fn load_facts(
        &self,
        kind: ChangeKind,
        source: &SourceId,
        keys: &[String],
    ) -> Result<BTreeMap<String, StoredFacts>, StoreError>;

    /// Lists the objects of a kind that have not gone, of one event or of the whole source, at most `limit`.
    async fn list_facts(
        &self,
        kind: ChangeKind,
        source: &SourceId,
        parent: Option<&str>,
        limit: usize,
    ) -> Result<BTreeMap<String, StoredFacts>, StoreError>;

    /// Stores changes and appends their entries to the feed in one transaction, except those of objects with another version: another
    /// replica was first. Returns true for each that was written.
    async fn record_facts(&self, changes: &[FactChange]) -> Result<Vec<bool>, StoreError>;

    /// Claims work for a time, in which no other replica gets it. Returns true if this caller got it.
    async fn claim_work(&self, name: &str, now: Timestamp, duration: Duration) -> Result<bool, StoreError>;

    /// Extends a claim until at least `duration` from now.
    async fn renew_work(&self, name: &str, now: Timestamp, duration: Duration) -> Result<(), StoreError>;

    /// Deletes the state of the performances of a source that start before a time. Returns their number.
    async fn forget_performances(&self, source: &SourceId, before: Timestamp) -> Result<u64, StoreError>;
}
