//! Circuit breaker: stops calling a remote system that keeps failing, and probes it with one call at a time until it recovers.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::policy::CircuitBreakerPolicy;

/// Upper bound of the number of outcomes in the window, however busy the remote system is.
const MAX_OUTCOMES: usize = 1000;

/// Outcome of a call as the circuit breaker counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// The call succeeded.
    Success,
    /// The remote system rejected the call as invalid. It is reachable; the outcome counts neither as success nor as failure.
    ClientError,
    /// Not counted: the call was rate-limited or canceled by us.
    Ignored,
    /// The remote system failed.
    Failure,
}

enum CircuitState {
    Closed,
    Open {
        until: Instant,
        /// Number of times in a row that the circuit opened.
        openings: u32,
    },
    /// One call at a time is allowed through as a probe.
    HalfOpen {
        is_probing: bool,
        successes: u32,
        openings: u32,
    },
}

struct BreakerState {
    circuit: CircuitState,
    /// Time of each counted outcome, and true if it was a failure.
    outcomes: VecDeque<(Instant, bool)>,
}

/// Rejects calls while the remote system keeps failing.
pub struct CircuitBreaker {
    policy: CircuitBreakerPolicy,
    state: Mutex<BreakerState>,
}

/// Permission to make one call. Dropping it without recording an outcome allows the next probe.
pub struct Permit<'a> {
    breaker: &'a CircuitBreaker,
    is_probe: bool,
}

impl CircuitBreaker {
    /// Creates a closed circuit breaker.
    pub fn new(policy: CircuitBreakerPolicy) -> Self {
        Self { policy, state: Mutex::new(BreakerState { circuit: CircuitState::Closed, outcomes: VecDeque::new() }) }
    }

    /// Allows a call, or returns the time until the next one may be allowed.
    pub fn try_acquire(&self) -> Result<Permit<'_>, Duration> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let is_probe = match state.circuit {
            CircuitState::Closed => false,
            CircuitState::Open { until, .. } if now < until => return Err(until - now),
            CircuitState::Open { openings, .. } => {
                state.circuit = CircuitState::HalfOpen { is_probing: true, successes: 0, openings };
                true
            }
            // The outcome of the running probe is imminent; callers do not queue for it.
            CircuitState::HalfOpen { is_probing: true, .. } => return Err(self.policy.open_duration),
            CircuitState::HalfOpen { successes, openings, .. } => {
                state.circuit = CircuitState::HalfOpen { is_probing: true, successes, openings };
                true
            }
        };
        Ok(Permit { breaker: self, is_probe })
    }

    /// True while all calls are allowed.
    pub fn is_closed(&self) -> bool {
        matches!(self.state.lock().circuit, CircuitState::Closed)
    }

    fn record(&self, is_probe: bool, outcome: CallOutcome) -> Option<bool> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let was_closed = matches!(state.circuit, CircuitState::Closed);
        match (&state.circuit, is_probe) {
            (CircuitState::Closed, false) => self.record_while_closed(&mut state, now, outcome),
            (&CircuitState::HalfOpen { successes, openings, .. }, true) => {
                state.circuit = self.after_probe(successes, openings, now, outcome);
            }
            // A call that began before the circuit changed says nothing about the present.
            _ => {}
        }
        if matches!(state.circuit, CircuitState::Open { .. }) {
            state.outcomes.clear();
        }
        let is_closed = matches!(state.circuit, CircuitState::Closed);
        (is_closed != was_closed).then_some(is_closed)
    }

    fn record_while_closed(&self, state: &mut BreakerState, now: Instant, outcome: CallOutcome) {
        let is_failure = match outcome {
            CallOutcome::Success => false,
            CallOutcome::Failure => true,
            // Client errors neither open the circuit nor dilute the share of failures.
            CallOutcome::ClientError | CallOutcome::Ignored => return,
        };
        let outcomes = &mut state.outcomes;
        outcomes.push_back((now, is_failure));
        while outcomes.len() > MAX_OUTCOMES || outcomes.front().is_some_and(|(at, _)| now - *at > self.policy.window) {
            outcomes.pop_front();
        }
        let failures = outcomes.iter().filter(|(_, is_failure)| *is_failure).count();
        let has_enough = outcomes.len() >= self.policy.min_calls;
        if has_enough && failures * 100 >= outcomes.len() * self.policy.failure_percent {
            state.circuit = self.open(0, now);
        }
    }

    fn after_probe(&self, successes: u32, openings: u32, now: Instant, outcome: CallOutcome) -> CircuitState {
        match outcome {
            CallOutcome::Failure => self.open(openings, now),
            CallOutcome::Ignored => CircuitState::HalfOpen { is_probing: false, successes, openings },
            CallOutcome::Success | CallOutcome::ClientError if successes + 1 >= self.policy.success_threshold => {
                CircuitState::Closed
            }
            CallOutcome::Success | CallOutcome::ClientError => {
                CircuitState::HalfOpen { is_probing: false, successes: successes + 1, openings }
            }
        }
    }

    fn open(&self, openings: u32, now: Instant) -> CircuitState {
        let duration = self.policy.open_duration.saturating_mul(1 << openings.min(16));
        CircuitState::Open { until: now + duration.min(self.policy.max_open_duration), openings: openings + 1 }
    }
}

