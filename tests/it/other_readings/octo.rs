//! OCTO: what the interface leaves open, and where suppliers differ (`octo.md §10, §11`).

use std::collections::BTreeMap;
use std::time::Duration;

use domain::accounts::{AccountConfig, CheckOutcome, WriteProbes};
use domain::ordering::{
    CancelLine, ConfirmedSale, Contact, DeliveryPreference, IssuedTicket, LegLine, LegRequest, LookupOutcome,
    PlacedHold,
};
use domain::{
    AvailabilityStatus, CatalogScope, Clock, Effect, ErrorKind, Money, PerformanceWindow, RefusalReason, VendorError,
};
use emulators::{Fault, Rule};
use jiff::{SignedDuration, ToSpan};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::contract::fixture::{VendorFixture, octo_with};
use crate::contract::ordering::{holdings, ordering_port, step};
use crate::other_readings::{captured_log, count_calls, reason};

/// A tour with start times, an open-dated pass, and a dinner that is confirmed later.
const CRUISE: &str = "lagoon-cruise";
const PASS: &str = "city-pass";
const DINNER: &str = "vineyard-dinner";
/// Entries by the day.
const PALACE: &str = "palace-entry";

/// The supplier with settings and other readings.
async fn supplier(settings: &str, readings: &[(&str, Option<&str>, Value)]) -> VendorFixture {
    let fixture = octo_with(settings).await;
    for (name, id, value) in readings {
        fixture.change_state(name, *id, value.clone());
    }
    fixture
}

/// Two tickets of the first unit that a product offers a week ahead; `None` if it offers none.
async fn offered(fixture: &VendorFixture, product: &str) -> Option<LegRequest> {
    let offers = fixture.offers(fixture.clock.now() + SignedDuration::from_hours(7 * 24)).await;
    let is_open = |status| matches!(status, AvailabilityStatus::Available | AvailabilityStatus::Freesale);
    let (performance, offer) = offers.into_iter().find(|(performance, offer)| {
        let is_enough = offer.vacancies.is_none_or(|left| left >= 6) && offer.price.retail.amount > 0;
        performance.event.as_str().split('/').next() == Some(product) && is_open(offer.status) && is_enough
    })?;
    Some(LegRequest {
        reference: "TG-0019-1".to_owned(),
        lines: vec![LegLine {
            line: 0,
            performance: performance.key.clone(),
            ticket_type: offer.ticket_type.key.clone(),
            quantity: 2,
            unit_price: offer.price.retail,
        }],
        contact: Contact {
            first_name: "Ada".to_owned(),
            last_name: "Guest".to_owned(),
            email: "ada@example.org".to_owned(),
            phone: None,
            postal_code: None,
        },
        account: BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: true,
    })
}

async fn leg_of(fixture: &VendorFixture, product: &str) -> LegRequest {
    offered(fixture, product).await.expect("an offer")
}

async fn hold(fixture: &VendorFixture, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
    ordering_port(fixture).hold(&step("hold"), leg).await
}

async fn confirm(fixture: &VendorFixture, leg: &LegRequest, held: &PlacedHold) -> Result<ConfirmedSale, VendorError> {
    ordering_port(fixture).confirm(&step("confirm"), leg, &held.refs).await
}

async fn sell(fixture: &VendorFixture, leg: &LegRequest) -> Result<ConfirmedSale, VendorError> {
    let held = hold(fixture, leg).await?;
    confirm(fixture, leg, &held).await
}

async fn look_up(fixture: &VendorFixture, leg: &LegRequest, held: &PlacedHold) -> LookupOutcome<ConfirmedSale> {
    ordering_port(fixture).find_confirmation(&step("confirm"), leg, &held.refs).await.expect("a look-up")
}

async fn release(fixture: &VendorFixture, leg: &LegRequest, held: &PlacedHold) -> Result<(), VendorError> {
    ordering_port(fixture).release(&step("release"), leg, &held.refs).await
}

async fn cancel(fixture: &VendorFixture, leg: &LegRequest, sale: &ConfirmedSale) -> Result<Option<i64>, VendorError> {
    let refunds = fixture.source.refunds.as_deref().expect("refunds");
    let lines = [CancelLine { line: 0, tickets: sale.tickets.iter().map(|ticket| ticket.refs[0].clone()).collect() }];
    let canceled = refunds.cancel(&step("cancel"), leg, &sale.refs, &lines).await;
    canceled.map(|canceled| canceled.refunded.map(|money| money.amount))
}

