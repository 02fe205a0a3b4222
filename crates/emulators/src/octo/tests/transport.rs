//! Keys, headers, paths and errors (`octo.md §2, §3`).

use serde_json::{Value, json};

use super::{CRUISE, KEY, Supplier, confirmation, path_of};
use crate::octo::TEST_KEY;

#[tokio::test]
async fn a_missing_key_is_unauthorized_and_an_unknown_one_forbidden() {
    let mut supplier = Supplier::start().await;
    for (header, status, code) in
        [("", 401, "UNAUTHORIZED"), ("Bearer nope", 403, "FORBIDDEN"), (KEY, 401, "UNAUTHORIZED")]
    {
        supplier.set_header("authorization", header);
        let reply = supplier.get("/supplier").await;
        assert_eq!((reply.status, &reply.json()["error"]), (status, &json!(code)), "{header}");
    }
    supplier.change("key_errors_as400", "", json!(true));
    let reply = supplier.get("/supplier").await;
    assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("UNAUTHORIZED")));
    supplier.change("key_suffix", "", json!("4711"));
    supplier.set_header("authorization", &format!("Bearer {KEY}"));
    assert_eq!(supplier.refused("GET", "/supplier", Value::Null).await, "FORBIDDEN");
    supplier.set_header("authorization", &format!("Bearer {KEY}/4711"));
    assert_eq!(supplier.get("/supplier").await.status, 200);
    supplier.change("denied", "cancel", json!(true));
    assert_eq!(supplier.refused("POST", "/bookings/x/cancel", json!({})).await, "FORBIDDEN");
    supplier.change("no_key_check", "", json!(true));
    supplier.set_header("authorization", "");
    assert_eq!(supplier.get("/supplier").await.status, 200);
}

#[tokio::test]
async fn capabilities_are_negotiated_for_each_request_and_echoed_in_the_form_received() {
    let mut supplier = Supplier::start().await;
    for (wanted, echoed) in [
        ("", ""),
        ("octo/pricing", "octo/pricing"),
        ("content,octo/cart , pricing", "content, pricing"),
        ("octo/pricing,octo/pricing", "octo/pricing"),
    ] {
        supplier.set_header("octo-capabilities", wanted);
        let reply = supplier.get(&format!("/products/{CRUISE}")).await;
        assert_eq!((reply.status, reply.header("octo-capabilities")), (200, Some(echoed)));
        assert_eq!(reply.json()["pricingPer"].is_string(), echoed.contains("pricing"));
        assert_eq!(reply.json()["title"].is_string(), echoed.contains("content"));
    }
    for (names, wanted, has_prices) in
        [("long", "pricing", false), ("short", "pricing", true), ("short", "octo/pricing", false)]
    {
        supplier.change("capability_names", "", json!(names));
        supplier.set_header("octo-capabilities", wanted);
        let product = supplier.ok("GET", &format!("/products/{CRUISE}"), Value::Null).await;
        assert_eq!(product["pricingPer"].is_string(), has_prices, "{names} {wanted}");
    }
    supplier.headers.retain(|(name, _)| *name != "octo-capabilities");
    assert_eq!(supplier.refused("GET", "/products", Value::Null).await, "BAD_REQUEST");
    for (reading, has_prices) in [("optional", false), ("missing_means_all", true), ("always_on", true)] {
        supplier.change("capabilities_header", "", json!(reading));
        let product = supplier.ok("GET", &format!("/products/{CRUISE}"), Value::Null).await;
        assert_eq!(product["pricingPer"].is_string(), has_prices, "{reading}");
    }
    supplier.change("no_capability_echo", "", json!(true));
    assert_eq!(supplier.get("/products").await.header("octo-capabilities"), None);
    supplier.change("required_capability", "octo/questions", json!(true));
    let offered = supplier.ok("GET", "/capabilities", Value::Null).await;
    let required: Vec<&Value> =
        offered.as_array().into_iter().flatten().filter(|one| one["required"] == true).map(|one| &one["id"]).collect();
    assert_eq!(required, ["octo/questions"]);
}

#[tokio::test]
async fn the_header_or_the_key_marks_tests_and_a_supplier_may_ignore_it() {
    let mut supplier = Supplier::start().await;
    supplier.set_header("octo-env", "test");
    let tested = supplier.sell(CRUISE, 1).await;
    assert_eq!(tested["testMode"], true);
    let code = &tested["unitItems"][0]["ticket"]["deliveryOptions"][0]["deliveryValue"];
    assert!(code.as_str().expect("a code").starts_with("TEST-"), "no gate accepts {code}");
    for (reading, key, is_test) in
        [("key", KEY, false), ("key", TEST_KEY, true), ("ignored", TEST_KEY, false), ("header", TEST_KEY, true)]
    {
        supplier.change("env", "", json!(reading));
        supplier.set_header("authorization", &format!("Bearer {key}"));
        assert_eq!(supplier.hold(CRUISE, 1).await["testMode"], is_test, "{reading} {key}");
    }
    assert_eq!(supplier.get("/supplier").await.header("octo-env"), None);
    supplier.change("echoes_env", "", json!(true));
    assert_eq!(supplier.get("/supplier").await.header("octo-env"), Some("test"));
}

#[tokio::test]
async fn error_texts_and_titles_follow_the_language() {
    let mut supplier = Supplier::start().await;
    supplier.set_header("octo-capabilities", "octo/content");
    supplier.set_header("accept-language", "fr, it-IT;q=0.8, en;q=0.5");
    let product = supplier.get(&format!("/products/{CRUISE}")).await;
    assert_eq!(product.header("content-language"), Some("it"));
    assert_eq!(product.header("available-languages"), Some("en, it"));
    assert_eq!(product.json()["title"], "Crociera in laguna");
    assert_eq!(supplier.get("/products/x").await.json()["errorMessage"], "Prodotto sconosciuto");
}

