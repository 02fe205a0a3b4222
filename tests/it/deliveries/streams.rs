//! Streams of a channel: retries of failed deliveries only, a single runner, and drift.

use std::time::Duration;

use deliveries::ChannelStream;
use deliveries::store::ChannelWrite;
use domain::Clock;
use domain::StoreError;
use domain::mobile::AppTicketState;
use domain::ordering::DeliveryPreference::MobileApp;
use emulators::Fault;
use jiff::SignedDuration;
use serde_json::json;
use ticketgraph::graphql::Scope;

use crate::deliveries::world::{CHANNEL, INTERVAL, World};

#[tokio::test]
async fn only_failed_pushes_are_repeated_and_refused_ones_only_on_request() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    world.fail("/tickets", Fault::DropBefore);
    world.cycle().await;
    let keys: Vec<String> =
        world.deliveries_of(order.key).await.iter().map(|delivery| delivery.key.to_string()).collect();
    let body = json!({"result": [{"ticketId": keys[0], "outcome": "ACCEPTED", "status": "INJECTED"},
        {"ticketId": keys[1], "outcome": "REJECTED", "errors": [{"code": "INVALID_FIELD", "field": "event.name"}]}]});
    world.fail("/tickets", Fault::Status { status: 200, retry_after: None, body: Some(body.to_string()) });
    world.cycle().await;
    let tally = world.failed(ChannelStream::Injection).await;
    assert_eq!((tally.pending, tally.failed), (0, 1));
    let pushes = world.pushes();
    world.advance(INTERVAL);
    world.cycle().await;
    assert_eq!((world.pushes(), world.app_holds().len()), (pushes, 0), "the schedule does not retry a refused ticket");
    let document =
        "query { sources { delivery { id app source { name } streams { kind lastRunAt lastSuccessAt pending failed
        problems { code vendorCode } } } } }";
    let answer = world.query(document, json!({})).await;
    let channel = &answer["sources"][0]["delivery"];
    assert_eq!((&channel["app"], &channel["source"]["name"]), (&json!("tixngo"), &json!("opera")));
    assert_eq!(channel["streams"][0]["kind"], "INJECTION");
    assert_eq!(channel["streams"][0]["failed"], 1);
    let run =
        "mutation($input: RunDeliveryStreamInput!) { runDeliveryStream(input: $input) { stream { kind pending failed }
        problems { code } } }";
    let input = json!({"input": {"channel": channel["id"], "kind": "INJECTION"}});
    let answer = world.query(run, input.clone()).await;
    let stream = json!({"kind": "INJECTION", "pending": 0, "failed": 0});
    assert_eq!(answer["runDeliveryStream"], json!({"stream": stream, "problems": []}));
    assert_eq!(world.app_holds(), [(keys[1].clone(), "INJECTED".to_owned())], "only the refused ticket is pushed");
    let refused = world.query_as(&[Scope::OrderRead, Scope::CatalogRead], run, input).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let node = world.query("query($id: ID!) { node(id: $id) { id __typename } }", json!({"id": channel["id"]})).await;
    assert_eq!(node["node"], json!({"id": channel["id"], "__typename": "DeliveryChannel"}));
    let unknown = world.query(run, json!({"input": {"channel": "x", "kind": "STATUS"}})).await;
    assert_eq!(unknown["runDeliveryStream"]["problems"][0]["code"], "UNSUPPORTED_BY_SOURCE");
}

#[tokio::test]
async fn a_failed_stream_reports_its_error_and_last_success() {
    let world = World::open().await;
    world.cycle().await;
    let went_well = world.clock().now();
    world.advance(INTERVAL);
    world.app.stage.set_down(true);
    world.cycle().await;
    let run = world.ledgers.deliveries.load_last_run(CHANNEL, ChannelStream::Status).await.expect("the store");
    assert_eq!((run.last_run_at, run.last_success_at), (Some(world.clock().now()), Some(went_well)));
    let report = world.deliveries.run_stream(CHANNEL, ChannelStream::Status).await.expect("the store").expect("it ran");
    assert_eq!(report.problems[0].code.name(), "SOURCE_UNAVAILABLE");
}

#[tokio::test]
async fn a_channel_has_one_runner_and_rejects_a_late_one() {
    let world = World::open().await;
    let (now, ledger) = (world.clock().now(), &world.ledgers.deliveries);
    let lease = ledger.claim(CHANNEL, now, Duration::from_secs(60)).await.expect("the store").expect("a lease");
    world.cycle().await;
    assert_eq!(world.app.stage.log.all().len(), 0, "another runner reads the feed");
    let busy = world
        .deliveries
        .run_stream(CHANNEL, ChannelStream::Status)
        .await
        .expect("the store")
        .expect_err("the channel is busy");
    assert_eq!(busy.code.name(), "SOURCE_BUSY");
    world.advance(Duration::from_secs(61));
    world.cycle().await;
    assert_eq!(world.app.stage.log.count("/diff"), 1);
    let late = {
        let change = ChannelWrite { app_cursor: Some("7"), ..ChannelWrite::default() };
        ledger.write(&lease, now, Duration::ZERO, &change).await
    };
    assert!(matches!(late, Err(StoreError::Outdated)));
    assert_eq!(ledger.load_positions(CHANNEL).await.expect("the store").app, None);
}

#[tokio::test]
async fn drift_is_reported_after_two_cycles_of_disagreement() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    world.cycle().await;
    let id = world.app_holds()[0].0.clone();
    // An operator of the app changes the ticket there only.
    world.inject_state("control", Some(&id), json!(null));
    world.cycle().await;
    let drifts = async || {
        let now = world.clock().now();
        let deliveries = world.deliveries_of(order.key).await;
        deliveries.iter().map(|delivery| delivery.has_drifted(now, INTERVAL * 2)).collect::<Vec<_>>()
    };
    assert_eq!(drifts().await, [false, false], "short disagreements are no drift");
    world.advance(INTERVAL * 2 + Duration::from_secs(1));
    world.cycle().await;
    assert_eq!(drifts().await, [true, false]);
    let document = "query($number: String!) { order(number: $number) { tickets { deliveries { ... on AppDelivery { state drift } } } } }";
    let answer = world.query(document, json!({ "number": order.number })).await;
    assert_eq!(answer["order"]["tickets"][0]["deliveries"][0], json!({"state": "CONTROLLED", "drift": true}));
    // The venue admits the visitor afterwards, so the systems agree again.
    let starts_at = order.lines[0].starts_at.expect("a start");
    let wait: SignedDuration = starts_at.duration_since(world.clock().now());
    world.advance(wait.try_into().expect("later"));
    world.cycle().await;
    assert_eq!(drifts().await, [false, false]);
}

#[tokio::test]
async fn a_reactivated_ticket_is_canceled_again() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    world.cycle().await;
    let id = world.app_holds()[0].0.clone();
    world.cancel(order.key).await;
    world.cycle().await;
    world.inject_state("restore", Some(&id), json!(null));
    world.cycle().await;
    assert_eq!(world.deliveries_of(order.key).await[0].state, Some(AppTicketState::Downloaded));
    world.cycle().await;
    world.advance(Duration::from_secs(3));
    world.cycle().await;
    assert!(world.app_holds().iter().all(|(_, status)| status == "DELETED"));
}
