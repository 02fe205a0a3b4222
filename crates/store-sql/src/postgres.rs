//! PostgreSQL: for several replicas. Rows are locked by their writers; owners are told apart by their numbers.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Column, PgPool, Postgres, Row as _, Transaction, TypeInfo, ValueRef};

use crate::StoreError;
use crate::pulse::PoolUse;
use crate::sql::{Database, Row, Session, Value, failed, pool_use, waited};
use orders::LedgerError;

/// A PostgreSQL database, shared by every replica.
pub(crate) struct PostgresDatabase(PgPool);

impl PostgresDatabase {
    /// Connects, with TLS as the url asks (`sslmode`), and brings the tables up to date; replicas that start together wait for each
    /// other.
    pub async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(StoreError::Url)?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await
            .map_err(StoreError::Open)?;
        sqlx::migrate!("../../migrations/postgres").run(&pool).await.map_err(StoreError::Migrate)?;
        Ok(Self(pool))
    }
}

#[async_trait]
impl Database for PostgresDatabase {
    async fn write(&self) -> Result<Box<dyn Session>, LedgerError> {
        Ok(Box::new(PostgresSession(waited(self.0.begin()).await?)))
    }

    async fn read(&self) -> Result<Box<dyn Session>, LedgerError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(Box::new(PostgresSession(waited(self.0.begin_with(begin)).await?)))
    }

    fn skip_locked(&self) -> &'static str {
        "FOR UPDATE SKIP LOCKED"
    }

    fn is_alone(&self) -> bool {
        false
    }

    fn pool(&self) -> PoolUse {
        pool_use(&self.0)
    }
}

struct PostgresSession(Transaction<'static, Postgres>);

fn bind(sql: &str, values: Vec<Value>) -> sqlx::query::Query<'static, Postgres, PgArguments> {
    // Statements come from this room and hold no value.
    let query = sqlx::query(AssertSqlSafe(sql));
    values.into_iter().fold(query, |query, value| match value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}

fn row(row: &PgRow) -> Result<Row, LedgerError> {
    let value = |place: usize| -> Result<Value, sqlx::Error> {
        let raw = row.try_get_raw(place)?;
        let kind = raw.type_info().into_owned();
        Ok(match kind.name() {
            _ if raw.is_null() => Value::Int(None),
            "INT8" => Value::Int(Some(row.try_get(place)?)),
            "BYTEA" => Value::Bytes(row.try_get(place)?),
            _ => Value::Text(Some(row.try_get(place)?)),
        })
    };
    let values: Result<Vec<Value>, sqlx::Error> = row.columns().iter().map(|column| value(column.ordinal())).collect();
    Ok(Row::new(values.map_err(failed)?))
}

#[async_trait]
impl Session for PostgresSession {
    async fn rows(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, LedgerError> {
        let rows = bind(sql, values).fetch_all(&mut *self.0).await.map_err(failed)?;
        rows.iter().map(row).collect()
    }

    async fn run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64, LedgerError> {
        bind(sql, values).execute(&mut *self.0).await.map(|done| done.rows_affected()).map_err(failed)
    }

    async fn commit(self: Box<Self>) -> Result<(), LedgerError> {
        self.0.commit().await.map_err(failed)
    }
}
