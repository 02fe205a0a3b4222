//! Places under concurrent calls.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use std::sync::Arc;

use super::{CRUISE, Supplier, UUID, confirmation, path_of, units};

#[tokio::test]
async fn concurrent_holds_take_exactly_the_places_that_a_slot_has() {
    let supplier = Arc::new(Supplier::start().await);
    let reservation = supplier.reservation(CRUISE, 1).await;
    let slot = reservation["availabilityId"].as_str().expect("a slot");
    supplier.change("restock", &format!("{CRUISE}|DEFAULT|{slot}"), Value::Null);
    supplier.change("capacity", &format!("{CRUISE}|DEFAULT|{slot}"), json!(7));
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (supplier, reservation) = (Arc::clone(&supplier), reservation.clone());
        calls.spawn(async move { supplier.post("/bookings", &reservation).await.status });
    }
    let mut statuses = calls.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 7].as_slice(), &[400; 13]].concat());
    let body = json!({ "productId": CRUISE, "optionId": "DEFAULT", "availabilityIds": [slot] });
    let row = supplier.ok("POST", "/availability", body).await[0].take();
    assert_eq!((&row["vacancies"], &row["status"]), (&json!(0), &json!("SOLD_OUT")));
    assert_eq!((&row["capacity"], &row["available"]), (&json!(7), &json!(false)));
}

#[tokio::test]
async fn concurrent_repeats_of_one_uuid_make_one_booking() {
    let supplier = Arc::new(Supplier::start().await);
    let mut reservation = supplier.reservation(CRUISE, 2).await;
    reservation["uuid"] = UUID.into();
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let (supplier, reservation) = (Arc::clone(&supplier), reservation.clone());
        calls.spawn(async move { supplier.ok("POST", "/bookings", reservation).await });
    }
    let shown = calls.join_all().await;
    assert!(shown.iter().all(|booking| booking == &shown[0]));
    assert_eq!(supplier.running.stage.inventory()["holds"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn places_return_when_a_hold_expires_or_a_booking_is_canceled_and_tests_take_none() {
    let mut supplier = Supplier::start().await;
    let reservation = supplier.reservation(CRUISE, 3).await;
    let ask = json!({ "productId": CRUISE, "optionId": "DEFAULT", "availabilityIds": [reservation["availabilityId"]] });
    let vacancies = async |supplier: &Supplier| {
        supplier.ok("POST", "/availability", ask.clone()).await[0]["vacancies"].as_i64().expect("a number")
    };
    let before = vacancies(&supplier).await;
    supplier.ok("POST", "/bookings", reservation.clone()).await;
    assert_eq!(vacancies(&supplier).await, before - 3);
    supplier.advance(jiff::SignedDuration::from_mins(30));
    assert_eq!(vacancies(&supplier).await, before, "expired");
    let mut family = reservation.clone();
    family["unitItems"] = units("family", 2);
    let held = supplier.ok("POST", "/bookings", family).await;
    assert_eq!(vacancies(&supplier).await, before - 8, "two families of four");
    let sold = supplier.ok("POST", &format!("{}/confirm", path_of(&held)), confirmation()).await;
    assert_eq!(vacancies(&supplier).await, before - 8);
    supplier.ok("POST", &format!("{}/cancel", path_of(&sold)), json!({})).await;
    assert_eq!(vacancies(&supplier).await, before);
    supplier.set_header("octo-env", "test");
    let test = supplier.ok("POST", "/bookings", reservation).await;
    assert_eq!((&test["testMode"], vacancies(&supplier).await), (&json!(true), before));
}

#[tokio::test]
async fn the_books_show_holds_sales_and_calls() {
    let supplier = Supplier::start().await;
    let held = supplier.hold(CRUISE, 2).await;
    let sold = supplier.sell(CRUISE, 1).await;
    supplier.change("use_ticket", sold["uuid"].as_str().expect("a uuid"), Value::Null);
    let books = supplier.running.stage.inventory();
    assert_eq!((&books["holds"][0]["id"], &books["holds"][0]["quantity"]), (&held["uuid"], &json!(2)));
    let order = &books["orders"][0];
    assert_eq!((&order["reference"], &order["state"]), (&json!("TG-000123-1"), &json!("REDEEMED")));
    assert_eq!((&order["tickets"][0]["state"], &order["currency"]), (&json!("used"), &json!("EUR")));
    assert!(order["total_minor"].as_i64().is_some_and(|total| total >= 3000));
    let ask = json!({ "productId": CRUISE, "optionId": "DEFAULT", "availabilityIds": [held["availabilityId"]] });
    supplier.ok("POST", "/availability", ask).await;
    assert_eq!(supplier.running.stage.inventory(), books, "a read changes nothing");
    assert_eq!(supplier.running.stage.log.count("/confirm"), 1);
}
