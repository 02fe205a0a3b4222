//! The response cache: responses are identical to uncached ones, separated by permissions, and never served for too long.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use ticketgraph::graphql::Scope;

use super::support::until;
use super::world::World;

const LIST: &str = "{ events { nodes { title ticketTypes { name price { retail { formatted } } } freshness { mode observedAt expiresAt } } totalCount problems { message } } }";
const AVAILABILITY: &str = "query($age: Int) { events(first: 2) { nodes { performances(first: 5) { nodes { startsAt
  availability(maxAgeSeconds: $age) { vacancies freshness { mode expiresAt } problems { message } } } } } } }";

/// A request, or an event between two requests.
#[derive(Debug, Clone)]
enum Step {
    Advance(u64),
    Edit(usize),
    EditSilently(usize),
    Sell(usize),
    Fail(usize, bool),
    Execute(usize, Value),
}

const QUERIES: &[&str] = &[
    LIST,
    AVAILABILITY,
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
        1 => (0..2usize).prop_map(Step::EditSilently),
        1 => (0..2usize).prop_map(Step::Sell),
        1 => (0..2usize, any::<bool>()).prop_map(|(place, fails)| Step::Fail(place, fails)),
        8 => (0..QUERIES.len(), ages).prop_map(|(which, ages)| Step::Execute(which, ages)),
    ]
}

