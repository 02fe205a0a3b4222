//! Lists of orders and statements as a client sees them: sorting, counts, resellers, and rows that lead to their orders.

use std::sync::atomic::Ordering::SeqCst;

use domain::{EventKey, SourceId, TicketTypeKey};
use orders::Order;
use serde_json::Value;
use ticketgraph::graphql::base::id::GlobalId;

use super::GatewayOptions;
use super::exports::{SOLD_AT, World, id_of, simple};
use crate::statements::{leg, line, money, order};

fn source_id(source: &str) -> String {
    GlobalId::Source(SourceId::new(source)).encode().to_string()
}

/// Returns code and message of the only error.
async fn error(world: &World, key: &str, document: &str) -> (String, String) {
    let body = world.graphql(key, document).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{body}");
    (text(&body["errors"][0]["extensions"]["code"]), text(&body["errors"][0]["message"]))
}

async fn references(world: &World, key: &str, arguments: &str) -> Vec<String> {
    let body = world.graphql(key, &format!("{{ orders{arguments} {{ nodes {{ resellerReference }} }} }}")).await;
    let nodes = body["data"]["orders"]["nodes"].as_array().unwrap_or_else(|| panic!("{arguments}: {body}"));
    nodes.iter().map(|node| node["resellerReference"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Three orders of `tiqets` whose totals, visits and times of creation are in different orders, and one of `digitick`.
fn sold() -> [(&'static str, Vec<Order>); 2] {
    let of = |reference: &str, second: i64, amount: i64, day: Option<i8>| {
        let mut order = simple(reference);
        order.created_at += jiff::SignedDuration::from_secs(second);
        order.lines[0].unit_price = domain::Price::from_retail(money(amount, "USD"));
        order.lines[0].visit_date = day.map(|day| jiff::civil::date(2031, 5, day));
        order
    };
    let own = vec![of("a", 0, 300, Some(2)), of("b", 1, 100, None), of("c", 2, 200, Some(1))];
    [("tiqets", own), ("digitick", vec![of("d", 3, 50, Some(9))])]
}

#[tokio::test]
async fn a_list_is_sorted_as_requested_and_its_cursor_belongs_to_its_column() {
    let world = World::start(&sold(), GatewayOptions::default()).await;
    for (column, direction, expected) in [
        ("CREATED", "ASC", ["a", "b", "c"]),
        ("CREATED", "DESC", ["c", "b", "a"]),
        ("VISIT", "ASC", ["b", "c", "a"]),
        ("VISIT", "DESC", ["a", "c", "b"]),
        ("TOTAL", "ASC", ["b", "c", "a"]),
        ("STATUS", "DESC", ["c", "b", "a"]),
    ] {
        let sort = format!("orderBy: {{ column: {column}, direction: {direction} }}");
        assert_eq!(references(&world, "tiqets-key", &format!("({sort})")).await, expected, "{sort}");
        let first = world
            .graphql(
                "tiqets-key",
                &format!("{{ orders({sort}, first: 1) {{ pageInfo {{ endCursor }} edges {{ cursor }} }} }}"),
            )
            .await;
        let cursor = first["data"]["orders"]["pageInfo"]["endCursor"].as_str().expect("a cursor").to_owned();
        assert_eq!(first["data"]["orders"]["edges"][0]["cursor"], cursor);
        let after = format!("({sort}, after: \"{cursor}\")");
        assert_eq!(references(&world, "tiqets-key", &after).await, expected[1..], "{sort}");
        let other = if column == "TOTAL" { "VISIT" } else { "TOTAL" };
        let document = format!("{{ orders(orderBy: {{ column: {other} }}, after: \"{cursor}\") {{ totalCount }} }}");
        let (code, message) = error(&world, "tiqets-key", &document).await;
        assert_eq!(code, "BAD_USER_INPUT");
        assert!(message.contains("`after` must be ") && message.contains("same column"), "{message}");
    }
    assert_eq!(references(&world, "tiqets-key", "").await, ["c", "b", "a"], "newest first");
}

#[tokio::test]
async fn orders_are_counted_only_if_the_count_is_selected() {
    let world = World::start(&sold(), GatewayOptions::default()).await;
    references(&world, "tiqets-key", "(first: 2)").await;
    assert_eq!(world.store.counts.load(SeqCst), 0);
    let counted = world.graphql("tiqets-key", "{ orders(first: 1) { totalCount nodes { id } } }").await;
    assert_eq!(counted["data"]["orders"]["totalCount"], 3, "{counted}");
    assert_eq!(world.store.counts.load(SeqCst), 1);
}

#[tokio::test]
async fn an_operator_lists_the_orders_of_a_reseller_and_a_reseller_only_its_own() {
    let world = World::start(&sold(), GatewayOptions::default()).await;
    let of = |reseller: &str| format!("(filter: {{ reseller: \"{}\" }})", id_of(reseller));
    assert_eq!(references(&world, "all-key", &of("digitick")).await, ["d"]);
    assert_eq!(references(&world, "all-key", &of("tiqets")).await, ["c", "b", "a"]);
    assert_eq!(references(&world, "tiqets-key", &of("tiqets")).await, ["c", "b", "a"]);
    for (key, reseller) in [("tiqets-key", "digitick"), ("tiqets-key", "nobody"), ("all-key", "nobody")] {
        let document = format!("{{ orders{} {{ totalCount }} }}", of(reseller));
        let (code, message) = error(&world, key, &document).await;
        assert_eq!(code, "BAD_USER_INPUT");
        assert!(message.contains("`filter.reseller` must be the id of a reseller that is yours"), "{message}");
    }
    let other = format!(
        "{{ reseller(id: \"{}\") {{ orders(filter: {{ reseller: \"{}\" }}) {{ totalCount }} }} }}",
        id_of("tiqets"),
        id_of("digitick")
    );
    assert_eq!(error(&world, "all-key", &other).await.0, "BAD_USER_INPUT");
    for (filter, named) in [
        ("currency: \"USD\"", "`filter.currency` must be given with `confirmedFrom` or `confirmedTo`"),
        ("confirmedFrom: \"2031-03-02\", confirmedTo: \"2031-03-01\"", "`filter.confirmedTo` must be `confirmedFrom`"),
        ("ticketType: \"x\"", "`filter.ticketType` must be the id of a ticket type"),
    ] {
        let (code, message) =
            error(&world, "all-key", &format!("{{ orders(filter: {{ {filter} }}) {{ totalCount }} }}")).await;
        assert_eq!(code, "BAD_USER_INPUT");
        assert!(message.contains(named), "{message}");
    }
}

/// Orders with several legs, events and ticket types, confirmed on other days than they were created, and one source that is gone.
fn statement_orders() -> Vec<Order> {
    let named = |leg: usize, quantity: u32, amount: i64, event: &str, kind: &str| {
        let (event, ticket_type) = (EventKey::new(event), TicketTypeKey::new(kind));
        orders::Line { event, ticket_type, ..line(leg, quantity, money(amount, "USD")) }
    };
    let late = Some("2031-03-31T21:59:59Z");
    let mut first = order(
        vec![leg(0, "harbor", SOLD_AT), leg(1, "opera", late)],
        vec![
            named(0, 1, 1_000, "tour", "adult"),
            named(0, 2, 333, "tour", "child"),
            named(1, 1, 5_000, "tosca", "adult"),
        ],
    );
    // Divided among three lines with a rest.
    first.legs[0].charged = Some(money(1_000, "USD"));
    let mut second = order(vec![leg(0, "harbor", late)], vec![named(0, 3, 700, "dinner", "adult")]);
    second.lines[0].is_canceled = true;
    second.legs[0].refunded = Some(money(1_999, "USD"));
    let mut foreign = order(vec![leg(0, "harbor", SOLD_AT)], vec![named(0, 1, 900, "tour", "adult")]);
    foreign.legs[0].charged = Some(money(800, "EUR"));
    let gone = order(vec![leg(0, "gone", SOLD_AT)], vec![named(0, 1, 1_500, "past", "adult")]);
    // Created in the period, confirmed after it.
    let after = order(vec![leg(0, "harbor", Some("2031-04-02T12:00:00Z"))], vec![named(0, 1, 100, "tour", "adult")]);
    let created = |mut order: Order, at: &str| {
        order.created_at = at.parse().expect("an instant");
        order
    };
    vec![created(first, "2031-02-27T23:00:00Z"), second, foreign, gone, after]
}

const PARTS: &str =
    "{ resellers { name statement(from: \"2031-03-01\", to: \"2031-03-31\") { sourceId sourceName currency orders
    ticketsSold ticketsVoided gross { amount } refunded { amount }
    breakdown(by: GROUPING, first: 2) { isOther eventId ticketTypeId orders ticketsSold ticketsVoided gross { amount }
        refunded { amount } }
    all: breakdown(by: GROUPING, first: 100) { isOther eventId ticketTypeId orders ticketsSold gross { formatted }
        refunded { formatted } } } } }";

fn rows_of<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name}: {value}"))
}

