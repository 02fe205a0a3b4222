//! An order over one or more sources, and pages of orders.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use catalog::{InvalidArgument, PageSize};
use change_feed::FeedPage;
use domain::ordering;
use domain::{OrderKey, SourceId};
use orders::{self, FulfillmentPolicy, Transition};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::{self, parse_source_id};
use crate::graphql::base::page::PageInfo;
use crate::graphql::base::scalars::{DateTime, int};
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::catalog::Money;
use crate::graphql::topics::orders::leg::VendorOrder;
use crate::graphql::topics::orders::line::OrderLine;
use crate::graphql::topics::orders::plan::OrderPlan;
use crate::graphql::topics::orders::problem::to_problems;
use crate::graphql::topics::orders::ticket::{Ticket, load_tickets};
use crate::graphql::topics::orders::{SharedOrder, find_order};
use crate::graphql::topics::problem::Problem;
use crate::graphql::topics::resellers::Reseller;

/// ALL_OR_NOTHING: a rejected leg cancels the others. BEST_EFFORT: the successful legs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum FulfilmentPolicy {
    /// A rejected leg cancels the others.
    AllOrNothing,
    /// The successful legs are kept.
    BestEffort,
}

/// The state of an order, computed from its legs. Treat an unknown value as an intermediate state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "OrderStatus", remote = "orders::OrderStatus")]
pub enum OrderStatusEnum {
    /// Planned and priced; nothing is booked.
    Draft,
    /// Hold in progress.
    Holding,
    /// All legs are held.
    Held,
    /// Some legs are held.
    PartiallyHeld,
    /// Confirmation in progress.
    Confirming,
    /// All legs are sold.
    Confirmed,
    /// Some legs are sold, the others failed.
    PartiallyConfirmed,
    /// Sold or held legs are being undone because another leg failed.
    Compensating,
    /// Nothing is sold or held.
    Failed,
    /// Release in progress.
    Releasing,
    /// The holds were released.
    Released,
    /// The holds expired.
    Expired,
    /// Cancellation by the buyer in progress.
    Cancelling,
    /// The order was canceled.
    Cancelled,
    /// Part of the order was canceled.
    PartiallyCancelled,
    /// Needs an operator.
    NeedsAttention,
}

/// An action that is available on an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "OrderAction", remote = "orders::OrderAction")]
pub enum OrderActionEnum {
    /// The mutation `holdOrder`.
    Hold,
    /// The mutation `extendHold`.
    ExtendHold,
    /// The mutation `changeHeldOrder`.
    Change,
    /// The mutation `confirmOrder`.
    Confirm,
    /// The mutation `releaseOrder`.
    Release,
    /// The mutation `quoteCancellation`.
    QuoteCancellation,
    /// The mutation `cancelOrder`.
    Cancel,
    /// The mutation `settleLeg`.
    Settle,
    /// The mutation `retryLegs`.
    Retry,
}

impl From<FulfillmentPolicy> for FulfilmentPolicy {
    fn from(policy: FulfillmentPolicy) -> Self {
        match policy {
            FulfillmentPolicy::AllOrNothing => Self::AllOrNothing,
            FulfillmentPolicy::BestEffort => Self::BestEffort,
        }
    }
}

impl From<FulfilmentPolicy> for FulfillmentPolicy {
    fn from(policy: FulfilmentPolicy) -> Self {
        match policy {
            FulfilmentPolicy::AllOrNothing => Self::AllOrNothing,
            FulfilmentPolicy::BestEffort => Self::BestEffort,
        }
    }
}

/// An order: one purchase over one or more sources.
#[derive(Clone)]
pub struct Order(pub SharedOrder);

impl Order {
    /// Wraps a loaded order.
    pub fn new(order: orders::Order) -> Self {
        Self(Arc::new(order))
    }
}

/// An order: one purchase over one or more sources.
#[Object]
impl Order {
    /// Global id of the order. Opaque.
    pub async fn id(&self) -> ID {
        id::order_id(self.0.key)
    }

    /// Human-readable order number.
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// Version of the order, incremented by every change. Send it as `ifVersion` to act only on the version that you
    /// have read.
    async fn version(&self) -> i32 {
        i32::try_from(self.0.version).unwrap_or(i32::MAX)
    }

    /// The state.
    async fn status(&self) -> OrderStatusEnum {
        self.0.status().into()
    }

