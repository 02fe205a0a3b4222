//! Behavior that only SecuTix has (`secutix.md`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    AvailabilityStatus, BookingMode, CatalogScope, Clock, ErrorKind, Event, EventStatus, FreshnessMode, Locale,
    Observed, Performance, PerformanceWindow,
};
use emulators::{Fault, Rule};
use serde_json::json;

use crate::contract::VendorFixture;
use crate::contract::fixture::{secutix, secutix_with};

async fn list_events(fixture: &VendorFixture) -> HashMap<String, Arc<Event>> {
    let listed = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events").value;
    listed.iter().map(|event| (event.key.to_string(), Arc::clone(event))).collect()
}

async fn next_performances(fixture: &VendorFixture, event: &Event, limit: usize) -> Vec<Observed<Arc<Performance>>> {
    let window = PerformanceWindow { from: fixture.clock.now(), to: None, limit };
    let mut lists = fixture.source.catalog.list_performances(std::slice::from_ref(&event.key), &window).await;
    let list = lists.remove(&event.key).expect("response").expect("list of performances");
    list.value.iter().map(|one| Observed { value: Arc::clone(one), freshness: list.freshness }).collect()
}

#[tokio::test]
async fn both_protocols_give_the_same_catalog_and_the_same_availability() {
    let (json, soap) = (secutix("OPERA", "json").await, secutix("OPERA", "soap").await);
    let (from_json, from_soap) = (list_events(&json).await, list_events(&soap).await);
    // Relative image URLs are resolved against each emulator's base URL.
    let without_images = |events: &HashMap<String, Arc<Event>>| -> HashMap<String, Event> {
        events.iter().map(|(key, event)| (key.clone(), Event { image: None, ..Event::clone(event) })).collect()
    };
    assert_eq!(without_images(&from_json), without_images(&from_soap));
    for (key, event) in &from_json {
        let performances = next_performances(&json, event, 5).await;
        let over_json = json.source.catalog.load_availability(&performances, Duration::ZERO).await;
        let over_soap = soap.source.catalog.load_availability(&performances, Duration::ZERO).await;
        for performance in performances {
            let key = &performance.value.key;
            let value = |result: &Result<Observed<Arc<_>>, _>| result.as_ref().map(|one| Arc::clone(&one.value)).ok();
            assert_eq!(value(&over_json[key]), value(&over_soap[key]), "{key}");
        }
        assert!(event.listed_ticket_types.is_some() && event.listed_performances.is_some(), "{key}");
    }
}

#[tokio::test]
async fn concurrent_requests_share_one_catalog_read_and_later_ones_use_the_snapshot() {
    let fixture = secutix("OPERA", "json").await;
    let requests = (0..20).map(|_| fixture.source.catalog.list_events(CatalogScope::Public));
    let results = futures_util::future::join_all(requests).await;
    assert!(results.iter().all(Result::is_ok));
    list_events(&fixture).await;
    let log = &fixture.running.stage.log;
    assert_eq!((log.count("getCatalogDetailed"), log.count("getPOSConfig"), log.all().len()), (1, 1, 2));
}

#[tokio::test]
async fn families_states_languages_and_html_are_mapped() {
    let fixture = secutix("OPERA", "json").await;
    let events = list_events(&fixture).await;
    let figaro = &events["81001"];
    assert_eq!((figaro.status, figaro.booking_mode), (EventStatus::OnSale, BookingMode::Timed));
    let pick = |event: &Event, tag: &str| event.title.resolve(Locale::parse(tag).as_ref()).to_owned();
    assert_eq!(pick(figaro, "de"), "Die Hochzeit des Figaro");
    assert_eq!(pick(&events["81002"], "de"), "La Traviata", "a missing translation falls back to the main language");
    assert_eq!(pick(&events["81003"], "fr"), "Schwanensee", "a missing main language falls back to the first one");
    assert!(!figaro.description.as_ref().expect("description").main.contains("script"));
    assert_eq!(events["81007"].status, EventStatus::OffSale, "a suspended product is shown, not sold");
    assert_eq!(events["81008"].status, EventStatus::OffSale, "a season ticket is shown, not sold");
    assert!(!events.contains_key("81009"), "goods are not events");
    assert_eq!(events["81005"].booking_mode, BookingMode::Timed);
    assert_eq!(events["81006"].booking_mode, BookingMode::Open);
    assert_eq!(
        figaro.sections.iter().map(|section| section.name.main.as_str()).collect::<Vec<_>>(),
        ["Orchestre", "Premier balcon", "Galerie", "CAT4"]
    );
    assert_eq!(figaro.venue.as_deref(), Some("Opéra du Lac, grande salle"));
    assert!(
        events["81002"].image.as_ref().expect("image URL").as_str().starts_with("http://127.0.0.1"),
        "an absolute URL"
    );
}

