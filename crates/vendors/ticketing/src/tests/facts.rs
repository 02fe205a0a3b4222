//! Inferred facts, each with its default and with the setting that corrects it.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::assumptions::PaymentWord;
use crate::map::order::OrderState;
use crate::map::{SourceDefaults, account, authoring, event, order};
use crate::settings::Facts;
use crate::tests::{client, defaults, leg, now};
use crate::wire;
use domain::ordering::{Symbology, TicketState};
use domain::{EventStatus, VendorOperation};
use testkit::FixtureCase;

fn with(settings: &str) -> SourceDefaults {
    SourceDefaults { facts: Facts::with(settings), ..defaults() }
}

/// Parses from text, because the wire types read raw numbers.
fn parse<T: serde::de::DeserializeOwned>(json: &Value) -> T {
    serde_json::from_str(&json.to_string()).expect("the vendor's form")
}

#[test]
fn an_event_is_sold_by_the_meaning_of_its_status_word() {
    let status = |word: &str, settings: &str| {
        let section =
            json!({ "self": "/sections/1", "name": "Floor", "capacity": 10, "remaining": 10, "price": { "base": 10 } });
        let one = json!({ "self": "/events/1", "status": word, "start": "2034-07-01T20:00", "sections": [section] });
        event::event(&parse(&one), &with(settings), now()).expect("an event").status
    };
    for (word, expected) in [
        ("SCHEDULED", EventStatus::OnSale),
        ("Draft", EventStatus::Draft),
        ("Submitted", EventStatus::Draft),
        ("Cancelled", EventStatus::Cancelled),
        ("Live", EventStatus::OffSale),
    ] {
        assert_eq!(status(word, ""), expected, "{word}");
    }
    assert_eq!(status("Live", "event_status_words = { Live = \"published\" }"), EventStatus::OnSale);
    assert_eq!(status("Scheduled", "event_status_words = { Scheduled = \"draft\" }"), EventStatus::Draft);
}

#[test]
fn an_event_without_an_end_lasts_as_long_as_the_setting_says() {
    let status = |settings: &str| {
        let one = json!({ "self": "/events/1", "status": "Scheduled", "start": "2034-06-01T00:00" });
        event::event(&parse(&one), &with(settings), now()).expect("an event").status
    };
    assert_ne!(status(""), EventStatus::Ended);
    assert_eq!(status("open_ended_event = \"2h\""), EventStatus::Ended);
}

#[test]
fn an_order_a_ticket_and_a_payment_are_read_by_the_meaning_of_their_words() {
    let state = |word: &str, settings: &str| {
        let placed = json!({ "number": "1", "status": word, "total": 10 });
        order::order_state(&parse(&placed), &Facts::with(settings))
    };
    assert_eq!((state("timed out", ""), state("Paid", "")), (OrderState::Abandoned, OrderState::Unknown));
    assert_eq!(state("Paid", "order_status_words = { Paid = \"fulfilled\" }"), OrderState::Fulfilled);
    let ticket = |word: &str, settings: &str| {
        let section = leg().lines[0].ticket_type.as_str().replace('/', "/sections/");
        let owned = json!({ "serial": "S1", "status": word, "section": format!("/events/{section}") });
        let issued = order::issued_tickets(&leg(), vec![parse(&owned)], &Facts::with(settings)).swap_remove(0);
        (issued.state, issued.barcode.expect("a code").symbology)
    };
    assert_eq!(ticket("issued", ""), (TicketState::Issued, Symbology::Qr));
    assert_eq!(ticket("Sold", ""), (TicketState::Pending, Symbology::Qr));
    let settings = "ticket_status_words = { Sold = \"issued\" }\nbarcode_symbology = \"pdf417\"";
    assert_eq!(ticket("Sold", settings), (TicketState::Issued, Symbology::Pdf417));
    let paid = |word: &str, settings: &str| {
        let settled: wire::PaymentResult = parse(&json!({ "status": word }));
        account::payment_word(&settled, &Facts::with(settings))
    };
    assert_eq!(
        (paid("Authorised", ""), paid("Declined", "")),
        (Some(PaymentWord::Authorized), Some(PaymentWord::Declined))
    );
    assert_eq!(paid("Approved", ""), None);
    let settings = "payment_status_words = { Approved = \"authorized\" }";
    assert_eq!(paid("Approved", settings), Some(PaymentWord::Authorized));
}

#[test]
fn a_hold_ends_with_the_payment_window() {
    let placed: wire::Order =
        parse(&json!({ "number": "1", "status": "Placed", "placed": "2034-06-01T12:00:00+00:00" }));
    for (settings, minutes) in [("", 15), ("payment_window = \"5m\"", 5)] {
        let held = order::held(&placed, "BE-1", &with(settings));
        assert_eq!(held.expires_at, Some(now() + SignedDuration::from_mins(minutes)), "{settings}");
    }
}

#[test]
fn a_section_that_may_have_tickets_is_not_known_to_be_empty() {
    let allocation = |fields: Value| authoring::known_allocation(&parse(&fields));
    for (fields, expected) in [
        (json!({ "sold": 0, "reserved": 0 }), Some(0)),
        (json!({ "sold": "3", "reserved": 2 }), Some(5)),
        (json!({ "sold": 0, "capacity": 10, "remaining": 8 }), Some(2)),
        (json!({ "capacity": 10, "remaining": 10 }), Some(0)),
        (json!({ "capacity": 10 }), None),
        (json!({}), None),
    ] {
        assert_eq!(allocation(fields.clone()), expected, "{fields}");
    }
}

#[tokio::test]
async fn a_list_is_paged_by_the_size_that_the_answer_names() {
    let page = |number: usize| {
        let event = json!({ "self": format!("/events/{number}") });
        FixtureCase::new(
            "a page",
            200,
            json!({ "total": 3, "page": number, "records": 1, "entries": [event] }).to_string(),
        )
    };
    let (client, server) = client(vec![page(1), page(2), page(3)]).await;
    let listed = client.published_events(VendorOperation::ListEvents, None).await.expect("events");
    assert_eq!((listed.len(), server.requests().len()), (3, 3));
}
