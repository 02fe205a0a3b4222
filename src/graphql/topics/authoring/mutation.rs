//! Event mutations. Each makes one edit at one source; only `createEvent` addresses several sources.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use catalog::{InvalidArgument, Sourced};
use domain::authoring::{BackOfficeEdit, Relation};
use domain::ids::{EventKey, SourceId};
use domain::source::Source;
use edits::Edit;
use futures_util::future::join_all;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::{parse_event_id, parse_source_id};
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::authoring::input::{
    AddEventScheduleInput, CreateEventInput, EventActionInput, EventResourceInput, MembershipCategoryInput,
    RemoveEventAddOnInput, SetEventAddOnsInput, SetEventMembershipInput, SetEventRelationsInput,
    SetEventResourcesInput, SetEventSchedulesInput, SetMembershipDiscountInput, UpdateEventInput,
};
use crate::graphql::topics::authoring::payload::{CreateEventPayload, EventPayload, SourceEventResult};
use crate::graphql::topics::editing::{EditResult, InvalidInput};

/// Mutations of events.
#[derive(Default)]
pub struct AuthoringMutation;

/// Result of a mutation of an event.
pub(super) type MutationResult = Result<EventPayload, ApiError>;

/// Mutations of events. All require the scope `event:write`.
#[Object]
impl AuthoringMutation {
    /// Creates the event in every named source. Each source has its own outcome.
    async fn create_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event.")] input: CreateEventInput,
    ) -> Result<CreateEventPayload, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::EventWrite)?;
        create_at_sources(ctx, input).await
    }

    /// Updates the given fields of an event. Omitted fields are not changed.
    async fn update_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: UpdateEventInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        let change = input.into_change(&event.source.id);
        make_edit(ctx, ("updateEvent", &key), &event, change.map(|change| Edit::Update(event.value.clone(), change)))
            .await
    }

    /// Publishes a draft or submits it for publication. A published event cannot become a draft again.
    async fn publish_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event.")] input: EventActionInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        make_edit(ctx, ("publishEvent", &key), &event, Ok(Edit::Publish(event.value.clone()))).await
    }

    /// Deletes an event that has no sold tickets.
    async fn delete_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event.")] input: EventActionInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        make_edit(ctx, ("deleteEvent", &key), &event, Ok(Edit::Delete(event.value.clone()))).await
    }

    /// Adds a schedule.
    async fn add_event_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The schedule.")] input: AddEventScheduleInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        let change = input.schedule.into_schedule(&["schedule"]).map(BackOfficeEdit::AddSchedule);
        make_arrangement(ctx, ("addEventSchedule", &key), &event, change).await
    }

    /// Replaces all schedules. Schedules with a known id keep the settings that this API does not expose.
    async fn set_event_schedules(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The schedules.")] input: SetEventSchedulesInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        make_arrangement(ctx, ("setEventSchedules", &key), &event, input.into_arrangement()).await
    }

    /// Adds a resource.
    async fn add_event_resource(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The resource.")] input: EventResourceInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        make_arrangement(ctx, ("addEventResource", &key), &event, input.into_arrangement()).await
    }

    /// Replaces all resources.
    async fn set_event_resources(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The resources.")] input: SetEventResourcesInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        make_arrangement(ctx, ("setEventResources", &key), &event, input.into_arrangement()).await
    }

    /// Sets the events that must be bought together with this one. With `add`, existing entries are kept; otherwise
    /// they are replaced, and an empty list removes all.
    async fn set_event_prerequisites(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The related events.")] input: SetEventRelationsInput,
    ) -> MutationResult {
        make_relation(ctx, "setEventPrerequisites", input, Relation::Prerequisites).await
    }

    /// Sets the events that are recommended together with this one. With `add`, existing entries are kept; otherwise
    /// they are replaced, and an empty list removes all.
    async fn set_event_recommendations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The related events.")] input: SetEventRelationsInput,
    ) -> MutationResult {
        make_relation(ctx, "setEventRecommendations", input, Relation::Recommendations).await
    }

    /// Sets the events that require this one. With `add`, existing entries are kept; otherwise they are replaced, and
    /// an empty list removes all.
    async fn set_event_dependents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The related events.")] input: SetEventRelationsInput,
    ) -> MutationResult {
        make_relation(ctx, "setEventDependents", input, Relation::Dependents).await
    }

    /// Sets the add-ons. With `add`, existing entries are kept; otherwise they are replaced, and an empty list removes
    /// all.
    async fn set_event_add_ons(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The add-ons.")] input: SetEventAddOnsInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        make_arrangement(ctx, ("setEventAddOns", &key), &event, input.into_arrangement()).await
    }

    /// Removes one add-on.
    async fn remove_event_add_on(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The add-on.")] input: RemoveEventAddOnInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        make_arrangement(ctx, ("removeEventAddOn", &key), &event, Ok(BackOfficeEdit::RemoveAddOn(input.add_on.0))).await
    }

    /// Replaces the purchase restrictions and the discounts for members.
    async fn set_event_membership(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The membership rules.")] input: SetEventMembershipInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        make_arrangement(ctx, ("setEventMembership", &key), &event, input.into_arrangement()).await
    }

    /// Sets the discount of a membership category.
    async fn set_membership_discount(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The discount.")] input: SetMembershipDiscountInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        let change = input.discount.into_discount_line(&["discount"]).map(BackOfficeEdit::SetDiscount);
        make_arrangement(ctx, ("setMembershipDiscount", &key), &event, change).await
    }

    /// Removes the discount of a membership category.
    async fn remove_membership_discount(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The membership category.")] input: MembershipCategoryInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        let change = BackOfficeEdit::RemoveDiscount(input.category.0);
        make_arrangement(ctx, ("removeMembershipDiscount", &key), &event, Ok(change)).await
    }

    /// Allows a membership category to buy.
    async fn allow_membership_category(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The membership category.")] input: MembershipCategoryInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        let change = BackOfficeEdit::AllowCategory(input.category.0);
        make_arrangement(ctx, ("allowMembershipCategory", &key), &event, Ok(change)).await
    }

    /// Stops a membership category from buying.
    async fn deny_membership_category(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The membership category.")] input: MembershipCategoryInput,
    ) -> MutationResult {
        let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
        let change = BackOfficeEdit::DenyCategory(input.category.0);
        make_arrangement(ctx, ("denyMembershipCategory", &key), &event, Ok(change)).await
    }
}

