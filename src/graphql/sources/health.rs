//! How a source is.

use std::sync::Arc;

use async_graphql::{Enum, Object};

use crate::graphql::scalars::{DateTime, int};
use domain::source;

/// How a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "source::HealthState")]
pub enum HealthState {
    /// Answers.
    Up,
    /// Answers, but some calls failed lately.
    Degraded,
    /// Does not answer.
    Down,
}

/// What is known about the health of a source, from the calls of late.
pub struct SourceHealth {
    /// The source.
    pub source: Arc<source::Source>,
    /// What is known.
    pub report: source::HealthReport,
}

/// What is known about the health of a source, from the calls of late.
#[Object]
impl SourceHealth {
    /// How it is.
    async fn state(&self) -> HealthState {
        self.report.state.into()
    }

    /// Since when it is so.
    async fn since(&self) -> DateTime {
        DateTime::of(&self.source, self.report.since)
    }

    /// Whether calls are held back, because the vendor takes no more or the budget is used up.
    async fn throttled(&self) -> bool {
        self.report.throttled
    }

    /// The last good answer.
    async fn last_success_at(&self) -> Option<DateTime> {
        self.report.last_success_at.map(|at| DateTime::of(&self.source, at))
    }

    /// The last failure that was the vendor's.
    async fn last_failure_at(&self) -> Option<DateTime> {
        self.report.last_failure_at.map(|at| DateTime::of(&self.source, at))
    }

    /// Requests that may still be sent in the current window; null where no budget is set.
    async fn remaining_budget(&self) -> Option<i32> {
        self.report.remaining_budget.map(int)
    }
}
