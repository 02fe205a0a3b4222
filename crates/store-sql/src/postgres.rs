//! PostgreSQL, for several replicas. Writers lock their rows; fencing tokens identify the current lease owner.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgRow};
use sqlx::{Connection, PgPool, Row as _};

use crate::StoreOpenError;
use crate::codec::{from_nanos, unreadable};
use crate::health::PoolStats;
use crate::order_rows::OrderRows;
use crate::settings::{LeaseClock, StoreSettings};
use crate::single_statement::write_order;
use crate::sql::{
    AssignedPositions, JsonDialect, SqlDatabase, SqlRow, SqlTransaction, SqlValue, WrittenOrder, acquire_timed, bind,
    pool_stats, store_failure,
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

/// A PostgreSQL database, shared by all replicas.
pub(crate) struct PostgresDatabase {
    pool: PgPool,
    lease_clock: LeaseClock,
}

impl PostgresDatabase {
    /// Connects, with TLS as requested by `sslmode` in the URL, and migrates the schema. Replicas that start concurrently
    /// migrate one after another; the timeouts of the settings do not apply to migrations.
    pub(crate) async fn open(url: &str, settings: &StoreSettings) -> Result<Self, StoreOpenError> {
        let options = PgConnectOptions::from_str(url).map_err(StoreOpenError::InvalidUrl)?;
        let mut migrating = PgConnection::connect_with(&options).await.map_err(StoreOpenError::Open)?;
        sqlx::migrate!("../../migrations/postgres").run(&mut migrating).await.map_err(StoreOpenError::Migrate)?;
        migrating.close().await.map_err(StoreOpenError::Open)?;
        Self::connect(options, settings).await
    }

    /// Connects to a database that a service may be using, without a migration.
    pub(crate) async fn attach(url: &str, settings: &StoreSettings) -> Result<Self, StoreOpenError> {
        Self::connect(PgConnectOptions::from_str(url).map_err(StoreOpenError::InvalidUrl)?, settings).await
    }

    async fn connect(options: PgConnectOptions, settings: &StoreSettings) -> Result<Self, StoreOpenError> {
        let limits = session_limits(settings);
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections)
            .acquire_timeout(Duration::from_secs(5))
            .after_connect(move |connection, _| {
                let limits = limits.clone();
                Box::pin(async move {
                    for (name, milliseconds) in limits {
                        let set = sqlx::query("SELECT set_config($1, $2, false)").bind(name).bind(milliseconds);
                        set.execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(options)
            .await
            .map_err(StoreOpenError::Open)?;
        Ok(Self { pool, lease_clock: settings.lease_clock })
    }
}

/// Returns the limits of a session with their values in milliseconds. They are set after connecting, because connection poolers
/// reject them as startup parameters.
fn session_limits(settings: &StoreSettings) -> [(&'static str, String); 3] {
    // Zero would mean no limit.
    let milliseconds = |limit: Duration| limit.as_millis().max(1).to_string();
    [
        ("statement_timeout", milliseconds(settings.statement_timeout)),
        ("lock_timeout", milliseconds(settings.lock_timeout)),
        ("idle_in_transaction_session_timeout", milliseconds(settings.idle_transaction_timeout)),
    ]
}

#[async_trait]
impl SqlDatabase for PostgresDatabase {
    async fn begin_write(&self) -> Result<SqlTransaction, StoreError> {
        Ok(SqlTransaction::Postgres(acquire_timed(self.pool.begin()).await?))
    }

    async fn begin_read(&self) -> Result<SqlTransaction, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(SqlTransaction::Postgres(acquire_timed(self.pool.begin_with(begin)).await?))
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
