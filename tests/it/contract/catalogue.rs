//! Sentences on `Catalog`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    Clock, ErrorKind, Event, EventKey, EventStatus, Observed, Performance, PerformanceKey, Scope, VendorKind, Window,
};
use jiff::{Timestamp, ToSpan};

use crate::contract::{Bench, each_vendor};

async fn events(bench: &Bench, scope: Scope) -> Vec<Arc<Event>> {
    let listed = bench.source.catalog.list_events(scope).await.expect("events");
    listed.value.to_vec()
}

fn keys(events: &[Arc<Event>]) -> Vec<EventKey> {
    events.iter().map(|event| event.key.clone()).collect()
}

fn window(bench: &Bench, limit: usize) -> Window {
    Window { from: bench.clock.now(), to: None, limit }
}

/// The next performance of each public event that has one.
async fn performances(bench: &Bench) -> Vec<Observed<Arc<Performance>>> {
    let events = keys(&events(bench, Scope::Public).await);
    let listed = bench.source.catalog.list_performances(&events, &window(bench, 1)).await;
    let mut found = Vec::new();
    for key in &events {
        let listed = listed[key].as_ref().expect("performances");
        found.extend(listed.value.iter().map(|it| Observed { value: Arc::clone(it), freshness: listed.freshness }));
    }
    assert!(!found.is_empty(), "{} has no performance ahead", bench.source.id);
    found
}

#[tokio::test]
async fn a_list_is_in_ascending_order_of_key_and_names_each_event_once() {
    each_vendor(async |bench| {
        for scope in [Scope::Public, Scope::Everything] {
            let keys = keys(&events(bench, scope).await);
            assert!(keys.len() > 1, "{}", bench.source.id);
            assert!(keys.is_sorted_by(|a, b| a < b), "{} {scope:?}", bench.source.id);
        }
    })
    .await;
}

#[tokio::test]
async fn the_public_list_is_the_whole_list_without_what_is_private_or_not_published() {
    each_vendor(async |bench| {
        let public = events(bench, Scope::Public).await;
        let is_hidden = |event: &Event| event.is_private || event.status == EventStatus::Draft;
        assert!(public.iter().all(|event| !is_hidden(event)), "{}", bench.source.id);
        let mut everything = events(bench, Scope::Everything).await;
        everything.retain(|event| !is_hidden(event));
        assert_eq!(keys(&public), keys(&everything), "{}", bench.source.id);
    })
    .await;
}

