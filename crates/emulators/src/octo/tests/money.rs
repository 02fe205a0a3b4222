//! `octo/pricing` and `octo/content` (`octo.md §9`).

use serde_json::{Value, json};

use super::{CRUISE, Supplier, UUID, assert_keys, confirmation, month, path_of, units};

const PRICE: [&str; 6] = ["original", "retail", "net", "currency", "currencyPrecision", "includedTaxes"];

fn unit_price(row: &Value, unit: &str) -> Value {
    let prices = row["unitPricing"].as_array().expect("prices");
    prices.iter().find(|price| price["unitId"] == unit).expect("a price").clone()
}

#[tokio::test]
async fn products_slots_and_bookings_have_prices() {
    let supplier = Supplier::with_prices().await;
    let product = supplier.ok("GET", &format!("/products/{CRUISE}"), Value::Null).await;
    assert_eq!((&product["defaultCurrency"], &product["pricingPer"]), (&json!("EUR"), &json!("UNIT")));
    assert_eq!(product["availableCurrencies"], json!(["EUR", "JPY"]));
    let from = &product["options"][0]["units"][0]["pricingFrom"];
    assert_keys(&from[0], &PRICE);
    assert_keys(&from[0]["includedTaxes"][0], &["name", "original", "retail", "net"]);
    let amounts = |price: &Value| ["original", "retail", "net"].map(|field| price[field].as_i64().expect("an amount"));
    assert_eq!((amounts(&from[0]), amounts(&from[1])), ([3500, 3000, 2550], [5600, 4800, 4080]));
    let calendar = supplier.ok("POST", "/availability/calendar", month(CRUISE, "DEFAULT")).await;
    assert_eq!(calendar[0]["unitPricingFrom"].as_array().map(Vec::len), Some(4));
    let slots = supplier.slots(CRUISE, "DEFAULT").await;
    let of_day =
        |day: &str| slots.iter().find(|row| row["id"].as_str().is_some_and(|id| id.starts_with(day))).expect("a slot");
    let (friday, saturday) = (unit_price(of_day("2027-06-04"), "adult"), unit_price(of_day("2027-06-05"), "adult"));
    assert_eq!((&friday["retail"], &saturday["retail"]), (&json!(3000), &json!(3300)));
    let day = supplier.bookable(CRUISE, "DEFAULT").await[0].clone();
    let ask = json!({
        "productId": CRUISE, "optionId": "DEFAULT", "availabilityIds": [day], "currency": "JPY",
        "units": [{ "id": "adult", "quantity": 2 }, { "id": "child", "quantity": 1 }],
    });
    let row = supplier.ok("POST", "/availability", ask).await[0].take();
    let (adult, child) = (unit_price(&row, "adult"), unit_price(&row, "child"));
    assert_eq!((&row["pricing"]["currency"], &row["pricing"]["currencyPrecision"]), (&json!("JPY"), &json!(0)));
    let expected = 2 * adult["retail"].as_i64().expect("an amount") + child["retail"].as_i64().expect("an amount");
    assert_eq!(row["pricing"]["retail"], expected);
    let mut reservation = json!({
        "productId": CRUISE, "optionId": "DEFAULT", "availabilityId": day, "currency": "JPY",
        "unitItems": [{ "unitId": "adult" }, { "unitId": "adult" }, { "unitId": "child" }],
    });
    let held = supplier.ok("POST", "/bookings", reservation.clone()).await;
    assert_eq!(
        (&held["pricing"]["retail"], &held["unitItems"][2]["pricing"]["retail"]),
        (&json!(expected), &child["retail"])
    );
    assert!(held["option"]["units"][0]["pricing"].is_array(), "not `pricingFrom` inside a booking");
    reservation["currency"] = "USD".into();
    assert_eq!(supplier.refused("POST", "/bookings", reservation).await, "BAD_REQUEST");
}

#[tokio::test]
async fn a_hold_fixes_the_price_and_at_some_suppliers_it_does_not() {
    let supplier = Supplier::with_prices().await;
    let (first, second) = (supplier.hold(CRUISE, 1).await, supplier.hold(CRUISE, 1).await);
    supplier.change("price", "lagoon-cruise|adult", json!(4000));
    let confirm =
        async |booking: &Value| supplier.ok("POST", &format!("{}/confirm", path_of(booking)), confirmation()).await;
    let kept = json!({ "unitItems": [first["unitItems"][0]] });
    let updated = supplier.ok("PATCH", &path_of(&first), kept).await;
    assert_eq!(updated["pricing"], first["pricing"], "an item that is repeated keeps its price");
    assert_eq!(confirm(&first).await["pricing"]["retail"], first["pricing"]["retail"]);
    supplier.change("price_drifts", "", json!(true));
    let drifted = confirm(&second).await["pricing"]["retail"].as_i64();
    assert!(drifted > second["pricing"]["retail"].as_i64(), "{drifted:?}");
}

