//! Connections to PostgreSQL, directly or through a pooler, and the transactions on them.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};
use tokio::time::Instant;

use crate::health::PoolStats;
use crate::postgres_errors::{READ_ONLY, has_code};
use crate::settings::{Pooler, StoreSettings};
use crate::sql::{SqlValue, bind, pool_stats, store_failure, timed};
use domain::StoreError;

/// Begins a transaction that reads one snapshot.
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Shortest time between two replacements of all connections to a server that became read-only.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(1);

/// A pool of connections.
pub(crate) struct PostgresPool {
    name: &'static str,
    pool: PgPool,
    pooler: Pooler,
    /// Statements that set the limits of a transaction, if no session keeps them.
    limits: String,
    stale: Arc<StaleConnections>,
}

impl PostgresPool {
    /// Creates a pool that connects when it is used. `name` is its label in metrics.
    pub(crate) fn new(
        name: &'static str,
        options: PgConnectOptions,
        settings: &StoreSettings,
        connections: u32,
    ) -> Self {
        let limits = limits(settings);
        let stale = Arc::new(StaleConnections::default());
        let mut pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(5));
        if settings.pooler == Pooler::None {
            // Not as startup parameters, which poolers in session mode reject.
            let session = limits.map(|(name, limit)| format!("SET {name} = {limit}")).join("; ");
            pool = pool.after_connect(move |connection, _| {
                let session = session.clone();
                Box::pin(async move { sqlx::raw_sql(AssertSqlSafe(session)).execute(connection).await.map(drop) })
            });
        }
        let seen = Arc::clone(&stale);
        let pool = pool.before_acquire(move |_, connection| {
            let is_usable = !seen.contains(connection.age);
            Box::pin(async move { Ok(is_usable) })
        });
        let limits = match settings.pooler {
            Pooler::None => String::new(),
            Pooler::Transaction => limits.map(|(name, limit)| format!("; SET LOCAL {name} = {limit}")).concat(),
        };
        Self { name, pool: pool.connect_lazy_with(options), pooler: settings.pooler, limits, stale }
    }

    /// Connects once.
    pub(crate) async fn test(&self) -> Result<(), sqlx::Error> {
        self.pool.acquire().await.map(drop)
    }

    /// Begins a read-write transaction.
    pub(crate) async fn begin(&self) -> Result<PostgresTransaction, StoreError> {
        self.begin_with("BEGIN").await.map_err(store_failure)
    }

    /// Begins a transaction that reads one snapshot.
    pub(crate) async fn begin_read(&self) -> Result<PostgresTransaction, StoreError> {
        self.begin_with(BEGIN_READ).await.map_err(store_failure)
    }

    async fn begin_with(&self, statement: &str) -> Result<PostgresTransaction, sqlx::Error> {
        // One message, and so one round trip.
        let begin = AssertSqlSafe(format!("{statement}{}", self.limits));
        let transaction = timed(self.name, self.pool.begin_with(begin)).await?;
        Ok(PostgresTransaction { transaction, pooler: self.pooler, stale: Arc::clone(&self.stale) })
    }

    /// Executes a single statement, which is a transaction of its own, and returns its rows.
    pub(crate) async fn fetch_single(&self, query: StatementOf<'_>) -> Result<Vec<PgRow>, sqlx::Error> {
        match self.pooler {
            Pooler::None => {
                let mut connection = timed(self.name, self.pool.acquire()).await?;
                let rows = query.fetch_all(&mut *connection).await;
                rows.inspect_err(|error| self.stale.note(error))
            }
            Pooler::Transaction => {
                let mut transaction = self.begin_with("BEGIN").await?;
                let rows = transaction.run(query).await?;
                transaction.transaction.commit().await.inspect_err(|error| self.stale.note(error))?;
                Ok(rows)
            }
        }
    }

    /// Executes statements without values in one message, which is one transaction, and returns the rows of all.
    pub(crate) async fn fetch_message(&self, sql: &str) -> Result<Vec<PgRow>, StoreError> {
        let mut connection = timed(self.name, self.pool.acquire()).await.map_err(store_failure)?;
        let limits = self.limits.strip_prefix("; ").map(|limits| format!("{limits}; ")).unwrap_or_default();
        let rows = sqlx::raw_sql(AssertSqlSafe(format!("{limits}{sql}"))).fetch_all(&mut *connection).await;
        rows.inspect_err(|error| self.stale.note(error)).map_err(store_failure)
    }

    /// Returns the usage of the pool.
    pub(crate) fn stats(&self) -> PoolStats {
        pool_stats(&self.pool)
    }
}

/// A statement with its values.
pub(crate) type StatementOf<'q> = Query<'q, Postgres, PgArguments>;

/// Limits of a session or of a transaction, in milliseconds. Zero would mean no limit.
fn limits(settings: &StoreSettings) -> [(&'static str, u128); 3] {
    let milliseconds = |limit: Duration| limit.as_millis().max(1);
    [
        ("statement_timeout", milliseconds(settings.statement_timeout)),
        ("lock_timeout", milliseconds(settings.lock_timeout)),
        ("idle_in_transaction_session_timeout", milliseconds(settings.idle_transaction_timeout)),
    ]
}

/// A transaction. It is rolled back when dropped without [`commit`](Self::commit).
pub(crate) struct PostgresTransaction {
    transaction: Transaction<'static, Postgres>,
    pooler: Pooler,
    stale: Arc<StaleConnections>,
}

impl PostgresTransaction {
    async fn run(&mut self, query: StatementOf<'_>) -> Result<Vec<PgRow>, sqlx::Error> {
        // A named statement would stay in a session that serves another client next.
        let query = query.persistent(self.pooler == Pooler::None);
        query.fetch_all(&mut *self.transaction).await.inspect_err(|error| self.stale.note(error))
    }

    /// Executes a statement and returns its rows.
    pub(crate) async fn fetch_all(&mut self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<PgRow>, sqlx::Error> {
        self.run(bind(sql, values)).await
    }

    /// Executes a statement and returns the number of affected rows.
    pub(crate) async fn execute(&mut self, sql: &str, values: Vec<SqlValue>) -> Result<u64, sqlx::Error> {
        let query: StatementOf<'_> = bind(sql, values).persistent(self.pooler == Pooler::None);
        let done = query.execute(&mut *self.transaction).await.inspect_err(|error| self.stale.note(error));
        done.map(|done| done.rows_affected())
    }

    /// Commits the transaction.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        self.transaction.commit().await.inspect_err(|error| self.stale.note(error))
    }
}

/// Connections to a server that has become read-only since they were opened: a demoted primary. They are replaced, because the
/// address may lead to its successor.
#[derive(Default)]
struct StaleConnections(Mutex<Option<Instant>>);

impl StaleConnections {
    /// Marks all connections opened so far, if this error shows that the server is read-only.
    fn note(&self, error: &sqlx::Error) {
        if !has_code(error, READ_ONLY) {
            return;
        }
        let mut opened_before = self.0.lock();
        if opened_before.is_none_or(|before| before.elapsed() > RECONNECT_INTERVAL) {
            *opened_before = Some(Instant::now());
            tracing::warn!("the ledger is read-only: its connections are replaced");
        }
    }

    /// Returns true for the age of a connection that was marked.
    fn contains(&self, age: Duration) -> bool {
        self.0.lock().is_some_and(|before| age > before.elapsed())
    }
}
