//! Results of catalog and orders: the data of the gateway's documents, by the names of their fields.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

/// A source.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceFacts {
    /// Global id.
    pub id: String,
    /// Key in the configuration.
    pub name: String,
    /// The venue, tenant or host.
    pub institution: String,
    /// Currency of its prices, if it has only one.
    pub default_currency: Option<String>,
    /// Names of its capabilities.
    pub capabilities: Vec<String>,
}

impl SourceFacts {
    /// Returns true if the source has a capability.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|one| one == capability)
    }
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MoneyFacts {
    /// Minor units.
    pub amount: i64,
    /// The currency.
    pub currency: String,
    /// Number of decimal places.
    pub exponent: u32,
}

/// A tax that a price includes.
#[derive(Debug, Clone, Deserialize)]
pub struct TaxFacts {
    /// Name of the tax.
    pub name: String,
    /// Amount.
    pub amount: MoneyFacts,
}

/// A price.
#[derive(Debug, Clone, Deserialize)]
pub struct PriceFacts {
    /// Price for the visitor.
    pub retail: MoneyFacts,
    /// Price before a reduction.
    pub original: Option<MoneyFacts>,
    /// Amount that the reseller owes, if the caller may see it.
    pub net: Option<MoneyFacts>,
    /// Taxes included.
    pub taxes: Vec<TaxFacts>,
}

/// A ticket type.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitFacts {
    /// Global id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Audience.
    pub audience: String,
    /// Minimum age.
    pub min_age: Option<i64>,
    /// Maximum age.
    pub max_age: Option<i64>,
    /// Number of people that one ticket admits.
    pub admits: i64,
    /// Smallest quantity.
    pub min_per_order: Option<i64>,
    /// Largest quantity.
    pub max_per_order: Option<i64>,
    /// Regular price.
    pub price: Option<PriceFacts>,
    /// Name in the language of the request, where content was read.
    #[serde(default)]
    pub public_name: Option<String>,
    /// Description in the language of the request, where content was read.
    #[serde(default)]
    pub description: Option<String>,
}

/// Booking mode of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VisitMode {
    /// For a start time.
    Timed,
    /// For a day.
    Dated,
    /// For any day within the validity.
    Open,
}

/// The source of an event.
#[derive(Debug, Clone, Deserialize)]
pub struct EventSource {
    /// Global id.
    pub id: String,
}

/// Start of a performance.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartFacts {
    /// Start time.
    pub starts_at: Option<Timestamp>,
}

/// A list without pages.
#[derive(Debug, Clone, Deserialize)]
pub struct Nodes<T> {
    /// Items.
    pub nodes: Vec<T>,
}

/// An event.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventFacts {
    /// Global id.
    pub id: String,
    /// Title.
    pub title: String,
    /// State.
    pub status: String,
    /// True if it is hidden from public lists.
    pub is_private: bool,
    /// Booking mode of a visit.
    pub booking_mode: VisitMode,
    /// Minutes of one performance.
    pub duration_minutes: Option<i64>,
    /// Time zone.
    pub time_zone: String,
    /// Source.
    pub source: EventSource,
    /// Ticket types.
    pub ticket_types: Vec<UnitFacts>,
    /// The next performances, where they were read.
    #[serde(default)]
    pub performances: Option<Nodes<StartFacts>>,
    /// Title in the language of the request, where content was read.
    #[serde(default)]
    pub public_title: Option<String>,
    /// Summary in the language of the request, where content was read.
    #[serde(default)]
    pub summary: Option<String>,
    /// Description in the language of the request, where content was read.
    #[serde(default)]
    pub description: Option<String>,
    /// URL of a picture, where content was read.
    #[serde(default)]
    pub image: Option<String>,
    /// Categories, where content was read.
    #[serde(default)]
    pub categories: Vec<String>,
}

impl EventFacts {
    /// Returns true if the event is in lists for everybody.
    pub fn is_listed(&self) -> bool {
        !self.is_private && matches!(self.status.as_str(), "ON_SALE" | "OFF_SALE")
    }

    /// Finds a ticket type.
    pub fn find_unit(&self, id: &str) -> Option<&UnitFacts> {
        self.ticket_types.iter().find(|unit| unit.id == id)
    }
}

/// An offer of a performance.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferFacts {
    /// State.
    pub status: String,
    /// Places left.
    pub vacancies: Option<i64>,
    /// Ticket type.
    pub ticket_type: IdOnly,
    /// Price.
    pub price: PriceFacts,
}

/// An object of which only the id was read.
#[derive(Debug, Clone, Deserialize)]
pub struct IdOnly {
    /// Global id.
    pub id: String,
}

/// An availability.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AvailabilityFacts {
    /// State.
    pub status: String,
    /// Places left.
    pub vacancies: Option<i64>,
    /// Places.
    pub capacity: Option<i64>,
    /// Largest quantity of an order.
    pub max_per_order: Option<i64>,
    /// Offers.
    pub offers: Vec<OfferFacts>,
}

