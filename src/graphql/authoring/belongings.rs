//! What belongs to an event, as the schema shows it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::graphql::catalog::{Event, Money};
use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Fault, or_report};
use crate::graphql::id;
use crate::graphql::loaders::EventAt;
use crate::graphql::scalars::int;
use catalog::{Sourced, SourcedEvent};
use domain::authoring;
use domain::error::{ErrorKind, VendorError};
use domain::source::Source;

/// Something that a performance needs: people, a place, equipment.
#[derive(SimpleObject)]
pub struct EventResource {
    /// The vendor's id; give it to setEventResources.
    id: ID,
    /// The name.
    name: Option<String>,
    /// What kind of thing it is, in the vendor's word.
    category: Option<String>,
    /// How many.
    quantity: Option<i32>,
}

impl From<authoring::Resource> for EventResource {
    fn from(told: authoring::Resource) -> Self {
        Self { id: ID(told.id), name: told.name, category: told.category, quantity: told.quantity.map(int) }
    }
}

/// Another event, and how far in time it may be from this one.
pub struct EventRelation {
    source: Arc<Source>,
    told: authoring::RelatedEvent,
}

impl EventRelation {
    /// The events of a relation.
    pub fn all(source: &Arc<Source>, told: Vec<authoring::RelatedEvent>) -> Vec<Self> {
        told.into_iter().map(|told| Self { source: Arc::clone(source), told }).collect()
    }
}

/// Another event, and how far in time it may be from this one.
#[Object]
impl EventRelation {
    /// The other event; null where the source does not know it any more.
    async fn event(&self, ctx: &Context<'_>) -> Option<Result<Event, Fault>> {
        let key = Sourced::new(Arc::clone(&self.source), self.told.event.clone());
        match Ctx::of(ctx).loaders.load(EventAt(key)).await {
            Err(error) if error.kind == ErrorKind::NotFound => None,
            found => Some(found.map(Event).map_err(Fault::from)),
        }
    }

    /// The id of the other event, whether it is there or not.
    async fn event_ref(&self) -> ID {
        id::event_id(&self.source.id, &self.told.event)
    }

    /// At least so many minutes between the two.
    async fn min_minutes(&self) -> Option<i32> {
        self.told.min_minutes.map(int)
    }

    /// At most so many minutes between the two.
    async fn max_minutes(&self) -> Option<i32> {
        self.told.max_minutes.map(int)
    }
}

/// Events that must be bought with this one.
#[derive(SimpleObject)]
pub struct EventPrerequisites {
    /// How they count, in the vendor's word: `allOf`.
    pub operation: String,
    /// The other events.
    pub requires: Vec<EventRelation>,
}

/// Events that are shown beside this one.
#[derive(SimpleObject)]
pub struct EventRecommendations {
    /// The other events.
    pub recommendations: Vec<EventRelation>,
    /// Words by which more are found.
    pub tags: Vec<String>,
}

/// Something sold beside the tickets of an event.
#[derive(SimpleObject)]
pub struct AddOn {
    /// The vendor's id; give it to setEventAddOns.
    id: ID,
    /// The name.
    name: Option<String>,
    /// What one costs.
    price: Option<Money>,
}

impl From<authoring::AddOn> for AddOn {
    fn from(told: authoring::AddOn) -> Self {
        Self { id: ID(told.id), name: told.name, price: told.price.map(Money) }
    }
}

/// A kind of member.
#[derive(SimpleObject)]
pub struct MembershipCategory {
    /// The vendor's id; give it to setEventMembership.
    id: ID,
    /// The name.
    name: Option<String>,
}

impl From<authoring::MembershipCategory> for MembershipCategory {
    fn from(told: authoring::MembershipCategory) -> Self {
        Self { id: ID(told.id), name: told.name }
    }
}

/// What members of a kind pay.
#[derive(SimpleObject)]
pub struct MembershipDiscount {
    /// The kind of member.
    category: MembershipCategory,
    /// The vendor's id of the discount; null: the usual price.
    discount_id: Option<ID>,
    /// The name of the discount.
    discount_name: Option<String>,
    /// Most tickets; null: as many as they like.
    max_tickets: Option<i32>,
}

impl From<authoring::MemberDiscount> for MembershipDiscount {
    fn from(told: authoring::MemberDiscount) -> Self {
        Self {
            category: told.category.into(),
            discount_id: told.discount.map(ID),
            discount_name: told.discount_name,
            max_tickets: told.max_tickets.map(int),
        }
    }
}

/// What an event is to members of the venue.
pub struct EventMembership(pub SourcedEvent);

/// What an event is to members of the venue.
#[Object]
impl EventMembership {
    /// The kinds of member that may buy; none: everybody may. Empty, with an error of this field, when the source could not tell.
    async fn restrictions(&self, ctx: &Context<'_>) -> Vec<MembershipCategory> {
        or_report(ctx, Ctx::of(ctx).federation().list_restrictions(&self.0).await.map(each))
    }

    /// What members pay. Empty, with an error of this field, when the source could not tell.
    async fn discounts(&self, ctx: &Context<'_>) -> Vec<MembershipDiscount> {
        or_report(ctx, Ctx::of(ctx).federation().list_discounts(&self.0).await.map(each))
    }

    /// What members of one kind pay; null where nothing is agreed with them.
    async fn discount(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The vendor's id of a kind of member.")] category: ID,
    ) -> Option<Result<MembershipDiscount, Fault>> {
        let found = Ctx::of(ctx).federation().find_discount(&self.0, &category).await;
        found.map_err(Fault::from).map(|found| found.map(Into::into)).transpose()
    }
}

/// Each as the schema shows it.
pub fn each<T, U: From<T>>(told: Vec<T>) -> Vec<U> {
    told.into_iter().map(U::from).collect()
}

/// None for what the source has no port for.
pub fn supported<T>(outcome: Result<T, VendorError>) -> Option<Result<T, Fault>> {
    match outcome {
        Err(error) if error.kind == ErrorKind::Unsupported => None,
        outcome => Some(outcome.map_err(Fault::from)),
    }
}
