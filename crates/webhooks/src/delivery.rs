//! A delivery: one message to one webhook, with its attempts and its body.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use change_feed::ChangeSubject;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strum::{EnumString, IntoStaticStr};

use crate::webhook::{Webhook, WebhookEventType, WebhookKey};

/// Bytes of the id of a message.
const ID_BYTES: usize = 16;
/// Type of a test message.
pub const TEST_TYPE: &str = "webhook.test";
/// Attempts of a message that are logged: the last ones.
pub const LOGGED_ATTEMPTS: usize = 10;

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookDeliveryState {
    /// Not accepted yet.
    Pending,
    /// Accepted with a status 2xx.
    Delivered,
    /// Given up: a test message, one that was refused for the longest time while others were accepted, or one in whose place a newer one
    /// waits.
    Failed,
}

/// Outcome of an attempt. Contains no text of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AttemptOutcome {
    /// Status 2xx.
    Accepted,
    /// Another status.
    Refused,
    /// Another status, and the clock of the receiver differs by more than receivers tolerate.
    ClockDiffers,
    /// Status 3xx. Redirects are not followed.
    Redirected,
    /// Status 410.
    Gone,
    /// No response in time.
    TimedOut,
    /// No connection, or it broke.
    Unreachable,
    /// The URL or the addresses of its host are forbidden.
    ForbiddenAddress,
}

impl AttemptOutcome {
    /// Label of the metric.
    pub fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::ClockDiffers => "clock_differs",
            Self::Redirected => "redirected",
            Self::Gone => "gone",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::ForbiddenAddress => "forbidden_address",
        }
    }
}

/// A header of a request or response.
pub type LoggedHeader = (String, String);

/// An attempt to send a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookAttempt {
    /// Time of the request.
    pub at: Timestamp,
    /// Time until the response or the failure, in milliseconds.
    pub duration_ms: u64,
    /// Outcome.
    pub outcome: AttemptOutcome,
    /// Status of the response.
    pub status: Option<u16>,
    /// Headers of the request, without secrets.
    pub request: Vec<LoggedHeader>,
    /// Headers of the response: those of a fixed list, shortened.
    pub response: Vec<LoggedHeader>,
}

/// A message to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// The webhook.
    pub webhook: WebhookKey,
    /// Id of the message, the same for each attempt and replay.
    pub message: String,
    /// Position of the change in the feed. `None` for a test message.
    pub position: Option<u64>,
    /// The changed object. `None` for a test message.
    pub subject: Option<ChangeSubject>,
    /// Version of the object.
    pub version: u64,
    /// Time of the change.
    pub at: Timestamp,
    /// Time at which the message was stored.
    pub created_at: Timestamp,
    /// State.
    pub state: WebhookDeliveryState,
    /// Number of attempts.
    pub attempts: u32,
    /// Time of the first attempt.
    pub first_attempt_at: Option<Timestamp>,
    /// Time of the next attempt.
    pub next_attempt_at: Timestamp,
    /// The last attempts.
    pub log: Vec<WebhookAttempt>,
}

impl WebhookDelivery {
    /// Returns the type of the message.
    pub fn wire_type(&self) -> &'static str {
        self.subject.as_ref().map_or(TEST_TYPE, |subject| WebhookEventType::of(subject.kind()).wire_name())
    }

    /// Returns the name of the queue in which it waits: messages about one order are sent one after another.
    pub fn lane(&self) -> String {
        match &self.subject {
            None => self.message.clone(),
            Some(subject) => match subject.order() {
                Some(order) => format!("order {order}"),
                // Always serializes. An empty name would only send more messages one after another.
                None => subject.to_text().unwrap_or_default(),
            },
        }
    }

    /// Records an attempt.
    pub fn record(&mut self, attempt: WebhookAttempt) {
        self.attempts = self.attempts.saturating_add(1);
        self.first_attempt_at.get_or_insert(attempt.at);
        if attempt.outcome == AttemptOutcome::Accepted {
            self.state = WebhookDeliveryState::Delivered;
        }
        if self.log.len() >= LOGGED_ATTEMPTS {
            self.log.remove(0);
        }
        self.log.push(attempt);
    }

    /// Writes the body. `id` is the node id of the object, `tags` are the cache tags of responses that contain it; `object` is the object
    /// itself, if it is included and was found.
    pub fn body(&self, id: Option<&str>, cursor: Option<&str>, tags: &[String], object: Option<Value>) -> String {
        let mut data = json!({});
        if self.subject.is_some() {
            data = json!({"id": id, "version": self.version, "cursor": cursor});
            if !tags.is_empty() {
                data["tags"] = json!(tags);
            }
            if let Some(object) = object {
                data["object"] = object;
            }
        }
        json!({"type": self.wire_type(), "timestamp": self.at.to_string(), "data": data}).to_string()
    }
}

