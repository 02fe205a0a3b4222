//! The common interface of both databases: transactions, statements, values and rows.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Decode, Encode, IntoArguments, Postgres, Row as _, Sqlite, Transaction, Type};

use crate::codec::{decode_json, from_nanos, unreadable};
use crate::health::PoolStats;
use crate::order_rows::OrderRows;
use crate::postgres_errors::is_outcome_unknown;
use crate::postgres_pool::PostgresTransaction;
use crate::settings::LeaseClock;
use domain::StoreError;

/// A value bound to a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqlValue {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

impl From<i64> for SqlValue {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<u64> for SqlValue {
    fn from(number: u64) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<usize> for SqlValue {
    fn from(number: usize) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<bool> for SqlValue {
    fn from(flag: bool) -> Self {
        Self::Int(Some(flag.into()))
    }
}

impl From<Option<i64>> for SqlValue {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for SqlValue {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for SqlValue {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for SqlValue {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<Option<&str>> for SqlValue {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<Vec<u8>> for SqlValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A row, read by column name.
pub(crate) enum SqlRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl SqlRow {
    /// Returns a column. The error does not contain the value, which may be personal data.
    fn get<T>(&self, column: &str) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let value = match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        };
        value.map_err(|_| unreadable(&format!("the column {column}")))
    }

    pub(crate) fn int(&self, column: &str) -> Result<i64, StoreError> {
        self.get(column)
    }

    pub(crate) fn opt_int(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.get(column)
    }

    pub(crate) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.get(column)
    }

    pub(crate) fn opt_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.get(column)
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        self.get(column)
    }

    pub(crate) fn opt_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(column)
    }

    pub(crate) fn bool(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn unsigned(&self, column: &str) -> Result<u64, StoreError> {
        u64::try_from(self.int(column)?).map_err(|_| unreadable(&format!("the column {column}")))
    }

    pub(crate) fn index(&self, column: &str) -> Result<usize, StoreError> {
        usize::try_from(self.int(column)?).map_err(|_| unreadable(&format!("the column {column}")))
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        from_nanos(self.int(column)?)
    }

    pub(crate) fn opt_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        self.opt_int(column)?.map(from_nanos).transpose()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        decode_json(&self.text(column)?)
    }

    pub(crate) fn opt_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        self.opt_text(column)?.map(|text| decode_json(&text)).transpose()
    }
}

/// A transaction. It is rolled back when dropped without [`commit`](Self::commit).
pub(crate) enum SqlTransaction {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(PostgresTransaction),
}

impl SqlTransaction {
    /// Executes a statement and returns its rows.
    pub(crate) async fn fetch_all(&mut self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<SqlRow>, StoreError> {
        Ok(match self {
            Self::Sqlite(transaction) => {
                let rows = bind(sql, values).fetch_all(&mut **transaction).await.map_err(store_failure)?;
                rows.into_iter().map(SqlRow::Sqlite).collect()
            }
            Self::Postgres(transaction) => {
                let rows = transaction.fetch_all(sql, values).await.map_err(store_failure)?;
                rows.into_iter().map(SqlRow::Postgres).collect()
            }
        })
    }

    /// Executes a statement and returns its first row, if there is one.
    pub(crate) async fn fetch_first(&mut self, sql: &str, values: Vec<SqlValue>) -> Result<Option<SqlRow>, StoreError> {
        Ok(self.fetch_all(sql, values).await?.into_iter().next())
    }

    /// Executes a statement and returns the number of affected rows.
    pub(crate) async fn execute(&mut self, sql: &str, values: Vec<SqlValue>) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(transaction) => {
                bind(sql, values).execute(&mut **transaction).await.map(|done| done.rows_affected())
            }
            Self::Postgres(transaction) => transaction.execute(sql, values).await,
        }
        .map_err(store_failure)
    }

    /// Commits the transaction.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
        .map_err(write_failure)
    }
}

pub(crate) fn bind<D>(sql: &str, values: Vec<SqlValue>) -> sqlx::query::Query<'static, D, D::Arguments>
where
    D: sqlx::Database,
    D::Arguments: IntoArguments<D>,
    Option<i64>: Encode<'static, D> + Type<D>,
    Option<String>: Encode<'static, D> + Type<D>,
    Vec<u8>: Encode<'static, D> + Type<D>,
{
    // Statements are defined in this crate and contain no user input.
    let query = sqlx::query(AssertSqlSafe(sql));
    values.into_iter().fold(query, |query, value| match value {
        SqlValue::Int(number) => query.bind(number),
        SqlValue::Text(text) => query.bind(text),
        SqlValue::Bytes(bytes) => query.bind(bytes),
    })
}

/// Maximum number of changes that get their positions in one transaction.
pub(crate) const POSITION_BATCH: u64 = 1_000;

/// Positions that were given to changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AssignedPositions {
    /// Last position of the feed.
    pub last: u64,
    /// Number of positions that were given, at most [`POSITION_BATCH`].
    pub count: u64,
}

