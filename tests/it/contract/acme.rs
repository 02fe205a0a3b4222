//! Behavior specific to ACME (`acme.md`).

use std::time::Duration;

use domain::ordering::{CancelLine, LegRequest, LookupOutcome};
use domain::{
    AvailabilityStatus, BookingMode, CatalogScope, Clock, ErrorKind, EventKey, EventStatus, LegShape, Money, Observed,
    Performance, PerformanceKey, PerformanceWindow, RefusalReason, VendorError,
};
use emulators::{Fault, Rule};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::contract::VendorFixture;
use crate::contract::fixture::{ACME_RESELLER_KEYS, acme_with};
use crate::contract::ordering::{holdings, leg, ordering_port, step};

const KEY: &str = "harbor-sandbox-key";
const ADULT: &str = "66f0ff60c3d2e4b5a6970001";

fn event(number: &str) -> EventKey {
    EventKey::new(format!("66f0aa10c3d2e4b5a697{number}"))
}

async fn museum() -> VendorFixture {
    acme_with(KEY, ACME_RESELLER_KEYS).await
}

fn instance(performance: &PerformanceKey) -> String {
    performance.as_str().split(':').next().expect("an id").to_owned()
}

/// Number of calls whose target contains every part.
fn count_calls(fixture: &VendorFixture, parts: &[&str]) -> usize {
    let calls = fixture.running.stage.log.all();
    calls.iter().filter(|call| parts.iter().all(|part| call.target.contains(part))).count()
}

async fn listed(
    fixture: &VendorFixture,
    events: &[EventKey],
    window: &PerformanceWindow,
) -> Vec<Observed<std::sync::Arc<Performance>>> {
    let batch = fixture.source.catalog.list_performances(events, window).await;
    let mut all = Vec::new();
    for key in events {
        let listed = batch[key].as_ref().expect("performances");
        all.extend(listed.value.iter().map(|one| Observed { value: one.clone(), freshness: listed.freshness }));
    }
    all
}

