//! The front door over real connections: HTTP, WebSocket, limits, callers.

mod codes;
mod cost;
mod expiry;
mod fuzz;
mod hardening;
mod hostile;
mod http;
mod overload;
mod safelist;
mod slow_clients;
mod socket;

pub use expiry::{Signer, claims, sign, signer};

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use catalog::Federation;
use domain::SystemClock;
use sha2::{Digest, Sha256};
use ticketgraph::gateway::callers::{Caller, Callers, Issuer, KeyHolder};
use ticketgraph::gateway::engine::Engine;
use ticketgraph::gateway::exposition::Exposition;
use ticketgraph::gateway::express::Express;
use ticketgraph::gateway::health::Dependencies;
use ticketgraph::gateway::listener;
use ticketgraph::gateway::persisted::{Persisted, Safelist};
use ticketgraph::gateway::precheck::Limits;
use ticketgraph::gateway::router::{self, Front};
use ticketgraph::gateway::socket::Patience;
use ticketgraph::graphql::api::Api;
use ticketgraph::graphql::{Limits as SchemaLimits, Scope, Services, Viewer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A served schema over no source at all.
pub struct Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// A client that follows no redirects.
    pub client: reqwest::Client,
    /// What is behind it.
    pub front: Arc<Front>,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Door {
    /// The address of the API.
    pub fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }

    /// Posts a document.
    pub async fn post(&self, document: &str) -> (u16, serde_json::Value) {
        let body = serde_json::json!({ "query": document });
        let response = self
            .client
            .post(self.url())
            .header("content-type", "application/json")
            .header("accept", "application/graphql-response+json")
            .body(body.to_string())
            .send()
            .await
            .expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }
}

fn caller(name: &str, scopes: &[Scope], per_minute: Option<u32>) -> Caller {
    let viewer = Viewer {
        id: name.to_owned(),
        name: name.to_owned(),
        reseller: None,
        scopes: scopes.iter().copied().collect::<HashSet<_>>(),
    };
    Caller { viewer: Arc::new(viewer), per_minute, until: None }
}

/// Opens a door: everybody may read the catalogue, `right` is a key, `slow-key` a key with three requests a minute.
pub async fn open() -> Door {
    open_with(Limits::default(), Safelist::default()).await
}

/// The same with other limits.
pub async fn open_with(limits: Limits, safelist: Safelist) -> Door {
    open_for(limits, safelist, Vec::new(), 64).await
}

/// The same with issuers of tokens, and with room for so many requests at once.
pub async fn open_for(limits: Limits, safelist: Safelist, issuers: Vec<Arc<Issuer>>, in_flight: usize) -> Door {
    open_set(Setting { limits, safelist, issuers, in_flight, ..Setting::default() }).await
}

/// One whose connections are closed when they ask nothing for so long.
pub async fn open_idle(idle_timeout: Duration) -> Door {
    open_set(Setting { idle_timeout, ..Setting::default() }).await
}

/// Everything that a test may want otherwise.
pub struct Setting {
    pub limits: Limits,
    pub safelist: Safelist,
    pub issuers: Vec<Arc<Issuer>>,
    pub in_flight: usize,
    pub connections: usize,
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    pub idle_timeout: Duration,
    pub patience: Patience,
    pub metrics: Arc<dyn Exposition>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            safelist: Safelist::default(),
            issuers: Vec::new(),
            in_flight: 64,
            connections: 100,
            header_timeout: Duration::from_secs(2),
            body_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            patience: Patience::default(),
            metrics: Arc::new(String::new) as _,
            tls: None,
        }
    }
}

fn engine(limits: Limits, safelist: Safelist) -> Engine {
    let federation = Federation::new(Vec::new(), Duration::from_secs(5), Arc::new(SystemClock));
    let services =
        Services { federation: Arc::new(federation), edits: None, partners: None, orders: None, deliveries: None };
    let api = Api::new(&SchemaLimits::default(), Arc::new(services));
    Engine::new(api, limits, Persisted::new(true, None, safelist)).expect("a schema")
}

/// Opens a door in this setting.
pub async fn open_set(setting: Setting) -> Door {
    let stop = CancellationToken::new();
    let holder = |key: &str, caller| KeyHolder { key_sha256: Sha256::digest(key.as_bytes()).into(), caller };
    let callers = Callers {
        keys: vec![
            holder("right", caller("shop", &[Scope::CatalogRead], None)),
            holder("all-key", caller("operator", &[Scope::Admin], None)),
            holder("slow-key", caller("slow", &[Scope::CatalogRead], Some(3))),
        ],
        issuers: setting.issuers,
        anonymous: Some(caller("anonymous", &[Scope::CatalogRead], None)),
    };
    let origins = vec!["https://shop.example".to_owned()];
    let mut front = Front::new(engine(setting.limits, setting.safelist), callers, origins, stop.clone());
    front.patience = setting.patience;
    let front = Arc::new(front);
    let settings = router::Settings {
        in_flight: setting.in_flight,
        body_timeout: setting.body_timeout,
        request_timeout: Duration::from_secs(20),
        metrics: setting.metrics,
        dependencies: Dependencies::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let connections = listener::Settings {
        connections: setting.connections,
        header_timeout: setting.header_timeout,
        idle_timeout: setting.idle_timeout,
        drain: Duration::from_secs(2),
        tls: setting.tls,
    };
    let tasks = TaskTracker::new();
    let ways = (router::build(Arc::clone(&front), settings), Express::new(Arc::clone(&front), false));
    tasks.spawn(listener::serve(listener, ways, connections, tasks.clone(), stop.clone()));
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client");
    Door { address, client, front, stop }
}
