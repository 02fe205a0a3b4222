//! A line of an order.

use std::sync::Arc;

use ::catalog::Sourced;
use async_graphql::{Context, ID, Object};
use domain::SourceId;
use domain::catalog::{self, Audience};
use domain::money;
use domain::source;
use domain::text::LocalizedText;
use orders::Line;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode, add_error};
use crate::graphql::base::id;
use crate::graphql::base::loaders::{EventByKey, PerformanceByKey, TicketTypesOf};
use crate::graphql::base::scalars::{LocalDate, Locale, int};
use crate::graphql::topics::catalog::{Performance, Price, Section, TicketType};
use crate::graphql::topics::orders::SharedOrder;
use crate::graphql::topics::orders::leg::VendorOrder;
use crate::graphql::topics::orders::ticket::{Ticket, load_tickets};

/// A line of an order.
#[derive(Clone)]
pub struct OrderLine {
    order: SharedOrder,
    line: usize,
}

impl OrderLine {
    /// Returns all lines of an order.
    pub fn list(order: &SharedOrder) -> Vec<Self> {
        (0..order.lines.len()).map(|line| Self { order: Arc::clone(order), line }).collect()
    }

    /// Finds a line by its index.
    pub fn find(order: &SharedOrder, line: usize) -> Option<Self> {
        (line < order.lines.len()).then(|| Self { order: Arc::clone(order), line })
    }

    fn inner(&self) -> &Line {
        &self.order.lines[self.line]
    }

    /// Returns the source that books the line.
    pub(super) fn source(&self) -> &SourceId {
        &self.order.legs[self.inner().leg].source
    }

    fn find_source(&self, ctx: &Ctx) -> Result<Arc<source::Source>, ApiError> {
        ctx.catalog().find_source(self.source()).cloned().ok_or_else(|| ApiError::new(ErrorCode::SourceGone))
    }

    async fn load_ticket_type(&self, ctx: &Ctx) -> Result<TicketType, ApiError> {
        let (source, line) = (self.find_source(ctx)?, self.inner());
        let event = ctx.loaders.load(EventByKey(Sourced::new(Arc::clone(&source), line.event.clone()))).await?;
        let listed = ctx.loaders.load(TicketTypesOf(event)).await?.value;
        let index = listed.iter().position(|kind| kind.key == line.ticket_type);
        index.map(|index| TicketType::in_list(source, &listed, index)).ok_or_else(|| ApiError::new(ErrorCode::NotFound))
    }

    /// Loads the section that the line's ticket type is restricted to.
    pub async fn load_section(&self, ctx: &Ctx) -> Result<Option<Section>, ApiError> {
        let (source, line) = (self.find_source(ctx)?, self.inner());
        let event = ctx.loaders.load(EventByKey(Sourced::new(Arc::clone(&source), line.event.clone()))).await?;
        let listed = ctx.loaders.load(TicketTypesOf(event)).await?.value;
        let kind = listed.iter().find(|kind| kind.key == line.ticket_type);
        let section = kind.and_then(|kind| kind.section.clone());
        Ok(section.map(|section| Section { source, event: line.event.clone(), section }))
    }

    /// Builds a ticket type from the order alone: its key and the promised price.
    fn fallback_ticket_type(&self, source: Arc<source::Source>) -> TicketType {
        let line = self.inner();
        let kind = catalog::TicketType {
            key: line.ticket_type.clone(),
            event: line.event.clone(),
            refs: Vec::new(),
            name: LocalizedText::monolingual(line.ticket_type.as_str()),
            description: None,
            audience: Audience::Other,
            min_age: None,
            max_age: None,
            admits: 1,
            section: None,
            price: Some(line.unit_price.clone()),
            min_per_order: None,
            max_per_order: None,
        };
        TicketType::single(source, &Arc::new(kind))
    }
}

/// A line of an order.
#[Object]
impl OrderLine {
    /// Global id of the line. Opaque.
    pub async fn id(&self) -> ID {
        id::line_id(self.order.key, self.line)
    }

    /// The leg that books the line.
    async fn leg(&self) -> VendorOrder {
        VendorOrder::of(&self.order, self.inner().leg)
    }

    /// The title of the event when the order was planned. Available even if the source cannot be reached or the event is gone. Null if it
    /// was not recorded.
    async fn event_title(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> Option<String> {
        let locale = locale.as_ref().map(|locale| &locale.0);
        self.inner().event_title.as_ref().map(|title| title.resolve(locale).to_owned())
    }

    /// The day of the visit in the time zone of the venue, as recorded when the order was planned. Null for open visits.
    async fn visit_date(&self) -> Option<LocalDate> {
        self.inner().visit_date.map(LocalDate)
    }

    /// The performance. Null if the source cannot be reached.
    async fn performance(&self, ctx: &Context<'_>) -> Option<Result<Performance, ApiError>> {
        let ctx = Ctx::of(ctx);
        let source = match self.find_source(ctx) {
            Ok(source) => source,
            Err(fault) => return Some(Err(fault)),
        };
        let key = Sourced::new(source, self.inner().performance.clone());
        Some(ctx.loaders.load(PerformanceByKey(key)).await.map(Performance::without_event).map_err(ApiError::from))
    }

    /// The ticket type. If the source cannot be reached, a minimal one built from the order, with an error on this
    /// field.
    async fn ticket_type(&self, ctx: &Context<'_>) -> Result<TicketType, ApiError> {
        match self.load_ticket_type(Ctx::of(ctx)).await {
            Ok(kind) => Ok(kind),
            Err(fault) => {
                let source = self.find_source(Ctx::of(ctx))?;
                add_error(ctx, fault);
                Ok(self.fallback_ticket_type(source))
            }
        }
    }

    /// Number of tickets.
    async fn quantity(&self) -> i32 {
        int(self.inner().quantity)
    }

    /// The promised price of one ticket.
    async fn unit_price(&self, ctx: &Context<'_>) -> Result<Price, ApiError> {
        Ok(Price::of(&self.find_source(Ctx::of(ctx))?, &self.inner().unit_price))
    }

    /// The price of the line.
    async fn total(&self, ctx: &Context<'_>) -> Result<Price, ApiError> {
        let line = self.inner();
        let times = |amount: money::Money| amount.checked_mul(line.quantity).unwrap_or(amount);
        let unit = &line.unit_price;
        let taxes = unit.taxes.iter().map(|tax| money::Tax { name: tax.name.clone(), amount: times(tax.amount) });
        let total = money::Price {
            retail: line.total(),
            original: unit.original.map(times),
            fees: unit.fees.map(times),
            taxes: taxes.collect(),
            guaranteed_until: unit.guaranteed_until,
        };
        Ok(Price::of(&self.find_source(Ctx::of(ctx))?, &total))
    }

    /// The tickets, once issued.
    async fn tickets(&self, ctx: &Context<'_>) -> Result<Vec<Ticket>, ApiError> {
        load_tickets(Ctx::of(ctx), &self.order, |ticket| ticket.line == self.line).await
    }
}
