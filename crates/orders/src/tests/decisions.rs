//! Table tests of the two pure parts: planning and decisions. Each row is one rule.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::decision::{Decision, LegMove, SagaStep, SourceCall, decide};
use crate::leg::{Leg, LegCancellation, LegCapabilities, LegOperation, RetrySchedule, TicketSearch, UnknownOutcome};
use crate::order::{FulfillmentPolicy, Line, Order};
use crate::plan::{Guarantee, Plan, RiskKind};
use crate::planning::{build_plan, legs_with_short_holds};
use crate::problem::ProblemCode;
use crate::status::{Intent, LegStatus as L};
use domain::ordering::{Contact, DeliveryPreference};
use domain::{EventKey, LegShape, Money, OrderKey, PerformanceKey, Price, SourceId, TicketTypeKey};

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("an instant")
}

fn eur(amount: i64) -> Money {
    Money::new(amount, "EUR".parse().expect("a currency"))
}

/// Held first, proven cancellation, honors keys.
pub(super) fn refundable() -> LegCapabilities {
    LegCapabilities {
        shape: LegShape::HoldThenConfirm,
        has_undo: true,
        undo_is_proven: true,
        cancels_in_part: true,
        extends_holds: true,
        holds_seats: false,
        needs_contact_at_hold: false,
        honors_keys: true,
        slow_confirm: Duration::from_secs(60),
        hold_ttl: Duration::from_secs(600),
        cancel_until: None,
        cancel_fee: 0,
    }
}

fn unproven() -> LegCapabilities {
    LegCapabilities { undo_is_proven: false, ..refundable() }
}

fn final_sale() -> LegCapabilities {
    LegCapabilities { has_undo: false, undo_is_proven: false, ..refundable() }
}

fn without_hold(capabilities: LegCapabilities) -> LegCapabilities {
    LegCapabilities { shape: LegShape::ConfirmOnly, ..capabilities }
}

fn leg(number: usize, capabilities: LegCapabilities) -> Leg {
    Leg::new(number, SourceId::new(format!("s{number}")), format!("REF-{number}"), capabilities)
}

fn line(leg: usize) -> Line {
    Line {
        leg,
        event: EventKey::new("event"),
        event_title: None,
        performance: PerformanceKey::new("show"),
        ticket_type: TicketTypeKey::new("adult"),
        quantity: 2,
        unit_price: Price {
            retail: eur(1000),
            original: None,
            fees: None,
            taxes: Vec::new(),
            guaranteed_until: Some(at(600)),
        },
        starts_at: Some(at(100_000)),
        visit_date: None,
        cutoff_at: None,
        is_canceled: false,
    }
}

/// Creates an order of legs, confirmed in the sequence of their indexes.
pub(super) fn order(policy: FulfillmentPolicy, legs: Vec<LegCapabilities>) -> Order {
    let legs: Vec<Leg> = legs.into_iter().enumerate().map(|(number, capabilities)| leg(number, capabilities)).collect();
    Order {
        key: OrderKey(Uuid::nil()),
        number: "0000".to_owned(),
        version: 1,
        caller: "shop".to_owned(),
        reseller: None,
        reseller_reference: None,
        policy,
        is_test: true,
        contact: Some(Contact {
            first_name: "Ada".to_owned(),
            last_name: "Guest".to_owned(),
            email: "ada@example.org".to_owned(),
            phone: None,
            postal_code: None,
        }),
        hold_contact: None,
        locale: None,
        delivery: DeliveryPreference::Barcode,
        replaces: None,
        replaced_by: None,
        intent: Intent::None,
        is_placed: false,
        plan: Plan { confirm_sequence: (0..legs.len()).collect(), ..Plan::empty() },
        lines: legs.iter().map(|leg| line(leg.number)).collect(),
        legs,
        notes: Vec::new(),
        tickets: Vec::new(),
        created_at: at(0),
        updated_at: at(0),
    }
}

