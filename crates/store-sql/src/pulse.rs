//! How the ledger is, and how its orders stand, for whoever watches the service.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::ledger::SqlLedger;
use crate::shapes::{instant, nanos};
use crate::sql::Row;
use orders::LedgerError;

/// The connections of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Open, and not in use.
    pub idle: u32,
    /// In use.
    pub used: u32,
    /// At most.
    pub max: u32,
}

/// How orders stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How many, by the names of their status.
    pub by_status: Vec<(String, u64)>,
    /// Since when the order that waits longest has been due, with nobody working on it.
    pub due_since: Option<Timestamp>,
}

/// How the ledger is.
#[async_trait]
pub trait LedgerPulse: Send + Sync {
    /// Asks it for the least that it can tell.
    async fn ping(&self) -> Result<(), LedgerError>;

    /// How orders stand at that time.
    async fn standing(&self, now: Timestamp) -> Result<Standing, LedgerError>;

    /// Its connections.
    fn pool(&self) -> PoolUse;
}

#[async_trait]
impl LedgerPulse for SqlLedger {
    async fn ping(&self) -> Result<(), LedgerError> {
        self.first_row("SELECT last FROM feed WHERE id = 1", Vec::new()).await.map(drop)
    }

    async fn standing(&self, now: Timestamp) -> Result<Standing, LedgerError> {
        let mut session = self.database.read().await?;
        let rows = session.rows("SELECT status, COUNT(*) FROM orders GROUP BY status", Vec::new()).await?;
        let count = |mut row: Row| Ok((row.text()?, row.count()?));
        let by_status = rows.into_iter().map(count).collect::<Result<_, LedgerError>>()?;
        let sql = "SELECT t.due_at FROM timers t JOIN orders o ON o.key = t.order_key \
            WHERE t.due_at <= $1 AND o.lease_until <= $1 ORDER BY t.due_at LIMIT 1";
        let first = session.rows(sql, vec![nanos(now).into()]).await?.into_iter().next();
        let due_since = first.map(|mut row| instant(row.int()?)).transpose()?;
        Ok(Standing { by_status, due_since })
    }

    fn pool(&self) -> PoolUse {
        self.database.pool()
    }
}
