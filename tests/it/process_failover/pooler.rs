//! PostgreSQL behind PgBouncer in transaction mode, with fewer sessions than clients.

use tempfile::TempDir;

use super::shop::{Shop, most_are_sold};
use super::{order_count, start_pooled};
use crate::orders::database::Postgres;
use crate::process::Process;

/// Sessions of the server: fewer than the connections of one replica.
const SESSIONS: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_sell_through_a_pooler_and_one_may_be_killed() {
    let Some((_postgres, pooler)) = start_pooled(SESSIONS) else { return };
    let ledger = format!(
        "url = \"{}\"\npooler = \"transaction\"\nmigration_url = \"{}\"\nconnections = 8\n",
        pooler.url(),
        pooler.session_url()
    );
    let mut shop = Shop::open(order_count(24), &ledger, "").await;
    let (purchases, ()) = shop.buy(async |shop: &mut Shop| shop.replicas[0].kill()).await;
    let statuses = shop.compare(&purchases).await;
    println!("{statuses:?}, longest gap {:?}", purchases.longest_gap);
    most_are_sold(&statuses);
}

/// Starts a replica that must not start. Returns the end of its log.
fn refused(ledger: &str) -> String {
    let folder = TempDir::new().expect("a folder");
    let key = "encryption_key = { value = \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\" }";
    std::fs::write(folder.path().join("venues.toml"), format!("[ledger]\n{ledger}\n{key}\n")).expect("a file");
    let arguments = ["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"];
    let (code, log) = Process::start(&folder, &arguments).end();
    assert_eq!(code, Some(1), "{log:?}");
    log.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_the_settings_do_not_name_is_named_at_the_start() {
    let Some((_postgres, pooler)) = start_pooled(SESSIONS) else { return };
    let unnamed = refused(&format!("url = \"{}\"", pooler.url()));
    assert!(unnamed.contains("set `ledger.pooler = \"transaction\"`"), "{unnamed}");
    let url = pooler.url();
    let pooled = refused(&format!("url = \"{url}\"\npooler = \"transaction\"\nmigration_url = \"{url}\""));
    assert!(pooled.contains("`ledger.migration_url` leads through a pooler"), "{pooled}");
    for log in [unnamed, pooled] {
        assert_eq!(log.lines().count(), 1, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_and_a_pooler_in_session_mode_need_no_setting() {
    let Some((postgres, pooler)) = start_pooled(SESSIONS) else { return };
    crate::orders::database::open(postgres.url()).await;
    crate::orders::database::open(&pooler.session_url()).await;
    drop::<Postgres>(postgres);
}
