//! PostgreSQL, for several replicas. Writers lock their rows; fencing tokens identify the current lease owner.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{Connection, PgPool};

use crate::StoreOpenError;
use crate::codec::from_nanos;
use crate::health::PoolStats;
use crate::order_rows::OrderRows;
use crate::settings::{LeaseClock, StoreSettings};
use crate::single_statement::write_order;
use crate::sql::{JsonDialect, SqlDatabase, SqlTransaction, WrittenOrder, acquire_timed, pool_stats, store_failure};
use domain::StoreError;

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

    async fn write_order(&self, rows: OrderRows) -> Result<WrittenOrder, StoreError> {
        let fence = write_order(&self.pool, self.lease_clock, rows).await?;
        Ok(WrittenOrder { fence, position: None })
    }

    fn skip_locked(&self) -> &'static str {
        "FOR UPDATE SKIP LOCKED"
    }

    fn row_lock(&self) -> &'static str {
        "FOR UPDATE"
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
