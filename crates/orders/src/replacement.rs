//! Replacement of a held order by another one: the new order is held first, and the old one is released once that is certain.
//!
//! No write of a change relies on a lease that outlasts the hold of the new order. Each is fenced by the version of the order that
//! it changes: whoever starts the hold, and whoever gives it up, writes the new order, so only one of them succeeds.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::capacity::{self, Reserved};
use crate::context::OrdersContext;
use crate::idempotency::request_hash;
use crate::leg::{Leg, LegOperation};
use crate::order::{FulfillmentPolicy, Order};
use crate::pauses;
use crate::problem::Problem;
use crate::saga;
use crate::status::{Intent, LegStatus};
use crate::store::OrderLookup;
use crate::unit_of_work::UnitOfWork;
use domain::{OrderKey, StoreError};

/// Largest number of writes of one change at once, those that came too late among them.
const MAX_WRITES: usize = 12;
/// Pause after a write that came too late: whoever was first may hold a lease.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Next step of the change of a held order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeStep {
    /// Start the hold of the new order.
    StartHold,
    /// Wait until the hold of the new order is decided.
    Wait,
    /// Release what the new order holds.
    GiveUp,
    /// Keep the old order as it was: nothing of the new one will be sold.
    KeepOld,
    /// Release the old order.
    ReleaseOld,
}

impl Order {
    /// Returns true while it is not decided which one remains: this order, or the one that replaces it. No action is available then,
    /// and nothing but the end of its holds happens to it.
    pub fn is_being_replaced(&self) -> bool {
        self.replaced_by.is_some() && self.intent == Intent::Hold
    }

    /// Returns true for a replacement that is not held yet, or not as a whole. Clients cannot act on it.
    pub(crate) fn is_unheld_replacement(&self) -> bool {
        let was_held = |leg: &Leg| matches!(leg.status, LegStatus::Held | LegStatus::Expired);
        let is_open = match self.intent {
            Intent::None => true,
            Intent::Hold => !self.legs.iter().all(was_held),
            Intent::Confirm | Intent::Release | Intent::Cancel | Intent::Compensate => false,
        };
        self.replaces.is_some() && is_open
    }

    /// Returns true if every leg is held and none of the holds has ended.
    fn is_wholly_held(&self, now: Timestamp) -> bool {
        let is_held = |leg: &Leg| leg.status == LegStatus::Held && leg.hold_expires_at.is_none_or(|until| now < until);
        self.intent == Intent::Hold && self.legs.iter().all(is_held)
    }

    /// Returns true if every leg was held, so that a client may have seen it: it has replaced the old order even if it was given back.
    fn was_wholly_held(&self) -> bool {
        let was_held = |leg: &Leg| {
            let last = leg.sent_attempts(LegOperation::Hold).last();
            last.is_some_and(|attempt| attempt.outcome.took_effect())
                && !matches!(leg.status, LegStatus::HoldFailed | LegStatus::Expired)
        };
        self.legs.iter().all(was_held)
    }

    /// Returns true if a confirmation may have reached a source.
    fn may_be_sold(&self) -> bool {
        let was_confirmed = |leg: &Leg| leg.confirmed_at.is_some() || leg.attempt_count(LegOperation::Confirm) > 0;
        self.legs.iter().any(was_confirmed)
    }

    /// Returns true if other lines can be held in place of this order: it is held, waits for its client, and nothing of it was sold.
    pub(crate) fn can_be_replaced(&self, now: Timestamp) -> bool {
        !self.is_placed && self.replaced_by.is_none() && self.is_wholly_held(now) && !self.may_be_sold()
    }
}

/// Returns the next step of a change, by the state of both orders. `KeepOld` is final: a new order in such a state is never sold.
pub(crate) fn next_step(old: &Order, new: &Order, now: Timestamp) -> ChangeStep {
    let any = |fits: fn(LegStatus) -> bool| new.legs.iter().any(|leg| fits(leg.status));
    match new.intent {
        // Nobody waits any more for the hold of an order that would replace one that has ended.
        Intent::None if !old.is_wholly_held(now) => return ChangeStep::GiveUp,
        Intent::None => return ChangeStep::StartHold,
        Intent::Confirm | Intent::Cancel | Intent::Compensate => return ChangeStep::ReleaseOld,
        Intent::Hold | Intent::Release if new.may_be_sold() => return ChangeStep::ReleaseOld,
        Intent::Hold | Intent::Release => {}
    }
    // Its client has given it back, or has it replaced in turn.
    if new.replaced_by.is_some() || new.intent == Intent::Release && new.was_wholly_held() {
        return ChangeStep::ReleaseOld;
    }
    // Of what only a person can settle nobody else can say that it is not sold.
    if any(|leg| matches!(leg, LegStatus::OutcomeUnknown | LegStatus::NeedsAttention)) {
        return ChangeStep::Wait;
    }
    if new.intent == Intent::Release || !any(|leg| !leg.is_inactive()) {
        return ChangeStep::KeepOld;
    }
    if new.is_wholly_held(now) {
        return ChangeStep::ReleaseOld;
    }
    // An all-or-nothing order releases itself.
    let is_decided = !any(|leg| leg != LegStatus::Held && !leg.is_inactive()) && any(LegStatus::is_inactive);
    if is_decided && new.policy == FulfillmentPolicy::BestEffort { ChangeStep::GiveUp } else { ChangeStep::Wait }
}

