//! The tables of docs/vendors.md, walked: every operation that is claimed is made through GraphQL and found in the vendor's log.

use std::hash::{Hash, Hasher};

use serde_json::{Value, json};
use ticketgraph::sandbox::log::LoggedCall;

use crate::process_sandbox::Served;

const OPERATOR: &str = "sandbox-operator";
const GOLD: &str = "66f0cc30c3d2e4b5a6970001";
const SILVER: &str = "66f0cc30c3d2e4b5a6970002";
const QUARTER_OFF: &str = "66f0dd40c3d2e4b5a6970001";
const GUIDE: &str = "66f0bb20c3d2e4b5a6970001";

/// A row of a table: method and path, with `{…}` for what varies.
fn rows(heading: &str, prefix: (&str, &str)) -> Vec<(String, String)> {
    let text = include_str!("../../docs/vendors.md");
    let part = text.split("\n## ").find(|part| part.starts_with(heading)).expect("a part");
    let row = |line: &str| {
        let call = line.split('|').nth(3)?.trim();
        let (method, path) = call.split_once(' ')?;
        let is_row =
            method.bytes().all(|b| b.is_ascii_uppercase()) && line.split('|').nth(1)?.trim().parse::<u32>().is_ok();
        let path = match path.strip_prefix(prefix.0) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", prefix.1),
            _ => path.to_owned(),
        };
        is_row.then(|| (method.to_owned(), path))
    };
    part.lines().filter_map(row).collect()
}

fn was_called(calls: &[LoggedCall], method: &str, path: &str) -> bool {
    calls.iter().any(|call| {
        let asked: Vec<&str> = call.target.split('?').next().unwrap_or_default().split('/').collect();
        let claimed: Vec<&str> = path.split('/').collect();
        let fits = |(asked, claimed): (&&str, &&str)| claimed.starts_with('{') || asked == claimed;
        call.method == method
            && (200..300).contains(&call.status)
            && asked.len() == claimed.len()
            && asked.iter().zip(&claimed).all(fits)
    })
}

/// Makes one mutation of an event and expects no problem; tells its payload.
async fn edit(served: &Served, name: &str, kind: &str, input: Value) -> Value {
    let document = format!(
        "mutation($input: {kind}!) {{ told: {name}(input: $input) {{ event {{ id }} problems {{ code path }} replayed }} }}"
    );
    let mut input = input;
    // The same input is the same edit.
    let mut digest = std::hash::DefaultHasher::new();
    input.to_string().hash(&mut digest);
    input["idempotencyKey"] = json!(format!("{name} {:016x}", digest.finish()));
    let told = served.ask_as(OPERATOR, &document, json!({ "input": input })).await;
    assert_eq!(told["errors"], Value::Null, "{name}: {told}");
    assert_eq!(told["data"]["told"]["problems"], json!([]), "{name}: {told}");
    told["data"]["told"].clone()
}

async fn source_id(served: &Served, name: &str) -> Value {
    let told = served.ask_as(OPERATOR, "{ sources { id name } }", json!({})).await;
    let sources = told["data"]["sources"].as_array().cloned().expect("sources");
    sources.iter().find(|source| source["name"] == name).expect("the source")["id"].clone()
}

async fn create(served: &Served, title: &str) -> Value {
    let harbor = source_id(served, "harbor").await;
    let document = "mutation($input: CreateEventInput!) { createEvent(input: $input) {
        results { event { id title status } problems { code path } } replayed } }";
    let input = json!({ "idempotencyKey": title, "sources": [harbor], "title": title, "description": "A walk",
        "durationMinutes": 45, "capacity": 12 });
    let told = served.ask_as(OPERATOR, document, json!({ "input": input.clone() })).await;
    let result = told["data"]["createEvent"]["results"][0].clone();
    assert_eq!((&result["problems"], &result["event"]["status"]), (&json!([]), &json!("DRAFT")), "{told}");
    let again = served.ask_as(OPERATOR, document, json!({ "input": input })).await;
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

