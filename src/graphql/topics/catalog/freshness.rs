//! The age of a fact.

use async_graphql::{Enum, SimpleObject};
use domain::source::Source;
use domain::time;

use crate::graphql::base::scalars::DateTime;

/// The origin of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "FreshnessMode", remote = "time::FreshnessMode")]
pub enum FreshnessModeEnum {
    /// Fetched from the vendor for this request.
    Live,
    /// Cached, and still fresh.
    Cached,
    /// The vendor did not respond in time; this is the last known value.
    Stale,
}

/// Age of a vendor fact. STALE: the vendor did not respond in time; this is the last known value.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct Freshness {
    /// The origin of the fact.
    pub mode: FreshnessModeEnum,
    /// Time of the vendor's response.
    pub observed_at: DateTime,
    /// Time until which the fact may be served from the cache.
    pub expires_at: Option<DateTime>,
}

impl Freshness {
    /// Converts the age of a fact, in its source's time zone.
    pub fn of(source: &Source, age: time::Freshness) -> Self {
        Self {
            mode: age.mode.into(),
            observed_at: DateTime::of(source, age.observed_at),
            expires_at: age.expires_at.map(|at| DateTime::of(source, at)),
        }
    }
}