/// Plans legs whose sources have the ranks 20, 10 and 0.
fn plan_result(policy: FulfillmentPolicy, legs: &[LegCapabilities]) -> (Guarantee, Vec<usize>, i64) {
    let plan = build_plan(&order(policy, legs.to_vec()), &[20, 10, 0], at(0)).expect("a plan");
    (plan.guarantee, plan.confirm_sequence, plan.worst_case_loss.iter().map(|money| money.amount).sum())
}

/// Policy, legs, and the expected guarantee, confirmation sequence and worst loss.
type PlanCase = (FulfillmentPolicy, Vec<LegCapabilities>, (Guarantee, Vec<usize>, i64));

#[test]
fn a_plan_derives_guarantee_sequence_and_worst_loss_from_its_legs() {
    use FulfillmentPolicy::{AllOrNothing as All, BestEffort as Any};
    use Guarantee::{Atomic, BestEffort, Compensated};
    let fee = || LegCapabilities { cancel_fee: 1000, ..refundable() };
    let too_late = || LegCapabilities { cancel_until: Some(at(0)), ..refundable() };
    let in_time = || LegCapabilities { cancel_until: Some(at(1)), ..refundable() };
    let table: [PlanCase; 14] = [
        // A single leg is atomic, whatever its capabilities.
        (All, vec![final_sale()], (Atomic, vec![0], 0)),
        (Any, vec![without_hold(unproven())], (Atomic, vec![0], 0)),
        // Fully refundable legs go by rank; every leg but the last must be refundable.
        (All, vec![refundable(), refundable(), refundable()], (Compensated, vec![2, 1, 0], 0)),
        (All, vec![final_sale(), refundable()], (Compensated, vec![1, 0], 0)),
        (All, vec![unproven(), refundable(), refundable()], (Compensated, vec![2, 1, 0], 0)),
        (All, vec![refundable(), in_time()], (Compensated, vec![1, 0], 0)),
        // With two legs that may not be refundable, the first one may be lost.
        (All, vec![unproven(), final_sale()], (BestEffort, vec![1, 0], 2000)),
        (All, vec![unproven(), unproven(), refundable()], (BestEffort, vec![2, 1, 0], 2000)),
        (All, vec![too_late(), too_late()], (BestEffort, vec![1, 0], 2000)),
        // Only the fee is lost.
        (All, vec![fee(), fee()], (BestEffort, vec![1, 0], 200)),
        (All, vec![fee(), refundable()], (Compensated, vec![1, 0], 0)),
        // Among equals, legs without a hold are confirmed first, because they may sell out.
        (All, vec![without_hold(refundable()), refundable()], (Compensated, vec![0, 1], 0)),
        (All, vec![without_hold(unproven()), unproven()], (BestEffort, vec![0, 1], 2000)),
        // Best-effort orders have no guarantee.
        (Any, vec![refundable(), refundable()], (BestEffort, vec![1, 0], 0)),
    ];
    for (policy, legs, wanted) in table {
        assert_eq!(plan_result(policy, &legs), wanted, "{policy:?} {legs:?}");
    }
}

#[test]
fn two_legs_without_hold_and_cancellation_combine_only_best_effort() {
    let irreversible = || without_hold(final_sale());
    for (policy, legs, refused) in [
        (FulfillmentPolicy::AllOrNothing, vec![irreversible(), refundable(), irreversible()], vec![0, 2]),
        (FulfillmentPolicy::AllOrNothing, vec![irreversible(), final_sale()], vec![]),
        (FulfillmentPolicy::BestEffort, vec![irreversible(), irreversible()], vec![]),
    ] {
        let result = build_plan(&order(policy, legs), &[0, 0, 0], at(0)).err().unwrap_or_default();
        assert!(result.iter().all(|problem| problem.code == ProblemCode::NotCombinable));
        assert_eq!(result.iter().filter_map(|problem| problem.leg).collect::<Vec<_>>(), refused, "{policy:?}");
    }
}

