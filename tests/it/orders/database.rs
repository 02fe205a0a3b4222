//! Databases under test: SQLite always, PostgreSQL if it is installed.

use std::sync::Arc;

use orders::OrderStore;
use store_sql::{CredentialKey, StoreOpenError, open_order_store};
use testkit::PostgresServer;

use crate::default_config::default_store_settings;

/// Database reused by consecutive tests.
pub(crate) enum Stage {
    Sqlite,
    Postgres(Postgres),
    Lane(Lane),
}

/// Separate database on a server, isolated from the cases in others.
pub(crate) struct Lane {
    ledger: Arc<dyn OrderStore>,
    pool: sqlx::PgPool,
}

/// Removes the timers and leases of old orders.
const REST: &str = "DELETE FROM timers; UPDATE orders SET lease_until = 0;";

impl Stage {
    /// Returns a store in which nothing is due. SQLite starts empty; PostgreSQL keeps old orders without their
    /// timers.
    pub(crate) async fn ledger(&self) -> Arc<dyn OrderStore> {
        match self {
            Self::Sqlite => open("sqlite::memory:").await,
            Self::Postgres(server) => {
                server.run(REST).await;
                server.ledger().await
            }
            Self::Lane(lane) => {
                sqlx::raw_sql(REST).execute(&lane.pool).await.expect("the statement runs");
                Arc::clone(&lane.ledger)
            }
        }
    }
}

pub(crate) async fn open(url: &str) -> Arc<dyn OrderStore> {
    open_order_store(url, &[CredentialKey::new([7; 32])], &default_store_settings()).await.expect("the store opens")
}

/// Reopens a file while its previous owner is still closing it.
pub(crate) async fn reopen(url: &str, key: u8) -> Arc<dyn OrderStore> {
    loop {
        match open_order_store(url, &[CredentialKey::new([key; 32])], &default_store_settings()).await {
            Ok(ledger) => return ledger,
            Err(StoreOpenError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Private server with its ledger; stopped and deleted at the end of the test.
pub(crate) struct Postgres {
    url: String,
    ledger: tokio::sync::OnceCell<Arc<dyn OrderStore>>,
    pool: sqlx::PgPool,
    server: PostgresServer,
}

impl Postgres {
    /// Starts a server. `None` if PostgreSQL is not installed, unless the environment requires it.
    #[expect(clippy::print_stderr, reason = "skipped tests are reported")]
    pub(crate) fn start() -> Option<Self> {
        // No data survives the test, so waiting for the disk would only cost time.
        let Some(server) = PostgresServer::start("-c fsync=off") else {
            let demanded = std::env::var_os("TICKETGRAPH_TEST_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
            assert!(!demanded, "TICKETGRAPH_TEST_REQUIRE_POSTGRES=1, but initdb and postgres were not found");
            eprintln!("NOT RUN: PostgreSQL is not installed (initdb and postgres), so this database is not tested");
            return None;
        };
        let url = server.url();
        let pool = sqlx::PgPool::connect_lazy(&url).expect("a pool");
        Some(Self { url, ledger: tokio::sync::OnceCell::new(), pool, server })
    }

    /// Kills the server: nothing is written, and all its connections break.
    pub(crate) fn kill(&self) {
        self.server.kill();
    }

    /// Starts a killed server, which recovers from its log.
    pub(crate) fn restart(&self) {
        self.server.restart();
    }

    pub(crate) async fn ledger(&self) -> Arc<dyn OrderStore> {
        Arc::clone(self.ledger.get_or_init(|| open(&self.url)).await)
    }

    /// Creates another database on the server.
    pub(crate) async fn lane(&self, number: usize) -> Lane {
        let create = format!("CREATE DATABASE lane_{number}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&self.pool).await.expect("a database");
        let url = self.url.replace("/postgres", &format!("/lane_{number}"));
        Lane { ledger: open(&url).await, pool: sqlx::PgPool::connect_lazy(&url).expect("a pool") }
    }

    /// Returns the server.
    pub(crate) fn server(&self) -> &PostgresServer {
        &self.server
    }

    /// Returns the URL of the server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns a dump of the database, as `pg_dump` writes it.
    pub(crate) fn dump(&self) -> Vec<u8> {
        let file = self.server.folder().join("dump.sql");
        self.server.run("pg_dump", &["-f", &file.display().to_string(), &self.url]);
        std::fs::read(file).expect("the dump")
    }

    /// Opens the connection of another replica.
    pub(crate) async fn another(&self) -> Arc<dyn OrderStore> {
        open(&self.url).await
    }

    /// Returns a pool of raw connections.
    pub(crate) fn pool(&self) -> &sqlx::PgPool {
        &self.pool
    }

    pub(crate) async fn run(&self, sql: &'static str) {
        self.ledger().await;
        sqlx::raw_sql(sql).execute(&self.pool).await.expect("the statement runs");
    }
}
