//! The schema as a subgraph of Apollo Federation v2: its text, and the two root fields by which a gateway reaches it.
//!
//! Both fields are ours, not those of async-graphql: there one failed entity would fail all that were asked for with it.

mod text;

use async_graphql::{Context, ID, Object, Scalar, ScalarType, SimpleObject, Union, Value};
use async_graphql::{InputValueResult, OutputType};
use futures_util::future::join_all;

use crate::graphql::admissions::AdmissionToken;
use crate::graphql::catalog::{Event, Performance, Section, TicketType};
use crate::graphql::ctx::Ctx;
use crate::graphql::delivery::DeliveryChannel;
use crate::graphql::error::Fault;
use crate::graphql::orders::{Order, OrderLine, Ticket, VendorOrder};
use crate::graphql::partners::{Reseller, ResellerConnection};
use crate::graphql::root::{Node, find_node};
use crate::graphql::sources::Source;
use catalog::RequestError;

pub use text::sdl;

/// Most entities that a gateway may ask for at once: as many as one page has rows, over several lists.
const MOST: usize = 1_000;

/// An entity as a gateway names it: its `__typename` and its `id`.
pub struct Any(Value);

/// An entity as a gateway names it: its `__typename` and its `id`.
#[Scalar(name = "_Any")]
impl ScalarType for Any {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

impl Any {
    fn text(&self, name: &str) -> Option<&str> {
        let Value::Object(fields) = &self.0 else { return None };
        match fields.get(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

/// Anything that a gateway may ask for by its key.
#[derive(Union)]
#[graphql(name = "_Entity", visible = false)]
pub enum Entity {
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

impl From<Node> for Entity {
    fn from(node: Node) -> Self {
        match node {
            Node::Source(source) => source.into(),
            Node::Event(event) => event.into(),
            Node::Performance(performance) => performance.into(),
            Node::TicketType(kind) => kind.into(),
            Node::Section(section) => section.into(),
            Node::AdmissionToken(token) => token.into(),
            Node::Order(order) => order.into(),
            Node::VendorOrder(leg) => leg.into(),
            Node::OrderLine(line) => line.into(),
            Node::Ticket(ticket) => ticket.into(),
            Node::Reseller(reseller) => reseller.into(),
            Node::ResellerConnection(connection) => connection.into(),
            Node::DeliveryChannel(channel) => channel.into(),
        }
    }
}

/// This schema as a subgraph.
#[derive(SimpleObject)]
#[graphql(name = "_Service", visible = false)]
pub struct Service {
    /// Its text; null where the schema is not told.
    sdl: Option<String>,
}

/// What a gateway asks of a subgraph.
#[derive(Default)]
pub struct SubgraphQuery;

#[Object]
impl SubgraphQuery {
    /// This schema as a subgraph.
    #[graphql(name = "_service", visible = false)]
    async fn service(&self) -> Service {
        static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(sdl);
        Service { sdl: Some(TEXT.clone()) }
    }

    /// Entities by their keys, in order, through the loaders of every other read; null for each that is not there.
    #[graphql(name = "_entities", visible = false, complexity = "1 + representations.len() * child_complexity")]
    async fn entities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which entities, at most 1,000.")] representations: Vec<Any>,
    ) -> Result<Vec<Option<Result<Entity, Fault>>>, Fault> {
        if representations.len() > MOST {
            return Err(RequestError::new("representations", format!("at most {MOST} entities")).into());
        }
        let ctx = Ctx::of(ctx);
        Ok(join_all(representations.iter().map(|asked| find_entity(ctx, asked))).await)
    }
}

/// The entity that a representation names; none where its id names something of another type.
async fn find_entity(ctx: &Ctx, asked: &Any) -> Option<Result<Entity, Fault>> {
    let (name, id) = (asked.text("__typename")?, ID::from(asked.text("id")?));
    let found = find_node(ctx, &id).await?;
    match found {
        Ok(node) => (node.introspection_type_name() == name).then(|| Ok(node.into())),
        Err(fault) => Some(Err(fault)),
    }
}
