//! Order mutations and their payloads.

use async_graphql::{Context, ID, Object, SimpleObject};
use audit::{AuditAction, AuditSubject};
use domain::StoreError;
use orders::{self, Actor, OrderLookup, OrderOutcome, Orders, Quote};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id;
use crate::graphql::base::scalars::DateTime;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::catalog::Money;
use crate::graphql::topics::orders::SharedOrder;
use crate::graphql::topics::orders::input::{
    CancelOrderInput, ChangeHeldOrderInput, CreateOrderInput, OrderActionInput, QuoteCancellationInput,
    UpdateOrderContactInput,
};
use crate::graphql::topics::orders::line::OrderLine;
use crate::graphql::topics::orders::order::Order;
use crate::graphql::topics::orders::problem::to_problems;
use crate::graphql::topics::problem::Problem;

/// Result of an order mutation.
#[derive(SimpleObject)]
pub(super) struct OrderPayload {
    /// The order in its current state. Null if none was created or it belongs to another caller.
    order: Option<Order>,
    /// Expected failures, of the input or of the legs. Check these and the state rather than the HTTP status.
    problems: Vec<Problem>,
    /// True if the idempotency key was used before. The order is returned in its current state.
    replayed: bool,
}

impl OrderPayload {
    fn of(ctx: &Ctx, outcome: OrderOutcome) -> Self {
        let key = outcome.legs_of.or(outcome.order.as_ref().map(|order| order.key));
        Self {
            problems: to_problems(ctx, key, &outcome.problems),
            order: outcome.order.map(Order::new),
            replayed: outcome.replayed,
        }
    }

    /// Runs the action of a valid input and creates the payload of its outcome, or of the problems of an invalid input.
    async fn from_action<I, F>(
        ctx: &Context<'_>,
        input: Result<I, Vec<orders::Problem>>,
        act: impl FnOnce(Orders, Actor, I) -> F,
    ) -> Result<Self, ApiError>
    where
        F: Future<Output = Result<OrderOutcome, StoreError>>,
    {
        Self::from_allowed_action(require_order_write(ctx)?, input, act).await
    }

    /// As [`from_action`](Self::from_action), for a caller whose scopes were checked.
    pub(super) async fn from_allowed_action<I, F>(
        ctx: &Ctx,
        input: Result<I, Vec<orders::Problem>>,
        act: impl FnOnce(Orders, Actor, I) -> F,
    ) -> Result<Self, ApiError>
    where
        F: Future<Output = Result<OrderOutcome, StoreError>>,
    {
        let outcome = match input {
            Ok(input) => act(ctx.orders()?.clone(), ctx.actor(), input).await?,
            Err(problems) => OrderOutcome { order: None, problems, replayed: false, legs_of: None },
        };
        Ok(Self::of(ctx, outcome))
    }

    /// As [`from_allowed_action`](Self::from_allowed_action), for an action of the audit log. It is recorded for every order that the caller
    /// may act on, also if it was refused or repeated: a repetition may follow a record that failed. A client that leaves in the middle
    /// does not keep it from being recorded.
    pub(super) async fn from_recorded_action<I, F>(
        ctx: &Ctx,
        action: AuditAction,
        input: Result<I, Vec<orders::Problem>>,
        act: impl FnOnce(Orders, Actor, I) -> F,
    ) -> Result<Self, ApiError>
    where
        F: Future<Output = Result<OrderOutcome, StoreError>> + Send + 'static,
    {
        let recorder = ctx.recorder();
        let recorded = |orders: Orders, actor, input| {
            let work = act(orders.clone(), actor, input);
            async move {
                let acted = orders.run_to_end(async move {
                    let outcome = work.await?;
                    if let Some(order) = &outcome.order {
                        recorder.record(action, AuditSubject::order(order.key, &order.number)).await?;
                    }
                    Ok(outcome)
                });
                acted.await.unwrap_or(Err(StoreError::Outdated))
            }
        };
        // Its state holds several copies of the order.
        Box::pin(Self::from_allowed_action(ctx, input, recorded)).await
    }
}

/// Result of `quoteCancellation`.
#[derive(SimpleObject)]
pub(super) struct CancellationQuotePayload {
    /// The quote. Null if nothing can be canceled.
    quote: Option<CancellationQuote>,
    /// Expected failures.
    problems: Vec<Problem>,
}

/// The refund for canceling some lines of an order. Nothing is canceled until `cancelOrder` is called with the quote.
pub(super) struct CancellationQuote {
    order: SharedOrder,
    quote: Quote,
}

/// The refund for canceling some lines of an order. Nothing is canceled until `cancelOrder` is called with the quote.
#[Object]
impl CancellationQuote {
    /// Id of the quote. Use it with `cancelOrder`.
    async fn id(&self) -> ID {
        id::quote_id(self.quote.id.0)
    }

    /// The requested lines.
    async fn lines(&self) -> Vec<OrderLine> {
        self.quote.lines.iter().filter_map(|line| OrderLine::find(&self.order, *line)).collect()
    }

    /// Lines that must be canceled as well, because their source cancels whole orders only.
    async fn must_also_cancel(&self) -> Vec<OrderLine> {
        self.quote.must_also_cancel.iter().filter_map(|line| OrderLine::find(&self.order, *line)).collect()
    }

    /// The refund for the visitor, one amount per currency.
    async fn refund(&self) -> Vec<Money> {
        self.quote.refund.iter().copied().map(Money).collect()
    }