#[tokio::test]
async fn unknown_paths_and_broken_bodies_are_json_unless_the_supplier_writes_plain_text() {
    let supplier = Supplier::start().await;
    for is_plain in [false, true] {
        supplier.change("plain_errors", "", json!(is_plain));
        let kind = if is_plain { "text/plain" } else { "application/json" };
        let unknown = supplier.get("/nope").await;
        assert_eq!((unknown.status, unknown.header("content-type")), (404, Some(kind)));
        let broken = supplier.send("POST", "/bookings", Some("{")).await;
        assert_eq!((broken.status, broken.header("content-type")), (400, Some(kind)));
    }
    let list = supplier.send("POST", "/bookings", Some("[]")).await;
    assert_eq!((list.status, &list.json()["error"]), (400, &json!("BAD_REQUEST")));
    let bare = supplier.send("POST", "/bookings", None).await;
    assert_eq!(bare.status, 400, "a content type is required");
    assert_eq!(supplier.get("/supplier").await.status, 200);
    supplier.change("content_type_on_get", "", json!(true));
    assert_eq!(supplier.get("/supplier").await.status, 400);
    assert_eq!(supplier.get("").await.status, 404);
    assert_eq!(supplier.send("PUT", "/supplier", Some("{}")).await.status, 404);
}

#[tokio::test]
async fn each_generation_has_its_own_paths() {
    let supplier = Supplier::start().await;
    let held = supplier.hold(CRUISE, 1).await;
    let (booking, scope) = (path_of(&held), "/suppliers/laguna-5120");
    let paths = [
        ("GET", "/supplier".to_owned()),
        ("GET", "/suppliers".to_owned()),
        ("GET", scope.to_owned()),
        ("GET", format!("{scope}/products")),
        ("GET", "/products".to_owned()),
        ("POST", format!("{booking}/cancel")),
        ("DELETE", booking.clone()),
        ("DELETE", format!("{scope}{booking}")),
        ("GET", "/suppliers/other/products".to_owned()),
    ];
    for (generation, known) in [
        ("new", [1, 0, 0, 0, 1, 1, 0, 0, 0]),
        ("old", [0, 1, 1, 0, 1, 0, 1, 0, 0]),
        ("first", [0, 1, 1, 1, 0, 0, 0, 1, 0]),
        ("any", [1, 1, 1, 1, 1, 1, 1, 1, 0]),
    ] {
        supplier.change("generation", "", json!(generation));
        for ((method, path), is_known) in paths.iter().zip(known) {
            let reply = supplier.send(method, path, (*method != "GET").then_some("{}")).await;
            assert_eq!(reply.status, if is_known == 1 { 200 } else { 404 }, "{generation}: {method} {path}");
        }
    }
    assert!(supplier.ok("GET", "/suppliers", Value::Null).await.is_array());
    assert_eq!(supplier.ok("GET", "/whoami", Value::Null).await["supplier"]["id"], "laguna-5120");
}

#[tokio::test]
async fn a_call_above_the_rate_is_refused_with_the_time_to_wait() {
    let supplier = Supplier::start().await;
    supplier.change("rate_limited", "", json!(2));
    let reply = supplier.get("/supplier").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("2")));
    assert_eq!((&reply.json()["error"], &reply.json()["retryAfter"]), (&json!("TOO_MANY_REQUESTS"), &json!(2)));
    supplier.change("rate_limit_as400", "", json!(true));
    let reply = supplier.get("/supplier").await;
    assert_eq!((reply.status, reply.header("retry-after")), (400, None));
    assert_eq!(supplier.get("/supplier").await.status, 200);
}

#[tokio::test]
async fn an_assumed_limit_refuses_calls_of_one_second() {
    let clock = std::sync::Arc::new(crate::SandboxClock::new(std::sync::Arc::new(super::FixedClock(
        super::NOW.parse().expect("a time"),
    ))));
    let emulator = crate::octo::OctoEmulator::new(std::sync::Arc::clone(&clock), None, true);
    let supplier = Supplier::run(emulator, clock).await;
    for _ in 0..100 {
        assert_eq!(supplier.get("/supplier").await.status, 200);
    }
    assert_eq!(supplier.get("/supplier").await.status, 429);
    supplier.advance(jiff::SignedDuration::from_secs(1));
    assert_eq!(supplier.get("/supplier").await.status, 200);
}

#[tokio::test]
async fn an_internal_error_comes_before_or_after_the_act() {
    let supplier = Supplier::start().await;
    let held = supplier.hold(CRUISE, 1).await;
    let (booking, path) = (path_of(&held), format!("{}/confirm", path_of(&held)));
    supplier.change("error_before", "confirm", json!(1));
    assert_eq!(supplier.refused("POST", &path, confirmation()).await, "INTERNAL_SERVER_ERROR");
    assert_eq!(supplier.ok("GET", &booking, Value::Null).await["status"], "ON_HOLD");
    supplier.change("error_after", "confirm", json!(1));
    supplier.change("error_status", "", json!(500));
    assert_eq!(supplier.post(&path, &confirmation()).await.status, 500);
    assert_eq!(supplier.ok("GET", &booking, Value::Null).await["status"], "CONFIRMED");
    supplier.ok("POST", &path, confirmation()).await;
}
