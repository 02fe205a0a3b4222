//! Validator scenarios 21 to 47: reserve, extend, confirm, update, cancel, get, list (`octo.md §13.2`), and the state machine.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{CRUISE, PALACE, Supplier, UUID, assert_keys, confirmation, path_of, units};

const BOOKING: [&str; 25] = [
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
];
const ITEM: [&str; 9] = [
    "uuid",
    "resellerReference",
    "supplierReference",
    "unitId",
    "unit",
    "status",
    "utcRedeemedAt",
    "contact",
    "ticket",
];

#[tokio::test]
async fn a_hold_is_complete_and_echoes_what_was_asked_for() {
    let supplier = Supplier::start().await;
    let reservation = supplier.reservation(CRUISE, 2).await;
    let held = supplier.ok("POST", "/bookings", reservation.clone()).await;
    assert_keys(&held, &BOOKING);
    assert_eq!(held["status"], "ON_HOLD");
    for field in ["productId", "optionId", "availabilityId"] {
        assert_eq!(held[field], reservation[field]);
    }
    assert_eq!(held["utcExpiresAt"], "2027-06-01T08:30:00Z");
    let items = held["unitItems"].as_array().expect("a list");
    let uuids: BTreeSet<&str> = items.iter().filter_map(|item| item["uuid"].as_str()).collect();
    assert_eq!(uuids.len(), 2);
    for item in items {
        assert_keys(item, &ITEM);
        assert_eq!(item["ticket"]["deliveryOptions"], json!([]));
    }
    assert_keys(&held["availability"], &["id", "localDateTimeStart", "localDateTimeEnd", "allDay", "openingHours"]);
    assert_eq!((&held["voucher"], &held["cancellation"]), (&Value::Null, &Value::Null));
    assert_eq!(held["contact"]["locales"], json!([]));
}

#[tokio::test]
async fn a_reservation_is_refused_with_the_code_of_its_fault() {
    let supplier = Supplier::start().await;
    let good = supplier.reservation(CRUISE, 2).await;
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        supplier.refused("POST", "/bookings", body)
    };
    assert_eq!(with("productId", json!("nope")).await, "INVALID_PRODUCT_ID");
    assert_eq!(with("productId", Value::Null).await, "INVALID_PRODUCT_ID");
    assert_eq!(with("productId", json!(7)).await, "BAD_REQUEST");
    assert_eq!(with("optionId", json!("nope")).await, "INVALID_OPTION_ID");
    assert_eq!(with("availabilityId", json!("nope")).await, "INVALID_AVAILABILITY_ID");
    assert_eq!(with("availabilityId", Value::Null).await, "INVALID_AVAILABILITY_ID");
    assert_eq!(with("unitItems", Value::Null).await, "UNPROCESSABLE_ENTITY");
    assert_eq!(with("unitItems", json!([])).await, "UNPROCESSABLE_ENTITY");
    assert_eq!(with("unitItems", units("nope", 1)).await, "INVALID_UNIT_ID");
    assert_eq!(with("unitItems", units("adult", 10)).await, "UNPROCESSABLE_ENTITY", "above maxUnits");
    assert_eq!(with("unitItems", units("infant", 1)).await, "UNPROCESSABLE_ENTITY", "alone");
    assert_eq!(with("unitItems", json!("adult")).await, "BAD_REQUEST");
    let rows = supplier.slots(CRUISE, "DEFAULT").await;
    let sold_out = rows.iter().find(|row| row["status"] == "SOLD_OUT").expect("a sold-out slot");
    assert_eq!(with("availabilityId", sold_out["id"].clone()).await, "UNPROCESSABLE_ENTITY");
    assert_eq!(
        with("unitItems", json!([{ "unitId": "adult", "uuid": UUID }, { "unitId": "adult", "uuid": UUID }])).await,
        "BAD_REQUEST"
    );
    assert!(supplier.emulator.store.read(|state| state.bookings.is_empty()));
}

