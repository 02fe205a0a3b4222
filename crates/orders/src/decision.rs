//! Decides the next steps of an order. Pure; contains every sequencing rule.

use jiff::Timestamp;

use crate::leg::{Leg, LegOperation};
use crate::order::{FulfillmentPolicy, Order};
use crate::planning::legs_with_short_holds;
use crate::problem::ProblemCode;
use crate::status::{Intent, LegStatus};

/// Next action for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Make these calls concurrently.
    Call(Vec<SagaStep>),
    /// Apply these moves without a call, then decide again.
    Move(Vec<LegMove>),
    /// Nothing to do until a timer is due or a client acts.
    Idle,
}

/// Call that concerns one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SagaStep {
    /// Index of the leg.
    pub leg: usize,
    /// Call to make.
    pub call: SourceCall,
}

/// Kind of a call to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceCall {
    /// Place a hold.
    Hold,
    /// Extend a hold.
    Extend,
    /// Confirm the sale.
    Confirm,
    /// Release a hold.
    Release,
    /// Cancel a confirmed leg.
    Cancel,
    /// Look up a hold whose response was lost.
    FindHold,
    /// Look up a confirmation whose response was lost.
    FindConfirmation,
    /// Look up a cancellation whose response was lost.
    FindCancellation,
    /// Reload the tickets.
    ReadTickets,
}

impl SourceCall {
    /// Returns the operation recorded before the call. `None` for calls that only read.
    pub fn operation(self) -> Option<LegOperation> {
        match self {
            Self::Hold => Some(LegOperation::Hold),
            Self::Extend => Some(LegOperation::Extend),
            Self::Confirm => Some(LegOperation::Confirm),
            Self::Release => Some(LegOperation::Release),
            Self::Cancel => Some(LegOperation::Cancel),
            Self::FindHold | Self::FindConfirmation | Self::FindCancellation | Self::ReadTickets => None,
        }
    }
}

/// Change of an order that needs no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LegMove {
    /// The hold of this leg has expired.
    Expire(usize),
    /// Drop this leg, which was never booked.
    Drop(usize),
    /// Give up this held leg and release its hold.
    RejectHold(usize, ProblemCode),
    /// This confirmed leg cannot be canceled and needs an operator.
    Escalate(usize),
    /// Set the intent of the order.
    SetIntent(Intent),
}

/// Returns the next action for an order that has no call in flight.
pub fn decide(order: &Order, now: Timestamp) -> Decision {
    let expired: Vec<LegMove> = order.legs.iter().filter(|leg| is_hold_expired(leg, now)).map(expire).collect();
    if !expired.is_empty() {
        return Decision::Move(expired);
    }
    // Nothing is released while it is not certain that the other order is held.
    if order.is_being_replaced() {
        return Decision::Idle;
    }
    let next = match order.intent {
        Intent::None => Decision::Idle,
        Intent::Hold => hold(order, now),
        Intent::Confirm => confirm(order, now),
        Intent::Release => release(order, now),
        Intent::Cancel => cancel(order, now),
        Intent::Compensate => compensate(order, now),
    };
    if next != Decision::Idle {
        return next;
    }
    let extensions = steps_for_legs(order, SourceCall::Extend, |leg| {
        leg.status == LegStatus::Held && leg.extension_requested && is_due(leg, now)
    });
    let tickets =
        steps_for_legs(order, SourceCall::ReadTickets, |leg| leg.next_ticket_read().is_some_and(|at| at <= now));
    call_or_else([extensions, tickets].concat(), || Decision::Idle)
}

