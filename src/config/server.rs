//! `[server]`: where and how the API is served.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::section::Section;
use crate::config::setting::{Bytes, Setting};
use crate::config::tree::Node;

/// The front door.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where the API is served.
    pub listen: SocketAddr,
    /// As clients reach it, where a proxy stands in front.
    pub public_url: Option<Url>,
    /// Pages that may call, each exact.
    pub cors_origins: Vec<Origin>,
    /// The largest request body.
    pub body_limit: Bytes,
    /// Operations in one batched request, at most.
    pub batch_limit: NonZeroUsize,
    /// For a client to send its headers.
    pub header_timeout: Duration,
    /// For a client to send its body.
    pub body_timeout: Duration,
    /// For the whole answer.
    pub request_timeout: Duration,
    /// After which a connection without requests is closed.
    pub idle_timeout: Duration,
    /// Connections open at once, at most.
    pub connections: NonZeroUsize,
    /// Requests at once, at most; more are answered 503.
    pub in_flight: NonZeroU32,
    /// How long a shutdown says that it is not ready before it takes no more requests; `None`: not at all.
    pub drain_notice: Option<Duration>,
    /// How long a shutdown waits for what is in flight.
    pub drain: Duration,
    /// The certificate to serve with; `None`: plain HTTP.
    pub tls: Option<Tls>,
}

/// Files to serve TLS with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The chain in PEM.
    pub cert: PathBuf,
    /// The key in PEM.
    pub key: PathBuf,
}

impl Server {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            listen: from.get("listen"),
            public_url: from.find("public_url"),
            cors_origins: from.get("cors_origins"),
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
            tls: from.within("tls", Tls::read),
        }
    }
}

impl Tls {
    fn read(from: &Section<'_>) -> Option<Self> {
        match (from.find_file("cert"), from.find_file("key")) {
            (Some(cert), Some(key)) => Some(Self { cert, key }),
            (None, None) => None,
            (Some(_), None) => from.missing("key", "the key of the certificate"),
            (None, Some(_)) => from.missing("cert", "the certificate of the key"),
        }
    }
}

/// The origin of a page: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// As browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for Origin {
    const WANTED: &'static str = r#"an exact origin such as "https://shop.example.com""#;

    fn read(node: &Node) -> Result<Self, String> {
        let text = node.text().unwrap_or_default();
        let origin = Url::read(node).ok().map(|url| url.origin().ascii_serialization());
        origin
            .filter(|origin| origin == text)
            .map(Self)
            .ok_or_else(|| format!("must be {}, is {}", Self::WANTED, node.shown()))
    }

    fn stand_in() -> Self {
        Self(String::new())
    }
}
