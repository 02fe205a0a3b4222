//! PostgreSQL, for several replicas. Writers lock their rows; fencing tokens identify the current lease owner.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgRow};
use sqlx::{Connection, PgPool, Row as _};
use tokio::time::Instant;

use crate::StoreOpenError;
use crate::codec::{from_nanos, unreadable};
use crate::health::PoolStats;
use crate::order_rows::OrderRows;
use crate::postgres_indexes::build_indexes;
use crate::settings::{LeaseClock, StoreSettings};
use crate::single_statement::write_order;
use crate::sql::{
    AssignedPositions, JsonDialect, SqlDatabase, SqlRow, SqlTransaction, SqlValue, WrittenOrder, acquire_report,
    acquire_timed, bind, pool_stats, store_failure,
};
use domain::StoreError;

/// Gives the next positions to a batch of changes, and returns the last position before, and after if there were any. PostgreSQL
/// executes the statements of one message in one transaction. The lock of the feed makes other sequencers wait; the
/// statements after it see what they have committed.
const ASSIGN_POSITIONS: &str = "SELECT last FROM feed WHERE id = 1 FOR UPDATE; \
    UPDATE changes SET cursor = sequenced.cursor FROM (\
        SELECT id, (SELECT last FROM feed WHERE id = 1) + ROW_NUMBER() OVER (ORDER BY id) AS cursor FROM (\
            SELECT id FROM changes WHERE cursor IS NULL ORDER BY id LIMIT 1000\
        ) AS pending\
    ) AS sequenced WHERE changes.id = sequenced.id; \
    UPDATE feed SET last = sequenced.last FROM (SELECT MAX(cursor) AS last FROM changes) AS sequenced \
    WHERE feed.id = 1 AND feed.last < sequenced.last RETURNING feed.last";

/// Begins a transaction that reads one snapshot.
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Codes of errors (PostgreSQL, "Appendix A. PostgreSQL Error Codes").
const LOCK_NOT_AVAILABLE: &str = "55P03";
const QUERY_CANCELED: &str = "57014";

/// A PostgreSQL database, shared by all replicas.
pub(crate) struct PostgresDatabase {
    pool: PgPool,
    /// Connections for reports: orders do not wait for them.
    reports: PgPool,
    lease_clock: LeaseClock,
}

impl PostgresDatabase {
    /// Connects, with TLS as requested by `sslmode` in the URL, and migrates the schema. Replicas that start concurrently
    /// migrate one after another. A migration waits only briefly for a lock, because others wait behind it; indexes on tables that
    /// may be big are built without locks that writers wait for.
    pub(crate) async fn open(url: &str, settings: &StoreSettings) -> Result<Self, StoreOpenError> {
        let options = PgConnectOptions::from_str(url).map_err(StoreOpenError::InvalidUrl)?;
        migrate(&options, settings).await?;
        build_indexes(&options).await.map_err(StoreOpenError::Open)?;
        Self::connect(options, settings).await
    }

    /// Connects to a database that a service may be using, without a migration.
    pub(crate) async fn attach(url: &str, settings: &StoreSettings) -> Result<Self, StoreOpenError> {
        Self::connect(PgConnectOptions::from_str(url).map_err(StoreOpenError::InvalidUrl)?, settings).await
    }

    async fn connect(options: PgConnectOptions, settings: &StoreSettings) -> Result<Self, StoreOpenError> {
        let pool = pool(settings, settings.connections);
        let pool = pool.connect_with(options.clone()).await.map_err(StoreOpenError::Open)?;
        // Connected when the first report is read.
        let reports = pool_of_reports(settings).connect_lazy_with(options);
        Ok(Self { pool, reports, lease_clock: settings.lease_clock })
    }
}

fn pool_of_reports(settings: &StoreSettings) -> PgPoolOptions {
    pool(settings, settings.report_connections)
}

/// Returns the options of a pool whose sessions have the limits of the settings.
fn pool(settings: &StoreSettings, connections: u32) -> PgPoolOptions {
    let limits = session_limits(settings);
    PgPoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(5)).after_connect(
        move |connection, _| {
            let limits = limits.clone();
            Box::pin(async move {
                for (name, milliseconds) in limits {
                    let set = sqlx::query("SELECT set_config($1, $2, false)").bind(name).bind(milliseconds);
                    set.execute(&mut *connection).await?;
                }
                Ok(())
            })
        },
    )
}

/// Runs the migrations. One that does not get its lock in time is tried again after a pause, in which those who waited behind it
/// proceed, until the migration timeout.
async fn migrate(options: &PgConnectOptions, settings: &StoreSettings) -> Result<(), StoreOpenError> {
    let started_at = Instant::now();
    loop {
        let mut migrating = PgConnection::connect_with(options).await.map_err(StoreOpenError::Open)?;
        let limit = milliseconds(settings.migration_lock_timeout);
        let set = sqlx::query("SELECT set_config('lock_timeout', $1, false)").bind(limit);
        set.execute(&mut migrating).await.map_err(StoreOpenError::Open)?;
        let migrated = sqlx::migrate!("../../migrations/postgres").run(&mut migrating).await;
        migrating.close().await.map_err(StoreOpenError::Open)?;
        match migrated {
            Ok(()) => return Ok(()),
            Err(error) if is_lock_timeout(&error) && started_at.elapsed() < settings.migration_timeout => {
                tracing::warn!("a migration waits for transactions that use its table, and is tried again");
                tokio::time::sleep(settings.migration_lock_timeout * 2).await;
            }
            Err(error) => return Err(StoreOpenError::Migrate(error)),
        }
    }
}

