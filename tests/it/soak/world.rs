//! World of a run: vendors, replicas, PostgreSQL and Redis as processes of their own, and what disturbs them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use super::plan::Disturbance;
use crate::layers::redis_server::RedisServer;
use crate::orders::database::Postgres;
use crate::process::{Process, TIMEOUT};
use crate::process_orders::{CATALOG_QUERY, VENDORS, Vendors, configuration};

/// Event whose tickets come ten minutes after the sale, when the run is over.
const DELIVERED_LATE: &str = "Workshop at a glass furnace";
/// Time after which a client gives a request up. A frozen replica answers nothing.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(12);

/// Time after which a report is given up, longer than `server.request_timeout`.
const REPORT_TIMEOUT: Duration = Duration::from_secs(40);
/// Number of tries to get a report, and the time between them: a source that was busy has room again after a minute.
const REPORT_TRIES: usize = 6;
const REPORT_PAUSE: Duration = Duration::from_secs(15);

/// Settings with short times, so that lost responses and leases are over within a run. A late request arrives within
/// `late_arrival_window`: the longest delay of a fault is shorter.
const SHORT_TIMES: [(&str, &str); 5] = [
    ("call_timeout = \"10s\"", "call_timeout = \"7s\"\nresponse_timeout = \"8s\""),
    ("late_arrival_window = \"2s\"", "late_arrival_window = \"6s\""),
    ("attempt_timeout = \"8s\"", "attempt_timeout = \"2s\""),
    ("order = \"9s\"", "order = \"6s\""),
    ("lease = \"20s\"", "lease = \"17s\""),
];

/// Limit that the sandbox configures because its vendors usually enforce none.
const SANDBOX_QUOTA: &str = "quota = \"6000/1m\"";

/// Limit that the emulated ACME enforces. ACME documents none, so an operator who knows it has to configure it.
const ACME_QUOTA: &str = "\n[sources.harbor.resilience.rate_limit]\nquota = \"10/1s\"\n";

/// Errors that a client meets while something is broken. Any other error is a defect.
const PASSING_ERRORS: [&str; 8] = [
    "LEDGER_UNAVAILABLE",
    "REQUEST_TIMEOUT",
    "OVERLOADED",
    "SOURCE_THROTTLED",
    "SOURCE_UNAVAILABLE",
    "SOURCE_TIMEOUT",
    "SOURCE_MALFORMED",
    "SOURCE_REFUSED",
];

/// One replica of the service; it has another address after each start.
struct Replica {
    process: tokio::sync::Mutex<Process>,
    address: Mutex<String>,
}

/// Line on sale.
#[derive(Debug, Clone)]
pub(super) struct OfferedLine {
    pub performance: String,
    pub ticket_type: String,
    /// Number of tickets that nobody plans to buy yet.
    pub left: i64,
}

pub(super) struct World {
    replicas: Vec<Replica>,
    pub vendors: Vendors,
    postgres: Option<tokio::sync::Mutex<Postgres>>,
    redis: Option<tokio::sync::Mutex<RedisServer>>,
    client: reqwest::Client,
    begun: Instant,
    log: Mutex<Vec<String>>,
    violations: Mutex<Vec<String>>,
    folder: TempDir,
}

impl World {
    /// Starts the world: one replica over SQLite, or two over PostgreSQL and Redis.
    pub(super) fn start(postgres: Option<Postgres>, is_limited: bool) -> Self {
        let folder = TempDir::new().expect("a folder");
        let vendors = Vendors::start_with(&folder, if is_limited { &[] } else { &["--unlimited"] });
        let mut text = configuration(&folder, &vendors);
        for (usual, short) in SHORT_TIMES {
            assert!(text.contains(usual), "{usual}");
            text = text.replace(usual, short);
        }
        if is_limited {
            text = text.replace(SANDBOX_QUOTA, "") + ACME_QUOTA;
        }
        let redis = postgres.as_ref().and_then(|_| RedisServer::start());
        if let Some(postgres) = &postgres {
            let sqlite = format!("sqlite://{}", folder.path().join("orders.db").display());
            text = text.replace(&sqlite, postgres.url());
        }
        if let Some(redis) = &redis {
            let address = redis.address();
            text += &format!("\n[cache]\nredis_url = \"{}\"\nredis_timeout = \"500ms\"\n", address.expose_secret());
        }
        std::fs::write(folder.path().join("venues.toml"), text).expect("a file");
        let replicas = (0..if postgres.is_some() { 2 } else { 1 }).map(|_| {
            let (process, address) = start_replica(&folder);
            Replica { process: tokio::sync::Mutex::new(process), address: Mutex::new(address) }
        });
        Self {
            replicas: replicas.collect(),
            vendors,
            postgres: postgres.map(tokio::sync::Mutex::new),
            redis: redis.map(tokio::sync::Mutex::new),
            client: http_client::build_client().expect("a client"),
            begun: Instant::now(),
            log: Mutex::default(),
            violations: Mutex::default(),
            folder,
        }
    }

