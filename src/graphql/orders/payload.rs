//! Mutations of orders and what they answer.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::graphql::catalog::Money;
use crate::graphql::ctx::Ctx;
use crate::graphql::error::Fault;
use crate::graphql::id;
use crate::graphql::orders::Shared;
use crate::graphql::orders::input::{CancelOrderInput, CreateOrderInput, OrderActionInput, QuoteCancellationInput};
use crate::graphql::orders::line::OrderLine;
use crate::graphql::orders::order::Order;
use crate::graphql::orders::problem::problems;
use crate::graphql::problem::Problem;
use crate::graphql::scalars::DateTime;
use crate::graphql::viewer::Scope;
use orders::{self, Asker, LedgerError, OrderBy, OrderOutcome, Orders, Quote};

/// What became of a mutation of an order.
#[derive(SimpleObject)]
pub struct OrderPayload {
    /// The order as it is now; null: none was made, or it is not yours.
    order: Option<Order>,
    /// Expected failures, of the input or of the legs. Look at these and at the status, not at HTTP.
    problems: Vec<Problem>,
    /// The key was seen before: this is the order as it is now.
    replayed: bool,
}

impl OrderPayload {
    fn of(ctx: &Ctx, outcome: OrderOutcome) -> Self {
        let key = outcome.order.as_ref().map(|order| order.key);
        Self {
            problems: problems(ctx, key, &outcome.problems),
            order: outcome.order.map(Order::new),
            replayed: outcome.replayed,
        }
    }

    /// Does what an input asks for, and answers with what became of it; or with what is wrong with the input.
    async fn after<I, F>(
        ctx: &Context<'_>,
        input: Result<I, Vec<orders::Problem>>,
        act: impl FnOnce(Orders, Asker, I) -> F,
    ) -> Result<Self, Fault>
    where
        F: Future<Output = Result<OrderOutcome, LedgerError>>,
    {
        let ctx = writer(ctx)?;
        let outcome = match input {
            Ok(input) => act(ctx.orders()?.clone(), ctx.asker(), input).await?,
            Err(problems) => OrderOutcome { order: None, problems, replayed: false },
        };
        Ok(Self::of(ctx, outcome))
    }
}

/// What undoing would give back.
#[derive(SimpleObject)]
pub struct CancellationQuotePayload {
    /// The quote; null: nothing can be undone.
    quote: Option<CancellationQuote>,
    /// Why not.
    problems: Vec<Problem>,
}

/// What undoing some lines of an order gives back. Nothing is undone until cancelOrder is called with it.
pub struct CancellationQuote {
    order: Shared,
    quote: Quote,
}

/// What undoing some lines of an order gives back. Nothing is undone until cancelOrder is called with it.
#[Object]
impl CancellationQuote {
    /// Names the quote; give it to cancelOrder.
    async fn id(&self) -> ID {
        id::quote_id(self.quote.id.0)
    }

    /// The lines that were asked for.
    async fn lines(&self) -> Vec<OrderLine> {
        self.quote.lines.iter().filter_map(|line| OrderLine::find(&self.order, *line)).collect()
    }

    /// Lines that go with them, because their source undoes whole orders only.
    async fn must_also_cancel(&self) -> Vec<OrderLine> {
        self.quote.must_also_cancel.iter().filter_map(|line| OrderLine::find(&self.order, *line)).collect()
    }

    /// What the visitor gets back, a sum a currency.
    async fn refund(&self) -> Vec<Money> {
        self.quote.refund.iter().copied().map(Money).collect()
    }

    /// What is kept, a sum a currency.
    async fn fee(&self) -> Vec<Money> {
        self.quote.fee.iter().copied().map(Money).collect()
    }

    /// Until when the quote stands.
    async fn expires_at(&self) -> DateTime {
        DateTime::utc(self.quote.expires_at)
    }
}

/// Buying and undoing.
#[derive(Default)]
pub struct OrdersMutation;

#[Object]
impl OrdersMutation {
    /// Plans and prices; books nothing.
    async fn create_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: CreateOrderInput,
    ) -> Result<OrderPayload, Fault> {
        let create = |orders: Orders, asker, asked| async move { orders.create(&asker, &asked).await };
        OrderPayload::after(ctx, input.read(), create).await
    }

    /// Sets places aside at every source that holds, side by side.
    async fn hold_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: OrderActionInput,
    ) -> Result<OrderPayload, Fault> {
        let hold = |orders: Orders, asker, asked| async move { orders.hold(&asker, &asked).await };
        OrderPayload::after(ctx, input.read(), hold).await
    }

    /// Prolongs the holds, where the sources can.
    async fn extend_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: OrderActionInput,
    ) -> Result<OrderPayload, Fault> {
        let extend = |orders: Orders, asker, asked| async move { orders.extend(&asker, &asked).await };
        OrderPayload::after(ctx, input.read(), extend).await
    }

    /// Sells what is held, one leg after the other. Answers within about ten seconds; may still say CONFIRMING.
    async fn confirm_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: OrderActionInput,
    ) -> Result<OrderPayload, Fault> {
        let confirm = |orders: Orders, asker, asked| async move { orders.confirm(&asker, &asked).await };
        OrderPayload::after(ctx, input.read(), confirm).await
    }

    /// Gives the holds back.
    async fn release_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: OrderActionInput,
    ) -> Result<OrderPayload, Fault> {
        let release = |orders: Orders, asker, asked| async move { orders.release(&asker, &asked).await };
        OrderPayload::after(ctx, input.read(), release).await
    }

    /// createOrder, holdOrder and confirmOrder in one call.
    async fn place_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: CreateOrderInput,
    ) -> Result<OrderPayload, Fault> {
        let place = |orders: Orders, asker, asked| async move { orders.place(&asker, &asked).await };
        OrderPayload::after(ctx, input.read(), place).await
    }

    /// Tells what undoing gives back; undoes nothing.
    async fn quote_cancellation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order and its lines.")] input: QuoteCancellationInput,
    ) -> Result<CancellationQuotePayload, Fault> {
        let ctx = writer(ctx)?;
        let refused =
            |told: &[orders::Problem]| CancellationQuotePayload { quote: None, problems: problems(ctx, None, told) };
        let asked = match input.read() {
            Ok(asked) => asked,
            Err(problems) => return Ok(refused(&problems)),
        };
        let (orders, asker) = (ctx.orders()?, ctx.asker());
        match orders.quote(&asker, &asked).await? {
            Err(problems) => Ok(refused(&problems)),
            Ok(quote) => {
                let order = orders.find(&asker, &OrderBy::Key(quote.order)).await?;
                let quote = order.map(|order| CancellationQuote { order: order.into(), quote });
                Ok(CancellationQuotePayload { quote, problems: Vec::new() })
            }
        }
    }

    /// Undoes what a quote named, one leg after the other.
    async fn cancel_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The quote.")] input: CancelOrderInput,
    ) -> Result<OrderPayload, Fault> {
        let cancel = |orders: Orders, asker, asked| async move { orders.cancel(&asker, &asked).await };
        OrderPayload::after(ctx, input.read(), cancel).await
    }
}

fn writer<'a>(ctx: &Context<'a>) -> Result<&'a Ctx, Fault> {
    let ctx = Ctx::of(ctx);
    ctx.require(Scope::OrderWrite)?;
    Ok(ctx)
}
