//! Outcomes of calls: pauses of a source, lost holds, and the waits between attempts.

use std::sync::Arc;
use std::time::Duration;

use domain::ordering::{Barcode, IssuedTicket, LookupOutcome, PlacedHold, Symbology, TicketState};
use domain::{Effect, ErrorKind, ExternalRef, RefusalReason, SourceId, VendorError, VendorOperation};

use crate::decision::{SagaStep, SourceCall};
use crate::leg::{AttemptOutcome, LegCapabilities, LegOperation};
use crate::order::{FulfillmentPolicy, OrderAction};
use crate::outcome::StepOutcome;
use crate::problem::ProblemCode;
use crate::settings::{OrderSettings, default_settings};
use crate::settlement::{LegSettlement, OpenQuestion};
use crate::status::{Intent, LegStatus as L, OrderStatus as O};
use crate::tests::decisions::{at, order, refundable};
use crate::unit_of_work::UnitOfWork;

const HOLD: SagaStep = SagaStep { leg: 0, call: SourceCall::Hold };
const CONFIRM: SagaStep = SagaStep { leg: 0, call: SourceCall::Confirm };

/// A source that neither honors keys nor extends holds.
fn plain() -> LegCapabilities {
    LegCapabilities { honors_keys: false, extends_holds: false, ..refundable() }
}

fn work(settings: &Arc<OrderSettings>, capabilities: LegCapabilities, intent: Intent) -> UnitOfWork {
    let mut order = order(FulfillmentPolicy::AllOrNothing, vec![capabilities]);
    order.intent = intent;
    UnitOfWork::new(order, settings, at(0))
}

fn error(kind: ErrorKind, effect: Effect) -> VendorError {
    VendorError::new(&SourceId::new("s0"), VendorOperation::Hold, kind).with_effect(effect)
}

fn busy(seconds: u64) -> VendorError {
    error(ErrorKind::RateLimited, Effect::None).with_retry_after(Some(Duration::from_secs(seconds)))
}

/// An order whose hold was sent, and whose response was lost.
fn lost_hold(settings: &Arc<OrderSettings>, capabilities: LegCapabilities) -> UnitOfWork {
    let mut work = work(settings, capabilities, Intent::Hold);
    assert_eq!(work.next_steps(), [HOLD]);
    work.record_attempt(HOLD);
    work.now = at(8);
    work.record_outcome(0, StepOutcome::Held(Err(error(ErrorKind::Timeout, Effect::Unknown))));
    assert_eq!(work.order.legs[0].status, L::OutcomeUnknown);
    work
}

#[test]
fn a_confirmation_waits_for_the_end_of_a_pause_for_as_long_as_its_hold_lives() {
    let settings = Arc::new(default_settings());
    let mut work = work(&settings, plain(), Intent::Confirm);
    work.order.legs[0].status = L::Held;
    work.order.legs[0].hold_expires_at = Some(at(600));
    for start in [0, 60, 120, 180, 240, 300] {
        work.now = at(start);
        assert_eq!(work.next_steps(), [CONFIRM], "{start}");
        work.record_attempt(CONFIRM);
        work.record_outcome(0, StepOutcome::Confirmed(Err(busy(60))));
        assert_eq!(work.order.legs[0].status, L::Held, "{start}");
        work.now = at(start + 59);
        assert!(work.next_steps().is_empty(), "the call would be sent before the pause ends");
    }
    work.now = at(600);
    work.next_steps();
    assert_eq!(work.order.legs[0].status, L::Expired);
}

#[test]
fn a_confirmation_that_fails_otherwise_is_given_up_after_four_attempts_whatever_the_waits_between_them_were() {
    let settings = Arc::new(default_settings());
    let mut work = work(&settings, plain(), Intent::Confirm);
    work.order.legs[0].status = L::Held;
    work.order.legs[0].hold_expires_at = Some(at(6_000));
    let mut failures = 0;
    for attempt in 0..16 {
        work.now = at(attempt * 60);
        assert_eq!(work.next_steps(), [CONFIRM], "{attempt}");
        work.record_attempt(CONFIRM);
        let (source, second) = (SourceId::new("s0"), Duration::from_secs(1));
        let result = match attempt % 4 {
            0 => busy(1),
            1 => VendorError::awaiting_turn(&source, VendorOperation::Confirm, second),
            2 => VendorError::circuit_open(&source, VendorOperation::Confirm, second),
            _ => error(ErrorKind::Unavailable, Effect::None),
        };
        failures += usize::from(attempt % 4 == 3);
        work.record_outcome(0, StepOutcome::Confirmed(Err(result)));
        let expected = if failures < 4 { L::Held } else { L::ConfirmFailed };
        assert_eq!(work.order.legs[0].status, expected, "{attempt}");
    }
}