/// Every row of a statement, and every part of it, leads to exactly the orders that it counts, and the parts add up to the row.
#[tokio::test]
async fn rows_and_parts_of_a_statement_select_the_orders_that_they_count() {
    let world =
        World::start(&[("tiqets", statement_orders()), ("digitick", vec![simple("x")])], GatewayOptions::default())
            .await;
    for grouping in ["EVENT", "TICKET_TYPE"] {
        let page = world.graphql("all-key", &PARTS.replace("GROUPING", grouping)).await;
        let mut checked = 0;
        for reseller in rows_of(&page["data"], "resellers") {
            for row in rows_of(reseller, "statement") {
                let base = format!(
                    "reseller: \"{}\", sources: [{}], currency: {}, confirmedFrom: \"2031-03-01\", confirmedTo: \"2031-03-31\"",
                    id_of(reseller["name"].as_str().expect("a name")),
                    row["sourceId"],
                    row["currency"]
                );
                let found = references(&world, "all-key", &format!("(filter: {{ {base} }})")).await.len() as u64;
                assert_eq!(Some(found), row["orders"].as_u64(), "{row}");
                for part in rows_of(row, "breakdown").iter().filter(|part| part["isOther"] == false) {
                    let of = if grouping == "EVENT" { ("event", "eventId") } else { ("ticketType", "ticketTypeId") };
                    let filter = format!("(filter: {{ {base}, {}: {} }})", of.0, part[of.1]);
                    let found = references(&world, "all-key", &filter).await.len() as u64;
                    assert_eq!(Some(found), part["orders"].as_u64(), "{part}");
                    checked += 1;
                }
                for pointer in ["/gross/amount", "/refunded/amount", "/ticketsSold", "/ticketsVoided"] {
                    let sum: i64 =
                        rows_of(row, "breakdown").iter().filter_map(|part| part.pointer(pointer)?.as_i64()).sum();
                    assert_eq!(Some(sum), row.pointer(pointer).and_then(Value::as_i64), "{pointer} of {row}");
                }
            }
        }
        assert!(checked >= 6, "{page}");
    }
}

