//! Payloads of event mutations.

use std::sync::Arc;

use async_graphql::SimpleObject;
use catalog::Sourced;
use domain::error::{ErrorKind, VendorError, VendorOperation};
use domain::ids::EventKey;
use domain::source;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::topics::catalog::Event;
use crate::graphql::topics::editing::{EditResult, InvalidInput};
use crate::graphql::topics::problem::Problem;
use crate::graphql::topics::sources::Source;

/// Result of an event mutation.
#[derive(SimpleObject)]
pub(super) struct EventPayload {
    /// The event after the mutation. Null if it does not exist (any more) or could not be read.
    event: Option<Event>,
    /// Expected failures. Check these rather than the HTTP status.
    problems: Vec<Problem>,
    /// True if the idempotency key was used before and nothing was done. The event is returned as it is now.
    replayed: bool,
}

impl EventPayload {
    /// Creates the payload of an input that was rejected before anything was sent.
    pub(super) fn rejected(error: InvalidInput) -> Self {
        Self { event: None, problems: vec![error.into_problem()], replayed: false }
    }

    /// Creates the payload of an edit.
    pub(super) async fn of(ctx: &Ctx, event: &Sourced<EventKey>, mut result: EditResult) -> Self {
        let event = load_event(ctx, event, &mut result.problems).await;
        Self { event, problems: result.problems, replayed: result.is_replayed }
    }
}

/// Loads the event after the edit, bypassing the request cache.
async fn load_event(ctx: &Ctx, event: &Sourced<EventKey>, problems: &mut Vec<Problem>) -> Option<Event> {
    let found = ctx.catalog().load_events(std::slice::from_ref(event)).await.into_iter().next();
    let missing = || VendorError::new(&event.source.id, VendorOperation::LoadEvents, ErrorKind::Internal);
    match found.unwrap_or_else(|| Err(missing())) {
        Ok(event) => Some(Event(event)),
        Err(error) if error.kind == ErrorKind::NotFound => None,
        Err(error) => {
            problems.push(ctx.problem(&error));
            None
        }
    }
}

/// Result of `createEvent` at all sources.
#[derive(SimpleObject)]
pub(super) struct CreateEventPayload {
    /// One result per source, in the order of the input.
    pub results: Vec<SourceEventResult>,
    /// True if the idempotency key was used before at all of them and nothing was done.
    pub replayed: bool,
}

/// Result of `createEvent` at one source.
#[derive(SimpleObject)]
pub(super) struct SourceEventResult {
    /// The source.
    source: Source,
    /// The event. Null if it was not created or could not be read.
    event: Option<Event>,
    /// Expected failures, of the event or of a part of it.
    problems: Vec<Problem>,
}

impl SourceEventResult {
    /// Creates the result of one source.
    pub(super) async fn of(ctx: &Ctx, source: Arc<source::Source>, mut result: EditResult) -> Self {
        let event = match result.key.take() {
            Some(key) => {
                let key = Sourced::new(Arc::clone(&source), EventKey::new(key));
                load_event(ctx, &key, &mut result.problems).await
            }
            None => None,
        };
        Self { source: Source(source), event, problems: result.problems }
    }
}
