//! Databases under test: SQLite always, PostgreSQL if it is installed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use orders::OrderStore;
use store_sql::{CredentialKey, StoreOpenError, open_order_store};
use tempfile::TempDir;

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

/// Private server on a free port; stopped and deleted at the end of the test.
pub(crate) struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    as_user: Option<(u32, u32)>,
    port: u16,
    url: String,
    ledger: tokio::sync::OnceCell<Arc<dyn OrderStore>>,
    pool: sqlx::PgPool,
}

impl Postgres {
    /// Starts a server. `None` if PostgreSQL is not installed, unless the environment requires it.
    #[expect(clippy::print_stderr, reason = "skipped tests are reported")]
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = find_programs() else {
            let demanded = std::env::var_os("TICKETGRAPH_TEST_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
            assert!(!demanded, "TICKETGRAPH_TEST_REQUIRE_POSTGRES=1, but initdb and postgres were not found");
            eprintln!("NOT RUN: PostgreSQL is not installed (initdb and postgres), so this database is not tested");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let as_user = is_root().then(unprivileged_user);
        if let Some((user, group)) = as_user {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).expect("the folder changes its owner");
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let url = format!("postgres://ticketgraph@127.0.0.1:{port}/postgres");
        let pool = sqlx::PgPool::connect_lazy(&url).expect("a pool");
        let server = Self { folder, programs, as_user, port, url, ledger: tokio::sync::OnceCell::new(), pool };
        server.initialize();
        assert!(server.runs_up(), "the server does not start");
        Some(server)
    }

    fn initialize(&self) {
        let data = self.data();
        self.program("initdb", &["-D", &data, "-U", "ticketgraph", "-A", "trust", "-E", "UTF8", "--no-sync"]);
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// Starts the server. False if it does not start.
    fn runs_up(&self) -> bool {
        let log = self.folder.path().join("log").display().to_string();
        // No data survives the test, so waiting for the disk would only cost time.
        let options =
            format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off", self.port);
        self.try_program("pg_ctl", &["-D", &self.data(), "-l", &log, "-o", &options, "-w", "-t", "60", "start"])
    }

    /// Kills the server: nothing is written, and all its connections break.
    pub(crate) fn kill(&self) {
        let file = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).expect("a running server");
        let process = file.lines().next().expect("a process");
        assert!(Command::new("kill").args(["-KILL", process]).status().expect("kill").success());
    }

    /// Starts a killed server, which recovers from its log. It starts only after its last session has noticed the end.
    pub(crate) fn restart(&self) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !self.runs_up() {
            assert!(std::time::Instant::now() < end, "the server does not start again");
        }
    }

    fn program(&self, name: &str, arguments: &[&str]) {
        assert!(self.try_program(name, arguments), "{name} failed");
    }

    /// Runs a program of the server. False if it fails.
    fn try_program(&self, name: &str, arguments: &[&str]) -> bool {
        let program = self.programs.join(name);
        let mut command = match self.as_user {
            None => Command::new(&program),
            Some((user, group)) => {
                // The server refuses to run as root.
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={user}"))
                    .arg(format!("--regid={group}"))
                    .arg("--clear-groups")
                    .arg(&program);
                command
            }
        };
        command.args(arguments).current_dir(self.folder.path()).env("LC_ALL", "C").stdin(Stdio::null());
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
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

    /// Returns the URL of the server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns a dump of the database, as `pg_dump` writes it.
    pub(crate) fn dump(&self) -> Vec<u8> {
        let file = self.folder.path().join("dump.sql");
        self.program("pg_dump", &["-f", &file.display().to_string(), &self.url]);
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

impl Drop for Postgres {
    fn drop(&mut self) {
        self.program("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
    }
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("the current process")) == 0
}

/// Returns the user and group that the server runs as.
fn unprivileged_user() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").expect("the users");
    let find = |wanted: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(wanted))?;
        let mut fields = line.split(':').skip(2).map(|field| field.parse().ok());
        Some((fields.next()??, fields.next()??))
    };
    find("postgres").or_else(|| find("nobody")).expect("a user that is not root")
}

/// Finds the folder with the server's programs.
fn find_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders.push(PathBuf::from("/usr/local/bin"));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let is_there = |folder: &PathBuf| ["initdb", "postgres", "pg_ctl"].iter().all(|name| folder.join(name).is_file());
    folders.into_iter().find(is_there)
}