#[tokio::test]
async fn a_statement_by_event_exported_as_csv_equals_the_page_to_the_cent() {
    let world = World::start(&[("tiqets", statement_orders())], GatewayOptions::default()).await;
    for grouping in ["EVENT", "TICKET_TYPE"] {
        let page = world.graphql("tiqets-key", &PARTS.replace("GROUPING", grouping)).await;
        let mut expected = Vec::new();
        for row in rows_of(&page["data"]["resellers"][0], "statement") {
            for part in rows_of(row, "all") {
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let optional = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let amount = |name: &str| {
                    let text = part[name]["formatted"].as_str().unwrap_or_default();
                    text.split(' ').next().unwrap_or_default().to_owned()
                };
                expected.push([
                    text(&row["sourceName"]),
                    text(&row["currency"]),
                    optional(&part["eventId"]),
                    optional(&part["ticketTypeId"]),
                    text(&part["orders"]),
                    text(&part["ticketsSold"]),
                    amount("gross"),
                    amount("refunded"),
                ]);
            }
        }
        let path = format!("statement_breakdown.csv?from=2031-03-01&to=2031-03-31&by={grouping}");
        let records = world.records("tiqets-key", &path).await;
        let exported: Vec<[String; 8]> =
            records.iter().map(|row| [3, 4, 5, 7, 9, 10, 13, 14].map(|place: usize| row[place].clone())).collect();
        assert_eq!(exported, expected, "{grouping}");
        assert!(exported.iter().any(|row| row[0] == "gone" && row[6] == "15.00"), "{exported:?}");
    }
    let (status, _, message) = world.error("tiqets-key", "statement_breakdown.csv?from=2031-03-01&to=2031-03-31").await;
    assert_eq!(status, 400);
    assert!(message.contains("the parameter `by`"), "{message}");
}

/// An export that is limited to sources has their money, not that of the whole order.
#[tokio::test]
async fn an_export_of_sources_has_the_money_of_their_legs() {
    let world = World::start(&[("tiqets", statement_orders())], GatewayOptions::default()).await;
    let sale = "confirmedFrom=2031-03-01&confirmedTo=2031-03-31";
    let path = format!("orders.csv?{sale}&sources={}", source_id("opera"));
    let rows = world.records("tiqets-key", &path).await;
    let shown: Vec<[&str; 4]> = rows.iter().map(|row| [7, 8, 9, 10].map(|place: usize| row[place].as_str())).collect();
    assert_eq!(shown, [["1", "opera", "USD", "50.00"]]);
    let tosca = GlobalId::Event(SourceId::new("opera"), EventKey::new("tosca")).encode().to_string();
    let whole = world.records("tiqets-key", &format!("orders.csv?{sale}&event={tosca}")).await;
    assert_eq!(whole.iter().map(|row| row[10].as_str()).collect::<Vec<_>>(), ["66.66"], "of all sources");
    let of = format!("orders.csv?{sale}&reseller={}&currency=EUR&sources={}", id_of("tiqets"), source_id("harbor"));
    assert_eq!(world.records("all-key", &of).await.len(), 1);
    assert_eq!(world.records("all-key", "orders.csv?confirmedFrom=2031-04-01").await.len(), 1);
}
