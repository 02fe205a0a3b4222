//! States, units and changes of bookings.

use serde_json::{Value, json};

use super::*;
use crate::request::{ReserveBody, parse};
use crate::slot::tests::price;
use crate::store::StoredChange;

fn order(status: &str, tickets: &Value) -> OrderFacts {
    serde_json::from_value(json!({
        "id": "o-1", "number": "ABCD-EFGH-JKMN", "status": status, "testMode": true,
        "createdAt": "2026-06-01T10:00:00Z", "updatedAt": "2026-06-01T10:05:00Z", "holdExpiresAt": "2026-06-01T10:15:00Z",
        "availableActions": ["RELEASE", "QUOTE_CANCELLATION"], "problems": [],
        "legs": [{ "cancellation": { "possible": true } }],
        "lines": [
            { "quantity": 2, "unitPrice": price(1200), "total": price(2400), "tickets": tickets },
            { "quantity": 1, "unitPrice": price(500), "total": price(500), "tickets": [] },
        ],
    }))
    .expect("an order")
}

fn stored() -> StoredBooking {
    let body = json!({
        "uuid": "0b6c4b0e-9d6f-5a35-8c7b-4a2f1f0f8e11", "productId": "p", "optionId": "DEFAULT", "availabilityId": "a",
        "unitItems": [{ "unitId": "adult" }, { "unitId": "child" }, { "unitId": "adult" }],
    });
    let request = parse::<ReserveBody>(body.to_string().as_bytes()).and_then(|body| body.check("harbor", 9, false));
    let slot = OctoSlot {
        id: "a".to_owned(),
        local_date_time_start: "2026-06-15T10:00:00+02:00".to_owned(),
        local_date_time_end: "2026-06-15T11:00:00+02:00".to_owned(),
        all_day: false,
        opening_hours: Vec::new(),
    };
    let new = BookingIdentity {
        scope: "reseller tiqets".to_owned(),
        order: OrderKey::of_name("order"),
        request_hash: "hash".to_owned(),
        visit_day: None,
        slot: Some(slot),
    };
    new_booking(&request.expect("a request"), &order("DRAFT", &json!([])), new)
}

fn change(body: Value) -> BookingChange {
    let parsed = parse::<crate::request::ChangeBody>(body.to_string().as_bytes());
    parsed.and_then(|body| body.check(9)).expect("a change")
}

#[test]
fn a_booking_is_confirmed_only_if_its_order_is() {
    for (state, expected) in [
        ("DRAFT", "PENDING"),
        ("HOLDING", "PENDING"),
        ("HELD", "ON_HOLD"),
        ("CONFIRMING", "PENDING"),
        ("CONFIRMED", "CONFIRMED"),
        ("COMPENSATING", "PENDING"),
        ("NEEDS_ATTENTION", "PENDING"),
        ("PARTIALLY_CONFIRMED", "PENDING"),
        ("A_LATER_STATE", "PENDING"),
        ("FAILED", "REJECTED"),
        ("RELEASED", "CANCELLED"),
        ("EXPIRED", "EXPIRED"),
        ("CANCELLING", "CONFIRMED"),
        ("CANCELLED", "CANCELLED"),
    ] {
        assert_eq!(status_of(&order(state, &json!([]))), expected, "{state}");
    }
}

