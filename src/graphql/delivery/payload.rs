//! Mutations of deliveries and what they answer.

use std::collections::BTreeSet;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::graphql::ctx::Ctx;
use crate::graphql::delivery::channel::{DeliveryStream, DeliveryStreamKind};
use crate::graphql::error::Fault;
use crate::graphql::id::GlobalId;
use crate::graphql::orders::{Ticket, problems, tickets_numbered};
use crate::graphql::problem::Problem;
use crate::graphql::viewer::Scope;
use deliveries::DeliverTickets;
use orders::{self, ProblemCode};

/// Tickets that shall go into the app of their source now.
#[derive(InputObject)]
pub struct DeliverTicketsInput {
    /// Chosen by the client. The same key again asks for nothing, and tells where the tickets stand.
    idempotency_key: ID,
    /// The order.
    order: ID,
    /// The tickets; none: all of the order that can be delivered.
    tickets: Option<Vec<ID>>,
}

impl DeliverTicketsInput {
    fn read(&self) -> Result<DeliverTickets, orders::Problem> {
        let wrong = |field: &str| orders::Problem::new(ProblemCode::OrderNotFound).at(["input", field]);
        let Some(GlobalId::Order(order)) = GlobalId::decode(&self.order) else { return Err(wrong("order")) };
        let number = |id: &ID| match GlobalId::decode(id) {
            Some(GlobalId::Ticket(of, number)) if of == order => Ok(number),
            _ => Err(wrong("tickets")),
        };
        let tickets = self.tickets.as_ref().map(|ids| ids.iter().map(number).collect::<Result<BTreeSet<_>, _>>());
        Ok(DeliverTickets { key: self.idempotency_key.0.clone(), order, tickets: tickets.transpose()? })
    }
}

/// What became of a delivery.
#[derive(SimpleObject)]
pub struct DeliverTicketsPayload {
    /// The tickets, as they are now.
    tickets: Vec<Ticket>,
    /// Expected failures, of the input or of the app.
    problems: Vec<Problem>,
    /// The key was seen before.
    replayed: bool,
}

/// A stream that shall run now.
#[derive(InputObject)]
pub struct RunDeliveryStreamInput {
    /// The channel.
    channel: ID,
    /// Which stream.
    kind: DeliveryStreamKind,
}

/// What became of a run.
#[derive(SimpleObject)]
pub struct DeliveryStreamPayload {
    /// The stream after the run; null: it did not run.
    stream: Option<DeliveryStream>,
    /// Why not.
    problems: Vec<Problem>,
}

/// Delivering tickets.
#[derive(Default)]
pub struct DeliveryMutation;

#[Object]
impl DeliveryMutation {
    /// Puts tickets of an order into the app of their source now; what was refused is tried again.
    async fn deliver_tickets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The tickets.")] input: DeliverTicketsInput,
    ) -> Result<DeliverTicketsPayload, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::DeliveryWrite)?;
        let asked = match input.read() {
            Ok(asked) => asked,
            Err(problem) => {
                let problems = problems(ctx, None, &[problem]);
                return Ok(DeliverTicketsPayload { tickets: Vec::new(), problems, replayed: false });
            }
        };
        let outcome = ctx.deliveries()?.deliver(&ctx.asker(), &asked).await?;
        let problems = problems(ctx, Some(asked.order), &outcome.problems);
        let tickets = match outcome.order {
            Some(order) => tickets_numbered(ctx, &order.into(), &outcome.tickets).await?,
            None => Vec::new(),
        };
        Ok(DeliverTicketsPayload { tickets, problems, replayed: outcome.replayed })
    }

    /// Runs one stream of a channel now; what was refused is told again.
    async fn run_delivery_stream(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The stream.")] input: RunDeliveryStreamInput,
    ) -> Result<DeliveryStreamPayload, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::DeliveryWrite)?;
        let channel = match GlobalId::decode(&input.channel) {
            Some(GlobalId::Channel(channel)) => channel,
            _ => String::new(),
        };
        Ok(match ctx.deliveries()?.run(&channel, input.kind.into()).await? {
            Ok(report) => DeliveryStreamPayload { stream: Some(DeliveryStream(report)), problems: Vec::new() },
            Err(problem) => DeliveryStreamPayload { stream: None, problems: problems(ctx, None, &[problem]) },
        })
    }
}
