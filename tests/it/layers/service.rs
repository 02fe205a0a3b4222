//! The real binary over emulated vendors, as often as a test needs it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use domain::SystemClock;
use emulators::{Options, Sandbox, Stage};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

/// The museum and the opera house, emulated; several services may buy of them.
pub struct Vendors(Sandbox);

impl Vendors {
    pub async fn raise() -> Self {
        let options = Options::for_tests(Arc::new(SystemClock), TaskTracker::new());
        Self(Sandbox::raise(options).await.expect("the emulators"))
    }

    pub fn stage(&self, vendor: &str) -> &Arc<Stage> {
        self.0.stage(vendor).expect("an emulator")
    }

    /// Their part of a configuration, with a key of its own for a shop.
    pub fn stanzas(&self) -> String {
        let base = |vendor| self.0.base_url(vendor).expect("an address");
        format!(
            r#"
[ledger]
encryption_key = {{ value = "c2FuZGJveCBvbmx5LCBuZXZlciBmb3IgcmVhbCB1c2U=" }}
[auth.anonymous]
enabled = true
scopes = ["catalog:read"]
requests_per_minute = 1000000
[clients.shop]
key = {{ value = "shop" }}
scopes = ["catalog:read", "order:write", "order:read"]
[sources.harbor]
vendor = "acme"
environment = "sandbox"
base_url = "{}"
institution = "Harbor Museum"
api_key = {{ value = "harbor-sandbox-key" }}
tenant_id = 412
organization_id = 5120
time_zone = "America/New_York"
currency = "USD"
[sources.opera]
vendor = "secutix"
environment = "sandbox"
base_url = "{}"
institution = "OPERA"
login = "OPERA_DGTK"
password = {{ value = "opera-sandbox-password" }}
partner_name = "ticketgraph"
transport = "json"
contact_reference = "1000042"
time_zone = "Europe/Zurich"
currency = "CHF"
[sources.opera.resilience.budget]
quota = "6000/1m"
"#,
            base("acme"),
            base("secutix")
        )
    }
}

/// One process of the service. It ends with the test.
pub struct Service {
    child: Child,
    address: String,
    client: reqwest::Client,
    _folder: TempDir,
}

impl Service {
    /// Serves the vendors, with Redis where there is one, and further settings.
    pub fn start(vendors: &Vendors, redis: Option<&SecretString>, more: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let redis = redis.map(|url| format!("redis_url = \"{}\"\nredis_timeout = \"200ms\"", url.expose_secret()));
        let text = format!("[cache]\n{}\n{more}\n{}", redis.unwrap_or_default(), vendors.stanzas());
        std::fs::write(folder.path().join("venues.toml"), text).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_ticketgraph"))
            .args(["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut log = BufReader::new(child.stderr.take().expect("its log")).lines().map_while(Result::ok);
        let mut told = Vec::new();
        let address = log.by_ref().find_map(|line| {
            let address = line.split_once("listening on ").map(|(_, address)| address.to_owned());
            told.push(line);
            address
        });
        let address = address.unwrap_or_else(|| panic!("the service ended before it listened: {told:?}"));
        // Its pipe has to stay open, and must not fill.
        std::thread::spawn(move || log.for_each(drop));
        let client = http_client::client().expect("a client");
        Self { child, address, client, _folder: folder }
    }

    /// The whole answer to a document, which has no errors.
    pub async fn ask(&self, document: &str, variables: Value) -> Value {
        let answer = self.post(document, variables).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    /// The whole answer to a document.
    pub async fn post(&self, document: &str, variables: Value) -> Value {
        let body = json!({ "query": document, "variables": variables }).to_string();
        let request = self.client.post(format!("{}/graphql", self.address)).header("authorization", "Bearer shop");
        let answer = request.header("content-type", "application/json").body(body).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// Sends a request in the name of somebody else.
    pub async fn send(&self, key: &str, body: &Value) -> reqwest::Response {
        let request = self.client.post(format!("{}/graphql", self.address)).bearer_auth(key);
        let request = request.header("accept", "application/graphql-response+json");
        request.header("content-type", "application/json").body(body.to_string()).send().await.expect("an answer")
    }

    /// The text at another address of the service.
    pub async fn get(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.address)).send().await.expect("an answer");
        answer.text().await.expect("text")
    }

    /// The sum of a metric over its labels that hold `part`.
    pub async fn metric(&self, name: &str, part: &str) -> f64 {
        let text = self.get("/metrics").await;
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(part));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
