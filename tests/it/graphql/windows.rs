//! Performances: windows, pages and performances embedded in events.

use std::sync::Arc;

use catalog::{PerformancePage, PerformanceQuery, SourcedEvent};
use domain::{Event, EventKey, Performance, PerformanceKey, VendorKind};
use proptest::prelude::*;

use super::TestGraph;
use super::fake::{SourceSpec, event, now, performance};

/// Creates one event with these performances, loaded on demand or embedded in the event.
async fn one_event(begins: &[i64], listed: bool) -> (TestGraph, SourcedEvent) {
    let key = EventKey::new("e");
    let rows: Vec<_> =
        begins.iter().enumerate().map(|(place, hours)| performance(&key, &format!("{place:02}"), *hours)).collect();
    let event_data =
        Event { listed_performances: listed.then(|| Arc::new(rows.clone())), ..event("e", "An event", Some(0)) };
    let spec = SourceSpec {
        id: "a",
        vendor: VendorKind::Acme,
        zone: "Europe/Zurich",
        currency: "CHF",
        events: vec![event_data],
        max_batch: 50,
        performances: Some(rows),
    };
    let graph = TestGraph::over(vec![spec]);
    let filter = catalog::EventFilter::default();
    let query = catalog::EventQuery::new(filter, None, None).expect("a query");
    let event = graph.unified_catalog().list_events(&query).await.expect("a page").events.remove(0);
    (graph, event)
}

async fn page(graph: &TestGraph, event: &SourcedEvent, first: i32, after: Option<&str>) -> PerformancePage {
    let query = PerformanceQuery::new((None, None), Some(first), after, now()).expect("a query");
    graph.unified_catalog().list_performances(std::slice::from_ref(event), &query).await.remove(0).expect("a page")
}

async fn walk(graph: &TestGraph, event: &SourcedEvent, first: i32) -> Vec<String> {
    let mut walked = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = page(graph, event, first, after.as_deref()).await;
        walked.extend(page.performances.iter().map(|row| row.key.to_string()));
        let last = page.performances.last().cloned();
        match last {
            Some(last) if page.has_next => {
                let row = domain::Observed { value: last, freshness: page.freshness };
                after = Some(catalog::Sourced::new(Arc::clone(&event.source), row).cursor().encode());
            }
            _ => return walked,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn paging_returns_every_performance_once_even_with_equal_start_times(
        begins in prop::collection::vec(0_i64..5, 0..20), first in 1_i32..6, listed: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (graph, event) = one_event(&begins, listed).await;
            let mut expected: Vec<_> = (0..begins.len()).map(|place| (begins[place], format!("e/{place:02}"))).collect();
            expected.sort();
            let expected: Vec<_> = expected.into_iter().map(|(_, key)| key).collect();
            assert_eq!(walk(&graph, &event, first).await, expected);
        });
    }
}

#[tokio::test]
async fn performances_embedded_in_the_event_need_no_call() {
    let (graph, event) = one_event(&[-30, 1, 2], true).await;
    let page = page(&graph, &event, 5, None).await;
    let keys: Vec<_> = page.performances.iter().map(|row| row.key.as_str().to_owned()).collect();
    // The one that started yesterday is over.
    assert_eq!(keys, ["e/01", "e/02"]);
    assert_eq!(graph.catalog("a").call_counts(), [("list_events", 1)]);
}

#[tokio::test]
async fn a_dated_visit_is_listed_until_the_end_of_its_day_and_an_open_one_always() {
    let zone = jiff::tz::TimeZone::get("Europe/Zurich").expect("a zone");
    let today = now().to_zoned(zone).date();
    let dated = |name: &str, date| {
        let begun = performance(&EventKey::new("e"), name, 0);
        Arc::new(Performance {
            key: PerformanceKey::new(name),
            starts_at: None,
            ends_at: None,
            date,
            ..Performance::clone(&begun)
        })
    };
    let rows = vec![
        dated("yesterday", today.yesterday().ok()),
        dated("today", Some(today)),
        dated("tomorrow", today.tomorrow().ok()),
        dated("open", None),
    ];
    let (_, mut event) = one_event(&[], true).await;
    let event_data = Event { listed_performances: Some(Arc::new(rows)), ..Event::clone(&event.value.value) };
    event.value.value = Arc::new(event_data);
    let (graph, _) = one_event(&[], true).await;
    let page = page(&graph, &event, 5, None).await;
    let keys: Vec<_> = page.performances.iter().map(|row| row.key.as_str().to_owned()).collect();
    assert_eq!(keys, ["open", "today", "tomorrow"]);
}

#[tokio::test]
async fn a_window_without_a_start_begins_at_the_last_full_five_minutes() {
    let at = |text: &str| text.parse().expect("an instant");
    let query = |now: &str| PerformanceQuery::new((None, None), None, None, at(now)).expect("a query");
    assert_eq!(query("2026-12-01T09:00:00Z"), query("2026-12-01T09:04:59Z"));
    assert_ne!(query("2026-12-01T09:00:00Z"), query("2026-12-01T09:05:00Z"));
}
