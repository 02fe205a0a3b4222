//! Retry: the backoff before a retry.

use std::time::Duration;

use crate::policy::RetryPolicy;

/// Returns the wait before a retry: the time the remote system asked for, or a random part of a bound that doubles each time.
/// `retry` counts from zero.
pub fn backoff(policy: &RetryPolicy, retry: u32, retry_after: Option<Duration>) -> Duration {
    match retry_after {
        // Never earlier than requested, and spread a little, since many callers wait for the same instant.
        Some(wait) => wait + jittered(wait / 10),
        None => jittered(policy.initial_backoff.saturating_mul(1 << retry.min(16)).min(policy.max_backoff)),
    }
}

fn jittered(bound: Duration) -> Duration {
    let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(fastrand::u64(0..=nanos))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 4,
        initial_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_secs(2),
        budget_percent: 10,
        budget_reserve: 10,
    };

    #[test]
    fn a_backoff_is_never_shorter_than_retry_after_and_otherwise_never_above_its_bound() {
        for retry in 0..40 {
            assert!(backoff(&POLICY, retry, None) <= POLICY.max_backoff);
            let wait = backoff(&POLICY, retry, Some(Duration::from_secs(3)));
            assert!((Duration::from_secs(3)..=Duration::from_millis(3300)).contains(&wait));
        }
    }
}
