//! The real binary: its commands, their output and exit codes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::config::HARBOR;
use crate::process::binary;

/// A folder with a configuration for one run.
struct RunFolder {
    folder: TempDir,
}

impl RunFolder {
    fn with(text: &str) -> Self {
        let place = Self { folder: TempDir::new().expect("a folder") };
        std::fs::write(place.file(), text).expect("a file");
        place
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("venues.toml")
    }

    /// Returns the binary with an empty environment.
    fn binary(&self, arguments: &[&str]) -> Command {
        binary(self.folder.path(), arguments)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.binary(arguments).env("HARBOR_ACME_KEY", "k").output().expect("a run")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const TWICE_WRONG: &str = "[server]\nlisten = \"127.0.0.1:0\"\nlisn = 1\n[graphql]\ndepth = 0\n";

#[test]
fn a_wrong_configuration_is_reported_completely_and_nothing_is_served() {
    let place = RunFolder::with(TWICE_WRONG);
    for arguments in [&["serve", "--config", "venues.toml"][..], &["--config", "venues.toml"]] {
        let run = place.run(arguments);
        assert_eq!(run.status.code(), Some(2));
        let output = text(&run.stderr);
        let expected = "venues.toml:3 server.lisn: is not a known key, nearest is `server.listen`\n\
                        venues.toml:5 graphql.depth: must be a whole number, 1 or more, is 0\n";
        assert_eq!(output, expected, "the diagnostics, and no log line");
        assert!(run.stdout.is_empty());
    }
}

#[test]
fn check_ends_with_0_when_clean_1_with_findings_and_2_when_the_file_is_unusable() {
    let clean = RunFolder::with(HARBOR).run(&["check", "--config", "venues.toml"]);
    assert_eq!(text(&clean.stdout), "no findings: 1 sources, 0 deliveries, 0 resellers, 0 clients\n");
    assert_eq!(clean.status.code(), Some(0));
    let wrong = RunFolder::with(TWICE_WRONG).run(&["check", "--config", "venues.toml"]);
    assert_eq!((wrong.status.code(), text(&wrong.stdout).lines().count()), (Some(1), 2));
    let torn = RunFolder::with("[server").run(&["check", "--config", "venues.toml"]);
    assert_eq!(torn.status.code(), Some(2));
    let absent = RunFolder::with("").run(&["check", "--config", "nowhere.toml"]);
    assert_eq!((absent.status.code(), text(&absent.stdout).lines().count()), (Some(2), 1));
}

#[test]
fn check_online_checks_every_account_and_every_connection() {
    let place = RunFolder::with("");
    let run = place.run(&["check", "--online"]);
    let output = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{output}{}", text(&run.stderr));
    for part in [
        "sources.harbor",
        "sources.opera",
        "sources.club",
        "sources.quay",
        "sources.lagoon",
        "resellers.tiqets.connections.harbor",
    ] {
        assert!(output.lines().any(|line| line.starts_with(&format!("ok      {part}: "))), "{part} in {output}");
    }
    assert!(output.contains("ok      deliveries.opera-app: "), "{output}");
    // An unreachable server is reported on each of its lines.
    let nowhere = HARBOR.replace("https://sandx-api.acmeticketing.com/", "http://127.0.0.1:9/");
    let lost = RunFolder::with(&nowhere).run(&["check", "--online", "--config", "venues.toml"]);
    assert_eq!(lost.status.code(), Some(1));
    assert!(text(&lost.stdout).contains("UNKNOWN sources.harbor: "), "{}", text(&lost.stdout));
}

#[test]
fn a_variable_selects_the_file_and_the_argument_overrides_it() {
    let place = RunFolder::with(TWICE_WRONG);
    let named = place.binary(&["check"]).env("TICKETGRAPH_CONFIG", place.file()).output().expect("a run");
    assert_eq!(named.status.code(), Some(1));
    std::fs::write(place.folder.path().join("fine.toml"), "").expect("a file");
    let mut both = place.binary(&["check", "--config", "fine.toml"]);
    assert_eq!(both.env("TICKETGRAPH_CONFIG", place.file()).output().expect("a run").status.code(), Some(0));
}

#[test]
fn wrong_usage_ends_with_2_and_the_version_with_0() {
    let place = RunFolder::with("");
    for wrong in
        [&["serv"][..], &["--listen", "nowhere"], &["serve", "--conf"], &["sandbox", "--scenario", "none.toml"]]
    {
        assert_eq!(place.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    let version = text(&place.run(&["--version"]).stdout);
    let (name, build) = version.trim().split_once(" (").expect("a version and a build");
    assert_eq!(name, concat!("ticketgraph ", env!("CARGO_PKG_VERSION")));
    let (commit, date) = build.trim_end_matches(')').split_once(' ').expect("a commit and a date");
    let is_built_from_a_repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".git").exists();
    let is_commit = commit.len() == 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(!is_built_from_a_repository || is_commit && date.parse::<jiff::civil::Date>().is_ok(), "{version}");
}

#[test]
fn an_output_that_nobody_reads_to_its_end_is_no_failure() {
    let place = RunFolder::with("");
    let mut command = place.binary(&["schema"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    let mut first = [0; 1];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("output");
    let ended = child.wait_with_output().expect("an end");
    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), String::new()));
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let place = RunFolder::with("");
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&place.run(&["completions", shell]).stdout);
        assert!(["serve", "check", "schema", "sandbox"].iter().all(|command| script.contains(command)), "{shell}");
    }
    assert_eq!(place.run(&["manual", "."]).status.code(), Some(0));
    for page in ["ticketgraph.1", "ticketgraph-serve.1", "ticketgraph-check.1"] {
        let page = std::fs::read_to_string(place.folder.path().join(page)).expect("a page");
        assert!(page.contains("\\-\\-config"), "{page}");
    }
    let lost = place.run(&["manual", "nowhere"]);
    assert_eq!(lost.status.code(), Some(1));
    assert!(text(&lost.stderr).contains("cannot be written to nowhere: "), "{}", text(&lost.stderr));
}

