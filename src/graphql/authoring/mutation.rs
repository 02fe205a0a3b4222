//! Mutations of events. Each makes one edit at one source; only a new event goes to several.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use futures_util::future::join_all;

use crate::graphql::authoring::input::{
    AddEventScheduleInput, CreateEventInput, EventActionInput, EventResourceInput, MembershipCategoryInput,
    RemoveEventAddOnInput, SetEventAddOnsInput, SetEventMembershipInput, SetEventRelationsInput,
    SetEventResourcesInput, SetEventSchedulesInput, SetMembershipDiscountInput, UpdateEventInput,
};
use crate::graphql::authoring::payload::{CreateEventPayload, EventPayload, SourceEventResult};
use crate::graphql::ctx::Ctx;
use crate::graphql::editing::{Made, Wrong};
use crate::graphql::error::Fault;
use crate::graphql::id::{event_argument, source_argument};
use crate::graphql::viewer::Scope;
use catalog::{RequestError, Sourced};
use domain::authoring::{Arrangement, Relation};
use domain::ids::{EventKey, SourceId};
use domain::source::Source;
use edits::Edit;

/// Editing events.
#[derive(Default)]
pub struct AuthoringMutation;

/// What a mutation of an event answers.
pub(super) type Told = Result<EventPayload, Fault>;

/// Editing events. All need the scope `event:write`.
#[Object]
impl AuthoringMutation {
    /// Creates the event in every source named; each source has its own outcome.
    async fn create_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event.")] input: CreateEventInput,
    ) -> Result<CreateEventPayload, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::EventWrite)?;
        create(ctx, input).await
    }

    /// Changes what is named of an event; everything else stays.
    async fn update_event(&self, ctx: &Context<'_>, #[graphql(desc = "The change.")] input: UpdateEventInput) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        let change = input.read(&event.source.id);
        edit(ctx, ("updateEvent", &key), &event, change.map(|change| Edit::Update(event.value.clone(), change))).await
    }

    /// Publishes a draft, or hands it in for that. There is no way back to a draft.
    async fn publish_event(&self, ctx: &Context<'_>, #[graphql(desc = "The event.")] input: EventActionInput) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        edit(ctx, ("publishEvent", &key), &event, Ok(Edit::Publish(event.value.clone()))).await
    }

    /// Deletes an event of which no tickets were sold.
    async fn delete_event(&self, ctx: &Context<'_>, #[graphql(desc = "The event.")] input: EventActionInput) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        edit(ctx, ("deleteEvent", &key), &event, Ok(Edit::Delete(event.value.clone()))).await
    }

    /// Adds a schedule.
    async fn add_event_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The schedule.")] input: AddEventScheduleInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        let change = input.schedule.read(&["schedule"]).map(Arrangement::AddSchedule);
        arrange(ctx, ("addEventSchedule", &key), &event, change).await
    }

    /// Replaces all schedules; those with a known id keep what this API has no words for.
    async fn set_event_schedules(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The schedules.")] input: SetEventSchedulesInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        arrange(ctx, ("setEventSchedules", &key), &event, input.read()).await
    }

    /// Adds a resource.
    async fn add_event_resource(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The resource.")] input: EventResourceInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        arrange(ctx, ("addEventResource", &key), &event, input.read()).await
    }

    /// Replaces all resources.
    async fn set_event_resources(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The resources.")] input: SetEventResourcesInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        arrange(ctx, ("setEventResources", &key), &event, input.read()).await
    }

    /// Events that must be bought with this one. add: keeps what is there. Otherwise replaces it. An empty list removes all.
    async fn set_event_prerequisites(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The other events.")] input: SetEventRelationsInput,
    ) -> Told {
        relate(ctx, "setEventPrerequisites", input, Relation::Prerequisites).await
    }

    /// Events that are shown beside this one. add: keeps what is there. Otherwise replaces it. An empty list removes all.
    async fn set_event_recommendations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The other events.")] input: SetEventRelationsInput,
    ) -> Told {
        relate(ctx, "setEventRecommendations", input, Relation::Recommendations).await
    }

    /// Events that need this one. add: keeps what is there. Otherwise replaces it. An empty list removes all.
    async fn set_event_dependents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The other events.")] input: SetEventRelationsInput,
    ) -> Told {
        relate(ctx, "setEventDependents", input, Relation::Dependents).await
    }

    /// What is sold beside the tickets. add: keeps what is there. Otherwise replaces it. An empty list removes all.
    async fn set_event_add_ons(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The add-ons.")] input: SetEventAddOnsInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        arrange(ctx, ("setEventAddOns", &key), &event, input.read()).await
    }

    /// Removes one add-on.
    async fn remove_event_add_on(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The add-on.")] input: RemoveEventAddOnInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        arrange(ctx, ("removeEventAddOn", &key), &event, Ok(Arrangement::RemoveAddOn(input.add_on.0))).await
    }

    /// Replaces who may buy and what members pay.
    async fn set_event_membership(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the event is to members.")] input: SetEventMembershipInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        arrange(ctx, ("setEventMembership", &key), &event, input.read()).await
    }

    /// Gives members of a kind a discount, or changes it.
    async fn set_membership_discount(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The discount.")] input: SetMembershipDiscountInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        let change = input.discount.read(&["discount"]).map(Arrangement::SetDiscount);
        arrange(ctx, ("setMembershipDiscount", &key), &event, change).await
    }

    /// Takes the discount of a kind of member away.
    async fn remove_membership_discount(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The kind of member.")] input: MembershipCategoryInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        let change = Arrangement::RemoveDiscount(input.category.0);
        arrange(ctx, ("removeMembershipDiscount", &key), &event, Ok(change)).await
    }

    /// Lets a kind of member buy.
    async fn allow_membership_category(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The kind of member.")] input: MembershipCategoryInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        let change = Arrangement::AllowCategory(input.category.0);
        arrange(ctx, ("allowMembershipCategory", &key), &event, Ok(change)).await
    }

    /// Lets a kind of member buy no longer.
    async fn deny_membership_category(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The kind of member.")] input: MembershipCategoryInput,
    ) -> Told {
        let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
        let change = Arrangement::DenyCategory(input.category.0);
        arrange(ctx, ("denyMembershipCategory", &key), &event, Ok(change)).await
    }
}

