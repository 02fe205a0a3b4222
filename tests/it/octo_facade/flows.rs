//! The work of a reseller, in the steps of the public validator (octo.md §13.2), at each emulated vendor.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::octo_facade::{MUSEUM, Offer, Reseller, SHOP, Sandbox, contact, days};

/// Keys of a booking: every one is present, null where nothing is known.
const BOOKING_KEYS: [&str; 26] = [
    "id",
    "uuid",
    "testMode",
    "resellerReference",
    "supplierReference",
    "status",
    "utcCreatedAt",
    "utcUpdatedAt",
    "utcExpiresAt",
    "utcRedeemedAt",
    "utcConfirmedAt",
    "productId",
    "product",
    "optionId",
    "option",
    "cancellable",
    "cancellation",
    "freesale",
    "availabilityId",
    "availability",
    "contact",
    "notes",
    "deliveryMethods",
    "voucher",
    "unitItems",
    "pricing",
];

#[tokio::test]
async fn the_museum_is_sold_to_a_reseller_from_the_catalog_to_the_cancellation() {
    let sandbox = Sandbox::start();
    sell(sandbox.reseller(SHOP, MUSEUM), "harbor").await;
}

#[tokio::test]
async fn the_opera_house_is_sold_to_a_reseller_from_the_catalog_to_the_cancellation() {
    let sandbox = Sandbox::start();
    sell(sandbox.reseller(SHOP, "/octo/suppliers/opera"), "opera").await;
}

#[tokio::test]
async fn the_nightlife_host_is_sold_to_a_reseller_from_the_catalog_to_the_cancellation() {
    let sandbox = Sandbox::start();
    sell(sandbox.reseller(SHOP, "/octo/suppliers/quay"), "quay").await;
}

#[tokio::test]
async fn the_tours_are_sold_to_a_reseller_from_the_catalog_to_the_cancellation() {
    let sandbox = Sandbox::start();
    sell(sandbox.reseller(SHOP, "/octo/suppliers/lagoon"), "lagoon").await;
}

#[tokio::test]
async fn the_sports_club_is_sold_to_a_reseller_from_the_catalog_to_the_cancellation() {
    let sandbox = Sandbox::start();
    sell(sandbox.reseller(SHOP, "/octo/suppliers/club"), "club").await;
}

pub(crate) async fn sell(reseller: Reseller<'_>, source: &str) {
    let supplier = reseller.get("/supplier").await.ok();
    assert_eq!(supplier["id"], source);
    assert!(supplier["endpoint"].as_str().is_some_and(|url| url.ends_with(&format!("/octo/suppliers/{source}"))));
    for key in ["website", "email", "telephone", "address"] {
        assert_eq!(supplier["contact"].get(key), Some(&Value::Null), "{key}");
    }
    read_products(reseller).await;
    let mut offer = reseller.find_offer().await;
    // The last slot first: before the cut-off of every cancellation.
    offer.slots = reseller.slots_with_room(&offer, 4).await.into_iter().rev().collect();
    read_availability(reseller, &offer).await;
    extend(reseller, &offer).await;
    update(reseller, &offer).await;
    cancel_hold(reseller, &offer).await;
    let sold = confirm(reseller, &offer).await;
    read_bookings(reseller, &sold).await;
    cancel_sale(reseller, &sold).await;
}

/// Scenarios 2 to 4.
async fn read_products(reseller: Reseller<'_>) {
    let products = reseller.products().await;
    assert!(!products.is_empty());
    let mut ids = HashSet::new();
    for product in &products {
        assert!(ids.insert(product["id"].as_str().expect("an id")), "an id comes twice");
        let option = &product["options"][0];
        assert_eq!((&option["id"], &option["default"]), (&json!("DEFAULT"), &json!(true)));
        assert!(option["restrictions"]["minUnits"].is_u64() && option["restrictions"]["maxUnits"].is_u64());
        let is_timed = product["availabilityType"] == "START_TIME";
        let times = option["availabilityLocalStartTimes"].as_array().expect("start times");
        assert!(is_timed || times.is_empty(), "{product}");
        assert!(!product["deliveryFormats"].as_array().expect("formats").is_empty());
        for unit in option["units"].as_array().expect("units") {
            assert!(unit["restrictions"]["minAge"].is_u64() && unit["restrictions"]["maxAge"].is_u64(), "{unit}");
            assert!(unit["restrictions"].get("minQuantity").is_some() && unit.get("reference").is_some(), "{unit}");
        }
    }
    let first = products[0]["id"].as_str().expect("an id");
    assert_eq!(reseller.get(&format!("/products/{first}")).await.ok(), products[0]);
    assert_eq!(reseller.get(&format!("/products/{first}/")).await.ok(), products[0], "with a slash at its end");
}

