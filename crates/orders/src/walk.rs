//! Orders of one to three legs, walked at random through everything that clients, sources, time and crashes may do to them:
//! what they go through is what the tables of moves say, no less and no more.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::answer::Answer;
use crate::decide::{Call, Step};
use crate::leg::{CancelWish, Leg, LegTraits};
use crate::moves::{LEG_MOVES, ORDER_MOVES};
use crate::order::{Line, Order, OrderAction, Policy};
use crate::plan::{Plan, plan, too_short};
use crate::rules::{Rules, later};
use crate::status::{Intent, LegStatus, OrderStatus};
use crate::work::{Work, lines_to_cancel};
use domain::ordering::{Cancelled, Confirmed, Contact, DeliveryPreference, Found, Held, IssuedTicket, TicketState};
use domain::{
    Effect, ErrorKind, EventKey, ExternalRef, LegShape, Money, Operation, OrderKey, PerformanceKey, Price, Reason,
    SourceId, TicketTypeKey, VendorError,
};

/// How many orders are walked, and how far at most.
const ORDERS: u64 = 6_000;
const STEPS: usize = 40;

/// Draws numbers, the same ones each time.
struct Dice {
    state: u64,
    /// Of eight calls, how many fail.
    trouble: u64,
}

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % end
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).expect("an index")]
    }
}

fn euros(amount: i64) -> Money {
    Money::new(amount, "EUR".parse().expect("a currency"))
}

fn leg(number: usize, dice: &mut Dice) -> Leg {
    let traits = LegTraits {
        shape: dice.of(&[LegShape::HoldThenConfirm, LegShape::HoldThenConfirm, LegShape::CommitsAtHold]),
        has_undo: !dice.one_in(5),
        undo_is_proven: !dice.one_in(3),
        cancels_in_part: dice.one_in(2),
        extends_holds: dice.one_in(3),
        honours_keys: dice.one_in(2),
        slow_confirm: Duration::from_secs(30),
        hold_ttl: Duration::from_secs(600),
        cancel_until: None,
        cancel_fee: 0,
    };
    Leg::new(number, SourceId::new(format!("s{number}")), format!("T-{number}"), traits)
}

