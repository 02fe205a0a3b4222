//! The gateway over real connections: HTTP, WebSocket, limits, authentication.

mod callers;
mod codes;
mod cost;
mod expiry;
mod exports;
mod fuzz;
mod hardening;
mod hostile;
mod http;
mod incoming_webhooks;
mod order_lists;
mod overload;
mod safelist;
mod sellers;
mod sign_in;
mod slow_clients;
mod socket;

pub(crate) use expiry::{Signer, claims, sign, signer};

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use audit::AuditLog;
use catalog::UnifiedCatalog;
use domain::SystemClock;
use sha2::{Digest, Sha256};
use ticketgraph::gateway::auth::{ApiKey, Authenticator, Principal, SessionAuth, TokenIssuer};
use ticketgraph::gateway::concurrency_limit::ConcurrencyLimit;
use ticketgraph::gateway::exports::ExportLimits;
use ticketgraph::gateway::fast_path::FastPath;
use ticketgraph::gateway::health::Dependencies;
use ticketgraph::gateway::incoming_webhooks::IncomingWebhooks;
use ticketgraph::gateway::listener;
use ticketgraph::gateway::metrics_endpoint::MetricsRenderer;
use ticketgraph::gateway::operation_limits::OperationLimits;
use ticketgraph::gateway::persisted::{PersistedOperations, Safelist, SharedOperationStore};
use ticketgraph::gateway::pipeline::Pipeline;
use ticketgraph::gateway::router;
use ticketgraph::gateway::sign_in::SignIn;
use ticketgraph::gateway::socket::SocketLimits;
use ticketgraph::gateway::state::AppState;
use ticketgraph::graphql::api::Api;
use ticketgraph::graphql::{Scope, Services, Viewer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::default_config::{default_api_settings, default_export_limits, default_limits, default_socket_limits};

/// A gateway without sources.
pub(crate) struct TestGateway {
    /// Address of the listener.
    pub address: SocketAddr,
    /// A client that follows no redirects.
    pub client: reqwest::Client,
    /// State of the gateway.
    pub state: Arc<AppState>,
    /// Stops it.
    pub stop: CancellationToken,
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl TestGateway {
    /// Returns the URL of the API.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }

    /// Posts a document.
    pub(crate) async fn post(&self, document: &str) -> (u16, serde_json::Value) {
        let body = serde_json::json!({ "query": document });
        let response = self
            .client
            .post(self.url())
            .header("content-type", "application/json")
            .header("accept", "application/graphql-response+json")
            .body(body.to_string())
            .send()
            .await
            .expect("a response");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }
}

fn principal(name: &str, scopes: &[Scope], per_minute: Option<u32>) -> Principal {
    let viewer = Viewer {
        id: name.to_owned(),
        name: name.to_owned(),
        reseller: None,
        scopes: scopes.iter().copied().collect::<HashSet<_>>(),
    };
    Principal { viewer: Arc::new(viewer), requests_per_minute: per_minute, expires_at: None, session: None }
}

/// Starts a gateway: everybody may read the catalog, `right` is an API key, `slow-key` is one with three requests a
/// minute.
pub(crate) async fn start() -> TestGateway {
    start_with_limits(default_limits(), Safelist::default()).await
}

/// Starts a gateway with other limits and a safelist.
pub(crate) async fn start_with_limits(limits: OperationLimits, safelist: Safelist) -> TestGateway {
    start_for(limits, safelist, Vec::new(), 64).await
}

/// Starts a gateway with token issuers and a limit on requests in flight.
pub(crate) async fn start_for(
    limits: OperationLimits,
    safelist: Safelist,
    issuers: Vec<Arc<TokenIssuer>>,
    in_flight: usize,
) -> TestGateway {
    start_with(GatewayOptions { limits, safelist, issuers, in_flight, ..GatewayOptions::default() }).await
}

/// Starts a gateway that closes idle connections after this time.
pub(crate) async fn start_with_idle_timeout(idle_timeout: Duration) -> TestGateway {
    start_with(GatewayOptions { idle_timeout, ..GatewayOptions::default() }).await
}

/// Options of a test gateway.
pub(crate) struct GatewayOptions {
    pub limits: OperationLimits,
    pub safelist: Safelist,
    /// Services of the API; `None`: a catalog without sources.
    pub services: Option<Services>,
    /// API keys besides the usual ones.
    pub keys: Vec<(&'static str, Principal)>,
    pub operation_store: Option<Arc<dyn SharedOperationStore>>,
    pub issuers: Vec<Arc<TokenIssuer>>,
    /// Sessions of people, and the sign-in.
    pub sessions: Option<SessionAuth>,
    pub sign_in: Option<Arc<SignIn>>,
    pub audit: Option<Arc<AuditLog>>,
    pub incoming_webhooks: IncomingWebhooks,
    pub in_flight: usize,
    pub connections: usize,
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    pub idle_timeout: Duration,
    pub socket_limits: SocketLimits,
    pub exports: ExportLimits,
    pub metrics: Arc<dyn MetricsRenderer>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub surface: router::Surface,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            limits: default_limits(),
            safelist: Safelist::default(),
            services: None,
            keys: Vec::new(),
            operation_store: None,
            issuers: Vec::new(),
            sessions: None,
            sign_in: None,
            audit: None,
            incoming_webhooks: IncomingWebhooks::default(),
            in_flight: 64,
            connections: 100,
            header_timeout: Duration::from_secs(2),
            body_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            socket_limits: default_socket_limits(),
            exports: default_export_limits(),
            metrics: Arc::new(String::new) as _,
            tls: None,
            surface: router::Surface::ALL,
        }
    }
}

fn no_services() -> Services {
    let catalog = UnifiedCatalog::new(Vec::new(), Duration::from_secs(5), Arc::new(SystemClock));
    Services {
        catalog: Arc::new(catalog),
        edits: None,
        resellers: None,
        orders: None,
        deliveries: None,
        changes: None,
        audit: None,
        webhooks: None,
    }
}

fn pipeline(
    services: Services,
    limits: OperationLimits,
    safelist: Safelist,
    store: Option<Arc<dyn SharedOperationStore>>,
) -> Pipeline {
    let api = Api::new(default_api_settings(), Arc::new(services));
    Pipeline::new(api, limits, PersistedOperations::new(true, 1 << 20, store, safelist))
}

/// Starts a gateway with these options.
pub(crate) async fn start_with(setting: GatewayOptions) -> TestGateway {
    let stop = CancellationToken::new();
    let holder = |key: &str, caller| ApiKey { key_sha256: Sha256::digest(key.as_bytes()).into(), principal: caller };
    let usual = [
        ("right", principal("shop", &[Scope::CatalogRead], None)),
        ("all-key", principal("operator", &[Scope::Admin], None)),
        ("slow-key", principal("slow", &[Scope::CatalogRead], Some(3))),
    ];
    let pages = setting.sessions.iter().map(|sessions| sessions.origin.clone());
    let origins = std::iter::once("https://shop.example".to_owned()).chain(pages).collect();
    let callers = Authenticator {
        api_keys: usual.into_iter().chain(setting.keys).map(|(key, caller)| holder(key, caller)).collect(),
        issuers: setting.issuers,
        anonymous: Some(principal("anonymous", &[Scope::CatalogRead], None)),
        sessions: setting.sessions,
    };
    let services = setting.services.unwrap_or_else(no_services);
    let pipeline = pipeline(services, setting.limits, setting.safelist, setting.operation_store);
    let mut front = AppState::new(pipeline, callers, origins, setting.socket_limits, stop.clone());
    (front.sign_in, front.audit) = (setting.sign_in, setting.audit);
    front.incoming_webhooks = setting.incoming_webhooks;
    let front = Arc::new(front);
    let settings = router::Settings {
        limit: ConcurrencyLimit::new(setting.in_flight),
        surface: setting.surface,
        sandbox: axum::Router::new(),
        body_timeout: setting.body_timeout,
        request_timeout: Duration::from_secs(20),
        exports: setting.exports,
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
    let (router, fast_path) = (router::build(Arc::clone(&front), settings), FastPath::new(Arc::clone(&front), false));
    tasks.spawn(listener::serve(listener, router, fast_path, connections, tasks.clone(), stop.clone()));
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client");
    TestGateway { address, client, state: front, stop }
}