fn reason(error: VendorError) -> RefusalReason {
    match error.kind {
        ErrorKind::Rejected(refusal) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_event_of_the_museum_has_the_status_of_its_template() {
    let fixture = museum().await;
    let events = fixture.source.catalog.list_events(CatalogScope::All).await.expect("events").value;
    let find = |number: &str| events.iter().find(|one| one.key == event(number)).expect("an event");
    for (number, status, is_private, mode) in [
        ("8001", EventStatus::OnSale, false, BookingMode::Timed),
        ("8003", EventStatus::OnSale, false, BookingMode::Dated),
        ("8005", EventStatus::OnSale, true, BookingMode::Timed),
        ("8006", EventStatus::Draft, false, BookingMode::Timed),
        ("8007", EventStatus::OffSale, false, BookingMode::Timed),
        ("8008", EventStatus::Ended, false, BookingMode::Timed),
    ] {
        let found = find(number);
        assert_eq!((found.status, found.is_private, found.booking_mode), (status, is_private, mode), "{number}");
    }
    assert_eq!(find("8001").price_from.map(|money| money.to_string()).as_deref(), Some("15.00 USD"));
}

#[tokio::test]
async fn ticket_types_come_from_the_template_or_its_schedules_or_the_next_instances() {
    let fixture = museum().await;
    let keys = ["8001", "8004", "8002"].map(event);
    let batch = fixture.source.catalog.load_ticket_types(&keys).await;
    let names = |key: &EventKey| {
        let kinds = batch[key].as_ref().expect("ticket types").value.clone();
        kinds.iter().map(|kind| kind.name.main.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&keys[0]), ["OTA Adult", "OTA Child", "OTA Senior", "OTA Family"], "not the one of the web");
    assert_eq!(names(&keys[1]), ["OTA Adult", "OTA Child"]);
    assert_eq!(names(&keys[2]), ["OTA Adult", "OTA Child"]);
    let admission = batch[&keys[0]].as_ref().expect("ticket types").value.clone();
    let family = admission.last().expect("a bundle");
    assert_eq!((family.admits, admission[0].min_age), (4, Some(13)));
    let senior = admission[2].price.clone().expect("a price");
    assert_eq!((senior.retail.amount, senior.original.map(|money| money.amount)), (1800, Some(2000)));
}

#[tokio::test]
async fn a_list_without_an_end_requests_only_necessary_days_that_can_have_instances() {
    let fixture = museum().await;
    let catalog = &fixture.source.catalog;
    catalog.list_events(CatalogScope::Public).await.expect("events");
    let window = PerformanceWindow { from: fixture.clock.now(), to: None, limit: 3 };
    // Seven starts a day: one day is enough, and only this template is requested.
    fixture.running.stage.log.clear();
    assert_eq!(listed(&fixture, &[event("8001")], &window).await.len(), 3);
    assert_eq!(
        (fixture.calls(), count_calls(&fixture, &["templateId=66f0aa10c3d2e4b5a6978001", "startTime="])),
        (1, 1)
    );
    // Two boats on Saturday, two on Sunday, then on Tuesday and Thursday; the days in between are not requested.
    fixture.running.stage.log.clear();
    let boats = PerformanceWindow { limit: 8, ..window };
    assert_eq!(listed(&fixture, &[event("8004")], &boats).await.len(), 8);
    assert_eq!(fixture.calls(), 4);
    // Several templates share one call per day, without `templateId`.
    fixture.running.stage.log.clear();
    let both = [event("8001"), event("8003")];
    assert_eq!(listed(&fixture, &both, &window).await.len(), 6);
    assert_eq!((fixture.calls(), count_calls(&fixture, &["templateId"])), (3, 0));
    // An event without instances causes no call.
    fixture.running.stage.log.clear();
    assert_eq!(listed(&fixture, &[event("8008")], &window).await.len(), 0);
    assert_eq!(fixture.calls(), 0);
}

#[tokio::test]
async fn days_with_a_clock_change_are_requested_from_midnight_to_midnight() {
    let fixture = museum().await;
    for (from, to, start, end) in [
        (
            "2027-03-14T05:00:00Z",
            "2027-03-15T04:00:00Z",
            "2027-03-14T00%3A00%3A00-05%3A00",
            "2027-03-15T00%3A00%3A00-04%3A00",
        ),
        (
            "2027-11-07T04:00:00Z",
            "2027-11-08T05:00:00Z",
            "2027-11-07T00%3A00%3A00-04%3A00",
            "2027-11-08T00%3A00%3A00-05%3A00",
        ),
    ] {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let window = PerformanceWindow { from: at(from), to: Some(at(to)), limit: 50 };
        let shows = listed(&fixture, &[event("8001")], &window).await;
        assert_eq!(shows.len(), 7, "{from}");
        let zone = fixture.source.time_zone.clone();
        let first = shows[0].value.starts_at.expect("a start").to_zoned(zone);
        assert_eq!(first.time().to_string(), "10:00:00", "{from}");
        assert_eq!(count_calls(&fixture, &[&format!("startTime={start}"), &format!("endTime={end}")]), 1, "{from}");
    }
}

#[tokio::test]
async fn instances_of_private_events_are_requested_and_those_of_the_desk_are_not() {
    let fixture = museum().await;
    let window = PerformanceWindow { from: fixture.clock.now(), to: None, limit: 1 };
    assert_eq!(listed(&fixture, &[event("8005")], &window).await.len(), 1);
    assert_eq!(count_calls(&fixture, &["instances?", "type=all"]), 1);
    assert_eq!(listed(&fixture, &[event("8007")], &window).await.len(), 0);
    assert_eq!(count_calls(&fixture, &["instances?"]), count_calls(&fixture, &["instances?", "salesChannel=reseller"]));
}

#[tokio::test]
async fn a_foreign_hold_reduces_vacancies_although_the_instance_does_not_show_it() {
    let fixture = museum().await;
    let leg = leg(&fixture).await;
    let observed = fixture.source.catalog.load_performances(&[leg.lines[0].performance.clone()]).await;
    let observed = observed.into_values().next().expect("an answer").expect("a performance");
    let count = async || {
        let batch =
            fixture.source.catalog.load_availability(std::slice::from_ref(&observed), Duration::from_secs(60)).await;
        let listed = batch.into_values().next().expect("an answer").expect("availability");
        (listed.value.vacancies, observed.value.listed_availability.as_ref().and_then(|listed| listed.vacancies))
    };
    let (before, bound) = count().await;
    ordering_port(&fixture).hold(&step("hold"), &leg).await.expect("a hold");
    assert_eq!(count().await, (before.map(|left| left - 2), bound));
}

#[tokio::test]
async fn a_tenant_without_summaries_reports_its_upper_bound() {
    let fixture = museum().await;
    let leg = leg(&fixture).await;
    fixture.fail(vec![Rule::for_path("/summaries", Fault::Status { status: 404, retry_after: None, body: None })]);
    let observed = fixture.source.catalog.load_performances(&[leg.lines[0].performance.clone()]).await;
    let observed = observed.into_values().next().expect("an answer").expect("a performance");
    let batch = fixture.source.catalog.load_availability(std::slice::from_ref(&observed), Duration::ZERO).await;
    let listed = batch.into_values().next().expect("an answer").expect("availability").value;
    assert_eq!(Some(listed), observed.value.listed_availability);
}

#[tokio::test]
async fn a_canceled_instance_is_closed_and_a_changed_price_is_visible_immediately() {
    let fixture = museum().await;
    let window = PerformanceWindow { from: fixture.clock.now(), to: None, limit: 2 };
    let shows = listed(&fixture, &[event("8001")], &window).await;
    fixture.change_state("cancel", Some(&instance(&shows[0].value.key)), json!(null));
    fixture.change_state("price", Some(&format!("{}/{ADULT}", instance(&shows[1].value.key))), json!("27.5"));
    let batch = fixture.source.catalog.load_availability(&shows, Duration::ZERO).await;
    let listed = |at: usize| batch[&shows[at].value.key].as_ref().expect("availability").value.clone();
    assert_eq!(listed(0).status, AvailabilityStatus::Closed);
    assert_eq!(listed(1).offers[0].price.retail.amount, 2750);
}

#[tokio::test]
async fn the_calendar_of_the_venue_is_one_call_for_any_number_of_events() {
    let fixture = museum().await;
    let catalog = &fixture.source.catalog;
    let events = ["8001", "8004"].map(event);
    catalog.list_events(CatalogScope::All).await.expect("events");
    fixture.running.stage.log.clear();
    let from = "2026-11-23".parse().expect("a Monday");
    let to = "2026-11-29".parse().expect("a Sunday");
    let batch = catalog.load_calendar(&events, from, to).await;
    assert_eq!((fixture.calls(), count_calls(&fixture, &["/v2/b2c/event/templates/calendar?"])), (1, 1));
    let boats = batch[&events[1]].as_ref().expect("rows");
    let open: Vec<bool> = boats.iter().map(|row| row.status == AvailabilityStatus::Available).collect();
    assert_eq!(open, [false, true, false, true, false, true, true]);
    assert_eq!(boats[1].performance_count, 2);
}

#[tokio::test]
async fn without_a_tenant_id_the_calendar_follows_the_schedules_and_reports_nothing_as_available() {
    let fixture = acme_with(KEY, "organization_id = 5120").await;
    let from = "2026-11-23".parse().expect("a Monday");
    let batch = fixture.source.catalog.load_calendar(&[event("8004")], from, from.tomorrow().expect("a day")).await;
    let rows = batch[&event("8004")].as_ref().expect("rows").clone();
    let listed: Vec<_> = rows.iter().map(|row| (row.status, row.performance_count)).collect();
    assert_eq!(listed, [(AvailabilityStatus::Closed, 0), (AvailabilityStatus::Unknown, 2)]);
    assert_eq!(count_calls(&fixture, &["/v2/b2c/"]), 0);
}

/// A leg with two tickets of an event's next performance.
async fn leg_of(fixture: &VendorFixture, number: &str, person: &str, price: i64) -> LegRequest {
    let window = PerformanceWindow { from: fixture.clock.now(), to: None, limit: 1 };
    let performance = listed(fixture, &[event(number)], &window).await[0].value.key.clone();
    let mut leg = leg(fixture).await;
    leg.lines[0].performance = performance;
    leg.lines[0].ticket_type = domain::TicketTypeKey::new(format!("66f0aa10c3d2e4b5a697{number}:{person}"));
    leg.lines[0].unit_price = Money::new(price, leg.lines[0].unit_price.currency);
    leg
}

#[tokio::test]
async fn open_admission_is_sold_without_a_hold_and_a_bundle_takes_capacity_for_everybody() {
    let fixture = museum().await;
    let open = leg_of(&fixture, "8003", ADULT, 1800).await;
    assert_eq!(ordering_port(&fixture).shape(&open), LegShape::ConfirmOnly);
    let sale = ordering_port(&fixture).confirm(&step("confirm"), &open, &[]).await.expect("a sale");
    assert_eq!((sale.tickets.len(), count_calls(&fixture, &["reservations"])), (2, 0));
    let family = leg_of(&fixture, "8001", "66f0ff60c3d2e4b5a6970004", 7000).await;
    assert_eq!(ordering_port(&fixture).shape(&family), LegShape::HoldThenConfirm);
    ordering_port(&fixture).hold(&step("hold"), &family).await.expect("a hold");
    assert_eq!(fixture.running.stage.inventory()["holds"][0]["quantity"], 8);
}

#[tokio::test]
async fn an_order_carries_our_reference_our_address_and_the_key_of_its_step() {
    let fixture = museum().await;
    let mut leg = leg(&fixture).await;
    leg.account.insert("organization_id".to_owned(), "5121".to_owned());
    let held = ordering_port(&fixture).hold(&step("hold"), &leg).await.expect("a hold");
    let sale = ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect("a sale");
    assert_eq!(fixture.running.stage.inventory()["orders"][0]["reference"], "TG-7K2M-1");
    assert_eq!(count_calls(&fixture, &["/orders/organizations/5121"]), 1, "the reseller's own organization wins");
    let barcode = sale.tickets[0].barcode.as_ref().expect("a code");
    let code = secrecy::ExposeSecret::expose_secret(&barcode.value);
    assert!(!sale.tickets.iter().flat_map(|ticket| &ticket.refs).any(|one| one.value == *code), "the code is a secret");
    // The same step again: the vendor reports a duplicate, and the order is found instead of created.
    let again = ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect("the same sale");
    assert_eq!(again.refs, sale.refs);
    assert_eq!(holdings(&fixture), (0, 1));
}

#[tokio::test]
async fn a_change_since_the_offer_is_rejected_before_anything_is_booked() {
    let fixture = museum().await;
    let fine = leg(&fixture).await;
    let refused =
        async |leg: &LegRequest| reason(ordering_port(&fixture).hold(&step("hold"), leg).await.expect_err("a refusal"));
    let mut overpriced = fine.clone();
    overpriced.lines[0].unit_price.amount += 100;
    assert_eq!(refused(&overpriced).await, RefusalReason::PriceChanged { now: fine.lines[0].unit_price });
    let mut foreign = fine.clone();
    foreign.lines[0].ticket_type = domain::TicketTypeKey::new(format!("66f0aa10c3d2e4b5a6978004:{ADULT}"));
    assert_eq!(refused(&foreign).await, RefusalReason::InvalidInput { field: "ticketType".to_owned() });
    let mut web = fine.clone();
    web.lines[0].ticket_type = domain::TicketTypeKey::new("66f0aa10c3d2e4b5a6978001:66f0ff60c3d2e4b5a6970005");
    assert_eq!(refused(&web).await, RefusalReason::NotOnSale);
    let mut many = fine.clone();
    many.lines[0].quantity = 400;
    assert!(matches!(refused(&many).await, RefusalReason::SoldOut { remaining: Some(left) } if left < 400));
    fixture.change_state("cancel", Some(&instance(&fine.lines[0].performance)), json!(null));
    assert_eq!(refused(&fine).await, RefusalReason::NotOnSale);
    assert_eq!(holdings(&fixture), (0, 0));
}

#[tokio::test]
async fn a_hold_that_expired_while_others_bought_the_rest_is_reported_as_expired() {
    let fixture = museum().await;
    let leg = leg(&fixture).await;
    let held = ordering_port(&fixture).hold(&step("hold"), &leg).await.expect("a hold");
    assert_eq!(held.expires_at, Some(fixture.clock.now() + SignedDuration::from_mins(10)));
    fixture.clock.advance(11 * 60 * 1000);
    fixture.change_state("sold_out", Some(&instance(&leg.lines[0].performance)), json!(null));
    let error = ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect_err("a refusal");
    assert_eq!(reason(error), RefusalReason::HoldExpired);
    let found = ordering_port(&fixture).find_confirmation(&step("confirm"), &leg, &held.refs).await.expect("a look-up");
    assert!(matches!(found, LookupOutcome::Undetermined), "an order that is not found may exist");
}

/// Number of check-outs that the venue received.
fn check_outs(fixture: &VendorFixture) -> usize {
    count_calls(fixture, &["/orders/organizations/"])
}

#[tokio::test]
async fn a_lost_check_out_is_looked_up_by_our_reference_and_never_sent_again() {
    let fixture = museum().await;
    let leg = leg(&fixture).await;
    let held = ordering_port(&fixture).hold(&step("hold"), &leg).await.expect("a hold");
    fixture.fail(vec![Rule::for_path("/orders/organizations/", Fault::DropBefore).times(1)]);
    ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect_err("a lost request");
    for _ in 0..3 {
        let found = ordering_port(&fixture).find_confirmation(&step("confirm"), &leg, &held.refs).await;
        assert!(matches!(found.expect("a look-up"), LookupOutcome::Undetermined));
    }
    assert_eq!((check_outs(&fixture), holdings(&fixture)), (1, (1, 0)));
    // The order is found by the address that this leg alone uses, also if its instance cannot be listed.
    fixture.fail(vec![
        Rule::for_path("/orders/organizations/", Fault::CommitThenDrop).times(1),
        Rule::for_path("/orders/event/", Fault::Status { status: 403, retry_after: None, body: None }),
    ]);
    ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect_err("a lost answer");
    let found = ordering_port(&fixture).find_confirmation(&step("confirm"), &leg, &held.refs).await.expect("a look-up");
    assert!(matches!(found, LookupOutcome::Done(sale) if sale.tickets.len() == 2));
    assert_eq!((check_outs(&fixture), holdings(&fixture)), (2, (0, 1)));
}

#[tokio::test]
async fn where_the_venue_honors_the_uuid_a_lost_check_out_is_sent_again_while_its_hold_exists() {
    let own = format!("{ACME_RESELLER_KEYS}\nassumptions = {{ checkout_retry = \"same_uuid\" }}");
    for (minutes, sales) in [(0, 1), (11, 0)] {
        let fixture = acme_with(KEY, &own).await;
        let leg = leg(&fixture).await;
        let held = ordering_port(&fixture).hold(&step("hold"), &leg).await.expect("a hold");
        fixture.fail(vec![Rule::for_path("/orders/organizations/", Fault::DropBefore).times(1)]);
        ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect_err("a lost request");
        fixture.clock.advance(minutes * 60 * 1000);
        let found = ordering_port(&fixture).find_confirmation(&step("confirm"), &leg, &held.refs).await;
        assert_eq!(matches!(found.expect("a look-up"), LookupOutcome::Done(_)), sales == 1, "{minutes}");
        assert_eq!((check_outs(&fixture), holdings(&fixture).1), (1 + sales, sales), "{minutes}");
    }
}

#[tokio::test]
async fn a_used_ticket_is_not_refunded() {
    let fixture = museum().await;
    let leg = leg(&fixture).await;
    let held = ordering_port(&fixture).hold(&step("hold"), &leg).await.expect("a hold");
    let sale = ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect("a sale");
    let code = sale.tickets[0].barcode.as_ref().expect("a code");
    fixture.change_state("use_ticket", Some(secrecy::ExposeSecret::expose_secret(&code.value)), json!(null));
    let refunds = fixture.source.refunds.as_deref().expect("refunds");
    let line = |tickets: &[usize]| {
        let tickets = tickets.iter().map(|ticket| sale.tickets[*ticket].refs[0].clone()).collect();
        [CancelLine { line: 0, tickets }]
    };
    let error = refunds.cancel(&step("cancel"), &leg, &sale.refs, &line(&[0, 1])).await.expect_err("a refusal");
    assert_eq!(reason(error), RefusalReason::TooLate);
    assert_eq!((count_calls(&fixture, &["/refunds"]), holdings(&fixture)), (0, (0, 1)));
    let unused = refunds.cancel(&step("cancel"), &leg, &sale.refs, &line(&[1])).await.expect("a cancellation");
    assert_eq!(unused.voided, [sale.tickets[1].refs[0].clone()]);
}

#[tokio::test]
async fn a_sale_stands_although_its_tickets_cannot_be_read_yet() {
    let fixture = museum().await;
    let leg = leg(&fixture).await;
    let held = ordering_port(&fixture).hold(&step("hold"), &leg).await.expect("a hold");
    let gone = || Fault::Status { status: 503, retry_after: None, body: None };
    fixture.fail(vec![Rule::for_path("/willcall/", gone()), Rule::for_path("/detail/", gone())]);
    let sale = ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect("a sale");
    assert_eq!(sale.tickets.len(), 0);
    fixture.fail(vec![Rule::for_path("/willcall/", Fault::Status { status: 403, retry_after: None, body: None })]);
    let tickets = ordering_port(&fixture).load_tickets(&leg, &sale.refs).await.expect("tickets");
    assert_eq!(tickets.len(), 2, "the order detail says the same as will call");
}

#[tokio::test]
async fn a_duplicate_without_a_tenant_id_stays_undetermined() {
    let fixture = acme_with(KEY, "organization_id = 5120").await;
    let leg = leg(&fixture).await;
    let held = ordering_port(&fixture).hold(&step("hold"), &leg).await.expect("a hold");
    fixture.fail(vec![Rule::for_path("/orders/organizations/", Fault::CommitThenDrop).times(1)]);
    let error = ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect_err("a lost answer");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    let found = ordering_port(&fixture).find_confirmation(&step("confirm"), &leg, &held.refs).await.expect("a look-up");
    assert!(matches!(found, LookupOutcome::Undetermined), "a 409 proves an arrival, not an order");
    assert_eq!(holdings(&fixture), (0, 1));
}

#[tokio::test]
async fn one_ticket_of_two_is_refunded_by_its_own_code_and_the_other_stays_valid() {
    let fixture = museum().await;
    let leg = leg(&fixture).await;
    let held = ordering_port(&fixture).hold(&step("hold"), &leg).await.expect("a hold");
    let sale = ordering_port(&fixture).confirm(&step("confirm"), &leg, &held.refs).await.expect("a sale");
    let going = CancelLine { line: 0, tickets: vec![sale.tickets[1].refs[0].clone()] };
    let refunds = fixture.source.refunds.as_deref().expect("refunds");
    let lines = [going];
    fixture.fail(vec![Rule::for_path("/b2b/b2b/refunds", Fault::CommitThenDrop).times(1)]);
    refunds.cancel(&step("cancel"), &leg, &sale.refs, &lines).await.expect_err("a lost answer");
    let found = refunds.find_cancellation(&step("cancel"), &leg, &sale.refs, &lines).await.expect("a look-up");
    assert!(matches!(found, LookupOutcome::Done(_)));
    let again = refunds.cancel(&step("cancel"), &leg, &sale.refs, &lines).await.expect("a repeat");
    assert_eq!(again.voided, lines[0].tickets);
    let order = &fixture.running.stage.inventory()["orders"][0];
    assert_eq!(order["total_minor"], leg.lines[0].unit_price.amount, "one of two was given back, once");
    assert_eq!((&order["tickets"][0]["state"], &order["tickets"][1]["state"]), (&json!("Active"), &json!("Refunded")));
}
