//! The federation subgraph: entities by key, in one bulk call per source, with independent failures.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::TestGraph;
use super::fake::Behavior;

const ENTITIES: &str = "query($of: [_Any!]!) { _entities(representations: $of) { __typename ... on Event { title ticketTypes { name } } ... on Node { id } } }";

fn of(name: &str, id: &str) -> Value {
    json!({ "__typename": name, "id": id })
}

/// Queries an id of each type around one event.
async fn ids_around_an_event(graph: &TestGraph) -> BTreeMap<&'static str, String> {
    let document = r#"{ events(filter: {text: "zauber"}) { nodes { id source { id } sections { id } ticketTypes { id }
        performances(first: 1) { nodes { id } } admissionTokens(first: 1) { nodes { id } } } } }"#;
    let response = graph.run_json(document).await;
    let event = &response["data"]["events"]["nodes"][0];
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).expect(pointer).to_owned();
    BTreeMap::from([
        ("Event", text("/id")),
        ("Source", text("/source/id")),
        ("Section", text("/sections/0/id")),
        ("TicketType", text("/ticketTypes/0/id")),
        ("Performance", text("/performances/nodes/0/id")),
        ("AdmissionToken", text("/admissionTokens/nodes/0/id")),
    ])
}

#[tokio::test]
async fn every_type_that_has_an_id_is_an_entity() {
    let graph = TestGraph::of_three();
    for (name, id) in ids_around_an_event(&graph).await {
        let response = graph
            .run_json_with(
                "query($of: [_Any!]!) { _entities(representations: $of) { __typename ... on Node { id } } }",
                json!({ "of": [of(name, &id)] }),
            )
            .await;
        assert_eq!(response, json!({ "data": { "_entities": [{ "__typename": name, "id": id }] } }));
    }
}

#[tokio::test]
async fn entities_are_fetched_in_one_bulk_call_per_source_and_level() {
    let graph = TestGraph::of_three();
    let ids = [graph.event_id("Soca").await, graph.event_id("Steelpan").await];
    let representations: Vec<_> = ids.iter().map(|id| of("Event", id)).collect();
    let response = graph.run_json_with(ENTITIES, json!({ "of": representations })).await;
    assert_eq!(response["errors"], Value::Null);
    assert_eq!(graph.catalog("club").call_counts(), [("list_events", 2), ("load_events", 1), ("load_ticket_types", 1)]);
}

#[tokio::test]
async fn an_invalid_or_failed_entity_does_not_affect_the_others() {
    let graph = TestGraph::of_three();
    let (opera, club) = (graph.event_id("zauber").await, graph.event_id("Soca").await);
    graph.catalog("opera").behave(Behavior::Failing("unavailable"));
    let representations = json!([of("Event", &opera), of("Event", "nonsense"), of("Order", &club), {"__typename": "Event"}, 7, of("Event", &club)]);
    let response = graph
        .run_json_with(
            "query($of: [_Any!]!) { _entities(representations: $of) { ... on Event { id } } }",
            json!({ "of": representations }),
        )
        .await;
    assert_eq!(response["data"]["_entities"], json!([null, null, null, null, null, { "id": club }]), "{response}");
    let errors = response["errors"].as_array().expect("the failure of the source");
    assert_eq!((errors.len(), &errors[0]["path"]), (1, &json!(["_entities", 0])));
    assert_eq!(errors[0]["extensions"]["source"], "opera");
}

#[tokio::test]
async fn a_gateway_reads_the_sdl_through_fields_that_clients_cannot_introspect() {
    let graph = TestGraph::of_three();
    let response = graph.run_json("{ _service { sdl } __type(name: \"Query\") { fields { name } } }").await;
    assert_eq!(response["data"]["_service"]["sdl"], ticketgraph::graphql::subgraph::sdl());
    let fields = response["data"]["__type"]["fields"].to_string();
    assert!(fields.contains("events") && !fields.contains("_entities"), "{fields}");
}
