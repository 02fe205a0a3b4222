//! Delivery mutations and their payloads.

use std::collections::BTreeSet;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use deliveries::DeliverTickets;
use orders::{self, ProblemCode};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id::GlobalId;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::deliveries::channel::{DeliveryChannel, DeliveryStream, DeliveryStreamKind};
use crate::graphql::topics::orders::{Ticket, load_numbered_tickets, to_problems};
use crate::graphql::topics::problem::Problem;

/// Input of `deliverTickets`.
#[derive(InputObject)]
pub(super) struct DeliverTicketsInput {
    /// Client-chosen idempotency key. A key that was used before has no further effect and returns the current state of
    /// the tickets.
    idempotency_key: ID,
    /// The order.
    order: ID,
    /// The tickets. If omitted, all deliverable tickets of the order.
    tickets: Option<Vec<ID>>,
}

impl DeliverTicketsInput {
    fn to_request(&self) -> Result<DeliverTickets, orders::Problem> {
        let not_found = |field: &str| orders::Problem::new(ProblemCode::OrderNotFound).at_path(["input", field]);
        let Some(GlobalId::Order(order)) = GlobalId::decode(&self.order) else { return Err(not_found("order")) };
        let number = |id: &ID| match GlobalId::decode(id) {
            Some(GlobalId::Ticket(of, number)) if of == order => Ok(number),
            _ => Err(not_found("tickets")),
        };
        let tickets = self.tickets.as_ref().map(|ids| ids.iter().map(number).collect::<Result<BTreeSet<_>, _>>());
        Ok(DeliverTickets { key: self.idempotency_key.0.clone(), order, tickets: tickets.transpose()? })
    }
}

/// Result of `deliverTickets`.
#[derive(SimpleObject)]
pub(super) struct DeliverTicketsPayload {
    /// The tickets in their current state.
    tickets: Vec<Ticket>,
    /// Expected failures, of the input or of the app.
    problems: Vec<Problem>,
    /// True if the idempotency key was used before.
    replayed: bool,
}

/// Input of `runDeliveryStream`.
#[derive(InputObject)]
pub(super) struct RunDeliveryStreamInput {
    /// The channel.
    channel: ID,
    /// The kind of stream.
    kind: DeliveryStreamKind,
}

/// Result of `runDeliveryStream`.
#[derive(SimpleObject)]
pub(super) struct DeliveryStreamPayload {
    /// The stream after the run. Null if it did not run.
    stream: Option<DeliveryStream>,
    /// Expected failures.
    problems: Vec<Problem>,
}

/// Mutations of deliveries.
#[derive(Default)]
pub struct DeliveryMutation;

#[Object]
impl DeliveryMutation {
    /// Delivers tickets of an order to the mobile app of their source now. Rejected tickets are retried.
    async fn deliver_tickets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The tickets.")] input: DeliverTicketsInput,
    ) -> Result<DeliverTicketsPayload, ApiError> {
        let (selected, ctx) = (ctx.look_ahead(), Ctx::of(ctx));
        ctx.require(Scope::DeliveryWrite)?;
        if selected.field("tickets").exists() {
            ctx.require(Scope::OrderRead)?;
        }
        let request = match input.to_request() {
            Ok(request) => request,
            Err(problem) => {
                let problems = to_problems(ctx, None, &[problem]);
                return Ok(DeliverTicketsPayload { tickets: Vec::new(), problems, replayed: false });
            }
        };
        let outcome = ctx.deliveries()?.deliver(&ctx.actor(), &request).await?;
        let problems = to_problems(ctx, Some(request.order), &outcome.problems);
        let tickets = match outcome.order {
            Some(order) => load_numbered_tickets(ctx, &order.into(), &outcome.tickets).await?,
            None => Vec::new(),
        };
        Ok(DeliverTicketsPayload { tickets, problems, replayed: outcome.replayed })
    }

    /// Runs one stream of a channel now. Rejected tickets are retried. Not for callers of a reseller, because a stream
    /// delivers the tickets of all.
    async fn run_delivery_stream(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The stream.")] input: RunDeliveryStreamInput,
    ) -> Result<DeliveryStreamPayload, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::DeliveryWrite)?;
        if ctx.viewer.reseller.is_some() {
            return Err(ApiError::new(ErrorCode::Forbidden));
        }
        let key = match GlobalId::decode(&input.channel) {
            Some(GlobalId::Channel(key)) => key,
            _ => String::new(),
        };
        let stream_of =
            |report| DeliveryChannel::find(ctx, &key).map(|channel| DeliveryStream { channel: channel.0, report });
        Ok(match ctx.deliveries()?.run_stream(&key, input.kind.into()).await? {
            Ok(report) => DeliveryStreamPayload { stream: stream_of(report), problems: Vec::new() },
            Err(problem) => DeliveryStreamPayload { stream: None, problems: to_problems(ctx, None, &[problem]) },
        })
    }
}
