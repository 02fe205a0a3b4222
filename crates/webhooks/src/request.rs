//! Requests of callers, and their outcomes.

use serde::Serialize;

use crate::webhook::{Webhook, WebhookEventType, WebhookInclude, WebhookKey, WebhookSignature, WebhookState};
use secrecy::SecretString;

/// New webhook.
#[derive(Debug, Clone, Serialize)]
pub struct CreateWebhook {
    /// Idempotency key.
    #[serde(skip)]
    pub key: String,
    /// URL of the destination.
    pub url: String,
    /// Types of events.
    pub events: Vec<WebhookEventType>,
    /// Content of bodies.
    pub include: WebhookInclude,
    /// Scheme of the signatures.
    pub signature: WebhookSignature,
}

/// Change of a webhook. `None` leaves a value as it is.
#[derive(Debug, Clone, Serialize)]
pub struct UpdateWebhook {
    /// Idempotency key.
    #[serde(skip)]
    pub key: String,
    /// The webhook.
    #[serde(skip)]
    pub webhook: WebhookKey,
    /// URL of the destination.
    pub url: Option<String>,
    /// Types of events.
    pub events: Option<Vec<WebhookEventType>>,
    /// Content of bodies.
    pub include: Option<WebhookInclude>,
    /// State.
    pub state: Option<WebhookState>,
}

/// Expected failure of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookProblem {
    /// The caller has no such webhook.
    NotFound,
    /// The idempotency key is empty or too long.
    InvalidKey,
    /// The idempotency key was used for another request.
    KeyReused,
    /// The URL cannot be a destination, or has a private address.
    InvalidUrl,
    /// The list of event types is empty.
    NoEvents,
    /// The cursor was not issued for the feed.
    InvalidCursor,
    /// The owner has as many webhooks as allowed.
    LimitReached,
    /// The configuration defines it.
    Configured,
    /// It was changed at the same time, again and again.
    Conflict,
}

/// Outcome of a request.
#[derive(Debug, Clone, Default)]
pub struct WebhookOutcome {
    /// The webhook after the request. `None` if it was deleted, or there is none.
    pub webhook: Option<Webhook>,
    /// New shared secret. It is returned once.
    pub secret: Option<SecretString>,
    /// Expected failure.
    pub problem: Option<WebhookProblem>,
    /// True if the idempotency key was used before.
    pub is_replayed: bool,
}

impl WebhookOutcome {
    /// Returns true if the request has taken effect now.
    pub fn is_new(&self) -> bool {
        self.problem.is_none() && !self.is_replayed
    }

    pub(crate) fn rejected(problem: WebhookProblem) -> Self {
        Self { problem: Some(problem), ..Self::default() }
    }
}
