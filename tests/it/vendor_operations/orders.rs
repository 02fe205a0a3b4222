//! Orders at every vendor: held, released, confirmed, canceled, and reconciled with the vendor.

use domain::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::process_sandbox::SandboxProcess;
use crate::vendor_operations::{OPERATOR, source_id};

/// Input of an order.
pub(crate) struct OrderRequest {
    pub(crate) key: &'static str,
    pub(crate) lines: Vec<Value>,
    pub(crate) delivery: &'static str,
}

impl OrderRequest {
    fn input(&self) -> Value {
        json!({ "idempotencyKey": self.key, "lines": self.lines, "delivery": self.delivery, "testMode": true,
            "contact": { "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org",
                "phone": "2025550101", "postalCode": "02110" } })
    }
}

const ORDER_FIELDS: &str = "order { id number status legs { ourReference status source { name } }
    tickets { id status deliveries { __typename ... on BarcodeDelivery { value } ... on AppDelivery { state } } } }";

/// Executes a mutation of an order without problems and returns the order.
async fn mutate_order(served: &SandboxProcess, name: &str, kind: &str, input: Value) -> Value {
    mutate_order_as(OPERATOR, served, name, kind, input).await
}

async fn mutate_order_as(client: &str, served: &SandboxProcess, name: &str, kind: &str, input: Value) -> Value {
    let document = format!(
        "mutation($input: {kind}!) {{ payload: {name}(input: $input) {{ {ORDER_FIELDS} problems {{ code path }} }} }}"
    );
    let response = served.query_as(client, &document, json!({ "input": input })).await;
    assert_eq!(response["errors"], Value::Null, "{name}: {response}");
    assert_eq!(response["data"]["payload"]["problems"], json!([]), "{name}: {response}");
    response["data"]["payload"]["order"].clone()
}

/// Places an order and expects it to be confirmed.
pub(crate) async fn buy(served: &SandboxProcess, sale: &OrderRequest) -> Value {
    let order = mutate_order(served, "placeOrder", "CreateOrderInput", sale.input()).await;
    assert_eq!(order["status"], "CONFIRMED", "{order}");
    order
}

/// Cancels a whole order.
pub(crate) async fn cancel(served: &SandboxProcess, order: &Value) -> Value {
    let document =
        "mutation($o: ID!) { payload: quoteCancellation(input: { order: $o }) { quote { id } problems { code } } }";
    let response = served.query_as(OPERATOR, document, json!({ "o": order["id"] })).await;
    let quote = &response["data"]["payload"]["quote"]["id"];
    assert!(quote.is_string(), "{response}");
    let input = json!({ "idempotencyKey": format!("cancel {}", order["number"]), "quote": quote });
    mutate_order(served, "cancelOrder", "CancelOrderInput", input).await
}

const OFFERS_QUERY: &str = "query($s: [ID!]) { events(first: 50, filter: { sources: $s }) { nodes { title
    performances(first: 10) { nodes { id startsAt availability(maxAgeSeconds: 0) { status
        offers { status price { retail { amount } } ticketType { id } } } } } } } }";

/// Returns an order line for one paid ticket that is on sale at a source, on its last available date.
pub(crate) async fn find_line(served: &SandboxProcess, source: &str) -> Value {
    find_line_as(OPERATOR, served, source).await
}

async fn find_line_as(client: &str, served: &SandboxProcess, source: &str) -> Value {
    let response = served.query_as(client, OFFERS_QUERY, json!({ "s": [source_id(served, source).await] })).await;
    let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let performances =
        each(&response["data"]["events"]["nodes"]).into_iter().flat_map(|event| each(&event["performances"]["nodes"]));
    let open = performances.filter_map(|performance| {
        let offers = each(&performance["availability"]["offers"]);
        let costs = |offer: &&Value| offer["price"]["retail"]["amount"].as_i64().is_some_and(|amount| amount > 0);
        let mut open = offers.iter().filter(|offer| offer["status"] == "AVAILABLE");
        let ticket_type = open.find(costs)?["ticketType"]["id"].clone();
        let at = performance["startsAt"].as_str()?.to_owned();
        Some((at, json!({ "performance": performance["id"], "ticketType": ticket_type, "quantity": 1 })))
    });
    open.max_by(|one, other| one.0.cmp(&other.0)).unwrap_or_else(|| panic!("{source} sells nothing: {response}")).1
}

/// Holds and releases at every vendor, sells and cancels at every vendor, and reconciles every source.
pub(crate) async fn run(served: &SandboxProcess) {
    let mut lines = Vec::new();
    for source in ["harbor", "opera", "quay", "lagoon"] {
        lines.push(find_line(served, source).await);
    }
    let request = OrderRequest { key: "held", lines: lines.clone(), delivery: "BARCODE" };
    let order = mutate_order(served, "createOrder", "CreateOrderInput", request.input()).await;
    let input = |key: &str| json!({ "idempotencyKey": key, "order": order["id"] });
    let held = mutate_order(served, "holdOrder", "OrderActionInput", input("hold")).await;
    assert_eq!(held["status"], "HELD", "{held}");
    let released = mutate_order(served, "releaseOrder", "OrderActionInput", input("release")).await;
    assert_eq!(released["status"], "RELEASED", "{released}");
    extend_hold(served, "lagoon").await;
    read_calendars(served, "lagoon").await;

    let order = buy(served, &OrderRequest { key: "sold", lines, delivery: "BARCODE" }).await;
    assert_eq!(cancel(served, &order).await["status"], "CANCELLED");
    let document = "query($s: ID!, $from: DateTime!, $to: DateTime!) { reconciliation(source: $s, from: $from, to: $to) { matched } }";
    let now = now();
    let [from, to] =
        [now - SignedDuration::from_hours(24), now + SignedDuration::from_hours(1)].map(|at| at.to_string());
    for source in ["harbor", "opera", "quay", "lagoon"] {
        let window = json!({ "s": source_id(served, source).await, "from": from, "to": to });
        let response = served.query_as(OPERATOR, document, window).await;
        assert_eq!(response["errors"], Value::Null, "{response}");
    }
    let readiness = "{ resellers { connections { state readiness { code ok } } } }";
    let response = served.query_as(OPERATOR, readiness, json!({})).await;
    let states: Vec<_> = response["data"]["resellers"]
        .as_array()
        .expect("resellers")
        .iter()
        .map(|one| &one["connections"][0]["state"])
        .collect();
    assert_eq!(states, ["READY", "READY"], "{response}");
}

