//! Statements of all sellers through the gateway: figures and access.

use std::sync::Arc;

use orders::OrderStore;
use serde_json::{Value, json};
use ticketgraph::graphql::Scope;

use super::exports::{World, simple};
use super::{GatewayOptions, principal};
use crate::statements::write_as;

const STATEMENTS: &str = r#"{ sellerStatements(from: "2031-03-01", to: "2031-03-31") { resellerKey reseller { name }
    rows { source { name } currency orders ticketsSold gross { amount formatted } refunded { amount }
    commission { amount } net { amount } unresolved } } }"#;

async fn world() -> World {
    let keys = vec![
        ("office-key", principal("office", &[Scope::ReportRead], None)),
        ("clerk-key", principal("clerk", &[Scope::OrderRead, Scope::CatalogRead], None)),
    ];
    let sold = [("tiqets", vec![simple("t"), simple("u")]), ("gone", vec![simple("v")])];
    let world = World::start(&sold, GatewayOptions { keys, ..GatewayOptions::default() }).await;
    let store = Arc::clone(&world.store) as Arc<dyn OrderStore>;
    write_as(&store, &[simple("d")], None).await;
    world
}

#[tokio::test]
async fn an_operator_reads_the_sales_of_every_seller_to_the_cent() {
    let world = world().await;
    let response = world.graphql("office-key", STATEMENTS).await;
    let row = |orders: i64, formatted: &str, commission: Value, net: Value| {
        json!([{ "source": { "name": "harbor" }, "currency": "USD", "orders": orders, "ticketsSold": 2 * orders,
            "gross": { "amount": 4_002 * orders, "formatted": formatted }, "refunded": { "amount": 0 },
            "commission": commission, "net": net, "unresolved": 0 }])
    };
    let sold = json!([
        { "resellerKey": null, "reseller": null, "rows": row(1, "40.02 USD", json!(null), json!(null)) },
        { "resellerKey": "digitick", "reseller": { "name": "digitick" }, "rows": [] },
        { "resellerKey": "tiqets", "reseller": { "name": "tiqets" },
          "rows": row(2, "80.04 USD", json!({ "amount": 1_001 }), json!({ "amount": 7_003 })) },
        { "resellerKey": "gone", "reseller": null, "rows": row(1, "40.02 USD", json!(null), json!(null)) },
    ]);
    assert_eq!(response["data"]["sellerStatements"], sold, "{response}");
}

#[tokio::test]
async fn statements_of_all_sellers_are_for_operators_with_reports() {
    let world = world().await;
    for key in ["tiqets-key", "digitick-key", "clerk-key", "orders-key", "right"] {
        let refused = world.graphql(key, STATEMENTS).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{key}: {refused}");
        assert_eq!(refused["data"], json!(null), "{key}");
    }
    for (from, to) in [("2031-03-02", "2031-03-01"), ("2031-01-01", "2032-01-03")] {
        let document = format!(r#"{{ sellerStatements(from: "{from}", to: "{to}") {{ resellerKey }} }}"#);
        let refused = world.graphql("office-key", &document).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{refused}");
    }
}