/// Places all holds concurrently. Once each has an outcome, it confirms, waits, or releases.
fn hold(order: &Order, now: Timestamp) -> Decision {
    let is_to_hold = |leg: &Leg| leg.status == LegStatus::Draft && leg.requires_hold();
    let holds = steps_for_legs(order, SourceCall::Hold, |leg| is_to_hold(leg) && is_due(leg, now));
    let steps = [due_lookups(order, now), holds, hold_cleanups(order, now)].concat();
    call_or_else(steps, || {
        if order.legs.iter().any(|leg| leg.status == LegStatus::OutcomeUnknown) {
            return Decision::Idle;
        }
        let is_open = |leg: &Leg| matches!(leg.status, LegStatus::Held | LegStatus::Draft);
        let any_open = order.legs.iter().any(is_open);
        let any_dead = order.legs.iter().any(|leg| leg.status.is_inactive());
        if order.policy == FulfillmentPolicy::AllOrNothing && any_dead {
            return if any_open { Decision::Move(vec![LegMove::SetIntent(Intent::Release)]) } else { Decision::Idle };
        }
        // A leg that waits for its turn is held first.
        if !order.is_placed || !any_open || order.legs.iter().any(is_to_hold) {
            return Decision::Idle;
        }
        let short = legs_with_short_holds(order, now);
        if short.is_empty() {
            return Decision::Move(vec![LegMove::SetIntent(Intent::Confirm)]);
        }
        Decision::Move(short.into_iter().map(|leg| LegMove::RejectHold(leg, ProblemCode::HoldTooShort)).collect())
    })
}

/// Confirms the legs one after another in the planned sequence. An unknown outcome or a failed leg stops an
/// all-or-nothing order; the legs of other orders are independent.
fn confirm(order: &Order, now: Timestamp) -> Decision {
    let steps = [due_lookups(order, now), hold_cleanups(order, now)].concat();
    call_or_else(steps, || {
        if order.policy == FulfillmentPolicy::AllOrNothing {
            let any = |fits: fn(&Leg) -> bool| order.legs.iter().any(fits);
            if any(|leg| leg.status == LegStatus::OutcomeUnknown) || order.is_blocked() {
                return Decision::Idle;
            }
            if any(|leg| leg.status.is_inactive()) {
                return Decision::Move(vec![LegMove::SetIntent(Intent::Compensate)]);
            }
        }
        let mut open = order
            .plan
            .confirm_sequence
            .iter()
            .map(|leg| &order.legs[*leg])
            .filter(|leg| leg.status == LegStatus::Held || leg.status == LegStatus::Draft && !leg.requires_hold());
        let next = match order.policy {
            // The sequence is part of the guarantee, so a leg that waits for its retry blocks the next one.
            FulfillmentPolicy::AllOrNothing => open.next().filter(|leg| is_due(leg, now)),
            FulfillmentPolicy::BestEffort => open.find(|leg| is_due(leg, now)),
        };
        next.map_or(Decision::Idle, |leg| Decision::Call(vec![SagaStep { leg: leg.number, call: SourceCall::Confirm }]))
    })
}

/// Releases all holds concurrently.
fn release(order: &Order, now: Timestamp) -> Decision {
    let drops = drop_drafts(order);
    if !drops.is_empty() {
        return Decision::Move(drops);
    }
    let mut releases =
        steps_for_legs(order, SourceCall::Release, |leg| leg.status == LegStatus::Held && is_due(leg, now));
    releases.reverse();
    call_or_else([due_lookups(order, now), releases, hold_cleanups(order, now)].concat(), || {
        // Sold while a leg needed attention, and not wanted without it.
        let any = |fits: fn(&Leg) -> bool| order.legs.iter().any(fits);
        let is_sold_in_part = any(|leg| leg.status == LegStatus::Confirmed && !leg.is_kept())
            && any(|leg| leg.status.is_inactive())
            && !any(|leg| {
                matches!(leg.status, LegStatus::OutcomeUnknown | LegStatus::Held | LegStatus::NeedsAttention)
            });
        if order.policy == FulfillmentPolicy::AllOrNothing && is_sold_in_part {
            return Decision::Move(vec![LegMove::SetIntent(Intent::Compensate)]);
        }
        Decision::Idle
    })
}