#[test]
fn a_start_that_fails_names_the_address_or_file_and_the_cause() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let ledger =
        |url: &str| format!("{HARBOR}[ledger]\nurl = \"{url}\"\nencryption_key = {{ env = \"LEDGER_KEY\" }}\n");
    let postgres = ledger("postgres://clerk:planted@127.0.0.1:1/tickets?sslmode=disable");
    let with_config = &["serve", "--config", "venues.toml"][..];
    let taken_port = &["--config", "venues.toml", "--listen", &taken][..];
    for (config, arguments, code, expected) in [
        (HARBOR, taken_port, 1, format!("cannot listen on {taken}: Address already in use")),
        (
            &postgres,
            with_config,
            1,
            "the ledger postgres://127.0.0.1:1/tickets: the ledger cannot be opened: ".to_owned(),
        ),
        (&ledger("sqlite:nowhere/x.db"), with_config, 1, "the ledger sqlite:nowhere/x.db: ".to_owned()),
        ("", &["serve", "--data", "/proc/none"], 1, "the data folder /proc/none cannot be created: ".to_owned()),
        ("", &["serve", "--config", "none.toml"], 2, "none.toml: cannot be read: there is no such file".to_owned()),
        ("", &["serve", "--config", "/"], 2, "/: cannot be read: is a directory".to_owned()),
    ] {
        let place = RunFolder::with(config);
        let mut command = place.binary(arguments);
        command.env("HARBOR_ACME_KEY", "k").env("LEDGER_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        let run = command.output().expect("a run");
        let said = text(&run.stderr);
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with(&expected), "{arguments:?}: {said}");
        assert_eq!((run.status.code(), said.contains("planted")), (Some(code), false), "{said}");
        assert!(last.len() > expected.len() || code == 2, "the cause is missing: {last}");
    }
}

