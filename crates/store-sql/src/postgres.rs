//! PostgreSQL, for several replicas. Writers lock their rows; fencing tokens identify the current lease owner.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::StoreOpenError;
use crate::health::PoolStats;
use crate::sql::{SqlDatabase, SqlTransaction, acquire_timed, pool_stats};
use domain::StoreError;

/// A PostgreSQL database, shared by all replicas.
pub(crate) struct PostgresDatabase(PgPool);

impl PostgresDatabase {
    /// Connects, with TLS as requested by `sslmode` in the URL, and migrates the schema. Replicas that start concurrently
    /// migrate one after another.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self, StoreOpenError> {
        let options = PgConnectOptions::from_str(url).map_err(StoreOpenError::InvalidUrl)?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await
            .map_err(StoreOpenError::Open)?;
        sqlx::migrate!("../../migrations/postgres").run(&pool).await.map_err(StoreOpenError::Migrate)?;
        Ok(Self(pool))
    }
}

#[async_trait]
impl SqlDatabase for PostgresDatabase {
    async fn begin_write(&self) -> Result<SqlTransaction, StoreError> {
        Ok(SqlTransaction::Postgres(acquire_timed(self.0.begin()).await?))
    }

    async fn begin_read(&self) -> Result<SqlTransaction, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(SqlTransaction::Postgres(acquire_timed(self.0.begin_with(begin)).await?))
    }

    fn skip_locked(&self) -> &'static str {
        "FOR UPDATE SKIP LOCKED"
    }

    fn is_exclusive(&self) -> bool {
        false
    }

    /// Does nothing: vacuuming replaces overwritten rows, and no dump contains them.
    async fn erase_remnants(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn pool_stats(&self) -> PoolStats {
        pool_stats(&self.0)
    }
}
