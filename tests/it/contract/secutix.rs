//! What only SecuTix does (`secutix.md`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    AvailabilityStatus, BookingMode, Clock, ErrorKind, Event, EventStatus, FreshnessMode, Locale, Observed,
    Performance, Scope, Window,
};
use emulators::{Fault, Rule};
use serde_json::json;

use crate::contract::Bench;
use crate::contract::bench::{secutix, secutix_with};

async fn events(bench: &Bench) -> HashMap<String, Arc<Event>> {
    let listed = bench.source.catalog.list_events(Scope::Public).await.expect("events").value;
    listed.iter().map(|event| (event.key.to_string(), Arc::clone(event))).collect()
}

async fn next(bench: &Bench, event: &Event, limit: usize) -> Vec<Observed<Arc<Performance>>> {
    let window = Window { from: bench.clock.now(), to: None, limit };
    let mut lists = bench.source.catalog.list_performances(std::slice::from_ref(&event.key), &window).await;
    let list = lists.remove(&event.key).expect("an answer").expect("a list");
    list.value.iter().map(|one| Observed { value: Arc::clone(one), freshness: list.freshness }).collect()
}

#[tokio::test]
async fn both_transports_tell_the_same_catalogue_and_the_same_availability() {
    let (json, soap) = (secutix("OPERA", "json").await, secutix("OPERA", "soap").await);
    let (from_json, from_soap) = (events(&json).await, events(&soap).await);
    // A relative address of a picture is made absolute by the address of each emulator.
    let plain = |events: &HashMap<String, Arc<Event>>| -> HashMap<String, Event> {
        events.iter().map(|(key, event)| (key.clone(), Event { image: None, ..Event::clone(event) })).collect()
    };
    assert_eq!(plain(&from_json), plain(&from_soap));
    for (key, event) in &from_json {
        let performances = next(&json, event, 5).await;
        let over_json = json.source.catalog.load_availability(&performances, Duration::ZERO).await;
        let over_soap = soap.source.catalog.load_availability(&performances, Duration::ZERO).await;
        for performance in performances {
            let key = &performance.value.key;
            let told = |answer: &Result<Observed<Arc<_>>, _>| answer.as_ref().map(|one| Arc::clone(&one.value)).ok();
            assert_eq!(told(&over_json[key]), told(&over_soap[key]), "{key}");
        }
        assert!(event.listed_ticket_types.is_some() && event.listed_performances.is_some(), "{key}");
    }
}

#[tokio::test]
async fn the_catalogue_is_read_once_however_many_ask_and_not_again_for_a_request() {
    let bench = secutix("OPERA", "json").await;
    let asked = (0..20).map(|_| bench.source.catalog.list_events(Scope::Public));
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(Result::is_ok));
    events(&bench).await;
    let log = &bench.running.stage.log;
    assert_eq!((log.count("getCatalogDetailed"), log.count("getPOSConfig"), log.all().len()), (1, 1, 2));
}

#[tokio::test]
async fn families_states_languages_and_html_are_told_as_they_are() {
    let bench = secutix("OPERA", "json").await;
    let events = events(&bench).await;
    let figaro = &events["81001"];
    assert_eq!((figaro.status, figaro.booking_mode), (EventStatus::OnSale, BookingMode::Timed));
    let pick = |event: &Event, tag: &str| event.title.pick(Locale::parse(tag).as_ref()).to_owned();
    assert_eq!(pick(figaro, "de"), "Die Hochzeit des Figaro");
    assert_eq!(pick(&events["81002"], "de"), "La Traviata", "a hole falls back to the main language");
    assert_eq!(pick(&events["81003"], "fr"), "Schwanensee", "no main language falls back to the first");
    assert!(!figaro.description.as_ref().expect("a description").main.contains("script"));
    assert_eq!(events["81007"].status, EventStatus::OffSale, "suspended is shown, not sold");
    assert_eq!(events["81008"].status, EventStatus::OffSale, "a season ticket is shown, not sold");
    assert!(!events.contains_key("81009"), "goods are no visit");
    assert_eq!(events["81005"].booking_mode, BookingMode::Timed);
    assert_eq!(events["81006"].booking_mode, BookingMode::Open);
    assert_eq!(
        figaro.sections.iter().map(|section| section.name.main.as_str()).collect::<Vec<_>>(),
        ["Orchestre", "Premier balcon", "Galerie", "CAT4"]
    );
    assert_eq!(figaro.venue.as_deref(), Some("Opéra du Lac, grande salle"));
    assert!(events["81002"].image.as_ref().expect("a picture").starts_with("http://127.0.0.1"), "made absolute");
}

