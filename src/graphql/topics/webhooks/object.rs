//! A webhook.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use catalog::{InvalidArgument, PageSize};
use secrecy::ExposeSecret as _;
use url::Url as ParsedUrl;
use webhooks::{Webhook, WebhookKey};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::GlobalId;
use crate::graphql::base::scalars::{DateTime, Url};
use crate::graphql::topics::resellers::Reseller;
use crate::graphql::topics::webhooks::delivery::{WebhookDeliveryConnection, decode_place};

/// Type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "WebhookEventType", remote = "webhooks::WebhookEventType")]
#[expect(clippy::enum_variant_names, reason = "the names are those of the messages")]
pub(super) enum WebhookEventTypeEnum {
    /// An order has changed: `order.updated`. Needs the scope `order:read`.
    OrderUpdated,
    /// A ticket of an order has changed: `ticket.updated`. Needs the scope `order:read`.
    TicketUpdated,
    /// The delivery of a ticket into an app has changed: `delivery.updated`. Needs the scope `order:read`.
    DeliveryUpdated,
    /// Facts or ticket types of an event have changed: `event.updated`. Needs the scope `catalog:read`.
    EventUpdated,
    /// Facts or availability of a performance have changed: `availability.updated`. Needs the scope `catalog:read`.
    AvailabilityUpdated,
    /// The health or pause of a source has changed: `source.updated`. Needs the scope `catalog:read`.
    SourceUpdated,
    /// The connection of a reseller to a source has changed: `connection.updated`. Needs the scope `report:read`.
    ConnectionUpdated,
}

/// Content of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "WebhookInclude", remote = "webhooks::WebhookInclude")]
pub(super) enum WebhookIncludeEnum {
    /// Id and version of the object, and the cursor of the change.
    Ids,
    /// Also the object itself in `data.object`, as the owner may see it at the time of the attempt. It has no codes of tickets and no data
    /// of buyers, and is null if it cannot be loaded.
    Full,
}

/// Scheme of the signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "WebhookSignature", remote = "webhooks::WebhookSignature")]
pub(super) enum WebhookSignatureEnum {
    /// HMAC-SHA-256 with a shared secret: `v1`.
    Hmac,
    /// Ed25519 with a public key: `v1a`.
    Ed25519,
}

/// State of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "WebhookState", remote = "webhooks::WebhookState")]
pub(super) enum WebhookStateEnum {
    /// Changes are sent.
    Active,
    /// Nothing is sent. Once it is enabled, it goes on from where it stopped.
    Disabled,
}

/// A destination of changes. Messages are signed as in Standard Webhooks.
#[derive(Clone)]
pub struct WebhookNode(Arc<Webhook>);

impl WebhookNode {
    /// Creates the object of a webhook.
    pub(super) fn new(webhook: Webhook) -> Self {
        Self(Arc::new(webhook))
    }

    /// Finds a webhook that the viewer may manage.
    pub async fn find(ctx: &Ctx, key: &str) -> Result<Option<Self>, ApiError> {
        let found = ctx.webhooks()?.find(&ctx.actor(), &WebhookKey(key.to_owned())).await?;
        Ok(found.map(Self::new))
    }

    /// Returns the URL, for viewers that may not change the webhook only its origin.
    fn shown_url(&self, ctx: &Ctx) -> String {
        let url = self.0.url.expose_secret();
        let sees_events = self.0.events.iter().all(|event| ctx.viewer.has_scope(event.kind().scope()));
        match ParsedUrl::parse(url) {
            Ok(parsed) if self.0.key.is_configured() || !sees_events => parsed.origin().ascii_serialization(),
            _ => url.to_owned(),
        }
    }
}

/// A destination of changes. Messages are signed as in Standard Webhooks.
#[Object(name = "Webhook")]
impl WebhookNode {
    /// Global id of the webhook.
    pub async fn id(&self) -> ID {
        GlobalId::Webhook(self.0.key.0.clone()).encode()
    }

    /// The URL to which messages are sent. Of a webhook of the configuration, and for callers without the scopes of its events, without
    /// path and query, which may contain a key.
    async fn url(&self, ctx: &Context<'_>) -> Url {
        Url(self.shown_url(Ctx::of(ctx)))
    }

    /// The types of events that are sent.
    async fn events(&self) -> Vec<WebhookEventTypeEnum> {
        self.0.events.iter().copied().map(Into::into).collect()
    }

    /// The content of the body.
    async fn include(&self) -> WebhookIncludeEnum {
        self.0.include.into()
    }

    /// The scheme of the signatures.
    async fn signature(&self) -> WebhookSignatureEnum {
        self.0.signing.scheme().into()
    }

    /// The key that verifies Ed25519 signatures: `whpk_…`. Null with a shared secret.
    async fn public_key(&self) -> Option<String> {
        self.0.signing.public_key()
    }

    /// End of the time in which messages are also signed with a secret that was replaced. Null if none is in use.
    async fn previous_secret_until(&self, ctx: &Context<'_>) -> Option<DateTime> {
        let now = Ctx::of(ctx).now;
        self.0.previous.iter().map(|previous| previous.until).filter(|until| now < *until).max().map(DateTime::utc)
    }

    /// The state.
    async fn state(&self) -> WebhookStateEnum {
        self.0.state.into()
    }

    /// The reason of the state `DISABLED`: `GONE` after a response with status 410, `FAILING` after the longest time without success,
    /// `REQUESTED` by `updateWebhook`, `OWNER_REMOVED` after its caller was taken out of the configuration. A caller that enables it
    /// then owns it.
    async fn disabled_reason(&self) -> Option<&'static str> {
        self.0.disabled.map(Into::into)
    }

    /// Time since which attempts fail. Null if the last one succeeded.
    async fn failing_since(&self) -> Option<DateTime> {
        self.0.failing_since.map(DateTime::utc)
    }

    /// True if it is part of the configuration. Then only its state can be changed.
    async fn configured(&self) -> bool {
        self.0.key.is_configured()
    }

    /// The reseller whose changes are sent. Null: those of all.
    async fn reseller(&self, ctx: &Context<'_>) -> Option<Reseller> {
        Ctx::of(ctx).find_reseller(self.0.owner.reseller.as_deref()?)
    }

    /// Time of its creation.
    async fn created_at(&self) -> DateTime {
        DateTime::utc(self.0.created_at)
    }

    /// The log of deliveries, newest first. Old entries are deleted.
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<WebhookDeliveryConnection, ApiError> {
        let rows = PageSize::new(first)?.rows();
        let invalid = || InvalidArgument::new("after", "the cursor of a delivery");
        let after = after.map(|cursor| decode_place(&cursor).ok_or_else(invalid)).transpose()?;
        let webhooks = Ctx::of(ctx).webhooks()?;
        let found = webhooks.list_messages(&self.0.key, after.as_ref(), rows + 1).await?;
        WebhookDeliveryConnection::of(webhooks, found, rows, after.is_some())
    }
}