/// Result of a write of an order.
pub(crate) struct WrittenOrder {
    /// Fencing token of the order.
    pub fence: u64,
    /// Position of the change in the feed, if it has one already.
    pub position: Option<u64>,
}

/// A database. The statements are the same for both; `$1`, `$2`, … are placeholders for values.
#[async_trait]
pub(crate) trait SqlDatabase: Send + Sync {
    /// Begins a read-write transaction.
    async fn begin_write(&self) -> Result<SqlTransaction, StoreError>;

    /// Begins a read-only transaction on one consistent snapshot.
    async fn begin_read(&self) -> Result<SqlTransaction, StoreError>;

    /// Begins a read-only transaction on one consistent snapshot, on a connection of its own pool: orders do not wait for it.
    async fn begin_report(&self) -> Result<SqlTransaction, StoreError>;

    /// Executes a single statement that reads, on a connection for reports. Returns `None` if it takes longer than `limit`.
    async fn fetch_within(
        &self,
        limit: Duration,
        sql: &str,
        values: Vec<SqlValue>,
    ) -> Result<Option<Vec<SqlRow>>, StoreError>;

    /// Executes a single statement that reads, without a transaction around it, and returns its rows.
    async fn fetch_once(&self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<SqlRow>, StoreError>;

    /// Writes a change of an order atomically. It is durable once this returns.
    async fn write_order(&self, rows: OrderRows) -> Result<WrittenOrder, StoreError>;

    /// Returns the clause by which concurrent replicas claim different rows, or an empty string if there are no replicas.
    fn skip_locked(&self) -> &'static str;

    /// Gives the next positions to a batch of changes that have none, in a transaction of its own. Concurrent sequencers wait for
    /// each other, so that positions are committed in ascending order; no order waits for them.
    async fn assign_positions(&self) -> Result<AssignedPositions, StoreError>;

    /// Returns the clock that leases and timers are compared with.
    fn lease_clock(&self) -> LeaseClock;

    /// Returns the time of the database, or `None` if that is the time of this process.
    async fn clock_time(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Returns the expressions for an integer and a text at a position of a JSON column.
    fn json(&self) -> JsonDialect;

    /// Returns true if this process is the only one that uses the database.
    fn is_exclusive(&self) -> bool;

    /// Removes what overwritten rows left behind in the files, once for the life of the database.
    async fn erase_remnants(&self) -> Result<(), StoreError>;

    /// Returns the usage of the connection pool.
    fn pool_stats(&self) -> PoolStats;
}

/// The expressions of a database for values within a JSON column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonDialect {
    Sqlite,
    Postgres,
}

impl JsonDialect {
    /// Returns the expression for a text at this path of names and indexes.
    pub(crate) fn text(self, column: &str, path: &[&str]) -> String {
        match self {
            Self::Sqlite => {
                let step = |name: &&str| match name.parse::<usize>() {
                    Ok(index) => format!("[{index}]"),
                    Err(_) => format!(".{name}"),
                };
                format!("json_extract({column}, '${}')", path.iter().map(step).collect::<String>())
            }
            Self::Postgres => format!("(CAST({column} AS JSONB) #>> '{{{}}}')", path.join(",")),
        }
    }

    /// Returns the expression for an integer at this path of names and indexes.
    pub(crate) fn int(self, column: &str, path: &[&str]) -> String {
        format!("CAST({} AS BIGINT)", self.text(column, path))
    }
}

/// Acquires a connection or begins a transaction, and records the waiting time under the name of the pool.
pub(crate) async fn timed<T>(
    pool: &'static str,
    acquire: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let started_at = tokio::time::Instant::now();
    let connection = acquire.await?;
    metrics::histogram!("db_client_connection_wait_time_seconds", "db_client_connection_pool_name" => pool)
        .record(started_at.elapsed().as_secs_f64());
    Ok(connection)
}

/// Acquires a connection for orders and records the waiting time.
pub(crate) async fn acquire_timed<T>(acquire: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    timed("ledger", acquire).await.map_err(store_failure)
}

/// Acquires a connection for reports and records the waiting time.
pub(crate) async fn acquire_report<T>(acquire: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    timed("ledger_reports", acquire).await.map_err(store_failure)
}

/// Returns the usage of a pool.
pub(crate) fn pool_stats<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> PoolStats {
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    PoolStats { idle, used: pool.size().saturating_sub(idle), max: pool.options().get_max_connections() }
}

/// Returns the failure of a statement that commits, which may have been executed although its response did not come.
pub(crate) fn write_failure(error: sqlx::Error) -> StoreError {
    if is_outcome_unknown(&error) { StoreError::OutcomeUnknown(Box::new(error)) } else { store_failure(error) }
}

pub(crate) fn store_failure(error: sqlx::Error) -> StoreError {
    StoreError::Failed(Box::new(error))
}