/// What was written in the walk is what is read.
async fn check_shown(served: &Served, event: &Value, other: &Value) {
    let told = served.ask_as(OPERATOR, READ, json!({ "id": event })).await;
    assert_eq!(told["errors"], Value::Null, "{told}");
    let (shown, office) = (&told["data"]["event"], &told["data"]["event"]["authoring"]);
    assert_eq!((&shown["title"], &office["published"]["title"]), (&json!("Harbor Stroll"), &json!("Harbor Stroll")));
    assert_eq!(office["reviewState"], "PUBLISHED");
    assert_eq!(office["schedules"].as_array().map(Vec::len), Some(2), "the full replace kept what was read: {office}");
    assert_eq!(office["schedules"][0]["salesChannels"].as_array().map(Vec::len), Some(5));
    assert_eq!(office["resources"][0]["quantity"], 2);
    assert_eq!(office["prerequisites"]["requires"], json!([{ "eventRef": other, "minMinutes": 5 }]));
    assert_eq!(office["dependents"], json!([{ "eventRef": other, "maxMinutes": 90 }]));
    assert_eq!(office["addOns"], json!([{ "id": "310", "name": "Audio guide", "price": { "amount": 600 } }]));
    let membership = &office["membership"];
    assert_eq!(membership["restrictions"], json!([{ "id": GOLD, "name": "Gold" }]));
    assert_eq!(membership["discount"], json!({ "discountName": "Quarter off", "maxTickets": 4 }));
}

#[tokio::test]
async fn every_operation_of_the_museums_back_office_is_reached_through_the_graph() {
    let served = Served::start();
    let event = create(&served, "Harbor Walk").await;
    let other = create(&served, "Quay Walk").await;
    served
        .ask_as(OPERATOR, "{ events(filter: { includePrivate: true, status: [DRAFT] }) { nodes { id } } }", json!({}))
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
    edit(&served, "updateEvent", "UpdateEventInput", with(json!({ "title": "Harbor Stroll", "capacity": 14 }))).await;
    edit(&served, "addEventSchedule", "AddEventScheduleInput", with(json!({ "schedule": schedule }))).await;
    edit(&served, "setEventSchedules", "SetEventSchedulesInput", with(json!({ "schedules": [schedule, schedule] })))
        .await;
    edit(&served, "addEventResource", "EventResourceInput", with(json!({ "resource": GUIDE, "quantity": 1 }))).await;
    let lines = with(json!({ "resources": [{ "resource": GUIDE, "quantity": 2 }] }));
    edit(&served, "setEventResources", "SetEventResourcesInput", lines).await;
    for name in ["setEventPrerequisites", "setEventRecommendations", "setEventDependents"] {
        edit(&served, name, "SetEventRelationsInput", relation(true)).await;
        edit(&served, name, "SetEventRelationsInput", relation(false)).await;
    }
    edit(&served, "setEventAddOns", "SetEventAddOnsInput", with(json!({ "addOns": ["310", "311"], "add": true })))
        .await;
    edit(&served, "setEventAddOns", "SetEventAddOnsInput", with(json!({ "addOns": ["312"], "add": true }))).await;
    edit(&served, "setEventAddOns", "SetEventAddOnsInput", with(json!({ "addOns": ["310", "311"] }))).await;
    edit(&served, "removeEventAddOn", "RemoveEventAddOnInput", with(json!({ "addOn": "311" }))).await;
    let discount = json!({ "category": GOLD, "discount": QUARTER_OFF, "maxTickets": 4 });
    let membership = with(json!({ "restrictions": [GOLD], "discounts": [discount] }));
    edit(&served, "setEventMembership", "SetEventMembershipInput", membership).await;
    edit(&served, "allowMembershipCategory", "MembershipCategoryInput", with(json!({ "category": SILVER }))).await;
    let more = with(json!({ "discount": { "category": SILVER, "maxTickets": 2 } }));
    edit(&served, "setMembershipDiscount", "SetMembershipDiscountInput", more).await;
    edit(&served, "denyMembershipCategory", "MembershipCategoryInput", with(json!({ "category": SILVER }))).await;
    edit(&served, "removeMembershipDiscount", "MembershipCategoryInput", with(json!({ "category": SILVER }))).await;
    edit(&served, "publishEvent", "EventActionInput", action.clone()).await;

    check_shown(&served, &event, &other).await;
    for name in ["setEventPrerequisites", "setEventRecommendations", "setEventDependents"] {
        edit(&served, name, "SetEventRelationsInput", with(json!({ "relations": [] }))).await;
    }
    edit(&served, "setEventAddOns", "SetEventAddOnsInput", with(json!({ "addOns": [] }))).await;
    let gone = edit(&served, "deleteEvent", "EventActionInput", json!({ "event": other })).await;
    assert_eq!(gone["event"], Value::Null);

    let calls = served.calls("acme").await;
    let rows = rows("ACME", ("T", "/v2/b2b/event/template"));
    assert_eq!(rows.len(), 39);
    let missing: Vec<_> = rows.iter().filter(|(method, path)| !was_called(&calls, method, path)).collect();
    assert!(missing.is_empty(), "claimed and not called: {missing:#?}");
}

