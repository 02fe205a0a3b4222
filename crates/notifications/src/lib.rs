//! Notices to the operator when a stream of a delivery channel fails, and when a webhook was disabled: a webhook signed as in Standard Webhooks
//! (<https://www.standardwebhooks.com>), and an e-mail over SMTP.

mod email;
mod message;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use deliveries::notice::{StreamNotice, StreamNotifier};
use domain::Clock;
use domain::accounts::{AccountCheck, WriteProbes};
use resilience::{RetryPolicy, retry};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use webhooks::notice::{WebhookDisabled, WebhookNotifier};

use crate::email::EmailDestination;
pub use crate::email::{is_mailbox, is_smtp_url};
use crate::message::Message;
use crate::webhook::WebhookDestination;
pub use webhooks::is_webhook_secret;

/// Waits between the attempts of one notice. They are random, at most these. The settings bound their time.
const RETRIES: RetryPolicy = RetryPolicy {
    max_attempts: u32::MAX,
    initial_backoff: Duration::from_secs(1),
    max_backoff: Duration::from_secs(120),
    budget_percent: 0,
    budget_reserve: 0,
};
/// Sends at the same time. Streams are few and report at an interval, so more are waiting only if destinations hang.
const MAX_SENDS: usize = 32;

/// Destinations of notices.
#[derive(Debug, Clone)]
pub struct NotificationSettings {
    /// Webhook, if there is one.
    pub webhook: Option<WebhookSettings>,
    /// E-mail, if it is sent.
    pub email: Option<EmailSettings>,
    /// Time limit of one attempt.
    pub timeout: Duration,
    /// Time from the first attempt after which no other follows.
    pub max_attempts_for: Duration,
}

/// Address and secret of a webhook.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// URL. May contain a key, so it is a secret, too.
    pub url: SecretString,
    /// Key of the signatures, in base64, with or without `whsec_`.
    pub secret: SecretString,
}

/// Mail server and addresses.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// URL of the server, with user and password: `smtps://…`, or `smtp://…?tls=required` for STARTTLS.
    pub smtp_url: SecretString,
    /// Sender.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
}

/// Reason that a destination cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not valid")]
pub struct InvalidDestination(&'static str);

/// Failure of an attempt. Contains no text of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum SendError {
    /// No connection.
    #[error("no connection")]
    Unreachable,
    /// No response in time.
    #[error("no response in time")]
    Timeout,
    /// The certificate, or TLS itself, was refused.
    #[error("TLS failed")]
    Tls,
    /// HTTP status of a refusal.
    #[error("refused with status {0}")]
    Refused(u16),
    /// SMTP reply of a refusal (RFC 5321 §4.2.1).
    #[error("refused with reply {0}")]
    RefusedMail(u16),
    /// The message cannot be built or the response cannot be read.
    #[error("the message or the response is malformed")]
    Malformed,
}

impl SendError {
    /// Returns true if a later attempt may succeed.
    fn is_transient(self) -> bool {
        match self {
            Self::Unreachable | Self::Timeout => true,
            Self::Refused(status) => matches!(status, 408 | 429 | 500..=599),
            Self::RefusedMail(reply) => matches!(reply, 400..=499),
            Self::Tls | Self::Malformed => false,
        }
    }
}

enum Destination {
    Webhook(WebhookDestination),
    Email(EmailDestination),
}

impl Destination {
    /// Label of metrics and log lines.
    fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Email(_) => "email",
        }
    }

    async fn send(&self, message: &Message) -> Result<(), SendError> {
        match self {
            Self::Webhook(webhook) => webhook.send(message).await,
            Self::Email(email) => email.send(message).await,
        }
    }
}

/// Sends notices. Cheap to clone.
#[derive(Clone)]
pub struct Notifications {
    destinations: Vec<Arc<Destination>>,
    attempts: Attempts,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
}

/// Bounds of the attempts of one notice.
#[derive(Clone)]
struct Attempts {
    timeout: Duration,
    repeated_for: Duration,
    /// Ends the waits between attempts.
    stop: CancellationToken,
}

