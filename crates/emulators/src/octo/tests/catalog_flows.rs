//! Validator scenarios 1 to 20: supplier, products, calendar, availability (`octo.md §13.2`).

use serde_json::{Value, json};

use super::{CRUISE, PALACE, Supplier, assert_keys, month};

const PRODUCT: [&str; 14] = [
    "id",
    "internalName",
    "reference",
    "locale",
    "timeZone",
    "allowFreesale",
    "instantConfirmation",
    "instantDelivery",
    "availabilityRequired",
    "availabilityType",
    "deliveryFormats",
    "deliveryMethods",
    "redemptionMethod",
    "options",
];
const OPTION: [&str; 11] = [
    "id",
    "default",
    "internalName",
    "reference",
    "availabilityLocalStartTimes",
    "cancellationCutoff",
    "cancellationCutoffAmount",
    "cancellationCutoffUnit",
    "requiredContactFields",
    "restrictions",
    "units",
];
const UNIT: [&str; 6] = ["id", "internalName", "reference", "type", "requiredContactFields", "restrictions"];
const RESTRICTIONS: [&str; 7] =
    ["minAge", "maxAge", "idRequired", "minQuantity", "maxQuantity", "paxCount", "accompaniedBy"];
const SLOT: [&str; 11] = [
    "id",
    "localDateTimeStart",
    "localDateTimeEnd",
    "allDay",
    "available",
    "status",
    "vacancies",
    "capacity",
    "maxUnits",
    "utcCutoffAt",
    "openingHours",
];

#[tokio::test]
async fn the_supplier_is_complete_and_names_its_own_endpoint() {
    let supplier = Supplier::start().await;
    let shown = supplier.ok("GET", "/supplier", Value::Null).await;
    assert_keys(&shown, &["id", "name", "endpoint", "contact"]);
    assert_keys(&shown["contact"], &["website", "email", "telephone", "address"]);
    assert_eq!(shown["endpoint"], format!("{}/octo", supplier.running.base_url()));
}

#[tokio::test]
async fn every_product_has_every_key_and_no_price_is_shown_unasked() {
    let supplier = Supplier::start().await;
    let products = supplier.ok("GET", "/products/", Value::Null).await;
    for product in products.as_array().expect("a list") {
        assert_keys(product, &PRODUCT);
        for option in product["options"].as_array().expect("options") {
            assert_keys(option, &OPTION);
            assert!(option["restrictions"]["minUnits"].is_u64(), "the validator wants a number");
            for unit in option["units"].as_array().expect("units") {
                assert_keys(unit, &UNIT);
                assert_keys(&unit["restrictions"], &RESTRICTIONS);
            }
        }
    }
    let kinds: Vec<&Value> = products.as_array().into_iter().flatten().map(|one| &one["availabilityType"]).collect();
    assert!(kinds.contains(&&json!("START_TIME")) && kinds.contains(&&json!("OPENING_HOURS")));
}

#[tokio::test]
async fn one_product_is_found_also_by_an_id_that_must_be_encoded() {
    let supplier = Supplier::start().await;
    assert_eq!(supplier.ok("GET", &format!("/products/{CRUISE}"), Value::Null).await["id"], CRUISE);
    let encoded = supplier.ok("GET", "/products/lantern%2Fwalk%3A2%2B", Value::Null).await;
    assert_eq!(encoded["id"], "lantern/walk:2+");
    assert_eq!(supplier.get("/products/lantern/walk:2+").await.status, 404);
    let unknown = supplier.get("/products/invalidProductId").await;
    assert_eq!((unknown.status, &unknown.json()["productId"]), (400, &json!("invalidProductId")));
    assert_eq!(unknown.json()["error"], "INVALID_PRODUCT_ID");
}

#[tokio::test]
async fn the_calendar_has_a_row_for_each_open_day_with_its_best_slot() {
    let supplier = Supplier::start().await;
    let rows = supplier.ok("POST", "/availability/calendar", month(CRUISE, "DEFAULT")).await;
    assert_eq!(rows.as_array().map(Vec::len), Some(31));
    let slots = supplier.slots(CRUISE, "DEFAULT").await;
    for row in rows.as_array().expect("a list") {
        assert_keys(row, &["localDate", "available", "status", "vacancies", "capacity", "openingHours"]);
        let day = row["localDate"].as_str().expect("a day");
        let of_day = slots.iter().filter(|slot| slot["id"].as_str().is_some_and(|id| id.starts_with(day)));
        let open = of_day.filter(|slot| slot["available"] == true);
        let best = open.map(|slot| slot["vacancies"].as_u64()).max().expect("a slot");
        assert_eq!(row["vacancies"].as_u64(), best, "{day}");
    }
    let rows = supplier.ok("POST", "/availability/calendar", month(PALACE, "DEFAULT")).await;
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), 27, "closed on four Mondays");
    assert_eq!(rows[0]["openingHours"], json!([{ "from": "09:00", "to": "18:00" }]));
}

