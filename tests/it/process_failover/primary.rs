//! PostgreSQL under load: the primary is killed during orders and its standby promoted; every transaction is serializable.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::{PgBouncer, PostgresServer};
use tokio::time::{Instant, sleep, timeout};

use super::shop::{Purchases, Shop, most_are_sold};
use super::{order_count, start_pooler};
use crate::orders::database::Postgres;

/// Longest gap of the service beyond the fail-over of the store itself.
const MARGIN: Duration = Duration::from_secs(5);

/// A primary that acknowledges a commit when its standby has it, the standby, and the pooler in front.
struct Pair {
    primary: Postgres,
    standby: PostgresServer,
    pooler: PgBouncer,
}

impl Pair {
    async fn start() -> Option<Self> {
        let primary = Postgres::start()?;
        let standby = primary.server().start_standby("-c fsync=off");
        // Synchronous from now on: without a standby no commit would be acknowledged.
        let mut connection = PgConnection::connect(primary.url()).await.expect("a connection");
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await.expect("a setting");
        connection.execute("SELECT pg_reload_conf()").await.expect("a reload");
        let pooler = start_pooler(primary.server(), 6)?;
        Some(Self { primary, standby, pooler })
    }

    fn ledger(&self) -> String {
        let (url, sessions) = (self.pooler.url(), self.pooler.session_url());
        format!("url = \"{url}\"\npooler = \"transaction\"\nmigration_url = \"{sessions}\"\n")
    }

    /// Kills the primary, promotes the standby, and leads the pooler to it, as a script of an operator does. Returns the time until a
    /// client of the pooler can write.
    async fn fail_over(&self) -> Duration {
        let begun = Instant::now();
        self.primary.kill();
        tokio::task::block_in_place(|| {
            self.standby.promote();
            self.pooler.redirect(&self.standby);
        });
        while !can_write(&self.pooler.url()).await {
            sleep(Duration::from_millis(50)).await;
        }
        begun.elapsed()
    }
}

/// Writes through the pooler and rolls back.
async fn can_write(url: &str) -> bool {
    let write = async {
        let mut connection = PgConnection::connect_with(&options(url)).await?;
        connection.execute("BEGIN; INSERT INTO write_checks (at) VALUES (0); ROLLBACK").await
    };
    timeout(Duration::from_secs(2), write).await.is_ok_and(|written| written.is_ok())
}

fn options(url: &str) -> sqlx::postgres::PgConnectOptions {
    let options: sqlx::postgres::PgConnectOptions = url.parse().expect("a url");
    options.extra_float_digits(None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_during_orders_loses_and_doubles_none() {
    let Some(pair) = Pair::start().await else { return };
    let mut shop = Shop::open(order_count(40), &pair.ledger(), "").await;
    let (purchases, own) = shop.buy(async |_: &mut Shop| pair.fail_over().await).await;
    let statuses = shop.compare(&purchases).await;
    let Purchases { longest_gap, refused, .. } = &purchases;
    println!("{statuses:?}: fail-over of the store {own:?}, longest gap {longest_gap:?}, {refused} refused");
    most_are_sold(&statuses);
    assert!(*longest_gap <= own + MARGIN, "{longest_gap:?} without an order, {own:?} of them without a store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_sold_in_serializable_transactions() {
    let Some(server) = Postgres::start() else { return };
    let mut connection = PgConnection::connect(server.url()).await.expect("a connection");
    for statement in ["ALTER SYSTEM SET default_transaction_isolation = 'serializable'", "SELECT pg_reload_conf()"] {
        connection.execute(statement).await.expect("a setting");
    }
    let mut shop = Shop::open(order_count(24), &format!("url = \"{}\"\n", server.url()), "").await;
    let (purchases, ()) = shop.buy(async |_: &mut Shop| {}).await;
    let statuses = shop.compare(&purchases).await;
    let metrics = [shop.api(0).get("/metrics").await, shop.api(1).get("/metrics").await].concat();
    let repeats = metrics.lines().filter(|line| line.starts_with("ticketgraph_ledger_repeats_total{"));
    println!("{statuses:?}: {:?}", repeats.collect::<Vec<_>>());
    most_are_sold(&statuses);
    assert_eq!(purchases.refused, 0, "no conflict reaches a client");
}
