//! The topic of the catalogue: events, performances, ticket types, prices, availability.

pub(in crate::graphql) mod availability;
mod calendar;
mod event;
mod filter;
mod freshness;
mod money;
mod performance;
mod prefetch;
mod section;
mod ticket_type;
mod watching;

use async_graphql::{Context, ID, Object};

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use crate::graphql::id;
use crate::graphql::loaders::EventAt;
use crate::graphql::page::page_cost;
use crate::graphql::viewer::Scope;
use catalog::EventQuery;

pub use availability::{Availability, AvailabilityStatus, Offer};
pub use calendar::CalendarDay;
pub use event::{BookingMode, Event, EventConnection, EventEdge, EventStatus};
pub use filter::EventFilter;
pub use freshness::{Freshness, FreshnessMode};
pub use money::{Money, Price, Tax};
pub use performance::{Performance, PerformanceConnection, PerformanceEdge};
pub use section::Section;
pub use ticket_type::{Audience, TicketType};
pub use watching::CatalogSubscription;

/// Reading the catalogue.
#[derive(Default)]
pub struct CatalogQuery;

#[Object]
impl CatalogQuery {
    /// An event by its id, private ones and drafts too; null when the source does not know it.
    async fn event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of an event.")] id: ID,
    ) -> Option<Result<Event, Fault>> {
        match load_event(Ctx::of(ctx), &id).await {
            Err(fault) if fault.code() == Code::NotFound => None,
            outcome => Some(outcome),
        }
    }

    /// The events of all sources as one list: by begin (those without one first), then by source. A source that does not
    /// answer is named in `problems`.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events; without it all but drafts and private ones.")] filter: Option<EventFilter>,
        #[graphql(desc = "How many: 1 to 100, 20 if not given.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the page before.")] after: Option<String>,
    ) -> Result<EventConnection, Fault> {
        let app = Ctx::of(ctx);
        app.require(Scope::CatalogRead)?;
        let filter = filter.unwrap_or_default().read(app)?;
        let page = app.federation().list_events(&EventQuery::new(filter, first, after.as_deref())?).await?;
        page.ages.iter().for_each(|(source, age)| app.trace.fact(source, *age));
        if !page.problems.is_empty() {
            app.trace.passing();
        }
        prefetch::below(ctx, &page.events).await;
        let problems = page.problems.iter().map(|failure| app.problem(failure)).collect();
        Ok(EventConnection { page, problems })
    }
}

async fn load_event(ctx: &Ctx, id: &ID) -> Result<Event, Fault> {
    ctx.require(Scope::CatalogRead)?;
    let key = id::event_argument(ctx.federation(), "id", id)?;
    Ok(Event(ctx.loaders.load(EventAt(key)).await?))
}
