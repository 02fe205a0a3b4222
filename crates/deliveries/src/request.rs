//! What clients ask of deliveries, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::Stream;
use crate::parcel::Parcel;
use crate::shared::Shared;
use crate::work::is_good;
use domain::OrderKey;
use orders::ledger::KeyUse;
use orders::{Asker, LedgerError, Order, OrderBy, Problem, ProblemCode};

/// The name of the mutation, in the uses of keys.
const OPERATION: &str = "deliverTickets";
/// The longest idempotency key.
const LONGEST_KEY: usize = 128;

/// Tickets that shall go into the app of their source now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverTickets {
    /// The client's key.
    pub key: String,
    /// The order.
    pub order: OrderKey,
    /// The numbers of the tickets; none: all that can.
    pub tickets: Option<BTreeSet<usize>>,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct DeliveryOutcome {
    /// The order; none: the asker sees none.
    pub order: Option<Order>,
    /// The numbers of the tickets concerned.
    pub tickets: BTreeSet<usize>,
    /// Expected failures.
    pub problems: Vec<Problem>,
    /// The key was seen before.
    pub replayed: bool,
}

impl DeliveryOutcome {
    fn refused(order: Option<Order>, code: ProblemCode, field: &str) -> Self {
        Self { order, problems: vec![Problem::new(code).at(["input", field])], ..Self::default() }
    }
}

/// Delivers tickets on request. The same key again asks for nothing, and tells where the tickets stand now.
pub(crate) async fn deliver(
    shared: &Shared,
    asker: &Asker,
    asked: &DeliverTickets,
) -> Result<DeliveryOutcome, LedgerError> {
    if asked.key.trim().is_empty() || asked.key.chars().count() > LONGEST_KEY {
        return Ok(DeliveryOutcome::refused(None, ProblemCode::IdempotencyKeyInvalid, "idempotencyKey"));
    }
    let Some(order) = shared.orders.find(asker, &OrderBy::Key(asked.order)).await? else {
        return Ok(DeliveryOutcome::refused(None, ProblemCode::OrderNotFound, "order"));
    };
    let (by_lane, problems) = sort_out(shared, &order, asked);
    if !problems.is_empty() {
        return Ok(DeliveryOutcome { order: Some(order), problems, ..DeliveryOutcome::default() });
    }
    let used = KeyUse {
        scope: asker.scope(),
        operation: OPERATION.to_owned(),
        key: asked.key.clone(),
        request_hash: hash(asked),
        order: asked.order,
    };
    let before = shared.ledger.use_key(&used, shared.clock.now()).await?;
    if before.as_ref().is_some_and(|before| before.request_hash != used.request_hash) {
        return Ok(DeliveryOutcome::refused(None, ProblemCode::IdempotencyKeyReused, "idempotencyKey"));
    }
    let tickets: BTreeSet<usize> = by_lane.values().flatten().copied().collect();
    // The process may have died between the key and the tickets.
    let known = shared.ledger.parcels_of(order.key).await?;
    let is_unfinished = tickets.iter().any(|number| known.iter().all(|parcel| parcel.ticket != *number));
    let mut problems = Vec::new();
    if before.is_none() || is_unfinished {
        for (lane, tickets) in &by_lane {
            problems.extend(put_through(shared, *lane, &order, tickets).await?);
        }
    }
    Ok(DeliveryOutcome { order: Some(order), tickets, problems, replayed: before.is_some() })
}

/// Which tickets go through which channel, or why some cannot.
fn sort_out(
    shared: &Shared,
    order: &Order,
    asked: &DeliverTickets,
) -> (BTreeMap<usize, BTreeSet<usize>>, Vec<Problem>) {
    let mut by_lane: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut problems = Vec::new();
    let all: BTreeSet<usize> = (0..order.tickets.len()).collect();
    for number in asked.tickets.as_ref().unwrap_or(&all) {
        let lane = shared.lanes.iter().position(|lane| lane.channel.takes(order, *number));
        let is_ready = order.tickets.get(*number).is_some_and(|ticket| is_good(ticket.state));
        let wrong = match (lane, order.tickets.get(*number)) {
            (_, None) => ProblemCode::OrderNotFound,
            (None, _) => ProblemCode::UnsupportedBySource,
            _ if !is_ready => ProblemCode::ActionNotAvailable,
            (Some(lane), _) => {
                by_lane.entry(lane).or_default().insert(*number);
                continue;
            }
        };
        // Of a whole order those go that can.
        if asked.tickets.is_some() {
            problems.push(Problem::new(wrong).at(["input", "tickets"]));
        }
    }
    if by_lane.is_empty() && problems.is_empty() {
        let code =
            if order.tickets.is_empty() { ProblemCode::ActionNotAvailable } else { ProblemCode::UnsupportedBySource };
        problems.push(Problem::new(code).at(["input", "order"]));
    }
    (by_lane, problems)
}

async fn put_through(
    shared: &Shared,
    lane: usize,
    order: &Order,
    tickets: &BTreeSet<usize>,
) -> Result<Vec<Problem>, LedgerError> {
    let lane = &shared.lanes[lane];
    let source = &lane.channel.source.id;
    let told = shared
        .alone(lane, async |work| {
            let parcels = work.take_on(order, tickets).await?;
            let due: Vec<Parcel> = parcels.into_iter().filter(Parcel::waits_for_injection).collect();
            let mut told = Vec::with_capacity(due.len());
            for part in due.chunks(lane.channel.app.max_batch.max(1)) {
                told.extend(work.tell(Stream::Injection, part.to_vec()).await?);
            }
            Ok(told)
        })
        .await?;
    let Some(told) = told else { return Ok(vec![Problem::new(ProblemCode::OrderBusy).of(source)]) };
    let mut problems: Vec<Problem> = Vec::new();
    for trouble in told.iter().filter_map(|parcel| parcel.injection.trouble.as_ref()) {
        let problem = trouble.problem(source);
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    Ok(problems)
}

fn hash(asked: &DeliverTickets) -> String {
    let told = format!("{} {:?}", asked.order, asked.tickets);
    Sha256::digest(told).iter().map(|byte| format!("{byte:02x}")).collect()
}
