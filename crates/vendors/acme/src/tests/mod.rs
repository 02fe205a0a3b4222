//! The mapping, table by table: every answer of `tests/fixtures/acme` through the client that reads it and the mapping behind it.

mod clock_changes;
mod hostile;
mod orders;

use std::fmt::Debug;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::client::{Client, DayQuery, Outcome};
use crate::map::calendar::{self, OpenDays};
use crate::map::{Venue, availability, days, event, performance};
use crate::wire::catalog::{Calendar, Instance, Summary, Template};
use domain::ids::StepKey;
use domain::{Freshness, Operation, VendorError};
use testkit::{Case, Prompter, case, cases, operations, told};

/// The operations that the table below maps.
const CATALOGUE: &[&str] = &["find_template", "list_instances", "list_summaries", "list_templates", "load_calendar"];

fn now() -> Timestamp {
    "2031-05-20T12:00:00Z".parse().expect("an instant")
}

fn venue() -> Venue {
    Venue { zone: TimeZone::get("America/New_York").expect("a zone"), currency: "USD".parse().expect("a currency") }
}

async fn client(answers: Vec<Case>) -> (Client, Prompter) {
    let prompter = Prompter::giving(answers).await;
    let base = prompter.base.parse().expect("an address");
    (Client::new(prompter.transport.clone(), base, "a-key".into(), Some("412".to_owned())), prompter)
}

fn shown<T: Debug>(outcome: Result<T, VendorError>) -> String {
    match outcome {
        Ok(value) => format!("{value:#?}"),
        Err(error) => told(&error),
    }
}

fn written<T: Debug>(outcome: Result<Outcome<T>, VendorError>) -> String {
    shown(outcome)
}

/// The templates that instances of the fixtures belong to: one timed, one open.
async fn templates() -> Vec<Template> {
    let (client, _prompter) = client(vec![case("acme/list_templates", "bare_array.json")]).await;
    client.list_templates(Operation::ListEvents, true).await.expect("templates")
}

async fn instances(name: &str) -> Vec<Instance> {
    let (client, _prompter) = client(vec![case("acme/list_instances", &format!("{name}.json"))]).await;
    client.list_instances(Operation::ListPerformances, day(), &venue().zone).await.expect("instances")
}

fn day() -> DayQuery<'static> {
    DayQuery { day: "2031-06-01".parse().expect("a day"), template: None, with_private: false }
}

/// A case of the catalogue as it comes out of the mapping.
async fn mapped(operation: &str, case: Case) -> String {
    let (client, _prompter) = client(vec![case]).await;
    let (venue, now) = (venue(), now());
    let all = templates().await;
    let owner =
        |one: &Instance| all.iter().find(|t| Some(&t.id) == one.template_id.as_ref()).unwrap_or(&all[1]).clone();
    match operation {
        "list_templates" => {
            let listed = client.list_templates(Operation::ListEvents, true).await;
            shown(listed.map(|all| all.iter().map(|one| event::event(one, &venue, now)).collect::<Vec<_>>()))
        }
        "find_template" => {
            let found = client.find_template(Operation::LoadEvents, "x").await;
            let promised = |one: &Template| {
                ["2031-06-01", "2031-06-02", "2031-06-03"]
                    .map(|on| days::promised(one, on.parse().expect("a day"), &venue.zone))
            };
            shown(found.map(|one| one.map(|one| (event::event(&one, &venue, now), promised(&one)))))
        }
        "list_instances" => {
            let listed = client.list_instances(Operation::ListPerformances, day(), &venue.zone).await;
            let read = |one: &Instance| performance::performance(one, &owner(one), &venue, now);
            shown(listed.map(|all| all.iter().map(read).collect::<Vec<_>>()))
        }
        "list_summaries" => {
            let rows = client.list_summaries(Operation::LoadAvailability, day(), &venue.zone).await;
            let first = instances("a_day").await.swap_remove(0);
            let listed = availability::listed(&first, &owner(&first), &venue, now);
            let counted = |row: &Summary| availability::counted(&listed, row);
            let brief = |told: domain::Availability| {
                let offers: Vec<_> = told.offers.into_iter().map(|offer| (offer.vacancies, offer.status)).collect();
                (told.status, told.vacancies, told.capacity, offers)
            };
            shown(rows.map(|rows| rows.iter().map(counted).map(brief).collect::<Vec<_>>()))
        }
        "load_calendar" => {
            let span = ("2031-06-01".parse().expect("a day"), "2031-06-04".parse().expect("a day"));
            let read = client.load_calendar(Operation::LoadCalendar, Some("x"), span, &venue.zone).await;
            let days: Vec<_> = days::span(span.0, span.1).into();
            let rows = |told: &Calendar, only| {
                let open = OpenDays::read(told, only);
                let rows = calendar::rows(&all[0], &days, Some(&open), None, (&venue, Freshness::live(now)));
                rows.into_iter().map(|row| (row.date, row.status, row.performance_count)).collect::<Vec<_>>()
            };
            shown(read.map(|told| (rows(&told, true), rows(&told, false))))
        }
        other => panic!("{other} has no mapping"),
    }
}

#[tokio::test]
async fn every_answer_of_the_catalogue_is_mapped_as_the_papers_say() {
    for operation in CATALOGUE {
        for case in cases(&format!("acme/{operation}")) {
            let name = format!("{operation}__{}", case.name);
            insta::assert_snapshot!(name, mapped(operation, case).await);
        }
    }
}

#[test]
fn every_folder_of_fixtures_is_in_a_table() {
    let mut known = [CATALOGUE, orders::SALES].concat();
    known.sort_unstable();
    assert_eq!(operations("acme"), known);
}

#[tokio::test]
async fn pages_of_the_envelope_are_walked_to_the_first_that_is_not_full() {
    let page = |ids: std::ops::Range<u32>| {
        let list: Vec<String> =
            ids.map(|id| format!("{{\"id\": {id}, \"startTime\": \"2031-06-01T10:00:00-04:00\"}}")).collect();
        Case::new("page", 200, format!("{{\"list\": [{}], \"pagination\": {{\"pageSize\": 2}}}}", list.join(",")))
    };
    let (client, prompter) = client(vec![page(1..3), page(3..5), page(5..6)]).await;
    let listed = client.list_instances(Operation::ListPerformances, day(), &venue().zone).await.expect("instances");
    assert_eq!((listed.len(), prompter.asked().len()), (5, 3));
    let array = case("acme/list_instances", "bare_array_of_open_admission.json");
    let (client, prompter) = self::client(vec![array.clone(), array]).await;
    let listed = client.list_instances(Operation::ListPerformances, day(), &venue().zone).await.expect("instances");
    assert_eq!((listed.len(), prompter.asked().len()), (5, 1), "a bare array is whole");
}

/// A key of a step, of no meaning here.
fn key() -> StepKey {
    StepKey(uuid::Uuid::nil())
}