/// A performance.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceFacts {
    /// Global id.
    pub id: String,
    /// The event, where it was read.
    #[serde(default)]
    pub event: Option<IdOnly>,
    /// Start time.
    pub starts_at: Option<Timestamp>,
    /// End time.
    pub ends_at: Option<Timestamp>,
    /// Day of the visit.
    pub date: Option<Date>,
    /// End of sales.
    pub cutoff_at: Option<Timestamp>,
    /// Availability, where it was read.
    #[serde(default)]
    pub availability: Option<AvailabilityFacts>,
}

/// A day of a calendar.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayFacts {
    /// Day.
    pub date: Date,
    /// Best state of the day.
    pub status: String,
}

/// A problem of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemFacts {
    /// Code.
    pub code: String,
    /// Path of the input, where it was read.
    #[serde(default)]
    pub path: Option<Vec<String>>,
    /// Delay before a retry.
    pub retry_after_seconds: Option<u64>,
}

impl ProblemFacts {
    /// Returns true if a field of the input caused it.
    pub fn is_about_input(&self) -> bool {
        self.path.as_ref().is_some_and(|path| !path.is_empty())
    }
}

/// A code of a ticket, or the name of another way of delivery.
#[derive(Clone, Deserialize)]
pub struct DeliveryFacts {
    /// Symbology of a code.
    #[serde(default)]
    pub symbology: Option<String>,
    /// Content of a code, if the caller may see it.
    #[serde(default)]
    pub value: Option<String>,
}

/// Codes are not printed.
impl std::fmt::Debug for DeliveryFacts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "DeliveryFacts({:?})", self.symbology)
    }
}

/// An event of a ticket's history.
#[derive(Debug, Clone, Deserialize)]
pub struct TicketEventFacts {
    /// Time.
    pub at: Timestamp,
    /// New state.
    pub state: String,
}

/// A ticket.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketFacts {
    /// State.
    pub status: String,
    /// Time of use.
    pub used_at: Option<Timestamp>,
    /// Ways of delivery.
    #[serde(default)]
    pub deliveries: Vec<DeliveryFacts>,
    /// History.
    #[serde(default)]
    pub timeline: Vec<TicketEventFacts>,
}

/// A line of an order.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLineFacts {
    /// Number of tickets.
    pub quantity: usize,
    /// Price of one ticket.
    pub unit_price: PriceFacts,
    /// Price of the line.
    pub total: PriceFacts,
    /// Tickets, once issued.
    pub tickets: Vec<TicketFacts>,
}

/// Terms of a cancellation.
#[derive(Debug, Clone, Deserialize)]
pub struct CancellationFacts {
    /// True if it is possible now.
    pub possible: bool,
}

/// A leg of an order.
#[derive(Debug, Clone, Deserialize)]
pub struct LegFacts {
    /// Terms of a cancellation.
    pub cancellation: CancellationFacts,
}

/// Totals of an order in one currency.
#[derive(Debug, Clone, Deserialize)]
pub struct TotalsFacts {
    /// Refund of what was canceled.
    pub refunded: MoneyFacts,
    /// Fee that was kept.
    pub fee: MoneyFacts,
}

/// An order.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderFacts {
    /// Global id.
    pub id: String,
    /// Number for people.
    pub number: String,
    /// State.
    pub status: String,
    /// True for a test order.
    pub test_mode: bool,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
    /// End of the hold.
    pub hold_expires_at: Option<Timestamp>,
    /// Totals, one per currency.
    #[serde(default)]
    pub totals: Vec<TotalsFacts>,
    /// Names of the actions that are available.
    pub available_actions: Vec<String>,
    /// Problems of the legs.
    pub problems: Vec<ProblemFacts>,
    /// Legs: one, because a booking has one product.
    pub legs: Vec<LegFacts>,
    /// Lines, one for each unit, in the order of the request.
    pub lines: Vec<OrderLineFacts>,
}

impl OrderFacts {
    /// Returns true if an action is available.
    pub fn can(&self, action: &str) -> bool {
        self.available_actions.iter().any(|one| one == action)
    }

    /// Returns the tickets of all lines.
    pub fn tickets(&self) -> impl Iterator<Item = &TicketFacts> {
        self.lines.iter().flat_map(|line| &line.tickets)
    }
}

/// A quote of a cancellation.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuoteFacts {
    /// Global id.
    pub id: String,
    /// Lines that are canceled.
    pub lines: Vec<IdOnly>,
}

/// Result of a mutation of an order.
#[derive(Debug, Clone, Deserialize)]
pub struct OrderMutation {
    /// The order as it is now.
    pub order: Option<OrderFacts>,
    /// Expected failures.
    pub problems: Vec<ProblemFacts>,
}

/// Result of a quote.
#[derive(Debug, Clone, Deserialize)]
pub struct QuoteMutation {
    /// The quote.
    pub quote: Option<QuoteFacts>,
    /// Expected failures.
    pub problems: Vec<ProblemFacts>,
}
