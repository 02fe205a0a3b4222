//! Event authoring at ACME: event templates and their parts.

use serde_json::{Value, json};

use crate::process_sandbox::SandboxProcess;
use crate::vendor_operations::orders;
use crate::vendor_operations::{OPERATOR, edit, source_id};

const GOLD: &str = "66f0cc30c3d2e4b5a6970001";
const SILVER: &str = "66f0cc30c3d2e4b5a6970002";
const QUARTER_OFF: &str = "66f0dd40c3d2e4b5a6970001";
const GUIDE: &str = "66f0bb20c3d2e4b5a6970001";

async fn create(served: &SandboxProcess, title: &str) -> Value {
    let harbor = source_id(served, "harbor").await;
    let document = "mutation($input: CreateEventInput!) { createEvent(input: $input) {
        results { event { id title status } problems { code path } } replayed } }";
    let input = json!({ "idempotencyKey": title, "sources": [harbor], "title": title, "description": "A walk",
        "durationMinutes": 45, "capacity": 12 });
    let response = served.query_as(OPERATOR, document, json!({ "input": input.clone() })).await;
    let result = response["data"]["createEvent"]["results"][0].clone();
    assert_eq!((&result["problems"], &result["event"]["status"]), (&json!([]), &json!("DRAFT")), "{response}");
    let again = served.query_as(OPERATOR, document, json!({ "input": input })).await;
    assert_eq!(again["data"]["createEvent"]["replayed"], true, "{again}");
    assert_eq!(again["data"]["createEvent"]["results"][0]["event"]["id"], result["event"]["id"]);
    result["event"]["id"].clone()
}