/// Performs a step in a world. Returns the response body of a request.
async fn perform(world: &World, step: &Step) -> Option<String> {
    match step {
        Step::Advance(millis) => world.advance(*millis),
        Step::Edit(place) => world.edit(*place),
        Step::EditSilently(place) => world.edit_silently(*place),
        Step::Sell(place) => world.sell(*place),
        Step::Fail(place, fails) => world.set_failing(*place, *fails),
        Step::Execute(which, variables) => {
            let variables = if *which == 1 { variables.clone() } else { json!({}) };
            return Some(world.execute(QUERIES[*which], variables, &[Scope::CatalogRead]).await.0);
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn responses_are_byte_for_byte_the_same_as_without_a_response_cache(steps in prop::collection::vec(step(), 20..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (with, without) = (World::new(true), World::new(false));
            for (place, step) in steps.iter().enumerate() {
                assert_eq!(perform(&with, step).await, perform(&without, step).await, "step {place}: {step:?}");
            }
        });
    }
}

const PERMISSIONS: &[Scope] = &[Scope::CatalogRead];

async fn execute_and_count(world: &World, query: &str, variables: Value) -> (String, usize) {
    let before = world.calls();
    let (body, _) = world.execute(query, variables, PERMISSIONS).await;
    (body, world.calls() - before)
}

#[tokio::test]
async fn a_response_is_cached_until_its_first_fact_expires_or_is_invalidated() {
    let world = World::new(true);
    execute_and_count(&world, AVAILABILITY, json!({})).await;
    let cached = execute_and_count(&world, AVAILABILITY, json!({})).await.0;
    world.edit_silently(0);
    assert_eq!(execute_and_count(&world, AVAILABILITY, json!({})).await, (cached.clone(), 0));
    // Availability is cached for 60 s and performances for 45 s, so the response expires after 45 s.
    world.advance(44_999);
    assert_eq!(execute_and_count(&world, AVAILABILITY, json!({})).await, (cached.clone(), 0));
    world.advance(1);
    let (body, calls) = execute_and_count(&world, AVAILABILITY, json!({})).await;
    assert!(calls > 0 && body != cached, "{body}");

    execute_and_count(&world, AVAILABILITY, json!({})).await;
    world.sell(0);
    let sold = execute_and_count(&world, AVAILABILITY, json!({})).await;
    assert!(sold.0.contains("\"vacancies\":999") && sold.1 == 1, "{sold:?}");
}

#[tokio::test]
async fn viewers_with_different_permissions_do_not_share_a_response() {
    let world = World::new(true);
    for _ in 0..3 {
        assert!(world.execute(LIST, json!({}), PERMISSIONS).await.1);
    }
    let (body, is_cached) = world.execute(LIST, json!({}), &[]).await;
    assert!(body.contains("FORBIDDEN") && !is_cached, "{body}");
    assert!(world.execute(LIST, json!({}), &[Scope::CatalogRead, Scope::OrderRead]).await.1);
}

#[tokio::test]
async fn a_document_with_a_different_layout_shares_the_response() {
    let world = World::new(true);
    execute_and_count(&world, "{ events { nodes { title } } }", json!({})).await;
    let cached = execute_and_count(&world, "{ events { nodes { title } } }", json!({})).await.0;
    world.edit_silently(0);
    let same = "{\n  events {\n    nodes { title, } # of the event\n  }\n}";
    assert_eq!(execute_and_count(&world, same, json!({})).await, (cached, 0));
}

#[tokio::test]
async fn a_thousand_identical_cold_requests_are_executed_once() {
    let world = Arc::new(World::new(true));
    let requests = (0..1000).map(|_| world.execute(LIST, json!({}), PERMISSIONS));
    let bodies = futures_util::future::join_all(requests).await;
    assert!(bodies.iter().all(|body| *body == bodies[0]) && !bodies[0].0.contains("errors"));
    // A list and its ticket types, from two sources.
    assert_eq!(world.calls(), 4);
}

#[tokio::test]
async fn a_leader_that_hangs_up_does_not_fail_its_followers() {
    let world = Arc::new(World::new(true));
    {
        let mut leader = Box::pin(world.execute(LIST, json!({}), PERMISSIONS));
        assert!(futures_util::poll!(&mut leader).is_pending());
    }
    let (body, _) = world.execute(LIST, json!({}), PERMISSIONS).await;
    assert!(body.contains("e1 v1"), "{body}");
    assert_eq!(world.calls(), 4);
}

#[tokio::test]
async fn one_failure_is_shared_and_has_the_request_id_of_each_request() {
    let world = Arc::new(World::new(true));
    let bad = "{ events { nodes { nothing } } }";
    let requests = (0..50).map(|_| world.execute(bad, json!({}), PERMISSIONS));
    let bodies = futures_util::future::join_all(requests).await;
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert!(bodies[0].0.contains("GRAPHQL_VALIDATION_FAILED") && bodies[0].0.contains("r-1"), "{}", bodies[0].0);
    world.set_failing(0, true);
    world.set_failing(1, true);
    let before = world.calls();
    futures_util::future::join_all((0..50).map(|_| world.execute(LIST, json!({}), PERMISSIONS))).await;
    assert_eq!(world.calls() - before, 2, "one call to each source");
}

#[tokio::test]
async fn a_query_for_live_availability_is_executed_for_each_request() {
    let world = World::new(true);
    for _ in 0..3 {
        let (body, calls) = execute_and_count(&world, AVAILABILITY, json!({ "age": 0 })).await;
        assert!(calls >= 1 && body.contains("LIVE"), "{calls}: {body}");
    }
}

#[tokio::test]
async fn a_flood_of_distinct_queries_stays_within_the_size_limit() {
    let world = World::new(true);
    execute_and_count(&world, LIST, json!({})).await;
    for number in 0..3_000 {
        let query = format!("{{ events {{ nodes {{ a{number}: title id freshness {{ observedAt }} }} }} }}");
        assert!(world.execute(&query, json!({}), PERMISSIONS).await.1);
    }
    let responses = world.pipeline.response_cache().expect("a response cache");
    until("the cache is within its limit", async || responses.usage().1 <= 1 << 22).await;
    assert!(responses.usage().0 > 100, "responses are cached");
}

#[tokio::test(start_paused = true)]
async fn documents_that_a_comment_or_a_string_sets_apart_share_no_response() {
    let pairs = [
        // A comment ends at a carriage return (GraphQL §2.1.2).
        (
            "{ events(first: 7) { nodes { title #\r : id\n ticketTypes { name } } } }",
            "{ events(first: 7) { nodes { title ticketTypes { name } } } }",
        ),
        ("{ events(first: 7) { nodes { title #\r id\n } } }", "{ events(first: 7) { nodes { title } } }"),
        // An escaped delimiter does not end a block string (§2.9.4).
        (
            "{ events(filter: {text: \"\"\"\\\"\"\" e1 \"\"\"}) { totalCount } }",
            "{ events(filter: {text: \"\"\"\"\"\"}) { totalCount } }",
        ),
        ("{ events(filter: {text: \"e1\"}) { totalCount } }", "{ events(filter: {text: \"e2\"}) { totalCount } }"),
        ("{ events(first: 1) { nodes { title } } }", "{ events(first: 2) { nodes { title } } }"),
        ("{ a: events { totalCount } }", "{ b: events { totalCount } }"),
        ("query A { events { totalCount } } query B { events { nodes { id } } }", "{ events { totalCount } }"),
    ];
    for (one, other) in pairs.into_iter().flat_map(|(one, other)| [(one, other), (other, one)]) {
        let (shared, alone) = (World::new(true), World::new(false));
        for _ in 0..3 {
            shared.execute(one, json!({}), PERMISSIONS).await;
        }
        let found = shared.execute(other, json!({}), PERMISSIONS).await.0;
        assert_eq!(found, alone.execute(other, json!({}), PERMISSIONS).await.0, "{one:?} before {other:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn documents_of_another_layout_share_a_response() {
    let world = World::new(true);
    for _ in 0..2 {
        world.execute("{ events(first: 3) { nodes { title } } }", json!({}), PERMISSIONS).await;
    }
    for same in [
        "query { events(first: 3) { nodes { title } } } # a comment",
        "{\r\n  events ( first : 3 , ) {\n nodes { title } }\n}",
    ] {
        world.execute(same, json!({}), PERMISSIONS).await;
    }
    assert_eq!(world.pipeline.response_cache().expect("a response cache").usage().0, 1, "one response");
}
