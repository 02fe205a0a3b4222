//! Webhooks that vendors send: `GET` and `POST /hooks/{source}/{secret}`.
//!
//! A vendor that cannot authenticate its requests gets a secret path. Everything else about a request is a hint: a receiver takes
//! the number of an order from it, and the response is the same whether that order is known or not. A wrong secret, an unknown source
//! and a source without webhooks get the same response as an unknown path. The path appears in no log, span or metric.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::gateway::concurrency_limit::LoadShed;
use crate::gateway::rejection::not_found;
use crate::gateway::state::AppState;

/// Route with the placeholders of the source and its secret.
pub const ROUTE: &str = "/hooks/{source}/{secret}";

/// Result of a request with the right secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Reception {
    /// The request names an order.
    Accepted,
    /// The request names an order, but too many wait.
    Dropped,
    /// The request names no order.
    Unreadable,
}

/// Takes the hints of one source.
pub trait HintReceiver: Send + Sync {
    /// Takes what a request names. Returns at once and calls nobody.
    fn receive(&self, query: &str, body: &[u8]) -> Reception;
}

/// A source that takes webhooks.
pub struct IncomingWebhook {
    /// Name of the source.
    source: String,
    /// Digest of its name and its secret; the secret itself is not stored.
    sha256: [u8; 32],
    receiver: Arc<dyn HintReceiver>,
}

impl IncomingWebhook {
    /// Creates the webhook of a source.
    pub fn new(source: &str, secret: &str, receiver: Arc<dyn HintReceiver>) -> Self {
        Self { source: source.to_owned(), sha256: digest(source, secret), receiver }
    }
}

/// Sources that take webhooks, and the limits of their requests.
#[derive(Default)]
pub struct IncomingWebhooks {
    /// Sources.
    pub sources: Vec<IncomingWebhook>,
    /// Largest body in bytes.
    pub body_limit: usize,
    /// Requests of one source in a minute.
    pub requests_per_minute: u32,
}

impl IncomingWebhooks {
    /// Compares a path with that of every source in constant time, so that response times reveal nothing about a secret.
    fn find(&self, source: &str, secret: &str) -> Option<&IncomingWebhook> {
        let presented = digest(source, secret);
        let mut found = None;
        for webhook in &self.sources {
            if aws_lc_rs::constant_time::verify_slices_are_equal(&presented, &webhook.sha256).is_ok() {
                found = Some(webhook);
            }
        }
        found
    }
}

fn digest(source: &str, secret: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(source.as_bytes());
    // Names of sources do not contain it.
    digest.update([0]);
    digest.update(secret.as_bytes());
    digest.finalize().into()
}

/// `GET` and `POST /hooks/{source}/{secret}`: responds with 204 to every request that names an order.
pub async fn serve(
    State(state): State<Arc<AppState>>,
    Extension(load_shed): Extension<LoadShed>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let webhooks = &state.incoming_webhooks;
    let Ok(Path((source, secret))) = path else { return not_found() };
    let Some(webhook) = webhooks.find(&source, &secret) else { return not_found() };
    let (outcome, mut response) = receive(&state, webhook, &load_shed, request).await;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let labels = [("source", webhook.source.clone()), ("outcome", outcome.to_owned())];
    metrics::counter!("ticketgraph_incoming_webhooks_total", &labels).increment(1);
    response
}

/// Counts and reads a request. Returns its outcome and the response.
async fn receive(
    state: &AppState,
    webhook: &IncomingWebhook,
    load_shed: &LoadShed,
    request: Request,
) -> (&'static str, Response) {
    let webhooks = &state.incoming_webhooks;
    // No caller has a name with spaces.
    let name = format!("incoming webhook {}", webhook.source);
    let status = state.pipeline.rate_limiter().count_requests(&name, 1, webhooks.requests_per_minute).await;
    if status.is_exceeded() {
        let headers = [(RETRY_AFTER, HeaderValue::from(status.resets_in))];
        return ("rate_limited", (StatusCode::TOO_MANY_REQUESTS, headers, "too many requests\n").into_response());
    }
    let (parts, body) = request.into_parts();
    let body = match load_shed.read_body(body, webhooks.body_limit).await {
        Ok(body) => body,
        Err(rejection) if rejection.status == StatusCode::PAYLOAD_TOO_LARGE => {
            return ("too_large", (rejection.status, "the body is too large\n").into_response());
        }
        Err(rejection) => return ("incomplete", (rejection.status, "the body did not arrive\n").into_response()),
    };
    let reception = webhook.receiver.receive(parts.uri.query().unwrap_or_default(), &body);
    let response = match reception {
        Reception::Accepted | Reception::Dropped => StatusCode::NO_CONTENT.into_response(),
        Reception::Unreadable => (StatusCode::BAD_REQUEST, "no number of an order was found\n").into_response(),
    };
    (reception.into(), response)
}
