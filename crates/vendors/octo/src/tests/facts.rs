//! Inferred facts and the switches of suppliers, each with its default and with the setting that corrects it.

use serde_json::json;

use super::{booking, euro, leg, product, supplier};
use crate::map::booking::{BookingState, Total, state, total};
use crate::settings::Facts;
use crate::wire::bookings::Booking;
use domain::ids::StepKey;
use domain::ordering::Ordering;
use domain::{Catalog, CatalogScope, Money, OrderKey};

fn key() -> StepKey {
    OrderKey::of_name("an order").step_key(0, "step")
}

fn read(status: &str, changes: &serde_json::Value) -> Booking {
    serde_json::from_value(booking(&leg(), 0, status, changes)).expect("a booking")
}

#[test]
fn a_booking_is_read_by_the_meaning_of_its_word() {
    let meaning = |word: &str, lines: &str| state(&read(word, &json!({})), &Facts::with(lines));
    for (word, expected) in [
        ("ON_HOLD", BookingState::Held),
        ("CONFIRMED", BookingState::Sold),
        ("REDEEMED", BookingState::Sold),
        ("PENDING", BookingState::Pending),
        ("CANCELLED", BookingState::Canceled),
        ("EXPIRED", BookingState::Expired),
        ("REJECTED", BookingState::Rejected),
        ("COMPLETED", BookingState::Unknown),
    ] {
        assert_eq!(meaning(word, ""), expected, "{word}");
    }
    let lines = "assumptions.booking_status_words = { COMPLETED = \"sold\" }";
    assert_eq!(meaning("COMPLETED", lines), BookingState::Sold);
}

#[test]
fn a_total_of_zero_is_the_sum_of_the_tickets() {
    let amount = |changes: serde_json::Value, has_prices| total(&read("ON_HOLD", &changes), has_prices, euro());
    let known = |amount| Total::Known(Money::new(amount, euro()));
    assert_eq!(amount(json!({}), true), known(6000));
    assert_eq!(amount(json!({ "pricing": super::pricing(0) }), true), known(6000));
    assert_eq!(amount(json!({ "pricing": null }), true), known(6000));
    assert_eq!(amount(json!({ "pricing": super::pricing(5900) }), true), known(5900));
    assert_eq!(amount(json!({}), false), Total::Absent, "the supplier says that it has no prices");
    let bare = json!([{ "uuid": "x", "unitId": "adult" }]);
    assert_eq!(amount(json!({ "pricing": null, "unitItems": bare }), true), Total::Absent);
    let dollars = json!({ "pricing": { "retail": 1, "currency": "USD", "currencyPrecision": 2 } });
    assert_eq!(amount(dollars, true), Total::Unreadable);
}

#[tokio::test]
async fn a_supplier_that_precedes_its_paths_and_cancels_by_delete_is_called_so() {
    let gone = (200, booking(&leg(), 0, "CANCELLED", &json!({})));
    let lines = "supplier_path = \"path\"\nsupplier_id = \"s/1\"\ncancel_by = \"delete\"";
    let (source, server) = supplier(lines, vec![gone]).await;
    source.release(&key(), &leg(), &[]).await.expect("a release");
    let path = server.requests()[0].split(' ').next().unwrap_or_default().to_owned();
    assert!(path.starts_with("/octo/suppliers/s%2F1/bookings/") && !path.ends_with("/cancel"), "{path}");
}

#[tokio::test]
async fn a_supplier_without_the_env_header_is_not_asked_for_test_bookings() {
    let responses = |is_test: Option<bool>| {
        let held = booking(&leg(), 0, "ON_HOLD", &json!({ "testMode": is_test }));
        let gone = (200, booking(&leg(), 0, "CANCELLED", &json!({})));
        vec![(200, product(&json!({}))), (200, held), gone]
    };
    for (lines, is_test, is_held) in [
        ("", Some(true), true),
        ("", Some(false), false),
        ("", None, false),
        ("env = \"live\"", Some(false), true),
        ("env = \"live\"", Some(true), false),
        ("env_header = false", Some(false), true),
        ("env_header = false", None, true),
    ] {
        let (source, _server) = supplier(lines, responses(is_test)).await;
        assert_eq!(source.hold(&key(), &leg()).await.is_ok(), is_held, "{lines} {is_test:?}");
    }
}

#[tokio::test]
async fn a_hold_is_requested_for_as_long_as_the_setting_says_and_secures_a_price_only_if_it_may() {
    let responses = vec![(200, product(&json!({}))), (200, booking(&leg(), 0, "ON_HOLD", &json!({})))];
    let lines = "hold_minutes = 7\nassumptions.hold_fixes_price = false";
    let (source, server) = supplier(lines, responses).await;
    let held = source.hold(&key(), &leg()).await.expect("a hold");
    assert!(server.requests()[1].contains(r#""expirationMinutes":7"#));
    assert_eq!(held.secures, [domain::ordering::HoldSecures::Capacity]);
}

#[tokio::test]
async fn a_list_that_is_cut_off_is_read_as_far_as_it_goes() {
    let (source, _server) = supplier("list_cap = 1", vec![(200, json!([product(&json!({}))]))]).await;
    assert_eq!(source.list_events(CatalogScope::Public).await.expect("events").value.len(), 1);
}
