//! Delivery requests of clients and their outcome.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::ChannelStream;
use crate::context::DeliveryContext;
use crate::delivery::Delivery;
use crate::worker::is_usable;
use domain::OrderKey;
use domain::StoreError;
use orders::idempotency::IdempotencyRecord;
use orders::{Actor, Order, OrderLookup, Problem, ProblemCode};

/// Name of the mutation in idempotency records.
const OPERATION: &str = "deliverTickets";
/// Maximum length of an idempotency key in characters.
const MAX_KEY_LENGTH: usize = 128;

/// Request to deliver tickets now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverTickets {
    /// Idempotency key of the client.
    pub key: String,
    /// The order.
    pub order: OrderKey,
    /// Indexes of the tickets, or `None` for every deliverable ticket.
    pub tickets: Option<BTreeSet<usize>>,
}

/// Outcome of a delivery request.
#[derive(Debug, Default)]
pub struct DeliveryOutcome {
    /// The order. `None` if the actor may not see it.
    pub order: Option<Order>,
    /// Indexes of the tickets concerned.
    pub tickets: BTreeSet<usize>,
    /// Expected failures.
    pub problems: Vec<Problem>,
    /// True if the idempotency key had been used before.
    pub replayed: bool,
}

impl DeliveryOutcome {
    fn rejected(order: Option<Order>, code: ProblemCode, field: &str) -> Self {
        Self { order, problems: vec![Problem::new(code).at_path(["input", field])], ..Self::default() }
    }
}

/// Delivers tickets on request. A repeated request returns the current state without a new push.
pub(crate) async fn deliver(
    context: &DeliveryContext,
    actor: &Actor,
    request: &DeliverTickets,
) -> Result<DeliveryOutcome, StoreError> {
    if request.key.trim().is_empty() || request.key.chars().count() > MAX_KEY_LENGTH {
        return Ok(DeliveryOutcome::rejected(None, ProblemCode::IdempotencyKeyInvalid, "idempotencyKey"));
    }
    let Some(order) = context.orders.find(actor, &OrderLookup::Key(request.order)).await? else {
        return Ok(DeliveryOutcome::rejected(None, ProblemCode::OrderNotFound, "order"));
    };
    let (by_slot, problems) = assign_channels(context, &order, request);
    if !problems.is_empty() {
        return Ok(DeliveryOutcome { order: Some(order), problems, ..DeliveryOutcome::default() });
    }
    let used = IdempotencyRecord {
        scope: actor.idempotency_scope(),
        operation: OPERATION.to_owned(),
        key: request.key.clone(),
        request_hash: request_hash(request),
        order: request.order,
    };
    let before = context.store.insert_idempotency_record(&used, context.clock.now()).await?;
    if before.as_ref().is_some_and(|before| before.request_hash != used.request_hash) {
        return Ok(DeliveryOutcome::rejected(None, ProblemCode::IdempotencyKeyReused, "idempotencyKey"));
    }
    let tickets: BTreeSet<usize> = by_slot.values().flatten().copied().collect();
    // The process may have died between storing the key and enqueuing the tickets.
    let existing = context.store.list_by_order(order.key).await?;
    let is_unfinished = tickets.iter().any(|number| existing.iter().all(|delivery| delivery.ticket != *number));
    let mut problems = Vec::new();
    if before.is_none() || is_unfinished {
        for (slot, tickets) in &by_slot {
            problems.extend(deliver_through(context, *slot, &order, tickets).await?);
        }
    }
    Ok(DeliveryOutcome { order: Some(order), tickets, problems, replayed: before.is_some() })
}

/// Assigns tickets to channels. Returns a problem for each explicitly requested ticket that cannot be delivered.
fn assign_channels(
    context: &DeliveryContext,
    order: &Order,
    request: &DeliverTickets,
) -> (BTreeMap<usize, BTreeSet<usize>>, Vec<Problem>) {
    let mut by_slot: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut problems = Vec::new();
    let all: BTreeSet<usize> = (0..order.tickets.len()).collect();
    for number in request.tickets.as_ref().unwrap_or(&all) {
        let slot = context.channels.iter().position(|slot| slot.channel.covers(order, *number));
        let is_ready = order.tickets.get(*number).is_some_and(|ticket| is_usable(ticket.state));
        let code = match (slot, order.tickets.get(*number)) {
            (_, None) => ProblemCode::OrderNotFound,
            (None, _) => ProblemCode::UnsupportedBySource,
            _ if !is_ready => ProblemCode::ActionNotAvailable,
            (Some(slot), _) => {
                by_slot.entry(slot).or_default().insert(*number);
                continue;
            }
        };
        // A request for the whole order skips tickets that cannot be delivered.
        if request.tickets.is_some() {
            problems.push(Problem::new(code).at_path(["input", "tickets"]));
        }
    }
    if by_slot.is_empty() && problems.is_empty() {
        let code =
            if order.tickets.is_empty() { ProblemCode::ActionNotAvailable } else { ProblemCode::UnsupportedBySource };
        problems.push(Problem::new(code).at_path(["input", "order"]));
    }
    (by_slot, problems)
}

async fn deliver_through(
    context: &DeliveryContext,
    slot: usize,
    order: &Order,
    tickets: &BTreeSet<usize>,
) -> Result<Vec<Problem>, StoreError> {
    let slot = &context.channels[slot];
    let source = &slot.channel.source.id;
    let pushed = context
        .with_lease(slot, async |work| {
            let deliveries = work.enqueue(order, tickets).await?;
            let due: Vec<Delivery> = deliveries.into_iter().filter(Delivery::is_injection_pending).collect();
            let mut pushed = Vec::with_capacity(due.len());
            for part in due.chunks(slot.channel.app.max_batch.max(1)) {
                pushed.extend(work.push(ChannelStream::Injection, part.to_vec()).await?);
            }
            Ok(pushed)
        })
        .await?;
    let Some(pushed) = pushed else { return Ok(vec![Problem::new(ProblemCode::OrderBusy).for_source(source)]) };
    let mut problems: Vec<Problem> = Vec::new();
    for error in pushed.iter().filter_map(|delivery| delivery.injection.last_error.as_ref()) {
        let problem = error.to_problem(source);
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    Ok(problems)
}

fn request_hash(request: &DeliverTickets) -> String {
    let text = format!("{} {:?}", request.order, request.tickets);
    hex::encode(Sha256::digest(text))
}