fn promised(leg: &LegRequest) -> Money {
    leg.lines[0].unit_price.checked_mul(leg.lines[0].quantity).expect("a sum")
}

fn booking_of(held: &PlacedHold) -> &str {
    held.refs.iter().find(|one| one.kind == "octo.booking").map(|one| one.value.as_str()).expect("a booking")
}

async fn outcome_of(fixture: &VendorFixture, code: &str) -> CheckOutcome {
    let accounts = fixture.source.accounts.as_ref().expect("checks");
    let checks = accounts.check_account(&AccountConfig::default(), WriteProbes::Never).await;
    checks.into_iter().find(|check| check.code == code).expect("a check").outcome
}

#[tokio::test]
async fn without_understood_capabilities_nothing_is_sold_and_the_check_says_so() {
    let short = [("capability_names", None, json!("short"))];
    let fixture = supplier("", &short).await;
    assert!(offered(&fixture, CRUISE).await.is_none(), "O1: no price, no offer");
    assert!(matches!(outcome_of(&fixture, "PRICES").await, CheckOutcome::Failed(_)));
    let fixture = supplier("capability_prefix = \"none\"", &short).await;
    assert_eq!(sell(&fixture, &leg_of(&fixture, CRUISE).await).await.expect("a sale").tickets.len(), 2);
    assert!(matches!(outcome_of(&fixture, "PRICES").await, CheckOutcome::Passed));
}

#[tokio::test]
async fn a_refused_key_is_unauthorized_under_every_status() {
    for is_400 in [false, true] {
        let fixture = supplier("", &[("key_errors_as400", None, json!(is_400))]).await;
        fixture.change_state("denied", Some("products"), json!(true));
        let error = fixture.source.catalog.list_events(CatalogScope::Public).await.expect_err("O2: no entry");
        assert_eq!((error.kind, error.effect), (ErrorKind::Unauthorized, Effect::None));
    }
}

#[tokio::test]
async fn a_booking_of_our_uuid_that_is_not_what_was_meant_is_canceled_and_never_sold() {
    for accepts in [false, true] {
        let fixture = supplier("", &[("other_body_accepted", None, json!(accepts))]).await;
        let mut leg = leg_of(&fixture, CRUISE).await;
        hold(&fixture, &leg).await.expect("a hold");
        leg.lines[0].quantity = 3;
        let refused = hold(&fixture, &leg).await.expect_err("O3: another body");
        assert_eq!((refused.effect, reason(refused)), (Effect::None, RefusalReason::Conflict));
        assert_eq!(holdings(&fixture), (0, 0), "{accepts}");
    }
}

#[tokio::test]
async fn a_released_hold_is_canceled_or_expired_and_another_word_is_no_release() {
    let expires = ("hold_cancel_expires", None, json!(true));
    let word = ("word", Some("CANCELLED"), json!("WITHDRAWN"));
    let known = "assumptions.booking_status_words = { WITHDRAWN = \"canceled\" }";
    for (settings, readings, is_released) in
        [("", vec![], true), ("", vec![expires], true), ("", vec![word.clone()], false), (known, vec![word], true)]
    {
        let fixture = supplier(settings, &readings).await;
        let leg = leg_of(&fixture, CRUISE).await;
        let held = hold(&fixture, &leg).await.expect("a hold");
        let (log, released) = captured_log(release(&fixture, &leg, &held)).await;
        assert_eq!(released.is_ok(), is_released, "O4: {settings}");
        assert_eq!(log.contains("booking_status_words"), !is_released, "{log}");
        assert_eq!(holdings(&fixture), (0, 0));
    }
}

#[tokio::test]
async fn a_price_that_a_hold_does_not_fix_is_returned_and_refused_with_the_setting() {
    for (settings, is_sold) in [("", true), ("assumptions.hold_fixes_price = false", false)] {
        let fixture = supplier(settings, &[("price_drifts", None, json!(true))]).await;
        let leg = leg_of(&fixture, CRUISE).await;
        let held = hold(&fixture, &leg).await.expect("a hold");
        assert_eq!(held.total, Some(promised(&leg)));
        let unit = leg.lines[0].ticket_type.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        let dearer = leg.lines[0].unit_price.amount + 1000;
        fixture.change_state("price", Some(&format!("{CRUISE}|{unit}")), json!(dearer));
        match confirm(&fixture, &leg, &held).await {
            // The order compares this total with the promised one, and reports both.
            Ok(sale) => assert!(is_sold && sale.total.is_some_and(|total| total.amount > promised(&leg).amount), "O5"),
            Err(error) => assert!(!is_sold && matches!(reason(error), RefusalReason::PriceChanged { .. }), "O5"),
        }
        assert_eq!(holdings(&fixture).1, usize::from(is_sold), "{settings}");
    }
}

