//! Routes of the service and the layers around them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _};

use crate::gateway::concurrency_limit::{ConcurrencyLimit, LoadShed};
use crate::gateway::cors::cors_layer;
use crate::gateway::edge::Shareable;
use crate::gateway::exports::{self, ExportLimits, Exports};
use crate::gateway::health::{self, Dependencies};
use crate::gateway::metrics_endpoint::{self, MetricsRenderer};
use crate::gateway::rejection::not_found;
use crate::gateway::state::AppState;
use crate::gateway::{graphql_http, incoming_webhooks, observe, octo, pages, sign_in, socket};

/// Settings of the router.
#[derive(Clone)]
pub struct Settings {
    /// Limit on operations in flight; listeners may share it.
    pub limit: ConcurrencyLimit,
    /// Time for a client to send a body.
    pub body_timeout: Duration,
    /// Time until a response must start.
    pub request_timeout: Duration,
    /// Limits of exports.
    pub exports: ExportLimits,
    /// Renders the metrics.
    pub metrics: Arc<dyn MetricsRenderer>,
    /// Dependencies listed by `/health/ready`.
    pub dependencies: Dependencies,
    /// Routes besides the API.
    pub surface: Surface,
    /// Routes of the built-in sandbox; none elsewhere.
    pub sandbox: Router<Arc<AppState>>,
}

/// Routes of a listener besides the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surface {
    /// GraphiQL.
    pub graphiql: bool,
    /// The dashboard.
    pub dashboard: bool,
    /// Health, metrics, the schema and the home page.
    pub operation: bool,
}

impl Surface {
    /// Nothing besides the API.
    pub const API_ONLY: Self = Self { graphiql: false, dashboard: false, operation: false };
    /// Everything.
    pub const ALL: Self = Self { graphiql: true, dashboard: true, operation: true };
}

/// Builds all routes.
pub fn build(state: Arc<AppState>, settings: Settings) -> Router {
    let Settings { limit, body_timeout, request_timeout, exports, metrics, dependencies, surface, sandbox } = settings;
    let load_shed = LoadShed { limit: limit.clone(), body_timeout, response_timeout: request_timeout };
    let mut api = Router::new()
        .route("/graphql", get(graphql_http::get).post(graphql_http::post).fallback(graphql_http::method_not_allowed))
        .layer(Extension(load_shed.clone()));
    if surface.graphiql {
        api = api.layer(from_fn(graphql_http::serve_graphiql));
    }
    let hooks = hooks(&load_shed);
    // Without CORS: no browser calls it.
    let octo = octo::routes().layer(Extension(load_shed.clone()));
    let files = Router::new()
        .route("/exports/orders.csv", get(exports::orders))
        .route("/exports/statement.csv", get(exports::statement))
        .route("/exports/statement_breakdown.csv", get(exports::breakdown))
        .route("/exports/catalog.ndjson", get(exports::catalog))
        .layer(Extension(Exports { limits: exports, load_shed, limit: ConcurrencyLimit::new(exports.in_flight) }));
    let api = api.merge(files).layer(cors_layer(&state.allowed_origins, state.cors_loopback));
    let mut pages = Router::new();
    if surface.dashboard {
        pages = pages.route(
            "/dashboard",
            get(|headers: HeaderMap| async move { pages::dashboard().into_response_for(&headers) }),
        );
        pages = pages.merge(sign_in::routes());
    }
    if surface.dashboard || surface.graphiql {
        pages = pages.route("/assets/{*path}", get(asset));
    }
    // Probes and metrics respond even when the limit is reached.
    let mut operation = Router::new();
    if surface.operation {
        pages = pages
            .route("/", get(|headers: HeaderMap| async move { pages::home().into_response_for(&headers) }))
            .route("/schema.graphql", get(schema));
        operation = operation
            .route("/health/live", get(health::live))
            .route("/health/ready", get(health::ready).with_state(dependencies))
            .route("/metrics", get(metrics_endpoint::metrics).with_state(metrics));
    }
    api.merge(octo)
        .merge(pages)
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(is_compressible)))
        // Without compression: a WebSocket is an upgrade.
        .route("/graphql/ws", get(socket::upgrade).layer(Extension(limit)))
        .merge(operation)
        .merge(sandbox)
        .merge(hooks)
        .fallback(|| async { not_found() })
        .layer(CatchPanicLayer::custom(handle_panic))
        .layer(from_fn_with_state(Arc::clone(&state), observe::observe_request))
        .with_state(state)
}

/// Returns the routes of webhooks, without CORS and compression: no browser calls them.
fn hooks(load_shed: &LoadShed) -> Router<Arc<AppState>> {
    Router::new()
        .route(incoming_webhooks::ROUTE, get(incoming_webhooks::serve).post(incoming_webhooks::serve))
        .layer(Extension(load_shed.clone()))
}

/// Returns false for responses for shared caches: their tag is of the bytes that were negotiated before.
fn is_compressible(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<Shareable>().is_none()
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match pages::asset(&path) {
        Some(page) => page.into_response_for(&headers),
        None => (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    }
}

async fn schema(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    match state.schema_page() {
        Some(page) => page.into_response_for(&headers),
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
