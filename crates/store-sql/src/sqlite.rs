//! SQLite: embedded, for one process and one writer at a time. Every commit is synced to disk before it returns.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::time::Instant;

use crate::StoreOpenError;
use crate::codec::unreadable;
use crate::group_commit::GroupCommit;
use crate::health::PoolStats;
use crate::order_rows::OrderRows;
use crate::settings::{LeaseClock, StoreSettings};
use crate::sql::{
    AssignedPositions, JsonDialect, POSITION_BATCH, SqlDatabase, SqlRow, SqlTransaction, SqlValue, WrittenOrder,
    acquire_report, acquire_timed, bind, pool_stats, store_failure,
};
use domain::StoreError;

/// The `user_version` of a file in which remnants of plaintext references were erased.
const ERASED: i64 = 1;

/// Instructions of SQLite between two checks of the time.
const STEPS_BETWEEN_CHECKS: i32 = 1_000;

/// Code of an interrupted statement (SQLite, "Result and Error Codes").
const INTERRUPT: &str = "9";

/// A SQLite file, or an in-memory database that ends with the process.
pub(crate) struct SqliteDatabase {
    /// A single connection: SQLite has one writer, and queuing in the pool avoids its busy errors.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Connections for reports: orders do not wait for them. Those of an in-memory database are the writer.
    reports: SqlitePool,
    is_memory: bool,
    /// Writes the changes of orders.
    group_commit: Arc<GroupCommit>,
    /// Lock file, held while the database is open, so that no second process opens it.
    _lock: Option<File>,
}

impl SqliteDatabase {
    /// Opens the file, creating it if it does not exist, and migrates the schema.
    pub(crate) async fn open(url: &str, settings: &StoreSettings) -> Result<Self, StoreOpenError> {
        let is_memory = url.contains(":memory:") || url.contains("mode=memory");
        let options = options(url)?.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let lock = if is_memory { None } else { Some(acquire_lock_file(options.get_filename())?) };
        if !is_memory {
            // Orders are people's data: readable for the owner only. SQLite gives its other files the same mode.
            open_private(options.get_filename()).map_err(StoreOpenError::Lock)?;
        }
        let writer = connect_writer(options.clone(), is_memory).await?;
        sqlx::migrate!("../../migrations/sqlite").run(&writer).await.map_err(StoreOpenError::Migrate)?;
        let (readers, reports) = if is_memory {
            (writer.clone(), writer.clone())
        } else {
            (connect_readers(options.clone()).await?, reports_of(options, settings))
        };
        let group_commit = Arc::new(GroupCommit::new(writer.clone()));
        Ok(Self { writer, readers, reports, is_memory, group_commit, _lock: lock })
    }

    /// Opens an existing file that a service may be using, without its lock and without a migration. `None` if there is no such file, or
    /// if it is not a ledger: a wrong path must not change the file of another program.
    pub(crate) async fn attach(url: &str, settings: &StoreSettings) -> Result<Option<Self>, StoreOpenError> {
        let options = options(url)?;
        if !options.get_filename().exists() {
            return Ok(None);
        }
        if !is_migrated(&options).await.map_err(StoreOpenError::Open)? {
            return Ok(None);
        }
        let writer = connect_writer(options.clone(), false).await?;
        let readers = connect_readers(options.clone()).await?;
        let reports = reports_of(options, settings);
        let group_commit = Arc::new(GroupCommit::new(writer.clone()));
        Ok(Some(Self { writer, readers, reports, is_memory: false, group_commit, _lock: None }))
    }
}

/// Returns true if a migration of the service has created tables in a file. Reads only.
async fn is_migrated(options: &SqliteConnectOptions) -> Result<bool, sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(&options.clone().read_only(true)).await?;
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations')";
    let exists = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
    connection.close().await?;
    exists
}

/// Returns the options of every connection. The mode of the journal is not one of them, because it is written into the file.
fn options(url: &str) -> Result<SqliteConnectOptions, StoreOpenError> {
    Ok(SqliteConnectOptions::from_str(url)
        .map_err(StoreOpenError::InvalidUrl)?
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5)))
}

/// Returns a pool whose connections stay open. A connection to a file does not break, so it is not checked before each use.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

/// Connects the writer. A transaction that could not end, because the disk was full, would fail every later one on its connection; an
/// in-memory database exists only in its connection.
async fn connect_writer(options: SqliteConnectOptions, is_memory: bool) -> Result<SqlitePool, StoreOpenError> {
    let writer = if is_memory {
        pool(1)
    } else {
        pool(1).before_acquire(|one, _| Box::pin(async { Ok(!one.is_in_transaction()) }))
    };
    writer.connect_with(options).await.map_err(StoreOpenError::Open)
}

async fn connect_readers(options: SqliteConnectOptions) -> Result<SqlitePool, StoreOpenError> {
    pool(4).connect_with(options.read_only(true)).await.map_err(StoreOpenError::Open)
}