#[tokio::test]
async fn a_ticket_type_is_a_tariff_in_a_seat_category_and_prices_inside_a_season_ticket_are_left_out() {
    let bench = secutix("OPERA", "json").await;
    let events = events(&bench).await;
    let types = events["81001"].listed_ticket_types.clone().expect("ticket types");
    assert_eq!(types.len(), 4 * 5, "four categories, five tariffs; the sixth is inside a season ticket");
    let full = types.iter().find(|one| one.key.as_str() == "81001.s83001.84011").expect("the full price of the stalls");
    let price = full.price.as_ref().expect("a price").retail;
    assert_eq!((price.amount, price.currency.code()), (18_000, "CHF"), "180000 thousandths are 180 francs");
    assert_eq!(full.section.as_ref().map(|section| section.key.as_str()), Some("83001"));
    let recital = events["81004"].listed_ticket_types.clone().expect("ticket types");
    assert!(recital.iter().all(|one| one.section.is_none()), "free seating has no category");
}

#[tokio::test]
async fn passes_are_dated_open_or_timed_and_their_things_are_their_ticket_types() {
    let bench = secutix("CLUB", "soap").await;
    let events = events(&bench).await;
    let (museum, matches) = (&events["81191"], &events["81192"]);
    assert_eq!((museum.booking_mode, matches.booking_mode), (BookingMode::Dated, BookingMode::Open));
    let days = next(&bench, museum, 3).await;
    let first = &days[0].value;
    assert_eq!((first.starts_at, first.date.map(|day| day.to_string()).as_deref()), (None, Some("2026-11-21")));
    let open = next(&bench, matches, 5).await;
    assert_eq!((open.len(), open[0].value.date), (1, None));
    let free = bench.source.catalog.load_availability(&[days, open].concat(), Duration::ZERO).await;
    assert!(free.values().all(|one| matches!(
        one.as_ref().expect("told").value.status,
        AvailabilityStatus::Available | AvailabilityStatus::Limited
    )));
    assert_eq!(bench.running.stage.log.count("getProductAvailability"), 1, "both passes in one call");
}

#[tokio::test]
async fn availability_is_asked_at_most_once_a_minute_and_says_how_old_it_is() {
    let bench = secutix("OPERA", "json").await;
    let events = events(&bench).await;
    let performances = next(&bench, &events["81001"], 5).await;
    let key = performances[0].value.key.clone();
    let ask = async || {
        bench.source.catalog.load_availability(&performances, Duration::ZERO).await[&key].clone().expect("told")
    };
    let asked = || bench.running.stage.log.count("Availabilit");
    assert_eq!((ask().await.freshness.mode, asked()), (FreshnessMode::Live, 1));
    let began = bench.clock.now();
    bench.clock.advance(30_000);
    bench.twist("sold_out", Some(key.as_str()), json!(null));
    let remembered = ask().await;
    assert_eq!(
        (remembered.freshness.mode, remembered.freshness.observed_at, asked()),
        (FreshnessMode::Cached, began, 1)
    );
    bench.clock.advance(31_000);
    let told = ask().await;
    assert_eq!((told.value.status, told.freshness.mode), (AvailabilityStatus::SoldOut, FreshnessMode::Live));
    assert_eq!(asked(), 3, "what changed, then what is free");
}

#[tokio::test]
async fn what_did_not_change_is_confirmed_without_asking_what_is_free() {
    let bench = secutix("CLUB", "soap").await;
    let events = events(&bench).await;
    let event = events
        .values()
        .find(|event| event.booking_mode == BookingMode::Timed && event.status == EventStatus::OnSale)
        .expect("a match");
    let performances = next(&bench, event, 1).await;
    let ask = async || bench.source.catalog.load_availability(&performances, Duration::ZERO).await;
    ask().await;
    bench.clock.advance(180_000);
    let again = ask().await;
    let log = &bench.running.stage.log;
    assert_eq!((log.count("getEventAvailability"), log.count("getUpdatedAvailabilities")), (1, 1));
    assert_eq!(again[&performances[0].value.key].as_ref().expect("told").freshness.observed_at, bench.clock.now());
}

