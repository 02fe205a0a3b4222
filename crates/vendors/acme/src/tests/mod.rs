//! Mapping tests: every response of `tests/fixtures/acme` through client and mapping.

mod clock_changes;
mod facts;
mod hostile;
mod orders;

use std::fmt::Debug;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::client::{Client, DayQuery, WriteOutcome};
use crate::map::calendar::{self, VenueCalendar};
use crate::map::{SourceDefaults, availability, days, event, performance};
use crate::settings::Facts;
use crate::wire::catalog::{Calendar, Instance, Summary, Template};
use domain::ids::StepKey;
use domain::{Freshness, VendorError, VendorOperation};
use testkit::{FixtureCase, StubServer, error_summary, fixture_operations, load_case, load_cases};

/// Catalog operations that have fixtures.
const CATALOG_OPERATIONS: &[&str] =
    &["find_template", "list_instances", "list_summaries", "list_templates", "load_calendar"];

fn now() -> Timestamp {
    "2031-05-20T12:00:00Z".parse().expect("an instant")
}

fn defaults() -> SourceDefaults {
    SourceDefaults {
        time_zone: TimeZone::get("America/New_York").expect("a zone"),
        currency: "USD".parse().expect("a currency"),
        base_url: "https://api.acme.example".parse().expect("a URL"),
        facts: Facts::with(""),
    }
}

async fn client(responses: Vec<FixtureCase>) -> (Client, StubServer) {
    let server = StubServer::responding(responses).await;
    let base = server.base.parse().expect("an address");
    (Client::new(server.client.clone(), base, "a-key".into(), Some("412".to_owned()), Facts::with("")), server)
}

fn format_outcome<T: Debug>(outcome: Result<T, VendorError>) -> String {
    match outcome {
        Ok(value) => format!("{value:#?}"),
        Err(error) => error_summary(&error),
    }
}

fn format_write<T: Debug>(outcome: Result<WriteOutcome<T>, VendorError>) -> String {
    format_outcome(outcome)
}

/// The templates of the fixture instances: one timed, one open.
async fn templates() -> Vec<Template> {
    let (client, _server) = client(vec![load_case("acme/list_templates", "bare_array.json")]).await;
    client.list_templates(VendorOperation::ListEvents, true).await.expect("templates")
}

async fn instances(name: &str) -> Vec<Instance> {
    let (client, _server) = client(vec![load_case("acme/list_instances", &format!("{name}.json"))]).await;
    client.list_instances(VendorOperation::ListPerformances, day(), &defaults().time_zone).await.expect("instances")
}

fn day() -> DayQuery<'static> {
    DayQuery { day: "2031-06-01".parse().expect("a day"), template_id: None, include_private: false }
}

/// Maps a fixture of the catalog.
async fn mapped(operation: &str, case: FixtureCase) -> String {
    let (client, _server) = client(vec![case]).await;
    let (defaults, now) = (defaults(), now());
    let all = templates().await;
    let owner =
        |one: &Instance| all.iter().find(|t| Some(&t.id) == one.template_id.as_ref()).unwrap_or(&all[1]).clone();
    match operation {
        "list_templates" => {
            let listed = client.list_templates(VendorOperation::ListEvents, true).await;
            format_outcome(
                listed.map(|all| all.iter().map(|one| event::event(one, &defaults, now)).collect::<Vec<_>>()),
            )
        }
        "find_template" => {
            let found = client.find_template(VendorOperation::LoadEvents, "x").await;
            let promised = |one: &Template| {
                ["2031-06-01", "2031-06-02", "2031-06-03"]
                    .map(|on| days::scheduled_count(one, on.parse().expect("a day"), &defaults.time_zone))
            };
            format_outcome(found.map(|one| one.map(|one| (event::event(&one, &defaults, now), promised(&one)))))
        }
        "list_instances" => {
            let listed = client.list_instances(VendorOperation::ListPerformances, day(), &defaults.time_zone).await;
            let read = |one: &Instance| performance::performance(one, &owner(one), &defaults, now);
            format_outcome(listed.map(|all| all.iter().map(read).collect::<Vec<_>>()))
        }
        "list_summaries" => {
            let rows = client.list_summaries(VendorOperation::LoadAvailability, day(), &defaults.time_zone).await;
            let first = instances("a_day").await.swap_remove(0);
            let listed = availability::listed_availability(&first, &owner(&first), &defaults, now);
            let counted = |row: &Summary| availability::with_summary(&listed, row, &defaults.facts);
            let brief = |availability: domain::Availability| {
                let offers: Vec<_> =
                    availability.offers.into_iter().map(|offer| (offer.vacancies, offer.status)).collect();
                (availability.status, availability.vacancies, availability.capacity, offers)
            };
            format_outcome(rows.map(|rows| rows.iter().map(counted).map(brief).collect::<Vec<_>>()))
        }
        "load_calendar" => {
            let span = ("2031-06-01".parse().expect("a day"), "2031-06-04".parse().expect("a day"));
            let read = client.load_calendar(VendorOperation::LoadCalendar, Some("x"), span, &defaults.time_zone).await;
            let days: Vec<_> = days::date_range(span.0, span.1).into();
            let rows = |calendar: &Calendar, only| {
                let open = VenueCalendar::from_wire(calendar, only);
                let rows =
                    calendar::calendar_days(&all[0], &days, Some(&open), None, (&defaults, Freshness::live(now)));
                rows.into_iter().map(|row| (row.date, row.status, row.performance_count)).collect::<Vec<_>>()
            };
            format_outcome(read.map(|calendar| (rows(&calendar, true), rows(&calendar, false))))
        }
        other => panic!("{other} has no mapping"),
    }
}

