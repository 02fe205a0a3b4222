//! Routes of the service and the layers around them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::gateway::concurrency_limit::{ConcurrencyLimit, LoadShed, shed_load};
use crate::gateway::cors::cors_layer;
use crate::gateway::health::{self, Dependencies};
use crate::gateway::metrics_endpoint::{self, MetricsRenderer};
use crate::gateway::state::AppState;
use crate::gateway::{graphql_http, observe, pages, socket};

/// Settings of the router.
pub struct Settings {
    /// Requests in flight before new ones are rejected.
    pub max_in_flight: usize,
    /// Time for a client to send a body.
    pub body_timeout: Duration,
    /// Time until a response must start.
    pub request_timeout: Duration,
    /// Renders the metrics.
    pub metrics: Arc<dyn MetricsRenderer>,
    /// Dependencies listed by `/health/ready`.
    pub dependencies: Dependencies,
}

/// Builds all routes.
pub fn build(state: Arc<AppState>, settings: Settings) -> Router {
    let body_limit = state.engine.limits().body_bytes;
    let limit = ConcurrencyLimit::new(settings.max_in_flight);
    let load_shed = LoadShed { limit: limit.clone(), response_timeout: settings.request_timeout };
    let api = Router::new()
        .route("/graphql", get(graphql_http::get).post(graphql_http::post).fallback(graphql_http::method_not_allowed))
        .layer(DefaultBodyLimit::max(body_limit))
        // A client that sends its body slowly occupies a permit only for this long.
        .layer(RequestBodyTimeoutLayer::new(settings.body_timeout))
        .layer(cors_layer(&state.allowed_origins))
        .layer(from_fn_with_state(load_shed, shed_load));
    let pages = Router::new()
        .route("/", get(|headers: HeaderMap| async move { pages::home().into_response_for(&headers) }))
        .route("/dashboard", get(|headers: HeaderMap| async move { pages::dashboard().into_response_for(&headers) }))
        .route("/assets/{*path}", get(asset))
        .route("/schema.graphql", get(schema));
    // Probes and metrics respond even when the limit is reached.
    let operation = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready).with_state(settings.dependencies))
        .route("/metrics", get(metrics_endpoint::metrics).with_state(settings.metrics));
    api.merge(pages)
        .layer(CompressionLayer::new())
        // Without compression: a WebSocket is an upgrade.
        .route("/graphql/ws", get(socket::upgrade).layer(Extension(limit)))
        .merge(operation)
        .fallback(|| async { (StatusCode::NOT_FOUND, "not found; the API is at /graphql\n") })
        .layer(CatchPanicLayer::custom(handle_panic))
        .layer(from_fn(observe::observe_request))
        .with_state(state)
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match pages::asset(&path) {
        Some(page) => page.into_response_for(&headers),
        None => (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    }
}

async fn schema(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    match &state.schema_page {
        Some(page) => page.clone().into_response_for(&headers),
        None => (StatusCode::NOT_FOUND, "the schema is not public\n").into_response(),
    }
}

/// Handles a panic: the client gets an internal error, the connection stays open, the panic hook has logged the
/// details.
fn handle_panic(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a request panicked");
    let body = r#"{"errors":[{"message":"an internal error","extensions":{"code":"INTERNAL","retryable":false}}]}"#;
    (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}