#[tokio::test]
async fn an_event_loaded_by_key_is_the_event_of_the_list() {
    each_vendor(async |bench| {
        let listed = events(bench, Scope::Everything).await;
        let batch = bench.source.catalog.load_events(&keys(&listed)).await;
        assert_eq!(batch.len(), listed.len());
        for event in &listed {
            let loaded = batch[&event.key].as_ref().expect("an event");
            assert_eq!((&loaded.value.title, loaded.value.status), (&event.title, event.status));
        }
        let one = listed[0].key.clone();
        let alone = bench.source.catalog.load_events(std::slice::from_ref(&one)).await;
        assert_eq!(alone[&one].as_ref().expect("an event").value, batch[&one].as_ref().expect("an event").value);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_the_source_never_made_is_not_found_and_never_fails_its_neighbours() {
    each_vendor(async |bench| {
        let catalog = &bench.source.catalog;
        let known = events(bench, Scope::Public).await[0].key.clone();
        for strange in ["99999999999999", "no such/event?x=1", "", "../accounts", "é"] {
            let asked = [EventKey::new(strange), known.clone()];
            let batch = catalog.load_events(&asked).await;
            assert_eq!(batch.len(), 2, "{} {strange:?}", bench.source.id);
            let fault = batch[&asked[0]].as_ref().expect_err("an unknown key");
            assert_eq!(fault.kind, ErrorKind::NotFound, "{} {strange:?}", bench.source.id);
            assert!(batch[&known].is_ok());
            let types = catalog.load_ticket_types(&asked).await;
            assert_eq!(types[&asked[0]].as_ref().expect_err("an unknown key").kind, ErrorKind::NotFound);
            assert!(types[&known].is_ok());
            let listed = catalog.list_performances(&asked, &window(bench, 5)).await;
            assert_eq!(listed[&asked[0]].as_ref().expect_err("an unknown key").kind, ErrorKind::NotFound);
            assert!(listed[&known].is_ok());
            let alone = PerformanceKey::new(strange);
            let performances = catalog.load_performances(std::slice::from_ref(&alone)).await;
            assert_eq!(performances[&alone].as_ref().expect_err("an unknown key").kind, ErrorKind::NotFound);
        }
    })
    .await;
}

#[tokio::test]
async fn ticket_types_belong_to_their_event_and_are_priced_in_the_currency_of_the_source() {
    each_vendor(async |bench| {
        let events = keys(&events(bench, Scope::Public).await);
        let batch = bench.source.catalog.load_ticket_types(&events).await;
        assert_eq!(batch.len(), events.len());
        let mut priced = 0;
        for (event, types) in &batch {
            for ticket_type in types.as_ref().expect("ticket types").value.iter() {
                assert_eq!(&ticket_type.event, event);
                assert!(!ticket_type.name.main.is_empty() && ticket_type.admits > 0);
                if let Some(price) = &ticket_type.price {
                    priced += 1;
                    assert_eq!(Some(price.retail.currency), bench.source.currency);
                }
            }
        }
        assert!(priced > 0, "{}", bench.source.id);
    })
    .await;
}

#[tokio::test]
async fn performances_lie_inside_the_window_by_ascending_start_and_never_exceed_the_limit() {
    each_vendor(async |bench| {
        let events = keys(&events(bench, Scope::Public).await);
        let now = bench.clock.now();
        let to: Timestamp = now + 720.hours();
        for limit in [1, 3, 50] {
            let wanted = Window { from: now, to: Some(to), limit };
            let batch = bench.source.catalog.list_performances(&events, &wanted).await;
            assert_eq!(batch.len(), events.len());
            for (event, listed) in &batch {
                let listed = &listed.as_ref().expect("performances").value;
                assert!(listed.len() <= limit);
                assert!(listed.is_sorted_by_key(|performance| performance.starts_at));
                for performance in listed.iter() {
                    assert_eq!(&performance.event, event);
                    assert!(performance.starts_at.is_none_or(|at| at >= now && at < to));
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_performance_loaded_by_key_is_the_performance_of_the_list() {
    each_vendor(async |bench| {
        let listed = performances(bench).await;
        let keys: Vec<_> = listed.iter().map(|known| known.value.key.clone()).collect();
        let batch = bench.source.catalog.load_performances(&keys).await;
        assert_eq!(batch.len(), keys.len());
        for known in &listed {
            let loaded = batch[&known.value.key].as_ref().expect("a performance");
            assert_eq!((&loaded.value.event, loaded.value.starts_at), (&known.value.event, known.value.starts_at));
        }
    })
    .await;
}

#[tokio::test]
async fn availability_of_age_zero_asks_the_vendor_and_answers_every_performance() {
    each_vendor(async |bench| {
        let wanted = performances(bench).await;
        let before = bench.calls();
        let batch = bench.source.catalog.load_availability(&wanted, Duration::ZERO).await;
        assert!(bench.calls() > before, "{}", bench.source.id);
        assert_eq!(batch.len(), wanted.len());
        let mut offers = 0;
        for known in &wanted {
            let told = &batch[&known.value.key].as_ref().expect("availability").value;
            offers += told.offers.len();
            assert!(told.offers.iter().all(|offer| offer.ticket_type.event == known.value.event));
        }
        assert!(offers > 0, "{}", bench.source.id);
    })
    .await;
}

#[tokio::test]
async fn availability_that_came_along_and_is_young_enough_asks_nobody() {
    each_vendor(async |bench| {
        let mut wanted = performances(bench).await;
        wanted.retain(|known| known.value.listed_availability.is_some());
        let before = bench.calls();
        let batch = bench.source.catalog.load_availability(&wanted, Duration::from_secs(60)).await;
        // What ACME lists knows no holds: it is an upper bound, so the counts are asked for, a day a call (`acme.md §4.1`).
        let days: HashSet<_> = wanted.iter().map(|known| known.value.date).collect();
        let allowed = if bench.source.vendor == VendorKind::Acme { days.len() } else { 0 };
        assert_eq!((batch.len(), bench.calls() - before), (wanted.len(), allowed), "{}", bench.source.id);
    })
    .await;
}

#[tokio::test]
async fn a_calendar_has_one_row_for_each_day_asked_for() {
    each_vendor(async |bench| {
        let events = keys(&events(bench, Scope::Public).await);
        let from = bench.clock.now().to_zoned(bench.source.time_zone.clone()).date();
        let to = from + 30.days();
        let batch = bench.source.catalog.load_calendar(&events, from, to).await;
        assert_eq!(batch.len(), events.len());
        let mut performances = 0;
        for rows in batch.values() {
            let rows = rows.as_ref().expect("rows");
            assert_eq!((rows.len(), rows[0].date, rows[30].date), (31, from, to));
            performances += rows.iter().map(|row| row.performance_count).sum::<u32>();
        }
        assert!(performances > 0, "{}", bench.source.id);
    })
    .await;
}
