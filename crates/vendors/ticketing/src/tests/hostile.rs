//! Hostile input: malformed responses yield a value or a typed error, never a panic.

use crate::map::event;
use crate::tests::{client, defaults, now};
use domain::{ErrorKind, VendorOperation};
use testkit::{FixtureCase, error_summary, hostile_json};

#[tokio::test]
async fn hostile_responses_are_errors_or_empty_and_never_a_panic() {
    for (name, body) in hostile_json() {
        let (client, _server) = client(vec![FixtureCase::new(name, 200, body)]).await;
        let outcomes = [
            client.published_events(VendorOperation::ListEvents, None).await.map(|all| all.len()),
            client.event(VendorOperation::LoadEvents, "1").await.map(|_| 1),
            client.tokens("1", None).await.map(|all| all.len()),
            client.exchange_code(&"K7P2M9QX".into()).await.map(|_| 1),
            client.admissions(&"a-gate".into(), "1").await.map(|all| all.len()),
            client.order("1").await.map(|_| 1),
            client.wallet("1").await.map(|all| all.len()),
        ];
        for outcome in outcomes {
            match outcome {
                Ok(count) => assert_eq!(count, 0, "{name}: nothing can be read out of it"),
                Err(error) => assert_eq!(error.kind, ErrorKind::Malformed, "{name}: {}", error_summary(&error)),
            }
        }
    }
}

#[tokio::test]
async fn an_entry_with_a_field_of_a_wrong_type_never_fails_other_entries() {
    let good = r#"{"self": "/events/2", "title": "Good"}"#;
    let fields = "title description status public category subcategory venue host start end published banner sections";
    let kinds = [
        "{}",
        "[]",
        "[[]]",
        "-1",
        "1e999",
        "true",
        "\"\"",
        "null",
        "[{\"self\": 7}]",
        "99999999999999999999999999999999",
    ];
    for field in fields.split_whitespace() {
        for wrong in kinds {
            let odd = format!("{{\"self\": \"/events/1\", \"{field}\": {wrong}}}");
            let body = format!("{{\"total\": 2, \"entries\": [{odd}, {good}]}}");
            let (client, _server) = client(vec![FixtureCase::new(field, 200, body)]).await;
            let listed = client.published_events(VendorOperation::ListEvents, None).await.expect("a list");
            let read: Vec<_> = listed.iter().filter_map(|one| event::event(one, &defaults(), now())).collect();
            assert!(read.iter().any(|event| event.title.main == "Good"), "{field}: {wrong}");
        }
    }
}

#[tokio::test]
async fn an_image_is_a_web_address_or_absent() {
    for (fields, image) in [
        (r#""banner": "HTTPS://Media.Example:443/a b""#, Some("https://media.example/a%20b")),
        (r#""banner": "/media/1.png""#, Some("https://api.ticketing.example/media/1.png")),
        (r#""banner": "javascript:alert(1)""#, None),
        (r#""banner": "data:image/png;base64,AA==", "thumbnail": "https://m.example/2""#, Some("https://m.example/2")),
        (r#""banner": "https://user:word@m.example/1""#, None),
        (r#""banner": "https://m.example/1\nx""#, None),
    ] {
        let body = format!("{{\"total\": 1, \"entries\": [{{\"self\": \"/events/1\", {fields}}}]}}");
        let (client, _server) = client(vec![FixtureCase::new("image", 200, body)]).await;
        let listed = client.published_events(VendorOperation::ListEvents, None).await.expect("a list");
        let event = event::event(&listed[0], &defaults(), now()).expect("an event");
        assert_eq!(event.image.as_ref().map(domain::WebUrl::as_str), image, "{fields}");
    }
}
