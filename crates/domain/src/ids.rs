//! Identifiers. All are opaque text outside the vendor folder that made them.

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
    /// Wraps the configuration key.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The configuration key.
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

/// An id that one source understands, typed by what it names. Only the vendor folder that made it may look inside.
#[derive(Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Key<K> {
    text: Arc<str>,
    #[serde(skip)]
    names: PhantomData<fn() -> K>,
}

impl<K> Key<K> {
    /// Wraps text made by a vendor folder (or decoded from a global id, then still unproven).
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), names: PhantomData }
    }

    /// The text as the vendor folder wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<K> Clone for Key<K> {
    fn clone(&self) -> Self {
        Self { text: Arc::clone(&self.text), names: PhantomData }
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

/// Marks a key that names an event.
pub enum OfEvent {}
/// Marks a key that names a performance.
pub enum OfPerformance {}
/// Marks a key that names a ticket type.
pub enum OfTicketType {}
/// Marks a key that names a section.
pub enum OfSection {}
/// Marks a key that names an admission token.
pub enum OfToken {}

/// Names an event in its source.
pub type EventKey = Key<OfEvent>;
/// Names a performance in its source.
pub type PerformanceKey = Key<OfPerformance>;
/// Names a ticket type in its source. The same type on two events has two keys: its price differs.
pub type TicketTypeKey = Key<OfTicketType>;
/// Names a section in its source.
pub type SectionKey = Key<OfSection>;
/// Names an admission token in its source.
pub type TokenKey = Key<OfToken>;

/// A vendor's own identifier, kept for support and for looking things up again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExternalRef {
    /// What is named, in the vendor's word, e.g. `acme.order`. Lower case, a dot after the vendor.
    pub kind: String,
    /// The identifier as the vendor writes it.
    pub value: String,
}

impl ExternalRef {
    /// Pairs a kind with its value.
    pub fn new(kind: impl Into<String>, value: impl Into<String>) -> Self {
        Self { kind: kind.into(), value: value.into() }
    }
}

/// An order of ours: a random UUID, drawn once when the order is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderKey(pub Uuid);

impl OrderKey {
    /// Draws a new order key. The only place that draws random ids; everything below an order is derived from it.
    #[expect(clippy::disallowed_methods, reason = "the one place where random ids are drawn")]
    pub fn draw() -> Self {
        Self(Uuid::new_v4())
    }

    /// The key of a step: the same for every attempt, before and after a crash.
    pub fn step(&self, leg: usize, step: &str) -> StepKey {
        StepKey(Uuid::new_v5(&self.0, format!("leg {leg}, {step}").as_bytes()))
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// What a vendor that honours keys is given so that a repeated call acts once. Derived, never drawn per attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepKey(pub Uuid);

impl fmt::Display for StepKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}
