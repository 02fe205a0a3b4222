//! What the port of the catalogue promises.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Span, ToSpan};
use ticketgraph::domain::{
    AvailabilityStatus, ErrorKind, Event, EventKey, EventStatus, Observed, Performance, PerformanceKey, Scope, Window,
};

use crate::contract::Bench;

async fn events(bench: &Bench, scope: Scope) -> Vec<Arc<Event>> {
    let listed = bench.source.catalog.list_events(scope).await;
    listed.unwrap_or_else(|error| panic!("{}: {error}", bench.name)).value.to_vec()
}

fn week(bench: &Bench, limit: usize) -> Window {
    let from = bench.now();
    Window { from, to: Some(from + Span::new().hours(7 * 24)), limit }
}

/// The performances of the sample event in the coming week.
pub async fn coming(bench: &Bench, limit: usize) -> Vec<Observed<Arc<Performance>>> {
    let key = bench.sample.event.clone();
    let mut listed = bench.source.catalog.list_performances(std::slice::from_ref(&key), &week(bench, limit)).await;
    let listed = listed.remove(&key).expect("an answer").unwrap_or_else(|error| panic!("{}: {error}", bench.name));
    let freshness = listed.freshness;
    listed.value.iter().map(|one| Observed { value: Arc::clone(one), freshness }).collect()
}

#[tokio::test]
async fn events_are_listed_in_ascending_order_of_key_each_once() {
    for bench in Bench::all().await {
        for scope in [Scope::Public, Scope::Everything] {
            let keys: Vec<EventKey> = events(&bench, scope).await.iter().map(|event| event.key.clone()).collect();
            assert!(keys.is_sorted() && !keys.is_empty(), "{}: {keys:?}", bench.name);
            assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len(), "{}", bench.name);
        }
    }
}

#[tokio::test]
async fn the_public_list_leaves_private_events_and_drafts_out_and_the_whole_list_has_them() {
    for bench in Bench::all().await {
        let public = events(&bench, Scope::Public).await;
        assert!(!public.iter().any(|event| event.is_private || event.status == EventStatus::Draft), "{}", bench.name);
        let all = events(&bench, Scope::Everything).await;
        assert!(public.iter().all(|event| all.contains(event)), "{}", bench.name);
        let find = |key: &Option<EventKey>| all.iter().find(|event| Some(&event.key) == key.as_ref());
        assert_eq!(find(&bench.sample.private).is_some(), bench.sample.private.is_some(), "{}", bench.name);
        assert!(find(&bench.sample.private).is_none_or(|event| event.is_private), "{}", bench.name);
        assert_eq!(find(&bench.sample.draft).is_some(), bench.sample.draft.is_some(), "{}", bench.name);
        assert!(find(&bench.sample.draft).is_none_or(|event| event.status == EventStatus::Draft), "{}", bench.name);
    }
}

#[tokio::test]
async fn every_listed_event_can_be_loaded_by_its_key_alone_or_with_others() {
    for bench in Bench::all().await {
        let listed = events(&bench, Scope::Everything).await;
        let keys: Vec<EventKey> = listed.iter().map(|event| event.key.clone()).collect();
        let together = bench.source.catalog.load_events(&keys).await;
        for event in &listed {
            let loaded = together[&event.key].as_ref().map(|seen| seen.value.clone());
            assert_eq!(loaded.ok().as_ref(), Some(event), "{}", bench.name);
        }
        let alone = bench.source.catalog.load_events(&keys[..1]).await;
        assert_eq!(alone[&keys[0]].as_ref().ok().map(|seen| &seen.value), Some(&listed[0]), "{}", bench.name);
    }
}