    /// Sends a request to a replica, counted around. `None` if nothing was answered, or only that something is broken.
    pub(super) async fn ask(&self, replica: usize, query: &str, variables: &Value) -> Option<Value> {
        self.ask_for(REQUEST_TIMEOUT, replica, query, variables).await
    }

    /// As [`ask`](Self::ask), with another longest time.
    async fn ask_for(&self, time: Duration, replica: usize, query: &str, variables: &Value) -> Option<Value> {
        let address = lock(&self.replicas[replica % self.replicas.len()].address).clone();
        let body = json!({ "query": query, "variables": variables });
        let request = self.client.post(format!("{address}/graphql")).bearer_auth("sandbox-operator").json(&body);
        let mut answer: Value = request.timeout(time).send().await.ok()?.json().await.ok()?;
        for error in answer["errors"].as_array().into_iter().flatten() {
            let code = error["extensions"]["code"].as_str().unwrap_or_default();
            self.add_note(format!("{error}"));
            if !PASSING_ERRORS.contains(&code) {
                self.add_violation(format!("{error} for {query} {variables}"));
            }
        }
        answer["errors"].is_null().then(|| answer["data"].take())
    }

    /// Sends a request to one replica after the other until it is answered.
    pub(super) async fn ask_any(&self, first: usize, query: &str, variables: &Value) -> Option<Value> {
        let end = Instant::now() + TIMEOUT;
        for replica in first.. {
            if let Some(data) = self.ask(replica, query, variables).await {
                return Some(data);
            }
            if Instant::now() > end {
                break;
            }
            sleep(Duration::from_millis(300)).await;
        }
        None
    }

    /// Returns the reconciliation of a source, which takes as long as its vendor's limits demand. `None` if it cannot be made.
    pub(super) async fn reconcile(&self, query: &str, variables: &Value) -> Option<Value> {
        for _ in 0..REPORT_TRIES {
            if let Some(mut data) = self.ask_for(REPORT_TIMEOUT, 0, query, variables).await {
                return Some(data["reconciliation"].take());
            }
            sleep(REPORT_PAUSE).await;
        }
        None
    }

    /// Returns what a source has on sale.
    pub(super) async fn load_offers(&self, source: &str) -> Vec<OfferedLine> {
        let listed = self.ask_any(0, "{ sources { id name } }", &Value::Null).await.expect("the sources");
        let listed = listed["sources"].as_array().expect("sources");
        let id = &listed.iter().find(|listed| listed["name"] == source).expect("a source")["id"];
        let catalog = self.ask_any(0, CATALOG_QUERY, &json!({ "source": id })).await.expect("the catalog");
        let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        let mut offers = Vec::new();
        let events = each(&catalog["events"]["nodes"]);
        let events = events.iter().filter(|event| event["title"] != DELIVERED_LATE);
        for performance in events.flat_map(|event| each(&event["performances"]["nodes"])) {
            let availability = &performance["availability"];
            for offer in each(&availability["offers"]).iter().filter(|offer| offer["status"] == "AVAILABLE") {
                let left = offer["vacancies"].as_i64().or(availability["vacancies"].as_i64()).unwrap_or(0);
                let (performance, ticket_type) = (text(&performance["id"]), text(&offer["ticketType"]["id"]));
                offers.push(OfferedLine { performance, ticket_type, left });
            }
        }
        assert!(!offers.is_empty(), "{source} has nothing on sale");
        offers
    }

