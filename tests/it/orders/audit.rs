//! Audit: compares the bookings at the vendors with the stored order.

use domain::ordering::TicketState;
use orders::leg::{AttemptOutcome, Leg, LegOperation};
use orders::order::{FulfillmentPolicy, Order};
use orders::{LegStatus, OrderStatus};
use secrecy::ExposeSecret;

use crate::orders::vendor::Vendor;
use crate::orders::world::World;

/// Asserts that nothing is lost, duplicated, half done or unreported. `case` identifies the case.
pub(super) async fn audit(world: &World, order: &Order, case: &str) {
    let case = format!("{case}: {:?} {:?}", order.status(), statuses(order));
    for leg in &order.legs {
        let vendor = world.vendors.iter().find(|vendor| vendor.id == leg.source).expect("the vendor");
        check_sales(order, leg, vendor, &case);
        check_holds(leg, vendor, &case);
        for attempt in &leg.attempts {
            assert!(attempt.outcome != AttemptOutcome::InFlight || !order.is_idle(), "an open attempt, {case}");
        }
    }
    check_wholeness(world, order, &case);
    check_codes(world, order, &case).await;
}

pub(super) fn statuses(order: &Order) -> Vec<LegStatus> {
    order.legs.iter().map(|leg| leg.status).collect()
}

fn check_sales(order: &Order, leg: &Leg, vendor: &Vendor, case: &str) {
    let sales = vendor.live_sales(&leg.reference);
    assert!(sales.len() <= 1, "sold {} times at {}, {case}", sales.len(), leg.source);
    if leg.status == LegStatus::Confirmed {
        let (id, sale) = sales.first().unwrap_or_else(|| panic!("no sale behind leg {}, {case}", leg.number));
        assert!(
            leg.refs.iter().any(|external| external.value == *id),
            "another sale behind leg {}, {case}",
            leg.number
        );
        let live = sale.tickets.keys().filter(|ticket| !sale.void.contains(*ticket));
        let ours = order.tickets.iter().filter(|ticket| order.lines[ticket.line].leg == leg.number);
        let mut ours: Vec<&String> =
            ours.filter(|ticket| ticket.state != TicketState::Void).map(|ticket| &ticket.refs[0].value).collect();
        ours.sort();
        assert_eq!(live.collect::<Vec<_>>(), ours, "tickets differ, {case}");
    }
    if leg.status.is_inactive() || matches!(leg.status, LegStatus::Draft | LegStatus::Held) {
        assert!(sales.is_empty(), "an unrecorded sale at {}, {case}", leg.source);
    }
}

/// An open hold belongs to the leg, or the store has an attempt for it that failed or is unknown.
fn check_holds(leg: &Leg, vendor: &Vendor, case: &str) {
    for (id, hold) in vendor.open_holds().into_iter().filter(|(_, hold)| hold.reference == leg.reference) {
        let is_own = leg.refs.iter().any(|external| external.value == id)
            && matches!(leg.status, LegStatus::Held | LegStatus::NeedsAttention | LegStatus::OutcomeUnknown);
        let is_known = leg.attempts.iter().any(|attempt| {
            matches!(attempt.operation, LegOperation::Hold | LegOperation::Release)
                && matches!(attempt.outcome, AttemptOutcome::Unknown | AttemptOutcome::Rejected)
        });
        assert!(is_own || is_known, "an unrecorded hold {hold:?} at {}, {case}", leg.source);
    }
}

fn check_wholeness(world: &World, order: &Order, case: &str) {
    let status = order.status();
    assert!(
        status.is_terminal() || matches!(status, OrderStatus::NeedsAttention | OrderStatus::Draft | OrderStatus::Held),
        "the order is not final, {case}"
    );
    let sold = order.legs.iter().filter(|leg| {
        world.vendors.iter().any(|vendor| vendor.id == leg.source && !vendor.live_sales(&leg.reference).is_empty())
    });
    let sold = sold.count();
    let is_half_done = sold > 0 && sold < order.legs.len();
    if order.policy == FulfillmentPolicy::AllOrNothing && is_half_done {
        let said = matches!(status, OrderStatus::NeedsAttention | OrderStatus::PartiallyCancelled);
        assert!(said, "an all-or-nothing order is half done without a report, {case}");
    }
}

async fn check_codes(world: &World, order: &Order, case: &str) {
    let codes = world.process().load_tickets(order).await.expect("the store");
    for coded in codes.iter().filter(|coded| coded.ticket.state == TicketState::Issued) {
        let id = &coded.ticket.refs[0].value;
        let leg = &order.legs[order.lines[coded.ticket.line].leg];
        let vendor = world.vendors.iter().find(|vendor| vendor.id == leg.source).expect("the vendor");
        let books = vendor.state.lock().expect("books");
        let code = books.sales.values().find_map(|sale| sale.tickets.get(id)).map(|(_, code)| code.clone());
        let ours = coded.barcode.as_ref().map(|barcode| barcode.value.expose_secret().to_owned());
        assert_eq!(ours, code, "the code of {id}, {case}");
    }
}
