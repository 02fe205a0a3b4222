//! A webhook: destination, filter, secrets and state.

use change_feed::{ChangeFilter, ChangeKind, ChangeSubject};
use domain::Scope;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::secret::SigningKey;

/// Prefix of the keys of webhooks that the configuration defines. No other key contains a colon.
const CONFIGURED: &str = "config:";

/// Key of a webhook: derived from the request that created it, or the name in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WebhookKey(pub String);

impl WebhookKey {
    /// Returns the key of a destination of the configuration.
    pub fn configured(name: &str) -> Self {
        Self(format!("{CONFIGURED}{name}"))
    }

    /// Returns true if the configuration defines the webhook.
    pub fn is_configured(&self) -> bool {
        self.0.starts_with(CONFIGURED)
    }
}

/// Type of an event, which a webhook subscribes to.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookEventType {
    /// An order.
    OrderUpdated,
    /// A ticket of an order.
    TicketUpdated,
    /// The delivery of a ticket into an app.
    DeliveryUpdated,
    /// Facts or ticket types of an event.
    EventUpdated,
    /// Facts or availability of a performance.
    AvailabilityUpdated,
    /// Health or pause of a source.
    SourceUpdated,
    /// Connection of a reseller to a source.
    ConnectionUpdated,
}

impl WebhookEventType {
    /// All types.
    pub const ALL: &[Self] = <Self as VariantArray>::VARIANTS;

    /// Returns the type of an event about an object of this kind.
    pub fn of(kind: ChangeKind) -> Self {
        match kind {
            ChangeKind::Order => Self::OrderUpdated,
            ChangeKind::Ticket => Self::TicketUpdated,
            ChangeKind::Delivery => Self::DeliveryUpdated,
            ChangeKind::Event => Self::EventUpdated,
            ChangeKind::Performance => Self::AvailabilityUpdated,
            ChangeKind::Source => Self::SourceUpdated,
            ChangeKind::Connection => Self::ConnectionUpdated,
        }
    }

    /// Returns the kind of the objects.
    pub fn kind(self) -> ChangeKind {
        match self {
            Self::OrderUpdated => ChangeKind::Order,
            Self::TicketUpdated => ChangeKind::Ticket,
            Self::DeliveryUpdated => ChangeKind::Delivery,
            Self::EventUpdated => ChangeKind::Event,
            Self::AvailabilityUpdated => ChangeKind::Performance,
            Self::SourceUpdated => ChangeKind::Source,
            Self::ConnectionUpdated => ChangeKind::Connection,
        }
    }

    /// Returns the type in the body and in the configuration: `order.updated`.
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::OrderUpdated => "order.updated",
            Self::TicketUpdated => "ticket.updated",
            Self::DeliveryUpdated => "delivery.updated",
            Self::EventUpdated => "event.updated",
            Self::AvailabilityUpdated => "availability.updated",
            Self::SourceUpdated => "source.updated",
            Self::ConnectionUpdated => "connection.updated",
        }
    }

    /// Finds the type of a name in the configuration.
    pub fn parse_wire_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.wire_name() == name)
    }
}

/// Content of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumString, IntoStaticStr, Serialize)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookInclude {
    /// Id and version of the object.
    #[default]
    Ids,
    /// Also the object, as the owner may see it at the time of the attempt.
    Full,
}

/// Scheme of the signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumString, IntoStaticStr, Serialize)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookSignature {
    /// HMAC-SHA-256 with a shared secret: `v1`.
    #[default]
    Hmac,
    /// Ed25519 with a public key: `v1a`.
    Ed25519,
}

/// State of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, Serialize)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookState {
    /// Changes are sent.
    Active,
    /// Nothing is sent. The position in the feed stays.
    Disabled,
}

/// Reason of the state [`Disabled`](WebhookState::Disabled).
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum DisabledReason {
    /// The destination responded with status 410.
    Gone,
    /// A message was not accepted for the longest time.
    Failing,
    /// A caller disabled it.
    Requested,
    /// The caller that it belongs to is no longer configured.
    OwnerRemoved,
}

/// The caller as whom a webhook reads objects: it sees nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookOwner {
    /// Id of the caller.
    pub caller: String,
    /// Reseller of the caller.
    pub reseller: Option<String>,
    /// Scopes that the caller had when it created the webhook, or last changed its URL, events or content.
    pub scopes: Vec<Scope>,
}

/// Most replaced secrets of a webhook that sign, too.
pub const MAX_PREVIOUS_KEYS: usize = 5;

/// The secret of a webhook that was replaced. It signs, too, until a time.
#[derive(Debug, Clone)]
pub struct PreviousKey {
    /// The key.
    pub key: SigningKey,
    /// End of the overlap.
    pub until: Timestamp,
}

/// A webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Key.
    pub key: WebhookKey,
    /// Caller that it belongs to.
    pub owner: WebhookOwner,
    /// URL of the destination. May contain a key, so it is a secret.
    pub url: SecretString,
    /// Types of events that are sent.
    pub events: Vec<WebhookEventType>,
    /// Content of bodies.
    pub include: WebhookInclude,
    /// Key of the signatures.
    pub signing: SigningKey,
    /// Keys that were replaced a short time ago and sign too, newest first: at most [`MAX_PREVIOUS_KEYS`].
    pub previous: Vec<PreviousKey>,
    /// Random text from which the ids of messages are derived.
    pub salt: SecretString,
    /// State.
    pub state: WebhookState,
    /// Reason, if it is disabled.
    pub disabled: Option<DisabledReason>,
    /// Time of its creation.
    pub created_at: Timestamp,
    /// Position in the feed up to which messages are stored.
    pub position: u64,
    /// Start of the failure, if the last attempt failed.
    pub failing_since: Option<Timestamp>,
    /// Fencing token: a change of the webhook and a new lease raise it.
    pub fence: u64,
}

impl Webhook {
    /// Returns the filter of the changes that it receives.
    pub fn filter(&self) -> ChangeFilter {
        let kinds = self.events.iter().map(|event| event.kind()).collect();
        ChangeFilter { kinds, reseller: self.owner.reseller.clone() }
    }

    /// Returns true if it receives changes of an object.
    pub fn receives(&self, subject: &ChangeSubject, reseller: Option<&str>) -> bool {
        let kind = subject.kind();
        let is_seen = !kind.is_owned() || self.owner.reseller.as_deref().is_none_or(|owner| reseller == Some(owner));
        is_seen && self.events.contains(&WebhookEventType::of(kind))
    }
}
