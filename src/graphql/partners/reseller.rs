//! A reseller.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use rust_decimal::Decimal;

use crate::graphql::ctx::Ctx;
use crate::graphql::error::Fault;
use crate::graphql::id::GlobalId;
use crate::graphql::orders::{OrderConnection, OrderFilter, list};
use crate::graphql::page::page_cost;
use crate::graphql::partners::ResellerConnection;
use crate::graphql::partners::statement::{Interval, SalesPoint, StatementRow};
use crate::graphql::scalars::LocalDate;
use crate::graphql::viewer::Scope;
use catalog::RequestError;
use domain::SourceId;
use orders::{self, Order};
use resellers;

/// Orders that are read at once for a statement.
const PAGE: usize = 100;
/// How long before the first day an order may have been made that was sold on it.
const LEAD: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);

/// A partner that sells tickets of one or more sources.
#[derive(Clone)]
pub struct Reseller(pub Arc<resellers::Reseller>);

/// A partner that sells tickets of one or more sources.
#[Object]
impl Reseller {
    /// Names the reseller in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        GlobalId::Reseller(self.0.key.clone()).encode()
    }

    /// For people.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How it is set up, source by source.
    async fn connections(&self, ctx: &Context<'_>) -> Vec<ResellerConnection> {
        let ctx = Ctx::of(ctx);
        let sources = self.0.connections.keys();
        sources.filter_map(|source| ResellerConnection::find(ctx, &self.0.key, source)).collect()
    }

    /// Its orders, youngest first.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<OrderFilter>,
        #[graphql(desc = "How many, 1 to 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "The cursor of the order before.")] after: Option<String>,
    ) -> Result<OrderConnection, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::OrderRead)?;
        list(ctx, filter.unwrap_or_default(), first, after, Some(self.0.key.clone())).await
    }

    /// What it sold within some days, a row for each source and currency.
    async fn statement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, in the zone of each source.")] from: LocalDate,
        #[graphql(desc = "The last day; at most 366 days after the first.")] to: LocalDate,
    ) -> Result<Vec<StatementRow>, Fault> {
        let ctx = Ctx::of(ctx);
        let orders = self.sold(ctx, from, to).await?;
        let rates: BTreeMap<SourceId, Decimal> = self
            .0
            .connections
            .iter()
            .filter_map(|(source, connection)| Some((source.clone(), connection.commission_percent?)))
            .collect();
        let rows = resellers::statement(&orders, (from.0, to.0), &zones(ctx), &rates);
        Ok(rows.into_iter().filter_map(|row| StatementRow::of(ctx, row)).collect())
    }

    /// What it sold over time; an interval without any sale has no point.
    async fn sales(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, in the zone of each source.")] from: LocalDate,
        #[graphql(desc = "The last day; at most 366 days after the first.")] to: LocalDate,
        #[graphql(desc = "How long a point is.", default_with = "Interval::Day")] interval: Interval,
    ) -> Result<Vec<SalesPoint>, Fault> {
        let ctx = Ctx::of(ctx);
        let orders = self.sold(ctx, from, to).await?;
        let points = resellers::sales(&orders, (from.0, to.0), &zones(ctx), interval.into());
        Ok(points.into_iter().filter_map(|point| SalesPoint::of(ctx, point)).collect())
    }
}

impl Reseller {
    /// The orders that may hold a sale of some days.
    async fn sold(&self, ctx: &Ctx, from: LocalDate, to: LocalDate) -> Result<Vec<Order>, Fault> {
        ctx.require(Scope::ReportRead)?;
        if to.0 < from.0 {
            return Err(RequestError::new("to", "a day that is not before `from`").into());
        }
        if (to.0 - from.0).get_days() > 366 {
            return Err(RequestError::new("to", "at most 366 days after `from`").into());
        }
        // A day begins and ends at most 14 hours away from that of UTC.
        let day = |date: jiff::civil::Date| date.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp());
        let begin = day(from.0).ok().and_then(|at| at.checked_sub(LEAD).ok());
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
            let page = ctx.orders()?.list(&ctx.asker(), &filter, cursor.as_ref(), PAGE).await?;
            cursor = page.orders.last().map(orders::OrderCursor::of);
            all.extend(page.orders);
            if !page.has_more || cursor.is_none() {
                return Ok(all);
            }
        }
    }
}

fn zones(ctx: &Ctx) -> HashMap<SourceId, jiff::tz::TimeZone> {
    ctx.federation().sources().iter().map(|source| (source.id.clone(), source.time_zone.clone())).collect()
}