#[tokio::test]
async fn counts_of_single_contingents_are_added_up_and_others_left_out() {
    let all = secutix("OPERA", "json").await;
    let one = secutix_with("OPERA", "contingents = [88001]").await;
    let both = secutix_with("OPERA", "contingents = [88001, 88002]").await;
    let event = events(&all).await["81001"].clone();
    let performances = next(&all, &event, 1).await;
    let mut counts = Vec::new();
    for bench in [&all, &one, &both] {
        let told = bench.source.catalog.load_availability(&performances, Duration::ZERO).await;
        counts.push(told[&performances[0].value.key].as_ref().expect("told").value.vacancies.expect("a count"));
    }
    assert_eq!(counts[0], counts[2]);
    assert!(counts[1] < counts[0] && counts[1] > 0, "{counts:?}");
}

/// Reads until something holds: a round in the background needs the network, not the clock.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !holds().await {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(Duration::from_secs(20), holds).await.expect("it never came to pass");
}

#[tokio::test]
async fn a_changed_set_up_is_noticed_within_minutes_and_readers_never_wait_for_it() {
    let bench = secutix("OPERA", "json").await;
    assert_eq!(events(&bench).await["81001"].status, EventStatus::OnSale);
    bench.clock.advance(400_000);
    bench.twist("suspend", Some("81001"), json!(null));
    bench
        .running
        .stage
        .faults
        .add(emulators::Scenario { rules: vec![Rule::on("getCatalogDetailed", Fault::Delay { ms: 300 })] });
    assert_eq!(events(&bench).await["81001"].status, EventStatus::OnSale, "the older one is served meanwhile");
    until(async || events(&bench).await["81001"].status == EventStatus::OffSale).await;
    assert_eq!(bench.running.stage.log.count("getLastSetupUpdate"), 1);
}

#[tokio::test]
async fn what_is_called_off_leaves_the_list_and_stays_readable_as_not_for_sale() {
    let bench = secutix("OPERA", "json").await;
    let gone = events(&bench).await["81002"].key.clone();
    bench.clock.advance(400_000);
    bench.twist("cancel", Some("81002"), json!(null));
    until(async || !events(&bench).await.contains_key("81002")).await;
    let loaded = bench.source.catalog.load_events(std::slice::from_ref(&gone)).await;
    assert_eq!(
        loaded[&gone].as_ref().expect("still there").value.status,
        EventStatus::OffSale,
        "gone is not cancelled"
    );
}

#[tokio::test]
async fn a_token_is_made_or_fetched_once_and_used_again() {
    for (maker, calls) in [("self", 0), ("endpoint", 1)] {
        let bench = secutix_with("OPERA", &format!("token = \"{maker}\"")).await;
        events(&bench).await;
        assert_eq!(bench.running.stage.log.count("/tnai/"), calls, "{maker}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_unauthorized_in_both_transports_and_json_hints_at_soap() {
    for transport in ["json", "soap"] {
        let bench = secutix_with("OPERA", &format!("transport = \"{transport}\"\npartner_name = \"x\"")).await;
        bench.fail(vec![Rule::on("/", Fault::Status { status: 401, retry_after: None, body: None })]);
        let error = bench.source.catalog.list_events(Scope::Public).await.expect_err("no entry");
        assert_eq!(error.kind, ErrorKind::Unauthorized, "{transport}");
        assert_eq!(error.to_string().contains("transport = \"soap\""), transport == "json", "{error}");
    }
}

#[tokio::test]
async fn the_sixty_first_call_of_a_minute_is_turned_away_with_509() {
    let clock = crate::contract::bench::fixed_clock();
    let emulator = emulators::secutix::Secutix::new(Arc::clone(&clock), None, true);
    let own = "login = \"OPERA_DGTK\"\npassword = \"opera-sandbox-password\"\ncontact_reference = 1000042";
    let stanza = crate::contract::bench::stanza("opera", "", "Europe/Zurich", "CHF", own);
    let bench = Bench::raise("secutix", clock, emulator, stanza).await;
    let client = http_client::client().expect("a client");
    let address = format!("{}/tnai/backend-apis/v1/auth", bench.running.base_url());
    let login = json!({"operator": "OPERA_DGTK", "partner": "x", "secret": "opera-sandbox-password"});
    let token: serde_json::Value =
        client.post(address).json(&login).send().await.expect("an answer").json().await.expect("JSON");
    let mut statuses = Vec::new();
    for _ in 0..61 {
        let call = client.post(format!(
            "{}/tnseb/backend-apis/catalogService/v1_33/isCatalogServiceAlive",
            bench.running.base_url()
        ));
        let call = call.bearer_auth(token["token"].as_str().expect("a token")).json(&json!({}));
        statuses.push(call.send().await.expect("an answer").status().as_u16());
    }
    assert_eq!((statuses[59], statuses[60]), (200, 509));
}
