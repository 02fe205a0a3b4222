//! SIGTERM: first not ready, then requests in flight are completed, streams break off so that clients reconnect, exit
//! code 0.

use std::sync::Arc;

use emulators::{Fault, Rule, Scenario};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::{BUY, Deployment, LIST, OPERATOR};
use crate::layers::support::until;

const WATCH: &str = "subscription { sourceHealthChanged { name } }";

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_complete_and_streams_end_at_shutdown() {
    let house = Deployment::start(&format!("{OPERATOR}[server]\ndrain_notice = \"1500ms\"\n")).await;
    let served = Arc::new(house.serve());
    let wish = served.order_input("harbor", "drain").await;
    assert_eq!(served.get("/health/ready").await.0, 200);
    let mut socket = served.socket("shop").await;
    socket.subscribe("1", WATCH, json!({})).await;
    socket.subscribe("2", "{ __typename }", json!({})).await;
    while socket.receive().await.expect("a message")["type"] != "complete" {}
    let events = served.request("shop", WATCH, &Value::Null).header("accept", "text/event-stream");
    let events = events.send().await.expect("a stream");
    assert_eq!(events.status().as_u16(), 200);

    // Each call takes longer than the notice, so the order is in progress when new requests are no longer accepted.
    let slow = Rule::for_path("", Fault::Delay { ms: 900 });
    house.vendors.stage("acme").faults.add(Scenario { rules: vec![slow] });
    let calls = || house.vendors.stage("acme").log.all().len();
    let before = calls();
    let tasks = TaskTracker::new();
    let buyer = Arc::clone(&served);
    let buying = tasks.spawn(async move { buyer.query("shop", BUY, &wish).await });
    until("the vendor is being asked", async || calls() > before).await;

    served.process.signal("-TERM");
    until("it is not ready", async || served.get("/health/ready").await.0 == 503).await;
    let (_, reasons) = served.get("/health/ready").await;
    assert!(reasons.contains("is stopping") && reasons.contains("\"name\":\"ledger\""), "{reasons}");
    assert_eq!(served.get("/health/live").await.0, 200);
    // Load balancers need a moment to notice; until then requests are served.
    let answer = served.request("shop", LIST, &Value::Null).send().await.expect("a response");
    assert_eq!(answer.status().as_u16(), 200);

    assert_eq!(socket.receive().await, Err(1001), "the socket says that the service goes away");
    let rest = events.text().await.expect("an end");
    assert!(!rest.contains("event: complete"), "a client that receives `complete` does not reconnect: {rest}");
    let bought = buying.await.expect("a response");
    assert_eq!(bought["placeOrder"]["order"]["status"], "CONFIRMED", "{bought}");
    let mut served = Arc::into_inner(served).expect("nobody else");
    let (code, lines) = served.process.end();
    assert_eq!(code, Some(0), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_outlasts_the_drain_is_resumed_after_restart() {
    let house = Deployment::start(&format!(
        "{OPERATOR}[server]\ndrain = \"300ms\"\n[orders]\nresponse_timeout = \"100ms\"\nlate_arrival_window = \"2s\"\n"
    ))
    .await;
    let mut served = house.serve();
    let wish = served.order_input("harbor", "outlasts").await;
    let slow = Rule::for_path("", Fault::Delay { ms: 700 });
    house.vendors.stage("acme").faults.add(Scenario { rules: vec![slow] });
    let bought = served.query("shop", BUY, &wish).await;
    let order = &bought["placeOrder"]["order"];
    assert_ne!(order["status"], "CONFIRMED", "{bought}");
    served.process.signal("-TERM");
    let (code, lines) = served.process.end();
    assert_eq!(code, Some(0), "calls under way wrote their outcome: {lines:#?}");
    house.vendors.stage("acme").faults.clear();

    let served = house.serve();
    let document = "query($id: ID!) { order(id: $id) { status legs { attempts { operation outcome } } } }";
    let variables = json!({ "id": order["id"] });
    let status = async || served.query("shop", document, &variables).await["order"]["status"].clone();
    until("the order is sold", async || status().await == "CONFIRMED").await;
    let order = served.query("shop", document, &variables).await;
    let attempts = order["order"]["legs"][0]["attempts"].as_array().expect("attempts").clone();
    let confirms = attempts.iter().filter(|attempt| attempt["operation"] == "CONFIRM").count();
    assert_eq!(confirms, 1, "nothing is sent twice: {attempts:#?}");
    let sold = house.vendors.stage("acme").inventory();
    assert_eq!(sold["orders"].as_array().map(Vec::len), Some(1), "{sold:#}");
}
