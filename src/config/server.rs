//! `[server]`: addresses, limits and timeouts of the API.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::section::Section;
use crate::config::setting::{ByteSize, Setting};
use crate::config::tree::Node;

/// Settings of the gateway.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Address of the second listener, for pages, health and metrics; `None`: the API's listener serves them.
    pub admin_listen: Option<SocketAddr>,
    /// Serves GraphiQL.
    pub graphiql: bool,
    /// Serves the dashboard.
    pub dashboard: bool,
    /// Public URL, if a proxy is in front.
    pub public_url: Option<Url>,
    /// Allowed browser origins; exact matches.
    pub cors_origins: Vec<CorsOrigin>,
    /// Allows every browser origin on this machine.
    pub cors_loopback: bool,
    /// Largest request body.
    pub body_limit: ByteSize,
    /// Operations in one batch.
    pub batch_limit: NonZeroUsize,
    /// Time for a client to send its headers.
    pub header_timeout: Duration,
    /// Time for a client to send its body.
    pub body_timeout: Duration,
    /// Time for the response to start.
    pub request_timeout: Duration,
    /// Time after which a connection without requests is closed.
    pub idle_timeout: Duration,
    /// Largest number of open connections.
    pub connections: NonZeroUsize,
    /// Largest number of requests in flight; more are rejected with 503.
    pub in_flight: NonZeroU32,
    /// Time at shutdown in which `/health/ready` reports 503 and requests are still accepted; `None`: none.
    pub drain_notice: Option<Duration>,
    /// Time that a shutdown waits for requests in flight.
    pub drain: Duration,
    /// Limits of WebSocket clients.
    pub websocket: WebSocketConfig,
    /// TLS certificate and key; `None`: plain HTTP.
    pub tls: Option<TlsConfig>,
}

/// Limits of WebSocket clients.
#[derive(Debug, Clone)]
pub struct WebSocketConfig {
    /// Time to send `connection_init`.
    pub init_timeout: Duration,
    /// Time without a message before a ping is sent, and after that before the connection is closed.
    pub ping_interval: Duration,
    /// Time to accept an outgoing message.
    pub write_timeout: Duration,
    /// Concurrent operations of one connection.
    pub operations: NonZeroUsize,
    /// Outgoing messages queued for a slow client.
    pub queue: NonZeroUsize,
}

/// TLS files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificate chain in PEM.
    pub cert: PathBuf,
    /// Private key in PEM.
    pub key: PathBuf,
}

impl ServerConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            listen: from.get("listen"),
            admin_listen: from.find("admin_listen"),
            graphiql: from.get("graphiql"),
            dashboard: from.get("dashboard"),
            public_url: from.find("public_url"),
            cors_origins: from.get("cors_origins"),
            cors_loopback: from.get("cors_loopback"),
            body_limit: from.get("body_limit"),
            batch_limit: from.get("batch_limit"),
            header_timeout: from.get("header_timeout"),
            body_timeout: from.get("body_timeout"),
            request_timeout: from.get("request_timeout"),
            idle_timeout: from.get("idle_timeout"),
            connections: from.get("connections"),
            in_flight: from.get("in_flight"),
            drain_notice: from.find("drain_notice"),
            drain: from.get("drain"),
            websocket: from.read_table("websocket", WebSocketConfig::read),
            tls: from.read_table("tls", TlsConfig::read),
        }
    }
}

impl WebSocketConfig {
    fn read(from: &Section<'_>) -> Self {
        Self {
            init_timeout: from.get("init_timeout"),
            ping_interval: from.get("ping_interval"),
            write_timeout: from.get("write_timeout"),
            operations: from.get("operations"),
            queue: from.get("queue"),
        }
    }
}

impl TlsConfig {
    fn read(from: &Section<'_>) -> Option<Self> {
        match (from.find_file("cert"), from.find_file("key")) {
            (Some(cert), Some(key)) => Some(Self { cert, key }),
            (None, None) => None,
            (Some(_), None) => from.report_missing("key", "the key of the certificate"),
            (None, Some(_)) => from.report_missing("cert", "the certificate of the key"),
        }
    }
}

/// Origin of a page: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsOrigin(String);

impl CorsOrigin {
    /// Returns the value of the `CorsOrigin` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for CorsOrigin {
    const EXPECTED: &'static str = r#"an exact origin such as "https://shop.example.com""#;

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.as_text().unwrap_or_default();
        let origin = Url::read(node).ok().map(|url| url.origin().ascii_serialization());
        origin
            .filter(|origin| origin == text)
            .map(Self)
            .ok_or_else(|| format!("must be {}, is {}", Self::EXPECTED, node.describe()))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}
