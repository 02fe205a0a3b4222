//! The other readings (`octo.md §10, §11, §14`), as far as no other test shows them.

use jiff::SignedDuration;
use serde_json::{Value, json};
use strum::VariantNames;

use super::{CRUISE, PALACE, Supplier, UUID, confirmation, month, path_of, units};
use crate::faults::StateChange;
use crate::octo::routes::Operation;
use crate::octo::switches::Flag;

#[test]
fn the_readme_lists_every_switch_and_operation() {
    let readme = include_str!("../README.md");
    let names = Flag::VARIANTS.iter().chain(Operation::VARIANTS);
    let missing: Vec<&&str> = names.filter(|name| !readme.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn an_unknown_change_names_the_supported_ones() {
    let supplier = Supplier::start().await;
    let apply = |name: &str, id: Option<&str>, value: Value| {
        let change = StateChange { name: name.to_owned(), id: id.map(str::to_owned), value };
        supplier.running.stage.change_state(&change).expect_err("an error")
    };
    assert!(apply("nope", Some("x"), Value::Null).contains("`use_ticket`"));
    assert!(apply("nope", None, Value::Null).contains("needs an id"));
    assert!(apply("generation", None, json!("third")).contains("unknown variant"));
    assert!(apply("missing", Some("nope"), json!(true)).contains("reserve"));
    assert!(apply("settle", Some(UUID), json!("CONFIRMED")).contains(UUID));
    let sold = supplier.sell(CRUISE, 1).await;
    let uuid = sold["uuid"].as_str().expect("a uuid").to_owned();
    assert!(apply("settle", Some(&uuid), json!("CONFIRMED")).contains("not pending"));
    supplier.change("reset", "", Value::Null);
    assert_eq!(supplier.refused("GET", &path_of(&sold), Value::Null).await, "INVALID_BOOKING_UUID");
}

#[tokio::test]
async fn a_repeated_uuid_is_refused_or_breaks_the_supplier() {
    let supplier = Supplier::start().await;
    let mut reservation = supplier.reservation(CRUISE, 1).await;
    reservation["uuid"] = UUID.into();
    supplier.ok("POST", "/bookings", reservation.clone()).await;
    supplier.change("repeated_uuid", "", json!("used"));
    assert_eq!(supplier.refused("POST", "/bookings", reservation.clone()).await, "INVALID_BOOKING_UUID");
    supplier.change("repeated_uuid", "", json!("error"));
    let broken = supplier.post("/bookings", &reservation).await;
    assert_eq!((broken.status, &broken.json()["error"]), (500, &json!("INTERNAL_SERVER_ERROR")));
    supplier.change("repeated_uuid", "", json!("same"));
    supplier.change("other_body_accepted", "", json!(true));
    reservation["unitItems"] = units("adult", 2);
    let same = supplier.ok("POST", "/bookings", reservation).await;
    assert_eq!(same["unitItems"].as_array().map(Vec::len), Some(1), "the first booking");
}

#[tokio::test]
async fn repeats_of_a_confirmation_and_of_a_cancellation_are_refused() {
    let supplier = Supplier::start().await;
    let sold = supplier.sell(CRUISE, 1).await;
    supplier.change("confirm_twice_refused", "", json!(true));
    supplier.change("cancel_twice_refused", "", json!(true));
    let again = supplier.post(&format!("{}/confirm", path_of(&sold)), &confirmation()).await.json();
    assert_eq!((&again["error"], &again["errorMessage"]), (&json!("BAD_REQUEST"), &json!("Order already confirmed")));
    let cancel = format!("{}/cancel", path_of(&sold));
    supplier.ok("POST", &cancel, json!({})).await;
    assert_eq!(supplier.refused("POST", &cancel, json!({})).await, "UNPROCESSABLE_ENTITY");
}

#[tokio::test]
async fn holds_end_and_are_listed_in_other_ways() {
    let supplier = Supplier::start().await;
    supplier.change("hold_minutes", "", json!(5));
    let held = supplier.hold(CRUISE, 1).await;
    assert_eq!(held["utcExpiresAt"], "2027-06-01T08:05:00Z");
    supplier.change("extends_from_end", "", json!(true));
    let extended = supplier.ok("POST", &format!("{}/extend", path_of(&held)), json!({ "expirationMinutes": 4 })).await;
    assert_eq!(extended["utcExpiresAt"], "2027-06-01T08:09:00Z");
    let number = held["supplierReference"].as_str().expect("a reference");
    let listed = format!("/bookings?supplierReference={number}");
    assert_eq!(supplier.ok("GET", &listed, Value::Null).await.as_array().map(Vec::len), Some(1));
    supplier.change("lists_sold_only", "", json!(true));
    assert_eq!(supplier.ok("GET", &listed, Value::Null).await, json!([]));
    supplier.change("expired_cancellation", "", json!(true));
    supplier.advance(SignedDuration::from_mins(9));
    let expired = supplier.ok("GET", &path_of(&held), Value::Null).await;
    assert_eq!((&expired["status"], &expired["cancellation"]["refund"]), (&json!("EXPIRED"), &json!("NONE")));
    supplier.change("hides_expired", "", json!(true));
    assert_eq!(supplier.refused("GET", &path_of(&held), Value::Null).await, "INVALID_BOOKING_UUID");
    supplier.change("lists_by_creation", "", json!(true));
    let sold = supplier.sell(CRUISE, 1).await;
    assert_eq!(supplier.ok("GET", "/bookings?localDate=2027-06-01", Value::Null).await, json!([sold]));
}

#[tokio::test]
async fn a_canceled_hold_is_expired_and_may_keep_its_end() {
    let supplier = Supplier::start().await;
    supplier.change("hold_cancel_expires", "", json!(true));
    supplier.change("cancel_keeps_expiry", "", json!(true));
    let held = supplier.hold(CRUISE, 1).await;
    let canceled = supplier.ok("POST", &format!("{}/cancel", path_of(&held)), json!({})).await;
    assert_eq!((&canceled["status"], &canceled["utcExpiresAt"]), (&json!("EXPIRED"), &held["utcExpiresAt"]));
    supplier.change("confirms_canceled", "", json!(true));
    let sold = supplier.ok("POST", &format!("{}/confirm", path_of(&held)), confirmation()).await;
    assert_eq!(sold["status"], "CONFIRMED");
}

#[tokio::test]
async fn opaque_ids_are_accepted_where_they_were_given() {
    let supplier = Supplier::start().await;
    supplier.change("availability_ids", "", json!("opaque"));
    let reservation = supplier.reservation(CRUISE, 1).await;
    let id = reservation["availabilityId"].as_str().expect("an id");
    assert!(id.contains("_720_a/b:c+"), "{id}");
    let held = supplier.ok("POST", "/bookings", reservation.clone()).await;
    assert_eq!((&held["availabilityId"], &held["availability"]["id"]), (&json!(id), &json!(id)));
    let body = json!({ "productId": CRUISE, "optionId": "DEFAULT", "availabilityIds": [id] });
    assert_eq!(supplier.ok("POST", "/availability", body).await[0]["id"], id);
    supplier.change("availability_ids", "", json!("local_start"));
    assert_eq!(supplier.refused("POST", "/bookings", reservation).await, "INVALID_AVAILABILITY_ID");
}

#[tokio::test]
async fn catalogs_and_calendars_differ() {
    let supplier = Supplier::start().await;
    for name in ["closed_day_rows", "no_opening_hours", "hour_start_times", "null_min_units", "foreign_endpoint"] {
        supplier.change(name, "", json!(true));
    }
    let rows = supplier.ok("POST", "/availability/calendar", month(PALACE, "DEFAULT")).await;
    assert_eq!(rows.as_array().map(Vec::len), Some(31));
    assert_eq!((&rows[6]["status"], &rows[6]["openingHours"]), (&json!("CLOSED"), &json!([])));
    assert_eq!(rows[0]["openingHours"], json!([{ "from": "00:00", "to": "23:59" }]));
    let palace = supplier.ok("GET", &format!("/products/{PALACE}"), Value::Null).await;
    assert_eq!(palace["options"][0]["availabilityLocalStartTimes"], json!(["00:00"]));
    assert_eq!(palace["options"][0]["restrictions"]["minUnits"], Value::Null);
    assert_eq!(supplier.ok("GET", "/supplier", Value::Null).await["endpoint"], "https://octo.elsewhere.example/v1");
    supplier.change("extra_products", "", json!(120));
    assert_eq!(supplier.ok("GET", "/products", Value::Null).await.as_array().map(Vec::len), Some(129));
    assert_eq!(supplier.hold("extra-7", 1).await["productId"], "extra-7");
    supplier.change("list_cap", "", json!(100));
    assert_eq!(supplier.ok("GET", "/products", Value::Null).await.as_array().map(Vec::len), Some(100));
    supplier.change("hidden_vacancies", "", json!(true));
    supplier.change("fractional_cutoff", "", json!(true));
    let row = supplier.slots(CRUISE, "DEFAULT").await[0].take();
    assert_eq!([&row["vacancies"], &row["capacity"], &row["maxUnits"]], [&Value::Null; 3]);
    assert!(row["utcCutoffAt"].as_str().is_some_and(|time| time.ends_with(".000Z")));
    supplier.change("omits_nulls", "", json!(true));
    assert!(supplier.slots(CRUISE, "DEFAULT").await[0].get("vacancies").is_none());
}

#[tokio::test]
async fn bookings_have_fewer_or_other_fields() {
    let supplier = Supplier::start().await;
    supplier.change("no_ticket_on_hold", "", json!(true));
    supplier.change("booking_product", "", json!("none"));
    let held = supplier.hold(CRUISE, 1).await;
    assert_eq!(held["unitItems"][0]["ticket"], Value::Null);
    assert!(held.get("product").is_none() && held["unitItems"][0].get("unit").is_none());
    supplier.change("booking_product", "", json!("stale"));
    supplier.change("items_stay_on_hold", "", json!(true));
    supplier.change("word", "CONFIRMED", json!("BOOKED"));
    let sold = supplier.ok("POST", &format!("{}/confirm", path_of(&held)), confirmation()).await;
    assert_eq!((&sold["status"], &sold["unitItems"][0]["status"]), (&json!("BOOKED"), &json!("ON_HOLD")));
    assert_eq!(sold["product"]["internalName"], "An earlier name");
    assert!(sold["unitItems"][0]["ticket"]["deliveryOptions"].as_array().is_some_and(|list| !list.is_empty()));
    let mut reservation = supplier.reservation(CRUISE, 1).await;
    reservation["optionId"] = Value::Null;
    assert_eq!(supplier.refused("POST", "/bookings", reservation.clone()).await, "INVALID_OPTION_ID");
    supplier.change("option_optional", "", json!(true));
    supplier.change("created", "", json!(true));
    let created = supplier.post("/bookings", &reservation).await;
    assert_eq!((created.status, &created.json()["optionId"]), (201, &json!("DEFAULT")));
    supplier.change("created", "", json!(false));
    supplier.change("missing", "update", json!(true));
    assert_eq!(supplier.send("PATCH", &path_of(&held), Some("{}")).await.status, 404);
}

#[tokio::test]
async fn a_supplier_cancels_expires_and_loses_bookings() {
    let supplier = Supplier::start().await;
    let (held, sold) = (supplier.hold(CRUISE, 1).await, supplier.sell(CRUISE, 1).await);
    let uuid = |booking: &Value| booking["uuid"].as_str().expect("a uuid").to_owned();
    let status = async |booking: &Value| supplier.ok("GET", &path_of(booking), Value::Null).await["status"].take();
    supplier.change("expire", &uuid(&held), Value::Null);
    supplier.change("cancel_booking", &uuid(&sold), Value::Null);
    assert_eq!((status(&held).await, status(&sold).await), (json!("EXPIRED"), json!("CANCELLED")));
    supplier.change("lose", &uuid(&sold), Value::Null);
    assert_eq!(supplier.refused("GET", &path_of(&sold), Value::Null).await, "INVALID_BOOKING_UUID");
}

#[tokio::test]
async fn the_example_server_never_sells_out_and_refuses_with_bad_request() {
    let mut supplier = Supplier::start().await;
    supplier.change("octomock", "", json!(true));
    supplier.set_header("authorization", "");
    let reservation = supplier.reservation(CRUISE, 9).await;
    for _ in 0..6 {
        supplier.ok("POST", "/bookings", reservation.clone()).await;
    }
    let mut many = reservation.clone();
    many["unitItems"] = json!([]);
    assert_eq!(supplier.refused("POST", "/bookings", many).await, "BAD_REQUEST");
    supplier.change("octomock", "", json!(false));
    assert_eq!(supplier.get("/supplier").await.status, 401);
}

#[tokio::test]
async fn a_family_takes_one_place_where_units_are_counted() {
    let supplier = Supplier::start().await;
    supplier.change("counts_units", "", json!(true));
    let mut reservation = supplier.reservation(CRUISE, 1).await;
    reservation["unitItems"] = units("family", 2);
    supplier.ok("POST", "/bookings", reservation).await;
    let taken = supplier.emulator.store.read(|state| state.taken_places(super::NOW.parse().expect("a time"), None));
    assert_eq!(taken.into_values().collect::<Vec<u32>>(), [2]);
}
