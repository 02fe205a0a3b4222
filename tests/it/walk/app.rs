//! The mobile app of the opera house: its four streams, by themselves and on demand.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::process::PATIENCE;
use crate::process_sandbox::Served;
use crate::walk::OPERATOR;
use crate::walk::sale::{Sale, buy, cancel, line};

const ORDER: &str = "query($o: ID!) { order(id: $o) { tickets { status
    deliveries { ... on AppDelivery { state drift } } timeline { system state } } } }";

/// Looks at an order until its one ticket stands where it should in the app. The streams run by themselves every five seconds.
async fn wait_for(served: &Served, order: &Value, state: &str) -> Value {
    let end = Instant::now() + PATIENCE;
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    loop {
        ticks.tick().await;
        let told = served.ask_as(OPERATOR, ORDER, json!({ "o": order["id"] })).await;
        let ticket = &told["data"]["order"]["tickets"][0];
        if ticket["deliveries"][0]["state"] == state {
            return ticket.clone();
        }
        assert!(Instant::now() < end, "it never becomes {state}: {told}");
    }
}

/// Runs a stream on demand; while it runs by itself, it is busy.
async fn run(served: &Served, channel: &Value, kind: &str) {
    let document = "mutation($input: RunDeliveryStreamInput!) { told: runDeliveryStream(input: $input) {
        stream { kind failed } problems { code } } }";
    let end = Instant::now() + PATIENCE;
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    loop {
        ticks.tick().await;
        let input = json!({ "channel": channel, "kind": kind });
        let told = served.ask_as(OPERATOR, document, json!({ "input": input })).await["data"]["told"].clone();
        if told["problems"][0]["code"] != "SOURCE_BUSY" {
            assert_eq!(told, json!({ "stream": { "kind": kind, "failed": 0 }, "problems": [] }));
            return;
        }
        assert!(Instant::now() < end, "{kind} is busy for ever");
    }
}

/// A ticket goes into the app and is used, another is taken back; each stream is run on demand too.
pub(crate) async fn walk(served: &Served) {
    let channels = "{ sources { name delivery { id } } }";
    let told = served.ask_as(OPERATOR, channels, json!({})).await;
    let sources = told["data"]["sources"].as_array().expect("sources");
    let opera = sources.iter().find(|source| source["name"] == "opera").expect("the opera house");
    let channel = opera["delivery"]["id"].clone();

    let line = line(served, "opera").await;
    let order = buy(served, &Sale { key: "in the app", lines: vec![line.clone()], delivery: "MOBILE_APP" }).await;
    wait_for(served, &order, "INJECTED").await;
    let reference = &order["legs"][0]["ourReference"];
    let holdings = served.holdings("secutix").await;
    let all = holdings["orders"].as_array().expect("orders");
    let sold =
        all.iter().find(|sale| sale["reference"] == *reference).unwrap_or_else(|| panic!("{reference} in {holdings}"));
    let ticket = sold["tickets"][0]["ticket_id"].as_str().expect("a ticket");
    served.twist("secutix", "use_ticket", ticket).await;
    run(served, &channel, "CONTROLLED").await;
    let used = wait_for(served, &order, "CONTROLLED").await;
    assert_eq!((&used["status"], &used["deliveries"][0]["drift"]), (&json!("USED"), &json!(false)), "{used}");

    let order = buy(served, &Sale { key: "taken back", lines: vec![line], delivery: "MOBILE_APP" }).await;
    wait_for(served, &order, "INJECTED").await;
    assert_eq!(cancel(served, &order).await["status"], "CANCELLED");
    for kind in ["CANCELLED", "INJECTION", "STATUS"] {
        run(served, &channel, kind).await;
    }
    wait_for(served, &order, "DELETED").await;
}
