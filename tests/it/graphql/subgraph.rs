//! The schema as a subgraph: entities by their keys, in one bulk call for each source, each failing for itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Graph;
use super::fake::Mood;

const ENTITIES: &str = "query($of: [_Any!]!) { _entities(representations: $of) { __typename ... on Event { title ticketTypes { name } } ... on Node { id } } }";

fn of(name: &str, id: &str) -> Value {
    json!({ "__typename": name, "id": id })
}

/// An id of each type that one event leads to, by the name of the type.
async fn ids_around_an_event(graph: &Graph) -> BTreeMap<&'static str, String> {
    let document = r#"{ events(filter: {text: "zauber"}) { nodes { id source { id } sections { id } ticketTypes { id }
        performances(first: 1) { nodes { id } } admissionTokens(first: 1) { nodes { id } } } } }"#;
    let answer = graph.ask(document).await;
    let event = &answer["data"]["events"]["nodes"][0];
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
    let graph = Graph::of_three();
    for (name, id) in ids_around_an_event(&graph).await {
        let answer = graph
            .ask_with(
                "query($of: [_Any!]!) { _entities(representations: $of) { __typename ... on Node { id } } }",
                json!({ "of": [of(name, &id)] }),
            )
            .await;
        assert_eq!(answer, json!({ "data": { "_entities": [{ "__typename": name, "id": id }] } }));
    }
}

#[tokio::test]
async fn entities_are_fetched_in_one_bulk_call_for_each_source_and_level() {
    let graph = Graph::of_three();
    let ids = [graph.event_id("Soca").await, graph.event_id("Steelpan").await];
    let representations: Vec<_> = ids.iter().map(|id| of("Event", id)).collect();
    let answer = graph.ask_with(ENTITIES, json!({ "of": representations })).await;
    assert_eq!(answer["errors"], Value::Null);
    assert_eq!(graph.catalog("club").counted(), [("list_events", 2), ("load_events", 1), ("load_ticket_types", 1)]);
}

#[tokio::test]
async fn one_entity_that_is_wrong_or_fails_costs_no_other() {
    let graph = Graph::of_three();
    let (opera, club) = (graph.event_id("zauber").await, graph.event_id("Soca").await);
    graph.catalog("opera").behave(Mood::Failing("unavailable"));
    let asked = json!([of("Event", &opera), of("Event", "nonsense"), of("Order", &club), {"__typename": "Event"}, 7, of("Event", &club)]);
    let answer = graph
        .ask_with(
            "query($of: [_Any!]!) { _entities(representations: $of) { ... on Event { id } } }",
            json!({ "of": asked }),
        )
        .await;
    assert_eq!(answer["data"]["_entities"], json!([null, null, null, null, null, { "id": club }]), "{answer}");
    let errors = answer["errors"].as_array().expect("the failure of the source");
    assert_eq!((errors.len(), &errors[0]["path"]), (1, &json!(["_entities", 0])));
    assert_eq!(errors[0]["extensions"]["source"], "opera");
}

#[tokio::test]
async fn a_gateway_is_told_the_text_and_other_clients_do_not_see_its_fields() {
    let graph = Graph::of_three();
    let answer = graph.ask("{ _service { sdl } __type(name: \"Query\") { fields { name } } }").await;
    assert_eq!(answer["data"]["_service"]["sdl"], ticketgraph::graphql::subgraph::sdl());
    let fields = answer["data"]["__type"]["fields"].to_string();
    assert!(fields.contains("events") && !fields.contains("_entities"), "{fields}");
}