#[test]
fn each_risk_refers_to_its_leg() {
    use RiskKind::{NoUndo, NotHeld, PriceMayChange, ResponseMayBeLost, UndoHasFee, UndoUnproven};
    let table = [
        (refundable(), true, vec![]),
        (final_sale(), true, vec![NoUndo]),
        (LegCapabilities { cancel_until: Some(at(0)), ..refundable() }, true, vec![NoUndo]),
        (unproven(), true, vec![UndoUnproven]),
        (LegCapabilities { cancel_fee: 1, ..refundable() }, true, vec![UndoHasFee]),
        (without_hold(refundable()), true, vec![NotHeld]),
        (refundable(), false, vec![PriceMayChange]),
        (LegCapabilities { honors_keys: false, ..refundable() }, true, vec![ResponseMayBeLost]),
    ];
    for (capabilities, is_guaranteed, wanted) in table {
        let mut order = order(FulfillmentPolicy::AllOrNothing, vec![refundable(), capabilities]);
        order.lines[1].unit_price.guaranteed_until = is_guaranteed.then(|| at(600));
        let plan = build_plan(&order, &[0, 0], at(0)).expect("a plan");
        let result: Vec<_> = plan.risks.iter().map(|risk| (risk.leg, risk.kind)).collect();
        assert_eq!(result, wanted.into_iter().map(|kind| (1, kind)).collect::<Vec<_>>());
    }
}

#[test]
fn a_hold_must_outlast_the_slow_confirmations_up_to_its_own() {
    for (first, second, short) in [(60, 120, vec![]), (59, 120, vec![0]), (60, 119, vec![1]), (1, 1, vec![0, 1])] {
        let mut order = order(FulfillmentPolicy::AllOrNothing, vec![refundable(), refundable()]);
        for (leg, ends) in order.legs.iter_mut().zip([first, second]) {
            (leg.status, leg.hold_expires_at) = (L::Held, Some(at(ends)));
        }
        assert_eq!(legs_with_short_holds(&order, at(0)), short, "{first} {second}");
    }
}

/// Changes an order of three legs: the first two are held first, the third is confirmed at once.
type OrderSetup = fn(&mut Order);

fn decide_for(policy: FulfillmentPolicy, intent: Intent, statuses: [L; 3], setup: OrderSetup) -> Decision {
    let mut order = order(policy, vec![refundable(), refundable(), without_hold(refundable())]);
    order.intent = intent;
    for (leg, status) in order.legs.iter_mut().zip(statuses) {
        leg.status = status;
        leg.hold_expires_at = (status == L::Held).then(|| at(600));
    }
    setup(&mut order);
    decide(&order, at(0))
}

fn set_unknown(order: &mut Order, leg: usize, operation: LegOperation, next_check: i64) {
    order.legs[leg].unknown =
        Some(UnknownOutcome { operation, since: at(-9), next_lookup_at: at(next_check), settle_deadline: at(900) });
}

fn set_retry(order: &mut Order, leg: usize) {
    order.legs[leg].retry = Some(RetrySchedule { since: at(0), next_at: at(1) });
}

fn call_steps(steps: &[(usize, SourceCall)]) -> Decision {
    Decision::Call(steps.iter().map(|(leg, call)| SagaStep { leg: *leg, call: *call }).collect())
}

fn leg_move(turn: LegMove) -> Decision {
    Decision::Move(vec![turn])
}

