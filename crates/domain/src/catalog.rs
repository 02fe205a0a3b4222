//! The catalog port: events, performances, ticket types, prices and availability of a source.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::error::{Batch, VendorError};
use crate::ids::{EventKey, ExternalRef, PerformanceKey, SectionKey, TicketTypeKey};
use crate::money::{Money, Price};
use crate::text::LocalizedText;
use crate::time::{Freshness, Observed};
use crate::web_url::WebUrl;

/// The way a visit is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BookingMode {
    /// For a start time.
    Timed,
    /// For a day.
    Dated,
    /// For any day within a validity period.
    Open,
}

/// Sales status of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventStatus {
    /// Not published.
    Draft,
    /// For sale.
    OnSale,
    /// Shown, but not for sale. An unknown vendor status maps to this value.
    OffSale,
    /// Canceled by the venue.
    Cancelled,
    /// Over.
    Ended,
}

/// The events included in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CatalogScope {
    /// Events that every visitor may see: published and not private.
    Public,
    /// All events, including private ones and drafts.
    All,
}

/// An event: anything that a source sells tickets for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Key in its source.
    pub key: EventKey,
    /// The vendor's own identifiers.
    pub refs: Vec<ExternalRef>,
    /// Title.
    pub title: LocalizedText,
    /// Summary of one or two sentences.
    pub summary: Option<LocalizedText>,
    /// Full description. HTML is reduced to safe tags.
    pub description: Option<LocalizedText>,
    /// URL of an image.
    pub image: Option<WebUrl>,
    /// Venue, as the source names it.
    pub venue: Option<String>,
    /// Categories, as the source names them.
    pub categories: Vec<String>,
    /// IANA time zone of the event.
    pub time_zone: String,
    /// The way a visit is booked.
    pub booking_mode: BookingMode,
    /// Sales status.
    pub status: EventStatus,
    /// True if the event is hidden from public lists.
    pub is_private: bool,
    /// Start of the run.
    pub starts_at: Option<Timestamp>,
    /// End of the run.
    pub ends_at: Option<Timestamp>,
    /// Length of one performance in minutes.
    pub duration_minutes: Option<u32>,
    /// Capacity of one performance.
    pub capacity: Option<u32>,
    /// Number of tickets sold over all performances.
    pub sold_quantity: Option<u32>,
    /// Lowest price on sale.
    pub price_from: Option<Money>,
    /// Sections of the venue.
    pub sections: Vec<Section>,
    /// Ticket types, if the source returns them together with the event, so that no further call is needed.
    pub listed_ticket_types: Option<Arc<Vec<TicketType>>>,
    /// All performances, if the source returns them together with the event, so that no further call is needed.
    pub listed_performances: Option<Arc<Vec<Arc<Performance>>>>,
}

/// A section of the venue: a block, a seat category, an area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Key in its source.
    pub key: SectionKey,
    /// Name.
    pub name: LocalizedText,
    /// Capacity, if known.
    pub capacity: Option<u32>,
    /// The vendor's own identifiers.
    pub refs: Vec<ExternalRef>,
}

/// A dated instance of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Performance {
    /// Key in its source.
    pub key: PerformanceKey,
    /// Event of the performance.
    pub event: EventKey,
    /// The vendor's own identifiers.
    pub refs: Vec<ExternalRef>,
    /// Start. `None` for dated and open visits.
    pub starts_at: Option<Timestamp>,
    /// End.
    pub ends_at: Option<Timestamp>,
    /// Day in the time zone of the source. `None` for open visits.
    pub date: Option<Date>,
    /// End of sales.
    pub cutoff_at: Option<Timestamp>,
    /// Offers and an upper bound of the vacancies, if the source returns them together with the performance.
    pub listed_availability: Option<Arc<Availability>>,
}

/// Audience of a ticket type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Audience {
    /// Adults.
    Adult,
    /// Children.
    Child,
    /// Young people.
    Youth,
    /// Infants.
    Infant,
    /// Senior citizens.
    Senior,
    /// Students.
    Student,
    /// A family on one ticket.
    Family,
    /// Members of the venue.
    Member,
    /// Groups.
    Group,
    /// Anything else, or unknown.
    Other,
}