#[tokio::test]
async fn calendar_and_availability_refuse_unknown_ids_and_missing_or_mixed_days() {
    let supplier = Supplier::start().await;
    for path in ["/availability/calendar", "/availability"] {
        assert_eq!(supplier.refused("POST", path, month("nope", "DEFAULT")).await, "INVALID_PRODUCT_ID");
        assert_eq!(supplier.refused("POST", path, month(CRUISE, "nope")).await, "INVALID_OPTION_ID");
        let mut open = month(CRUISE, "DEFAULT");
        open["localDateStart"] = Value::Null;
        assert_eq!(supplier.refused("POST", path, open).await, "BAD_REQUEST");
        let mut long = month(CRUISE, "DEFAULT");
        long["localDateEnd"] = "2028-06-01".into();
        assert_eq!(supplier.refused("POST", path, long.clone()).await, "BAD_REQUEST", "367 days");
        long["localDateEnd"] = "2028-05-31".into();
        assert!(!supplier.ok("POST", path, long).await.as_array().expect("a list").is_empty());
        let mut wrong = month(CRUISE, "DEFAULT");
        wrong["localDateEnd"] = 20_270_701.into();
        assert_eq!(supplier.refused("POST", path, wrong).await, "BAD_REQUEST");
    }
    let mut mixed = month(CRUISE, "DEFAULT");
    mixed["availabilityIds"] = json!(["2027-06-15T10:00:00+02:00"]);
    assert_eq!(supplier.refused("POST", "/availability", mixed).await, "BAD_REQUEST");
    let none = json!({ "productId": CRUISE, "optionId": "DEFAULT" });
    assert_eq!(supplier.refused("POST", "/availability", none).await, "BAD_REQUEST");
}

#[tokio::test]
async fn slots_are_complete_by_range_by_day_and_by_id() {
    let supplier = Supplier::start().await;
    for (product, is_all_day) in [(CRUISE, false), (PALACE, true)] {
        let rows = supplier.slots(product, "DEFAULT").await;
        for row in &rows {
            assert_keys(row, &SLOT);
            assert_eq!(row["allDay"], is_all_day);
            assert_eq!(row["openingHours"].as_array().map(Vec::is_empty), Some(!is_all_day));
            let cutoff = row["utcCutoffAt"].as_str().expect("a time");
            assert!(cutoff.len() == 20 && cutoff.ends_with('Z'), "{cutoff}");
        }
        let statuses: Vec<&Value> = rows.iter().map(|row| &row["status"]).collect();
        for status in ["AVAILABLE", "LIMITED", "SOLD_OUT"] {
            assert!(statuses.contains(&&json!(status)), "{product} is never {status}");
        }
        let is_open = |row: &&Value| row["available"] == true;
        assert!(rows.iter().filter(is_open).count() >= 2);
        let id = rows.iter().find(is_open).expect("a slot")["id"].clone();
        let base = json!({ "productId": product, "optionId": "DEFAULT" });
        let ask = |field: &str, value: Value| {
            let mut body = base.clone();
            body[field] = value;
            supplier.ok("POST", "/availability", body)
        };
        let (by_id, by_day) = tokio::join!(
            ask("availabilityIds", json!([id])),
            ask("localDate", id.as_str().expect("text")[..10].into())
        );
        assert_eq!(by_id.as_array().map(Vec::len), Some(1));
        assert!(by_day.as_array().expect("a list").contains(&by_id[0]));
    }
}

#[tokio::test]
async fn a_slot_is_not_available_for_more_people_than_it_has_places() {
    let supplier = Supplier::start().await;
    let id = supplier.bookable(CRUISE, "DEFAULT").await[0].clone();
    let ask = |quantity: u32| {
        let body = json!({
            "productId": CRUISE, "optionId": "DEFAULT", "availabilityIds": [id], "units": [{ "id": "family", "quantity": quantity }],
        });
        supplier.ok("POST", "/availability", body)
    };
    assert_eq!(ask(9).await[0]["available"], true, "36 people on 36 places");
    assert_eq!(ask(10).await[0]["available"], false, "40 people");
    let unknown = json!({
        "productId": CRUISE, "optionId": "DEFAULT", "availabilityIds": [id], "units": [{ "id": "nope", "quantity": 1 }],
    });
    assert_eq!(supplier.refused("POST", "/availability", unknown).await, "INVALID_UNIT_ID");
}
