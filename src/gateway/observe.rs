//! Metrics and spans of requests and operations. Label values come from closed lists, so clients cannot create new
//! series.

use std::sync::Arc;

use async_graphql::{Response as GraphqlResponse, ServerError, Value};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, Method, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, poll_fn};
use metrics::{Histogram, SharedString, counter, gauge, histogram};
use tokio::time::Instant;
use tracing::{Instrument, Span};

use crate::gateway::edge::Shareable;
use crate::gateway::operation::OperationOutcome;
use crate::gateway::request_id::{self, RequestId};
use crate::gateway::response_headers::finish_headers;
use crate::gateway::state::AppState;
use crate::graphql::operation::OperationType;
use telemetry::{continue_trace, rename_span, set_attribute};

/// Clients choose operation names freely: their length in traces is limited, and metrics omit them.
const MAX_OPERATION_NAME: usize = 80;

/// Methods with a label value of their own; all others are `_OTHER` (OpenTelemetry `http.request.method`).
const KNOWN_METHODS: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::HEAD,
    Method::OPTIONS,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::TRACE,
    Method::CONNECT,
];

/// Assigns the request id, records duration and span of a request, and adds the request id and the security headers to
/// the response. This is a single layer because every layer copies the whole inner service.
pub async fn observe_request(State(state): State<Arc<AppState>>, mut request: Request, next: Next) -> Response {
    let method = KNOWN_METHODS.iter().find(|known| *known == request.method()).map_or("_OTHER", method_name);
    let path = request.extensions().get::<MatchedPath>().cloned();
    let id = request_id::from_headers(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let _active = ActiveGauge::new("http_server_active_requests", Some(method));
    let started = Instant::now();
    let route = path.map_or(SharedString::const_str("unmatched"), |path| path.as_str().to_owned().into());
    let span = request_span(&id, method, &route, request.headers());
    let mut response = if has_one_host(&request) {
        next.run(request).instrument(span.clone()).await
    } else {
        (StatusCode::BAD_REQUEST, "send exactly one Host header\n").into_response()
    };
    set_attribute(&span, "http.response.status_code", i64::from(response.status().as_u16()));
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    request_duration(method, route, response.status()).record(started.elapsed().as_secs_f64());
    // A response for shared caches has no header of one request.
    let is_shareable = response.extensions().get::<Shareable>().is_some();
    finish_headers(response.headers_mut(), (!is_shareable).then_some(&id), state.serves_tls);
    response
}

/// Returns the histogram of the durations of requests, in seconds.
pub fn request_duration(method: &'static str, route: SharedString, status: StatusCode) -> Histogram {
    let labels = [
        ("http_request_method", SharedString::const_str(method)),
        ("http_route", route),
        ("http_response_status_code", status.as_str().to_owned().into()),
    ];
    histogram!("http_server_request_duration_seconds", &labels)
}

/// Returns the histogram of the durations of operations, in seconds.
pub fn operation_duration(operation_type: &'static str, outcome: &'static str) -> Histogram {
    let labels = [("operation_type", operation_type), ("outcome", outcome)];
    histogram!("ticketgraph_operation_duration_seconds", &labels)
}

/// Returns true unless a request of HTTP/1.1 has no or several `Host` headers (RFC 9112 §3.2).
pub fn has_one_host<B>(request: &axum::http::Request<B>) -> bool {
    request.version() != Version::HTTP_11 || request.headers().get_all(HOST).iter().count() == 1
}

/// Creates the span of a request, as a child of the trace in `traceparent` if the client sends one. The span has the
/// level `error`, so that the context of log lines is present at every log level.
fn request_span(id: &str, method: &str, route: &str, headers: &HeaderMap) -> Span {
    let name = format!("{method} {route}");
    let span = tracing::error_span!(
        "request",
        request_id = id,
        otel.kind = "server",
        otel.name = name,
        otel.status_code = tracing::field::Empty
    );
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(traceparent) = text("traceparent") {
        continue_trace(&span, traceparent, text("tracestate"));
    }
    set_attribute(&span, "http.request.method", method.to_owned());
    set_attribute(&span, "http.route", route.to_owned());
    span
}

/// Creates the span of an operation.
pub fn operation_span() -> Span {
    tracing::info_span!("operation", otel.status_code = tracing::field::Empty)
}

fn method_name(method: &'static Method) -> &'static str {
    method.as_str()
}

/// Increments a gauge while it lives.
pub struct ActiveGauge(metrics::Gauge);

impl ActiveGauge {
    fn new(name: &'static str, method: Option<&'static str>) -> Self {
        let gauge = match method {
            Some(method) => gauge!(name, "http_request_method" => method),
            None => gauge!(name),
        };
        gauge.increment(1.0);
        Self(gauge)
    }

    /// Counts an open WebSocket.
    pub fn socket() -> Self {
        Self::new("ticketgraph_websocket_connections", None)
    }
}

impl Drop for ActiveGauge {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Records the duration and outcome of one operation. An operation that is dropped before its end counts as
/// `abandoned`.
pub struct OperationObserver {
    started: Instant,
    operation_type: &'static str,
    outcome: &'static str,
}

impl OperationObserver {
    /// Starts with an unknown operation type.
    pub fn start() -> Self {
        Self { started: Instant::now(), operation_type: "unknown", outcome: "abandoned" }
    }

    /// Sets type and name of the operation.
    pub fn set_operation(&mut self, operation_type: OperationType, name: Option<&str>) {
        self.operation_type = match operation_type {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        };
        let span = Span::current();
        rename_span(&span, self.operation_type);
        set_attribute(&span, "graphql.operation.type", self.operation_type);
        if let Some(name) = name {
            set_attribute(&span, "graphql.operation.name", name.chars().take(MAX_OPERATION_NAME).collect::<String>());
        }
    }

    /// Records the outcome, also in the span of the operation.
    pub fn finish(mut self, outcome: &OperationOutcome, span: &Span) {
        let has_failed = match outcome {
            OperationOutcome::Response(response) | OperationOutcome::Deferred(response, _) => {
                !response.errors.is_empty()
            }
            OperationOutcome::Rejected(_) => true,
            OperationOutcome::Cached(_) | OperationOutcome::Stream(_) => false,
        };
        if has_failed {
            span.record("otel.status_code", "ERROR");
        }
        self.outcome = match outcome {
            OperationOutcome::Response(response) | OperationOutcome::Deferred(response, _) => {
                count_errors(&response.errors)
            }
            OperationOutcome::Cached(_) | OperationOutcome::Stream(_) => "ok",
            OperationOutcome::Rejected(rejection) => {
                counter!("ticketgraph_operations_rejected_total", "code" => rejection.code.as_str()).increment(1);
                "rejected"
            }
        };
    }
}

impl Drop for OperationObserver {
    fn drop(&mut self) {
        operation_duration(self.operation_type, self.outcome).record(self.started.elapsed().as_secs_f64());
    }
}

/// Runs the events of a subscription in a span of their own, because they outlive the request.
pub fn observe_stream(
    events: BoxStream<'static, GraphqlResponse>,
    request_id: &str,
) -> BoxStream<'static, GraphqlResponse> {
    let span = tracing::error_span!(parent: None, "subscription", request_id);
    span.follows_from(Span::current());
    let (open, mut events) = (ActiveGauge::new("ticketgraph_subscriptions", None), events);
    let spans = poll_fn(move |context| {
        let (_in, _open) = (span.enter(), &open);
        events.poll_next_unpin(context)
    });
    spans.inspect(count_event).boxed()
}

fn count_event(event: &GraphqlResponse) {
    count_errors(&event.errors);
}

/// Counts the errors of a response and returns its outcome label.
pub fn count_errors(errors: &[ServerError]) -> &'static str {
    for error in errors {
        counter!("ticketgraph_operation_errors_total", "code" => error_code(error)).increment(1);
    }
    if errors.is_empty() { "ok" } else { "errors" }
}

/// Returns the code of an error, one of a closed list.
fn error_code(error: &ServerError) -> String {
    match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => code.clone(),
        _ => "NONE".to_owned(),
    }
}
