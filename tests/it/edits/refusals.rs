//! Edits that must not come to pass, and edits that must not cost what they do not name.

use std::sync::Arc;

use edits::Journal;
use serde_json::{Value, json};

use crate::edits::world::{CREATE, World, journal, source_id, writes};

const FIND: &str = "query($s: [ID!]) { events(first: 100, filter: { sources: $s, status: [DRAFT, ON_SALE] }) { nodes {
    id title status capacity soldQuantity description startsAt sections { id name capacity }
    ticketTypes { name price { retail { amount } } } } } }";

async fn find(world: &World, source: &str, title: &str) -> Value {
    let told = world.run(journal().await, FIND, json!({ "s": [source_id(source)] })).await;
    let nodes = told["data"]["events"]["nodes"].as_array().cloned().expect("events");
    let found = nodes.into_iter().rfind(|node| node["title"] == title);
    found.unwrap_or_else(|| panic!("no {title}: {told}"))
}

/// Makes an edit of an event; tells its payload.
async fn edit(world: &World, journal: &Arc<dyn Journal>, name: &str, kind: &str, input: Value) -> Value {
    let document = format!(
        "mutation($input: {kind}!) {{ told: {name}(input: $input) {{ event {{ title status sections {{ name capacity }} }}
            problems {{ code path retry }} }} }}"
    );
    let told = world.run(Arc::clone(journal), &document, json!({ "input": input })).await;
    assert_eq!(told["errors"], Value::Null, "{name}: {told}");
    told["data"]["told"].clone()
}

fn section<'e>(event: &'e Value, name: &str) -> &'e Value {
    let sections = event["sections"].as_array().expect("sections");
    sections.iter().find(|section| section["name"] == name).expect("the section")
}

#[tokio::test]
async fn a_publication_is_never_taken_back() {
    let (world, journal) = (World::open().await, journal().await);
    for (source, title, field, value) in [
        ("harbor", "Harbor Admission", "reviewState", "draft"),
        ("quay", "Quay Fridays", "status", "Draft"),
        ("quay", "Quay Fridays", "published", ""),
    ] {
        let event = find(&world, source, title).await;
        let before = world.benches().map(writes);
        let input = json!({ "idempotencyKey": field, "event": event["id"],
            "vendorFields": [{ "source": source_id(source), "name": field, "value": value }] });
        let told = edit(&world, &journal, "updateEvent", "UpdateEventInput", input).await;
        let problem =
            json!([{ "code": "INVALID_INPUT", "path": ["input", "vendorFields", field], "retry": "WITH_NEW_INPUT" }]);
        assert_eq!((&told["problems"], &told["event"]["status"]), (&problem, &event["status"]), "{source}");
        assert_eq!(world.benches().map(writes), before, "{source}: refused before anything was sent");
    }
}

#[tokio::test]
async fn a_capacity_below_what_was_sold_is_refused_and_the_section_stays() {
    let (world, journal) = (World::open().await, journal().await);
    let event = find(&world, "quay", "Quay Fridays").await;
    let floor = section(&event, "General Admission");
    for (key, capacity) in [("below", 111), ("nothing", 0)] {
        let input = json!({ "idempotencyKey": key, "section": floor["id"], "capacity": capacity });
        let told = edit(&world, &journal, "updateEventSection", "UpdateEventSectionInput", input).await;
        let problem = json!([{ "code": "INVALID_INPUT", "path": ["input", "capacity"], "retry": "WITH_NEW_INPUT" }]);
        assert_eq!(told["problems"], problem, "112 are sold");
        assert_eq!(section(&told["event"], "General Admission")["capacity"], floor["capacity"]);
    }
    assert_eq!(writes(&world.quay), 0);
    let input = json!({ "idempotencyKey": "just", "section": floor["id"], "capacity": 112 });
    let told = edit(&world, &journal, "updateEventSection", "UpdateEventSectionInput", input).await;
    assert_eq!(
        (&told["problems"], &section(&told["event"], "General Admission")["capacity"]),
        (&json!([]), &json!(112))
    );
    let of_event = json!({ "idempotencyKey": "event", "event": event["id"], "capacity": 5_000 });
    let told = edit(&world, &journal, "updateEvent", "UpdateEventInput", of_event).await;
    assert_eq!(told["problems"][0]["path"], json!(["input", "capacity"]), "places belong to sections: {told}");
}

