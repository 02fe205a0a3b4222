//! Delivery of tickets on request.

use domain::ordering::DeliveryPreference::{Barcode, MobileApp};
use emulators::Fault;
use serde_json::{Value, json};
use ticketgraph::graphql::Scope;

use crate::deliveries::world::World;

const DELIVER: &str =
    "mutation($input: DeliverTicketsInput!) { deliverTickets(input: $input) { replayed problems { code path }
    tickets { id deliveries { __typename ... on AppDelivery { state } } } } }";

async fn ids(world: &World, number: &str) -> (Value, Vec<Value>) {
    let document = "query($number: String!) { order(number: $number) { id tickets { id } } }";
    let answer = world.query(document, json!({ "number": number })).await;
    let tickets = answer["order"]["tickets"].as_array().expect("tickets");
    (answer["order"]["id"].clone(), tickets.iter().map(|ticket| ticket["id"].clone()).collect())
}

async fn deliver(world: &World, key: &str, order: &Value, tickets: Value) -> Value {
    let input = json!({"input": {"idempotencyKey": key, "order": order, "tickets": tickets}});
    world.query(DELIVER, input).await["deliverTickets"].clone()
}

fn codes(payload: &Value) -> Vec<&str> {
    let problems = payload["problems"].as_array().expect("problems");
    problems.iter().map(|problem| problem["code"].as_str().expect("a code")).collect()
}

#[tokio::test]
async fn tickets_with_barcodes_are_delivered_on_request_and_a_repeated_key_pushes_nothing() {
    let world = World::open().await;
    let order = world.buy(Barcode).await;
    let (order, tickets) = ids(&world, &order.number).await;
    let response = deliver(&world, "k1", &order, json!([tickets[1]])).await;
    assert_eq!((&response["replayed"], codes(&response)), (&json!(false), Vec::new()));
    assert_eq!(response["tickets"][0]["id"], tickets[1]);
    let kinds: Vec<_> = response["tickets"][0]["deliveries"].as_array().expect("two ways").iter().collect();
    assert_eq!(
        kinds,
        [&json!({"__typename": "BarcodeDelivery"}), &json!({"__typename": "AppDelivery", "state": "INJECTED"})]
    );
    assert_eq!((world.app_holds().len(), world.pushes()), (1, 1));
    let again = deliver(&world, "k1", &order, json!([tickets[1]])).await;
    assert_eq!((&again["replayed"], &again["tickets"]), (&json!(true), &response["tickets"]));
    assert_eq!(world.pushes(), 1);
    let other = deliver(&world, "k1", &order, json!(null)).await;
    assert_eq!(codes(&other), ["IDEMPOTENCY_KEY_REUSED"]);
    let all = deliver(&world, "k2", &order, json!(null)).await;
    assert_eq!((all["tickets"].as_array().map(Vec::len), world.app_holds().len()), (Some(2), 2));
}

#[tokio::test]
async fn a_refused_ticket_is_retried_on_request() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    let (id, _) = ids(&world, &order.number).await;
    let rejected = |key: &str| json!({"ticketId": key, "outcome": "REJECTED", "errors": [{"code": "TOO_LONG"}]});
    world.fail("/tickets", Fault::DropBefore);
    let lost = deliver(&world, "k1", &id, json!(null)).await;
    assert_eq!(codes(&lost), ["SOURCE_UNAVAILABLE"]);
    let keys: Vec<String> =
        world.deliveries_of(order.key).await.iter().map(|delivery| delivery.key.to_string()).collect();
    let body = json!({"result": keys.iter().map(|key| rejected(key)).collect::<Vec<_>>()});
    world.fail("/tickets", Fault::Status { status: 200, retry_after: None, body: Some(body.to_string()) });
    let refused = deliver(&world, "k2", &id, json!(null)).await;
    assert_eq!(codes(&refused), ["REFUSED_BY_SOURCE"], "one problem for two refused tickets");
    let fine = deliver(&world, "k3", &id, json!(null)).await;
    assert_eq!((codes(&fine), world.app_holds().len()), (Vec::new(), 2));
}

#[tokio::test]
async fn an_undeliverable_ticket_is_a_problem_with_its_path() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    let (id, tickets) = ids(&world, &order.number).await;
    let unknown = deliver(&world, "k1", &json!("x"), json!(null)).await;
    assert_eq!(unknown["problems"], json!([{"code": "ORDER_NOT_FOUND", "path": ["input", "order"]}]));
    let foreign = deliver(&world, "k2", &id, json!([id])).await;
    assert_eq!(foreign["problems"], json!([{"code": "ORDER_NOT_FOUND", "path": ["input", "tickets"]}]));
    let keyless = deliver(&world, " ", &id, json!(null)).await;
    assert_eq!(codes(&keyless), ["IDEMPOTENCY_KEY_INVALID"]);
    world.cancel(order.key).await;
    let void = deliver(&world, "k3", &id, json!([tickets[0]])).await;
    assert_eq!(void["problems"], json!([{"code": "ACTION_NOT_AVAILABLE", "path": ["input", "tickets"]}]));
    assert_eq!(world.app_holds(), Vec::new());
    let input = json!({"input": {"idempotencyKey": "k", "order": id}});
    let forbidden = world.query_as(&[Scope::OrderWrite, Scope::OrderRead], DELIVER, input).await;
    assert_eq!(forbidden["errors"][0]["extensions"]["code"], "FORBIDDEN");
}
