//! One new event for several sources: each has its own outcome, and the same key repeats nothing.

use std::sync::Arc;

use emulators::Fault;
use serde_json::{Value, json};

use crate::edits::world::{CREATE, World, both, fail_write, journal, source_id, writes};

#[tokio::test]
async fn an_event_is_made_at_both_sources_at_once_and_once() {
    let (world, journal) = (World::open().await, journal().await);
    let first = world.run(Arc::clone(&journal), CREATE, both("k", "Long Night")).await["data"]["told"].clone();
    let sent = world.benches().map(writes);
    assert_eq!((sent, world.titled("Long Night").await), ([1, 1], [1, 1]), "{first}");
    for (place, name) in ["harbor", "quay"].into_iter().enumerate() {
        let result = &first["results"][place];
        assert_eq!((&result["source"]["name"], &result["problems"]), (&json!(name), &json!([])), "{first}");
        assert_eq!((&result["event"]["title"], &result["event"]["status"]), (&json!("Long Night"), &json!("DRAFT")));
    }
    let again = world.run(Arc::clone(&journal), CREATE, both("k", "Long Night")).await["data"]["told"].clone();
    assert_eq!((&again["results"], &again["replayed"]), (&first["results"], &json!(true)));
    let other = world.run(Arc::clone(&journal), CREATE, both("k", "Another Night")).await["data"]["told"].clone();
    let codes = [0, 1].map(|place| other["results"][place]["problems"][0]["code"].clone());
    assert_eq!(codes, ["IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_KEY_REUSED"]);
    assert_eq!(world.benches().map(writes), sent, "the same key sends nothing");
    let next = world.run(journal, CREATE, both("another key", "Another Night")).await;
    assert_eq!(next["data"]["told"]["results"][1]["problems"], json!([]), "{next}");
}

#[tokio::test]
async fn a_source_that_refuses_or_is_dead_costs_its_own_event_only() {
    let (world, journal) = (World::open().await, journal().await);
    world.run(Arc::clone(&journal), CREATE, both("first", "Long Night")).await;
    let twin = world.run(Arc::clone(&journal), CREATE, both("second", "Long Night")).await["data"]["told"].clone();
    assert_eq!(twin["results"][0]["problems"], json!([]), "a museum may show the same twice");
    let problem = json!([{ "code": "CONFLICT", "path": ["input"], "retry": "AFTER_REQUERY" }]);
    assert_eq!((&twin["results"][1]["event"], &twin["results"][1]["problems"]), (&Value::Null, &problem));
    world.harbor.running.stage.set_down(true);
    let half = world.run(Arc::clone(&journal), CREATE, both("third", "Quiet Night")).await["data"]["told"].clone();
    assert_eq!(half["results"][0]["event"], Value::Null);
    assert_eq!(half["results"][1]["event"]["title"], "Quiet Night", "{half}");
    world.harbor.running.stage.set_down(false);
    assert_eq!(world.titled("Quiet Night").await, [0, 1]);
}

/// The input with sections, for the host of nights.
fn with_sections(key: &str, sections: &Value) -> Value {
    json!({ "input": { "idempotencyKey": key, "sources": [source_id("quay")], "title": key, "description": "An evening",
        "startsAt": "2031-06-01T20:00:00Z", "endsAt": "2031-06-01T23:00:00Z", "sections": sections } })
}

fn section(name: &str, currency: &str) -> Value {
    json!({ "name": name, "capacity": 40, "price": { "amount": 5_000, "currency": currency } })
}

#[tokio::test]
async fn a_section_that_the_vendor_refuses_is_told_by_its_place_beside_the_event_that_was_made() {
    let (world, journal) = (World::open().await, journal().await);
    let refused = Fault::Status { status: 400, retry_after: None, body: Some("{\"error\":\"No.\"}".to_owned()) };
    fail_write(&world.quay, "POST", "/sections", refused);
    let asked = with_sections("Half a Night", &json!([section("Floor", "TTD"), section("Deck", "TTD")]));
    let told = world.run(Arc::clone(&journal), CREATE, asked.clone()).await["data"]["told"].clone();
    let result = &told["results"][0];
    assert_eq!(result["event"]["sections"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(
        (&result["event"]["sections"][0]["name"], &result["event"]["sections"][0]["capacity"]),
        (&json!("Deck"), &json!(40))
    );
    assert_eq!(
        result["problems"],
        json!([{ "code": "INVALID_INPUT", "path": ["input", "sections", "0"], "retry": "WITH_NEW_INPUT" }])
    );
    let again = world.run(journal, CREATE, asked).await["data"]["told"].clone();
    assert_eq!((&again["results"], &again["replayed"]), (&told["results"], &json!(true)), "told again as it was");
}

#[tokio::test]
async fn what_can_be_known_to_be_wrong_is_refused_before_a_half_of_it_is_written() {
    let (world, journal) = (World::open().await, journal().await);
    let asked = with_sections("Dear Night", &json!([section("Floor", "TTD"), section("Deck", "EUR")]));
    let told = world.run(Arc::clone(&journal), CREATE, asked).await["data"]["told"].clone();
    let problem = &told["results"][0]["problems"][0];
    assert_eq!(
        (&problem["code"], &problem["path"]),
        (&json!("INVALID_INPUT"), &json!(["input", "sections", "1", "price"]))
    );
    let mut endless = with_sections("Endless Night", &json!([section("Floor", "TTD")]));
    let input = endless["input"].as_object_mut().expect("an input");
    input.remove("startsAt");
    input.remove("endsAt");
    let told = world.run(journal, CREATE, endless).await["data"]["told"].clone();
    assert_eq!(told["results"][0]["problems"][0]["path"], json!(["input", "sections", "0", "salesEnd"]), "{told}");
    assert_eq!((writes(&world.quay), world.titled("Dear Night").await), (0, [0, 0]));
}