#[test]
fn a_refused_confirmation_fails_at_once() {
    let settings = Arc::new(default_settings());
    let mut work = work(&settings, plain(), Intent::Confirm);
    work.order.legs[0].status = L::Held;
    work.record_attempt(CONFIRM);
    let refusal = VendorError::rejected(&SourceId::new("s0"), VendorOperation::Confirm, RefusalReason::Other, None);
    work.record_outcome(0, StepOutcome::Confirmed(Err(refusal)));
    assert_eq!(work.order.legs[0].status, L::ConfirmFailed);
}

#[test]
fn a_lost_hold_that_may_still_arrive_is_looked_up_and_not_placed_again() {
    let settings = Arc::new(default_settings());
    let mut work = lost_hold(&settings, plain());
    work.record_outcome(0, StepOutcome::FoundHold(Ok(LookupOutcome::NotDone)));
    assert_eq!(work.order.legs[0].status, L::OutcomeUnknown, "the request may be on its way");
    work.now = at(10);
    assert_eq!(work.next_steps(), [SagaStep { leg: 0, call: SourceCall::FindHold }]);
    let late = PlacedHold { refs: Vec::new(), expires_at: Some(at(900)), secures: Vec::new(), total: None };
    work.record_outcome(0, StepOutcome::FoundHold(Ok(LookupOutcome::Done(late))));
    let leg = &work.order.legs[0];
    assert_eq!((leg.status, leg.attempt_count(LegOperation::Hold)), (L::Held, 1));
}

#[test]
fn a_lost_hold_that_cannot_arrive_any_more_is_placed_once_more() {
    let settings = Arc::new(default_settings());
    let mut work = lost_hold(&settings, plain());
    work.now = at(45);
    work.record_outcome(0, StepOutcome::FoundHold(Ok(LookupOutcome::NotDone)));
    assert_eq!(work.next_steps(), [HOLD]);
}

#[test]
fn a_lost_hold_that_cannot_be_looked_up_is_placed_once_more_unless_it_blocks_seats() {
    let settings = Arc::new(default_settings());
    for (holds_seats, expected) in [(false, L::Draft), (true, L::HoldFailed)] {
        let mut work = lost_hold(&settings, LegCapabilities { holds_seats, ..plain() });
        work.record_outcome(0, StepOutcome::FoundHold(Ok(LookupOutcome::Undetermined)));
        assert_eq!(work.order.legs[0].status, expected, "{holds_seats}");
    }
}

/// A sale whose source returns its two tickets without a code, read again at each time that is scheduled, until `end` seconds.
fn sale_without_codes(settings: &Arc<OrderSettings>, end: i64) -> UnitOfWork {
    let mut work = work(settings, plain(), Intent::Confirm);
    work.order.legs[0].status = L::Confirmed;
    work.order.legs[0].confirmed_at = Some(at(0));
    work.now = at(0);
    let pending =
        || vec![IssuedTicket { line: 0, refs: Vec::new(), barcode: None, seat: None, state: TicketState::Pending }];
    work.record_outcome(0, StepOutcome::Tickets(Ok(pending())));
    while let Some(next_at) = work.order.legs[0].next_ticket_read().filter(|next_at| *next_at <= at(end)) {
        work.now = next_at;
        work.record_outcome(0, StepOutcome::Tickets(Ok(pending())));
    }
    work
}

