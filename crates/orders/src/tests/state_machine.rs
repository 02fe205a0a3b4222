//! Model-based test: random orders of one to three legs, driven through client actions, source failures, time and
//! crashes. The observed status transitions equal the tables of `state_machine`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::decision::{SagaStep, SourceCall};
use crate::leg::{Leg, LegCancellation, LegCapabilities};
use crate::order::{FulfillmentPolicy, Line, Order, OrderAction};
use crate::outcome::StepOutcome;
use crate::plan::Plan;
use crate::planning::{build_plan, legs_with_short_holds};
use crate::settings::{OrderSettings, default_settings};
use crate::settlement::OpenQuestion;
use crate::state_machine::{LEG_TRANSITIONS, ORDER_TRANSITIONS};
use crate::status::{Intent, LegStatus, OrderStatus};
use crate::unit_of_work::{UnitOfWork, lines_to_cancel};
use domain::ordering::{
    CompletedCancellation, ConfirmedSale, Contact, DeliveryPreference, IssuedTicket, LookupOutcome, PlacedHold,
    TicketState,
};
use domain::time::later;
use domain::{
    Effect, ErrorKind, EventKey, ExternalRef, LegShape, Money, OrderKey, PerformanceKey, Price, RefusalReason,
    SourceId, TicketTypeKey, VendorError, VendorOperation,
};

/// Number of random orders, and the longest walk of each.
const ORDERS: u64 = 12_000;
const STEPS: usize = 40;

/// Seeded random number generator.
struct Rng {
    state: u64,
    /// Number of failures in eight calls.
    failures_in_eight: u64,
}

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % end
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).expect("an index")]
    }
}

fn euros(amount: i64) -> Money {
    Money::new(amount, "EUR".parse().expect("a currency"))
}

fn leg(number: usize, rng: &mut Rng) -> Leg {
    let capabilities = LegCapabilities {
        shape: rng.pick(&[LegShape::HoldThenConfirm, LegShape::HoldThenConfirm, LegShape::CommitsAtHold]),
        has_undo: !rng.one_in(5),
        undo_is_proven: !rng.one_in(3),
        cancels_in_part: rng.one_in(2),
        extends_holds: rng.one_in(3),
        holds_seats: number % 2 == 1,
        needs_contact_at_hold: false,
        honors_keys: rng.one_in(2),
        slow_confirm: Duration::from_secs(30),
        hold_ttl: Duration::from_secs(600),
        cancel_until: None,
        cancel_fee: 0,
    };
    Leg::new(number, SourceId::new(format!("s{number}")), format!("T-{number}"), capabilities)
}

