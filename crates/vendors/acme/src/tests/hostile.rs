//! Hostile input: malformed responses yield a value or a typed error, never a panic.

use crate::map::{event, performance};
use crate::tests::{client, day, defaults, now, templates};
use crate::wire::orders::ReservationItem;
use domain::ErrorKind;
use domain::VendorOperation;
use testkit::{FixtureCase, error_summary, hostile_json};

/// JSON values of the wrong type, tried in every field.
const WRONG_VALUES: &[&str] = &[
    "{}",
    "[]",
    "[[]]",
    "-1",
    "1e400",
    "0.000000000000000000000000000000000000001",
    "99999999999999999999999999",
    "true",
    "\"\"",
    "\"\\u0000\"",
    "null",
];

#[tokio::test]
async fn hostile_responses_are_errors_or_empty_and_never_a_panic() {
    let mut rows = Vec::new();
    for (name, body) in hostile_json() {
        let (client, _server) = client(vec![FixtureCase::new(name, 200, body)]).await;
        let zone = &defaults().time_zone;
        let places = [ReservationItem { event_id: "x".to_owned(), quantity: 1 }];
        let span = ("2031-06-01".parse().expect("a day"), "2031-06-04".parse().expect("a day"));
        let outcomes = [
            client.list_templates(VendorOperation::ListEvents, true).await.map(|all| all.len()),
            client.find_template(VendorOperation::LoadEvents, "x").await.map(|one| one.into_iter().count()),
            client.list_instances(VendorOperation::ListPerformances, day(), zone).await.map(|all| all.len()),
            client.list_summaries(VendorOperation::LoadAvailability, day(), zone).await.map(|all| all.len()),
            client
                .load_calendar(VendorOperation::LoadCalendar, None, span, zone)
                .await
                .map(|calendar| calendar.days.len()),
            client.reserve(VendorOperation::Hold, &places).await.map(|_| 1),
            client.find_reservation(VendorOperation::LookUp, "1").await.map(|one| one.into_iter().count()),
            client.find_order(VendorOperation::LookUp, "1").await.map(|one| one.into_iter().count()),
            client.list_orders_of(VendorOperation::ListOrders, "1").await.map(|all| all.len()),
        ];
        for outcome in &outcomes {
            match outcome {
                Ok(count) => assert_eq!(*count, 0, "{name}: nothing can be read out of it"),
                Err(error) => assert_eq!(error.kind, ErrorKind::Malformed, "{name}: {}", error_summary(error)),
            }
        }
        rows.push(format!("{name}: {}", outcomes.map(|outcome| if outcome.is_ok() { "·" } else { "x" }).concat()));
    }
    insta::assert_snapshot!("hostile__what_is_empty_and_what_is_malformed", rows.join("\n"));
}

#[tokio::test]
async fn a_field_of_a_wrong_type_is_ignored_and_never_panics() {
    let template = templates().await.swap_remove(0);
    let fields = "type admissionType name description shortDescription startTime endTime duration capacity soldQuantity reviewState \
                  schedules priceList priceLists primaryImage images templateId available state scheduleId manuallyDeleted \
                  salesChannels ticketDetails";
    for field in fields.split_whitespace() {
        for wrong in WRONG_VALUES {
            let body = format!("[{{\"id\": \"a\", \"startTime\": \"2031-06-01T10:00:00Z\", \"{field}\": {wrong}}}]");
            let body = if field == "startTime" { format!("[{{\"id\": \"a\", \"startTime\": {wrong}}}]") } else { body };
            let (client, _server) = client(vec![FixtureCase::new(field, 200, body)]).await;
            let listed = client.list_templates(VendorOperation::ListEvents, true).await.expect("a list");
            assert_eq!(listed.len(), 1, "{field}: {wrong}");
            event::event(&listed[0], &defaults(), now());
            let dated = client
                .list_instances(VendorOperation::ListPerformances, day(), &defaults().time_zone)
                .await
                .expect("a list");
            assert_eq!(dated.len(), 1, "{field}: {wrong}");
            performance::performance(&dated[0], &template, &defaults(), now());
        }
    }
}

#[tokio::test]
async fn an_image_is_a_web_address_or_absent() {
    for (fields, image) in [
        (r#""primaryImage": {"highRes": "https://Media.Example/a b"}"#, Some("https://media.example/a%20b")),
        (r#""primaryImage": {"highRes": "/media/1.png"}"#, Some("https://api.acme.example/media/1.png")),
        (r#""primaryImage": "img-1""#, None),
        (
            r#""primaryImage": {"highRes": "javascript:alert(1)", "screen": "https://m.example/2"}"#,
            Some("https://m.example/2"),
        ),
        (r#""primaryImage": "https://user:word@m.example/1""#, None),
        (r#""images": [{"url": "https://m.example/1\nx"}]"#, None),
    ] {
        let body = format!("[{{\"id\": \"a\", \"startTime\": \"2031-06-01T10:00:00Z\", {fields}}}]");
        let (client, _server) = client(vec![FixtureCase::new("image", 200, body)]).await;
        let listed = client.list_templates(VendorOperation::ListEvents, true).await.expect("a list");
        let event = event::event(&listed[0], &defaults(), now());
        assert_eq!(event.image.as_ref().map(domain::WebUrl::as_str), image, "{fields}");
    }
}
