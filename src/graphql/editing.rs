//! What all edits share: the key of the client, what came of it as problems, and the thing as it is now.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::ID;
use serde::Serialize;

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use crate::graphql::problem::{GeneralProblem, Problem, ProblemCode, Retry};
use crate::graphql::sources::Source;
use domain::error::{Effect, ErrorKind, Operation, Reason, VendorError};
use domain::source;
use edits::{Edit, Edits, LONGEST_KEY, Mishap, Outcome, Request};
use orders;

/// The part of an input that cannot be used; becomes a problem with this path, and nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong(pub Vec<String>);

impl Wrong {
    /// A field of the input, from the outside in.
    pub fn at(path: &[&str]) -> Self {
        Self(std::iter::once("input").chain(path.iter().copied()).map(str::to_owned).collect())
    }

    /// As a problem.
    pub fn problem(self) -> Problem {
        Problem::General(GeneralProblem {
            path: Some(self.0),
            ..GeneralProblem::new(ProblemCode::InvalidInput, Retry::WithNewInput)
        })
    }
}

/// What came of an edit, for a payload.
#[derive(Default)]
pub struct Made {
    /// The key of what was made or changed, in its source; none: nothing was, or nobody knows.
    pub key: Option<String>,
    /// Why not, or what of it not.
    pub problems: Vec<Problem>,
    /// The key was seen before.
    pub is_replayed: bool,
}

impl Made {
    fn problem(source: &Arc<source::Source>, code: ProblemCode, retry: Retry) -> Self {
        let general = GeneralProblem { source: Some(Source(Arc::clone(source))), ..GeneralProblem::new(code, retry) };
        Self { problems: vec![Problem::General(general)], ..Self::default() }
    }

    fn of(source: &Arc<source::Source>, outcome: Outcome) -> Self {
        let (record, is_replayed) = match outcome {
            Outcome::Told { record, is_replayed } => (record, is_replayed),
            Outcome::KeyReused => {
                let code = ProblemCode::Order(orders::ProblemCode::IdempotencyKeyReused);
                return Self::problem(source, code, Retry::WithNewInput);
            }
            Outcome::NoOutcome => {
                return Self {
                    is_replayed: true,
                    ..Self::problem(source, ProblemCode::EditOutcomeUnknown, Retry::AfterRequery)
                };
            }
        };
        let mishaps = record.failure.iter().chain(&record.setbacks);
        let problems = mishaps.map(|mishap| shown(source, mishap)).collect();
        Self { key: record.made, problems, is_replayed }
    }
}

/// A mishap as a problem. What may have acted is never called a mere failure.
fn shown(source: &Arc<source::Source>, mishap: &Mishap) -> Problem {
    let error = VendorError::new(&source.id, Operation::WriteAuthoring, mishap.kind.clone())
        .with_retry_after(mishap.retry_after_ms.map(Duration::from_millis));
    let mut general = GeneralProblem::of(Some(Arc::clone(source)), &error);
    if mishap.effect == Effect::Unknown {
        (general.code, general.retry) = (ProblemCode::EditOutcomeUnknown, Retry::AfterRequery);
    }
    general.path = path_of(mishap);
    Problem::General(general)
}

/// Where in the input it is: a part that failed by itself, or the field that the source calls wrong.
fn path_of(mishap: &Mishap) -> Option<Vec<String>> {
    let refused = match &mishap.kind {
        ErrorKind::Rejected(refusal) => match &refusal.reason {
            Reason::InvalidInput { field } => {
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
    /// Where edits are made.
    pub fn edits(&self) -> Result<&Edits, Fault> {
        self.services.edits.as_ref().ok_or_else(|| Fault::new(Code::UnsupportedBySource))
    }

    /// Makes an edit at a source, once for each key of the client. `asked` is all that the client asked.
    pub async fn edit(
        &self,
        (operation, key): (&'static str, &ID),
        asked: &(impl Serialize + Sync),
        source: &Arc<source::Source>,
        edit: Edit,
    ) -> Result<Made, Fault> {
        if key.is_empty() || key.chars().count() > LONGEST_KEY {
            let code = ProblemCode::Order(orders::ProblemCode::IdempotencyKeyInvalid);
            let path = Some(Wrong::at(&["idempotencyKey"]).0);
            let told = GeneralProblem { path, ..GeneralProblem::new(code, Retry::WithNewInput) };
            return Ok(Made { problems: vec![Problem::General(told)], ..Made::default() });
        }
        let request = Request::new(self.asker().scope(), operation, key, asked);
        Ok(Made::of(source, self.edits()?.make(&request, source, edit).await?))
    }
}
