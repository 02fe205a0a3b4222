//! The health of a source.

use std::sync::Arc;

use async_graphql::{Enum, Object};
use domain::source;

use crate::graphql::base::scalars::{DateTime, int};

/// The health of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "HealthState", remote = "source::HealthState")]
pub enum HealthStateEnum {
    /// Calls succeed.
    Up,
    /// Some recent calls failed.
    Degraded,
    /// Calls fail.
    Down,
}

/// The health of a source, observed in recent calls.
pub struct SourceHealth {
    /// The source.
    pub source: Arc<source::Source>,
    /// The observed health.
    pub report: source::HealthReport,
}

/// The health of a source, observed in recent calls.
#[Object]
impl SourceHealth {
    /// The health state.
    async fn state(&self) -> HealthStateEnum {
        self.report.state.into()
    }

    /// Time of the last change of the state.
    async fn since(&self) -> DateTime {
        DateTime::of(&self.source, self.report.since)
    }

    /// True if calls are delayed because the vendor or the configured limit restricts the request rate.
    async fn throttled(&self) -> bool {
        self.report.throttled
    }

    /// Time of the last success.
    async fn last_success_at(&self) -> Option<DateTime> {
        self.report.last_success_at.map(|at| DateTime::of(&self.source, at))
    }

    /// Time of the last failure caused by the vendor.
    async fn last_failure_at(&self) -> Option<DateTime> {
        self.report.last_failure_at.map(|at| DateTime::of(&self.source, at))
    }

    /// Number of requests left in the current window. Null if no rate limit is configured.
    async fn remaining_budget(&self) -> Option<i32> {
        self.report.remaining_requests.map(int)
    }
}
