//! Statements and sales over time.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use catalog::{PageSize, Sourced, SourcedEvent};
use domain::{Currency, EventKey, SourceId};
use jiff::civil::Date;
use orders::SalesPart;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id::GlobalId;
use crate::graphql::base::loaders::{EventByKey, TicketTypesOf};
use crate::graphql::base::scalars::{CurrencyCode, LocalDate, Locale, int};
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

/// The key by which the sales of a statement are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "orders::SalesGrouping")]
pub enum StatementGrouping {
    /// The event.
    Event,
    /// The ticket type of an event.
    TicketType,
}

/// A statement: the reseller and the days.
#[derive(Clone)]
pub(super) struct StatementScope {
    pub reseller: String,
    pub days: (Date, Date),
}

/// The sales of a reseller in one source and currency.
pub(super) struct StatementRow {
    row: resellers::StatementRow,
    of: StatementScope,
}

impl StatementRow {
    pub(super) fn new(row: resellers::StatementRow, of: &StatementScope) -> Self {
        Self { row, of: of.clone() }
    }
}

/// The sales of a reseller in one source and currency.
#[Object]
impl StatementRow {
    /// The source. Fails with `SOURCE_GONE` if it is not configured any more; `sourceId` and `sourceName` are known then as well.
    async fn source(&self, ctx: &Context<'_>) -> Result<Source, ApiError> {
        find_source(Ctx::of(ctx), &self.row.source)
    }

    /// The id of the source.
    async fn source_id(&self) -> ID {
        source_id(&self.row.source)
    }

    /// The name of the source.
    async fn source_name(&self) -> &str {
        self.row.source.as_str()
    }

    /// The institution of the source. Null if the source is not configured any more.
    async fn institution(&self, ctx: &Context<'_>) -> Option<String> {
        institution(Ctx::of(ctx), &self.row.source)
    }

    /// The currency of the amounts.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.row.currency)
    }

    /// Number of orders with a sale in this row.
    async fn orders(&self) -> i32 {
        int(self.row.orders)
    }

    /// Number of tickets sold, including those canceled later.
    async fn tickets_sold(&self) -> i32 {
        int(self.row.tickets_sold)
    }

    /// Number of tickets canceled.
    async fn tickets_voided(&self) -> i32 {
        int(self.row.tickets_voided)
    }

    /// Number of tickets used.
    async fn tickets_used(&self) -> i32 {
        int(self.row.tickets_used)
    }

    /// The amount charged to visitors.
    async fn gross(&self) -> Money {
        Money(self.row.gross)
    }

    /// The amount that the reseller owes the venue. Null if no rate is agreed.
    async fn net(&self) -> Option<Money> {
        self.row.net.map(Money)
    }

    /// The amount that the reseller keeps. Null if no rate is agreed.
    async fn commission(&self) -> Option<Money> {
        self.row.commission.map(Money)
    }

    /// The amount refunded to visitors.
    async fn refunded(&self) -> Money {
        Money(self.row.refunded)
    }

    /// Number of sales whose outcome is not known yet.
    async fn unresolved(&self) -> i32 {
        int(self.row.unresolved)
    }

    /// The row by event or ticket type, greatest amount first. What a sale took is divided among its lines by their planned amounts, so
    /// that the parts add up to the row.
    async fn breakdown(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to group by.")] by: StatementGrouping,
        #[graphql(desc = "Number of parts: 1 to 100, default 20. Everything else is one more part.")] first: Option<
            i32,
        >,
    ) -> Result<Vec<StatementPart>, ApiError> {
        let ctx = Ctx::of(ctx);
        let first = u32::try_from(PageSize::new(first)?.rows()).unwrap_or(u32::MAX);
        let of = (self.of.reseller.as_str(), &self.row);
        let days = (self.of.days, &ctx.time_zones());
        let parts = resellers::breakdown(ctx.orders()?, &ctx.actor(), of, days, (by.into(), first)).await?;
        let part = |part| StatementPart { part, source: self.row.source.clone(), currency: self.row.currency };
        Ok(parts.into_iter().map(part).collect())
    }
}

/// A part of a row of a statement.
pub(super) struct StatementPart {
    part: SalesPart,
    source: SourceId,
    currency: Currency,
}

impl StatementPart {
    fn event(&self) -> Option<&EventKey> {
        self.part.group.as_ref().map(|group| &group.event)
    }

    /// Loads the event. `None` if there is none, or the source cannot be reached.
    async fn load_event(&self, ctx: &Ctx) -> Option<SourcedEvent> {
        let source = ctx.catalog().find_source(&self.source)?;
        ctx.loaders.load(EventByKey(Sourced::new(Arc::clone(source), self.event()?.clone()))).await.ok()
    }

