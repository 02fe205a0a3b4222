//! Inputs of the mutations of webhooks.

use async_graphql::{ID, InputObject};
use webhooks::request::{CreateWebhook, UpdateWebhook};
use webhooks::{WebhookEventType, WebhookInclude, WebhookKey, WebhookSignature};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::GlobalId;
use crate::graphql::base::scalars::Url;
use crate::graphql::topics::webhooks::object::{
    WebhookEventTypeEnum, WebhookIncludeEnum, WebhookSignatureEnum, WebhookStateEnum,
};

/// Input of `createWebhook`.
#[derive(InputObject)]
pub(super) struct CreateWebhookInput {
    /// Client-chosen idempotency key.
    idempotency_key: ID,
    /// The URL to which messages are sent: https, at most 2,048 bytes, without a user. Addresses of private networks are refused unless the
    /// operator allows them.
    url: Url,
    /// The types of events.
    events: Vec<WebhookEventTypeEnum>,
    /// The content of the body.
    #[graphql(default_with = "WebhookIncludeEnum::Ids")]
    include: WebhookIncludeEnum,
    /// The scheme of the signatures. It stays.
    #[graphql(default_with = "WebhookSignatureEnum::Hmac")]
    signature: WebhookSignatureEnum,
}

/// Input of `updateWebhook`. What is omitted or null stays as it is.
#[derive(InputObject)]
pub(super) struct UpdateWebhookInput {
    /// Client-chosen idempotency key.
    idempotency_key: ID,
    /// The webhook.
    webhook: ID,
    /// The URL.
    url: Option<Url>,
    /// The types of events.
    events: Option<Vec<WebhookEventTypeEnum>>,
    /// The content of the body.
    include: Option<WebhookIncludeEnum>,
    /// `ACTIVE` enables the webhook: it goes on from where it stopped. `DISABLED` stops it.
    state: Option<WebhookStateEnum>,
}

/// Input of an action on a webhook.
#[derive(InputObject)]
pub(super) struct WebhookActionInput {
    /// Client-chosen idempotency key.
    pub idempotency_key: ID,
    /// The webhook.
    pub webhook: ID,
}

/// Input of `replayWebhook`.
#[derive(InputObject)]
pub(super) struct ReplayWebhookInput {
    /// Client-chosen idempotency key.
    pub idempotency_key: ID,
    /// The webhook.
    pub webhook: ID,
    /// A cursor of the feed: of `changes`, of a message, or of a delivery. What follows it is sent again. If omitted, all.
    pub cursor: Option<String>,
}

/// Returns the key of a webhook. An id of something else is that of no webhook.
pub(super) fn webhook_key(id: &ID) -> WebhookKey {
    match GlobalId::decode(id) {
        Some(GlobalId::Webhook(key)) => WebhookKey(key),
        _ => WebhookKey(String::new()),
    }
}

/// Converts types of events. The caller needs the scope of each.
fn event_types(ctx: &Ctx, events: Vec<WebhookEventTypeEnum>) -> Result<Vec<WebhookEventType>, ApiError> {
    let events: Vec<WebhookEventType> = events.into_iter().map(Into::into).collect();
    events.iter().try_for_each(|event| ctx.require(event.kind().scope()))?;
    Ok(events)
}

impl CreateWebhookInput {
    pub(super) fn into_request(self, ctx: &Ctx) -> Result<CreateWebhook, ApiError> {
        Ok(CreateWebhook {
            key: self.idempotency_key.0,
            url: self.url.0,
            events: event_types(ctx, self.events)?,
            include: WebhookInclude::from(self.include),
            signature: WebhookSignature::from(self.signature),
        })
    }
}

impl UpdateWebhookInput {
    pub(super) fn into_request(self, ctx: &Ctx) -> Result<UpdateWebhook, ApiError> {
        Ok(UpdateWebhook {
            key: self.idempotency_key.0,
            webhook: webhook_key(&self.webhook),
            url: self.url.map(|url| url.0),
            events: self.events.map(|events| event_types(ctx, events)).transpose()?,
            include: self.include.map(Into::into),
            state: self.state.map(Into::into),
        })
    }
}
