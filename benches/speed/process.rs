//! Processes of one run: started, measured by the kernel's accounting, ended.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Clock ticks per second of the kernel's accounting (`getconf CLK_TCK`): 100 on Linux.
const TICKS: f64 = 100.0;
/// Number of emulated vendors and apps.
const EMULATORS: usize = 5;

/// A serving process; ends when dropped.
pub(crate) struct Process {
    child: Child,
    /// Address of the service.
    pub address: SocketAddr,
    /// Address of its emulated vendors.
    pub vendors: Vec<SocketAddr>,
    _folder: TempDir,
}

impl Process {
    /// Starts a role of this program.
    pub(crate) fn role(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program");
        Self::start(Command::new(program).args(arguments), TempDir::new().expect("a folder"))
    }

    /// Starts the service over a vendor, with additional settings.
    pub(crate) fn service(vendor: SocketAddr, settings: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("bench.toml"), configuration(vendor, settings)).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketgraph"));
        command.args(["serve", "--config", "bench.toml", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
        Self::start(command.env_clear().env("HOME", folder.path()), folder)
    }

    /// Starts a binary of the service with a whole configuration.
    pub(crate) fn configured(binary: &Path, configuration: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("bench.toml"), configuration).expect("a file");
        let mut command = Command::new(binary);
        command.args(["serve", "--config", "bench.toml", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
        Self::start(command.env_clear().env("HOME", folder.path()), folder)
    }

    /// Starts the emulated vendors alone, without delay and limits. The address is that of the last one.
    pub(crate) fn emulators() -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketgraph"));
        command.args(["sandbox", "--unlimited"]).current_dir(folder.path());
        command.env_clear().env("HOME", folder.path());
        Self::start_until(&mut command, folder, |line, vendors| {
            vendors.extend(address_behind(line, "address=\"http://"));
            if vendors.len() == EMULATORS { vendors.last().copied() } else { None }
        })
    }

    /// Starts a program that listens on this address without reporting it, or returns `None` if it is not installed.
    pub(crate) fn listening_on(command: &mut Command, address: SocketAddr, folder: TempDir) -> Option<Self> {
        let command = command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().ok()?;
        let process = Self { child, address, vendors: Vec::new(), _folder: folder };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(process)
    }

    /// Starts the service without a configuration, with its emulated vendors.
    pub(crate) fn sandbox() -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketgraph"));
        command
            .args(["serve", "--unlimited", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .current_dir(folder.path());
        // Without the past orders, which every write of a vendor's state would carry along.
        command.env_clear().env("HOME", folder.path()).env("TICKETGRAPH__SANDBOX__HISTORY", "false");
        Self::start(&mut command, folder)
    }

    /// Starts a Redis of its own, or returns `None` if it is not installed.
    pub(crate) fn redis() -> Option<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
        command.arg(address.port().to_string());
        Self::listening_on(&mut command, address, TempDir::new().expect("a folder"))
    }

    /// Starts a program that reports where it listens.
    pub(crate) fn start(command: &mut Command, folder: TempDir) -> Self {
        Self::start_until(command, folder, |line, vendors| {
            vendors.extend(address_behind(line, " listens on http://"));
            address_behind(line, "listening on http://")
        })
    }

    /// Starts a program and reads its log until a line completes its address.
    fn start_until(
        command: &mut Command,
        folder: TempDir,
        read: impl Fn(&str, &mut Vec<SocketAddr>) -> Option<SocketAddr>,
    ) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("a process");
        let mut log = BufReader::new(child.stderr.take().expect("its log")).lines().map_while(Result::ok);
        let (mut lines, mut vendors) = (Vec::new(), Vec::new());
        let address = log.by_ref().find_map(|line| {
            let address = read(&line, &mut vendors);
            lines.push(line);
            address
        });
        let address = address.unwrap_or_else(|| panic!("it ended before it listened: {lines:?}"));
        // The pipe must stay open and must not fill up.
        std::thread::spawn(move || log.for_each(drop));
        Self { child, address, vendors, _folder: folder }
    }

    /// Processor time in seconds.
    pub(crate) fn processor(&self) -> f64 {
        processor_of(self.child.id())
    }

    /// Resident memory in mebibytes.
    pub(crate) fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_behind(line: &str, words: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(words)?;
    rest.split(['/', ' ', '"']).next()?.trim().parse().ok()
}

/// Returns the processor time of a process in seconds.
fn processor_of(id: u32) -> f64 {
    // A session of a server may end meanwhile.
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else { return 0.0 };
    // The name may contain spaces; fields after its bracket are plain. User and system time are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields[place].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / TICKS
}

/// Returns the processor time of a process and its running children in seconds.
pub(crate) fn processor_with_children(id: u32) -> f64 {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let each = children.split_whitespace().filter_map(|child| child.parse().ok());
    processor_of(id) + each.map(processor_of).sum::<f64>()
}

fn configuration(vendor: SocketAddr, settings: &str) -> String {
    // High limits unless the settings say otherwise, so that no measured request is rejected.
    let room = if settings.contains("[server]") { "" } else { "[server]\nin_flight = 5000" };
    format!(
        r#"{settings}
[ledger]
encryption_key = {{ value = "c2FuZGJveCBvbmx5LCBuZXZlciBmb3IgcmVhbCB1c2U=" }}
[auth.anonymous]
enabled = true
scopes = ["catalog:read"]
requests_per_minute = 100000000
{room}
{}"#,
        source("quay", vendor)
    )
}

/// Returns a vendor as a source of the configuration.
pub(crate) fn source(name: &str, vendor: SocketAddr) -> String {
    format!(
        r#"
[sources.{name}]
vendor = "ticketing"
environment = "sandbox"
base_url = "http://{vendor}/v3"
institution = "Quay Nights"
host = "17201149984410"
api_key = {{ value = "5a6e0d1cb00c0000000000000000c0de" }}
client_version = "3.0.0"
time_zone = "America/Port_of_Spain"
currency = "TTD"
"#
    )
}

/// Returns a currently free port.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Writes a file into a folder of the run.
pub(crate) fn kept(folder: &TempDir, name: &str, bytes: &[u8]) -> String {
    let path = Path::new(folder.path()).join(name);
    std::fs::write(&path, bytes).expect("a file");
    path.display().to_string()
}
