//! Contract of `Catalog`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    CatalogScope, Clock, ErrorKind, Event, EventKey, EventStatus, Observed, Performance, PerformanceKey,
    PerformanceWindow, VendorKind,
};
use jiff::{Timestamp, ToSpan};

use crate::contract::{VendorFixture, each_vendor};

async fn events(fixture: &VendorFixture, scope: CatalogScope) -> Vec<Arc<Event>> {
    let listed = fixture.source.catalog.list_events(scope).await.expect("events");
    listed.value.to_vec()
}

fn keys(events: &[Arc<Event>]) -> Vec<EventKey> {
    events.iter().map(|event| event.key.clone()).collect()
}

fn window(fixture: &VendorFixture, limit: usize) -> PerformanceWindow {
    PerformanceWindow { from: fixture.clock.now(), to: None, limit }
}

/// The next performance of each public event that has one.
async fn performances(fixture: &VendorFixture) -> Vec<Observed<Arc<Performance>>> {
    let events = keys(&events(fixture, CatalogScope::Public).await);
    let listed = fixture.source.catalog.list_performances(&events, &window(fixture, 1)).await;
    let mut found = Vec::new();
    for key in &events {
        let listed = listed[key].as_ref().expect("performances");
        found.extend(listed.value.iter().map(|it| Observed { value: Arc::clone(it), freshness: listed.freshness }));
    }
    assert!(!found.is_empty(), "{} has no performance ahead", fixture.source.id);
    found
}

#[tokio::test]
async fn a_list_is_in_ascending_order_of_key_and_names_each_event_once() {
    each_vendor(async |fixture| {
        for scope in [CatalogScope::Public, CatalogScope::All] {
            let keys = keys(&events(fixture, scope).await);
            assert!(keys.len() > 1, "{}", fixture.source.id);
            assert!(keys.is_sorted_by(|a, b| a < b), "{} {scope:?}", fixture.source.id);
        }
    })
    .await;
}

#[tokio::test]
async fn the_public_list_is_the_whole_list_without_private_and_unpublished_events() {
    each_vendor(async |fixture| {
        let public = events(fixture, CatalogScope::Public).await;
        let is_hidden = |event: &Event| event.is_private || event.status == EventStatus::Draft;
        assert!(public.iter().all(|event| !is_hidden(event)), "{}", fixture.source.id);
        let mut everything = events(fixture, CatalogScope::All).await;
        everything.retain(|event| !is_hidden(event));
        assert_eq!(keys(&public), keys(&everything), "{}", fixture.source.id);
    })
    .await;
}

