//! Requests that may go out to a source: a steady pace with room for a burst, of which a part is kept for orders.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::policy::BudgetPolicy;
use domain::Budget;

/// A pace that never sends more than a quota in any window of its length: a burst first, then one request an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Time between two requests that keep coming.
    pub interval: Duration,
    /// Requests that may go out at once after a rest.
    pub burst: u32,
    /// Those of the burst that only order calls may use.
    pub reserved: u32,
}

impl Pace {
    /// The pace of the whole quota, for all replicas together.
    pub fn of(policy: &BudgetPolicy) -> Self {
        Self::for_requests(policy, policy.quota.requests)
    }

    /// The pace of one replica that cannot hear the others.
    pub fn of_share(policy: &BudgetPolicy) -> Self {
        Self::for_requests(policy, policy.quota.requests / policy.replicas.max(1))
    }

    /// A burst of a quarter and a steady rest: together they are the quota, wherever the vendor's window begins.
    fn for_requests(policy: &BudgetPolicy, requests: u32) -> Self {
        let requests = requests.max(1);
        let burst = (requests / 4).max(1);
        let steady = (requests - burst).max(1);
        let reserved = (burst * policy.order_percent.min(100)).div_ceil(100).min(burst - 1);
        Self { interval: policy.quota.per / steady, burst, reserved }
    }

    /// What is left of a burst that will be whole after a while.
    pub fn remaining(&self, whole_in: Duration) -> u32 {
        let taken = whole_in.as_nanos().div_ceil(self.interval.as_nanos().max(1));
        self.burst.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// What a caller may draw on.
    pub fn depth(&self, serves_an_order: bool) -> u32 {
        if serves_an_order { self.burst } else { self.burst - self.reserved }
    }
}

/// The budget of one process.
pub struct LocalBudget {
    pace: Option<Pace>,
    patience: Duration,
    meter: Mutex<Meter>,
}

struct Meter {
    /// When the burst is whole again; the more has been taken, the later.
    whole_at: Instant,
    /// Nothing goes out before.
    paused_until: Instant,
}

impl LocalBudget {
    /// A budget at a pace. Callers wait for their turn at most for `patience`.
    pub fn new(pace: Pace, patience: Duration) -> Self {
        Self { pace: Some(pace), patience, meter: Meter::begin() }
    }

    /// As many requests as there are callers; only the vendor's own "too many" holds them back.
    pub fn unlimited() -> Self {
        Self { pace: None, patience: Duration::ZERO, meter: Meter::begin() }
    }

    /// Counts a request that was allowed elsewhere, so that the burst is not there twice when this budget has to stand in.
    pub fn charge(&self) {
        let now = Instant::now();
        if let Some(pace) = self.pace {
            let mut meter = self.lock();
            meter.whole_at = meter.whole_at.max(now) + pace.interval;
            let longest = now + pace.interval * pace.burst;
            meter.whole_at = meter.whole_at.min(longest);
        }
    }

    /// How much longer the vendor wants to be left alone.
    pub fn paused_for(&self) -> Duration {
        self.lock().paused_until.saturating_duration_since(Instant::now())
    }

    /// Takes one request, or says how long to wait.
    fn take_now(&self, serves_an_order: bool) -> Result<(), Duration> {
        let now = Instant::now();
        let mut meter = self.lock();
        if now < meter.paused_until {
            return Err(meter.paused_until - now);
        }
        let Some(pace) = self.pace else { return Ok(()) };
        let whole_at = meter.whole_at.max(now) + pace.interval;
        let wait = whole_at.saturating_duration_since(now + pace.interval * pace.depth(serves_an_order));
        if wait.is_zero() {
            meter.whole_at = whole_at;
            return Ok(());
        }
        Err(wait)
    }

