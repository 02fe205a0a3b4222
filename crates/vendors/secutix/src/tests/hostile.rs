//! Malformed and hostile responses over both protocols: each gives a typed error, never a panic.

use domain::{ErrorKind, VendorOperation};
use testkit::{FixtureCase, error_summary, hostile_json};

use crate::facts::Facts;
use crate::map::catalog;
use crate::tests::{client, point_of_sale, read_catalog};

/// Wraps a result in an envelope.
fn envelope(result: &str) -> String {
    format!("<Envelope><Body><r><Result>{result}</Result></r></Body></Envelope>")
}

/// Malformed and hostile XML.
fn hostile_xml() -> Vec<(&'static str, String)> {
    let success = "<statusCode>success</statusCode>";
    let bomb = "<!DOCTYPE lolz [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>";
    vec![
        (
            "an external entity",
            format!(
                "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}",
                envelope("<statusCode>&x;</statusCode>")
            ),
        ),
        ("entities in entities", format!("{bomb}{}", envelope("<statusCode>&b;</statusCode>"))),
        (
            "a document type over the network",
            format!("<!DOCTYPE r SYSTEM \"http://127.0.0.1:9/x.dtd\">{}", envelope(success)),
        ),
        ("an entity that nobody defined", envelope("<statusCode>&secret;</statusCode>")),
        ("elements in elements", envelope(&format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000)))),
        ("an open end", "<Envelope><Body><r>".to_owned()),
        ("no envelope", "<html><body/></html>".to_owned()),
        ("an empty body", "<Envelope><Body/></Envelope>".to_owned()),
        ("a success without data", envelope(success)),
        ("no status", envelope("<posConfigData><posId>1</posId></posConfigData>")),
        ("two statuses", envelope(&success.repeat(2))),
        ("an illegal character", envelope("<statusCode>&#0;</statusCode>")),
    ]
}

async fn error_kinds(case: FixtureCase) -> Vec<ErrorKind> {
    let (name, (client, _server)) = (case.name.clone(), client(vec![case]).await);
    let outcomes = [
        client.pos_config(VendorOperation::ListEvents).await.map(drop),
        read_catalog(&client).await.map(drop),
        client.order_details(1).await.map(drop),
        client.last_setup_update(VendorOperation::ListEvents).await.map(drop),
    ];
    // The last one has no mandatory data field.
    let must_fail = outcomes.iter().take(3).all(Result::is_err);
    assert!(must_fail, "{name}: must be an error");
    outcomes
        .into_iter()
        .filter_map(Result::err)
        .inspect(|error| assert!(!error_summary(error).is_empty()))
        .map(|error| error.kind)
        .collect()
}

#[tokio::test]
async fn hostile_responses_are_malformed_errors_and_never_a_panic() {
    for (name, body) in hostile_json() {
        for kind in error_kinds(FixtureCase::new(name, 200, body)).await {
            assert_eq!(kind, ErrorKind::Malformed, "{name}");
        }
    }
    for (name, body) in hostile_xml() {
        let case = FixtureCase { extension: "xml".to_owned(), ..FixtureCase::new(name, 200, body) };
        for kind in error_kinds(case).await {
            assert_eq!(kind, ErrorKind::Malformed, "{name}");
        }
    }
}

#[tokio::test]
async fn an_unreadable_product_is_skipped_and_the_others_remain() {
    let good = r#"{"id": 2, "code": "GOOD", "productFamilyType": "SINGLE_ENTRY", "state": "RUNNING"}"#;
    for product in [
        "7",
        "[]",
        "null",
        "\"text\"",
        "{\"id\": {}}",
        "{\"id\": 0.5}",
        "{\"id\": 1e400}",
        "{\"id\": 99999999999999999999}",
        "{\"id\": 1, \"event\": {\"performances\": 17}}",
        "{\"id\": 1, \"event\": {\"performances\": [17, {\"id\": []}]}}",
        "{\"id\": 1, \"event\": {\"performances\": [{\"id\": 3, \"start\": \"2031-11-05T19:00:00Z\", \"duration\": 9223372036854775807, \"prices\": [{\"audSubCatId\": 1, \"amount\": 9223372036854775807}]}]}}",
        "{\"id\": 1, \"event\": {\"performances\": [{\"id\": 3, \"start\": \"-262144-01-01T00:00:00Z\"}]}}",
    ] {
        let body = format!(
            "{{\"statusCode\": \"success\", \"catalogData\": {{\"seasons\": [{{\"id\": 1, \"products\": [{product}, {good}]}}]}}}}"
        );
        let (client, _server) = client(vec![FixtureCase::new("wrong", 200, body)]).await;
        let catalog_data = read_catalog(&client).await.unwrap_or_else(|error| panic!("{product}: {error}"));
        let (snapshot, _) =
            catalog::snapshot(&catalog_data, point_of_sale().await, "https://quai.example.org", &Facts::of(""));
        assert!(snapshot.listed.iter().any(|event| event.title.main == "GOOD"), "{product}");
    }
}

#[tokio::test]
async fn an_image_is_a_web_address_or_absent_and_a_refused_one_is_counted() {
    for (fields, image, refused) in [
        (r#""largeImageUrl": "/images/a b.jpg""#, Some("https://quai.example.org/images/a%20b.jpg"), 0),
        (r#""largeImageUrl": "", "mediumImageUrl": "https://m.example/2""#, Some("https://m.example/2"), 0),
        (
            r#""largeImageUrl": "javascript:alert(1)", "mediumImageUrl": "https://m.example/2""#,
            Some("https://m.example/2"),
            1,
        ),
        (r#""largeImageUrl": "https://user:word@m.example/1""#, None, 1),
        (r#""largeImageUrl": "https://m.example/1\nx""#, None, 1),
    ] {
        let product =
            format!("{{\"id\": 2, \"productFamilyType\": \"SINGLE_ENTRY\", \"state\": \"RUNNING\", {fields}}}");
        let body = format!(
            "{{\"statusCode\": \"success\", \"catalogData\": {{\"seasons\": [{{\"id\": 1, \"products\": [{product}]}}]}}}}"
        );
        let (client, _server) = client(vec![FixtureCase::new("image", 200, body)]).await;
        let data = read_catalog(&client).await.expect("a catalog");
        let (snapshot, skipped) =
            catalog::snapshot(&data, point_of_sale().await, "https://quai.example.org", &Facts::of(""));
        assert_eq!(snapshot.listed[0].image.as_ref().map(domain::WebUrl::as_str), image, "{fields}");
        assert_eq!(skipped.unreadable, refused, "{fields}");
    }
}
