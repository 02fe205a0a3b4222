//! Edits that must be rejected, and edits that must not affect anything else.

use std::sync::Arc;

use edits::IdempotencyStore;
use serde_json::{Value, json};

use crate::edits::world::{CREATE, World, open_store, source_id, writes};

const FIND: &str = "query($s: [ID!]) { events(first: 100, filter: { sources: $s, status: [DRAFT, ON_SALE] }) { nodes {
    id title status capacity soldQuantity description startsAt sections { id name capacity }
    ticketTypes { name price { retail { amount } } } } } }";

async fn find(world: &World, source: &str, title: &str) -> Value {
    let response = world.run(open_store().await, FIND, json!({ "s": [source_id(source)] })).await;
    let nodes = response["data"]["events"]["nodes"].as_array().cloned().expect("events");
    let found = nodes.into_iter().rfind(|node| node["title"] == title);
    found.unwrap_or_else(|| panic!("no {title}: {response}"))
}

/// Edits an event and returns the payload.
async fn edit(world: &World, store: &Arc<dyn IdempotencyStore>, name: &str, kind: &str, input: Value) -> Value {
    let document = format!(
        "mutation($input: {kind}!) {{ result: {name}(input: $input) {{ event {{ title status sections {{ name capacity }} }}
            problems {{ code path retry }} }} }}"
    );
    let response = world.run(Arc::clone(store), &document, json!({ "input": input })).await;
    assert_eq!(response["errors"], Value::Null, "{name}: {response}");
    response["data"]["result"].clone()
}

fn section<'e>(event: &'e Value, name: &str) -> &'e Value {
    let sections = event["sections"].as_array().expect("sections");
    sections.iter().find(|section| section["name"] == name).expect("the section")
}

#[tokio::test]
async fn a_publication_is_never_reverted() {
    let (world, store) = (World::open().await, open_store().await);
    for (source, title, field, value) in [
        ("harbor", "Harbor Admission", "reviewState", "draft"),
        ("quay", "Quay Fridays", "status", "Draft"),
        ("quay", "Quay Fridays", "published", ""),
    ] {
        let event = find(&world, source, title).await;
        let before = world.benches().map(writes);
        let input = json!({ "idempotencyKey": field, "event": event["id"],
            "vendorFields": [{ "source": source_id(source), "name": field, "value": value }] });
        let response = edit(&world, &store, "updateEvent", "UpdateEventInput", input).await;
        let problem =
            json!([{ "code": "INVALID_INPUT", "path": ["input", "vendorFields", field], "retry": "WITH_NEW_INPUT" }]);
        assert_eq!((&response["problems"], &response["event"]["status"]), (&problem, &event["status"]), "{source}");
        assert_eq!(world.benches().map(writes), before, "{source}: rejected before any call");
    }
}

#[tokio::test]
async fn a_capacity_below_the_sold_tickets_is_rejected_and_the_section_stays() {
    let (world, store) = (World::open().await, open_store().await);
    let event = find(&world, "quay", "Quay Fridays").await;
    let floor = section(&event, "General Admission");
    for (key, capacity) in [("below", 111), ("nothing", 0)] {
        let input = json!({ "idempotencyKey": key, "section": floor["id"], "capacity": capacity });
        let response = edit(&world, &store, "updateEventSection", "UpdateEventSectionInput", input).await;
        let problem = json!([{ "code": "INVALID_INPUT", "path": ["input", "capacity"], "retry": "WITH_NEW_INPUT" }]);
        assert_eq!(response["problems"], problem, "112 are sold");
        assert_eq!(section(&response["event"], "General Admission")["capacity"], floor["capacity"]);
    }
    assert_eq!(writes(&world.quay), 0);
    let input = json!({ "idempotencyKey": "just", "section": floor["id"], "capacity": 112 });
    let response = edit(&world, &store, "updateEventSection", "UpdateEventSectionInput", input).await;
    assert_eq!(
        (&response["problems"], &section(&response["event"], "General Admission")["capacity"]),
        (&json!([]), &json!(112))
    );
    let of_event = json!({ "idempotencyKey": "event", "event": event["id"], "capacity": 5_000 });
    let response = edit(&world, &store, "updateEvent", "UpdateEventInput", of_event).await;
    assert_eq!(
        response["problems"][0]["path"],
        json!(["input", "capacity"]),
        "capacity belongs to sections: {response}"
    );
}

