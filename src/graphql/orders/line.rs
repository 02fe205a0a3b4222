//! A line of an order.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use crate::graphql::catalog::{Performance, Price, Section, TicketType};
use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault, report};
use crate::graphql::id;
use crate::graphql::loaders::{EventAt, PerformanceAt, TicketTypesOf};
use crate::graphql::orders::Shared;
use crate::graphql::orders::leg::VendorOrder;
use crate::graphql::orders::ticket::{Ticket, tickets};
use crate::graphql::scalars::int;
use ::catalog::Sourced;
use domain::catalog::{self, Audience};
use domain::money;
use domain::source;
use domain::text::Text;
use orders::Line;

/// A line of an order.
#[derive(Clone)]
pub struct OrderLine {
    order: Shared,
    line: usize,
}

impl OrderLine {
    /// Every line of an order.
    pub fn all(order: &Shared) -> Vec<Self> {
        (0..order.lines.len()).map(|line| Self { order: Arc::clone(order), line }).collect()
    }

    /// One line of an order; none where it has fewer.
    pub fn find(order: &Shared, line: usize) -> Option<Self> {
        (line < order.lines.len()).then(|| Self { order: Arc::clone(order), line })
    }

    fn told(&self) -> &Line {
        &self.order.lines[self.line]
    }

    fn source_of(&self, ctx: &Ctx) -> Result<Arc<source::Source>, Fault> {
        let source = &self.order.legs[self.told().leg].source;
        ctx.federation().find_source(source).cloned().ok_or_else(|| Fault::new(Code::SourceGone))
    }

    async fn load_ticket_type(&self, ctx: &Ctx) -> Result<TicketType, Fault> {
        let (source, line) = (self.source_of(ctx)?, self.told());
        let event = ctx.loaders.load(EventAt(Sourced::new(Arc::clone(&source), line.event.clone()))).await?;
        let listed = ctx.loaders.load(TicketTypesOf(event)).await?.value;
        let place = listed.iter().position(|kind| kind.key == line.ticket_type);
        place.map(|place| TicketType::listed(source, &listed, place)).ok_or_else(|| Fault::new(Code::NotFound))
    }

    /// The section that its ticket type is bound to.
    pub async fn section(&self, ctx: &Ctx) -> Result<Option<Section>, Fault> {
        let (source, line) = (self.source_of(ctx)?, self.told());
        let event = ctx.loaders.load(EventAt(Sourced::new(Arc::clone(&source), line.event.clone()))).await?;
        let listed = ctx.loaders.load(TicketTypesOf(event)).await?.value;
        let kind = listed.iter().find(|kind| kind.key == line.ticket_type);
        let section = kind.and_then(|kind| kind.section.clone());
        Ok(section.map(|section| Section { source, event: line.event.clone(), section }))
    }

    /// What the order itself knows of the ticket type: its key and the price that was promised.
    fn remembered_ticket_type(&self, source: Arc<source::Source>) -> TicketType {
        let line = self.told();
        let kind = catalog::TicketType {
            key: line.ticket_type.clone(),
            event: line.event.clone(),
            refs: Vec::new(),
            name: Text::plain(line.ticket_type.as_str()),
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
    /// Names the line in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::line_id(self.order.key, self.line)
    }

    /// The leg that books it.
    async fn leg(&self) -> VendorOrder {
        VendorOrder::of(&self.order, self.told().leg)
    }

    /// What is visited. Null when the source cannot be asked.
    async fn performance(&self, ctx: &Context<'_>) -> Option<Result<Performance, Fault>> {
        let ctx = Ctx::of(ctx);
        let source = match self.source_of(ctx) {
            Ok(source) => source,
            Err(fault) => return Some(Err(fault)),
        };
        let key = Sourced::new(source, self.told().performance.clone());
        Some(ctx.loaders.load(PerformanceAt(key)).await.map(Performance::alone).map_err(Fault::from))
    }

    /// As what. When the source cannot be asked, only what the order itself knows of it, with an error beside it.
    async fn ticket_type(&self, ctx: &Context<'_>) -> Result<TicketType, Fault> {
        match self.load_ticket_type(Ctx::of(ctx)).await {
            Ok(kind) => Ok(kind),
            Err(fault) => {
                let source = self.source_of(Ctx::of(ctx))?;
                report(ctx, fault);
                Ok(self.remembered_ticket_type(source))
            }
        }
    }

    /// How many tickets.
    async fn quantity(&self) -> i32 {
        int(self.told().quantity)
    }

    /// What one ticket was promised to cost.
    async fn unit_price(&self, ctx: &Context<'_>) -> Result<Price, Fault> {
        Ok(Price::of(&self.source_of(Ctx::of(ctx))?, &self.told().unit_price))
    }

    /// What the line costs.
    async fn total(&self, ctx: &Context<'_>) -> Result<Price, Fault> {
        let line = self.told();
        let times = |amount: money::Money| amount.times(line.quantity).unwrap_or(amount);
        let unit = &line.unit_price;
        let taxes = unit.taxes.iter().map(|tax| money::Tax { name: tax.name.clone(), amount: times(tax.amount) });
        let total = money::Price {
            retail: line.total(),
            original: unit.original.map(times),
            fees: unit.fees.map(times),
            taxes: taxes.collect(),
            guaranteed_until: unit.guaranteed_until,
        };
        Ok(Price::of(&self.source_of(Ctx::of(ctx))?, &total))
    }

    /// Its tickets, once they are issued.
    async fn tickets(&self, ctx: &Context<'_>) -> Result<Vec<Ticket>, Fault> {
        tickets(Ctx::of(ctx), &self.order, |ticket| ticket.line == self.line).await
    }
}
