//! What only TickeTing does (`ticketing.md`).

use serde_json::json;
use std::time::Duration;

use domain::{AvailabilityStatus, ErrorKind, EventStatus, Scope};
use emulators::ticketing::{ADMINISTRATOR_KEY, WEAK_KEY};
use emulators::{Fault, Rule};

use crate::contract::bench::ticketing_with;

async fn titles(bench: &crate::contract::Bench, scope: Scope) -> Vec<String> {
    let events = bench.source.catalog.list_events(scope).await.expect("events").value;
    events.iter().map(|event| event.title.main.clone()).collect()
}

#[tokio::test]
async fn a_list_in_small_pages_with_counters_as_text_is_walked_to_its_end() {
    let bench = ticketing_with(ADMINISTRATOR_KEY, "").await;
    let whole = titles(&bench, Scope::Public).await;
    bench.twist("page_cap", None, json!(3));
    bench.twist("text_numbers", None, json!(true));
    assert_eq!(titles(&bench, Scope::Public).await, whole);
    assert!(whole.len() > 9, "more than three pages: {}", whole.len());
}

#[tokio::test]
async fn only_the_events_of_the_configured_host_are_sold() {
    let bench = ticketing_with(ADMINISTRATOR_KEY, "").await;
    let titles = titles(&bench, Scope::Everything).await;
    assert!(titles.iter().any(|title| title == "Crew Party"));
    assert!(!titles.iter().any(|title| title == "Savannah Sounds"));
}

#[tokio::test]
async fn a_weak_key_sees_what_is_published_and_counts_that_are_missing() {
    let bench = ticketing_with(WEAK_KEY, "").await;
    let everything = bench.source.catalog.list_events(Scope::Everything).await.expect("events").value;
    assert_eq!(titles(&bench, Scope::Public).await.len(), everything.len());
    assert!(everything.iter().all(|event| event.sold_quantity.is_none() && event.capacity.is_none()));
    let free = everything.iter().find(|event| event.title.main == "Sunset Lime" && event.status == EventStatus::OnSale);
    assert_eq!(free.and_then(|event| event.price_from).map(|money| money.amount), Some(0));
}

#[tokio::test]
async fn an_outdated_client_and_a_wrong_key_are_unauthorized_in_both_forms_of_the_error() {
    for more in ["client_version = \"2.9.0\"", ""] {
        let key = if more.is_empty() { "0000000000000000000000000000beef" } else { ADMINISTRATOR_KEY };
        let bench = ticketing_with(key, more).await;
        for gateway in [false, true] {
            bench.twist("gateway_errors", None, json!(gateway));
            let fault = bench.source.catalog.list_events(Scope::Public).await.expect_err("no entry");
            assert_eq!(fault.kind, ErrorKind::Unauthorized);
        }
    }
}

#[tokio::test]
async fn an_unknown_endpoint_is_our_mistake_and_not_a_missing_event() {
    let bench = ticketing_with(ADMINISTRATOR_KEY, "").await;
    let form_a = "{\"message\":\"The requested endpoint /events/1 does not exist on this server.\"}";
    let fault = Fault::Status { status: 404, retry_after: None, body: Some(form_a.to_owned()) };
    bench.fail(vec![Rule::on("/events/1", fault)]);
    let key = domain::EventKey::new("1");
    let batch = bench.source.catalog.load_events(std::slice::from_ref(&key)).await;
    assert_eq!(batch[&key].as_ref().expect_err("form A").kind, ErrorKind::Internal);
}

#[tokio::test]
async fn what_is_left_follows_the_sections_of_the_event() {
    let bench = ticketing_with(ADMINISTRATOR_KEY, "").await;
    let events = bench.source.catalog.list_events(Scope::Public).await.expect("events");
    let status_of = |title: &str| {
        let event = events.value.iter().find(|event| event.title.main == title && event.status != EventStatus::Ended);
        let performances = event.and_then(|event| event.listed_performances.clone()).expect("performances");
        performances[0].listed_availability.as_ref().expect("availability").status
    };
    assert_eq!(status_of("Quay Fridays"), AvailabilityStatus::Available);
    assert_eq!(status_of("Dimanche Gras Warm-Up"), AvailabilityStatus::SoldOut);
    assert_eq!(status_of("Moonlight Sail"), AvailabilityStatus::Closed);
    assert_eq!(status_of("J'ouvert Breakfast Cruise"), AvailabilityStatus::Closed);
}

#[tokio::test]
async fn one_call_tells_what_is_left_of_many_events() {
    let bench = ticketing_with(ADMINISTRATOR_KEY, "").await;
    bench.twist("empty_lists", None, json!(true));
    let events = bench.source.catalog.list_events(Scope::Public).await.expect("events");
    let wanted: Vec<_> =
        events.value.iter().flat_map(|event| event.listed_performances.clone().expect("one").to_vec()).collect();
    let wanted: Vec<_> =
        wanted.into_iter().map(|it| domain::Observed { value: it, freshness: events.freshness }).collect();
    let before = bench.calls();
    bench.twist("sold_out", None, json!(null));
    let batch = bench.source.catalog.load_availability(&wanted, Duration::ZERO).await;
    assert_eq!((bench.calls() - before, batch.len()), (1, wanted.len()));
    let told = batch.into_values().map(|told| told.expect("availability").value.status);
    assert!(told.into_iter().all(|status| status != AvailabilityStatus::Available));
}
