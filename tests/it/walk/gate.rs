//! The gate: staff credentials are issued, narrowed and revoked, and visitors are let in.

use serde_json::{Value, json};

use crate::process_sandbox::Served;
use crate::walk::sale::{Sale, buy};
use crate::walk::{OPERATOR, source_id};

const ISSUE: &str = "mutation($input: IssueAdmissionTokenInput!) { told: issueAdmissionToken(input: $input) {
    token { id code sections { id } } problems { code path } replayed } }";
const RESCOPE: &str = "mutation($input: RescopeAdmissionTokenInput!) { told: rescopeAdmissionToken(input: $input) {
    token { sections { id } } problems { code } } }";
const ADMIT: &str = "mutation($input: AdmitTicketsInput!) { told: admitTickets(input: $input) {
    admitted { ticketSerial section { id } } refused problems { code path } } }";
const REVOKE: &str = "mutation($t: ID!) { told: revokeAdmissionToken(input: { idempotencyKey: \"v\", token: $t }) {
    token { id } problems { code } } }";

async fn tell(served: &Served, document: &str, variables: Value) -> Value {
    let told = served.ask_as(OPERATOR, document, variables).await;
    assert_eq!(told["errors"], Value::Null, "{told}");
    told["data"]["told"].clone()
}

/// The events of the quay: one with several sections of which tickets are on sale, and another.
async fn events(served: &Served) -> (Value, Value) {
    let quay = source_id(served, "quay").await;
    let list = "query($s: [ID!]) { events(first: 50, filter: { sources: $s, status: [ON_SALE] }) { nodes { id title
        sections { id name } ticketTypes { id section { id } } performances(first: 1) { nodes { id } }
        admissionTokens(isGlobal: true) { nodes { id } } } } }";
    let told = served.ask_as(OPERATOR, list, json!({ "s": [quay] })).await;
    let nodes = told["data"]["events"]["nodes"].as_array().cloned().expect("events");
    let mut of = nodes.into_iter().filter(|node| node["title"] == "Quay Fridays").rev();
    (of.next().expect("an event with sections"), of.next().expect("another"))
}

/// Two tickets of the first section, and their serials.
async fn tickets(served: &Served, event: &Value) -> Vec<String> {
    let section = &event["sections"][0]["id"];
    let kinds = event["ticketTypes"].as_array().expect("ticket types");
    let kind = kinds.iter().find(|kind| kind["section"]["id"] == *section).expect("a ticket type");
    let line =
        json!({ "performance": event["performances"]["nodes"][0]["id"], "ticketType": kind["id"], "quantity": 2 });
    let order = buy(served, &Sale { key: "for the gate", lines: vec![line], delivery: "BARCODE" }).await;
    let tickets = order["tickets"].as_array().expect("tickets");
    let serial = |ticket: &Value| ticket["deliveries"][0]["value"].as_str().expect("a serial").to_owned();
    tickets.iter().map(serial).collect()
}

/// Issues a credential, lets a visitor in, narrows it, and revokes it.
pub(crate) async fn walk(served: &Served) {
    let (event, foreign) = events(served).await;
    let serials = tickets(served, &event).await;
    let sections = [0, 1].map(|place| event["sections"][place]["id"].clone());
    let wrong = json!({ "idempotencyKey": "x", "event": event["id"], "sections": [foreign["sections"][0]["id"]] });
    let told = tell(served, ISSUE, json!({ "input": wrong })).await;
    assert_eq!(told["problems"], json!([{ "code": "INVALID_INPUT", "path": ["input", "sections", "0"] }]), "{told}");
    let input = json!({ "idempotencyKey": "ada", "event": event["id"], "sections": [sections[0]] });
    let told = tell(served, ISSUE, json!({ "input": input.clone() })).await;
    let again = tell(served, ISSUE, json!({ "input": input })).await;
    assert_eq!((&again["token"], &again["replayed"]), (&told["token"], &json!(true)), "{told} {again}");
    let (token, code) = (told["token"]["id"].clone(), told["token"]["code"].clone());

    let admit = async |credential: Value, serials: Value| {
        let mut input = credential;
        (input["event"], input["serials"]) = (event["id"].clone(), serials);
        tell(served, ADMIT, json!({ "input": input })).await
    };
    let told = admit(json!({ "token": token }), json!([serials[0], "AAAAAA-AAAAAAAAAAAA"])).await;
    let admitted = json!([{ "ticketSerial": serials[0], "section": { "id": sections[0] } }]);
    let expected = json!({ "admitted": admitted, "refused": ["AAAAAA-AAAAAAAAAAAA"], "problems": [] });
    assert_eq!(told, expected, "what the vendor silently dropped is named");
    let told = admit(json!({ "code": code }), json!([serials[0]])).await;
    assert_eq!(told, json!({ "admitted": [], "refused": [serials[0]], "problems": [] }), "nobody is let in twice");
    let crowd: Vec<String> = (0..101).map(|number| format!("AAAAAA-{number:012}")).collect();
    let gates =
        async || served.calls("ticketing").await.iter().filter(|call| call.target.ends_with("/admissions")).count();
    let before = gates().await;
    let input = json!({ "token": token, "event": event["id"], "serials": crowd });
    let told = served.ask_as(OPERATOR, ADMIT, json!({ "input": input })).await;
    assert_eq!(told["errors"][0]["extensions"]["code"], "OPERATION_TOO_LARGE", "at most a hundred: {told}");
    assert_eq!(gates().await, before, "and none of them was sent");
    let read = "query($t: ID!) { told: admissionToken(id: $t) { code admissions { ticketSerial } } }";
    let told = tell(served, read, json!({ "t": token })).await;
    assert_eq!(told["admissions"], json!([{ "ticketSerial": serials[0] }]), "{told}");

    let input = json!({ "idempotencyKey": "r", "token": token, "sections": [sections[1]] });
    let told = tell(served, RESCOPE, json!({ "input": input })).await;
    assert_eq!(told["token"]["sections"], json!([{ "id": sections[1] }]), "{told}");
    let told = admit(json!({ "token": token }), json!([serials[1]])).await;
    assert_eq!(told["refused"], json!([serials[1]]), "its section is another one now");
    let global = &event["admissionTokens"]["nodes"][0]["id"];
    let input = json!({ "idempotencyKey": "g", "token": global, "sections": [sections[1]] });
    let told = tell(served, RESCOPE, json!({ "input": input })).await;
    assert_eq!(told["problems"][0]["code"], "CONFLICT", "the global one refuses: {told}");

    let told = tell(served, REVOKE, json!({ "t": token })).await;
    assert_eq!(told, json!({ "token": null, "problems": [] }));
    for credential in [json!({ "token": token }), json!({ "code": code })] {
        let told = admit(credential, json!([serials[1]])).await;
        assert_eq!(told["problems"][0]["code"], "NOT_FOUND", "a revoked token admits nobody: {told}");
    }
}
