//! The root fields that belong to no topic: `node`, `nodes` and `viewer`.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object};
use catalog::{InvalidArgument, MAX_PAGE_SIZE};
use futures_util::future::join_all;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id::{GlobalId, find_sourced};
use crate::graphql::base::loaders::{EventByKey, PerformanceByKey, TicketTypesOf, TokenByKey};
use crate::graphql::base::viewer::{Scope, Viewer};
use crate::graphql::topics::admissions::AdmissionToken;
use crate::graphql::topics::catalog::{Event, Performance, Section, TicketType};
use crate::graphql::topics::deliveries::{AppDelivery, DeliveryChannel};
use crate::graphql::topics::orders::{Order, OrderLine, Ticket, VendorOrder, find_app_delivery, find_order};
use crate::graphql::topics::resellers::{Reseller, ResellerConnection};
use crate::graphql::topics::sources::Source;
use crate::graphql::topics::webhooks::WebhookNode;

/// An object with a global id, by which it can be refetched. Ids are opaque.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global id of the object. Opaque."))]
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
    /// The connection of a reseller to a source.
    ResellerConnection(ResellerConnection),
    /// A delivery channel.
    DeliveryChannel(DeliveryChannel),
    /// A ticket in a mobile app.
    AppDelivery(AppDelivery),
    /// A webhook.
    Webhook(WebhookNode),
}

/// Queries that belong to no topic.
#[derive(Default)]
pub struct RootQuery;

#[Object]
impl RootQuery {
    /// Refetches an object by its id. Null if the id is not, or no longer, an id of this API.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A global id.")] id: ID,
    ) -> Option<Result<Node, ApiError>> {
        find_node(Ctx::of(ctx), &id).await
    }

    /// Refetches several objects, in the order of their ids. Null for each id that is not an id of this API.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Result<Node, ApiError>>>, ApiError> {
        if ids.len() > MAX_PAGE_SIZE {
            return Err(InvalidArgument::new("ids", format!("at most {MAX_PAGE_SIZE} ids")).into());
        }
        let ctx = Ctx::of(ctx);
        Ok(join_all(ids.iter().map(|id| find_node(ctx, id))).await)
    }

    /// The viewer: the caller of the request and its permissions.
    async fn viewer(&self, ctx: &Context<'_>) -> Viewer {
        Viewer::clone(&Ctx::of(ctx).viewer)
    }
}

/// The viewer: the caller of the request and its permissions.
#[Object]
impl Viewer {
    /// Identifies the caller. Not an id for `node`.
    async fn id(&self) -> ID {
        ID(self.id.clone())
    }

    /// Human-readable name of the caller.
    async fn name(&self) -> &str {
        &self.name
    }

    /// The reseller that the caller belongs to. Such a caller sees nothing of other resellers.
    async fn reseller(&self, ctx: &Context<'_>) -> Option<Reseller> {
        Ctx::of(ctx).find_reseller(self.reseller.as_deref()?)
    }

    /// The scopes of the caller, for example `catalog:read`, in alphabetical order.
    async fn scopes(&self) -> Vec<&'static str> {
        let mut scopes: Vec<_> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        scopes.sort_unstable();
        scopes
    }
}

/// Finds the object of an id. Returns `None` if the id is invalid or the object does not exist.
pub(super) async fn find_node(ctx: &Ctx, id: &ID) -> Option<Result<Node, ApiError>> {
    let id = GlobalId::decode(id)?;
    match load_node(ctx, id).await {
        Ok(found) => found.map(Ok),
        Err(fault) if fault.code() == ErrorCode::NotFound => None,
        Err(fault) => Some(Err(fault)),
    }
}

/// Returns the scope that reading an object needs.
fn scope_of(id: &GlobalId) -> Scope {
    match id {
        GlobalId::AdmissionToken(..) => Scope::AdmissionRead,
        GlobalId::Order(_)
        | GlobalId::Leg(..)
        | GlobalId::OrderLine(..)
        | GlobalId::Ticket(..)
        | GlobalId::Delivery(..) => Scope::OrderRead,
        GlobalId::Reseller(_) | GlobalId::Connection(..) => Scope::ReportRead,
        GlobalId::Channel(_) => Scope::DeliveryWrite,
        GlobalId::Webhook(_) => Scope::WebhookWrite,
        GlobalId::Quote(_) => Scope::OrderWrite,
        GlobalId::Source(_)
        | GlobalId::Event(..)
        | GlobalId::Performance(..)
        | GlobalId::TicketType(..)
        | GlobalId::Section(..) => Scope::CatalogRead,
    }
}

async fn load_node(ctx: &Ctx, id: GlobalId) -> Result<Option<Node>, ApiError> {
    ctx.require(scope_of(&id))?;
    let catalog = ctx.catalog();
    Ok(match id {
        GlobalId::Source(source) => catalog.find_source(&source).map(|source| Source(Arc::clone(source)).into()),
        GlobalId::Event(source, key) => match find_sourced(catalog, &source, key) {
            Some(key) => Some(Event(ctx.loaders.load(EventByKey(key)).await?).into()),
            None => None,
        },
        GlobalId::Performance(source, key) => match find_sourced(catalog, &source, key) {
            Some(key) => Some(Performance::without_event(ctx.loaders.load(PerformanceByKey(key)).await?).into()),
            None => None,
        },
        GlobalId::TicketType(source, event, key) => match find_sourced(catalog, &source, event) {
            Some(event) => {
                let event = ctx.loaders.load(EventByKey(event)).await?;
                let listed = ctx.loaders.load(TicketTypesOf(event.clone())).await?.value;
                let index = listed.iter().position(|kind| kind.key == key);
                index.map(|index| TicketType::in_list(Arc::clone(&event.source), &listed, index).into())
            }
            None => None,
        },
        GlobalId::Section(source, event, key) => match find_sourced(catalog, &source, event) {
            Some(event) => {
                let event = ctx.loaders.load(EventByKey(event)).await?;
                Section::list(&event).into_iter().find(|section| section.section.key == key).map(Node::from)
            }
            None => None,
        },
        GlobalId::AdmissionToken(source, key) => match find_sourced(catalog, &source, key) {
            Some(key) => {
                let token = ctx.loaders.load(TokenByKey(key.clone())).await?;
                Some(AdmissionToken::without_event(key.source, token).into())
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
        GlobalId::Webhook(webhook) => WebhookNode::find(ctx, &webhook).await?.map(Node::from),
        GlobalId::Channel(channel) => DeliveryChannel::find(ctx, &channel).map(Node::from),
        GlobalId::Delivery(order, number, channel) => {
            find_app_delivery(ctx, order, number, &channel).await?.map(Node::from)
        }
        GlobalId::Quote(_) => None,
    })
}