#[tokio::test]
async fn a_closed_day_has_no_row_or_one_that_says_so() {
    let mut calendars = Vec::new();
    for has_rows in [false, true] {
        let fixture = supplier("", &[("closed_day_rows", None, json!(has_rows))]).await;
        let listed = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events").value;
        let key = listed.iter().find(|event| event.key.as_str().starts_with(PALACE)).expect("an event").key.clone();
        let from = fixture.clock.now().to_zoned(fixture.source.time_zone.clone()).date();
        let rows = fixture.source.catalog.load_calendar(std::slice::from_ref(&key), from, from + 14.days()).await;
        let rows = rows[&key].as_ref().expect("rows").clone();
        calendars.push(rows.iter().map(|row| (row.date, row.status)).collect::<Vec<_>>());
    }
    assert_eq!(calendars[0], calendars[1], "O6");
    assert!(calendars[0].iter().any(|(_, status)| *status == AvailabilityStatus::Closed), "Mondays are closed");
}

#[tokio::test]
async fn an_extended_hold_ends_when_the_supplier_says() {
    let mut ends = Vec::new();
    for from_end in [false, true] {
        let fixture = supplier("", &[("extends_from_end", None, json!(from_end))]).await;
        let leg = leg_of(&fixture, CRUISE).await;
        let held = hold(&fixture, &leg).await.expect("a hold");
        fixture.clock.advance(5 * 60_000);
        let port = fixture.source.hold_extension.as_ref().expect("extensions");
        let extended = port.extend(&step("extend"), &leg, &held.refs).await.expect("an extension");
        let shown = fixture.running.stage.inventory()["holds"][0].clone();
        assert!(extended.expires_at > held.expires_at, "O7: {shown}");
        ends.push(extended.expires_at.expect("an end"));
        let sale = ordering_port(&fixture).confirm(&step("confirm"), &leg, &extended.refs).await.expect("a sale");
        assert_eq!(sale.tickets.len(), 2);
    }
    assert!(ends[0] < ends[1], "the end is the returned one, in both readings");
}

#[tokio::test]
async fn sales_are_listed_by_reference_whatever_lists_by_date_compare() {
    for by_creation in [false, true] {
        let fixture = supplier("", &[("lists_by_creation", None, json!(by_creation))]).await;
        let leg = leg_of(&fixture, CRUISE).await;
        sell(&fixture, &leg).await.expect("a sale");
        let (from, to) = (fixture.clock.now() - 1.hour(), fixture.clock.now() + 1.hour());
        let references = [leg.reference.clone()];
        let sales = ordering_port(&fixture).list_sales(from, to, &[], &references).await.expect("sales");
        assert_eq!(sales.iter().filter(|sale| sale.is_sold).count(), 1, "O8");
        assert_eq!(count_calls(&fixture, &["localDate"]), 0);
    }
}

/// Loses the request of a confirmation, and returns the look-up some minutes later.
async fn look_up_after(settings: &str, readings: &[(&str, Option<&str>, Value)], minutes: u64) -> bool {
    let fixture = supplier(settings, readings).await;
    let leg = leg_of(&fixture, CRUISE).await;
    let held = hold(&fixture, &leg).await.expect("a hold");
    fixture.fail(vec![Rule::for_path("/confirm", Fault::DropBefore).times(1)]);
    confirm(&fixture, &leg, &held).await.expect_err("a lost call");
    fixture.clock.advance(i64::try_from(minutes).expect("minutes") * 60_000);
    let found = look_up(&fixture, &leg, &held).await;
    assert!(!matches!(found, LookupOutcome::Done(_)) && holdings(&fixture).1 == 0);
    matches!(found, LookupOutcome::NotDone)
}

#[tokio::test]
async fn an_expired_hold_is_read_as_expired_or_is_unknown_and_then_proven_absent() {
    let hidden = [("hides_expired", None, json!(true))];
    assert!(look_up_after("", &[], 16).await, "O9: EXPIRED");
    assert!(!look_up_after("", &hidden, 16).await, "unknown is no proof yet");
    assert!(look_up_after("", &hidden, 18).await);
    assert!(!look_up_after("assumptions.absent_after = \"30m\"", &hidden, 18).await);
}

