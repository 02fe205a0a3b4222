//! Webhooks: changes of the feed, sent to destinations that callers or the configuration define, signed as in Standard Webhooks
//! (<https://www.standardwebhooks.com>).
//!
//! The feed is the outbox. A runner that has the lease of a webhook turns entries into messages, stores them together with the new position
//! in the feed, and sends them: at least once, with the same id each time, and in order for each order.

pub mod address;
pub mod delivery;
mod lanes;
pub mod notice;
pub mod request;
pub mod runner;
mod secret;
mod send;
mod service;
pub mod store;
mod webhook;

pub use crate::address::parse_url;
pub use crate::runner::{RunnerDependencies, RunnerSettings, WebhookRunner};
pub use crate::secret::{SecretError, SharedSecret, SigningKey, is_webhook_secret};
pub use crate::send::{Sender, WebhookObjects};
pub use crate::service::{WebhookCaller, Webhooks, WebhooksDependencies, WebhooksError};
pub use crate::webhook::{
    DisabledReason, MAX_PREVIOUS_KEYS, PreviousKey, Webhook, WebhookEventType, WebhookInclude, WebhookKey,
    WebhookOwner, WebhookSignature, WebhookState,
};
