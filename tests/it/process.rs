//! The real binary as a child process, and its API.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Upper bound of every wait, reached only if the build is broken.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
/// An API key of the sandbox with all permissions.
const OPERATOR: &str = "sandbox-operator";

/// Setting of a sandbox without made-up orders.
const NO_HISTORY: (&str, &str) = ("TICKETGRAPH__SANDBOX__HISTORY", "false");

/// Returns the binary with its arguments, in a folder and with an environment of nothing else. A sandbox has no made-up orders.
pub(crate) fn binary(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketgraph"));
    command.args(arguments).env_clear().env("HOME", folder).env(NO_HISTORY.0, NO_HISTORY.1).current_dir(folder);
    command
}

/// Runs `check --online` with a configuration and more arguments and environment variables.
pub(crate) async fn check_online(configuration: &str, more: &[&str], environment: &[(&str, &Path)]) -> Output {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("venues.toml"), configuration).expect("a file");
    let arguments = [&["check", "--online", "--config", "venues.toml"], more].concat();
    let mut command = tokio::process::Command::from(binary(folder.path(), &arguments));
    command.envs(environment.iter().copied()).output().await.expect("a run")
}

/// A child process that ends with its test; its log lines are buffered.
pub(crate) struct Process {
    child: Child,
    log: Mutex<mpsc::Receiver<String>>,
}

impl Process {
    /// Starts the binary in a folder, with an empty environment.
    pub(crate) fn start(folder: &TempDir, arguments: &[&str]) -> Self {
        Self::start_with(folder, arguments, &[])
    }

    /// Starts the binary with settings in environment variables.
    pub(crate) fn start_with(folder: &TempDir, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut command = binary(folder.path(), arguments);
        command.envs(settings.iter().copied());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a process");
        let log = lines(child.stderr.take().expect("a pipe"));
        Self { child, log: Mutex::new(log) }
    }

    /// Returns the address, without a path, in the next line that contains one and this text. A line about a port that is taken
    /// contains none.
    pub(crate) fn address(&self, of: &str) -> String {
        self.try_address(of).unwrap_or_else(|before| panic!("no line says {of}:\n{}", before.join("\n")))
    }

    /// As [`address`](Self::address). The lines of the log if the process ended without such a line.
    pub(crate) fn try_address(&self, of: &str) -> Result<String, Vec<String>> {
        let mut before = Vec::new();
        let line = loop {
            match self.next_line() {
                Some(line) if line.contains(of) && line.contains("://") => break line,
                Some(line) => before.push(line),
                None => return Err(before),
            }
        };
        let (_, rest) = line.split_once("://").expect("an address");
        let host = rest.split(['/', ' ', '"']).next().expect("a host");
        Ok(format!("http://{host}"))
    }

    /// Takes the lines that were logged so far.
    pub(crate) fn take_lines(&self) -> Vec<String> {
        self.log.lock().expect("a lock").try_iter().collect()
    }

    fn next_line(&self) -> Option<String> {
        self.log.lock().expect("a lock").recv_timeout(TIMEOUT).ok()
    }

    /// Sends a signal, like `-TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill");
        assert!(status.success());
    }

    /// Returns the lines up to one that contains this text, and this many more.
    pub(crate) fn lines_until(&self, text: &str, more: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut left = None;
        while left != Some(0) {
            let line = self.next_line();
            let line = line.unwrap_or_else(|| panic!("no line says {text}: {lines:#?}"));
            left = match left {
                Some(left) => Some(left - 1),
                None => line.contains(text).then_some(more),
            };
            lines.push(line);
        }
        lines
    }

    /// Waits for the exit code, and returns it with the rest of the log.
    pub(crate) fn end(&mut self) -> (Option<i32>, Vec<String>) {
        let mut lines = Vec::new();
        while let Some(line) = self.next_line() {
            lines.push(line);
        }
        (self.child.wait().expect("an end").code(), lines)
    }

    /// Kills the process as a crash would: nothing is drained or written.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the lines of a pipe all the time, because a full pipe would block the process.
fn lines(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // The receiver is gone once the test has ended.
            let _ = send.send(line);
        }
    });
    receive
}

/// The API of a running service.
#[derive(Clone)]
pub(crate) struct Api {
    url: String,
    client: reqwest::Client,
}

impl Api {
    /// Waits until a service logs its address.
    pub(crate) fn from_process(server: &Process) -> Self {
        Self::at(&server.address("listening on http://"))
    }

    /// Returns the API at an address.
    pub(crate) fn at(address: &str) -> Self {
        let url = format!("{address}/graphql");
        Self { url, client: http_client::build_client().expect("a client") }
    }

    /// Returns the data of a response, or `None` if the server died before.
    pub(crate) async fn try_query(&self, query: &str, variables: Value) -> Option<Value> {
        let answer = self.ask(query, variables).await?;
        assert_eq!(answer.get("errors"), None, "{answer}");
        Some(answer["data"].clone())
    }

    /// Returns a response with its errors, or `None` if the server died before.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Option<Value> {
        let body = json!({ "query": query, "variables": variables });
        let request = self.client.post(&self.url).bearer_auth(OPERATOR).json(&body);
        request.send().await.ok()?.json().await.ok()
    }

    /// Returns the text at another path of the service.
    pub(crate) async fn get(&self, path: &str) -> String {
        let url = self.url.replace("/graphql", path);
        self.client.get(url).send().await.expect("a response").text().await.expect("a text")
    }

    /// Returns the data of a response; an error fails the test.
    pub(crate) async fn query(&self, query: &str, variables: Value) -> Value {
        self.try_query(query, variables).await.expect("a response")
    }
}
