//! Deferred fragments: the rows of a slow source keep no other row waiting.

use std::sync::Arc;

use domain::error::VendorOperation;
use serde_json::{Value, json};
use ticketgraph::graphql::api::Api;
use ticketgraph::graphql::operation::ServedSchema;
use ticketgraph::graphql::{Scope, Viewer};
use tokio::time::Instant;

use super::fake::Behavior;
use super::{FIRST, TestGraph};
use crate::default_config::{default_api_settings, default_limits};
use crate::documents::lower;

const DEFERRED: &str = "{ events(first: 50) { nodes { title ... @defer(label: \"details\") {
    ticketTypes { name } performances(first: 3) { nodes { startsAt availability { status } } } } } } }";

/// A payload and the seconds after which it came.
struct Payload {
    seconds: u64,
    results: Vec<Value>,
}

/// Runs a query and returns the initial response and the payloads that follow it.
async fn run_deferred(graph: &TestGraph, document: &str, variables: Value) -> (Value, Vec<Payload>) {
    let api = Api::new(default_api_settings(), Arc::clone(&graph.services));
    let schema = ServedSchema::new(true);
    let parsed =
        schema.parse(&Arc::from(document), default_limits().of_parser()).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(parsed.defers);
    let operation = parsed.select_operation(None).expect("one operation");
    let variables = schema.coerce_variables(operation, variables.as_object().expect("an object")).expect("variables");
    let deferred = schema.lower_deferred(&parsed, operation, &variables).expect("an operation");
    let viewer = Viewer {
        id: "tester".to_owned(),
        name: "A tester".to_owned(),
        reseller: None,
        scopes: [Scope::CatalogRead].into(),
    };
    let started = Instant::now();
    let (initial, results) = api.execute_deferred(deferred, Arc::new(viewer), "r-1").await;
    let initial = serde_json::from_slice(&ticketgraph::graphql::json_writer::to_json(&initial)).expect("JSON");
    let mut payloads = Vec::new();
    if let Some(mut results) = results {
        while let Some(ready) = results.next().await {
            let results = ready.iter().map(|result| {
                json!({
                    "label": result.label, "path": result.path, "data": result.data,
                    "errors": result.errors,
                })
            });
            payloads.push(Payload { seconds: started.elapsed().as_secs(), results: results.collect() });
        }
    }
    (initial, payloads)
}

/// Merges the payloads into the initial data.
fn merged(mut initial: Value, payloads: &[Payload]) -> Value {
    for result in payloads.iter().flat_map(|payload| &payload.results) {
        let mut object = &mut initial["data"];
        for segment in result["path"].as_array().expect("a path") {
            object = match segment.as_u64() {
                Some(index) => &mut object[index as usize],
                None => &mut object[segment.as_str().expect("a name")],
            };
        }
        merge(object, &result["data"]);
    }
    initial
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => {
            into.iter_mut().zip(from).for_each(|(into, from)| merge(into, from))
        }
        (into, from) => *into = from.clone(),
    }
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_slow_source_come_after_all_others() {
    let graph = TestGraph::of_three();
    graph.catalog("museum").behave_in(VendorOperation::LoadTicketTypes, Behavior::Slow);
    let (initial, payloads) = run_deferred(&graph, DEFERRED, json!({})).await;
    let titles = initial["data"]["events"]["nodes"].as_array().expect("rows");
    assert!(titles.iter().all(|row| row["title"].is_string() && row.get("ticketTypes").is_none()), "{initial}");
    let times: Vec<_> = payloads.iter().map(|payload| payload.seconds).collect();
    assert!(times.len() >= 2 && times[..times.len() - 1].iter().all(|seconds| *seconds == 0), "{times:?}");
    assert_eq!(times.last(), Some(&2));
    // No row is missing or doubled, and each has its label.
    let mut rows: Vec<_> =
        payloads.iter().flat_map(|payload| &payload.results).map(|row| row["path"].to_string()).collect();
    rows.sort();
    let mut expected: Vec<_> = (0..titles.len()).map(|row| format!("[\"events\",\"nodes\",{row}]")).collect();
    expected.sort();
    assert_eq!(rows, expected);
    assert!(payloads.iter().flat_map(|payload| &payload.results).all(|row| row["label"] == "details"));
}

#[tokio::test]
async fn the_payloads_add_up_to_the_response_without_defer_and_cause_no_more_calls() {
    let (with, without) = (TestGraph::of_three(), TestGraph::of_three());
    let (initial, payloads) = run_deferred(&with, DEFERRED, json!({})).await;
    assert_eq!(merged(initial, &payloads), without.run_json(FIRST).await);
    for (name, catalog) in &with.catalogs {
        assert_eq!(catalog.call_counts(), without.catalog(name).call_counts(), "{name}");
    }
}

