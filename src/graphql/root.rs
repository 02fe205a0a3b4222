//! What belongs to no topic: refetching anything by its id, and who is asking.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object};
use futures_util::future::join_all;

use crate::graphql::admissions::AdmissionToken;
use crate::graphql::catalog::{Event, Performance, Section, TicketType};
use crate::graphql::ctx::Ctx;
use crate::graphql::delivery::DeliveryChannel;
use crate::graphql::error::{Code, Fault};
use crate::graphql::id::{GlobalId, sourced};
use crate::graphql::loaders::{EventAt, PerformanceAt, TicketTypesOf, TokenAt};
use crate::graphql::orders::{Order, OrderLine, Ticket, VendorOrder, find_order};
use crate::graphql::partners::{Reseller, ResellerConnection};
use crate::graphql::sources::Source;
use crate::graphql::viewer::{Scope, Viewer};
use catalog::{LARGEST_PAGE, RequestError};

/// Anything that has an id and can be refetched by it. Ids are opaque.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Names it in the whole graph. Opaque."))]
pub enum Node {
    /// A source.
    Source(Source),
    /// An event.
    Event(Event),
    /// A performance.
    Performance(Performance),
    /// A ticket type.
    TicketType(TicketType),
    /// A section.
    Section(Section),
    /// An admission token.
    AdmissionToken(AdmissionToken),
    /// An order.
    Order(Order),
    /// A leg of an order.
    VendorOrder(VendorOrder),
    /// A line of an order.
    OrderLine(OrderLine),
    /// A ticket of an order.
    Ticket(Ticket),
    /// A reseller.
    Reseller(Reseller),
    /// How a reseller is set up in a source.
    ResellerConnection(ResellerConnection),
    /// A delivery channel.
    DeliveryChannel(DeliveryChannel),
}

/// What belongs to no topic.
#[derive(Default)]
pub struct RootQuery;

#[Object]
impl RootQuery {
    /// Refetches anything by its id; null when the id is not (or no longer) one of this API.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of anything.")] id: ID,
    ) -> Option<Result<Node, Fault>> {
        find_node(Ctx::of(ctx), &id).await
    }

    /// Refetches many things at once, in the order of their ids; null for each id that is not one of this API.
    #[graphql(complexity = "1 + ids.len() * child_complexity")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ids of anything, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Result<Node, Fault>>>, Fault> {
        if ids.len() > LARGEST_PAGE {
            return Err(RequestError::new("ids", format!("at most {LARGEST_PAGE} ids")).into());
        }
        let ctx = Ctx::of(ctx);
        Ok(join_all(ids.iter().map(|id| find_node(ctx, id))).await)
    }

    /// Who is asking.
    async fn viewer(&self, ctx: &Context<'_>) -> Viewer {
        Viewer::clone(&Ctx::of(ctx).viewer)
    }
}

/// What an id names; none when it is not an id of ours, or names what is not there.
pub(super) async fn find_node(ctx: &Ctx, id: &ID) -> Option<Result<Node, Fault>> {
    let id = GlobalId::decode(id)?;
    match load_node(ctx, id).await {
        Ok(found) => found.map(Ok),
        Err(fault) if fault.code() == Code::NotFound => None,
        Err(fault) => Some(Err(fault)),
    }
}

async fn load_node(ctx: &Ctx, id: GlobalId) -> Result<Option<Node>, Fault> {
    let federation = ctx.federation();
    let needed = match id {
        GlobalId::AdmissionToken(..) => Scope::AdmissionRead,
        GlobalId::Order(_) | GlobalId::Leg(..) | GlobalId::OrderLine(..) | GlobalId::Ticket(..) => Scope::OrderRead,
        GlobalId::Reseller(_) | GlobalId::Connection(..) => Scope::ReportRead,
        _ => Scope::CatalogRead,
    };
    ctx.require(needed)?;
    Ok(match id {
        GlobalId::Source(source) => federation.find_source(&source).map(|source| Source(Arc::clone(source)).into()),
        GlobalId::Event(source, key) => match sourced(federation, &source, key) {
            Some(key) => Some(Event(ctx.loaders.load(EventAt(key)).await?).into()),
            None => None,
        },
        GlobalId::Performance(source, key) => match sourced(federation, &source, key) {
            Some(key) => Some(Performance::alone(ctx.loaders.load(PerformanceAt(key)).await?).into()),
            None => None,
        },
        GlobalId::TicketType(source, event, key) => match sourced(federation, &source, event) {
            Some(event) => {
                let event = ctx.loaders.load(EventAt(event)).await?;
                let listed = ctx.loaders.load(TicketTypesOf(event.clone())).await?.value;
                let place = listed.iter().position(|kind| kind.key == key);
                place.map(|place| TicketType::listed(Arc::clone(&event.source), &listed, place).into())
            }
            None => None,
        },
        GlobalId::Section(source, event, key) => match sourced(federation, &source, event) {
            Some(event) => {
                let event = ctx.loaders.load(EventAt(event)).await?;
                Section::all(&event).into_iter().find(|section| section.section.key == key).map(Node::from)
            }
            None => None,
        },
        GlobalId::AdmissionToken(source, key) => match sourced(federation, &source, key) {
            Some(key) => {
                let token = ctx.loaders.load(TokenAt(key.clone())).await?;
                Some(AdmissionToken::alone(key.source, token).into())
            }
            None => None,
        },
        GlobalId::Order(order) => find_order(ctx, order).await?.map(|order| Order(order).into()),
        GlobalId::Leg(order, leg) => {
            find_order(ctx, order).await?.and_then(|order| VendorOrder::find(&order, leg)).map(Node::from)
        }
        GlobalId::OrderLine(order, line) => {
            find_order(ctx, order).await?.and_then(|order| OrderLine::find(&order, line)).map(Node::from)
        }
        GlobalId::Ticket(order, number) => match find_order(ctx, order).await? {
            Some(order) => Ticket::find(ctx, &order, number).await?.map(Node::from),
            None => None,
        },
        GlobalId::Reseller(key) => ctx.find_reseller(&key).map(Node::from),
        GlobalId::Connection(reseller, source) => ResellerConnection::find(ctx, &reseller, &source).map(Node::from),
        GlobalId::Channel(channel) => DeliveryChannel::find(ctx, &channel).map(Node::from),
        GlobalId::Quote(_) => None,
    })
}