#[tokio::test]
async fn a_repeated_uuid_gives_the_same_booking_and_another_body_is_refused() {
    let supplier = Supplier::start().await;
    let mut reservation = supplier.reservation(CRUISE, 2).await;
    reservation["uuid"] = UUID.into();
    let first = supplier.ok("POST", "/bookings", reservation.clone()).await;
    let again = supplier.ok("POST", "/bookings", reservation.clone()).await;
    assert_eq!((&first, first["uuid"].as_str()), (&again, Some(UUID)));
    let sold = supplier.ok("POST", &format!("/bookings/{UUID}/confirm"), confirmation()).await;
    let later = supplier.ok("POST", "/bookings", reservation.clone()).await;
    assert_eq!(later, sold, "the booking as it is now");
    reservation["unitItems"] = units("adult", 3);
    assert_eq!(supplier.refused("POST", "/bookings", reservation.clone()).await, "INVALID_BOOKING_UUID");
    reservation["uuid"] = "no-uuid".into();
    assert_eq!(supplier.refused("POST", "/bookings", reservation).await, "INVALID_BOOKING_UUID");
    assert_eq!(supplier.emulator.store.read(|state| state.bookings.len()), 1);
}

#[tokio::test]
async fn an_extension_gives_a_later_end_and_needs_a_live_hold() {
    let supplier = Supplier::start().await;
    let held = supplier.hold(CRUISE, 1).await;
    let path = format!("{}/extend", path_of(&held));
    supplier.advance(SignedDuration::from_mins(20));
    let extended = supplier.ok("POST", &path, json!({ "expirationMinutes": 31 })).await;
    assert_eq!(extended["utcExpiresAt"], "2027-06-01T08:51:00Z");
    let capped = supplier.ok("POST", &path, json!({ "expirationMinutes": 500 })).await;
    assert_eq!(capped["utcExpiresAt"], "2027-06-01T09:20:00Z", "an hour at most");
    assert_eq!(supplier.refused("POST", "/bookings/invalidUUID/extend", json!({})).await, "INVALID_BOOKING_UUID");
    supplier.advance(SignedDuration::from_mins(60));
    assert_eq!(supplier.refused("POST", &path, json!({})).await, "UNPROCESSABLE_ENTITY");
}

#[tokio::test]
async fn a_confirmation_echoes_contact_and_reference_and_fills_the_tickets() {
    let supplier = Supplier::start().await;
    let sold = supplier.sell(CRUISE, 2).await;
    assert_keys(&sold, &BOOKING);
    assert_eq!((&sold["status"], &sold["utcExpiresAt"]), (&json!("CONFIRMED"), &Value::Null));
    assert_eq!(sold["utcConfirmedAt"], "2027-06-01T08:00:00Z");
    assert_eq!(sold["resellerReference"], "TG-000123-1");
    assert_eq!(sold["contact"]["emailAddress"], "ada@visitor.example");
    assert_eq!((&sold["contact"]["phoneNumber"], &sold["contact"]["locales"]), (&Value::Null, &json!(["it"])));
    let codes: BTreeSet<String> = sold["unitItems"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| {
            let delivered = &item["ticket"]["deliveryOptions"];
            let formats: Vec<&Value> =
                delivered.as_array().expect("a list").iter().map(|one| &one["deliveryFormat"]).collect();
            assert_eq!(formats, ["QRCODE", "PDF_URL"]);
            assert_eq!(item["status"], "CONFIRMED");
            delivered[0]["deliveryValue"].to_string()
        })
        .collect();
    assert_eq!(codes.len(), 2);
    let again = supplier.ok("POST", &format!("{}/confirm", path_of(&sold)), confirmation()).await;
    assert_eq!(again, sold);
}

#[tokio::test]
async fn unit_items_of_a_confirmation_replace_those_of_the_hold() {
    let supplier = Supplier::start().await;
    let held = supplier.hold(CRUISE, 2).await;
    let path = format!("{}/confirm", path_of(&held));
    let mut three = confirmation();
    three["unitItems"] = units("nope", 3);
    assert_eq!(supplier.refused("POST", &path, three.clone()).await, "INVALID_UNIT_ID");
    three["unitItems"] = units("adult", 3);
    three["unitItems"][0]["uuid"] = held["unitItems"][1]["uuid"].clone();
    let sold = supplier.ok("POST", &path, three).await;
    let items = sold["unitItems"].as_array().expect("a list");
    assert_eq!((items.len(), &items[0]["uuid"]), (3, &held["unitItems"][1]["uuid"]));
    assert!(
        items.iter().all(|item| item["uuid"] != held["unitItems"][0]["uuid"]),
        "the item that was not sent is gone"
    );
}