/// Scenarios 5 to 15.
async fn read_availability(reseller: Reseller<'_>, offer: &Offer) {
    let (from, to) = days(30);
    let range =
        json!({ "productId": offer.product, "optionId": "DEFAULT", "localDateStart": from, "localDateEnd": to });
    let calendar = reseller.post("/availability/calendar", &range).await.ok();
    let days = calendar.as_array().expect("days");
    assert!(days.iter().any(|day| day["available"] == true), "{calendar}");
    for day in days {
        assert!(day.get("vacancies").is_some() && day.get("capacity").is_some() && day["openingHours"].is_array());
    }
    let slot = &offer.slots[0];
    let start = slot["localDateTimeStart"].as_str().expect("a time");
    assert!(start.len() == "2027-06-15T10:00:00+02:00".len(), "{start}");
    assert!(slot["utcCutoffAt"].as_str().is_some_and(|at| at.ends_with('Z') && !at.contains('.')), "{slot}");
    assert_eq!(slot["openingHours"].as_array().map(Vec::is_empty), Some(slot["allDay"] != true));
    let one = json!({ "productId": offer.product, "optionId": "DEFAULT", "localDate": start[..10] });
    let of_day = reseller.post("/availability", &one).await.ok();
    assert!(of_day.as_array().expect("slots").iter().any(|found| found["id"] == slot["id"]), "{of_day}");
    let units = json!([{ "id": offer.unit, "quantity": 2 }]);
    let by_id = json!({
        "productId": offer.product, "optionId": "DEFAULT", "availabilityIds": [slot["id"]], "units": units,
    });
    let by_id = reseller.post("/availability", &by_id).await.ok();
    assert_eq!((&by_id[0]["id"], &by_id[0]["available"]), (&slot["id"], &json!(true)));
    let each = by_id[0]["unitPricing"].as_array().expect("prices");
    let price = each.iter().find(|price| price["unitId"] == offer.unit).expect("the unit");
    assert_eq!(by_id[0]["pricing"]["retail"].as_i64(), price["retail"].as_i64().map(|one| one * 2));
}

fn assert_hold(held: &Value, offer: &Offer, units: usize) {
    for key in BOOKING_KEYS {
        assert!(held.get(key).is_some(), "{key} is missing: {held}");
    }
    assert_eq!(held["status"], "ON_HOLD");
    assert_eq!((&held["productId"], &held["optionId"]), (&offer.product, &json!("DEFAULT")));
    assert_eq!((&held["availabilityId"], &held["availability"]["id"]), (&offer.slots[0]["id"], &offer.slots[0]["id"]));
    assert!(held["utcExpiresAt"].is_string() && held["utcConfirmedAt"].is_null() && held["cancellation"].is_null());
    let items = held["unitItems"].as_array().expect("units");
    let uuids: HashSet<&str> = items.iter().map(|item| item["uuid"].as_str().expect("a uuid")).collect();
    assert_eq!((items.len(), uuids.len()), (units, units));
    for item in items {
        assert_eq!(item["ticket"]["deliveryOptions"], json!([]), "no code before the sale");
    }
}

/// Scenario 29. Suppliers that cannot extend refuse.
async fn extend(reseller: Reseller<'_>, offer: &Offer) {
    let held = reseller.reserve(offer, 1).await;
    assert_hold(&held, offer, 1);
    let path = format!("/bookings/{}/extend", held["uuid"].as_str().expect("a uuid"));
    let extended = reseller.post(&path, &json!({ "expirationMinutes": 31 })).await;
    if extended.status == 200 {
        assert!(extended.body["utcExpiresAt"].as_str() >= held["utcExpiresAt"].as_str());
    } else {
        assert_eq!(extended.failure(), (400, "UNPROCESSABLE_ENTITY"));
    }
}

/// Scenarios 35 to 38; more of them in `another_hold`.
async fn update(reseller: Reseller<'_>, offer: &Offer) {
    let held = reseller.reserve(offer, 2).await;
    let uuid = held["uuid"].as_str().expect("a uuid");
    let change = json!({ "contact": contact(), "notes": "by the window", "resellerReference": "R-1" });
    let updated = reseller.patch(uuid, &change).await.ok();
    assert_eq!((&updated["notes"], &updated["resellerReference"]), (&json!("by the window"), &json!("R-1")));
    assert_eq!(
        (&updated["contact"]["fullName"], &updated["contact"]["country"]),
        (&json!("Ada Lovelace"), &json!("GB"))
    );
    assert_eq!(updated["status"], "ON_HOLD");
    let more = json!({ "unitItems": vec![json!({ "unitId": offer.unit }); 3] });
    assert_eq!(reseller.patch(uuid, &more).await.ok()["unitItems"].as_array().map(Vec::len), Some(3));
    if let Some(other) = offer.slots.get(1) {
        let moved = reseller.patch(uuid, &json!({ "availabilityId": other["id"] })).await.ok();
        assert_eq!((&moved["availabilityId"], &moved["status"]), (&other["id"], &json!("ON_HOLD")));
    }
    let unknown = json!({ "productId": "unknown" });
    assert_eq!(reseller.patch(uuid, &unknown).await.failure(), (400, "INVALID_PRODUCT_ID"));
    let after = reseller.get(&format!("/bookings/{uuid}")).await.ok();
    assert_eq!(after["unitItems"].as_array().map(Vec::len), Some(3), "a refused change changes nothing");
}

