//! Writes to a source other than orders: editing events and admission credentials. Each takes effect once per
//! idempotency key.
//!
//! The intent of an edit is stored before the vendor is called, and its outcome afterwards. An edit with an intent
//! but no outcome may have been applied; it is never sent again and is reported as unknown. An edit that certainly
//! had no effect leaves no record, so its key can be used again. Each edit runs in its own task and completes even if
//! the client disconnects.

mod edit;
mod idempotency;

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use domain::StoreError;
use domain::ids::StepKey;
use domain::{Clock, Effect, Source};
use telemetry::explain::propagate;

pub use edit::Edit;
pub use idempotency::{EditId, EditIntent, EditOutcome, IdempotencyStore, PriorEdit, StoredError};

/// Maximum length of an idempotency key in characters.
pub const MAX_KEY_LENGTH: usize = 128;

/// Result of an idempotent edit at one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditAttempt {
    /// The edit has an outcome, from this request or from an earlier one with the same key.
    Completed {
        /// Outcome of the edit.
        outcome: EditOutcome,
        /// True if an earlier request made the edit.
        is_replayed: bool,
    },
    /// The key was used for another request; nothing was done.
    KeyReused,
    /// An earlier request with the same key has no outcome: it is in progress, or its process died.
    OutcomeUnknown,
}

/// Request of a client, with its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditRequest {
    /// Owner of the idempotency key.
    pub scope: String,
    /// Name of the mutation.
    pub operation: &'static str,
    /// Key chosen by the client.
    pub key: String,
    /// Hash of the whole request.
    pub hash: String,
}

impl EditRequest {
    /// Creates a request whose hash covers all of `input`.
    pub fn new(scope: String, operation: &'static str, key: &str, input: &impl Serialize) -> Self {
        let text = serde_json::to_vec(input).unwrap_or_default();
        let hash = hex::encode(Sha256::digest(&text));
        Self { scope, operation, key: key.to_owned(), hash }
    }

    fn edit_id(&self, source: &Source) -> EditId {
        EditId {
            scope: self.scope.clone(),
            operation: self.operation.to_owned(),
            key: self.key.clone(),
            source: source.id.clone(),
        }
    }
}

/// Applies edits, each at most once. Cheap to clone.
#[derive(Clone)]
pub struct Edits {
    store: Arc<dyn IdempotencyStore>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
}

impl Edits {
    /// Creates the service. Edits run in `tasks`.
    pub fn new(store: Arc<dyn IdempotencyStore>, clock: Arc<dyn Clock>, tasks: TaskTracker) -> Self {
        Self { store, clock, tasks }
    }

    /// Applies an edit at a source, unless an earlier request with the same key did.
    pub async fn apply(
        &self,
        request: &EditRequest,
        source: &Arc<Source>,
        edit: Edit,
    ) -> Result<EditAttempt, StoreError> {
        let id = request.edit_id(source);
        let intent = EditIntent { id: id.clone(), request_hash: request.hash.clone(), started_at: self.clock.now() };
        if let Some(prior) = self.store.begin(&intent).await? {
            return Ok(match prior.outcome {
                _ if prior.request_hash != request.hash => EditAttempt::KeyReused,
                Some(outcome) => EditAttempt::Completed { outcome, is_replayed: true },
                None => EditAttempt::OutcomeUnknown,
            });
        }
        let (store, source) = (Arc::clone(&self.store), Arc::clone(source));
        let apply = async move {
            let outcome = edit.apply(&source, &step_key(&id)).await;
            let is_certain_nothing = outcome.failure.as_ref().is_some_and(|failure| failure.effect == Effect::None);
            let stored = if is_certain_nothing { store.remove(&id).await } else { store.finish(&id, &outcome).await };
            stored.map(|()| EditAttempt::Completed { outcome, is_replayed: false })
        };
        let task = self.tasks.spawn(propagate(apply.in_current_span()));
        task.await.unwrap_or(Ok(EditAttempt::OutcomeUnknown))
    }
}

/// Derives the key sent to vendors that honor idempotency keys. It is equal for every attempt.
fn step_key(id: &EditId) -> StepKey {
    let name = [id.scope.as_str(), &id.operation, &id.key, id.source.as_str()].join("\0");
    StepKey(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

#[cfg(test)]
mod tests;
