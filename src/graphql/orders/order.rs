//! A purchase over one or more sources, and pages of them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::graphql::catalog::Money;
use crate::graphql::ctx::Ctx;
use crate::graphql::error::Fault;
use crate::graphql::id;
use crate::graphql::orders::Shared;
use crate::graphql::orders::leg::VendorOrder;
use crate::graphql::orders::line::OrderLine;
use crate::graphql::orders::plan::OrderPlan;
use crate::graphql::orders::problem::problems;
use crate::graphql::orders::ticket::{Ticket, tickets};
use crate::graphql::page::PageInfo;
use crate::graphql::partners::Reseller;
use crate::graphql::problem::Problem;
use crate::graphql::scalars::{DateTime, int};
use catalog::{PageSize, RequestError};
use domain::OrderKey;
use domain::ordering;
use orders::{self, OrderCursor, OrderPage, Policy, Slice, Transition};

/// ALL_OR_NOTHING: a refused leg undoes the others. BEST_EFFORT: keep what could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum FulfilmentPolicy {
    /// A refused leg undoes the others.
    AllOrNothing,
    /// Keep what could be had.
    BestEffort,
}

/// Where an order stands. Computed from its legs; a value that you do not know is another state on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "orders::OrderStatus")]
pub enum OrderStatus {
    /// Planned and priced; nothing is booked.
    Draft,
    /// Places are being set aside.
    Holding,
    /// Everything is set aside.
    Held,
    /// Some legs are set aside.
    PartiallyHeld,
    /// It is being sold.
    Confirming,
    /// Everything is sold.
    Confirmed,
    /// Some legs are sold, the others failed.
    PartiallyConfirmed,
    /// What was sold or held is being undone, because a leg failed.
    Compensating,
    /// Nothing is sold or held.
    Failed,
    /// Holds are being given back.
    Releasing,
    /// Holds were given back.
    Released,
    /// The holds ran out.
    Expired,
    /// It is being undone at the buyer's wish.
    Cancelling,
    /// It was undone.
    Cancelled,
    /// A part of it was undone.
    PartiallyCancelled,
    /// An operator has to look at it.
    NeedsAttention,
}

/// What may be asked of an order now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "orders::OrderAction")]
pub enum OrderAction {
    /// holdOrder.
    Hold,
    /// extendHold.
    ExtendHold,
    /// confirmOrder.
    Confirm,
    /// releaseOrder.
    Release,
    /// quoteCancellation.
    QuoteCancellation,
    /// cancelOrder.
    Cancel,
}

impl From<Policy> for FulfilmentPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::AllOrNothing => Self::AllOrNothing,
            Policy::BestEffort => Self::BestEffort,
        }
    }
}

impl From<FulfilmentPolicy> for Policy {
    fn from(policy: FulfilmentPolicy) -> Self {
        match policy {
            FulfilmentPolicy::AllOrNothing => Self::AllOrNothing,
            FulfilmentPolicy::BestEffort => Self::BestEffort,
        }
    }
}

/// A purchase over one or more sources.
#[derive(Clone)]
pub struct Order(pub Shared);

impl Order {
    /// An order as it was read.
    pub fn new(order: orders::Order) -> Self {
        Self(Arc::new(order))
    }
}

