//! Indexes of PostgreSQL on tables that may be big. `CREATE INDEX CONCURRENTLY` takes no lock that readers or writers wait for, but cannot run
//! within the transaction of a migration.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};

/// An index.
struct Index {
    name: &'static str,
    /// Table with the columns, as after `ON`.
    on: &'static str,
    /// Index that this one replaces.
    replaces: Option<&'static str>,
}

const INDEXES: [Index; 7] = [
    Index { name: "orders_not_searchable", on: "orders (key) WHERE is_searchable = 0", replaces: None },
    Index {
        name: "orders_by_status_and_age",
        on: "orders (status, created_at, key)",
        replaces: Some("orders_by_status"),
    },
    Index { name: "order_lines_by_event", on: "order_lines (event, order_key)", replaces: None },
    Index { name: "order_lines_by_visit", on: "order_lines (visit_date, order_key)", replaces: None },
    // Statements count the legs of a source whose outcome is not known. They are few among all legs.
    Index {
        name: "legs_unresolved",
        on: "legs (source, order_key) WHERE status IN ('OUTCOME_UNKNOWN', 'NEEDS_ATTENTION')",
        replaces: None,
    },
    Index { name: "changes_by_kind", on: "changes (kind, cursor)", replaces: None },
    Index {
        name: "changes_by_reseller_and_kind",
        on: "changes (reseller, kind, cursor)",
        replaces: Some("changes_by_reseller"),
    },
];

/// Advisory lock of the replica that builds indexes. Any number that nothing else uses.
const LOCK: i64 = 0x7469_636B_6574_0012;
/// Time between two attempts to take the lock.
const LOCK_POLL: Duration = Duration::from_millis(200);

/// Builds the indexes that are missing, and those that an interrupted build has left invalid. Waits for transactions that began before.
pub(crate) async fn build_indexes(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    // Waiting within a statement would hold a snapshot, for which the build of another replica waits: a deadlock.
    loop {
        let lock = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK);
        if lock.fetch_one(&mut connection).await? {
            break;
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
    for index in &INDEXES {
        build(&mut connection, index).await?;
    }
    connection.close().await
}

async fn build(connection: &mut PgConnection, index: &Index) -> Result<(), sqlx::Error> {
    let Index { name, on, replaces } = index;
    let is_valid: Option<bool> =
        sqlx::query_scalar("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)")
            .bind(name)
            .fetch_optional(&mut *connection)
            .await?;
    if is_valid == Some(false) {
        execute(connection, format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).await?;
    }
    if is_valid != Some(true) {
        tracing::info!(index = name, "an index of the ledger is built");
        execute(connection, format!("CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {on}")).await?;
    }
    match replaces {
        Some(old) => execute(connection, format!("DROP INDEX CONCURRENTLY IF EXISTS {old}")).await,
        None => Ok(()),
    }
}

/// Executes a statement outside a transaction. It consists of names in this file only.
async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
}
