//! Selling at every vendor: held, released, sold, undone, and set beside what the vendor holds.

use domain::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::process_sandbox::Served;
use crate::walk::{OPERATOR, source_id};

/// What is bought.
pub(crate) struct Sale {
    pub(crate) key: &'static str,
    pub(crate) lines: Vec<Value>,
    pub(crate) delivery: &'static str,
}

impl Sale {
    fn input(&self) -> Value {
        json!({ "idempotencyKey": self.key, "lines": self.lines, "delivery": self.delivery, "testMode": true,
            "contact": { "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org",
                "phone": "2025550101", "postalCode": "02110" } })
    }
}

const ORDER: &str = "order { id number status legs { ourReference status source { name } }
    tickets { id status deliveries { __typename ... on BarcodeDelivery { value } ... on AppDelivery { state } } } }";

/// Makes a mutation of an order and expects no problem; tells the order.
async fn act(served: &Served, name: &str, kind: &str, input: Value) -> Value {
    act_as(OPERATOR, served, name, kind, input).await
}

async fn act_as(client: &str, served: &Served, name: &str, kind: &str, input: Value) -> Value {
    let document =
        format!("mutation($input: {kind}!) {{ told: {name}(input: $input) {{ {ORDER} problems {{ code path }} }} }}");
    let told = served.ask_as(client, &document, json!({ "input": input })).await;
    assert_eq!(told["errors"], Value::Null, "{name}: {told}");
    assert_eq!(told["data"]["told"]["problems"], json!([]), "{name}: {told}");
    told["data"]["told"]["order"].clone()
}

/// Buys at once.
pub(crate) async fn buy(served: &Served, sale: &Sale) -> Value {
    let order = act(served, "placeOrder", "CreateOrderInput", sale.input()).await;
    assert_eq!(order["status"], "CONFIRMED", "{order}");
    order
}

/// Undoes a whole order.
pub(crate) async fn cancel(served: &Served, order: &Value) -> Value {
    let document =
        "mutation($o: ID!) { told: quoteCancellation(input: { order: $o }) { quote { id } problems { code } } }";
    let told = served.ask_as(OPERATOR, document, json!({ "o": order["id"] })).await;
    let quote = &told["data"]["told"]["quote"]["id"];
    assert!(quote.is_string(), "{told}");
    let input = json!({ "idempotencyKey": format!("undo {}", order["number"]), "quote": quote });
    act(served, "cancelOrder", "CancelOrderInput", input).await
}

const SHELF: &str = "query($s: [ID!]) { events(first: 50, filter: { sources: $s }) { nodes { title
    performances(first: 10) { nodes { id startsAt availability(maxAgeSeconds: 0) { status
        offers { status price { retail { amount } } ticketType { id } } } } } } } }";

/// One ticket that a source has on sale and that costs something, of the last date that has any.
pub(crate) async fn line(served: &Served, source: &str) -> Value {
    line_as(OPERATOR, served, source).await
}

async fn line_as(client: &str, served: &Served, source: &str) -> Value {
    let told = served.ask_as(client, SHELF, json!({ "s": [source_id(served, source).await] })).await;
    let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let performances =
        each(&told["data"]["events"]["nodes"]).into_iter().flat_map(|event| each(&event["performances"]["nodes"]));
    let open = performances.filter_map(|performance| {
        let offers = each(&performance["availability"]["offers"]);
        let costs = |offer: &&Value| offer["price"]["retail"]["amount"].as_i64().is_some_and(|amount| amount > 0);
        let mut open = offers.iter().filter(|offer| offer["status"] == "AVAILABLE");
        let kind = open.find(costs)?["ticketType"]["id"].clone();
        let at = performance["startsAt"].as_str()?.to_owned();
        Some((at, json!({ "performance": performance["id"], "ticketType": kind, "quantity": 1 })))
    });
    open.max_by(|one, other| one.0.cmp(&other.0)).unwrap_or_else(|| panic!("{source} sells nothing: {told}")).1
}

