//! The port of the journal: which edits began, and what came of them.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use domain::{Effect, ErrorKind, SourceId, VendorError};
use orders::LedgerError;

/// Names an edit: whose key, of which mutation, at which source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EditId {
    /// Whose key: a reseller or a caller.
    pub scope: String,
    /// The mutation.
    pub operation: String,
    /// The key as the client chose it.
    pub key: String,
    /// The source that is edited.
    pub source: SourceId,
}

/// An edit that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Names it.
    pub id: EditId,
    /// A hash of the request.
    pub request_hash: String,
    /// When.
    pub begun_at: Timestamp,
}

/// An edit that began before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// A hash of its request.
    pub request_hash: String,
    /// What came of it; none: nobody knows.
    pub outcome: Option<Record>,
}

/// What came of an edit. Holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The key of what was made or changed, in its source.
    pub made: Option<String>,
    /// Why nothing came of it.
    pub failure: Option<Mishap>,
    /// Parts that did not come to pass, beside a whole that did.
    pub setbacks: Vec<Mishap>,
}

/// Something that did not come to pass, without its technical cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mishap {
    /// The part of the input.
    pub path: Vec<String>,
    /// What went wrong.
    pub kind: ErrorKind,
    /// What it may have done all the same.
    pub effect: Effect,
    /// How long to wait before asking again, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl Mishap {
    /// What is kept of a failure.
    pub fn of(path: Vec<String>, error: &VendorError) -> Self {
        let retry_after_ms = error.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Self { path, kind: error.kind.clone(), effect: error.effect, retry_after_ms }
    }
}

/// Where edits are noted. Everything it said was done survives a crash.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Notes that an edit begins, unless one of this id did before: then that one is told and nothing is noted.
    async fn begin(&self, note: &Note) -> Result<Option<Known>, LedgerError>;

    /// Notes what came of an edit.
    async fn finish(&self, id: &EditId, record: &Record) -> Result<(), LedgerError>;

    /// Takes the note of an edit away that certainly did nothing, so that its key can be used again.
    async fn forget(&self, id: &EditId) -> Result<(), LedgerError>;
}
