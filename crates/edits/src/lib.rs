//! Writes to a source beside orders: editing events, and the credentials of the gate. Each acts once for each key of a client.
//!
//! An edit is noted in the journal before the vendor is called, and its outcome after: what was noted and has no outcome may have
//! acted, is never sent again, and is told as such. An edit that certainly did nothing leaves no note, so that its key can be used again.
//! It runs in a task of its own: a client that hangs up changes nothing.

mod act;
mod journal;

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use domain::ids::StepKey;
use domain::{Clock, Effect, Source};
use orders::LedgerError;
use telemetry::explain::carry;

pub use act::Edit;
pub use journal::{EditId, Journal, Known, Mishap, Note, Record};

/// The longest key that a client may choose.
pub const LONGEST_KEY: usize = 128;

/// What became of an edit at one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was made, or refused; `is_replayed`: by an earlier call with the same key.
    Told {
        /// What came of it.
        record: Record,
        /// The key was seen before.
        is_replayed: bool,
    },
    /// The key was used for another request; nothing was done.
    KeyReused,
    /// An earlier call with the same key has no outcome yet: it is under way, or its process died.
    NoOutcome,
}

/// Who edits, under which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose keys these are.
    pub scope: String,
    /// The mutation.
    pub operation: &'static str,
    /// The key that the client chose.
    pub key: String,
    /// A hash of everything that the client asked.
    pub hash: String,
}

impl Request {
    /// A request of a client; its hash covers all of `asked`.
    pub fn new(scope: String, operation: &'static str, key: &str, asked: &impl Serialize) -> Self {
        let text = serde_json::to_vec(asked).unwrap_or_default();
        let hash = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { scope, operation, key: key.to_owned(), hash }
    }

    fn at(&self, source: &Source) -> EditId {
        EditId {
            scope: self.scope.clone(),
            operation: self.operation.to_owned(),
            key: self.key.clone(),
            source: source.id.clone(),
        }
    }
}

/// Makes edits, each once. Cheap to clone.
#[derive(Clone)]
pub struct Edits {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
}

impl Edits {
    /// Edits that are noted in a journal and run in these tasks.
    pub fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>, tasks: TaskTracker) -> Self {
        Self { journal, clock, tasks }
    }

    /// Makes an edit at a source, unless the key says that it was made before.
    pub async fn make(&self, request: &Request, source: &Arc<Source>, edit: Edit) -> Result<Outcome, LedgerError> {
        let id = request.at(source);
        let note = Note { id: id.clone(), request_hash: request.hash.clone(), begun_at: self.clock.now() };
        if let Some(known) = self.journal.begin(&note).await? {
            return Ok(match known.outcome {
                _ if known.request_hash != request.hash => Outcome::KeyReused,
                Some(record) => Outcome::Told { record, is_replayed: true },
                None => Outcome::NoOutcome,
            });
        }
        let (journal, source) = (Arc::clone(&self.journal), Arc::clone(source));
        let editing = async move {
            let record = edit.act(&source, &step_key(&id)).await;
            let is_certain_nothing = record.failure.as_ref().is_some_and(|failure| failure.effect == Effect::None);
            let noted = if is_certain_nothing { journal.forget(&id).await } else { journal.finish(&id, &record).await };
            noted.map(|()| Outcome::Told { record, is_replayed: false })
        };
        let task = self.tasks.spawn(carry(editing.in_current_span()));
        task.await.unwrap_or(Ok(Outcome::NoOutcome))
    }
}

/// The same for every attempt, for vendors that honour keys.
fn step_key(id: &EditId) -> StepKey {
    let name = [id.scope.as_str(), &id.operation, &id.key, id.source.as_str()].join("\0");
    StepKey(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

#[cfg(test)]
mod tests;
