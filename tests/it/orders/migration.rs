//! Tests of the migrations of PostgreSQL beside other replicas that use the tables.

use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use store_sql::{CredentialKey, StoreOpenError, StoreSettings, open_order_store};
use tokio::time::timeout;

use crate::default_config::default_store_settings;
use crate::orders::database::Postgres;
use crate::orders::feed::migrations_before;
use crate::orders::listing::waiting_for_locks;

/// Statements of another replica, which take the lock of a write on each table.
const WRITE: &str = "UPDATE orders SET version = version WHERE key = ''; \
    UPDATE order_lines SET leg = leg WHERE order_key = ''; SELECT COUNT(*) FROM orders;";

/// Time in which other replicas must get on with their work: many times the longest wait for a lock of these tests.
const BOUND: Duration = Duration::from_secs(4);

fn settings() -> StoreSettings {
    StoreSettings { migration_lock_timeout: Duration::from_millis(100), ..default_store_settings() }
}

async fn open(server: &Postgres, settings: StoreSettings) -> Result<(), StoreOpenError> {
    open_order_store(server.url(), &[CredentialKey::new([7; 32])], &settings).await.map(|_| ())
}

async fn connect(server: &Postgres) -> PgConnection {
    PgConnection::connect(server.url()).await.expect("a connection")
}

/// Holds a transaction open that has used the tables, and checks that others read and write while a replica migrates, which ends
/// after the transaction.
async fn others_proceed_while_it_opens(server: &Postgres, used: &'static str) {
    let (mut holder, mut other) = (connect(server).await, connect(server).await);
    let mut held = holder.begin().await.expect("a transaction");
    sqlx::raw_sql(used).execute(&mut *held).await.expect("the tables are used");
    let others = async {
        for _ in 0..5 {
            while waiting_for_locks(server).await == 0 {
                tokio::task::yield_now().await;
            }
            let written = timeout(BOUND, sqlx::raw_sql(WRITE).execute(&mut other)).await;
            written.expect("others wait behind the migration").expect("written");
        }
        held.rollback().await.expect("released");
    };
    let (opened, ()) = tokio::join!(open(server, settings()), others);
    opened.expect("the replica opens after the transaction");
}

#[tokio::test]
async fn others_wait_behind_a_migration_for_a_bounded_time_only() {
    let Some(server) = Postgres::start() else { return };
    migrations_before(sqlx::migrate!("migrations/postgres"), 12).run(server.pool()).await.expect("an earlier version");
    others_proceed_while_it_opens(&server, "SELECT COUNT(*) FROM orders; SELECT COUNT(*) FROM order_lines;").await;
}

#[tokio::test]
async fn a_migration_that_never_gets_its_lock_fails() {
    let Some(server) = Postgres::start() else { return };
    migrations_before(sqlx::migrate!("migrations/postgres"), 12).run(server.pool()).await.expect("an earlier version");
    let mut holder = connect(&server).await;
    let mut held = holder.begin().await.expect("a transaction");
    sqlx::raw_sql("SELECT COUNT(*) FROM orders").execute(&mut *held).await.expect("the table is used");
    let settings = StoreSettings { migration_timeout: Duration::from_millis(300), ..settings() };
    let failed = timeout(BOUND, open(&server, settings)).await.expect("it ends");
    assert!(matches!(failed, Err(StoreOpenError::Migrate(_))), "{failed:?}");
}

/// Indexes of tables in use are built without a lock that writers wait for; an invalid one that an interrupted build has left is replaced.
#[tokio::test]
async fn indexes_are_built_while_others_write_and_invalid_ones_anew() {
    const VALID: &str = "SELECT COUNT(*) FROM pg_index WHERE indisvalid AND indexrelid IN (\
        to_regclass('orders_not_searchable'), to_regclass('orders_by_status_and_age'), \
        to_regclass('order_lines_by_event'), to_regclass('order_lines_by_visit'))";
    let Some(server) = Postgres::start() else { return };
    open(&server, settings()).await.expect("a new ledger");
    let valid = async || -> i64 { sqlx::query_scalar(VALID).fetch_one(server.pool()).await.expect("a count") };
    assert_eq!(valid().await, 4);
    let replaced: Option<String> = sqlx::query_scalar("SELECT CAST(to_regclass('orders_by_status') AS TEXT)")
        .fetch_one(server.pool())
        .await
        .expect("a name");
    assert_eq!(replaced, None);
    sqlx::raw_sql(
        "DROP INDEX order_lines_by_visit; UPDATE pg_index SET indisvalid = false \
        WHERE indexrelid = to_regclass('order_lines_by_event')",
    )
    .execute(server.pool())
    .await
    .expect("the state after an interrupted build");
    assert_eq!(valid().await, 2);
    others_proceed_while_it_opens(&server, "UPDATE order_lines SET leg = leg WHERE order_key = ''").await;
    assert_eq!(valid().await, 4);
    // Replicas that start together build one after another.
    sqlx::raw_sql("DROP INDEX order_lines_by_visit; DROP INDEX order_lines_by_event; DROP INDEX orders_not_searchable")
        .execute(server.pool())
        .await
        .expect("dropped");
    let (one, two) = tokio::join!(open(&server, settings()), open(&server, settings()));
    one.and(two).expect("both open");
    assert_eq!(valid().await, 4);
}
