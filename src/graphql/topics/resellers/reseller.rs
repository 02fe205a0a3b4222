//! A reseller.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use catalog::InvalidArgument;
use domain::SourceId;
use orders::{self, Order};
use rust_decimal::Decimal;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::GlobalId;
use crate::graphql::base::scalars::LocalDate;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::orders::{OrderConnection, OrderFilterInput, list_orders};
use crate::graphql::topics::resellers::ResellerConnection;
use crate::graphql::topics::resellers::statement::{Interval, SalesPoint, StatementRow};

/// Number of orders that a statement reads at once.
const STATEMENT_PAGE_SIZE: usize = 100;
/// Largest time between the creation of an order and its sale.
const MAX_ORDER_AGE: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);

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

    /// The orders, newest first.
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The filter.")] filter: Option<OrderFilterInput>,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<OrderConnection, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::OrderRead)?;
        list_orders(ctx, filter.unwrap_or_default(), first, after, Some(self.0.key.clone())).await
    }

    /// The sales of a range of days, one row per source and currency.
    async fn statement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, in the zone of each source.")] from: LocalDate,
        #[graphql(desc = "The last day; at most 366 days after the first.")] to: LocalDate,
    ) -> Result<Vec<StatementRow>, ApiError> {
        let ctx = Ctx::of(ctx);
        let orders = self.list_sold_orders(ctx, from, to).await?;
        let rates: BTreeMap<SourceId, Decimal> = self
            .0
            .connections
            .iter()
            .filter_map(|(source, connection)| Some((source.clone(), connection.commission_percent?)))
            .collect();
        let rows = resellers::statement(&orders, (from.0, to.0), &time_zones(ctx), &rates);
        Ok(rows.into_iter().filter_map(|row| StatementRow::of(ctx, row)).collect())
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
        let orders = self.list_sold_orders(ctx, from, to).await?;
        let points = resellers::sales(&orders, (from.0, to.0), &time_zones(ctx), interval.into());
        Ok(points.into_iter().filter_map(|point| SalesPoint::of(ctx, point)).collect())
    }
}

impl Reseller {
    /// Lists the orders that may contain a sale of these days.
    async fn list_sold_orders(&self, ctx: &Ctx, from: LocalDate, to: LocalDate) -> Result<Vec<Order>, ApiError> {
        ctx.require(Scope::ReportRead)?;
        if to.0 < from.0 {
            return Err(InvalidArgument::new("to", "a day that is not before `from`").into());
        }
        if (to.0 - from.0).get_days() > 366 {
            return Err(InvalidArgument::new("to", "at most 366 days after `from`").into());
        }
        // A local day starts and ends at most 14 hours apart from the UTC day.
        let day = |date: jiff::civil::Date| date.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp());
        let begin = day(from.0).ok().and_then(|at| at.checked_sub(MAX_ORDER_AGE).ok());
        let end = day(to.0).ok().and_then(|at| at.checked_add(jiff::SignedDuration::from_hours(48)).ok());
        let filter = orders::OrderFilter {
            created_from: begin,
            created_to: end,
            reseller: Some(self.0.key.clone()),
            ..orders::OrderFilter::default()
        };
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let page = ctx.orders()?.list(&ctx.actor(), &filter, cursor.as_ref(), STATEMENT_PAGE_SIZE).await?;
            cursor = page.orders.last().map(orders::OrderCursor::of);
            all.extend(page.orders);
            if !page.has_more || cursor.is_none() {
                return Ok(all);
            }
        }
    }
}

fn time_zones(ctx: &Ctx) -> HashMap<SourceId, jiff::tz::TimeZone> {
    ctx.catalog().sources().iter().map(|source| (source.id.clone(), source.time_zone.clone())).collect()
}