#[tokio::test]
async fn what_the_initial_part_has_loaded_is_not_loaded_again() {
    let document = "{ events { nodes { ticketTypes { id } ...A @defer(label: \"a\") ...B @defer(label: \"b\") } } }
        fragment A on Event { ticketTypes { name } performances(first: 2) { nodes { startsAt } } }
        fragment B on Event { ticketTypes { price { retail { amount } } } }";
    let (with, without) = (TestGraph::of_three(), TestGraph::of_three());
    let (initial, payloads) = run_deferred(&with, document, json!({})).await;
    let plain = "{ events { nodes { ticketTypes { id name price { retail { amount } } } performances(first: 2) { nodes { startsAt } } } } }";
    let (merged, plain) = (merged(initial, &payloads), without.run_json(plain).await);
    assert_eq!(merged, plain);
    for (name, catalog) in &with.catalogs {
        assert_eq!(catalog.call_counts(), without.catalog(name).call_counts(), "{name}");
    }
}

#[tokio::test]
async fn a_source_that_fails_costs_its_own_rows_and_the_errors_come_with_them() {
    let graph = TestGraph::of_three();
    graph.catalog("museum").behave_in(VendorOperation::LoadTicketTypes, Behavior::Failing("unavailable"));
    let (initial, payloads) = run_deferred(&graph, DEFERRED, json!({})).await;
    assert_eq!(initial.get("errors"), None, "{initial}");
    let results: Vec<_> = payloads.iter().flat_map(|payload| &payload.results).collect();
    let (failed, fine): (Vec<&Value>, Vec<&Value>) =
        results.into_iter().partition(|result| result["errors"] != json!([]));
    assert!(!failed.is_empty() && !fine.is_empty());
    for result in failed {
        let error = &result["errors"][0];
        let path = error["path"].as_array().expect("a path");
        assert!(path.starts_with(result["path"].as_array().expect("a path")), "{result}");
        assert_eq!(
            (&error["extensions"]["code"], &error["extensions"]["requestId"]),
            (&json!("SOURCE_UNAVAILABLE"), &json!("r-1"))
        );
    }
}

#[tokio::test]
async fn conditions_and_types_decide_what_is_deferred() {
    let graph = TestGraph::of_three();
    let document = "query($id: ID!, $later: Boolean!) { node(id: $id) { id
        ... on Event @defer(if: $later) { title } ... on Performance @defer(label: \"none\") { startsAt } }
        ... @defer(label: \"root\") { viewer { name } } }";
    let id = graph.event_id("Soca").await;
    let (initial, payloads) = run_deferred(&graph, document, json!({ "id": id, "later": false })).await;
    assert!(initial["data"]["node"]["title"].is_string());
    let results: Vec<_> = payloads.iter().flat_map(|payload| &payload.results).collect();
    assert_eq!(
        results,
        [&json!({ "label": "root", "path": [], "data": { "viewer": { "name": "A tester" } }, "errors": [] })]
    );
    let (initial, payloads) = run_deferred(&graph, document, json!({ "id": id, "later": true })).await;
    assert_eq!(initial["data"], json!({ "node": { "id": id } }));
    let paths: Vec<_> =
        payloads.iter().flat_map(|payload| &payload.results).map(|result| result["path"].clone()).collect();
    assert!(paths.contains(&json!(["node"])) && paths.contains(&json!([])) && paths.len() == 2, "{paths:?}");
}

#[tokio::test]
async fn a_deferred_fragment_in_a_deferred_fragment_comes_with_it() {
    let graph = TestGraph::of_three();
    let document = "{ events(first: 1) { nodes { id ... @defer { title performances(first: 1) { nodes { id ... @defer { startsAt } } } } } } }";
    let (_, payloads) = run_deferred(&graph, document, json!({})).await;
    let results: Vec<_> = payloads.iter().flat_map(|payload| &payload.results).collect();
    assert_eq!(results.len(), 1);
    assert!(results[0]["data"]["performances"]["nodes"][0]["startsAt"].is_string(), "{}", results[0]);
}

#[test]
fn defer_is_refused_where_it_has_no_meaning() {
    for (document, message) in [
        ("{ ... @defer(label: \"a\") { __typename } ... @defer(label: \"a\") { viewer { id } } }", "must be unique"),
        ("query($l: String) { ... @defer(label: $l) { __typename } }", "must be a static string"),
        (
            "mutation { ... @defer { releaseOrder(input: {order: \"x\"}) { problems { code } } } }",
            "cannot be used on root mutation type",
        ),
        ("subscription { ... @defer { orderChanged(id: \"x\") { id } } }", "cannot be used on root subscription type"),
        (
            "subscription { orderChanged(id: \"x\") { ...O } } fragment O on Order { ... @defer { id } }",
            "not supported on subscription operations",
        ),
        ("{ viewer @defer { id } }", ""),
    ] {
        let error = lower(ServedSchema::new(true), document, &json!({})).err().unwrap_or_else(|| panic!("{document}"));
        assert!(format!("{error:?}").contains(message), "{document}: {error:?}");
    }
    let switched_off = "subscription { orderChanged(id: \"x\") { ... @defer(if: false) { id } } }";
    assert!(lower(ServedSchema::new(true), switched_off, &json!({})).is_ok());
}

#[tokio::test]
async fn without_incremental_delivery_the_directive_changes_nothing() {
    let graph = TestGraph::of_three();
    let plain = graph.run_json(FIRST).await;
    assert_eq!(graph.run_json(DEFERRED).await, plain);
}