#[test]
fn sold_tickets_without_a_code_are_a_problem_when_overdue_and_need_a_person_at_the_deadline() {
    let settings = Arc::new(default_settings());
    let seconds = |time: Duration| i64::try_from(time.as_secs()).expect("a short time");
    let (overdue, deadline) = (seconds(settings.tickets_overdue_after), seconds(settings.settle_deadline));
    let state = |end: i64| {
        let work = sale_without_codes(&settings, end);
        let leg = &work.order.legs[0];
        let codes: Vec<ProblemCode> = leg.problems.iter().map(|problem| problem.code).collect();
        (work.order.status(), leg.status, codes, leg.awaits_tickets())
    };
    let missing = || vec![ProblemCode::TicketsMissing];
    assert_eq!(state(overdue - 1), (O::Confirmed, L::Confirmed, vec![], true));
    assert_eq!(state(overdue + 60), (O::Confirmed, L::Confirmed, missing(), true));
    assert_eq!(state(deadline + 900), (O::NeedsAttention, L::Confirmed, missing(), false));
    // What arrives late ends the problem.
    for end in [overdue + 60, deadline + 900] {
        let mut work = sale_without_codes(&settings, end);
        work.order.tickets.clear();
        let tickets = issued_tickets(&work);
        work.record_outcome(0, StepOutcome::Tickets(Ok(tickets)));
        let leg = &work.order.legs[0];
        assert!(leg.ticket_search.is_none() && leg.problems.is_empty(), "{:?}", leg.problems);
        assert_eq!(work.order.status(), O::Confirmed);
    }
}

/// The tickets of the first line, issued.
fn issued_tickets(work: &UnitOfWork) -> Vec<IssuedTicket> {
    let issued = |number: u32| IssuedTicket {
        line: 0,
        refs: vec![ExternalRef::new("ticket", number.to_string())],
        barcode: None,
        seat: None,
        state: TicketState::Issued,
    };
    (0..work.order.lines[0].quantity).map(issued).collect()
}

#[test]
fn an_order_whose_tickets_never_came_can_be_settled_tried_again_and_canceled() {
    let settings = Arc::new(default_settings());
    let deadline = i64::try_from(settings.settle_deadline.as_secs()).expect("a short time");
    let lost = || sale_without_codes(&settings, deadline + 900);
    let order = lost().order;
    let now = at(deadline + 900);
    assert_eq!(order.legs[0].open_question(), Some(OpenQuestion::Tickets));
    assert!(order.permits(OrderAction::Settle, now) && order.permits(OrderAction::Retry, now));
    assert!(order.permits(OrderAction::Cancel, now) && !order.is_terminal());
    assert_eq!(order.totals(now)[0].confirmed, order.totals(now)[0].requested, "it is sold");
    // It stays so, however often its tickets are read in vain.
    let mut again = lost();
    again.record_outcome(0, StepOutcome::Tickets(Ok(Vec::new())));
    assert_eq!(again.order.status(), O::NeedsAttention);
    // A person says that the sale stands: it does, also after the next read.
    let mut accepted = lost();
    accepted.settle(0, LegSettlement::Sold, &[], "desk").expect("a settlement");
    accepted.record_outcome(0, StepOutcome::Tickets(Ok(Vec::new())));
    assert_eq!((accepted.order.status(), accepted.order.is_terminal()), (O::Confirmed, true));
    assert!(accepted.order.legs[0].problems.is_empty());
    // With a new reference the tickets are looked for at once.
    let mut found = lost();
    found.settle(0, LegSettlement::Sold, &[ExternalRef::new("order", "4711")], "desk").expect("a settlement");
    assert_eq!(found.order.legs[0].next_ticket_read(), Some(found.now));
    let mut undone = lost();
    undone.settle(0, LegSettlement::Undone, &[], "desk").expect("a settlement");
    assert_eq!((undone.order.status(), undone.order.legs[0].status), (O::Cancelled, L::Cancelled));
    assert!(lost().settle(0, LegSettlement::NotSold, &[], "desk").is_err(), "the sale is certain");
    // Tried again in vain, it needs a person again.
    let mut retried = lost();
    assert!(retried.retry(0, retried.now, "desk"));
    // Until then the order is among those that need a person, however long the source lets the read wait.
    let turn = VendorError::awaiting_turn(&SourceId::new("a"), VendorOperation::LookUp, Duration::from_secs(600));
    retried.record_outcome(0, StepOutcome::Tickets(Err(turn)));
    assert!(retried.order.legs[0].next_ticket_read().is_some_and(|next_at| next_at > retried.now));
    assert_eq!(retried.order.status(), O::NeedsAttention);
    retried.record_outcome(0, StepOutcome::Tickets(Ok(Vec::new())));
    assert_eq!((retried.order.status(), retried.order.legs[0].next_ticket_read()), (O::NeedsAttention, None));
}