/// An order that was just planned, two lines a leg; none where it is refused.
fn order(dice: &mut Dice, now: Timestamp) -> Option<Order> {
    let legs: Vec<Leg> =
        (0..1 + usize::try_from(dice.below(3)).expect("a count")).map(|number| leg(number, dice)).collect();
    let line = |leg: &Leg| Line {
        leg: leg.number,
        event: EventKey::new("e"),
        performance: PerformanceKey::new("p"),
        ticket_type: TicketTypeKey::new("t"),
        quantity: 1,
        unit_price: Price::plain(euros(1_000)),
        starts_at: None,
        cutoff_at: None,
        is_cancelled: false,
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
        policy: dice.of(&[Policy::AllOrNothing, Policy::BestEffort]),
        is_test: true,
        contact,
        locale: None,
        delivery: DeliveryPreference::Barcode,
        intent: Intent::None,
        is_placed: false,
        plan: Plan::none(),
        lines: legs.iter().flat_map(|leg| [line(leg), line(leg)]).collect(),
        legs,
        tickets: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    order.plan = plan(&order, &[], now).ok()?;
    Some(order)
}

fn fault(leg: &Leg, dice: &mut Dice) -> VendorError {
    let kind = match dice.below(4) {
        0 => return VendorError::rejected(&leg.source, Operation::Confirm, Reason::HoldExpired, None),
        1 => return VendorError::rejected(&leg.source, Operation::Confirm, Reason::Other, None),
        2 => ErrorKind::Unavailable,
        _ => ErrorKind::Timeout,
    };
    let effect = dice.of(&[Effect::None, Effect::Unknown]);
    VendorError::new(&leg.source, Operation::Confirm, kind).with_effect(effect)
}

fn held(leg: &Leg, now: Timestamp, dice: &mut Dice) -> Held {
    Held {
        refs: vec![ExternalRef::new("hold", leg.number.to_string())],
        expires_at: Some(later(now, dice.of(&[Duration::from_secs(5), Duration::from_secs(600)]))),
        secures: Vec::new(),
        total: dice.of(&[None, Some(euros(2_000)), Some(euros(3_000))]),
    }
}

fn sold(order: &Order, leg: &Leg, dice: &mut Dice) -> Confirmed {
    let state = dice.of(&[TicketState::Issued, TicketState::Pending]);
    let ticket = |line: usize| IssuedTicket {
        line,
        refs: vec![ExternalRef::new("ticket", line.to_string())],
        barcode: None,
        seat: None,
        state,
    };
    let tickets = order.lines_of(leg.number).map(|(line, _)| ticket(line)).collect();
    Confirmed { refs: Vec::new(), tickets, total: None }
}

fn undone(order: &Order, leg: &Leg, dice: &mut Dice) -> Cancelled {
    let gone = lines_to_cancel(order, leg);
    let void = if dice.one_in(4) {
        Vec::new()
    } else {
        gone.iter().map(|line| ExternalRef::new("ticket", line.to_string())).collect()
    };
    Cancelled { refunded: None, void }
}

fn found<T>(done: T, leg: &Leg, dice: &mut Dice) -> Result<Found<T>, VendorError> {
    match dice.below(4) {
        0 => Ok(Found::Done(done)),
        1 => Ok(Found::NotDone),
        2 => Ok(Found::Unclear),
        _ => Err(fault(leg, dice)),
    }
}

/// What a source may answer to a call.
fn answer(order: &Order, step: Step, now: Timestamp, dice: &mut Dice) -> Answer {
    let leg = &order.legs[step.leg];
    let fails = dice.below(8) < dice.trouble;
    match step.call {
        Call::Hold if fails => Answer::Held(Err(fault(leg, dice))),
        Call::Hold => Answer::Held(Ok(held(leg, now, dice))),
        Call::Extend if fails => Answer::Extended(Err(fault(leg, dice))),
        Call::Extend => Answer::Extended(Ok(held(leg, now, dice))),
        Call::Confirm if fails => Answer::Sold(Err(fault(leg, dice))),
        Call::Confirm => Answer::Sold(Ok(sold(order, leg, dice))),
        Call::Release if fails => Answer::Released(Err(fault(leg, dice))),
        Call::Release => Answer::Released(Ok(())),
        Call::Cancel if fails => Answer::Undone(Err(fault(leg, dice))),
        Call::Cancel => Answer::Undone(Ok(undone(order, leg, dice))),
        Call::FindHold => Answer::FoundHold(found(held(leg, now, dice), leg, dice)),
        Call::FindSale => Answer::FoundSale(found(sold(order, leg, dice), leg, dice)),
        Call::FindUndo => Answer::FoundUndo(found(undone(order, leg, dice), leg, dice)),
        Call::ReadTickets => Answer::Tickets(Ok(sold(order, leg, dice).tickets)),
    }
}

/// What a client asks for, of all that it may.
fn ask(work: &mut Work<'_>, dice: &mut Dice) {
    let actions = work.order.available_actions(work.now);
    if actions.is_empty() || dice.one_in(3) {
        return;
    }
    match dice.of(&actions) {
        OrderAction::Hold => work.want(Intent::Hold),
        OrderAction::ExtendHold => {
            for leg in work.order.legs.iter_mut().filter(|leg| leg.status == LegStatus::Held) {
                leg.wants_extension = leg.traits.extends_holds;
            }
        }
        OrderAction::Confirm if too_short(&work.order, work.now).is_empty() => work.want(Intent::Confirm),
        OrderAction::Release => work.want(Intent::Release),
        OrderAction::Cancel => cancel(work, dice),
        OrderAction::Confirm | OrderAction::QuoteCancellation => {}
    }
}

fn cancel(work: &mut Work<'_>, dice: &mut Dice) {
    work.want(Intent::Cancel);
    let now = work.now;
    for number in 0..work.order.legs.len() {
        let left: Vec<usize> =
            work.order.lines_of(number).filter(|(_, line)| !line.is_cancelled).map(|(line, _)| line).collect();
        let leg = work.leg(number);
        if !leg.may_cancel(now) || left.is_empty() || dice.one_in(3) {
            continue;
        }
        let lines: BTreeSet<usize> =
            if leg.traits.cancels_in_part { left[..1].iter().copied().collect() } else { left.into_iter().collect() };
        leg.cancel = Some(CancelWish { name: "q".to_owned(), lines });
    }
}

/// Everything that legs and orders were seen to do.
#[derive(Default)]
struct Seen {
    legs: BTreeSet<(LegStatus, LegStatus)>,
    orders: BTreeSet<(OrderStatus, OrderStatus)>,
}

impl Seen {
    /// What is in the ledger after this is what was seen.
    fn write(&mut self, work: &mut Work<'_>) {
        for moved in work.close("walk") {
            let (from, to) = (moved.from.as_str(), moved.to.as_str());
            if moved.leg.is_some() {
                self.legs.extend(LegStatus::parse(from).zip(LegStatus::parse(to)));
            } else {
                self.orders.extend(OrderStatus::parse(from).zip(OrderStatus::parse(to)));
            }
        }
        work.written();
    }
}

/// Goes the way of a runner: what is about to be done is written, then what came of it together with what follows from it.
fn walk(order: Order, rules: &Rules, seen: &mut Seen, dice: &mut Dice) {
    let mut work = Work::on(order, rules, Timestamp::UNIX_EPOCH);
    work.now = work.order.created_at;
    if dice.one_in(2) {
        work.order.is_placed = true;
        work.want(Intent::Hold);
        seen.write(&mut work);
    }
    for _ in 0..STEPS {
        let steps = work.next();
        if steps.is_empty() {
            seen.write(&mut work);
            ask(&mut work, dice);
            seen.write(&mut work);
            let pass = [0, 1, 3, 60, 900, 90_000].map(Duration::from_secs);
            work.now = later(work.now, dice.of(&pass));
            continue;
        }
        work.begin(&steps);
        if steps.iter().any(|step| step.call.operation().is_some()) {
            seen.write(&mut work);
        }
        for (made, step) in steps.iter().enumerate() {
            if dice.one_in(12) {
                // The process dies: what was not written is lost, and another one takes over.
                work = Work::on(work.before, rules, work.now);
                work.adopt();
                break;
            }
            work.now = later(work.now, Duration::from_secs(dice.below(3)));
            let told = answer(&work.order, *step, work.now, dice);
            work.record(step.leg, told);
            if made + 1 < steps.len() {
                seen.write(&mut work);
            }
        }
    }
}

fn as_pairs<S: Copy + Ord>(table: &[(S, &[S])]) -> BTreeSet<(S, S)> {
    table.iter().flat_map(|(from, to)| to.iter().map(|to| (*from, *to))).collect()
}

#[test]
fn legs_and_orders_go_every_way_of_the_tables_and_no_other() {
    let (rules, mut seen) = (Rules::default(), Seen::default());
    let now: Timestamp = "2027-03-01T12:00:00Z".parse().expect("an instant");
    for seed in 0..ORDERS {
        let mut dice = Dice {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            trouble: [1, 3, 7][usize::try_from(seed % 3).expect("an index")],
        };
        if let Some(order) = order(&mut dice, now) {
            walk(order, &rules, &mut seen, &mut dice);
        }
    }
    let legs = as_pairs(&LEG_MOVES);
    let (new, gone): (Vec<_>, Vec<_>) = (seen.legs.difference(&legs).collect(), legs.difference(&seen.legs).collect());
    assert!(new.is_empty() && gone.is_empty(), "legs: seen but not in the table {new:?}, never seen {gone:?}");
    let orders = as_pairs(&ORDER_MOVES);
    let (new, gone): (Vec<_>, Vec<_>) =
        (seen.orders.difference(&orders).collect(), orders.difference(&seen.orders).collect());
    assert!(new.is_empty() && gone.is_empty(), "orders: seen but not in the table {new:?}, never seen {gone:?}");
}

#[test]
fn what_is_dead_stays_dead() {
    for (status, next) in LEG_MOVES {
        assert!(!status.is_dead() || next.is_empty(), "{status:?} is dead and goes on to {next:?}");
    }
    let told: Vec<LegStatus> = LEG_MOVES.iter().map(|(status, _)| *status).collect();
    assert_eq!(told, LegStatus::ALL);
    assert_eq!(ORDER_MOVES.map(|(status, _)| status), OrderStatus::ALL);
}