/// A ticket type of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketType {
    /// Key in its source.
    pub key: TicketTypeKey,
    /// Event of the ticket type.
    pub event: EventKey,
    /// The vendor's own identifiers.
    pub refs: Vec<ExternalRef>,
    /// Name.
    pub name: LocalizedText,
    /// Description.
    pub description: Option<LocalizedText>,
    /// Audience.
    pub audience: Audience,
    /// Minimum age.
    pub min_age: Option<u32>,
    /// Maximum age.
    pub max_age: Option<u32>,
    /// Number of people admitted by one ticket.
    pub admits: u32,
    /// Section to which the ticket admits.
    pub section: Option<Section>,
    /// Regular price. A performance may have a different one, see [`Offer`].
    pub price: Option<Price>,
    /// Minimum quantity per order.
    pub min_per_order: Option<u32>,
    /// Maximum quantity per order.
    pub max_per_order: Option<u32>,
}

impl TicketType {
    /// Returns true if `id` is the key or one of the vendor's own identifiers.
    pub fn matches_id(&self, id: &str) -> bool {
        self.key.as_str() == id || self.refs.iter().any(|external| external.value == id)
    }
}

/// Availability of a performance or an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AvailabilityStatus {
    /// For sale.
    Available,
    /// For sale, and nearly sold out.
    Limited,
    /// Sold out.
    SoldOut,
    /// Not for sale: past, canceled, or not sold through this service.
    Closed,
    /// For sale without a capacity limit.
    Freesale,
    /// The vendor could not be reached. Never means sold out.
    Unknown,
}

/// Availability and offers of one performance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// Overall status.
    pub status: AvailabilityStatus,
    /// Number of vacancies, if known.
    pub vacancies: Option<u32>,
    /// Total capacity, if known.
    pub capacity: Option<u32>,
    /// Maximum quantity per order.
    pub max_per_order: Option<u32>,
    /// Offers that can be bought.
    pub offers: Vec<Offer>,
}

/// An offer: a ticket type at a price for one performance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Ticket type.
    pub ticket_type: Arc<TicketType>,
    /// Price.
    pub price: Price,
    /// Number of vacancies for this offer, if known.
    pub vacancies: Option<u32>,
    /// Status of this offer.
    pub status: AvailabilityStatus,
}

/// One day of an event calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarDay {
    /// Day in the time zone of the source.
    pub date: Date,
    /// Best status among the performances of the day.
    pub status: AvailabilityStatus,
    /// Lowest price of the day.
    pub price_from: Option<Money>,
    /// Number of performances.
    pub performance_count: u32,
    /// Age of the data.
    pub freshness: Freshness,
}

/// A time window and limit for listing performances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PerformanceWindow {
    /// Start of the window, inclusive.
    pub from: Timestamp,
    /// End of the window, exclusive. `None` means as far as `limit` requires or as the source can list cheaply.
    pub to: Option<Timestamp>,
    /// Maximum number of performances per event.
    pub limit: usize,
}

/// Capability: reads the catalog of the source. The only capability that every source has.
///
/// The result of a batch contains every requested key. An unknown key yields
/// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) and never fails the other keys.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// Lists all events in scope, in ascending order of key. Follows the vendor's paging to the end.
    async fn list_events(&self, scope: CatalogScope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError>;

    /// Loads events by key, including private ones and drafts.
    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>>;

    /// Loads the ticket types of events.
    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>>;

    /// Lists the performances of events in a window, at most `limit` per event. They are sorted by start (the start of the
    /// day if there is no time), then by key.
    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>>;

    /// Loads performances by key.
    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>>;

    /// Loads availability no older than `max_age`. Availability that was returned together with the performance is reused
    /// if it is recent enough and complete. A `max_age` of zero always calls the vendor.
    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>>;

    /// Loads one row for each day of `from..=to`, at most 366. Uses data at hand where the vendor allows it, to keep the
    /// call cheap.
    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>>;
}