#[tokio::test]
async fn products_that_are_confirmed_later_are_sold_only_with_the_setting_and_stay_open_until_decided() {
    assert!(offered(&supplier("", &[]).await, DINNER).await.is_none(), "O10: not sold");
    for (decision, word) in [("CONFIRMED", "CONFIRMED"), ("REJECTED", "REJECTED"), ("REJECTED", "DECLINED")] {
        let fixture = supplier("sells_on_request = true", &[("word", Some("REJECTED"), json!(word))]).await;
        let leg = leg_of(&fixture, DINNER).await;
        let held = hold(&fixture, &leg).await.expect("a hold");
        let pending = confirm(&fixture, &leg, &held).await.expect_err("nobody decided");
        assert_eq!(pending.effect, Effect::Unknown);
        assert!(matches!(look_up(&fixture, &leg, &held).await, LookupOutcome::Undetermined));
        fixture.change_state("settle", Some(booking_of(&held)), json!(decision));
        let found = look_up(&fixture, &leg, &held).await;
        match (decision, word) {
            ("CONFIRMED", _) => assert!(matches!(found, LookupOutcome::Done(_))),
            (_, "REJECTED") => assert!(matches!(found, LookupOutcome::NotDone), "O11: nothing was sold"),
            _ => assert!(matches!(found, LookupOutcome::Undetermined), "O11: an unknown word"),
        }
        assert_eq!(count_calls(&fixture, &["/confirm"]), 1, "asked once");
    }
    let words = "sells_on_request = true\nassumptions.booking_status_words = { DECLINED = \"rejected\" }";
    let fixture = supplier(words, &[("word", Some("REJECTED"), json!("DECLINED"))]).await;
    let leg = leg_of(&fixture, DINNER).await;
    let held = hold(&fixture, &leg).await.expect("a hold");
    confirm(&fixture, &leg, &held).await.expect_err("nobody decided");
    fixture.change_state("settle", Some(booking_of(&held)), json!("REJECTED"));
    assert!(matches!(look_up(&fixture, &leg, &held).await, LookupOutcome::NotDone));
}

#[tokio::test]
async fn a_day_is_sold_whatever_its_opening_hours() {
    for unknown in [false, true] {
        let fixture = supplier("", &[("no_opening_hours", None, json!(unknown))]).await;
        let leg = leg_of(&fixture, PALACE).await;
        let sale = sell(&fixture, &leg).await.expect("a sale");
        assert_eq!((sale.tickets.len(), sale.total), (2, Some(promised(&leg))), "O12");
    }
}

#[tokio::test]
async fn a_rate_limit_has_its_wait_under_both_statuses_and_no_effect() {
    for is_400 in [false, true] {
        let fixture = supplier("", &[("rate_limit_as400", None, json!(is_400))]).await;
        let leg = leg_of(&fixture, CRUISE).await;
        let held = hold(&fixture, &leg).await.expect("a hold");
        fixture.change_state("rate_limited", None, json!(1));
        let refused = confirm(&fixture, &leg, &held).await.expect_err("O13: too many");
        assert_eq!((&refused.kind, refused.effect), (&ErrorKind::RateLimited, Effect::None));
        assert!(refused.retry_after.is_some_and(|wait| wait > Duration::ZERO));
        assert_eq!(holdings(&fixture), (1, 0));
    }
}

#[tokio::test]
async fn the_amount_of_a_partial_refund_is_unknown() {
    for (word, share) in [("FULL", Some(1)), ("NONE", Some(0)), ("PARTIAL", None)] {
        let fixture = supplier("", &[("refund", Some(CRUISE), json!(word))]).await;
        let leg = leg_of(&fixture, CRUISE).await;
        let sale = sell(&fixture, &leg).await.expect("a sale");
        let refunded = cancel(&fixture, &leg, &sale).await.expect("a cancellation");
        assert_eq!(refunded, share.map(|share| promised(&leg).amount * share), "O14: {word}");
        assert_eq!(holdings(&fixture), (0, 0));
    }
}

