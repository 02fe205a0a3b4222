//! Bad requests: each has the code, the status and the field of the contract, and books nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::octo_facade::{MUSEUM, OPERATOR, SHOP, Sandbox, TIQETS, contact, days};

#[tokio::test]
async fn a_missing_key_is_401_and_an_unknown_or_insufficient_one_403() {
    let sandbox = Sandbox::start();
    let url = format!("{}/octo/suppliers", sandbox.origin);
    let response = sandbox.client.get(&url).send().await.expect("a response");
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("JSON");
    assert_eq!((status, &body["error"]), (401, &json!("UNAUTHORIZED")), "anonymous callers read the catalog elsewhere");
    for (key, code) in [("unknown", "FORBIDDEN"), ("sandbox-gate", "FORBIDDEN"), ("sandbox-editor", "FORBIDDEN")] {
        assert_eq!(sandbox.reseller(key, "/octo").get("/suppliers").await.failure(), (403, code), "{key}");
    }
    let other = sandbox.client.get(&url).header("authorization", "Basic eDp5").send().await.expect("a response");
    assert_eq!(other.status(), 403);
}

#[tokio::test]
async fn a_key_for_several_suppliers_names_one_and_a_reseller_sees_its_own_only() {
    let sandbox = Sandbox::start();
    let shop = sandbox.reseller(SHOP, "/octo");
    let suppliers = shop.get("/suppliers").await.ok();
    let ids: Vec<&str> = suppliers.as_array().expect("suppliers").iter().filter_map(|one| one["id"].as_str()).collect();
    for source in ["club", "harbor", "opera", "quay"] {
        assert!(ids.contains(&source), "{ids:?}");
    }
    assert_eq!(shop.get("/products").await.failure(), (400, "BAD_REQUEST"));
    let own = sandbox.reseller(TIQETS, "/octo");
    let listed = own.get("/suppliers").await.ok();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(listed[0], own.get("/supplier").await.ok());
    let foreign = sandbox.reseller(TIQETS, "/octo/suppliers/quay");
    assert_eq!(foreign.get("/products").await.failure(), (404, "NOT_FOUND"));
    let product = sandbox.reseller(SHOP, "/octo/suppliers/quay").products().await.remove(0);
    let path = format!("/products/{}", product["id"].as_str().expect("an id"));
    let other = own.get(&path).await;
    assert_eq!(other.failure(), (400, "INVALID_PRODUCT_ID"), "a product of another supplier");
    assert_eq!(other.body["productId"], product["id"]);
    let allowed = own.products().await;
    let all = sandbox.reseller(SHOP, MUSEUM).products().await;
    assert!(allowed.len() == 1 && all.len() > 1, "{} of {}", allowed.len(), all.len());
    let hidden = all.iter().find(|product| product["id"] != allowed[0]["id"]).expect("another product");
    let hidden = own.get(&format!("/products/{}", hidden["id"].as_str().expect("an id"))).await;
    assert_eq!(hidden.failure(), (400, "INVALID_PRODUCT_ID"), "an event that the reseller may not sell");
}

#[tokio::test]
async fn paths_methods_and_bodies_that_are_none_have_errors_in_json() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    for path in ["/unknown", "/bookings/x/unknown", "/products/x/unknown"] {
        assert_eq!(museum.get(path).await.failure(), (404, "NOT_FOUND"), "{path}");
    }
    let wrong = museum.send_with(Method::PUT, "/bookings", &[], None).await;
    assert_eq!(wrong.failure(), (405, "BAD_REQUEST"));
    let nested = format!("{{\"notes\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000));
    for text in ["{", "[]", "reason=x", "\"text\"", &nested] {
        let sent = museum.send_with(Method::POST, "/bookings", &[], Some(text.to_owned())).await;
        assert_eq!(sent.failure(), (400, "BAD_REQUEST"), "{text}");
    }
    let large = format!("{{\"notes\":\"{}\"}}", "x".repeat(300 << 10));
    let sent = museum.send_with(Method::POST, "/bookings", &[], Some(large)).await;
    assert_eq!(sent.failure(), (413, "BAD_REQUEST"));
    let environment = museum.send_with(Method::GET, "/supplier", &[("octo-env", "staging")], None).await;
    assert_eq!(environment.failure(), (400, "BAD_REQUEST"));
}

