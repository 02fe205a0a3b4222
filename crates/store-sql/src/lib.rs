//! What is kept: the ledger of orders in SQLite or PostgreSQL, and in Redis what replicas share and can do without.

mod deliveries;
mod edits;
mod ledger;
mod postgres;
mod pulse;
mod rows;
mod save;
mod shapes;
mod sql;
mod sqlite;
mod vault;

use std::sync::Arc;

use crate::ledger::SqlLedger;
use crate::postgres::PostgresDatabase;
pub use crate::pulse::{LedgerPulse, PoolUse, Standing};
use crate::sql::Database;
use crate::sqlite::SqliteDatabase;
pub use crate::vault::CredentialKey;
use crate::vault::Vault;
use ::deliveries::ledger::DeliveryLedger;
use ::edits::Journal;
use orders::Ledger;

/// Why a store cannot be used. Addresses may hold a password, so they are not told.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Neither `sqlite:` nor `postgres:`, or not readable.
    #[error("the ledger url is none that sqlite or postgres can read")]
    Url(#[source] sqlx::Error),
    /// Another scheme.
    #[error("the ledger url must begin with sqlite: or postgres:")]
    Scheme,
    /// No key for codes at rest.
    #[error("a key for ticket codes at rest is needed")]
    NoKey,
    /// The database cannot be opened or reached.
    #[error("the ledger cannot be opened")]
    Open(#[source] sqlx::Error),
    /// The tables cannot be brought up to date.
    #[error("the tables of the ledger cannot be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The lock file beside a SQLite file cannot be made.
    #[error("the lock file of the ledger cannot be made")]
    Lock(#[source] std::io::Error),
    /// Another process has the SQLite file open.
    #[error("another process uses the ledger {0}; several replicas need postgres")]
    InUse(String),
    /// The ledger does not answer.
    #[error("the ledger does not answer")]
    Ledger(#[from] orders::LedgerError),
}

/// Connections to PostgreSQL where nobody says.
const USUAL_CONNECTIONS: u32 = 8;

/// What one database keeps.
#[derive(Clone)]
pub struct Ledgers {
    /// Orders.
    pub orders: Arc<dyn Ledger>,
    /// Edits.
    pub edits: Arc<dyn Journal>,
    /// Deliveries, which rest on the orders.
    pub deliveries: Arc<dyn DeliveryLedger>,
    /// How the database is.
    pub pulse: Arc<dyn LedgerPulse>,
}

/// Opens the ledger of orders alone: see [`open`].
pub async fn connect(url: &str, keys: &[CredentialKey]) -> Result<Arc<dyn Ledger>, StoreError> {
    open(url, keys, USUAL_CONNECTIONS).await.map(|ledgers| ledgers.orders)
}

/// Opens the ledgers at a `sqlite:` or `postgres:` url and brings its tables up to date. New codes are sealed with the
/// first key; the others still open older ones. PostgreSQL gets so many connections at most; SQLite has its own few.
pub async fn open(url: &str, keys: &[CredentialKey], connections: u32) -> Result<Ledgers, StoreError> {
    let vault = Vault::new(keys).ok_or(StoreError::NoKey)?;
    let database: Box<dyn Database> = if url.starts_with("sqlite:") {
        Box::new(SqliteDatabase::open(url).await?)
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        Box::new(PostgresDatabase::open(url, connections).await?)
    } else {
        return Err(StoreError::Scheme);
    };
    let ledger = SqlLedger { database, vault };
    ledger.free_what_the_dead_own().await?;
    let ledger = Arc::new(ledger);
    Ok(Ledgers {
        orders: Arc::clone(&ledger) as _,
        edits: Arc::clone(&ledger) as _,
        deliveries: Arc::clone(&ledger) as _,
        pulse: ledger,
    })
}
