//! Creating an event at several sources: each has its own outcome, and a repeated key has no effect.

use std::sync::Arc;

use emulators::Fault;
use serde_json::{Value, json};

use crate::edits::world::{CREATE, World, both, fail_write, open_store, source_id, writes};

#[tokio::test]
async fn an_event_is_created_once_at_both_sources() {
    let (world, store) = (World::open().await, open_store().await);
    let first = world.run(Arc::clone(&store), CREATE, both("k", "Long Night")).await["data"]["result"].clone();
    let sent = world.benches().map(writes);
    assert_eq!((sent, world.titled("Long Night").await), ([1, 1], [1, 1]), "{first}");
    for (place, name) in ["harbor", "quay"].into_iter().enumerate() {
        let result = &first["results"][place];
        assert_eq!((&result["source"]["name"], &result["problems"]), (&json!(name), &json!([])), "{first}");
        assert_eq!((&result["event"]["title"], &result["event"]["status"]), (&json!("Long Night"), &json!("DRAFT")));
    }
    let again = world.run(Arc::clone(&store), CREATE, both("k", "Long Night")).await["data"]["result"].clone();
    assert_eq!((&again["results"], &again["replayed"]), (&first["results"], &json!(true)));
    let other = world.run(Arc::clone(&store), CREATE, both("k", "Another Night")).await["data"]["result"].clone();
    let codes = [0, 1].map(|place| other["results"][place]["problems"][0]["code"].clone());
    assert_eq!(codes, ["IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_KEY_REUSED"]);
    assert_eq!(world.benches().map(writes), sent, "the same key makes no call");
    let next = world.run(store, CREATE, both("another key", "Another Night")).await;
    assert_eq!(next["data"]["result"]["results"][1]["problems"], json!([]), "{next}");
}

#[tokio::test]
async fn a_failing_source_affects_only_its_own_event() {
    let (world, store) = (World::open().await, open_store().await);
    world.run(Arc::clone(&store), CREATE, both("first", "Long Night")).await;
    let duplicate = world.run(Arc::clone(&store), CREATE, both("second", "Long Night")).await["data"]["result"].clone();
    assert_eq!(duplicate["results"][0]["problems"], json!([]), "a museum may show the same twice");
    let problem = json!([{ "code": "CONFLICT", "path": ["input"], "retry": "AFTER_REQUERY" }]);
    assert_eq!((&duplicate["results"][1]["event"], &duplicate["results"][1]["problems"]), (&Value::Null, &problem));
    world.harbor.running.stage.set_down(true);
    let half = world.run(Arc::clone(&store), CREATE, both("third", "Quiet Night")).await["data"]["result"].clone();
    assert_eq!(half["results"][0]["event"], Value::Null);
    assert_eq!(half["results"][1]["event"]["title"], "Quiet Night", "{half}");
    world.harbor.running.stage.set_down(false);
    assert_eq!(world.titled("Quiet Night").await, [0, 1]);
}

/// Returns the input with sections for the nightlife host.
fn with_sections(key: &str, sections: &Value) -> Value {
    json!({ "input": { "idempotencyKey": key, "sources": [source_id("quay")], "title": key, "description": "An evening",
        "startsAt": "2031-06-01T20:00:00Z", "endsAt": "2031-06-01T23:00:00Z", "sections": sections } })
}

fn section(name: &str, currency: &str) -> Value {
    json!({ "name": name, "capacity": 40, "price": { "amount": 5_000, "currency": currency } })
}

#[tokio::test]
async fn a_rejected_section_is_reported_by_path_beside_the_created_event() {
    let (world, store) = (World::open().await, open_store().await);
    let refused = Fault::Status { status: 400, retry_after: None, body: Some("{\"error\":\"No.\"}".to_owned()) };
    fail_write(&world.quay, "POST", "/sections", refused);
    let input = with_sections("Half a Night", &json!([section("Floor", "TTD"), section("Deck", "TTD")]));
    let response = world.run(Arc::clone(&store), CREATE, input.clone()).await["data"]["result"].clone();
    let result = &response["results"][0];
    assert_eq!(result["event"]["sections"].as_array().map(Vec::len), Some(1), "{response}");
    assert_eq!(
        (&result["event"]["sections"][0]["name"], &result["event"]["sections"][0]["capacity"]),
        (&json!("Deck"), &json!(40))
    );
    assert_eq!(
        result["problems"],
        json!([{ "code": "INVALID_INPUT", "path": ["input", "sections", "0"], "retry": "WITH_NEW_INPUT" }])
    );
    let again = world.run(store, CREATE, input).await["data"]["result"].clone();
    assert_eq!(
        (&again["results"], &again["replayed"]),
        (&response["results"], &json!(true)),
        "the stored outcome is returned"
    );
}

#[tokio::test]
async fn invalid_input_is_rejected_before_anything_is_written() {
    let (world, store) = (World::open().await, open_store().await);
    let input = with_sections("Dear Night", &json!([section("Floor", "TTD"), section("Deck", "EUR")]));
    let response = world.run(Arc::clone(&store), CREATE, input).await["data"]["result"].clone();
    let problem = &response["results"][0]["problems"][0];
    assert_eq!(
        (&problem["code"], &problem["path"]),
        (&json!("INVALID_INPUT"), &json!(["input", "sections", "1", "price"]))
    );
    let mut endless = with_sections("Endless Night", &json!([section("Floor", "TTD")]));
    let input = endless["input"].as_object_mut().expect("an input");
    input.remove("startsAt");
    input.remove("endsAt");
    let response = world.run(store, CREATE, endless).await["data"]["result"].clone();
    assert_eq!(
        response["results"][0]["problems"][0]["path"],
        json!(["input", "sections", "0", "salesEnd"]),
        "{response}"
    );
    assert_eq!((writes(&world.quay), world.titled("Dear Night").await), (0, [0, 0]));
}
