//! A redis-server process for one test, on a free port and in a temporary folder.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use secrecy::SecretString;
use tempfile::TempDir;

/// A running redis-server. It is killed when dropped.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    folder: TempDir,
    arguments: Vec<String>,
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

    /// Starts a replica of this server.
    pub(crate) fn start_replica(&self) -> Self {
        let port = self.port.to_string();
        Self::start_with(vec!["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"])
            .expect("redis-server")
    }

    /// Starts three masters that share the slots, and a replica for each.
    pub(crate) fn start_cluster_of_six(node_timeout: &str) -> Option<Vec<Self>> {
        let start = |_| {
            let bus = free_port().to_string();
            let file = format!("nodes-{bus}.conf");
            let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-config-file", &file];
            let timeout = ["--cluster-node-timeout", node_timeout, "--repl-diskless-sync-delay", "0"];
            Self::start_with([&arguments[..], &timeout].concat()).map(|server| (server, bus))
        };
        let nodes: Vec<(Self, String)> = (0..6).map(start).collect::<Option<_>>()?;
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for ((node, _), (first, last)) in nodes.iter().zip(slots) {
            assert!(node.cli(&["CLUSTER", "ADDSLOTSRANGE", first, last]).contains("OK"));
        }
        for (number, (node, _)) in nodes.iter().enumerate() {
            assert!(node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]).contains("OK"));
        }
        for (node, bus) in &nodes[1..] {
            let met = nodes[0].0.cli(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), bus]);
            assert!(met.contains("OK"), "{met}");
        }
        Some(nodes.into_iter().map(|(node, _)| node).collect())
    }

    /// Starts a sentinel of this server under a name. It takes two of them to promote a replica.
    pub(crate) fn start_sentinel(&self, name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sentinel.conf");
        let settings = format!(
            "sentinel monitor {name} 127.0.0.1 {} 2\nsentinel down-after-milliseconds {name} 1000\n\
            sentinel failover-timeout {name} 5000\n",
            self.port
        );
        std::fs::write(&file, settings).expect("the settings");
        let port = free_port();
        let child = run(port, folder.path(), &[file.display().to_string(), "--sentinel".to_owned()], "+monitor master");
        Self { child, port, folder, arguments: Vec::new() }
    }

    /// Starts a server with more arguments.
    #[expect(clippy::print_stdout, reason = "reports skipped tests")]
    pub(crate) fn start_with(arguments: Vec<&str>) -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            let is_required = std::env::var_os("TICKETGRAPH_TEST_REQUIRE_REDIS").is_some();
            assert!(!is_required, "redis-server is not installed, and this run requires it");
            println!("SKIPPED: redis-server is not installed");
            return None;
        }
        let port = free_port();
        let folder = tempfile::tempdir().expect("a folder");
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let child = launch(port, &folder, &arguments);
        Some(Self { child, port, folder, arguments })
    }

    /// Returns its address.
    pub(crate) fn address(&self) -> SecretString {
        format!("redis://127.0.0.1:{}", self.port).into()
    }

    /// Returns its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
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

fn launch(port: u16, folder: &TempDir, arguments: &[String]) -> Child {
    let own = ["--save", "", "--appendonly", "no"].map(str::to_owned);
    run(port, folder.path(), &[&own[..], arguments].concat(), "Ready to accept connections")
}

/// Runs redis-server and waits for a line of its log.
fn run(port: u16, folder: &Path, arguments: &[String], ready: &str) -> Child {
    let mut command = Command::new("redis-server");
    let (file, arguments) = match arguments {
        [file, rest @ ..] if !file.starts_with('-') => (Some(file), rest),
        all => (None, all),
    };
    // A file of settings comes first.
    command.args(file).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]).arg("--dir").arg(folder);
    let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().expect("redis-server starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let is_ready = lines.any(|line| line.expect("text").contains(ready));
    assert!(is_ready, "redis-server ended before it was ready");
    // The pipe must stay open and must not fill up.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port()
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // The process may have ended already, or be stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
