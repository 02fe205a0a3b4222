//! Time: the clock everybody reads, and how old a fact is.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The only way to learn the time of day. Tests give a fixed one.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// How a fact came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FreshnessMode {
    /// Asked of the vendor for this answer.
    Live,
    /// Remembered from an earlier question, within its lifetime.
    Cached,
    /// The vendor could not be asked in time; this is the last known answer.
    Stale,
}

/// How old a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// How the fact came to be known.
    pub mode: FreshnessMode,
    /// When the vendor said so.
    pub observed_at: Timestamp,
    /// Until when it may be served without asking again.
    pub expires_at: Option<Timestamp>,
}

impl Freshness {
    /// A fact just heard from the vendor.
    pub fn live(now: Timestamp) -> Self {
        Self { mode: FreshnessMode::Live, observed_at: now, expires_at: None }
    }

    /// Whether the fact is at most `age` old.
    pub fn is_within(&self, age: Duration, now: Timestamp) -> bool {
        now.duration_since(self.observed_at) <= jiff::SignedDuration::try_from(age).unwrap_or(jiff::SignedDuration::MAX)
    }
}

/// A fact and its age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed<T> {
    /// The fact.
    pub value: T,
    /// Its age.
    pub freshness: Freshness,
}

impl<T> Observed<T> {
    /// A fact just heard from the vendor.
    pub fn live(value: T, now: Timestamp) -> Self {
        Self { value, freshness: Freshness::live(now) }
    }

    /// The same age for another fact, derived from this one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Observed<U> {
        Observed { value: change(self.value), freshness: self.freshness }
    }
}
