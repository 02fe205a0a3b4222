//! Port of the store of facts: the state of each object as the feed last named it, so that a change is appended once over all replicas.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

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

/// The state of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredFacts {
    /// Digest of each part. Empty for an object that has gone.
    pub digests: BTreeMap<String, String>,
    /// Number of changes.
    pub version: u64,
    /// Time at which the vendor returned the last change.
    pub seen_at: Timestamp,
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
}
