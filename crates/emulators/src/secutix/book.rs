//! What the emulator remembers: carts, sales, tickets, and how its world was twisted. On disk where a folder is given.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Minutes that a cart lives after its last change (`orderAbandonDelay`).
pub(super) const ABANDON_MINUTES: i64 = 15;
/// Minutes that a cart lives at most.
const MOST_MINUTES: i64 = 60;

/// Everything.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Book {
    /// The last number given out.
    last: i64,
    /// Carts and sales of all institutions.
    pub orders: BTreeMap<i64, Order>,
    /// How the world differs from the one that the day makes.
    pub twists: Twists,
    /// Catalogue requests in the making, and how often each was asked for.
    pub requests: BTreeMap<i64, u32>,
}

/// Changes of the world.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Twists {
    /// Thousandths for everything of a product, date or thing.
    pub prices: BTreeMap<i64, i64>,
    /// States of products and dates.
    pub states: BTreeMap<i64, String>,
    /// Products, dates and things of which nothing is left.
    pub sold_out: BTreeSet<i64>,
    /// Places more (or fewer) for each category of a date, or for a thing.
    pub more: BTreeMap<i64, i64>,
    /// When the set-up was last changed, by institution.
    pub set_up_at: BTreeMap<String, Timestamp>,
    /// When the availability of a product last changed.
    pub changed_at: BTreeMap<i64, Timestamp>,
    /// Contingents without any place.
    #[serde(default)]
    pub closed_contingents: BTreeSet<i64>,
    /// Institutions whose sales channel is switched off.
    #[serde(default)]
    pub closed_channels: BTreeSet<String>,
    /// Contacts that are gone.
    #[serde(default)]
    pub forgotten_contacts: BTreeSet<i64>,
    /// How many times a catalogue request answers `in_progress` first.
    pub slow_catalog: u32,
    /// How many times a closed order is read without barcodes first.
    pub late_barcodes: u32,
    /// Whether `closeOrder` leaves tickets unprinted, whatever is asked for.
    pub no_barcodes: bool,
}

/// Where an order stands; a cart whose time is up is abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    Open,
    Closed,
    Abandoned,
    Cancelled,
}

impl State {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "IN_PROGRESS",
            Self::Closed => "CLOSED",
            Self::Abandoned => "ABANDONED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// A cart or a sale.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub id: i64,
    pub institution: String,
    pub secret: String,
    pub file: i64,
    pub order_type: String,
    pub reference: Option<String>,
    pub contact: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub state: State,
    pub closed_at: Option<Timestamp>,
    /// How often it was read since it was closed.
    pub reads: u32,
    pub operations: Vec<Operation>,
    /// Kept by `updateExternalReferences`.
    pub references: BTreeMap<String, String>,
}

/// A line.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Operation {
    pub id: i64,
    pub what: Sold,
    pub product: i64,
    pub audience: i64,
    pub level: i64,
    pub contingent: i64,
    pub unit_price: i64,
    pub movements: Vec<Movement>,
}

/// What a line sells.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Sold {
    /// Places of a date.
    Seats { show: i64, category: Option<i64> },
    /// Things of a pass.
    Things { item: i64 },
}

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Print {
    NotPrinted,
    Valid,
    Cancelled,
    Invalidated,
}

impl Print {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotPrinted => "NOT_PRINTED",
            Self::Valid => "VALID",
            Self::Cancelled => "CANCELLED",
            Self::Invalidated => "INVALIDATED",
        }
    }
}

/// A place, and its ticket once it is sold.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Movement {
    pub id: i64,
    /// Taken out of the cart.
    pub is_dropped: bool,
    pub ticket: Option<Ticket>,
}

/// A ticket.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub id: i64,
    pub print: Print,
    pub barcode: Option<String>,
    pub tax_number: String,
    pub printed_at: Option<Timestamp>,
    pub medium: Option<String>,
    /// Type and instant of what the gate did.
    pub controls: Vec<(String, Timestamp)>,
}

impl Movement {
    /// Whether it takes a place.
    pub fn is_live(&self) -> bool {
        !self.is_dropped && self.ticket.as_ref().is_none_or(|ticket| ticket.print != Print::Cancelled)
    }
}

impl Book {
    /// The next number, beyond 32 bits as in the vendor's own samples.
    pub fn number(&mut self) -> i64 {
        self.last += 1;
        10_229_000_000_000 + self.last
    }

    /// Places of a date or a thing that are held or sold.
    pub fn taken(&self, what: Sold, contingent: i64, now: Timestamp) -> i64 {
        let live = self.orders.values().filter(|order| order.holds_places(now));
        let lines =
            live.flat_map(|order| &order.operations).filter(|line| line.what == what && line.contingent == contingent);
        i64::try_from(lines.flat_map(|line| &line.movements).filter(|place| place.is_live()).count())
            .unwrap_or(i64::MAX)
    }

    /// Notes that the availability of products changed.
    pub fn touch(&mut self, products: impl IntoIterator<Item = i64>, now: Timestamp) {
        self.twists.changed_at.extend(products.into_iter().map(|product| (product, now)));
    }

    /// Every ticket of an institution, with its line.
    pub fn tickets(&self, institution: &str) -> impl Iterator<Item = (&Order, &Operation, &Movement, &Ticket)> {
        let orders = self.orders.values().filter(move |order| order.institution == institution);
        orders.flat_map(|order| {
            order.operations.iter().flat_map(move |line| {
                line.movements.iter().filter_map(move |place| Some((order, line, place, place.ticket.as_ref()?)))
            })
        })
    }

    /// The ticket with a barcode or tax number, to be changed.
    pub fn ticket_mut(&mut self, institution: Option<&str>, code: &str) -> Option<&mut Ticket> {
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

impl Order {
    /// Where it stands now.
    pub fn state(&self, now: Timestamp) -> State {
        if self.state == State::Open && now >= self.expires_at { State::Abandoned } else { self.state }
    }

    /// Whether its places are not free.
    pub fn holds_places(&self, now: Timestamp) -> bool {
        matches!(self.state(now), State::Open | State::Closed)
    }

    /// Adding tickets starts the delay again, up to the longest life of a cart.
    pub fn prolong(&mut self, now: Timestamp) {
        let after = |from: Timestamp, minutes| from.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(from);
        self.expires_at = after(now, ABANDON_MINUTES).min(after(self.created_at, MOST_MINUTES));
    }

    /// What its live places cost, in thousandths.
    pub fn amount(&self) -> i64 {
        let live = |line: &Operation| {
            i64::try_from(line.movements.iter().filter(|place| place.is_live()).count()).unwrap_or(0)
        };
        self.operations.iter().map(|line| line.unit_price * live(line)).sum()
    }

    /// The products that it touches.
    pub fn products(&self) -> Vec<i64> {
        self.operations.iter().map(|line| line.product).collect()
    }
}
