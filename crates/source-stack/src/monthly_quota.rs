//! Calls of a month, which some vendors limit by contract: counts all calls to an account, and lets reads use their part of the quota
//! as evenly as the month passes, so that orders always have theirs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    CallCount, CallCounts, CallsByClass, CapacityReport, CapacityWish, Clock, Month, MonthlyUse, OrderCapacity,
    RateLimiter, RequestClass, RequestPlace, RequestTurn, ReservationKey, StoreError,
};
use parking_lot::Mutex;

/// Part of the month whose reads may be used from its beginning on, so that a service that starts then can fill its caches.
const HEAD_START: Duration = Duration::from_secs(24 * 3600);

/// Monthly quota of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthlyQuotaPolicy {
    /// Calls that the vendor allows in a calendar month. `None`: calls are only counted.
    pub calls: Option<u32>,
    /// Part of them that reads leave to orders, in percent.
    pub order_percent: u32,
}

/// Calls of an account by month.
pub struct MonthlyQuota {
    account: String,
    policy: MonthlyQuotaPolicy,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Calls of all replicas by month, as of the last report.
    known: BTreeMap<Month, CallsByClass>,
    /// Calls of this replica since then.
    unreported: BTreeMap<Month, CallsByClass>,
}

impl MonthlyQuota {
    /// Creates the counts of an account, which all replicas name alike.
    pub fn new(account: &str, policy: MonthlyQuotaPolicy, clock: Arc<dyn Clock>) -> Self {
        Self { account: account.to_owned(), policy, clock, state: Mutex::default() }
    }

    /// Counts a call.
    fn record(&self, class: RequestClass) {
        let month = Month::of(self.clock.now());
        *self.state.lock().unreported.entry(month).or_default().entry(class).or_default() += 1;
    }

    /// Returns the time until a read fits into the part of the quota that reads have. `None`: now.
    fn read_wait(&self) -> Option<Duration> {
        let quota = u128::from(self.policy.calls?) * u128::from(100 - self.policy.order_percent.min(100)) / 100;
        let now = self.clock.now();
        let month = Month::of(now);
        let (passed, length) = month.progress(now);
        let reads = u128::from(self.state.lock().calls_of(month).get(&RequestClass::Read).copied().unwrap_or(0));
        // The time at which the month allows one read more. Without any quota, that is its end.
        let due = (length.as_millis() * (reads + 1)).checked_div(quota).unwrap_or(u128::MAX).min(length.as_millis());
        let wait = due.saturating_sub(passed.max(HEAD_START).as_millis());
        let since_start = due.saturating_sub(passed.as_millis());
        (wait > 0).then(|| Duration::from_millis(u64::try_from(since_start).unwrap_or(u64::MAX)))
    }

    /// Returns the use of the current month.
    pub fn current(&self) -> MonthlyUse {
        let now = self.clock.now();
        let month = Month::of(now);
        let calls = self.state.lock().calls_of(month);
        let total: u64 = calls.values().sum();
        let (passed, length) = month.progress(now);
        // The first minutes of a month say nothing about it.
        let passed = passed.max(Duration::from_secs(3600)).as_millis();
        let forecast = u128::from(total) * length.as_millis() / passed;
        let forecast = u64::try_from(forecast).unwrap_or(u64::MAX).max(total);
        MonthlyUse { month, calls, quota: self.policy.calls, forecast }
    }

    /// Reports the calls of this replica and learns those of the others. What could not be reported is reported next time.
    ///
    /// # Errors
    ///
    /// Any error of the store.
    pub async fn report(&self, counts: &dyn CallCounts) -> Result<(), StoreError> {
        let now = Month::of(self.clock.now());
        let mut unreported = self.state.lock().unreported.clone();
        unreported.entry(now).or_default();
        for (month, calls) in unreported {
            let all = counts.add_calls(&self.account, month, &calls).await?;
            let mut state = self.state.lock();
            state.remove_unreported(month, &calls);
            state.known.insert(month, all);
            state.known.retain(|month, _| *month >= now);
        }
        Ok(())
    }
}

impl State {
    fn calls_of(&self, month: Month) -> CallsByClass {
        let mut calls = self.known.get(&month).cloned().unwrap_or_default();
        for (class, count) in self.unreported.get(&month).into_iter().flatten() {
            *calls.entry(*class).or_default() += count;
        }
        calls
    }

    /// Removes calls that were reported; others were made meanwhile.
    fn remove_unreported(&mut self, month: Month, reported: &CallsByClass) {
        let Some(unreported) = self.unreported.get_mut(&month) else { return };
        for (class, count) in reported {
            if let Some(left) = unreported.get_mut(class) {
                *left = left.saturating_sub(*count);
            }
        }
        unreported.retain(|_, count| *count > 0);
        if unreported.is_empty() {
            self.unreported.remove(&month);
        }
    }
}

/// Rate limiter that counts calls by month and holds reads back that their part of the quota does not allow.
pub struct MonthlyRateLimiter {
    limiter: Arc<dyn RateLimiter>,
    capacity: Arc<dyn OrderCapacity>,
    quota: Arc<MonthlyQuota>,
}

impl MonthlyRateLimiter {
    /// Adds the quota to a limiter, given as requests and as orders use it.
    pub fn new(limiter: Arc<dyn RateLimiter>, capacity: Arc<dyn OrderCapacity>, quota: Arc<MonthlyQuota>) -> Self {
        Self { limiter, capacity, quota }
    }
}

#[async_trait]
impl RateLimiter for MonthlyRateLimiter {
    async fn acquire(&self, turn: RequestTurn) -> Result<RequestPlace, Duration> {
        if turn.class == RequestClass::Read
            && let Some(wait) = self.quota.read_wait()
        {
            return Err(wait);
        }
        let place = self.limiter.acquire(turn).await?;
        self.quota.record(turn.class);
        Ok(place)
    }

