//! Capacity before promise: reserves all calls of an order at its sources before anything is held, so that no leg is sold while
//! the limit of another source leaves no room for its confirmation.

use std::sync::Arc;
use std::time::Duration;

use crate::context::OrdersContext;
use crate::leg::Leg;
use crate::order::{Order, OrderAction};
use crate::problem::{Problem, ProblemCode};
use crate::status::{LegStatus, OrderStatus};
use domain::{CallCount, CapacityWish, OrderCalls, OrderCapacity, ReservationKey};

/// Returns true if the action is the first that reaches a source.
pub(crate) fn is_needed(order: &Order, action: OrderAction) -> bool {
    matches!(action, OrderAction::Hold | OrderAction::Confirm)
        && order.legs.iter().all(|leg| leg.status == LegStatus::Draft)
}

/// Reserved calls of an order that is not written yet. They are given back when this is dropped, also if the client leaves.
pub(crate) struct Reserved {
    context: Arc<OrdersContext>,
    /// `None` if nothing is reserved, or the reservations are kept.
    order: Option<Order>,
}

impl Reserved {
    /// Keeps the reservations: the order is written and its runner gives them back.
    pub(crate) fn keep(mut self) {
        self.order = None;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(order) = self.order.take() {
            let context = Arc::clone(&self.context);
            self.context.tasks.spawn(async move { release(&context, &order).await });
        }
    }
}

/// Reserves the calls of all legs, or none. Nothing is reserved if the action does not need it. `ticket` identifies the request of
/// the client when it is repeated.
///
/// Each source without room is a [`ProblemCode::SourceBusy`] with the time after which a repetition is expected to fit.
pub(crate) async fn reserve(
    context: &Arc<OrdersContext>,
    order: &Order,
    ticket: &str,
    is_needed: bool,
) -> Result<Reserved, Vec<Problem>> {
    let reserved = Reserved { context: Arc::clone(context), order: is_needed.then(|| order.clone()) };
    if !is_needed {
        return Ok(reserved);
    }
    let within = promised_time(context, order);
    let mut problems = Vec::new();
    for leg in &order.legs {
        let Some((capacity, calls)) = capacity_of(context, leg) else { continue };
        let wish = CapacityWish {
            key: key(order, leg),
            ticket: ticket.to_owned(),
            to_sell: calls.to_sell(),
            to_undo: calls.to_undo(),
            within,
            undo_within: within.max(shortest_hold(order)),
            lifetime: context.settings.promise.saturating_add(leg.capabilities.hold_ttl),
        };
        if let Err(later) = capacity.reserve(&wish).await {
            let problem = Problem::new(ProblemCode::SourceBusy).for_source(&leg.source);
            problems.push(Problem { retry_after: Some(whole_seconds(later)), ..problem });
        }
    }
    if problems.is_empty() {
        return Ok(reserved);
    }
    release(context, order).await;
    reserved.keep();
    Err(problems)
}

/// Gives back what is left of the reservations of an order.
pub(crate) async fn release(context: &OrdersContext, order: &Order) {
    for leg in &order.legs {
        if let Some((capacity, _)) = capacity_of(context, leg) {
            capacity.release(key(order, leg)).await;
        }
    }
}

/// Returns the time until the limits of the sources let an order be sold. `None` if no wait is foreseen.
pub(crate) async fn expected_wait(context: &OrdersContext, order: &Order) -> Option<Duration> {
    let is_planned = order.status() == OrderStatus::Draft;
    if order.status().is_terminal() {
        return None;
    }
    let mut longest = Duration::ZERO;
    for leg in &order.legs {
        if let Some((capacity, calls)) = capacity_of(context, leg) {
            // The calls of an order that has begun are among those reserved.
            let calls = if is_planned { calls.to_sell() } else { CallCount::default() };
            longest = longest.max(capacity.time_for(calls).await);
        }
    }
    (!longest.is_zero()).then(|| whole_seconds(longest))
}

/// Time in which all calls must fit: the promise to the client, or the shortest hold.
fn promised_time(context: &OrdersContext, order: &Order) -> Duration {
    context.settings.promise.min(shortest_hold(order))
}

/// Time after which the first hold ends by itself, so that there is nothing to undo any more.
fn shortest_hold(order: &Order) -> Duration {
    let held = order.legs.iter().filter(|leg| leg.requires_hold());
    held.map(|leg| leg.capabilities.hold_ttl).fold(Duration::MAX, Duration::min)
}

fn capacity_of<'c>(context: &'c OrdersContext, leg: &Leg) -> Option<(&'c dyn OrderCapacity, OrderCalls)> {
    let source = context.sources.get(&leg.source)?;
    Some((source.capacity.as_deref()?, source.traits.order_calls))
}

fn key(order: &Order, leg: &Leg) -> ReservationKey {
    ReservationKey { order: order.key, leg: leg.number }
}

/// Rounds up, so that nobody returns too early.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}
