//! Contract of `Ordering` and `Refunds`. The results of the port are compared with the emulator's state.

use std::collections::{BTreeMap, HashSet};

use domain::ids::StepKey;
use domain::ordering::{
    CancelLine, ConfirmedSale, Contact, DeliveryPreference, LegLine, LegRequest, LookupOutcome, Ordering, PlacedHold,
    TicketState, VendorSale,
};
use domain::{AvailabilityStatus, Clock, Effect, LegShape, OrderKey, VendorError, VendorKind};
use emulators::{Fault, Rule};

use crate::contract::fixture::live_tickets;
use crate::contract::{VendorFixture, each_vendor};

/// Step key of an order; each test has its own emulator.
pub(crate) fn step(name: &str) -> StepKey {
    OrderKey(uuid::Uuid::from_u128(0x0F0F)).step_key(0, name)
}

/// A leg of two tickets of the source's first paid offer with enough vacancies: if there is one a week ahead, when every vendor still
/// cancels.
pub(crate) async fn leg(fixture: &VendorFixture) -> LegRequest {
    let now = fixture.clock.now();
    let mut offers = fixture.offers(now + jiff::SignedDuration::from_hours(7 * 24)).await;
    offers.extend(fixture.offers(now).await);
    let mut offers = offers.into_iter();
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
        contact: Some(Contact {
            first_name: "Ada".to_owned(),
            last_name: "Guest".to_owned(),
            email: "ada@example.org".to_owned(),
            phone: Some("2025550101".to_owned()),
            postal_code: Some("02110".to_owned()),
        }),
        account: BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: true,
    }
}

pub(crate) fn ordering_port(fixture: &VendorFixture) -> &dyn Ordering {
    fixture.source.ordering.as_deref().expect("a source that sells")
}

/// Runs a contract test against a source of each selling vendor, with a leg to buy.
async fn each_seller(test: impl AsyncFn(&VendorFixture, LegRequest)) {
    each_vendor(async |fixture| {
        if fixture.source.ordering.is_some() {
            let leg = leg(fixture).await;
            test(fixture, leg).await;
        }
    })
    .await;
}

/// Holds the leg if its shape requires a hold.
async fn held(fixture: &VendorFixture, leg: &LegRequest) -> PlacedHold {
    let nothing = PlacedHold { refs: Vec::new(), expires_at: None, secures: Vec::new(), total: None };
    match ordering_port(fixture).shape(leg) {
        LegShape::HoldThenConfirm => ordering_port(fixture).hold(&step("hold"), leg).await.expect("a hold"),
        LegShape::ConfirmOnly | LegShape::CommitsAtHold => nothing,
    }
}

async fn sold(fixture: &VendorFixture, leg: &LegRequest) -> ConfirmedSale {
    let held = held(fixture, leg).await;
    ordering_port(fixture).confirm(&step("confirm"), leg, &held.refs).await.expect("a sale")
}

/// Number of the vendor's holds, and of its orders with valid tickets.
pub(crate) fn holdings(fixture: &VendorFixture) -> (usize, usize) {
    let all = fixture.running.stage.inventory();
    let orders = all["orders"].as_array().expect("orders").iter();
    (all["holds"].as_array().expect("holds").len(), orders.filter(|order| !live_tickets(order).is_empty()).count())
}

