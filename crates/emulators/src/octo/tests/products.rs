//! The products with habits of their own.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Supplier, confirmation, path_of, units};

#[tokio::test]
async fn an_open_dated_pass_is_booked_without_an_availability_and_has_one_voucher() {
    let supplier = Supplier::with_prices().await;
    let body = json!({ "productId": "city-pass", "optionId": "DEFAULT", "unitItems": units("adult", 2) });
    let held = supplier.ok("POST", "/bookings", body.clone()).await;
    assert_eq!((&held["availabilityId"], &held["availability"]), (&Value::Null, &Value::Null));
    assert_eq!((&held["pricing"]["retail"], &held["freesale"]), (&json!(11_000), &json!(true)));
    let sold = supplier.ok("POST", &format!("{}/confirm", path_of(&held)), confirmation()).await;
    assert_eq!(sold["voucher"]["deliveryOptions"][0]["deliveryFormat"], "AZTECCODE");
    assert_eq!(sold["unitItems"][0]["ticket"], Value::Null);
    let rows = supplier.slots("city-pass", "DEFAULT").await;
    let row = &rows[0];
    assert_eq!((&row["status"], &row["available"]), (&json!("FREESALE"), &json!(true)));
    assert_eq!((&row["vacancies"], &row["capacity"]), (&Value::Null, &Value::Null));
    supplier.change("freesale_number", "", json!(0));
    assert_eq!(supplier.slots("city-pass", "DEFAULT").await[0]["capacity"], 0);
    supplier.change("open_needs_availability", "", json!(true));
    assert_eq!(supplier.refused("POST", "/bookings", body).await, "INVALID_AVAILABILITY_ID");
}

#[tokio::test]
async fn two_options_have_their_own_slots_and_cutoffs() {
    let supplier = Supplier::start().await;
    let product = supplier.ok("GET", "/products/island-tour", Value::Null).await;
    let options = product["options"].as_array().expect("a list");
    assert_eq!((&options[0]["default"], &options[1]["default"]), (&json!(true), &json!(false)));
    let cutoffs: Vec<&Value> = options.iter().map(|option| &option["cancellationCutoffUnit"]).collect();
    assert_eq!(cutoffs, ["day", "minute"]);
    let (north, south) =
        tokio::join!(supplier.slots("island-tour", "north"), supplier.slots("island-tour", "9f3c2a7e51d04b68"));
    assert_eq!((north.len(), south.len()), (31, 62));
    let body = json!({
        "productId": "island-tour", "optionId": "north", "availabilityId": south[0]["id"], "unitItems": units("adult", 1),
    });
    assert_eq!(supplier.refused("POST", "/bookings", body).await, "INVALID_AVAILABILITY_ID");
}

#[tokio::test]
async fn a_guest_list_has_no_codes_and_its_slots_have_the_offset_of_their_hour() {
    let supplier = Supplier::start().await;
    let sold = supplier.sell("opera-night", 1).await;
    let ticket = &sold["unitItems"][0]["ticket"];
    assert_eq!((&ticket["redemptionMethod"], &ticket["deliveryOptions"]), (&json!("MANIFEST"), &json!([])));
    let body = json!({
        "productId": "opera-night", "optionId": "DEFAULT", "localDateStart": "2027-10-31", "localDateEnd": "2027-10-31",
    });
    let rows = supplier.ok("POST", "/availability", body).await;
    let starts: Vec<&Value> = rows.as_array().into_iter().flatten().map(|row| &row["localDateTimeStart"]).collect();
    assert_eq!(starts, ["2027-10-31T00:30:00+02:00", "2027-10-31T20:30:00+01:00"]);
    assert_eq!(rows[1]["utcCutoffAt"], "2027-10-31T19:00:00Z");
}

#[tokio::test]
async fn tickets_of_a_workshop_come_later_or_when_they_are_delivered() {
    let supplier = Supplier::start().await;
    let formats = |booking: &Value| -> Vec<Value> {
        let options = booking["unitItems"][0]["ticket"]["deliveryOptions"].as_array().expect("a list");
        options.iter().map(|one| one["deliveryFormat"].clone()).collect()
    };
    let (first, second) = (supplier.sell("workshop", 1).await, supplier.sell("workshop", 1).await);
    assert_eq!((formats(&first), &first["voucher"]["deliveryOptions"]), (vec![], &json!([])));
    supplier.change("deliver", first["uuid"].as_str().expect("a uuid"), Value::Null);
    let shown = async |booking: &Value| formats(&supplier.ok("GET", &path_of(booking), Value::Null).await);
    assert_eq!((shown(&first).await, shown(&second).await), (vec![json!("PKPASS_URL"), json!("QRCODE")], vec![]));
    supplier.advance(SignedDuration::from_mins(10));
    assert_eq!(shown(&second).await.len(), 2);
    let canceled = supplier.ok("POST", &format!("{}/cancel", path_of(&first)), json!({})).await;
    assert_eq!(canceled["cancellation"]["refund"], "PARTIAL");
    supplier.change("refund", "workshop", json!("NONE"));
    let canceled = supplier.ok("POST", &format!("{}/cancel", path_of(&second)), json!({})).await;
    assert_eq!(canceled["cancellation"]["refund"], "NONE");
}