#[tokio::test]
async fn an_open_dated_product_is_booked_without_availability_or_refused_or_not_sold() {
    let needs = [("open_needs_availability", None, json!(true))];
    let fixture = supplier("", &[]).await;
    let leg = leg_of(&fixture, PASS).await;
    let sale = sell(&fixture, &leg).await.expect("a sale");
    let code = |ticket: &IssuedTicket| ticket.barcode.as_ref().map(|code| code.value.expose_secret().to_owned());
    let codes: Vec<_> = sale.tickets.iter().filter_map(code).collect();
    assert!(matches!(&codes[..], [one, other] if one == other), "O15: one voucher for both");
    let fixture = supplier("", &needs).await;
    let refused = hold(&fixture, &leg).await.expect_err("O15: no availability");
    assert_eq!((refused.effect, holdings(&fixture)), (Effect::None, (0, 0)));
    assert!(offered(&supplier("sells_open_dated = false", &needs).await, PASS).await.is_none());
}

#[tokio::test]
async fn a_supplier_whose_paths_or_key_name_it_is_called_so() {
    let first = ("generation", None, json!("first"));
    let suffix = ("key_suffix", None, json!("laguna-5120"));
    let id = "supplier_id = \"laguna-5120\"\n";
    for (reading, settings) in [
        (first, format!("{id}supplier_path = \"path\"\ncancel_by = \"delete\"")),
        (suffix, format!("{id}supplier_path = \"key\"")),
    ] {
        let fixture = supplier("", std::slice::from_ref(&reading)).await;
        fixture.source.catalog.list_events(CatalogScope::Public).await.expect_err("refused");
        let fixture = supplier(&settings, &[reading]).await;
        let leg = leg_of(&fixture, CRUISE).await;
        let sale = sell(&fixture, &leg).await.expect("a sale");
        cancel(&fixture, &leg, &sale).await.expect("a cancellation");
        assert_eq!(holdings(&fixture), (0, 0));
    }
}

#[tokio::test]
async fn an_older_supplier_cancels_only_with_the_setting() {
    for (settings, is_canceled) in [("", false), ("cancel_by = \"delete\"", true)] {
        let fixture = supplier(settings, &[("generation", None, json!("old"))]).await;
        let leg = leg_of(&fixture, CRUISE).await;
        let sale = sell(&fixture, &leg).await.expect("a sale");
        assert_eq!(cancel(&fixture, &leg, &sale).await.is_ok(), is_canceled);
        assert_eq!(holdings(&fixture).1, usize::from(!is_canceled));
    }
}

#[tokio::test]
async fn a_list_that_is_cut_off_is_reported_with_the_setting() {
    let cut = [("list_cap", None, json!(4))];
    for (settings, is_reported) in [("", false), ("list_cap = 4", true)] {
        let fixture = supplier(settings, &cut).await;
        let listing = fixture.source.catalog.list_events(CatalogScope::Public);
        let (log, listed) = captured_log(listing).await;
        assert!(!listed.expect("events").value.is_empty());
        assert_eq!(log.contains("cut off"), is_reported, "{log}");
    }
}

#[tokio::test]
async fn a_supplier_that_ignores_the_header_of_tests_sells_nothing_real_until_the_setting_says_so() {
    let ignores = [("env", None, json!("ignored"))];
    let fixture = supplier("", &ignores).await;
    let leg = leg_of(&fixture, CRUISE).await;
    let refused = hold(&fixture, &leg).await.expect_err("a real booking");
    assert_eq!((refused.effect, reason(refused)), (Effect::None, RefusalReason::NotOnSale));
    assert_eq!(holdings(&fixture), (0, 0));
    for settings in ["env = \"live\"", "env_header = false"] {
        let fixture = supplier(settings, &ignores).await;
        assert_eq!(sell(&fixture, &leg).await.expect("a sale").tickets.len(), 2, "{settings}");
    }
}

#[tokio::test]
async fn a_lost_hold_is_found_by_its_uuid_whatever_a_repetition_would_do() {
    for repeated in ["same", "used", "error"] {
        for honors in [false, true] {
            let settings = format!("honors_uuid = {honors}");
            let fixture = supplier(&settings, &[("repeated_uuid", None, json!(repeated))]).await;
            assert_eq!(fixture.source.traits.honors_idempotency_keys, honors);
            let leg = leg_of(&fixture, CRUISE).await;
            fixture.fail(vec![Rule::for_path("/octo/bookings", Fault::CommitThenDrop).times(1)]);
            let lost = hold(&fixture, &leg).await.expect_err("a lost answer");
            assert_eq!(lost.effect, Effect::Unknown);
            let found = ordering_port(&fixture).find_hold(&step("hold"), &leg).await.expect("a look-up");
            let LookupOutcome::Done(held) = found else { panic!("{repeated}: {found:?}") };
            // A repetition adopts the booking, or leaves the outcome open. It never makes a second one.
            match hold(&fixture, &leg).await {
                Ok(again) => assert_eq!(booking_of(&again), booking_of(&held)),
                Err(error) => assert_eq!((repeated, error.effect), ("error", Effect::Unknown)),
            }
            assert_eq!(holdings(&fixture), (1, 0), "{repeated}");
            assert_eq!(confirm(&fixture, &leg, &held).await.expect("a sale").tickets.len(), 2);
        }
    }
}

