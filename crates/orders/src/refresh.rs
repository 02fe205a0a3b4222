//! What was sold is looked after: visitors that were let in, codes that came late, performances that were called off.
//!
//! No vendor pushes any of it, so it is asked for ever again, in a task of its own. What does not answer changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::MissedTickBehavior;

use crate::answer::Answer;
use crate::call::Caller;
use crate::decide::{Call, Step};
use crate::ledger::{LedgerError, OrderCursor, OrderFilter};
use crate::leg::Leg;
use crate::order::Order;
use crate::problem::{Problem, ProblemCode};
use crate::rules::{earlier, later};
use crate::run;
use crate::shared::Shared;
use crate::status::{LegStatus, OrderStatus};
use crate::work::Work;
use domain::{EventKey, EventStatus};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How many orders are read at once.
const PAGE: usize = 50;

/// Looks after what was sold until the process stops.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(shared.rules.look_after);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = pass(&shared).await {
            tracing::error!(%error, "what was sold could not be looked after");
        }
    }
}

/// Looks once after every order that is sold and not over.
pub(crate) async fn pass(shared: &Shared) -> Result<(), LedgerError> {
    let filter = OrderFilter {
        status: vec![OrderStatus::Confirmed, OrderStatus::PartiallyConfirmed, OrderStatus::PartiallyCancelled],
        starts_from: Some(earlier(shared.clock.now(), DAY)),
        ..OrderFilter::default()
    };
    let mut after = None;
    while !shared.stop.is_cancelled() {
        let page = shared.ledger.list(&filter, after.as_ref(), PAGE).await?;
        after = page.orders.last().map(OrderCursor::of);
        for order in page.orders {
            refresh(shared, order, true).await?;
        }
        if !page.has_more {
            break;
        }
    }
    Ok(())
}

/// Reads what may have changed about an order and keeps what did; the tickets of all its days, or only of those about now. An order
/// under work is left alone.
pub(crate) async fn refresh(shared: &Shared, order: Order, only_near: bool) -> Result<(), LedgerError> {
    if !order.is_at_rest() {
        return Ok(());
    }
    let sold = || order.legs.iter().filter(|leg| leg.status == LegStatus::Confirmed);
    let off: Vec<usize> =
        join_all(sold().map(|leg| is_called_off(shared, &order, leg))).await.into_iter().flatten().collect();
    let caller = Caller { sources: &shared.sources, rules: &shared.rules };
    let near = sold().filter(|leg| !only_near || is_near(shared, &order, leg));
    let calls = near.map(|leg| Step { leg: leg.number, call: Call::ReadTickets }).map(|step| {
        let (caller, order) = (&caller, &order);
        async move { (step.leg, caller.call(order, step).await) }
    });
    let answers: Vec<(usize, Answer)> = join_all(calls).await;
    let mut work = Work::on(order, &shared.rules, shared.clock.now());
    for (leg, answer) in answers {
        work.record(leg, answer);
    }
    for leg in off {
        let is_told = work.order.legs[leg].problems.iter().any(|problem| problem.code == ProblemCode::CalledOff);
        if !is_told {
            work.add_problem(leg, Problem::new(ProblemCode::CalledOff));
        }
    }
    if work.order == work.before && work.credentials.is_empty() {
        return Ok(());
    }
    let before = work.before.clone();
    match run::begin(shared, Some(&before), &mut work, None, false).await {
        // Something else happened to the order meanwhile; it is looked after another time.
        Ok(_) | Err(LedgerError::Outdated) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A visitor may be let in about now: tickets of other days are not worth a call.
fn is_near(shared: &Shared, order: &Order, leg: &Leg) -> bool {
    let now = shared.clock.now();
    let about_now = |starts_at| earlier(now, DAY) <= starts_at && starts_at <= later(now, DAY);
    order.lines_of(leg.number).any(|(_, line)| line.starts_at.is_none_or(about_now))
}

/// The leg, where its source says that one of its events is called off.
async fn is_called_off(shared: &Shared, order: &Order, leg: &Leg) -> Option<usize> {
    let source = shared.sources.get(&leg.source)?;
    let events: BTreeSet<EventKey> = order.lines_of(leg.number).map(|(_, line)| line.event.clone()).collect();
    let events: Vec<EventKey> = events.into_iter().collect();
    let told = source.catalog.load_events(&events).await;
    let is_off = told.values().flatten().any(|event| event.value.status == EventStatus::Cancelled);
    is_off.then_some(leg.number)
}
