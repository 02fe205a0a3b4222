//! Merging of many sources: order, pages, filters.

use std::time::Instant;

use catalog::{EventFilter, EventPage, EventQuery};
use domain::{Event, VendorKind};
use proptest::prelude::*;

use super::TestGraph;
use super::fake::{SourceSpec, event};

fn source(id: &'static str, events: Vec<Event>) -> SourceSpec {
    SourceSpec {
        id,
        vendor: VendorKind::Acme,
        zone: "Etc/UTC",
        currency: "EUR",
        events,
        max_batch: 50,
        performances: None,
    }
}

/// Events with frequently equal start times. The key is the index in the list.
fn some_events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(prop::option::of(0_i64..4), 0..25).prop_map(|days| {
        days.into_iter().enumerate().map(|(place, day)| event(&format!("e{place:02}"), "An event", day)).collect()
    })
}

fn names(page: &EventPage) -> Vec<String> {
    page.events.iter().map(|event| format!("{}/{}", event.source.id, event.value.value.key)).collect()
}

async fn page(graph: &TestGraph, first: i32, after: Option<&str>) -> EventPage {
    let query = EventQuery::new(EventFilter::default(), Some(first), after).expect("a query");
    graph.unified_catalog().list_events(&query).await.expect("a page")
}

async fn walk(graph: &TestGraph, first: i32) -> Vec<String> {
    let mut walked = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = page(graph, first, after.as_deref()).await;
        assert_eq!(page.has_previous, after.is_some());
        walked.extend(names(&page));
        match page.events.last() {
            Some(last) if page.has_next => after = Some(last.cursor().encode()),
            _ => return walked,
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn paging_with_any_page_size_returns_every_event_once_in_the_same_order(
        one in some_events(), two in some_events(), three in some_events(), first in 1_i32..12,
    ) {
        runtime().block_on(async {
            let count = one.len() + two.len() + three.len();
            let graph = TestGraph::over(vec![source("b", two), source("c", three), source("a", one)]);
            let walked = walk(&graph, first).await;
            let mut sorted = walked.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!((walked.len(), sorted.len()), (count, count));
            assert_eq!(walked, walk(&graph, 100).await);
        });
    }
}

#[tokio::test]
async fn events_are_sorted_by_start_time_then_source_then_key() {
    let graph = TestGraph::over(vec![
        source("b", vec![event("1", "", Some(2)), event("2", "", None), event("3", "", Some(1))]),
        source("a", vec![event("9", "", Some(1)), event("8", "", Some(1)), event("7", "", None)]),
    ]);
    assert_eq!(walk(&graph, 2).await, ["a/7", "b/2", "a/8", "a/9", "b/3", "b/1"]);
}

#[tokio::test]
async fn an_inserted_or_deleted_event_shifts_no_page() {
    let day = |key: &str, day| event(key, "", Some(day));
    let before = TestGraph::over(vec![source("a", vec![day("1", 1), day("2", 2), day("3", 3), day("4", 4)])]);
    let first = page(&before, 2, None).await;
    let after = first.events.last().map(|event| event.cursor().encode());
    // The row of the cursor was deleted and one was inserted before it.
    let later = TestGraph::over(vec![source("a", vec![day("0", 0), day("1", 1), day("3", 3), day("4", 4)])]);
    assert_eq!(names(&page(&later, 2, after.as_deref()).await), ["a/3", "a/4"]);
}

#[tokio::test]
async fn a_duplicate_event_of_a_source_appears_once() {
    let graph = TestGraph::over(vec![source("a", vec![event("1", "", Some(1)), event("1", "", Some(1))])]);
    assert_eq!(walk(&graph, 1).await, ["a/1"]);
}

/// Returns the time of the fastest of several pages of a merged list.
async fn fastest_page(count: usize) -> std::time::Duration {
    let events = (0..count).map(|place| event(&format!("{place:05}"), "An event", Some(place as i64 % 300))).collect();
    let graph = TestGraph::over(vec![source("a", events)]);
    let after = page(&graph, 50, None).await.events.last().map(|event| event.cursor().encode());
    let mut fastest = std::time::Duration::MAX;
    for _ in 0..30 {
        let begun = Instant::now();
        let page = page(&graph, 50, after.as_deref()).await;
        fastest = fastest.min(begun.elapsed());
        assert_eq!((page.events.len(), page.total), (50, count));
    }
    fastest
}

#[tokio::test]
async fn a_page_of_ten_thousand_events_costs_about_as_much_as_one_of_a_hundred() {
    let (few, many) = (fastest_page(101).await, fastest_page(10_000).await);
    assert!(many < few * 5, "{few:?} out of a hundred, {many:?} out of ten thousand");
}
