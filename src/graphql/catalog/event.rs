//! An event, and pages of them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use jiff::Timestamp;

use crate::graphql::admissions::AdmissionTokenConnection;
use crate::graphql::authoring::EventAuthoring;
use crate::graphql::catalog::calendar::CalendarDay;
use crate::graphql::catalog::freshness::Freshness;
use crate::graphql::catalog::money::Money;
use crate::graphql::catalog::performance::PerformanceConnection;
use crate::graphql::catalog::section::Section;
use crate::graphql::catalog::ticket_type::{TicketType, pick};
use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Fault, or_report, report};
use crate::graphql::id;
use crate::graphql::loaders::{CalendarOf, PerformancesOf, TicketTypesOf, TokensOf};
use crate::graphql::page::{PageInfo, page_cost};
use crate::graphql::problem::Problem;
use crate::graphql::scalars::{DateTime, LocalDate, Locale, TimeZone, Url, int};
use crate::graphql::sources::{ExternalRef, Source};
use crate::graphql::viewer::Scope;
use crate::graphql::writer::Rows;
use ::catalog::{DayRange, EventPage, PerformanceQuery, SourcedEvent, TokenQuery};
use domain::catalog;

/// How a visit is booked. TIMED: a start time. DATED: a day. OPEN: any day within a validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "catalog::BookingMode")]
pub enum BookingMode {
    /// A start time.
    Timed,
    /// A day.
    Dated,
    /// Any day within a validity.
    Open,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "catalog::EventStatus")]
pub enum EventStatus {
    /// Not published.
    Draft,
    /// For sale.
    OnSale,
    /// Shown, not for sale.
    OffSale,
    /// Called off by the venue.
    Cancelled,
    /// Over.
    Ended,
}

/// Something that a source sells tickets for.
#[derive(Clone)]
pub struct Event(pub SourcedEvent);

impl Event {
    pub(in crate::graphql) fn told(&self) -> &catalog::Event {
        &self.0.value.value
    }

    pub(in crate::graphql) fn instant(&self, at: Option<Timestamp>) -> Option<DateTime> {
        at.map(|at| DateTime::of(&self.0.source, at))
    }
}

