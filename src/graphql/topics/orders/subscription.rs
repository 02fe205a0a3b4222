//! Subscriptions to orders. Each event is the order in its current state.

use async_graphql::{Context, ID, Subscription};
use catalog::InvalidArgument;
use futures_util::{Stream, StreamExt};
use orders::{Actor, OrderChange, OrderLookup, Orders};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id::GlobalId;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::orders::order::Order;

/// Subscriptions of orders.
#[derive(Default)]
pub struct OrdersSubscription;

#[Subscription]
impl OrdersSubscription {
    /// Emits an order, now and at each change.
    async fn order_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of an order.")] id: ID,
    ) -> Result<impl Stream<Item = Result<Order, ApiError>> + use<>, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::OrderRead)?;
        let Some(GlobalId::Order(key)) = GlobalId::decode(&id) else {
            return Err(InvalidArgument::new("id", "the id of an order").into());
        };
        let (orders, actor) = (ctx.orders()?.clone(), ctx.actor());
        // Subscribes before reading, so a change in between is seen twice rather than missed.
        let changes = orders.subscribe(&actor, Some(key)).await?;
        let now =
            orders.find(&actor, &OrderLookup::Key(key)).await?.ok_or_else(|| ApiError::new(ErrorCode::NotFound))?;
        let mut last_version = now.version;
        let later = changes
            .then(move |change| load_order(orders.clone(), actor.clone(), change))
            .filter_map(std::future::ready)
            .filter(move |order| {
                let is_new = order.as_ref().map_or(true, |order| order.0.version > last_version);
                last_version = order.as_ref().map_or(last_version, |order| order.0.version.max(last_version));
                std::future::ready(is_new)
            });
        Ok(futures_util::stream::once(std::future::ready(Ok(Order::new(now)))).chain(later))
    }

    /// Emits every order that the viewer may see, at each change.
    async fn orders_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only orders of this reseller.")] reseller: Option<ID>,
    ) -> Result<impl Stream<Item = Result<Order, ApiError>> + use<>, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::OrderRead)?;
        let mut actor = ctx.actor();
        if let Some(id) = reseller {
            let Some(GlobalId::Reseller(reseller_key)) = GlobalId::decode(&id) else {
                return Err(InvalidArgument::new("reseller", "the id of a reseller").into());
            };
            if !actor.can_see(Some(&reseller_key)) {
                return Err(InvalidArgument::new("reseller", "your own").into());
            }
            actor.reseller = Some(reseller_key);
        }
        let orders = ctx.orders()?.clone();
        let changes = orders.subscribe(&actor, None).await?;
        Ok(changes.then(move |change| load_order(orders.clone(), actor.clone(), change)).filter_map(std::future::ready))
    }
}

async fn load_order(orders: Orders, actor: Actor, change: OrderChange) -> Option<Result<Order, ApiError>> {
    orders
        .find(&actor, &OrderLookup::Key(change.order))
        .await
        .map(|order| order.map(Order::new))
        .map_err(ApiError::from)
        .transpose()
}
