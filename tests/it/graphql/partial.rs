//! Partial responses: a failed source affects only its own fields.

use std::time::Duration;

use domain::VendorOperation;
use serde_json::Value;

use super::fake::Behavior;
use super::{FIRST, TestGraph, club, museum, opera};

const NAMES: [&str; 3] = ["club", "museum", "opera"];
/// The operations below a list.
const LEVELS: [VendorOperation; 5] = [
    VendorOperation::LoadTicketTypes,
    VendorOperation::ListPerformances,
    VendorOperation::LoadAvailability,
    VendorOperation::LoadCalendar,
    VendorOperation::ReadTokens,
];
const DEEP: &str = r#"{ events { nodes {
    source { name }
    title
    ticketTypes { name }
    calendar(from: "2026-12-03", to: "2026-12-03") { date status }
    performances(first: 1) {
        nodes { startsAt availability { status vacancies offers { price { retail { formatted } } } problems { code } } }
        problems { code }
    }
    admissionTokens(first: 1) { nodes { isGlobal } problems { code } }
} } }"#;

/// The API without one of the sources.
fn without(name: &str) -> TestGraph {
    let mut all = vec![museum(), opera(), club()];
    all.retain(|spec| spec.id != name);
    TestGraph::over(all)
}

#[tokio::test(start_paused = true)]
async fn a_failed_source_leaves_the_rest_byte_for_byte() {
    for name in NAMES {
        let alone = without(name).run(FIRST).await;
        for behavior in
            [Behavior::Failing("unavailable"), Behavior::Failing("malformed"), Behavior::HungCalls, Behavior::Panicking]
        {
            let graph = TestGraph::of_three();
            graph.catalog(name).behave(behavior);
            assert_eq!(graph.run(FIRST).await, alone, "{name} {behavior:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_list_reports_each_failed_source() {
    let graph = TestGraph::of_three();
    graph.catalog("opera").behave(Behavior::Failing("rate_limited"));
    graph.catalog("club").behave(Behavior::HungCalls);
    let document = r#"{ events {
        nodes { title }
        totalCount
        problems { __typename code retry retryAfterSeconds source { name } message de: message(locale: "de-CH") }
    } }"#;
    insta::assert_snapshot!(graph.run(document).await);
}

#[tokio::test(start_paused = true)]
async fn a_failed_level_does_not_affect_the_other_sources() {
    let fine = TestGraph::of_three().run_json(DEEP).await;
    for name in NAMES {
        for level in LEVELS {
            for behavior in [Behavior::Failing("unavailable"), Behavior::HungCalls, Behavior::Panicking] {
                let graph = TestGraph::of_three();
                graph.catalog(name).behave_in(level, behavior);
                let response = graph.run(DEEP).await;
                assert!(!response.contains("hush") && !response.contains("SOLD_OUT"), "{response}");
                let response: Value = serde_json::from_str(&response).expect("JSON");
                assert_eq!(others(&response, name), others(&fine, name), "{name} {level:?} {behavior:?}");
            }
        }
    }
}

/// The events of all other sources.
fn others<'a>(response: &'a Value, name: &str) -> Vec<&'a Value> {
    let nodes = response["data"]["events"]["nodes"].as_array().expect("a list");
    nodes.iter().filter(|node| node["source"]["name"] != name).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failed_level_reports_its_error_at_its_path() {
    let document = DEEP.replace("events", "events(filter: {text: \"carmen\"})");
    for level in LEVELS {
        let graph = TestGraph::of_three();
        graph.catalog("opera").behave_in(level, Behavior::Failing("unavailable"));
        insta::assert_snapshot!(format!("fails_in_{}", level.name()), graph.run(&document).await);
    }
}

#[tokio::test(start_paused = true)]
async fn one_event_of_a_failed_source_is_null_with_its_path_and_its_neighbor_stays() {
    let graph = TestGraph::of_three();
    let (carmen, soca) = (graph.event_id("Carmen").await, graph.event_id("Soca").await);
    graph.catalog("opera").behave(Behavior::Failing("rate_limited"));
    let document = format!(
        "{{ gone: event(id: \"{carmen}\") {{ title }} here: event(id: \"{soca}\") {{ title }} \
         nodes(ids: [\"{carmen}\", \"{soca}\", \"nonsense\"]) {{ ... on Event {{ title }} }} }}"
    );
    insta::assert_snapshot!(graph.run(&document).await);
}

#[tokio::test]
async fn keys_missing_from_a_response_are_internal_errors_of_the_source() {
    let graph = TestGraph::of_three();
    graph.catalog("club").behave_in(VendorOperation::LoadTicketTypes, Behavior::OmittingKeys);
    insta::assert_snapshot!(graph.run("{ events(filter: {text: \"soca\"}) { nodes { ticketTypes { name } } } }").await);
}

#[tokio::test(start_paused = true)]
async fn the_second_level_of_one_source_does_not_wait_for_the_first_of_another() {
    let graph = TestGraph::of_three();
    graph.catalog("club").behave_in(VendorOperation::ListPerformances, Behavior::Slow);
    graph.catalog("museum").behave_in(VendorOperation::LoadAvailability, Behavior::Slow);
    let begun = tokio::time::Instant::now();
    graph.run(FIRST).await;
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(3), "{taken:?}");
}
