//! Sequences of calls: a lost or refused call is read back and never made with another uuid (`octo.md §6.2`, `§8`).

use serde_json::{Value, json};

use super::{booking, error, euro, leg, leg_of_two, product, slot, supplier};
use domain::ids::StepKey;
use domain::ordering::{CancelLine, HoldExtension, HoldSecures, LookupOutcome, Ordering, Refunds, TicketState};
use domain::{Catalog, Effect, ErrorKind, ExternalRef, Money, OrderKey, RefusalReason, VendorError};
use testkit::StubServer;

pub(super) fn key() -> StepKey {
    OrderKey::of_name("an order").step_key(0, "step")
}

pub(super) fn nothing() -> Value {
    json!({})
}

/// Product of a check before a hold.
pub(super) fn checked() -> Vec<(u16, Value)> {
    vec![(200, product(&nothing()))]
}

pub(super) fn reason(error: &VendorError) -> Option<&RefusalReason> {
    if let ErrorKind::Rejected(refusal) = &error.kind { Some(&refusal.reason) } else { None }
}

/// Last part of the path of each request.
fn paths(server: &StubServer) -> Vec<String> {
    let path = |request: &String| request.split(' ').next().unwrap_or_default().to_owned();
    server.requests().iter().map(|request| path(request).rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_hold_reads_the_product_and_reserves_each_ticket_by_a_derived_uuid() {
    let leg = leg();
    let mut responses = checked();
    responses.push((200, booking(&leg, 0, "ON_HOLD", &nothing())));
    let (source, server) = supplier("", responses).await;
    let held = source.hold(&key(), &leg).await.expect("a hold");
    assert_eq!(held.total, Some(Money::new(6000, euro())));
    assert_eq!(held.expires_at, Some("2027-06-01T12:15:00Z".parse().expect("a time")));
    assert_eq!(held.secures, [HoldSecures::Capacity, HoldSecures::Price]);
    let sent = server.requests();
    assert_eq!(paths(&server), ["p-7", "bookings"]);
    let body: Value = serde_json::from_str(sent[1].split_once(' ').expect("a body").1).expect("JSON");
    let expected = booking(&leg, 0, "", &nothing());
    assert_eq!((&body["uuid"], body["unitItems"].as_array().map(Vec::len)), (&expected["uuid"], Some(3)));
    assert_eq!(body["unitItems"][2]["uuid"], expected["unitItems"][2]["uuid"]);
    assert_eq!((&body["resellerReference"], &body["availabilityId"]), (&json!("TG-1"), &json!("s-1")));
    assert!(body.get("contact").is_none(), "the visitor is named at the confirmation");
}

#[tokio::test]
async fn an_order_of_one_process_makes_one_call_to_hold_and_one_to_confirm_and_reads_no_ticket() {
    let leg = leg();
    let performances = [leg.lines[0].performance.clone()];
    let mut responses = checked();
    responses.push((200, json!([slot("s-1", &nothing())])));
    responses.push((200, booking(&leg, 0, "ON_HOLD", &nothing())));
    responses.push((200, booking(&leg, 0, "CONFIRMED", &nothing())));
    let (source, server) = supplier("", responses).await;
    let planned = source.load_performances(&performances).await;
    assert!(planned[&performances[0]].is_ok());
    let held = source.hold(&key(), &leg).await.expect("a hold");
    let sale = source.confirm(&key(), &leg, &held.refs).await.expect("a sale");
    assert!(sale.tickets.iter().all(|ticket| ticket.state == TicketState::Issued && ticket.barcode.is_some()));
    assert_eq!((sale.tickets.len(), sale.total), (3, held.total));
    assert_eq!(paths(&server), ["p-7", "availability", "bookings", "confirm"]);
}

#[tokio::test]
async fn a_confirmation_reads_first_after_any_doubt_about_its_hold() {
    let leg = leg();
    let state = |status: &str| (200, booking(&leg, 0, status, &nothing()));
    let held_by = async |lines: &str, end: &str, more: Vec<(u16, Value)>| {
        let held = (200, booking(&leg, 0, "ON_HOLD", &json!({ "utcExpiresAt": end })));
        let (source, server) = supplier(lines, [checked(), vec![held], more].concat()).await;
        let held = source.hold(&key(), &leg).await.expect("a hold");
        (source, server, held.refs)
    };
    let later = "2027-06-01T12:15:00Z";
    // A lost confirmation, whose look-up finds a canceled booking: it is not confirmed, whatever the supplier would do.
    let lost = vec![error("INTERNAL_SERVER_ERROR"), state("CANCELLED"), state("CANCELLED")];
    let (source, server, refs) = held_by("", later, lost).await;
    assert_eq!(source.confirm(&key(), &leg, &refs).await.expect_err("lost").effect, Effect::Unknown);
    let found = source.find_confirmation(&key(), &leg, &refs).await.expect("a look-up");
    assert!(matches!(found, LookupOutcome::NotDone));
    let refused = source.confirm(&key(), &leg, &refs).await.expect_err("a refusal");
    assert_eq!(reason(&refused), Some(&RefusalReason::HoldExpired));
    assert_eq!(paths(&server).iter().filter(|path| *path == "confirm").count(), 1);
    // A hold without an end, or one that is over, and one that fixes no price.
    for (lines, end) in [("", "soon"), ("", "2027-06-01T11:59:00Z"), ("assumptions.hold_fixes_price = false", later)] {
        let (source, server, refs) = held_by(lines, end, vec![state("EXPIRED")]).await;
        source.confirm(&key(), &leg, &refs).await.expect_err("a refusal");
        assert!(!paths(&server).contains(&"confirm".to_owned()), "{lines} {end}");
    }
}

#[tokio::test]
async fn a_refused_hold_says_what_a_fresh_check_says() {
    for (row, expected) in [
        (json!([slot("s-1", &json!({ "vacancies": 2 }))]), RefusalReason::SoldOut { remaining: Some(2) }),
        (json!([slot("s-1", &json!({ "available": false, "status": "CLOSED" }))]), RefusalReason::NotOnSale),
        (json!([]), RefusalReason::NotOnSale),
        (json!([slot("s-1", &nothing())]), RefusalReason::Other),
    ] {
        let refusal = vec![error("UNPROCESSABLE_ENTITY"), (200, row)];
        let (source, server) = supplier("", [checked(), refusal].concat()).await;
        let refused = source.hold(&key(), &leg()).await.expect_err("a refusal");
        assert_eq!((reason(&refused), refused.effect), (Some(&expected), Effect::None));
        assert_eq!(paths(&server), ["p-7", "bookings", "availability"]);
    }
}

#[tokio::test]
async fn a_hold_without_a_price_is_compared_with_its_availability_and_canceled_if_it_differs() {
    let leg = leg();
    let bare: Vec<Value> = booking(&leg, 0, "", &nothing())["unitItems"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| json!({ "uuid": item["uuid"], "unitId": item["unitId"] }))
        .collect();
    let held = booking(&leg, 0, "ON_HOLD", &json!({ "pricing": null, "unitItems": bare }));
    let mut dearer = slot("s-1", &nothing());
    dearer["unitPricing"][1]["retail"] = json!(1100);
    for (row, expected) in [
        (slot("s-1", &nothing()), None),
        (dearer, Some(RefusalReason::PriceChanged { now: Money::new(1100, euro()) })),
        (slot("s-1", &json!({ "unitPricing": [] })), Some(RefusalReason::NotOnSale)),
    ] {
        let more = vec![(200, held.clone()), (200, json!([row])), (200, booking(&leg, 0, "CANCELLED", &nothing()))];
        let (source, server) = supplier("", [checked(), more].concat()).await;
        let outcome = source.hold(&key(), &leg).await;
        assert_eq!(outcome.as_ref().err().and_then(reason), expected.as_ref());
        let last = if expected.is_some() { "cancel" } else { "availability" };
        assert_eq!(paths(&server).last().map(String::as_str), Some(last));
    }
}

#[tokio::test]
async fn rules_that_the_order_does_not_know_are_checked_before_the_hold() {
    let mut alone = leg();
    alone.lines.remove(0);
    let (source, _server) = supplier("", checked()).await;
    let refused = source.hold(&key(), &alone).await.expect_err("a child alone");
    assert_eq!(reason(&refused), Some(&RefusalReason::InvalidInput { field: "lines".to_owned() }));
    let mut strict = product(&nothing());
    strict["options"][0]["restrictions"]["minUnits"] = json!(4);
    let (source, server) = supplier("", vec![(200, strict)]).await;
    let refused = source.hold(&key(), &leg()).await.expect_err("too few");
    assert_eq!(paths(&server), ["p-7"], "nothing is booked");
    assert_eq!(reason(&refused), Some(&RefusalReason::LimitExceeded));
}

#[tokio::test]
async fn a_400_with_an_internal_error_is_an_unknown_outcome_and_looked_up_by_uuid() {
    let leg = leg();
    let mut responses = checked();
    responses.push(error("INTERNAL_SERVER_ERROR"));
    responses.push((200, booking(&leg, 0, "ON_HOLD", &nothing())));
    let (source, server) = supplier("", responses).await;
    let lost = source.hold(&key(), &leg).await.expect_err("no outcome");
    assert_eq!((lost.kind, lost.effect), (ErrorKind::Unavailable, Effect::Unknown));
    let found = source.find_hold(&key(), &leg).await.expect("a look-up");
    assert!(matches!(found, LookupOutcome::Done(_)));
    let uuid = booking(&leg, 0, "", &nothing())["uuid"].as_str().expect("a uuid").to_owned();
    assert!(server.requests()[2].ends_with(&format!("/bookings/{uuid}")));
}

#[tokio::test]
async fn a_uuid_that_is_refused_as_used_is_read_back_and_adopted_only_if_it_is_what_was_meant() {
    let leg = leg();
    for (found, expected) in [
        (booking(&leg, 0, "ON_HOLD", &nothing()), None),
        (booking(&leg, 0, "CANCELLED", &nothing()), Some(RefusalReason::Conflict)),
    ] {
        let mut responses = checked();
        responses.extend([error("INVALID_BOOKING_UUID"), (200, found)]);
        let (source, _server) = supplier("", responses).await;
        let outcome = source.hold(&key(), &leg).await;
        assert_eq!(outcome.err().as_ref().and_then(reason), expected.as_ref());
    }
}

#[tokio::test]
async fn a_hold_that_is_not_what_was_meant_is_canceled() {
    let leg = leg();
    for changes in [
        json!({ "availabilityId": "s-2" }),
        json!({ "unitItems": [] }),
        json!({ "testMode": false }),
        json!({ "status": "CONFIRMED" }),
        json!({ "pricing": { "retail": 6000, "currency": "USD", "currencyPrecision": 2 } }),
    ] {
        let mut responses = checked();
        responses.push((200, booking(&leg, 0, "ON_HOLD", &changes)));
        responses.push((200, booking(&leg, 0, "CANCELLED", &nothing())));
        let (source, server) = supplier("", responses).await;
        let refused = source.hold(&key(), &leg).await.expect_err("a refusal");
        assert_eq!(refused.effect, Effect::None, "{changes}");
        assert_eq!(paths(&server).last().map(String::as_str), Some("cancel"), "{changes}");
    }
}

#[tokio::test]
async fn a_leg_of_two_performances_is_held_all_or_nothing() {
    let leg = leg_of_two();
    let row = |id: &str| (200, json!([slot(id, &nothing())]));
    let mut responses = checked();
    responses.push((200, booking(&leg, 0, "ON_HOLD", &nothing())));
    let made = responses.clone();
    // The second is refused, a fresh check finds places, and the first is canceled.
    responses.extend([error("UNPROCESSABLE_ENTITY"), row("s-2")]);
    responses.push((200, booking(&leg, 0, "CANCELLED", &nothing())));
    let (source, server) = supplier("", responses).await;
    let refused = source.hold(&key(), &leg).await.expect_err("a refusal");
    assert_eq!((reason(&refused), refused.effect), (Some(&RefusalReason::Other), Effect::None));
    assert_eq!(paths(&server).last().map(String::as_str), Some("cancel"));
    // A failure that may pass is looked up as a whole, and the first is kept for the repetition.
    let mut responses = made;
    responses.push((429, json!({ "error": "TOO_MANY_REQUESTS", "retryAfter": 7 })));
    responses.push((200, booking(&leg, 0, "ON_HOLD", &nothing())));
    responses.push(error("INVALID_BOOKING_UUID"));
    let (source, _server) = supplier("", responses).await;
    let lost = source.hold(&key(), &leg).await.expect_err("not yet");
    assert_eq!((lost.kind, lost.effect), (ErrorKind::RateLimited, Effect::Unknown));
    assert!(matches!(source.find_hold(&key(), &leg).await.expect("a look-up"), LookupOutcome::NotDone));
}

#[tokio::test]
async fn a_confirmation_reads_first_and_believes_a_refusal_only_after_it_was_read_back() {
    let leg = leg();
    let state = |status: &str| (200, booking(&leg, 0, status, &nothing()));
    let (held, sold) = (state("ON_HOLD"), state("CONFIRMED"));
    for (responses, is_sold, expected) in [
        (vec![held.clone(), sold.clone()], true, None),
        (vec![sold.clone()], true, None),
        (vec![held.clone(), error("BAD_REQUEST"), sold.clone()], true, None),
        (vec![held.clone(), error("INVALID_BOOKING_UUID"), sold.clone()], true, None),
        (vec![held.clone(), error("INVALID_BOOKING_UUID"), error("INVALID_BOOKING_UUID")], false, Some(Effect::None)),
        (vec![held.clone(), error("UNPROCESSABLE_ENTITY"), held.clone()], false, Some(Effect::None)),
        (vec![held.clone(), error("UNPROCESSABLE_ENTITY"), (503, json!({}))], false, Some(Effect::Unknown)),
        (vec![held.clone(), error("INTERNAL_SERVER_ERROR")], false, Some(Effect::Unknown)),
        (vec![held.clone(), (404, json!("no such page"))], false, Some(Effect::Unknown)),
        (vec![held.clone(), (400, json!({ "error": "A_NEW_CODE" }))], false, Some(Effect::Unknown)),
        (vec![held.clone(), state("PENDING")], false, Some(Effect::Unknown)),
        (vec![held.clone(), state("A_NEW_WORD")], false, Some(Effect::Unknown)),
        (vec![state("CANCELLED")], false, Some(Effect::None)),
        (vec![(503, json!({}))], false, Some(Effect::None)),
    ] {
        let name = format!("{responses:?}");
        let (source, _server) = supplier("", responses).await;
        let outcome = source.confirm(&key(), &leg, &[]).await;
        assert_eq!(outcome.as_ref().is_ok_and(|sale| sale.tickets.len() == 3), is_sold, "{name}");
        assert_eq!(outcome.err().map(|error| error.effect), expected, "{name}");
    }
}

#[tokio::test]
async fn a_canceled_booking_is_never_confirmed() {
    let leg = leg();
    let (source, server) = supplier("", vec![(200, booking(&leg, 0, "CANCELLED", &nothing()))]).await;
    let refused = source.confirm(&key(), &leg, &[]).await.expect_err("a refusal");
    assert_eq!(reason(&refused), Some(&RefusalReason::HoldExpired));
    assert_eq!(server.requests().len(), 1, "only a read");
}

#[tokio::test]
async fn a_price_that_changed_after_the_hold_is_not_confirmed() {
    let leg = leg();
    let held = [ExternalRef::new("octo.total", "6000 EUR")];
    let dearer = json!({ "pricing": super::pricing(6100) });
    let (source, server) = supplier("", vec![(200, booking(&leg, 0, "ON_HOLD", &dearer))]).await;
    let refused = source.confirm(&key(), &leg, &held).await.expect_err("a refusal");
    assert_eq!(reason(&refused), Some(&RefusalReason::PriceChanged { now: Money::new(6100, euro()) }));
    assert_eq!(server.requests().len(), 1, "only a read");
}

#[tokio::test]
async fn a_leg_that_is_sold_in_part_is_undone_or_stays_open() {
    let leg = leg_of_two();
    let state = |number: usize, status: &str| (200, booking(&leg, number, status, &nothing()));
    let start = vec![
        state(0, "ON_HOLD"),
        state(1, "ON_HOLD"),
        state(0, "CONFIRMED"),
        error("UNPROCESSABLE_ENTITY"),
        state(1, "ON_HOLD"),
    ];
    for (end, expected) in [
        (vec![state(0, "CANCELLED")], Effect::None),
        (vec![error("UNPROCESSABLE_ENTITY"), state(0, "CONFIRMED")], Effect::Unknown),
    ] {
        let (source, _server) = supplier("", [start.clone(), end].concat()).await;
        let refused = source.confirm(&key(), &leg, &[]).await.expect_err("a refusal");
        assert_eq!(refused.effect, expected);
    }
    let found = vec![state(0, "CONFIRMED"), state(1, "ON_HOLD")];
    let (source, _server) = supplier("", found).await;
    let outcome = source.find_confirmation(&key(), &leg, &[]).await.expect("a look-up");
    assert!(matches!(outcome, LookupOutcome::NotDone), "the repetition confirms the rest");
}

#[tokio::test]
async fn an_absent_booking_was_not_sold_only_after_its_hold_and_if_our_reference_finds_nothing() {
    let leg = leg();
    let missing = error("INVALID_BOOKING_UUID");
    let past = [ExternalRef::new("octo.holdExpiry", "2027-06-01T11:57:00Z")];
    let recent = [ExternalRef::new("octo.holdExpiry", "2027-06-01T11:59:00Z")];
    let ours = (200, json!([booking(&leg, 0, "CONFIRMED", &nothing())]));
    let expired = (200, json!([booking(&leg, 0, "EXPIRED", &nothing())]));
    for (refs, responses, is_not_done) in [
        (&past[..], vec![missing.clone(), (200, json!([]))], true),
        (&past[..], vec![missing.clone(), ours], false),
        (&past[..], vec![missing.clone(), expired], true),
        (&recent[..], vec![missing.clone()], false),
        (&[][..], vec![missing.clone()], false),
    ] {
        let (source, _server) = supplier("", responses).await;
        let outcome = source.find_confirmation(&key(), &leg, refs).await.expect("a look-up");
        assert_eq!(matches!(outcome, LookupOutcome::NotDone), is_not_done, "{refs:?}");
        assert!(!matches!(outcome, LookupOutcome::Done(_)));
    }
}

#[tokio::test]
async fn a_released_hold_may_be_canceled_expired_or_unknown() {
    let leg = leg();
    let state = |status: &str| (200, booking(&leg, 0, status, &nothing()));
    for (responses, is_released) in [
        (vec![state("CANCELLED")], true),
        (vec![state("EXPIRED")], true),
        (vec![error("INVALID_BOOKING_UUID"), error("INVALID_BOOKING_UUID")], true),
        (vec![error("UNPROCESSABLE_ENTITY"), state("EXPIRED")], true),
        (vec![error("UNPROCESSABLE_ENTITY"), state("ON_HOLD")], false),
        (vec![error("UNPROCESSABLE_ENTITY"), state("CONFIRMED")], false),
        (vec![state("ON_HOLD"), state("ON_HOLD")], false),
    ] {
        let name = format!("{responses:?}");
        let (source, _server) = supplier("", responses).await;
        assert_eq!(source.release(&key(), &leg, &[]).await.is_ok(), is_released, "{name}");
    }
}

#[tokio::test]
async fn a_cancellation_has_the_refund_that_the_word_allows_and_a_refusal_is_read_back() {
    let leg = leg();
    let all = [CancelLine { line: 0, tickets: vec![ExternalRef::new("octo.unitItem", "a")] }];
    let canceled =
        |refund: &str| (200, booking(&leg, 0, "CANCELLED", &json!({ "cancellation": { "refund": refund } })));
    let sold = (200, booking(&leg, 0, "CONFIRMED", &nothing()));
    for (responses, expected) in [
        (vec![canceled("FULL")], Ok(Some(6000))),
        (vec![canceled("NONE")], Ok(Some(0))),
        (vec![canceled("PARTIAL")], Ok(None)),
        (vec![canceled("SOME")], Ok(None)),
        (vec![error("UNPROCESSABLE_ENTITY"), canceled("FULL")], Ok(Some(6000))),
        (vec![error("UNPROCESSABLE_ENTITY"), sold.clone()], Err(Effect::None)),
        (vec![error("INVALID_BOOKING_UUID"), error("INVALID_BOOKING_UUID")], Err(Effect::Unknown)),
        (vec![error("INTERNAL_SERVER_ERROR")], Err(Effect::Unknown)),
    ] {
        let name = format!("{responses:?}");
        let (source, _server) = supplier("", responses).await;
        let outcome = source.cancel(&key(), &leg, &[], &all).await;
        let outcome = outcome.map(|done| done.refunded.map(|money| money.amount)).map_err(|error| error.effect);
        assert_eq!(outcome, expected, "{name}");
    }
}

#[tokio::test]
async fn an_extension_reads_the_new_end_and_a_supplier_without_one_is_unsupported() {
    let leg = leg();
    let longer = json!({ "utcExpiresAt": "2027-06-01T12:30:00Z" });
    let (source, _server) = supplier("", vec![(200, booking(&leg, 0, "ON_HOLD", &longer))]).await;
    let held = source.extend(&key(), &leg, &[]).await.expect("an extension");
    assert_eq!(held.expires_at, Some("2027-06-01T12:30:00Z".parse().expect("a time")));
    let (source, _server) = supplier("", vec![(404, json!("nothing here"))]).await;
    let refused = source.extend(&key(), &leg, &[]).await.expect_err("no endpoint");
    assert_eq!(refused.kind, ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_response_with_another_booking_is_no_outcome() {
    let leg = leg();
    let foreign = json!({ "uuid": "0b6c4b0e-9d6f-5a35-8c7b-4a2f1f0f8e11" });
    let responses =
        vec![(200, booking(&leg, 0, "ON_HOLD", &nothing())), (200, booking(&leg, 0, "CONFIRMED", &foreign))];
    let (source, _server) = supplier("", responses).await;
    let lost = source.confirm(&key(), &leg, &[]).await.expect_err("another booking");
    assert_eq!((lost.kind, lost.effect), (ErrorKind::Malformed, Effect::Unknown));
}