/// Returns the pool for reports. A limit that a dropped request has left on a connection is removed before its next use.
fn reports_of(options: SqliteConnectOptions, settings: &StoreSettings) -> SqlitePool {
    let pool = pool(settings.report_connections).min_connections(0).before_acquire(|connection, _| {
        Box::pin(async move {
            connection.lock_handle().await?.remove_progress_handler();
            Ok(true)
        })
    });
    pool.connect_lazy_with(options.read_only(true))
}

/// Begins a transaction that takes the write lock immediately: otherwise one that reads before it writes may fail with an
/// outdated snapshot.
pub(crate) async fn begin_immediate(writer: &SqlitePool) -> Result<SqlTransaction, StoreError> {
    let transaction = acquire_timed(writer.begin_with("BEGIN IMMEDIATE")).await?;
    Ok(SqlTransaction::Sqlite(transaction))
}

/// Gives the next positions to a batch of changes that have none.
async fn assign_positions(transaction: &mut SqlTransaction) -> Result<AssignedPositions, StoreError> {
    let row = transaction.fetch_first("SELECT last FROM feed WHERE id = 1", Vec::new()).await?;
    let last = row.ok_or_else(|| unreadable("the feed has no last cursor"))?.unsigned("last")?;
    let sql = "UPDATE changes SET cursor = sequenced.cursor FROM (\
            SELECT id, $1 + ROW_NUMBER() OVER (ORDER BY id) AS cursor FROM (\
                SELECT id FROM changes WHERE cursor IS NULL ORDER BY id LIMIT $2\
            ) AS pending\
        ) AS sequenced WHERE changes.id = sequenced.id";
    let count = transaction.execute(sql, vec![last.into(), POSITION_BATCH.into()]).await?;
    if count > 0 {
        transaction.execute("UPDATE feed SET last = last + $1 WHERE id = 1", vec![count.into()]).await?;
    }
    Ok(AssignedPositions { last: last + count, count })
}

/// Gives the next positions to all changes that have none, and returns the last position of the feed.
pub(crate) async fn assign_all_positions(transaction: &mut SqlTransaction) -> Result<u64, StoreError> {
    loop {
        let assigned = assign_positions(transaction).await?;
        if assigned.count < POSITION_BATCH {
            return Ok(assigned.last);
        }
    }
}

/// Acquires the lock file next to a database file.
fn acquire_lock_file(database: &Path) -> Result<File, StoreOpenError> {
    let mut path = PathBuf::from(database).into_os_string();
    path.push(".lock");
    let file = open_private(Path::new(&path)).map_err(StoreOpenError::Lock)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreOpenError::InUse(database.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreOpenError::Lock(error)),
    }
}

/// Opens a file for its owner only, creating it if it does not exist.
fn open_private(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

fn is_interrupted(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == INTERRUPT)
}

#[async_trait]
impl SqlDatabase for SqliteDatabase {
    async fn begin_write(&self) -> Result<SqlTransaction, StoreError> {
        begin_immediate(&self.writer).await
    }

    async fn begin_read(&self) -> Result<SqlTransaction, StoreError> {
        let transaction = acquire_timed(self.readers.begin()).await?;
        Ok(SqlTransaction::Sqlite(transaction))
    }

    async fn begin_report(&self) -> Result<SqlTransaction, StoreError> {
        let transaction = acquire_report(self.reports.begin()).await?;
        Ok(SqlTransaction::Sqlite(transaction))
    }

    async fn fetch_within(
        &self,
        limit: Duration,
        sql: &str,
        values: Vec<SqlValue>,
    ) -> Result<Option<Vec<SqlRow>>, StoreError> {
        let mut connection = acquire_report(self.reports.acquire()).await?;
        // An in-memory database has one connection, for tests; an interrupted statement must not be another one's.
        if !self.is_memory {
            let end = Instant::now() + limit;
            let mut handle = connection.lock_handle().await.map_err(store_failure)?;
            handle.set_progress_handler(STEPS_BETWEEN_CHECKS, move || Instant::now() < end);
        }
        let rows = bind(sql, values).fetch_all(&mut *connection).await;
        connection.lock_handle().await.map_err(store_failure)?.remove_progress_handler();
        match rows {
            Ok(rows) => Ok(Some(rows.into_iter().map(SqlRow::Sqlite).collect())),
            Err(error) if is_interrupted(&error) => Ok(None),
            Err(error) => Err(store_failure(error)),
        }
    }

    async fn fetch_once(&self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<SqlRow>, StoreError> {
        let mut connection = acquire_timed(self.readers.acquire()).await?;
        let rows = bind(sql, values).fetch_all(&mut *connection).await.map_err(store_failure)?;
        Ok(rows.into_iter().map(SqlRow::Sqlite).collect())
    }

    async fn write_order(&self, rows: OrderRows) -> Result<WrittenOrder, StoreError> {
        self.group_commit.write(rows).await
    }

    fn skip_locked(&self) -> &'static str {
        ""
    }

