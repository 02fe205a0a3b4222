//! Invalid input: every invalid argument is named and has a code.

use serde_json::{Value, json};
use ticketgraph::graphql::Scope;
use ticketgraph::graphql::base::id::GlobalId;

use super::TestGraph;

/// Returns the code and the argument of the only error.
async fn rejection(graph: &TestGraph, document: &str) -> (Value, Value) {
    let response = graph.run_json(document).await;
    let errors = response["errors"].as_array().unwrap_or_else(|| panic!("no error: {document}"));
    assert_eq!(errors.len(), 1, "{response}");
    assert_eq!(errors[0]["extensions"]["requestId"], "r-1", "{response}");
    (errors[0]["extensions"]["code"].clone(), errors[0]["extensions"]["argument"].clone())
}

#[tokio::test]
async fn each_invalid_argument_is_named() {
    let graph = TestGraph::of_three();
    let event = graph.event_id("Carmen").await;
    let unknown = GlobalId::Source(domain::SourceId::new("elsewhere")).encode().0;
    let reseller = GlobalId::Reseller("nobody".to_owned()).encode().0;
    let of_event = |field: &str| format!("{{ event(id: \"{event}\") {{ {field} }} }}");
    let events = |arguments: &str| format!("{{ events({arguments}) {{ totalCount }} }}");
    let available = |arguments: &str| {
        of_event(&format!("performances(first: 1) {{ nodes {{ availability({arguments}) {{ status }} }} }}"))
    };
    let table = [
        (events("first: 0"), "first"),
        (events("first: -1"), "first"),
        (events("first: 101"), "first"),
        (events("after: \"\""), "after"),
        (events("after: \"bm9uc2Vuc2U\""), "after"),
        (events("filter: {from: \"2026-12-02\", to: \"2026-12-01\"}"), "filter.to"),
        (events("filter: {from: \"2026-01-01\", to: \"2027-01-02\"}"), "filter.to"),
        (events(&format!("filter: {{sources: [\"{unknown}\"]}}")), "filter.sources"),
        (events(&format!("filter: {{sources: [\"{event}\"]}}")), "filter.sources"),
        (events(&format!("filter: {{reseller: \"{reseller}\"}}")), "filter.reseller"),
        ("{ event(id: \"nonsense\") { title } }".to_owned(), "id"),
        (format!("{{ event(id: \"{unknown}\") {{ title }} }}"), "id"),
        (format!("{{ admissionToken(id: \"{event}\") {{ isGlobal }} }}"), "id"),
        (format!("{{ nodes(ids: [{}]) {{ id }} }}", "\"x\", ".repeat(101)), "ids"),
        (of_event("calendar(from: \"2026-12-02\", to: \"2026-12-01\") { date }"), "to"),
        (of_event("calendar(from: \"2026-01-01\", to: \"2027-01-02\") { date }"), "to"),
        (of_event("performances(first: 0) { nodes { id } }"), "first"),
        (of_event("performances(after: \"x\") { nodes { id } }"), "after"),
        (of_event("performances(from: \"2026-12-02T00:00:00Z\", to: \"2026-12-02T00:00:00Z\") { nodes { id } }"), "to"),
        (of_event("performances(from: \"2026-01-01T00:00:00Z\", to: \"2027-01-03T00:00:00Z\") { nodes { id } }"), "to"),
        (of_event("admissionTokens(first: 1000) { nodes { id } }"), "first"),
        (of_event("admissionTokens(after: \"x\") { nodes { id } }"), "after"),
        (available("maxAgeSeconds: -1"), "maxAgeSeconds"),
        (available("quantity: 0"), "quantity"),
    ];
    for (document, argument) in table {
        assert_eq!(rejection(&graph, &document).await, (json!("BAD_USER_INPUT"), json!(argument)), "{document}");
    }
}

#[tokio::test]
async fn the_longest_ranges_and_pages_are_accepted() {
    let graph = TestGraph::of_three();
    for document in [
        "{ events(first: 100, filter: {from: \"2026-01-01\", to: \"2027-01-01\"}) { totalCount } }",
        "{ events(first: 1) { nodes { calendar(from: \"2026-01-01\", to: \"2027-01-01\") { date } } } }",
        "{ events { nodes { performances(from: \"2026-01-01T00:00:00Z\", to: \"2027-01-02T00:00:00Z\") { nodes { id } } } } }",
    ] {
        assert_eq!(graph.run_json(document).await["errors"], Value::Null, "{document}");
    }
}

#[tokio::test]
async fn invalid_documents_get_a_code_and_a_fixed_message() {
    let graph = TestGraph::of_three();
    for (name, document) in [
        ("no_graphql", "{ events("),
        ("no_such_field", "{ events { nodes { titel } } }"),
        ("no_such_type_of_argument", "{ events(first: \"many\") { totalCount } }"),
        ("no_instant", "{ events { nodes { performances(from: \"soon\") { nodes { id } } } } }"),
        ("no_day", "query($day: LocalDate = \"2026-02-30\") { events(filter: {from: $day}) { totalCount } }"),
    ] {
        insta::assert_snapshot!(name, graph.run(document).await);
    }
}

#[tokio::test]
async fn a_viewer_without_the_scope_is_rejected() {
    let graph = TestGraph::of_three();
    let event = graph.event_id("Carmen").await;
    let document = format!(
        "{{ event(id: \"{event}\") {{ title }} admissionToken(id: \"{event}\") {{ id }} node(id: \"{event}\") {{ id }} viewer {{ scopes }} }}"
    );
    insta::assert_snapshot!(graph.run_as(&document, &[]).await);
    for document in ["{ events { totalCount } }", "{ sources { name } }"] {
        let response = graph.run_as(document, &[Scope::OrderRead]).await;
        assert!(response.contains("FORBIDDEN") && response.contains("catalog:read"), "{response}");
    }
}

#[tokio::test]
async fn a_viewer_of_a_reseller_cannot_detect_another_reseller() {
    let graph = TestGraph::of_three();
    let id = GlobalId::Reseller("tiqets".to_owned()).encode().0;
    let document = format!("{{ events(filter: {{reseller: \"{id}\"}}) {{ totalCount }} }}");
    let viewer = |reseller: &str| ticketgraph::graphql::Viewer {
        id: "x".to_owned(),
        name: "X".to_owned(),
        reseller: Some(reseller.to_owned()),
        scopes: [Scope::CatalogRead].into(),
    };
    let own = graph.run_for(&document, Value::Null, viewer("tiqets")).await;
    let other = graph.run_for(&document, Value::Null, viewer("digitick")).await;
    assert_eq!(own, r#"{"data":{"events":{"totalCount":3}}}"#);
    assert!(other.contains("filter.reseller"), "{other}");
}
