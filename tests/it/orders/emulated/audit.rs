//! Audit: compares the bookings at the emulated vendors with the stored order.

use domain::ordering::TicketState;
use orders::leg::{AttemptOutcome, Leg, LegOperation};
use orders::order::{FulfillmentPolicy, Order};
use orders::{LegStatus, OrderStatus};
use serde_json::Value;

use crate::contract::fixture::live_tickets;
use crate::orders::audit::statuses;
use crate::orders::emulated::venues::Venues;

/// Active sale: its valid tickets, each with all its references at the vendor.
type Sale = Vec<Vec<String>>;

/// Returns all differences between the store and the vendors, and all unreported failures.
pub(super) fn audit(venues: &Venues, order: &Order) -> Vec<String> {
    let mut problems = Vec::new();
    let mut sold_legs = 0;
    for leg in &order.legs {
        let bench = venues.fixtures.iter().find(|bench| bench.source.id == leg.source).expect("the vendor");
        let holdings = bench.running.stage.inventory();
        let sales = sales(&holdings, &leg.reference);
        sold_legs += usize::from(!sales.is_empty());
        check_sales(order, leg, &sales, &mut problems);
        check_holds(leg, &holdings, &mut problems);
        let is_open = |outcome| outcome == AttemptOutcome::InFlight && order.is_idle();
        if leg.attempts.iter().any(|attempt| is_open(attempt.outcome)) {
            problems.push(format!("an attempt at {} stays in flight", leg.source));
        }
    }
    let status = order.status();
    let rests = matches!(status, OrderStatus::NeedsAttention | OrderStatus::Draft | OrderStatus::Held);
    if !status.is_terminal() && !rests {
        problems.push("the order is not final".to_owned());
    }
    let is_half_done = sold_legs > 0 && sold_legs < order.legs.len();
    let said = matches!(status, OrderStatus::NeedsAttention | OrderStatus::PartiallyCancelled);
    if order.policy == FulfillmentPolicy::AllOrNothing && is_half_done && !said {
        problems.push("an all-or-nothing order is half done without a report".to_owned());
    }
    problems.into_iter().map(|line| format!("{line}: {status:?} {:?}", statuses(order))).collect()
}

/// Asserts that no vendor has a booking.
pub(super) fn check_untouched(venues: &Venues) -> Vec<String> {
    let holdings = venues.fixtures.iter().map(|bench| bench.running.stage.inventory());
    let is_empty =
        |all: &Value| ["holds", "orders"].iter().all(|list| all[*list].as_array().is_some_and(Vec::is_empty));
    let touched = holdings.filter(|all| !is_empty(all));
    touched.map(|all| format!("booked for an order that is not stored: {all}")).collect()
}

fn sales(holdings: &Value, reference: &str) -> Vec<Sale> {
    let orders = holdings["orders"].as_array().expect("orders").iter();
    let own =
        orders.filter(|order| order["reference"].as_str().is_some_and(|text| text.eq_ignore_ascii_case(reference)));
    own.map(live_tickets).filter(|sale| !sale.is_empty()).collect()
}

fn check_sales(order: &Order, leg: &Leg, sales: &[Sale], problems: &mut Vec<String>) {
    if sales.len() > 1 {
        problems.push(format!("sold {} times at {}", sales.len(), leg.source));
    }
    if leg.status == LegStatus::Confirmed {
        let of_leg = |line: usize| order.lines[line].leg == leg.number;
        let ours = order.tickets.iter().filter(|ticket| of_leg(ticket.line) && ticket.state != TicketState::Void);
        let ours: Vec<_> = ours.collect();
        let live = sales.first().map_or(&[][..], Vec::as_slice);
        let known = live.iter().filter(|names| {
            ours.iter().any(|ticket| ticket.refs.iter().any(|external| names.contains(&external.value)))
        });
        let wanted: u32 =
            order.lines_of(leg.number).filter(|(_, line)| !line.is_canceled).map(|(_, line)| line.quantity).sum();
        let counts = [known.count(), ours.len(), live.len()];
        if counts.iter().any(|count| u32::try_from(*count) != Ok(wanted)) {
            problems.push(format!("of {wanted} tickets at {}: matched, stored, active {counts:?}", leg.source));
        }
    }
    let is_unsold = leg.status.is_inactive() || matches!(leg.status, LegStatus::Draft | LegStatus::Held);
    if is_unsold && !sales.is_empty() {
        problems.push(format!("an unrecorded sale at {}", leg.source));
    }
}

/// An open hold belongs to the leg, or the store has an attempt for it that failed or is unknown.
fn check_holds(leg: &Leg, holdings: &Value, problems: &mut Vec<String>) {
    let may_hold = matches!(leg.status, LegStatus::Held | LegStatus::NeedsAttention | LegStatus::OutcomeUnknown);
    for hold in holdings["holds"].as_array().expect("holds") {
        let is_own = may_hold && leg.refs.iter().any(|external| hold["id"] == external.value.as_str());
        let is_known = leg.attempts.iter().any(|attempt| {
            matches!(attempt.operation, LegOperation::Hold | LegOperation::Release)
                && matches!(attempt.outcome, AttemptOutcome::Unknown | AttemptOutcome::Rejected)
        });
        if !is_own && !is_known {
            problems.push(format!("an unrecorded hold at {}: {hold}", leg.source));
        }
    }
}
