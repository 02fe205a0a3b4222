//! Tables of the two pure parts: what a plan promises, and what is decided next. Each row is one rule.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::decide::{Call, Next, Step, Turn, decide};
use crate::leg::{Again, CancelWish, Leg, LegOperation, LegTraits, Unknown};
use crate::order::{Line, Order, Policy};
use crate::plan::{Guarantee, Plan, RiskKind, plan, too_short};
use crate::problem::ProblemCode;
use crate::status::{Intent, LegStatus as L};
use domain::ordering::{Contact, DeliveryPreference};
use domain::{EventKey, LegShape, Money, OrderKey, PerformanceKey, Price, SourceId, TicketTypeKey};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("an instant")
}

fn eur(amount: i64) -> Money {
    Money::new(amount, "EUR".parse().expect("a currency"))
}

/// Held first, undone for sure, honours keys.
fn sure() -> LegTraits {
    LegTraits {
        shape: LegShape::HoldThenConfirm,
        has_undo: true,
        undo_is_proven: true,
        cancels_in_part: true,
        extends_holds: true,
        honours_keys: true,
        slow_confirm: Duration::from_secs(60),
        hold_ttl: Duration::from_secs(600),
        cancel_until: None,
        cancel_fee: 0,
    }
}

fn unproven() -> LegTraits {
    LegTraits { undo_is_proven: false, ..sure() }
}

fn final_sale() -> LegTraits {
    LegTraits { has_undo: false, undo_is_proven: false, ..sure() }
}

fn at_once(traits: LegTraits) -> LegTraits {
    LegTraits { shape: LegShape::ConfirmOnly, ..traits }
}

fn leg(number: usize, traits: LegTraits) -> Leg {
    Leg::new(number, SourceId::new(format!("s{number}")), format!("REF-{number}"), traits)
}

fn line(leg: usize) -> Line {
    Line {
        leg,
        event: EventKey::new("event"),
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
        cutoff_at: None,
        is_cancelled: false,
    }
}

/// An order of legs, sold in the sequence of their numbers.
fn order(policy: Policy, legs: Vec<LegTraits>) -> Order {
    let legs: Vec<Leg> = legs.into_iter().enumerate().map(|(number, traits)| leg(number, traits)).collect();
    Order {
        key: OrderKey(Uuid::nil()),
        number: "0000".to_owned(),
        version: 1,
        caller: "shop".to_owned(),
        reseller: None,
        reseller_reference: None,
        policy,
        is_test: true,
        contact: Contact {
            first_name: "Ada".to_owned(),
            last_name: "Guest".to_owned(),
            email: "ada@example.org".to_owned(),
            phone: None,
            postal_code: None,
        },
        locale: None,
        delivery: DeliveryPreference::Barcode,
        intent: Intent::None,
        is_placed: false,
        plan: Plan { confirm_sequence: (0..legs.len()).collect(), ..Plan::none() },
        lines: legs.iter().map(|leg| line(leg.number)).collect(),
        legs,
        tickets: Vec::new(),
        created_at: at(0),
        updated_at: at(0),
    }
}

/// What is promised of legs whose sources have the ranks 20, 10, 0.
fn promised(policy: Policy, legs: &[LegTraits]) -> (Guarantee, Vec<usize>, i64) {
    let plan = plan(&order(policy, legs.to_vec()), &[20, 10, 0], at(0)).expect("a plan");
    (plan.guarantee, plan.confirm_sequence, plan.worst_case_loss.iter().map(|money| money.amount).sum())
}

/// A policy over legs, and what their plan is: its guarantee, the sequence of sale, the worst loss.
type PlanCase = (Policy, Vec<LegTraits>, (Guarantee, Vec<usize>, i64));

