//! Steps of a change by the state of the new order, and the actions of both orders meanwhile.

use jiff::Timestamp;

use super::decisions::{at, order, refundable};
use crate::decision::{Decision, LegMove, decide};
use crate::leg::{Attempt, AttemptOutcome, LegOperation};
use crate::order::{FulfillmentPolicy, Order, OrderAction};
use crate::replacement::{ChangeStep, next_step};
use crate::status::{Intent, LegStatus};
use crate::unit_of_work::step_key;
use domain::OrderKey;

/// Returns an order whose legs have these statuses. Its holds end at second 600.
fn with_legs(policy: FulfillmentPolicy, intent: Intent, statuses: &[LegStatus]) -> Order {
    let mut order = order(policy, vec![refundable(); statuses.len()]);
    order.intent = intent;
    for (leg, status) in order.legs.iter_mut().zip(statuses) {
        leg.status = *status;
        leg.hold_expires_at = (*status == LegStatus::Held).then(|| at(600));
    }
    order
}

fn replacement(intent: Intent, statuses: &[LegStatus]) -> Order {
    let replaces = Some(OrderKey(uuid::Uuid::from_u128(1)));
    Order { replaces, ..with_legs(FulfillmentPolicy::AllOrNothing, intent, statuses) }
}

fn held() -> Order {
    with_legs(FulfillmentPolicy::AllOrNothing, Intent::Hold, &[LegStatus::Held, LegStatus::Held])
}

/// Records a confirmation that was sent and certainly did nothing.
fn confirm(order: &mut Order) {
    add_attempt(order, 0, LegOperation::Confirm, AttemptOutcome::Rejected);
}

fn add_attempt(order: &mut Order, leg: usize, operation: LegOperation, outcome: AttemptOutcome) {
    let key = step_key(order.key, &order.legs[leg], operation);
    order.legs[leg].attempts.push(Attempt {
        operation,
        key,
        request_hash: String::new(),
        started_at: at(0),
        deadline: at(1),
        ended_at: Some(at(1)),
        outcome,
        result: None,
        vendor_code: None,
    });
}

fn changes(order: &Order, now: Timestamp) -> bool {
    order.available_actions(now).contains(&OrderAction::Change)
}

#[test]
fn the_next_step_follows_from_the_state_of_the_new_order() {
    use ChangeStep as S;
    use FulfillmentPolicy::{AllOrNothing as All, BestEffort as Any};
    use Intent as I;
    use LegStatus as L;
    let table: [(FulfillmentPolicy, Intent, &[LegStatus], ChangeStep); 21] = [
        (All, I::None, &[L::Draft, L::Draft], S::StartHold),
        (All, I::Hold, &[L::Draft, L::Held], S::Wait),
        (All, I::Hold, &[L::Holding, L::Held], S::Wait),
        (All, I::Hold, &[L::OutcomeUnknown, L::Held], S::Wait),
        (Any, I::Hold, &[L::OutcomeUnknown, L::HoldFailed], S::Wait),
        (All, I::Hold, &[L::Held, L::Held], S::ReleaseOld),
        (Any, I::Hold, &[L::Held, L::Held], S::ReleaseOld),
        // It releases itself.
        (All, I::Hold, &[L::HoldFailed, L::Held], S::Wait),
        (Any, I::Hold, &[L::HoldFailed, L::Held], S::GiveUp),
        (Any, I::Hold, &[L::Expired, L::Held], S::GiveUp),
        (Any, I::Hold, &[L::HoldFailed, L::Draft], S::Wait),
        (All, I::Hold, &[L::HoldFailed, L::HoldFailed], S::KeepOld),
        (Any, I::Hold, &[L::Expired, L::HoldFailed], S::KeepOld),
        (All, I::Release, &[L::Held, L::HoldFailed], S::KeepOld),
        (All, I::Release, &[L::Draft, L::Draft], S::KeepOld),
        (All, I::Release, &[L::Released, L::Released], S::KeepOld),
        (All, I::Release, &[L::NeedsAttention, L::Released], S::Wait),
        (All, I::Hold, &[L::NeedsAttention, L::Held], S::Wait),
        (All, I::Confirm, &[L::Confirming, L::Held], S::ReleaseOld),
        (All, I::Compensate, &[L::ConfirmFailed, L::Released], S::ReleaseOld),
        (All, I::Cancel, &[L::Cancelled, L::Cancelled], S::ReleaseOld),
    ];
    for (policy, intent, statuses, expected) in table {
        let new = with_legs(policy, intent, statuses);
        assert_eq!(next_step(&held(), &new, at(0)), expected, "{policy:?} {intent:?} {statuses:?}");
    }
    assert_eq!(next_step(&held(), &held(), at(600)), ChangeStep::Wait, "its holds have ended");
    let mut released = with_legs(All, I::Release, &[L::Released, L::Released]);
    confirm(&mut released);
    assert_eq!(next_step(&held(), &released, at(0)), ChangeStep::ReleaseOld, "it may have been sold");
}