#[tokio::test]
async fn every_catalog_response_is_mapped_as_documented() {
    for operation in CATALOG_OPERATIONS {
        for case in load_cases(&format!("acme/{operation}")) {
            let name = format!("{operation}__{}", case.name);
            insta::assert_snapshot!(name, mapped(operation, case).await);
        }
    }
}

#[test]
fn every_fixture_folder_is_tested() {
    let mut known = [CATALOG_OPERATIONS, orders::ORDER_OPERATIONS].concat();
    known.sort_unstable();
    assert_eq!(fixture_operations("acme"), known);
}

#[tokio::test]
async fn pages_of_an_envelope_are_read_until_one_is_not_full() {
    let page = |ids: std::ops::Range<u32>| {
        let list: Vec<String> =
            ids.map(|id| format!("{{\"id\": {id}, \"startTime\": \"2031-06-01T10:00:00-04:00\"}}")).collect();
        FixtureCase::new(
            "page",
            200,
            format!("{{\"list\": [{}], \"pagination\": {{\"pageSize\": 2}}}}", list.join(",")),
        )
    };
    let (client, server) = client(vec![page(1..3), page(3..5), page(5..6)]).await;
    let listed = client
        .list_instances(VendorOperation::ListPerformances, day(), &defaults().time_zone)
        .await
        .expect("instances");
    assert_eq!((listed.len(), server.requests().len()), (5, 3));
}

/// A bare array of rows.
fn bare_array(ids: std::ops::Range<u32>) -> FixtureCase {
    let rows: Vec<String> = ids.map(|id| format!("{{\"id\": {id}}}")).collect();
    FixtureCase::new("bare array", 200, format!("[{}]", rows.join(",")))
}

#[tokio::test]
async fn a_bare_array_with_as_many_rows_as_requested_is_not_the_whole_list() {
    for (responses, rows, calls) in [
        (vec![bare_array(0..100), bare_array(100..150)], 150, 2),
        (vec![bare_array(0..99), bare_array(0..99)], 99, 1),
        // A server that ignores the parameters returns the same page again.
        (vec![bare_array(0..150), bare_array(0..150), bare_array(0..150)], 150, 2),
        (vec![bare_array(0..100), FixtureCase::new("past the end", 404, "")], 100, 2),
    ] {
        let (client, server) = client(responses).await;
        let listed = client.list_templates(VendorOperation::ListEvents, true).await.expect("templates");
        assert_eq!((listed.len(), server.requests().len()), (rows, calls));
        let (client, server) = self::client(vec![bare_array(0..100), bare_array(100..101)]).await;
        let listed = client.list_orders_of(VendorOperation::ListOrders, "1").await.expect("orders");
        assert_eq!((listed.len(), server.requests().len()), (101, 2), "all orders of an instance");
    }
}

#[tokio::test]
async fn a_page_size_of_minus_one_requests_every_list_in_one_call() {
    for (settings, calls) in
        [("", 6), ("list_page_size = 200", 6), ("list_page_size = 201", 3), ("list_page_size = -1", 3)]
    {
        let server = StubServer::responding(vec![bare_array(0..200); 6]).await;
        let base = server.base.parse().expect("an address");
        let (key, tenant) = ("a-key".into(), Some("412".to_owned()));
        let client = Client::new(server.client.clone(), base, key, tenant, Facts::with(settings));
        let op = VendorOperation::ListOrders;
        let whole = [
            client.list_templates(op, true).await.expect("templates").len(),
            client.list_orders_of(op, "1").await.expect("orders").len(),
            client.search_orders(op, "ada@example.org").await.expect("orders").len(),
        ];
        assert_eq!((whole, server.requests().len()), ([200; 3], calls), "{settings}");
    }
}

/// An arbitrary step key.
fn key() -> StepKey {
    StepKey(uuid::Uuid::nil())
}
