//! The log of deliveries of a webhook.

use async_graphql::{Enum, ID, Object, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use webhooks::Webhooks;
use webhooks::delivery::{LoggedHeader, WebhookAttempt, WebhookDelivery, WebhookDeliveryState};
use webhooks::store::LogPlace;

use crate::graphql::base::error::ApiError;
use crate::graphql::base::page::PageInfo;
use crate::graphql::base::scalars::{DateTime, int};
use crate::graphql::topics::feed::node_id;

/// Begin of each cursor.
const CURSOR: &str = "1w";

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "WebhookDeliveryState", remote = "WebhookDeliveryState")]
enum WebhookDeliveryStateEnum {
    /// Not accepted yet. It is sent again.
    Pending,
    /// Accepted with a status 2xx.
    Delivered,
    /// Not accepted and not sent again: a test message, one that was refused for the longest time while others were accepted, or one in
    /// whose place a newer one waits.
    Failed,
}

/// Outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "WebhookAttemptOutcome", remote = "webhooks::delivery::AttemptOutcome")]
enum WebhookAttemptOutcome {
    /// Status 2xx.
    Accepted,
    /// Another status.
    Refused,
    /// Another status, from a receiver whose clock differs by more than five minutes: it refuses the signatures.
    ClockDiffers,
    /// Status 3xx. Redirects are not followed.
    Redirected,
    /// Status 410. The webhook is disabled.
    Gone,
    /// No response in time.
    TimedOut,
    /// No connection, or it broke.
    Unreachable,
    /// The address is not one of the public internet.
    ForbiddenAddress,
}

/// A header of HTTP.
#[derive(Clone, SimpleObject)]
struct HttpHeader {
    /// The name in lower case.
    name: String,
    /// The value, at most 200 characters.
    value: String,
}

fn headers(logged: &[LoggedHeader]) -> Vec<HttpHeader> {
    logged.iter().map(|(name, value)| HttpHeader { name: name.clone(), value: value.clone() }).collect()
}

/// An attempt to send a message.
#[derive(SimpleObject)]
#[graphql(name = "WebhookAttempt")]
struct WebhookAttemptRow {
    /// Time of the request.
    at: DateTime,
    /// Time until the response or the failure, in milliseconds.
    duration_ms: i32,
    /// The outcome.
    outcome: WebhookAttemptOutcome,
    /// Status of the response. Null without a response.
    status: Option<i32>,
    /// Headers of the request.
    request_headers: Vec<HttpHeader>,
    /// Headers of the response: `content-length`, `content-type`, `date`, `location` without path and query, `retry-after`, `server` and `x-request-id`.
    response_headers: Vec<HttpHeader>,
}

impl WebhookAttemptRow {
    fn of(attempt: &WebhookAttempt) -> Self {
        Self {
            at: DateTime::utc(attempt.at),
            duration_ms: int(u32::try_from(attempt.duration_ms).unwrap_or(u32::MAX)),
            outcome: attempt.outcome.into(),
            status: attempt.status.map(i32::from),
            request_headers: headers(&attempt.request),
            response_headers: headers(&attempt.response),
        }
    }
}

/// A message to a webhook.
#[derive(Clone)]
pub(super) struct WebhookMessage {
    delivery: WebhookDelivery,
    cursor: Option<String>,
}

/// A message to a webhook.
#[Object(name = "WebhookDelivery")]
impl WebhookMessage {
    /// The header `webhook-id`, the same for each attempt and replay.
    async fn message_id(&self) -> &str {
        &self.delivery.message
    }

    /// The `type` of the body, for example `order.updated`.
    async fn r#type(&self) -> &str {
        self.delivery.wire_type()
    }

    /// The id of the object. Null in a test message.
    async fn object_id(&self) -> Option<ID> {
        self.delivery.subject.as_ref().map(node_id)
    }

    /// The version of the object. Null in a test message.
    async fn version(&self) -> Option<i32> {
        self.delivery.subject.as_ref()?;
        Some(int(u32::try_from(self.delivery.version).unwrap_or(u32::MAX)))
    }

    /// The cursor of the change in the feed, for `replayWebhook`. Null in a test message.
    async fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Time of the change.
    async fn changed_at(&self) -> DateTime {
        DateTime::utc(self.delivery.at)
    }

    /// The state.
    async fn state(&self) -> WebhookDeliveryStateEnum {
        self.delivery.state.into()
    }

    /// Number of attempts so far.
    async fn attempt_count(&self) -> i32 {
        int(self.delivery.attempts)
    }

    /// Earliest time of the next attempt. Null if none follows. Messages about one order wait for each other.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        let is_pending = self.delivery.state == WebhookDeliveryState::Pending;
        is_pending.then(|| DateTime::utc(self.delivery.next_attempt_at))
    }

    /// The last ten attempts, oldest first.
    async fn attempts(&self) -> Vec<WebhookAttemptRow> {
        self.delivery.log.iter().map(WebhookAttemptRow::of).collect()
    }
}

/// A page of the log of deliveries, newest first.
pub(super) struct WebhookDeliveryConnection {
    rows: Vec<WebhookMessage>,
    has_next: bool,
    has_previous: bool,
}

impl WebhookDeliveryConnection {
    /// Creates a page of `rows` messages of a list that has one more if others follow.
    pub(super) fn of(
        webhooks: &Webhooks,
        mut found: Vec<WebhookDelivery>,
        rows: usize,
        has_previous: bool,
    ) -> Result<Self, ApiError> {
        let has_next = found.len() > rows;
        found.truncate(rows);
        let message =
            |delivery: WebhookDelivery| Ok(WebhookMessage { cursor: webhooks.cursor_of(&delivery)?, delivery });
        let rows: Result<_, ApiError> = found.into_iter().map(message).collect();
        Ok(Self { rows: rows?, has_next, has_previous })
    }
}

/// A page of the log of deliveries, newest first.
#[Object]
impl WebhookDeliveryConnection {
    /// The messages with their cursors.
    async fn edges(&self) -> Vec<WebhookDeliveryEdge> {
        self.rows.iter().map(|row| WebhookDeliveryEdge { cursor: encode_place(row), node: row.clone() }).collect()
    }

    /// The messages.
    async fn nodes(&self) -> Vec<WebhookMessage> {
        self.rows.clone()
    }

    /// Paging information.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.has_next,
            has_previous_page: self.has_previous,
            start_cursor: self.rows.first().map(encode_place),
            end_cursor: self.rows.last().map(encode_place),
        }
    }
}

/// A message with its cursor in the log.
#[derive(SimpleObject)]
pub(super) struct WebhookDeliveryEdge {
    /// The cursor of the message in the log. Not one of the feed.
    cursor: String,
    /// The message.
    node: WebhookMessage,
}

fn encode_place(row: &WebhookMessage) -> String {
    let at = row.delivery.created_at.as_nanosecond();
    URL_SAFE_NO_PAD.encode(format!("{CURSOR} {at} {}", row.delivery.message))
}

/// Returns the place of a cursor in the log, or `None` if it is none.
pub(super) fn decode_place(cursor: &str) -> Option<LogPlace> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let rest = std::str::from_utf8(&bytes).ok()?.strip_prefix(CURSOR)?.strip_prefix(' ')?;
    let (at, message) = rest.split_once(' ')?;
    Some((Timestamp::from_nanosecond(at.parse().ok()?).ok()?, message.to_owned()))
}
