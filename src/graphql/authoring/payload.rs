//! What the mutations of events answer.

use std::sync::Arc;

use async_graphql::SimpleObject;

use crate::graphql::catalog::Event;
use crate::graphql::ctx::Ctx;
use crate::graphql::editing::{Made, Wrong};
use crate::graphql::problem::Problem;
use crate::graphql::sources::Source;
use catalog::Sourced;
use domain::error::{ErrorKind, Operation, VendorError};
use domain::ids::EventKey;
use domain::source;

/// What became of a mutation of an event.
#[derive(SimpleObject)]
pub struct EventPayload {
    /// The event as it is now; null: it is not there (any more), or could not be read.
    event: Option<Event>,
    /// Expected failures. Look at these, not at HTTP.
    problems: Vec<Problem>,
    /// The key was seen before: nothing was done, and this is the event as it is now.
    replayed: bool,
}

impl EventPayload {
    /// An input that was refused before anything was sent.
    pub fn refused(wrong: Wrong) -> Self {
        Self { event: None, problems: vec![wrong.problem()], replayed: false }
    }

    /// What came of an edit of an event.
    pub async fn of(ctx: &Ctx, event: &Sourced<EventKey>, mut made: Made) -> Self {
        let event = read(ctx, event, &mut made.problems).await;
        Self { event, problems: made.problems, replayed: made.is_replayed }
    }
}

/// The event as it is now: never what an earlier part of the same request has read.
async fn read(ctx: &Ctx, event: &Sourced<EventKey>, problems: &mut Vec<Problem>) -> Option<Event> {
    let found = ctx.federation().load_events(std::slice::from_ref(event)).await.into_iter().next();
    let missing = || VendorError::new(&event.source.id, Operation::LoadEvents, ErrorKind::Internal);
    match found.unwrap_or_else(|| Err(missing())) {
        Ok(event) => Some(Event(event)),
        Err(error) if error.kind == ErrorKind::NotFound => None,
        Err(error) => {
            problems.push(ctx.problem(&error));
            None
        }
    }
}

/// What became of a new event at each source.
#[derive(SimpleObject)]
pub struct CreateEventPayload {
    /// One for each source, in the order of the input.
    pub results: Vec<SourceEventResult>,
    /// The key was seen before at all of them: nothing was done.
    pub replayed: bool,
}

/// What became of a new event at one source.
#[derive(SimpleObject)]
pub struct SourceEventResult {
    /// The source.
    source: Source,
    /// The event; null: none was made, or it could not be read.
    event: Option<Event>,
    /// Why not, or which part of it was not.
    problems: Vec<Problem>,
}

impl SourceEventResult {
    /// What came of the creation at a source.
    pub async fn of(ctx: &Ctx, source: Arc<source::Source>, mut made: Made) -> Self {
        let event = match made.key.take() {
            Some(key) => {
                let key = Sourced::new(Arc::clone(&source), EventKey::new(key));
                read(ctx, &key, &mut made.problems).await
            }
            None => None,
        };
        Self { source: Source(source), event, problems: made.problems }
    }
}