/// Holds and releases at every vendor, sells at every vendor and undoes it, and looks at what the vendors hold.
pub(crate) async fn walk(served: &Served) {
    let mut lines = Vec::new();
    for source in ["harbor", "opera", "quay"] {
        lines.push(line(served, source).await);
    }
    let held = Sale { key: "held", lines: lines.clone(), delivery: "BARCODE" };
    let order = act(served, "createOrder", "CreateOrderInput", held.input()).await;
    let input = |key: &str| json!({ "idempotencyKey": key, "order": order["id"] });
    let told = act(served, "holdOrder", "OrderActionInput", input("hold")).await;
    assert_eq!(told["status"], "HELD", "{told}");
    let told = act(served, "releaseOrder", "OrderActionInput", input("release")).await;
    assert_eq!(told["status"], "RELEASED", "{told}");

    let order = buy(served, &Sale { key: "sold", lines, delivery: "BARCODE" }).await;
    assert_eq!(cancel(served, &order).await["status"], "CANCELLED");
    let document = "query($s: ID!, $from: DateTime!, $to: DateTime!) { reconciliation(source: $s, from: $from, to: $to) { matched } }";
    let now = now();
    let [from, to] =
        [now - SignedDuration::from_hours(24), now + SignedDuration::from_hours(1)].map(|at| at.to_string());
    for source in ["harbor", "opera", "quay"] {
        let window = json!({ "s": source_id(served, source).await, "from": from, "to": to });
        let told = served.ask_as(OPERATOR, document, window).await;
        assert_eq!(told["errors"], Value::Null, "{told}");
    }
    let readiness = "{ resellers { connections { state readiness { code ok } } } }";
    let told = served.ask_as(OPERATOR, readiness, json!({})).await;
    let states: Vec<_> = told["data"]["resellers"]
        .as_array()
        .expect("resellers")
        .iter()
        .map(|one| &one["connections"][0]["state"])
        .collect();
    assert_eq!(states, ["READY", "READY"], "{told}");
}

/// The served sandbox goes by the real time.
fn now() -> Timestamp {
    SystemClock.now()
}

const SOLD: &str = "query($from: LocalDate!, $to: LocalDate!) { resellers { name
    statement(from: $from, to: $to) { source { name } currency orders ticketsSold ticketsVoided unresolved
        gross { amount } commission { amount } net { amount } refunded { amount } }
    sales(from: $from, to: $to, interval: MONTH) { source { name } orders tickets gross { amount } } } }";

#[tokio::test]
async fn what_a_reseller_sold_is_in_its_statement_and_in_nobody_elses() {
    let served = Served::start();
    let tiqets = "sandbox-tiqets-dashboard";
    let lines = vec![line_as(tiqets, &served, "harbor").await];
    let kept = Sale { key: "kept", lines: lines.clone(), delivery: "BARCODE" };
    let order = act_as(tiqets, &served, "placeOrder", "CreateOrderInput", kept.input()).await;
    assert_eq!(order["status"], "CONFIRMED", "{order}");
    let undone = Sale { key: "undone", lines, delivery: "BARCODE" };
    let order = act_as(tiqets, &served, "placeOrder", "CreateOrderInput", undone.input()).await;
    assert_eq!(cancel(&served, &order).await["status"], "CANCELLED");

    let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let days = [today.yesterday(), today.tomorrow()].map(|day| day.expect("a day").to_string());
    let variables = json!({ "from": days[0], "to": days[1] });
    let told = served.ask_as(tiqets, SOLD, variables.clone()).await;
    assert_eq!(told["errors"], Value::Null, "{told}");
    let own = told["data"]["resellers"].as_array().expect("resellers");
    let [tiqets] = own.as_slice() else { panic!("a reseller sees itself: {told}") };
    let row = &tiqets["statement"][0];
    let amount = |field: &str| row[field]["amount"].as_i64().expect("an amount");
    assert_eq!(
        (&row["source"]["name"], &row["orders"], &row["ticketsSold"]),
        (&json!("harbor"), &json!(2), &json!(2)),
        "{row}"
    );
    assert_eq!((&row["ticketsVoided"], &row["unresolved"]), (&json!(1), &json!(0)), "{row}");
    let kept = amount("gross") - amount("refunded");
    assert_eq!(amount("refunded"), kept, "one of two tickets of one price came back whole: {row}");
    assert_eq!(amount("commission"), (kept + 5) / 10, "ten percent: {row}");
    assert_eq!(amount("net"), kept - amount("commission"), "{row}");
    let sold: i64 =
        tiqets["sales"].as_array().expect("points").iter().filter_map(|point| point["tickets"].as_i64()).sum();
    assert_eq!(sold, 2, "{told}");
    let other = served.ask_as("sandbox-digitick-dashboard", SOLD, variables).await;
    let other = other["data"]["resellers"].as_array().expect("resellers");
    assert_eq!((other.len(), &other[0]["statement"]), (1, &json!([])), "{other:?}");
}