/// A viewer who may edit, the event, and the client's key.
pub(super) fn editor<'c>(ctx: &Context<'c>, event: &ID, key: &ID) -> Result<(&'c Ctx, Sourced<EventKey>, ID), Fault> {
    let ctx = Ctx::of(ctx);
    ctx.require(Scope::EventWrite)?;
    Ok((ctx, event_argument(ctx.federation(), "input.event", event)?, key.clone()))
}

/// Makes an edit of an event, unless its input cannot be used, and tells the event as it is then.
pub(super) async fn edit(
    ctx: &Ctx,
    name: (&'static str, &ID),
    event: &Sourced<EventKey>,
    edit: Result<Edit, Wrong>,
) -> Told {
    let edit = match edit {
        Ok(edit) => edit,
        Err(wrong) => return Ok(EventPayload::refused(wrong)),
    };
    let asked = (event.source.id.clone(), edit.clone());
    let made = ctx.edit(name, &asked, &event.source, edit).await?;
    Ok(EventPayload::of(ctx, event, made).await)
}

async fn arrange(
    ctx: &Ctx,
    name: (&'static str, &ID),
    event: &Sourced<EventKey>,
    change: Result<Arrangement, Wrong>,
) -> Told {
    edit(ctx, name, event, change.map(|change| Edit::Arrange(event.value.clone(), change))).await
}

async fn relate(ctx: &Context<'_>, name: &'static str, input: SetEventRelationsInput, relation: Relation) -> Told {
    let (ctx, event, key) = editor(ctx, &input.event, &input.idempotency_key)?;
    let change = input.read(&event, relation);
    arrange(ctx, (name, &key), &event, change).await
}

async fn create(ctx: &Ctx, input: CreateEventInput) -> Result<CreateEventPayload, Fault> {
    let sources = named(ctx, &input.sources)?;
    let key = input.idempotency_key.clone();
    let ids: Vec<SourceId> = sources.iter().map(|source| source.id.clone()).collect();
    let events = match input.read(&ids) {
        Ok(events) => events,
        Err(wrong) => {
            let refused = sources.into_iter().map(|source| {
                let problems = vec![wrong.clone().problem()];
                SourceEventResult::of(ctx, source, Made { problems, ..Made::default() })
            });
            return Ok(CreateEventPayload { results: join_all(refused).await, replayed: false });
        }
    };
    // The same key with other sources, or another event at one of them, is another request.
    let asked: Vec<_> = ids.iter().cloned().zip(events.iter().cloned()).collect();
    let edits = sources.iter().zip(events);
    let made =
        join_all(edits.map(|(source, event)| ctx.edit(("createEvent", &key), &asked, source, Edit::Create(event))));
    let (mut results, mut is_replayed) = (Vec::new(), true);
    for (source, made) in sources.iter().zip(made.await) {
        let made = made?;
        is_replayed &= made.is_replayed;
        results.push(SourceEventResult::of(ctx, Arc::clone(source), made));
    }
    Ok(CreateEventPayload { results: join_all(results).await, replayed: is_replayed })
}

/// The sources that are named, each once.
fn named(ctx: &Ctx, ids: &[ID]) -> Result<Vec<Arc<Source>>, Fault> {
    let wrong = || RequestError::new("input.sources", "the ids of configured sources, each once, at least one");
    let mut seen = BTreeSet::new();
    let mut sources = Vec::with_capacity(ids.len());
    for id in ids {
        let source = ctx.federation().find_source(&source_argument("input.sources", id)?).ok_or_else(wrong)?;
        if !seen.insert(source.id.clone()) {
            return Err(wrong().into());
        }
        sources.push(Arc::clone(source));
    }
    if sources.is_empty() { Err(wrong().into()) } else { Ok(sources) }
}
