//! Sentences on `Ordering` and `Refunds`. What the vendor holds afterwards is compared with what the port said.

use std::collections::{BTreeMap, HashSet};

use domain::ids::StepKey;
use domain::ordering::{
    CancelLine, Confirmed, Contact, DeliveryPreference, Found, Held, LegLine, LegRequest, Ordering, TicketState,
    VendorSale,
};
use domain::{AvailabilityStatus, Clock, Effect, LegShape, OrderKey, VendorError};
use emulators::{Fault, Rule};

use crate::contract::bench::live_tickets;
use crate::contract::{Bench, each_vendor};

/// The key of a step of an order that every test has for itself.
pub(super) fn step(name: &str) -> StepKey {
    OrderKey(uuid::Uuid::from_u128(0x0F0F)).step(0, name)
}

/// A leg of two tickets of the first paid offer of the source that has enough left.
pub(super) async fn leg(bench: &Bench) -> LegRequest {
    let mut offers = bench.offers(bench.clock.now()).await.into_iter();
    let is_enough = |left: Option<u32>| left.is_none_or(|left| left >= 6);
    let (performance, offer) = offers
        .find(|(_, offer)| {
            let is_open = offer.status == AvailabilityStatus::Available && is_enough(offer.vacancies);
            is_open && offer.price.retail.amount > 0
        })
        .expect("something to buy");
    LegRequest {
        reference: "TG-7K2M-1".to_owned(),
        lines: vec![LegLine {
            line: 0,
            performance: performance.key.clone(),
            ticket_type: offer.ticket_type.key.clone(),
            quantity: 2,
            unit_price: offer.price.retail,
        }],
        contact: Contact {
            first_name: "Ada".to_owned(),
            last_name: "Guest".to_owned(),
            email: "ada@example.org".to_owned(),
            phone: Some("2025550101".to_owned()),
            postal_code: Some("02110".to_owned()),
        },
        account: BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
    }
}

pub(super) fn office(bench: &Bench) -> &dyn Ordering {
    bench.source.ordering.as_deref().expect("a source that sells")
}

/// Puts a source of each vendor that sells through a sentence, with a leg to buy.
async fn each_seller(sentence: impl AsyncFn(&Bench, LegRequest)) {
    each_vendor(async |bench| {
        if bench.source.ordering.is_some() {
            let leg = leg(bench).await;
            sentence(bench, leg).await;
        }
    })
    .await;
}

/// Holds where the leg is held first.
async fn held(bench: &Bench, leg: &LegRequest) -> Held {
    let nothing = Held { refs: Vec::new(), expires_at: None, secures: Vec::new(), total: None };
    match office(bench).shape(leg) {
        LegShape::HoldThenConfirm => office(bench).hold(&step("hold"), leg).await.expect("a hold"),
        LegShape::ConfirmOnly | LegShape::CommitsAtHold => nothing,
    }
}

async fn sold(bench: &Bench, leg: &LegRequest) -> Confirmed {
    let held = held(bench, leg).await;
    office(bench).confirm(&step("confirm"), leg, &held.refs).await.expect("a sale")
}

/// How many holds the vendor has, and how many orders with a ticket that opens the gate.
pub(super) fn holdings(bench: &Bench) -> (usize, usize) {
    let all = bench.running.stage.holdings();
    let orders = all["orders"].as_array().expect("orders").iter();
    (all["holds"].as_array().expect("holds").len(), orders.filter(|order| !live_tickets(order).is_empty()).count())
}

#[tokio::test]
async fn a_leg_that_is_held_and_confirmed_has_a_ticket_for_each_visitor_and_leaves_no_hold() {
    each_seller(async |bench, leg| {
        let held = held(bench, &leg).await;
        assert!(held.expires_at.is_none_or(|end| end > bench.clock.now()), "{}", bench.source.id);
        let sale = office(bench).confirm(&step("confirm"), &leg, &held.refs).await.expect("a sale");
        let names: HashSet<_> = sale.tickets.iter().map(|ticket| ticket.refs[0].clone()).collect();
        assert_eq!((sale.tickets.len(), names.len()), (2, 2), "{}", bench.source.id);
        assert!(sale.tickets.iter().all(|ticket| ticket.line == 0), "{}", bench.source.id);
        let price = leg.lines[0].unit_price.times(2).expect("a sum");
        assert!(sale.total.is_none_or(|total| total == price), "{}", bench.source.id);
        assert_eq!(holdings(bench), (0, 1), "{}", bench.source.id);
        let read = office(bench).load_tickets(&leg, &sale.refs).await.expect("tickets");
        let again: HashSet<_> = read.iter().map(|ticket| ticket.refs[0].clone()).collect();
        assert_eq!(again, names, "{}", bench.source.id);
    })
    .await;
}

#[tokio::test]
async fn a_released_hold_is_gone_and_releasing_it_again_succeeds() {
    each_seller(async |bench, leg| {
        let held = held(bench, &leg).await;
        for _ in 0..2 {
            office(bench).release(&step("release"), &leg, &held.refs).await.expect("a release");
            assert_eq!(holdings(bench), (0, 0), "{}", bench.source.id);
        }
    })
    .await;
}

