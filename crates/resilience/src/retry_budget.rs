//! Retry budget: keeps retries from overloading a system that already fails.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use crate::policy::RetryPolicy;

/// Limits retries to a share of all calls: each call adds a fraction of a retry, each retry takes one.
pub struct RetryBudget {
    /// In hundredths of a retry.
    balance: AtomicI64,
    max_balance: i64,
    per_call: i64,
}

impl RetryBudget {
    /// Creates a budget that holds its full reserve.
    pub fn new(policy: &RetryPolicy) -> Self {
        let reserve = i64::from(policy.budget_reserve) * 100;
        Self { balance: AtomicI64::new(reserve), max_balance: reserve.max(100), per_call: policy.budget_percent.into() }
    }

    /// Records a call, which adds to the budget.
    pub fn record_call(&self) {
        let add = |balance: i64| Some((balance + self.per_call).min(self.max_balance));
        let _ = self.balance.fetch_update(Relaxed, Relaxed, add);
    }

    /// Takes one retry out of the budget. Returns `false` if it is used up.
    pub fn try_take(&self) -> bool {
        self.balance.fetch_update(Relaxed, Relaxed, |balance| (balance >= 100).then(|| balance - 100)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::tests::POLICY;

    #[test]
    fn retries_are_a_share_of_the_calls_once_the_reserve_is_used() {
        let budget = RetryBudget::new(&POLICY);
        let first = (0..100).filter(|_| budget.try_take()).count();
        let mut later = 0;
        for _ in 0..1000 {
            budget.record_call();
            later += usize::from(budget.try_take());
        }
        assert_eq!((first, later), (10, 100));
    }
}
