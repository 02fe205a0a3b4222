//! Health and order statistics of the store, for metrics and health checks.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::codec::{to_nanos, unreadable};
use crate::repeat::repeat;
use crate::sql::SqlRow;
use crate::store::SqlStore;
use domain::{Clock, StoreError};

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
    /// Writes a row and deletes it, in one transaction that takes the locks of a write of an order on its tables. Fails if the
    /// database is read-only or full; waits if it is blocked.
    async fn check_write(&self) -> Result<(), StoreError>;

    /// Returns the time by which a clock is ahead of the clock of the database: negative if it is behind, zero if the database
    /// runs in this process. The duration of the query limits the precision.
    async fn clock_offset(&self, clock: &dyn Clock) -> Result<SignedDuration, StoreError>;

    /// Returns the order statistics at a point in time.
    async fn order_stats(&self, now: Timestamp) -> Result<OrderStats, StoreError>;

    /// Returns the usage of the connection pool.
    fn pool_stats(&self) -> PoolStats;
}

#[async_trait]
impl StoreHealth for SqlStore {
    async fn check_write(&self) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let sql = "INSERT INTO write_checks (at) VALUES (0) RETURNING id";
            let row = transaction.fetch_first(sql, Vec::new()).await?.ok_or_else(|| unreadable("a written row"))?;
            transaction.execute("DELETE FROM write_checks WHERE id = $1", vec![row.int("id")?.into()]).await?;
            // No order has an empty key: only the tables are locked.
            for sql in ["UPDATE orders SET fence = 0 WHERE key = ''", "UPDATE changes SET version = 0 WHERE id < 0"] {
                transaction.execute(sql, Vec::new()).await?;
            }
            transaction.commit().await
        })
        .await
    }

    async fn clock_offset(&self, clock: &dyn Clock) -> Result<SignedDuration, StoreError> {
        let before = clock.now();
        let Some(time) = self.database.clock_time().await? else { return Ok(SignedDuration::ZERO) };
        let after = clock.now();
        let middle = before.saturating_add(after.duration_since(before) / 2).unwrap_or(after);
        Ok(middle.duration_since(time))
    }

    async fn order_stats(&self, now: Timestamp) -> Result<OrderStats, StoreError> {
        let mut transaction = self.database.begin_read().await?;
        let rows =
            transaction.fetch_all("SELECT status, COUNT(*) AS orders FROM orders GROUP BY status", Vec::new()).await?;
        let count = |row: &SqlRow| Ok((row.text("status")?, row.unsigned("orders")?));
        let by_status = rows.iter().map(count).collect::<Result<_, StoreError>>()?;
        let now_sql = self.database.lease_clock().now("$1");
        let sql = format!(
            "SELECT t.due_at FROM timers t JOIN orders o ON o.key = t.order_key \
            WHERE t.due_at <= {now_sql} AND o.lease_until <= {now_sql} ORDER BY t.due_at LIMIT 1"
        );
        let first = transaction.fetch_first(&sql, vec![to_nanos(now).into()]).await?;
        let due_since = first.map(|row| row.time("due_at")).transpose()?;
        Ok(OrderStats { by_status, due_since })
    }

    fn pool_stats(&self) -> PoolStats {
        self.database.pool_stats()
    }
}
