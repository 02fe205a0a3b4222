//! A source that fails costs its own fields; the rest of the answer stays as it is.

use std::time::Duration;

use domain::Operation;
use serde_json::Value;

use super::fake::Mood;
use super::{FIRST, Graph, club, museum, opera};

const NAMES: [&str; 3] = ["club", "museum", "opera"];
/// Everything that is asked below a list.
const LEVELS: [Operation; 5] = [
    Operation::LoadTicketTypes,
    Operation::ListPerformances,
    Operation::LoadAvailability,
    Operation::LoadCalendar,
    Operation::ReadTokens,
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

/// A graph of all sources but one.
fn without(name: &str) -> Graph {
    let mut all = vec![museum(), opera(), club()];
    all.retain(|making| making.id != name);
    Graph::over(all)
}

#[tokio::test(start_paused = true)]
async fn each_source_killed_in_turn_leaves_the_rest_byte_for_byte() {
    for name in NAMES {
        let alone = without(name).run(FIRST).await;
        for mood in [Mood::Failing("unavailable"), Mood::Failing("malformed"), Mood::Dawdling, Mood::Broken] {
            let graph = Graph::of_three();
            graph.catalog(name).behave(mood);
            assert_eq!(graph.run(FIRST).await, alone, "{name} {mood:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_list_names_each_source_that_failed() {
    let graph = Graph::of_three();
    graph.catalog("opera").behave(Mood::Failing("rate_limited"));
    graph.catalog("club").behave(Mood::Dawdling);
    let document = r#"{ events {
        nodes { title }
        totalCount
        problems { __typename code retry retryAfterSeconds source { name } message de: message(locale: "de-CH") }
    } }"#;
    insta::assert_snapshot!(graph.run(document).await);
}

#[tokio::test(start_paused = true)]
async fn each_level_that_fails_costs_nothing_of_the_other_sources() {
    let fine = Graph::of_three().ask(DEEP).await;
    for name in NAMES {
        for level in LEVELS {
            for mood in [Mood::Failing("unavailable"), Mood::Dawdling, Mood::Broken] {
                let graph = Graph::of_three();
                graph.catalog(name).behave_in(level, mood);
                let answer = graph.run(DEEP).await;
                assert!(!answer.contains("hush") && !answer.contains("SOLD_OUT"), "{answer}");
                let answer: Value = serde_json::from_str(&answer).expect("JSON");
                assert_eq!(others(&answer, name), others(&fine, name), "{name} {level:?} {mood:?}");
            }
        }
    }
}

/// The events of all sources but one.
fn others<'a>(answer: &'a Value, name: &str) -> Vec<&'a Value> {
    let nodes = answer["data"]["events"]["nodes"].as_array().expect("a list");
    nodes.iter().filter(|node| node["source"]["name"] != name).collect()
}

#[tokio::test(start_paused = true)]
async fn each_level_that_fails_says_so_where_it_stands() {
    let document = DEEP.replace("events", "events(filter: {text: \"carmen\"})");
    for level in LEVELS {
        let graph = Graph::of_three();
        graph.catalog("opera").behave_in(level, Mood::Failing("unavailable"));
        insta::assert_snapshot!(format!("fails_in_{}", level.name()), graph.run(&document).await);
    }
}

#[tokio::test(start_paused = true)]
async fn one_event_of_a_source_that_fails_is_null_with_its_path_and_its_neighbour_stays() {
    let graph = Graph::of_three();
    let (carmen, soca) = (graph.event_id("Carmen").await, graph.event_id("Soca").await);
    graph.catalog("opera").behave(Mood::Failing("rate_limited"));
    let document = format!(
        "{{ gone: event(id: \"{carmen}\") {{ title }} here: event(id: \"{soca}\") {{ title }} \
         nodes(ids: [\"{carmen}\", \"{soca}\", \"nonsense\"]) {{ ... on Event {{ title }} }} }}"
    );
    insta::assert_snapshot!(graph.run(&document).await);
}

#[tokio::test]
async fn a_source_that_leaves_keys_out_of_its_answer_is_at_fault_for_them() {
    let graph = Graph::of_three();
    graph.catalog("club").behave_in(Operation::LoadTicketTypes, Mood::Forgetful);
    insta::assert_snapshot!(graph.run("{ events(filter: {text: \"soca\"}) { nodes { ticketTypes { name } } } }").await);
}

#[tokio::test(start_paused = true)]
async fn the_second_level_of_one_source_does_not_wait_for_the_first_of_another() {
    let graph = Graph::of_three();
    graph.catalog("club").behave_in(Operation::ListPerformances, Mood::Slow);
    graph.catalog("museum").behave_in(Operation::LoadAvailability, Mood::Slow);
    let begun = tokio::time::Instant::now();
    graph.run(FIRST).await;
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(3), "{taken:?}");
}
