//! `Event.authoring`: each part is one call, made when it is asked for.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object};

use crate::graphql::authoring::belongings::{
    AddOn, EventMembership, EventPrerequisites, EventRecommendations, EventRelation, EventResource, each, supported,
};
use crate::graphql::authoring::schedule::EventSchedule;
use crate::graphql::catalog::Event;
use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Fault, or_report};
use crate::graphql::viewer::Scope;
use catalog::{Sourced, SourcedEvent};
use domain::authoring::Relation;
use domain::catalog::EventStatus;
use domain::time::Observed;

/// Whether an event is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ReviewState {
    /// Not yet.
    Draft,
    /// It is, and stays so.
    Published,
}

/// What the back office of a source lets an API user edit on an event.
pub struct EventAuthoring(SourcedEvent);

impl EventAuthoring {
    /// What can be edited on an event; none where the source cannot, or the viewer may not.
    pub fn of(ctx: &Ctx, event: &SourcedEvent) -> Option<Self> {
        let may = event.source.authoring.is_some() && ctx.viewer.may(Scope::EventWrite);
        may.then(|| Self(event.clone()))
    }
}

/// What the back office of a source lets an API user edit on an event. Lists are empty, and the rest null, where the source has
/// nothing of the kind.
#[Object]
impl EventAuthoring {
    /// Whether it is published. There is no way back to a draft.
    async fn review_state(&self) -> ReviewState {
        if self.0.value.value.status == EventStatus::Draft { ReviewState::Draft } else { ReviewState::Published }
    }

    /// The event as it is published; null while it is a draft.
    async fn published(&self, ctx: &Context<'_>) -> Option<Result<Event, Fault>> {
        let ctx = Ctx::of(ctx);
        let found = ctx.federation().find_published(&self.0).await.map_err(Fault::from);
        let shown = |event| {
            let observed = Observed::live(event, ctx.now);
            Event(Sourced::new(Arc::clone(&self.0.source), observed))
        };
        found.map(|found| found.map(shown)).transpose()
    }

    /// When performances take place.
    async fn schedules(&self, ctx: &Context<'_>) -> Vec<EventSchedule> {
        let found = Ctx::of(ctx).federation().list_schedules(&self.0).await;
        let shown = |list: Vec<_>| list.into_iter().map(|one| EventSchedule::of(&self.0.source, one)).collect();
        or_report(ctx, found.map(shown))
    }

    /// What performances need.
    async fn resources(&self, ctx: &Context<'_>) -> Vec<EventResource> {
        or_report(ctx, Ctx::of(ctx).federation().list_resources(&self.0).await.map(each))
    }

    /// Events that must be bought with this one.
    async fn prerequisites(&self, ctx: &Context<'_>) -> Option<Result<EventPrerequisites, Fault>> {
        let found = supported(Ctx::of(ctx).federation().load_related(&self.0, Relation::Prerequisites).await)?;
        Some(found.map(|found| EventPrerequisites {
            operation: found.operation.unwrap_or_else(|| "allOf".to_owned()),
            requires: EventRelation::all(&self.0.source, found.events),
        }))
    }

    /// Events that are shown beside this one.
    async fn recommendations(&self, ctx: &Context<'_>) -> Option<Result<EventRecommendations, Fault>> {
        let found = supported(Ctx::of(ctx).federation().load_related(&self.0, Relation::Recommendations).await)?;
        Some(found.map(|found| EventRecommendations {
            recommendations: EventRelation::all(&self.0.source, found.events),
            tags: found.tags.unwrap_or_default(),
        }))
    }

    /// Events that need this one.
    async fn dependents(&self, ctx: &Context<'_>) -> Vec<EventRelation> {
        let found = supported(Ctx::of(ctx).federation().load_related(&self.0, Relation::Dependents).await);
        let events = found.transpose().map(|found| found.map(|found| found.events).unwrap_or_default());
        or_report(ctx, events.map(|events| EventRelation::all(&self.0.source, events)))
    }

    /// What is sold beside the tickets.
    async fn add_ons(&self, ctx: &Context<'_>) -> Vec<AddOn> {
        or_report(ctx, Ctx::of(ctx).federation().list_add_ons(&self.0).await.map(each))
    }

    /// What the event is to members of the venue.
    async fn membership(&self) -> Option<EventMembership> {
        self.0.source.back_office.as_ref().map(|_| EventMembership(self.0.clone()))
    }
}
