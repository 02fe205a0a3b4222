//! A PostgreSQL server of its own for tests and benchmarks.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Number of ports that are tried.
const MAX_PORTS: usize = 5;

/// Private server on a free port of the loopback address; stopped and deleted when dropped.
pub struct PostgresServer {
    folder: TempDir,
    programs: PathBuf,
    as_user: Option<(u32, u32)>,
    port: u16,
    options: String,
}

impl PostgresServer {
    /// Starts a server with options of `postgres`, e.g. `-c fsync=off`. `None` if PostgreSQL is not installed.
    pub fn start(options: &str) -> Option<Self> {
        let mut server = Self::stopped()?;
        let data = server.data().display().to_string();
        server.run("initdb", &["-D", &data, "-U", "ticketgraph", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        server.start_on_free_port(options);
        Some(server)
    }

    /// Starts a standby that streams from this server, which must be started with `-c wal_level=replica`, the default.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_standby(&self, options: &str) -> Self {
        let mut standby = Self::stopped().expect("the programs of the primary");
        let (data, port) = (standby.data().display().to_string(), self.port.to_string());
        let copy = [
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "ticketgraph",
            "-D",
            &data,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
        ];
        standby.run("pg_basebackup", &copy);
        standby.start_on_free_port(options);
        standby
    }

    /// Makes a standby the primary, and waits until it accepts writes.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn promote(&self) {
        let data = self.data().display().to_string();
        self.run("pg_ctl", &["-D", &data, "-w", "-t", "60", "promote"]);
    }

    fn stopped() -> Option<Self> {
        let programs = find_programs()?;
        let folder = tempfile::tempdir().expect("a folder");
        let as_user = unprivileged_owner(folder.path());
        Some(Self { folder, programs, as_user, port: 0, options: String::new() })
    }

    fn start_on_free_port(&mut self, options: &str) {
        // A free port may be taken by another test before the server listens on it.
        let is_up = (0..MAX_PORTS).any(|_| {
            self.port = free_port();
            let address = format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", self.port);
            self.options = format!("{address} {options}");
            self.runs_up()
        });
        assert!(is_up, "the server does not start");
    }

    /// Starts the server. False if it does not start.
    fn runs_up(&self) -> bool {
        let (data, log) = (self.data().display().to_string(), self.folder.path().join("log").display().to_string());
        let arguments = ["-D", &data, "-l", &log, "-o", &self.options, "-w", "-t", "60", "start"];
        self.command("pg_ctl", &arguments).status().is_ok_and(|status| status.success())
    }

    /// Kills the server: nothing is written, and all its connections break.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    pub fn kill(&self) {
        let process = self.process_id().to_string();
        assert!(Command::new("kill").args(["-KILL", &process]).status().expect("kill").success());
    }

    /// Starts a killed server, which recovers from its log. It starts only after its last session has noticed the end.
    ///
    /// # Panics
    ///
    /// If it does not start within a minute.
    pub fn restart(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.runs_up() {
            assert!(Instant::now() < end, "the server does not start again");
        }
    }

    /// Runs a program of PostgreSQL in the folder of the server, as its user.
    ///
    /// # Panics
    ///
    /// If the program fails.
    pub fn run(&self, name: &str, arguments: &[&str]) {
        let status = self.command(name, arguments).status();
        assert!(status.as_ref().is_ok_and(ExitStatus::success), "{name} failed: {status:?}");
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = command_as(self.as_user, &self.programs.join(name));
        command.args(arguments).current_dir(self.folder.path()).env("LC_ALL", "C").stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Returns the URL of the database `postgres`, whose owner is the superuser.
    pub fn url(&self) -> String {
        format!("postgres://ticketgraph@127.0.0.1:{}/postgres", self.port)
    }

    /// Returns its port on the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder that the user of the server can write to.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the process id of the server; its sessions are children of this process.
    pub fn process_id(&self) -> u32 {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("the file of a running server");
        file.lines().next().and_then(|line| line.trim().parse().ok()).expect("a process id")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let data = self.data().display().to_string();
        // A test that failed before the server started must not abort here.
        let _ = self.command("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]).status();
    }
}

/// Returns a free port of the loopback address.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// Gives a folder to a user without privileges, if this process is root: these servers refuse to run as root. Returns the user and the
/// group.
pub(crate) fn unprivileged_owner(folder: &Path) -> Option<(u32, u32)> {
    let as_user = is_root().then(unprivileged_user);
    if let Some((user, group)) = as_user {
        std::os::unix::fs::chown(folder, Some(user), Some(group)).expect("the folder changes its owner");
    }
    as_user
}

/// Returns a command that runs as this user and group.
pub(crate) fn command_as(as_user: Option<(u32, u32)>, program: &Path) -> Command {
    let Some((user, group)) = as_user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups").arg(program);
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").expect("the current process").uid() == 0
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
