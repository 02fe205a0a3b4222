//! A lane: the places, the breaker and the repeats of calls that are equally urgent.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::guard::breaker::Breaker;
use crate::guard::retry::RetryBudget;
use crate::policy::Policy;
use domain::{Operation, SourceId};

/// Two lanes: a list page that fails, or is asked for by a thousand visitors, must not stop a sale that is under way.
pub(super) struct Lanes {
    browsing: Lane,
    checkout: Lane,
}

/// The places, the breaker and the repeats of calls that are equally urgent.
pub(super) struct Lane {
    pub(super) breaker: Breaker,
    pub(super) repeats: RetryBudget,
    name: &'static str,
    places: Semaphore,
    longest_wait: Duration,
}

impl Lanes {
    pub(super) fn new(source: &SourceId, policy: &Policy) -> Self {
        let lane = |name, places| Lane {
            name,
            breaker: Breaker::new(policy.breaker.clone()),
            repeats: RetryBudget::new(&policy.retries),
            places: Semaphore::new(places),
            longest_wait: policy.bulkhead.longest_wait,
        };
        let lanes = Self {
            browsing: lane("browsing", policy.bulkhead.browsing),
            checkout: lane("checkout", policy.bulkhead.checkout),
        };
        [&lanes.browsing, &lanes.checkout].iter().for_each(|lane| lane.breaker_turned(source, true));
        lanes
    }

    /// The lane of an operation: somebody stands at a till or a gate, or not.
    pub(super) fn of(&self, operation: Operation) -> &Lane {
        let is_urgent = operation.serves_an_order()
            || matches!(operation, Operation::Admit | Operation::WriteTokens | Operation::ReadAdmissions);
        if is_urgent { &self.checkout } else { &self.browsing }
    }
}

impl Lane {
    /// Tells that the breaker closed or opened.
    pub(super) fn breaker_turned(&self, source: &SourceId, is_closed: bool) {
        let labels = [("source", source.to_string()), ("lane", self.name.to_owned())];
        metrics::gauge!("ticketgraph_source_breaker_open", &labels).set(if is_closed { 0.0 } else { 1.0 });
    }

    /// Waits for a place, as long as the policy and the deadline allow. `None`: all are taken.
    pub(super) async fn enter(&self, deadline: Instant) -> Option<SemaphorePermit<'_>> {
        let last = deadline.min(Instant::now() + self.longest_wait);
        timeout_at(last, self.places.acquire()).await.ok()?.ok()
    }
}