#[tokio::test]
async fn a_leg_that_is_held_and_confirmed_has_a_ticket_for_each_visitor_and_leaves_no_hold() {
    each_seller(async |fixture, leg| {
        let held = held(fixture, &leg).await;
        assert!(held.expires_at.is_none_or(|end| end > fixture.clock.now()), "{}", fixture.source.id);
        let sale = ordering_port(fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect("a sale");
        let names: HashSet<_> = sale.tickets.iter().map(|ticket| ticket.refs[0].clone()).collect();
        assert_eq!((sale.tickets.len(), names.len()), (2, 2), "{}", fixture.source.id);
        assert!(sale.tickets.iter().all(|ticket| ticket.line == 0), "{}", fixture.source.id);
        let price = leg.lines[0].unit_price.checked_mul(2).expect("a sum");
        assert!(sale.total.is_none_or(|total| total == price), "{}", fixture.source.id);
        assert_eq!(holdings(fixture), (0, 1), "{}", fixture.source.id);
        let read = ordering_port(fixture).load_tickets(&leg, &sale.refs).await.expect("tickets");
        let again: HashSet<_> = read.iter().map(|ticket| ticket.refs[0].clone()).collect();
        assert_eq!(again, names, "{}", fixture.source.id);
    })
    .await;
}

#[tokio::test]
async fn a_released_hold_is_gone_and_releasing_it_again_succeeds() {
    each_seller(async |fixture, leg| {
        let held = held(fixture, &leg).await;
        for _ in 0..2 {
            ordering_port(fixture).release(&step("release"), &leg, &held.refs).await.expect("a release");
            assert_eq!(holdings(fixture), (0, 0), "{}", fixture.source.id);
        }
    })
    .await;
}

/// Resolves a confirmation like the order process: look it up, and confirm again only if the lookup returns "not done".
/// `None` if no look-up finds out.
async fn settle(
    fixture: &VendorFixture,
    leg: &LegRequest,
    held: &PlacedHold,
    error: &VendorError,
) -> Option<ConfirmedSale> {
    if error.effect == Effect::None {
        // Only a read before the sale was lost: the state of the cart (`secutix.md §5.4`), or opening the account
        // (`ticketing.md §4.4`). The error guarantees that nothing was sold, so the same call is made again.
        assert_eq!(holdings(fixture).1, 0, "{}: sold, though it says that it certainly was not", fixture.source.id);
        return Some(ordering_port(fixture).confirm(&step("confirm"), leg, &held.refs).await.expect("a repeat"));
    }
    for _ in 0..5 {
        match ordering_port(fixture).find_confirmation(&step("confirm"), leg, &held.refs).await.expect("a look-up") {
            LookupOutcome::Done(confirmed) => return Some(confirmed),
            LookupOutcome::NotDone => {
                let second = ordering_port(fixture).confirm(&step("confirm"), leg, &held.refs).await;
                return Some(second.expect("a second try"));
            }
            LookupOutcome::Undetermined => {}
        }
    }
    None
}

#[tokio::test]
async fn a_confirmation_with_a_lost_response_is_found_and_never_sold_twice() {
    let faults = [Fault::DropBefore, Fault::CommitThenDrop, Fault::Truncate, Fault::Malformed, Fault::Html502];
    for fault in faults {
        each_seller(async |fixture, leg| {
            let held = held(fixture, &leg).await;
            let rule = Rule { method: Some("POST".to_owned()), ..Rule::for_path("/", fault.clone()) };
            fixture.fail(vec![rule.times(1)]);
            let outcome = ordering_port(fixture).confirm(&step("confirm"), &leg, &held.refs).await;
            let confirmed = match outcome {
                Ok(confirmed) => Some(confirmed),
                Err(error) => settle(fixture, &leg, &held, &error).await,
            };
            let Some(confirmed) = confirmed else {
                // A vendor whose lists prove nothing leaves a sale that was not made open, and never one that was.
                assert_eq!(fixture.source.vendor, VendorKind::Acme, "{fault:?}");
                assert_eq!(holdings(fixture), (1, 0), "{fault:?}");
                return;
            };
            assert_eq!(confirmed.tickets.len(), 2, "{}: {fault:?}", fixture.source.id);
            assert_eq!(holdings(fixture), (0, 1), "{}: {fault:?}", fixture.source.id);
        })
        .await;
    }
}

#[tokio::test]
async fn a_canceled_sale_is_void_and_canceling_it_again_refunds_nothing_twice() {
    each_seller(async |fixture, leg| {
        let Some(refunds) = &fixture.source.refunds else {
            return;
        };
        let sale = sold(fixture, &leg).await;
        let tickets = sale.tickets.iter().map(|ticket| ticket.refs[0].clone()).collect();
        let all = [CancelLine { line: 0, tickets }];
        let before = refunds.find_cancellation(&step("cancel"), &leg, &sale.refs, &all).await.expect("a look-up");
        assert!(!matches!(before, LookupOutcome::Done(_)), "{}", fixture.source.id);
        let cancelled = refunds.cancel(&step("cancel"), &leg, &sale.refs, &all).await.expect("a cancellation");
        assert_eq!(cancelled.voided.len(), 2, "{}", fixture.source.id);
        assert_eq!(holdings(fixture), (0, 0), "{}", fixture.source.id);
        let price = leg.lines[0].unit_price.checked_mul(2).expect("a sum");
        assert!(cancelled.refunded.is_none_or(|money| money == price), "{}", fixture.source.id);
        let again = refunds.cancel(&step("cancel"), &leg, &sale.refs, &all).await.expect("a repeat");
        // The vendor refunds once. A repeat may read the amount from the order and return it again (`secutix.md §5.7`,
        // `ticketing.md §4.11`): it is the same step, of which one result counts. Never another amount.
        assert_eq!(again.voided.len(), 2, "{}", fixture.source.id);
        assert!(again.refunded.is_none_or(|money| money == price), "{}: {:?}", fixture.source.id, again.refunded);
        assert_eq!(holdings(fixture), (0, 0), "{}", fixture.source.id);
        let found = refunds.find_cancellation(&step("cancel"), &leg, &sale.refs, &all).await.expect("a look-up");
        assert!(matches!(found, LookupOutcome::Done(done) if done.voided.len() == 2), "{}", fixture.source.id);
        let tickets = ordering_port(fixture).load_tickets(&leg, &sale.refs).await.expect("tickets");
        assert!(tickets.iter().all(|ticket| ticket.state == TicketState::Void), "{}", fixture.source.id);
    })
    .await;
}

#[tokio::test]
async fn sales_are_listed_with_our_reference_until_they_are_canceled() {
    each_seller(async |fixture, leg| {
        let from = fixture.clock.now() - jiff::SignedDuration::from_hours(1);
        let to = fixture.clock.now() + jiff::SignedDuration::from_hours(1);
        let places = [leg.lines[0].performance.clone()];
        let references = [leg.reference.clone()];
        let sales = ordering_port(fixture).list_sales(from, to, &places, &references).await.expect("sales");
        assert!(!sales.iter().any(|sale| sale.is_sold), "{}", fixture.source.id);
        let sale = sold(fixture, &leg).await;
        let sales = ordering_port(fixture).list_sales(from, to, &places, &references).await.expect("sales");
        // A vendor that does not list our reference lists its own ids of the sale or its tickets.
        let names: HashSet<_> =
            sale.refs.iter().chain(sale.tickets.iter().flat_map(|ticket| &ticket.refs)).cloned().collect();
        let is_ours = |listed: &&VendorSale| {
            listed.reference.as_ref() == Some(&leg.reference) || listed.refs.iter().any(|name| names.contains(name))
        };
        let ours = sales.iter().find(is_ours).expect("our sale");
        assert!(ours.is_sold && !ours.refs.is_empty(), "{}", fixture.source.id);
        let Some(refunds) = &fixture.source.refunds else { return };
        let tickets = sale.tickets.iter().map(|ticket| ticket.refs[0].clone()).collect();
        let all = [CancelLine { line: 0, tickets }];
        refunds.cancel(&step("cancel"), &leg, &sale.refs, &all).await.expect("a cancellation");
        let sales = ordering_port(fixture).list_sales(from, to, &places, &references).await.expect("sales");
        assert!(!sales.iter().any(|sale| is_ours(&sale)), "{}: a canceled sale is listed", fixture.source.id);
    })
    .await;
}
