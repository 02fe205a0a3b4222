//! Doubts: sales in part, absent pages, lists that are cut, and amounts that nobody named prove nothing.

use serde_json::{Value, json};

use super::bookings::{checked, key, nothing, reason};
use super::{booking, error, leg, leg_of_two, merge, slot, supplier};
use crate::map::keys;
use domain::ordering::{CancelLine, LookupOutcome, Ordering, Refunds};
use domain::{Effect, ErrorKind, ExternalRef, Money, RefusalReason};

fn end_of_hold(at: &str) -> ExternalRef {
    ExternalRef::new("octo.holdExpiry", at)
}

#[tokio::test]
async fn a_leg_that_is_sold_in_part_waits_for_a_person_once_the_rest_is_over() {
    let leg = leg_of_two();
    let state = |number: usize, status: &str| (200, booking(&leg, number, status, &nothing()));
    let later = [end_of_hold("2027-06-01T12:15:00Z")];
    let soon = [end_of_hold("2027-06-01T12:00:59Z")];
    for (rest, refs, is_not_done) in [
        ("ON_HOLD", &later[..], true),
        ("ON_HOLD", &soon[..], false),
        ("EXPIRED", &later[..], false),
        ("CANCELLED", &later[..], false),
    ] {
        let (source, _server) = supplier("", vec![state(0, "CONFIRMED"), state(1, rest)]).await;
        let found = source.find_confirmation(&key(), &leg, refs).await.expect("a look-up");
        assert_eq!(matches!(found, LookupOutcome::NotDone), is_not_done, "{rest}");
    }
    // Nothing is sold: the leg may expire.
    let (source, _server) = supplier("", vec![state(0, "EXPIRED"), state(1, "EXPIRED")]).await;
    let found = source.find_confirmation(&key(), &leg, &soon).await.expect("a look-up");
    assert!(matches!(found, LookupOutcome::NotDone));
}

#[tokio::test]
async fn a_booking_that_was_sold_is_undone_only_if_it_is_seen_canceled() {
    let leg = leg_of_two();
    let state = |number: usize, status: &str| (200, booking(&leg, number, status, &nothing()));
    let start = vec![state(0, "ON_HOLD"), state(1, "ON_HOLD"), state(0, "CONFIRMED"), error("UNPROCESSABLE_ENTITY")];
    let gone = vec![state(1, "EXPIRED"), error("UNPROCESSABLE_ENTITY"), error("BAD_REQUEST")];
    let (source, _server) = supplier("", [start, gone].concat()).await;
    let refused = source.confirm(&key(), &leg, &[]).await.expect_err("a refusal");
    assert_eq!(refused.effect, Effect::Unknown, "a booking that is not found may be sold");
}

#[tokio::test]
async fn a_release_at_a_page_that_is_not_there_is_no_release() {
    let leg = leg();
    let held = (200, booking(&leg, 0, "ON_HOLD", &nothing()));
    let page = (404, json!("Not Found"));
    for responses in
        [vec![page.clone(), held.clone()], vec![(404, json!({ "error": "NOT_FOUND" })), held], vec![page.clone(), page]]
    {
        let (source, _server) = supplier("", responses).await;
        let failed = source.release(&key(), &leg, &[]).await.expect_err("it is still held");
        assert!(failed.kind != ErrorKind::NotFound && failed.effect == Effect::Unknown, "{failed:?}");
    }
    let expired = (200, booking(&leg, 0, "EXPIRED", &nothing()));
    let (source, _server) = supplier("", vec![(404, json!({ "error": "NOT_FOUND" })), expired]).await;
    source.release(&key(), &leg, &[]).await.expect("its end was read");
}

#[tokio::test]
async fn a_list_proves_that_a_booking_is_absent_only_if_it_is_whole() {
    let leg = leg();
    let missing = error("INVALID_BOOKING_UUID");
    let past = [end_of_hold("2027-06-01T11:57:00Z")];
    let unnamed = booking(&leg, 0, "CONFIRMED", &json!({ "resellerReference": null }));
    let other = booking(&leg, 0, "EXPIRED", &json!({ "uuid": "6d2c1a52-3f0e-4d4e-8f0a-000000000001" }));
    let mut foreign = other.clone();
    merge(&mut foreign, &json!({ "resellerReference": "of another" }));
    for (lines, rows, is_not_done) in [
        ("", vec![], true),
        ("", vec![other.clone()], true),
        ("", vec![unnamed], false),
        ("", vec![foreign], false),
        ("", vec![other.clone(), json!("unreadable")], false),
        ("assumptions.list_cap = 1", vec![other], false),
    ] {
        let (source, _server) = supplier(lines, vec![missing.clone(), (200, Value::from(rows.clone()))]).await;
        let found = source.find_confirmation(&key(), &leg, &past).await.expect("a look-up");
        assert_eq!(matches!(found, LookupOutcome::NotDone), is_not_done, "{lines} {rows:?}");
    }
}