    /// The fee that is kept, one amount per currency.
    async fn fee(&self) -> Vec<Money> {
        self.quote.fee.iter().copied().map(Money).collect()
    }

    /// Expiry of the quote.
    async fn expires_at(&self) -> DateTime {
        DateTime::utc(self.quote.expires_at)
    }
}

/// Mutations of orders.
#[derive(Default)]
pub struct OrdersMutation;

#[Object]
impl OrdersMutation {
    /// Plans and prices an order. Books nothing.
    async fn create_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: CreateOrderInput,
    ) -> Result<OrderPayload, ApiError> {
        let create = |orders: Orders, actor, request| async move { orders.create(&actor, &request).await };
        OrderPayload::from_action(ctx, input.into_request(), create).await
    }

    /// Holds places at every source that supports holds, concurrently.
    async fn hold_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: OrderActionInput,
    ) -> Result<OrderPayload, ApiError> {
        let hold = |orders: Orders, actor, request| async move { orders.hold(&actor, &request).await };
        OrderPayload::from_action(ctx, input.into_request(), hold).await
    }

    /// Extends the holds at the sources that support it.
    async fn extend_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: OrderActionInput,
    ) -> Result<OrderPayload, ApiError> {
        let extend = |orders: Orders, actor, request| async move { orders.extend(&actor, &request).await };
        OrderPayload::from_action(ctx, input.into_request(), extend).await
    }

    /// Confirms the held legs one after the other. Responds within about ten seconds; the state may still be
    /// CONFIRMING.
    async fn confirm_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: OrderActionInput,
    ) -> Result<OrderPayload, ApiError> {
        let confirm = |orders: Orders, actor, request| async move { orders.confirm(&actor, &request).await };
        OrderPayload::from_action(ctx, input.into_request(), confirm).await
    }

    /// Sets the visitor's contact details of an order that is not confirmed yet. Nothing is sent to a source before the confirmation;
    /// a source that holds under other details keeps those.
    async fn update_order_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order and the contact details.")] input: UpdateOrderContactInput,
    ) -> Result<OrderPayload, ApiError> {
        let update = |orders: Orders, actor, request| async move { orders.update_contact(&actor, &request).await };
        OrderPayload::from_action(ctx, input.into_request(), update).await
    }

    /// Holds other lines in place of those of a held order, and releases that one once they are held. Returns a new order, with
    /// `replaces`. If the new lines cannot be held, returns the old order, still held, with the problems of the lines. Any source,
    /// performance, ticket type and quantity may be other than before.
    async fn change_held_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The held order and its new lines.")] input: ChangeHeldOrderInput,
    ) -> Result<OrderPayload, ApiError> {
        let change = |orders: Orders, actor, request| async move { orders.change_held(&actor, &request).await };
        OrderPayload::from_action(ctx, input.into_request(), change).await
    }

    /// Releases the holds.
    async fn release_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: OrderActionInput,
    ) -> Result<OrderPayload, ApiError> {
        let release = |orders: Orders, actor, request| async move { orders.release(&actor, &request).await };
        OrderPayload::from_action(ctx, input.into_request(), release).await
    }

    /// Runs `createOrder`, `holdOrder` and `confirmOrder` in one call.
    async fn place_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: CreateOrderInput,
    ) -> Result<OrderPayload, ApiError> {
        let place = |orders: Orders, actor, request| async move { orders.place(&actor, &request).await };
        OrderPayload::from_action(ctx, input.into_request(), place).await
    }

    /// Quotes the refund of a cancellation. Cancels nothing.
    async fn quote_cancellation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order and its lines.")] input: QuoteCancellationInput,
    ) -> Result<CancellationQuotePayload, ApiError> {
        let ctx = require_order_write(ctx)?;
        let refused = |errors: &[orders::Problem]| CancellationQuotePayload {
            quote: None,
            problems: to_problems(ctx, None, errors),
        };
        let request = match input.into_request() {
            Ok(request) => request,
            Err(problems) => return Ok(refused(&problems)),
        };
        let (orders, actor) = (ctx.orders()?, ctx.actor());
        match orders.quote(&actor, &request).await? {
            Err(problems) => Ok(refused(&problems)),
            Ok(quote) => {
                let order = orders.find(&actor, &OrderLookup::Key(quote.order)).await?;
                let quote = order.map(|order| CancellationQuote { order: order.into(), quote });
                Ok(CancellationQuotePayload { quote, problems: Vec::new() })
            }
        }
    }

    /// Cancels the lines of a quote, one leg after the other.
    async fn cancel_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The quote.")] input: CancelOrderInput,
    ) -> Result<OrderPayload, ApiError> {
        let cancel = |orders: Orders, actor, request| async move { orders.cancel(&actor, &request).await };
        let ctx = require_order_write(ctx)?;
        OrderPayload::from_recorded_action(ctx, AuditAction::OrderCanceled, input.into_request(), cancel).await
    }
}

/// Checks the scopes of a mutation before it changes anything: a payload shows an order only to callers who may read it.
fn require_order_write<'a>(ctx: &Context<'a>) -> Result<&'a Ctx, ApiError> {
    let (selected, ctx) = (ctx.look_ahead(), Ctx::of(ctx));
    ctx.require(Scope::OrderWrite)?;
    let quote = selected.field("quote");
    if selected.field("order").exists() || quote.field("lines").exists() || quote.field("mustAlsoCancel").exists() {
        ctx.require(Scope::OrderRead)?;
    }
    Ok(ctx)
}