    /// True if the order will not change on its own: its outcome is known, and no ticket is missing that is still expected. Capture
    /// the confirmed amount only then.
    async fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }

    /// The effect of a rejected leg on the others.
    async fn policy(&self) -> FulfilmentPolicy {
        self.0.policy.into()
    }

    /// The guarantees that were given before the booking.
    async fn plan(&self) -> OrderPlan {
        OrderPlan(Arc::clone(&self.0))
    }

    /// True for a test order: no real tickets are sold.
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

    /// The visitor's contact details. Null until they are known.
    async fn contact(&self) -> Option<Contact> {
        self.0.contact.as_ref().map(Contact::of)
    }

    /// The held order that this one replaces by `changeHeldOrder`. It stays what it was if this order could not be held.
    async fn replaces(&self, ctx: &Context<'_>) -> Result<Option<Order>, ApiError> {
        load_order(Ctx::of(ctx), self.0.replaces).await
    }

    /// The order that replaces this one by `changeHeldOrder`. While that one is not held yet, this one stays held and no action is
    /// available; if it cannot be held, this is null again.
    async fn replaced_by(&self, ctx: &Context<'_>) -> Result<Option<Order>, ApiError> {
        load_order(Ctx::of(ctx), self.0.replaced_by).await
    }

    /// The lines of the order.
    async fn lines(
        &self,
        #[graphql(desc = "Only lines that these sources book.")] sources: Option<Vec<ID>>,
    ) -> Result<Vec<OrderLine>, InvalidArgument> {
        let sources = parse_sources(sources.as_deref())?;
        let lines = OrderLine::list(&self.0).into_iter().filter(|line| is_at(&sources, line.source()));
        Ok(lines.collect())
    }

    /// One leg per source.
    async fn legs(&self) -> Vec<VendorOrder> {
        VendorOrder::list(&self.0)
    }

    /// The earliest expiry of the legs' holds, minus a safety margin. Null if nothing is held.
    async fn hold_expires_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>, ApiError> {
        let margin = Ctx::of(ctx).orders()?.settings().hold_margin;
        Ok(self.0.hold_expires_at(margin).map(DateTime::utc))
    }

    /// The totals, one row per currency. Nothing is converted.
    async fn totals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what these sources book.")] sources: Option<Vec<ID>>,
    ) -> Result<Vec<OrderTotals>, InvalidArgument> {
        let sources = parse_sources(sources.as_deref())?;
        let totals = self.0.totals_of_legs(Ctx::of(ctx).now, |leg| is_at(&sources, &leg.source));
        Ok(totals.iter().map(OrderTotals::of).collect())
    }

    /// The actions that are available now. Those of operators only for callers with the scope `admin`.
    async fn available_actions(&self, ctx: &Context<'_>) -> Vec<OrderActionEnum> {
        let ctx = Ctx::of(ctx);
        let mut actions = self.0.available_actions(ctx.now);
        if ctx.viewer.has_scope(Scope::Admin) {
            actions.extend(self.0.operator_actions());
        }
        actions.into_iter().map(Into::into).collect()
    }

    /// The notes of operators, oldest first. Empty for callers without the scope `admin`.
    async fn notes(&self, ctx: &Context<'_>) -> Vec<OrderNote> {
        let is_operator = Ctx::of(ctx).viewer.has_scope(Scope::Admin);
        self.0.notes.iter().filter(|_| is_operator).map(OrderNote::of).collect()
    }

    /// The problems of the legs.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        to_problems(Ctx::of(ctx), Some(self.0.key), &self.0.problems())
    }

    /// The tickets, by line.
    async fn tickets(&self, ctx: &Context<'_>) -> Result<Vec<Ticket>, ApiError> {
        load_tickets(Ctx::of(ctx), &self.0, |_| true).await
    }

    /// The history of the order, oldest first.
    async fn timeline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<OrderEventConnection, ApiError> {
        let rows = PageSize::new(first)?.rows();
        let page = Ctx::of(ctx).orders()?.page_transitions(self.0.key, after.as_deref(), rows).await?;
        Ok(OrderEventConnection { order: self.0.key, page })
    }

    /// Creation time.
    async fn created_at(&self) -> DateTime {
        DateTime::utc(self.0.created_at)
    }

    /// Time of the last change.
    async fn updated_at(&self) -> DateTime {
        DateTime::utc(self.0.updated_at)
    }
}

