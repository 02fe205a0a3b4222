//! `[resilience]`: how calls to a source are bounded, repeated and turned away.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::section::Section;
use crate::config::setting::Percent;
use crate::domain::source::Quota;

/// How calls to one source are bounded, repeated and turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resilience {
    /// For one request.
    pub attempt_timeout: Duration,
    /// For one operation, its retries included.
    pub deadline: Duration,
    /// Tries after the first one, at most.
    pub retries: u32,
    /// Retries that a hundred calls may cause.
    pub retry_budget_percent: Percent,
    /// Calls at once, at most.
    pub calls_at_once: NonZeroU32,
    /// Requests allowed in a time; `None`: what the vendor says of itself.
    pub quota: Option<Quota>,
    /// Of the quota and of the calls at once, which reads may not use.
    pub reserved_for_orders_percent: Percent,
    /// When calls fail at once.
    pub breaker: Breaker,
}

/// When calls fail at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row that open it.
    pub failures: NonZeroU32,
    /// How long it stays open until a call is let through to try.
    pub open_for: Duration,
    /// Calls that may try at a time.
    pub probes: NonZeroU32,
}

impl Resilience {
    pub(super) fn read(from: &Section<'_>) -> Self {
        let read = Self {
            attempt_timeout: from.get("attempt_timeout"),
            deadline: from.get("deadline"),
            retries: from.get("retries"),
            retry_budget_percent: from.get("retry_budget_percent"),
            calls_at_once: from.get("calls_at_once"),
            quota: from.find("quota"),
            reserved_for_orders_percent: from.get("reserved_for_orders_percent"),
            breaker: from.within("breaker", Breaker::read),
        };
        if read.attempt_timeout > read.deadline && from.clean(&["attempt_timeout", "deadline"]) {
            from.wrong(
                "attempt_timeout",
                format!(
                    "is {:?}, which is above the deadline of {:?}: one request must end within its operation",
                    read.attempt_timeout, read.deadline
                ),
            );
        }
        if read.retries > 10 {
            from.wrong("retries", format!("must be 10 at most, is {}", read.retries));
        }
        if read.reserved_for_orders_percent.of_hundred() > 90 {
            from.wrong("reserved_for_orders_percent", "must be 90 at most, or nothing is left for reads");
        }
        read
    }
}

impl Breaker {
    fn read(from: &Section<'_>) -> Self {
        Self { failures: from.get("failures"), open_for: from.get("open_for"), probes: from.get("probes") }
    }
}
