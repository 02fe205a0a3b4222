//! Shared parts of all edits: the idempotency key, problems and the result.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::ID;
use domain::error::{Effect, ErrorKind, RefusalReason, VendorError, VendorOperation};
use domain::source;
use edits::{Edit, EditAttempt, EditRequest, Edits, MAX_KEY_LENGTH, StoredError};
use serde::Serialize;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::topics::problem::{GeneralProblem, Problem, Retry, SchemaProblemCode};
use crate::graphql::topics::sources::Source;

/// An invalid part of an input. It becomes a problem with its path, and nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidInput(pub Vec<String>);

impl InvalidInput {
    /// Creates an error at a path in the input, outermost field first.
    pub fn at(path: &[&str]) -> Self {
        Self(std::iter::once("input").chain(path.iter().copied()).map(str::to_owned).collect())
    }

    /// Converts the error to a problem.
    pub fn into_problem(self) -> Problem {
        Problem::General(GeneralProblem {
            path: Some(self.0),
            ..GeneralProblem::new(SchemaProblemCode::InvalidInput, Retry::WithNewInput)
        })
    }
}

/// Result of an edit, for a payload.
#[derive(Default)]
pub struct EditResult {
    /// The key of the created or changed entity in its source. `None` if there is none or it is unknown.
    pub key: Option<String>,
    /// Failures of the edit or of a part of it.
    pub problems: Vec<Problem>,
    /// True if the idempotency key was used before.
    pub is_replayed: bool,
}

impl EditResult {
    fn failed(source: &Arc<source::Source>, code: SchemaProblemCode, retry: Retry) -> Self {
        let general = GeneralProblem { source: Some(Source(Arc::clone(source))), ..GeneralProblem::new(code, retry) };
        Self { problems: vec![Problem::General(general)], ..Self::default() }
    }

    fn from_outcome(source: &Arc<source::Source>, outcome: EditAttempt) -> Self {
        let (record, is_replayed) = match outcome {
            EditAttempt::Completed { outcome, is_replayed } => (outcome, is_replayed),
            EditAttempt::KeyReused => {
                let code = SchemaProblemCode::Order(orders::ProblemCode::IdempotencyKeyReused);
                return Self::failed(source, code, Retry::WithNewInput);
            }
            EditAttempt::OutcomeUnknown => {
                return Self {
                    is_replayed: true,
                    ..Self::failed(source, SchemaProblemCode::EditOutcomeUnknown, Retry::AfterRequery)
                };
            }
        };
        let mishaps = record.failure.iter().chain(&record.partial_failures);
        let problems = mishaps.map(|mishap| to_problem(source, mishap)).collect();
        Self { key: record.resource, problems, is_replayed }
    }
}

/// Converts a stored error to a problem. An edit that may have been applied is reported as an unknown outcome, not as a
/// failure.
fn to_problem(source: &Arc<source::Source>, mishap: &StoredError) -> Problem {
    let error = VendorError::new(&source.id, VendorOperation::WriteAuthoring, mishap.kind.clone())
        .with_retry_after(mishap.retry_after_ms.map(Duration::from_millis));
    let mut general = GeneralProblem::of(Some(Arc::clone(source)), &error);
    if mishap.effect == Effect::Unknown {
        (general.code, general.retry) = (SchemaProblemCode::EditOutcomeUnknown, Retry::AfterRequery);
    }
    general.path = input_path(mishap);
    Problem::General(general)
}

/// The path in the input: the part that failed on its own, or the field that the source rejected.
fn input_path(mishap: &StoredError) -> Option<Vec<String>> {
    let refused = match &mishap.kind {
        ErrorKind::Rejected(refusal) => match &refusal.reason {
            RefusalReason::InvalidInput { field } => {
                field.split('.').filter(|part| *part != "input").map(str::to_owned).collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let parts = if mishap.path.is_empty() { refused } else { mishap.path.clone() };
    let is_told = !parts.is_empty() || matches!(&mishap.kind, ErrorKind::Rejected(_));
    is_told.then(|| std::iter::once("input".to_owned()).chain(parts).collect())
}

impl Ctx {
    /// Returns the edit service, or an error if it is not configured.
    pub fn edits(&self) -> Result<&Edits, ApiError> {
        self.services.edits.as_ref().ok_or_else(|| ApiError::new(ErrorCode::UnsupportedBySource))
    }

    /// Makes an edit at a source, once per idempotency key. `request` is the complete request of the client.
    pub async fn edit(
        &self,
        (operation, key): (&'static str, &ID),
        request: &(impl Serialize + Sync),
        source: &Arc<source::Source>,
        edit: Edit,
    ) -> Result<EditResult, ApiError> {
        if key.is_empty() || key.chars().count() > MAX_KEY_LENGTH {
            let code = SchemaProblemCode::Order(orders::ProblemCode::IdempotencyKeyInvalid);
            let path = Some(InvalidInput::at(&["idempotencyKey"]).0);
            let problem = GeneralProblem { path, ..GeneralProblem::new(code, Retry::WithNewInput) };
            return Ok(EditResult { problems: vec![Problem::General(problem)], ..EditResult::default() });
        }
        let edit_request = EditRequest::new(self.actor().idempotency_scope(), operation, key, request);
        Ok(EditResult::from_outcome(source, self.edits()?.apply(&edit_request, source, edit).await?))
    }
}
