//! What an order over three vendors costs beside one over a single vendor, where every call of a vendor takes 50 ms.
//!
//! Holds run side by side: the hold phase of three legs shall take at most 1.15 times that of the slowest leg alone. Both are
//! measured in turns against the service with its emulated vendors; what is printed is the ratio of the medians.

use std::time::{Duration, Instant};

use http_client;
use serde_json::{Value, json};

use crate::Effort;
use crate::process::Process;
use crate::table::Table;

/// How long every call of a vendor takes.
const DELAY_MS: u64 = 50;
/// The sources of the three legs.
const SOURCES: [&str; 3] = ["harbor", "opera", "quay"];

/// The service with its emulated vendors, and a client of both.
struct Shop {
    service: Process,
    client: reqwest::Client,
}

impl Shop {
    async fn ask(&self, query: &str, variables: Value) -> Value {
        let request =
            self.client.post(format!("http://{}/graphql", self.service.address)).bearer_auth("sandbox-operator");
        let sent = request.json(&json!({ "query": query, "variables": variables })).send().await.expect("an answer");
        let told: Value = sent.json().await.expect("JSON");
        assert_eq!(told["errors"], Value::Null, "{query}: {told}");
        told["data"].clone()
    }

    /// From now on every call of every vendor takes its time.
    async fn slow_down(&self) {
        let rules = json!({ "rules": [{ "fault": { "kind": "delay", "ms": DELAY_MS } }] });
        for vendor in &self.service.vendors {
            let told =
                self.client.post(format!("http://{vendor}/_emu/faults")).json(&rules).send().await.expect("an answer");
            assert!(told.status().is_success());
        }
    }

    /// Something of a source that can be bought.
    async fn ware(&self, source: &str) -> Value {
        let query = "{ events(first: 100) { nodes { source { name } performances(first: 3) { nodes { id startsAt
            availability { status vacancies offers { ticketType { id } price { retail { amount } } } } } } } } }";
        let told = self.ask(query, Value::Null).await;
        let events = told["events"]["nodes"].as_array().expect("events").iter();
        let own = events.filter(|event| event["source"]["name"] == source);
        let performances = own.flat_map(|event| event["performances"]["nodes"].as_array().expect("performances"));
        // A free order of some vendors is sold by the hold itself: only what costs something is held.
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

    /// How long the hold phase of an order takes; what was held is given back.
    async fn hold(&self, lines: &[Value], key: &str) -> Duration {
        let create = "mutation($input: CreateOrderInput!) { told: createOrder(input: $input) { order { id } problems { code } } }";
        let contact = json!({ "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org",
            "phone": "2025550101", "postalCode": "02110" });
        let input = json!({ "idempotencyKey": key, "policy": "ALL_OR_NOTHING", "lines": lines, "contact": contact });
        let made = self.ask(create, json!({ "input": input })).await;
        let order = &made["told"]["order"]["id"];
        assert!(order.is_string(), "{made}");
        let act = |what: &str| {
            format!(
                "mutation($input: OrderActionInput!) {{ told: {what}(input: $input) {{ order {{ status }} problems {{ code }} }} }}"
            )
        };
        let input = json!({ "input": { "idempotencyKey": key, "order": order } });
        let begun = Instant::now();
        let held = self.ask(&act("holdOrder"), input.clone()).await;
        let took = begun.elapsed();
        assert_eq!(held["told"]["order"]["status"], "HELD", "{held}");
        self.ask(&act("releaseOrder"), input).await;
        took
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// Holds over one vendor and over three, in turns.
pub async fn orders(effort: Effort, table: &mut Table) {
    let shop = Shop { service: Process::sandbox(), client: http_client::client().expect("a client") };
    let mut wares = Vec::new();
    for source in SOURCES {
        wares.push(shop.ware(source).await);
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
