//! SQLite: embedded, one process, one writer at a time; every commit is on the disk before it is answered.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Column, Row as _, Sqlite, SqlitePool, Transaction, TypeInfo, ValueRef};

use crate::StoreError;
use crate::pulse::PoolUse;
use crate::sql::{Database, Row, Session, Value, failed, pool_use, waited};
use orders::LedgerError;

/// A SQLite file, or a database in memory that ends with the process.
pub(crate) struct SqliteDatabase {
    /// One connection: SQLite has one writer, and waiting in our queue is kinder than its busy errors.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Held as long as the database is open, so that no second process believes itself alone.
    _lock: Option<File>,
}

impl SqliteDatabase {
    /// Opens the file, made where it is absent, and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let is_memory = url.contains(":memory:") || url.contains("mode=memory");
        let options = SqliteConnectOptions::from_str(url)
            .map_err(StoreError::Url)?
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let lock = if is_memory { None } else { Some(lock(options.get_filename())?) };
        let keeps_open = || SqlitePoolOptions::new().min_connections(1).idle_timeout(None).max_lifetime(None);
        let writer = keeps_open().max_connections(1).connect_with(options.clone()).await.map_err(StoreError::Open)?;
        sqlx::migrate!("../../migrations/sqlite").run(&writer).await.map_err(StoreError::Migrate)?;
        // A database in memory belongs to its connection.
        let readers = if is_memory {
            writer.clone()
        } else {
            keeps_open().max_connections(4).connect_with(options.read_only(true)).await.map_err(StoreError::Open)?
        };
        Ok(Self { writer, readers, _lock: lock })
    }
}

/// Takes the lock file beside a database.
fn lock(database: &Path) -> Result<File, StoreError> {
    let mut path = PathBuf::from(database).into_os_string();
    path.push(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(StoreError::Lock)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(database.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreError::Lock(error)),
    }
}

#[async_trait]
impl Database for SqliteDatabase {
    async fn write(&self) -> Result<Box<dyn Session>, LedgerError> {
        // Taking the write lock at once: a transaction that reads first and writes later may find its read outdated.
        let transaction = waited(self.writer.begin_with("BEGIN IMMEDIATE")).await?;
        Ok(Box::new(SqliteSession(transaction)))
    }

    async fn read(&self) -> Result<Box<dyn Session>, LedgerError> {
        let transaction = waited(self.readers.begin()).await?;
        Ok(Box::new(SqliteSession(transaction)))
    }

    fn skip_locked(&self) -> &'static str {
        ""
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn pool(&self) -> PoolUse {
        let (writer, readers) = (pool_use(&self.writer), pool_use(&self.readers));
        PoolUse { idle: writer.idle + readers.idle, used: writer.used + readers.used, max: writer.max + readers.max }
    }
}

struct SqliteSession(Transaction<'static, Sqlite>);

fn bind(sql: &str, values: Vec<Value>) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    // Statements come from this room and hold no value.
    let query = sqlx::query(AssertSqlSafe(sql));
    values.into_iter().fold(query, |query, value| match value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}

fn row(row: &SqliteRow) -> Result<Row, LedgerError> {
    let value = |place: usize| -> Result<Value, sqlx::Error> {
        let raw = row.try_get_raw(place)?;
        if raw.is_null() {
            return Ok(Value::Int(None));
        }
        let kind = raw.type_info().into_owned();
        Ok(match kind.name() {
            "INTEGER" => Value::Int(Some(row.try_get(place)?)),
            "BLOB" => Value::Bytes(row.try_get(place)?),
            _ => Value::Text(Some(row.try_get(place)?)),
        })
    };
    let values: Result<Vec<Value>, sqlx::Error> = row.columns().iter().map(|column| value(column.ordinal())).collect();
    Ok(Row::new(values.map_err(failed)?))
}

#[async_trait]
impl Session for SqliteSession {
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