#[tokio::test]
async fn what_was_sold_is_not_deleted() {
    let (world, journal) = (World::open().await, journal().await);
    let event = find(&world, "quay", "Quay Fridays").await;
    let input = json!({ "idempotencyKey": "event", "event": event["id"] });
    let told = edit(&world, &journal, "deleteEvent", "EventActionInput", input).await;
    assert_eq!(
        (&told["problems"][0]["code"], &told["event"]["title"]),
        (&json!("CONFLICT"), &event["title"]),
        "{told}"
    );
    let input = json!({ "idempotencyKey": "section", "section": section(&event, "VIP Deck")["id"] });
    let told = edit(&world, &journal, "removeEventSection", "RemoveEventSectionInput", input).await;
    assert_eq!(told["problems"][0]["code"], "CONFLICT", "{told}");
    assert_eq!((told["event"]["sections"].as_array().map(Vec::len), writes(&world.quay)), (Some(3), 0));
}

#[tokio::test]
async fn a_change_of_one_part_costs_no_other() {
    let (world, journal) = (World::open().await, journal().await);
    let before = find(&world, "quay", "Rooftop Series").await;
    let input = json!({ "idempotencyKey": "title", "event": before["id"], "title": "Roof Series" });
    assert_eq!(edit(&world, &journal, "updateEvent", "UpdateEventInput", input).await["problems"], json!([]));
    let roof = section(&before, "Roof");
    let input = json!({ "idempotencyKey": "name", "section": roof["id"], "name": "Sky" });
    assert_eq!(
        edit(&world, &journal, "updateEventSection", "UpdateEventSectionInput", input).await["problems"],
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
async fn a_place_that_is_not_configured_must_be_named() {
    let (world, journal) = (World::open().await, journal().await);
    let make = async |key: &str, name: &str, value: &str| {
        let input = json!({ "input": { "idempotencyKey": key, "sources": [source_id("quay")], "title": key,
            "vendorFields": [{ "source": source_id("quay"), "name": name, "value": value }] } });
        world.run(Arc::clone(&journal), CREATE, input).await["data"]["told"]["results"][0].clone()
    };
    let wrong = make("Nowhere Night", "venue", "no id at all!").await;
    assert_eq!(wrong["problems"][0]["path"], json!(["input", "vendorFields", "venue"]), "{wrong}");
    assert_eq!(writes(&world.quay), 0);
    let unknown = make("Elsewhere Night", "venue", "17201150000000").await;
    assert_eq!((&unknown["event"], &unknown["problems"][0]["code"]), (&Value::Null, &json!("INVALID_INPUT")));
    assert_eq!(make("Deck Night", "venue", "/venues/17201150131206").await["problems"], json!([]));
}

#[tokio::test]
async fn more_serials_than_a_call_takes_are_refused_before_anything_is_sent() {
    let world = World::open().await;
    let event = find(&world, "quay", "Quay Fridays").await;
    let document =
        "mutation($input: AdmitTicketsInput!) { told: admitTickets(input: $input) { admitted { ticketSerial } refused
        problems { code path } } }";
    let serials = |count: usize| (0..count).map(|number| format!("AAAAAA-{number:012}")).collect::<Vec<_>>();
    let before = world.quay.calls();
    for serials in [serials(101), Vec::new(), vec![" ".to_owned()]] {
        let input = json!({ "code": "K7P2M9QX", "event": event["id"], "serials": serials });
        let told = world.run(journal().await, document, json!({ "input": input })).await["data"]["told"].clone();
        let problem = json!([{ "code": "INVALID_INPUT", "path": ["input", "serials"] }]);
        assert_eq!((&told["admitted"], &told["refused"], &told["problems"]), (&json!([]), &json!([]), &problem));
    }
    assert_eq!(world.quay.calls(), before);
}
