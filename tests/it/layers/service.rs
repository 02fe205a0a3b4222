//! Processes of the service, connected to emulated vendors.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;

use domain::SystemClock;
use emulators::{Options, RequestLimits, Sandbox, Stage};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::process::binary;

/// Two emulated vendors that several processes can use.
pub(crate) struct EmulatedVendors(Sandbox);

impl EmulatedVendors {
    pub(crate) async fn start() -> Self {
        // Services with ledgers of their own share these vendors: together they read more catalogs than a vendor allows.
        let options = Options::for_tests(Arc::new(SystemClock), TaskTracker::new());
        let options = Options { request_limits: RequestLimits::Unlimited, ..options };
        Self(Sandbox::start(options).await.expect("the emulators"))
    }

    pub(crate) fn stage(&self, vendor: &str) -> &Arc<Stage> {
        self.0.stage(vendor).expect("an emulator")
    }

    /// Address of an emulated vendor.
    pub(crate) fn base_url(&self, vendor: &str) -> String {
        self.0.base_url(vendor).expect("an address")
    }

    /// Configuration of the sources and of one API client.
    pub(crate) fn config(&self) -> String {
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
[sources.opera.resilience.rate_limit]
quota = "6000/1m"
endpoint_quota = "6000/1m"
"#,
            self.base_url("acme"),
            self.base_url("secutix")
        )
    }
}

/// A process of the service. It is killed when dropped.
pub(crate) struct ServiceProcess {
    child: Child,
    address: String,
    client: reqwest::Client,
    _folder: TempDir,
}

impl ServiceProcess {
    /// Starts a process with the vendors, an optional Redis, and additional settings.
    pub(crate) fn start(vendors: &EmulatedVendors, redis: Option<&SecretString>, more: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let redis = redis.map(|url| format!("redis_url = \"{}\"\nredis_timeout = \"200ms\"", url.expose_secret()));
        let text = format!("[cache]\n{}\n{more}\n{}", redis.unwrap_or_default(), vendors.config());
        std::fs::write(folder.path().join("venues.toml"), text).expect("a file");
        let mut child = binary(folder.path(), &["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut log = BufReader::new(child.stderr.take().expect("its log")).lines().map_while(Result::ok);
        let mut lines = Vec::new();
        let address = log.by_ref().find_map(|line| {
            let address = line.split_once("listening on ").map(|(_, address)| address.to_owned());
            lines.push(line);
            address
        });
        let address = address.unwrap_or_else(|| panic!("the service ended before it listened: {lines:?}"));
        // The pipe must stay open and must not fill up.
        std::thread::spawn(move || log.for_each(drop));
        let client = http_client::build_client().expect("a client");
        Self { child, address, client, _folder: folder }
    }

    /// Executes a document and returns its data. Panics if there are errors.
    pub(crate) async fn query(&self, document: &str, variables: Value) -> Value {
        let response = self.execute(document, variables).await;
        assert!(response.get("errors").is_none(), "{response}");
        response["data"].clone()
    }

    /// Executes a document and returns the response.
    pub(crate) async fn execute(&self, document: &str, variables: Value) -> Value {
        let body = json!({ "query": document, "variables": variables }).to_string();
        let request = self.client.post(format!("{}/graphql", self.address)).header("authorization", "Bearer shop");
        let response = request.header("content-type", "application/json").body(body).send().await.expect("a response");
        response.json().await.expect("JSON")
    }

    /// Sends a request with another API key or token.
    pub(crate) async fn send(&self, key: &str, body: &Value) -> reqwest::Response {
        let request = self.client.post(format!("{}/graphql", self.address)).bearer_auth(key);
        let request = request.header("accept", "application/graphql-response+json");
        request.header("content-type", "application/json").body(body.to_string()).send().await.expect("a response")
    }

    /// Returns the body at another path of the service.
    pub(crate) async fn get(&self, path: &str) -> String {
        let response = self.client.get(format!("{}{path}", self.address)).send().await.expect("a response");
        response.text().await.expect("text")
    }

    /// Returns the sum of a metric over the series whose labels contain `part`.
    pub(crate) async fn metric(&self, name: &str, part: &str) -> f64 {
        let text = self.get("/metrics").await;
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(part));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
