//! Readiness of the ledger: a write at an interval, and the difference of the clocks.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use store_sql::{CredentialKey, StoreHealth, StoreSettings, open_stores};
use ticketgraph::app::LedgerCheck;
use ticketgraph::config::LedgerConfig;
use ticketgraph::gateway::health::Dependency;

use crate::default_config::{default_config, default_store_settings};
use crate::orders::database::Postgres;

/// A clock that is off.
struct SkewedClock(SignedDuration);

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }
}

fn settings() -> LedgerConfig {
    LedgerConfig {
        write_check_interval: Duration::ZERO,
        write_check_timeout: Duration::from_millis(700),
        ..default_config().ledger.clone()
    }
}

async fn health(url: &str) -> Arc<dyn StoreHealth> {
    let settings = StoreSettings { connections: 2, ..default_store_settings() };
    open_stores(url, &[CredentialKey::new([7; 32])], &settings).await.expect("the store opens").health
}

/// Returns the reasons of the ledger and of the clock.
async fn reasons([ledger, clock]: &[Arc<dyn Dependency>; 2]) -> (Option<String>, Option<String>) {
    assert!(ledger.is_required() && !clock.is_required());
    assert_eq!([ledger.name(), clock.name()], ["ledger", "clock"]);
    (ledger.check().await.err(), clock.check().await.err())
}

#[tokio::test]
async fn a_ledger_that_is_read_only_or_blocked_is_not_ready() {
    let Some(server) = Postgres::start() else { return };
    let check = LedgerCheck::new(health(server.url()).await, Arc::new(SystemClock), &settings()).dependencies();
    assert_eq!(reasons(&check).await, (None, None));

    sqlx::raw_sql(
        "ALTER ROLE ticketgraph SET default_transaction_read_only = on; \
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    .execute(server.pool())
    .await
    .expect("it is read-only");
    let reason = reasons(&check).await.0.expect("it is read-only");
    assert_eq!(reason, "fails: no order can be written");
    sqlx::raw_sql(
        "SET default_transaction_read_only = off; ALTER ROLE ticketgraph RESET default_transaction_read_only; \
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    .execute(server.pool())
    .await
    .expect("it is writable");
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while reasons(&check).await.0.is_some() {
        assert!(tokio::time::Instant::now() < end, "it does not become ready again");
    }

    for table in ["orders", "changes"] {
        let mut blocking = server.pool().begin().await.expect("a transaction");
        let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        sqlx::raw_sql(sqlx::AssertSqlSafe(lock)).execute(&mut *blocking).await.expect("the lock");
        let reason = reasons(&check).await.0.expect("it is blocked");
        assert_eq!(reason, "did not write within 700ms: no order can be written", "{table}");
        blocking.rollback().await.expect("the lock ends");
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        while reasons(&check).await.0.is_some() {
            assert!(tokio::time::Instant::now() < end, "it does not become ready again");
        }
    }
}

#[tokio::test]
async fn a_sqlite_ledger_whose_writer_is_blocked_is_not_ready_and_is_written_once_per_interval() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
    let ledger = health(&url).await;
    let often = LedgerCheck::new(Arc::clone(&ledger), Arc::new(SystemClock), &settings()).dependencies();
    let hourly = LedgerConfig { write_check_interval: Duration::from_secs(3600), ..settings() };
    let hourly = LedgerCheck::new(ledger, Arc::new(SystemClock), &hourly).dependencies();
    assert_eq!((reasons(&often).await, reasons(&hourly).await), ((None, None), (None, None)));
    let other = sqlx::SqlitePool::connect(&url).await.expect("the file");
    let mut blocking = other.acquire().await.expect("a connection");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *blocking).await.expect("the lock");
    let reason = reasons(&often).await.0.expect("it is blocked");
    assert_eq!(reason, "did not write within 700ms: no order can be written");
    assert_eq!(reasons(&hourly).await.0, None, "a probe within the interval writes nothing");
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_by_health() {
    let Some(server) = Postgres::start() else { return };
    let ledger = health(server.url()).await;
    for (skew, expected) in [
        (300, Some("is 300 s ahead of the clock of the ledger")),
        (-150, Some("is 150 s behind the clock of the ledger")),
        (1, None),
    ] {
        // Half a second more, so that whole seconds do not depend on the time of the query.
        let skew = SignedDuration::from_millis(skew * 1_000 + 500 * i64::signum(skew));
        let offset = ledger.clock_offset(&SkewedClock(skew)).await.expect("the ledger");
        assert!((offset - skew).unsigned_abs() < Duration::from_millis(400), "{offset:?}");
        let check = LedgerCheck::new(Arc::clone(&ledger), Arc::new(SkewedClock(skew)), &settings()).dependencies();
        assert_eq!(reasons(&check).await.1.as_deref(), expected);
    }
}