#[tokio::test]
async fn a_confirmation_needs_a_known_booking_a_contact_and_a_live_hold() {
    let supplier = Supplier::start().await;
    let empty = json!({ "contact": {} });
    assert_eq!(supplier.refused("POST", "/bookings/invalidUUID/confirm", empty.clone()).await, "INVALID_BOOKING_UUID");
    let held = supplier.hold(CRUISE, 1).await;
    let path = format!("{}/confirm", path_of(&held));
    assert_eq!(supplier.refused("POST", &path, json!({})).await, "BAD_REQUEST");
    assert_eq!(supplier.refused("POST", &path, empty).await, "BAD_REQUEST", "required contact fields");
    supplier.advance(SignedDuration::from_mins(30));
    assert_eq!(supplier.refused("POST", &path, confirmation()).await, "INVALID_BOOKING_UUID");
    let expired = supplier.ok("GET", &path_of(&held), Value::Null).await;
    assert_eq!((&expired["status"], &expired["utcExpiresAt"]), (&json!("EXPIRED"), &held["utcExpiresAt"]));
}

#[tokio::test]
async fn a_confirmation_comes_before_the_end_of_sales() {
    let supplier = Supplier::start().await;
    let rows = supplier.slots(CRUISE, "DEFAULT").await;
    let open = rows.iter().find(|row| row["available"] == true).expect("a slot of today");
    let cutoff: Timestamp = open["utcCutoffAt"].as_str().expect("a time").parse().expect("a time");
    supplier.advance(cutoff.duration_since(super::NOW.parse().expect("a time")) - SignedDuration::from_mins(1));
    let body = json!({
        "productId": CRUISE, "optionId": "DEFAULT", "availabilityId": open["id"], "unitItems": units("adult", 1),
    });
    let held = supplier.ok("POST", "/bookings", body.clone()).await;
    supplier.advance(SignedDuration::from_mins(1));
    let refused = supplier.refused("POST", &format!("{}/confirm", path_of(&held)), confirmation()).await;
    assert_eq!(refused, "UNPROCESSABLE_ENTITY");
    assert_eq!(supplier.refused("POST", "/bookings", body).await, "UNPROCESSABLE_ENTITY");
}

#[tokio::test]
async fn a_hold_moves_to_another_slot_number_contact_and_product() {
    let supplier = Supplier::start().await;
    let slots = supplier.bookable(CRUISE, "DEFAULT").await;
    let held = supplier.hold(CRUISE, 2).await;
    let path = path_of(&held);
    let moved = supplier.ok("PATCH", &path, json!({ "availabilityId": slots[1] })).await;
    assert_eq!((&moved["availabilityId"], &moved["status"]), (&json!(slots[1]), &json!("ON_HOLD")));
    let more = supplier.ok("PATCH", &path, json!({ "unitItems": units("adult", 3) })).await;
    assert_eq!(more["unitItems"].as_array().map(Vec::len), Some(3));
    let named = json!({ "contact": { "firstName": "Ada" }, "notes": "Wheelchair" });
    let named = supplier.ok("PATCH", &path, named).await;
    assert_eq!((&named["contact"]["firstName"], &named["notes"]), (&json!("Ada"), &json!("Wheelchair")));
    let day = supplier.bookable(PALACE, "DEFAULT").await[0].clone();
    let other = json!({ "productId": PALACE, "availabilityId": day, "unitItems": units("adult", 1) });
    let other = supplier.ok("PATCH", &path, other).await;
    assert_eq!((&other["productId"], &other["uuid"]), (&json!(PALACE), &held["uuid"]));
    let left = supplier.emulator.store.read(|state| state.taken_places(super::NOW.parse().expect("a time"), None));
    assert_eq!(left.values().sum::<u32>(), 1, "the places of the cruise are free again");
}