impl Permit<'_> {
    /// Records the outcome of the call. Returns whether it closed (`true`) or opened (`false`) the circuit.
    pub fn record(mut self, outcome: CallOutcome) -> Option<bool> {
        let is_probe = std::mem::take(&mut self.is_probe);
        self.breaker.record(is_probe, outcome)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.record(true, CallOutcome::Ignored);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const POLICY: CircuitBreakerPolicy = CircuitBreakerPolicy {
        window: Duration::from_secs(30),
        min_calls: 5,
        failure_percent: 50,
        open_duration: Duration::from_secs(2),
        max_open_duration: Duration::from_secs(60),
        success_threshold: 2,
    };

    fn closed() -> CircuitBreaker {
        CircuitBreaker::new(POLICY)
    }

    fn attempt(breaker: &CircuitBreaker, outcome: CallOutcome) -> bool {
        breaker.try_acquire().map(|permit| permit.record(outcome)).is_ok()
    }

    fn opened() -> CircuitBreaker {
        let breaker = closed();
        (0..5).for_each(|_| assert!(attempt(&breaker, CallOutcome::Failure)));
        assert!(!breaker.is_closed());
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_circuit_rejects_calls_until_open_duration_passes() {
        let breaker = opened();
        assert_eq!(breaker.try_acquire().err(), Some(Duration::from_secs(2)));
        advance(Duration::from_millis(500)).await;
        assert_eq!(breaker.try_acquire().err(), Some(Duration::from_millis(1500)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_in_twenty_does_not_open_the_circuit() {
        let breaker = closed();
        for call in 0..2000 {
            let outcome = if call % 20 == 0 { CallOutcome::Failure } else { CallOutcome::Success };
            assert!(attempt(&breaker, outcome));
            advance(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn client_errors_neither_open_the_circuit_nor_dilute_failures() {
        let breaker = closed();
        for _ in 0..100 {
            assert!(attempt(&breaker, CallOutcome::ClientError));
            assert!(attempt(&breaker, CallOutcome::Ignored));
        }
        assert!(breaker.is_closed());
        for _ in 0..5 {
            attempt(&breaker, CallOutcome::ClientError);
            attempt(&breaker, CallOutcome::Failure);
        }
        assert!(!breaker.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_outside_the_window_do_not_count() {
        let breaker = closed();
        for _ in 0..20 {
            assert!(attempt(&breaker, CallOutcome::Failure));
            advance(Duration::from_secs(10)).await;
        }
        assert!(breaker.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_half_open_circuit_allows_one_probe_at_a_time_and_closes_after_successful_ones() {
        let breaker = opened();
        advance(Duration::from_secs(2)).await;
        let first = breaker.try_acquire().expect("a probe");
        assert!(breaker.try_acquire().is_err(), "a second probe was allowed");
        first.record(CallOutcome::Success);
        assert!(!breaker.is_closed());
        breaker.try_acquire().expect("the next probe").record(CallOutcome::ClientError);
        assert!(breaker.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_probe_doubles_the_open_duration_up_to_its_maximum() {
        let breaker = opened();
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(breaker.try_acquire().err(), Some(Duration::from_secs(seconds)));
            advance(Duration::from_secs(seconds)).await;
            assert!(attempt(&breaker, CallOutcome::Failure));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_probe_allows_the_next_one() {
        let breaker = opened();
        advance(Duration::from_secs(2)).await;
        drop(breaker.try_acquire().expect("a probe"));
        assert!(breaker.try_acquire().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_began_before_the_circuit_opened_change_nothing() {
        let breaker = closed();
        let stragglers: Vec<_> = (0..5).map(|_| breaker.try_acquire().expect("closed")).collect();
        (0..5).for_each(|_| assert!(attempt(&breaker, CallOutcome::Failure)));
        advance(Duration::from_secs(2)).await;
        let probe = breaker.try_acquire().expect("a probe");
        for permit in stragglers {
            assert_eq!(permit.record(CallOutcome::Success), None);
        }
        assert!(!breaker.is_closed());
        probe.record(CallOutcome::Failure);
        assert_eq!(breaker.try_acquire().err(), Some(Duration::from_secs(4)));
    }
}
