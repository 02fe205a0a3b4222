//! Whole answers told again: never another word than without, never to somebody who sees something else, never for too long.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use ticketgraph::graphql::Scope;

use super::support::until;
use super::theatre::World;

const LIST: &str = "{ events { nodes { title ticketTypes { name price { retail { formatted } } } freshness { mode observedAt expiresAt } } totalCount problems { message } } }";
const FREE: &str = "query($age: Int) { events(first: 2) { nodes { performances(first: 5) { nodes { startsAt
  availability(maxAgeSeconds: $age) { vacancies freshness { mode expiresAt } problems { message } } } } } } }";

/// Something that happens between two requests, or a request.
#[derive(Debug, Clone)]
enum Step {
    Advance(i64),
    Edit(usize),
    EditInSilence(usize),
    Sell(usize),
    Fail(usize, bool),
    Ask(usize, Value),
}

const ASKED: &[&str] = &[
    LIST,
    FREE,
    "{ events(first: 3) { edges { cursor node { id title source { name } } } pageInfo { hasNextPage endCursor } } }",
    "{ a: events(filter: { text: \"e1\" }) { totalCount nodes { ...E } } } fragment E on Event { title sections { id } }",
    "{ other: events(filter: { text: \"e1\" }) { totalCount nodes { ...E } } } fragment E on Event { title sections { id } }",
    "{ one: events(first: 1) { nodes { nothing } } }",
    "{ two: events(first: 1) { nodes { nothing } } }",
    "{ one: events { nodes { title } problems { source { name } } } }",
    "{ two: events { nodes { title } problems { source { name } } } }",
    "{ events(first: 1) { nodes { calendar(from: \"2027-01-15\", to: \"2027-01-15\") { performanceCount freshness { mode } } } } }",
    "{ events(first: 1) { nodes { source { health { state } } title } } }",
    "{ viewer { name } events(first: 1) { nodes { title } } }",
    "{ events(first: 1) { nodes { nothing } } }",
];

fn step() -> impl Strategy<Value = Step> {
    let ages =
        prop_oneof![Just(json!({})), Just(json!({"age": 0})), Just(json!({"age": 20})), Just(json!({"age": 300}))];
    prop_oneof![
        2 => prop_oneof![Just(1), Just(999), Just(15_000), Just(44_999), Just(60_000), Just(300_000)].prop_map(Step::Advance),
        1 => (0..2usize).prop_map(Step::Edit),
        1 => (0..2usize).prop_map(Step::EditInSilence),
        1 => (0..2usize).prop_map(Step::Sell),
        1 => (0..2usize, any::<bool>()).prop_map(|(place, fails)| Step::Fail(place, fails)),
        8 => (0..ASKED.len(), ages).prop_map(|(which, ages)| Step::Ask(which, ages)),
    ]
}

