//! Port of the store of webhooks and their deliveries.

use std::time::Duration;

use async_trait::async_trait;
use domain::StoreError;
use jiff::Timestamp;
use orders::operator::OperatorAction;

use crate::delivery::WebhookDelivery;
use crate::webhook::{DisabledReason, Webhook, WebhookKey};

/// Webhooks that a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookScope<'a> {
    /// All.
    All,
    /// Those of a reseller.
    Reseller(&'a str),
}

/// A webhook that this process sends for, with its messages that wait.
#[derive(Debug)]
pub struct ClaimedWebhook {
    /// The webhook, with the fencing token of the lease.
    pub webhook: Webhook,
    /// Messages that wait, by ascending position.
    pub waiting: Vec<WebhookDelivery>,
}

/// Changes of a webhook by its lease holder. Written as a whole, and only while the lease is held.
#[derive(Debug)]
pub struct WebhookWrite<'a> {
    /// The webhook.
    pub key: &'a WebhookKey,
    /// Fencing token of the lease.
    pub fence: u64,
    /// Position in the feed up to which messages are stored.
    pub position: u64,
    /// Start of the failure, if the last attempt failed.
    pub failing_since: Option<Timestamp>,
    /// Reason, if the webhook is disabled by it. The lease ends.
    pub disabled: Option<DisabledReason>,
    /// New and changed messages.
    pub deliveries: &'a [WebhookDelivery],
}

/// Handling of the messages that wait, when their webhook is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingMessages {
    /// They stay as they are.
    Keep,
    /// Their attempts are counted again from now.
    Restart,
    /// They are deleted. Those behind the position follow from the feed again.
    Drop,
}

/// Place in the log of a webhook: time and id of a message.
pub type LogPlace = (Timestamp, String);

/// Durable store of webhooks.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Lists webhooks by the time of their creation.
    async fn list_webhooks(&self, scope: WebhookScope<'_>) -> Result<Vec<Webhook>, StoreError>;

    /// Lists the keys of all webhooks.
    async fn list_keys(&self) -> Result<Vec<WebhookKey>, StoreError>;

    /// Finds a webhook.
    async fn find_webhook(&self, key: &WebhookKey) -> Result<Option<Webhook>, StoreError>;

    /// Stores a new webhook together with the record of its request. Fails with [`StoreError::KeyTaken`] if the key of the request was
    /// used, and with [`StoreError::Outdated`] if its owner has `limit` webhooks.
    async fn insert_webhook(&self, action: &OperatorAction, webhook: &Webhook, limit: usize) -> Result<(), StoreError>;

    /// Replaces a webhook together with the record of the request, and ends the lease. Fails with [`StoreError::KeyTaken`] if the key
    /// of the request was used, and with [`StoreError::Outdated`] if the webhook has another fencing token. Messages behind its position
    /// that wait are deleted, because they follow from the feed again; `waiting` decides about those before it.
    async fn replace_webhook(
        &self,
        action: &OperatorAction,
        webhook: &Webhook,
        waiting: WaitingMessages,
    ) -> Result<(), StoreError>;

    /// Deletes a webhook with its messages, together with the record of the request.
    async fn delete_webhook(&self, action: &OperatorAction, key: &WebhookKey) -> Result<(), StoreError>;

    /// Replaces the webhooks of the configuration: inserts new ones, changes the settings of the others, and deletes those that are gone.
    async fn replace_configured(&self, webhooks: &[Webhook]) -> Result<(), StoreError>;

    /// Claims up to `limit` active webhooks whose lease is over.
    async fn claim_webhooks(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<ClaimedWebhook>, StoreError>;

    /// Writes what lease holders did, in one transaction, and extends the leases. Returns the webhooks whose lease is lost, of which
    /// nothing is written.
    async fn write_webhooks(
        &self,
        writes: &[WebhookWrite<'_>],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<WebhookKey>, StoreError>;

    /// Ends leases.
    async fn release_webhooks(&self, leases: &[(WebhookKey, u64)]) -> Result<(), StoreError>;

    /// Stores the record of a request alone. Fails with [`StoreError::KeyTaken`] if its key was used.
    async fn insert_request(&self, action: &OperatorAction) -> Result<(), StoreError>;

    /// Finds the record of a request.
    async fn find_request(&self, scope: &str, operation: &str, key: &str)
    -> Result<Option<OperatorAction>, StoreError>;

    /// Stores a test message.
    async fn insert_test(&self, delivery: &WebhookDelivery) -> Result<(), StoreError>;

    /// Lists messages of a webhook, newest first: those after a place, at most `limit`.
    async fn list_messages(
        &self,
        key: &WebhookKey,
        after: Option<&LogPlace>,
        limit: usize,
    ) -> Result<Vec<WebhookDelivery>, StoreError>;

    /// Deletes messages that do not wait: those stored before a time, and of a webhook those behind the newest `entries`. Returns their
    /// number.
    async fn delete_messages(&self, key: &WebhookKey, before: Timestamp, entries: usize) -> Result<u64, StoreError>;

    /// Counts the disabled webhooks.
    async fn count_disabled(&self) -> Result<u64, StoreError>;
}
