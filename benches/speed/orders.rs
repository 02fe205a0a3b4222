//! Cost of an order over three vendors compared with one over a single vendor, at 50 ms per vendor call.
//!
//! Holds run concurrently: the hold phase of three legs should take at most 1.15 times that of the slowest single leg.
//! Both are measured in turns against the service with its emulated vendors; the output is the ratio of the medians.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Effort;
use crate::process::Process;
use crate::table::Table;

/// Delay of every vendor call.
const DELAY_MS: u64 = 50;
/// Sources of the three legs.
const SOURCES: [&str; 3] = ["harbor", "opera", "quay"];

/// The service with its emulated vendors, and a client of both.
struct OrderClient {
    service: Process,
    client: reqwest::Client,
}

impl OrderClient {
    async fn query(&self, query: &str, variables: Value) -> Value {
        let request =
            self.client.post(format!("http://{}/graphql", self.service.address)).bearer_auth("sandbox-operator");
        let sent = request.json(&json!({ "query": query, "variables": variables })).send().await.expect("a response");
        let response: Value = sent.json().await.expect("JSON");
        assert_eq!(response["errors"], Value::Null, "{query}: {response}");
        response["data"].clone()
    }

    /// Delays all further vendor calls.
    async fn slow_down(&self) {
        let rules = json!({ "rules": [{ "fault": { "kind": "delay", "ms": DELAY_MS } }] });
        for vendor in &self.service.vendors {
            let response =
                self.client.post(format!("http://{vendor}/_emu/faults")).json(&rules).send().await.expect("a response");
            assert!(response.status().is_success());
        }
    }

    /// Finds a product of a source that can be bought.
    async fn available_product(&self, source: &str) -> Value {
        let query = "{ events(first: 100) { nodes { source { name } performances(first: 3) { nodes { id startsAt
            availability { status vacancies offers { ticketType { id } price { retail { amount } } } } } } } } }";
        let response = self.query(query, Value::Null).await;
        let events = response["events"]["nodes"].as_array().expect("events").iter();
        let own = events.filter(|event| event["source"]["name"] == source);
        let performances = own.flat_map(|event| event["performances"]["nodes"].as_array().expect("performances"));
        // Some vendors sell a free order with the hold itself, so only products with a price are held.
        let is_fine = |performance: &&Value| {
            let state = &performance["availability"];
            state["status"] == "AVAILABLE"
                && performance["startsAt"].is_string()
                && state["vacancies"].as_i64().is_some_and(|left| left > 100)
                && state["offers"][0]["price"]["retail"]["amount"].as_i64().is_some_and(|amount| amount > 0)
        };
        let found = performances.into_iter().find(is_fine).unwrap_or_else(|| panic!("nothing to buy at {source}"));
        let kind = &found["availability"]["offers"][0]["ticketType"]["id"];
        json!({ "performance": found["id"], "ticketType": kind, "quantity": 1 })
    }

    /// Returns the duration of the hold phase of an order, and releases the holds.
    async fn hold(&self, lines: &[Value], key: &str) -> Duration {
        let create = "mutation($input: CreateOrderInput!) { result: createOrder(input: $input) { order { id } problems { code } } }";
        let contact = json!({ "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org",
            "phone": "2025550101", "postalCode": "02110" });
        let input = json!({ "idempotencyKey": key, "policy": "ALL_OR_NOTHING", "lines": lines, "contact": contact });
        let made = self.query(create, json!({ "input": input })).await;
        let order = &made["result"]["order"]["id"];
        assert!(order.is_string(), "{made}");
        let act = |what: &str| {
            format!(
                "mutation($input: OrderActionInput!) {{ result: {what}(input: $input) {{ order {{ status }} problems {{ code }} }} }}"
            )
        };
        let input = json!({ "input": { "idempotencyKey": key, "order": order } });
        let begun = Instant::now();
        let held = self.query(&act("holdOrder"), input.clone()).await;
        let took = begun.elapsed();
        assert_eq!(held["result"]["order"]["status"], "HELD", "{held}");
        self.query(&act("releaseOrder"), input).await;
        took
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// Holds over one vendor and over three, in turns.
pub(crate) async fn orders(effort: Effort, table: &mut Table) {
    let shop = OrderClient { service: Process::sandbox(), client: http_client::build_client().expect("a client") };
    let mut wares = Vec::new();
    for source in SOURCES {
        wares.push(shop.available_product(source).await);
    }
    shop.slow_down().await;
    let mut alone: [Vec<Duration>; 3] = Default::default();
    let mut together = Vec::new();
    for round in 0..effort.orders {
        for (place, ware) in wares.iter().enumerate() {
            alone[place].push(shop.hold(std::slice::from_ref(ware), &format!("alone {place} {round}")).await);
        }
        together.push(shop.hold(&wares, &format!("together {round}")).await);
    }
    let (alone, together) = (alone.map(median), median(together));
    let slowest = alone.into_iter().fold(0.0, f64::max);
    let each: Vec<_> =
        SOURCES.iter().zip(alone).map(|(source, one)| format!("{:.2} to {source} alone", together / one)).collect();
    table.row(
        &format!("an order's hold at three vendors of {DELAY_MS} ms / at the slowest alone"),
        format!("{:.2}", together / slowest),
        "≤ 1.15",
        format!("medians of {}; {}", effort.orders, each.join(", ")),
    );
}