/// Returns a planned order with two lines per leg. `None` if planning rejects it.
fn order(rng: &mut Rng, now: Timestamp) -> Option<Order> {
    let legs: Vec<Leg> =
        (0..1 + usize::try_from(rng.below(3)).expect("a count")).map(|number| leg(number, rng)).collect();
    let line = |leg: &Leg| Line {
        leg: leg.number,
        event: EventKey::new("e"),
        event_title: None,
        performance: PerformanceKey::new("p"),
        ticket_type: TicketTypeKey::new("t"),
        quantity: 1,
        unit_price: Price::from_retail(euros(1_000)),
        starts_at: None,
        visit_date: None,
        cutoff_at: None,
        is_canceled: false,
    };
    let contact = Contact {
        first_name: "Ada".to_owned(),
        last_name: "Guest".to_owned(),
        email: "ada@example.org".to_owned(),
        phone: None,
        postal_code: None,
    };
    let mut order = Order {
        key: OrderKey(uuid::Uuid::from_u128(7)),
        number: "W".to_owned(),
        version: 1,
        caller: "c".to_owned(),
        reseller: None,
        reseller_reference: None,
        policy: rng.pick(&[FulfillmentPolicy::AllOrNothing, FulfillmentPolicy::BestEffort]),
        is_test: true,
        contact: Some(contact),
        hold_contact: None,
        locale: None,
        delivery: DeliveryPreference::Barcode,
        replaces: None,
        replaced_by: None,
        intent: Intent::None,
        is_placed: false,
        plan: Plan::empty(),
        lines: legs.iter().flat_map(|leg| [line(leg), line(leg)]).collect(),
        legs,
        notes: Vec::new(),
        tickets: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    order.plan = build_plan(&order, &[], now).ok()?;
    Some(order)
}

fn random_error(leg: &Leg, rng: &mut Rng) -> VendorError {
    if rng.one_in(8) {
        let wait = rng.pick(&[Duration::from_secs(1), Duration::from_secs(100)]);
        return VendorError::awaiting_turn(&leg.source, VendorOperation::Confirm, wait);
    }
    let kind = match rng.below(4) {
        0 => return VendorError::rejected(&leg.source, VendorOperation::Confirm, RefusalReason::HoldExpired, None),
        1 => return VendorError::rejected(&leg.source, VendorOperation::Confirm, RefusalReason::Other, None),
        2 => ErrorKind::Unavailable,
        _ => ErrorKind::Timeout,
    };
    let effect = rng.pick(&[Effect::None, Effect::Unknown]);
    VendorError::new(&leg.source, VendorOperation::Confirm, kind).with_effect(effect)
}

fn random_hold(leg: &Leg, now: Timestamp, rng: &mut Rng) -> PlacedHold {
    PlacedHold {
        refs: vec![ExternalRef::new("hold", leg.number.to_string())],
        expires_at: Some(later(now, rng.pick(&[Duration::from_secs(5), Duration::from_secs(600)]))),
        secures: Vec::new(),
        total: rng.pick(&[None, Some(euros(2_000)), Some(euros(3_000))]),
    }
}

fn random_confirmation(order: &Order, leg: &Leg, rng: &mut Rng) -> ConfirmedSale {
    let state = rng.pick(&[TicketState::Issued, TicketState::Pending]);
    let ticket = |line: usize| IssuedTicket {
        line,
        refs: vec![ExternalRef::new("ticket", line.to_string())],
        barcode: None,
        seat: None,
        state,
    };
    let tickets = order.lines_of(leg.number).map(|(line, _)| ticket(line)).collect();
    ConfirmedSale { refs: Vec::new(), tickets, total: None }
}

fn random_cancellation(order: &Order, leg: &Leg, rng: &mut Rng) -> CompletedCancellation {
    let missing = lines_to_cancel(order, leg);
    let void = if rng.one_in(4) {
        Vec::new()
    } else {
        missing.iter().map(|line| ExternalRef::new("ticket", line.to_string())).collect()
    };
    CompletedCancellation { refunded: None, voided: void }
}

fn random_lookup<T>(done: T, leg: &Leg, rng: &mut Rng) -> Result<LookupOutcome<T>, VendorError> {
    match rng.below(4) {
        0 => Ok(LookupOutcome::Done(done)),
        1 => Ok(LookupOutcome::NotDone),
        2 => Ok(LookupOutcome::Undetermined),
        _ => Err(random_error(leg, rng)),
    }
}

/// Returns a random outcome of a call.
fn random_outcome(order: &Order, step: SagaStep, now: Timestamp, rng: &mut Rng) -> StepOutcome {
    let leg = &order.legs[step.leg];
    let fails = rng.below(8) < rng.failures_in_eight;
    match step.call {
        SourceCall::Hold if fails => StepOutcome::Held(Err(random_error(leg, rng))),
        SourceCall::Hold => StepOutcome::Held(Ok(random_hold(leg, now, rng))),
        SourceCall::Extend if fails => StepOutcome::Extended(Err(random_error(leg, rng))),
        SourceCall::Extend => StepOutcome::Extended(Ok(random_hold(leg, now, rng))),
        SourceCall::Confirm if fails => StepOutcome::Confirmed(Err(random_error(leg, rng))),
        SourceCall::Confirm => StepOutcome::Confirmed(Ok(random_confirmation(order, leg, rng))),
        SourceCall::Release if fails => StepOutcome::Released(Err(random_error(leg, rng))),
        SourceCall::Release => StepOutcome::Released(Ok(())),
        SourceCall::Cancel if fails => StepOutcome::Canceled(Err(random_error(leg, rng))),
        SourceCall::Cancel => StepOutcome::Canceled(Ok(random_cancellation(order, leg, rng))),
        SourceCall::FindHold => StepOutcome::FoundHold(random_lookup(random_hold(leg, now, rng), leg, rng)),
        SourceCall::FindConfirmation => {
            StepOutcome::FoundConfirmation(random_lookup(random_confirmation(order, leg, rng), leg, rng))
        }
        SourceCall::FindCancellation => {
            StepOutcome::FoundCancellation(random_lookup(random_cancellation(order, leg, rng), leg, rng))
        }
        SourceCall::ReadTickets => StepOutcome::Tickets(Ok(random_confirmation(order, leg, rng).tickets)),
    }
}

/// Performs a random available client action.
fn act_as_client(work: &mut UnitOfWork, rng: &mut Rng) {
    let actions = work.order.available_actions(work.now);
    if actions.is_empty() || rng.one_in(3) {
        return;
    }
    match rng.pick(&actions) {
        OrderAction::Hold => work.set_intent(Intent::Hold),
        OrderAction::ExtendHold => {
            for leg in work.order.legs.iter_mut().filter(|leg| leg.status == LegStatus::Held) {
                leg.extension_requested = leg.capabilities.extends_holds;
            }
        }
        OrderAction::Confirm if legs_with_short_holds(&work.order, work.now).is_empty() => {
            work.set_intent(Intent::Confirm)
        }
        OrderAction::Release => work.set_intent(Intent::Release),
        OrderAction::Cancel => cancel(work, rng),
        OrderAction::Change => work.order.replaced_by = Some(OrderKey(uuid::Uuid::from_u128(8))),
        OrderAction::Confirm | OrderAction::QuoteCancellation | OrderAction::Settle | OrderAction::Retry => {}
    }
}

/// Decides which order remains, if this one is being replaced.
fn decide_change(work: &mut UnitOfWork, rng: &mut Rng) {
    if !work.order.is_being_replaced() || rng.one_in(2) {
        return;
    }
    if rng.one_in(2) {
        work.set_intent(Intent::Release);
    } else {
        work.order.replaced_by = None;
    }
}

/// Settles a leg that needs attention, or tries again what waits.
fn act_as_operator(work: &mut UnitOfWork, rng: &mut Rng) {
    for number in 0..work.order.legs.len() {
        if !rng.one_in(4) {
            continue;
        }
        match work.order.legs[number].open_question() {
            Some(question) if rng.one_in(2) => {
                let outcome = rng.pick(&question.answers());
                let (intent, was_kept) = (work.order.intent, work.order.legs[number].is_kept());
                work.settle(number, outcome, &[], "ops").expect("an answer to the question");
                let leg = &work.order.legs[number];
                assert_ne!(leg.open_question(), Some(question), "it is answered");
                let is_undone = leg.status == LegStatus::Cancelled;
                let was_kept = was_kept && question == OpenQuestion::Tickets;
                assert!(!was_kept || leg.is_kept() || is_undone, "a sale that a person kept stays kept");
                assert!(intent != Intent::Compensate || work.order.intent == intent, "a compensation goes on");
            }
            _ => {
                let at = later(work.now, Duration::from_secs(1));
                work.retry(number, at, "ops");
            }
        }
    }
}

fn cancel(work: &mut UnitOfWork, rng: &mut Rng) {
    work.set_intent(Intent::Cancel);
    let now = work.now;
    for number in 0..work.order.legs.len() {
        let left: Vec<usize> =
            work.order.lines_of(number).filter(|(_, line)| !line.is_canceled).map(|(line, _)| line).collect();
        let leg = work.leg_mut(number);
        if !leg.is_cancelable(now) || left.is_empty() || rng.one_in(3) {
            continue;
        }
        let lines: BTreeSet<usize> = if leg.capabilities.cancels_in_part {
            left[..1].iter().copied().collect()
        } else {
            left.into_iter().collect()
        };
        leg.cancellation = Some(LegCancellation { quote: "q".to_owned(), lines });
    }
}

/// Status transitions observed during the walks.
#[derive(Default)]
struct ObservedTransitions {
    legs: BTreeSet<(LegStatus, LegStatus)>,
    orders: BTreeSet<(OrderStatus, OrderStatus)>,
}

impl ObservedTransitions {
    /// Records the transitions that a write would store.
    fn record(&mut self, work: &mut UnitOfWork) {
        for moved in work.finish("walk") {
            let (from, to) = (moved.from.as_str(), moved.to.as_str());
            // A leg that is tried again by a person keeps its status.
            if from == to {
                continue;
            }
            if moved.leg.is_some() {
                self.legs.extend(LegStatus::parse(from).zip(LegStatus::parse(to)));
            } else {
                self.orders.extend(OrderStatus::parse(from).zip(OrderStatus::parse(to)));
            }
        }
        work.mark_written();
    }
}

/// Drives an order like the saga executor: intents are written before the calls, outcomes afterwards.
fn random_walk(order: Order, settings: &Arc<OrderSettings>, observed: &mut ObservedTransitions, rng: &mut Rng) {
    let mut work = UnitOfWork::new(order, settings, Timestamp::UNIX_EPOCH);
    work.now = work.order.created_at;
    if rng.one_in(2) {
        work.order.is_placed = true;
        work.set_intent(Intent::Hold);
        observed.record(&mut work);
    }
    for _ in 0..STEPS {
        let steps = work.next_steps();
        if steps.is_empty() {
            observed.record(&mut work);
            act_as_client(&mut work, rng);
            observed.record(&mut work);
            act_as_operator(&mut work, rng);
            observed.record(&mut work);
            decide_change(&mut work, rng);
            observed.record(&mut work);
            let pass = [0, 1, 3, 60, 900, 90_000].map(Duration::from_secs);
            work.now = later(work.now, rng.pick(&pass));
            continue;
        }
        // Calls that get their turn at once are written together, the others one by one.
        let (at_once, later_on): (Vec<SagaStep>, Vec<SagaStep>) = steps.iter().partition(|_| !rng.one_in(4));
        at_once.iter().for_each(|step| work.record_attempt(*step));
        if at_once.iter().any(|step| step.call.operation().is_some()) {
            observed.record(&mut work);
        }
        for (made, step) in at_once.iter().chain(&later_on).copied().enumerate() {
            if made >= at_once.len() {
                work.record_attempt(step);
                observed.record(&mut work);
            }
            if rng.one_in(12) {
                // The process dies: unwritten changes are lost and another process resumes.
                work = UnitOfWork::new(work.before, settings, work.now);
                work.resume();
                break;
            }
            work.now = later(work.now, Duration::from_secs(rng.below(3)));
            let outcome = random_outcome(&work.order, step, work.now, rng);
            work.record_outcome(step.leg, outcome);
            if made + 1 < steps.len() {
                observed.record(&mut work);
            }
        }
    }
}

fn as_pairs<S: Copy + Ord>(table: &[(S, &[S])]) -> BTreeSet<(S, S)> {
    table.iter().flat_map(|(from, to)| to.iter().map(|to| (*from, *to))).collect()
}

#[test]
fn random_walks_observe_exactly_the_transitions_of_the_tables() {
    let (settings, mut observed) = (Arc::new(default_settings()), ObservedTransitions::default());
    let now: Timestamp = "2027-03-01T12:00:00Z".parse().expect("an instant");
    for seed in 0..ORDERS {
        let mut rng = Rng {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            failures_in_eight: [1, 3, 7][usize::try_from(seed % 3).expect("an index")],
        };
        if let Some(order) = order(&mut rng, now) {
            random_walk(order, &settings, &mut observed, &mut rng);
        }
    }
    let legs = as_pairs(&LEG_TRANSITIONS);
    let (unexpected, missing): (Vec<_>, Vec<_>) =
        (observed.legs.difference(&legs).collect(), legs.difference(&observed.legs).collect());
    assert!(
        unexpected.is_empty() && missing.is_empty(),
        "legs: observed but not in the table {unexpected:?}, never observed {missing:?}"
    );
    let orders = as_pairs(&ORDER_TRANSITIONS);
    let (unexpected, missing): (Vec<_>, Vec<_>) =
        (observed.orders.difference(&orders).collect(), orders.difference(&observed.orders).collect());
    assert!(
        unexpected.is_empty() && missing.is_empty(),
        "orders: observed but not in the table {unexpected:?}, never observed {missing:?}"
    );
}

#[test]
fn inactive_statuses_have_no_transitions() {
    for (status, next) in LEG_TRANSITIONS {
        assert!(!status.is_inactive() || next.is_empty(), "{status:?} is inactive but continues to {next:?}");
    }
    let outcome: Vec<LegStatus> = LEG_TRANSITIONS.iter().map(|(status, _)| *status).collect();
    assert_eq!(outcome, LegStatus::ALL);
    assert_eq!(ORDER_TRANSITIONS.map(|(status, _)| status).as_slice(), OrderStatus::ALL);
}