#[tokio::test]
async fn a_ticket_type_is_a_tariff_in_a_seat_category_and_prices_inside_a_season_ticket_are_left_out() {
    let fixture = secutix("OPERA", "json").await;
    let events = list_events(&fixture).await;
    let types = events["81001"].listed_ticket_types.clone().expect("listed ticket types");
    assert_eq!(types.len(), 4 * 5, "four categories, five tariffs; the sixth is inside a season ticket");
    let full = types.iter().find(|one| one.key.as_str() == "81001.s83001.84011").expect("the full price of the stalls");
    let price = full.price.as_ref().expect("price").retail;
    assert_eq!((price.amount, price.currency.code()), (18_000, "CHF"), "180000 thousandths are 180 francs");
    assert_eq!(full.section.as_ref().map(|section| section.key.as_str()), Some("83001"));
    let recital = events["81004"].listed_ticket_types.clone().expect("listed ticket types");
    assert!(recital.iter().all(|one| one.section.is_none()), "free seating has no category");
}

#[tokio::test]
async fn passes_are_dated_open_or_timed_and_their_items_are_their_ticket_types() {
    let fixture = secutix("CLUB", "soap").await;
    let events = list_events(&fixture).await;
    let (museum, matches) = (&events["81191"], &events["81192"]);
    assert_eq!((museum.booking_mode, matches.booking_mode), (BookingMode::Dated, BookingMode::Open));
    let days = next_performances(&fixture, museum, 3).await;
    let first = &days[0].value;
    assert_eq!((first.starts_at, first.date.map(|day| day.to_string()).as_deref()), (None, Some("2026-11-21")));
    let open = next_performances(&fixture, matches, 5).await;
    assert_eq!((open.len(), open[0].value.date), (1, None));
    let availability = fixture.source.catalog.load_availability(&[days, open].concat(), Duration::ZERO).await;
    assert!(availability.values().all(|one| matches!(
        one.as_ref().expect("availability").value.status,
        AvailabilityStatus::Available | AvailabilityStatus::Limited
    )));
    assert_eq!(fixture.running.stage.log.count("getProductAvailability"), 1, "both passes in one call");
}

#[tokio::test]
async fn availability_is_fetched_at_most_once_a_minute_and_carries_its_age() {
    let fixture = secutix("OPERA", "json").await;
    let events = list_events(&fixture).await;
    let performances = next_performances(&fixture, &events["81001"], 5).await;
    let key = performances[0].value.key.clone();
    let ask = async || {
        fixture.source.catalog.load_availability(&performances, Duration::ZERO).await[&key]
            .clone()
            .expect("availability")
    };
    let fetches = || fixture.running.stage.log.count("Availabilit");
    assert_eq!((ask().await.freshness.mode, fetches()), (FreshnessMode::Live, 1));
    let began = fixture.clock.now();
    fixture.clock.advance(30_000);
    fixture.change_state("sold_out", Some(key.as_str()), json!(null));
    let cached = ask().await;
    assert_eq!((cached.freshness.mode, cached.freshness.observed_at, fetches()), (FreshnessMode::Cached, began, 1));
    fixture.clock.advance(31_000);
    let fetched = ask().await;
    assert_eq!((fetched.value.status, fetched.freshness.mode), (AvailabilityStatus::SoldOut, FreshnessMode::Live));
    assert_eq!(fetches(), 3, "one change query and one fetch");
}

