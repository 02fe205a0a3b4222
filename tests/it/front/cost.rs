//! Cost in vendor calls: estimated before work, told on request, refused beyond the limit, or only measured.

use serde_json::{Value, json};
use ticketgraph::gateway::persisted::Safelist;
use ticketgraph::gateway::precheck::Limits;

use super::{Door, open, open_with};

const LEVELS: &str = "query($n: Int = 5) { events(first: $n) { nodes { ticketTypes { name } performances(first: 4) { nodes { availability { status } } } } } }";

async fn ask(door: &Door, body: Value) -> (u16, Value) {
    let request = door.client.post(door.url()).header("content-type", "application/json");
    let request = request.header("accept", "application/graphql-response+json").body(body.to_string());
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn the_estimate_is_told_on_request_and_only_then() {
    let door = open().await;
    let (_, plain) = ask(&door, json!({ "query": LEVELS })).await;
    assert_eq!(plain.get("extensions"), None, "{plain}");
    // One list, and below it the rows of each level, since no source takes more than one key a call here: 1 + 5 + 5 + 20.
    let (status, told) = ask(&door, json!({ "query": LEVELS, "extensions": { "cost": true } })).await;
    assert_eq!((status, &told["extensions"]["cost"]), (200, &json!({ "estimated": 31, "limit": 100 })), "{told}");
    let (_, fewer) =
        ask(&door, json!({ "query": LEVELS, "variables": { "n": 1 }, "extensions": { "cost": true } })).await;
    assert_eq!(fewer["extensions"]["cost"]["estimated"], 7);
    let (_, free) = ask(&door, json!({ "query": "{ viewer { id } }", "extensions": { "cost": true } })).await;
    assert_eq!(free["extensions"]["cost"]["estimated"], 0);
}

#[tokio::test]
async fn what_costs_too_much_is_refused_with_the_estimate_however_it_is_written() {
    let door = open_with(Limits { calls: 30, ..Limits::default() }, Safelist::default()).await;
    let fragments = "{ ...A } fragment A on Query { a: events(first: 9) { edges { node { ...B } } } b: events(first: 9) { nodes { ...B } } }
        fragment B on Event { ... on Event { ticketTypes { name } calendar(from: \"2027-01-01\", to: \"2027-01-02\") { date } } }";
    for (document, estimated) in [(LEVELS, 31), (fragments, 2 * (1 + 9 + 9))] {
        let (status, body) = ask(&door, json!({ "query": document })).await;
        let extensions = &body["errors"][0]["extensions"];
        assert_eq!((status, &extensions["code"]), (400, &json!("OPERATION_TOO_COSTLY")), "{body}");
        assert_eq!(extensions["cost"], json!({ "estimated": estimated, "limit": 30 }));
    }
    let (status, _) = ask(&door, json!({ "query": LEVELS, "variables": { "n": 2 } })).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn each_caller_has_a_budget_of_calls_a_minute() {
    let door = open_with(Limits { calls_per_minute: Some(70), ..Limits::default() }, Safelist::default()).await;
    for remaining in [39, 8] {
        let last = ask(&door, json!({ "query": LEVELS, "extensions": { "cost": true } })).await;
        assert_eq!(
            (last.0, &last.1["extensions"]["cost"]["perMinute"]["remaining"]),
            (200, &json!(remaining)),
            "{last:?}"
        );
    }
    let last = ask(&door, json!({ "query": LEVELS })).await;
    let extensions = &last.1["errors"][0]["extensions"];
    assert_eq!(
        (last.0, &extensions["code"], &extensions["retryable"]),
        (429, &json!("RATE_LIMITED"), &json!(true)),
        "{last:?}"
    );
    assert!(extensions["retryAfterMs"].as_u64().is_some_and(|wait| (1..=60_000).contains(&wait)), "{last:?}");
}

#[tokio::test]
async fn where_limits_are_only_measured_nothing_is_refused_and_everything_is_told() {
    let limits = Limits { calls: 2, aliases: 1, tokens: 5, measure_only: true, ..Limits::default() };
    let door = open_with(limits, Safelist::default()).await;
    let (status, costly) = ask(&door, json!({ "query": LEVELS })).await;
    assert_eq!((status, &costly["extensions"]["cost"]["estimated"]), (200, &json!(31)), "{costly}");
    assert_eq!(costly["extensions"]["limits"].as_array().map(Vec::len), Some(1));
    let (status, aliased) = ask(&door, json!({ "query": "{ a: viewer { id } b: viewer { id } }" })).await;
    assert_eq!((status, &aliased["data"]["b"]["id"]), (200, &json!("anonymous")));
    assert!(aliased["extensions"]["limits"][0].as_str().is_some_and(|text| text.contains("2 aliases")), "{aliased}");
}

#[tokio::test]
async fn a_list_in_the_variables_has_a_largest_size() {
    let door = open_with(Limits { list_size: 3, ..Limits::default() }, Safelist::default()).await;
    let document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    for (count, status) in [(3, 200), (4, 400)] {
        let ids = vec!["x"; count];
        assert_eq!(ask(&door, json!({ "query": document, "variables": { "ids": ids } })).await.0, status);
    }
}

#[tokio::test]
async fn where_the_schema_is_not_told_only_who_may_do_everything_reads_it() {
    let door = open_with(Limits { introspection: false, ..Limits::default() }, Safelist::default()).await;
    for document in [
        "{ __schema { queryType { name } } }",
        "{ ...F } fragment F on Query { __type(name: \"Event\") { name } }",
        "{ _service { sdl } }",
    ] {
        let (status, body) = ask(&door, json!({ "query": document })).await;
        assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (403, &json!("FORBIDDEN")), "{body}");
        let request = door
            .client
            .post(door.url())
            .header("content-type", "application/json")
            .header("authorization", "Bearer all-key");
        let told: Value = request
            .body(json!({ "query": document }).to_string())
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        assert!(told.get("errors").is_none(), "{told}");
    }
    assert_eq!(ask(&door, json!({ "query": "{ __typename }" })).await.0, 200);
    let file = door.client.get(format!("http://{}/schema.graphql", door.address)).send().await.expect("an answer");
    assert_eq!(file.status(), 404);
}
