//! `Event.authoring`. Each field makes one source call when it is selected.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object};
use catalog::{Sourced, SourcedEvent};
use domain::authoring::Relation;
use domain::catalog::EventStatus;
use domain::time::Observed;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, or_add_error};
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::authoring::associations::{
    AddOn, EventMembership, EventPrerequisites, EventRecommendations, EventRelation, EventResource, convert_all,
    if_supported,
};
use crate::graphql::topics::authoring::schedule::EventSchedule;
use crate::graphql::topics::catalog::Event;

/// The publication state of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ReviewState {
    /// Not published.
    Draft,
    /// Published. A published event cannot become a draft again.
    Published,
}

/// The fields of an event that the source's back office lets API users edit.
pub struct EventAuthoring(SourcedEvent);

impl EventAuthoring {
    /// Returns the authoring view of an event, or `None` if the source has no authoring or the viewer lacks the scope.
    pub fn of(ctx: &Ctx, event: &SourcedEvent) -> Option<Self> {
        let can_edit = event.source.authoring.is_some() && ctx.viewer.has_scope(Scope::EventWrite);
        can_edit.then(|| Self(event.clone()))
    }
}

/// The fields of an event that the source's back office lets API users edit. If the source lacks a feature, its list is
/// empty or its field is null.
#[Object]
impl EventAuthoring {
    /// The publication state. A published event cannot become a draft again.
    async fn review_state(&self) -> ReviewState {
        if self.0.value.value.status == EventStatus::Draft { ReviewState::Draft } else { ReviewState::Published }
    }

    /// The published version of the event. Null while it is a draft.
    async fn published(&self, ctx: &Context<'_>) -> Option<Result<Event, ApiError>> {
        let ctx = Ctx::of(ctx);
        let loaded = ctx.catalog().find_published(&self.0).await.map_err(ApiError::from);
        let to_graphql = |event| {
            let observed = Observed::live(event, ctx.now);
            Event(Sourced::new(Arc::clone(&self.0.source), observed))
        };
        loaded.map(|loaded| loaded.map(to_graphql)).transpose()
    }

    /// The schedules of the performances.
    async fn schedules(&self, ctx: &Context<'_>) -> Vec<EventSchedule> {
        let loaded = Ctx::of(ctx).catalog().list_schedules(&self.0).await;
        let to_graphql = |list: Vec<_>| list.into_iter().map(|one| EventSchedule::of(&self.0.source, one)).collect();
        or_add_error(ctx, loaded.map(to_graphql))
    }

    /// The resources that performances need.
    async fn resources(&self, ctx: &Context<'_>) -> Vec<EventResource> {
        or_add_error(ctx, Ctx::of(ctx).catalog().list_resources(&self.0).await.map(convert_all))
    }

    /// Events that must be bought together with this one.
    async fn prerequisites(&self, ctx: &Context<'_>) -> Option<Result<EventPrerequisites, ApiError>> {
        let loaded = if_supported(Ctx::of(ctx).catalog().load_related(&self.0, Relation::Prerequisites).await)?;
        Some(loaded.map(|loaded| EventPrerequisites {
            operation: loaded.operation.unwrap_or_else(|| "allOf".to_owned()),
            requires: EventRelation::list(&self.0.source, loaded.events),
        }))
    }

    /// Events that are recommended together with this one.
    async fn recommendations(&self, ctx: &Context<'_>) -> Option<Result<EventRecommendations, ApiError>> {
        let loaded = if_supported(Ctx::of(ctx).catalog().load_related(&self.0, Relation::Recommendations).await)?;
        Some(loaded.map(|loaded| EventRecommendations {
            recommendations: EventRelation::list(&self.0.source, loaded.events),
            tags: loaded.tags.unwrap_or_default(),
        }))
    }

    /// Events that require this one.
    async fn dependents(&self, ctx: &Context<'_>) -> Vec<EventRelation> {
        let loaded = if_supported(Ctx::of(ctx).catalog().load_related(&self.0, Relation::Dependents).await);
        let events = loaded.transpose().map(|loaded| loaded.map(|loaded| loaded.events).unwrap_or_default());
        or_add_error(ctx, events.map(|events| EventRelation::list(&self.0.source, events)))
    }

    /// The add-ons that are sold with the tickets.
    async fn add_ons(&self, ctx: &Context<'_>) -> Vec<AddOn> {
        or_add_error(ctx, Ctx::of(ctx).catalog().list_add_ons(&self.0).await.map(convert_all))
    }

    /// The membership rules of the event.
    async fn membership(&self) -> Option<EventMembership> {
        self.0.source.back_office.as_ref().map(|_| EventMembership(self.0.clone()))
    }
}
