//! SQLite: embedded, for one process and one writer at a time. Every commit is synced to disk before it returns.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::StoreOpenError;
use crate::health::PoolStats;
use crate::sql::{SqlDatabase, SqlTransaction, acquire_timed, pool_stats};
use domain::StoreError;

/// A SQLite file, or an in-memory database that ends with the process.
pub(crate) struct SqliteDatabase {
    /// A single connection: SQLite has one writer, and queuing in the pool avoids its busy errors.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Lock file, held while the database is open, so that no second process opens it.
    _lock: Option<File>,
}

impl SqliteDatabase {
    /// Opens the file, creating it if it does not exist, and migrates the schema.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreOpenError> {
        let is_memory = url.contains(":memory:") || url.contains("mode=memory");
        let options = SqliteConnectOptions::from_str(url)
            .map_err(StoreOpenError::InvalidUrl)?
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let lock = if is_memory { None } else { Some(acquire_lock_file(options.get_filename())?) };
        let keeps_open = || SqlitePoolOptions::new().min_connections(1).idle_timeout(None).max_lifetime(None);
        let writer =
            keeps_open().max_connections(1).connect_with(options.clone()).await.map_err(StoreOpenError::Open)?;
        sqlx::migrate!("../../migrations/sqlite").run(&writer).await.map_err(StoreOpenError::Migrate)?;
        // An in-memory database exists only in its connection.
        let readers = if is_memory {
            writer.clone()
        } else {
            keeps_open().max_connections(4).connect_with(options.read_only(true)).await.map_err(StoreOpenError::Open)?
        };
        Ok(Self { writer, readers, _lock: lock })
    }
}

/// Acquires the lock file next to a database file.
fn acquire_lock_file(database: &Path) -> Result<File, StoreOpenError> {
    let mut path = PathBuf::from(database).into_os_string();
    path.push(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(StoreOpenError::Lock)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreOpenError::InUse(database.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreOpenError::Lock(error)),
    }
}

#[async_trait]
impl SqlDatabase for SqliteDatabase {
    async fn begin_write(&self) -> Result<SqlTransaction, StoreError> {
        // Take the write lock immediately: otherwise a transaction that reads before it writes may fail with an outdated
        // snapshot.
        let transaction = acquire_timed(self.writer.begin_with("BEGIN IMMEDIATE")).await?;
        Ok(SqlTransaction::Sqlite(transaction))
    }

    async fn begin_read(&self) -> Result<SqlTransaction, StoreError> {
        let transaction = acquire_timed(self.readers.begin()).await?;
        Ok(SqlTransaction::Sqlite(transaction))
    }

    fn skip_locked(&self) -> &'static str {
        ""
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn pool_stats(&self) -> PoolStats {
        let (writer, readers) = (pool_stats(&self.writer), pool_stats(&self.readers));
        PoolStats { idle: writer.idle + readers.idle, used: writer.used + readers.used, max: writer.max + readers.max }
    }
}