/// Something that a source sells tickets for.
#[Object]
impl Event {
    /// Names the event in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::event_id(&self.0.source.id, &self.told().key)
    }

    /// The source that sells it.
    async fn source(&self) -> Source {
        Source(Arc::clone(&self.0.source))
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        ExternalRef::all(&self.0.source, &self.told().refs)
    }

    /// The title.
    async fn title(&self, #[graphql(desc = "The language that is wanted.")] locale: Option<Locale>) -> String {
        pick(&self.told().title, locale)
    }

    /// One or two sentences.
    async fn summary(
        &self,
        #[graphql(desc = "The language that is wanted.")] locale: Option<Locale>,
    ) -> Option<String> {
        self.told().summary.as_ref().map(|text| pick(text, locale))
    }

    /// The whole description; HTML is reduced to safe tags.
    async fn description(
        &self,
        #[graphql(desc = "The language that is wanted.")] locale: Option<Locale>,
    ) -> Option<String> {
        self.told().description.as_ref().map(|text| pick(text, locale))
    }

    /// A picture.
    async fn image(&self) -> Option<Url> {
        self.told().image.clone().map(Url)
    }

    /// The place, as the source names it.
    async fn venue(&self) -> Option<&str> {
        self.told().venue.as_deref()
    }

    /// Categories, as the source names them.
    async fn categories(&self) -> &[String] {
        &self.told().categories
    }

    /// The zone in which the event takes place.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.told().time_zone.clone())
    }

    /// How a visit is booked.
    async fn booking_mode(&self) -> BookingMode {
        self.told().booking_mode.into()
    }

    /// Where the event stands.
    async fn status(&self) -> EventStatus {
        self.told().status.into()
    }

    /// Hidden from ordinary lists.
    async fn is_private(&self) -> bool {
        self.told().is_private
    }

    /// Begin of the run.
    async fn starts_at(&self) -> Option<DateTime> {
        self.instant(self.told().starts_at)
    }

    /// End of the run.
    async fn ends_at(&self) -> Option<DateTime> {
        self.instant(self.told().ends_at)
    }

    /// Length of one performance.
    async fn duration_minutes(&self) -> Option<i32> {
        self.told().duration_minutes.map(int)
    }

    /// Places of one performance.
    async fn capacity(&self) -> Option<i32> {
        self.told().capacity.map(int)
    }

    /// Tickets sold over all performances, where the source tells.
    async fn sold_quantity(&self) -> Option<i32> {
        self.told().sold_quantity.map(int)
    }

    /// The lowest price of what is for sale.
    async fn price_from(&self) -> Option<Money> {
        self.told().price_from.map(Money)
    }

    /// The sections of the place.
    async fn sections(&self) -> Vec<Section> {
        Section::all(&self.0)
    }

    /// The ticket types. Empty, with an error of this field, when the source could not tell.
    async fn ticket_types(&self, ctx: &Context<'_>) -> Vec<TicketType> {
        let found = Ctx::of(ctx).loaders.load(TicketTypesOf(self.0.clone())).await;
        or_report(ctx, found.map(|list| TicketType::all(&self.0.source, &list.value)))
    }

    /// One row for each day, cheap and cached. Empty, with an error of this field, when the source could not tell.
    async fn calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, in the zone of the source.")] from: LocalDate,
        #[graphql(desc = "The last day; at most 366 days with the first.")] to: LocalDate,
    ) -> Result<Vec<CalendarDay>, Fault> {
        let days = DayRange::new(from.0, to.0)?;
        let found = Ctx::of(ctx).loaders.load(CalendarOf { event: self.0.clone(), days }).await;
        Ok(or_report(ctx, found.map(|days| CalendarDay::all(&self.0.source, &days))))
    }

    /// The performances, by begin.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn performances(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Not before this instant; now if not given.")] from: Option<DateTime>,
        #[graphql(desc = "Before this instant; at most 366 days after `from`.")] to: Option<DateTime>,
        #[graphql(desc = "How many: 1 to 100, 20 if not given.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the page before.")] after: Option<String>,
    ) -> Result<PerformanceConnection, Fault> {
        let app = Ctx::of(ctx);
        let window = (from.map(|from| from.at), to.map(|to| to.at));
        let query = PerformanceQuery::new(window, first, after.as_deref(), app.now)?;
        let outcome = app.loaders.load(PerformancesOf { event: self.0.clone(), query }).await;
        Ok(PerformanceConnection::new(&self.0, outcome))
    }

    /// Staff credentials for the gate; none where the source has no gate. Needs the scope `admission:read`.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn admission_tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only the one that covers all sections, or only the others.")] is_global: Option<bool>,
        #[graphql(desc = "How many: 1 to 100, 20 if not given.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the page before.")] after: Option<String>,
    ) -> Result<AdmissionTokenConnection, Fault> {
        let app = Ctx::of(ctx);
        if let Err(forbidden) = app.require(Scope::AdmissionRead) {
            report(ctx, forbidden);
            return Ok(AdmissionTokenConnection::empty(Vec::new()));
        }
        let query = TokenQuery::new(is_global, first, after.as_deref())?;
        Ok(match app.loaders.load(TokensOf { event: self.0.clone(), query }).await {
            Ok(slice) => AdmissionTokenConnection::new(&self.0, &slice),
            Err(failure) => AdmissionTokenConnection::empty(vec![app.problem(&failure)]),
        })
    }

    /// What can be edited; null where the source cannot, or the viewer lacks the scope `event:write`.
    async fn authoring(&self, ctx: &Context<'_>) -> Option<EventAuthoring> {
        EventAuthoring::of(Ctx::of(ctx), &self.0)
    }

    /// How old these facts are.
    async fn freshness(&self) -> Freshness {
        Freshness::of(&self.0.source, self.0.value.freshness)
    }
}

/// A page of events. A source that did not answer is a problem here, never a null list.
pub struct EventConnection {
    /// The page.
    pub page: EventPage,
    /// The sources that did not answer.
    pub problems: Vec<Problem>,
}

/// A page of events. A source that did not answer is a problem here, never a null list.
#[Object]
impl EventConnection {
    /// The events with their cursors.
    async fn edges(&self) -> Rows<EventEdge> {
        Rows(self.page.events.iter().cloned().map(EventEdge).collect())
    }

    /// The events.
    async fn nodes(&self) -> Rows<Event> {
        Rows(self.page.events.iter().cloned().map(Event).collect())
    }

    /// Where the page stands.
    async fn page_info(&self) -> PageInfo {
        let events = &self.page.events;
        PageInfo {
            has_next_page: self.page.has_next,
            has_previous_page: self.page.has_previous,
            start_cursor: events.first().map(|event| event.cursor().encode()),
            end_cursor: events.last().map(|event| event.cursor().encode()),
        }
    }

    /// How many match in all, of the sources that answered.
    async fn total_count(&self) -> Option<i32> {
        i32::try_from(self.page.total).ok()
    }

    /// The sources that did not answer, and why.
    async fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// An event in a page.
pub struct EventEdge(pub(in crate::graphql) SourcedEvent);

/// An event in a page.
#[Object]
impl EventEdge {
    /// Where the event stands.
    async fn cursor(&self) -> String {
        self.0.cursor().encode()
    }

    /// The event.
    async fn node(&self) -> Event {
        Event(self.0.clone())
    }
}
