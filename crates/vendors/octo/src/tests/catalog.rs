//! Events, performances and availability (`octo.md §4`, `§5`).

use std::time::Duration;

use serde_json::{Value, json};

use super::{error, pricing, product, slot, supplier};
use domain::{
    Audience, AvailabilityStatus, BookingMode, Catalog, CatalogScope, ErrorKind, Event, EventKey, EventStatus,
    Observed, PerformanceKey, PerformanceWindow,
};
use std::sync::Arc;

fn nothing() -> Value {
    json!({})
}

async fn events(lines: &str, products: Value) -> Vec<Arc<Event>> {
    let (source, _server) = supplier(lines, vec![(200, products)]).await;
    source.list_events(CatalogScope::Public).await.expect("events").value.to_vec()
}

#[tokio::test]
async fn an_event_is_a_product_with_an_option() {
    let mut two = product(
        &json!({ "title": "Cruise", "description": "<b>Long</b><script>x</script>", "categoryLabels": ["boat"],
        "media": [{ "src": "javascript:x", "type": "image/png", "rel": "COVER" }, { "src": "https://m.example/2", "type": "image/png" }] }),
    );
    let mut night = two["options"][0].clone();
    night["id"] = json!("NIGHT/1");
    night["title"] = json!("At night");
    two["options"].as_array_mut().expect("options").push(night);
    let listed = events("", json!([two])).await;
    let titles: Vec<_> = listed.iter().map(|event| (event.key.as_str(), event.title.main.as_str())).collect();
    assert_eq!(titles, [("p-7/DEFAULT", "Cruise: Default"), ("p-7/NIGHT%2F1", "Cruise: At night")]);
    let event = &listed[0];
    assert_eq!(
        (event.status, event.booking_mode, event.time_zone.as_str()),
        (EventStatus::OnSale, BookingMode::Timed, "Europe/Rome")
    );
    assert_eq!(event.image.as_ref().map(domain::WebUrl::as_str), Some("https://m.example/2"));
    assert_eq!(event.description.as_ref().map(|text| text.main.as_str()), Some("<b>Long</b>"));
    let types = event.listed_ticket_types.clone().expect("ticket types");
    assert_eq!(
        (types.len(), types[0].audience, types[0].price.as_ref().map(|price| price.retail.amount)),
        (2, Audience::Adult, Some(900))
    );
}

#[tokio::test]
async fn a_product_is_sold_only_if_it_is_understood() {
    for (changes, lines, status, mode) in [
        (json!({ "instantConfirmation": false }), "", EventStatus::OffSale, BookingMode::Timed),
        (json!({ "instantConfirmation": false }), "sells_on_request = true", EventStatus::OnSale, BookingMode::Timed),
        (json!({ "instantConfirmation": null }), "", EventStatus::OffSale, BookingMode::Timed),
        (json!({ "pricingPer": "BOOKING" }), "", EventStatus::OffSale, BookingMode::Timed),
        (json!({ "pricingPer": "EQUIPMENT" }), "", EventStatus::OffSale, BookingMode::Timed),
        (json!({ "availableCurrencies": ["JPY"] }), "", EventStatus::OffSale, BookingMode::Timed),
        (json!({ "availableCurrencies": ["JPY", "EUR"] }), "", EventStatus::OnSale, BookingMode::Timed),
        (json!({ "availabilityType": "OPENING_HOURS" }), "", EventStatus::OnSale, BookingMode::Dated),
        (json!({ "availabilityType": "SUNRISE" }), "", EventStatus::OffSale, BookingMode::Timed),
        (json!({ "availabilityRequired": false }), "", EventStatus::OnSale, BookingMode::Open),
        (json!({ "availabilityRequired": false }), "sells_open_dated = false", EventStatus::OffSale, BookingMode::Open),
    ] {
        let event = events(lines, json!([product(&changes)])).await.remove(0);
        assert_eq!((event.status, event.booking_mode), (status, mode), "{changes} {lines}");
        let window = PerformanceWindow { from: "2027-06-01T00:00:00Z".parse().expect("a time"), to: None, limit: 1 };
        let (source, _server) =
            supplier(lines, vec![(200, product(&changes)), (200, json!([slot("s-1", &nothing())]))]).await;
        let performances = source.list_performances(std::slice::from_ref(&event.key), &window).await;
        let listed = &performances[&event.key].as_ref().expect("performances").value;
        let offers = listed[0].listed_availability.as_ref().expect("availability").offers.len();
        assert_eq!(offers > 0, status == EventStatus::OnSale, "{changes} {lines}");
    }
}

