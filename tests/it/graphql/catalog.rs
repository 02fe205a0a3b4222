//! Fields of the catalog and the effect of its filters.

use serde_json::json;
use ticketgraph::graphql::Scope;

use super::TestGraph;

#[tokio::test]
async fn the_first_query_returns_all_sources_in_one_list() {
    insta::assert_snapshot!(TestGraph::of_three().run(super::FIRST).await);
}

#[tokio::test]
async fn an_event_returns_all_its_fields() {
    let graph = TestGraph::of_three();
    let document = r#"{ events(filter: {text: "zauber"}) { edges { cursor node {
        id externalRefs { source { name } kind value } title fr: title(locale: "fr-CH") it: title(locale: "it")
        summary description image venue categories timeZone bookingMode status isPrivate startsAt endsAt durationMinutes
        capacity soldQuantity priceFrom { amount } sections { id name capacity externalRefs { kind } }
        ticketTypes { id source { name } externalRefs { kind value } name description audience minAge maxAge admits
            section { name } price { retail { amount currency exponent formatted } original { amount } fees { amount }
            taxes { name } guaranteedUntil } minPerOrder maxPerOrder }
        calendar(from: "2026-12-04", to: "2026-12-05") { date status priceFrom { formatted } performanceCount freshness { mode } }
        performances(first: 1) { pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node {
            id event { title } externalRefs { kind value } startsAt endsAt date cutoffAt
            availability { status vacancies capacity maxPerOrder offers { ticketType { name } price { retail { formatted } }
                vacancies status } freshness { mode observedAt expiresAt } problems { code } } } } }
        freshness { mode observedAt expiresAt }
    } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount problems { code } } }"#;
    insta::assert_snapshot!(graph.run(document).await);
}

#[tokio::test]
async fn a_source_returns_all_its_fields() {
    let document = "{ sources { id name vendor institution environment timeZone defaultCurrency capabilities \
         health { state since throttled lastSuccessAt lastFailureAt remainingBudget } } viewer { id name scopes } }";
    insta::assert_snapshot!(TestGraph::of_three().run(document).await);
}

#[tokio::test]
async fn filters_match_the_events_that_they_name() {
    let graph = TestGraph::of_three();
    let museum = graph.run_json("{ sources { id name } }").await["data"]["sources"][1]["id"].clone();
    let tiqets = ticketgraph::graphql::base::id::GlobalId::Reseller("tiqets".to_owned()).encode().0;
    let table = [
        (
            json!({}),
            "Permanent collection, Soca Night, Die Zauberflöte, Tosca, Steelpan Sunday, Rembrandt in Amsterdam, Carmen",
        ),
        (json!({ "text": " FLÛTE " }), "Die Zauberflöte"),
        (json!({ "text": "quarante" }), "Rembrandt in Amsterdam"),
        (json!({ "text": "east wing" }), "Rembrandt in Amsterdam"),
        (json!({ "text": "" , "vendors": ["TICKETING"] }), "Soca Night, Steelpan Sunday"),
        (json!({ "sources": [museum] }), "Permanent collection, Rembrandt in Amsterdam"),
        (json!({ "sources": [] }), ""),
        (json!({ "status": ["CANCELLED"] }), "Tosca"),
        (json!({ "status": ["DRAFT"] }), "Not yet ready"),
        (json!({ "text": "gala" }), ""),
        (json!({ "text": "gala", "includePrivate": true }), "Gala for members"),
        // Runs from the 4th (09:00Z) to the 6th: in New York and Port of Spain the same days.
        (
            json!({ "from": "2026-12-06", "to": "2026-12-06" }),
            "Permanent collection, Soca Night, Die Zauberflöte, Tosca",
        ),
        (json!({ "from": "2026-12-07", "to": "2026-12-08" }), "Permanent collection, Tosca"),
        (json!({ "to": "2026-12-03" }), "Permanent collection"),
        (json!({ "reseller": tiqets }), "Soca Night, Steelpan Sunday, Rembrandt in Amsterdam"),
    ];
    for (filter, titles) in table {
        let response = graph
            .run_json_with("query($f: EventFilter) { events(filter: $f) { nodes { title } } }", json!({ "f": filter }))
            .await;
        let nodes = response["data"]["events"]["nodes"].as_array().unwrap_or_else(|| panic!("{filter}: {response}"));
        let found: Vec<_> = nodes.iter().filter_map(|node| node["title"].as_str()).collect();
        assert_eq!(found.join(", "), titles, "{filter}");
    }
}