/// Takes a step in a world; the body of the answer where it was a request.
async fn take(world: &World, step: &Step) -> Option<String> {
    match step {
        Step::Advance(millis) => world.advance(*millis),
        Step::Edit(place) => world.edit(*place),
        Step::EditInSilence(place) => world.edit_in_silence(*place),
        Step::Sell(place) => world.sell(*place),
        Step::Fail(place, fails) => world.set_failing(*place, *fails),
        Step::Ask(which, variables) => {
            let variables = if *which == 1 { variables.clone() } else { json!({}) };
            return Some(world.ask(ASKED[*which], variables, &[Scope::CatalogRead]).await.0);
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn answers_are_byte_for_byte_what_they_are_without_a_memory_of_answers(steps in prop::collection::vec(step(), 20..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (with, without) = (World::new(true), World::new(false));
            for (place, step) in steps.iter().enumerate() {
                assert_eq!(take(&with, step).await, take(&without, step).await, "step {place}: {step:?}");
            }
        });
    }
}

const ALL: &[Scope] = &[Scope::CatalogRead];

async fn counted(world: &World, query: &str, variables: Value) -> (String, usize) {
    let before = world.calls();
    let (body, _) = world.ask(query, variables, ALL).await;
    (body, world.calls() - before)
}

#[tokio::test]
async fn an_answer_is_told_again_until_its_first_fact_ends_or_becomes_untrue() {
    let world = World::new(true);
    counted(&world, FREE, json!({})).await;
    let kept = counted(&world, FREE, json!({})).await.0;
    world.edit_in_silence(0);
    assert_eq!(counted(&world, FREE, json!({})).await, (kept.clone(), 0));
    // Availability is taken for 60 s, the performances end after 45: so does the answer.
    world.advance(44_999);
    assert_eq!(counted(&world, FREE, json!({})).await, (kept.clone(), 0));
    world.advance(1);
    let (body, calls) = counted(&world, FREE, json!({})).await;
    assert!(calls > 0 && body != kept, "{body}");

    counted(&world, FREE, json!({})).await;
    world.sell(0);
    let sold = counted(&world, FREE, json!({})).await;
    assert!(sold.0.contains("\"vacancies\":999") && sold.1 == 1, "{sold:?}");
}

#[tokio::test]
async fn who_sees_something_else_gets_another_answer() {
    let world = World::new(true);
    for _ in 0..3 {
        assert!(world.ask(LIST, json!({}), ALL).await.1);
    }
    let (body, as_bytes) = world.ask(LIST, json!({}), &[]).await;
    assert!(body.contains("FORBIDDEN") && !as_bytes, "{body}");
    assert!(world.ask(LIST, json!({}), &[Scope::CatalogRead, Scope::OrderRead]).await.1);
}

#[tokio::test]
async fn a_document_laid_out_in_another_way_is_the_same_question() {
    let world = World::new(true);
    counted(&world, "{ events { nodes { title } } }", json!({})).await;
    let kept = counted(&world, "{ events { nodes { title } } }", json!({})).await.0;
    world.edit_in_silence(0);
    let same = "{\n  events {\n    nodes { title, } # of the event\n  }\n}";
    assert_eq!(counted(&world, same, json!({})).await, (kept, 0));
}

#[tokio::test]
async fn a_thousand_identical_cold_requests_are_one_flight() {
    let world = Arc::new(World::new(true));
    let asking = (0..1000).map(|_| world.ask(LIST, json!({}), ALL));
    let bodies = futures_util::future::join_all(asking).await;
    assert!(bodies.iter().all(|body| *body == bodies[0]) && !bodies[0].0.contains("errors"));
    // A list and its ticket types, of two sources.
    assert_eq!(world.calls(), 4);
}

#[tokio::test]
async fn a_leader_that_hangs_up_costs_its_followers_nothing() {
    let world = Arc::new(World::new(true));
    {
        let mut leader = Box::pin(world.ask(LIST, json!({}), ALL));
        assert!(futures_util::poll!(&mut leader).is_pending());
    }
    let (body, _) = world.ask(LIST, json!({}), ALL).await;
    assert!(body.contains("edition 1"), "{body}");
    assert_eq!(world.calls(), 4);
}

#[tokio::test]
async fn one_failure_is_shared_and_carries_the_name_of_each_request() {
    let world = Arc::new(World::new(true));
    let bad = "{ events { nodes { nothing } } }";
    let asking = (0..50).map(|_| world.ask(bad, json!({}), ALL));
    let bodies = futures_util::future::join_all(asking).await;
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert!(bodies[0].0.contains("GRAPHQL_VALIDATION_FAILED") && bodies[0].0.contains("r-1"), "{}", bodies[0].0);
    world.set_failing(0, true);
    world.set_failing(1, true);
    let before = world.calls();
    futures_util::future::join_all((0..50).map(|_| world.ask(LIST, json!({}), ALL))).await;
    assert_eq!(world.calls() - before, 2, "one call to each source");
}

#[tokio::test]
async fn what_asks_for_now_is_asked_by_everybody_for_himself() {
    let world = World::new(true);
    for _ in 0..3 {
        let (body, calls) = counted(&world, FREE, json!({ "age": 0 })).await;
        assert!(calls >= 1 && body.contains("LIVE"), "{calls}: {body}");
    }
}

#[tokio::test]
async fn a_flood_of_distinct_queries_does_not_fill_the_memory() {
    let world = World::new(true);
    counted(&world, LIST, json!({})).await;
    for number in 0..3_000 {
        let query = format!("{{ events {{ nodes {{ a{number}: title id freshness {{ observedAt }} }} }} }}");
        assert!(world.ask(&query, json!({}), ALL).await.1);
    }
    let answers = world.engine.answers().expect("a memory");
    until("the memory has settled", async || answers.usage().1 <= 1 << 22).await;
    assert!(answers.usage().0 > 100, "something is kept");
}