/// Cancels confirmed legs one after another, in reverse order of confirmation.
fn compensate(order: &Order, now: Timestamp) -> Decision {
    let drops = drop_drafts(order);
    if !drops.is_empty() {
        return Decision::Move(drops);
    }
    call_or_else(due_lookups(order, now), || {
        let due = |leg: &&Leg| order.has_pending_work(leg) && is_due(leg, now);
        let Some(leg) = order.plan.confirm_sequence.iter().rev().map(|leg| &order.legs[*leg]).find(due) else {
            return Decision::Idle;
        };
        match leg.status {
            LegStatus::Confirmed if !leg.capabilities.has_undo => Decision::Move(vec![LegMove::Escalate(leg.number)]),
            LegStatus::Confirmed => Decision::Call(vec![SagaStep { leg: leg.number, call: SourceCall::Cancel }]),
            _ => Decision::Call(vec![SagaStep { leg: leg.number, call: SourceCall::Release }]),
        }
    })
}

/// Cancels the legs that the client chose, one after another, in reverse order of confirmation. Legs that were never booked are
/// not wanted any more.
fn cancel(order: &Order, now: Timestamp) -> Decision {
    let drops = drop_drafts(order);
    if !drops.is_empty() {
        return Decision::Move(drops);
    }
    call_or_else([due_lookups(order, now), hold_cleanups(order, now)].concat(), || {
        let wanted = |leg: &&Leg| leg.status == LegStatus::Confirmed && leg.cancellation.is_some() && is_due(leg, now);
        let next = order.plan.confirm_sequence.iter().rev().map(|leg| &order.legs[*leg]).find(wanted);
        next.map_or(Decision::Idle, |leg| Decision::Call(vec![SagaStep { leg: leg.number, call: SourceCall::Cancel }]))
    })
}

/// Returns the due lookups of unknown outcomes.
fn due_lookups(order: &Order, now: Timestamp) -> Vec<SagaStep> {
    let due = order.legs.iter().filter_map(|leg| {
        let unknown = leg.unknown.filter(|unknown| unknown.next_lookup_at <= now)?;
        let call = match unknown.operation {
            LegOperation::Hold => SourceCall::FindHold,
            LegOperation::Cancel => SourceCall::FindCancellation,
            LegOperation::Confirm | LegOperation::Extend | LegOperation::Release => SourceCall::FindConfirmation,
        };
        Some(SagaStep { leg: leg.number, call })
    });
    due.collect()
}

/// Returns releases of the holds that abandoned legs left behind.
fn hold_cleanups(order: &Order, now: Timestamp) -> Vec<SagaStep> {
    steps_for_legs(order, SourceCall::Release, |leg| leg.has_stray_hold && is_due(leg, now))
}

fn drop_drafts(order: &Order) -> Vec<LegMove> {
    let drafts = order.legs.iter().filter(|leg| leg.status == LegStatus::Draft);
    drafts.map(|leg| LegMove::Drop(leg.number)).collect()
}

fn is_hold_expired(leg: &Leg, now: Timestamp) -> bool {
    (leg.status == LegStatus::Held || leg.has_stray_hold) && leg.hold_expires_at.is_some_and(|until| until <= now)
}

fn expire(leg: &Leg) -> LegMove {
    LegMove::Expire(leg.number)
}

/// Returns true unless the leg waits for a retry.
fn is_due(leg: &Leg, now: Timestamp) -> bool {
    leg.retry.is_none_or(|schedule| schedule.next_at <= now)
}

fn steps_for_legs(order: &Order, call: SourceCall, fits: impl Fn(&Leg) -> bool) -> Vec<SagaStep> {
    order.legs.iter().filter(|leg| fits(leg)).map(|leg| SagaStep { leg: leg.number, call }).collect()
}

fn call_or_else(steps: Vec<SagaStep>, otherwise: impl FnOnce() -> Decision) -> Decision {
    if steps.is_empty() { otherwise() } else { Decision::Call(steps) }
}