#[tokio::test]
async fn a_hold_without_a_price_is_compared_with_the_promised_one_before_it_is_confirmed() {
    let leg = leg();
    let bare = booking(
        &leg,
        0,
        "ON_HOLD",
        &json!({ "pricing": null, "unitItems": bare_items(&booking(&leg, 0, "", &nothing())) }),
    );
    let mut dearer = slot("s-1", &nothing());
    dearer["unitPricing"][1]["retail"] = json!(1100);
    let responses = [vec![(200, bare)], checked(), vec![(200, json!([dearer]))]].concat();
    let (source, server) = supplier("assumptions.hold_fixes_price = false", responses).await;
    let refused = source.confirm(&key(), &leg, &[]).await.expect_err("a refusal");
    let now = Money::new(6100, super::euro());
    assert_eq!(reason(&refused), Some(&RefusalReason::PriceChanged { now }));
    assert_eq!(server.requests().len(), 3, "nothing was confirmed");
}

fn bare_items(booking: &Value) -> Vec<Value> {
    let items = booking["unitItems"].as_array().expect("items");
    items.iter().map(|item| json!({ "uuid": item["uuid"], "unitId": item["unitId"] })).collect()
}

#[tokio::test]
async fn a_refund_is_never_more_than_the_sale_cost() {
    let leg = leg();
    let full = |pricing: Value| {
        let cancellation = json!({ "refund": "FULL" });
        (200, booking(&leg, 0, "CANCELLED", &json!({ "pricing": pricing, "cancellation": cancellation })))
    };
    let sold_for = |amount: i64| [ExternalRef::new("octo.total", format!("{amount} EUR"))];
    let line = CancelLine { line: 0, tickets: Vec::new() };
    for (response, refs, refunded) in [
        (full(super::pricing(6000)), &sold_for(6000)[..], 6000),
        (full(super::pricing(9900)), &sold_for(6000)[..], 6000),
        (full(super::pricing(9900)), &[][..], 6000),
        (full(Value::Null), &sold_for(5000)[..], 5000),
    ] {
        let (source, _server) = supplier("", vec![response]).await;
        let canceled = source.cancel(&key(), &leg, refs, std::slice::from_ref(&line)).await.expect("a cancellation");
        assert_eq!(canceled.refunded, Some(Money::new(refunded, super::euro())));
    }
}

#[tokio::test]
async fn a_sale_remembers_what_it_cost() {
    let leg = leg();
    let held = (200, booking(&leg, 0, "ON_HOLD", &nothing()));
    let sold = (200, booking(&leg, 0, "CONFIRMED", &nothing()));
    let (source, _server) = supplier("", [checked(), vec![held, sold]].concat()).await;
    let held = source.hold(&key(), &leg).await.expect("a hold");
    let sale = source.confirm(&key(), &leg, &held.refs).await.expect("a sale");
    assert!(sale.refs.contains(&ExternalRef::new("octo.total", "6000 EUR")), "{:?}", sale.refs);
}

#[tokio::test]
async fn more_references_than_are_listed_are_an_error() {
    let (source, server) = supplier("", Vec::new()).await;
    let references: Vec<String> = (0..=1_000).map(|number| format!("TG-{number}")).collect();
    let (from, to) = ("2027-06-01T00:00:00Z".parse().expect("a time"), "2027-06-02T00:00:00Z".parse().expect("a time"));
    let refused = source.list_sales(from, to, &[], &references).await.expect_err("too many");
    assert_eq!(reason(&refused), Some(&RefusalReason::InvalidInput { field: "references".to_owned() }));
    assert!(server.requests().is_empty());
}

#[test]
fn an_id_has_no_control_characters() {
    assert!(keys::is_id("slot 1") && !keys::is_id(".\t.") && !keys::is_id("a\u{0}b"));
}
