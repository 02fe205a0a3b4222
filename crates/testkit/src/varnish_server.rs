//! A Varnish of its own for one test.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Number of ports that are tried.
const MAX_PORTS: usize = 5;

/// A running varnishd on a free port of the loopback address; killed when dropped.
pub struct VarnishServer {
    child: Child,
    port: u16,
    purge_port: u16,
    folder: TempDir,
}

impl VarnishServer {
    /// Starts a server with a VCL. Without varnishd the test is skipped, or fails if `TICKETGRAPH_TEST_REQUIRE_VARNISH` is set.
    ///
    /// # Panics
    ///
    /// If the server does not start, for example because the VCL is not valid.
    #[expect(clippy::print_stdout, reason = "reports skipped tests")]
    pub fn start(vcl: &str) -> Option<Self> {
        if !Self::is_installed() {
            println!("SKIPPED: varnishd is not installed");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("edge.vcl"), vcl).expect("a file");
        // A free port may be taken by another test before the server listens on it.
        let mut logs = Vec::new();
        for _ in 0..MAX_PORTS {
            let (port, purge_port) = (free_port(), free_port());
            match launch(port, purge_port, &folder) {
                Ok(child) => return Some(Self { child, port, purge_port, folder }),
                Err(log) => logs.extend(log),
            }
        }
        panic!("varnishd does not start:\n{}", logs.join("\n"));
    }

    /// Returns true if varnishd is installed.
    ///
    /// # Panics
    ///
    /// If it is not, and `TICKETGRAPH_TEST_REQUIRE_VARNISH` is set.
    pub fn is_installed() -> bool {
        let is_missing = Command::new("varnishd").arg("-V").stderr(Stdio::null()).status().is_err();
        let is_required = std::env::var_os("TICKETGRAPH_TEST_REQUIRE_VARNISH").is_some();
        assert!(!(is_missing && is_required), "varnishd is not installed, and this run requires it");
        !is_missing
    }

    /// Returns the address, such as `http://127.0.0.1:6081`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the address that takes purges.
    pub fn purge_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.purge_port)
    }

    /// Replaces the VCL. Cached responses stay.
    ///
    /// # Panics
    ///
    /// If the VCL is not valid.
    pub fn load(&self, vcl: &str) {
        let file = self.folder.path().join("next.vcl");
        std::fs::write(&file, vcl).expect("a file");
        self.admin(&["vcl.load", "next", &file.display().to_string()]);
        self.admin(&["vcl.use", "next"]);
    }

    fn admin(&self, command: &[&str]) {
        let output = Command::new("varnishadm").arg("-n").arg(self.folder.path().join("work")).args(command).output();
        let output = output.expect("varnishadm");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Returns a counter of `varnishstat`, such as `MAIN.cache_hit`.
    ///
    /// # Panics
    ///
    /// If there is no such counter.
    pub fn counter(&self, name: &str) -> u64 {
        let mut command = Command::new("varnishstat");
        let output = command.arg("-n").arg(self.folder.path().join("work")).args(["-1", "-f", name]).output();
        let text = String::from_utf8(output.expect("varnishstat").stdout).expect("text");
        let value = text.split_whitespace().nth(1).and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no counter {name}: {text}"))
    }
}

/// Returns a port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// Starts the process and waits until it serves. The error is its log.
fn launch(port: u16, purge_port: u16, folder: &TempDir) -> Result<Child, Vec<String>> {
    let mut child = Command::new("varnishd")
        .args(["-F", "-j", "none", "-a", &format!("127.0.0.1:{port}")])
        .args(["-a", &format!("purge=127.0.0.1:{purge_port}"), "-s", "malloc,64m", "-n"])
        .arg(folder.path().join("work"))
        .arg("-f")
        .arg(folder.path().join("edge.vcl"))
        .args(["-p", "thread_pool_min=10"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("varnishd starts");
    let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines().map_while(Result::ok);
    let mut log = Vec::new();
    let is_up = lines.by_ref().any(|line| {
        let is_up = line.contains("Child launched OK") || line.contains("Child starts");
        log.push(line);
        is_up
    });
    if !is_up {
        let _ = child.wait();
        return Err(log);
    }
    // The pipe must stay open and must not fill up.
    std::thread::spawn(move || lines.for_each(drop));
    Ok(child)
}

impl Drop for VarnishServer {
    fn drop(&mut self) {
        // The manager ends its child before it ends itself.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