#[tokio::test]
async fn what_the_museum_refuses_is_a_problem_that_names_its_place_and_is_not_sent_where_it_cannot_be_right() {
    let served = Served::start();
    let event = create(&served, "Harbor Walk").await;
    let harbor = source_id(&served, "harbor").await;
    let document = "mutation($input: UpdateEventInput!) { updateEvent(input: $input) { event { id } problems { code path retry } } }";
    let back = json!({ "idempotencyKey": "back", "event": event,
        "vendorFields": [{ "source": harbor, "name": "reviewState", "value": "draft" }] });
    let before = served.calls("acme").await.len();
    let told = served.ask_as(OPERATOR, document, json!({ "input": back })).await;
    let problem = &told["data"]["updateEvent"]["problems"][0];
    assert_eq!((&problem["code"], &problem["retry"]), (&json!("INVALID_INPUT"), &json!("WITH_NEW_INPUT")), "{told}");
    assert_eq!(problem["path"], json!(["input", "vendorFields", "reviewState"]));
    let writes = served.calls("acme").await.split_off(before).into_iter().filter(|call| call.method != "GET").count();
    assert_eq!(writes, 0, "it was refused before a call");
    let unknown = json!({ "idempotencyKey": "no such", "event": event, "restrictions": ["nobody"], "discounts": [] });
    let document =
        "mutation($input: SetEventMembershipInput!) { setEventMembership(input: $input) { problems { code } } }";
    let told = served.ask_as(OPERATOR, document, json!({ "input": unknown })).await;
    assert_eq!(told["data"]["setEventMembership"]["problems"][0]["code"], "NOT_FOUND", "{told}");
    let told = served
        .ask_as(
            "sandbox-storefront",
            "mutation($e: ID!) { deleteEvent(input: { idempotencyKey: \"d\", event: $e }) { replayed } }",
            json!({ "e": event }),
        )
        .await;
    assert_eq!(told["errors"][0]["extensions"]["code"], "FORBIDDEN", "{told}");
}

