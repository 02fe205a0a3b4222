//! Hostile input: malformed responses yield a value or a typed error, never a panic and never a sale.

use super::{leg, source};
use domain::ids::StepKey;
use domain::ordering::Ordering;
use domain::{Catalog, CatalogScope, Effect, ErrorKind, EventKey, OrderKey, PerformanceKey};
use testkit::{FixtureCase, error_summary, hostile_json};

fn key() -> StepKey {
    OrderKey::of_name("an order").step_key(0, "step")
}

#[tokio::test]
async fn hostile_responses_are_errors_or_empty_and_never_a_sale() {
    for (name, body) in hostile_json() {
        let (source, _server) = source("", vec![FixtureCase::new(name, 200, body)]).await;
        match source.list_events(CatalogScope::Public).await {
            Ok(listed) => assert!(listed.value.is_empty(), "{name}"),
            Err(error) => assert_eq!(error.kind, ErrorKind::Malformed, "{name}: {}", error_summary(&error)),
        }
        let event = EventKey::new("p-7/DEFAULT");
        assert!(source.load_events(std::slice::from_ref(&event)).await[&event].is_err(), "{name}");
        let performance = PerformanceKey::new("p-7/DEFAULT/s-1");
        assert!(source.load_performances(std::slice::from_ref(&performance)).await[&performance].is_err(), "{name}");
        assert!(source.hold(&key(), &leg()).await.is_err(), "{name}");
        assert!(source.confirm(&key(), &leg(), &[]).await.is_err(), "{name}");
        assert!(source.release(&key(), &leg(), &[]).await.is_err(), "{name}");
        assert!(source.find_confirmation(&key(), &leg(), &[]).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn an_error_without_a_code_leaves_the_outcome_of_a_write_open() {
    for (name, body) in hostile_json() {
        for (status, expected) in
            [(400, Effect::Unknown), (404, Effect::Unknown), (500, Effect::Unknown), (403, Effect::None)]
        {
            let (source, _server) = source("", vec![FixtureCase::new(name, status, body.clone())]).await;
            let failed = source.release(&key(), &leg(), &[]).await.expect_err("a failure");
            assert_eq!(failed.effect, expected, "{name} {status}");
        }
    }
}

#[tokio::test]
async fn no_text_of_the_supplier_and_nothing_of_a_visitor_is_in_an_error() {
    let body = r#"{"error": "Bea bea@example.org", "errorMessage": "Bea Holder"}"#;
    let (source, _server) = source("", vec![FixtureCase::new("text", 400, body)]).await;
    let failed = source.release(&key(), &leg(), &[]).await.expect_err("a failure");
    assert!(!format!("{failed} {}", error_summary(&failed)).contains("Bea"));
}

#[tokio::test]
async fn a_field_of_a_wrong_type_never_costs_the_other_products() {
    let good = r#"{"id": "p-8", "title": "Good", "options": [{"id": "DEFAULT"}]}"#;
    let fields = "internalName timeZone instantConfirmation availabilityRequired availabilityType redemptionMethod options \
                  defaultCurrency pricingPer title media locations categoryLabels durationMinutesFrom reference";
    for field in fields.split_whitespace() {
        for wrong in ["{}", "[]", "[[]]", "-1", "1e999", "true", "\"\"", "null", "[{\"id\": 7}]"] {
            let body = format!("[{{\"id\": \"p-7\", \"{field}\": {wrong}}}, {good}]");
            let (source, _server) = source("", vec![FixtureCase::new(field, 200, body)]).await;
            let listed = source.list_events(CatalogScope::Public).await.expect("a list").value;
            assert!(listed.iter().any(|event| event.title.main == "Good"), "{field}: {wrong}");
        }
    }
}