#[test]
fn holds_run_concurrently_and_the_next_action_depends_on_all_of_them() {
    use FulfillmentPolicy::{AllOrNothing as All, BestEffort as Any};
    let placed: OrderSetup = |order| order.is_placed = true;
    let plain: OrderSetup = |_| {};
    let table: [(FulfillmentPolicy, [L; 3], OrderSetup, Decision); 10] = [
        (All, [L::Draft; 3], plain, call_steps(&[(0, SourceCall::Hold), (1, SourceCall::Hold)])),
        (All, [L::Held, L::Held, L::Draft], plain, Decision::Idle),
        (All, [L::Held, L::Held, L::Draft], placed, leg_move(LegMove::SetIntent(Intent::Confirm))),
        (All, [L::Held, L::HoldFailed, L::Draft], placed, leg_move(LegMove::SetIntent(Intent::Release))),
        (All, [L::HoldFailed; 3], placed, Decision::Idle),
        (Any, [L::Held, L::HoldFailed, L::Draft], placed, leg_move(LegMove::SetIntent(Intent::Confirm))),
        // An unknown outcome is looked up when due, and blocks the order until then.
        (
            All,
            [L::Held, L::OutcomeUnknown, L::Draft],
            |order| set_unknown(order, 1, LegOperation::Hold, 0),
            call_steps(&[(1, SourceCall::FindHold)]),
        ),
        (
            All,
            [L::Held, L::OutcomeUnknown, L::Draft],
            |order| set_unknown(order, 1, LegOperation::Hold, 1),
            Decision::Idle,
        ),
        // An expired hold is handled before anything else.
        (
            All,
            [L::Held, L::Held, L::Draft],
            |order| order.legs[1].hold_expires_at = Some(at(0)),
            leg_move(LegMove::Expire(1)),
        ),
        // A hold that is too short is released before any confirmation.
        (
            All,
            [L::Held, L::Held, L::Draft],
            |order| (order.is_placed, order.legs[1].hold_expires_at) = (true, Some(at(100))),
            leg_move(LegMove::RejectHold(1, ProblemCode::HoldTooShort)),
        ),
    ];
    for (policy, statuses, setup, wanted) in table {
        assert_eq!(decide_for(policy, Intent::Hold, statuses, setup), wanted, "{policy:?} {statuses:?}");
    }
}

#[test]
fn confirmations_run_in_sequence_and_stop_when_all_or_nothing_fails() {
    use FulfillmentPolicy::{AllOrNothing as All, BestEffort as Any};
    let plain: OrderSetup = |_| {};
    let table: [(FulfillmentPolicy, [L; 3], OrderSetup, Decision); 10] = [
        (All, [L::Held, L::Held, L::Draft], plain, call_steps(&[(0, SourceCall::Confirm)])),
        (All, [L::Confirmed, L::Held, L::Draft], plain, call_steps(&[(1, SourceCall::Confirm)])),
        (All, [L::Confirmed, L::Confirmed, L::Draft], plain, call_steps(&[(2, SourceCall::Confirm)])),
        (All, [L::Confirmed; 3], plain, Decision::Idle),
        (All, [L::Confirmed, L::ConfirmFailed, L::Draft], plain, leg_move(LegMove::SetIntent(Intent::Compensate))),
        (Any, [L::Confirmed, L::ConfirmFailed, L::Draft], plain, call_steps(&[(2, SourceCall::Confirm)])),
        // An unknown outcome blocks further confirmations of an all-or-nothing order.
        (
            All,
            [L::OutcomeUnknown, L::Held, L::Draft],
            |order| set_unknown(order, 0, LegOperation::Confirm, 1),
            Decision::Idle,
        ),
        (
            Any,
            [L::OutcomeUnknown, L::Held, L::Draft],
            |order| set_unknown(order, 0, LegOperation::Confirm, 1),
            call_steps(&[(1, SourceCall::Confirm)]),
        ),
        // So does a leg that waits for its retry.
        (All, [L::Held, L::Held, L::Draft], |order| set_retry(order, 0), Decision::Idle),
        (Any, [L::Held, L::Held, L::Draft], |order| set_retry(order, 0), call_steps(&[(1, SourceCall::Confirm)])),
    ];
    for (policy, statuses, setup, wanted) in table {
        assert_eq!(decide_for(policy, Intent::Confirm, statuses, setup), wanted, "{policy:?} {statuses:?}");
    }
}

