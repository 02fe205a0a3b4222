//! Port of the idempotency store: intents of edits and their outcomes.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use domain::StoreError;
use domain::{Effect, ErrorKind, SourceId, VendorError};

/// Identifies an edit: owner of the key, mutation, key, and source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EditId {
    /// Owner of the key: a reseller or an API caller.
    pub scope: String,
    /// Name of the mutation.
    pub operation: String,
    /// Key chosen by the client.
    pub key: String,
    /// Source to edit.
    pub source: SourceId,
}

/// Intent of an edit, stored before the source is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditIntent {
    /// Identifier of the edit.
    pub id: EditId,
    /// Hash of the request.
    pub request_hash: String,
    /// Start of the edit.
    pub started_at: Timestamp,
}

/// Edit that an earlier request began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorEdit {
    /// Hash of its request.
    pub request_hash: String,
    /// Outcome, or `None` if it is unknown.
    pub outcome: Option<EditOutcome>,
}

/// Outcome of an edit. Contains no secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditOutcome {
    /// Key of the created or changed resource in its source.
    #[serde(rename = "made")]
    pub resource: Option<String>,
    /// Failure of the whole edit.
    pub failure: Option<StoredError>,
    /// Parts that failed although the edit as a whole succeeded.
    #[serde(rename = "setbacks")]
    pub partial_failures: Vec<StoredError>,
}

/// Failure without its technical cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredError {
    /// Path of the input concerned.
    pub path: Vec<String>,
    /// Kind of the failure.
    pub kind: ErrorKind,
    /// Effect that the failed call may have had.
    pub effect: Effect,
    /// Wait before the next attempt, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl StoredError {
    /// Reduces a vendor error to its stored form.
    pub fn new(path: Vec<String>, error: &VendorError) -> Self {
        let retry_after_ms = error.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Self { path, kind: error.kind.clone(), effect: error.effect, retry_after_ms }
    }
}

/// Store of edits. Every confirmed write survives a crash.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Stores the intent of an edit. If the edit was begun before, returns it and stores nothing.
    async fn begin(&self, intent: &EditIntent) -> Result<Option<PriorEdit>, StoreError>;

    /// Stores the outcome of an edit.
    async fn finish(&self, id: &EditId, outcome: &EditOutcome) -> Result<(), StoreError>;

    /// Removes the intent of an edit that certainly had no effect, so that its key can be used again.
    async fn remove(&self, id: &EditId) -> Result<(), StoreError>;
}
