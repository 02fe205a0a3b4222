//! One bulk call per source and level, whatever the list selects.

use super::{FIRST, TestGraph};

fn all_call_counts(graph: &TestGraph) -> Vec<(&'static str, Vec<(&'static str, usize)>)> {
    graph.catalogs.iter().map(|(name, catalog)| (*name, catalog.call_counts())).collect()
}

#[tokio::test]
async fn a_list_with_every_level_makes_one_bulk_call_per_source_and_level() {
    let graph = TestGraph::of_three();
    graph.run(FIRST).await;
    let once = vec![("list_events", 1), ("list_performances", 1), ("load_availability", 1), ("load_ticket_types", 1)];
    // Vendor batch limits are applied below the catalog.
    assert_eq!(all_call_counts(&graph), [("club", once.clone()), ("museum", once.clone()), ("opera", once)]);
}

#[tokio::test]
async fn edges_fragments_and_variables_are_prefetched_like_nodes() {
    let graph = TestGraph::of_three();
    let document = "query($n: Int, $age: Int = 5) { events { edges { node { ...Levels } } } }
        fragment Levels on Event { performances(first: $n) { edges { node { ... on Performance { availability(maxAgeSeconds: $age) { status } } } } } }";
    let response = graph.run_json_with(document, serde_json::json!({ "n": 2 })).await;
    assert_eq!(response["errors"], serde_json::Value::Null);
    assert_eq!(
        graph.catalog("club").call_counts(),
        [("list_events", 1), ("list_performances", 1), ("load_availability", 1)]
    );
}

#[tokio::test]
async fn aliases_with_different_arguments_get_their_own_results_in_one_call_each() {
    let graph = TestGraph::of_three();
    let document = r#"{ events(filter: {text: "Soca"}) { nodes {
        one: performances(first: 1) { nodes { startsAt } }
        two: performances(first: 2) { nodes { startsAt } }
        same: performances(first: 2) { nodes { startsAt } }
        late: performances(from: "2026-12-04T00:00:00Z", first: 1) { nodes { startsAt } }
        short: calendar(from: "2026-12-03", to: "2026-12-03") { date }
        long: calendar(from: "2026-12-03", to: "2026-12-04") { date }
    } } }"#;
    insta::assert_snapshot!(graph.run(document).await);
    assert_eq!(
        graph.catalog("club").call_counts(),
        [("list_events", 1), ("list_performances", 3), ("load_calendar", 2)]
    );
}

#[tokio::test]
async fn loads_that_cannot_be_prefetched_are_batched_by_the_loaders() {
    let graph = TestGraph::of_three();
    let ids = [graph.event_id("Soca").await, graph.event_id("Steelpan").await];
    let before = graph.catalog("club").call_counts();
    let document = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Event { ticketTypes { name } performances(first: 2) { nodes { event { title } availability { status } } } } } }";
    let response = graph.run_json_with(document, serde_json::json!({ "ids": ids })).await;
    assert_eq!(response["errors"], serde_json::Value::Null);
    assert_eq!(before, [("list_events", 2)]);
    assert_eq!(
        graph.catalog("club").call_counts(),
        [
            ("list_events", 2),
            ("list_performances", 1),
            ("load_availability", 1),
            ("load_events", 1),
            ("load_ticket_types", 1)
        ]
    );
}

#[tokio::test]
async fn a_load_that_a_document_repeats_is_made_once() {
    let graph = TestGraph::of_three();
    let id = graph.event_id("Soca").await;
    let document = "query($id: ID!) { a: event(id: $id) { ticketTypes { name } } b: event(id: $id) { ticketTypes { name } } c: node(id: $id) { id } }";
    graph.run_json_with(document, serde_json::json!({ "id": id })).await;
    assert_eq!(graph.catalog("club").call_counts(), [("list_events", 1), ("load_events", 1), ("load_ticket_types", 1)]);
}

#[tokio::test]
async fn tokens_are_loaded_once_per_event_and_only_with_the_scope() {
    use ticketgraph::graphql::Scope;
    let graph = TestGraph::of_three();
    let document = "{ events { nodes { title admissionTokens(first: 2) { nodes { isGlobal } } } } }";
    graph.run_as(document, &[Scope::CatalogRead]).await;
    assert_eq!(graph.catalog("opera").call_counts(), [("list_events", 1)]);
    graph.run(document).await;
    assert_eq!(graph.catalog("opera").call_counts(), [("list_events", 2), ("read_tokens", 3)]);
    assert_eq!(graph.catalog("club").call_counts(), [("list_events", 2)]);
}
