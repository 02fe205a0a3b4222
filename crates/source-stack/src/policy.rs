//! Settings of the layers as plain values, in the layout of `[resilience]` and `[cache.lifetimes]`. There are no defaults here:
//! `config/default.toml` is their only source.

use std::time::Duration;

use domain::VendorOperation;
use resilience::{CircuitBreakerPolicy, RateLimitPolicy, RetryPolicy};
use serde::Deserialize;

/// Resilience settings of one source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResiliencePolicy {
    /// Deadlines of whole operations, including retries and waits.
    pub deadlines: OperationDeadlines,
    /// Timeout of one HTTP request. The HTTP client enforces it.
    pub attempt_timeout: Duration,
    /// Retries after transient failures.
    pub retries: RetryPolicy,
    /// Circuit breaker of each traffic class.
    pub circuit_breaker: CircuitBreakerPolicy,
    /// Concurrent operations of each traffic class.
    pub bulkhead: BulkheadPolicy,
    /// Limit on outgoing requests. `None`: no limit except the vendor's own. Built from the configured or the vendor's quota.
    #[serde(skip)]
    pub rate_limit: Option<RateLimitPolicy>,
}

/// Deadlines of whole operations.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OperationDeadlines {
    /// Listing all events.
    pub list: Duration,
    /// Loading descriptive facts, tokens and admissions.
    pub read: Duration,
    /// Loading availability.
    pub availability: Duration,
    /// A step of an order, or the lookup of its outcome. A confirmation gets the vendor's slow confirmation time on top.
    pub order: Duration,
    /// Admitting visitors and changing admission tokens.
    pub gate: Duration,
    /// Everything else: editing, delivery, reconciliation.
    pub other: Duration,
}

/// Numbers of concurrent operations against one source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BulkheadPolicy {
    /// Permits for reads and background work.
    pub browsing: usize,
    /// Permits for steps of orders and for the gate. Readers cannot use them.
    pub checkout: usize,
    /// Longest wait for a permit.
    pub max_wait: Duration,
}

/// Lifetimes of cached catalog values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CachePolicy {
    /// Lists of events.
    pub lists: CacheLifetime,
    /// Events, ticket types and performances by key, and lists of performances.
    pub facts: CacheLifetime,
    /// Rows of calendars. They contain prices and availability, so they are never served stale.
    pub calendar: Duration,
    /// Upper bound for availability. Each caller sets its own maximum age below it.
    pub availability: Duration,
    /// "Not found" responses.
    pub not_found: Duration,
    /// Longest wait for the vendor while a stale value could be served instead.
    pub revalidate_timeout: Duration,
    /// Share of `max_age`, in percent, that is cut off at random, so that values fetched together do not expire together.
    pub jitter_percent: u32,
}

/// Lifetime of a cached value after it was fetched. As in RFC 5861, both stale periods begin when `max_age` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct CacheLifetime {
    /// Time the value is served without a call to the vendor.
    pub max_age: Duration,
    /// Time after `max_age` during which the value is served at once, marked as stale, while it is fetched again. Its prices are
    /// never served for longer.
    pub stale_while_revalidate: Duration,
    /// Time after `max_age` during which the value is served without its prices if the vendor fails.
    pub stale_if_error: Duration,
}

impl CacheLifetime {
    /// A lifetime without stale periods.
    pub(crate) fn never_stale(max_age: Duration) -> Self {
        Self { max_age, stale_while_revalidate: Duration::ZERO, stale_if_error: Duration::ZERO }
    }

    /// Age up to which the value may be served at all.
    pub(crate) fn total(&self) -> Duration {
        self.max_age.saturating_add(self.stale_while_revalidate.max(self.stale_if_error))
    }
}

impl ResiliencePolicy {
    /// Returns the deadline of a whole operation. `slow_confirm` is the time a vendor may take for a slow but successful
    /// confirmation.
    pub fn deadline(&self, operation: VendorOperation, slow_confirm: Duration) -> Duration {
        match operation {
            VendorOperation::ListEvents => self.deadlines.list,
            VendorOperation::LoadEvents
            | VendorOperation::LoadTicketTypes
            | VendorOperation::ListPerformances
            | VendorOperation::LoadPerformances
            | VendorOperation::LoadCalendar
            | VendorOperation::ReadTokens
            | VendorOperation::ReadAdmissions
            | VendorOperation::Probe => self.deadlines.read,
            VendorOperation::LoadAvailability => self.deadlines.availability,
            VendorOperation::Hold
            | VendorOperation::Extend
            | VendorOperation::Release
            | VendorOperation::Cancel
            | VendorOperation::LookUp => self.deadlines.order,
            VendorOperation::Confirm => self.deadlines.order.saturating_add(slow_confirm),
            VendorOperation::Admit | VendorOperation::WriteTokens => self.deadlines.gate,
            VendorOperation::ListOrders
            | VendorOperation::ReadAuthoring
            | VendorOperation::WriteAuthoring
            | VendorOperation::CheckConnection
            | VendorOperation::Deliver
            | VendorOperation::ReadDelivery => self.deadlines.other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_gets_the_slow_confirmation_time_on_top_of_the_order_deadline() {
        let policy = crate::tests::default_resilience();
        let order = policy.deadlines.order;
        let slow = Duration::from_secs(45);
        assert_eq!(policy.deadline(VendorOperation::Confirm, slow), order + slow);
        assert_eq!(policy.deadline(VendorOperation::Hold, slow), order);
    }
}
