//! Sums of sales, which the store computes over many orders without loading them.

use jiff::Timestamp;

use domain::text::LocalizedText;
use domain::{Currency, EventKey, SourceId, TicketTypeKey};

/// Period of confirmations, from its begin to before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalesPeriod {
    /// First instant of the period.
    pub begin: Timestamp,
    /// First instant after the period.
    pub end: Timestamp,
}

/// Legs to sum: those of one reseller at one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalesScope<'a> {
    /// Key of the reseller.
    pub reseller: &'a str,
    /// The source.
    pub source: &'a SourceId,
}

/// Sales in one currency that were confirmed in one period. Amounts are in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalesSum {
    /// Index of the period.
    pub period: usize,
    /// Currency of the amounts: that of the amount charged by the source, or else the first one of the planned total.
    pub currency: Currency,
    /// Number of orders.
    pub orders: u32,
    /// Number of tickets sold, including those canceled later.
    pub tickets_sold: u32,
    /// Number of tickets canceled.
    pub tickets_voided: u32,
    /// Number of tickets used.
    pub tickets_used: u32,
    /// Amount charged by the source, or else the planned total.
    pub gross: i64,
    /// Amount refunded: the one reported by the source, or else that of the canceled lines without the cancellation fee, which is
    /// rounded down in favor of the visitor. At most the amount charged, per order.
    pub refunded: i64,
}

/// Number of orders in one currency whose outcome at the source is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnresolvedSum {
    /// First currency of the planned total.
    pub currency: Currency,
    /// Number of orders.
    pub orders: u32,
}

/// Key by which sales are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SalesGrouping {
    /// Event.
    Event,
    /// Ticket type of an event.
    TicketType,
}

/// Event or ticket type that sales are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesGroup {
    /// Event.
    pub event: EventKey,
    /// Title of the event as one of the orders has it. `None` if it was not recorded.
    pub event_title: Option<LocalizedText>,
    /// Ticket type. `None` if the group is the event.
    pub ticket_type: Option<TicketTypeKey>,
}

/// Part of the sales in one currency. The amounts of a leg are divided among its lines by their planned amounts, so that the parts add up
/// to the sums. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesPart {
    /// The group. `None` for everything else.
    pub group: Option<SalesGroup>,
    /// Number of orders.
    pub orders: u32,
    /// Number of tickets sold, including those canceled later.
    pub tickets_sold: u32,
    /// Number of tickets canceled.
    pub tickets_voided: u32,
    /// Number of tickets used.
    pub tickets_used: u32,
    /// Share of the amounts charged.
    pub gross: i64,
    /// Share of the amounts refunded.
    pub refunded: i64,
}