    async fn load_ticket_type_name(&self, ctx: &Ctx, locale: Option<&domain::Locale>) -> Option<String> {
        let key = self.part.group.as_ref()?.ticket_type.as_ref()?;
        let listed = ctx.loaders.load(TicketTypesOf(self.load_event(ctx).await?)).await.ok()?.value;
        listed.iter().find(|kind| kind.key == *key).map(|kind| kind.name.resolve(locale).to_owned())
    }
}

/// A part of a row of a statement.
#[Object]
impl StatementPart {
    /// The id of the event, for the filter of orders. Null for everything else.
    async fn event_id(&self) -> Option<ID> {
        self.event().map(|event| GlobalId::Event(self.source.clone(), event.clone()).encode())
    }

    /// The title of the event as an order has recorded it, or else as it is now. Null if it is known from neither.
    async fn event_title(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The preferred language.")] locale: Option<Locale>,
    ) -> Option<String> {
        let locale = locale.as_ref().map(|locale| &locale.0);
        if let Some(title) = self.part.group.as_ref()?.event_title.as_ref() {
            return Some(title.resolve(locale).to_owned());
        }
        let event = self.load_event(Ctx::of(ctx)).await?;
        Some(event.value.value.title.resolve(locale).to_owned())
    }

    /// The id of the ticket type, for the filter of orders. Null for events and for everything else.
    async fn ticket_type_id(&self) -> Option<ID> {
        let group = self.part.group.as_ref()?;
        let kind = group.ticket_type.clone()?;
        Some(GlobalId::TicketType(self.source.clone(), group.event.clone(), kind).encode())
    }

    /// The name of the ticket type as it is now. Null if it does not exist any more, or its source cannot be reached.
    async fn ticket_type_name(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The preferred language.")] locale: Option<Locale>,
    ) -> Option<String> {
        self.load_ticket_type_name(Ctx::of(ctx), locale.as_ref().map(|locale| &locale.0)).await
    }

    /// True for everything beyond the listed parts.
    async fn is_other(&self) -> bool {
        self.part.group.is_none()
    }

    /// Number of orders with such a ticket. An order may be in several parts.
    async fn orders(&self) -> i32 {
        int(self.part.orders)
    }

    /// Number of tickets sold, including those canceled later.
    async fn tickets_sold(&self) -> i32 {
        int(self.part.tickets_sold)
    }

    /// Number of tickets canceled.
    async fn tickets_voided(&self) -> i32 {
        int(self.part.tickets_voided)
    }

    /// Number of tickets used.
    async fn tickets_used(&self) -> i32 {
        int(self.part.tickets_used)
    }

    /// The share of the amount charged to visitors.
    async fn gross(&self) -> Money {
        Money(domain::Money::new(self.part.gross, self.currency))
    }

    /// The share of the amount refunded to visitors.
    async fn refunded(&self) -> Money {
        Money(domain::Money::new(self.part.refunded, self.currency))
    }
}

/// The sales of one interval.
pub(super) struct SalesPoint(pub resellers::SalesPoint);

/// The sales of one interval.
#[Object]
impl SalesPoint {
    /// The first day.
    async fn from(&self) -> LocalDate {
        LocalDate(self.0.from)
    }

    /// The source. Fails with `SOURCE_GONE` if it is not configured any more; `sourceId` and `sourceName` are known then as well.
    async fn source(&self, ctx: &Context<'_>) -> Result<Source, ApiError> {
        find_source(Ctx::of(ctx), &self.0.source)
    }

    /// The id of the source.
    async fn source_id(&self) -> ID {
        source_id(&self.0.source)
    }

    /// The name of the source.
    async fn source_name(&self) -> &str {
        self.0.source.as_str()
    }

    /// The institution of the source. Null if the source is not configured any more.
    async fn institution(&self, ctx: &Context<'_>) -> Option<String> {
        institution(Ctx::of(ctx), &self.0.source)
    }

    /// The currency of the amount.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.0.currency)
    }

    /// Number of orders.
    async fn orders(&self) -> i32 {
        int(self.0.orders)
    }

    /// Number of tickets.
    async fn tickets(&self) -> i32 {
        int(self.0.tickets)
    }

    /// The amount charged to visitors.
    async fn gross(&self) -> Money {
        Money(self.0.gross)
    }
}

fn find_source(ctx: &Ctx, id: &SourceId) -> Result<Source, ApiError> {
    let source = ctx.catalog().find_source(id).ok_or_else(|| ApiError::new(ErrorCode::SourceGone))?;
    Ok(Source(Arc::clone(source)))
}

fn institution(ctx: &Ctx, id: &SourceId) -> Option<String> {
    ctx.catalog().find_source(id).map(|source| source.institution.clone())
}

fn source_id(id: &SourceId) -> ID {
    GlobalId::Source(id.clone()).encode()
}