#[tokio::test]
async fn an_event_with_sales_is_not_deleted() {
    let (world, store) = (World::open().await, open_store().await);
    let event = find(&world, "quay", "Quay Fridays").await;
    let input = json!({ "idempotencyKey": "event", "event": event["id"] });
    let response = edit(&world, &store, "deleteEvent", "EventActionInput", input).await;
    assert_eq!(
        (&response["problems"][0]["code"], &response["event"]["title"]),
        (&json!("CONFLICT"), &event["title"]),
        "{response}"
    );
    let input = json!({ "idempotencyKey": "section", "section": section(&event, "VIP Deck")["id"] });
    let response = edit(&world, &store, "removeEventSection", "RemoveEventSectionInput", input).await;
    assert_eq!(response["problems"][0]["code"], "CONFLICT", "{response}");
    assert_eq!((response["event"]["sections"].as_array().map(Vec::len), writes(&world.quay)), (Some(3), 0));
}

#[tokio::test]
async fn a_partial_update_keeps_the_other_fields() {
    let (world, store) = (World::open().await, open_store().await);
    let before = find(&world, "quay", "Rooftop Series").await;
    let input = json!({ "idempotencyKey": "title", "event": before["id"], "title": "Roof Series" });
    assert_eq!(edit(&world, &store, "updateEvent", "UpdateEventInput", input).await["problems"], json!([]));
    let roof = section(&before, "Roof");
    let input = json!({ "idempotencyKey": "name", "section": roof["id"], "name": "Sky" });
    assert_eq!(
        edit(&world, &store, "updateEventSection", "UpdateEventSectionInput", input).await["problems"],
        json!([])
    );
    let after = find(&world, "quay", "Roof Series").await;
    for field in ["id", "description", "startsAt", "capacity"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(section(&after, "Sky")["capacity"], roof["capacity"]);
    assert_eq!(after["ticketTypes"][0]["price"], before["ticketTypes"][0]["price"]);
}

#[tokio::test]
async fn a_venue_that_is_not_configured_must_be_given() {
    let (world, store) = (World::open().await, open_store().await);
    let make = async |key: &str, name: &str, value: &str| {
        let input = json!({ "input": { "idempotencyKey": key, "sources": [source_id("quay")], "title": key,
            "vendorFields": [{ "source": source_id("quay"), "name": name, "value": value }] } });
        world.run(Arc::clone(&store), CREATE, input).await["data"]["result"]["results"][0].clone()
    };
    let wrong = make("Nowhere Night", "venue", "no id at all!").await;
    assert_eq!(wrong["problems"][0]["path"], json!(["input", "vendorFields", "venue"]), "{wrong}");
    assert_eq!(writes(&world.quay), 0);
    let unknown = make("Elsewhere Night", "venue", "17201150000000").await;
    assert_eq!((&unknown["event"], &unknown["problems"][0]["code"]), (&Value::Null, &json!("INVALID_INPUT")));
    assert_eq!(make("Deck Night", "venue", "/venues/17201150131206").await["problems"], json!([]));
}

#[tokio::test]
async fn too_many_serials_are_rejected_before_any_call() {
    let world = World::open().await;
    let event = find(&world, "quay", "Quay Fridays").await;
    let document =
        "mutation($input: AdmitTicketsInput!) { result: admitTickets(input: $input) { admitted { ticketSerial } refused
        problems { code path } } }";
    let serials = |count: usize| (0..count).map(|number| format!("AAAAAA-{number:012}")).collect::<Vec<_>>();
    let before = world.quay.calls();
    for serials in [serials(101), Vec::new(), vec![" ".to_owned()]] {
        let input = json!({ "code": "K7P2M9QX", "event": event["id"], "serials": serials });
        let response =
            world.run(open_store().await, document, json!({ "input": input })).await["data"]["result"].clone();
        let problem = json!([{ "code": "INVALID_INPUT", "path": ["input", "serials"] }]);
        assert_eq!(
            (&response["admitted"], &response["refused"], &response["problems"]),
            (&json!([]), &json!([]), &problem)
        );
    }
    assert_eq!(world.quay.calls(), before);
}
