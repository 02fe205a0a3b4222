//! When to ask again: the rule, the pause, and the budget that keeps repeats from becoming a wave.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use crate::policy::Retries;
use domain::{Effect, Operation, VendorError};

/// Whether a failed call may be sent again: the failure may pass, and a second call can do no harm.
pub(super) fn may_repeat(operation: Operation, error: &VendorError, honours_keys: bool) -> bool {
    let harmless = operation.reads() || error.effect == Effect::None || (honours_keys && carries_a_step_key(operation));
    error.kind.is_transient() && harmless
}

/// Whether the vendor is given a step key with the call, by which it could know a repeat.
fn carries_a_step_key(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Hold | Operation::Extend | Operation::Confirm | Operation::Release | Operation::Cancel
    )
}

/// The pause before a repeat: what the vendor asks for, or a random part of a ceiling that doubles.
pub(super) fn pause(policy: &Retries, repeat: u32, asked_for: Option<Duration>) -> Duration {
    match asked_for {
        // Never earlier than asked, and a little spread, since many wait for the same moment.
        Some(wait) => wait + drawn(wait / 10),
        None => drawn(policy.first_pause.saturating_mul(1 << repeat.min(16)).min(policy.longest_pause)),
    }
}

fn drawn(ceiling: Duration) -> Duration {
    let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(fastrand::u64(0..=nanos))
}

/// Repeats that may still be made: each operation adds a little, each repeat takes one.
pub(super) struct RetryBudget {
    /// In hundredths of a repeat.
    left: AtomicI64,
    most: i64,
    per_operation: i64,
}

impl RetryBudget {
    pub(super) fn new(policy: &Retries) -> Self {
        let most = i64::from(policy.reserve) * 100;
        Self { left: AtomicI64::new(most), most: most.max(100), per_operation: policy.percent.into() }
    }

    pub(super) fn add_operation(&self) {
        let add = |left: i64| Some((left + self.per_operation).min(self.most));
        let _ = self.left.fetch_update(Relaxed, Relaxed, add);
    }

    pub(super) fn take_repeat(&self) -> bool {
        self.left.fetch_update(Relaxed, Relaxed, |left| (left >= 100).then(|| left - 100)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use domain::{ErrorKind, SourceId};

    #[test]
    fn a_call_is_repeated_only_when_the_failure_may_pass_and_a_repeat_does_no_harm() {
        use Effect::{None as Nothing, Unknown};
        use ErrorKind::{Internal, Malformed, NotFound, RateLimited, Timeout, Unauthorized, Unavailable, Unsupported};
        let table = [
            // operation, kind, effect, keys honoured => repeated
            (Operation::LoadEvents, Unavailable, Nothing, false, true),
            (Operation::LoadEvents, Timeout, Unknown, false, true),
            (Operation::LookUp, RateLimited, Nothing, false, true),
            (Operation::LoadEvents, NotFound, Nothing, true, false),
            (Operation::LoadEvents, Malformed, Nothing, true, false),
            (Operation::LoadEvents, Unauthorized, Nothing, true, false),
            (Operation::Hold, Unavailable, Nothing, false, true),
            (Operation::Hold, RateLimited, Nothing, false, true),
            (Operation::Hold, Timeout, Unknown, false, false),
            (Operation::Hold, Unavailable, Unknown, false, false),
            (Operation::Hold, Timeout, Unknown, true, true),
            (Operation::Confirm, Unavailable, Unknown, true, true),
            (Operation::Confirm, Malformed, Unknown, true, false),
            (Operation::Cancel, Unsupported, Nothing, true, false),
            (Operation::Cancel, Internal, Unknown, true, false),
            // No step key goes along with these: keys that are honoured elsewhere do not help.
            (Operation::Admit, Timeout, Unknown, true, false),
            (Operation::WriteTokens, Unavailable, Unknown, true, false),
            (Operation::WriteTokens, Unavailable, Nothing, false, true),
        ];
        for (operation, kind, effect, honours_keys, repeated) in table {
            let error = VendorError::new(&SourceId::new("opera"), operation, kind.clone()).with_effect(effect);
            assert_eq!(may_repeat(operation, &error, honours_keys), repeated, "{operation:?} {kind:?} {effect:?}");
        }
    }

    #[test]
    fn repeats_are_a_share_of_the_operations_once_the_reserve_is_used() {
        let budget = RetryBudget::new(&Policy::default().retries);
        let first = (0..100).filter(|_| budget.take_repeat()).count();
        let mut later = 0;
        for _ in 0..1000 {
            budget.add_operation();
            later += usize::from(budget.take_repeat());
        }
        assert_eq!((first, later), (10, 100));
    }

    #[test]
    fn a_pause_is_never_shorter_than_the_vendor_asks_and_never_above_its_ceiling_otherwise() {
        let retries = Policy::default().retries;
        for repeat in 0..40 {
            assert!(pause(&retries, repeat, None) <= retries.longest_pause);
            let asked = pause(&retries, repeat, Some(Duration::from_secs(3)));
            assert!((Duration::from_secs(3)..=Duration::from_millis(3300)).contains(&asked));
        }
    }
}
