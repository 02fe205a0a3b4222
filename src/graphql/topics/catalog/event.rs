//! An event, and pages of events.

use std::sync::Arc;

use ::catalog::{AdmissionTokenQuery, DayRange, EventPage, PerformanceQuery, SourcedEvent};
use async_graphql::{Context, Enum, ID, Object};
use domain::catalog;
use jiff::Timestamp;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, add_error, or_add_error};
use crate::graphql::base::id;
use crate::graphql::base::loaders::{CalendarOf, PerformancesOf, TicketTypesOf, TokensOf};
use crate::graphql::base::page::PageInfo;
use crate::graphql::base::scalars::{DateTime, LocalDate, Locale, TimeZone, Url, int};
use crate::graphql::base::viewer::Scope;
use crate::graphql::json_writer::JsonRows;
use crate::graphql::topics::admissions::AdmissionTokenConnection;
use crate::graphql::topics::authoring::EventAuthoring;
use crate::graphql::topics::catalog::calendar::CalendarDay;
use crate::graphql::topics::catalog::freshness::Freshness;
use crate::graphql::topics::catalog::money::Money;
use crate::graphql::topics::catalog::performance::PerformanceConnection;
use crate::graphql::topics::catalog::section::Section;
use crate::graphql::topics::catalog::ticket_type::{TicketType, localized};
use crate::graphql::topics::problem::Problem;
use crate::graphql::topics::sources::{ExternalRef, Source};

/// The booking mode of a visit. TIMED: a start time. DATED: a day. OPEN: any day within the validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "BookingMode", remote = "catalog::BookingMode")]
pub enum BookingModeEnum {
    /// Booked for a start time.
    Timed,
    /// Booked for a day.
    Dated,
    /// Valid on any day within the validity.
    Open,
}

/// The state of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "EventStatus", remote = "catalog::EventStatus")]
pub enum EventStatusEnum {
    /// Not published.
    Draft,
    /// For sale.
    OnSale,
    /// Published, not for sale.
    OffSale,
    /// Canceled by the venue.
    Cancelled,
    /// The run is over.
    Ended,
}

/// An event that a source sells tickets for.
#[derive(Clone)]
pub struct Event(pub SourcedEvent);

impl Event {
    pub(in crate::graphql) fn inner(&self) -> &catalog::Event {
        &self.0.value.value
    }

    pub(in crate::graphql) fn to_date_time(&self, at: Option<Timestamp>) -> Option<DateTime> {
        at.map(|at| DateTime::of(&self.0.source, at))
    }
}

/// An event that a source sells tickets for.
#[Object]
impl Event {
    /// Global id of the event. Opaque.
    pub async fn id(&self) -> ID {
        id::event_id(&self.0.source.id, &self.inner().key)
    }

    /// The source that sells it.
    async fn source(&self) -> Source {
        Source(Arc::clone(&self.0.source))
    }

    /// The vendor's own identifiers.
    async fn external_refs(&self) -> Vec<ExternalRef> {
        ExternalRef::list(&self.0.source, &self.inner().refs)
    }