/// Whatever a confirmation needs is allowed as long as it takes: look up, and only where that says "not done", confirm again.
async fn settle(bench: &Bench, leg: &LegRequest, held: &Held, lost: &VendorError) -> Confirmed {
    if lost.effect == Effect::None {
        // Only a question before the sale was lost: the state of the cart (`secutix.md §5.4`), the opening of the account
        // (`ticketing.md §4.4`). The port says that nothing was sold, and the same call is made again.
        assert_eq!(holdings(bench).1, 0, "{}: sold, though it says that it certainly was not", bench.source.id);
        return office(bench).confirm(&step("confirm"), leg, &held.refs).await.expect("a repeat");
    }
    for _ in 0..5 {
        match office(bench).find_confirmation(&step("confirm"), leg, &held.refs).await.expect("a look-up") {
            Found::Done(confirmed) => return confirmed,
            Found::NotDone => {
                return office(bench).confirm(&step("confirm"), leg, &held.refs).await.expect("a second try");
            }
            Found::Unclear => {}
        }
    }
    panic!("{}: the outcome stays unclear", bench.source.id)
}

#[tokio::test]
async fn a_confirmation_whose_answer_was_lost_is_found_and_never_sold_twice() {
    let faults = [Fault::DropBefore, Fault::CommitThenDrop, Fault::Truncate, Fault::Malformed, Fault::Html502];
    for fault in faults {
        each_seller(async |bench, leg| {
            let held = held(bench, &leg).await;
            let rule = Rule { method: Some("POST".to_owned()), ..Rule::on("/", fault.clone()) };
            bench.fail(vec![rule.times(1)]);
            let outcome = office(bench).confirm(&step("confirm"), &leg, &held.refs).await;
            let confirmed = match outcome {
                Ok(confirmed) => confirmed,
                Err(lost) => settle(bench, &leg, &held, &lost).await,
            };
            assert_eq!(confirmed.tickets.len(), 2, "{}: {fault:?}", bench.source.id);
            assert_eq!(holdings(bench), (0, 1), "{}: {fault:?}", bench.source.id);
        })
        .await;
    }
}

#[tokio::test]
async fn a_cancelled_sale_is_void_and_cancelling_it_again_gives_nothing_back_twice() {
    each_seller(async |bench, leg| {
        let Some(refunds) = &bench.source.refunds else { return };
        let sale = sold(bench, &leg).await;
        let tickets = sale.tickets.iter().map(|ticket| ticket.refs[0].clone()).collect();
        let all = [CancelLine { line: 0, tickets }];
        let before = refunds.find_cancellation(&step("cancel"), &leg, &sale.refs, &all).await.expect("a look-up");
        assert!(!matches!(before, Found::Done(_)), "{}", bench.source.id);
        let cancelled = refunds.cancel(&step("cancel"), &leg, &sale.refs, &all).await.expect("a cancellation");
        assert_eq!(cancelled.void.len(), 2, "{}", bench.source.id);
        assert_eq!(holdings(bench), (0, 0), "{}", bench.source.id);
        let price = leg.lines[0].unit_price.times(2).expect("a sum");
        assert!(cancelled.refunded.is_none_or(|money| money == price), "{}", bench.source.id);
        let again = refunds.cancel(&step("cancel"), &leg, &sale.refs, &all).await.expect("a repeat");
        // The vendor gives it once. A repeat may read it off the order and tell it again (`secutix.md §5.7`, `ticketing.md §4.11`):
        // it is the same step, of which only one answer counts. Never another sum.
        assert_eq!(again.void.len(), 2, "{}", bench.source.id);
        assert!(again.refunded.is_none_or(|money| money == price), "{}: {:?}", bench.source.id, again.refunded);
        assert_eq!(holdings(bench), (0, 0), "{}", bench.source.id);
        let found = refunds.find_cancellation(&step("cancel"), &leg, &sale.refs, &all).await.expect("a look-up");
        assert!(matches!(found, Found::Done(done) if done.void.len() == 2), "{}", bench.source.id);
        let tickets = office(bench).load_tickets(&leg, &sale.refs).await.expect("tickets");
        assert!(tickets.iter().all(|ticket| ticket.state == TicketState::Void), "{}", bench.source.id);
    })
    .await;
}

#[tokio::test]
async fn what_was_sold_is_listed_under_our_reference() {
    each_seller(async |bench, leg| {
        let from = bench.clock.now() - jiff::SignedDuration::from_hours(1);
        let to = bench.clock.now() + jiff::SignedDuration::from_hours(1);
        let places = [leg.lines[0].performance.clone()];
        let references = [leg.reference.clone()];
        let sales = office(bench).list_sales(from, to, &places, &references).await.expect("sales");
        assert!(!sales.iter().any(|sale| sale.is_sold), "{}", bench.source.id);
        let sale = sold(bench, &leg).await;
        let sales = office(bench).list_sales(from, to, &places, &references).await.expect("sales");
        // A vendor that lists no reference of ours lists what it called the sale or its tickets.
        let names: HashSet<_> =
            sale.refs.iter().chain(sale.tickets.iter().flat_map(|ticket| &ticket.refs)).cloned().collect();
        let is_ours = |listed: &&VendorSale| {
            listed.reference.as_ref() == Some(&leg.reference) || listed.refs.iter().any(|name| names.contains(name))
        };
        let ours = sales.iter().find(is_ours).expect("our sale");
        assert!(ours.is_sold && !ours.refs.is_empty(), "{}", bench.source.id);
    })
    .await;
}