#[tokio::test]
async fn the_vendor_is_asked_for_changes_at_most_once_a_minute_whatever_performances_are_requested() {
    let fixture = secutix("OPERA", "json").await;
    let events = list_events(&fixture).await;
    let performances = next_performances(&fixture, &events["81001"], 5).await;
    let ask = async |one: &Observed<Arc<Performance>>| {
        let batch = fixture.source.catalog.load_availability(std::slice::from_ref(one), Duration::ZERO).await;
        batch[&one.value.key].clone().expect("availability")
    };
    let log = &fixture.running.stage.log;
    for one in &performances[..2] {
        ask(one).await;
    }
    fixture.clock.advance(61_000);
    for one in &performances[..2] {
        assert_eq!(ask(one).await.freshness.observed_at, fixture.clock.now());
    }
    assert_eq!(log.count("getUpdatedAvailabilities"), 1);
    fixture.clock.advance(61_000);
    ask(&performances[0]).await;
    assert_eq!(log.count("getUpdatedAvailabilities"), 2);
}

#[tokio::test]
async fn unchanged_availability_is_renewed_without_fetching_it() {
    let fixture = secutix("CLUB", "soap").await;
    let events = list_events(&fixture).await;
    let event = events
        .values()
        .find(|event| event.booking_mode == BookingMode::Timed && event.status == EventStatus::OnSale)
        .expect("timed event on sale");
    let performances = next_performances(&fixture, event, 1).await;
    let ask = async || fixture.source.catalog.load_availability(&performances, Duration::ZERO).await;
    ask().await;
    fixture.clock.advance(180_000);
    let again = ask().await;
    let log = &fixture.running.stage.log;
    assert_eq!((log.count("getEventAvailability"), log.count("getUpdatedAvailabilities")), (1, 1));
    assert_eq!(
        again[&performances[0].value.key].as_ref().expect("availability").freshness.observed_at,
        fixture.clock.now()
    );
}

#[tokio::test]
async fn counts_of_configured_contingents_are_added_up() {
    let all = secutix("OPERA", "json").await;
    let one = secutix_with("OPERA", "contingents = [88001]").await;
    let both = secutix_with("OPERA", "contingents = [88001, 88002]").await;
    let event = list_events(&all).await["81001"].clone();
    let performances = next_performances(&all, &event, 1).await;
    let mut counts = Vec::new();
    for fixture in [&all, &one, &both] {
        let availability = fixture.source.catalog.load_availability(&performances, Duration::ZERO).await;
        counts.push(
            availability[&performances[0].value.key]
                .as_ref()
                .expect("availability")
                .value
                .vacancies
                .expect("vacancies"),
        );
    }
    assert_eq!(counts[0], counts[2]);
    assert!(counts[1] < counts[0] && counts[1] > 0, "{counts:?}");
}

