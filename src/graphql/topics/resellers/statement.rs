//! Statements and sales over time.

use std::sync::Arc;

use async_graphql::{Enum, SimpleObject};
use domain::SourceId;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::scalars::{CurrencyCode, LocalDate, int};
use crate::graphql::topics::catalog::Money;
use crate::graphql::topics::sources::Source;

/// Length of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "resellers::SalesInterval")]
pub enum Interval {
    /// A calendar day.
    Day,
    /// A week, from Monday.
    Week,
    /// A calendar month.
    Month,
}

/// The sales of a seller in one source and currency.
#[derive(SimpleObject)]
pub(super) struct StatementRow {
    /// The source.
    source: Source,
    /// The currency of the amounts.
    currency: CurrencyCode,
    /// Number of orders with a sale in this row.
    orders: i32,
    /// Number of tickets sold, including those canceled later.
    tickets_sold: i32,
    /// Number of tickets canceled.
    tickets_voided: i32,
    /// Number of tickets used.
    tickets_used: i32,
    /// The amount charged to visitors.
    gross: Money,
    /// The amount that the reseller owes the venue. Null if no rate is agreed, and for direct sales.
    net: Option<Money>,
    /// The amount that the reseller keeps. Null if no rate is agreed, and for direct sales.
    commission: Option<Money>,
    /// The amount refunded to visitors.
    refunded: Money,
    /// Number of sales whose outcome is not known yet.
    unresolved: i32,
}

impl StatementRow {
    pub(super) fn of(ctx: &Ctx, row: resellers::StatementRow) -> Option<Self> {
        Some(Self {
            source: find_source(ctx, &row.source)?,
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

/// The sales of one interval.
#[derive(SimpleObject)]
pub(super) struct SalesPoint {
    /// The first day.
    from: LocalDate,
    /// The source.
    source: Source,
    /// The currency of the amount.
    currency: CurrencyCode,
    /// Number of orders.
    orders: i32,
    /// Number of tickets.
    tickets: i32,
    /// The amount charged to visitors.
    gross: Money,
}

impl SalesPoint {
    pub(super) fn of(ctx: &Ctx, point: resellers::SalesPoint) -> Option<Self> {
        Some(Self {
            from: LocalDate(point.from),
            source: find_source(ctx, &point.source)?,
            currency: CurrencyCode(point.currency),
            orders: int(point.orders),
            tickets: int(point.tickets),
            gross: Money(point.gross),
        })
    }
}

fn find_source(ctx: &Ctx, id: &SourceId) -> Option<Source> {
    ctx.catalog().find_source(id).map(|source| Source(Arc::clone(source)))
}