#[test]
fn a_code_ends_the_need_of_a_person_although_the_ticket_stays_pending() {
    let settings = Arc::new(default_settings());
    let deadline = i64::try_from(settings.settle_deadline.as_secs()).expect("a short time");
    let mut work = sale_without_codes(&settings, deadline + 900);
    work.order.tickets.clear();
    let mut tickets = issued_tickets(&work);
    for ticket in &mut tickets {
        ticket.state = TicketState::Pending;
        ticket.barcode = Some(Barcode { symbology: Symbology::Qr, value: "K7P2M9QX".to_owned().into() });
    }
    work.record_outcome(0, StepOutcome::Tickets(Ok(tickets)));
    assert_eq!((work.order.status(), work.order.legs[0].problems.len()), (O::Confirmed, 0));
}

#[test]
fn a_sale_that_a_person_kept_stays_kept_when_its_missing_tickets_are_accepted() {
    let settings = Arc::new(default_settings());
    let deadline = i64::try_from(settings.settle_deadline.as_secs()).expect("a short time");
    let mut work = sale_without_codes(&settings, deadline + 900);
    work.order.intent = Intent::Compensate;
    work.leg_mut(0).settled = Some(LegSettlement::NotUndone);
    assert_eq!(work.order.legs[0].open_question(), Some(OpenQuestion::Tickets));
    work.settle(0, LegSettlement::Sold, &[], "desk").expect("a settlement");
    assert!(work.order.legs[0].is_kept() && work.next_steps().is_empty(), "nothing undoes it");
}

#[test]
fn a_sale_that_was_undone_at_the_vendor_is_void_as_a_whole_and_ends_no_compensation() {
    let settings = Arc::new(default_settings());
    let deadline = i64::try_from(settings.settle_deadline.as_secs()).expect("a short time");
    for intent in [Intent::Confirm, Intent::Compensate, Intent::Release] {
        let mut work = sale_without_codes(&settings, deadline + 900);
        // A line was canceled before, with success.
        let mut canceled = work.order.lines[0].clone();
        canceled.is_canceled = true;
        work.order.lines.push(canceled);
        work.record_attempt(SagaStep { leg: 0, call: SourceCall::Cancel });
        work.leg_mut(0).attempts.last_mut().expect("an attempt").outcome = AttemptOutcome::Succeeded;
        work.leg_mut(0).status = L::Confirmed;
        work.order.intent = intent;
        work.settle(0, LegSettlement::Undone, &[], "desk").expect("a settlement");
        assert!(work.order.lines.iter().all(|line| line.is_canceled));
        assert_eq!((work.order.legs[0].status, work.order.legs[0].open_question()), (L::Cancelled, None));
        assert_eq!(work.order.intent, if intent == Intent::Confirm { Intent::Cancel } else { intent });
    }
}

#[test]
fn a_ticket_with_a_code_is_never_overdue_and_a_wait_for_a_turn_makes_nothing_missing() {
    let settings = Arc::new(default_settings());
    let with_code = |state: TicketState| {
        let mut work = work(&settings, plain(), Intent::Confirm);
        work.order.legs[0].status = L::Confirmed;
        work.order.legs[0].confirmed_at = Some(at(0));
        work.now = at(0);
        let quantity = work.order.lines[0].quantity;
        let issued = (0..quantity).map(|number| IssuedTicket {
            line: 0,
            refs: vec![ExternalRef::new("ticket", number.to_string())],
            barcode: Some(Barcode { symbology: Symbology::Qr, value: "K7P2M9QX".to_owned().into() }),
            seat: None,
            state,
        });
        work.record_outcome(0, StepOutcome::Tickets(Ok(issued.collect())));
        work
    };
    // Not printed yet, for example: its state is read again, and nobody is alarmed.
    let mut pending = with_code(TicketState::Pending);
    assert!(pending.order.legs[0].awaits_tickets());
    pending.now = at(3 * 24 * 3600);
    let turn = || VendorError::awaiting_turn(&SourceId::new("a"), VendorOperation::LookUp, Duration::from_secs(60));
    pending.record_outcome(0, StepOutcome::Tickets(Err(turn())));
    assert!(pending.order.legs[0].problems.is_empty());
    let mut whole = with_code(TicketState::Issued);
    whole.record_outcome(0, StepOutcome::Tickets(Err(turn())));
    assert!(whole.order.legs[0].ticket_search.is_none() && whole.order.legs[0].problems.is_empty());
}
