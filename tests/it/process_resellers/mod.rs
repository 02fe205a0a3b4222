//! A caller of one reseller cannot learn anything about another reseller through any path of the schema. The paths
//! are derived from the schema, so new ones are covered automatically.

mod schema;
mod world;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use schema::Ways;
use world::World;

/// ID arguments of non-root fields. Whoever adds one decides whether it can expose data of another reseller; these
/// identify membership categories, sources and events.
const INNER: &[&str] = &[
    "EventMembership.discount(category)",
    "Order.lines(sources)",
    "Order.totals(sources)",
    "Reseller.orders(filter.event)",
    "Reseller.orders(filter.reseller)",
    "Reseller.orders(filter.sources)",
    "Reseller.orders(filter.ticketType)",
];

#[tokio::test]
async fn no_root_field_distinguishes_foreign_nodes_from_absent_ones() {
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
    // Numbers, references, cursors and keys of the other reseller, in every text argument.
    for way in ways.by_text() {
        tried.insert(way.name());
        for text in &world.words {
            let response = world.ask(&way, &ways, text).await;
            world.leaks_nothing(&way.path(), &response);
        }
    }
    for root in ["Query.node", "Query.order", "Query.reseller", "Query.orders", "Query.changes", "Mutation.cancelOrder"]
        .into_iter()
        .chain(["Mutation.checkResellerConnection", "Mutation.deliverTickets", "Subscription.orderChanged"])
        .chain(["Subscription.ordersChanged", "Query._entities", "Query.events"])
    {
        assert!(tried.contains(root), "{root} was not tested: {tried:?}");
    }
    assert_eq!(ways.inner(), INNER, "a non-root field takes an ID: can it expose data of another reseller?");
    assert_eq!(world.theirs_as_they_see_it().await, before, "nothing was changed");
}

