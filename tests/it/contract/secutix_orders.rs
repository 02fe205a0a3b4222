//! Orders at SecuTix: each step, lost answers included, over both transports (`secutix.md §3.3`, §3.4, §5).

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ordering::{
    CancelLine, Contact, DeliveryPreference, Found, Held, LegLine, LegRequest, Ordering, Refunds, TicketState,
};
use domain::{Clock, Effect, ErrorKind, ExternalRef, OrderKey, PerformanceKey, Reason, Scope, TicketTypeKey, Window};
use emulators::{Fault, Rule};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::contract::Bench;
use crate::contract::bench::secutix;

/// A bench and a way to buy from it.
struct Counter {
    bench: Bench,
    key: OrderKey,
}

impl Counter {
    async fn open(institution: &str, transport: &str) -> Self {
        Self { bench: secutix(institution, transport).await, key: OrderKey(uuid::Uuid::from_u128(7)) }
    }

    fn ordering(&self) -> &dyn Ordering {
        self.bench.source.ordering.as_deref().expect("it sells")
    }

    fn refunds(&self) -> &dyn Refunds {
        self.bench.source.refunds.as_deref().expect("it undoes")
    }

    async fn hold(&self, leg: &LegRequest) -> Result<Held, domain::VendorError> {
        self.ordering().hold(&self.key.step(0, "hold"), leg).await
    }

    /// A leg over the cheapest line of what is written as `event/ticket type/quantity`.
    async fn leg(&self, wishes: &[(&str, &str, u32)]) -> LegRequest {
        let catalog = &self.bench.source.catalog;
        let events = catalog.list_events(Scope::Public).await.expect("events").value;
        let window = Window { from: self.bench.clock.now(), to: None, limit: 10 };
        let mut lines = Vec::new();
        for (line, (event, tariff, quantity)) in wishes.iter().enumerate() {
            let event = events.iter().find(|one| one.key.as_str() == *event).expect("an event");
            let mut lists = catalog.list_performances(std::slice::from_ref(&event.key), &window).await;
            let performance =
                lists.remove(&event.key).expect("an answer").expect("a list").value.last().expect("a date").clone();
            let types = event.listed_ticket_types.clone().expect("ticket types");
            let wanted = TicketTypeKey::new(*tariff);
            let ticket_type = types.iter().find(|one| one.key == wanted).expect("a ticket type");
            let unit_price = ticket_type.price.as_ref().expect("a price").retail;
            lines.push(LegLine {
                line,
                performance: performance.key.clone(),
                ticket_type: wanted,
                quantity: *quantity,
                unit_price,
            });
        }
        leg_of(lines)
    }

    fn twist(&self, what: &str, id: Option<&str>, value: Value) {
        self.bench.twist(what, id, value);
    }

    fn holdings(&self) -> Value {
        self.bench.running.stage.holdings()
    }

    fn calls(&self, method: &str) -> usize {
        self.bench.running.stage.log.count(method)
    }
}

fn leg_of(lines: Vec<LegLine>) -> LegRequest {
    LegRequest {
        reference: "TG-0001-A".to_owned(),
        lines,
        contact: Contact {
            first_name: "Ada".to_owned(),
            last_name: "Guest".to_owned(),
            email: "ada@example.org".to_owned(),
            phone: None,
            postal_code: None,
        },
        account: BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
    }
}

/// Stalls for two adults, first balcony for one child, one discovery card.
const WISHES: &[(&str, &str, u32)] =
    &[("81001", "81001.s83001.84011", 2), ("81001", "81001.s83002.84013", 1), ("81006", "81006.i81006001.84011", 1)];

