//! Refetching objects by id. Invalid ids are null or a clear error.

use serde_json::{Value, json};

use super::TestGraph;

/// Queries an id of each type.
async fn an_id_of_each_type(graph: &TestGraph) -> Vec<(&'static str, Value)> {
    let document = r#"{ events(filter: {text: "zauber"}) { nodes { id source { id } sections { id } ticketTypes { id }
        performances(first: 1) { nodes { id } } admissionTokens(first: 1) { nodes { id } } } } }"#;
    let event = graph.run_json(document).await["data"]["events"]["nodes"][0].clone();
    vec![
        ("Event", event["id"].clone()),
        ("Source", event["source"]["id"].clone()),
        ("Section", event["sections"][0]["id"].clone()),
        ("TicketType", event["ticketTypes"][1]["id"].clone()),
        ("Performance", event["performances"]["nodes"][0]["id"].clone()),
        ("AdmissionToken", event["admissionTokens"]["nodes"][0]["id"].clone()),
    ]
}

#[tokio::test]
async fn every_object_is_refetched_by_its_id() {
    let graph = TestGraph::of_three();
    for (name, id) in an_id_of_each_type(&graph).await {
        let response =
            graph.run_json_with("query($id: ID!) { node(id: $id) { __typename id } }", json!({ "id": id })).await;
        assert_eq!(response, json!({ "data": { "node": { "__typename": name, "id": id } } }));
    }
}

#[tokio::test]
async fn a_refetched_object_resolves_its_relations() {
    let graph = TestGraph::of_three();
    let ids: Vec<_> = an_id_of_each_type(&graph).await.into_iter().map(|(_, id)| id).collect();
    let document = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Performance { event { title } availability { status } }
        ... on AdmissionToken { event { title } sections { name } } ... on Section { name } ... on TicketType { name } } }";
    insta::assert_snapshot!(graph.run_with(document, json!({ "ids": ids })).await);
}

#[tokio::test]
async fn unknown_ids_are_null_for_node_and_nodes() {
    use domain::{EventKey, PerformanceKey, SectionKey, SourceId, TicketTypeKey, TokenKey};
    use ticketgraph::graphql::base::id::GlobalId;
    let graph = TestGraph::of_three();
    let (opera, other) = (SourceId::new("opera"), SourceId::new("elsewhere"));
    let nothing = [
        GlobalId::Source(other.clone()),
        GlobalId::Event(other.clone(), EventKey::new("o1")),
        GlobalId::Event(opera.clone(), EventKey::new("o99")),
        GlobalId::Performance(opera.clone(), PerformanceKey::new("o1/p99")),
        GlobalId::TicketType(opera.clone(), EventKey::new("o1"), TicketTypeKey::new("robot")),
        GlobalId::Section(opera.clone(), EventKey::new("o1"), SectionKey::new("roof")),
        GlobalId::AdmissionToken(opera, TokenKey::new("o1/t99")),
        GlobalId::AdmissionToken(SourceId::new("club"), TokenKey::new("c1/t0")),
        GlobalId::Reseller("nobody".to_owned()),
    ];
    let mut ids: Vec<String> = nothing.iter().map(|id| id.encode().0).collect();
    ids.extend(["".to_owned(), "nonsense".to_owned(), "RXZlbnQ6MQ".to_owned()]);
    let response = graph.run_json_with("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": ids })).await;
    let nulls = vec![Value::Null; ids.len()];
    assert_eq!(response["data"]["nodes"], json!(nulls), "{response}");
}
