//! A caller of one reseller learns nothing of another's, by whatever way into the schema. The ways are read out of the schema, so
//! that a new one is tried as soon as it is there.

mod schema;
mod world;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use schema::Ways;
use world::World;

/// Ids that fields take which are no roots: whoever adds one decides whether it can lead to somebody else's. These name a category of
/// members, and sources.
const INNER: &[&str] = &["EventMembership.discount(category)", "Reseller.orders(filter.sources)"];

#[tokio::test]
async fn no_root_tells_a_reseller_more_about_anothers_things_than_about_what_is_not_there() {
    let world = World::start().await;
    let before = world.theirs_as_they_see_it().await;
    let ways = Ways::read();
    let mut told_apart = Vec::new();
    let mut tried = BTreeSet::new();
    for way in ways.by_id() {
        tried.insert(way.name());
        for thing in &world.theirs {
            let found = world.ask(&way, &ways, &thing.id).await;
            let absent = world.ask(&way, &ways, &thing.absent).await;
            if found != absent {
                told_apart.push(format!("{} of {}:\n  {found}\n  {absent}", way.path(), thing.kind));
            }
            world.leaks_nothing(&way.path(), &found);
        }
    }
    assert!(told_apart.is_empty(), "{}", told_apart.join("\n"));
    // Numbers, references, cursors and keys of theirs, wherever a text or a key goes in.
    for way in ways.by_text() {
        tried.insert(way.name());
        for text in &world.words {
            let answer = world.ask(&way, &ways, text).await;
            world.leaks_nothing(&way.path(), &answer);
        }
    }
    for root in ["Query.node", "Query.order", "Query.reseller", "Query.orders", "Query.changes", "Mutation.cancelOrder"]
        .into_iter()
        .chain(["Mutation.checkResellerConnection", "Mutation.deliverTickets", "Subscription.orderChanged"])
        .chain(["Subscription.ordersChanged", "Query._entities", "Query.events"])
    {
        assert!(tried.contains(root), "{root} was not tried: {tried:?}");
    }
    assert_eq!(ways.inner(), INNER, "a field that is no root takes an id: may it be somebody else's?");
    assert_eq!(world.theirs_as_they_see_it().await, before, "nothing was changed either");
}

#[tokio::test]
async fn lists_of_a_reseller_hold_its_own_things_only_wherever_they_begin() {
    let world = World::start().await;
    let document = "query($after: String, $changes: String) {
        orders(first: 100, after: $after) { nodes { id reseller { name } } }
        changes(first: 100, after: $changes) { nodes { nodeId } }
        resellers { name orders { nodes { id } } connections { id } statement(from: \"2026-01-01\", to: \"2026-12-31\") { gross { formatted } }
            sales(from: \"2026-01-01\", to: \"2026-12-31\") { gross { formatted } } } }";
    let theirs = world.as_them(document, json!({})).await;
    let cursor = world.as_them("{ orders { edges { cursor } } changes { edges { cursor } } }", json!({})).await;
    let (orders, changes) = (&cursor["data"]["orders"]["edges"], &cursor["data"]["changes"]["edges"]);
    assert!(theirs["data"]["orders"]["nodes"].as_array().is_some_and(|all| !all.is_empty()), "{theirs}");
    for variables in [json!({}), json!({ "after": orders[0]["cursor"], "changes": changes[0]["cursor"] })] {
        let told = world.as_intruder(document, variables).await;
        assert_eq!(told.get("errors"), None, "{told}");
        world.leaks_nothing("lists", &told);
        for order in told["data"]["orders"]["nodes"].as_array().expect("orders") {
            assert_eq!(order["reseller"]["name"], "Digitick");
        }
        let names: Vec<&Value> =
            told["data"]["resellers"].as_array().expect("resellers").iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["Digitick"]);
    }
}