    async fn assign_positions(&self) -> Result<AssignedPositions, StoreError> {
        let mut transaction = self.begin_write().await?;
        let assigned = assign_positions(&mut transaction).await?;
        transaction.commit().await?;
        Ok(assigned)
    }

    fn lease_clock(&self) -> LeaseClock {
        LeaseClock::Caller
    }

    async fn clock_time(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    fn json(&self) -> JsonDialect {
        JsonDialect::Sqlite
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    /// Rewrites the file without its free space and empties the write-ahead log. The header of the file records that it was done.
    async fn erase_remnants(&self) -> Result<(), StoreError> {
        let mut connection = acquire_timed(self.writer.acquire()).await?;
        let done: i64 =
            sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await.map_err(store_failure)?;
        if done >= ERASED {
            return Ok(());
        }
        sqlx::query("VACUUM").execute(&mut *connection).await.map_err(store_failure)?;
        let is_busy: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *connection)
            .await
            .map_err(store_failure)?;
        // A log that another program reads is emptied at the next start.
        if is_busy == 0 {
            let sql = format!("PRAGMA user_version = {ERASED}");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await.map_err(store_failure)?;
        }
        Ok(())
    }

    fn pool_stats(&self) -> PoolStats {
        let (writer, readers) = (pool_stats(&self.writer), pool_stats(&self.readers));
        PoolStats { idle: writer.idle + readers.idle, used: writer.used + readers.used, max: writer.max + readers.max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> StoreSettings {
        let limit = Duration::from_secs(5);
        StoreSettings {
            connections: 2,
            statement_timeout: limit,
            lock_timeout: limit,
            idle_transaction_timeout: limit,
            report_connections: 2,
            count_timeout: limit,
            migration_lock_timeout: limit,
            migration_timeout: limit,
            feed_timeout: limit,
            lease_clock: LeaseClock::Database,
            pooler: crate::settings::Pooler::None,
        }
    }

    /// Writes a value of this many bytes in a transaction.
    async fn write(database: &SqliteDatabase, bytes: i64) -> Result<(), sqlx::Error> {
        let SqlTransaction::Sqlite(mut transaction) = database.begin_write().await.expect("a transaction") else {
            unreachable!("SQLite has transactions of its own");
        };
        sqlx::query("INSERT INTO written VALUES (zeroblob(?))").bind(bytes).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    #[tokio::test]
    async fn after_a_full_disk_the_next_transaction_works_and_the_files_are_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ledger.db");
        let database =
            SqliteDatabase::open(&format!("sqlite://{}", file.display()), &settings()).await.expect("a database");
        sqlx::query("CREATE TABLE written (value BLOB)").execute(&database.writer).await.expect("a table");
        write(&database, 10).await.expect("there is space");
        // The limit of the connection is that of a disk.
        sqlx::query("PRAGMA max_page_count = 1").execute(&database.writer).await.expect("a limit");
        let full = write(&database, 10_000_000).await.expect_err("the disk is full");
        assert!(full.to_string().contains("full"), "{full}");
        let _ = sqlx::query("PRAGMA max_page_count = 1000000").execute(&database.writer).await;
        for _ in 0..3 {
            write(&database, 10).await.expect("there is space again");
        }
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", entry.path().display());
        }
    }

    #[tokio::test]
    async fn attaching_neither_changes_a_foreign_file_nor_creates_one_and_opens_a_ledger() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        assert!(SqliteDatabase::attach(&url("missing.db"), &settings()).await.expect("no error").is_none());
        let foreign = SqliteConnectOptions::from_str(&url("foreign.db")).expect("a url").create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&foreign).await.expect("a file");
        sqlx::query("CREATE TABLE other (value TEXT)").execute(&mut connection).await.expect("a table");
        connection.close().await.expect("closed");
        File::create(folder.path().join("empty.db")).expect("a file");
        let before = std::fs::read(folder.path().join("foreign.db")).expect("a file");
        for name in ["foreign.db", "empty.db"] {
            assert!(SqliteDatabase::attach(&url(name), &settings()).await.expect("no error").is_none(), "{name}");
        }
        assert!(std::fs::read(folder.path().join("foreign.db")).expect("a file") == before, "unchanged");
        assert!(std::fs::read(folder.path().join("empty.db")).expect("a file").is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "no other files");
        let service = SqliteDatabase::open(&url("ledger.db"), &settings()).await.expect("a database");
        assert!(SqliteDatabase::attach(&url("ledger.db"), &settings()).await.expect("beside a service").is_some());
        drop(service);
        assert!(SqliteDatabase::attach(&url("ledger.db"), &settings()).await.expect("without a service").is_some());
    }
}