#[tokio::test]
async fn capabilities_take_effect_by_both_names_and_unknown_ones_do_not() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let listed = museum.get("/capabilities").await.ok();
    let each = |id| json!({ "id": id, "revision": 1, "required": false, "dependencies": [], "docs": null });
    assert_eq!(listed, json!([each("octo/pricing"), each("octo/content")]));
    for (asked, effective) in [
        ("octo/pricing", "octo/pricing"),
        ("pricing", "pricing"),
        ("octo/unknown, octo/pricing", "octo/pricing"),
        ("octo/unknown", ""),
        ("", ""),
    ] {
        let response = museum.send_with(Method::GET, "/products", &[("octo-capabilities", asked)], None).await;
        assert_eq!(response.headers["octo-capabilities"], effective, "{asked}");
        let products = response.ok();
        assert_eq!(products[0].get("pricingPer").is_some(), !effective.is_empty(), "{asked}");
        let unit = &products[0]["options"][0]["units"][0];
        assert_eq!(unit.get("pricingFrom").is_some(), !effective.is_empty(), "{asked}");
    }
}

/// Scenarios 4, 7 to 9, 18 to 20.
#[tokio::test]
async fn unknown_ids_and_wrong_ranges_of_a_check_have_their_errors() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    let other = museum.products().await.into_iter().find(|product| product["id"] != offer.product).expect("another");
    let unknown = museum.get("/products/invalidProductId").await;
    assert_eq!(unknown.failure(), (400, "INVALID_PRODUCT_ID"));
    assert_eq!(unknown.body["productId"], "invalidProductId");
    let (from, to) = days(30);
    let range = |change: Value| {
        let mut body = json!({
            "productId": offer.product, "optionId": "DEFAULT", "localDateStart": from, "localDateEnd": to,
        });
        for (name, value) in change.as_object().expect("fields") {
            body[name] = value.clone();
        }
        body
    };
    let slot = &offer.slots[0]["id"];
    let ids =
        |product: &Value, ids: Value| json!({ "productId": product, "optionId": "DEFAULT", "availabilityIds": ids });
    for (path, body, code) in [
        ("/availability/calendar", range(json!({ "productId": "x" })), "INVALID_PRODUCT_ID"),
        ("/availability/calendar", range(json!({ "optionId": "x" })), "INVALID_OPTION_ID"),
        ("/availability/calendar", range(json!({ "localDateStart": null })), "BAD_REQUEST"),
        ("/availability/calendar", range(json!({ "localDateEnd": "9998-01-01" })), "BAD_REQUEST"),
        ("/availability", range(json!({ "productId": "x" })), "INVALID_PRODUCT_ID"),
        ("/availability", range(json!({ "optionId": "x" })), "INVALID_OPTION_ID"),
        ("/availability", range(json!({ "availabilityIds": [slot] })), "BAD_REQUEST"),
        ("/availability", range(json!({ "units": [{ "id": "x", "quantity": 1 }] })), "INVALID_UNIT_ID"),
        ("/availability", ids(&offer.product, json!(["x"])), "INVALID_AVAILABILITY_ID"),
        ("/availability", ids(&offer.product, json!([offer.product])), "INVALID_AVAILABILITY_ID"),
        ("/availability", ids(&other["id"], json!([slot])), "INVALID_AVAILABILITY_ID"),
    ] {
        assert_eq!(museum.post(path, &body).await.failure(), (400, code), "{path} {body}");
    }
}

/// Scenarios 23 to 28, and the limits of units.
#[tokio::test]
async fn reservations_with_unknown_ids_or_wrong_units_book_nothing() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let offer = museum.find_offer().await;
    let products = museum.products().await;
    let other = products.iter().find(|product| product["id"] != offer.product).expect("another product");
    for (change, code, field) in [
        (json!({ "productId": "x" }), "INVALID_PRODUCT_ID", Some(("productId", json!("x")))),
        (json!({ "optionId": "x" }), "INVALID_OPTION_ID", Some(("optionId", json!("x")))),
        (json!({ "availabilityId": "x" }), "INVALID_AVAILABILITY_ID", Some(("availabilityId", json!("x")))),
        (json!({ "availabilityId": null }), "INVALID_AVAILABILITY_ID", Some(("availabilityId", Value::Null))),
        (json!({ "productId": other["id"] }), "INVALID_AVAILABILITY_ID", None),
        (json!({ "unitItems": null }), "UNPROCESSABLE_ENTITY", None),
        (json!({ "unitItems": [] }), "UNPROCESSABLE_ENTITY", None),
        (json!({ "unitItems": [{ "unitId": "x" }] }), "INVALID_UNIT_ID", Some(("unitId", json!("x")))),
        (json!({ "unitItems": vec![json!({ "unitId": offer.unit }); 51] }), "UNPROCESSABLE_ENTITY", None),
        (json!({ "uuid": "no-uuid" }), "BAD_REQUEST", None),
    ] {
        let mut body = offer.body(1);
        for (name, value) in change.as_object().expect("fields") {
            body[name] = value.clone();
        }
        body["resellerReference"] = json!("refused");
        let refused = museum.post("/bookings", &body).await;
        assert_eq!(refused.failure(), (400, code), "{change}");
        if let Some((field, value)) = field {
            assert_eq!(refused.body[field], value, "{change}");
        }
    }
    assert_eq!(museum.get("/bookings?resellerReference=refused").await.ok(), json!([]));
}

