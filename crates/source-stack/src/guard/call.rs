//! State of one guarded call: pending keys, results, and the time left.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use domain::{Batch, Effect, ErrorKind, SeenResponse, TurnScope, VendorError, VendorOperation};
use resilience::{CallOutcome, Permit, backoff};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep};

use super::Guard;
use super::observation::CallObservation;
use super::retry::is_retryable;
use super::traffic_class::TrafficClass;

/// One guarded call while it runs.
pub(super) struct GuardedCall<'g> {
    /// Order call that this call belongs to, if any.
    scope: Option<Arc<TurnScope>>,
    /// Deadline without the time in the queue.
    deadline: Instant,
    /// Time in the queue before this call began.
    queued_before: Duration,
    pub(super) observation: CallObservation,
    guard: &'g Guard,
    traffic_class: &'g TrafficClass,
    operation: VendorOperation,
    retries: u32,
    /// Possible effect of all previous attempts. A later attempt cannot revert it.
    sticky_effect: Effect,
    /// True if an earlier attempt got a response for at least one key.
    has_response: bool,
    /// Responses of the last attempt.
    pub(super) seen: Vec<SeenResponse>,
}

/// Result of one attempt.
pub(super) struct AttemptResult {
    /// Outcome for the circuit breaker.
    outcome: CallOutcome,
    /// First fault, if any. A business rejection is not a fault.
    fault: Option<VendorError>,
    /// True if the vendor responded for at least one key, including with a business rejection.
    has_response: bool,
    /// Longest wait that the vendor asked for.
    pub(super) retry_after: Option<Duration>,
}

impl<'g> GuardedCall<'g> {
    pub(super) fn new(guard: &'g Guard, operation: VendorOperation, items: usize) -> Self {
        let scope = TurnScope::current();
        Self {
            queued_before: scope.as_ref().map_or(Duration::ZERO, |scope| scope.queued()),
            scope,
            deadline: Instant::now() + guard.policy.deadline(operation, guard.slow_confirm),
            observation: CallObservation::start(&guard.source, operation, items),
            traffic_class: guard.traffic_classes.for_operation(operation),
            guard,
            operation,
            retries: 0,
            sticky_effect: Effect::None,
            has_response: false,
            seen: Vec::new(),
        }
    }

    /// Acquires a permit of the bulkhead. Order calls need none.
    pub(super) async fn acquire_permit(&self) -> Result<Option<SemaphorePermit<'g>>, VendorError> {
        self.traffic_class.retry_budget.record_call();
        if self.operation.is_order_call() {
            return Ok(None);
        }
        let permit = self.traffic_class.bulkhead.acquire(self.deadline).await;
        let retry_after = self.guard.policy.retries.max_backoff;
        permit.map(Some).ok_or_else(|| self.error(ErrorKind::RateLimited).with_retry_after(Some(retry_after)))
    }

    /// Runs an attempt until the deadline. `None` if it passed.
    pub(super) async fn run_until_deadline<F: Future>(&self, attempt: F) -> Option<F::Output> {
        TurnScope::run_current_until(self.moved_deadline(), attempt).await
    }

    /// Returns the deadline, moved by the time in the queue so far.
    fn moved_deadline(&self) -> Instant {
        self.deadline
            + self.scope.as_ref().map_or(Duration::ZERO, |scope| scope.queued().saturating_sub(self.queued_before))
    }

    /// Acquires permission for one attempt from the circuit breaker.
    pub(super) fn try_acquire_circuit(&self) -> Result<Permit<'g>, VendorError> {
        let permit = self.traffic_class.circuit_breaker.try_acquire();
        permit.map_err(|wait| VendorError::circuit_open(&self.guard.source, self.operation, wait))
    }

    /// Records the result of an attempt in the circuit breaker, health and metrics.
    pub(super) fn record_attempt(&mut self, permit: Permit<'_>, result: &AttemptResult) {
        // Keys that fail again after their neighbors succeeded give no new information about the source.
        let is_known_failure = self.has_response && result.outcome == CallOutcome::Failure;
        let outcome = if is_known_failure { CallOutcome::Ignored } else { result.outcome };
        let circuit_change = permit.record(outcome);
        let health = &self.guard.health;
        if result.has_response {
            health.record_success();
        }
        if let Some(fault) = result.fault.as_ref().filter(|_| !self.has_response) {
            health.record_failure(fault);
        }
        if let Some(is_closed) = circuit_change {
            health.record_circuit(is_closed);
            self.traffic_class.report_circuit(&self.guard.source, is_closed);
        }
        self.has_response |= result.has_response;
        self.observation.record_attempt(result.fault.as_ref());
    }

    /// Waits before a retry. Returns `false` if no retry is allowed.
    pub(super) async fn wait_before_retry(&mut self, retry_after: Option<Duration>) -> bool {
        let policy = &self.guard.policy.retries;
        let wait = backoff(policy, self.retries, retry_after);
        if self.retries + 1 >= policy.max_attempts || Instant::now() + wait >= self.moved_deadline() {
            return false;
        }
        // A retry at the time that the vendor chose adds no unexpected load and does not count against the budget.
        if retry_after.is_none() && !self.traffic_class.retry_budget.try_take() {
            return false;
        }
        self.retries += 1;
        self.observation.record_retry();
        sleep(wait).await;
        true
    }

    /// Logs and keeps the reason of a failure, and the settings that lack a word of the responses.
    fn record_reasons(&self, failure: Option<&VendorError>) {
        let (guard, now) = (self.guard, self.guard.health.now());
        let failed = failure.map(|error| guard.failures.record(now, error, &self.seen));
        let unknown = guard.failures.record_unknown_words(now, &guard.source, self.operation, &self.seen);
        failed.iter().chain(&unknown).for_each(|reason| self.observation.record_reason(reason));
    }

    fn error(&self, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.guard.source, self.operation, kind)
    }

    /// Adds the possible effect of earlier attempts to an error.
    fn with_sticky_effect(&mut self, mut error: VendorError) -> VendorError {
        if error.effect == Effect::Unknown {
            self.sticky_effect = Effect::Unknown;
        }
        error.effect = self.sticky_effect;
        error
    }
}

