//! The catalogue: what a source sells, when, at which price, and how much is left.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::error::{Batch, VendorError};
use crate::ids::{EventKey, ExternalRef, PerformanceKey, SectionKey, TicketTypeKey};
use crate::money::{Money, Price};
use crate::text::Text;
use crate::time::{Freshness, Observed};

/// How a visit is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BookingMode {
    /// A start time.
    Timed,
    /// A day.
    Dated,
    /// Any day within a validity.
    Open,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventStatus {
    /// Not published.
    Draft,
    /// For sale.
    OnSale,
    /// Shown, not for sale. Also what an unknown vendor status becomes.
    OffSale,
    /// Called off by the venue.
    Cancelled,
    /// Over.
    Ended,
}

/// What a list covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// What every visitor may see: published, not private.
    Public,
    /// Also private events and drafts.
    Everything,
}

/// Something that a source sells tickets for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The key in its source.
    pub key: EventKey,
    /// The vendor's own identifiers.
    pub refs: Vec<ExternalRef>,
    /// The title.
    pub title: Text,
    /// One or two sentences.
    pub summary: Option<Text>,
    /// The whole description; HTML is reduced to safe tags.
    pub description: Option<Text>,
    /// An absolute address of a picture.
    pub image: Option<String>,
    /// The place, as the source names it.
    pub venue: Option<String>,
    /// Categories, as the source names them.
    pub categories: Vec<String>,
    /// IANA name of the zone in which the event takes place.
    pub time_zone: String,
    /// How a visit is booked.
    pub booking_mode: BookingMode,
    /// Where the event stands.
    pub status: EventStatus,
    /// Hidden from ordinary lists.
    pub is_private: bool,
    /// Begin of the run.
    pub starts_at: Option<Timestamp>,
    /// End of the run.
    pub ends_at: Option<Timestamp>,
    /// Length of one performance.
    pub duration_minutes: Option<u32>,
    /// Places of one performance.
    pub capacity: Option<u32>,
    /// Tickets sold over all performances.
    pub sold_quantity: Option<u32>,
    /// The lowest price of what is for sale.
    pub price_from: Option<Money>,
    /// The sections of the place.
    pub sections: Vec<Section>,
    /// The ticket types, where the source tells them along with the event: they need no further call.
    pub listed_ticket_types: Option<Arc<Vec<TicketType>>>,
    /// All performances, where the source tells them along with the event: they need no further call.
    pub listed_performances: Option<Arc<Vec<Arc<Performance>>>>,
}

/// A part of the place: a section, a seat category, an area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The key in its source.
    pub key: SectionKey,
    /// The name.
    pub name: Text,
    /// Places, where told.
    pub capacity: Option<u32>,
    /// The vendor's own identifiers.
    pub refs: Vec<ExternalRef>,
}

/// A dated instance of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Performance {
    /// The key in its source.
    pub key: PerformanceKey,
    /// The event it is an instance of.
    pub event: EventKey,
    /// The vendor's own identifiers.
    pub refs: Vec<ExternalRef>,
    /// Begin; none for dated and open visits.
    pub starts_at: Option<Timestamp>,
    /// End.
    pub ends_at: Option<Timestamp>,
    /// The day in the zone of the source; none for open visits.
    pub date: Option<Date>,
    /// The last moment of sale.
    pub cutoff_at: Option<Timestamp>,
    /// Offers and an upper bound of places, where the source tells them along with the performance.
    pub listed_availability: Option<Arc<Availability>>,
}

/// Who a ticket is for.
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
    /// Anything else, or not told.
    Other,
}

/// A kind of ticket for an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketType {
    /// The key in its source.
    pub key: TicketTypeKey,
    /// The event that it is for.
    pub event: EventKey,
    /// The vendor's own identifiers.
    pub refs: Vec<ExternalRef>,
    /// The name.
    pub name: Text,
    /// More about it.
    pub description: Option<Text>,
    /// Who it is for.
    pub audience: Audience,
    /// Youngest age.
    pub min_age: Option<u32>,
    /// Oldest age.
    pub max_age: Option<u32>,
    /// People admitted by one ticket.
    pub admits: u32,
    /// The section it admits to.
    pub section: Option<Section>,
    /// The usual price; a performance may have another, see [`Offer`].
    pub price: Option<Price>,
    /// Fewest per order.
    pub min_per_order: Option<u32>,
    /// Most per order.
    pub max_per_order: Option<u32>,
}

impl TicketType {
    /// Whether an id of the vendor means this: its key, or one of the vendor's own identifiers.
    pub fn is_named(&self, id: &str) -> bool {
        self.key.as_str() == id || self.refs.iter().any(|known| known.value == id)
    }
}

/// How much is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AvailabilityStatus {
    /// For sale.
    Available,
    /// For sale, and nearly gone.
    Limited,
    /// Nothing left.
    SoldOut,
    /// Not for sale: past, cancelled, or not through us.
    Closed,
    /// For sale without a limit.
    Freesale,
    /// The vendor could not be reached. It never means sold out.
    Unknown,
}

/// What is free for one performance, and at which prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// The overall state.
    pub status: AvailabilityStatus,
    /// Places left, where told.
    pub vacancies: Option<u32>,
    /// All places, where told.
    pub capacity: Option<u32>,
    /// Most per order.
    pub max_per_order: Option<u32>,
    /// What can be bought.
    pub offers: Vec<Offer>,
}

/// A ticket type at a price for one performance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What is sold.
    pub ticket_type: Arc<TicketType>,
    /// At which price.
    pub price: Price,
    /// How many are left of it, where told.
    pub vacancies: Option<u32>,
    /// Its own state.
    pub status: AvailabilityStatus,
}

/// One row a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarDay {
    /// The day in the zone of the source.
    pub date: Date,
    /// The best state among the performances of the day.
    pub status: AvailabilityStatus,
    /// The lowest price of the day.
    pub price_from: Option<Money>,
    /// How many performances.
    pub performance_count: u32,
    /// How old the row is.
    pub freshness: Freshness,
}

/// Which performances are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Not before.
    pub from: Timestamp,
    /// Not at or after; none: as far as `limit` needs, or the source can cheaply tell.
    pub to: Option<Timestamp>,
    /// At most this many for each event.
    pub limit: usize,
}

/// The one capability that every source has: telling what it sells.
///
/// Every answer of a batch holds every key that was asked for. A key that the source never made is
/// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), and never fails its neighbours.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// Lists every event in scope, in ascending order of key. The vendor's paging is walked to its end.
    async fn list_events(&self, scope: Scope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError>;

    /// Reads events by key, private ones and drafts too.
    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>>;

    /// Reads the ticket types of events.
    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>>;

    /// Lists the performances of events inside a window, by ascending start (of the day, where there is no time), then key,
    /// at most `limit` for each event.
    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>>;

    /// Reads performances by key.
    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>>;

    /// Tells what is free, no older than `max_age`. What came along with the performance is enough where it is young enough
    /// and complete; zero always asks the vendor.
    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>>;

    /// One row for each day of `from..=to`, at most 366, cheap: from facts at hand wherever the vendor allows.
    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>>;
}
