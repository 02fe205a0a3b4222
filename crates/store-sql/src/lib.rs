//! The durable stores for orders, edits, deliveries, sessions, webhooks, OCTO bookings and the audit log, on SQLite or PostgreSQL.
//!
//! Contains no business rules: it writes and reads what the ports of `orders`, `edits`, `deliveries`, `sign-in`, `webhooks`,
//! `octo-facade` and `audit` define.

mod audit;
mod changes;
mod codec;
mod credential_cipher;
mod cursor_cipher;
mod deliveries;
mod edits;
mod facts;
mod feed;
mod group_commit;
mod health;
mod import;
mod key_file;
mod octo_bookings;
mod operators;
mod order_filter;
mod order_list;
mod order_rows;
mod order_search;
mod order_tables;
mod postgres;
mod postgres_errors;
mod postgres_indexes;
mod postgres_migration;
mod postgres_pool;
mod repeat;
mod rows;
mod sales;
mod sales_parts;
mod sealed_refs;
mod sessions;
mod settings;
mod single_statement;
mod snapshots;
mod source_calls;
mod sql;
mod sqlite;
mod store;
mod webhook_rows;
mod webhooks;

use std::sync::Arc;

use crate::credential_cipher::CredentialCipher;
pub use crate::credential_cipher::CredentialKey;
use crate::cursor_cipher::CursorCipher;
use crate::feed::Sequencer;
pub use crate::health::{OrderStats, PoolStats, StoreHealth};
pub use crate::order_search::SearchIndex;
use crate::postgres::PostgresDatabase;
pub use crate::settings::{LeaseClock, Pooler, StoreSettings, StoreUrls};
use crate::sql::SqlDatabase;
use crate::sqlite::SqliteDatabase;
use crate::store::SqlStore;
use ::audit::AuditStore;
use ::deliveries::store::DeliveryStore;
use ::edits::IdempotencyStore;
use ::webhooks::store::WebhookStore;
use change_feed::{ChangeStore, FactStore};
use domain::{CallCounts, SnapshotStore};
use octo_facade::BookingStore;
use orders::OrderStore;
use orders::history::OrderImport;
use sign_in::SessionStore;
use tokio::sync::Semaphore;

