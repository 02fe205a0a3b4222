//! A value with the source that it came from.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use domain::catalog::{Event, Performance};
use domain::ids::{EventKey, Key, PerformanceKey};
use domain::source::Source;
use domain::time::Observed;

/// A value with a key in its source.
pub trait Keyed {
    /// The key type.
    type Key: Clone + Eq + Hash + Send + Sync;

    /// The key in the source.
    fn key(&self) -> &Self::Key;
}

impl<K: 'static> Keyed for Key<K> {
    type Key = Self;

    fn key(&self) -> &Self {
        self
    }
}

impl Keyed for Observed<Arc<Event>> {
    type Key = EventKey;

    fn key(&self) -> &EventKey {
        &self.value.key
    }
}

impl Keyed for Observed<Arc<Performance>> {
    type Key = PerformanceKey;

    fn key(&self) -> &PerformanceKey {
        &self.value.key
    }
}

/// A key, or a value with a key, and its source. Equality compares source and key.
#[derive(Clone)]
pub struct Sourced<T> {
    /// The source.
    pub source: Arc<Source>,
    /// The value, or the key to load.
    pub value: T,
}

/// An event with its source and age.
pub type SourcedEvent = Sourced<Observed<Arc<Event>>>;
/// A performance with its source and age.
pub type SourcedPerformance = Sourced<Observed<Arc<Performance>>>;

impl<T> Sourced<T> {
    /// Pairs a value with its source.
    pub fn new(source: Arc<Source>, value: T) -> Self {
        Self { source, value }
    }
}

impl<T: Keyed> Sourced<T> {
    /// Returns the key with the source.
    pub fn to_key(&self) -> Sourced<T::Key> {
        Sourced { source: Arc::clone(&self.source), value: self.value.key().clone() }
    }
}

impl<T: Keyed> PartialEq for Sourced<T> {
    fn eq(&self, other: &Self) -> bool {
        self.source.id == other.source.id && self.value.key() == other.value.key()
    }
}

impl<T: Keyed> Eq for Sourced<T> {}

impl<T: Keyed> Hash for Sourced<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.id.hash(state);
        self.value.key().hash(state);
    }
}