    /// The title.
    async fn title(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> String {
        localized(&self.inner().title, locale)
    }

    /// One or two sentences.
    async fn summary(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> Option<String> {
        self.inner().summary.as_ref().map(|text| localized(text, locale))
    }

    /// The full description. HTML is reduced to safe tags.
    async fn description(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> Option<String> {
        self.inner().description.as_ref().map(|text| localized(text, locale))
    }

    /// URL of a picture.
    async fn image(&self) -> Option<Url> {
        self.inner().image.clone().map(|url| Url(url.into()))
    }

    /// The venue, as the source names it.
    async fn venue(&self) -> Option<&str> {
        self.inner().venue.as_deref()
    }

    /// The categories, as the source names them.
    async fn categories(&self) -> &[String] {
        &self.inner().categories
    }

    /// The event's time zone.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.inner().time_zone.clone())
    }

    /// The booking mode of a visit.
    async fn booking_mode(&self) -> BookingModeEnum {
        self.inner().booking_mode.into()
    }

    /// The state of the event.
    async fn status(&self) -> EventStatusEnum {
        self.inner().status.into()
    }

    /// True if the event is hidden from public lists.
    async fn is_private(&self) -> bool {
        self.inner().is_private
    }

    /// Start of the run.
    async fn starts_at(&self) -> Option<DateTime> {
        self.to_date_time(self.inner().starts_at)
    }

    /// End of the run.
    async fn ends_at(&self) -> Option<DateTime> {
        self.to_date_time(self.inner().ends_at)
    }

    /// Duration of one performance in minutes.
    async fn duration_minutes(&self) -> Option<i32> {
        self.inner().duration_minutes.map(int)
    }

    /// Places per performance.
    async fn capacity(&self) -> Option<i32> {
        self.inner().capacity.map(int)
    }

    /// Number of tickets sold over all performances, if the source reports it.
    async fn sold_quantity(&self) -> Option<i32> {
        self.inner().sold_quantity.map(int)
    }

    /// The lowest price that is for sale.
    async fn price_from(&self) -> Option<Money> {
        self.inner().price_from.map(Money)
    }

    /// The sections of the venue.
    async fn sections(&self) -> Vec<Section> {
        Section::list(&self.0)
    }

    /// The ticket types. Empty, with an error on this field, if the source could not be read.
    async fn ticket_types(&self, ctx: &Context<'_>) -> Vec<TicketType> {
        let found = Ctx::of(ctx).loaders.load(TicketTypesOf(self.0.clone())).await;
        or_add_error(ctx, found.map(|list| TicketType::list(&self.0.source, &list.value)))
    }

    /// One row per day, cheap and cached. Empty, with an error on this field, if the source could not be read.
    async fn calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, in the zone of the source.")] from: LocalDate,
        #[graphql(desc = "The last day; at most 366 days including the first.")] to: LocalDate,
    ) -> Result<Vec<CalendarDay>, ApiError> {
        let days = DayRange::new(from.0, to.0)?;
        let found = Ctx::of(ctx).loaders.load(CalendarOf { event: self.0.clone(), days }).await;
        Ok(or_add_error(ctx, found.map(|days| CalendarDay::list(&self.0.source, &days))))
    }

    /// The performances, by start time.
    async fn performances(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Earliest start time. Default: now.")] from: Option<DateTime>,
        #[graphql(desc = "Latest start time (exclusive); at most 366 days after `from`.")] to: Option<DateTime>,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<PerformanceConnection, ApiError> {
        let app = Ctx::of(ctx);
        let window = (from.map(|from| from.at), to.map(|to| to.at));
        let query = PerformanceQuery::new(window, first, after.as_deref(), app.now)?;
        let outcome = app.loaders.load(PerformancesOf { event: self.0.clone(), query }).await;
        Ok(PerformanceConnection::new(&self.0, outcome))
    }

    /// Staff credentials of the gate. Empty if the source has no gate. Requires the scope `admission:read`.
    async fn admission_tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "True for the token that covers all sections only, false for the others only.")]
        is_global: Option<bool>,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<AdmissionTokenConnection, ApiError> {
        let app = Ctx::of(ctx);
        if let Err(forbidden) = app.require(Scope::AdmissionRead) {
            add_error(ctx, forbidden);
            return Ok(AdmissionTokenConnection::empty(Vec::new()));
        }
        let query = AdmissionTokenQuery::new(is_global, first, after.as_deref())?;
        Ok(match app.loaders.load(TokensOf { event: self.0.clone(), query }).await {
            Ok(slice) => AdmissionTokenConnection::new(&self.0, &slice),
            Err(failure) => AdmissionTokenConnection::empty(vec![app.problem(&failure)]),
        })
    }

    /// The editable fields. Null if the source cannot edit events or the viewer lacks the scope `event:write`.
    async fn authoring(&self, ctx: &Context<'_>) -> Option<EventAuthoring> {
        EventAuthoring::of(Ctx::of(ctx), &self.0)
    }

    /// The age of the data.
    async fn freshness(&self) -> Freshness {
        Freshness::of(&self.0.source, self.0.value.freshness)
    }
}

/// A page of events. A source that failed is listed in `problems`; the list itself is never null.
pub struct EventConnection {
    /// The page.
    pub page: EventPage,
    /// The failures of sources.
    pub problems: Vec<Problem>,
}

/// A page of events. A source that failed is listed in `problems`; the list itself is never null.
#[Object]
impl EventConnection {
    /// The events with their cursors.
    async fn edges(&self) -> JsonRows<EventEdge> {
        JsonRows(self.page.events.iter().cloned().map(EventEdge).collect())
    }

    /// The events.
    async fn nodes(&self) -> JsonRows<Event> {
        JsonRows(self.page.events.iter().cloned().map(Event).collect())
    }

    /// Paging information.
    async fn page_info(&self) -> PageInfo {
        let events = &self.page.events;
        PageInfo {
            has_next_page: self.page.has_next,
            has_previous_page: self.page.has_previous,
            start_cursor: events.first().map(|event| event.cursor().encode()),
            end_cursor: events.last().map(|event| event.cursor().encode()),
        }
    }

    /// Total number of matches in the sources that responded.
    async fn total_count(&self) -> Option<i32> {
        i32::try_from(self.page.total).ok()
    }

    /// The sources that failed, with the reason.
    async fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// An event with its cursor.
pub struct EventEdge(pub(in crate::graphql) SourcedEvent);

/// An event with its cursor.
#[Object]
impl EventEdge {
    /// The state of the event.
    async fn cursor(&self) -> String {
        self.0.cursor().encode()
    }

    /// The event.
    async fn node(&self) -> Event {
        Event(self.0.clone())
    }
}