#[test]
fn times_are_set_in_the_states_that_they_belong_to() {
    let json_of =
        |state: &str| serde_json::to_value(booking(&stored(), &order(state, &json!([])), false)).expect("JSON");
    let held = json_of("HELD");
    assert_eq!(held["utcExpiresAt"], "2026-06-01T10:15:00Z");
    assert_eq!(
        (&held["utcConfirmedAt"], &held["cancellation"], &held["voucher"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(held["unitItems"][0]["ticket"]["deliveryOptions"], json!([]));
    assert_eq!((&held["cancellable"], held.get("pricing")), (&json!(true), None));
    let sold = json_of("CONFIRMED");
    assert_eq!((&sold["utcExpiresAt"], &sold["utcConfirmedAt"]), (&Value::Null, &json!("2026-06-01T10:05:00Z")));
    let canceled = json_of("CANCELLED");
    assert_eq!((&canceled["utcExpiresAt"], &canceled["cancellable"]), (&Value::Null, &json!(false)));
    assert_eq!(canceled["cancellation"]["utcCancelledAt"], "2026-06-01T10:05:00Z");
    assert_eq!(json_of("EXPIRED")["utcExpiresAt"], "2026-06-01T10:15:00Z");
    for key in ["fullName", "firstName", "locales", "allowMarketing", "postalCode", "country", "notes"] {
        assert!(held["contact"].get(key).is_some(), "{key}");
    }
}

#[test]
fn tickets_belong_to_the_units_in_their_order() {
    let ticket = |status: &str, symbology: &str, value: &str| {
        let delivery = json!({ "symbology": symbology, "value": value });
        let timeline = json!([{ "at": "2026-06-01T10:04:00Z", "state": "SOLD" }]);
        json!({ "status": status, "usedAt": null, "deliveries": [delivery], "timeline": timeline })
    };
    let tickets = json!([ticket("ISSUED", "QR", "first"), ticket("VOID", "PDF417", "second")]);
    let sold = booking(&stored(), &order("CONFIRMED", &tickets), true);
    let items = &sold.unit_items;
    assert_eq!(sold.utc_confirmed_at.map(|at| at.to_string()).as_deref(), Some("2026-06-01T10:04:00Z"));
    let code = |item: usize| {
        items[item].ticket.delivery_options.first().map(|code| (code.delivery_format, &*code.delivery_value))
    };
    assert_eq!((code(0), code(1), code(2)), (Some(("QRCODE", "first")), None, None));
    assert_eq!((items[0].status, items[1].status, items[2].status), ("CONFIRMED", "CONFIRMED", "CANCELLED"));
    let prices: Vec<_> = items.iter().filter_map(|item| item.pricing.as_ref().map(|price| price.retail)).collect();
    assert_eq!((prices, sold.pricing.map(|price| price.retail)), (vec![1200, 500, 1200], Some(2900)));
    let used = json!([ticket("USED", "QR", "x"), ticket("USED", "QR", "y")]);
    let mut used = order("CONFIRMED", &used);
    assert_eq!(status_of(&used), "CONFIRMED", "one ticket is not issued yet");
    used.lines.truncate(1);
    assert_eq!(status_of(&used), "REDEEMED");
}

#[test]
fn units_without_a_uuid_get_one_each_and_always_the_same() {
    let uuids = |booking: StoredBooking| booking.details.units.iter().map(|unit| unit.uuid).collect::<Vec<_>>();
    let first = uuids(stored());
    assert!(first[0] != first[1] && first[0] != first[2] && first[1] != first[2]);
    assert_eq!(first, uuids(stored()));
}

#[test]
fn the_same_units_need_no_other_hold_and_other_ones_do() {
    let before = stored();
    let uuid = before.details.units[2].uuid.to_string();
    let same = json!([{ "unitId": "adult", "uuid": uuid, "contact": { "firstName": "Ada" } }, { "unitId": "child" }, { "unitId": "adult" }]);
    let same = change(json!({ "unitItems": same, "notes": "n", "resellerReference": "r" }));
    assert!(!needs_another_hold(&before, &same));
    let mut after = before.clone();
    apply_change(&mut after, &same);
    assert_eq!(after.details.units[2].contact.first_name.as_deref(), Some("Ada"));
    assert_eq!(after.details.units[0].contact.first_name, None);
    assert_eq!((after.details.notes.as_deref(), after.reseller_reference.as_deref()), (Some("n"), Some("r")));
    let wrong_unit = json!([{ "unitId": "child", "uuid": uuid }, { "unitId": "child" }, { "unitId": "adult" }]);
    for other in [
        json!({ "unitItems": [{ "unitId": "adult" }] }),
        json!({ "unitItems": [{ "unitId": "adult" }, { "unitId": "adult" }, { "unitId": "adult" }] }),
        json!({ "unitItems": wrong_unit }),
        json!({ "availabilityId": "b" }),
        json!({ "productId": "q" }),
    ] {
        assert!(needs_another_hold(&before, &change(other.clone())), "{other}");
    }
    assert!(!needs_another_hold(&before, &change(json!({ "availabilityId": "a", "productId": "p" }))));
}

#[test]
fn a_full_name_is_split_at_its_last_blank_and_an_incomplete_contact_is_none() {
    let contact = |fields: Value| serde_json::from_value::<OctoContact>(fields).expect("a contact");
    let order = |fields| order_contact(&contact(fields)).map(|contact| serde_json::to_value(contact).expect("JSON"));
    let full = order(json!({ "fullName": "Ada King Lovelace", "emailAddress": "ada@example.org", "locales": null }));
    let full = full.expect("a contact");
    assert_eq!((&full["firstName"], &full["lastName"]), (&json!("Ada King"), &json!("Lovelace")));
    for incomplete in
        [json!({}), json!({ "fullName": "Ada Lovelace" }), json!({ "firstName": "Ada", "emailAddress": "a@b.ch" })]
    {
        assert_eq!(order(incomplete.clone()), None, "{incomplete}");
    }
}

#[test]
fn a_refund_is_full_without_a_fee_and_none_without_a_refund() {
    let shown = |status: &str, refunded: i64, fee: i64| {
        let money = |amount: i64| json!({ "amount": amount, "currency": "EUR", "exponent": 2 });
        let totals = json!([{ "refunded": money(refunded), "fee": money(fee) }]);
        let order = OrderFacts { totals: serde_json::from_value(totals).expect("totals"), ..order(status, &json!([])) };
        booking(&stored(), &order, false).cancellation.map(|cancellation| cancellation.refund)
    };
    let sale = |refunded, fee| shown("CANCELLED", refunded, fee).expect("a cancellation");
    assert_eq!([sale(100, 0), sale(0, 100), sale(60, 40), sale(0, 0)], ["FULL", "NONE", "PARTIAL", "FULL"]);
    assert_eq!(shown("RELEASED", 0, 0).as_deref(), Some("NONE"), "nothing was paid for a hold");
    assert_eq!(shown("CONFIRMED", 0, 0), None);
}

#[test]
fn units_that_stay_keep_their_uuid_and_their_holder_and_new_ones_get_uuids_of_their_own() {
    let mut stored = stored();
    stored.details.units[1].contact.first_name = Some("Ada".to_owned());
    let uuids: Vec<BookingUuid> = stored.details.units.iter().map(|unit| unit.uuid).collect();
    let body = json!({ "unitItems": [
        { "unitId": "child", "uuid": uuids[1].to_string() },
        { "unitId": "adult" }, { "unitId": "adult" }, { "unitId": "adult" }, { "unitId": "senior" },
    ] });
    let units = changed_units(&stored, &change(body));
    assert_eq!(units[0].contact.first_name.as_deref(), Some("Ada"));
    let kept: Vec<BookingUuid> = units[..3].iter().map(|unit| unit.uuid).collect();
    assert_eq!(kept, [uuids[1], uuids[0], uuids[2]]);
    let all: std::collections::BTreeSet<String> = units.iter().map(|unit| unit.uuid.to_string()).collect();
    assert_eq!(all.len(), units.len(), "no uuid twice");
    assert_eq!(changed_units(&stored, &change(json!({ "notes": "by the window" }))), stored.details.units);
}

#[test]
fn an_adopted_change_keeps_the_id_of_the_booking() {
    let mut stored = stored();
    let (first, second) = (order("RELEASED", &json!([])), OrderKey::of_name("second"));
    stored.details.change = Some(StoredChange {
        key: "k".to_owned(),
        product: "q".to_owned(),
        performance: "s".to_owned(),
        slot: None,
        visit_day: None,
        units: stored.details.units[..1].to_vec(),
        keeps_price: false,
    });
    adopt(&mut stored, &first, (second, "NEW-NUMBER"));
    let new = OrderFacts { id: "o-2".to_owned(), ..order("HELD", &json!([])) };
    let shown = booking(&stored, &new, false);
    assert_eq!(
        (shown.id.as_str(), shown.supplier_reference.as_str(), shown.product_id.as_str()),
        ("o-1", "NEW-NUMBER", "q")
    );
    assert_eq!((shown.unit_items.len(), shown.availability_id), (1, None));
    assert_eq!((stored.order, &stored.details.change), (second, &None));
    adopt(&mut stored, &new, (OrderKey::of_name("third"), "NONE"));
    assert_eq!(stored.order, second, "without a change nothing is adopted");
}