#[tokio::test]
async fn one_bad_key_never_fails_its_neighbours_and_every_key_is_answered() {
    for bench in Bench::all().await {
        let catalog = &bench.source.catalog;
        let strange = ["", " ", "../..", "🦀", "a:b:c:d"].map(EventKey::new);
        let mut keys = vec![bench.sample.event.clone(), bench.sample.absent.clone()];
        keys.extend(strange);
        let wrong: Vec<EventKey> = keys[1..].to_vec();
        let (events, kinds) = (catalog.load_events(&keys).await, catalog.load_ticket_types(&keys).await);
        let performances = catalog.list_performances(&keys, &week(&bench, 2)).await;
        assert!(events[&keys[0]].is_ok() && kinds[&keys[0]].is_ok() && performances[&keys[0]].is_ok(), "{}", bench.name);
        for key in &wrong {
            let found = [
                events[key].as_ref().err().map(|error| error.kind.clone()),
                kinds[key].as_ref().err().map(|error| error.kind.clone()),
                performances[key].as_ref().err().map(|error| error.kind.clone()),
            ];
            assert_eq!(found, [(); 3].map(|()| Some(ErrorKind::NotFound)), "{}: {key:?}", bench.name);
        }
    }
}

#[tokio::test]
async fn performances_that_were_never_made_are_not_found_beside_one_that_was() {
    for bench in Bench::all().await {
        let real = coming(&bench, 1).await[0].value.key.clone();
        let mut keys = vec![real.clone()];
        keys.extend(["", "x", "66f1aa10ffffffffffffffff:2031-05-21:t", "🦀:2031-05-21:t"].map(PerformanceKey::new));
        let loaded = bench.source.catalog.load_performances(&keys).await;
        assert!(loaded[&real].is_ok(), "{}", bench.name);
        for key in &keys[1..] {
            let kind = loaded[key].as_ref().err().map(|error| error.kind.clone());
            assert_eq!(kind, Some(ErrorKind::NotFound), "{}: {key:?}", bench.name);
        }
    }
}

#[tokio::test]
async fn ticket_types_belong_to_their_event_and_have_keys_of_their_own() {
    for bench in Bench::all().await {
        let keys: Vec<EventKey> = events(&bench, Scope::Public).await.iter().map(|event| event.key.clone()).collect();
        let mut seen = HashSet::new();
        for (event, kinds) in bench.source.catalog.load_ticket_types(&keys).await {
            let kinds = kinds.unwrap_or_else(|error| panic!("{}: {error}", bench.name)).value;
            for kind in kinds.iter() {
                assert_eq!(kind.event, event, "{}", bench.name);
                assert!(seen.insert(kind.key.clone()), "{}: {:?} twice", bench.name, kind.key);
                assert!(kind.admits > 0, "{}", bench.name);
            }
        }
        assert!(!seen.is_empty(), "{}", bench.name);
    }
}

#[tokio::test]
async fn what_comes_along_with_a_list_of_events_is_what_a_further_call_would_say() {
    for bench in Bench::all().await {
        let listed = events(&bench, Scope::Public).await;
        let keys: Vec<EventKey> = listed.iter().map(|event| event.key.clone()).collect();
        let asked = bench.source.catalog.load_ticket_types(&keys).await;
        for event in listed {
            if let Some(along) = &event.listed_ticket_types {
                let asked = asked[&event.key].as_ref().map(|seen| seen.value.clone());
                assert_eq!(asked.ok().as_ref(), Some(along), "{}: {:?}", bench.name, event.key);
            }
        }
    }
}

#[tokio::test]
async fn performances_ascend_stay_inside_the_window_and_within_the_limit() {
    for bench in Bench::all().await {
        let window = week(&bench, 5);
        let keys: Vec<EventKey> = events(&bench, Scope::Public).await.iter().map(|event| event.key.clone()).collect();
        for (event, listed) in bench.source.catalog.list_performances(&keys, &window).await {
            let listed = listed.unwrap_or_else(|error| panic!("{}: {error}", bench.name)).value;
            assert!(listed.len() <= window.limit, "{}", bench.name);
            assert!(listed.is_sorted_by_key(|one| (one.date, one.starts_at)), "{}", bench.name);
            for performance in listed.iter() {
                assert_eq!(performance.event, event, "{}", bench.name);
                let start = performance.starts_at;
                let is_inside = start.is_none_or(|at| at >= window.from && Some(at) < window.to);
                assert!(is_inside, "{}: {performance:?}", bench.name);
            }
        }
        assert!(!coming(&bench, 5).await.is_empty(), "{}", bench.name);
    }
}

