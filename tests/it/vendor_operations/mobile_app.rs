//! The mobile app of the opera house: its four streams, periodic and on demand.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::process::TIMEOUT;
use crate::process_sandbox::SandboxProcess;
use crate::vendor_operations::OPERATOR;
use crate::vendor_operations::orders::{OrderRequest, buy, cancel, find_line};

const ORDER: &str = "query($o: ID!) { order(id: $o) { tickets { status
    deliveries { ... on AppDelivery { state drift } } timeline { system state } } } }";

/// Polls an order until its only ticket has the given state in the app. The streams run every five seconds.
async fn wait_for(served: &SandboxProcess, order: &Value, state: &str) -> Value {
    let end = Instant::now() + TIMEOUT;
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    loop {
        ticks.tick().await;
        let response = served.query_as(OPERATOR, ORDER, json!({ "o": order["id"] })).await;
        let ticket = &response["data"]["order"]["tickets"][0];
        if ticket["deliveries"][0]["state"] == state {
            return ticket.clone();
        }
        assert!(Instant::now() < end, "it did not become {state}: {response}");
    }
}

/// Runs a stream on demand; it is busy during its periodic run.
async fn run_stream(served: &SandboxProcess, channel: &Value, kind: &str) {
    let document = "mutation($input: RunDeliveryStreamInput!) { payload: runDeliveryStream(input: $input) {
        stream { kind failed } problems { code } } }";
    let end = Instant::now() + TIMEOUT;
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    loop {
        ticks.tick().await;
        let input = json!({ "channel": channel, "kind": kind });
        let response = served.query_as(OPERATOR, document, json!({ "input": input })).await["data"]["payload"].clone();
        if response["problems"][0]["code"] != "SOURCE_BUSY" {
            assert_eq!(response, json!({ "stream": { "kind": kind, "failed": 0 }, "problems": [] }));
            return;
        }
        assert!(Instant::now() < end, "{kind} stays busy");
    }
}

/// Delivers a ticket to the app and uses it, cancels another; runs each stream on demand too.
pub(crate) async fn run(served: &SandboxProcess) {
    let channels = "{ sources { name delivery { id } } }";
    let response = served.query_as(OPERATOR, channels, json!({})).await;
    let sources = response["data"]["sources"].as_array().expect("sources");
    let opera = sources.iter().find(|source| source["name"] == "opera").expect("source opera");
    let channel = opera["delivery"]["id"].clone();

    let line = find_line(served, "opera").await;
    let order =
        buy(served, &OrderRequest { key: "in the app", lines: vec![line.clone()], delivery: "MOBILE_APP" }).await;
    wait_for(served, &order, "INJECTED").await;
    let reference = &order["legs"][0]["ourReference"];
    let holdings = served.holdings("secutix").await;
    let all = holdings["orders"].as_array().expect("orders");
    let sold =
        all.iter().find(|sale| sale["reference"] == *reference).unwrap_or_else(|| panic!("{reference} in {holdings}"));
    let ticket = sold["tickets"][0]["ticket_id"].as_str().expect("a ticket");
    served.change_state("secutix", "use_ticket", ticket).await;
    run_stream(served, &channel, "CONTROLLED").await;
    let used = wait_for(served, &order, "CONTROLLED").await;
    assert_eq!((&used["status"], &used["deliveries"][0]["drift"]), (&json!("USED"), &json!(false)), "{used}");

    let order = buy(served, &OrderRequest { key: "canceled", lines: vec![line], delivery: "MOBILE_APP" }).await;
    wait_for(served, &order, "INJECTED").await;
    assert_eq!(cancel(served, &order).await["status"], "CANCELLED");
    for kind in ["CANCELLED", "INJECTION", "STATUS"] {
        run_stream(served, &channel, kind).await;
    }
    wait_for(served, &order, "DELETED").await;
}
