//! Outages and limits: the code, the status and the time to wait of the contract; nothing is booked.

use serde_json::{Value, json};

use crate::octo_facade::flows::sell;
use crate::octo_facade::{MUSEUM, OPERATOR, SHOP, Sandbox, contact};
use crate::orders::database::Postgres;

/// A uuid in its usual form.
const UUID: &str = "3f1d1c62-5a86-4b58-9f07-6f5b8b7a1c02";

#[tokio::test]
async fn a_caller_over_its_rate_limit_receives_the_time_to_wait_and_books_nothing() {
    let sandbox = Sandbox::start_with(&[("TICKETGRAPH__CLIENTS__STOREFRONT__REQUESTS_PER_MINUTE", "3")]);
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let mut body = sandbox.reseller(OPERATOR, MUSEUM).find_offer().await.body(1);
    body["uuid"] = json!(UUID);
    for _ in 0..3 {
        museum.get("/supplier").await.ok();
    }
    let refused = museum.post("/bookings", &body).await;
    assert_eq!(refused.failure(), (429, "TOO_MANY_REQUESTS"));
    let seconds = refused.body["retryAfter"].as_u64().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.headers["retry-after"], seconds.to_string());
    let other = sandbox.reseller(OPERATOR, MUSEUM);
    let orders = sandbox.graphql_as(OPERATOR, "{ orders(first: 1) { nodes { id } } }", &json!({})).await;
    assert_eq!(orders["data"]["orders"]["nodes"], json!([]), "nothing was created");
    other.post("/bookings", &body).await.ok();
}

#[tokio::test]
async fn on_postgres_the_museum_is_sold_to_a_reseller_and_without_the_ledger_nothing_is() {
    let Some(server) = Postgres::start() else { return };
    let sandbox = Sandbox::start_at_ledger(server.url());
    let museum = sandbox.reseller(SHOP, MUSEUM);
    sell(museum, "harbor").await;
    let offer = museum.find_offer().await;
    let held = museum.reserve(&offer, 1).await;
    let path = format!("/bookings/{}", held["uuid"].as_str().expect("a uuid"));
    let mut body = offer.body(1);
    body["uuid"] = json!(UUID);
    server.kill();
    let confirm = museum.post(&format!("{path}/confirm"), &json!({ "contact": contact() })).await;
    let requests = [museum.post("/bookings", &body).await, museum.get(&path).await, confirm];
    for down in requests {
        assert_eq!(down.failure(), (503, "INTERNAL_SERVER_ERROR"));
        assert!(down.headers.contains_key("retry-after") && down.body.get("retryAfter").is_none(), "{}", down.body);
    }
    let sells = museum.get("/products").await.ok();
    assert!(sells.as_array().is_some_and(|products| !products.is_empty()), "the catalog does not need the ledger");
    server.restart();
    let after = museum.read_until(held["uuid"].as_str().expect("a uuid"), "the ledger is back", |_| true).await;
    assert_eq!((&after["status"], &after["utcConfirmedAt"]), (&json!("ON_HOLD"), &Value::Null));
    let booked = museum.post("/bookings", &body).await.ok();
    assert_eq!((&booked["uuid"], &booked["status"]), (&json!(UUID), &json!("ON_HOLD")), "the same request again");
    assert_ne!(booked["id"], held["id"]);
}

#[tokio::test]
async fn a_reservation_that_was_refused_succeeds_later_under_the_same_uuid() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    let mut body = offer.body(2);
    body["uuid"] = json!(UUID);
    let fault = json!({ "kind": "status", "status": 400 });
    let rules = json!({ "rules": [{ "method": "POST", "path": "/b2b/reservations", "times": 1, "fault": fault }] });
    sandbox.change_museum("faults", &rules).await;
    let refused = museum.post("/bookings", &body).await;
    assert_eq!(refused.failure(), (400, "UNPROCESSABLE_ENTITY"));
    assert_eq!(museum.get(&format!("/bookings/{UUID}")).await.failure(), (400, "INVALID_BOOKING_UUID"));
    body["notes"] = json!("another content");
    let booked = museum.post("/bookings", &body).await.ok();
    assert_eq!((&booked["uuid"], &booked["status"]), (&json!(UUID), &json!("ON_HOLD")));
    assert_eq!(museum.post("/bookings", &body).await.ok()["id"], booked["id"], "the same request again");
    body["notes"] = json!("a third one");
    assert_eq!(
        museum.post("/bookings", &body).await.failure(),
        (400, "INVALID_BOOKING_UUID"),
        "a booking keeps its uuid"
    );
}
