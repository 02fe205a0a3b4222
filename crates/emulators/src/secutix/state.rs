//! State of the emulated S-360: carts, sales, tickets, and overrides of the catalog.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::secutix::readings::Readings;
use crate::secutix::webhook::Webhook;

/// Lifetime of a cart after its last change, in minutes (`orderAbandonDelay`).
pub(super) const ABANDON_MINUTES: i64 = 15;
/// Maximum lifetime of a cart, in minutes.
const MAX_CART_MINUTES: i64 = 60;

/// State that outlives the process.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct SecutixState {
    /// Last assigned number.
    last_number: i64,
    /// Carts and sales of all institutions.
    pub orders: BTreeMap<i64, SecutixOrder>,
    /// Overrides of the day's catalog.
    pub overrides: Overrides,
    /// Days before today that the catalog shows beside those of the usual one.
    #[serde(default)]
    pub days_back: i32,
    /// Pending catalog requests and their number of polls.
    pub catalog_requests: BTreeMap<i64, u32>,
    /// Orders that were closed and whose webhook was not sent.
    #[serde(default)]
    pub closed_orders: Vec<i64>,
}

/// Overrides made by state changes.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Overrides {
    /// Prices in thousandths, by product, performance or pass item.
    pub prices: BTreeMap<i64, i64>,
    /// States of products and performances.
    pub states: BTreeMap<i64, String>,
    /// Sold-out products, performances and pass items.
    pub sold_out: BTreeSet<i64>,
    /// Extra seats per category of a performance, or per pass item; may be negative.
    pub extra_capacity: BTreeMap<i64, i64>,
    /// Time of the last setup change, by institution.
    pub setup_changed_at: BTreeMap<String, Timestamp>,
    /// Time of the last availability change, by product.
    pub availability_changed_at: BTreeMap<i64, Timestamp>,
    /// Contingents without seats.
    #[serde(default)]
    pub closed_contingents: BTreeSet<i64>,
    /// Institutions with a suspended sales channel.
    #[serde(default)]
    pub closed_channels: BTreeSet<String>,
    /// Removed contacts.
    #[serde(default)]
    pub removed_contacts: BTreeSet<i64>,
    /// Technical contacts without a pending account.
    #[serde(default)]
    pub unauthorized_contacts: BTreeSet<i64>,
    /// Number of polls that return `in_progress` before a catalog request completes.
    pub slow_catalog: u32,
    /// Number of reads of a closed order that omit barcodes.
    pub late_barcodes: u32,
    /// True if `closeOrder` never prints tickets.
    pub no_barcodes: bool,
    /// Webhooks, by institution.
    #[serde(default)]
    pub webhooks: BTreeMap<String, Webhook>,
    /// True if webhooks wait.
    #[serde(default)]
    pub holds_webhooks: bool,
    /// Other readings of the documents.
    #[serde(default)]
    pub readings: Readings,
}

/// State of an order. An expired cart is abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum OrderState {
    Open,
    Closed,
    Abandoned,
    Canceled,
}

impl OrderState {
    /// Returns the wire name.
    pub(super) fn wire_name(self) -> &'static str {
        match self {
            Self::Open => "IN_PROGRESS",
            Self::Closed => "CLOSED",
            Self::Abandoned => "ABANDONED",
            Self::Canceled => "CANCELLED",
        }
    }
}

/// A cart or a sale.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SecutixOrder {
    pub id: i64,
    pub institution: String,
    pub secret: String,
    pub file: i64,
    pub order_type: String,
    pub reference: Option<String>,
    pub contact: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub state: OrderState,
    pub closed_at: Option<Timestamp>,
    /// Number of reads since it was closed.
    pub reads: u32,
    pub operations: Vec<OrderOperation>,
    /// External references, set by `updateExternalReferences`.
    pub references: BTreeMap<String, String>,
}

/// A line of an order.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct OrderOperation {
    pub id: i64,
    pub item: SoldItem,
    pub product: i64,
    pub audience: i64,
    pub level: i64,
    pub contingent: i64,
    pub unit_price: i64,
    pub movements: Vec<SeatMovement>,
}

/// Item sold by a line.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum SoldItem {
    /// Seats of a performance.
    Seats { performance: i64, category: Option<i64> },
    /// Items of a pass.
    PassItem { item: i64 },
}

/// State of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TicketState {
    NotPrinted,
    Valid,
    Canceled,
    Invalidated,
}