/// Scenario 39.
async fn cancel_hold(reseller: Reseller<'_>, offer: &Offer) {
    let held = reseller.reserve(offer, 1).await;
    let path = format!("/bookings/{}/cancel", held["uuid"].as_str().expect("a uuid"));
    let canceled = reseller.post(&path, &json!({ "reason": "changed plans" })).await.ok();
    assert_eq!(
        (&canceled["status"], &canceled["cancellation"]["reason"]),
        (&json!("CANCELLED"), &json!("changed plans"))
    );
    assert_eq!((&canceled["utcExpiresAt"], &canceled["cancellable"]), (&Value::Null, &json!(false)));
    assert_eq!(reseller.post(&path, &json!({})).await.ok(), canceled, "a repetition changes nothing");
    let confirm = path.replace("/cancel", "/confirm");
    let refused = reseller.post(&confirm, &json!({ "contact": contact() })).await;
    assert_eq!(refused.failure(), (400, "UNPROCESSABLE_ENTITY"));
}

/// Scenarios 21 and 31.
async fn confirm(reseller: Reseller<'_>, offer: &Offer) -> Value {
    let held = reseller.reserve(offer, 2).await;
    let path = format!("/bookings/{}/confirm", held["uuid"].as_str().expect("a uuid"));
    let incomplete = reseller.post(&path, &json!({ "contact": { "firstName": "Ada" } })).await;
    assert_eq!(incomplete.failure(), (400, "BAD_REQUEST"));
    let body = json!({ "contact": contact(), "resellerReference": "R-2" });
    reseller.post(&path, &body).await.ok();
    let uuid = held["uuid"].as_str().expect("a uuid");
    let sold = reseller.read_until(uuid, "it is sold", |booking| booking["status"] != "PENDING").await;
    assert_eq!(sold["status"], "CONFIRMED", "{sold}");
    assert_eq!(
        (&sold["resellerReference"], &sold["contact"]["emailAddress"]),
        (&json!("R-2"), &json!("ada@example.org"))
    );
    assert!(sold["utcExpiresAt"].is_null() && sold["utcConfirmedAt"].is_string());
    let retail = |price: &Value| price["pricing"]["retail"].as_i64().expect("a price");
    let items = sold["unitItems"].as_array().expect("units");
    assert_eq!(items.iter().map(retail).sum::<i64>(), retail(&sold), "the total is that of its units");
    let again = reseller.post(&path, &body).await.ok();
    assert_eq!((&again["id"], &again["status"]), (&sold["id"], &json!("CONFIRMED")), "confirmed once");
    sold
}

/// Scenarios 42 to 46.
async fn read_bookings(reseller: Reseller<'_>, sold: &Value) {
    let read = reseller.get(&format!("/bookings/{}", sold["uuid"].as_str().expect("a uuid"))).await.ok();
    assert_eq!((&read["id"], &read["status"]), (&sold["id"], &json!("CONFIRMED")));
    let number = sold["supplierReference"].as_str().expect("a number");
    let day = sold["availability"]["localDateTimeStart"].as_str().expect("a time")[..10].to_owned();
    for filter in
        [format!("supplierReference={number}"), "resellerReference=R-2".to_owned(), format!("localDate={day}")]
    {
        let found = reseller.get(&format!("/bookings?{filter}")).await.ok();
        let ids: Vec<&Value> = found.as_array().expect("bookings").iter().map(|booking| &booking["id"]).collect();
        assert!(ids.contains(&&sold["id"]), "{filter}: {found}");
    }
    let none = reseller.get("/bookings?resellerReference=unknown").await.ok();
    assert_eq!(none, json!([]));
}

/// Scenario 40.
async fn cancel_sale(reseller: Reseller<'_>, sold: &Value) {
    assert_eq!(sold["cancellable"], true, "{sold}");
    let path = format!("/bookings/{}", sold["uuid"].as_str().expect("a uuid"));
    let body = Some(json!({ "reason": "rain" }).to_string());
    let canceled = reseller.send_with(Method::DELETE, &path, &[], body).await.ok();
    assert_eq!((&canceled["status"], &canceled["cancellation"]["reason"]), (&json!("CANCELLED"), &json!("rain")));
    let refund = canceled["cancellation"]["refund"].as_str().expect("a refund");
    assert!(["FULL", "PARTIAL", "NONE"].contains(&refund), "{refund}");
    assert!(canceled["utcExpiresAt"].is_null() && canceled["utcConfirmedAt"].is_string(), "{canceled}");
}
