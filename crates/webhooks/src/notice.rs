//! Notice to the operator that a webhook was disabled.

use jiff::Timestamp;

use crate::webhook::{DisabledReason, WebhookKey};

/// A webhook that the service has disabled. Contains neither its URL nor a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDisabled {
    /// The webhook.
    pub webhook: WebhookKey,
    /// Reseller that it belongs to.
    pub reseller: Option<String>,
    /// Reason.
    pub reason: DisabledReason,
    /// Time at which it was disabled.
    pub at: Timestamp,
    /// Start of the failure.
    pub failing_since: Timestamp,
}

/// Sends notices.
pub trait WebhookNotifier: Send + Sync {
    /// Accepts a notice and returns at once. It is sent at most once; a failed send is the notifier's to report.
    fn notify_disabled(&self, notice: WebhookDisabled);
}
