//! Settings of the stores.

use std::time::Duration;

/// Settings of the stores. The timeouts bound what a frozen or stuck replica can hold up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreSettings {
    /// Maximum number of PostgreSQL connections. SQLite has a small fixed pool.
    pub connections: u32,
    /// Time after which PostgreSQL ends a statement.
    pub statement_timeout: Duration,
    /// Time after which PostgreSQL ends a statement that waits for a lock.
    pub lock_timeout: Duration,
    /// Time after which PostgreSQL ends the session of a client that is silent within a transaction, and releases its locks.
    pub idle_transaction_timeout: Duration,
    /// Maximum number of connections for lists, searches, statements and exports, beside those of orders.
    pub report_connections: u32,
    /// Time after which a count of a list is given up.
    pub count_timeout: Duration,
    /// Longest wait of a PostgreSQL migration for a lock, which keeps other replicas waiting. It is tried again afterwards.
    pub migration_lock_timeout: Duration,
    /// Time after which the migrations of PostgreSQL fail, if they do not get their locks.
    pub migration_timeout: Duration,
    /// Longest wait of a reader of the change feed for changes that were committed but have no position yet.
    pub feed_timeout: Duration,
    /// The clock that leases and timers on PostgreSQL are compared with.
    pub lease_clock: LeaseClock,
    /// Pooler between this process and PostgreSQL.
    pub pooler: Pooler,
}

/// A connection pooler in front of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooler {
    /// None, or one whose clients have a session of the server to themselves.
    None,
    /// One whose clients have a session of the server for one transaction, such as PgBouncer with `pool_mode = transaction`. Nothing
    /// is left in a session then: each statement is in a transaction that sets its own limits, and none is prepared by name.
    Transaction,
}

/// URLs of one database. Both may contain a password.
#[derive(Clone, Copy)]
pub struct StoreUrls<'a> {
    /// URL of the stores, which may lead through a [`Pooler`].
    pub stores: &'a str,
    /// URL of PostgreSQL for migrations, which need a session of their own. `None`: that of the stores.
    pub migrations: Option<&'a str>,
}

impl<'a> From<&'a str> for StoreUrls<'a> {
    fn from(stores: &'a str) -> Self {
        Self { stores, migrations: None }
    }
}

impl<'a> From<&'a String> for StoreUrls<'a> {
    fn from(stores: &'a String) -> Self {
        Self { stores, migrations: None }
    }
}

/// A clock that leases and timers are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseClock {
    /// Clock of the database, which is the same for all replicas. SQLite has a single process and uses that process's clock.
    Database,
    /// Clock of the caller. Right only if all callers share it, as in tests with a manual clock.
    Caller,
}

impl LeaseClock {
    /// Returns the SQL expression for the current time in nanoseconds since 1970, given the placeholder of the caller's time.
    /// The time of the database is that of the start of the statement, so that indexes apply.
    pub(crate) fn now(self, placeholder: &'static str) -> &'static str {
        match self {
            Self::Database => "CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000000 AS BIGINT)",
            Self::Caller => placeholder,
        }
    }
}
