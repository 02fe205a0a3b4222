//! Three months of orders for the built-in sandbox, which the emulated vendors sold.

mod course;
mod formats;
mod plan;
mod purchase;
mod visitors;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use domain::{Currency, SourceId, VendorKind};
use emulators::PastSales;
use orders::history::PastOrder;
use orders::{Orders, ProblemCode};

/// A source with its emulated vendor.
pub struct Venue<'a> {
    /// The source.
    pub source: SourceId,
    /// Its vendor.
    pub vendor: VendorKind,
    /// Its institution at the vendor.
    pub institution: String,
    /// Its time zone.
    pub time_zone: TimeZone,
    /// Currency of its prices.
    pub currency: Currency,
    /// Its own account at the vendor, as configured.
    pub account: BTreeMap<String, String>,
    /// Past sales of the emulated vendor.
    pub sales: &'a dyn PastSales,
}

/// A seller: a reseller, or the own shop.
#[derive(Debug, Clone)]
pub struct Seller {
    /// API caller that places its orders.
    pub caller: String,
    /// Key of the reseller. `None` for the own shop.
    pub reseller: Option<String>,
    /// Its sources, each with the vendor's ids of the events and ticket types that it may sell. Empty: all.
    pub sources: BTreeMap<SourceId, BTreeSet<String>>,
}

/// Failure to make up orders.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// An order could not be planned or canceled.
    #[error("a made-up order is refused: {}", .0.iter().map(|code| code.name()).collect::<Vec<_>>().join(", "))]
    Refused(Vec<ProblemCode>),
    /// The emulated vendor of a source did not record a sale.
    #[error("the emulated vendor of {0} refuses a made-up sale")]
    NotRecorded(SourceId),
}

/// Makes up orders of the three months before `now`, and records their sales at the emulated vendors, which must have none. The same time,
/// venues and sellers give the same orders.
///
/// # Errors
///
/// Fails if the orders or the emulated vendors refuse an order, which is a mistake in this crate.
pub fn make_orders(
    orders: &Orders,
    venues: &[Venue<'_>],
    sellers: &[Seller],
    now: Timestamp,
) -> Result<Vec<PastOrder>, HistoryError> {
    let purchases = plan::draw(venues, sellers, now);
    course::run(orders, venues, sellers, purchases, now)
}
