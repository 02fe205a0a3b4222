//! Rate limits of callers: requests and estimated vendor calls per minute, in a fixed window that replicas share if
//! they can.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Callers with a counter of their own in one window; further callers share one.
const MAX_TRACKED_CALLERS: usize = 100_000;

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Counters that all replicas share.
#[async_trait]
pub trait SharedCounters: Send + Sync {
    /// Adds to a counter in the current window. Returns `None` if the store does not respond; the process then counts
    /// alone.
    async fn add(&self, name: &str, amount: u32) -> Option<WindowCount>;
}

/// A counter in the current window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowCount {
    /// Count in this window, including the last amount.
    pub used: u64,
    /// Seconds until the next window, at least one.
    pub resets_in: u64,
}

/// Rate limit status of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// Limit per minute.
    pub limit: u32,
    /// Count in this window.
    pub used: u64,
    /// Seconds until the next window.
    pub resets_in: u64,
}

impl RateLimitStatus {
    /// Returns true if the last request exceeded the limit.
    pub fn is_exceeded(&self) -> bool {
        self.used > u64::from(self.limit)
    }

    /// Returns the amount left in this window.
    pub fn remaining(&self) -> u64 {
        u64::from(self.limit).saturating_sub(self.used)
    }

    /// Adds the headers `ratelimit-limit`, `ratelimit-remaining` and `ratelimit-reset`.
    pub fn add_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in [
            ("ratelimit-limit", self.limit.into()),
            ("ratelimit-remaining", self.remaining()),
            ("ratelimit-reset", self.resets_in),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
}

/// Counters of this process for one window; the next window discards them, which bounds the memory.
#[derive(Default)]
struct Window {
    number: u64,
    counts: HashMap<String, u64>,
}

/// Fixed-window rate limiter of callers.
#[derive(Default)]
pub struct RequestRateLimiter {
    window: Mutex<Window>,
    shared: Option<Arc<dyn SharedCounters>>,
}

impl RequestRateLimiter {
    /// Counts in this process, and together with other replicas if there is a shared store.
    pub fn new(shared: Option<Arc<dyn SharedCounters>>) -> Self {
        Self { window: Mutex::default(), shared }
    }

    /// Counts requests of a caller.
    pub async fn count_requests(&self, caller: &str, requests: u32, limit: u32) -> RateLimitStatus {
        self.count(&format!("requests:{caller}"), requests, limit).await
    }

    /// Counts the estimated vendor calls of an operation.
    pub async fn count_calls(&self, caller: &str, calls: u32, limit: u32) -> RateLimitStatus {
        self.count(&format!("calls:{caller}"), calls, limit).await
    }

    async fn count(&self, name: &str, amount: u32, limit: u32) -> RateLimitStatus {
        let local = self.count_locally(name, amount);
        let WindowCount { used, resets_in } = match &self.shared {
            Some(shared) => shared.add(name, amount).await.unwrap_or(local),
            None => local,
        };
        RateLimitStatus { limit, used, resets_in }
    }

    fn count_locally(&self, name: &str, amount: u32) -> WindowCount {
        let second = STARTED.elapsed().as_secs();
        let mut window = self.window.lock();
        if window.number != second / 60 {
            *window = Window { number: second / 60, counts: HashMap::new() };
        }
        let resets_in = 60 - second % 60;
        if let Some(used) = window.counts.get_mut(name) {
            *used += u64::from(amount);
            return WindowCount { used: *used, resets_in };
        }
        let is_full = window.counts.len() >= MAX_TRACKED_CALLERS;
        let used = window.counts.entry(if is_full { String::new() } else { name.to_owned() }).or_default();
        *used += u64::from(amount);
        WindowCount { used: *used, resets_in }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn counters_restart_every_minute_and_never_accumulate() {
        let limiter = RequestRateLimiter::default();
        for caller in 0..1_000 {
            assert_eq!(limiter.count_calls(&caller.to_string(), 7, 10).await.remaining(), 3);
        }
        assert!(limiter.count_calls("5", 7, 10).await.is_exceeded());
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(!limiter.count_calls("5", 7, 10).await.is_exceeded());
        assert_eq!(limiter.window.lock().counts.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn callers_beyond_the_tracking_limit_share_one_counter() {
        let limiter = RequestRateLimiter::default();
        for caller in 0..MAX_TRACKED_CALLERS {
            limiter.count_locally(&caller.to_string(), 1);
        }
        assert_eq!([limiter.count_locally("one", 1).used, limiter.count_locally("other", 1).used], [1, 2]);
        assert_eq!(limiter.count_locally("7", 1).used, 2);
    }

    struct UnavailableCounters;

    #[async_trait]
    impl SharedCounters for UnavailableCounters {
        async fn add(&self, _: &str, _: u32) -> Option<WindowCount> {
            None
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unavailable_store_leaves_the_process_counting_alone() {
        let limiter = RequestRateLimiter::new(Some(Arc::new(UnavailableCounters)));
        assert!(!limiter.count_calls("a", 6, 10).await.is_exceeded());
        assert!(limiter.count_calls("a", 6, 10).await.is_exceeded());
    }
}
