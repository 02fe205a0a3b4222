//! Identifiers. All of them are opaque outside the vendor crate that created them.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The key of a source under `[sources]` in the configuration.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(Arc<str>);

impl SourceId {
    /// Creates the id from the configuration key.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the configuration key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "source {}", self.0)
    }
}

/// An opaque id within one source, typed by the object it identifies. Only the vendor crate that created it may parse it.
#[derive(Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Key<K> {
    text: Arc<str>,
    #[serde(skip)]
    marker: PhantomData<fn() -> K>,
}

impl<K> Key<K> {
    /// Creates a key from text that a vendor crate wrote or that was decoded from a global id. The latter is not verified.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), marker: PhantomData }
    }

    /// Returns the text as the vendor crate wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<K> Clone for Key<K> {
    fn clone(&self) -> Self {
        Self { text: Arc::clone(&self.text), marker: PhantomData }
    }
}

impl<K> PartialEq for Key<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<K> Eq for Key<K> {}

impl<K> std::hash::Hash for Key<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<K> PartialOrd for Key<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Key<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<K> fmt::Debug for Key<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.text)
    }
}

impl<K> fmt::Display for Key<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Marker type for keys of events.
pub enum OfEvent {}
/// Marker type for keys of performances.
pub enum OfPerformance {}
/// Marker type for keys of ticket types.
pub enum OfTicketType {}
/// Marker type for keys of sections.
pub enum OfSection {}
/// Marker type for keys of admission tokens.
pub enum OfToken {}

/// Key of an event in its source.
pub type EventKey = Key<OfEvent>;
/// Key of a performance in its source.
pub type PerformanceKey = Key<OfPerformance>;
/// Key of a ticket type in its source. The same type has a different key for each event, because its price differs.
pub type TicketTypeKey = Key<OfTicketType>;
/// Key of a section in its source.
pub type SectionKey = Key<OfSection>;
/// Key of an admission token in its source.
pub type TokenKey = Key<OfToken>;

/// A vendor's own identifier, stored for support and for later lookups.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExternalRef {
    /// Kind of identifier: the vendor, a dot, and the vendor's term in lower case, e.g. `acme.order`.
    pub kind: String,
    /// Identifier as the vendor writes it.
    pub value: String,
}

impl ExternalRef {
    /// Creates a reference from a kind and a value.
    pub fn new(kind: impl Into<String>, value: impl Into<String>) -> Self {
        Self { kind: kind.into(), value: value.into() }
    }
}

/// Key of an order of this service: a random UUID, generated once when the order is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderKey(pub Uuid);

impl OrderKey {
    /// Generates a new order key. No other module generates random ids: all ids below an order are derived from its key.
    #[expect(clippy::disallowed_methods, reason = "random ids are generated in this module only")]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Derives an order key from a name, for orders that are made up: the same name gives the same key.
    pub fn of_name(name: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
    }

    /// Derives the key of a step. The key is the same for every attempt, before and after a crash.
    pub fn step_key(&self, leg: usize, step: &str) -> StepKey {
        StepKey(Uuid::new_v5(&self.0, format!("leg {leg}, {step}").as_bytes()))
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Uuid by which a reseller names one of its bookings, or a ticket in it: chosen by the reseller, or drawn by this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BookingUuid(Uuid);

impl BookingUuid {
    /// Length of the usual form: 32 digits in five groups.
    const TEXT_LENGTH: usize = 36;

    /// Generates the uuid of a booking whose reseller has chosen none.
    #[expect(clippy::disallowed_methods, reason = "random ids are generated in this module only")]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Parses a uuid in its usual form of five groups, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|_| text.len() == Self::TEXT_LENGTH).map(Self)
    }

    /// Derives the uuid of a ticket of this booking by its place. The same place has the same uuid.
    #[must_use]
    pub fn of_ticket(&self, place: usize) -> Self {
        Self(Uuid::new_v5(&self.0, format!("ticket {place}").as_bytes()))
    }
}

/// Formats in lower case.
impl fmt::Display for BookingUuid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Idempotency key of a step, sent to vendors that honor such keys so that a retried call takes effect once. Derived from the
/// order, never generated per attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepKey(pub Uuid);

impl fmt::Display for StepKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}
