//! Port of the order store: everything that must be durable before a source is called.

use std::time::Duration;

use ::change_feed::FeedSlice;
use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::change_feed::{Feed, OrderChange};
use crate::idempotency::IdempotencyRecord;
use crate::lease::{Lease, LeaseAfterWrite, Precondition};
use crate::listing::{OrderPage, PageRequest};
use crate::operator::OperatorStore;
use crate::order::Order;
use crate::quote::{Quote, QuoteId};
use crate::sales::{SalesGrouping, SalesPart, SalesPeriod, SalesScope, SalesSum, UnresolvedSum};
use crate::search::SearchWords;
use crate::status::OrderStatus;
use domain::ordering::Barcode;
use domain::{Currency, EventKey, OrderKey, SourceId, StoreError, TicketTypeKey};

/// Status transition of an order or a leg. Append-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Time of the transition.
    pub at: Timestamp,
    /// Version of the order that the transition belongs to.
    pub version: u64,
    /// Index of the leg. `None` for a transition of the order itself.
    pub leg: Option<usize>,
    /// Previous status.
    pub from: String,
    /// New status.
    pub to: String,
    /// Cause, from a small stable vocabulary.
    pub cause: String,
}

/// Reason of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum TimerKind {
    /// Resume the order as soon as its lease ends.
    Resume,
    /// A hold expires.
    HoldExpiry,
    /// Look up an unknown outcome.
    #[strum(serialize = "NEXT_CHECK")]
    NextLookup,
    /// Hand the leg over to an operator.
    SettleDeadline,
    /// Retry a step that had no effect.
    #[strum(serialize = "TRY_AGAIN")]
    Retry,
    /// Reload pending tickets.
    Tickets,
}

impl TimerKind {
    /// Name in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Time at which an order must be processed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderTimer {
    /// Due time.
    pub at: Timestamp,
    /// Reason of the timer.
    pub kind: TimerKind,
    /// Index of the leg. `None` for the order as a whole.
    pub leg: Option<usize>,
}

/// Barcode of a ticket, stored encrypted.
#[derive(Debug, Clone)]
pub struct TicketCredential {
    /// Index of the ticket in its order.
    pub ticket: usize,
    /// The barcode itself.
    pub barcode: Barcode,
}

impl TicketCredential {
    /// Returns true if ticket and code are the same.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.ticket == other.ticket && self.barcode.is_same_as(&other.barcode)
    }
}

/// One atomic change of an order.
pub struct OrderWrite<'a> {
    /// Precondition of the write.
    pub precondition: Precondition<'a>,
    /// New state of the order; its version is one above that of the previous state.
    pub order: &'a Order,
    /// Status of the order, for filtering.
    pub status: OrderStatus,
    /// State of the lease after the write.
    pub lease_after: LeaseAfterWrite,
    /// Idempotency record of the action.
    pub idempotency: Option<&'a IdempotencyRecord>,
    /// Status transitions since the last write.
    pub transitions: &'a [Transition],
    /// All timers of the order.
    pub timers: &'a [OrderTimer],
    /// Barcodes received since the last write.
    pub credentials: &'a [TicketCredential],
}

impl<'a> OrderWrite<'a> {
    /// Creates a write of the order alone.
    pub fn new(precondition: Precondition<'a>, order: &'a Order, lease_after: LeaseAfterWrite) -> Self {
        Self {
            precondition,
            order,
            status: order.status(),
            lease_after,
            idempotency: None,
            transitions: &[],
            timers: &[],
            credentials: &[],
        }
    }
}

/// Result of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteReceipt {
    /// Position of the change in the feed, or the last known position before it if it has none yet.
    pub cursor: u64,
    /// Lease for further writes.
    pub lease: Lease,
}

/// Identifies an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderLookup {
    /// By order key.
    Key(OrderKey),
    /// By order number.
    Number(String),
    /// By the reference of a reseller, optionally limited to one reseller. The newest match is returned.
    ResellerReference(String, Option<String>),
}

/// Filter for listing orders. An empty filter matches all orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Matches any of these statuses, or all if empty.
    pub status: Vec<OrderStatus>,
    /// Matches orders with a leg at any of these sources, or all if empty.
    pub sources: Vec<SourceId>,
    /// Created at or after this time.
    pub created_from: Option<Timestamp>,
    /// Created before this time.
    pub created_to: Option<Timestamp>,
    /// Updated at or after this time.
    pub updated_since: Option<Timestamp>,
    /// Test orders or live orders only.
    pub is_test: Option<bool>,
    /// Sold by this reseller.
    pub reseller: Option<String>,
    /// Contains a line that starts at or after this time; undated lines match too.
    pub starts_from: Option<Timestamp>,
    /// Matches every word.
    pub search: Option<SearchWords>,
    /// Contains a line for this event of a source. The limits of the day of the visit are those of the same line.
    pub event: Option<(SourceId, EventKey)>,
    /// Contains a line with a visit on or after this day.
    pub visit_from: Option<Date>,
    /// Contains a line with a visit on or before this day.
    pub visit_to: Option<Date>,
    /// Contains a line for this ticket type of an event.
    pub ticket_type: Option<(SourceId, EventKey, TicketTypeKey)>,
    /// Contains a sale.
    pub sale: Option<SaleFilter>,
}

