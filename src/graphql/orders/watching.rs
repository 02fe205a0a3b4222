//! Watching orders: each event is the order as it is now.

use async_graphql::{Context, ID, Subscription};
use futures_util::{Stream, StreamExt};

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use crate::graphql::id::GlobalId;
use crate::graphql::orders::order::Order;
use crate::graphql::viewer::Scope;
use catalog::RequestError;
use orders::{Asker, Change, OrderBy, Orders};

/// Watching orders.
#[derive(Default)]
pub struct OrdersSubscription;

#[Subscription]
impl OrdersSubscription {
    /// One order, now and at each change.
    async fn order_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of an order.")] id: ID,
    ) -> Result<impl Stream<Item = Result<Order, Fault>> + use<>, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::OrderRead)?;
        let Some(GlobalId::Order(key)) = GlobalId::decode(&id) else {
            return Err(RequestError::new("id", "the id of an order").into());
        };
        let (orders, asker) = (ctx.orders()?.clone(), ctx.asker());
        // Watching begins before reading: a change in between is told twice, never not at all.
        let watching = orders.subscribe(&asker, Some(key)).await?;
        let now = orders.find(&asker, &OrderBy::Key(key)).await?.ok_or_else(|| Fault::new(Code::NotFound))?;
        let mut seen = now.version;
        let later = watching
            .then(move |change| read(orders.clone(), asker.clone(), change))
            .filter_map(std::future::ready)
            .filter(move |order| {
                let is_new = order.as_ref().map_or(true, |order| order.0.version > seen);
                seen = order.as_ref().map_or(seen, |order| order.0.version.max(seen));
                std::future::ready(is_new)
            });
        Ok(futures_util::stream::once(std::future::ready(Ok(Order::new(now)))).chain(later))
    }

    /// Every order that you may see, at each change.
    async fn orders_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this reseller.")] reseller: Option<ID>,
    ) -> Result<impl Stream<Item = Result<Order, Fault>> + use<>, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::OrderRead)?;
        let mut asker = ctx.asker();
        if let Some(id) = reseller {
            let Some(GlobalId::Reseller(wanted)) = GlobalId::decode(&id) else {
                return Err(RequestError::new("reseller", "the id of a reseller").into());
            };
            if !asker.sees(Some(&wanted)) {
                return Err(RequestError::new("reseller", "your own").into());
            }
            asker.reseller = Some(wanted);
        }
        let orders = ctx.orders()?.clone();
        let watching = orders.subscribe(&asker, None).await?;
        Ok(watching.then(move |change| read(orders.clone(), asker.clone(), change)).filter_map(std::future::ready))
    }
}

async fn read(orders: Orders, asker: Asker, change: Change) -> Option<Result<Order, Fault>> {
    orders
        .find(&asker, &OrderBy::Key(change.order))
        .await
        .map(|order| order.map(Order::new))
        .map_err(Fault::from)
        .transpose()
}
