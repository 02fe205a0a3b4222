//! What is counted of requests and operations. Labels are closed lists: what a stranger sends becomes none.

use async_graphql::{Response as Answer, ServerError, Value};
use async_graphql_parser::types::OperationType;
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use metrics::{SharedString, counter, gauge, histogram};
use tokio::time::Instant;

use crate::server::engine::Outcome;

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

/// Counts a request, from its headers to the begin of its answer.
pub async fn layer(request: Request, next: Next) -> Response {
    let method = METHODS.iter().find(|known| *known == request.method()).map_or("_OTHER", known_name);
    let path = request.extensions().get::<MatchedPath>().cloned();
    let _active = Active::new("http_server_active_requests", Some(method));
    let begun = Instant::now();
    let response = next.run(request).await;
    let route = path.map_or(SharedString::const_str("unmatched"), |path| path.as_str().to_owned().into());
    let labels = [
        ("http_request_method", SharedString::const_str(method)),
        ("http_route", route),
        ("http_response_status_code", response.status().as_str().to_owned().into()),
    ];
    histogram!("http_server_request_duration_seconds", &labels).record(begun.elapsed().as_secs_f64());
    response
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

    /// A subscription.
    pub fn subscription() -> Self {
        Self::new("ticketgraph_subscriptions", None)
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
    pub fn is(&mut self, kind: OperationType) {
        self.kind = match kind {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        };
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

/// Counts the errors of one event of a subscription that is open.
pub fn count_event(event: &Answer, _open: &Active) {
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
