//! The port of the ledger: everything that must be durable before a vendor is called.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::order::Order;
use crate::quote::{Quote, QuoteId};
use crate::status::OrderStatus;
use domain::ordering::Barcode;
use domain::{OrderKey, SourceId};

/// Why the ledger did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The idempotency key is there already: somebody was faster. Read it and answer with its order.
    #[error("the idempotency key is in use")]
    KeyTaken,
    /// The order changed, or another runner owns it.
    #[error("the order is not as it was read")]
    Outdated,
    /// The store cannot be reached, or failed.
    #[error("the ledger failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What the store holds cannot be read: written by another version, or under another key.
    #[error("the ledger holds what cannot be read: {0}")]
    Unreadable(String),
}

/// The use of an idempotency key. It is kept for [`Rules::keep_keys`](crate::Rules::keep_keys).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// Whose key: a reseller or a caller.
    pub scope: String,
    /// The mutation.
    pub operation: String,
    /// The key as the client chose it.
    pub key: String,
    /// A hash of the request.
    pub request_hash: String,
    /// The order that it made or changed.
    pub order: OrderKey,
}

/// A move of an order or a leg. Append-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// The version of the order that it belongs to.
    pub version: u64,
    /// The leg that moved; none: the order.
    pub leg: Option<usize>,
    /// The status before.
    pub from: String,
    /// The status after.
    pub to: String,
    /// Why, in a few stable words.
    pub cause: String,
}

/// What an order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKind {
    /// Work goes on as soon as nobody owns the order.
    Resume,
    /// A hold runs out.
    HoldExpiry,
    /// A lost answer is looked up.
    NextCheck,
    /// A human takes over.
    SettleDeadline,
    /// A step that did nothing is tried again.
    TryAgain,
    /// Pending tickets are read again.
    Tickets,
}

impl TimerKind {
    /// The name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resume => "RESUME",
            Self::HoldExpiry => "HOLD_EXPIRY",
            Self::NextCheck => "NEXT_CHECK",
            Self::SettleDeadline => "SETTLE_DEADLINE",
            Self::TryAgain => "TRY_AGAIN",
            Self::Tickets => "TICKETS",
        }
    }
}

/// When an order has to be looked at again, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub kind: TimerKind,
    /// The leg concerned; none: the order.
    pub leg: Option<usize>,
}

/// The code of a ticket, to be kept encrypted.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The number of the ticket in its order.
    pub ticket: usize,
    /// Its code.
    pub barcode: Barcode,
}

/// The right to write to an order. The number grows with every owner, so that a late writer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The order.
    pub order: OrderKey,
    /// The number of the owner.
    pub fence: u64,
}

/// On what a write rests.
#[derive(Debug, Clone, Copy)]
pub enum Basis<'a> {
    /// The order is new.
    New,
    /// Nobody owns the order, and it is as it was read.
    Free(&'a Order),
    /// The writer owns the order, and it is as the writer left it.
    Owned(&'a Order, Lease),
}

impl<'a> Basis<'a> {
    /// The order as it was.
    pub fn before(&self) -> Option<&'a Order> {
        match *self {
            Self::New => None,
            Self::Free(order) | Self::Owned(order, _) => Some(order),
        }
    }
}

/// Who owns the order after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// The writer, until then. A writer that did not own it before becomes a new owner.
    Mine(Timestamp),
    /// Nobody.
    Nobody,
}

/// One change of an order: all of it is written, or nothing.
pub struct Write<'a> {
    /// On what it rests.
    pub basis: Basis<'a>,
    /// The order as it is now; its version is one above that of the basis.
    pub order: &'a Order,
    /// Its status, for searching.
    pub status: OrderStatus,
    /// Who owns it afterwards.
    pub ownership: Ownership,
    /// The use of an idempotency key.
    pub key: Option<&'a KeyUse>,
    /// What moved.
    pub transitions: &'a [Transition],
    /// All timers of the order.
    pub timers: &'a [Timer],
    /// Codes that came in.
    pub credentials: &'a [Credential],
}

/// A write that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The place of the change in the feed.
    pub cursor: u64,
    /// The number of the owner, to write on with.
    pub lease: Lease,
}