#[tokio::test]
async fn a_performance_can_be_loaded_by_its_key_alone_or_with_others() {
    for bench in Bench::all().await {
        let listed = coming(&bench, 4).await;
        let keys: Vec<PerformanceKey> = listed.iter().map(|seen| seen.value.key.clone()).collect();
        let together = bench.source.catalog.load_performances(&keys).await;
        let alone = bench.source.catalog.load_performances(&keys[..1]).await;
        for seen in &listed {
            let loaded = together[&seen.value.key].as_ref().map(|seen| seen.value.clone());
            assert_eq!(loaded.ok().as_ref(), Some(&seen.value), "{}", bench.name);
        }
        assert_eq!(alone[&keys[0]].as_ref().ok().map(|seen| &seen.value), Some(&listed[0].value), "{}", bench.name);
    }
}

#[tokio::test]
async fn availability_answers_every_performance_with_offers_of_its_own_event() {
    for bench in Bench::all().await {
        let listed = coming(&bench, 4).await;
        for age in [Duration::ZERO, Duration::from_secs(60)] {
            let answers = bench.source.catalog.load_availability(&listed, age).await;
            assert_eq!(answers.len(), listed.len(), "{}", bench.name);
            for seen in &listed {
                let free = answers[&seen.value.key].as_ref().unwrap_or_else(|error| panic!("{}: {error}", bench.name));
                assert!(free.value.offers.iter().all(|offer| offer.ticket_type.event == seen.value.event), "{}", bench.name);
                assert_ne!(free.value.status, AvailabilityStatus::Unknown, "{}", bench.name);
            }
        }
    }
}

#[tokio::test]
async fn no_age_at_all_asks_the_vendor_who_has_sold_out_in_between() {
    for bench in Bench::all().await {
        let listed = coming(&bench, 2).await;
        let named = &listed[0].value;
        let ask = || async {
            let mut answers = bench.source.catalog.load_availability(&listed, Duration::ZERO).await;
            answers.remove(&named.key).expect("an answer").unwrap_or_else(|error| panic!("{}: {error}", bench.name)).value
        };
        let is_open = |status| {
            use AvailabilityStatus::{Available, Freesale, Limited};
            matches!(status, Available | Limited | Freesale)
        };
        assert!(is_open(ask().await.status), "{}", bench.name);
        let refs = named.refs.iter().map(|one| (one.kind.clone(), one.value.clone())).collect();
        bench.running.stage.twist(&(bench.sample.sell_out)(&refs)).expect("a twist");
        let free = ask().await;
        assert_eq!(free.status, AvailabilityStatus::SoldOut, "{}", bench.name);
        assert!(free.offers.iter().all(|offer| offer.status == AvailabilityStatus::SoldOut), "{}", bench.name);
    }
}

#[tokio::test]
async fn a_calendar_has_one_row_for_each_day_in_order() {
    for bench in Bench::all().await {
        let from = bench.now().to_zoned(bench.source.time_zone.clone()).date();
        let key = bench.sample.event.clone();
        for days in [0, 40, 365] {
            let to = from + days.days();
            let calendar = bench.source.catalog.load_calendar(&[key.clone(), bench.sample.absent.clone()], from, to).await;
            let rows = calendar[&key].as_ref().unwrap_or_else(|error| panic!("{}: {error}", bench.name));
            let dates: Vec<_> = rows.iter().map(|row| row.date).collect();
            let wanted: Vec<_> = from.series(1.day()).take(days as usize + 1).collect();
            assert_eq!(dates, wanted, "{}", bench.name);
            assert!(rows.iter().any(|row| row.performance_count > 0), "{}", bench.name);
            let absent = calendar[&bench.sample.absent].as_ref().err().map(|error| error.kind.clone());
            assert_eq!(absent, Some(ErrorKind::NotFound), "{}", bench.name);
        }
    }
}
