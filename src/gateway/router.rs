//! Every address of the service, and the layers around them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::gateway::callers::{Caller, Callers, expired};
use crate::gateway::engine::Engine;
use crate::gateway::exposition::{self, Exposition};
use crate::gateway::hardening::{Gate, Room, admit};
use crate::gateway::health::{self, Dependencies};
use crate::gateway::pace::Standing;
use crate::gateway::pages::{self, Page};
use crate::gateway::refusal::Refusal;
use crate::gateway::{graphql_http, observe, request_id, socket};

/// The headers of an answer that pages of other origins may read.
const EXPOSED: [HeaderName; 6] = [
    request_id::HEADER,
    RETRY_AFTER,
    ETAG,
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// The same, as `access-control-expose-headers` names them.
pub fn exposed() -> HeaderValue {
    let names = EXPOSED.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(",");
    HeaderValue::from_str(&names).expect("names of headers")
}

/// What the handlers share.
pub struct Front {
    /// Runs operations.
    pub engine: Engine,
    /// Everybody who may ask; replaced when the configuration is read again.
    pub callers: ArcSwap<Callers>,
    /// Tells that the callers were replaced.
    renewals: watch::Sender<()>,
    /// Ends open streams when the service goes away.
    pub stop: CancellationToken,
    /// How long a socket waits for its client.
    pub patience: socket::Patience,
    /// Origins of browsers that may ask from another site; exact.
    pub origins: Vec<String>,
    /// The text of the schema, as it is served; `None` where it is told to nobody unknown.
    schema: Option<Page>,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// How the outside is set up.
pub struct Settings {
    /// Requests in flight before new ones are refused.
    pub in_flight: usize,
    /// How long a client may take to send a body.
    pub body_timeout: Duration,
    /// How long an answer may take to begin.
    pub request_timeout: Duration,
    /// Renders the metrics.
    pub metrics: Arc<dyn Exposition>,
    /// What `/health/ready` names.
    pub dependencies: Dependencies,
}

impl Front {
    /// A front door over an engine.
    pub fn new(engine: Engine, callers: Callers, origins: Vec<String>, stop: CancellationToken) -> Self {
        let told = engine.limits().introspection;
        let schema = told.then(|| pages::text(Bytes::copy_from_slice(engine.sdl().as_bytes())));
        Self {
            engine,
            callers: ArcSwap::from_pointee(callers),
            renewals: watch::Sender::new(()),
            stop,
            patience: socket::Patience::default(),
            origins,
            schema,
        }
    }

    /// From now on these callers; whoever watches and is none of them hears no more.
    pub fn replace_callers(&self, callers: Callers) {
        self.callers.store(Arc::new(callers));
        self.renewals.send_replace(());
    }

    /// Ends when a caller may not ask any more: its token ended, or its key is no longer one.
    pub async fn gone(&self, caller: &Caller) {
        let mut renewals = self.renewals.subscribe();
        let revoked = async {
            while self.callers.load().knows(caller) {
                // The sender lives as long as we do.
                let _ = renewals.changed().await;
            }
        };
        tokio::select! {
            () = expired(caller.until) => {}
            () = revoked => {}
        }
    }

    /// Whether a browser at this origin may open a WebSocket: one of the allowed, or none given (no browser).
    pub fn allows_origin(&self, origin: Option<&HeaderValue>) -> bool {
        let Some(origin) = origin else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        let is_loopback =
            ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| host == *own || host.starts_with(&format!("{own}:")));
        is_loopback || self.origins.iter().any(|allowed| allowed == origin)
    }

    /// Counts requests of a caller and says where it stands in its minute, where it has a limit. Callers without
    /// credentials are told apart by where they come from, which for others is none.
    pub async fn admit(
        &self,
        caller: &Caller,
        stranger_at: Option<Peer>,
        requests: u32,
    ) -> Result<Option<Standing>, Refusal> {
        let Some(limit) = caller.per_minute else { return Ok(None) };
        let id = &caller.viewer.id;
        let name = match stranger_at {
            Some(Peer(address)) => format!("{id}@{address}"),
            None => id.clone(),
        };
        let standing = self.engine.pace().count_requests(&name, requests, limit).await;
        if standing.is_over() {
            let text = "too many requests: wait as long as `Retry-After` says";
            return Err(Refusal { standing: Some(standing), ..Refusal::rate_limited(text, &standing) });
        }
        Ok(Some(standing))
    }
}

/// All addresses.
pub fn build(front: Arc<Front>, settings: Settings) -> Router {
    let body_limit = front.engine.limits().body_bytes;
    let room = Room::new(settings.in_flight);
    let gate = Gate { room: room.clone(), answer_within: settings.request_timeout };
    let api = Router::new()
        .route("/graphql", get(graphql_http::get).post(graphql_http::post).fallback(graphql_http::other))
        .layer(DefaultBodyLimit::max(body_limit))
        // A client that dribbles its body holds a place in flight: only for so long.
        .layer(RequestBodyTimeoutLayer::new(settings.body_timeout))
        .layer(cors(&front.origins))
        .layer(from_fn_with_state(gate, admit));
    let pages = Router::new()
        .route("/", get(|headers: HeaderMap| async move { pages::home().into_response_for(&headers) }))
        .route("/dashboard", get(|headers: HeaderMap| async move { pages::dashboard().into_response_for(&headers) }))
        .route("/assets/{*path}", get(asset))
        .route("/schema.graphql", get(schema));
    // Probes and metrics answer even when there is no room for anything else.
    let operation = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready).with_state(settings.dependencies))
        .route("/metrics", get(exposition::metrics).with_state(settings.metrics));
    api.merge(pages)
        .layer(CompressionLayer::new())
        // Not compressed: a socket is upgraded, not answered.
        .route("/graphql/ws", get(socket::upgrade).layer(Extension(room)))
        .merge(operation)
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here; try /graphql\n") })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(observe::layer))
        .with_state(front)
}

fn cors(origins: &[String]) -> CorsLayer {
    let allowed: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(allowed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, request_id::HEADER])
        .expose_headers(EXPOSED)
        .max_age(Duration::from_secs(600))
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match pages::asset(&path) {
        Some(page) => page.into_response_for(&headers),
        None => (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    }
}

async fn schema(State(front): State<Arc<Front>>, headers: HeaderMap) -> Response {
    match &front.schema {
        Some(page) => page.clone().into_response_for(&headers),
        None => (StatusCode::NOT_FOUND, "the schema is not told here\n").into_response(),
    }
}

/// A handler panicked: the connection lives, the client gets an error of ours, the log has the rest.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a request panicked");
    let body = r#"{"errors":[{"message":"an internal error","extensions":{"code":"INTERNAL","retryable":false}}]}"#;
    (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}