#[test]
fn a_plan_guarantees_what_its_legs_allow_sells_in_that_sequence_and_names_what_may_be_lost() {
    use Guarantee::{Atomic, BestEffort, Compensated};
    use Policy::{AllOrNothing as All, BestEffort as Any};
    let fee = || LegTraits { cancel_fee: 1000, ..sure() };
    let too_late = || LegTraits { cancel_until: Some(at(0)), ..sure() };
    let in_time = || LegTraits { cancel_until: Some(at(1)), ..sure() };
    let table: [PlanCase; 14] = [
        // One leg is sold or it is not, whatever it can undo.
        (All, vec![final_sale()], (Atomic, vec![0], 0)),
        (Any, vec![at_once(unproven())], (Atomic, vec![0], 0)),
        // What surely comes back goes by rank; everything but the last leg must come back.
        (All, vec![sure(), sure(), sure()], (Compensated, vec![2, 1, 0], 0)),
        (All, vec![final_sale(), sure()], (Compensated, vec![1, 0], 0)),
        (All, vec![unproven(), sure(), sure()], (Compensated, vec![2, 1, 0], 0)),
        (All, vec![sure(), in_time()], (Compensated, vec![1, 0], 0)),
        // Two that may not come back: the first of them is what may be lost.
        (All, vec![unproven(), final_sale()], (BestEffort, vec![1, 0], 2000)),
        (All, vec![unproven(), unproven(), sure()], (BestEffort, vec![2, 1, 0], 2000)),
        (All, vec![too_late(), too_late()], (BestEffort, vec![1, 0], 2000)),
        // A fee is lost, and nothing else.
        (All, vec![fee(), fee()], (BestEffort, vec![1, 0], 200)),
        (All, vec![fee(), sure()], (Compensated, vec![1, 0], 0)),
        // What is not held first is sold before what is, among equals: it may be gone.
        (All, vec![at_once(sure()), sure()], (Compensated, vec![0, 1], 0)),
        (All, vec![at_once(unproven()), unproven()], (BestEffort, vec![0, 1], 2000)),
        // Who keeps what could be had is promised no more.
        (Any, vec![sure(), sure()], (BestEffort, vec![1, 0], 0)),
    ];
    for (policy, legs, wanted) in table {
        assert_eq!(promised(policy, &legs), wanted, "{policy:?} {legs:?}");
    }
}

#[test]
fn two_legs_that_can_be_neither_held_nor_undone_are_not_combined_unless_either_may_fail_alone() {
    let stubborn = || at_once(final_sale());
    for (policy, legs, refused) in [
        (Policy::AllOrNothing, vec![stubborn(), sure(), stubborn()], vec![0, 2]),
        (Policy::AllOrNothing, vec![stubborn(), final_sale()], vec![]),
        (Policy::BestEffort, vec![stubborn(), stubborn()], vec![]),
    ] {
        let told = plan(&order(policy, legs), &[0, 0, 0], at(0)).err().unwrap_or_default();
        assert!(told.iter().all(|problem| problem.code == ProblemCode::NotCombinable));
        assert_eq!(told.iter().filter_map(|problem| problem.leg).collect::<Vec<_>>(), refused, "{policy:?}");
    }
}

#[test]
fn each_risk_is_named_with_its_leg() {
    use RiskKind::{AnswerMayBeLost, NoUndo, NotHeld, PriceMayMove, UndoCosts, UndoUnproven};
    let table = [
        (sure(), true, vec![]),
        (final_sale(), true, vec![NoUndo]),
        (LegTraits { cancel_until: Some(at(0)), ..sure() }, true, vec![NoUndo]),
        (unproven(), true, vec![UndoUnproven]),
        (LegTraits { cancel_fee: 1, ..sure() }, true, vec![UndoCosts]),
        (at_once(sure()), true, vec![NotHeld]),
        (sure(), false, vec![PriceMayMove]),
        (LegTraits { honours_keys: false, ..sure() }, true, vec![AnswerMayBeLost]),
    ];
    for (traits, is_guaranteed, wanted) in table {
        let mut order = order(Policy::AllOrNothing, vec![sure(), traits]);
        order.lines[1].unit_price.guaranteed_until = is_guaranteed.then(|| at(600));
        let plan = plan(&order, &[0, 0], at(0)).expect("a plan");
        let told: Vec<_> = plan.risks.iter().map(|risk| (risk.leg, risk.kind)).collect();
        assert_eq!(told, wanted.into_iter().map(|kind| (1, kind)).collect::<Vec<_>>());
    }
}

#[test]
fn a_hold_must_last_until_the_slow_case_of_the_sales_up_to_its_own_is_through() {
    for (first, second, short) in [(60, 120, vec![]), (59, 120, vec![0]), (60, 119, vec![1]), (1, 1, vec![0, 1])] {
        let mut order = order(Policy::AllOrNothing, vec![sure(), sure()]);
        for (leg, ends) in order.legs.iter_mut().zip([first, second]) {
            (leg.status, leg.held_until) = (L::Held, Some(at(ends)));
        }
        assert_eq!(too_short(&order, at(0)), short, "{first} {second}");
    }
}