#[tokio::test]
async fn a_boat_is_priced_by_booking_and_taken_as_a_whole() {
    let supplier = Supplier::with_prices().await;
    let product = supplier.ok("GET", "/products/private-boat", Value::Null).await;
    assert_eq!(product["pricingPer"], "BOOKING");
    assert_eq!(product["options"][0]["pricingFrom"][0]["retail"], 28_000);
    assert_eq!(product["options"][0]["units"][0]["pricingFrom"], Value::Null);
    supplier.change("restock", "private-boat", Value::Null);
    let slots = supplier.slots("private-boat", "DEFAULT").await;
    let slot = slots.iter().find(|row| row["available"] == true).expect("a slot");
    let body = json!({
        "productId": "private-boat", "optionId": "DEFAULT", "availabilityId": slot["id"], "unitItems": units("guest", 2),
    });
    let held = supplier.ok("POST", "/bookings", body.clone()).await;
    assert_eq!(held["pricing"], slot["pricing"]);
    assert_eq!((&held["voucher"]["deliveryOptions"], &held["unitItems"][0]["ticket"]), (&json!([]), &Value::Null));
    assert_eq!(held["unitItems"][0]["pricing"], Value::Null);
    assert_eq!(supplier.refused("POST", "/bookings", body).await, "UNPROCESSABLE_ENTITY");
}

#[tokio::test]
async fn content_has_a_new_and_an_old_form() {
    let mut supplier = Supplier::start().await;
    supplier.set_header("octo-capabilities", "octo/content");
    for (form, has_new, has_old) in [("new", true, false), ("old", false, true), ("both", true, true)] {
        supplier.change("content_form", "", json!(form));
        let product = supplier.ok("GET", &format!("/products/{CRUISE}"), Value::Null).await;
        for shown in [&product, &product["options"][0]] {
            assert!(shown["title"].is_string());
            assert_eq!((shown["features"].is_array(), shown["highlights"].is_array()), (has_new, has_old), "{form}");
        }
        assert_eq!(product["options"][0]["units"][0]["title"], "Adult");
    }
    supplier.change("title", CRUISE, json!("Sunset cruise"));
    assert_eq!(supplier.ok("GET", "/products", Value::Null).await[0]["title"], "Sunset cruise");
    let slots = supplier.slots(CRUISE, "DEFAULT").await;
    assert_eq!((&slots[0]["title"], &slots[0]["shortDescription"]), (&Value::Null, &json!("Meet at the pier")));
}

#[tokio::test]
async fn switches_hide_raise_and_move_prices() {
    let supplier = Supplier::with_prices().await;
    let adult = async || unit_price(&supplier.slots(CRUISE, "DEFAULT").await[0], "adult");
    supplier.change("currency_precision", "", json!(3));
    let price = adult().await;
    assert_eq!((&price["retail"], &price["currencyPrecision"]), (&json!(30_000), &json!(3)));
    supplier.change("odd_amounts", "", json!(true));
    let price = adult().await;
    assert_eq!((&price["retail"], &price["net"]), (&json!(30_001), &json!(25_501)));
    supplier.change("hidden_net", "", json!(true));
    let price = adult().await;
    assert_eq!((&price["net"], &price["includedTaxes"][0]["net"]), (&Value::Null, &Value::Null));
    supplier.change("no_slot_prices", "", json!(true));
    assert_eq!(supplier.slots(CRUISE, "DEFAULT").await[0]["unitPricing"], Value::Null);
    for (reading, keys) in [("from", [true, false]), ("none", [false, false]), ("quotes", [true, true])] {
        supplier.change("calendar_prices", "", json!(reading));
        let rows = supplier.ok("POST", "/availability/calendar", month(CRUISE, "DEFAULT")).await;
        assert_eq!([rows[0]["unitPricingFrom"].is_array(), rows[0]["unitPricing"].is_array()], keys, "{reading}");
    }
    let mut reservation = supplier.reservation(CRUISE, 1).await;
    reservation["uuid"] = UUID.into();
    supplier.change("zero_totals", "", json!(true));
    let held = supplier.ok("POST", "/bookings", reservation).await;
    assert_eq!(held["pricing"]["retail"], 0);
    assert!(held["unitItems"][0]["pricing"]["retail"].as_i64() > Some(0));
}
