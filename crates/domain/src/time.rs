//! Time: the clock, time arithmetic, and the freshness of data.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Source of the current time. Tests use a manual clock.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// The system clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Returns the time `by` after `at`, saturating at the latest timestamp.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(signed(by)).unwrap_or(Timestamp::MAX)
}

/// Returns the time `by` before `at`, saturating at the earliest timestamp.
pub fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_sub(signed(by)).unwrap_or(Timestamp::MIN)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Origin of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FreshnessMode {
    /// Requested from the vendor for this response.
    Live,
    /// Cached from an earlier request, within its lifetime.
    Cached,
    /// Last cached value, served because the vendor did not respond in time.
    Stale,
}

/// Age of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// Origin of the value.
    pub mode: FreshnessMode,
    /// Time at which the vendor returned the value.
    pub observed_at: Timestamp,
    /// Time until which the value may be served without revalidation.
    pub expires_at: Option<Timestamp>,
}

impl Freshness {
    /// Freshness of a value that the vendor has just returned.
    pub fn live(now: Timestamp) -> Self {
        Self { mode: FreshnessMode::Live, observed_at: now, expires_at: None }
    }

    /// Returns true if the value is at most `age` old.
    pub fn is_within(&self, age: Duration, now: Timestamp) -> bool {
        now.duration_since(self.observed_at) <= signed(age)
    }
}

/// A value with its freshness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed<T> {
    /// Value.
    pub value: T,
    /// Freshness of the value.
    pub freshness: Freshness,
}

impl<T> Observed<T> {
    /// Freshness of a value that the vendor has just returned.
    pub fn live(value: T, now: Timestamp) -> Self {
        Self { value, freshness: Freshness::live(now) }
    }

    /// Maps the value and keeps its freshness.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Observed<U> {
        Observed { value: change(self.value), freshness: self.freshness }
    }
}