#[tokio::test]
async fn availability_is_what_available_says_and_a_missing_number_is_not_zero() {
    for (changes, status, vacancies) in [
        (nothing(), AvailabilityStatus::Available, Some(20)),
        (json!({ "status": "LIMITED" }), AvailabilityStatus::Limited, Some(20)),
        (json!({ "status": "FREESALE", "vacancies": 10, "capacity": 0 }), AvailabilityStatus::Freesale, None),
        (json!({ "vacancies": null }), AvailabilityStatus::Available, None),
        (json!({ "status": "SOLD_OUT" }), AvailabilityStatus::Available, Some(20)),
        (json!({ "available": false, "status": "SOLD_OUT" }), AvailabilityStatus::SoldOut, Some(20)),
        (json!({ "available": false }), AvailabilityStatus::Closed, Some(20)),
        (json!({ "available": "yes" }), AvailabilityStatus::Closed, Some(20)),
    ] {
        let key = PerformanceKey::new("p-7/DEFAULT/s-1");
        let (source, _server) =
            supplier("", vec![(200, product(&nothing())), (200, json!([slot("s-1", &changes)]))]).await;
        let read = source.load_performances(std::slice::from_ref(&key)).await;
        let performance = &read[&key].as_ref().expect("a performance").value;
        let availability = performance.listed_availability.as_ref().expect("availability");
        assert_eq!((availability.status, availability.vacancies), (status, vacancies), "{changes}");
        assert_eq!(availability.max_per_order, Some(9));
        let prices: Vec<_> = availability.offers.iter().map(|offer| offer.price.retail.amount).collect();
        assert_eq!(prices, [2500, 1000], "{changes}");
    }
}