/// Loads an order that the viewer may see.
async fn load_order(ctx: &Ctx, key: Option<OrderKey>) -> Result<Option<Order>, ApiError> {
    match key {
        Some(key) => Ok(find_order(ctx, key).await?.map(Order)),
        None => Ok(None),
    }
}

/// Parses the ids of sources. `None` means all of them.
fn parse_sources(ids: Option<&[ID]>) -> Result<Option<Vec<SourceId>>, InvalidArgument> {
    ids.map(|ids| ids.iter().map(|id| parse_source_id("sources", id)).collect()).transpose()
}

fn is_at(sources: &Option<Vec<SourceId>>, source: &SourceId) -> bool {
    sources.as_ref().is_none_or(|sources| sources.contains(source))
}

/// The visitor's contact details.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Contact {
    /// First name.
    first_name: Option<String>,
    /// Last name.
    last_name: Option<String>,
    /// Email address.
    email: Option<String>,
    /// Phone number.
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

/// A note of an operator.
#[derive(SimpleObject)]
pub(super) struct OrderNote {
    /// Time of the note.
    at: DateTime,
    /// The caller that wrote it.
    by: String,
    /// The text.
    text: String,
}

impl OrderNote {
    fn of(note: &orders::OrderNote) -> Self {
        Self { at: DateTime::utc(note.at), by: note.by.clone(), text: note.text.clone() }
    }
}

/// Totals in one currency.
#[derive(SimpleObject)]
pub(super) struct OrderTotals {
    /// The currency.
    currency: crate::graphql::base::scalars::CurrencyCode,
    /// The requested amount.
    requested: Money,
    /// The held amount.
    held: Money,
    /// The amount sold and not canceled. Capture it once the order is terminal.
    confirmed: Money,
    /// The amount refunded for canceled lines.
    refunded: Money,
    /// The fee that was kept for canceled lines.
    fee: Money,
    /// The refund if everything were canceled now. Null if nothing can be canceled.
    refundable: Option<Money>,
}

impl OrderTotals {
    fn of(totals: &orders::CurrencyTotals) -> Self {
        Self {
            currency: crate::graphql::base::scalars::CurrencyCode(totals.requested.currency),
            requested: Money(totals.requested),
            held: Money(totals.held),
            confirmed: Money(totals.confirmed),
            refunded: Money(totals.refunded),
            fee: Money(totals.fee),
            refundable: totals.refundable.map(Money),
        }
    }
}

/// A page of the history of an order.
pub(super) struct OrderEventConnection {
    order: OrderKey,
    page: FeedPage<Transition>,
}

/// A page of the history of an order, oldest first.
#[Object]
impl OrderEventConnection {
    /// The transitions with their cursors.
    async fn edges(&self) -> Vec<OrderEventEdge> {
        let lines = self.page.lines.iter();
        lines
            .map(|(cursor, line)| OrderEventEdge { cursor: cursor.clone(), node: OrderEvent::of(self.order, line) })
            .collect()
    }

    /// The transitions.
    async fn nodes(&self) -> Vec<OrderEvent> {
        self.page.lines.iter().map(|(_, line)| OrderEvent::of(self.order, line)).collect()
    }

    /// Paging information.
    async fn page_info(&self) -> PageInfo {
        to_page_info(&self.page)
    }
}

/// Creates the paging information of a page of a feed or a log.
pub fn to_page_info<T>(page: &FeedPage<T>) -> PageInfo {
    PageInfo {
        has_next_page: page.has_more,
        has_previous_page: page.has_previous,
        start_cursor: page.lines.first().map(|(cursor, _)| cursor.clone()),
        end_cursor: page.lines.last().map(|(cursor, _)| cursor.clone()),
    }
}

/// A transition with its cursor.
#[derive(SimpleObject)]
pub(super) struct OrderEventEdge {
    /// The cursor of the transition.
    cursor: String,
    /// The transition.
    node: OrderEvent,
}

/// A state transition of an order or of one of its legs.
#[derive(SimpleObject)]
pub(super) struct OrderEvent {
    /// Time of the transition.
    at: DateTime,
    /// The version of the order after the transition.
    version: i32,
    /// The id of the leg. Null for a transition of the order itself.
    leg_id: Option<ID>,
    /// The previous state.
    from: String,
    /// The new state.
    to: String,
    /// The cause, as a short stable text.
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
