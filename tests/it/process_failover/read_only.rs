//! A ledger that is read-only for a while, and a primary that was demoted but still responds.

use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::relay::Relay;
use super::shop::{Shop, until};
use crate::orders::database::Postgres;
use crate::process_orders::VENDORS;

async fn execute(url: &str, statements: &[&'static str]) {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    for statement in statements {
        connection.execute(*statement).await.expect("the statement runs");
    }
}

/// Makes every transaction of a server read-only, also in sessions that exist.
const READ_ONLY: [&str; 2] = ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"];
const WRITABLE: [&str; 3] = [
    "SET default_transaction_read_only = off",
    "ALTER SYSTEM RESET default_transaction_read_only",
    "SELECT pg_reload_conf()",
];

/// Returns the holds and orders of all vendors.
async fn books(shop: &Shop) -> Vec<Value> {
    let mut books = Vec::new();
    for vendor in VENDORS {
        books.push(shop.vendors.holdings(vendor).await);
    }
    books
}

/// Asserts that a purchase gets the typed error at each replica, that nothing reaches a vendor, and that reads go on.
async fn is_refused(shop: &Shop) {
    let before = books(shop).await;
    for replica in 0..2 {
        let response = shop.try_to_buy(replica, 0).await;
        assert_eq!(response["errors"][0]["extensions"]["code"], "LEDGER_UNAVAILABLE", "{response}");
        assert_eq!(response["errors"][0]["extensions"]["retryable"], true, "{response}");
        let read = shop
            .api(replica)
            .query("{ orders(first: 1) { nodes { id } } events(first: 1) { nodes { id } } }", json!({}));
        assert_ne!(read.await["events"]["nodes"], json!([]), "reads go on");
    }
    assert_eq!(books(shop).await, before, "nothing reaches a vendor");
}

/// Waits until a purchase is accepted at each replica.
async fn is_accepted(shop: &Shop) {
    for replica in 0..2 {
        until("an order is accepted", async || shop.try_to_buy(replica, replica).await["errors"].is_null()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_window_refuses_purchases_and_ends_by_itself() {
    let Some(postgres) = Postgres::start() else { return };
    let shop = Shop::open(2, &format!("url = \"{}\"\n", postgres.url()), "").await;
    execute(postgres.url(), &READ_ONLY).await;
    until("the setting is in force", async || shop.try_to_buy(0, 0).await["errors"].is_array()).await;
    is_refused(&shop).await;
    execute(postgres.url(), &WRITABLE).await;
    is_accepted(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_a_demoted_primary_are_replaced() {
    let Some(primary) = Postgres::start() else { return };
    let standby = primary.server().start_standby("-c fsync=off");
    let relay = Relay::start(primary.server().port()).await;
    let url = format!("postgres://ticketgraph@127.0.0.1:{}/postgres", relay.port());
    let shop = Shop::open(2, &format!("url = \"{url}\"\n"), "").await;
    // The old primary responds, and keeps its connections.
    execute(primary.url(), &READ_ONLY).await;
    until("the setting is in force", async || shop.try_to_buy(0, 0).await["errors"].is_array()).await;
    is_refused(&shop).await;
    tokio::task::block_in_place(|| standby.promote());
    execute(&standby.url(), &WRITABLE).await;
    relay.redirect(standby.port());
    is_accepted(&shop).await;
}
