//! One attempt: builds the body, signs it, posts it, and reads the head of the response.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use change_feed::{ChangeStore, ChangeSubject};
use domain::Clock;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::address::{AddressPolicy, is_forbidden};
use crate::delivery::{AttemptOutcome, LoggedHeader, WebhookAttempt, WebhookDelivery};
use crate::webhook::{Webhook, WebhookInclude, WebhookOwner};

/// Response headers that are logged.
const LOGGED_HEADERS: &[&str] =
    &["content-length", "content-type", "date", "location", "retry-after", "server", "x-request-id"];
/// Most characters of a logged header.
const MAX_LOGGED_CHARS: usize = 200;
/// Seconds by which the clock of a receiver may differ (Standard Webhooks, "Verifying webhook authenticity").
const CLOCK_TOLERANCE: i64 = 300;

/// The objects that messages are about.
#[async_trait]
pub trait WebhookObjects: Send + Sync {
    /// Returns the global id of an object.
    fn id(&self, subject: &ChangeSubject) -> String;

    /// Returns the cache tags of responses that contain the object, for owners of an edge that is not purged directly. Empty for
    /// objects that no edge stores.
    fn cache_tags(&self, subject: &ChangeSubject) -> Vec<String>;

    /// Returns false if the owner is a caller of the configuration that was taken out of it: nothing is sent as it.
    fn is_known(&self, owner: &WebhookOwner) -> bool;

    /// Loads an object as the owner of a webhook may see it, without codes of tickets and data of buyers. `None` if it does not exist
    /// for the owner or cannot be loaded.
    async fn load(&self, owner: &WebhookOwner, subject: &ChangeSubject) -> Option<Value>;
}

/// Sends messages. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    /// Client that follows no redirect, and resolves names with the same policy.
    pub client: Client,
    /// Addresses that may be called.
    pub policy: AddressPolicy,
    /// Time limit of a request, and of loading the object for it.
    pub timeout: Duration,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Objects of the bodies.
    pub objects: Arc<dyn WebhookObjects>,
    /// Feed of the changes, for its cursors.
    pub feed: Arc<dyn ChangeStore>,
}

/// Head of a response.
struct ResponseHead {
    status: StatusCode,
    headers: HeaderMap,
}

impl Sender {
    /// Makes an attempt. It takes twice the time limit at most. One that panics is a failure as well.
    pub async fn attempt(&self, webhook: &Webhook, delivery: &WebhookDelivery) -> WebhookAttempt {
        let at = self.clock.now();
        match AssertUnwindSafe(self.try_attempt(webhook, delivery)).catch_unwind().await {
            Ok(attempt) => attempt,
            Err(_) => {
                tracing::error!(webhook = webhook.key.0, "an attempt of a webhook panicked");
                let (request, response) = (Vec::new(), Vec::new());
                let outcome = AttemptOutcome::Unreachable;
                WebhookAttempt { at, duration_ms: 0, outcome, status: None, request, response }
            }
        }
    }

