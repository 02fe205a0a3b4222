//! Event authoring at TickeTing: events created, changed, submitted and deleted, and their sections.

use serde_json::{Value, json};

use crate::process_sandbox::SandboxProcess;
use crate::vendor_operations::{OPERATOR, edit, source_id};

const CREATE: &str = "mutation($input: CreateEventInput!) { createEvent(input: $input) {
    results { source { name } event { id title status sections { name capacity } } problems { code path } } replayed } }";

async fn create(served: &SandboxProcess, title: &str) -> Value {
    let quay = source_id(served, "quay").await;
    let section = json!({ "name": "Pier", "capacity": 80, "price": { "amount": 12_050, "currency": "TTD" } });
    let input = json!({ "idempotencyKey": title, "sources": [quay], "title": title, "description": "Lanterns",
        "startsAt": "2031-06-01T23:00:00Z", "durationMinutes": 180, "sections": [section] });
    let response = served.query_as(OPERATOR, CREATE, json!({ "input": input.clone() })).await;
    let result = response["data"]["createEvent"]["results"][0].clone();
    assert_eq!((&result["problems"], &result["event"]["status"]), (&json!([]), &json!("DRAFT")), "{response}");
    assert_eq!(result["event"]["sections"], json!([{ "name": "Pier", "capacity": 80 }]));
    let again = served.query_as(OPERATOR, CREATE, json!({ "input": input })).await["data"]["createEvent"].clone();
    assert_eq!((&again["replayed"], &again["results"][0]["event"]["id"]), (&json!(true), &result["event"]["id"]));
    result["event"]["id"].clone()
}

const READ: &str = "query($id: ID!) { event(id: $id) { title status startsAt authoring { reviewState published { title } schedules { id } } } }";

/// Creates an event with a section, changes both, submits the event, and deletes another.
pub(crate) async fn run(served: &SandboxProcess) {
    let quay = source_id(served, "quay").await;
    let lists = "query($s: [ID!]) { open: events(filter: { sources: $s }) { totalCount }
        all: events(filter: { sources: $s, includePrivate: true }) { totalCount } }";
    let response = served.query_as(OPERATOR, lists, json!({ "s": [quay] })).await;
    assert_eq!(response["errors"], Value::Null, "{response}");

    let (event, other) = (create(served, "Lantern Night").await, create(served, "Rain Night").await);
    let change = json!({ "event": event, "title": "Night of Lanterns",
        "vendorFields": [{ "source": quay, "name": "tags", "value": "[\"lanterns\"]" }] });
    let response = edit(served, "updateEvent", "UpdateEventInput", change).await;
    assert_eq!(response["event"]["title"], "Night of Lanterns");
    let section = json!({ "name": "Deck", "capacity": 20, "price": { "amount": 30_000, "currency": "TTD" } });
    let response =
        edit(served, "addEventSection", "AddEventSectionInput", json!({ "event": event, "section": section })).await;
    let names: Vec<&Value> =
        response["event"]["sections"].as_array().expect("sections").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["Pier", "Deck"]);
    let (pier, deck) = (&response["event"]["sections"][0]["id"], &response["event"]["sections"][1]["id"]);
    let change = json!({ "section": deck, "capacity": 25 });
    let response = edit(served, "updateEventSection", "UpdateEventSectionInput", change).await;
    assert_eq!(
        (&response["event"]["sections"][1]["capacity"], &response["event"]["sections"][1]["name"]),
        (&json!(25), &json!("Deck"))
    );
    let response = edit(served, "removeEventSection", "RemoveEventSectionInput", json!({ "section": pier })).await;
    assert_eq!(response["event"]["sections"].as_array().map(Vec::len), Some(1));
    edit(served, "publishEvent", "EventActionInput", json!({ "event": event })).await;
    edit(served, "deleteEvent", "EventActionInput", json!({ "event": other })).await;

    let read = async || served.query_as(OPERATOR, READ, json!({ "id": event })).await["data"]["event"].clone();
    let response = read().await;
    assert_eq!(
        (&response["status"], &response["authoring"]["published"]),
        (&json!("DRAFT"), &Value::Null),
        "under review"
    );
    assert_eq!(response["startsAt"], "2031-06-01T19:00:00-04:00", "changing the title did not change the start");
    assert_eq!(response["authoring"]["schedules"], json!([]));
    let submissions =
        served.calls("ticketing").await.iter().filter(|call| call.target.ends_with("/submissions")).count();
    edit(served, "publishEvent", "EventActionInput", json!({ "event": event, "idempotencyKey": "again" })).await;
    let more = served.calls("ticketing").await.iter().filter(|call| call.target.ends_with("/submissions")).count();
    assert_eq!((submissions, more), (1, 1), "it is submitted once");
}
