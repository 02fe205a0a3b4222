//! The tickets that wait in a stream, or that the app rejected, each with its order.

use std::collections::HashSet;

use domain::ordering::DeliveryPreference::MobileApp;
use emulators::Fault;
use serde_json::{Value, json};
use ticketgraph::graphql::{Scope, Viewer};

use crate::deliveries::world::{INTERVAL, World};

const TICKETS: &str = "query($state: StreamTicketState!, $first: Int, $after: String) {
    sources { delivery { streams { kind pending failed tickets(state: $state, first: $first, after: $after) {
        nodes { state attempts lastAttemptAt problems { code vendorCode } order { number } ticket { id } }
        edges { cursor node { ticket { id } } } pageInfo { hasNextPage hasPreviousPage endCursor } } } } } }";

/// Returns the tickets of the first stream, the injection, in a state.
async fn injection(world: &World, variables: Value) -> Value {
    let answer = world.query(TICKETS, variables).await;
    let streams = &answer["sources"][0]["delivery"]["streams"];
    for other in 1..4 {
        assert_eq!(streams[other]["tickets"]["nodes"], json!([]), "only the injection has tickets");
    }
    streams[0].clone()
}

fn rejected(keys: &[String]) -> Fault {
    let result = |key: &String| json!({"ticketId": key, "outcome": "REJECTED", "errors": [{"code": "TOO_LONG"}]});
    let body = json!({"result": keys.iter().map(result).collect::<Vec<_>>()});
    Fault::Status { status: 200, retry_after: None, body: Some(body.to_string()) }
}

#[tokio::test]
async fn pending_and_rejected_tickets_are_listed_with_their_orders() {
    let world = World::open().await;
    let order = world.buy(MobileApp).await;
    world.fail("/tickets", Fault::DropBefore);
    world.cycle().await;
    let pending = injection(&world, json!({"state": "PENDING"})).await;
    let nodes = pending["tickets"]["nodes"].as_array().expect("tickets");
    assert_eq!((nodes.len(), &pending["pending"]), (2, &json!(2)), "{pending}");
    for node in nodes {
        assert_eq!((&node["state"], &node["attempts"]), (&json!("PENDING"), &json!(1)), "{node}");
        assert_eq!(node["order"]["number"], json!(order.number));
        assert_eq!(node["problems"][0]["code"], "SOURCE_UNAVAILABLE");
        assert!(node["lastAttemptAt"].is_string(), "{node}");
    }
    assert_eq!(injection(&world, json!({"state": "FAILED"})).await["tickets"]["nodes"], json!([]));

    let keys: Vec<String> = world.deliveries_of(order.key).await.iter().map(|one| one.key.to_string()).collect();
    world.fail("/tickets", rejected(&keys));
    world.advance(INTERVAL);
    world.cycle().await;
    let failed = injection(&world, json!({"state": "FAILED"})).await;
    let nodes = failed["tickets"]["nodes"].as_array().expect("tickets");
    assert_eq!((nodes.len(), &nodes[0]["state"]), (2, &json!("FAILED")), "{failed}");
    assert_eq!(nodes[1]["problems"], json!([{"code": "REFUSED_BY_SOURCE", "vendorCode": "TOO_LONG"}]));
    assert_eq!(injection(&world, json!({"state": "PENDING"})).await["tickets"]["nodes"], json!([]));
}

#[tokio::test]
async fn the_tickets_of_a_stream_are_listed_page_by_page() {
    let world = World::open().await;
    for _ in 0..2 {
        world.buy(MobileApp).await;
    }
    world.fail("/tickets", Fault::DropBefore);
    world.cycle().await;
    let all = injection(&world, json!({"state": "PENDING"})).await;
    let wanted: Vec<&Value> =
        all["tickets"]["nodes"].as_array().expect("tickets").iter().map(|it| &it["ticket"]).collect();
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    for page in 0..2 {
        let found = injection(&world, json!({"state": "PENDING", "first": 3, "after": after})).await["tickets"].clone();
        seen.extend(found["nodes"].as_array().expect("tickets").iter().map(|it| it["ticket"].clone()));
        let info = &found["pageInfo"];
        assert_eq!((&info["hasNextPage"], &info["hasPreviousPage"]), (&json!(page == 0), &json!(page == 1)));
        assert_eq!(info["endCursor"], found["edges"].as_array().expect("edges").last().expect("an edge")["cursor"]);
        after = info["endCursor"].clone();
    }
    assert_eq!((seen.iter().collect::<Vec<_>>(), seen.len()), (wanted, 4));
    for (variables, field) in
        [(json!({"state": "PENDING", "after": "x"}), "after"), (json!({"state": "PENDING", "first": 101}), "first")]
    {
        let answer = world.query_as(&[Scope::Admin], TICKETS, variables).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(field)), "{error}");
    }
}

#[tokio::test]
async fn the_tickets_of_a_stream_are_for_operators_who_may_read_orders() {
    let world = World::open().await;
    world.buy(MobileApp).await;
    let variables = json!({"state": "PENDING"});
    let blind = world.query_as(&[Scope::CatalogRead, Scope::DeliveryWrite], TICKETS, variables.clone()).await;
    assert_eq!(blind["errors"][0]["extensions"]["code"], "FORBIDDEN", "{blind}");
    let scopes = HashSet::from([Scope::Admin]);
    let reseller = Some("tiqets".to_owned());
    let viewer = Viewer { id: "tiqets".to_owned(), name: "Tiqets".to_owned(), reseller, scopes };
    let hidden = world.query_by(viewer, TICKETS, variables).await;
    assert_eq!(hidden["errors"][0]["extensions"]["code"], "FORBIDDEN", "{hidden}");
}
