//! Statements and sales over time, as clients see them.

use std::sync::Arc;

use async_graphql::{Enum, SimpleObject};

use crate::graphql::catalog::Money;
use crate::graphql::ctx::Ctx;
use crate::graphql::scalars::{CurrencyCode, LocalDate, int};
use crate::graphql::sources::Source;
use domain::SourceId;
use resellers;

/// How long a point of a curve is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "resellers::Interval")]
pub enum Interval {
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
}

/// What a reseller sold in one source and currency.
#[derive(SimpleObject)]
pub struct StatementRow {
    /// Where.
    source: Source,
    /// The currency of the sums.
    currency: CurrencyCode,
    /// Orders with a sale here.
    orders: i32,
    /// Tickets sold, those that were undone later among them.
    tickets_sold: i32,
    /// Tickets undone.
    tickets_voided: i32,
    /// Tickets used.
    tickets_used: i32,
    /// What the visitors were charged.
    gross: Money,
    /// What the reseller owes the venue; null where no rate is agreed.
    net: Option<Money>,
    /// What the reseller keeps; null where no rate is agreed.
    commission: Option<Money>,
    /// What went back to the visitors.
    refunded: Money,
    /// Sales of which nobody knows yet whether they are one.
    unresolved: i32,
}

impl StatementRow {
    pub(super) fn of(ctx: &Ctx, row: resellers::StatementRow) -> Option<Self> {
        Some(Self {
            source: source(ctx, &row.source)?,
            currency: CurrencyCode(row.currency),
            orders: int(row.orders),
            tickets_sold: int(row.tickets_sold),
            tickets_voided: int(row.tickets_voided),
            tickets_used: int(row.tickets_used),
            gross: Money(row.gross),
            net: row.net.map(Money),
            commission: row.commission.map(Money),
            refunded: Money(row.refunded),
            unresolved: int(row.unresolved),
        })
    }
}

/// What was sold from one day on, for one interval.
#[derive(SimpleObject)]
pub struct SalesPoint {
    /// The first day.
    from: LocalDate,
    /// Where.
    source: Source,
    /// The currency of the sum.
    currency: CurrencyCode,
    /// Orders.
    orders: i32,
    /// Tickets.
    tickets: i32,
    /// What the visitors were charged.
    gross: Money,
}

impl SalesPoint {
    pub(super) fn of(ctx: &Ctx, point: resellers::SalesPoint) -> Option<Self> {
        Some(Self {
            from: LocalDate(point.from),
            source: source(ctx, &point.source)?,
            currency: CurrencyCode(point.currency),
            orders: int(point.orders),
            tickets: int(point.tickets),
            gross: Money(point.gross),
        })
    }
}

fn source(ctx: &Ctx, id: &SourceId) -> Option<Source> {
    ctx.federation().find_source(id).map(|source| Source(Arc::clone(source)))
}
