//! What to do next with an order. Pure: every rule of the sequence is here, and nowhere else.

use jiff::Timestamp;

use crate::leg::{Leg, LegOperation};
use crate::order::{Order, Policy};
use crate::plan::too_short;
use crate::problem::ProblemCode;
use crate::status::{Intent, LegStatus};

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Make these calls, together.
    Call(Vec<Step>),
    /// Move legs, or the intent, without a call; then decide again.
    Turn(Vec<Turn>),
    /// Nothing, until a timer or a client wants something.
    Rest,
}

/// A call about a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Step {
    /// The leg.
    pub leg: usize,
    /// The call.
    pub call: Call,
}

/// A call to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// Set places aside.
    Hold,
    /// Prolong a hold.
    Extend,
    /// Sell.
    Confirm,
    /// Give a hold back.
    Release,
    /// Undo a sale.
    Cancel,
    /// Look up a hold whose answer was lost.
    FindHold,
    /// Look up a sale whose answer was lost.
    FindSale,
    /// Look up an undo whose answer was lost.
    FindUndo,
    /// Read tickets again.
    ReadTickets,
}

impl Call {
    /// The operation that the ledger notes before the call; none: the call only reads.
    pub fn operation(self) -> Option<LegOperation> {
        match self {
            Self::Hold => Some(LegOperation::Hold),
            Self::Extend => Some(LegOperation::Extend),
            Self::Confirm => Some(LegOperation::Confirm),
            Self::Release => Some(LegOperation::Release),
            Self::Cancel => Some(LegOperation::Cancel),
            Self::FindHold | Self::FindSale | Self::FindUndo | Self::ReadTickets => None,
        }
    }
}

/// A move without a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// The hold of a leg ran out.
    Expire(usize),
    /// A leg that its source never heard of is dropped.
    Drop(usize),
    /// A held leg is given up, and its hold given back.
    Refuse(usize, ProblemCode),
    /// A sold leg cannot be undone: a human has to.
    GiveUp(usize),
    /// Another intent.
    Want(Intent),
}

/// What to do next with an order whose calls, if any, have all been answered or given up.
pub fn decide(order: &Order, now: Timestamp) -> Next {
    let expired: Vec<Turn> = order.legs.iter().filter(|leg| has_run_out(leg, now)).map(expire).collect();
    if !expired.is_empty() {
        return Next::Turn(expired);
    }
    let next = match order.intent {
        Intent::None => Next::Rest,
        Intent::Hold => hold(order, now),
        Intent::Confirm => confirm(order, now),
        Intent::Release => release(order, now),
        Intent::Cancel => cancel(order, now),
        Intent::Compensate => compensate(order, now),
    };
    if next != Next::Rest {
        return next;
    }
    let extensions = calls(order, Call::Extend, |leg| leg.status == LegStatus::Held && leg.wants_extension);
    let tickets = calls(order, Call::ReadTickets, |leg| {
        leg.status == LegStatus::Confirmed && leg.tickets.is_some_and(|again| again.at <= now)
    });
    call_or([extensions, tickets].concat(), || Next::Rest)
}

/// Holds go out together. When all are answered: sell, rest, or give back.
fn hold(order: &Order, now: Timestamp) -> Next {
    let holds = calls(order, Call::Hold, |leg| leg.status == LegStatus::Draft && leg.is_held_first());
    let steps = [look_ups(order, now), holds, clean_ups(order, now)].concat();
    call_or(steps, || {
        if order.legs.iter().any(|leg| leg.status == LegStatus::OutcomeUnknown) {
            return Next::Rest;
        }
        let is_open = |leg: &Leg| matches!(leg.status, LegStatus::Held | LegStatus::Draft);
        let any_open = order.legs.iter().any(is_open);
        let any_dead = order.legs.iter().any(|leg| leg.status.is_dead());
        if order.policy == Policy::AllOrNothing && any_dead {
            return if any_open { Next::Turn(vec![Turn::Want(Intent::Release)]) } else { Next::Rest };
        }
        if !order.is_placed || !any_open {
            return Next::Rest;
        }
        let short = too_short(order, now);
        if short.is_empty() {
            return Next::Turn(vec![Turn::Want(Intent::Confirm)]);
        }
        Next::Turn(short.into_iter().map(|leg| Turn::Refuse(leg, ProblemCode::HoldTooShort)).collect())
    })
}