impl TicketState {
    /// Returns the wire name.
    pub(super) fn wire_name(self) -> &'static str {
        match self {
            Self::NotPrinted => "NOT_PRINTED",
            Self::Valid => "VALID",
            Self::Canceled => "CANCELLED",
            Self::Invalidated => "INVALIDATED",
        }
    }
}

/// A seat, and its ticket once it is sold.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SeatMovement {
    pub id: i64,
    /// True if it was removed from the cart.
    pub is_removed: bool,
    pub ticket: Option<SecutixTicket>,
}

/// A ticket.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SecutixTicket {
    pub id: i64,
    pub print: TicketState,
    pub barcode: Option<String>,
    pub tax_number: String,
    pub printed_at: Option<Timestamp>,
    pub medium: Option<String>,
    /// Controls at the gate: type and time.
    pub controls: Vec<(String, Timestamp)>,
}

impl SeatMovement {
    /// True if it occupies a seat.
    pub(super) fn is_live(&self) -> bool {
        !self.is_removed && self.ticket.as_ref().is_none_or(|ticket| ticket.print != TicketState::Canceled)
    }
}

impl SecutixState {
    /// Returns the next number, larger than 32 bits like those in the vendor's samples.
    pub(super) fn next_number(&mut self) -> i64 {
        self.last_number += 1;
        10_229_000_000_000 + self.last_number
    }

    /// Counts the held and sold seats of a performance or pass item in a contingent.
    pub(super) fn count_taken(&self, item: SoldItem, contingent: i64, now: Timestamp) -> i64 {
        let live = self.orders.values().filter(|order| order.occupies_seats(now));
        let lines =
            live.flat_map(|order| &order.operations).filter(|line| line.item == item && line.contingent == contingent);
        i64::try_from(lines.flat_map(|line| &line.movements).filter(|place| place.is_live()).count())
            .unwrap_or(i64::MAX)
    }

    /// Records that the availability of products changed.
    pub(super) fn mark_changed(&mut self, products: impl IntoIterator<Item = i64>, now: Timestamp) {
        self.overrides.availability_changed_at.extend(products.into_iter().map(|product| (product, now)));
    }

    /// Returns every ticket of an institution, with order, line and seat.
    pub(super) fn tickets(
        &self,
        institution: &str,
    ) -> impl Iterator<Item = (&SecutixOrder, &OrderOperation, &SeatMovement, &SecutixTicket)> {
        let orders = self.orders.values().filter(move |order| order.institution == institution);
        orders.flat_map(|order| {
            order.operations.iter().flat_map(move |line| {
                line.movements.iter().filter_map(move |place| Some((order, line, place, place.ticket.as_ref()?)))
            })
        })
    }

    /// Finds a ticket by barcode, tax number or id.
    pub(super) fn ticket_mut(&mut self, institution: Option<&str>, code: &str) -> Option<&mut SecutixTicket> {
        self.orders
            .values_mut()
            .filter(|order| institution.is_none_or(|wanted| order.institution == wanted))
            .flat_map(|order| &mut order.operations)
            .flat_map(|line| &mut line.movements)
            .filter_map(|place| place.ticket.as_mut())
            .find(|ticket| {
                ticket.barcode.as_deref() == Some(code) || ticket.tax_number == code || ticket.id.to_string() == code
            })
    }
}

impl SecutixOrder {
    /// Returns the current state.
    pub(super) fn state(&self, now: Timestamp) -> OrderState {
        if self.state == OrderState::Open && now >= self.expires_at { OrderState::Abandoned } else { self.state }
    }

    /// True if its seats are held or sold.
    pub(super) fn occupies_seats(&self, now: Timestamp) -> bool {
        matches!(self.state(now), OrderState::Open | OrderState::Closed)
    }

    /// Restarts the expiry delay, up to the maximum lifetime of a cart.
    pub(super) fn extend_expiry(&mut self, now: Timestamp) {
        let after = |from: Timestamp, minutes| from.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(from);
        self.expires_at = after(now, ABANDON_MINUTES).min(after(self.created_at, MAX_CART_MINUTES));
    }

    /// Price of its occupied seats, in thousandths.
    pub(super) fn amount(&self) -> i64 {
        let live = |line: &OrderOperation| {
            i64::try_from(line.movements.iter().filter(|place| place.is_live()).count()).unwrap_or(0)
        };
        self.operations.iter().map(|line| line.unit_price * live(line)).sum()
    }

    /// Returns the ids of its products.
    pub(super) fn product_ids(&self) -> Vec<i64> {
        self.operations.iter().map(|line| line.product).collect()
    }
}
