//! Traffic classes: calls of equal urgency share a bulkhead, a circuit breaker and a retry budget.

use domain::{SourceId, VendorOperation};
use resilience::{Bulkhead, CircuitBreaker, RetryBudget};

use crate::policy::ResiliencePolicy;

/// The traffic classes of a source. Failing lists, or a thousand visitors who load them, must not stop a sale in progress.
pub(super) struct TrafficClasses {
    browsing: TrafficClass,
    checkout: TrafficClass,
}

/// Calls of equal urgency.
pub(super) struct TrafficClass {
    pub(super) bulkhead: Bulkhead,
    pub(super) circuit_breaker: CircuitBreaker,
    pub(super) retry_budget: RetryBudget,
    name: &'static str,
}

impl TrafficClasses {
    pub(super) fn new(source: &SourceId, policy: &ResiliencePolicy) -> Self {
        let class = |name, permits| TrafficClass {
            name,
            bulkhead: Bulkhead::new(permits, policy.bulkhead.max_wait),
            circuit_breaker: CircuitBreaker::new(policy.circuit_breaker.clone()),
            retry_budget: RetryBudget::new(&policy.retries),
        };
        let classes = Self {
            browsing: class("browsing", policy.bulkhead.browsing),
            checkout: class("checkout", policy.bulkhead.checkout),
        };
        [&classes.browsing, &classes.checkout].iter().for_each(|class| class.report_circuit(source, true));
        classes
    }

    /// Returns the class of an operation: checkout if a person waits for a sale or at a gate, browsing otherwise.
    pub(super) fn for_operation(&self, operation: VendorOperation) -> &TrafficClass {
        let is_urgent = operation.is_order_call()
            || matches!(
                operation,
                VendorOperation::Admit | VendorOperation::WriteTokens | VendorOperation::ReadAdmissions
            );
        if is_urgent { &self.checkout } else { &self.browsing }
    }
}

impl TrafficClass {
    /// Sets the metric of the circuit breaker's state.
    pub(super) fn report_circuit(&self, source: &SourceId, is_closed: bool) {
        let labels = [("source", source.to_string()), ("traffic_class", self.name.to_owned())];
        let value = if is_closed { 0.0 } else { 1.0 };
        metrics::gauge!("ticketgraph_source_circuit_breaker_open", &labels).set(value);
    }
}
