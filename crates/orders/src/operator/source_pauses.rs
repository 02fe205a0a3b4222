//! Pausing sources.

use serde::Serialize;

use crate::Orders;
use crate::operator::{OperatorAction, OperatorOutcome, PauseSource, SourcePause};
use crate::problem::ProblemCode;
use crate::request::Actor;
use crate::settlement::check_note;
use domain::{SourceId, StoreError};

const PAUSE: &str = "pauseSource";
const RESUME: &str = "resumeSource";

impl Orders {
    /// Pauses a source.
    pub async fn pause_source(&self, actor: &Actor, request: &PauseSource) -> Result<OperatorOutcome, StoreError> {
        let action = match self.begin_action(actor, PAUSE, &request.key, request).await? {
            Ok(action) => action,
            Err(outcome) => return Ok(outcome),
        };
        if let Err(code) = check_note(&request.note) {
            return Ok(OperatorOutcome::rejected(code, "note"));
        }
        if !self.0.sources.contains_key(&request.source) {
            return Ok(OperatorOutcome::rejected(ProblemCode::UnknownSource, "source"));
        }
        if request.until.is_some_and(|until| until <= action.at) {
            return Ok(OperatorOutcome::rejected(ProblemCode::TimeInvalid, "until"));
        }
        let pause = SourcePause {
            source: request.source.clone(),
            mode: request.mode,
            since: action.at,
            until: request.until,
            note: request.note.clone(),
            by: actor.caller.clone(),
        };
        match self.0.store.insert_pause(&action, &pause).await {
            Err(StoreError::Outdated) => Ok(OperatorOutcome::rejected(ProblemCode::SourcePaused, "source")),
            written => self.end_pause_change(actor, &action, request, written).await,
        }
    }

    /// Ends the pause of a source. What waited for it goes on within two minutes (`pauses::LOOK_AGAIN`).
    pub async fn resume_source(
        &self,
        actor: &Actor,
        key: &str,
        source: &SourceId,
    ) -> Result<OperatorOutcome, StoreError> {
        let action = match self.begin_action(actor, RESUME, key, source).await? {
            Ok(action) => action,
            Err(outcome) => return Ok(outcome),
        };
        if !self.0.sources.contains_key(source) {
            return Ok(OperatorOutcome::rejected(ProblemCode::UnknownSource, "source"));
        }
        match self.0.store.delete_pause(&action, source).await {
            Err(StoreError::Outdated) => Ok(OperatorOutcome::rejected(ProblemCode::SourceNotPaused, "source")),
            written => self.end_pause_change(actor, &action, source, written).await,
        }
    }

    /// Returns the outcome of a change that was written, or that a concurrent request with the same key has written.
    async fn end_pause_change<T: Serialize + Sync + ?Sized>(
        &self,
        actor: &Actor,
        action: &OperatorAction,
        request: &T,
        written: Result<(), StoreError>,
    ) -> Result<OperatorOutcome, StoreError> {
        match written {
            Ok(()) => {
                tracing::warn!(by = action.scope, operation = action.operation, "pause of a source changed");
                self.0.pauses.load(&self.0).await?;
                Ok(OperatorOutcome::default())
            }
            Err(StoreError::KeyTaken) => self.replay_action(actor, action, request).await,
            Err(error) => Err(error),
        }
    }

    /// Returns the pause of a source, if it is paused now.
    pub fn pause_of(&self, source: &SourceId) -> Option<SourcePause> {
        self.0.pauses.find(source, self.0.clock.now())
    }
}
