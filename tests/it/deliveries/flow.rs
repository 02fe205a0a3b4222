//! Life of a ticket over GraphQL, driven by schedule and clock only.

use std::time::Duration;

use domain::Clock;
use domain::ordering::DeliveryPreference::{Barcode, MobileApp};
use jiff::{SignedDuration, Timestamp};
use orders::Order;
use serde_json::{Value, json};

use crate::deliveries::world::{INTERVAL, World};
use crate::orders::database::Postgres;

const ORDER: &str = "query($number: String!) { order(number: $number) { tickets { id status transferable usedAt
    deliveries { __typename ... on AppDelivery { app state vendorState barcodeVisibleFrom drift } }
    timeline { system state } } } }";

async fn tickets(world: &World, order: &Order) -> Vec<Value> {
    let answer = world.query(ORDER, json!({ "number": order.number })).await;
    answer["order"]["tickets"].as_array().expect("tickets").clone()
}

fn states(ticket: &Value) -> Vec<&str> {
    let events = ticket["timeline"].as_array().expect("a timeline");
    events.iter().map(|event| event["state"].as_str().expect("a state")).collect()
}

/// Advances the clock to an instant.
fn pass_until(world: &World, at: Timestamp) {
    let wait = at.duration_since(world.clock().now());
    world.advance(wait.try_into().expect("later"));
}

#[tokio::test]
async fn a_sold_ticket_is_printed_injected_downloaded_activated_and_controlled_automatically() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    let starts_at = order.lines[0].starts_at.expect("a start");
    let before = &tickets(&world, &order).await[0];
    assert_eq!((&before["status"], states(before)), (&json!("ISSUED"), vec!["SOLD"]));
    assert_eq!(before["deliveries"][0]["state"], "NOT_SENT");
    world.cycle().await;
    for ticket in &tickets(&world, &order).await {
        let visible = (starts_at - SignedDuration::from_hours(3)).to_string();
        let app = json!({"__typename": "AppDelivery", "app": "tixngo", "state": "INJECTED", "vendorState": "INJECTED",
            "barcodeVisibleFrom": ticket["deliveries"][0]["barcodeVisibleFrom"], "drift": false});
        assert_eq!(ticket["deliveries"], json!([app]), "the API exposes no barcode");
        let response: Timestamp =
            ticket["deliveries"][0]["barcodeVisibleFrom"].as_str().expect("text").parse().expect("an instant");
        assert_eq!(response.to_string(), visible);
        assert_eq!((&ticket["status"], &ticket["transferable"]), (&json!("DELIVERED"), &json!(true)));
        assert_eq!(states(ticket), ["SOLD", "PRINTED", "INJECTED"]);
        let systems: Vec<&str> =
            ticket["timeline"].as_array().expect("one").iter().filter_map(|e| e["system"].as_str()).collect();
        assert_eq!(systems, ["opera", "opera", "tixngo"]);
    }
    world.advance(Duration::from_secs(660));
    world.cycle().await;
    assert_eq!(tickets(&world, &order).await[0]["deliveries"][0]["state"], "DOWNLOADED");
    pass_until(&world, starts_at - SignedDuration::from_hours(2));
    world.cycle().await;
    let active = &tickets(&world, &order).await[0];
    assert_eq!((&active["deliveries"][0]["state"], &active["transferable"]), (&json!("ACTIVATED"), &json!(false)));
    assert_eq!(active["deliveries"][0]["vendorState"], "OFFLINE_ACTIVATED");
    pass_until(&world, starts_at);
    world.cycle().await;
    for ticket in &tickets(&world, &order).await {
        assert_eq!((&ticket["status"], &ticket["deliveries"][0]["state"]), (&json!("USED"), &json!("CONTROLLED")));
        let mut all = states(ticket);
        all.sort_unstable();
        let mut wanted = ["SOLD", "PRINTED", "INJECTED", "DOWNLOADED", "ACTIVATED", "USED", "CONTROLLED"];
        wanted.sort_unstable();
        assert_eq!(all, wanted);
        assert_eq!(ticket["deliveries"][0]["drift"], false);
    }
    let pushes = world.pushes();
    world.advance(INTERVAL);
    world.cycle().await;
    assert_eq!(world.pushes(), pushes, "no push is repeated");
    assert_eq!(pushes, 2, "both tickets in one injection, and both in one control");
}

#[tokio::test]
async fn a_canceled_order_ends_deleted_in_the_app() {
    canceled_order_ends_deleted(World::open().await).await;
}

#[tokio::test]
async fn a_canceled_order_ends_deleted_in_the_app_with_its_store_in_postgres() {
    let Some(server) = Postgres::start() else { return };
    canceled_order_ends_deleted(World::over(server.url()).await).await;
}

async fn canceled_order_ends_deleted(world: World) {
    let order = world.buy(MobileApp).await;
    world.cycle().await;
    world.cancel(order.key).await;
    world.cycle().await;
    let pending = &tickets(&world, &order).await[0];
    assert_eq!((&pending["status"], &pending["deliveries"][0]["state"]), (&json!("VOID"), &json!("DELETION_PENDING")));
    world.advance(Duration::from_secs(3));
    world.cycle().await;
    for ticket in &tickets(&world, &order).await {
        assert_eq!(ticket["deliveries"][0]["state"], "DELETED");
        assert_eq!(states(ticket), ["SOLD", "PRINTED", "INJECTED", "DELETION_PENDING", "DELETED"]);
    }
    assert!(world.app_holds().iter().all(|(_, status)| status == "DELETED"));
}

#[tokio::test]
async fn a_ticket_canceled_before_its_first_cycle_never_reaches_the_app() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    world.cancel(order.key).await;
    world.cycle().await;
    assert_eq!((world.app_holds(), world.pushes()), (Vec::new(), 0));
    let early = world.buy(MobileApp).await;
    world.app.stage.set_down(true);
    world.cycle().await;
    world.app.stage.set_down(false);
    world.cancel(early.key).await;
    world.cycle().await;
    assert_eq!(world.app_holds(), Vec::new(), "the injection never arrived, so there is nothing to cancel");
    assert!(world.deliveries_of(early.key).await.iter().all(|delivery| delivery.is_final()));
}

#[tokio::test]
async fn an_order_with_barcode_delivery_stays_out_of_the_app() {
    let world = World::open().await;
    let order = world.buy(Barcode).await;
    world.cycle().await;
    assert_eq!(world.app_holds(), Vec::new());
    assert_eq!(tickets(&world, &order).await[0]["deliveries"][0]["__typename"], "BarcodeDelivery");
}

#[tokio::test]
async fn a_transferred_ticket_shows_its_new_holder() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    world.cycle().await;
    let id = world.app_holds()[0].0.clone();
    world.inject_state("transfer/start", Some(&id), json!("cy@example.net"));
    world.cycle().await;
    assert_eq!(tickets(&world, &order).await[0]["deliveries"][0]["state"], "TRANSFER_PENDING");
    world.inject_state("transfer/accept", Some(&id), json!("Cy Guest"));
    world.cycle().await;
    let document = "query($number: String!) { order(number: $number) { tickets { status holderName } } }";
    let answer = world.query(document, json!({ "number": order.number })).await;
    assert_eq!(answer["order"]["tickets"][0], json!({"status": "TRANSFERRED", "holderName": "Cy Guest"}));
}