/// Moves the change of a held order on, as far as it goes now. The client's request and recovery both call this; it does nothing if
/// the order is not being replaced.
pub(crate) async fn advance(context: &Arc<OrdersContext>, old: OrderKey, reserved: Option<Reserved>) {
    if let Err(error) = try_advance(context, old, reserved).await {
        tracing::error!(order = %old, %error, "the change of a held order is left to recovery");
    }
}

async fn try_advance(
    context: &Arc<OrdersContext>,
    old: OrderKey,
    mut reserved: Option<Reserved>,
) -> Result<(), StoreError> {
    for _ in 0..MAX_WRITES {
        if context.stop.is_cancelled() {
            break;
        }
        let Some(old) = context.store.find(&OrderLookup::Key(old)).await? else { break };
        let Some(new) = old.replaced_by else { break };
        let Some(new) = context.store.find(&OrderLookup::Key(new)).await? else { break };
        let step = match old.intent {
            Intent::Hold => next_step(&old, &new, context.clock.now()),
            // An earlier version, which knows no changes, sold the old order.
            Intent::Confirm if matches!(new.intent, Intent::None | Intent::Hold) && !new.may_be_sold() => {
                ChangeStep::GiveUp
            }
            _ => break,
        };
        let written = match step {
            ChangeStep::StartHold => start_hold(context, new, reserved.take()).await,
            ChangeStep::Wait => break,
            ChangeStep::GiveUp => give_up(context, new, &[]).await,
            ChangeStep::KeepOld => write_and_run(context, old, |work| work.order.replaced_by = None).await,
            ChangeStep::ReleaseOld => {
                let release = |work: &mut UnitOfWork| {
                    work.set_intent(Intent::Release);
                    work.set_reason(Some(&format!("replaced by {}", new.number)));
                };
                write_and_run(context, old, release).await
            }
        };
        match written {
            // Somebody else was first: the next step follows from what they wrote.
            Ok(()) => {}
            Err(StoreError::Outdated) => tokio::time::sleep(RETRY_PAUSE).await,
            Err(error) => return Err(error),
        }
    }
    // Whoever holds the new order uses the reservation.
    if let Some(reserved) = reserved {
        reserved.keep();
    }
    Ok(())
}

/// Starts the hold of the new order as `holdOrder` does, or gives it up if a source is paused or has no room for it.
async fn start_hold(context: &Arc<OrdersContext>, new: Order, reserved: Option<Reserved>) -> Result<(), StoreError> {
    let reserved = match reserved {
        Some(reserved) => Ok(reserved),
        None => reserve(context, &new, &request_hash(&("replacement", new.key.to_string()))).await,
    };
    match reserved {
        Ok(reserved) => reserved.keep(),
        Err(problems) => return give_up(context, new, &problems).await,
    }
    write_and_run(context, new, |work| work.set_intent(Intent::Hold)).await
}

/// Checks that no source of a new order is paused, and reserves its calls.
pub(crate) async fn reserve(context: &Arc<OrdersContext>, new: &Order, ticket: &str) -> Result<Reserved, Vec<Problem>> {
    let paused = pauses::refuse_new_order(context, new.legs.iter().map(|leg| &leg.source));
    if !paused.is_empty() {
        return Err(paused);
    }
    capacity::reserve(context, new, ticket, true).await
}

/// Releases what the new order holds, and drops what it has not booked. Its problems stay with its legs, where a repetition of the
/// request finds them.
pub(crate) async fn give_up(context: &Arc<OrdersContext>, new: Order, problems: &[Problem]) -> Result<(), StoreError> {
    let give_up = |work: &mut UnitOfWork| {
        work.order.intent = Intent::Release;
        for problem in problems {
            let leg = work.order.legs.iter().position(|leg| Some(&leg.source) == problem.source.as_ref());
            work.add_problem(leg.unwrap_or(0), problem.clone());
        }
    };
    write_and_run(context, new, give_up).await
}

/// Writes a change of an order that nobody runs and that has not changed since it was read, and runs it.
async fn write_and_run(
    context: &Arc<OrdersContext>,
    order: Order,
    change: impl FnOnce(&mut UnitOfWork),
) -> Result<(), StoreError> {
    let mut work = UnitOfWork::new(order, &context.settings, context.clock.now());
    change(&mut work);
    let before = work.before.clone();
    let lease = saga::start_action(context, Some(&before), &mut work, None, true).await?;
    saga::run(Arc::clone(context), work.order, lease).await;
    Ok(())
}