/// Error of opening the stores. Never contains the URL, because it may contain a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreOpenError {
    /// The URL cannot be parsed.
    #[error("the ledger url is not a valid sqlite or postgres url")]
    InvalidUrl(#[source] sqlx::Error),
    /// The URL scheme is neither `sqlite:` nor `postgres:`.
    #[error("the ledger url must begin with sqlite: or postgres:")]
    UnsupportedScheme,
    /// No encryption key for barcodes is configured.
    #[error("an encryption key for ticket codes is required")]
    MissingKey,
    /// The database cannot be opened or reached.
    #[error("the ledger cannot be opened")]
    Open(#[source] sqlx::Error),
    /// A pooler shares the sessions of the server among its clients, and the settings expect none.
    #[error(
        "a pooler that gives each transaction another session is in front of PostgreSQL: set `ledger.pooler = \"transaction\"`, and \
        `ledger.migration_url` to PostgreSQL itself, or through the pooler in session mode"
    )]
    UnexpectedPooler,
    /// The URL for migrations leads through a pooler that shares the sessions of the server.
    #[error(
        "`ledger.migration_url` leads through a pooler that gives each transaction another session: it must lead to PostgreSQL itself, or \
        through the pooler in session mode"
    )]
    PooledMigrations,
    /// The schema migrations failed.
    #[error("the schema of the ledger cannot be migrated")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The lock file next to the SQLite file cannot be created.
    #[error("the lock file of the ledger cannot be created")]
    Lock(#[source] std::io::Error),
    /// Another process has the SQLite file open.
    #[error("another process uses the ledger {0}; several replicas require postgres")]
    InUse(String),
    /// A store operation failed.
    #[error("the ledger does not respond")]
    Store(#[from] domain::StoreError),
}

/// The stores in one database.
#[derive(Clone)]
pub struct Stores {
    /// Orders.
    pub orders: Arc<dyn OrderStore>,
    /// The feed of all changes.
    pub changes: Arc<dyn ChangeStore>,
    /// The state of the objects that the feed names.
    pub facts: Arc<dyn FactStore>,
    /// Edits.
    pub edits: Arc<dyn IdempotencyStore>,
    /// Deliveries. They reference the orders.
    pub deliveries: Arc<dyn DeliveryStore>,
    /// Counts of calls to vendors.
    pub call_counts: Arc<dyn CallCounts>,
    /// Data of vendors that may be requested rarely.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// Audit log.
    pub audit: Arc<dyn AuditStore>,
    /// Sessions of people.
    pub sessions: Arc<dyn SessionStore>,
    /// Webhooks and their messages.
    pub webhooks: Arc<dyn WebhookStore>,
    /// Bookings of OCTO resellers.
    pub octo_bookings: Arc<dyn BookingStore>,
    /// Index of the orders of earlier versions.
    pub search_index: Arc<dyn SearchIndex>,
    /// Import of orders of the past.
    pub import: Arc<dyn OrderImport>,
    /// Health and statistics of the database.
    pub health: Arc<dyn StoreHealth>,
}

/// Opens the order store only, and indexes all its orders. See [`open_stores`].
pub async fn open_order_store(
    urls: impl Into<StoreUrls<'_>>,
    keys: &[CredentialKey],
    settings: &StoreSettings,
) -> Result<Arc<dyn OrderStore>, StoreOpenError> {
    let stores = open_stores(urls, keys, settings).await?;
    while stores.search_index.index_batch().await? {}
    Ok(stores.orders)
}

/// Opens the stores at a `sqlite:` or `postgres:` URL and migrates the schema. New barcodes and references are
/// encrypted with the first key; the other keys only decrypt older ones.
pub async fn open_stores(
    urls: impl Into<StoreUrls<'_>>,
    keys: &[CredentialKey],
    settings: &StoreSettings,
) -> Result<Stores, StoreOpenError> {
    let (urls, ciphers) = (urls.into(), ciphers(keys)?);
    let database: Arc<dyn SqlDatabase> = if is_sqlite(urls.stores)? {
        Arc::new(SqliteDatabase::open(urls.stores, settings).await?)
    } else {
        Arc::new(PostgresDatabase::open(urls, settings).await?)
    };
    let store = store(database, ciphers, settings);
    store.encrypt_plaintext_refs().await?;
    store.release_stale_leases().await?;
    store.sequencer.request();
    Ok(stores(store))
}

/// Opens the stores of a service that may be running: takes no lock, and migrates and resumes nothing. `None` if the service has not
/// created its SQLite file.
pub async fn attach_stores(
    urls: impl Into<StoreUrls<'_>>,
    keys: &[CredentialKey],
    settings: &StoreSettings,
) -> Result<Option<Stores>, StoreOpenError> {
    let (urls, ciphers) = (urls.into(), ciphers(keys)?);
    let database: Arc<dyn SqlDatabase> = if is_sqlite(urls.stores)? {
        let Some(database) = SqliteDatabase::attach(urls.stores, settings).await? else { return Ok(None) };
        Arc::new(database)
    } else {
        Arc::new(PostgresDatabase::attach(urls.stores, settings).await?)
    };
    Ok(Some(stores(store(database, ciphers, settings))))
}

/// Returns true for a `sqlite:` URL, false for a `postgres:` URL.
fn is_sqlite(url: &str) -> Result<bool, StoreOpenError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => Ok(true),
        Some("postgres" | "postgresql") => Ok(false),
        _ => Err(StoreOpenError::UnsupportedScheme),
    }
}

fn ciphers(keys: &[CredentialKey]) -> Result<(CredentialCipher, CursorCipher), StoreOpenError> {
    CredentialCipher::new(keys).zip(CursorCipher::new(keys)).ok_or(StoreOpenError::MissingKey)
}

fn store(
    database: Arc<dyn SqlDatabase>,
    (cipher, cursors): (CredentialCipher, CursorCipher),
    settings: &StoreSettings,
) -> SqlStore {
    let sequencer = Arc::new(Sequencer::new(Arc::clone(&database)));
    SqlStore {
        database,
        cipher,
        cursors,
        sequencer,
        feed_timeout: settings.feed_timeout,
        count_timeout: settings.count_timeout,
        sums: Semaphore::new(settings.report_connections.saturating_sub(1).max(1) as usize),
    }
}

fn stores(store: SqlStore) -> Stores {
    let store = Arc::new(store);
    Stores {
        orders: Arc::clone(&store) as _,
        changes: Arc::clone(&store) as _,
        facts: Arc::clone(&store) as _,
        edits: Arc::clone(&store) as _,
        deliveries: Arc::clone(&store) as _,
        call_counts: Arc::clone(&store) as _,
        snapshots: Arc::clone(&store) as _,
        audit: Arc::clone(&store) as _,
        sessions: Arc::clone(&store) as _,
        webhooks: Arc::clone(&store) as _,
        octo_bookings: Arc::clone(&store) as _,
        search_index: Arc::clone(&store) as _,
        import: Arc::clone(&store) as _,
        health: store,
    }
}
