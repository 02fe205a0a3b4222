//! The webhook of an emulated vendor, sent to the real binary: the secret of its path is nowhere in what the service writes.

use emulators::StateChange;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::operation::{Deployment, OPERATOR, response_data};
use crate::process::Process;

const SECRET: &str = "planted-webhook-secret-0123456789";

const BUY: &str =
    "mutation Buy($input: CreateOrderInput!) { placeOrder(input: $input) { order { status } problems { message } } }";

fn configuration() -> String {
    format!(
        "{OPERATOR}[sources.opera.incoming_webhook]\nsecret = {{ value = \"{SECRET}\" }}\n\
         [incoming_webhooks]\nbody_limit = \"1KiB\"\n[telemetry]\nlog_level = \"trace\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_webhook_is_in_no_log_line_and_no_metric() {
    let house = Deployment::start(&configuration()).await;
    let mut served = house.serve();
    let hook = format!("{}/hooks/opera/{SECRET}", served.address);
    let value = json!({"version": "v1", "url": format!("{hook}?orderId=${{orderId}}")});
    let change = StateChange { name: "webhook".to_owned(), id: Some("OPERA".to_owned()), value };
    house.vendors.stage("secutix").change_state(&change).expect("a webhook");
    let wish = served.order_input("opera", "webhook").await;
    let bought: Value = response_data(served.request("shop", BUY, &wish)).await;
    assert_eq!(bought["placeOrder"]["order"]["status"], "CONFIRMED", "{bought}");

    let status = async |request: reqwest::RequestBuilder| request.send().await.expect("a response").status().as_u16();
    let post = |body: String| served.client.post(&hook).body(body);
    assert_eq!(status(post("no JSON".to_owned())).await, 400);
    assert_eq!(status(post("x".repeat(1_025))).await, 413);
    assert_eq!(status(served.client.get(format!("{hook}x?orderId=1"))).await, 404);
    assert_eq!(status(served.client.get(format!("{}/hooks/harbor/{SECRET}?orderId=1", served.address))).await, 404);
    assert_eq!(status(served.client.delete(&hook)).await, 405);

    let (_, metrics) = served.get("/metrics").await;
    for outcome in ["accepted", "unreadable", "too_large"] {
        let counted = format!("ticketgraph_incoming_webhooks_total{{source=\"opera\",outcome=\"{outcome}\"}} 1");
        assert!(metrics.contains(&counted), "{counted}");
    }
    assert!(metrics.contains("http_route=\"/hooks/{source}/{secret}\""), "{metrics}");
    served.process.signal("-TERM");
    let (code, lines) = served.process.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("order status changed")), "{lines:#?}");
    let written = format!("{metrics}\n{}", lines.join("\n"));
    assert!(!written.contains(SECRET), "{:?}", written.lines().find(|line| line.contains(SECRET)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_a_vendor_that_sends_none_stops_the_start() {
    let more = format!("[sources.harbor.incoming_webhook]\nsecret = {{ value = \"{SECRET}\" }}\n");
    let house = Deployment::start(&more).await;
    let folder = TempDir::new().expect("a folder");
    let text = format!("{}\n{more}", house.vendors.config());
    std::fs::write(folder.path().join("venues.toml"), text).expect("a file");
    let mut process = Process::start(&folder, &["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"]);
    let (code, lines) = process.end();
    let reported = lines.join("\n");
    assert_ne!(code, Some(0), "{reported}");
    assert!(
        reported.contains("sources.harbor.incoming_webhook") && reported.contains("sends no webhooks"),
        "{reported}"
    );
    assert!(!reported.contains(SECRET), "{reported}");
}