#[tokio::test]
async fn a_hold_and_a_booking_are_canceled_with_a_reason_and_a_refund() {
    let supplier = Supplier::start().await;
    for (booking, was_sold) in [(supplier.hold(CRUISE, 1).await, false), (supplier.sell(CRUISE, 1).await, true)] {
        let path = format!("{}/cancel", path_of(&booking));
        let canceled = supplier.ok("POST", &path, json!({ "reason": "Rain" })).await;
        assert_eq!((&canceled["status"], &canceled["utcExpiresAt"]), (&json!("CANCELLED"), &Value::Null));
        let cancellation = &canceled["cancellation"];
        assert_eq!((&cancellation["reason"], &cancellation["refund"]), (&json!("Rain"), &json!("FULL")));
        assert_eq!(cancellation["utcCancelledAt"], "2027-06-01T08:00:00Z");
        let delivered = canceled["unitItems"][0]["ticket"]["deliveryOptions"].as_array().map(Vec::len);
        assert_eq!((delivered == Some(2), canceled["utcConfirmedAt"].is_string()), (was_sold, was_sold));
        assert_eq!(canceled["cancellable"], false);
        assert_eq!(supplier.ok("POST", &path, json!({})).await, canceled, "a repeat");
        assert_eq!(
            supplier.refused("POST", &format!("{}/confirm", path_of(&booking)), confirmation()).await,
            "UNPROCESSABLE_ENTITY"
        );
    }
    assert_eq!(supplier.refused("POST", "/bookings/invalidUUID/cancel", json!({})).await, "INVALID_BOOKING_UUID");
}

#[tokio::test]
async fn nothing_is_canceled_after_its_cutoff_or_a_redemption() {
    let supplier = Supplier::start().await;
    let sold = supplier.sell(CRUISE, 2).await;
    let first = sold["unitItems"][0]["uuid"].as_str().expect("a uuid");
    supplier.change("use_ticket", first, Value::Null);
    let used = supplier.ok("GET", &path_of(&sold), Value::Null).await;
    assert_eq!((&used["status"], &used["unitItems"][0]["status"]), (&json!("CONFIRMED"), &json!("REDEEMED")));
    assert_eq!(used["unitItems"][0]["ticket"]["utcRedeemedAt"], "2027-06-01T08:00:00Z");
    let path = format!("{}/cancel", path_of(&sold));
    assert_eq!(supplier.refused("POST", &path, json!({})).await, "UNPROCESSABLE_ENTITY");
    supplier.change("use_ticket", sold["uuid"].as_str().expect("a uuid"), Value::Null);
    let used = supplier.ok("GET", &path_of(&sold), Value::Null).await;
    assert_eq!((&used["status"], used["utcRedeemedAt"].is_string()), (&json!("REDEEMED"), true));
    let sold = supplier.sell(CRUISE, 1).await;
    let start: Timestamp = sold["availabilityId"].as_str().expect("a start").parse().expect("a time");
    let cutoff = start - SignedDuration::from_hours(24);
    supplier.advance(cutoff.duration_since(super::NOW.parse().expect("a time")));
    let late = supplier.ok("GET", &path_of(&sold), Value::Null).await;
    assert_eq!(late["cancellable"], false);
    let path = format!("{}/cancel", path_of(&sold));
    assert_eq!(supplier.refused("POST", &path, json!({})).await, "UNPROCESSABLE_ENTITY");
}

#[tokio::test]
async fn bookings_are_read_by_uuid_and_listed_by_reference_and_day_of_visit() {
    let supplier = Supplier::start().await;
    let (held, sold) = (supplier.hold(CRUISE, 1).await, supplier.sell(CRUISE, 1).await);
    assert_eq!(supplier.ok("GET", &path_of(&held), Value::Null).await, held);
    assert_eq!(supplier.ok("GET", &path_of(&sold), Value::Null).await, sold);
    assert_eq!(supplier.refused("GET", "/bookings/invalidUUID", Value::Null).await, "INVALID_BOOKING_UUID");
    let list = async |query: String| supplier.ok("GET", &format!("/bookings?{query}"), Value::Null).await;
    let number = held["supplierReference"].as_str().expect("a reference");
    assert_eq!(list(format!("supplierReference={number}")).await, json!([held]));
    assert_eq!(list("resellerReference=TG-000123-1".to_owned()).await, json!([sold]));
    let day = &sold["availabilityId"].as_str().expect("a start")[..10];
    assert_eq!(list(format!("localDate={day}")).await, json!([held, sold]));
    assert_eq!(list(format!("localDateStart={day}&localDateEnd={day}&productId={PALACE}")).await, json!([]));
    assert_eq!(list("localDate=2027-06-01".to_owned()).await, json!([]), "the day of the sale");
    for wrong in ["", "?localDateStart=2027-06-01", "?productId=x", "?localDate=June"] {
        assert_eq!(supplier.refused("GET", &format!("/bookings{wrong}"), Value::Null).await, "BAD_REQUEST");
    }
}