#[tokio::test]
async fn a_supplier_that_breaks_under_status_400_leaves_the_outcome_open_and_sells_once() {
    for (operation, acts) in [("reserve", false), ("reserve", true), ("confirm", false), ("confirm", true)] {
        let fixture = supplier("", &[]).await;
        let leg = leg_of(&fixture, CRUISE).await;
        let name = if acts { "error_after" } else { "error_before" };
        fixture.change_state(name, Some(operation), json!(1));
        let held = match hold(&fixture, &leg).await {
            Ok(held) => held,
            Err(error) => {
                assert_eq!((operation, error.effect), ("reserve", Effect::Unknown));
                let found = ordering_port(&fixture).find_hold(&step("hold"), &leg).await.expect("a look-up");
                assert_eq!(matches!(found, LookupOutcome::Done(_)), acts);
                hold(&fixture, &leg).await.expect("the same hold")
            }
        };
        if let Err(error) = confirm(&fixture, &leg, &held).await {
            assert_eq!((operation, error.effect), ("confirm", Effect::Unknown));
            let found = look_up(&fixture, &leg, &held).await;
            assert_eq!(matches!(found, LookupOutcome::Done(_)), acts);
            if !acts {
                confirm(&fixture, &leg, &held).await.expect("a second try");
            }
        }
        assert_eq!(holdings(&fixture), (0, 1), "{operation} {acts}");
    }
}

#[tokio::test]
async fn a_second_confirmation_that_is_refused_is_read_back() {
    for twice_refused in [false, true] {
        let fixture = supplier("", &[("confirm_twice_refused", None, json!(twice_refused))]).await;
        let leg = leg_of(&fixture, CRUISE).await;
        let held = hold(&fixture, &leg).await.expect("a hold");
        for _ in 0..2 {
            assert_eq!(confirm(&fixture, &leg, &held).await.expect("a sale").tickets.len(), 2);
        }
        assert_eq!(holdings(&fixture), (0, 1));
    }
}

#[tokio::test]
async fn a_canceled_hold_is_not_confirmed_by_a_supplier_that_would() {
    let fixture = supplier("", &[("confirms_canceled", None, json!(true))]).await;
    let leg = leg_of(&fixture, CRUISE).await;
    let held = hold(&fixture, &leg).await.expect("a hold");
    release(&fixture, &leg, &held).await.expect("a release");
    let refused = confirm(&fixture, &leg, &held).await.expect_err("it was released");
    assert_eq!((refused.effect, reason(refused)), (Effect::None, RefusalReason::HoldExpired));
    assert_eq!((holdings(&fixture), count_calls(&fixture, &["/confirm"])), ((0, 0), 0));
}

#[tokio::test]
async fn the_public_example_server_with_all_its_habits_sells_once_at_the_right_price() {
    let fixture = supplier("env_header = false", &[("octomock", None, json!(true))]).await;
    let leg = leg_of(&fixture, CRUISE).await;
    let held = hold(&fixture, &leg).await.expect("a hold");
    assert_eq!(held.total, Some(promised(&leg)), "totals are zero, so the tickets are summed");
    fixture.fail(vec![Rule::for_path("/confirm", Fault::CommitThenDrop).times(1)]);
    confirm(&fixture, &leg, &held).await.expect_err("a lost answer");
    let found = look_up(&fixture, &leg, &held).await;
    assert!(matches!(&found, LookupOutcome::Done(sale) if sale.tickets.len() == 2), "{found:?}");
    assert_eq!((holdings(&fixture), count_calls(&fixture, &["/confirm"])), ((0, 1), 1));
    let window = PerformanceWindow { from: fixture.clock.now(), to: None, limit: 2 };
    let performances = fixture.source.catalog.list_performances(&[], &window).await;
    assert!(performances.is_empty());
}