/// Polls until a condition holds. A background refresh depends on the network, not on the test clock.
async fn wait_until(mut holds: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !holds().await {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(Duration::from_secs(20), holds).await.expect("condition within the timeout");
}

#[tokio::test]
async fn a_changed_set_up_is_detected_within_minutes_and_readers_do_not_wait_for_it() {
    let fixture = secutix_with("OPERA", "assumptions.catalog_min_interval = \"1m\"").await;
    assert_eq!(list_events(&fixture).await["81001"].status, EventStatus::OnSale);
    fixture.clock.advance(400_000);
    fixture.change_state("suspend", Some("81001"), json!(null));
    fixture
        .running
        .stage
        .faults
        .add(emulators::Scenario { rules: vec![Rule::for_path("getCatalogDetailed", Fault::Delay { ms: 300 })] });
    assert_eq!(
        list_events(&fixture).await["81001"].status,
        EventStatus::OnSale,
        "the older snapshot is served meanwhile"
    );
    wait_until(async || list_events(&fixture).await["81001"].status == EventStatus::OffSale).await;
    assert_eq!(fixture.running.stage.log.count("getLastSetupUpdate"), 1);
}

#[tokio::test]
async fn a_changed_catalog_is_read_again_ten_minutes_after_the_last_one_and_a_failed_read_is_repeated_before() {
    let fixture = secutix("OPERA", "json").await;
    let catalogs = || fixture.running.stage.log.count("getCatalogDetailed");
    assert_eq!(list_events(&fixture).await["81001"].status, EventStatus::OnSale);
    fixture.change_state("suspend", Some("81001"), json!(null));
    for checks in [1, 2] {
        fixture.clock.advance(240_000);
        assert_eq!(list_events(&fixture).await["81001"].status, EventStatus::OnSale);
        wait_until(async || fixture.running.stage.log.count("getLastSetupUpdate") == checks).await;
        // The check ends before the clock moves on.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(catalogs(), 1, "the vendor would refuse another");
    fixture.clock.advance(181_000);
    let unavailable = Fault::Status { status: 500, retry_after: None, body: None };
    fixture.fail(vec![Rule { times: Some(1), ..Rule::for_path("getCatalogDetailed", unavailable) }]);
    list_events(&fixture).await;
    wait_until(async || catalogs() == 2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    fixture.clock.advance(31_000);
    wait_until(async || list_events(&fixture).await["81001"].status == EventStatus::OffSale).await;
    assert_eq!(catalogs(), 3);
}

#[tokio::test]
async fn a_removed_product_leaves_the_list_and_stays_readable_as_off_sale() {
    let fixture = secutix("OPERA", "json").await;
    let gone = list_events(&fixture).await["81002"].key.clone();
    fixture.clock.advance(601_000);
    fixture.change_state("cancel", Some("81002"), json!(null));
    wait_until(async || !list_events(&fixture).await.contains_key("81002")).await;
    let loaded = fixture.source.catalog.load_events(std::slice::from_ref(&gone)).await;
    assert_eq!(
        loaded[&gone].as_ref().expect("removed event").value.status,
        EventStatus::OffSale,
        "removed does not mean canceled"
    );
}

#[tokio::test]
async fn a_token_is_signed_or_fetched_once_and_reused() {
    for (origin, calls) in [("self", 0), ("endpoint", 1)] {
        let fixture = secutix_with("OPERA", &format!("token = \"{origin}\"")).await;
        list_events(&fixture).await;
        assert_eq!(fixture.running.stage.log.count("/tnai/"), calls, "{origin}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_unauthorized_in_both_protocols_and_json_hints_at_soap() {
    for transport in ["json", "soap"] {
        let fixture = secutix_with("OPERA", &format!("transport = \"{transport}\"\npartner_name = \"x\"")).await;
        fixture.fail(vec![Rule::for_path("/", Fault::Status { status: 401, retry_after: None, body: None })]);
        let error = fixture.source.catalog.list_events(CatalogScope::Public).await.expect_err("unauthorized");
        assert_eq!(error.kind, ErrorKind::Unauthorized, "{transport}");
        assert_eq!(error.to_string().contains("transport = \"soap\""), transport == "json", "{error}");
    }
}

#[tokio::test]
async fn the_sixty_first_call_of_a_minute_is_rejected_with_509() {
    let clock = crate::contract::fixture::fixed_clock();
    let emulator = emulators::secutix::SecutixEmulator::new(Arc::clone(&clock), None, true);
    let own = "login = \"OPERA_DGTK\"\npassword = \"opera-sandbox-password\"\ncontact_reference = 1000042";
    let config = crate::contract::fixture::source_config("opera", "", "Europe/Zurich", "CHF", own);
    let fixture = VendorFixture::start("secutix", clock, emulator, config).await;
    let client = http_client::build_client().expect("HTTP client");
    let address = format!("{}/tnai/backend-apis/v1/auth", fixture.running.base_url());
    let login = json!({"operator": "OPERA_DGTK", "partner": "x", "secret": "opera-sandbox-password"});
    let token: serde_json::Value =
        client.post(address).json(&login).send().await.expect("response").json().await.expect("JSON");
    let mut statuses = Vec::new();
    for _ in 0..61 {
        let call = client.post(format!(
            "{}/tnseb/backend-apis/catalogService/v1_33/isCatalogServiceAlive",
            fixture.running.base_url()
        ));
        let call = call.bearer_auth(token["token"].as_str().expect("token")).json(&json!({}));
        statuses.push(call.send().await.expect("response").status().as_u16());
    }
    assert_eq!((statuses[59], statuses[60]), (200, 509));
}