#[tokio::test]
async fn places_are_held_at_a_price_until_an_instant_sold_with_codes_and_counted_by_line() {
    for transport in ["json", "soap"] {
        let counter = Counter::open("OPERA", transport).await;
        let leg = counter.leg(WISHES).await;
        let promised: i64 = leg.lines.iter().map(|line| line.unit_price.amount * i64::from(line.quantity)).sum();
        let held = counter.hold(&leg).await.expect("a hold");
        let in_a_quarter = counter.bench.clock.now() + Duration::from_secs(900);
        assert_eq!((held.expires_at, held.total.map(|total| total.amount)), (Some(in_a_quarter), Some(promised)));
        assert_eq!(counter.holdings()["holds"][0]["quantity"], json!(4));
        assert_eq!(counter.holdings()["holds"][0]["reference"], json!("TG-0001-A"));
        let sold = counter.ordering().confirm(&counter.key.step(0, "confirm"), &leg, &held.refs).await.expect("a sale");
        assert_eq!(sold.total.map(|total| total.amount), Some(promised));
        let mut lines: Vec<usize> = sold.tickets.iter().map(|ticket| ticket.line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [0, 0, 1, 2], "{transport}");
        let codes: std::collections::BTreeSet<String> = sold
            .tickets
            .iter()
            .map(|ticket| ticket.barcode.as_ref().expect("a code").value.expose_secret().to_owned())
            .collect();
        assert_eq!(codes.len(), 4);
        assert!(sold.tickets.iter().all(|ticket| ticket.state == TicketState::Issued));
        let order = &counter.holdings()["orders"][0];
        assert_eq!((&order["state"], &order["total_minor"]), (&json!("CLOSED"), &json!(promised)));
        assert_eq!(counter.holdings()["holds"], json!([]));
        let again = counter.ordering().load_tickets(&leg, &sold.refs).await.expect("tickets");
        assert_eq!(again.len(), 4);
    }
}

#[tokio::test]
async fn what_is_gone_or_not_for_sale_is_refused_with_nothing_held() {
    let counter = Counter::open("CLUB", "soap").await;
    let events = counter.bench.source.catalog.list_events(Scope::Public).await.expect("events").value;
    let game = events
        .iter()
        .filter(|event| event.key.as_str().starts_with("811000") || event.key.as_str().starts_with("811"))
        .find(|event| event.title.main.contains("FC Rive –"))
        .expect("a match");
    let tariff = format!("{}.s83103.84111", game.key);
    let leg = counter.leg(&[(game.key.as_str(), &tariff, 2)]).await;
    let performance = leg.lines[0].performance.to_string();
    counter.twist("sold_out", Some(&performance), json!(null));
    let error = counter.hold(&leg).await.expect_err("sold out");
    let ErrorKind::Rejected(refusal) = &error.kind else { panic!("{error}") };
    assert_eq!(
        (&refusal.reason, refusal.vendor_code.as_deref(), error.effect),
        (&Reason::SoldOut { remaining: None }, Some("error.order.availability"), Effect::None)
    );
    counter.twist("restock", Some(&performance), json!(0));
    counter.twist("suspend", Some(game.key.as_str()), json!(null));
    let error = counter.hold(&leg).await.expect_err("suspended");
    assert!(matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == Reason::NotOnSale), "{error}");
    let mut foreign = leg.clone();
    foreign.lines[0].performance = PerformanceKey::new("no date");
    let error = counter.hold(&foreign).await.expect_err("foreign");
    assert!(
        matches!(&error.kind, ErrorKind::Rejected(refusal) if matches!(refusal.reason, Reason::InvalidInput { .. }))
    );
    assert_eq!(counter.holdings(), json!({"holds": [], "orders": []}));
}

#[tokio::test]
async fn a_price_that_changed_since_the_hold_is_never_paid_silently() {
    let counter = Counter::open("OPERA", "json").await;
    let leg = counter.leg(&WISHES[..1]).await;
    counter.twist("price", Some("81001"), json!(200_000));
    let held = counter.hold(&leg).await.expect("a hold");
    assert_eq!(
        held.total.map(|total| total.amount),
        Some(40_000),
        "the hold tells the new price, for the order to compare"
    );
    let mut refs = held.refs.clone();
    for one in refs.iter_mut().filter(|one| one.kind == "secutix.amount") {
        one.value = "360000".to_owned();
    }
    let error =
        counter.ordering().confirm(&counter.key.step(0, "confirm"), &leg, &refs).await.expect_err("another price");
    assert!(
        matches!(&error.kind, ErrorKind::Rejected(refusal) if matches!(refusal.reason, Reason::PriceChanged { .. })),
        "{error}"
    );
    assert_eq!(counter.calls("closeOrder"), 0);
}

