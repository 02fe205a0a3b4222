//! The uuid of a booking is its idempotency key.

use serde_json::json;

use crate::octo_facade::{MUSEUM, OPERATOR, SHOP, Sandbox, contact, days};

/// A uuid in its usual form.
const UUID: &str = "3f1d1c62-5a86-4b58-9f07-6f5b8b7a1c01";

#[tokio::test]
async fn a_repeated_reservation_is_the_booking_as_it_is_now_and_another_body_is_refused() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    let mut body = offer.body(2);
    body["uuid"] = json!(UUID.to_uppercase());
    body["unitItems"][0]["uuid"] = json!("5b1d5a51-6a0d-5d09-9a4f-6d1c2f6a7f01");
    let first = museum.post("/bookings", &body).await.ok();
    assert_eq!((&first["uuid"], &first["status"]), (&json!(UUID), &json!("ON_HOLD")));
    assert_eq!(first["unitItems"][0]["uuid"], "5b1d5a51-6a0d-5d09-9a4f-6d1c2f6a7f01");
    assert_eq!(museum.post("/bookings", &body).await.ok(), first);
    let mut other = body.clone();
    other["notes"] = json!("another content");
    let refused = museum.post("/bookings", &other).await;
    assert_eq!((refused.failure(), &refused.body["uuid"]), ((400, "INVALID_BOOKING_UUID"), &json!(UUID)));
    let sold = museum.post(&format!("/bookings/{UUID}/confirm"), &json!({ "contact": contact() })).await.ok();
    let again = museum.post("/bookings", &body).await.ok();
    assert_eq!((&again["id"], &again["status"]), (&first["id"], &sold["status"]));
    let number = first["supplierReference"].as_str().expect("a number");
    let listed = museum.get(&format!("/bookings?supplierReference={number}")).await;
    assert_eq!(listed.ok().as_array().map(Vec::len), Some(1), "one booking");
}

#[tokio::test]
async fn the_same_uuid_of_another_caller_is_another_booking() {
    let sandbox = Sandbox::start();
    let (operator, shop) = (sandbox.reseller(OPERATOR, MUSEUM), sandbox.reseller(SHOP, MUSEUM));
    let mut body = shop.find_offer().await.body(1);
    body["uuid"] = json!(UUID);
    let (one, other) = (operator.post("/bookings", &body).await.ok(), shop.post("/bookings", &body).await.ok());
    assert_eq!(one["uuid"], other["uuid"]);
    assert_ne!(one["id"], other["id"]);
}

#[tokio::test]
async fn two_reservations_at_the_same_time_are_one_booking() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let mut body = museum.find_offer().await.body(1);
    body["uuid"] = json!(UUID);
    let (one, other) = tokio::join!(museum.post("/bookings", &body), museum.post("/bookings", &body));
    assert_eq!(one.ok()["id"], other.ok()["id"]);
}

#[tokio::test]
async fn a_list_of_more_bookings_than_allowed_is_refused_and_never_cut() {
    let sandbox = Sandbox::start_with(&[("TICKETGRAPH__OCTO__BOOKINGS", "1")]);
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let mut body = museum.find_offer().await.body(1);
    body["resellerReference"] = json!("R-3");
    museum.post("/bookings", &body).await.ok();
    assert_eq!(museum.get("/bookings?resellerReference=R-3").await.ok().as_array().map(Vec::len), Some(1));
    museum.post("/bookings", &body).await.ok();
    assert_eq!(museum.get("/bookings?resellerReference=R-3").await.failure(), (400, "BAD_REQUEST"));
}

#[tokio::test]
async fn products_beyond_their_limit_are_a_fault_and_never_cut() {
    let sandbox = Sandbox::start_with(&[("TICKETGRAPH__OCTO__PRODUCTS", "1")]);
    let museum = sandbox.reseller(SHOP, MUSEUM);
    assert_eq!(museum.get("/products").await.failure(), (500, "INTERNAL_SERVER_ERROR"));
}

#[tokio::test]
async fn availabilities_beyond_their_limit_are_refused_and_never_cut() {
    let sandbox = Sandbox::start_with(&[("TICKETGRAPH__OCTO__AVAILABILITIES", "1")]);
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let product = museum.products().await.remove(0);
    let (from, to) = days(30);
    let range =
        json!({ "productId": product["id"], "optionId": "DEFAULT", "localDateStart": from, "localDateEnd": to });
    assert_eq!(museum.post("/availability", &range).await.failure(), (400, "BAD_REQUEST"));
}