/// Scenarios 30, 33, 34, 41, 44 and 47.
#[tokio::test]
async fn unknown_bookings_and_units_have_their_errors() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let unknown = "0b6c4b0e-9d6f-4a35-8c7b-4a2f1f0f8e11";
    for uuid in ["invalidUUID", unknown] {
        for action in ["extend", "confirm", "cancel"] {
            let failed = museum.post(&format!("/bookings/{uuid}/{action}"), &json!({ "contact": {} })).await;
            assert_eq!(failed.failure(), (400, "INVALID_BOOKING_UUID"), "{action}");
            assert_eq!(failed.body["uuid"], uuid);
        }
        assert_eq!(museum.patch(uuid, &json!({})).await.failure(), (400, "INVALID_BOOKING_UUID"));
        assert_eq!(museum.get(&format!("/bookings/{uuid}")).await.failure(), (400, "INVALID_BOOKING_UUID"));
    }
    assert_eq!(museum.get("/bookings").await.failure(), (400, "BAD_REQUEST"));
    let offer = museum.find_offer().await;
    let held = museum.reserve(&offer, 1).await;
    let uuid = held["uuid"].as_str().expect("a uuid");
    let body = json!({ "contact": contact(), "unitItems": [{ "unitId": "x" }] });
    let failed = museum.post(&format!("/bookings/{uuid}/confirm"), &body).await;
    assert_eq!((failed.failure(), &failed.body["unitId"]), ((400, "INVALID_UNIT_ID"), &json!("x")));
    let other = sandbox.reseller(OPERATOR, MUSEUM);
    let foreign = other.get(&format!("/bookings/{uuid}")).await;
    assert_eq!(foreign.failure(), (400, "INVALID_BOOKING_UUID"), "a booking of another caller");
}

/// Each supplier's own limits: at most two infants, none without an adult, and at least two units of a boat.
#[tokio::test]
async fn units_beyond_the_limits_of_a_supplier_book_nothing() {
    let sandbox = Sandbox::start();
    let lagoon = sandbox.reseller(SHOP, "/octo/suppliers/lagoon");
    let products = lagoon.products().await;
    let units = |product: &Value| product["options"][0]["units"].as_array().expect("units").clone();
    let is_infant = |unit: &Value| unit["type"] == "INFANT" && unit["restrictions"]["maxQuantity"] == 2;
    let tour = products.iter().find(|product| units(product).iter().any(is_infant)).expect("a tour with infants");
    let infant = units(tour).into_iter().find(is_infant).expect("an infant")["id"].clone();
    let adult = units(tour).into_iter().find(|unit| unit["type"] == "ADULT").expect("an adult")["id"].clone();
    let slot = lagoon.slots(tour).await.into_iter().find(|slot| slot["available"] == true).expect("a slot");
    for (infants, adults, is_sold) in [(3, 1, false), (1, 0, false), (1, 1, true)] {
        let of = |unit: &Value, count| vec![json!({ "unitId": unit }); count];
        let items = [of(&infant, infants), of(&adult, adults)].concat();
        let body = json!({
            "productId": tour["id"], "optionId": "DEFAULT", "availabilityId": slot["id"],
            "unitItems": items, "resellerReference": "R-6",
        });
        let received = lagoon.post("/bookings", &body).await;
        let expected = if is_sold { 200 } else { 400 };
        assert_eq!(received.status, expected, "{infants} infants and {adults} adults: {}", received.body);
        assert_eq!(received.body["error"] == "UNPROCESSABLE_ENTITY", !is_sold, "{}", received.body);
    }
    assert_eq!(lagoon.get("/bookings?resellerReference=R-6").await.ok().as_array().map(Vec::len), Some(1));
}
