//! A reseller.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use catalog::InvalidArgument;
use jiff::civil::Date;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::GlobalId;
use crate::graphql::base::scalars::LocalDate;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::orders::{
    OrderConnection, OrderFilterInput, OrderListArguments, OrderSortInput, list_orders,
};
use crate::graphql::topics::resellers::ResellerConnection;
use crate::graphql::topics::resellers::statement::{Interval, SalesPoint, StatementRow, StatementScope};

/// A reseller of tickets of one or more sources.
#[derive(Clone)]
pub struct Reseller(pub Arc<resellers::Reseller>);

/// A reseller of tickets of one or more sources.
#[Object]
impl Reseller {
    /// Global id of the reseller. Opaque.
    pub async fn id(&self) -> ID {
        GlobalId::Reseller(self.0.key.clone()).encode()
    }

    /// Human-readable name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The connections to sources.
    async fn connections(&self, ctx: &Context<'_>) -> Vec<ResellerConnection> {
        let ctx = Ctx::of(ctx);
        let sources = self.0.connections.keys();
        sources.filter_map(|source| ResellerConnection::find(ctx, &self.0.key, source)).collect()
    }

    /// The orders.
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The filter.")] filter: Option<OrderFilterInput>,
        #[graphql(desc = "The sorting. Newest first, if omitted.")] order_by: Option<OrderSortInput>,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page, of a list with the same column of `orderBy`.")]
        after: Option<String>,
    ) -> Result<OrderConnection, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::OrderRead)?;
        let arguments = OrderListArguments { filter, order_by, first, after };
        list_orders(ctx, arguments, Some(self.0.key.clone())).await
    }

    /// The sales of a range of days, one row per source and currency.
    async fn statement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, in the zone of each source.")] from: LocalDate,
        #[graphql(desc = "The last day; at most 366 days after the first.")] to: LocalDate,
    ) -> Result<Vec<StatementRow>, ApiError> {
        let ctx = Ctx::of(ctx);
        let days = check_days(ctx, from, to)?;
        let rows = resellers::statement(ctx.orders()?, &ctx.actor(), &self.0, days, &ctx.time_zones()).await?;
        let scope = StatementScope { reseller: Some(self.0.key.clone()), days };
        Ok(rows.into_iter().map(|row| StatementRow::new(row, &scope)).collect())
    }

    /// The sales over time. An interval without sales has no point.
    async fn sales(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, in the zone of each source.")] from: LocalDate,
        #[graphql(desc = "The last day; at most 366 days after the first.")] to: LocalDate,
        #[graphql(desc = "Length of an interval.", default_with = "Interval::Day")] interval: Interval,
    ) -> Result<Vec<SalesPoint>, ApiError> {
        let ctx = Ctx::of(ctx);
        let days = check_days(ctx, from, to)?;
        let (zones, interval) = (ctx.time_zones(), interval.into());
        let points = resellers::sales(ctx.orders()?, &ctx.actor(), &self.0, days, &zones, interval).await?;
        Ok(points.into_iter().map(SalesPoint).collect())
    }
}

/// Checks that the caller may read reports, and the range of days.
pub(super) fn check_days(ctx: &Ctx, from: LocalDate, to: LocalDate) -> Result<(Date, Date), ApiError> {
    ctx.require(Scope::ReportRead)?;
    if to.0 < from.0 {
        return Err(InvalidArgument::new("to", "a day that is not before `from`").into());
    }
    if (to.0 - from.0).get_days() > 366 {
        return Err(InvalidArgument::new("to", "at most 366 days after `from`").into());
    }
    Ok((from.0, to.0))
}
