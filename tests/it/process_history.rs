//! The past of the built-in sandbox, in the real binary.

use std::path::Path;

use emulators::LoggedCall;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Api, Process};
use crate::process_orders::{VENDORS, no_difference};

/// The setting of the sandbox.
const HISTORY: (&str, &str) = ("TICKETGRAPH__SANDBOX__HISTORY", "true");
const ORDERS: &str = "{ orders(first: 100) { totalCount nodes { number status } } }";

/// Starts the built-in sandbox with its data in a folder.
fn start(folder: &TempDir, settings: &[(&str, &str)]) -> Process {
    let data = folder.path().join("data");
    let data = data.to_str().expect("a path");
    Process::start_with(folder, &["serve", "--unlimited", "--listen", "127.0.0.1:0", "--data", data], settings)
}

async fn calls(address: &str) -> Vec<LoggedCall> {
    let client = http_client::build_client().expect("a client");
    let response = client.get(format!("{address}/_emu/log")).send().await.expect("a response");
    response.json().await.expect("a log")
}

#[tokio::test]
async fn the_sandbox_starts_with_a_past_that_a_restart_keeps_as_it_is() {
    let folder = TempDir::new().expect("a folder");
    let mut sandbox = start(&folder, &[HISTORY]);
    let vendors = VENDORS.map(|vendor| sandbox.address(&format!("the emulated {vendor} ")));
    let api = Api::from_process(&sandbox);
    let first = api.query(ORDERS, json!({})).await;
    assert!(first["orders"]["totalCount"].as_u64().is_some_and(|count| count > 250), "{first}");
    for vendor in &vendors {
        assert!(calls(vendor).await.is_empty(), "no vendor is called at the start");
    }
    sandbox.signal("-TERM");
    assert_eq!(sandbox.end().0, Some(0));
    let sandbox = start(&folder, &[HISTORY]);
    let api = Api::from_process(&sandbox);
    assert_eq!(api.query(ORDERS, json!({})).await, first, "the same orders, once");
    let sources = api.query("{ sources { id } }", json!({})).await;
    for source in sources["sources"].as_array().expect("sources") {
        past_agrees(&api, source["id"].as_str().expect("an id")).await;
    }
}

/// Asserts that the vendor still has the sales of a month ago.
async fn past_agrees(api: &Api, source: &str) {
    let now = domain::Clock::now(&domain::SystemClock);
    let at = |days: i64| now - jiff::SignedDuration::from_hours(24 * days);
    let query = "query($source: ID!, $from: DateTime!, $to: DateTime!) {
        reconciliation(source: $source, from: $from, to: $to) { matched orphans { value } missing { id } } }";
    let report = api.query(query, json!({ "source": source, "from": at(45), "to": at(15) })).await;
    let report = &report["reconciliation"];
    assert_eq!((&report["orphans"], &report["missing"]), (&json!([]), &json!([])), "{source}");
    assert!(report["matched"].as_u64().is_some_and(|matched| matched > 0), "{source}: {report}");
    no_difference(api, source).await;
}

#[tokio::test]
async fn a_ledger_with_an_order_and_a_sandbox_without_the_setting_get_no_past() {
    let folder = TempDir::new().expect("a folder");
    let mut sandbox = start(&folder, &[]);
    let api = Api::from_process(&sandbox);
    assert_eq!(api.query(ORDERS, json!({})).await["orders"]["totalCount"], 0);
    place(&api).await;
    sandbox.signal("-TERM");
    sandbox.end();
    let sandbox = start(&folder, &[HISTORY]);
    let api = Api::from_process(&sandbox);
    assert_eq!(api.query(ORDERS, json!({})).await["orders"]["totalCount"], 1);
}

/// Places an order of the first ticket on offer.
async fn place(api: &Api) {
    let offers = "{ events(first: 50) { nodes { performances(first: 3) { nodes { id availability {
        offers { status ticketType { id } } } } } } } }";
    let offers = api.query(offers, json!({})).await;
    let performances: Vec<&Value> = offers["events"]["nodes"]
        .as_array()
        .expect("events")
        .iter()
        .flat_map(|event| event["performances"]["nodes"].as_array().expect("performances"))
        .collect();
    let line = performances.iter().find_map(|performance| {
        let mut offers = performance["availability"]["offers"].as_array()?.iter();
        let offer = offers.find(|offer| offer["status"] == "AVAILABLE")?;
        Some(json!({ "performance": performance["id"], "ticketType": offer["ticketType"]["id"], "quantity": 1 }))
    });
    let mutation =
        "mutation($input: CreateOrderInput!) { placeOrder(input: $input) { order { status } problems { code } } }";
    let contact = json!({ "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org" });
    let input = json!({ "idempotencyKey": "one", "contact": contact, "lines": [line.expect("an offer")] });
    let placed = api.query(mutation, json!({ "input": input })).await;
    assert_eq!(placed["placeOrder"]["problems"], json!([]), "{placed}");
}

#[tokio::test]
async fn a_configuration_of_ones_own_gets_no_past() {
    let folder = TempDir::new().expect("a folder");
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/sandbox.toml")).expect("a file");
    assert!(text.contains("history = true"), "the sandbox has the setting");
    let own = text.replace("[ledger]\n", "[ledger]\nurl = \"sqlite://ledger.db\"\n");
    std::fs::write(folder.path().join("own.toml"), own).expect("a file");
    let server =
        Process::start_with(&folder, &["serve", "--config", "own.toml", "--listen", "127.0.0.1:0"], &[HISTORY]);
    let api = Api::from_process(&server);
    assert_eq!(api.query(ORDERS, json!({})).await["orders"]["totalCount"], 0);
}