#[tokio::test]
async fn private_events_are_listed_for_sellers_and_editors_and_drafts_for_editors() {
    let graph = TestGraph::of_three();
    let private = "{ events(filter: {includePrivate: true}) { nodes { title } } }";
    let drafts = "{ events(filter: {status: [DRAFT]}) { nodes { title } } }";
    for (document, scope, title) in [
        (private, None, None),
        (private, Some(Scope::OrderRead), None),
        (private, Some(Scope::OrderWrite), Some("Gala for members")),
        (private, Some(Scope::EventWrite), Some("Gala for members")),
        (drafts, None, None),
        (drafts, Some(Scope::OrderWrite), None),
        (drafts, Some(Scope::EventWrite), Some("Not yet ready")),
    ] {
        let scopes: Vec<Scope> = [Scope::CatalogRead].into_iter().chain(scope).collect();
        let response = graph.run_as(document, &scopes).await;
        match title {
            Some(title) => assert!(response.contains(title), "{scope:?}: {response}"),
            None => {
                assert!(response.contains("\"FORBIDDEN\"") && !response.contains("title\":"), "{scope:?}: {response}")
            }
        }
    }
    // Anyone with the id may read it.
    let id = graph.event_id("gala").await;
    assert_eq!(
        graph.run_json(&format!("{{ event(id: \"{id}\") {{ title }} }}")).await["data"]["event"]["title"],
        "Gala for members"
    );
}

#[tokio::test]
async fn only_matching_sources_are_called() {
    let graph = TestGraph::of_three();
    graph.run_json("{ events(filter: {vendors: [ACME]}) { totalCount } }").await;
    assert_eq!(graph.catalog("museum").call_counts(), [("list_events", 1)]);
    assert_eq!((graph.catalog("club").call_counts(), graph.catalog("opera").call_counts()), (vec![], vec![]));
}

#[tokio::test]
async fn offers_with_fewer_places_than_the_quantity_are_sold_out() {
    let document = r#"{ events(filter: {text: "soca"}) { nodes { performances(first: 1) { nodes {
        four: availability(quantity: 4) { status offers { status } }
        five: availability(quantity: 5) { status offers { status } }
        fifty: availability(quantity: 50) { status offers { status } }
    } } } } }"#;
    insta::assert_snapshot!(TestGraph::of_three().run(document).await);
}

#[tokio::test]
async fn the_code_of_an_admission_token_requires_the_secret_scope() {
    let graph = TestGraph::of_three();
    let document = r#"{ events(filter: {text: "zauber"}) { nodes { title admissionTokens(first: 2) {
        totalCount pageInfo { hasNextPage endCursor }
        nodes { id isGlobal code event { title } sections { name } source { name } externalRefs { kind } } } } } }"#;
    insta::assert_snapshot!("tokens_without_the_secret", graph.run(document).await);
    let may = [Scope::CatalogRead, Scope::AdmissionRead, Scope::AdmissionSecret];
    assert!(graph.run_as(document, &may).await.contains("open sesame"));
    insta::assert_snapshot!("tokens_forbidden", graph.run_as(document, &[Scope::CatalogRead]).await);
}

#[tokio::test]
async fn pages_of_admission_tokens_follow_each_other() {
    let graph = TestGraph::of_three();
    let id = graph.event_id("Carmen").await;
    let document = "query($id: ID!, $after: String) { event(id: $id) { admissionTokens(isGlobal: false, first: 1, after: $after) { nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } } } }";
    let first = graph.run_json_with(document, json!({ "id": id })).await;
    let info = &first["data"]["event"]["admissionTokens"]["pageInfo"];
    assert_eq!((&info["hasNextPage"], &info["hasPreviousPage"]), (&json!(true), &json!(false)));
    let second = graph.run_json_with(document, json!({ "id": id, "after": info["endCursor"] })).await;
    let tokens = &second["data"]["event"]["admissionTokens"];
    assert_ne!(tokens["nodes"], first["data"]["event"]["admissionTokens"]["nodes"]);
    assert_eq!(
        (&tokens["pageInfo"]["hasNextPage"], &tokens["pageInfo"]["hasPreviousPage"]),
        (&json!(false), &json!(true))
    );
}