/// Extends the hold of an order at one source, and releases it.
async fn extend_hold(served: &SandboxProcess, source: &str) {
    let lines = vec![find_line(served, source).await];
    let request = OrderRequest { key: "extended", lines, delivery: "BARCODE" };
    let order = mutate_order(served, "createOrder", "CreateOrderInput", request.input()).await;
    for (step, status) in [("holdOrder", "HELD"), ("extendHold", "HELD"), ("releaseOrder", "RELEASED")] {
        let input = json!({ "idempotencyKey": format!("extended {step}"), "order": order["id"] });
        let order = mutate_order(served, step, "OrderActionInput", input).await;
        assert_eq!(order["status"], status, "{step}: {order}");
    }
}

/// Reads the calendar of each event of a source.
async fn read_calendars(served: &SandboxProcess, source: &str) {
    let document =
        "query($s: [ID!], $from: LocalDate!, $to: LocalDate!) { events(first: 50, filter: { sources: $s }) { nodes {
        calendar(from: $from, to: $to) { date status } } } }";
    let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let days = [today, today.tomorrow().expect("a day")].map(|day| day.to_string());
    let variables = json!({ "s": [source_id(served, source).await], "from": days[0], "to": days[1] });
    let response = served.query_as(OPERATOR, document, variables).await;
    assert_eq!(response["errors"], Value::Null, "{response}");
    let events = response["data"]["events"]["nodes"].as_array().expect("events");
    assert!(
        !events.is_empty()
            && events.iter().all(|event| event["calendar"].as_array().is_some_and(|rows| rows.len() == 2))
    );
}

/// The sandbox process runs on the real clock.
fn now() -> Timestamp {
    SystemClock.now()
}

const STATEMENT_QUERY: &str = "query($from: LocalDate!, $to: LocalDate!) { resellers { name
    statement(from: $from, to: $to) { source { name } currency orders ticketsSold ticketsVoided unresolved
        gross { amount } commission { amount } net { amount } refunded { amount } }
    sales(from: $from, to: $to, interval: MONTH) { source { name } orders tickets gross { amount } } } }";

#[tokio::test]
async fn the_sales_of_a_reseller_are_in_its_own_statement_only() {
    let served = SandboxProcess::start();
    let tiqets = "sandbox-tiqets-dashboard";
    let lines = vec![find_line_as(tiqets, &served, "harbor").await];
    let kept = OrderRequest { key: "kept", lines: lines.clone(), delivery: "BARCODE" };
    let order = mutate_order_as(tiqets, &served, "placeOrder", "CreateOrderInput", kept.input()).await;
    assert_eq!(order["status"], "CONFIRMED", "{order}");
    let canceled = OrderRequest { key: "canceled", lines, delivery: "BARCODE" };
    let order = mutate_order_as(tiqets, &served, "placeOrder", "CreateOrderInput", canceled.input()).await;
    assert_eq!(cancel(&served, &order).await["status"], "CANCELLED");

    let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let days = [today.yesterday(), today.tomorrow()].map(|day| day.expect("a day").to_string());
    let variables = json!({ "from": days[0], "to": days[1] });
    let response = served.query_as(tiqets, STATEMENT_QUERY, variables.clone()).await;
    assert_eq!(response["errors"], Value::Null, "{response}");
    let own = response["data"]["resellers"].as_array().expect("resellers");
    let [tiqets] = own.as_slice() else { panic!("a reseller sees itself: {response}") };
    let row = &tiqets["statement"][0];
    let amount = |field: &str| row[field]["amount"].as_i64().expect("an amount");
    assert_eq!(
        (&row["source"]["name"], &row["orders"], &row["ticketsSold"]),
        (&json!("harbor"), &json!(2), &json!(2)),
        "{row}"
    );
    assert_eq!((&row["ticketsVoided"], &row["unresolved"]), (&json!(1), &json!(0)), "{row}");
    let kept = amount("gross") - amount("refunded");
    assert_eq!(amount("refunded"), kept, "one of two equally priced tickets is refunded in full: {row}");
    assert_eq!(amount("commission"), (kept + 5) / 10, "ten percent: {row}");
    assert_eq!(amount("net"), kept - amount("commission"), "{row}");
    let sold: i64 =
        tiqets["sales"].as_array().expect("points").iter().filter_map(|point| point["tickets"].as_i64()).sum();
    assert_eq!(sold, 2, "{response}");
    let other = served.query_as("sandbox-digitick-dashboard", STATEMENT_QUERY, variables).await;
    let other = other["data"]["resellers"].as_array().expect("resellers");
    assert_eq!((other.len(), &other[0]["statement"]), (1, &json!([])), "{other:?}");
}