/// A sale of one leg, as a statement counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleFilter {
    /// Periods of confirmation at sources. The leg matches one of them.
    pub periods: Vec<(SourceId, SalesPeriod)>,
    /// Currency of the sale: that of the amount charged by the source, or else the first one of the planned total.
    pub currency: Option<Currency>,
}

/// Durable store of orders. Every confirmed write survives a crash.
#[async_trait]
pub trait OrderStore: OperatorStore {
    /// Writes one change of an order with all its parts, atomically.
    async fn write(&self, write: &OrderWrite<'_>) -> Result<WriteReceipt, StoreError>;

    /// Returns the receipt of a write that failed with [`StoreError::OutcomeUnknown`], if it was executed and its lease is still that of the
    /// writer. `None` also if that cannot be distinguished from the write of another runner, which is the case without an own lease.
    async fn find_written(&self, write: &OrderWrite<'_>) -> Result<Option<WriteReceipt>, StoreError>;

    /// Leases up to `limit` unowned orders that have a due timer, for a time from now. In a store that several processes share,
    /// leases go by its own clock; the timers of steps go by `now`.
    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Lease>, StoreError>;

    /// Extends a lease to a time from now, see [`claim`](Self::claim). Fails with [`StoreError::Outdated`] if the lease was
    /// lost.
    async fn renew(&self, lease: &Lease, now: Timestamp, extension: Duration) -> Result<(), StoreError>;

    /// Releases a lease without a change, so that the timers of the order are due again at once.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Finds an order.
    async fn find(&self, by: &OrderLookup) -> Result<Option<Order>, StoreError>;

    /// Lists a page of orders. Writes of orders do not wait for it.
    async fn list(&self, filter: &OrderFilter, page: &PageRequest) -> Result<OrderPage, StoreError>;

    /// Counts orders. Returns `None` if that takes longer than a limit of the store. Writes of orders do not wait for it.
    async fn count(&self, filter: &OrderFilter) -> Result<Option<u64>, StoreError>;

    /// Finds the record of an idempotency key.
    async fn find_idempotency_record(
        &self,
        scope: &str,
        operation: &str,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError>;

    /// Lists the entries of orders in the feed after a cursor, optionally only those of one reseller. Waits a short time for positions of changes that were
    /// just committed.
    async fn list_changes(
        &self,
        after: u64,
        first: usize,
        reseller: Option<&str>,
    ) -> Result<FeedSlice<OrderChange>, StoreError>;

    /// Returns the cursor of the last entry in the feed, of any kind.
    async fn feed_end(&self) -> Result<u64, StoreError>;

    /// Lists the status transitions of an order after a cursor.
    async fn list_transitions(
        &self,
        order: OrderKey,
        after: u64,
        first: usize,
    ) -> Result<FeedSlice<Transition>, StoreError>;

    /// Encrypts a position of a feed as a cursor for clients: the same for every replica with the same keys.
    fn encode_cursor(&self, feed: Feed, position: u64) -> Result<String, StoreError>;

    /// Decrypts a cursor. Returns `None` if it was not issued for this feed with one of the keys.
    fn decode_cursor(&self, feed: Feed, cursor: &str) -> Option<u64>;

    /// Loads the decrypted barcodes of the tickets of an order.
    async fn load_credentials(&self, order: OrderKey) -> Result<Vec<TicketCredential>, StoreError>;

    /// Deletes idempotency records used before this time and returns their number.
    async fn prune_idempotency_records(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Stores a quote.
    async fn insert_quote(&self, quote: &Quote) -> Result<(), StoreError>;

    /// Finds a quote.
    async fn find_quote(&self, id: &QuoteId) -> Result<Option<Quote>, StoreError>;

    /// Sums the sales of a scope by the period of their confirmation and by currency. Periods do not overlap.
    async fn sum_sales(&self, scope: SalesScope<'_>, periods: &[SalesPeriod]) -> Result<Vec<SalesSum>, StoreError>;

    /// Counts the orders of a scope that were created in a period and whose outcome is unknown, by currency.
    async fn sum_unresolved(
        &self,
        scope: SalesScope<'_>,
        created: SalesPeriod,
    ) -> Result<Vec<UnresolvedSum>, StoreError>;

    /// Lists the sales of a scope, a period and a currency by event or ticket type, greatest amount first: as many parts as wanted, and one
    /// for everything else.
    async fn list_sales_parts(
        &self,
        scope: SalesScope<'_>,
        period: SalesPeriod,
        currency: Currency,
        wanted: (SalesGrouping, u32),
    ) -> Result<Vec<SalesPart>, StoreError>;

    /// Lists the sources of all legs, also of those that are not configured any more, in ascending order.
    async fn list_sources(&self) -> Result<Vec<SourceId>, StoreError>;

    /// Lists orders with a leg at a source, created before `to` and updated at or after `from`.
    async fn list_orders_at(&self, source: &SourceId, from: Timestamp, to: Timestamp)
    -> Result<Vec<Order>, StoreError>;
}