#[test]
fn compensation_runs_in_reverse_and_escalates_legs_that_cannot_be_canceled() {
    let plain: OrderSetup = |_| {};
    let table: [(Intent, [L; 3], OrderSetup, Decision); 10] = [
        (Intent::Release, [L::Held, L::Held, L::Draft], plain, leg_move(LegMove::Drop(2))),
        (
            Intent::Release,
            [L::Held, L::Held, L::Released],
            plain,
            call_steps(&[(1, SourceCall::Release), (0, SourceCall::Release)]),
        ),
        (Intent::Release, [L::Held, L::Released, L::Released], |order| set_retry(order, 0), Decision::Idle),
        (Intent::Compensate, [L::Confirmed, L::Held, L::Draft], plain, leg_move(LegMove::Drop(2))),
        (Intent::Compensate, [L::Confirmed, L::Held, L::Released], plain, call_steps(&[(1, SourceCall::Release)])),
        (
            Intent::Compensate,
            [L::Confirmed, L::Confirmed, L::ConfirmFailed],
            plain,
            call_steps(&[(1, SourceCall::Cancel)]),
        ),
        (
            Intent::Compensate,
            [L::Confirmed, L::Cancelled, L::ConfirmFailed],
            |order| order.legs[0].capabilities.has_undo = false,
            leg_move(LegMove::Escalate(0)),
        ),
        (
            Intent::Compensate,
            [L::Confirmed, L::OutcomeUnknown, L::ConfirmFailed],
            |order| set_unknown(order, 1, LegOperation::Cancel, 0),
            call_steps(&[(1, SourceCall::FindCancellation)]),
        ),
        // A requested cancellation concerns its own legs, in reverse order of confirmation.
        (
            Intent::Cancel,
            [L::Confirmed; 3],
            |order| {
                for leg in &mut order.legs[..2] {
                    leg.cancellation = Some(LegCancellation { quote: "quote".to_owned(), lines: [leg.number].into() });
                }
            },
            call_steps(&[(1, SourceCall::Cancel)]),
        ),
        (Intent::Cancel, [L::Confirmed; 3], plain, Decision::Idle),
    ];
    for (intent, statuses, setup, wanted) in table {
        assert_eq!(
            decide_for(FulfillmentPolicy::AllOrNothing, intent, statuses, setup),
            wanted,
            "{intent:?} {statuses:?}"
        );
    }
}

#[test]
fn abandoned_holds_are_released_and_an_idle_order_serves_pending_requests() {
    let table: [(Intent, [L; 3], OrderSetup, Decision); 4] = [
        (
            Intent::Confirm,
            [L::HoldFailed; 3],
            |order| order.legs[0].has_stray_hold = true,
            call_steps(&[(0, SourceCall::Release)]),
        ),
        (
            Intent::Hold,
            [L::Held, L::Held, L::Draft],
            |order| order.legs[1].extension_requested = true,
            call_steps(&[(1, SourceCall::Extend)]),
        ),
        (
            Intent::Confirm,
            [L::Confirmed; 3],
            |order| order.legs[2].ticket_search = Some(TicketSearch { since: at(-9), next_at: Some(at(0)), end: None }),
            call_steps(&[(2, SourceCall::ReadTickets)]),
        ),
        (
            Intent::Confirm,
            [L::Confirmed; 3],
            |order| order.legs[2].ticket_search = Some(TicketSearch { since: at(-9), next_at: Some(at(1)), end: None }),
            Decision::Idle,
        ),
    ];
    for (intent, statuses, setup, wanted) in table {
        assert_eq!(
            decide_for(FulfillmentPolicy::AllOrNothing, intent, statuses, setup),
            wanted,
            "{intent:?} {statuses:?}"
        );
    }
}