/// What a row changes about an order of three legs: the first two held first, the third sold at once.
type Bend = fn(&mut Order);

fn decided(policy: Policy, intent: Intent, statuses: [L; 3], bend: Bend) -> Next {
    let mut order = order(policy, vec![sure(), sure(), at_once(sure())]);
    order.intent = intent;
    for (leg, status) in order.legs.iter_mut().zip(statuses) {
        leg.status = status;
        leg.held_until = (status == L::Held).then(|| at(600));
    }
    bend(&mut order);
    decide(&order, at(0))
}

fn lost(order: &mut Order, leg: usize, operation: LegOperation, next_check: i64) {
    order.legs[leg].unknown =
        Some(Unknown { operation, since: at(-9), next_check_at: at(next_check), settle_by: at(900) });
}

fn later(order: &mut Order, leg: usize) {
    order.legs[leg].again = Some(Again { since: at(0), at: at(1) });
}

fn make(steps: &[(usize, Call)]) -> Next {
    Next::Call(steps.iter().map(|(leg, call)| Step { leg: *leg, call: *call }).collect())
}

fn turn(turn: Turn) -> Next {
    Next::Turn(vec![turn])
}

#[test]
fn holds_go_out_together_and_what_follows_depends_on_all_of_them() {
    use Policy::{AllOrNothing as All, BestEffort as Any};
    let placed: Bend = |order| order.is_placed = true;
    let plain: Bend = |_| {};
    let table: [(Policy, [L; 3], Bend, Next); 10] = [
        (All, [L::Draft; 3], plain, make(&[(0, Call::Hold), (1, Call::Hold)])),
        (All, [L::Held, L::Held, L::Draft], plain, Next::Rest),
        (All, [L::Held, L::Held, L::Draft], placed, turn(Turn::Want(Intent::Confirm))),
        (All, [L::Held, L::HoldFailed, L::Draft], placed, turn(Turn::Want(Intent::Release))),
        (All, [L::HoldFailed; 3], placed, Next::Rest),
        (Any, [L::Held, L::HoldFailed, L::Draft], placed, turn(Turn::Want(Intent::Confirm))),
        // A lost answer is looked up when it is time, and waited for until then.
        (
            All,
            [L::Held, L::OutcomeUnknown, L::Draft],
            |order| lost(order, 1, LegOperation::Hold, 0),
            make(&[(1, Call::FindHold)]),
        ),
        (All, [L::Held, L::OutcomeUnknown, L::Draft], |order| lost(order, 1, LegOperation::Hold, 1), Next::Rest),
        // A hold that ran out is over before anything else is decided.
        (All, [L::Held, L::Held, L::Draft], |order| order.legs[1].held_until = Some(at(0)), turn(Turn::Expire(1))),
        // A hold that would not last is given up before anything is sold.
        (
            All,
            [L::Held, L::Held, L::Draft],
            |order| (order.is_placed, order.legs[1].held_until) = (true, Some(at(100))),
            turn(Turn::Refuse(1, ProblemCode::HoldTooShort)),
        ),
    ];
    for (policy, statuses, bend, wanted) in table {
        assert_eq!(decided(policy, Intent::Hold, statuses, bend), wanted, "{policy:?} {statuses:?}");
    }
}

