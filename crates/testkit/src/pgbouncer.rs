//! A PgBouncer of its own for tests, in transaction mode.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::PostgresServer;
use crate::postgres_server::{command_as, free_port, unprivileged_owner};

/// Longest wait for the start.
const START_TIME: Duration = Duration::from_secs(10);

/// A pooler in front of a PostgreSQL server. Killed when dropped.
pub struct PgBouncer {
    child: Child,
    folder: TempDir,
    port: u16,
    pool_size: u32,
}

impl PgBouncer {
    /// Starts a pooler with this many sessions of the server for all its clients. `None` if PgBouncer is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start, or is not installed and `TICKETGRAPH_TEST_REQUIRE_POSTGRES` is 1.
    pub fn start(server: &PostgresServer, pool_size: u32) -> Option<Self> {
        let Some(program) = find_program() else {
            let is_required = std::env::var_os("TICKETGRAPH_TEST_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
            assert!(!is_required, "TICKETGRAPH_TEST_REQUIRE_POSTGRES=1, but pgbouncer was not found");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let as_user = unprivileged_owner(folder.path());
        let port = free_port();
        write_settings(folder.path(), port, server.port(), pool_size);
        let mut command = command_as(as_user, &program);
        command.arg("-q").arg(folder.path().join("pgbouncer.ini")).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("PgBouncer starts");
        let end = Instant::now() + START_TIME;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "PgBouncer does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { child, folder, port, pool_size })
    }

    /// Returns the URL of the database in transaction mode.
    pub fn url(&self) -> String {
        format!("postgres://ticketgraph@127.0.0.1:{}/ledger", self.port)
    }

    /// Returns the URL of the same database in session mode.
    pub fn session_url(&self) -> String {
        format!("postgres://ticketgraph@127.0.0.1:{}/ledger_sessions", self.port)
    }

    /// Leads to another server from now on, as the script of a fail-over does.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn redirect(&self, server: &PostgresServer) {
        write_settings(self.folder.path(), self.port, server.port(), self.pool_size);
        let reload = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status();
        assert!(reload.expect("kill").success());
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes the settings: sessions for transactions, and a second name for the same database with sessions for clients.
fn write_settings(folder: &Path, port: u16, server: u16, pool_size: u32) {
    let database = format!("host=127.0.0.1 port={server} dbname=postgres user=ticketgraph");
    let settings = format!(
        "[databases]\nledger = {database}\nledger_sessions = {database} pool_mode=session pool_size=10\n\
        [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
        pool_mode = transaction\ndefault_pool_size = {pool_size}\nserver_login_retry = 1\n"
    );
    std::fs::write(folder.join("pgbouncer.ini"), settings).expect("the settings");
}

/// Finds the program. Debian keeps it in a folder of its own.
fn find_program() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&paths).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}
