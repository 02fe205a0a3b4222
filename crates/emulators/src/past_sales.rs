//! Sales that the emulated vendors made before they started, so that a sandbox has a past. All ids and names are those of the vendor.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// Past sales of an emulated vendor.
pub trait PastSales: Send + Sync {
    /// Returns what an institution offers on days of visits, the past ones included, in order of time. Vendors with one institution
    /// ignore its name.
    fn offers(&self, institution: &str, from: Date, to: Date) -> Vec<PastOffer>;

    /// Returns true if anything was sold.
    fn has_sales(&self) -> bool;

    /// Records sales in ascending order of time, and returns a receipt of each. `None` for a sale of something that was not
    /// offered.
    fn record(&self, institution: &str, sales: &[PastSale]) -> Vec<Option<PastReceipt>>;
}

/// A performance that is or was for sale.
#[derive(Debug, Clone)]
pub struct PastOffer {
    /// Id of the event.
    pub event: String,
    /// Name of the event by language, the main language first. Names without a language have an empty one.
    pub title: Vec<(&'static str, String)>,
    /// Id of the performance.
    pub performance: String,
    /// Start of the performance.
    pub starts_at: Timestamp,
    /// Day of the visit at the venue.
    pub day: Date,
    /// Start of the sale, if it is limited.
    pub sale_starts_at: Option<Timestamp>,
    /// End of the sale, if it is limited.
    pub sale_ends_at: Option<Timestamp>,
    /// Ticket types.
    pub ticket_types: Vec<PastTicketType>,
}

/// A ticket type with its price in major units.
#[derive(Debug, Clone)]
pub struct PastTicketType {
    /// Id of the ticket type.
    pub id: String,
    /// Id of the part of the house, if the price depends on it.
    pub section: Option<String>,
    /// Price of a ticket without the fee.
    pub price: Decimal,
    /// Price before a reduction.
    pub list_price: Decimal,
    /// Fee of the vendor, if it has fees.
    pub fee: Option<Decimal>,
    /// Free places before any past sale. Ticket types of one section share them.
    pub places: u32,
}

/// A sale of the past.
#[derive(Debug, Clone)]
pub struct PastSale {
    /// Time of the sale.
    pub at: Timestamp,
    /// Reference of the buyer's system.
    pub reference: String,
    /// Account that bought.
    pub buyer: String,
    /// Fields of the visitor, by the vendor's names.
    pub contact: BTreeMap<String, String>,
    /// Items.
    pub items: Vec<PastItem>,
    /// End of the sale.
    pub end: PastEnd,
}

/// An item of a sale.
#[derive(Debug, Clone)]
pub struct PastItem {
    /// Id of the performance.
    pub performance: String,
    /// Id of the ticket type.
    pub ticket_type: String,
    /// Id of the part of the house.
    pub section: Option<String>,
    /// Number of tickets.
    pub quantity: u32,
    /// True if it was refunded.
    pub is_refunded: bool,
}

/// End of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastEnd {
    /// The hold expired; nothing was sold.
    Expired,
    /// Sold. The tickets that were not refunded were used at this time, if there is one.
    Sold(Option<Timestamp>),
}

/// Receipt of a sale, for the system of the buyer.
#[derive(Debug, Clone)]
pub struct PastReceipt {
    /// Ids, by the vendor's names.
    pub ids: BTreeMap<&'static str, String>,
    /// Total in major units, with fees.
    pub total: Decimal,
    /// Tickets in the order of the items. For a hold that expired, its seats, if the vendor names them.
    pub tickets: Vec<PastTicket>,
}

/// A ticket of a sale.
#[derive(Debug, Clone)]
pub struct PastTicket {
    /// Index of the item.
    pub item: usize,
    /// Ids, by the vendor's names.
    pub ids: BTreeMap<&'static str, String>,
    /// Code for the gate. Empty for a seat of a hold that expired.
    pub code: String,
}