    async fn try_attempt(&self, webhook: &Webhook, delivery: &WebhookDelivery) -> WebhookAttempt {
        let body = self.body(webhook, delivery).await;
        let (at, started_at) = (self.clock.now(), Instant::now());
        let request = signed_headers(webhook, &delivery.message, at, body.as_bytes());
        let result = match self.policy.check_url(webhook.url.expose_secret()) {
            Err(_) => Err(AttemptOutcome::ForbiddenAddress),
            Ok(url) => {
                let mut builder = self.client.post(url);
                for (name, value) in &request {
                    builder = builder.header(name, value);
                }
                let response = timeout_at(started_at + self.timeout, builder.body(body).send()).await;
                match response {
                    Err(_) => Err(AttemptOutcome::TimedOut),
                    Ok(Err(error)) => Err(failure(&error)),
                    // The body is not read, whatever its length.
                    Ok(Ok(response)) => {
                        Ok(ResponseHead { status: response.status(), headers: response.headers().clone() })
                    }
                }
            }
        };
        let duration_ms = u64::try_from(started_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (outcome, status, response) = match result {
            Err(outcome) => (outcome, None, Vec::new()),
            Ok(head) => {
                (outcome_of(&head, self.clock.now()), Some(head.status.as_u16()), logged_headers(&head.headers))
            }
        };
        WebhookAttempt { at, duration_ms, outcome, status, request, response }
    }

    async fn body(&self, webhook: &Webhook, delivery: &WebhookDelivery) -> String {
        let id = delivery.subject.as_ref().map(|subject| self.objects.id(subject));
        let tags = delivery.subject.as_ref().map(|subject| self.objects.cache_tags(subject)).unwrap_or_default();
        // Fails only for a broken key, without which there is no feed.
        let cursor = delivery.position.and_then(|position| self.feed.encode_cursor(position).ok());
        let object = match (&delivery.subject, webhook.include) {
            (Some(subject), WebhookInclude::Full) => {
                let loading = self.objects.load(&webhook.owner, subject);
                Some(tokio::time::timeout(self.timeout, loading).await.ok().flatten().unwrap_or(Value::Null))
            }
            _ => None,
        };
        delivery.body(id.as_deref(), cursor.as_deref(), &tags, object)
    }
}

/// Returns the headers of a request, with a signature of each key that is in use.
fn signed_headers(webhook: &Webhook, message: &str, at: Timestamp, body: &[u8]) -> Vec<LoggedHeader> {
    let timestamp = at.as_second();
    let previous = webhook.previous.iter().filter(|previous| at < previous.until).map(|previous| &previous.key);
    let keys = std::iter::once(&webhook.signing).chain(previous);
    let signatures: Vec<String> = keys.filter_map(|key| key.sign(message, timestamp, body)).collect();
    vec![
        (CONTENT_TYPE.as_str().to_owned(), "application/json".to_owned()),
        (HEADER_WEBHOOK_ID.to_owned(), message.to_owned()),
        (HEADER_WEBHOOK_TIMESTAMP.to_owned(), timestamp.to_string()),
        (HEADER_WEBHOOK_SIGNATURE.to_owned(), signatures.join(" ")),
    ]
}

/// Classifies an error of the client, whose text contains the URL.
fn failure(error: &reqwest::Error) -> AttemptOutcome {
    match error {
        error if is_forbidden(error) => AttemptOutcome::ForbiddenAddress,
        error if error.is_timeout() => AttemptOutcome::TimedOut,
        _ => AttemptOutcome::Unreachable,
    }
}

fn outcome_of(head: &ResponseHead, now: Timestamp) -> AttemptOutcome {
    match head.status {
        status if status.is_success() => AttemptOutcome::Accepted,
        status if status.is_redirection() => AttemptOutcome::Redirected,
        StatusCode::GONE => AttemptOutcome::Gone,
        status if status.is_client_error() && clock_differs(&head.headers, now) => AttemptOutcome::ClockDiffers,
        _ => AttemptOutcome::Refused,
    }
}

/// Returns true if the clock of the receiver differs from ours so much that it refuses our signatures.
fn clock_differs(headers: &HeaderMap, now: Timestamp) -> bool {
    let date = headers.get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp());
    date.is_some_and(|date| (date.as_second() - now.as_second()).abs() > CLOCK_TOLERANCE)
}

/// Returns the origin of a URL; "/" of a relative one.
fn origin_of(location: &str) -> String {
    Url::parse(location).map_or_else(|_| "/".to_owned(), |url| url.origin().ascii_serialization())
}

fn logged_headers(headers: &HeaderMap) -> Vec<LoggedHeader> {
    let logged = LOGGED_HEADERS.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        // Path and query may contain the key of the destination.
        let value = if *name == "location" { origin_of(value) } else { value.to_owned() };
        Some(((*name).to_owned(), value.chars().take(MAX_LOGGED_CHARS).collect()))
    });
    logged.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_location_has_neither_path_nor_query() {
        for (location, logged) in
            [("https://hooks.example.com/key-1?token=key-2", "https://hooks.example.com"), ("/key-1", "/")]
        {
            let headers =
                HeaderMap::from_iter([("location".parse().expect("a name"), location.parse().expect("a value"))]);
            assert_eq!(logged_headers(&headers), [("location".to_owned(), logged.to_owned())]);
        }
    }
}