/// Derives the id of a message from the webhook and from what it is about. Reveals no position, because the salt is secret.
pub(crate) fn message_id(webhook: &Webhook, about: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, webhook.salt.expose_secret().as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, about.as_bytes());
    format!("msg_{}", URL_SAFE_NO_PAD.encode(&tag.as_ref()[..ID_BYTES]))
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::OrderKey;

    use super::*;

    pub(crate) fn delivery(order: &str, position: u64) -> WebhookDelivery {
        WebhookDelivery {
            webhook: WebhookKey("w".to_owned()),
            message: format!("msg_{position}"),
            position: Some(position),
            subject: Some(ChangeSubject::Order(OrderKey::of_name(order))),
            version: position,
            at: Timestamp::UNIX_EPOCH,
            created_at: Timestamp::UNIX_EPOCH,
            state: WebhookDeliveryState::Pending,
            attempts: 0,
            first_attempt_at: None,
            next_attempt_at: Timestamp::UNIX_EPOCH,
            log: Vec::new(),
        }
    }

    fn attempt(second: i64) -> WebhookAttempt {
        let at = Timestamp::from_second(second).expect("a time");
        let (request, response) = (Vec::new(), Vec::new());
        WebhookAttempt { at, duration_ms: 1, outcome: AttemptOutcome::Refused, status: Some(500), request, response }
    }

    #[test]
    fn a_body_has_type_time_id_version_and_cursor_and_the_object_on_request() {
        let body = delivery("a", 7).body(Some("id-1"), Some("c-7"), &[], None);
        assert_eq!(
            body,
            r#"{"data":{"cursor":"c-7","id":"id-1","version":7},"timestamp":"1970-01-01T00:00:00Z","type":"order.updated"}"#
        );
        let full: Value = serde_json::from_str(&delivery("a", 7).body(
            Some("id-1"),
            None,
            &["e-1".to_owned()],
            Some(json!({"number": "TG-1"})),
        ))
        .expect("JSON");
        assert_eq!((&full["data"]["object"]["number"], &full["data"]["tags"]), (&json!("TG-1"), &json!(["e-1"])));
        let test = WebhookDelivery { subject: None, position: None, ..delivery("a", 1) };
        assert_eq!(
            test.body(None, None, &[], None),
            r#"{"data":{},"timestamp":"1970-01-01T00:00:00Z","type":"webhook.test"}"#
        );
    }

    #[test]
    fn tickets_wait_behind_their_order_and_other_objects_do_not() {
        let order = OrderKey::of_name("a");
        let ticket = WebhookDelivery { subject: Some(ChangeSubject::Ticket { order, ticket: 0 }), ..delivery("a", 2) };
        assert_eq!(ticket.lane(), delivery("a", 1).lane());
        assert_ne!(ticket.lane(), delivery("b", 1).lane());
    }

    #[test]
    fn the_last_attempts_are_logged_and_all_are_counted() {
        let mut delivery = delivery("a", 1);
        (0..25).for_each(|second| delivery.record(attempt(second)));
        assert_eq!((delivery.attempts, delivery.log.len()), (25, LOGGED_ATTEMPTS));
        assert_eq!(delivery.log.last().map(|attempt| attempt.at.as_second()), Some(24));
        assert_eq!(delivery.first_attempt_at.map(Timestamp::as_second), Some(0));
    }
}
