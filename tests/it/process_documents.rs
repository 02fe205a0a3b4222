//! The documents of the README and the examples, sent to the real binary with its defaults.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::examples;
use crate::process::{Api, Process};

/// A server with its built-in sandbox and its folder.
struct Unpacked {
    _server: Process,
    _folder: TempDir,
    api: Api,
}

fn unpack() -> Unpacked {
    let folder = TempDir::new().expect("a folder");
    let server = Process::start(&folder, &["serve", "--listen", "127.0.0.1:0", "--data", "data"]);
    let api = Api::from_process(&server);
    Unpacked { _server: server, _folder: folder, api }
}

/// Returns the GraphQL blocks of the README in their order.
fn blocks() -> Vec<&'static str> {
    let readme = include_str!("../../README.md");
    let parts = readme.split("```graphql\n").skip(1);
    parts.map(|part| part.split("\n```").next().expect("an end")).collect()
}

/// Chooses one line at each vendor, as the GraphiQL page does.
async fn lines(api: &Api) -> Value {
    let query = "query($vendor: VendorKind!) { events(first: 10, filter: { vendors: [$vendor], status: [ON_SALE] }) {
        nodes { performances(first: 3) { nodes { id
          availability { offers { status price { retail { amount } } ticketType { id } } } } } } } }";
    let mut lines = Vec::new();
    for vendor in ["ACME", "SECUTIX", "TICKETING"] {
        let data = api.query(query, json!({ "vendor": vendor })).await;
        let events = data["events"]["nodes"].as_array().expect("events").iter();
        let performances = events.flat_map(|event| event["performances"]["nodes"].as_array().into_iter().flatten());
        let mut found = performances.filter_map(|performance| {
            let offers = performance["availability"]["offers"].as_array()?.iter();
            let fits = |offer: &&Value| offer["status"] == "AVAILABLE" && offer["price"]["retail"]["amount"] != 0;
            let offer = offers.clone().find(fits)?;
            Some(json!({ "performance": performance["id"], "ticketType": offer["ticketType"]["id"], "quantity": 1 }))
        });
        lines.push(found.next_back().expect("something to buy"));
    }
    lines.into()
}

#[tokio::test]
async fn the_query_and_the_mutation_of_the_readme_run_unchanged() {
    let unpacked = unpack();
    let [query, mutation] = blocks()[..] else { panic!("one query and one mutation: {:?}", blocks()) };
    let data = unpacked.api.query(query, Value::Null).await;
    let vendors: std::collections::BTreeSet<&str> = data["events"]["nodes"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|event| event["source"]["vendor"].as_str())
        .collect();
    assert_eq!(vendors.len(), 4, "{vendors:?}");
    assert_eq!(data["events"]["problems"], json!([]));

    let bought = unpacked.api.query(mutation, json!({ "lines": lines(&unpacked.api).await })).await;
    let payload = &bought["placeOrder"];
    assert_eq!((&payload["problems"], &payload["order"]["status"]), (&json!([]), &json!("CONFIRMED")), "{payload:#}");
    let tickets = payload["order"]["tickets"].as_array().expect("tickets");
    assert_eq!(tickets.iter().filter(|ticket| ticket["deliveries"][0]["value"].is_string()).count(), 3, "{tickets:?}");
}

#[tokio::test]
async fn every_example_runs_without_an_error_and_they_buy_and_cancel_one_order() {
    let unpacked = unpack();
    let lines = lines(&unpacked.api).await;
    let entities = json!([{ "__typename": "Performance", "id": lines[0]["performance"] }]);
    let (mut order, mut quote) = (Value::Null, Value::Null);
    for (name, text) in examples::all() {
        if text.contains("\nsubscription ") {
            continue; // A browser watches in tests/e2e.
        }
        let variables = json!({ "from": "2026-12-01", "to": "2026-12-30", "key": name, "lines": lines,
            "entities": entities, "order": order, "quote": quote });
        let taken =
            variables.as_object().expect("variables").iter().filter(|(name, _)| text.contains(&format!("${name}")));
        let taken: serde_json::Map<String, Value> = taken.map(|(name, value)| (name.clone(), value.clone())).collect();
        let data = unpacked.api.query(&text, taken.into()).await;
        for payload in ["placeOrder", "quoteCancellation", "cancelOrder"] {
            if let Some(payload) = data.get(payload) {
                assert_eq!(payload["problems"], json!([]), "{name}");
            }
        }
        if let Some(placed) = data.get("placeOrder") {
            assert_eq!(placed["order"]["status"], "CONFIRMED", "{name}");
            order = placed["order"]["id"].clone();
        }
        if let Some(quoted) = data.get("quoteCancellation") {
            quote = quoted["quote"]["id"].clone();
        }
        if let Some(cancelled) = data.get("cancelOrder") {
            assert_eq!(cancelled["order"]["status"], "CANCELLED", "{name}");
            quote = Value::Bool(true);
        }
    }
    assert_eq!(quote, Value::Bool(true), "the examples went to their end");
}
