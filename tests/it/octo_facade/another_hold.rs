//! Changes of what a booking holds (octo.md §6.5, scenarios 32, 35, 36 and 38 of §13.2): the booking keeps its uuid and its id, and nothing
//! is held twice afterwards.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::layers::support::until;
use crate::octo_facade::{MUSEUM, Offer, Reseller, SHOP, Sandbox, contact};

fn uuids(booking: &Value) -> HashSet<String> {
    let items = booking["unitItems"].as_array().expect("unit items").iter();
    items.map(|item| item["uuid"].as_str().expect("a uuid").to_owned()).collect()
}

/// Waits until exactly one order is held: the one of the booking, which may have been released a moment ago.
async fn until_one_is_held(sandbox: &Sandbox, number: &str) {
    let query = "{ orders(first: 50, filter: { status: [HELD] }) { nodes { number } } }";
    until("one order is held", async || {
        let held = sandbox.graphql(query, &Value::Null).await;
        held["data"]["orders"]["nodes"] == json!([{ "number": number }])
    })
    .await;
}

fn items(offer: &Offer, count: usize) -> Value {
    json!({ "unitItems": vec![json!({ "unitId": offer.unit }); count] })
}

/// Changes units, slot and product of one hold, then sells it with other units.
async fn change_everything(sandbox: &Sandbox, base: &str) {
    let reseller: Reseller<'_> = sandbox.reseller(SHOP, base);
    let offers = reseller.find_offers(2).await;
    let offer = &offers[0];
    let held = reseller.reserve(offer, 2).await;
    let uuid = held["uuid"].as_str().expect("a uuid");

    let more = reseller.patch(uuid, &items(offer, 3)).await.ok();
    assert_eq!(
        (&more["status"], &more["uuid"], &more["id"]),
        (&json!("ON_HOLD"), &held["uuid"], &held["id"]),
        "{base}"
    );
    assert_eq!((more["unitItems"].as_array().map(Vec::len), uuids(&more).len()), (Some(3), 3));
    assert!(uuids(&more).is_superset(&uuids(&held)), "units that stay keep their uuids");
    assert_eq!(
        reseller.patch(uuid, &items(offer, 3)).await.ok()["supplierReference"],
        more["supplierReference"],
        "nothing new"
    );

    let slot = &offer.slots.get(1).unwrap_or(&offer.slots[0])["id"];
    let moved = reseller.patch(uuid, &json!({ "availabilityId": slot })).await.ok();
    assert_eq!((&moved["availabilityId"], &moved["availability"]["id"]), (slot, slot), "{base}");
    assert_eq!((&moved["status"], uuids(&moved)), (&json!("ON_HOLD"), uuids(&more)));

    let other = offers.last().expect("an offer");
    let body = json!({ "productId": other.product, "availabilityId": other.slots[0]["id"],
        "unitItems": [{ "unitId": other.unit }], "contact": contact(), "notes": "by the window" });
    let another = reseller.patch(uuid, &body).await.ok();
    assert_eq!((&another["productId"], &another["notes"]), (&other.product, &json!("by the window")), "{base}");
    assert_eq!(another["contact"]["fullName"], "Ada Lovelace");
    assert_eq!(reseller.get(&format!("/bookings/{uuid}")).await.ok()["productId"], other.product);
    let number = another["supplierReference"].as_str().expect("a reference");
    until_one_is_held(sandbox, number).await;
    let listed = reseller.get(&format!("/bookings?supplierReference={number}")).await.ok();
    assert_eq!((listed.as_array().map(Vec::len), &listed[0]["uuid"]), (Some(1), &held["uuid"]));

    // Scenario 32: the confirmation asks for other units.
    let mut sale = items(other, 2);
    sale["contact"] = contact();
    let sold = reseller.post(&format!("/bookings/{uuid}/confirm"), &sale).await.ok();
    assert_eq!((&sold["status"], sold["unitItems"].as_array().map(Vec::len)), (&json!("CONFIRMED"), Some(2)), "{base}");
    assert_eq!((&sold["uuid"], &sold["id"]), (&held["uuid"], &held["id"]));
    let again = reseller.post(&format!("/bookings/{uuid}/confirm"), &sale).await.ok();
    assert_eq!(again["supplierReference"], sold["supplierReference"], "sold once");
    assert_eq!(reseller.patch(uuid, &items(other, 1)).await.failure(), (400, "UNPROCESSABLE_ENTITY"), "a sale stays");
}

