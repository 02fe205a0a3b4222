//! Orders at SecuTix: each step, including lost responses, over both protocols (`secutix.md §3.3`, §3.4, §5).

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ordering::{
    CancelLine, Contact, DeliveryPreference, LegLine, LegRequest, LookupOutcome, Ordering, PlacedHold, Refunds,
    TicketState,
};
use domain::{
    CatalogScope, Clock, Effect, ErrorKind, ExternalRef, OrderKey, PerformanceKey, PerformanceWindow, RefusalReason,
    TicketTypeKey,
};
use emulators::{Fault, Rule};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::contract::VendorFixture;
use crate::contract::fixture::secutix;

/// A fixture and the key of one order.
struct OrderFixture {
    vendor: VendorFixture,
    key: OrderKey,
}

impl OrderFixture {
    async fn open(institution: &str, transport: &str) -> Self {
        Self { vendor: secutix(institution, transport).await, key: OrderKey(uuid::Uuid::from_u128(7)) }
    }

    fn ordering(&self) -> &dyn Ordering {
        self.vendor.source.ordering.as_deref().expect("ordering port")
    }

    fn refunds(&self) -> &dyn Refunds {
        self.vendor.source.refunds.as_deref().expect("refunds port")
    }

    async fn hold(&self, leg: &LegRequest) -> Result<PlacedHold, domain::VendorError> {
        self.ordering().hold(&self.key.step_key(0, "hold"), leg).await
    }