/// Checks the scope, decodes the event id and returns them with the client's idempotency key.
pub(super) fn require_event_write<'c>(
    ctx: &Context<'c>,
    event: &ID,
    key: &ID,
) -> Result<(&'c Ctx, Sourced<EventKey>, ID), ApiError> {
    let ctx = Ctx::of(ctx);
    ctx.require(Scope::EventWrite)?;
    Ok((ctx, parse_event_id(ctx.catalog(), "input.event", event)?, key.clone()))
}

/// Makes an edit unless its input is invalid, and returns the event as it is afterwards.
pub(super) async fn make_edit(
    ctx: &Ctx,
    name: (&'static str, &ID),
    event: &Sourced<EventKey>,
    edit: Result<Edit, InvalidInput>,
) -> MutationResult {
    let edit = match edit {
        Ok(edit) => edit,
        Err(error) => return Ok(EventPayload::rejected(error)),
    };
    let request = (event.source.id.clone(), edit.clone());
    let result = ctx.edit(name, &request, &event.source, edit).await?;
    Ok(EventPayload::of(ctx, event, result).await)
}

async fn make_arrangement(
    ctx: &Ctx,
    name: (&'static str, &ID),
    event: &Sourced<EventKey>,
    change: Result<BackOfficeEdit, InvalidInput>,
) -> MutationResult {
    make_edit(ctx, name, event, change.map(|change| Edit::Arrange(event.value.clone(), change))).await
}

async fn make_relation(
    ctx: &Context<'_>,
    name: &'static str,
    input: SetEventRelationsInput,
    relation: Relation,
) -> MutationResult {
    let (ctx, event, key) = require_event_write(ctx, &input.event, &input.idempotency_key)?;
    let change = input.into_arrangement(&event, relation);
    make_arrangement(ctx, (name, &key), &event, change).await
}

async fn create_at_sources(ctx: &Ctx, input: CreateEventInput) -> Result<CreateEventPayload, ApiError> {
    let sources = find_sources(ctx, &input.sources)?;
    let key = input.idempotency_key.clone();
    let ids: Vec<SourceId> = sources.iter().map(|source| source.id.clone()).collect();
    let events = match input.into_new_events(&ids) {
        Ok(events) => events,
        Err(error) => {
            let refused = sources.into_iter().map(|source| {
                let problems = vec![error.clone().into_problem()];
                SourceEventResult::of(ctx, source, EditResult { problems, ..EditResult::default() })
            });
            return Ok(CreateEventPayload { results: join_all(refused).await, replayed: false });
        }
    };
    // All sources and events are part of the request that the key stands for: another set is another request.
    let request: Vec<_> = ids.iter().cloned().zip(events.iter().cloned()).collect();
    let edits = sources.iter().zip(events);
    let result =
        join_all(edits.map(|(source, event)| ctx.edit(("createEvent", &key), &request, source, Edit::Create(event))));
    let (mut results, mut is_replayed) = (Vec::new(), true);
    for (source, result) in sources.iter().zip(result.await) {
        let result = result?;
        is_replayed &= result.is_replayed;
        results.push(SourceEventResult::of(ctx, Arc::clone(source), result));
    }
    Ok(CreateEventPayload { results: join_all(results).await, replayed: is_replayed })
}

/// Finds the named sources. Rejects unknown sources, duplicates and an empty list.
fn find_sources(ctx: &Ctx, ids: &[ID]) -> Result<Vec<Arc<Source>>, ApiError> {
    let invalid = || InvalidArgument::new("input.sources", "the ids of configured sources, each once, at least one");
    let mut seen = BTreeSet::new();
    let mut sources = Vec::with_capacity(ids.len());
    for id in ids {
        let source = ctx.catalog().find_source(&parse_source_id("input.sources", id)?).ok_or_else(invalid)?;
        if !seen.insert(source.id.clone()) {
            return Err(invalid().into());
        }
        sources.push(Arc::clone(source));
    }
    if sources.is_empty() { Err(invalid().into()) } else { Ok(sources) }
}
