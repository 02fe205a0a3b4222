//! The front door over real connections: HTTP, WebSocket, limits, callers.

mod codes;
mod cost;
mod expiry;
mod fuzz;
mod hostile;
mod http;
mod overload;
mod socket;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ticketgraph::domain::SystemClock;
use ticketgraph::federation::Federation;
use ticketgraph::graphql::api::Api;
use ticketgraph::graphql::{Limits as SchemaLimits, Scope, Services, Viewer};
use ticketgraph::server::callers::{Caller, Callers, Issuer, KeyHolder};
use ticketgraph::server::engine::Engine;
use ticketgraph::server::health::Dependencies;
use ticketgraph::server::listener;
use ticketgraph::server::persisted::{Persisted, Safelist};
use ticketgraph::server::precheck::Limits;
use ticketgraph::server::router::{self, Front};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A served schema over no source at all.
pub struct Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// A client that follows no redirects.
    pub client: reqwest::Client,
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
    let engine = engine(limits, safelist);
    serve(engine, issuers, in_flight, Duration::from_secs(60)).await
}

/// One whose connections are closed when they ask nothing for so long.
pub async fn open_idle(idle_timeout: Duration) -> Door {
    serve(engine(Limits::default(), Safelist::default()), Vec::new(), 64, idle_timeout).await
}

fn engine(limits: Limits, safelist: Safelist) -> Engine {
    let federation = Federation::new(Vec::new(), Duration::from_secs(5), Arc::new(SystemClock));
    let services =
        Services { federation: Arc::new(federation), edits: None, partners: None, orders: None, deliveries: None };
    let api = Api::new(&SchemaLimits::default(), Arc::new(services));
    Engine::new(api, limits, Persisted::new(true, None, safelist)).expect("a schema")
}

async fn serve(engine: Engine, issuers: Vec<Arc<Issuer>>, in_flight: usize, idle_timeout: Duration) -> Door {
    let stop = CancellationToken::new();
    let holder = |key: &str, caller| KeyHolder { key_sha256: Sha256::digest(key.as_bytes()).into(), caller };
    let callers = Callers {
        keys: vec![
            holder("right", caller("shop", &[Scope::CatalogRead], None)),
            holder("all-key", caller("operator", &[Scope::Admin], None)),
            holder("slow-key", caller("slow", &[Scope::CatalogRead], Some(3))),
        ],
        issuers,
        anonymous: Some(caller("anonymous", &[Scope::CatalogRead], None)),
    };
    let origins = vec!["https://shop.example".to_owned()];
    let front = Arc::new(Front::new(engine, callers, origins, stop.clone()));
    let settings = router::Settings {
        in_flight,
        body_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(20),
        metrics: Arc::new(String::new),
        dependencies: Dependencies::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let connections = listener::Settings {
        connections: 100,
        header_timeout: Duration::from_secs(2),
        idle_timeout,
        drain: Duration::from_secs(2),
        tls: None,
    };
    let tasks = TaskTracker::new();
    let router = router::build(front, settings);
    tasks.spawn(listener::serve(listener, router, connections, tasks.clone(), stop.clone()));
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client");
    Door { address, client, stop }
}
