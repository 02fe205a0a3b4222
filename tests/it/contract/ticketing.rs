//! Behavior specific to TickeTing (`ticketing.md`).

use serde_json::json;
use std::time::Duration;

use domain::{AvailabilityStatus, CatalogScope, ErrorKind, EventStatus};
use emulators::ticketing::{ADMINISTRATOR_KEY, RESTRICTED_KEY};
use emulators::{Fault, Rule};

use crate::contract::fixture::ticketing_with;

async fn titles(fixture: &crate::contract::VendorFixture, scope: CatalogScope) -> Vec<String> {
    let events = fixture.source.catalog.list_events(scope).await.expect("events").value;
    events.iter().map(|event| event.title.main.clone()).collect()
}

#[tokio::test]
async fn a_list_in_small_pages_with_counters_as_strings_is_read_to_its_end() {
    let fixture = ticketing_with(ADMINISTRATOR_KEY, "").await;
    let whole = titles(&fixture, CatalogScope::Public).await;
    fixture.change_state("page_cap", None, json!(3));
    fixture.change_state("text_numbers", None, json!(true));
    assert_eq!(titles(&fixture, CatalogScope::Public).await, whole);
    assert!(whole.len() > 9, "more than three pages: {}", whole.len());
}

#[tokio::test]
async fn only_the_events_of_the_configured_host_are_sold() {
    let fixture = ticketing_with(ADMINISTRATOR_KEY, "").await;
    let titles = titles(&fixture, CatalogScope::All).await;
    assert!(titles.iter().any(|title| title == "Crew Party"));
    assert!(!titles.iter().any(|title| title == "Savannah Sounds"));
}

#[tokio::test]
async fn a_weak_key_lists_published_events_without_counts() {
    let fixture = ticketing_with(RESTRICTED_KEY, "").await;
    let everything = fixture.source.catalog.list_events(CatalogScope::All).await.expect("events").value;
    assert_eq!(titles(&fixture, CatalogScope::Public).await.len(), everything.len());
    assert!(everything.iter().all(|event| event.sold_quantity.is_none() && event.capacity.is_none()));
    let free = everything.iter().find(|event| event.title.main == "Sunset Lime" && event.status == EventStatus::OnSale);
    assert_eq!(free.and_then(|event| event.price_from).map(|money| money.amount), Some(0));
}

#[tokio::test]
async fn an_outdated_client_and_a_wrong_key_are_unauthorized_in_both_forms_of_the_error() {
    for more in ["client_version = \"2.9.0\"", ""] {
        let key = if more.is_empty() { "0000000000000000000000000000beef" } else { ADMINISTRATOR_KEY };
        let fixture = ticketing_with(key, more).await;
        for gateway in [false, true] {
            fixture.change_state("gateway_errors", None, json!(gateway));
            let error = fixture.source.catalog.list_events(CatalogScope::Public).await.expect_err("no entry");
            assert_eq!(error.kind, ErrorKind::Unauthorized);
        }
    }
}

#[tokio::test]
async fn an_unknown_endpoint_is_an_internal_error_and_not_a_missing_event() {
    let fixture = ticketing_with(ADMINISTRATOR_KEY, "").await;
    let form_a = "{\"message\":\"The requested endpoint /events/1 does not exist on this server.\"}";
    let fault = Fault::Status { status: 404, retry_after: None, body: Some(form_a.to_owned()) };
    fixture.fail(vec![Rule::for_path("/events/1", fault)]);
    let key = domain::EventKey::new("1");
    let batch = fixture.source.catalog.load_events(std::slice::from_ref(&key)).await;
    assert_eq!(batch[&key].as_ref().expect_err("form A").kind, ErrorKind::Internal);
}

#[tokio::test]
async fn availability_follows_the_sections_of_the_event() {
    let fixture = ticketing_with(ADMINISTRATOR_KEY, "").await;
    let events = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events");
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
async fn one_call_reads_the_availability_of_many_events() {
    let fixture = ticketing_with(ADMINISTRATOR_KEY, "").await;
    fixture.change_state("empty_lists", None, json!(true));
    let events = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events");
    let wanted: Vec<_> =
        events.value.iter().flat_map(|event| event.listed_performances.clone().expect("one").to_vec()).collect();
    let wanted: Vec<_> =
        wanted.into_iter().map(|it| domain::Observed { value: it, freshness: events.freshness }).collect();
    let before = fixture.calls();
    fixture.change_state("sold_out", None, json!(null));
    let batch = fixture.source.catalog.load_availability(&wanted, Duration::ZERO).await;
    assert_eq!((fixture.calls() - before, batch.len()), (1, wanted.len()));
    let availability = batch.into_values().map(|availability| availability.expect("availability").value.status);
    assert!(availability.into_iter().all(|status| status != AvailabilityStatus::Available));
}