/// A purchase over one or more sources.
#[Object]
impl Order {
    /// Names the order in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::order_id(self.0.key)
    }

    /// Its number for people.
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// Counts every change. Give it as `ifVersion` to act only on what you have seen.
    async fn version(&self) -> i32 {
        i32::try_from(self.0.version).unwrap_or(i32::MAX)
    }

    /// Where it stands.
    async fn status(&self) -> OrderStatus {
        self.0.status().into()
    }

    /// Whether it will not move again by itself. Capture what is confirmed then, not before.
    async fn is_terminal(&self) -> bool {
        self.0.status().is_terminal()
    }

    /// What a refused leg does to the others.
    async fn policy(&self) -> FulfilmentPolicy {
        self.0.policy.into()
    }

    /// What was guaranteed before anything was booked.
    async fn plan(&self) -> OrderPlan {
        OrderPlan(Arc::clone(&self.0))
    }

    /// For trying out: nothing real is sold.
    async fn test_mode(&self) -> bool {
        self.0.is_test
    }

    /// The reseller that sold it.
    async fn reseller(&self, ctx: &Context<'_>) -> Option<Reseller> {
        Ctx::of(ctx).find_reseller(self.0.reseller.as_deref()?)
    }

    /// The reseller's own reference.
    async fn reseller_reference(&self) -> Option<&str> {
        self.0.reseller_reference.as_deref()
    }

    /// The visitor.
    async fn contact(&self) -> Option<Contact> {
        Some(Contact::of(&self.0.contact))
    }

    /// What is bought.
    async fn lines(&self) -> Vec<OrderLine> {
        OrderLine::all(&self.0)
    }

    /// A leg for each source.
    async fn legs(&self) -> Vec<VendorOrder> {
        VendorOrder::all(&self.0)
    }

    /// The earliest leg's expiry less a safety margin. Null when nothing is held.
    async fn hold_expires_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>, Fault> {
        let margin = Ctx::of(ctx).orders()?.rules().hold_margin;
        Ok(self.0.hold_expires_at(margin).map(DateTime::utc))
    }

    /// One row a currency; nothing is converted.
    async fn totals(&self, ctx: &Context<'_>) -> Vec<OrderTotals> {
        self.0.totals(Ctx::of(ctx).now).iter().map(OrderTotals::of).collect()
    }

    /// What may be asked of it now.
    async fn available_actions(&self, ctx: &Context<'_>) -> Vec<OrderAction> {
        self.0.available_actions(Ctx::of(ctx).now).into_iter().map(Into::into).collect()
    }

    /// What went wrong with its legs.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        problems(Ctx::of(ctx), Some(self.0.key), &self.0.problems())
    }

    /// Its tickets, by line.
    async fn tickets(&self, ctx: &Context<'_>) -> Result<Vec<Ticket>, Fault> {
        tickets(Ctx::of(ctx), &self.0, |_| true).await
    }

    /// What moved, oldest first.
    async fn timeline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many rows, 1 to 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "The cursor of the row before.")] after: Option<String>,
    ) -> Result<OrderEventConnection, Fault> {
        let (rows, after) = (PageSize::new(first)?.rows(), feed_cursor(after.as_deref())?);
        let slice = Ctx::of(ctx).orders()?.timeline(self.0.key, after, rows).await?;
        Ok(OrderEventConnection { order: self.0.key, slice, had_before: after > 0 })
    }

    /// When it was planned.
    async fn created_at(&self) -> DateTime {
        DateTime::utc(self.0.created_at)
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime::utc(self.0.updated_at)
    }
}

/// The visitor.
#[derive(Debug, Clone, SimpleObject)]
pub struct Contact {
    /// Given name.
    first_name: Option<String>,
    /// Family name.
    last_name: Option<String>,
    /// Address for e-mail.
    email: Option<String>,
    /// Telephone number.
    phone: Option<String>,
}

impl Contact {
    fn of(contact: &ordering::Contact) -> Self {
        Self {
            first_name: Some(contact.first_name.clone()),
            last_name: Some(contact.last_name.clone()),
            email: Some(contact.email.clone()),
            phone: contact.phone.clone(),
        }
    }
}

/// Sums in one currency.
#[derive(SimpleObject)]
pub struct OrderTotals {
    /// The currency.
    currency: crate::graphql::scalars::CurrencyCode,
    /// What was asked for.
    requested: Money,
    /// What is held.
    held: Money,
    /// What is sold and not undone: the amount to capture once the order is terminal.
    confirmed: Money,
    /// What undoing all of it now would give back; null: nothing can be undone.
    refundable: Option<Money>,
}

impl OrderTotals {
    fn of(totals: &orders::Totals) -> Self {
        Self {
            currency: crate::graphql::scalars::CurrencyCode(totals.requested.currency),
            requested: Money(totals.requested),
            held: Money(totals.held),
            confirmed: Money(totals.confirmed),
            refundable: totals.refundable.map(Money),
        }
    }
}

/// A page of orders, youngest first.
pub struct OrderConnection {
    /// The page.
    pub page: OrderPage,
    /// Whether the page was asked for after a cursor.
    pub had_before: bool,
}

/// A page of orders, youngest first.
#[Object]
impl OrderConnection {
    /// The orders with their cursors.
    async fn edges(&self) -> Vec<OrderEdge> {
        self.page.orders.iter().cloned().map(|order| OrderEdge(Order::new(order))).collect()
    }

    /// The orders.
    async fn nodes(&self) -> Vec<Order> {
        self.page.orders.iter().cloned().map(Order::new).collect()
    }

