//! PostgreSQL, for several replicas. Writers lock their rows; fencing tokens identify the current lease owner.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::{PgConnectOptions, PgRow};

use crate::StoreOpenError;
use crate::codec::unreadable;
use crate::health::PoolStats;
use crate::order_rows::OrderRows;
use crate::postgres_errors::{QUERY_CANCELED, has_code};
use crate::postgres_indexes::build_indexes;
use crate::postgres_migration::{ensure_own_session, migrate};
use crate::postgres_pool::PostgresPool;
use crate::repeat::repeat;
use crate::settings::{LeaseClock, Pooler, StoreSettings, StoreUrls};
use crate::single_statement::write_order;
use crate::sql::{
    AssignedPositions, JsonDialect, SqlDatabase, SqlRow, SqlTransaction, SqlValue, WrittenOrder, bind, store_failure,
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
    pool: PostgresPool,
    /// Connections for reports: orders do not wait for them.
    reports: PostgresPool,
    lease_clock: LeaseClock,
}

impl PostgresDatabase {
    /// Connects, with TLS as requested by `sslmode` in the URL, and migrates the schema. Replicas that start concurrently
    /// migrate one after another. A migration waits only briefly for a lock, because others wait behind it; indexes on tables that
    /// may be big are built without locks that writers wait for.
    pub(crate) async fn open(urls: StoreUrls<'_>, settings: &StoreSettings) -> Result<Self, StoreOpenError> {
        let migrations = options(urls.migrations.unwrap_or(urls.stores))?;
        if urls.migrations.is_some() || settings.pooler == Pooler::Transaction {
            ensure_own_session(&migrations, || StoreOpenError::PooledMigrations).await?;
        }
        let stores = options(urls.stores)?;
        if settings.pooler == Pooler::None {
            ensure_own_session(&stores, || StoreOpenError::UnexpectedPooler).await?;
        }
        migrate(&migrations, settings).await?;
        build_indexes(&migrations).await.map_err(StoreOpenError::Open)?;
        Self::connect(stores, settings).await
    }

    /// Connects to a database that a service may be using, without a migration.
    pub(crate) async fn attach(url: &str, settings: &StoreSettings) -> Result<Self, StoreOpenError> {
        let options = options(url)?;
        if settings.pooler == Pooler::None {
            ensure_own_session(&options, || StoreOpenError::UnexpectedPooler).await?;
        }
        Self::connect(options, settings).await
    }

    async fn connect(options: PgConnectOptions, settings: &StoreSettings) -> Result<Self, StoreOpenError> {
        let pool = PostgresPool::new("ledger", options.clone(), settings, settings.connections);
        pool.test().await.map_err(StoreOpenError::Open)?;
        // Connected when the first report is read.
        let reports = PostgresPool::new("ledger_reports", options, settings, settings.report_connections);
        Ok(Self { pool, reports, lease_clock: settings.lease_clock })
    }
}

/// Parses a URL. No number with a fraction is read, so the parameter for their digits, which poolers reject, is not sent.
fn options(url: &str) -> Result<PgConnectOptions, StoreOpenError> {
    Ok(PgConnectOptions::from_str(url).map_err(StoreOpenError::InvalidUrl)?.extra_float_digits(None))
}

#[async_trait]
impl SqlDatabase for PostgresDatabase {
    async fn begin_write(&self) -> Result<SqlTransaction, StoreError> {
        self.pool.begin().await.map(SqlTransaction::Postgres)
    }

    async fn begin_read(&self) -> Result<SqlTransaction, StoreError> {
        self.pool.begin_read().await.map(SqlTransaction::Postgres)
    }

    async fn begin_report(&self) -> Result<SqlTransaction, StoreError> {
        self.reports.begin_read().await.map(SqlTransaction::Postgres)
    }

    async fn fetch_within(
        &self,
        limit: Duration,
        sql: &str,
        values: Vec<SqlValue>,
    ) -> Result<Option<Vec<SqlRow>>, StoreError> {
        let mut transaction = self.reports.begin_read().await?;
        let limit = limit.as_millis().max(1).to_string();
        let set = "SELECT set_config('statement_timeout', $1, true)";
        transaction.execute(set, vec![limit.into()]).await.map_err(store_failure)?;
        match transaction.fetch_all(sql, values).await {
            Ok(rows) => Ok(Some(rows.into_iter().map(SqlRow::Postgres).collect())),
            Err(error) if has_code(&error, QUERY_CANCELED) => Ok(None),
            Err(error) => Err(store_failure(error)),
        }
    }

    async fn fetch_once(&self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<SqlRow>, StoreError> {
        let rows =
            repeat(async || self.pool.fetch_single(bind(sql, values.clone())).await.map_err(store_failure)).await?;
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
        let rows = repeat(|| self.pool.fetch_message(ASSIGN_POSITIONS)).await?;
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
        let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000000 AS BIGINT) AS now";
        let rows = self.pool.fetch_single(bind(sql, Vec::new())).await.map_err(store_failure)?;
        let now =
            rows.into_iter().next().map(SqlRow::Postgres).ok_or_else(|| unreadable("the time of the database"))?;
        now.time("now").map(Some)
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
        self.pool.stats()
    }
}