#[tokio::test]
async fn the_gate_issues_narrows_admits_and_revokes_and_every_operation_of_it_is_called() {
    let served = Served::start();
    let quay = source_id(&served, "quay").await;
    let list = "query($s: [ID!]) { events(filter: { sources: $s }) { nodes { id sections { id } admissionTokens(isGlobal: true) { nodes { id } } } } }";
    let told = served.ask_as(OPERATOR, list, json!({ "s": [quay] })).await;
    let nodes = told["data"]["events"]["nodes"].as_array().cloned().expect("events");
    let of = |place: usize| {
        nodes.iter().filter(|node| node["sections"].as_array().is_some_and(|list| list.len() > 1)).nth(place)
    };
    let (event, foreign) = (of(0).expect("an event with sections"), of(1).expect("another"));
    let issue = "mutation($input: IssueAdmissionTokenInput!) { told: issueAdmissionToken(input: $input) { token { id code sections { id } } problems { code path } replayed } }";
    let wrong = json!({ "idempotencyKey": "x", "event": event["id"], "sections": [foreign["sections"][0]["id"]] });
    let told = served.ask_as(OPERATOR, issue, json!({ "input": wrong })).await;
    assert_eq!(
        told["data"]["told"]["problems"],
        json!([{ "code": "INVALID_INPUT", "path": ["input", "sections", "0"] }]),
        "{told}"
    );
    let input = json!({ "idempotencyKey": "ada", "event": event["id"], "sections": [event["sections"][0]["id"]] });
    let told = served.ask_as(OPERATOR, issue, json!({ "input": input.clone() })).await["data"]["told"].clone();
    let again = served.ask_as(OPERATOR, issue, json!({ "input": input })).await["data"]["told"].clone();
    assert_eq!((&again["token"], &again["replayed"]), (&told["token"], &json!(true)), "{told} {again}");
    let (token, code) = (told["token"]["id"].clone(), told["token"]["code"].clone());

    let rescope = "mutation($input: RescopeAdmissionTokenInput!) { told: rescopeAdmissionToken(input: $input) { token { sections { id } } problems { code } } }";
    let input = json!({ "idempotencyKey": "r", "token": token, "sections": [event["sections"][1]["id"]] });
    let told = served.ask_as(OPERATOR, rescope, json!({ "input": input })).await;
    assert_eq!(told["data"]["told"]["token"]["sections"], json!([{ "id": event["sections"][1]["id"] }]), "{told}");
    let global = &event["admissionTokens"]["nodes"][0]["id"];
    let input = json!({ "idempotencyKey": "g", "token": global, "sections": [event["sections"][1]["id"]] });
    let told = served.ask_as(OPERATOR, rescope, json!({ "input": input })).await;
    assert_eq!(told["data"]["told"]["problems"][0]["code"], "CONFLICT", "the global one refuses: {told}");

    let read = "query($t: ID!) { admissionToken(id: $t) { code admissions { ticketSerial } } }";
    let told = served.ask_as(OPERATOR, read, json!({ "t": token })).await;
    assert_eq!((&told["data"]["admissionToken"]["admissions"], &told["errors"]), (&json!([]), &Value::Null), "{told}");
    let admit = "mutation($input: AdmitTicketsInput!) { told: admitTickets(input: $input) { admitted { ticketSerial } refused problems { code } } }";
    let input = json!({ "token": token, "event": event["id"], "serials": ["AAAAAA-AAAAAAAAAAAA"] });
    let told = served.ask_as(OPERATOR, admit, json!({ "input": input })).await;
    let refused = json!({ "admitted": [], "refused": ["AAAAAA-AAAAAAAAAAAA"], "problems": [] });
    assert_eq!(told["data"]["told"], refused, "{told}");

    let revoke = "mutation($t: ID!) { told: revokeAdmissionToken(input: { idempotencyKey: \"v\", token: $t }) { token { id } problems { code } } }";
    let told = served.ask_as(OPERATOR, revoke, json!({ "t": token })).await;
    assert_eq!(told["data"]["told"], json!({ "token": null, "problems": [] }), "{told}");
    for input in [json!({ "token": token }), json!({ "code": code })] {
        let mut input = input;
        (input["event"], input["serials"]) = (event["id"].clone(), json!(["AAAAAA-AAAAAAAAAAAA"]));
        let told = served.ask_as(OPERATOR, admit, json!({ "input": input })).await;
        assert_eq!(told["data"]["told"]["problems"][0]["code"], "NOT_FOUND", "a revoked token admits nobody: {told}");
    }
    let calls = served.calls("ticketing").await;
    let rows = rows("TickeTing", ("E", "/v3/events/{event}"));
    assert_eq!(rows.len(), 8);
    // Nobody holds a ticket here: the vendor answers 400 where it lets nobody in, and that is a call too.
    let missing: Vec<_> = rows
        .iter()
        .filter(|(method, path)| {
            let lets_in = method == "POST" && path.ends_with("/admissions");
            !lets_in && !was_called(&calls, method, path)
        })
        .collect();
    assert!(missing.is_empty(), "claimed and not called: {missing:#?}");
    assert!(calls.iter().any(|call| call.method == "POST" && call.target.ends_with("/admissions")));
}
