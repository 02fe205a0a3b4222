//! Bookings after a change on the venue's side.

use jiff::ToSpan as _;
use serde_json::{Value, json};

use crate::octo_facade::{MUSEUM, Offer, SHOP, Sandbox, contact, days};

/// Returns the museum's own id of a slot.
async fn vendor_id(sandbox: &Sandbox, slot: &Value) -> Value {
    let query = "query($id: ID!) { node(id: $id) { ... on Performance { externalRefs { value } } } }";
    let found = sandbox.graphql(query, &json!({ "id": slot["id"] })).await;
    found["data"]["node"]["externalRefs"][0]["value"].clone()
}

/// Scenario 22.
#[tokio::test]
async fn a_slot_that_is_sold_out_is_refused_and_books_nothing() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    sandbox.change_museum("sold_out", &json!({ "id": vendor_id(&sandbox, &offer.slots[0]).await })).await;
    let mut body = offer.body(1);
    body["resellerReference"] = json!("R-4");
    assert_eq!(museum.post("/bookings", &body).await.failure(), (400, "UNPROCESSABLE_ENTITY"));
    assert_eq!(museum.get("/bookings?resellerReference=R-4").await.ok(), json!([]));
}

#[tokio::test]
async fn a_hold_that_ran_out_at_the_venue_is_never_confirmed() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    let held = museum.reserve(&offer, 1).await;
    let path = format!("/bookings/{}", held["uuid"].as_str().expect("a uuid"));
    sandbox.change_museum("clock", &json!({ "advance_ms": 24 * 3_600_000 })).await;
    let refused = museum.post(&format!("{path}/confirm"), &json!({ "contact": contact() })).await;
    assert_eq!(refused.failure(), (400, "INVALID_BOOKING_UUID"));
    let after = museum.get(&path).await.ok();
    assert!(["EXPIRED", "REJECTED", "CANCELLED"].contains(&after["status"].as_str().expect("a status")), "{after}");
    assert!(after["utcConfirmedAt"].is_null());
}

#[tokio::test]
async fn a_booking_whose_tickets_were_used_is_not_canceled() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer: Offer = museum.find_offer().await;
    let held = museum.reserve(&offer, 1).await;
    let path = format!("/bookings/{}", held["uuid"].as_str().expect("a uuid"));
    let sold = museum.post(&format!("{path}/confirm"), &json!({ "contact": contact() })).await.ok();
    let code = &sold["unitItems"][0]["ticket"]["deliveryOptions"][0]["deliveryValue"];
    assert!(code.is_string(), "the key may see codes: {sold}");
    sandbox.change_museum("use_ticket", &json!({ "id": code })).await;
    let refused = museum.post(&format!("{path}/cancel"), &json!({ "reason": "late" })).await;
    assert_eq!(refused.failure(), (400, "UNPROCESSABLE_ENTITY"));
    let after = museum.get(&path).await.ok();
    assert!(after["cancellation"].is_null() && after["status"] != "CANCELLED", "{after}");
}

#[tokio::test]
async fn a_venue_that_is_down_is_an_outage_and_never_sold_out() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    sandbox.change_museum("down", &json!({})).await;
    let refused = museum.post("/bookings", &offer.body(1)).await;
    assert_eq!(refused.failure(), (503, "INTERNAL_SERVER_ERROR"));
    assert!(museum.get("/supplier").await.ok()["id"] == "harbor");
}

#[tokio::test]
async fn a_slot_of_the_past_is_refused_and_books_nothing() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    let query = "query($id: ID!, $from: DateTime!, $to: DateTime!) {
        event(id: $id) { performances(from: $from, to: $to, first: 1) { nodes { id startsAt } } } }";
    let (today, _) = days(0);
    let before = |days: i64| format!("{}T00:00:00Z", today.checked_sub(days.days()).expect("a day"));
    let range = json!({ "id": offer.product, "from": before(20), "to": before(2) });
    let found = sandbox.graphql(query, &range).await;
    let past = &found["data"]["event"]["performances"]["nodes"][0]["id"];
    assert!(past.is_string(), "{found}");
    let ask = json!({ "productId": offer.product, "optionId": "DEFAULT", "availabilityIds": [past] });
    assert_eq!(museum.post("/availability", &ask).await.ok()[0]["available"], false);
    let mut body = offer.body(1);
    body["availabilityId"] = past.clone();
    body["resellerReference"] = json!("R-5");
    assert_eq!(museum.post("/bookings", &body).await.failure(), (400, "UNPROCESSABLE_ENTITY"));
    assert_eq!(museum.get("/bookings?resellerReference=R-5").await.ok(), json!([]));
}
