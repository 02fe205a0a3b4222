//! Parts of an event that are edited in the back office: resources, related events, add-ons and memberships.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use catalog::{Sourced, SourcedEvent};
use domain::authoring;
use domain::error::{ErrorKind, VendorError};
use domain::source::Source;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, or_add_error};
use crate::graphql::base::id;
use crate::graphql::base::loaders::EventByKey;
use crate::graphql::base::scalars::int;
use crate::graphql::topics::catalog::{Event, Money};

/// A resource that a performance needs: people, a place or equipment.
#[derive(SimpleObject)]
pub(super) struct EventResource {
    /// The vendor's id. Use it with `setEventResources`.
    id: ID,
    /// The name.
    name: Option<String>,
    /// The kind of resource, as the vendor names it.
    category: Option<String>,
    /// The quantity.
    quantity: Option<i32>,
}

impl From<authoring::Resource> for EventResource {
    fn from(resource: authoring::Resource) -> Self {
        Self {
            id: ID(resource.id),
            name: resource.name,
            category: resource.category,
            quantity: resource.quantity.map(int),
        }
    }
}

/// A related event and the allowed distance in time between the two.
pub(super) struct EventRelation {
    source: Arc<Source>,
    related: authoring::RelatedEvent,
}

impl EventRelation {
    /// The events of a relation.
    pub(super) fn list(source: &Arc<Source>, related: Vec<authoring::RelatedEvent>) -> Vec<Self> {
        related.into_iter().map(|related| Self { source: Arc::clone(source), related }).collect()
    }
}

/// A related event and the allowed distance in time between the two.
#[Object]
impl EventRelation {
    /// The related event, or null if the source no longer has it.
    async fn event(&self, ctx: &Context<'_>) -> Option<Result<Event, ApiError>> {
        let key = Sourced::new(Arc::clone(&self.source), self.related.event.clone());
        match Ctx::of(ctx).loaders.load(EventByKey(key)).await {
            Err(error) if error.kind == ErrorKind::NotFound => None,
            found => Some(found.map(Event).map_err(ApiError::from)),
        }
    }

    /// The id of the related event, even if the event no longer exists.
    async fn event_ref(&self) -> ID {
        id::event_id(&self.source.id, &self.related.event)
    }

    /// Smallest number of minutes between the two events.
    async fn min_minutes(&self) -> Option<i32> {
        self.related.min_minutes.map(int)
    }

    /// Largest number of minutes between the two events.
    async fn max_minutes(&self) -> Option<i32> {
        self.related.max_minutes.map(int)
    }
}

/// Events that must be bought together with this one.
#[derive(SimpleObject)]
pub(super) struct EventPrerequisites {
    /// The vendor's operator that combines the events: `allOf`.
    pub operation: String,
    /// The related events.
    pub requires: Vec<EventRelation>,
}

/// Events that are recommended together with this one.
#[derive(SimpleObject)]
pub(super) struct EventRecommendations {
    /// The related events.
    pub recommendations: Vec<EventRelation>,
    /// Tags by which further recommendations are found.
    pub tags: Vec<String>,
}

/// An add-on that is sold with the tickets of an event.
#[derive(SimpleObject)]
pub(super) struct AddOn {
    /// The vendor's id. Use it with `setEventAddOns`.
    id: ID,
    /// The name.
    name: Option<String>,
    /// The price of one unit.
    price: Option<Money>,
}

impl From<authoring::AddOn> for AddOn {
    fn from(add_on: authoring::AddOn) -> Self {
        Self { id: ID(add_on.id), name: add_on.name, price: add_on.price.map(Money) }
    }
}

/// A membership category.
#[derive(SimpleObject)]
pub(super) struct MembershipCategory {
    /// The vendor's id. Use it with `setEventMembership`.
    id: ID,
    /// The name.
    name: Option<String>,
}

impl From<authoring::MembershipCategory> for MembershipCategory {
    fn from(category: authoring::MembershipCategory) -> Self {
        Self { id: ID(category.id), name: category.name }
    }
}

/// The discount of a membership category.
#[derive(SimpleObject)]
pub(super) struct MembershipDiscount {
    /// The membership category.
    category: MembershipCategory,
    /// The vendor's id of the discount. Null means the regular price.
    discount_id: Option<ID>,
    /// The name of the discount.
    discount_name: Option<String>,
    /// Largest number of tickets. Null means no limit.
    max_tickets: Option<i32>,
}

impl From<authoring::MemberDiscount> for MembershipDiscount {
    fn from(discount: authoring::MemberDiscount) -> Self {
        Self {
            category: discount.category.into(),
            discount_id: discount.discount.map(ID),
            discount_name: discount.discount_name,
            max_tickets: discount.max_tickets.map(int),
        }
    }
}

/// The membership rules of an event.
pub(super) struct EventMembership(pub SourcedEvent);

/// The membership rules of an event.
#[Object]
impl EventMembership {
    /// The membership categories that may buy. An empty list means no restriction. Empty, with an error on this field,
    /// if the source could not be read.
    async fn restrictions(&self, ctx: &Context<'_>) -> Vec<MembershipCategory> {
        or_add_error(ctx, Ctx::of(ctx).catalog().list_restrictions(&self.0).await.map(convert_all))
    }

    /// The discounts for members. Empty, with an error on this field, if the source could not be read.
    async fn discounts(&self, ctx: &Context<'_>) -> Vec<MembershipDiscount> {
        or_add_error(ctx, Ctx::of(ctx).catalog().list_discounts(&self.0).await.map(convert_all))
    }

    /// The discount of one membership category, or null if it has none.
    async fn discount(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The vendor's id of a membership category.")] category: ID,
    ) -> Option<Result<MembershipDiscount, ApiError>> {
        let found = Ctx::of(ctx).catalog().find_discount(&self.0, &category).await;
        found.map_err(ApiError::from).map(|found| found.map(Into::into)).transpose()
    }
}

/// Converts every item to its GraphQL type.
pub(super) fn convert_all<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

/// Returns `None` if the source does not support the operation.
pub(super) fn if_supported<T>(outcome: Result<T, VendorError>) -> Option<Result<T, ApiError>> {
    match outcome {
        Err(error) if error.kind == ErrorKind::Unsupported => None,
        outcome => Some(outcome.map_err(ApiError::from)),
    }
}
