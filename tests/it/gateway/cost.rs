//! Cost in vendor calls: estimated before execution, reported on request, and rejected beyond the limit or only
//! reported.

use serde_json::{Value, json};
use ticketgraph::gateway::operation_limits::OperationLimits;
use ticketgraph::gateway::persisted::Safelist;

use super::{TestGateway, start, start_with_limits};
use crate::default_config::default_limits;

const LEVELS: &str = "query($n: Int = 5) { events(first: $n) { nodes { ticketTypes { name } performances(first: 4) { nodes { availability { status } } } } } }";

async fn ask(door: &TestGateway, body: Value) -> (u16, Value) {
    let request = door.client.post(door.url()).header("content-type", "application/json");
    let request = request.header("accept", "application/graphql-response+json").body(body.to_string());
    let response = request.send().await.expect("a response");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn the_cost_estimate_is_returned_on_request_only() {
    let door = start().await;
    let (_, plain) = ask(&door, json!({ "query": LEVELS })).await;
    assert_eq!(plain.get("extensions"), None, "{plain}");
    // One list, and one call per row of each level, because this source accepts one key per call: 1 + 5 + 5 + 20.
    let (status, response) = ask(&door, json!({ "query": LEVELS, "extensions": { "cost": true } })).await;
    assert_eq!(
        (status, &response["extensions"]["cost"]),
        (200, &json!({ "estimated": 31, "limit": 100 })),
        "{response}"
    );
    let (_, fewer) =
        ask(&door, json!({ "query": LEVELS, "variables": { "n": 1 }, "extensions": { "cost": true } })).await;
    assert_eq!(fewer["extensions"]["cost"]["estimated"], 7);
    let (_, free) = ask(&door, json!({ "query": "{ viewer { id } }", "extensions": { "cost": true } })).await;
    assert_eq!(free["extensions"]["cost"]["estimated"], 0);
}

#[tokio::test]
async fn an_operation_beyond_the_cost_limit_is_rejected_with_its_estimate() {
    let door = start_with_limits(OperationLimits { vendor_calls: 30, ..default_limits() }, Safelist::default()).await;
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
async fn each_caller_has_a_limit_of_vendor_calls_per_minute() {
    let door = start_with_limits(
        OperationLimits { vendor_calls_per_minute: Some(70), ..default_limits() },
        Safelist::default(),
    )
    .await;
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
async fn limits_that_only_warn_reject_nothing_and_are_reported() {
    let limits = OperationLimits { vendor_calls: 2, aliases: 1, tokens: 5, warn_only: true, ..default_limits() };
    let door = start_with_limits(limits, Safelist::default()).await;
    let (status, costly) = ask(&door, json!({ "query": LEVELS })).await;
    assert_eq!((status, &costly["extensions"]["cost"]["estimated"]), (200, &json!(31)), "{costly}");
    assert_eq!(costly["extensions"]["limits"].as_array().map(Vec::len), Some(1));
    let (status, aliased) = ask(&door, json!({ "query": "{ a: viewer { id } b: viewer { id } }" })).await;
    assert_eq!((status, &aliased["data"]["b"]["id"]), (200, &json!("anonymous")));
    assert!(aliased["extensions"]["limits"][0].as_str().is_some_and(|text| text.contains("2 aliases")), "{aliased}");
}

#[tokio::test]
async fn lists_in_variables_have_a_size_limit() {
    let door = start_with_limits(OperationLimits { list_size: 3, ..default_limits() }, Safelist::default()).await;
    let document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    for (count, status) in [(3, 200), (4, 400)] {
        let ids = vec!["x"; count];
        assert_eq!(ask(&door, json!({ "query": document, "variables": { "ids": ids } })).await.0, status);
    }
}

#[tokio::test]
async fn without_introspection_only_admins_read_the_schema() {
    let door =
        start_with_limits(OperationLimits { introspection: false, ..default_limits() }, Safelist::default()).await;
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
        let response: Value = request
            .body(json!({ "query": document }).to_string())
            .send()
            .await
            .expect("a response")
            .json()
            .await
            .expect("JSON");
        assert!(response.get("errors").is_none(), "{response}");
    }
    assert_eq!(ask(&door, json!({ "query": "{ __typename }" })).await.0, 200);
    let file = door.client.get(format!("http://{}/schema.graphql", door.address)).send().await.expect("a response");
    assert_eq!(file.status(), 404);
}
