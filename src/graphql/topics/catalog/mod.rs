//! Catalog: events, performances, ticket types, prices and availability.

pub(in crate::graphql) mod availability;
mod calendar;
mod event;
mod filter;
mod freshness;
mod money;
mod performance;
mod prefetch;
mod section;
mod subscription;
mod ticket_type;

use async_graphql::{Context, ID, Object};
use catalog::EventQuery;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id;
use crate::graphql::base::loaders::EventByKey;
use crate::graphql::base::viewer::Scope;

pub use availability::{Availability, AvailabilityStatusEnum, Offer};
pub use calendar::CalendarDay;
pub use event::{BookingModeEnum, Event, EventConnection, EventEdge, EventStatusEnum};
pub use filter::EventFilterInput;
pub use freshness::{Freshness, FreshnessModeEnum};
pub use money::{Money, Price, Tax};
pub use performance::{Performance, PerformanceConnection, PerformanceEdge};
pub use section::Section;
pub use subscription::CatalogSubscription;
pub use ticket_type::{AudienceEnum, TicketType};

/// Queries of the catalog.
#[derive(Default)]
pub struct CatalogQuery;

#[Object]
impl CatalogQuery {
    /// Returns an event by its id, including private events and drafts, or null when the source does not have it.
    async fn event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of an event.")] id: ID,
    ) -> Option<Result<Event, ApiError>> {
        match load_event(Ctx::of(ctx), &id).await {
            Err(fault) if fault.code() == ErrorCode::NotFound => None,
            outcome => Some(outcome),
        }
    }

    /// Returns the events of all sources as one list, by start time (events without one first), then by source. A
    /// source that failed is listed in `problems`.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The filter. If omitted, all events except drafts and private events.")] filter: Option<
            EventFilterInput,
        >,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<EventConnection, ApiError> {
        let app = Ctx::of(ctx);
        app.require(Scope::CatalogRead)?;
        let filter = filter.unwrap_or_default().into_query_filter(app)?;
        let page = app.loaders.load_event_page(EventQuery::new(filter, first, after.as_deref())?).await?;
        page.freshness.iter().for_each(|(source, age)| app.dependencies.record_fact(source, *age));
        page.events.iter().for_each(|row| app.dependencies.record_event(&row.source.id, &row.value.value.key));
        if !page.problems.is_empty() {
            app.dependencies.mark_uncacheable();
        }
        prefetch::prefetch_children(ctx, &page.events).await;
        let problems = page.problems.iter().map(|failure| app.problem(failure)).collect();
        Ok(EventConnection { page, problems })
    }
}

async fn load_event(ctx: &Ctx, id: &ID) -> Result<Event, ApiError> {
    ctx.require(Scope::CatalogRead)?;
    let key = id::parse_event_id(ctx.catalog(), "id", id)?;
    Ok(Event(ctx.loaders.load(EventByKey(key)).await?))
}