#[test]
fn the_sandbox_says_which_port_is_taken_and_fails_only_if_it_was_asked_for() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let refused = RunFolder::with("").run(&["sandbox", "--ports", &port]);
    let said = text(&refused.stderr);
    assert!(said.contains(&format!("port {port} for acme is not available: ")), "{said}");
    assert_eq!(refused.status.code(), Some(1));
    // The usual ports: free, or taken by another test's sandbox.
    let place = RunFolder::with("");
    let running = || {
        let mut command = place.binary(&["sandbox"]);
        ServerGuard(command.stderr(Stdio::piped()).spawn().expect("a process"))
    };
    let (mut first, mut second) = (running(), running());
    for sandbox in [&mut first, &mut second] {
        let log = BufReader::new(sandbox.0.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        let lines: Vec<String> = log.take_while(|line| !line.contains("vendor=\"tixngo\" address")).collect();
        let usual = lines.iter().any(|line| line.contains("address=\"http://127.0.0.1:4101\""));
        let is_reported =
            lines.iter().any(|line| line.contains("the usual port is not available") && line.contains("4101"));
        assert!(usual != is_reported, "{lines:#?}");
    }
}

#[test]
fn a_new_key_opens_the_service_whose_configuration_has_its_line() {
    let run = || text(&RunFolder::with("").run(&["key", "new"]).stdout);
    let (printed, other) = (run(), run());
    let (key, line) = printed.trim_end().split_once('\n').expect("two lines");
    let key = key.strip_prefix("key: ").expect("a key");
    assert!(key.len() == 64 && !other.contains(key) && !line.contains(key), "{printed}");
    let client = format!("[clients.shop]\n{line}\nscopes = [\"catalog:read\"]\n");
    let place = RunFolder::with(&format!("{HARBOR}{client}"));
    let mut command = place.binary(&["--config", "venues.toml", "--listen", "127.0.0.1:0"]);
    let child = command.env("HARBOR_ACME_KEY", "k").stderr(Stdio::piped()).spawn().expect("a process");
    let mut running = ServerGuard(child);
    let mut log = BufReader::new(running.0.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let listening = log.find(|line| line.contains("listening on http://")).expect("the address");
    let address: SocketAddr =
        listening.rsplit('/').next().and_then(|address| address.parse().ok()).expect("an address");
    let query = "/graphql?query=%7Bviewer%7Bname%7D%7D";
    let answer = get_with(address, query, &format!("authorization: Bearer {key}\r\n"));
    assert!(answer.contains(r#""name":"shop""#), "{answer}");
    assert!(get_with(address, query, "authorization: Bearer other\r\n").contains("UNAUTHENTICATED"));
}

#[test]
fn schema_prints_the_sdl() {
    let run = RunFolder::with("").run(&["schema"]);
    assert_eq!(run.status.code(), Some(0));
    assert!(text(&run.stdout).contains("type Query {"));
}

/// Ends the server with its test.
struct ServerGuard(Child);

impl Drop for ServerGuard {
    fn drop(&mut self) {
        // Fails only if the process has ended already.
        let _ = self.0.kill();
    }
}

#[test]
fn a_server_logs_its_address_responds_and_drains_on_sigterm() {
    let place = RunFolder::with(HARBOR);
    let mut command = place.binary(&["--config", "venues.toml", "--listen", "127.0.0.1:0"]);
    let child = command.env("HARBOR_ACME_KEY", "planted").stderr(Stdio::piped()).spawn().expect("a process");
    let mut running = ServerGuard(child);
    let mut log = BufReader::new(running.0.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let line = log.find(|line| line.contains("listening on http://")).expect("the address");
    let address: SocketAddr = line.rsplit('/').next().and_then(|address| address.parse().ok()).expect("an address");
    let answer = get(address, "/health/live");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let metrics = get(address, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    let status = Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status().expect("kill");
    assert!(status.success());
    let rest: Vec<String> = log.collect();
    assert_eq!(running.0.wait().expect("an end").code(), Some(0), "{rest:?}");
    assert!(!line.contains("planted") && !rest.iter().any(|line| line.contains("planted")));
}

fn get(address: SocketAddr, path: &str) -> String {
    get_with(address, path, "")
}

fn get_with(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut connection = TcpStream::connect(address).expect("a connection");
    write!(connection, "GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}connection: close\r\n\r\n")
        .expect("a request");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("a response");
    answer
}
