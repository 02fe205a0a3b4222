//! The nights of a host: events registered, changed, handed in and deleted, and the sections of their place.

use serde_json::{Value, json};

use crate::process_sandbox::Served;
use crate::walk::{OPERATOR, edit, source_id};

const CREATE: &str = "mutation($input: CreateEventInput!) { createEvent(input: $input) {
    results { source { name } event { id title status sections { name capacity } } problems { code path } } replayed } }";

async fn create(served: &Served, title: &str) -> Value {
    let quay = source_id(served, "quay").await;
    let section = json!({ "name": "Pier", "capacity": 80, "price": { "amount": 12_050, "currency": "TTD" } });
    let input = json!({ "idempotencyKey": title, "sources": [quay], "title": title, "description": "Lanterns",
        "startsAt": "2031-06-01T23:00:00Z", "durationMinutes": 180, "sections": [section] });
    let told = served.ask_as(OPERATOR, CREATE, json!({ "input": input.clone() })).await;
    let result = told["data"]["createEvent"]["results"][0].clone();
    assert_eq!((&result["problems"], &result["event"]["status"]), (&json!([]), &json!("DRAFT")), "{told}");
    assert_eq!(result["event"]["sections"], json!([{ "name": "Pier", "capacity": 80 }]));
    let again = served.ask_as(OPERATOR, CREATE, json!({ "input": input })).await["data"]["createEvent"].clone();
    assert_eq!((&again["replayed"], &again["results"][0]["event"]["id"]), (&json!(true), &result["event"]["id"]));
    result["event"]["id"].clone()
}

const READ: &str = "query($id: ID!) { event(id: $id) { title status startsAt authoring { reviewState published { title } schedules { id } } } }";

/// Makes an event with a section, changes both, hands the event in, and deletes another.
pub(crate) async fn walk(served: &Served) {
    let quay = source_id(served, "quay").await;
    let lists = "query($s: [ID!]) { open: events(filter: { sources: $s }) { totalCount }
        all: events(filter: { sources: $s, includePrivate: true }) { totalCount } }";
    let told = served.ask_as(OPERATOR, lists, json!({ "s": [quay] })).await;
    assert_eq!(told["errors"], Value::Null, "{told}");

    let (event, other) = (create(served, "Lantern Night").await, create(served, "Rain Night").await);
    let change = json!({ "event": event, "title": "Night of Lanterns",
        "vendorFields": [{ "source": quay, "name": "tags", "value": "[\"lanterns\"]" }] });
    let told = edit(served, "updateEvent", "UpdateEventInput", change).await;
    assert_eq!(told["event"]["title"], "Night of Lanterns");
    let section = json!({ "name": "Deck", "capacity": 20, "price": { "amount": 30_000, "currency": "TTD" } });
    let told =
        edit(served, "addEventSection", "AddEventSectionInput", json!({ "event": event, "section": section })).await;
    let names: Vec<&Value> =
        told["event"]["sections"].as_array().expect("sections").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["Pier", "Deck"]);
    let (pier, deck) = (&told["event"]["sections"][0]["id"], &told["event"]["sections"][1]["id"]);
    let change = json!({ "section": deck, "capacity": 25 });
    let told = edit(served, "updateEventSection", "UpdateEventSectionInput", change).await;
    assert_eq!(
        (&told["event"]["sections"][1]["capacity"], &told["event"]["sections"][1]["name"]),
        (&json!(25), &json!("Deck"))
    );
    let told = edit(served, "removeEventSection", "RemoveEventSectionInput", json!({ "section": pier })).await;
    assert_eq!(told["event"]["sections"].as_array().map(Vec::len), Some(1));
    edit(served, "publishEvent", "EventActionInput", json!({ "event": event })).await;
    edit(served, "deleteEvent", "EventActionInput", json!({ "event": other })).await;

    let read = async || served.ask_as(OPERATOR, READ, json!({ "id": event })).await["data"]["event"].clone();
    let told = read().await;
    assert_eq!((&told["status"], &told["authoring"]["published"]), (&json!("DRAFT"), &Value::Null), "under review");
    assert_eq!(told["startsAt"], "2031-06-01T19:00:00-04:00", "the change of a title moved nothing");
    assert_eq!(told["authoring"]["schedules"], json!([]));
    let submissions =
        served.calls("ticketing").await.iter().filter(|call| call.target.ends_with("/submissions")).count();
    edit(served, "publishEvent", "EventActionInput", json!({ "event": event, "idempotencyKey": "again" })).await;
    let more = served.calls("ticketing").await.iter().filter(|call| call.target.ends_with("/submissions")).count();
    assert_eq!((submissions, more), (1, 1), "it is handed in once");
}