#[tokio::test]
async fn a_dinner_is_pending_until_the_cook_decides() {
    let supplier = Supplier::start().await;
    for decision in ["CONFIRMED", "REJECTED"] {
        let pending = supplier.sell("vineyard-dinner", 2).await;
        assert_eq!((&pending["status"], &pending["utcConfirmedAt"]), (&json!("PENDING"), &Value::Null));
        assert_eq!(pending["unitItems"][0]["ticket"]["deliveryOptions"], json!([]));
        assert_eq!(
            supplier.refused("PATCH", &path_of(&pending), json!({ "notes": "x" })).await,
            "UNPROCESSABLE_ENTITY"
        );
        supplier.change("settle", pending["uuid"].as_str().expect("a uuid"), json!(decision));
        let settled = supplier.ok("GET", &path_of(&pending), Value::Null).await;
        assert_eq!(
            (&settled["status"], settled["utcConfirmedAt"].is_string()),
            (&json!(decision), decision == "CONFIRMED")
        );
    }
    let taken = || supplier.emulator.store.read(|state| state.taken_places(super::NOW.parse().expect("a time"), None));
    assert_eq!(taken().values().sum::<u32>(), 2, "a rejected table is free");
    supplier.change("rejected_keeps_places", "", json!(true));
    assert_eq!(taken().values().sum::<u32>(), 4);
    let alone = supplier.reservation("vineyard-dinner", 1).await;
    assert_eq!(supplier.refused("POST", "/bookings", alone).await, "UNPROCESSABLE_ENTITY", "two at least");
}

#[tokio::test]
async fn a_student_of_the_walk_has_a_name_on_the_ticket_and_pays_in_yen() {
    let supplier = Supplier::with_prices().await;
    let mut reservation = supplier.reservation("lantern/walk:2+", 1).await;
    reservation["unitItems"] = units("student", 1);
    let held = supplier.ok("POST", "/bookings", reservation).await;
    assert_eq!((&held["pricing"]["currency"], &held["pricing"]["currencyPrecision"]), (&json!("JPY"), &json!(0)));
    let path = format!("{}/confirm", path_of(&held));
    assert_eq!(supplier.refused("POST", &path, confirmation()).await, "BAD_REQUEST");
    let mut named = confirmation();
    let item = &held["unitItems"][0];
    named["unitItems"] = json!([{ "uuid": item["uuid"], "unitId": "student", "contact": { "fullName": "Ada Rossi" } }]);
    let sold = supplier.ok("POST", &path, named).await;
    assert_eq!((&sold["status"], &sold["unitItems"][0]["uuid"]), (&json!("CONFIRMED"), &item["uuid"]));
    assert_eq!(sold["unitItems"][0]["contact"]["fullName"], "Ada Rossi");
}

#[tokio::test]
async fn edits_close_sell_out_hide_and_resize() {
    let supplier = Supplier::start().await;
    let slot = supplier.bookable("lagoon-cruise", "DEFAULT").await[0].clone();
    let place = format!("lagoon-cruise|DEFAULT|{slot}");
    let body = json!({ "productId": "lagoon-cruise", "optionId": "DEFAULT", "availabilityIds": [slot] });
    let rows = async || supplier.ok("POST", "/availability", body.clone()).await;
    for (name, value, status, is_available) in [
        ("sold_out", json!(true), "SOLD_OUT", false),
        ("restock", json!(true), "AVAILABLE", true),
        ("capacity", json!(0), "SOLD_OUT", false),
        ("capacity", json!(3), "AVAILABLE", true),
        ("close", json!(true), "CLOSED", false),
        ("close", json!(false), "AVAILABLE", true),
        ("unavailable", json!(true), "AVAILABLE", false),
        ("unavailable", json!(false), "AVAILABLE", true),
    ] {
        supplier.change(name, &place, value);
        let row = rows().await[0].take();
        assert_eq!((&row["status"], &row["available"]), (&json!(status), &json!(is_available)), "{name}");
    }
    supplier.change("vanish", &place, json!(true));
    assert_eq!(rows().await, json!([]));
    let gone = json!({ "productId": "lagoon-cruise", "optionId": "DEFAULT", "availabilityId": slot, "unitItems": units("adult", 1) });
    assert_eq!(supplier.refused("POST", "/bookings", gone).await, "INVALID_AVAILABILITY_ID");
    let sold = supplier.sell("lagoon-cruise", 1).await;
    supplier.change("vanish", "lagoon-cruise", json!(true));
    assert_eq!(supplier.refused("GET", "/products/lagoon-cruise", Value::Null).await, "INVALID_PRODUCT_ID");
    assert_eq!(supplier.ok("GET", &path_of(&sold), Value::Null).await["status"], "CONFIRMED");
    supplier.change("vanish", "island-tour|north", json!(true));
    let islands = supplier.ok("GET", "/products/island-tour", Value::Null).await;
    assert_eq!(islands["options"].as_array().map(Vec::len), Some(1));
}
