//! Admissions: staff credentials are issued, rescoped and revoked, and visitors are admitted.

use serde_json::{Value, json};

use crate::process_sandbox::SandboxProcess;
use crate::vendor_operations::orders::{OrderRequest, buy};
use crate::vendor_operations::{OPERATOR, source_id};

const ISSUE: &str = "mutation($input: IssueAdmissionTokenInput!) { payload: issueAdmissionToken(input: $input) {
    token { id code sections { id } } problems { code path } replayed } }";
const RESCOPE: &str = "mutation($input: RescopeAdmissionTokenInput!) { payload: rescopeAdmissionToken(input: $input) {
    token { sections { id } } problems { code } } }";
const ADMIT: &str = "mutation($input: AdmitTicketsInput!) { payload: admitTickets(input: $input) {
    admitted { ticketSerial section { id } } refused problems { code path } } }";
const REVOKE: &str = "mutation($t: ID!) { payload: revokeAdmissionToken(input: { idempotencyKey: \"v\", token: $t }) {
    token { id } problems { code } } }";

async fn execute(served: &SandboxProcess, document: &str, variables: Value) -> Value {
    let response = served.query_as(OPERATOR, document, variables).await;
    assert_eq!(response["errors"], Value::Null, "{response}");
    response["data"]["payload"].clone()
}

/// Finds two events of the quay, both with several sections and tickets on sale.
async fn find_events(served: &SandboxProcess) -> (Value, Value) {
    let quay = source_id(served, "quay").await;
    let list = "query($s: [ID!]) { events(first: 50, filter: { sources: $s, status: [ON_SALE] }) { nodes { id title
        sections { id name } ticketTypes { id section { id } } performances(first: 1) { nodes { id } }
        admissionTokens(isGlobal: true) { nodes { id } } } } }";
    let response = served.query_as(OPERATOR, list, json!({ "s": [quay] })).await;
    let nodes = response["data"]["events"]["nodes"].as_array().cloned().expect("events");
    let mut fridays = nodes.into_iter().filter(|node| node["title"] == "Quay Fridays").rev();
    (fridays.next().expect("an event with sections"), fridays.next().expect("another event"))
}

/// Buys two tickets of the first section and returns their serials.
async fn buy_tickets(served: &SandboxProcess, event: &Value) -> Vec<String> {
    let section = &event["sections"][0]["id"];
    let ticket_types = event["ticketTypes"].as_array().expect("ticket types");
    let ticket_type =
        ticket_types.iter().find(|ticket_type| ticket_type["section"]["id"] == *section).expect("a ticket type");
    let line = json!({ "performance": event["performances"]["nodes"][0]["id"], "ticketType": ticket_type["id"], "quantity": 2 });
    let order = buy(served, &OrderRequest { key: "for the gate", lines: vec![line], delivery: "BARCODE" }).await;
    let tickets = order["tickets"].as_array().expect("tickets");
    let serial = |ticket: &Value| ticket["deliveries"][0]["value"].as_str().expect("a serial").to_owned();
    tickets.iter().map(serial).collect()
}

/// Issues a credential, admits a visitor, rescopes the credential and revokes it.
pub(crate) async fn run(served: &SandboxProcess) {
    let (event, other_event) = find_events(served).await;
    let serials = buy_tickets(served, &event).await;
    let sections = [0, 1].map(|index| event["sections"][index]["id"].clone());
    let foreign_section =
        json!({ "idempotencyKey": "x", "event": event["id"], "sections": [other_event["sections"][0]["id"]] });
    let payload = execute(served, ISSUE, json!({ "input": foreign_section })).await;
    assert_eq!(
        payload["problems"],
        json!([{ "code": "INVALID_INPUT", "path": ["input", "sections", "0"] }]),
        "{payload}"
    );
    let input = json!({ "idempotencyKey": "ada", "event": event["id"], "sections": [sections[0]] });
    let payload = execute(served, ISSUE, json!({ "input": input.clone() })).await;
    let again = execute(served, ISSUE, json!({ "input": input })).await;
    assert_eq!((&again["token"], &again["replayed"]), (&payload["token"], &json!(true)), "{payload} {again}");
    let (token, code) = (payload["token"]["id"].clone(), payload["token"]["code"].clone());

    let admit = async |credential: Value, serials: Value| {
        let mut input = credential;
        (input["event"], input["serials"]) = (event["id"].clone(), serials);
        execute(served, ADMIT, json!({ "input": input })).await
    };
    let payload = admit(json!({ "token": token }), json!([serials[0], "AAAAAA-AAAAAAAAAAAA"])).await;
    let admitted = json!([{ "ticketSerial": serials[0], "section": { "id": sections[0] } }]);
    let expected = json!({ "admitted": admitted, "refused": ["AAAAAA-AAAAAAAAAAAA"], "problems": [] });
    assert_eq!(payload, expected, "a serial that the vendor dropped silently is listed as refused");
    let payload = admit(json!({ "code": code }), json!([serials[0]])).await;
    assert_eq!(payload, json!({ "admitted": [], "refused": [serials[0]], "problems": [] }), "nobody is admitted twice");
    let crowd: Vec<String> = (0..101).map(|number| format!("AAAAAA-{number:012}")).collect();
    let admission_calls =
        async || served.calls("ticketing").await.iter().filter(|call| call.target.ends_with("/admissions")).count();
    let before = admission_calls().await;
    let input = json!({ "token": token, "event": event["id"], "serials": crowd });
    let response = served.query_as(OPERATOR, ADMIT, json!({ "input": input })).await;
    assert_eq!(response["errors"][0]["extensions"]["code"], "OPERATION_TOO_LARGE", "at most a hundred: {response}");
    assert_eq!(admission_calls().await, before, "no request was sent");
    let read = "query($t: ID!) { payload: admissionToken(id: $t) { code admissions { ticketSerial } } }";
    let payload = execute(served, read, json!({ "t": token })).await;
    assert_eq!(payload["admissions"], json!([{ "ticketSerial": serials[0] }]), "{payload}");

    let input = json!({ "idempotencyKey": "r", "token": token, "sections": [sections[1]] });
    let payload = execute(served, RESCOPE, json!({ "input": input })).await;
    assert_eq!(payload["token"]["sections"], json!([{ "id": sections[1] }]), "{payload}");
    let payload = admit(json!({ "token": token }), json!([serials[1]])).await;
    assert_eq!(payload["refused"], json!([serials[1]]), "the credential has another section now");
    let global = &event["admissionTokens"]["nodes"][0]["id"];
    let input = json!({ "idempotencyKey": "g", "token": global, "sections": [sections[1]] });
    let payload = execute(served, RESCOPE, json!({ "input": input })).await;
    assert_eq!(payload["problems"][0]["code"], "CONFLICT", "the global token cannot be rescoped: {payload}");

    let payload = execute(served, REVOKE, json!({ "t": token })).await;
    assert_eq!(payload, json!({ "token": null, "problems": [] }));
    for credential in [json!({ "token": token }), json!({ "code": code })] {
        let payload = admit(credential, json!([serials[1]])).await;
        assert_eq!(payload["problems"][0]["code"], "NOT_FOUND", "a revoked token admits nobody: {payload}");
    }
}
