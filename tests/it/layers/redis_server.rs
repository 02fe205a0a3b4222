//! A redis-server process for one test, on a free port and in a temporary folder.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use secrecy::SecretString;
use tempfile::TempDir;

/// A running redis-server. It is killed when dropped.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    folder: TempDir,
    arguments: Vec<&'static str>,
}

impl RedisServer {
    /// Starts a server. Without redis-server the test is skipped, or fails if `TICKETGRAPH_TEST_REQUIRE_REDIS` is set.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(Vec::new())
    }

    /// Starts a cluster of one node that owns every slot.
    pub(crate) fn start_cluster() -> Option<Self> {
        let server = Self::start_with(vec!["--cluster-enabled", "yes"])?;
        let added = server.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        assert!(added.contains("OK"), "{added}");
        Some(server)
    }

    #[expect(clippy::print_stdout, reason = "reports skipped tests")]
    fn start_with(arguments: Vec<&'static str>) -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            let is_required = std::env::var_os("TICKETGRAPH_TEST_REQUIRE_REDIS").is_some();
            assert!(!is_required, "redis-server is not installed, and this run requires it");
            println!("SKIPPED: redis-server is not installed");
            return None;
        }
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let folder = tempfile::tempdir().expect("a folder");
        let child = launch(port, &folder, &arguments);
        Some(Self { child, port, folder, arguments })
    }

    /// Returns its address.
    pub(crate) fn address(&self) -> SecretString {
        format!("redis://127.0.0.1:{}", self.port).into()
    }

    /// Kills the process.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts an empty server on the same port.
    pub(crate) fn restart(&mut self) {
        self.child = launch(self.port, &self.folder, &self.arguments);
    }

    /// Stops the process while its connections stay open.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Continues the process.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Runs one command with redis-cli and returns its output.
    pub(crate) fn cli(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(command).output();
        String::from_utf8_lossy(&output.expect("redis-cli").stdout).into_owned()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }
}

fn launch(port: u16, folder: &TempDir, arguments: &[&str]) -> Child {
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder.path())
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let is_ready = lines.any(|line| line.expect("text").contains("Ready to accept connections"));
    assert!(is_ready, "redis-server ended before it was ready");
    // The pipe must stay open and must not fill up.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // The process may have ended already, or be stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