/// Keys of a batch and their results.
pub(super) struct BatchState<I, F, K, V> {
    pending: Vec<PendingItem<I>>,
    key_of: F,
    results: Batch<K, V>,
}

/// An item without a final result.
struct PendingItem<I> {
    item: I,
    last_error: Option<VendorError>,
}

impl<I, F, K, V> BatchState<I, F, K, V>
where
    I: Clone,
    F: Fn(&I) -> K,
    K: Eq + Hash,
{
    pub(super) fn new(items: Vec<I>, key_of: F) -> Self {
        let results = Batch::with_capacity(items.len());
        let pending = items.into_iter().map(|item| PendingItem { item, last_error: None }).collect();
        Self { pending, key_of, results }
    }

    pub(super) fn pending_items(&self) -> Vec<I> {
        self.pending.iter().map(|pending| pending.item.clone()).collect()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.pending.is_empty()
    }

    /// Records the results of an attempt. Keys with a retryable failure stay pending.
    pub(super) fn record_results(&mut self, call: &mut GuardedCall<'_>, mut results: Batch<K, V>) -> AttemptResult {
        let mut attempt =
            AttemptResult { outcome: CallOutcome::Ignored, fault: None, has_response: false, retry_after: None };
        for pending in std::mem::take(&mut self.pending) {
            let key = (self.key_of)(&pending.item);
            let result = results.remove(&key).unwrap_or_else(|| {
                Err(call.error(ErrorKind::Internal).with_cause("the port returned no result for a requested key"))
            });
            match result {
                Ok(value) => {
                    attempt.merge(CallOutcome::Success);
                    self.results.insert(key, Ok(value));
                }
                Err(error) => {
                    let error = call.with_sticky_effect(error);
                    attempt.merge_error(&error);
                    if is_retryable(call.operation, &error, call.guard.honors_idempotency_keys) {
                        self.pending.push(PendingItem { item: pending.item, last_error: Some(error) });
                    } else {
                        self.results.insert(key, Err(error));
                    }
                }
            }
        }
        attempt
    }

    /// Records that the deadline passed during an attempt. A write may have been applied.
    pub(super) fn record_timeout(&mut self, call: &mut GuardedCall<'_>) -> AttemptResult {
        let effect = if call.operation.is_read_only() { Effect::None } else { Effect::Unknown };
        let timeout = call.error(ErrorKind::Timeout).with_effect(effect);
        let timeout = call.with_sticky_effect(timeout);
        for pending in &mut self.pending {
            pending.last_error = Some(timeout.clone());
        }
        AttemptResult { outcome: CallOutcome::Failure, fault: Some(timeout), has_response: false, retry_after: None }
    }

    /// Completes pending keys with their last error, or with the reason why no attempt was made.
    pub(super) fn finish(mut self, call: &mut GuardedCall<'_>, rejection: Option<VendorError>) -> Batch<K, V> {
        for pending in std::mem::take(&mut self.pending) {
            let error = pending.last_error.or_else(|| rejection.clone());
            let error = error.unwrap_or_else(|| call.error(ErrorKind::Internal));
            self.results.insert((self.key_of)(&pending.item), Err(error));
        }
        let has_success = self.results.values().any(Result::is_ok);
        let failure = self.results.values().find_map(|result| result.as_ref().err());
        call.record_reasons(failure.filter(|failure| !failure.only_waits()));
        call.observation.finish(if has_success { None } else { failure });
        self.results
    }
}

impl AttemptResult {
    /// Merges the outcome of one key. A key with a response says more about the source than any number without one.
    fn merge(&mut self, outcome: CallOutcome) {
        let rank = |outcome| match outcome {
            CallOutcome::Ignored => 0,
            CallOutcome::Failure => 1,
            CallOutcome::ClientError => 2,
            CallOutcome::Success => 3,
        };
        self.has_response |= rank(outcome) >= 2;
        if rank(outcome) > rank(self.outcome) {
            self.outcome = outcome;
        }
    }

    fn merge_error(&mut self, error: &VendorError) {
        let outcome = match error.kind {
            ErrorKind::NotFound | ErrorKind::Rejected(_) | ErrorKind::Unsupported => CallOutcome::ClientError,
            ErrorKind::Unavailable | ErrorKind::Timeout => CallOutcome::Failure,
            // Ignored by the breaker but counted by health: one malformed item or a wrong credential must not block other calls.
            ErrorKind::RateLimited | ErrorKind::Malformed | ErrorKind::Unauthorized | ErrorKind::Internal => {
                CallOutcome::Ignored
            }
        };
        self.merge(outcome);
        self.retry_after = self.retry_after.max(error.retry_after);
        if outcome != CallOutcome::ClientError && self.fault.is_none() {
            self.fault = Some(error.clone());
        }
    }
}