#[tokio::test]
async fn a_lost_closing_is_found_sold_and_closing_again_sells_nothing_twice() {
    for transport in ["json", "soap"] {
        let counter = Counter::open("OPERA", transport).await;
        let leg = counter.leg(WISHES).await;
        let held = counter.hold(&leg).await.expect("a hold");
        let step = counter.key.step(0, "confirm");
        let lost = Rule { body: Some("generateBarCodes".to_owned()), ..Rule::on("/", Fault::CommitThenDrop) };
        counter.bench.fail(vec![lost]);
        let error = counter.ordering().confirm(&step, &leg, &held.refs).await.expect_err("a lost answer");
        assert_eq!((&error.kind, error.effect), (&ErrorKind::Unavailable, Effect::Unknown));
        counter.bench.fail(Vec::new());
        let found = counter.ordering().find_confirmation(&step, &leg, &held.refs).await.expect("found");
        assert!(matches!(&found, Found::Done(sold) if sold.tickets.len() == 4), "{found:?}");
        let again = counter.ordering().confirm(&step, &leg, &held.refs).await.expect("the same sale");
        assert_eq!(again.tickets.len(), 4);
        assert_eq!(counter.holdings()["orders"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn a_closing_that_never_arrived_is_found_not_done_and_can_be_repeated() {
    let counter = Counter::open("OPERA", "soap").await;
    let leg = counter.leg(&WISHES[..1]).await;
    let held = counter.hold(&leg).await.expect("a hold");
    let step = counter.key.step(0, "confirm");
    counter.bench.fail(vec![Rule { body: Some("generateBarCodes".to_owned()), ..Rule::on("/", Fault::DropBefore) }]);
    let error = counter.ordering().confirm(&step, &leg, &held.refs).await.expect_err("a torn connection");
    assert_eq!(error.effect, Effect::Unknown, "it was sent, as far as we know");
    counter.bench.fail(Vec::new());
    let found = counter.ordering().find_confirmation(&step, &leg, &held.refs).await.expect("found");
    assert!(matches!(found, Found::NotDone));
    assert!(counter.ordering().confirm(&step, &leg, &held.refs).await.is_ok());
}

#[tokio::test]
async fn each_fault_of_a_write_says_what_it_may_have_done() {
    let status = |status| Fault::Status { status, retry_after: None, body: None };
    for (fault, kind, effect) in [
        (status(400), ErrorKind::Internal, Effect::None),
        (status(500), ErrorKind::Unavailable, Effect::Unknown),
        (status(509), ErrorKind::RateLimited, Effect::None),
        (Fault::CommitThenDrop, ErrorKind::Unavailable, Effect::Unknown),
        (Fault::Truncate, ErrorKind::Unavailable, Effect::Unknown),
        (Fault::Malformed, ErrorKind::Malformed, Effect::Unknown),
        (Fault::Html502, ErrorKind::Unavailable, Effect::Unknown),
        (Fault::Delay { ms: 4_000 }, ErrorKind::Timeout, Effect::Unknown),
    ] {
        for transport in ["json", "soap"] {
            let counter = Counter::open("OPERA", transport).await;
            let leg = counter.leg(&WISHES[..1]).await;
            counter.bench.fail(vec![Rule { body: Some("TG-0001-A".to_owned()), ..Rule::on("/", fault.clone()) }]);
            let error = counter.hold(&leg).await.expect_err("a fault");
            assert_eq!((&error.kind, error.effect), (&kind, effect), "{transport} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_hold_is_given_back_once_and_again_and_runs_out_by_itself() {
    let counter = Counter::open("OPERA", "json").await;
    let leg = counter.leg(WISHES).await;
    let held = counter.hold(&leg).await.expect("a hold");
    for _ in 0..2 {
        counter.ordering().release(&counter.key.step(0, "release"), &leg, &held.refs).await.expect("released");
    }
    assert_eq!(counter.holdings()["holds"], json!([]));
    let stray = counter.hold(&leg).await.expect("a hold");
    counter.bench.clock.advance(901_000);
    assert_eq!(counter.holdings()["holds"], json!([]), "it has run out");
    let error =
        counter.ordering().confirm(&counter.key.step(0, "confirm"), &leg, &stray.refs).await.expect_err("too late");
    assert!(matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == Reason::HoldExpired), "{error}");
    counter.ordering().release(&counter.key.step(0, "release"), &leg, &stray.refs).await.expect("gone is given back");
    let unknown = [ExternalRef::new("secutix.order", "1")];
    counter.ordering().release(&counter.key.step(0, "release"), &leg, &unknown).await.expect("unknown is given back");
}

#[tokio::test]
async fn a_lost_hold_cannot_be_found_and_says_so() {
    let counter = Counter::open("OPERA", "json").await;
    let leg = counter.leg(&WISHES[..1]).await;
    let found = counter.ordering().find_hold(&counter.key.step(0, "hold"), &leg).await.expect("an answer");
    assert!(matches!(found, Found::Unclear));
    assert!(!counter.bench.source.facts.finds_by_our_reference && counter.bench.source.hold_extension.is_none());
}

#[tokio::test]
async fn single_tickets_are_cancelled_read_again_and_their_places_are_free() {
    for transport in ["json", "soap"] {
        let counter = Counter::open("OPERA", transport).await;
        let leg = counter.leg(&WISHES[..2]).await;
        let held = counter.hold(&leg).await.expect("a hold");
        let sold = counter.ordering().confirm(&counter.key.step(0, "confirm"), &leg, &held.refs).await.expect("a sale");
        let first = sold.tickets.iter().find(|ticket| ticket.line == 0).expect("a ticket").refs[0].clone();
        let lines = [CancelLine { line: 0, tickets: vec![first.clone()] }];
        let step = counter.key.step(0, "cancel");
        let before = counter.refunds().find_cancellation(&step, &leg, &sold.refs, &lines).await.expect("an answer");
        assert!(matches!(before, Found::NotDone));
        let undone = counter.refunds().cancel(&step, &leg, &sold.refs, &lines).await.expect("cancelled");
        assert_eq!((undone.refunded, undone.void), (Some(leg.lines[0].unit_price), vec![first]));
        let states: Vec<_> = counter
            .ordering()
            .load_tickets(&leg, &sold.refs)
            .await
            .expect("tickets")
            .iter()
            .map(|ticket| ticket.state)
            .collect();
        assert_eq!(states.iter().filter(|state| **state == TicketState::Void).count(), 1);
        let rest: Vec<CancelLine> = [0, 1].map(|line| CancelLine { line, tickets: Vec::new() }).to_vec();
        let undone = counter.refunds().cancel(&step, &leg, &sold.refs, &rest).await.expect("cancelled");
        assert_eq!(undone.void.len(), 3, "what was void before still is");
        let found = counter.refunds().find_cancellation(&step, &leg, &sold.refs, &rest).await.expect("an answer");
        assert!(matches!(found, Found::Done(_)));
        assert_eq!(counter.holdings()["orders"][0]["state"], json!("CANCELLED"), "{transport}");
    }
}

#[tokio::test]
async fn a_ticket_that_was_used_is_too_late_to_cancel() {
    let counter = Counter::open("CLUB", "soap").await;
    let leg = counter.leg(&[("81192", "81192.i81192001.84111", 1)]).await;
    let held = counter.hold(&leg).await.expect("a hold");
    let sold = counter.ordering().confirm(&counter.key.step(0, "confirm"), &leg, &held.refs).await.expect("a sale");
    let code = sold.tickets[0].barcode.as_ref().expect("a code").value.expose_secret().to_owned();
    counter.twist("use_ticket", Some(&code), json!(null));
    let lines = [CancelLine { line: 0, tickets: Vec::new() }];
    let error =
        counter.refunds().cancel(&counter.key.step(0, "cancel"), &leg, &sold.refs, &lines).await.expect_err("too late");
    assert!(matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == Reason::TooLate), "{error}");
    assert_eq!(error.effect, Effect::None);
}

#[tokio::test]
async fn tickets_for_the_mobile_app_have_codes_for_it_and_are_used_once_their_visitors_went_in() {
    for institution in ["json", "soap"] {
        let counter = Counter::open("OPERA", institution).await;
        let leg = LegRequest { delivery: DeliveryPreference::MobileApp, ..counter.leg(&WISHES[..1]).await };
        let held = counter.hold(&leg).await.expect("a hold");
        let sold = counter.ordering().confirm(&counter.key.step(0, "confirm"), &leg, &held.refs).await.expect("a sale");
        assert!(sold.tickets.iter().all(|ticket| ticket.barcode.is_some() && ticket.state == TicketState::Issued));
        let read = async || {
            let tickets = counter.ordering().load_tickets(&leg, &sold.refs).await.expect("tickets");
            tickets.into_iter().map(|ticket| ticket.state).collect::<Vec<_>>()
        };
        assert!(read().await.iter().all(|state| *state == TicketState::Issued), "nobody went in yet");
        let code = sold.tickets[0].barcode.as_ref().expect("a code").value.expose_secret().to_owned();
        counter.twist("use_ticket", Some(&code), json!(null));
        let states = read().await;
        let now = counter.bench.clock.now();
        assert!(states.contains(&TicketState::Used(Some(now))) && states.contains(&TicketState::Issued), "{states:?}");
        counter.bench.clock.advance(400 * 24 * 3_600_000);
        assert!(read().await.iter().all(|state| matches!(state, TicketState::Used(Some(_)))), "all went in");
    }
}

#[tokio::test]
async fn what_was_sold_is_listed_ticket_by_ticket_and_what_was_cancelled_is_not() {
    let counter = Counter::open("OPERA", "soap").await;
    let leg = counter.leg(WISHES).await;
    let held = counter.hold(&leg).await.expect("a hold");
    let sold = counter.ordering().confirm(&counter.key.step(0, "confirm"), &leg, &held.refs).await.expect("a sale");
    let performances: Vec<_> = leg.lines.iter().map(|line| line.performance.clone()).collect();
    let now = counter.bench.clock.now();
    let list = async || {
        let (from, to) = (now - Duration::from_secs(60), now + Duration::from_secs(60));
        counter.ordering().list_sales(from, to, &performances, &[]).await.expect("sales")
    };
    let listed = list().await;
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|sale| sale.is_sold && sold.refs.contains(&sale.refs[0])));
    let lines = [CancelLine { line: 2, tickets: Vec::new() }];
    counter.refunds().cancel(&counter.key.step(0, "cancel"), &leg, &sold.refs, &lines).await.expect("cancelled");
    assert_eq!(list().await.len(), 3);
}

#[tokio::test]
async fn a_reseller_of_another_channel_has_no_account_here() {
    let counter = Counter::open("OPERA", "json").await;
    let mut leg = counter.leg(&WISHES[..1]).await;
    leg.account.insert("sales_channel".to_owned(), "DGTK".to_owned());
    leg.account.insert("point_of_sale".to_owned(), "500100".to_owned());
    assert_eq!(counter.ordering().refuses(&leg), None);
    assert!(counter.hold(&leg).await.is_ok());
    leg.account.insert("point_of_sale".to_owned(), "9".to_owned());
    let error = counter.hold(&leg).await.expect_err("an unknown point of sale");
    assert!(
        matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.vendor_code.as_deref() == Some("error.pointOfSales"))
    );
    leg.account.insert("sales_channel".to_owned(), "OTHER".to_owned());
    assert!(counter.ordering().refuses(&leg).is_some());
}
