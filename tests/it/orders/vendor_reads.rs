//! Orders read the vendor and never a cache: every new order calls it again for event, performance and availability.

use serde_json::{Value, json};

use crate::process_sandbox::SandboxProcess;

const KEY: &str = "sandbox-storefront";
const LINES: &str = "{ events(first: 50) { nodes { title source { name }
    ticketTypes { id } performances(first: 3) { nodes { id availability { offers { ticketType { id } status } } } } } } }";
const CREATE: &str = "mutation($input: CreateOrderInput!) { createOrder(input: $input) {
    order { id status } problems { code path } replayed } }";

/// Returns one line on sale at a source.
async fn line_on_sale(sandbox: &SandboxProcess, source: &str) -> Value {
    let listed = sandbox.query_as(KEY, LINES, json!({})).await;
    let events = listed["data"]["events"]["nodes"].as_array().unwrap_or_else(|| panic!("events: {listed}"));
    let performances = events
        .iter()
        .filter(|event| event["source"]["name"] == source)
        .flat_map(|event| event["performances"]["nodes"].as_array().expect("performances"));
    let lines = performances.flat_map(|performance| {
        let offers = performance["availability"]["offers"].as_array().into_iter().flatten();
        offers.filter(|offer| offer["status"] == "AVAILABLE").map(move |offer| {
            json!({ "performance": performance["id"], "ticketType": offer["ticketType"]["id"], "quantity": 1 })
        })
    });
    lines.into_iter().next().unwrap_or_else(|| panic!("{source} has nothing on sale: {listed}"))
}

/// Creates an order and returns the sorted endpoints that it called at a vendor; some of the calls are concurrent.
async fn calls_of_create(sandbox: &SandboxProcess, vendor: &str, key: &str, line: &Value) -> Vec<String> {
    let before = sandbox.calls(vendor).await.len();
    let contact = json!({ "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org",
        "phone": "2025550101", "postalCode": "02110" });
    let input = json!({ "idempotencyKey": key, "lines": [line], "policy": "ALL_OR_NOTHING",
        "testMode": true, "contact": contact });
    let created = sandbox.query_as(KEY, CREATE, json!({ "input": input })).await;
    assert_eq!(created["data"]["createOrder"]["order"]["status"], "DRAFT", "{created}");
    let calls = sandbox.calls(vendor).await;
    let path = |target: &str| target.split('?').next().unwrap_or_default().to_owned();
    let mut endpoints: Vec<String> = calls[before..]
        .iter()
        .map(|call| format!("{} {}", path(&call.target), call.action).trim().to_owned())
        .collect();
    endpoints.sort();
    endpoints
}

#[tokio::test]
async fn a_second_order_within_a_minute_calls_the_vendor_again() {
    let sandbox = SandboxProcess::start();
    // The third vendor serves whole catalogs only, so its client keeps a snapshot below the port that orders call.
    for (source, vendor) in [("harbor", "acme"), ("quay", "ticketing")] {
        let line = line_on_sale(&sandbox, source).await;
        let first = calls_of_create(&sandbox, vendor, &format!("{source} 1"), &line).await;
        let second = calls_of_create(&sandbox, vendor, &format!("{source} 2"), &line).await;
        assert!(!second.is_empty(), "{source}: the second order calls the vendor");
        assert_eq!(first, second, "{source}: the second order calls the same endpoints");
        if source == "harbor" {
            // This vendor has an endpoint each for event, performance and availability.
            for endpoint in ["/event/template/", "/event/instances/6", "/instances/summaries"] {
                assert!(second.iter().any(|called| called.contains(endpoint)), "{endpoint} in {second:?}");
            }
        }
    }
}