/// Sales go out one after another, in the sequence of the plan. A lost answer, or a leg that failed, stops an
/// all-or-nothing order; the others go on.
fn confirm(order: &Order, now: Timestamp) -> Next {
    let steps = [look_ups(order, now), clean_ups(order, now)].concat();
    call_or(steps, || {
        if order.policy == Policy::AllOrNothing {
            let any = |fits: fn(&Leg) -> bool| order.legs.iter().any(fits);
            if any(|leg| leg.status == LegStatus::OutcomeUnknown) || order.is_stopped() {
                return Next::Rest;
            }
            if any(|leg| leg.status.is_dead()) {
                return Next::Turn(vec![Turn::Want(Intent::Compensate)]);
            }
        }
        let mut open = order
            .plan
            .confirm_sequence
            .iter()
            .map(|leg| &order.legs[*leg])
            .filter(|leg| leg.status == LegStatus::Held || leg.status == LegStatus::Draft && !leg.is_held_first());
        let next = match order.policy {
            // The sequence is part of the promise: a leg that is tried again later is waited for.
            Policy::AllOrNothing => open.next().filter(|leg| is_due(leg, now)),
            Policy::BestEffort => open.find(|leg| is_due(leg, now)),
        };
        next.map_or(Next::Rest, |leg| Next::Call(vec![Step { leg: leg.number, call: Call::Confirm }]))
    })
}

/// Holds are given back together.
fn release(order: &Order, now: Timestamp) -> Next {
    let drops = drops(order);
    if !drops.is_empty() {
        return Next::Turn(drops);
    }
    let mut releases = calls(order, Call::Release, |leg| leg.status == LegStatus::Held && is_due(leg, now));
    releases.reverse();
    call_or([look_ups(order, now), releases, clean_ups(order, now)].concat(), || Next::Rest)
}

/// Undone one after another, in reverse: what was sold last goes first.
fn compensate(order: &Order, now: Timestamp) -> Next {
    let drops = drops(order);
    if !drops.is_empty() {
        return Next::Turn(drops);
    }
    call_or(look_ups(order, now), || {
        let due = |leg: &&Leg| order.has_work(leg) && is_due(leg, now);
        let Some(leg) = order.plan.confirm_sequence.iter().rev().map(|leg| &order.legs[*leg]).find(due) else {
            return Next::Rest;
        };
        match leg.status {
            LegStatus::Confirmed if !leg.traits.has_undo => Next::Turn(vec![Turn::GiveUp(leg.number)]),
            LegStatus::Confirmed => Next::Call(vec![Step { leg: leg.number, call: Call::Cancel }]),
            _ => Next::Call(vec![Step { leg: leg.number, call: Call::Release }]),
        }
    })
}

/// What the buyer wants undone, one after another, in reverse.
fn cancel(order: &Order, now: Timestamp) -> Next {
    call_or([look_ups(order, now), clean_ups(order, now)].concat(), || {
        let wanted = |leg: &&Leg| leg.status == LegStatus::Confirmed && leg.cancel.is_some() && is_due(leg, now);
        let next = order.plan.confirm_sequence.iter().rev().map(|leg| &order.legs[*leg]).find(wanted);
        next.map_or(Next::Rest, |leg| Next::Call(vec![Step { leg: leg.number, call: Call::Cancel }]))
    })
}

/// Look-ups of lost answers that are due.
fn look_ups(order: &Order, now: Timestamp) -> Vec<Step> {
    let due = order.legs.iter().filter_map(|leg| {
        let unknown = leg.unknown.filter(|unknown| unknown.next_check_at <= now)?;
        let call = match unknown.operation {
            LegOperation::Hold => Call::FindHold,
            LegOperation::Cancel => Call::FindUndo,
            LegOperation::Confirm | LegOperation::Extend | LegOperation::Release => Call::FindSale,
        };
        Some(Step { leg: leg.number, call })
    });
    due.collect()
}

/// Holds of legs that were given up, to be given back.
fn clean_ups(order: &Order, now: Timestamp) -> Vec<Step> {
    calls(order, Call::Release, |leg| leg.leaves_hold && is_due(leg, now))
}

fn drops(order: &Order) -> Vec<Turn> {
    let drafts = order.legs.iter().filter(|leg| leg.status == LegStatus::Draft);
    drafts.map(|leg| Turn::Drop(leg.number)).collect()
}

fn has_run_out(leg: &Leg, now: Timestamp) -> bool {
    (leg.status == LegStatus::Held || leg.leaves_hold) && leg.held_until.is_some_and(|until| until <= now)
}

fn expire(leg: &Leg) -> Turn {
    Turn::Expire(leg.number)
}

/// It is not waiting to be tried again.
fn is_due(leg: &Leg, now: Timestamp) -> bool {
    leg.again.is_none_or(|again| again.at <= now)
}

fn calls(order: &Order, call: Call, fits: impl Fn(&Leg) -> bool) -> Vec<Step> {
    order.legs.iter().filter(|leg| fits(leg)).map(|leg| Step { leg: leg.number, call }).collect()
}

fn call_or(steps: Vec<Step>, otherwise: impl FnOnce() -> Next) -> Next {
    if steps.is_empty() { otherwise() } else { Next::Call(steps) }
}