    /// Where the page stands.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.page.has_more,
            has_previous_page: self.had_before,
            start_cursor: self.page.orders.first().map(cursor_of),
            end_cursor: self.page.orders.last().map(cursor_of),
        }
    }

    /// How many match in all.
    async fn total_count(&self) -> Option<i32> {
        i32::try_from(self.page.total).ok()
    }
}

/// An order in a page.
pub struct OrderEdge(Order);

/// An order in a page.
#[Object]
impl OrderEdge {
    /// Where the order stands.
    async fn cursor(&self) -> String {
        cursor_of(&self.0.0)
    }

    /// The order.
    async fn node(&self) -> Order {
        self.0.clone()
    }
}

fn cursor_of(order: &orders::Order) -> String {
    let text = format!("1o {} {}", order.created_at.as_microsecond(), order.key);
    URL_SAFE_NO_PAD.encode(text)
}

/// Reads the cursor of an order.
pub fn order_cursor(text: Option<&str>) -> Result<Option<OrderCursor>, RequestError> {
    let Some(text) = text else { return Ok(None) };
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = std::str::from_utf8(&bytes).ok()?.strip_prefix("1o ")?;
        let (at, key) = text.split_once(' ')?;
        let created_at = Timestamp::from_microsecond(at.parse().ok()?).ok()?;
        Some(OrderCursor { created_at, key: OrderKey(key.parse().ok()?) })
    };
    read().map(Some).ok_or_else(|| RequestError::new("after", "the cursor of an order"))
}

/// The cursor of a row of a feed or a log.
pub fn feed_cursor_of(place: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("1f {place}"))
}

/// Reads the cursor of a row of a feed or a log; none: the begin.
pub fn feed_cursor(text: Option<&str>) -> Result<u64, RequestError> {
    let Some(text) = text else { return Ok(0) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let place = bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()?.strip_prefix("1f ")?.parse().ok());
    place.ok_or_else(|| RequestError::new("after", "the cursor of a row of this list"))
}

/// A page of what moved in an order.
pub struct OrderEventConnection {
    order: OrderKey,
    slice: Slice<Transition>,
    had_before: bool,
}

/// A page of what moved in an order, oldest first.
#[Object]
impl OrderEventConnection {
    /// The moves with their cursors.
    async fn edges(&self) -> Vec<OrderEventEdge> {
        let lines = self.slice.lines.iter();
        lines
            .map(|(place, line)| OrderEventEdge {
                cursor: feed_cursor_of(*place),
                node: OrderEvent::of(self.order, line),
            })
            .collect()
    }

    /// The moves.
    async fn nodes(&self) -> Vec<OrderEvent> {
        self.slice.lines.iter().map(|(_, line)| OrderEvent::of(self.order, line)).collect()
    }

    /// Where the page stands.
    async fn page_info(&self) -> PageInfo {
        slice_info(&self.slice, self.had_before)
    }
}

/// Where a part of a feed or a log stands.
pub fn slice_info<T>(slice: &Slice<T>, had_before: bool) -> PageInfo {
    PageInfo {
        has_next_page: slice.has_more,
        has_previous_page: had_before,
        start_cursor: slice.lines.first().map(|(place, _)| feed_cursor_of(*place)),
        end_cursor: slice.lines.last().map(|(place, _)| feed_cursor_of(*place)),
    }
}

/// A move in a page.
#[derive(SimpleObject)]
pub struct OrderEventEdge {
    /// Where the move stands.
    cursor: String,
    /// The move.
    node: OrderEvent,
}

/// A move of an order or one of its legs.
#[derive(SimpleObject)]
pub struct OrderEvent {
    /// When.
    at: DateTime,
    /// The version of the order that it belongs to.
    version: i32,
    /// The leg that moved; null: the order itself.
    leg_id: Option<ID>,
    /// The status before.
    from: String,
    /// The status after.
    to: String,
    /// Why, in a few stable words.
    cause: String,
}

impl OrderEvent {
    fn of(order: OrderKey, line: &Transition) -> Self {
        Self {
            at: DateTime::utc(line.at),
            version: int(u32::try_from(line.version).unwrap_or(u32::MAX)),
            leg_id: line.leg.map(|leg| id::leg_id(order, leg)),
            from: line.from.clone(),
            to: line.to.clone(),
            cause: line.cause.clone(),
        }
    }
}