    fn lock(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    fn begin() -> Mutex<Self> {
        let now = Instant::now();
        Mutex::new(Self { whole_at: now, paused_until: now })
    }
}

#[async_trait]
impl Budget for LocalBudget {
    async fn take(&self, serves_an_order: bool) -> Result<(), Duration> {
        let last = Instant::now() + self.patience;
        loop {
            match self.take_now(serves_an_order) {
                Ok(()) => return Ok(()),
                Err(wait) if Instant::now() + wait > last => return Err(wait),
                Err(wait) => sleep(wait).await,
            }
        }
    }

    fn pause(&self, wait: Duration) {
        let mut meter = self.lock();
        meter.paused_until = meter.paused_until.max(Instant::now() + wait);
    }

    fn remaining(&self) -> Option<u32> {
        let pace = self.pace?;
        let now = Instant::now();
        let meter = self.lock();
        if now < meter.paused_until {
            return Some(0);
        }
        Some(pace.remaining(meter.whole_at.saturating_duration_since(now)))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use domain::Quota;

    fn budget(requests: u32, order_percent: u32, patience: Duration) -> LocalBudget {
        let quota = Quota { requests, per: Duration::from_secs(60) };
        let policy = BudgetPolicy { quota, order_percent, patience, replicas: 2 };
        LocalBudget::new(Pace::of(&policy), patience)
    }

    async fn drained(budget: &LocalBudget, serves_an_order: bool) -> usize {
        let mut count = 0;
        while budget.take(serves_an_order).await.is_ok() {
            count += 1;
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn readers_leave_the_reserved_part_to_orders() {
        let budget = budget(60, 25, Duration::ZERO);
        assert_eq!(budget.remaining(), Some(15));
        assert_eq!(drained(&budget, false).await, 11);
        assert_eq!(budget.remaining(), Some(4));
        assert_eq!(drained(&budget, true).await, 4);
        assert_eq!((budget.remaining(), budget.take(true).await.is_err()), (Some(0), true));
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_ever_sees_more_than_the_quota() {
        for requests in [1, 2, 7, 60, 1000] {
            let budget = budget(requests, 0, Duration::ZERO);
            let mut sent = Vec::new();
            for _ in 0..6000 {
                while budget.take(true).await.is_ok() {
                    sent.push(Instant::now());
                }
                advance(Duration::from_millis(30)).await;
            }
            let most = (0..sent.len())
                .map(|first| sent[first..].iter().take_while(|at| **at - sent[first] < Duration::from_secs(60)).count())
                .max();
            assert!(most.is_some_and(|most| most <= requests as usize), "{most:?} of {requests}");
            assert!(sent.len() >= 3 * requests as usize / 2, "{} of {requests} in three minutes", sent.len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_wait_is_waited_and_a_long_one_is_told() {
        let budget = budget(60, 0, Duration::from_secs(2));
        for _ in 0..15 {
            assert_eq!(budget.take_now(true), Ok(()));
        }
        let begun = Instant::now();
        assert_eq!(budget.take(true).await, Ok(()));
        assert_eq!(begun.elapsed().as_millis(), 1334, "a forty-fifth of a minute, in whole milliseconds of the timer");
        budget.pause(Duration::from_secs(30));
        let wait = budget.take(true).await.expect_err("paused");
        assert_eq!((wait, budget.remaining()), (Duration::from_secs(30), Some(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_quota_only_the_vendors_own_word_holds_requests_back() {
        let budget = LocalBudget::unlimited();
        for _ in 0..10_000 {
            assert_eq!(budget.take_now(false), Ok(()));
        }
        budget.pause(Duration::from_secs(1));
        assert_eq!((budget.take(false).await, budget.remaining()), (Err(Duration::from_secs(1)), None));
        advance(Duration::from_secs(1)).await;
        assert_eq!(budget.take(false).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_allowed_elsewhere_is_not_allowed_here_once_more() {
        let budget = budget(60, 0, Duration::ZERO);
        (0..100).for_each(|_| budget.charge());
        assert_eq!(drained(&budget, true).await, 0);
        advance(Duration::from_secs(60)).await;
        assert_eq!(drained(&budget, true).await, 15);
    }
}