/// How an order is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderBy {
    /// By its key.
    Key(OrderKey),
    /// By its number.
    Number(String),
    /// By the reseller's reference, the youngest order of it; where given, only that reseller's.
    ResellerReference(String, Option<String>),
}

/// Which orders are wanted. An empty filter lets all pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Any of these; empty: all.
    pub status: Vec<OrderStatus>,
    /// With a leg at any of these; empty: all.
    pub sources: Vec<SourceId>,
    /// Not created before.
    pub created_from: Option<Timestamp>,
    /// Created before.
    pub created_to: Option<Timestamp>,
    /// Changed at or after.
    pub updated_since: Option<Timestamp>,
    /// For trying out, or real.
    pub is_test: Option<bool>,
    /// Sold by this reseller.
    pub reseller: Option<String>,
    /// With a line that starts at or after; what has no time of its own counts.
    pub starts_from: Option<Timestamp>,
}

impl OrderCursor {
    /// The place of an order.
    pub fn of(order: &Order) -> Self {
        Self { created_at: order.created_at, key: order.key }
    }
}

/// A place in a list of orders, youngest first. It stays right when orders are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderCursor {
    /// When the order before was created.
    pub created_at: Timestamp,
    /// Its key.
    pub key: OrderKey,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// The orders, youngest first.
    pub orders: Vec<Order>,
    /// There are more.
    pub has_more: bool,
    /// How many there are in all.
    pub total: u64,
}

/// A line of the feed of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place, ascending, without gaps that fill later.
    pub cursor: u64,
    /// When.
    pub at: Timestamp,
    /// The order that changed.
    pub order: OrderKey,
    /// Its version then.
    pub version: u64,
    /// Its status then.
    pub status: OrderStatus,
    /// Its reseller.
    pub reseller: Option<String>,
}

/// A part of a feed or a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice<T> {
    /// The lines, ascending, each with its place.
    pub lines: Vec<(u64, T)>,
    /// There are more.
    pub has_more: bool,
}

/// Where orders are kept. Everything it said was done survives a crash.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Writes one change of an order with everything that belongs to it, or nothing.
    async fn write(&self, write: &Write<'_>) -> Result<Written, LedgerError>;

    /// Takes up to `limit` orders that nobody owns and that have a timer due, and owns them until `until`.
    async fn claim(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Lease>, LedgerError>;

    /// Owns an order longer. Fails with [`LedgerError::Outdated`] for a writer that lost it.
    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<(), LedgerError>;

    /// Gives up an order without a change, so that its timers bring it back at once.
    async fn give_up(&self, lease: &Lease) -> Result<(), LedgerError>;

    /// Reads an order.
    async fn find(&self, by: &OrderBy) -> Result<Option<Order>, LedgerError>;

    /// Lists orders, youngest first.
    async fn list(
        &self,
        filter: &OrderFilter,
        after: Option<&OrderCursor>,
        first: usize,
    ) -> Result<OrderPage, LedgerError>;

    /// Reads the use of an idempotency key.
    async fn find_key(&self, scope: &str, operation: &str, key: &str) -> Result<Option<KeyUse>, LedgerError>;

    /// The feed of changes after a place; where given, only of a reseller's orders.
    async fn changes(&self, after: u64, first: usize, reseller: Option<&str>) -> Result<Slice<Change>, LedgerError>;

    /// The place of the last change in the feed.
    async fn feed_end(&self) -> Result<u64, LedgerError>;

    /// What moved in an order, after a place.
    async fn transitions(&self, order: OrderKey, after: u64, first: usize) -> Result<Slice<Transition>, LedgerError>;

    /// The codes of an order's tickets, decrypted.
    async fn credentials(&self, order: OrderKey) -> Result<Vec<Credential>, LedgerError>;

    /// Forgets the idempotency keys that were used before an instant. Tells how many.
    async fn forget_keys(&self, before: Timestamp) -> Result<u64, LedgerError>;

    /// Keeps a quote.
    async fn keep_quote(&self, quote: &Quote) -> Result<(), LedgerError>;

    /// Reads a quote.
    async fn find_quote(&self, id: &QuoteId) -> Result<Option<Quote>, LedgerError>;

    /// Orders with a leg at a source that were created before `to` and changed at or after `from`.
    async fn orders_at(&self, source: &SourceId, from: Timestamp, to: Timestamp) -> Result<Vec<Order>, LedgerError>;
}