const READ: &str = "query($id: ID!) { event(id: $id) { title status authoring { reviewState published { title }
    schedules { id name times { hour minute quantity } salesChannels { channel enabled } }
    resources { id name quantity } prerequisites { operation requires { eventRef minMinutes } }
    recommendations { recommendations { eventRef } tags } dependents { eventRef maxMinutes } addOns { id name price { amount } }
    membership { restrictions { id name } discounts { discountId maxTickets }
        discount(category: \"66f0cc30c3d2e4b5a6970001\") { discountName maxTickets } } } } }";

/// Asserts that the event reads as it was written.
async fn assert_event_as_written(served: &SandboxProcess, event: &Value, other: &Value) {
    let response = served.query_as(OPERATOR, READ, json!({ "id": event })).await;
    assert_eq!(response["errors"], Value::Null, "{response}");
    let (shown, office) = (&response["data"]["event"], &response["data"]["event"]["authoring"]);
    assert_eq!((&shown["title"], &office["published"]["title"]), (&json!("Harbor Stroll"), &json!("Harbor Stroll")));
    assert_eq!(office["reviewState"], "PUBLISHED");
    assert_eq!(
        office["schedules"].as_array().map(Vec::len),
        Some(2),
        "the full replacement kept the other fields: {office}"
    );
    assert_eq!(office["schedules"][0]["salesChannels"].as_array().map(Vec::len), Some(5));
    assert_eq!(office["resources"][0]["quantity"], 2);
    assert_eq!(office["prerequisites"]["requires"], json!([{ "eventRef": other, "minMinutes": 5 }]));
    assert_eq!(office["dependents"], json!([{ "eventRef": other, "maxMinutes": 90 }]));
    assert_eq!(office["addOns"], json!([{ "id": "310", "name": "Audio guide", "price": { "amount": 600 } }]));
    let membership = &office["membership"];
    assert_eq!(membership["restrictions"], json!([{ "id": GOLD, "name": "Gold" }]));
    assert_eq!(membership["discount"], json!({ "discountName": "Quarter off", "maxTickets": 4 }));
}

/// Creates two events, sets every part of one of them, reads it, and removes the parts again.
pub(crate) async fn run(served: &SandboxProcess) {
    let event = create(served, "Harbor Walk").await;
    let other = create(served, "Quay Walk").await;
    served
        .query_as(OPERATOR, "{ events(filter: { includePrivate: true, status: [DRAFT] }) { nodes { id } } }", json!({}))
        .await;
    let action = json!({ "event": event });
    let with = |more: Value| {
        let mut input = action.clone();
        for (name, value) in more.as_object().expect("an object") {
            input[name] = value.clone();
        }
        input
    };
    let relation =
        |add: bool| with(json!({ "relations": [{ "event": other, "minMinutes": 5, "maxMinutes": 90 }], "add": add }));
    let schedule = json!({ "name": "Noon", "effectiveFrom": "2031-01-01T00:00:00Z", "weekdays": ["MONDAY", "SUNDAY"],
        "times": [{ "hour": 12, "minute": 0 }] });
    edit(served, "updateEvent", "UpdateEventInput", with(json!({ "title": "Harbor Stroll", "capacity": 14 }))).await;
    edit(served, "addEventSchedule", "AddEventScheduleInput", with(json!({ "schedule": schedule }))).await;
    edit(served, "setEventSchedules", "SetEventSchedulesInput", with(json!({ "schedules": [schedule, schedule] })))
        .await;
    edit(served, "addEventResource", "EventResourceInput", with(json!({ "resource": GUIDE, "quantity": 1 }))).await;
    let lines = with(json!({ "resources": [{ "resource": GUIDE, "quantity": 2 }] }));
    edit(served, "setEventResources", "SetEventResourcesInput", lines).await;
    for name in ["setEventPrerequisites", "setEventRecommendations", "setEventDependents"] {
        edit(served, name, "SetEventRelationsInput", relation(true)).await;
        edit(served, name, "SetEventRelationsInput", relation(false)).await;
    }
    edit(served, "setEventAddOns", "SetEventAddOnsInput", with(json!({ "addOns": ["310", "311"], "add": true }))).await;
    edit(served, "setEventAddOns", "SetEventAddOnsInput", with(json!({ "addOns": ["312"], "add": true }))).await;
    edit(served, "setEventAddOns", "SetEventAddOnsInput", with(json!({ "addOns": ["310", "311"] }))).await;
    edit(served, "removeEventAddOn", "RemoveEventAddOnInput", with(json!({ "addOn": "311" }))).await;
    let discount = json!({ "category": GOLD, "discount": QUARTER_OFF, "maxTickets": 4 });
    let membership = with(json!({ "restrictions": [GOLD], "discounts": [discount] }));
    edit(served, "setEventMembership", "SetEventMembershipInput", membership).await;
    edit(served, "allowMembershipCategory", "MembershipCategoryInput", with(json!({ "category": SILVER }))).await;
    let more = with(json!({ "discount": { "category": SILVER, "maxTickets": 2 } }));
    edit(served, "setMembershipDiscount", "SetMembershipDiscountInput", more).await;
    edit(served, "denyMembershipCategory", "MembershipCategoryInput", with(json!({ "category": SILVER }))).await;
    edit(served, "removeMembershipDiscount", "MembershipCategoryInput", with(json!({ "category": SILVER }))).await;
    edit(served, "publishEvent", "EventActionInput", action.clone()).await;

    assert_event_as_written(served, &event, &other).await;
    for name in ["setEventPrerequisites", "setEventRecommendations", "setEventDependents"] {
        edit(served, name, "SetEventRelationsInput", with(json!({ "relations": [] }))).await;
    }
    edit(served, "setEventAddOns", "SetEventAddOnsInput", with(json!({ "addOns": [] }))).await;
    let gone = edit(served, "deleteEvent", "EventActionInput", json!({ "event": other })).await;
    assert_eq!(gone["event"], Value::Null);
}

#[tokio::test]
async fn a_rejected_edit_is_a_problem_with_a_path_and_invalid_input_is_not_sent() {
    let served = SandboxProcess::start();
    let event = create(&served, "Harbor Walk").await;
    let harbor = source_id(&served, "harbor").await;
    let document = "mutation($input: UpdateEventInput!) { updateEvent(input: $input) { event { id } problems { code path retry } } }";
    let back = json!({ "idempotencyKey": "back", "event": event,
        "vendorFields": [{ "source": harbor, "name": "reviewState", "value": "draft" }] });
    let before = served.calls("acme").await.len();
    let response = served.query_as(OPERATOR, document, json!({ "input": back })).await;
    let problem = &response["data"]["updateEvent"]["problems"][0];
    assert_eq!(
        (&problem["code"], &problem["retry"]),
        (&json!("INVALID_INPUT"), &json!("WITH_NEW_INPUT")),
        "{response}"
    );
    assert_eq!(problem["path"], json!(["input", "vendorFields", "reviewState"]));
    let writes = served.calls("acme").await.split_off(before).into_iter().filter(|call| call.method != "GET").count();
    assert_eq!(writes, 0, "it was rejected before any call");
    let unknown = json!({ "idempotencyKey": "no such", "event": event, "restrictions": ["nobody"], "discounts": [] });
    let document =
        "mutation($input: SetEventMembershipInput!) { setEventMembership(input: $input) { problems { code } } }";
    let response = served.query_as(OPERATOR, document, json!({ "input": unknown })).await;
    assert_eq!(response["data"]["setEventMembership"]["problems"][0]["code"], "NOT_FOUND", "{response}");
    let response = served
        .query_as(
            "sandbox-storefront",
            "mutation($e: ID!) { deleteEvent(input: { idempotencyKey: \"d\", event: $e }) { replayed } }",
            json!({ "e": event }),
        )
        .await;
    assert_eq!(response["errors"][0]["extensions"]["code"], "FORBIDDEN", "{response}");
}

#[tokio::test]
async fn a_capacity_below_the_sold_quantity_is_rejected_and_the_event_stays_unchanged() {
    let served = SandboxProcess::start();
    let mut line = orders::find_line(&served, "harbor").await;
    line["quantity"] = json!(3);
    let performance = line["performance"].clone();
    orders::buy(&served, &orders::OrderRequest { key: "three", lines: vec![line], delivery: "BARCODE" }).await;
    let document = "query($p: ID!) { node(id: $p) { ... on Performance { event { id title capacity } } } }";
    let response = served.query_as(OPERATOR, document, json!({ "p": performance })).await;
    let event = &response["data"]["node"]["event"];
    let document = "mutation($input: UpdateEventInput!) { updateEvent(input: $input) { event { id title capacity } problems { code path retry } } }";
    let below = json!({ "idempotencyKey": "below", "event": event["id"], "title": "Half of it", "capacity": 2 });
    let response = served.query_as(OPERATOR, document, json!({ "input": below })).await;
    let refused = &response["data"]["updateEvent"];
    assert_eq!(refused["problems"][0]["code"], "INVALID_INPUT", "{response}");
    assert_eq!(refused["event"], *event, "nothing was written");
}