/// Returns true if a migration, or another replica's turn to migrate, was not available in time.
fn is_lock_timeout(error: &MigrateError) -> bool {
    let (MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) = error else { return false };
    has_code(cause, LOCK_NOT_AVAILABLE)
}

fn has_code(error: &sqlx::Error, code: &str) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|found| found == code)
}

/// Returns the limits of a session with their values in milliseconds. They are set after connecting, because connection poolers
/// reject them as startup parameters.
fn session_limits(settings: &StoreSettings) -> [(&'static str, String); 3] {
    [
        ("statement_timeout", milliseconds(settings.statement_timeout)),
        ("lock_timeout", milliseconds(settings.lock_timeout)),
        ("idle_in_transaction_session_timeout", milliseconds(settings.idle_transaction_timeout)),
    ]
}

/// Returns a limit in milliseconds. Zero would mean no limit.
fn milliseconds(limit: Duration) -> String {
    limit.as_millis().max(1).to_string()
}

#[async_trait]
impl SqlDatabase for PostgresDatabase {
    async fn begin_write(&self) -> Result<SqlTransaction, StoreError> {
        Ok(SqlTransaction::Postgres(acquire_timed(self.pool.begin()).await?))
    }

    async fn begin_read(&self) -> Result<SqlTransaction, StoreError> {
        Ok(SqlTransaction::Postgres(acquire_timed(self.pool.begin_with(BEGIN_READ)).await?))
    }

    async fn begin_report(&self) -> Result<SqlTransaction, StoreError> {
        Ok(SqlTransaction::Postgres(acquire_report(self.reports.begin_with(BEGIN_READ)).await?))
    }

    async fn fetch_within(
        &self,
        limit: Duration,
        sql: &str,
        values: Vec<SqlValue>,
    ) -> Result<Option<Vec<SqlRow>>, StoreError> {
        let mut transaction = acquire_report(self.reports.begin_with(BEGIN_READ)).await?;
        let set = sqlx::query("SELECT set_config('statement_timeout', $1, true)").bind(milliseconds(limit));
        set.execute(&mut *transaction).await.map_err(store_failure)?;
        match bind(sql, values).fetch_all(&mut *transaction).await {
            Ok(rows) => Ok(Some(rows.into_iter().map(SqlRow::Postgres).collect())),
            Err(error) if has_code(&error, QUERY_CANCELED) => Ok(None),
            Err(error) => Err(store_failure(error)),
        }
    }

    async fn fetch_once(&self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<SqlRow>, StoreError> {
        let mut connection = acquire_timed(self.pool.acquire()).await?;
        let rows = bind(sql, values).fetch_all(&mut *connection).await.map_err(store_failure)?;
        Ok(rows.into_iter().map(SqlRow::Postgres).collect())
    }

    async fn write_order(&self, rows: OrderRows) -> Result<WrittenOrder, StoreError> {
        let fence = write_order(&self.pool, self.lease_clock, rows).await?;
        Ok(WrittenOrder { fence, position: None })
    }

    fn skip_locked(&self) -> &'static str {
        "FOR UPDATE SKIP LOCKED"
    }

    /// One round trip: a process that is frozen meanwhile leaves no lock behind.
    async fn assign_positions(&self) -> Result<AssignedPositions, StoreError> {
        let mut connection = acquire_timed(self.pool.acquire()).await?;
        let rows = sqlx::raw_sql(ASSIGN_POSITIONS).fetch_all(&mut *connection).await.map_err(store_failure)?;
        let position = |row: Option<&PgRow>| match row.map(|row| row.try_get::<i64, _>("last")) {
            Some(Ok(last)) => u64::try_from(last).map_err(|_| unreadable("the last cursor of the feed")),
            _ => Err(unreadable("the feed has no last cursor")),
        };
        let (before, last) = (position(rows.first())?, position(rows.last())?);
        Ok(AssignedPositions { last, count: last.saturating_sub(before) })
    }

    fn lease_clock(&self) -> LeaseClock {
        self.lease_clock
    }

    async fn clock_time(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000000 AS BIGINT)";
        let nanos: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await.map_err(store_failure)?;
        from_nanos(nanos).map(Some)
    }

    fn json(&self) -> JsonDialect {
        JsonDialect::Postgres
    }

    fn is_exclusive(&self) -> bool {
        false
    }

    /// Does nothing: vacuuming replaces overwritten rows, and no dump contains them.
    async fn erase_remnants(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn pool_stats(&self) -> PoolStats {
        pool_stats(&self.pool)
    }
}