    /// Carries a disturbance out, and waits until it is over.
    pub(super) async fn disturb(&self, disturbance: &Disturbance) {
        self.add_note(format!("{disturbance:?}"));
        match disturbance {
            Disturbance::Faults { vendor, rules } => {
                self.vendors.control(Method::POST, vendor, "faults", &json!({ "rules": rules })).await;
            }
            Disturbance::Outage { vendor, ms } => {
                self.vendors.control(Method::POST, vendor, "down", &Value::Null).await;
                sleep(Duration::from_millis(*ms)).await;
                self.vendors.control(Method::POST, vendor, "up", &Value::Null).await;
            }
            Disturbance::Kill { replica, ms } => self.kill(*replica, Duration::from_millis(*ms)).await,
            Disturbance::Freeze { replica, ms } => {
                let process = self.replicas[replica % self.replicas.len()].process.lock().await;
                process.signal("-STOP");
                sleep(Duration::from_millis(*ms)).await;
                process.signal("-CONT");
            }
            Disturbance::KillPostgres { ms } => {
                let Some(postgres) = &self.postgres else { return };
                let postgres = postgres.lock().await;
                postgres.kill();
                sleep(Duration::from_millis(*ms)).await;
                block_in_place(|| postgres.restart());
            }
            Disturbance::FreezeRedis { ms } => {
                let Some(redis) = &self.redis else { return };
                let redis = redis.lock().await;
                redis.freeze();
                sleep(Duration::from_millis(*ms)).await;
                redis.thaw();
            }
            Disturbance::KillRedis { ms } => {
                let Some(redis) = &self.redis else { return };
                let mut redis = redis.lock().await;
                redis.kill();
                sleep(Duration::from_millis(*ms)).await;
                block_in_place(|| redis.restart());
            }
        }
        self.add_note(format!("over: {disturbance:?}"));
    }

    async fn kill(&self, replica: usize, pause: Duration) {
        let replica = &self.replicas[replica % self.replicas.len()];
        let mut process = replica.process.lock().await;
        process.kill();
        self.keep_log(&process);
        sleep(pause).await;
        let (started, address) = block_in_place(|| start_replica(&self.folder));
        *process = started;
        *lock(&replica.address) = address;
    }

    /// Ends all faults of the vendors.
    pub(super) async fn calm(&self) {
        for vendor in VENDORS {
            self.vendors.control(Method::DELETE, vendor, "faults", &Value::Null).await;
            self.vendors.control(Method::POST, vendor, "release", &Value::Null).await;
        }
        self.add_note("all faults ended".to_owned());
    }

    /// Adds a line to the log of the run.
    pub(super) fn add_note(&self, text: String) {
        lock(&self.log).push(format!("{:8.3} {text}", self.begun.elapsed().as_secs_f64()));
    }

    /// Records what must never happen.
    pub(super) fn add_violation(&self, text: String) {
        self.add_note(format!("VIOLATION: {text}"));
        lock(&self.violations).push(text);
    }

    /// Returns what must never happen, and happened.
    pub(super) fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }

    /// Returns the log of the run and of all replicas.
    pub(super) async fn take_log(&self) -> Vec<String> {
        for replica in &self.replicas {
            self.keep_log(&*replica.process.lock().await);
        }
        lock(&self.log).clone()
    }

    fn keep_log(&self, process: &Process) {
        let lines = process.take_lines();
        lock(&self.log).extend(lines.into_iter().map(|line| format!("    {line}")));
    }
}

/// Starts a replica. It ends by itself while PostgreSQL is down, and is started again then.
fn start_replica(folder: &TempDir) -> (Process, String) {
    let end = std::time::Instant::now() + TIMEOUT;
    loop {
        let process = Process::start(folder, &["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"]);
        match process.try_address("listening on http://") {
            Ok(address) => return (process, address),
            Err(lines) => assert!(std::time::Instant::now() < end, "it does not start: {}", lines.join("\n")),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
