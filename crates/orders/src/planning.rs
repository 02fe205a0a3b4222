//! Planning: derives the confirmation sequence, the guarantee and the risks of an order. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::amounts::{split_cancellation_fee, sum_by_currency};
use crate::leg::Leg;
use crate::order::{FulfillmentPolicy, Order};
use crate::plan::{Guarantee, Plan, Risk, RiskKind};
use crate::problem::{Problem, ProblemCode};
use crate::status::LegStatus;
use domain::time::later;
use domain::{LegShape, Money};

/// Plans the legs of an order. `ranks` holds the confirmation rank of each leg's source.
///
/// Fails with [`ProblemCode::NotCombinable`] if an all-or-nothing order contains two legs that can be neither held
/// nor canceled.
pub fn build_plan(order: &Order, ranks: &[u8], now: Timestamp) -> Result<Plan, Vec<Problem>> {
    let all_or_nothing = order.policy == FulfillmentPolicy::AllOrNothing;
    let irreversible: Vec<&Leg> =
        order.legs.iter().filter(|leg| !leg.requires_hold() && !leg.capabilities.has_undo).collect();
    if all_or_nothing && irreversible.len() > 1 {
        let refuse = |leg: &&Leg| Problem::new(ProblemCode::NotCombinable).for_source(&leg.source).on_leg(leg.number);
        return Err(irreversible.iter().map(refuse).collect());
    }
    let mut sequence: Vec<usize> = (0..order.legs.len()).collect();
    sequence.sort_by_key(|number| {
        let leg = &order.legs[*number];
        (!is_fully_refundable(leg, now), leg.requires_hold(), ranks.get(*number).copied().unwrap_or(u8::MAX), *number)
    });
    let before_last = &sequence[..sequence.len().saturating_sub(1)];
    let guarantee = if order.legs.len() == 1 {
        Guarantee::Atomic
    } else if all_or_nothing && before_last.iter().all(|leg| is_fully_refundable(&order.legs[*leg], now)) {
        Guarantee::Compensated
    } else {
        Guarantee::BestEffort
    };
    let worst_case_loss =
        sum_by_currency(before_last.iter().flat_map(|leg| potential_loss(order, &order.legs[*leg], now)))
            .into_iter()
            .filter(|money| money.amount > 0)
            .collect();
    let risks = order.legs.iter().flat_map(|leg| leg_risks(order, leg, now)).collect();
    Ok(Plan { guarantee, confirm_sequence: sequence, risks, worst_case_loss })
}

/// Returns true if canceling the leg right after its confirmation refunds everything.
fn is_fully_refundable(leg: &Leg, now: Timestamp) -> bool {
    leg.has_proven_undo()
        && leg.capabilities.cancel_fee == 0
        && leg.capabilities.cancel_until.is_none_or(|until| now < until)
}

/// Returns the amounts lost if the leg is confirmed and a later one fails.
fn potential_loss(order: &Order, leg: &Leg, now: Timestamp) -> Vec<Money> {
    let promised = order.planned_totals(leg.number);
    if !leg.has_proven_undo() || leg.capabilities.cancel_until.is_some_and(|until| until <= now) {
        return promised;
    }
    promised.into_iter().map(|money| split_cancellation_fee(money, leg.capabilities.cancel_fee).1).collect()
}

fn leg_risks(order: &Order, leg: &Leg, now: Timestamp) -> Vec<Risk> {
    let too_late = leg.capabilities.cancel_until.is_some_and(|until| until <= now);
    let price_moves = order.lines_of(leg.number).any(|(_, line)| line.unit_price.guaranteed_until.is_none());
    let kinds = [
        (RiskKind::NoUndo, !leg.capabilities.has_undo || too_late),
        (RiskKind::UndoUnproven, leg.capabilities.has_undo && !leg.capabilities.undo_is_proven),
        (RiskKind::UndoHasFee, leg.capabilities.has_undo && leg.capabilities.cancel_fee > 0),
        (RiskKind::NotHeld, leg.capabilities.shape != LegShape::HoldThenConfirm),
        (RiskKind::PriceMayChange, price_moves),
        (RiskKind::ResponseMayBeLost, !leg.capabilities.honors_keys),
    ];
    let number = leg.number;
    kinds.into_iter().filter_map(|(kind, applies)| applies.then_some(Risk { kind, leg: number })).collect()
}

/// Returns the held legs whose holds may expire before a slow run of confirmations reaches them.
pub fn legs_with_short_holds(order: &Order, now: Timestamp) -> Vec<usize> {
    let mut needed = Duration::ZERO;
    let mut short = Vec::new();
    for number in &order.plan.confirm_sequence {
        let leg = &order.legs[*number];
        if !matches!(leg.status, LegStatus::Held | LegStatus::Draft) {
            continue;
        }
        needed += leg.capabilities.slow_confirm;
        let ends_early = leg.hold_expires_at.is_some_and(|until| until < later(now, needed));
        if leg.status == LegStatus::Held && ends_early {
            short.push(*number);
        }
    }
    short
}