#[test]
fn sales_go_out_one_after_another_and_stop_where_all_or_nothing_fails() {
    use Policy::{AllOrNothing as All, BestEffort as Any};
    let plain: Bend = |_| {};
    let table: [(Policy, [L; 3], Bend, Next); 10] = [
        (All, [L::Held, L::Held, L::Draft], plain, make(&[(0, Call::Confirm)])),
        (All, [L::Confirmed, L::Held, L::Draft], plain, make(&[(1, Call::Confirm)])),
        (All, [L::Confirmed, L::Confirmed, L::Draft], plain, make(&[(2, Call::Confirm)])),
        (All, [L::Confirmed; 3], plain, Next::Rest),
        (All, [L::Confirmed, L::ConfirmFailed, L::Draft], plain, turn(Turn::Want(Intent::Compensate))),
        (Any, [L::Confirmed, L::ConfirmFailed, L::Draft], plain, make(&[(2, Call::Confirm)])),
        // Nothing is sold behind a lost answer, where all or nothing is wanted.
        (All, [L::OutcomeUnknown, L::Held, L::Draft], |order| lost(order, 0, LegOperation::Confirm, 1), Next::Rest),
        (
            Any,
            [L::OutcomeUnknown, L::Held, L::Draft],
            |order| lost(order, 0, LegOperation::Confirm, 1),
            make(&[(1, Call::Confirm)]),
        ),
        // Nor past a leg that is tried again in a moment.
        (All, [L::Held, L::Held, L::Draft], |order| later(order, 0), Next::Rest),
        (Any, [L::Held, L::Held, L::Draft], |order| later(order, 0), make(&[(1, Call::Confirm)])),
    ];
    for (policy, statuses, bend, wanted) in table {
        assert_eq!(decided(policy, Intent::Confirm, statuses, bend), wanted, "{policy:?} {statuses:?}");
    }
}

#[test]
fn undoing_goes_in_reverse_and_what_cannot_be_undone_is_given_to_a_human() {
    let plain: Bend = |_| {};
    let table: [(Intent, [L; 3], Bend, Next); 10] = [
        (Intent::Release, [L::Held, L::Held, L::Draft], plain, turn(Turn::Drop(2))),
        (Intent::Release, [L::Held, L::Held, L::Released], plain, make(&[(1, Call::Release), (0, Call::Release)])),
        (Intent::Release, [L::Held, L::Released, L::Released], |order| later(order, 0), Next::Rest),
        (Intent::Compensate, [L::Confirmed, L::Held, L::Draft], plain, turn(Turn::Drop(2))),
        (Intent::Compensate, [L::Confirmed, L::Held, L::Released], plain, make(&[(1, Call::Release)])),
        (Intent::Compensate, [L::Confirmed, L::Confirmed, L::ConfirmFailed], plain, make(&[(1, Call::Cancel)])),
        (
            Intent::Compensate,
            [L::Confirmed, L::Cancelled, L::ConfirmFailed],
            |order| order.legs[0].traits.has_undo = false,
            turn(Turn::GiveUp(0)),
        ),
        (
            Intent::Compensate,
            [L::Confirmed, L::OutcomeUnknown, L::ConfirmFailed],
            |order| lost(order, 1, LegOperation::Cancel, 0),
            make(&[(1, Call::FindUndo)]),
        ),
        // A buyer's wish concerns the legs that it names, last sold first.
        (
            Intent::Cancel,
            [L::Confirmed; 3],
            |order| {
                for leg in &mut order.legs[..2] {
                    leg.cancel = Some(CancelWish { name: "quote".to_owned(), lines: [leg.number].into() });
                }
            },
            make(&[(1, Call::Cancel)]),
        ),
        (Intent::Cancel, [L::Confirmed; 3], plain, Next::Rest),
    ];
    for (intent, statuses, bend, wanted) in table {
        assert_eq!(decided(Policy::AllOrNothing, intent, statuses, bend), wanted, "{intent:?} {statuses:?}");
    }
}

#[test]
fn what_was_given_up_is_given_back_and_wishes_of_a_resting_order_are_met() {
    let table: [(Intent, [L; 3], Bend, Next); 4] = [
        (Intent::Confirm, [L::HoldFailed; 3], |order| order.legs[0].leaves_hold = true, make(&[(0, Call::Release)])),
        (
            Intent::Hold,
            [L::Held, L::Held, L::Draft],
            |order| order.legs[1].wants_extension = true,
            make(&[(1, Call::Extend)]),
        ),
        (
            Intent::Confirm,
            [L::Confirmed; 3],
            |order| order.legs[2].tickets = Some(Again { since: at(-9), at: at(0) }),
            make(&[(2, Call::ReadTickets)]),
        ),
        (
            Intent::Confirm,
            [L::Confirmed; 3],
            |order| order.legs[2].tickets = Some(Again { since: at(-9), at: at(1) }),
            Next::Rest,
        ),
    ];
    for (intent, statuses, bend, wanted) in table {
        assert_eq!(decided(Policy::AllOrNothing, intent, statuses, bend), wanted, "{intent:?} {statuses:?}");
    }
}