#[tokio::test]
async fn two_start_times_of_one_day_have_their_own_offsets() {
    let rows = json!([
        slot("a", &json!({ "localDateTimeStart": "2027-10-31T00:30:00+02:00" })),
        slot("b", &json!({ "localDateTimeStart": "2027-10-31T20:30:00+01:00" })),
        slot("c", &json!({ "localDateTimeStart": "2027-10-31T21:30:00" })),
        slot("d", &json!({ "localDateTimeStart": "soon" })),
    ]);
    let (source, server) = supplier("", vec![(200, product(&nothing())), (200, rows)]).await;
    let event = EventKey::new("p-7/DEFAULT");
    let (from, to) = ("2027-10-30T22:00:00Z", "2027-10-31T23:00:00Z");
    let window =
        PerformanceWindow { from: from.parse().expect("a time"), to: Some(to.parse().expect("a time")), limit: 9 };
    let read = source.list_performances(std::slice::from_ref(&event), &window).await;
    let listed = &read[&event].as_ref().expect("performances").value;
    let starts: Vec<_> = listed.iter().map(|one| one.starts_at.expect("a start").to_string()).collect();
    assert_eq!(starts, ["2027-10-30T22:30:00Z", "2027-10-31T19:30:00Z", "2027-10-31T20:30:00Z"]);
    assert!(listed.iter().all(|one| one.date == Some("2027-10-31".parse().expect("a date"))));
    assert!(
        server.requests()[1].contains(r#""localDateStart":"2027-10-31","localDateEnd":"2027-11-01""#),
        "{:?}",
        server.requests()
    );
}

#[tokio::test]
async fn one_unknown_availability_never_fails_the_others() {
    let keys = ["p-7/DEFAULT/a", "p-7/DEFAULT/b", "p-7/DEFAULT/", "p-7/OTHER/a", "nonsense"].map(PerformanceKey::new);
    let responses = vec![
        (200, product(&nothing())),
        error("INVALID_AVAILABILITY_ID"),
        error("INVALID_AVAILABILITY_ID"),
        (200, json!([slot("b", &nothing())])),
    ];
    let (source, _server) = supplier("", responses).await;
    let read = source.load_performances(&keys).await;
    assert_eq!(read.len(), keys.len());
    // The two single reads run side by side: one of them is refused.
    let found = keys.iter().filter(|key| read[key].is_ok()).count();
    assert!(found <= 1);
    assert!(keys.iter().filter_map(|key| read[key].as_ref().err()).all(|error| error.kind == ErrorKind::NotFound));
}

#[tokio::test]
async fn availability_at_hand_is_used_only_while_it_is_recent() {
    let key = PerformanceKey::new("p-7/DEFAULT/s-1");
    let rows = || vec![(200, product(&nothing())), (200, json!([slot("s-1", &nothing())]))];
    let (source, server) = supplier("", [rows(), rows()].concat()).await;
    let read = source.load_performances(std::slice::from_ref(&key)).await;
    let performance: Observed<_> = read[&key].as_ref().expect("a performance").clone();
    let wanted = [performance];
    assert!(source.load_availability(&wanted, Duration::from_secs(60)).await[&key].is_ok());
    assert_eq!(server.requests().len(), 2, "nothing was requested");
    assert!(source.load_availability(&wanted, Duration::ZERO).await[&key].is_ok());
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_calendar_has_a_row_for_each_day_and_a_missing_day_is_closed() {
    let mut price = pricing(1500);
    price["unitId"] = json!("adult");
    let rows = json!([
        { "localDate": "2027-06-02", "available": true, "status": "AVAILABLE", "unitPricingFrom": [price] },
        { "localDate": "2027-06-03", "available": false, "status": "SOLD_OUT" },
        { "localDate": "2027-06-04", "available": false, "status": "CLOSED" },
    ]);
    let event = EventKey::new("p-7/DEFAULT");
    let (source, server) = supplier("", vec![(200, rows)]).await;
    let (from, to) = ("2027-06-01".parse().expect("a date"), "2027-06-04".parse().expect("a date"));
    let read = source.load_calendar(std::slice::from_ref(&event), from, to).await;
    let rows = read[&event].as_ref().expect("rows");
    let found: Vec<_> =
        rows.iter().map(|row| (row.status, row.price_from.map(|price| price.amount), row.performance_count)).collect();
    use AvailabilityStatus::{Available, Closed, SoldOut};
    assert_eq!(found, [(Closed, None, 0), (Available, Some(1500), 1), (SoldOut, None, 1), (Closed, None, 0)]);
    assert!(server.requests()[0].starts_with("/octo/availability/calendar"));
}

#[tokio::test]
async fn a_calendar_of_a_product_in_other_currencies_is_read_without_prices() {
    let event = EventKey::new("p-7/DEFAULT");
    let rows = json!([{ "localDate": "2027-06-02", "available": true, "status": "AVAILABLE" }]);
    let (source, server) = supplier("", vec![error("BAD_REQUEST"), (200, rows)]).await;
    let day = "2027-06-02".parse().expect("a date");
    let read = source.load_calendar(std::slice::from_ref(&event), day, day).await;
    assert_eq!(read[&event].as_ref().expect("rows")[0].status, AvailabilityStatus::Available);
    let asked: Vec<bool> = server.requests().iter().map(|request| request.contains("currency")).collect();
    assert_eq!(asked, [true, false]);
}

#[tokio::test]
async fn a_product_of_another_id_is_not_the_one_that_was_requested() {
    let event = EventKey::new("p%2F7/DEFAULT");
    let (source, server) = supplier("", vec![(200, product(&nothing()))]).await;
    let read = source.load_events(std::slice::from_ref(&event)).await;
    assert_eq!(read[&event].as_ref().expect_err("another product").kind, ErrorKind::NotFound);
    assert_eq!(server.requests(), ["/octo/products/p%2F7"], "an id is percent-encoded in a path");
}
