//! How old a fact is.

use async_graphql::{Enum, SimpleObject};

use crate::graphql::scalars::DateTime;
use domain::source::Source;
use domain::time;

/// How a fact came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "time::FreshnessMode")]
pub enum FreshnessMode {
    /// Asked of the vendor for this answer.
    Live,
    /// Remembered from an earlier question, within its lifetime.
    Cached,
    /// The vendor could not be asked in time; this is the last known answer.
    Stale,
}

/// How old a vendor fact is. STALE: the vendor could not be asked in time, this is the last known answer.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct Freshness {
    /// How the fact came to be known.
    pub mode: FreshnessMode,
    /// When the vendor said so.
    pub observed_at: DateTime,
    /// Until when it may be served without asking again.
    pub expires_at: Option<DateTime>,
}

impl Freshness {
    /// The age of a fact, in the zone of its source.
    pub fn of(source: &Source, age: time::Freshness) -> Self {
        Self {
            mode: age.mode.into(),
            observed_at: DateTime::of(source, age.observed_at),
            expires_at: age.expires_at.map(|at| DateTime::of(source, at)),
        }
    }
}