#[tokio::test]
async fn an_event_loaded_by_key_equals_the_listed_event() {
    each_vendor(async |fixture| {
        let listed = events(fixture, CatalogScope::All).await;
        let batch = fixture.source.catalog.load_events(&keys(&listed)).await;
        assert_eq!(batch.len(), listed.len());
        for event in &listed {
            let loaded = batch[&event.key].as_ref().expect("an event");
            assert_eq!((&loaded.value.title, loaded.value.status), (&event.title, event.status));
        }
        let one = listed[0].key.clone();
        let alone = fixture.source.catalog.load_events(std::slice::from_ref(&one)).await;
        assert_eq!(alone[&one].as_ref().expect("an event").value, batch[&one].as_ref().expect("an event").value);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_key_is_not_found_and_never_fails_other_keys() {
    each_vendor(async |fixture| {
        let catalog = &fixture.source.catalog;
        let observed = events(fixture, CatalogScope::Public).await[0].key.clone();
        for unknown in ["99999999999999", "no such/event?x=1", "", "../accounts", "é"] {
            let keys = [EventKey::new(unknown), observed.clone()];
            let batch = catalog.load_events(&keys).await;
            assert_eq!(batch.len(), 2, "{} {unknown:?}", fixture.source.id);
            let error = batch[&keys[0]].as_ref().expect_err("an unknown key");
            assert_eq!(error.kind, ErrorKind::NotFound, "{} {unknown:?}", fixture.source.id);
            assert!(batch[&observed].is_ok());
            let types = catalog.load_ticket_types(&keys).await;
            assert_eq!(types[&keys[0]].as_ref().expect_err("an unknown key").kind, ErrorKind::NotFound);
            assert!(types[&observed].is_ok());
            let listed = catalog.list_performances(&keys, &window(fixture, 5)).await;
            assert_eq!(listed[&keys[0]].as_ref().expect_err("an unknown key").kind, ErrorKind::NotFound);
            assert!(listed[&observed].is_ok());
            let alone = PerformanceKey::new(unknown);
            let performances = catalog.load_performances(std::slice::from_ref(&alone)).await;
            assert_eq!(performances[&alone].as_ref().expect_err("an unknown key").kind, ErrorKind::NotFound);
        }
    })
    .await;
}

#[tokio::test]
async fn ticket_types_belong_to_their_event_and_are_priced_in_the_currency_of_the_source() {
    each_vendor(async |fixture| {
        let events = keys(&events(fixture, CatalogScope::Public).await);
        let batch = fixture.source.catalog.load_ticket_types(&events).await;
        assert_eq!(batch.len(), events.len());
        let mut priced = 0;
        for (event, types) in &batch {
            for ticket_type in types.as_ref().expect("ticket types").value.iter() {
                assert_eq!(&ticket_type.event, event);
                assert!(!ticket_type.name.main.is_empty() && ticket_type.admits > 0);
                if let Some(price) = &ticket_type.price {
                    priced += 1;
                    assert_eq!(Some(price.retail.currency), fixture.source.currency);
                }
            }
        }
        assert!(priced > 0, "{}", fixture.source.id);
    })
    .await;
}

#[tokio::test]
async fn performances_lie_inside_the_window_by_ascending_start_and_never_exceed_the_limit() {
    each_vendor(async |fixture| {
        let events = keys(&events(fixture, CatalogScope::Public).await);
        let now = fixture.clock.now();
        let to: Timestamp = now + 720.hours();
        for limit in [1, 3, 50] {
            let wanted = PerformanceWindow { from: now, to: Some(to), limit };
            let batch = fixture.source.catalog.list_performances(&events, &wanted).await;
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
async fn a_performance_loaded_by_key_equals_the_listed_performance() {
    each_vendor(async |fixture| {
        let listed = performances(fixture).await;
        let keys: Vec<_> = listed.iter().map(|observed| observed.value.key.clone()).collect();
        let batch = fixture.source.catalog.load_performances(&keys).await;
        assert_eq!(batch.len(), keys.len());
        for observed in &listed {
            let loaded = batch[&observed.value.key].as_ref().expect("a performance");
            assert_eq!(
                (&loaded.value.event, loaded.value.starts_at),
                (&observed.value.event, observed.value.starts_at)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn availability_of_age_zero_calls_the_vendor_and_covers_every_performance() {
    each_vendor(async |fixture| {
        let wanted = performances(fixture).await;
        let before = fixture.calls();
        let batch = fixture.source.catalog.load_availability(&wanted, Duration::ZERO).await;
        assert!(fixture.calls() > before, "{}", fixture.source.id);
        assert_eq!(batch.len(), wanted.len());
        let mut offers = 0;
        for observed in &wanted {
            let availability = &batch[&observed.value.key].as_ref().expect("availability").value;
            offers += availability.offers.len();
            assert!(availability.offers.iter().all(|offer| offer.ticket_type.event == observed.value.event));
        }
        assert!(offers > 0, "{}", fixture.source.id);
    })
    .await;
}

#[tokio::test]
async fn recent_listed_availability_needs_no_call() {
    each_vendor(async |fixture| {
        let mut wanted = performances(fixture).await;
        wanted.retain(|observed| observed.value.listed_availability.is_some());
        let before = fixture.calls();
        let batch = fixture.source.catalog.load_availability(&wanted, Duration::from_secs(60)).await;
        // ACME's listed counts ignore holds and are only an upper bound, so counts are requested with one call per day
        // (`acme.md §4.1`).
        let days: HashSet<_> = wanted.iter().map(|observed| observed.value.date).collect();
        let allowed = if fixture.source.vendor == VendorKind::Acme { days.len() } else { 0 };
        assert_eq!((batch.len(), fixture.calls() - before), (wanted.len(), allowed), "{}", fixture.source.id);
    })
    .await;
}

#[tokio::test]
async fn a_calendar_has_one_row_per_requested_day() {
    each_vendor(async |fixture| {
        let events = keys(&events(fixture, CatalogScope::Public).await);
        let from = fixture.clock.now().to_zoned(fixture.source.time_zone.clone()).date();
        let to = from + 30.days();
        let batch = fixture.source.catalog.load_calendar(&events, from, to).await;
        assert_eq!(batch.len(), events.len());
        let mut performances = 0;
        for rows in batch.values() {
            let rows = rows.as_ref().expect("rows");
            assert_eq!((rows.len(), rows[0].date, rows[30].date), (31, from, to));
            performances += rows.iter().map(|row| row.performance_count).sum::<u32>();
        }
        assert!(performances > 0, "{}", fixture.source.id);
    })
    .await;
}
