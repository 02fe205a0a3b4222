//! What is counted of requests and operations. Labels are closed lists: what a stranger sends becomes none.

use async_graphql::{Response as Answer, ServerError, Value};
use async_graphql_parser::types::OperationType;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, poll_fn};
use metrics::{SharedString, counter, gauge, histogram};
use tokio::time::Instant;
use tracing::{Instrument, Span};

use crate::gateway::engine::Outcome;
use crate::gateway::hardening::protect;
use crate::gateway::request_id::{self, RequestId};
use telemetry::{attribute, continue_trace, rename};

/// Names of operations are whatever a client likes: so much of them goes into traces, and nothing into metrics.
const LONGEST_NAME: usize = 80;

/// The methods that are told apart; all others are one (`http.request.method` of the semantic conventions).
const METHODS: [Method; 9] = [
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

/// What stands around every request: it is given its id, counted from its headers to the begin of its answer, and everything it does
/// is put into one span; its answer tells the id and protects browsers. One layer, since each costs a copy of all that are inside.
pub async fn layer(mut request: Request, next: Next) -> Response {
    let method = METHODS.iter().find(|known| *known == request.method()).map_or("_OTHER", known_name);
    let path = request.extensions().get::<MatchedPath>().cloned();
    let id = request_id::of(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let _active = Active::new("http_server_active_requests", Some(method));
    let begun = Instant::now();
    let route = path.map_or(SharedString::const_str("unmatched"), |path| path.as_str().to_owned().into());
    let span = span(&id, method, &route, request.headers());
    let mut response = next.run(request).instrument(span.clone()).await;
    attribute(&span, "http.response.status_code", i64::from(response.status().as_u16()));
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    let labels = [
        ("http_request_method", SharedString::const_str(method)),
        ("http_route", route),
        ("http_response_status_code", response.status().as_str().to_owned().into()),
    ];
    histogram!("http_server_request_duration_seconds", &labels).record(begun.elapsed().as_secs_f64());
    protect(response.headers_mut());
    request_id::tell(&id, response.headers_mut());
    response
}

/// The span of a request; of the trace that its caller began, where it brings one. Spans that say whose work a line belongs to are
/// at the level of errors, so that they are there whichever lines are kept.
fn span(id: &str, method: &str, route: &str, headers: &HeaderMap) -> Span {
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
    attribute(&span, "http.request.method", method.to_owned());
    attribute(&span, "http.route", route.to_owned());
    span
}

/// The span of one operation.
pub fn operation_span() -> Span {
    tracing::info_span!("operation")
}

fn known_name(method: &'static Method) -> &'static str {
    method.as_str()
}

/// Something that is open as long as this lives.
pub struct Active(metrics::Gauge);

impl Active {
    fn new(name: &'static str, method: Option<&'static str>) -> Self {
        let gauge = match method {
            Some(method) => gauge!(name, "http_request_method" => method),
            None => gauge!(name),
        };
        gauge.increment(1.0);
        Self(gauge)
    }

    /// A WebSocket.
    pub fn socket() -> Self {
        Self::new("ticketgraph_websocket_connections", None)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// One operation of GraphQL, from its parameters to its answer. One that nobody waits for any more ends as `abandoned`.
pub struct Running {
    begun: Instant,
    kind: &'static str,
    outcome: &'static str,
}

impl Running {
    /// An operation of which nothing is known yet.
    pub fn begin() -> Self {
        Self { begun: Instant::now(), kind: "unknown", outcome: "abandoned" }
    }

    /// What kind it is.
    pub fn is(&mut self, kind: OperationType, name: Option<&str>) {
        self.kind = match kind {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        };
        let span = Span::current();
        rename(&span, self.kind);
        attribute(&span, "graphql.operation.type", self.kind);
        if let Some(name) = name {
            attribute(&span, "graphql.operation.name", name.chars().take(LONGEST_NAME).collect::<String>());
        }
    }

    /// How it ended.
    pub fn end(mut self, outcome: &Outcome) {
        self.outcome = match outcome {
            Outcome::Answer(answer) => count_errors(answer),
            Outcome::Ready(_) | Outcome::Stream(_) => "ok",
            Outcome::Refused(refusal) => {
                counter!("ticketgraph_operations_refused_total", "code" => refusal.code.as_str()).increment(1);
                "refused"
            }
        };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let labels = [("operation_type", self.kind), ("outcome", self.outcome)];
        histogram!("ticketgraph_operation_duration_seconds", &labels).record(self.begun.elapsed().as_secs_f64());
    }
}

/// Events of a subscription, told in a span of their own: they go on long after the request that asked for them is answered.
pub fn watched(events: BoxStream<'static, Answer>, request_id: &str) -> BoxStream<'static, Answer> {
    let span = tracing::error_span!(parent: None, "subscription", request_id);
    span.follows_from(Span::current());
    let (open, mut events) = (Active::new("ticketgraph_subscriptions", None), events);
    let told = poll_fn(move |context| {
        let (_in, _open) = (span.enter(), &open);
        events.poll_next_unpin(context)
    });
    told.inspect(count_event).boxed()
}

fn count_event(event: &Answer) {
    count_errors(event);
}

/// Counts the errors of an answer.
fn count_errors(answer: &Answer) -> &'static str {
    for error in &answer.errors {
        counter!("ticketgraph_operation_errors_total", "code" => code(error)).increment(1);
    }
    if answer.errors.is_empty() { "ok" } else { "errors" }
}

/// The code of an error. All come from one closed list.
fn code(error: &ServerError) -> String {
    match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => code.clone(),
        _ => "NONE".to_owned(),
    }
}
