//! Refreshes sold orders: admissions, late barcodes, and canceled performances.
//!
//! No vendor pushes these changes, so a background task polls for them. A failed call changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::context::OrdersContext;
use crate::decision::{SagaStep, SourceCall};
use crate::leg::Leg;
use crate::listing::{OrderCursor, PageRequest, SortColumn};
use crate::order::Order;
use crate::outcome::StepOutcome;
use crate::periodic::every;
use crate::problem::{Problem, ProblemCode};
use crate::saga;
use crate::source_calls::{SourceCaller, Urgency};
use crate::status::{LegStatus, OrderStatus};
use crate::store::OrderFilter;
use crate::unit_of_work::UnitOfWork;
use domain::StoreError;
use domain::time::{earlier, later};
use domain::{EventKey, EventStatus, OrderKey, TurnScope};
use jiff::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Orders loaded per page.
const PAGE_SIZE: usize = 50;

/// Refreshes sold orders periodically until the process stops, for the first time after a wait.
pub(crate) async fn refresh_periodically(context: Arc<OrdersContext>, first: Duration) {
    tokio::select! {
        () = tokio::time::sleep(first) => {}
        () = context.stop.cancelled() => return,
    }
    let refresh_all = || async {
        if let Err(error) = refresh_sold_orders(&context).await {
            tracing::error!(%error, "could not refresh sold orders");
        }
    };
    every(context.settings.refresh_interval, context.stop.clone(), refresh_all).await;
}

/// Refreshes every sold order whose performances are not over, once.
pub(crate) async fn refresh_sold_orders(context: &OrdersContext) -> Result<(), StoreError> {
    let filter = OrderFilter {
        // NeedsAttention: tickets that did not come in time may still come.
        status: vec![
            OrderStatus::Confirmed,
            OrderStatus::PartiallyConfirmed,
            OrderStatus::PartiallyCancelled,
            OrderStatus::NeedsAttention,
        ],
        starts_from: Some(earlier(context.clock.now(), DAY)),
        ..OrderFilter::default()
    };
    let mut after = None;
    while !context.stop.is_cancelled() {
        let page = context.store.list(&filter, &PageRequest::newest(after, PAGE_SIZE)).await?;
        after = page.orders.last().map(|order| OrderCursor::of(order, SortColumn::Created));
        for order in page.orders {
            refresh_order(context, order, true).await?;
        }
        if !page.has_more {
            break;
        }
    }
    Ok(())
}

/// Refreshes one order and stores the differences. Reloads the tickets of all its performances, or only of those
/// around now. Skips an order that is being processed.
pub(crate) async fn refresh_order(context: &OrdersContext, order: Order, only_near: bool) -> Result<(), StoreError> {
    if !order.is_idle() {
        return Ok(());
    }
    let confirmed = || order.legs.iter().filter(|leg| leg.status == LegStatus::Confirmed);
    let called_off: Vec<usize> =
        join_all(confirmed().map(|leg| find_called_off(context, &order, leg))).await.into_iter().flatten().collect();
    let caller = SourceCaller {
        sources: &context.sources,
        settings: &context.settings,
        urgency: Urgency::Background,
        pauses: &context.pauses,
    };
    let to_reload = confirmed().filter(|leg| !only_near || is_performance_near(context, &order, leg));
    let calls = to_reload.map(|leg| SagaStep { leg: leg.number, call: SourceCall::ReadTickets }).map(|step| {
        let (caller, order) = (&caller, &order);
        async move {
            let scope = TurnScope::new(caller.turn(order, step));
            (step.leg, caller.call(order, step, &scope).await)
        }
    });
    let outcomes: Vec<(usize, StepOutcome)> = join_all(calls).await;
    let mut work = UnitOfWork::new(order, &context.settings, context.clock.now());
    for (leg, outcome) in outcomes {
        work.record_outcome(leg, outcome);
    }
    for leg in called_off {
        let is_reported = work.order.legs[leg].problems.iter().any(|problem| problem.code == ProblemCode::CalledOff);
        if !is_reported {
            work.add_problem(leg, Problem::new(ProblemCode::CalledOff));
        }
    }
    // Codes come with each read; only new ones are a change. If the stored ones cannot be read, they are written again.
    if work.has_credentials() {
        match context.store.load_credentials(work.order.key).await {
            Ok(stored) => work.forget_credentials(&stored),
            Err(error) => tracing::warn!(order = %work.order.number, %error, "could not compare the codes of an order"),
        }
    }
    if !work.is_changed() {
        return Ok(());
    }
    let before = work.before.clone();
    match saga::start_action(context, Some(&before), &mut work, None, false).await {
        // A concurrent change came first; the next pass refreshes the order.
        Ok(_) | Err(StoreError::Outdated) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Admissions only happen around the performance, so tickets of other days are not worth a call. A pass may be used on any day for
/// years, so it is worth one call a day.
fn is_performance_near(context: &OrdersContext, order: &Order, leg: &Leg) -> bool {
    let now = context.clock.now();
    let about_now = |starts_at| earlier(now, DAY) <= starts_at && starts_at <= later(now, DAY);
    let is_turn = || is_daily_turn(order.key, now, context.settings.refresh_interval);
    order.lines_of(leg.number).any(|(_, line)| line.starts_at.map_or_else(is_turn, about_now))
}

/// Returns true once a day for each order, in the pass at its own time of the day, so that the calls are spread.
fn is_daily_turn(order: OrderKey, now: Timestamp, interval: Duration) -> bool {
    let day = u128::from(DAY.as_secs());
    let now = u128::try_from(now.as_second()).unwrap_or_default();
    let since = (now % day + day - order.0.as_u128() % day) % day;
    since < u128::from(interval.as_secs())
}

/// Returns the leg if its source reports one of its events as canceled.
async fn find_called_off(context: &OrdersContext, order: &Order, leg: &Leg) -> Option<usize> {
    let source = context.sources.get(&leg.source)?;
    let events: BTreeSet<EventKey> = order.lines_of(leg.number).map(|(_, line)| line.event.clone()).collect();
    let events: Vec<EventKey> = events.into_iter().collect();
    let loaded = source.catalog.load_events(&events).await;
    let is_called_off = loaded.values().flatten().any(|event| event.value.status == EventStatus::Cancelled);
    is_called_off.then_some(leg.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_has_its_turn_once_a_day_whenever_its_order_was_made() {
        let interval = Duration::from_secs(15 * 60);
        let start: Timestamp = "2027-03-14T09:00:00Z".parse().expect("a time");
        for key in [0, 1, 86_399, u128::MAX, 7_777_777_777] {
            let order = OrderKey(uuid::Uuid::from_u128(key));
            let turns = (0..96).filter(|pass| is_daily_turn(order, later(start, interval * *pass), interval)).count();
            assert_eq!(turns, 1, "{key}");
        }
    }
}
