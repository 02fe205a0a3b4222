//! The streams themselves: retries of what failed only, one runner, drift.

use std::time::Duration;

use deliveries::Stream;
use deliveries::ledger::ChannelChange;
use domain::Clock;
use domain::mobile::AppState;
use domain::ordering::DeliveryPreference::MobileApp;
use emulators::Fault;
use jiff::SignedDuration;
use orders::LedgerError;
use serde_json::json;
use ticketgraph::graphql::Scope;

use crate::delivery::world::{CHANNEL, INTERVAL, World};

#[tokio::test]
async fn only_the_tickets_that_failed_are_told_again_and_refused_ones_on_request_only() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    world.fail("/tickets", Fault::DropBefore);
    world.cycle().await;
    let keys: Vec<String> = world.parcels(order.key).await.iter().map(|parcel| parcel.key.to_string()).collect();
    let body = json!({"result": [{"ticketId": keys[0], "outcome": "ACCEPTED", "status": "INJECTED"},
        {"ticketId": keys[1], "outcome": "REJECTED", "errors": [{"code": "INVALID_FIELD", "field": "event.name"}]}]});
    world.fail("/tickets", Fault::Status { status: 200, retry_after: None, body: Some(body.to_string()) });
    world.cycle().await;
    let tally = world.failed(Stream::Injection).await;
    assert_eq!((tally.pending, tally.failed), (0, 1));
    let pushes = world.pushes();
    world.pass(INTERVAL);
    world.cycle().await;
    assert_eq!((world.pushes(), world.app_holds().len()), (pushes, 0), "the schedule leaves a refused ticket alone");
    let document =
        "query { sources { delivery { id app source { name } streams { kind lastRunAt lastSuccessAt pending failed
        problems { code vendorCode } } } } }";
    let answer = world.ask(document, json!({})).await;
    let channel = &answer["sources"][0]["delivery"];
    assert_eq!((&channel["app"], &channel["source"]["name"]), (&json!("tixngo"), &json!("opera")));
    assert_eq!(channel["streams"][0]["kind"], "INJECTION");
    assert_eq!(channel["streams"][0]["failed"], 1);
    let run =
        "mutation($input: RunDeliveryStreamInput!) { runDeliveryStream(input: $input) { stream { kind pending failed }
        problems { code } } }";
    let input = json!({"input": {"channel": channel["id"], "kind": "INJECTION"}});
    let answer = world.ask(run, input.clone()).await;
    let stream = json!({"kind": "INJECTION", "pending": 0, "failed": 0});
    assert_eq!(answer["runDeliveryStream"], json!({"stream": stream, "problems": []}));
    assert_eq!(world.app_holds(), [(keys[1].clone(), "INJECTED".to_owned())], "the refused one, and it alone");
    let refused = world.ask_as(&[Scope::OrderRead, Scope::CatalogRead], run, input).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let node = world.ask("query($id: ID!) { node(id: $id) { id __typename } }", json!({"id": channel["id"]})).await;
    assert_eq!(node["node"], json!({"id": channel["id"], "__typename": "DeliveryChannel"}));
    let unknown = world.ask(run, json!({"input": {"channel": "x", "kind": "STATUS"}})).await;
    assert_eq!(unknown["runDeliveryStream"]["problems"][0]["code"], "UNSUPPORTED_BY_SOURCE");
}

#[tokio::test]
async fn a_stream_that_fails_says_so_and_when_it_last_went_well() {
    let world = World::open().await;
    world.cycle().await;
    let went_well = world.clock().now();
    world.pass(INTERVAL);
    world.app.stage.set_down(true);
    world.cycle().await;
    let run = world.ledgers.deliveries.last_run(CHANNEL, Stream::Status).await.expect("the ledger");
    assert_eq!((run.last_run_at, run.last_success_at), (Some(world.clock().now()), Some(went_well)));
    let report = world.deliveries.run(CHANNEL, Stream::Status).await.expect("the ledger").expect("it ran");
    assert_eq!(report.problems[0].code.name(), "SOURCE_UNAVAILABLE");
}

#[tokio::test]
async fn a_channel_has_one_runner_and_a_late_one_is_refused() {
    let world = World::open().await;
    let (now, ledger) = (world.clock().now(), &world.ledgers.deliveries);
    let lease = ledger.claim(CHANNEL, now, now + Duration::from_secs(60)).await.expect("the ledger").expect("a lease");
    world.cycle().await;
    assert_eq!(world.app.stage.log.all().len(), 0, "another reads the feed");
    let busy = world.deliveries.run(CHANNEL, Stream::Status).await.expect("the ledger").expect_err("another runs it");
    assert_eq!(busy.code.name(), "SOURCE_BUSY");
    world.pass(Duration::from_secs(61));
    world.cycle().await;
    assert_eq!(world.app.stage.log.count("/diff"), 1);
    let late = ledger.write(&lease, now, &ChannelChange { app_read: Some("7"), ..ChannelChange::default() }).await;
    assert!(matches!(late, Err(LedgerError::Outdated)));
    assert_eq!(ledger.reading(CHANNEL).await.expect("the ledger").app, None);
}

#[tokio::test]
async fn drift_shows_when_the_two_systems_disagree_for_longer_than_two_cycles() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    world.cycle().await;
    let id = world.app_holds()[0].0.clone();
    // An operator of the app does something behind the back of the house.
    world.twist("control", Some(&id), json!(null));
    world.cycle().await;
    let drifts = async || {
        let now = world.clock().now();
        let parcels = world.parcels(order.key).await;
        parcels.iter().map(|parcel| parcel.drifts(now, INTERVAL * 2)).collect::<Vec<_>>()
    };
    assert_eq!(drifts().await, [false, false], "two systems are never in step to the second");
    world.pass(INTERVAL * 2 + Duration::from_secs(1));
    world.cycle().await;
    assert_eq!(drifts().await, [true, false]);
    let document = "query($number: String!) { order(number: $number) { tickets { deliveries { ... on AppDelivery { state drift } } } } }";
    let answer = world.ask(document, json!({ "number": order.number })).await;
    assert_eq!(answer["order"]["tickets"][0]["deliveries"][0], json!({"state": "CONTROLLED", "drift": true}));
    // The house lets the visitor in after all: they agree again.
    let starts_at = order.lines[0].starts_at.expect("a begin");
    let wait: SignedDuration = starts_at.duration_since(world.clock().now());
    world.pass(wait.try_into().expect("later"));
    world.cycle().await;
    assert_eq!(drifts().await, [false, false]);
}

#[tokio::test]
async fn a_ticket_that_was_taken_back_and_lives_again_is_taken_back_again() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    world.cycle().await;
    let id = world.app_holds()[0].0.clone();
    world.cancel(order.key).await;
    world.cycle().await;
    world.twist("restore", Some(&id), json!(null));
    world.cycle().await;
    assert_eq!(world.parcels(order.key).await[0].state, Some(AppState::Downloaded));
    world.cycle().await;
    world.pass(Duration::from_secs(3));
    world.cycle().await;
    assert!(world.app_holds().iter().all(|(_, status)| status == "DELETED"));
}