#[test]
fn an_order_that_was_held_as_a_whole_has_replaced_the_old_one_even_if_its_client_gives_it_back() {
    let mut released =
        with_legs(FulfillmentPolicy::AllOrNothing, Intent::Release, &[LegStatus::Released, LegStatus::Releasing]);
    add_attempt(&mut released, 0, LegOperation::Hold, AttemptOutcome::Succeeded);
    add_attempt(&mut released, 1, LegOperation::Hold, AttemptOutcome::Rejected);
    assert_eq!(next_step(&held(), &released, at(0)), ChangeStep::KeepOld, "one leg was never held");
    add_attempt(&mut released, 1, LegOperation::Hold, AttemptOutcome::ResolvedDone);
    assert_eq!(next_step(&held(), &released, at(0)), ChangeStep::ReleaseOld);
    let in_turn = Order {
        replaced_by: Some(OrderKey(uuid::Uuid::from_u128(3))),
        ..with_legs(FulfillmentPolicy::AllOrNothing, Intent::Release, &[LegStatus::Released])
    };
    assert_eq!(next_step(&held(), &in_turn, at(0)), ChangeStep::ReleaseOld, "it is replaced in turn");
}

#[test]
fn nothing_is_held_in_place_of_an_order_that_has_ended() {
    let draft = with_legs(FulfillmentPolicy::AllOrNothing, Intent::None, &[LegStatus::Draft]);
    assert_eq!(next_step(&held(), &draft, at(0)), ChangeStep::StartHold);
    assert_eq!(next_step(&held(), &draft, at(600)), ChangeStep::GiveUp);
}

#[test]
fn only_a_held_order_that_waits_for_its_client_can_be_changed() {
    assert!(changes(&held(), at(0)));
    assert!(!changes(&held(), at(600)), "a hold has ended");
    assert!(!changes(&Order { is_placed: true, ..held() }, at(0)));
    let mut refused = held();
    confirm(&mut refused);
    assert!(!changes(&refused, at(0)), "a confirmation was sent");
    for statuses in [[LegStatus::Held, LegStatus::Draft], [LegStatus::Held, LegStatus::HoldFailed]] {
        let partly = with_legs(FulfillmentPolicy::BestEffort, Intent::Hold, &statuses);
        assert!(!changes(&partly, at(0)), "{statuses:?}");
    }
}

#[test]
fn an_order_that_is_being_replaced_only_expires() {
    let old = Order { replaced_by: Some(OrderKey(uuid::Uuid::from_u128(2))), ..held() };
    assert!(old.is_being_replaced() && !old.is_idle() && !old.permits_other_contact());
    assert_eq!((old.available_actions(at(0)), decide(&old, at(0))), (vec![], Decision::Idle));
    let mut late = old;
    late.legs[0].hold_expires_at = Some(at(10));
    assert_eq!(decide(&late, at(10)), Decision::Move(vec![LegMove::Expire(0)]));
    late.legs[0].status = LegStatus::Expired;
    assert_eq!(decide(&late, at(10)), Decision::Idle, "the other leg is kept until the change is decided");
    late.replaced_by = None;
    assert_eq!(decide(&late, at(10)), Decision::Move(vec![LegMove::SetIntent(Intent::Release)]));
}

#[test]
fn a_replacement_has_no_actions_until_it_is_held() {
    use LegStatus as L;
    for (intent, statuses) in [
        (Intent::None, [L::Draft, L::Draft]),
        (Intent::Hold, [L::Held, L::HoldFailed]),
        (Intent::Hold, [L::Held, L::Draft]),
    ] {
        for policy in [FulfillmentPolicy::AllOrNothing, FulfillmentPolicy::BestEffort] {
            let new = Order { policy, ..replacement(intent, &statuses) };
            assert_eq!(new.available_actions(at(0)), [], "{policy:?} {intent:?} {statuses:?}");
            assert!(!new.permits_other_contact(), "{policy:?} {intent:?} {statuses:?}");
        }
    }
    let new = replacement(Intent::Hold, &[L::Held, L::Held]);
    assert_eq!(new.available_actions(at(0)), held().available_actions(at(0)));
    let expired = Order { policy: FulfillmentPolicy::BestEffort, ..replacement(Intent::Hold, &[L::Held, L::Expired]) };
    assert_eq!(
        expired.available_actions(at(0)),
        [OrderAction::ExtendHold, OrderAction::Confirm, OrderAction::Release],
        "it was held as a whole"
    );
}