/// The position of a change counts the changes of all resellers: it must neither be read from a cursor nor be chosen.
#[tokio::test]
async fn a_cursor_of_the_change_feed_tells_no_position_and_a_forged_one_is_rejected() {
    let world = World::start().await;
    let document = "query($after: String) { changes(first: 100, after: $after, kinds: [ORDER]) { nodes { cursor nodeId version } } }";
    let all =
        world.as_them(document, json!({})).await["data"]["changes"]["nodes"].as_array().cloned().expect("changes");
    let cursors: Vec<&str> = all.iter().map(|one| one["cursor"].as_str().expect("a cursor")).collect();
    assert!(cursors.len() > 3, "{all:?}");
    let blocks: Vec<Vec<u8>> =
        cursors.iter().map(|cursor| URL_SAFE_NO_PAD.decode(cursor).expect("base64url")).collect();
    for (block, next) in blocks.iter().zip(&blocks[1..]) {
        let bits: u32 = block.iter().zip(next).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert!(block.len() == 16 && bits > 30, "neighbors show their distance: {block:?} {next:?}");
    }
    let rest = world.as_them(document, json!({ "after": cursors[0] })).await;
    assert_eq!(rest["data"]["changes"]["nodes"].as_array().expect("changes")[..], all[1..], "a page continues");

    let timeline = "{ orders(first: 1) { nodes { timeline { edges { cursor } } } } }";
    let timeline = world.as_them(timeline, json!({})).await;
    let of_timeline = &timeline["data"]["orders"]["nodes"][0]["timeline"]["edges"][0]["cursor"];
    let mut altered = blocks[0].clone();
    altered[7] ^= 1;
    let altered = URL_SAFE_NO_PAD.encode(altered);
    let tampered =
        ["x", "MWUAaGFyYm9y", "../../etc/passwd", "' OR 1=1 --", "MQ==", "\u{1F4A5}", "null"].map(|text| json!(text));
    for forged in tampered.into_iter().chain([
        json!(URL_SAFE_NO_PAD.encode("1f 1")),
        json!(altered),
        of_timeline.clone(),
        json!(""),
    ]) {
        assert!(forged.is_string(), "{timeline}");
        let refused = world.as_them(document, json!({ "after": forged })).await;
        let extensions = &refused["errors"][0]["extensions"];
        assert_eq!(
            (&extensions["code"], &extensions["argument"]),
            (&json!("BAD_USER_INPUT"), &json!("after")),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn lists_contain_only_own_nodes_whatever_the_cursor() {
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
        let response = world.as_intruder(document, variables).await;
        assert_eq!(response.get("errors"), None, "{response}");
        world.leaks_nothing("lists", &response);
        for order in response["data"]["orders"]["nodes"].as_array().expect("orders") {
            assert_eq!(order["reseller"]["name"], "Digitick");
        }
        let names: Vec<&Value> =
            response["data"]["resellers"].as_array().expect("resellers").iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["Digitick"]);
    }
}

/// Texts that identify a visitor or an order find it for its own reseller only. A text or a range that is too long is an error with its
/// limit.
#[tokio::test]
async fn a_search_finds_own_orders_only_and_names_its_limits() {
    let world = World::start().await;
    let document =
        "query($filter: OrderFilter) { orders(filter: $filter) { totalCount nodes { id lines { eventTitle visitDate
        performance { date event { title } } } } } resellers { orders(filter: $filter) { totalCount } } }";
    let own = world.as_them(document, json!({})).await;
    let order = &own["data"]["orders"]["nodes"][0];
    let line = &order["lines"][0];
    assert_eq!(line["eventTitle"], line["performance"]["event"]["title"], "{own}");
    let title = line["eventTitle"].as_str().expect("a title");
    for text in world.searches().into_iter().chain([title.to_uppercase()]) {
        let filter = json!({ "filter": { "search": text } });
        let found = world.as_them(document, filter.clone()).await;
        assert_eq!(found["data"]["orders"]["nodes"][0]["id"], order["id"], "{text} {found}");
        assert_eq!(found["data"]["resellers"][0]["orders"]["totalCount"], 1, "{text} {found}");
        if text != title.to_uppercase() {
            let response = world.as_intruder(document, filter).await;
            assert_eq!(response["data"]["orders"]["totalCount"], 0, "{text} {response}");
            world.leaks_nothing("a search", &response);
        }
    }
    let visit = line["visitDate"].as_str().expect("a day");
    assert_eq!(line["visitDate"], line["performance"]["date"], "{own}");
    for (filter, count) in [
        (json!({ "visitFrom": visit, "visitTo": visit }), 1),
        (json!({ "visitFrom": "2000-01-01", "visitTo": "2000-01-02" }), 0),
        (json!({ "search": " " }), 1),
        (json!({ "search": "%" }), 0),
        (json!({ "search": "a b c d e f g h" }), 0),
        (json!({ "search": "x".repeat(100), "visitFrom": "2020-01-01", "visitTo": "2030-01-08" }), 0),
    ] {
        let found = world.as_them(document, json!({ "filter": filter })).await;
        assert_eq!(found["data"]["orders"]["totalCount"], count, "{filter} {found}");
    }
    for (filter, argument, limit) in [
        (json!({ "search": "x".repeat(101) }), "filter.search", "at most 100 characters"),
        (json!({ "search": "x".repeat(10_000) }), "filter.search", "at most 100 characters"),
        (json!({ "search": "a b c d e f g h i" }), "filter.search", "at most 8 words"),
        (json!({ "event": order["id"] }), "filter.event", "the id of an event"),
        (json!({ "visitFrom": "2026-02-02", "visitTo": "2026-02-01" }), "filter.visitTo", "a later day"),
        (json!({ "visitFrom": "2020-01-01", "visitTo": "2030-01-09" }), "filter.visitTo", "at most 3660 days"),
    ] {
        let refused = world.as_them(document, json!({ "filter": filter })).await;
        let error = &refused["errors"][0];
        let extensions = &error["extensions"];
        assert_eq!(
            (&extensions["code"], &extensions["argument"]),
            (&json!("BAD_USER_INPUT"), &json!(argument)),
            "{refused}"
        );
        assert!(error["message"].as_str().is_some_and(|message| message.contains(limit)), "{refused}");
        assert!(!error["message"].as_str().is_some_and(|message| message.contains("xxx")), "the text is not repeated");
    }
}
