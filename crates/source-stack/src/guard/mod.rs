//! Guard: applies the resilience policy to every call, so that a slow or failing source affects only its own fields.
//!
//! From the outside in:
//!
//! 1. **Metrics** are outermost, since waiting for a permit is part of the caller's wait.
//! 2. The **deadline** covers everything below, so that retries and waits share one budget of time. The time that the requests of
//!    an order call wait for their turn does not count.
//! 3. The **bulkhead** comes before the circuit breaker, so that no probe is used up by a call that then finds no permit. Order
//!    calls pass it: each of their requests takes a place in the queue of the source instead, so that no place is taken by a call
//!    that waits for its turn or for the vendor to finish.
//! 4. The **circuit breaker** is consulted before each attempt, so that retries stop as soon as it opens.
//! 5. The **attempts** are innermost: only here it is known what failed, and whether a retry could do harm.

mod authoring;
mod call;
mod failure_log;
mod health_tracker;
mod observation;
mod ports;
mod retry;
mod traffic_class;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    Batch, ErrorKind, RecentFailures, SourceId, SourceTraits, VendorError, VendorOperation, observe_responses,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tracing::Instrument;

use crate::policy::ResiliencePolicy;
use call::{BatchState, GuardedCall};
use failure_log::FailureLog;
pub use health_tracker::HealthTracker;
pub(crate) use ports::Guarded;
use traffic_class::TrafficClasses;

/// Guards all calls to one source.
pub struct Guard {
    source: SourceId,
    policy: ResiliencePolicy,
    honors_idempotency_keys: bool,
    slow_confirm: Duration,
    health: Arc<HealthTracker>,
    traffic_classes: TrafficClasses,
    failures: FailureLog,
}

impl Guard {
    /// Creates the guard of a source. The outcome of each call is recorded in `health`, the reasons of failures in
    /// `failures`.
    pub fn new(
        source: SourceId,
        traits: &SourceTraits,
        policy: ResiliencePolicy,
        health: Arc<HealthTracker>,
        failures: Arc<RecentFailures>,
    ) -> Self {
        let traffic_classes = TrafficClasses::new(&source, &policy);
        Self {
            source,
            honors_idempotency_keys: traits.honors_idempotency_keys,
            slow_confirm: traits.slow_confirm_duration,
            traffic_classes,
            policy,
            health,
            failures: FailureLog::new(failures),
        }
    }

    /// Runs one call. `attempt` is called for each attempt.
    ///
    /// Errors beside the vendor's own: `Timeout` at the deadline (a running write may have been applied), `RateLimited` if no
    /// permit became free in time, and `Unavailable` while the circuit is open. The last two have no effect at the vendor.
    pub async fn call<'a, T>(
        &self,
        operation: VendorOperation,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, VendorError>> + Send + Sync,
    ) -> Result<T, VendorError>
    where
        T: Send + 'a,
    {
        let attempt = |_| attempt().map(|result| HashMap::from([((), result)])).boxed();
        let mut results = self.call_batch(operation, vec![()], |()| (), attempt).await;
        results.remove(&()).unwrap_or_else(|| Err(VendorError::new(&self.source, operation, ErrorKind::Internal)))
    }

    /// Runs one call for many keys. Only keys with a transient failure are retried. Returns a result for each key.
    pub async fn call_batch<'a, I, K, V>(
        &self,
        operation: VendorOperation,
        items: Vec<I>,
        key_of: impl Fn(&I) -> K + Send + Sync,
        attempt: impl Fn(Vec<I>) -> BoxFuture<'a, Batch<K, V>> + Send + Sync,
    ) -> Batch<K, V>
    where
        I: Clone + Send + Sync,
        K: Eq + Hash + Send,
        V: Send,
    {
        if items.is_empty() {
            return Batch::new();
        }
        let mut call = GuardedCall::new(self, operation, items.len());
        let mut batch = BatchState::new(items, key_of);
        let span = call.observation.span();
        let rejection = self.run_attempts(&mut call, &mut batch, attempt).instrument(span).await.err();
        batch.finish(&mut call, rejection)
    }

    /// Makes attempts until no key is pending or no attempt is allowed. The error explains why an attempt was rejected.
    async fn run_attempts<'a, I, F, K, V>(
        &self,
        call: &mut GuardedCall<'_>,
        batch: &mut BatchState<I, F, K, V>,
        attempt: impl Fn(Vec<I>) -> BoxFuture<'a, Batch<K, V>> + Send + Sync,
    ) -> Result<(), VendorError>
    where
        I: Clone + Send + Sync,
        F: Fn(&I) -> K + Send + Sync,
        K: Eq + Hash + Send,
        V: Send,
    {
        let _permit = call.acquire_permit().await?;
        loop {
            let permit = call.try_acquire_circuit()?;
            let attempt = call.run_until_deadline(attempt(batch.pending_items()));
            let (results, seen) = observe_responses(attempt).await;
            call.seen = seen;
            let result = match results {
                Some(results) => batch.record_results(call, results),
                None => batch.record_timeout(call),
            };
            call.record_attempt(permit, &result);
            if batch.is_complete() || !call.wait_before_retry(result.retry_after).await {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
