//! The real binary as a process of its own, and its API.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use http_client;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The longest that anything may take; only a broken build comes near.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// A ready key of the sandbox that may do everything.
const OPERATOR: &str = "sandbox-operator";

/// A process that is ended with its test, whatever happens; what it logs is kept.
pub struct Process {
    child: Child,
    log: Mutex<mpsc::Receiver<String>>,
}

impl Process {
    /// Starts the binary in a folder, with nothing of our own environment.
    pub fn start(folder: &TempDir, arguments: &[&str]) -> Self {
        Self::start_with(folder, arguments, &[])
    }

    /// The same with settings in variables.
    pub fn start_with(folder: &TempDir, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketgraph"));
        command.args(arguments).env_clear().env("HOME", folder.path()).current_dir(folder.path());
        command.envs(settings.iter().copied());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a process");
        let log = lines(child.stderr.take().expect("a pipe"));
        Self { child, log: Mutex::new(log) }
    }

    /// The first address, without a path, in the next line that holds this text.
    pub fn address(&self, of: &str) -> String {
        let line = std::iter::from_fn(|| self.next_line()).find(|line| line.contains(of));
        let line = line.unwrap_or_else(|| panic!("no line says {of}"));
        let (_, rest) = line.split_once("://").expect("an address");
        let host = rest.split(['/', ' ', '"']).next().expect("a host");
        format!("http://{host}")
    }

    fn next_line(&self) -> Option<String> {
        self.log.lock().expect("a lock").recv_timeout(PATIENCE).ok()
    }

    /// Sends a signal, like `-TERM`.
    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill");
        assert!(told.success());
    }

    /// The lines up to one that holds this text, and so many after it.
    pub fn lines_until(&self, text: &str, more: usize) -> Vec<String> {
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

    /// Waits until it has ended: its exit code, and the rest of its log.
    pub fn end(&mut self) -> (Option<i32>, Vec<String>) {
        let mut lines = Vec::new();
        while let Some(line) = self.next_line() {
            lines.push(line);
        }
        (self.child.wait().expect("an end").code(), lines)
    }

    /// Ends it as a crash would: nothing is drained, nothing is written any more.
    pub fn kill(&mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails only where the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a pipe, which is always read: a full one would stop the process.
fn lines(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens any more once the test is over.
            let _ = send.send(line);
        }
    });
    receive
}

/// The API of a running server.
#[derive(Clone)]
pub struct Api {
    url: String,
    client: reqwest::Client,
}

impl Api {
    /// Waits until a server says where it listens.
    pub fn of(server: &Process) -> Self {
        Self::at(&server.address("listening on http://"))
    }

    /// The API at an address.
    pub fn at(address: &str) -> Self {
        let url = format!("{address}/graphql");
        Self { url, client: http_client::client().expect("a client") }
    }

    /// What an operation answers; none: the server died before it did.
    pub async fn try_ask(&self, query: &str, variables: Value) -> Option<Value> {
        let body = json!({ "query": query, "variables": variables });
        let request = self.client.post(&self.url).bearer_auth(OPERATOR).json(&body);
        let answer: Value = request.send().await.ok()?.json().await.ok()?;
        assert_eq!(answer.get("errors"), None, "{answer}");
        Some(answer["data"].clone())
    }

    /// What an operation answers; a fault of it fails the test.
    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        self.try_ask(query, variables).await.expect("an answer")
    }
}