#[tokio::test]
async fn a_hold_takes_other_units_another_slot_and_another_product_at_each_vendor() {
    for base in [MUSEUM, "/octo/suppliers/opera", "/octo/suppliers/quay"] {
        change_everything(&Sandbox::start(), base).await;
    }
}

#[tokio::test]
async fn a_change_that_is_refused_leaves_the_hold_as_it_was() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    let held = museum.reserve(&offer, 2).await;
    let uuid = held["uuid"].as_str().expect("a uuid");
    let refusals = [
        (json!({ "productId": "unknown" }), "INVALID_PRODUCT_ID"),
        (json!({ "availabilityId": "unknown" }), "INVALID_AVAILABILITY_ID"),
        (json!({ "unitItems": [{ "unitId": "unknown" }] }), "INVALID_UNIT_ID"),
        (json!({ "unitItems": [] }), "UNPROCESSABLE_ENTITY"),
        (items(&offer, 51), "UNPROCESSABLE_ENTITY"),
    ];
    for (body, code) in refusals {
        assert_eq!(museum.patch(uuid, &body).await.failure(), (400, code), "{body}");
    }
    // The venue is sold out for more than is held.
    let rules = json!({ "rules": [{ "method": "POST", "path": "/b2b/reservations", "fault": { "kind": "status", "status": 400 } }] });
    sandbox.change_museum("faults", &rules).await;
    assert_eq!(museum.patch(uuid, &items(&offer, 3)).await.failure(), (400, "UNPROCESSABLE_ENTITY"));
    let kept = museum.get(&format!("/bookings/{uuid}")).await.ok();
    assert_eq!((&kept["status"], &kept["supplierReference"]), (&json!("ON_HOLD"), &held["supplierReference"]));
    assert_eq!(uuids(&kept), uuids(&held));
    until_one_is_held(&sandbox, held["supplierReference"].as_str().expect("a reference")).await;
    let sold = museum.post(&format!("/bookings/{uuid}/confirm"), &json!({ "contact": contact() })).await.ok();
    assert_eq!((&sold["status"], &sold["supplierReference"]), (&json!("CONFIRMED"), &held["supplierReference"]));
}

#[tokio::test]
async fn a_confirmation_with_other_units_and_an_incomplete_contact_holds_nothing_else() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    let held = museum.reserve(&offer, 2).await;
    let uuid = held["uuid"].as_str().expect("a uuid");
    let refused = museum.post(&format!("/bookings/{uuid}/confirm"), &items(&offer, 3)).await;
    assert_eq!(refused.failure(), (400, "BAD_REQUEST"));
    let kept = museum.get(&format!("/bookings/{uuid}")).await.ok();
    assert_eq!((&kept["status"], &kept["supplierReference"]), (&json!("ON_HOLD"), &held["supplierReference"]));
}

/// Returns what an order holds: its performance and its number of tickets.
async fn held_by(sandbox: &Sandbox, number: &str) -> (Value, i64) {
    let query = "query($number: String!) { order(number: $number) { status lines { quantity performance { id } } } }";
    let found = sandbox.graphql(query, &json!({ "number": number })).await;
    let order = &found["data"]["order"];
    assert_eq!(order["status"], "HELD", "{found}");
    let lines = order["lines"].as_array().expect("lines");
    (lines[0]["performance"]["id"].clone(), lines.iter().filter_map(|line| line["quantity"].as_i64()).sum())
}

#[tokio::test]
async fn two_changes_at_the_same_time_leave_a_booking_that_shows_what_is_held() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    let other = json!({ "availabilityId": offer.slots.get(1).expect("a second slot")["id"] });
    for _ in 0..3 {
        let held = museum.reserve(&offer, 2).await;
        let uuid = held["uuid"].as_str().expect("a uuid");
        let more = items(&offer, 3);
        let answers = tokio::join!(museum.patch(uuid, &more), museum.patch(uuid, &other));
        assert!(answers.0.status == 200 || answers.1.status == 200, "{answers:?}");
        let shown = museum.get(&format!("/bookings/{uuid}")).await.ok();
        assert_eq!((&shown["status"], &shown["uuid"]), (&json!("ON_HOLD"), &held["uuid"]), "{answers:?}");
        let number = shown["supplierReference"].as_str().expect("a reference");
        let units = i64::try_from(shown["unitItems"].as_array().expect("unit items").len()).expect("a number");
        assert_eq!(held_by(&sandbox, number).await, (shown["availabilityId"].clone(), units), "{shown}");
        until_one_is_held(&sandbox, number).await;
        museum.post(&format!("/bookings/{uuid}/cancel"), &json!({})).await.ok();
    }
}