impl Notifications {
    /// Creates it without a connection. The client must not follow redirects. `None` if there is no destination.
    ///
    /// # Errors
    ///
    /// Fails if an address, a URL or a secret cannot be parsed.
    pub fn new(
        settings: &NotificationSettings,
        client: &reqwest::Client,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Self>, InvalidDestination> {
        let mut destinations = Vec::new();
        if let Some(webhook) = &settings.webhook {
            destinations.push(Destination::Webhook(WebhookDestination::new(webhook, client, clock)?));
        }
        if let Some(email) = &settings.email {
            destinations.push(Destination::Email(EmailDestination::new(email, settings.timeout)?));
        }
        if destinations.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            destinations: destinations.into_iter().map(Arc::new).collect(),
            attempts: Attempts {
                timeout: settings.timeout,
                repeated_for: settings.max_attempts_for,
                stop: CancellationToken::new(),
            },
            slots: Arc::new(Semaphore::new(MAX_SENDS)),
            tasks: TaskTracker::new(),
        }))
    }

    /// Waits for the attempts in progress. No other follows.
    pub async fn close(&self) {
        self.attempts.stop.cancel();
        self.wait_until_idle().await;
    }

    /// Waits until each notice is sent or given up.
    pub async fn wait_until_idle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Checks that each destination can be reached. Sends no mail, and a test notice to the webhook only with permission.
    pub async fn check(&self, writes: WriteProbes) -> Vec<AccountCheck> {
        let mut checks = Vec::new();
        for destination in &self.destinations {
            match &**destination {
                Destination::Webhook(webhook) => checks.extend(webhook.check(writes, self.attempts.timeout).await),
                Destination::Email(email) => checks.push(email.check(self.attempts.timeout).await),
            }
        }
        checks
    }
}

impl StreamNotifier for Notifications {
    fn notify(&self, notice: StreamNotice) {
        let span =
            tracing::error_span!(parent: None, "notice", channel = notice.channel, stream = notice.stream.name());
        self.send_to_all(Message::of(&notice), &span);
    }
}

impl WebhookNotifier for Notifications {
    fn notify_disabled(&self, notice: WebhookDisabled) {
        let span = tracing::error_span!(parent: None, "notice", webhook = notice.webhook.0);
        self.send_to_all(Message::of_disabled(&notice), &span);
    }
}

impl Notifications {
    /// Starts sending a message to each destination.
    fn send_to_all(&self, message: Message, span: &tracing::Span) {
        let message = Arc::new(message);
        for destination in &self.destinations {
            let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
                count(destination.name(), "dropped");
                tracing::error!(
                    destination = destination.name(),
                    notice = message.id,
                    "a notice is not sent: too many are waiting"
                );
                continue;
            };
            let (destination, message, attempts) =
                (Arc::clone(destination), Arc::clone(&message), self.attempts.clone());
            let send = async move {
                send(&destination, &message, &attempts).await;
                drop(slot);
            };
            self.tasks.spawn(send.instrument(span.clone()));
        }
    }
}

/// Sends a message, with attempts for a bounded time, and records the outcome.
async fn send(destination: &Destination, message: &Message, attempts: &Attempts) {
    let (mut tried, started_at) = (0, Instant::now());
    loop {
        let result = tokio::time::timeout(attempts.timeout, destination.send(message)).await;
        let Err(error) = result.unwrap_or(Err(SendError::Timeout)) else {
            count(destination.name(), "sent");
            tracing::info!(destination = destination.name(), notice = message.id, "notice sent");
            return;
        };
        tried += 1;
        let is_last = started_at.elapsed() >= attempts.repeated_for || attempts.stop.is_cancelled();
        if is_last || !error.is_transient() {
            count(destination.name(), "failed");
            tracing::error!(
                destination = destination.name(), notice = message.id, attempts = tried, %error, "a notice could not be sent"
            );
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(retry::backoff(&RETRIES, tried - 1, None)) => {}
            () = attempts.stop.cancelled() => {}
        }
    }
}

fn count(destination: &'static str, outcome: &'static str) {
    metrics::counter!("ticketgraph_notifications_total", "destination" => destination, "outcome" => outcome)
        .increment(1);
}
