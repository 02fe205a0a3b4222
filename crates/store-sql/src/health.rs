//! Health and order statistics of the store, for metrics and health checks.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::codec::to_nanos;
use crate::sql::SqlRow;
use crate::store::SqlStore;
use domain::StoreError;

/// Usage of a connection pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStats {
    /// Open and idle connections.
    pub idle: u32,
    /// Connections in use.
    pub used: u32,
    /// Maximum number of connections.
    pub max: u32,
}

/// Order statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderStats {
    /// Number of orders by status name.
    pub by_status: Vec<(String, u64)>,
    /// Due time of the longest-waiting order that no process has claimed.
    pub due_since: Option<Timestamp>,
}

/// Health and statistics of the store.
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Checks that the database responds.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Returns the order statistics at a point in time.
    async fn order_stats(&self, now: Timestamp) -> Result<OrderStats, StoreError>;

    /// Returns the usage of the connection pool.
    fn pool_stats(&self) -> PoolStats;
}

#[async_trait]
impl StoreHealth for SqlStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.first_row("SELECT last FROM feed WHERE id = 1", Vec::new()).await.map(drop)
    }

    async fn order_stats(&self, now: Timestamp) -> Result<OrderStats, StoreError> {
        let mut transaction = self.database.begin_read().await?;
        let rows =
            transaction.fetch_all("SELECT status, COUNT(*) AS orders FROM orders GROUP BY status", Vec::new()).await?;
        let count = |row: &SqlRow| Ok((row.text("status")?, row.unsigned("orders")?));
        let by_status = rows.iter().map(count).collect::<Result<_, StoreError>>()?;
        let sql = "SELECT t.due_at FROM timers t JOIN orders o ON o.key = t.order_key \
            WHERE t.due_at <= $1 AND o.lease_until <= $1 ORDER BY t.due_at LIMIT 1";
        let first = transaction.fetch_first(sql, vec![to_nanos(now).into()]).await?;
        let due_since = first.map(|row| row.time("due_at")).transpose()?;
        Ok(OrderStats { by_status, due_since })
    }

    fn pool_stats(&self) -> PoolStats {
        self.database.pool_stats()
    }
}
