//! What the emulated vendors hold beside what the ledger says.

use domain::ordering::TicketState;
use orders::leg::{AttemptOutcome, Leg, LegOperation};
use orders::order::{Order, Policy};
use orders::{LegStatus, OrderStatus};
use serde_json::Value;

use crate::contract::bench::live_tickets;
use crate::orders::audit::statuses;
use crate::orders::emulated::houses::Houses;

/// A sale that stands: the ids of its valid tickets, each under every name that the vendor has for it.
type Sale = Vec<Vec<String>>;

/// Everything in which the ledger and the vendors differ, or that nobody was told of. Empty: all is well.
pub fn audit(houses: &Houses, order: &Order) -> Vec<String> {
    let mut told = Vec::new();
    let mut sold_legs = 0;
    for leg in &order.legs {
        let bench = houses.benches.iter().find(|bench| bench.source.id == leg.source).expect("the vendor");
        let holdings = bench.running.stage.holdings();
        let sales = sales(&holdings, &leg.reference);
        sold_legs += usize::from(!sales.is_empty());
        check_sales(order, leg, &sales, &mut told);
        check_holds(leg, &holdings, &mut told);
        let is_open = |outcome| outcome == AttemptOutcome::InFlight && order.is_at_rest();
        if leg.attempts.iter().any(|attempt| is_open(attempt.outcome)) {
            told.push(format!("an attempt at {} is open for ever", leg.source));
        }
    }
    let status = order.status();
    let rests = matches!(status, OrderStatus::NeedsAttention | OrderStatus::Draft | OrderStatus::Held);
    if !status.is_terminal() && !rests {
        told.push("the order came to no end".to_owned());
    }
    let is_half_done = sold_legs > 0 && sold_legs < order.legs.len();
    let said = matches!(status, OrderStatus::NeedsAttention | OrderStatus::PartiallyCancelled);
    if order.policy == Policy::AllOrNothing && is_half_done && !said {
        told.push("an all-or-nothing order is half done in silence".to_owned());
    }
    told.into_iter().map(|line| format!("{line}: {status:?} {:?}", statuses(order))).collect()
}

/// Nothing stands at any vendor.
pub fn check_untouched(houses: &Houses) -> Vec<String> {
    let holdings = houses.benches.iter().map(|bench| bench.running.stage.holdings());
    let is_empty =
        |all: &Value| ["holds", "orders"].iter().all(|list| all[*list].as_array().is_some_and(Vec::is_empty));
    let touched = holdings.filter(|all| !is_empty(all));
    touched.map(|all| format!("booked for an order that is not in the ledger: {all}")).collect()
}

fn sales(holdings: &Value, reference: &str) -> Vec<Sale> {
    let orders = holdings["orders"].as_array().expect("orders").iter();
    let own =
        orders.filter(|order| order["reference"].as_str().is_some_and(|text| text.eq_ignore_ascii_case(reference)));
    own.map(live_tickets).filter(|sale| !sale.is_empty()).collect()
}

fn check_sales(order: &Order, leg: &Leg, sales: &[Sale], told: &mut Vec<String>) {
    if sales.len() > 1 {
        told.push(format!("sold {} times at {}", sales.len(), leg.source));
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
            order.lines_of(leg.number).filter(|(_, line)| !line.is_cancelled).map(|(_, line)| line.quantity).sum();
        let counts = [known.count(), ours.len(), live.len()];
        if counts.iter().any(|count| u32::try_from(*count) != Ok(wanted)) {
            told.push(format!("of {wanted} tickets at {} are known, ours, live: {counts:?}", leg.source));
        }
    }
    let is_unsold = leg.status.is_dead() || matches!(leg.status, LegStatus::Draft | LegStatus::Held);
    if is_unsold && !sales.is_empty() {
        told.push(format!("a silent sale at {}", leg.source));
    }
}

/// A hold that stands is either the leg's own, or the ledger knows that a call about it got no good answer.
fn check_holds(leg: &Leg, holdings: &Value, told: &mut Vec<String>) {
    let may_hold = matches!(leg.status, LegStatus::Held | LegStatus::NeedsAttention | LegStatus::OutcomeUnknown);
    for hold in holdings["holds"].as_array().expect("holds") {
        let is_own = may_hold && leg.refs.iter().any(|external| hold["id"] == external.value.as_str());
        let is_known = leg.attempts.iter().any(|attempt| {
            matches!(attempt.operation, LegOperation::Hold | LegOperation::Release)
                && matches!(attempt.outcome, AttemptOutcome::Unknown | AttemptOutcome::Rejected)
        });
        if !is_own && !is_known {
            told.push(format!("a silent hold at {}: {hold}", leg.source));
        }
    }
}