    fn pause(&self, endpoint: Option<&'static str>, wait: Duration) {
        self.limiter.pause(endpoint, wait);
    }

    fn remaining(&self) -> Option<u32> {
        self.limiter.remaining()
    }
}

#[async_trait]
impl OrderCapacity for MonthlyRateLimiter {
    async fn time_for(&self, calls: CallCount) -> Duration {
        self.capacity.time_for(calls).await
    }

    async fn reserve(&self, wish: &CapacityWish) -> Result<Duration, Duration> {
        self.capacity.reserve(wish).await
    }

    async fn release(&self, key: ReservationKey) {
        self.capacity.release(key).await;
    }

    fn stop_for(&self, time: Duration) {
        self.capacity.stop_for(time);
    }

    async fn report(&self) -> CapacityReport {
        CapacityReport { month: Some(self.quota.current()), ..self.capacity.report().await }
    }
}

#[cfg(test)]
mod tests {
    use testkit::ManualClock;

    use super::*;
    use crate::LocalRateLimiter;

    const START: &str = "2027-04-01T00:00:00Z";
    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// Counts in memory, which may be unreachable.
    #[derive(Default)]
    struct Counts {
        calls: Mutex<BTreeMap<(String, Month), CallsByClass>>,
        is_down: Mutex<bool>,
    }

    #[async_trait]
    impl CallCounts for Counts {
        async fn add_calls(
            &self,
            account: &str,
            month: Month,
            calls: &CallsByClass,
        ) -> Result<CallsByClass, StoreError> {
            if *self.is_down.lock() {
                return Err(StoreError::Failed("down".into()));
            }
            let mut all = self.calls.lock();
            let of_month = all.entry((account.to_owned(), month)).or_default();
            for (class, count) in calls {
                *of_month.entry(*class).or_default() += count;
            }
            Ok(of_month.clone())
        }
    }

    fn quota(clock: &Arc<ManualClock>, calls: Option<u32>) -> Arc<MonthlyQuota> {
        let policy = MonthlyQuotaPolicy { calls, order_percent: 70 };
        Arc::new(MonthlyQuota::new("opera", policy, Arc::clone(clock) as _))
    }

    fn limiter(quota: &Arc<MonthlyQuota>) -> MonthlyRateLimiter {
        let inner = Arc::new(LocalRateLimiter::unlimited());
        MonthlyRateLimiter::new(Arc::clone(&inner) as _, inner, Arc::clone(quota))
    }

    async fn send(limiter: &MonthlyRateLimiter, class: RequestClass, calls: usize) -> usize {
        let mut sent = 0;
        for _ in 0..calls {
            sent += usize::from(limiter.acquire(RequestTurn::of(class)).await.is_ok());
        }
        sent
    }

    #[tokio::test]
    async fn reads_use_their_part_as_the_month_passes_and_orders_are_never_held_back() {
        let clock = ManualClock::at(START);
        // 300 reads in 30 days.
        let quota = quota(&clock, Some(1000));
        let limiter = limiter(&quota);
        assert_eq!(send(&limiter, RequestClass::Read, 50).await, 10, "those of the first day");
        let wait = limiter.acquire(RequestTurn::of(RequestClass::Read)).await.err();
        assert_eq!(wait, Some(DAY * 11 / 10));
        assert_eq!(send(&limiter, RequestClass::Plan, 5).await, 5);
        assert_eq!(send(&limiter, RequestClass::Settle, 2000).await, 2000);
        clock.advance(DAY * 3);
        assert_eq!(send(&limiter, RequestClass::Read, 50).await, 20, "what three days allow");
        let report = limiter.report().await.month.expect("a month");
        assert_eq!((report.quota, report.calls[&RequestClass::Read], report.forecast), (Some(1000), 30, 20_350));
        clock.advance(DAY * 27);
        assert_eq!(send(&limiter, RequestClass::Read, 50).await, 9, "a day of another month, which is longer");
    }

    #[tokio::test]
    async fn replicas_share_what_they_report_and_nothing_is_lost_while_the_store_is_down() {
        let clock = ManualClock::at(START);
        let counts = Counts::default();
        let (one, other) = (quota(&clock, Some(1000)), quota(&clock, Some(1000)));
        assert_eq!(send(&limiter(&one), RequestClass::Read, 6).await, 6);
        *counts.is_down.lock() = true;
        assert!(one.report(&counts).await.is_err());
        assert_eq!(one.current().calls[&RequestClass::Read], 6);
        *counts.is_down.lock() = false;
        one.report(&counts).await.expect("the store");
        other.report(&counts).await.expect("the store");
        assert_eq!(send(&limiter(&other), RequestClass::Read, 50).await, 4);
        other.report(&counts).await.expect("the store");
        one.report(&counts).await.expect("the store");
        assert_eq!(one.current(), other.current());
        // The last calls of a month are added to that month.
        assert_eq!(send(&limiter(&one), RequestClass::Hold, 1).await, 1);
        clock.advance(DAY * 30);
        one.report(&counts).await.expect("the store");
        let april = counts.calls.lock()[&("opera".to_owned(), Month::of(START.parse().expect("a time")))].clone();
        assert_eq!((april[&RequestClass::Hold], one.current().calls.is_empty()), (1, true));
    }

    #[tokio::test]
    async fn without_a_quota_calls_are_counted_only() {
        let clock = ManualClock::at(START);
        let quota = quota(&clock, None);
        assert_eq!(send(&limiter(&quota), RequestClass::Read, 5000).await, 5000);
        assert_eq!(quota.current().quota, None);
    }
}