    /// Builds a leg from triples of event, ticket type and quantity, on the last listed performance of each event.
    async fn leg(&self, wishes: &[(&str, &str, u32)]) -> LegRequest {
        let catalog = &self.vendor.source.catalog;
        let events = catalog.list_events(CatalogScope::Public).await.expect("events").value;
        let window = PerformanceWindow { from: self.vendor.clock.now(), to: None, limit: 10 };
        let mut lines = Vec::new();
        for (line, (event, tariff, quantity)) in wishes.iter().enumerate() {
            let event = events.iter().find(|one| one.key.as_str() == *event).expect("an event");
            let mut lists = catalog.list_performances(std::slice::from_ref(&event.key), &window).await;
            let performance =
                lists.remove(&event.key).expect("lookup result").expect("a list").value.last().expect("a date").clone();
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

    fn change_state(&self, name: &str, id: Option<&str>, value: Value) {
        self.vendor.change_state(name, id, value);
    }

    fn holdings(&self) -> Value {
        self.vendor.running.stage.inventory()
    }

    fn calls(&self, method: &str) -> usize {
        self.vendor.running.stage.log.count(method)
    }
}

fn leg_of(lines: Vec<LegLine>) -> LegRequest {
    LegRequest {
        reference: "TG-0001-A".to_owned(),
        lines,
        contact: Some(Contact {
            first_name: "Ada".to_owned(),
            last_name: "Guest".to_owned(),
            email: "ada@example.org".to_owned(),
            phone: None,
            postal_code: None,
        }),
        account: BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: true,
    }
}

/// Two adults in the stalls, one child on the first balcony, one discovery card.
const LINES: &[(&str, &str, u32)] =
    &[("81001", "81001.s83001.84011", 2), ("81001", "81001.s83002.84013", 1), ("81006", "81006.i81006001.84011", 1)];

#[tokio::test]
async fn seats_are_held_with_price_and_expiry_and_sold_with_barcodes_by_line() {
    for transport in ["json", "soap"] {
        let fixture = OrderFixture::open("OPERA", transport).await;
        let leg = fixture.leg(LINES).await;
        let expected: i64 = leg.lines.iter().map(|line| line.unit_price.amount * i64::from(line.quantity)).sum();
        let held = fixture.hold(&leg).await.expect("hold");
        let in_15_minutes = fixture.vendor.clock.now() + Duration::from_secs(900);
        assert_eq!((held.expires_at, held.total.map(|total| total.amount)), (Some(in_15_minutes), Some(expected)));
        assert_eq!(fixture.holdings()["holds"][0]["quantity"], json!(4));
        assert_eq!(fixture.holdings()["holds"][0]["reference"], json!("TG-0001-A"));
        let sold =
            fixture.ordering().confirm(&fixture.key.step_key(0, "confirm"), &leg, &held.refs).await.expect("sale");
        assert_eq!(sold.total.map(|total| total.amount), Some(expected));
        let mut lines: Vec<usize> = sold.tickets.iter().map(|ticket| ticket.line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [0, 0, 1, 2], "{transport}");
        let codes: std::collections::BTreeSet<String> = sold
            .tickets
            .iter()
            .map(|ticket| ticket.barcode.as_ref().expect("barcode").value.expose_secret().to_owned())
            .collect();
        assert_eq!(codes.len(), 4);
        assert!(sold.tickets.iter().all(|ticket| ticket.state == TicketState::Issued));
        let order = &fixture.holdings()["orders"][0];
        assert_eq!((&order["state"], &order["total_minor"]), (&json!("CLOSED"), &json!(expected)));
        assert_eq!(fixture.holdings()["holds"], json!([]));
        let again = fixture.ordering().load_tickets(&leg, &sold.refs).await.expect("tickets");
        assert_eq!(again.len(), 4);
    }
}

#[tokio::test]
async fn sold_out_and_off_sale_lines_are_rejected_without_a_hold() {
    let fixture = OrderFixture::open("CLUB", "soap").await;
    let events = fixture.vendor.source.catalog.list_events(CatalogScope::Public).await.expect("events").value;
    let game = events
        .iter()
        .filter(|event| event.key.as_str().starts_with("811000") || event.key.as_str().starts_with("811"))
        .find(|event| event.title.main.contains("FC Rive –"))
        .expect("a match");
    let tariff = format!("{}.s83103.84111", game.key);
    let leg = fixture.leg(&[(game.key.as_str(), &tariff, 2)]).await;
    let performance = leg.lines[0].performance.to_string();
    fixture.change_state("sold_out", Some(&performance), json!(null));
    let error = fixture.hold(&leg).await.expect_err("sold out");
    let ErrorKind::Rejected(refusal) = &error.kind else { panic!("{error}") };
    assert_eq!(
        (&refusal.reason, refusal.vendor_code.as_deref(), error.effect),
        (&RefusalReason::SoldOut { remaining: None }, Some("error.order.availability"), Effect::None)
    );
    fixture.change_state("restock", Some(&performance), json!(0));
    fixture.change_state("suspend", Some(game.key.as_str()), json!(null));
    let error = fixture.hold(&leg).await.expect_err("suspended");
    assert!(
        matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == RefusalReason::NotOnSale),
        "{error}"
    );
    let mut unknown = leg.clone();
    unknown.lines[0].performance = PerformanceKey::new("no date");
    let error = fixture.hold(&unknown).await.expect_err("unknown performance");
    assert!(
        matches!(&error.kind, ErrorKind::Rejected(refusal) if matches!(refusal.reason, RefusalReason::InvalidInput { .. }))
    );
    assert_eq!(fixture.holdings(), json!({"holds": [], "orders": []}));
}

#[tokio::test]
async fn a_price_that_changed_since_the_hold_is_never_paid_silently() {
    let fixture = OrderFixture::open("OPERA", "json").await;
    let leg = fixture.leg(&LINES[..1]).await;
    fixture.change_state("price", Some("81001"), json!(200_000));
    let held = fixture.hold(&leg).await.expect("hold");
    assert_eq!(
        held.total.map(|total| total.amount),
        Some(40_000),
        "the hold returns the new price, for the order to compare"
    );
    let mut refs = held.refs.clone();
    for one in refs.iter_mut().filter(|one| one.kind == "secutix.amount") {
        one.value = "360000".to_owned();
    }
    let error =
        fixture.ordering().confirm(&fixture.key.step_key(0, "confirm"), &leg, &refs).await.expect_err("another price");
    assert!(
        matches!(&error.kind, ErrorKind::Rejected(refusal) if matches!(refusal.reason, RefusalReason::PriceChanged { .. })),
        "{error}"
    );
    assert_eq!(fixture.holdings()["orders"], json!([]), "the vendor took no other payment than that of the hold");
}

#[tokio::test]
async fn an_order_that_is_placed_makes_three_calls_and_one_that_waits_for_its_client_a_fourth() {
    for (waits, transport) in [(false, "json"), (false, "soap"), (true, "json"), (true, "soap")] {
        let fixture = OrderFixture::open("OPERA", transport).await;
        let leg = LegRequest { hold_waits_for_client: waits, ..fixture.leg(LINES).await };
        let held = fixture.hold(&leg).await.expect("hold");
        assert_eq!(held.expires_at.is_some(), waits, "only the details contain it");
        assert!(held.total.is_some_and(|total| total.amount > 0));
        let confirm = fixture.key.step_key(0, "confirm");
        let sold = fixture.ordering().confirm(&confirm, &leg, &held.refs).await.expect("sale");
        assert!(sold.tickets.iter().all(|ticket| ticket.barcode.is_some()));
        let calls = ["createOrUpdateOrder", "closeOrder", "getOrderDetails"].map(|method| fixture.calls(method));
        assert_eq!(calls, [1, 1, 1 + usize::from(waits)], "{transport}");
    }
}

#[tokio::test]
async fn a_sale_whose_details_cannot_be_read_is_a_sale_and_its_tickets_come_later() {
    let fixture = OrderFixture::open("OPERA", "json").await;
    let leg = fixture.leg(LINES).await;
    let held = fixture.hold(&leg).await.expect("hold");
    let fault = Fault::Status { status: 500, retry_after: None, body: None };
    fixture.vendor.fail(vec![Rule::for_path("getOrderDetails", fault)]);
    let confirm = fixture.key.step_key(0, "confirm");
    let sold = fixture.ordering().confirm(&confirm, &leg, &held.refs).await.expect("sale");
    assert_eq!((sold.total, fixture.calls("closeOrder")), (held.total, 1));
    let is_pending = |state: TicketState| state == TicketState::Pending;
    assert!(sold.tickets.len() == 4 && sold.tickets.iter().all(|ticket| is_pending(ticket.state)));
}

/// Hardly any code of a refusal is documented: what a closed order is refused with says nothing about the sale.
#[tokio::test]
async fn a_close_that_is_refused_under_any_code_is_a_sale_if_the_order_is_closed() {
    for code in ["error.order.expired", "error.order.payment", "error.order.notFound", "error.something.else"] {
        let fixture = OrderFixture::open("OPERA", "json").await;
        let leg = fixture.leg(LINES).await;
        let held = fixture.hold(&leg).await.expect("hold");
        let confirm = fixture.key.step_key(0, "confirm");
        let sold = fixture.ordering().confirm(&confirm, &leg, &held.refs).await.expect("sale");
        let body = json!({ "statusCode": code, "expectedException": true, "orderData": null }).to_string();
        let refused = Fault::Status { status: 200, retry_after: None, body: Some(body) };
        fixture.vendor.fail(vec![Rule::for_path("closeOrder", refused)]);
        let again = fixture.ordering().confirm(&confirm, &leg, &held.refs).await.expect("the same sale");
        assert_eq!((again.total, again.tickets.len()), (sold.total, sold.tickets.len()), "{code}");
    }
}

#[tokio::test]
async fn a_close_that_is_refused_while_the_order_cannot_be_read_is_unknown() {
    let fixture = OrderFixture::open("OPERA", "json").await;
    let leg = fixture.leg(LINES).await;
    let held = fixture.hold(&leg).await.expect("hold");
    let body = json!({ "statusCode": "error.something.else", "expectedException": true }).to_string();
    let refused = Fault::Status { status: 200, retry_after: None, body: Some(body) };
    let unreadable = Fault::Status { status: 500, retry_after: None, body: None };
    fixture.vendor.fail(vec![Rule::for_path("closeOrder", refused), Rule::for_path("getOrderDetails", unreadable)]);
    let confirm = fixture.key.step_key(0, "confirm");
    let error = fixture.ordering().confirm(&confirm, &leg, &held.refs).await.expect_err("refused");
    assert_eq!(error.effect, Effect::Unknown, "{error}");
}

#[tokio::test]
async fn a_lost_close_is_found_confirmed_and_a_repeated_confirm_sells_nothing_twice() {
    for transport in ["json", "soap"] {
        let fixture = OrderFixture::open("OPERA", transport).await;
        let leg = fixture.leg(LINES).await;
        let held = fixture.hold(&leg).await.expect("hold");
        let step = fixture.key.step_key(0, "confirm");
        let lost = Rule { body: Some("generateBarCodes".to_owned()), ..Rule::for_path("/", Fault::CommitThenDrop) };
        fixture.vendor.fail(vec![lost]);
        let error = fixture.ordering().confirm(&step, &leg, &held.refs).await.expect_err("lost response");
        assert_eq!((&error.kind, error.effect), (&ErrorKind::Unavailable, Effect::Unknown));
        fixture.vendor.fail(Vec::new());
        let found = fixture.ordering().find_confirmation(&step, &leg, &held.refs).await.expect("found");
        assert!(matches!(&found, LookupOutcome::Done(sold) if sold.tickets.len() == 4), "{found:?}");
        let again = fixture.ordering().confirm(&step, &leg, &held.refs).await.expect("the same sale");
        assert_eq!(again.tickets.len(), 4);
        assert_eq!(fixture.holdings()["orders"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn a_close_that_never_arrived_is_found_not_done_and_can_be_repeated() {
    let fixture = OrderFixture::open("OPERA", "soap").await;
    let leg = fixture.leg(&LINES[..1]).await;
    let held = fixture.hold(&leg).await.expect("hold");
    let step = fixture.key.step_key(0, "confirm");
    fixture
        .vendor
        .fail(vec![Rule { body: Some("generateBarCodes".to_owned()), ..Rule::for_path("/", Fault::DropBefore) }]);
    let error = fixture.ordering().confirm(&step, &leg, &held.refs).await.expect_err("dropped connection");
    assert_eq!(error.effect, Effect::Unknown, "it may have been received");
    fixture.vendor.fail(Vec::new());
    let found = fixture.ordering().find_confirmation(&step, &leg, &held.refs).await.expect("found");
    assert!(matches!(found, LookupOutcome::NotDone));
    assert!(fixture.ordering().confirm(&step, &leg, &held.refs).await.is_ok());
}

#[tokio::test]
async fn each_fault_of_a_write_has_its_kind_and_effect() {
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
            let fixture = OrderFixture::open("OPERA", transport).await;
            let leg = fixture.leg(&LINES[..1]).await;
            fixture
                .vendor
                .fail(vec![Rule { body: Some("TG-0001-A".to_owned()), ..Rule::for_path("/", fault.clone()) }]);
            let error = fixture.hold(&leg).await.expect_err("injected fault");
            assert_eq!((&error.kind, error.effect), (&kind, effect), "{transport} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_hold_is_released_repeatedly_and_expires_by_itself() {
    let fixture = OrderFixture::open("OPERA", "json").await;
    let leg = fixture.leg(LINES).await;
    let held = fixture.hold(&leg).await.expect("hold");
    for _ in 0..2 {
        fixture.ordering().release(&fixture.key.step_key(0, "release"), &leg, &held.refs).await.expect("released");
    }
    assert_eq!(fixture.holdings()["holds"], json!([]));
    let abandoned = fixture.hold(&leg).await.expect("hold");
    fixture.vendor.clock.advance(901_000);
    assert_eq!(fixture.holdings()["holds"], json!([]), "it has expired");
    let error = fixture
        .ordering()
        .confirm(&fixture.key.step_key(0, "confirm"), &leg, &abandoned.refs)
        .await
        .expect_err("too late");
    assert!(
        matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == RefusalReason::HoldExpired),
        "{error}"
    );
    fixture
        .ordering()
        .release(&fixture.key.step_key(0, "release"), &leg, &abandoned.refs)
        .await
        .expect("an expired hold is released");
    let unknown = [ExternalRef::new("secutix.order", "1")];
    fixture
        .ordering()
        .release(&fixture.key.step_key(0, "release"), &leg, &unknown)
        .await
        .expect("an unknown hold is released");
}

#[tokio::test]
async fn a_lost_hold_cannot_be_found() {
    let fixture = OrderFixture::open("OPERA", "json").await;
    let leg = fixture.leg(&LINES[..1]).await;
    let found = fixture.ordering().find_hold(&fixture.key.step_key(0, "hold"), &leg).await.expect("lookup result");
    assert!(matches!(found, LookupOutcome::Undetermined));
    assert!(!fixture.vendor.source.traits.finds_by_our_reference && fixture.vendor.source.hold_extension.is_none());
}

#[tokio::test]
async fn single_tickets_are_canceled_and_verified() {
    for transport in ["json", "soap"] {
        let fixture = OrderFixture::open("OPERA", transport).await;
        let leg = fixture.leg(&LINES[..2]).await;
        let held = fixture.hold(&leg).await.expect("hold");
        let sold =
            fixture.ordering().confirm(&fixture.key.step_key(0, "confirm"), &leg, &held.refs).await.expect("sale");
        let first = sold.tickets.iter().find(|ticket| ticket.line == 0).expect("ticket of the line").refs[0].clone();
        let lines = [CancelLine { line: 0, tickets: vec![first.clone()] }];
        let step = fixture.key.step_key(0, "cancel");
        let before = fixture.refunds().find_cancellation(&step, &leg, &sold.refs, &lines).await.expect("lookup result");
        assert!(matches!(before, LookupOutcome::NotDone));
        let cancellation = fixture.refunds().cancel(&step, &leg, &sold.refs, &lines).await.expect("canceled");
        assert_eq!((cancellation.refunded, cancellation.voided), (Some(leg.lines[0].unit_price), vec![first]));
        let states: Vec<_> = fixture
            .ordering()
            .load_tickets(&leg, &sold.refs)
            .await
            .expect("tickets")
            .iter()
            .map(|ticket| ticket.state)
            .collect();
        assert_eq!(states.iter().filter(|state| **state == TicketState::Void).count(), 1);
        let rest: Vec<CancelLine> = [0, 1].map(|line| CancelLine { line, tickets: Vec::new() }).to_vec();
        let cancellation = fixture.refunds().cancel(&step, &leg, &sold.refs, &rest).await.expect("canceled");
        assert_eq!(cancellation.voided.len(), 3, "tickets that were void before are included");
        let found = fixture.refunds().find_cancellation(&step, &leg, &sold.refs, &rest).await.expect("lookup result");
        assert!(matches!(found, LookupOutcome::Done(_)));
        assert_eq!(fixture.holdings()["orders"][0]["state"], json!("CANCELLED"), "{transport}");
    }
}

#[tokio::test]
async fn a_used_ticket_is_too_late_to_cancel() {
    let fixture = OrderFixture::open("CLUB", "soap").await;
    let leg = fixture.leg(&[("81192", "81192.i81192001.84111", 1)]).await;
    let held = fixture.hold(&leg).await.expect("hold");
    let sold = fixture.ordering().confirm(&fixture.key.step_key(0, "confirm"), &leg, &held.refs).await.expect("sale");
    let code = sold.tickets[0].barcode.as_ref().expect("barcode").value.expose_secret().to_owned();
    fixture.change_state("use_ticket", Some(&code), json!(null));
    let lines = [CancelLine { line: 0, tickets: Vec::new() }];
    let error = fixture
        .refunds()
        .cancel(&fixture.key.step_key(0, "cancel"), &leg, &sold.refs, &lines)
        .await
        .expect_err("too late");
    assert!(matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == RefusalReason::TooLate), "{error}");
    assert_eq!(error.effect, Effect::None);
}

#[tokio::test]
async fn mobile_app_tickets_have_barcodes_and_are_used_once_admitted() {
    for transport in ["json", "soap"] {
        let fixture = OrderFixture::open("OPERA", transport).await;
        let leg = LegRequest { delivery: DeliveryPreference::MobileApp, ..fixture.leg(&LINES[..1]).await };
        let held = fixture.hold(&leg).await.expect("hold");
        let sold =
            fixture.ordering().confirm(&fixture.key.step_key(0, "confirm"), &leg, &held.refs).await.expect("sale");
        assert!(sold.tickets.iter().all(|ticket| ticket.barcode.is_some() && ticket.state == TicketState::Issued));
        let read = async || {
            let tickets = fixture.ordering().load_tickets(&leg, &sold.refs).await.expect("tickets");
            tickets.into_iter().map(|ticket| ticket.state).collect::<Vec<_>>()
        };
        assert!(read().await.iter().all(|state| *state == TicketState::Issued), "nobody was admitted yet");
        let code = sold.tickets[0].barcode.as_ref().expect("barcode").value.expose_secret().to_owned();
        fixture.change_state("use_ticket", Some(&code), json!(null));
        let states = read().await;
        let now = fixture.vendor.clock.now();
        assert!(states.contains(&TicketState::Used(Some(now))) && states.contains(&TicketState::Issued), "{states:?}");
        fixture.vendor.clock.advance(400 * 24 * 3_600_000);
        assert!(read().await.iter().all(|state| matches!(state, TicketState::Used(Some(_)))), "all were admitted");
    }
}

#[tokio::test]
async fn sold_tickets_are_listed_one_by_one_and_canceled_ones_are_not() {
    let fixture = OrderFixture::open("OPERA", "soap").await;
    let leg = fixture.leg(LINES).await;
    let held = fixture.hold(&leg).await.expect("hold");
    let sold = fixture.ordering().confirm(&fixture.key.step_key(0, "confirm"), &leg, &held.refs).await.expect("sale");
    let performances: Vec<_> = leg.lines.iter().map(|line| line.performance.clone()).collect();
    let now = fixture.vendor.clock.now();
    let list = async || {
        let (from, to) = (now - Duration::from_secs(60), now + Duration::from_secs(60));
        fixture.ordering().list_sales(from, to, &performances, &[]).await.expect("sales")
    };
    let listed = list().await;
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|sale| sale.is_sold && sold.refs.contains(&sale.refs[0])));
    let lines = [CancelLine { line: 2, tickets: Vec::new() }];
    fixture.refunds().cancel(&fixture.key.step_key(0, "cancel"), &leg, &sold.refs, &lines).await.expect("canceled");
    assert_eq!(list().await.len(), 3);
}

#[tokio::test]
async fn a_reseller_of_another_channel_has_no_account_here() {
    let fixture = OrderFixture::open("OPERA", "json").await;
    let mut leg = fixture.leg(&LINES[..1]).await;
    leg.account.insert("sales_channel".to_owned(), "DGTK".to_owned());
    leg.account.insert("point_of_sale".to_owned(), "500100".to_owned());
    assert_eq!(fixture.ordering().settlement_refusal(&leg), None);
    assert!(fixture.hold(&leg).await.is_ok());
    leg.account.insert("point_of_sale".to_owned(), "9".to_owned());
    let error = fixture.hold(&leg).await.expect_err("an unknown point of sale");
    assert!(
        matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.vendor_code.as_deref() == Some("error.pointOfSales"))
    );
    leg.account.insert("sales_channel".to_owned(), "OTHER".to_owned());
    assert!(fixture.ordering().settlement_refusal(&leg).is_some());
}
