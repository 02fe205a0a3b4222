//! Rate limiter of a source in one process.

use std::time::Duration;

use async_trait::async_trait;
use domain::RateLimiter;
use resilience::{GcraRateLimiter, RateLimitPolicy};

/// Limits the requests that this process sends to a source. Replicas that share a limit use the limiter of `store-redis`.
pub struct LocalRateLimiter(GcraRateLimiter);

impl LocalRateLimiter {
    /// Creates a limiter for the whole limit of a source.
    pub fn new(policy: &RateLimitPolicy) -> Self {
        Self(GcraRateLimiter::new(resilience::Gcra::for_quota(policy), policy.max_wait))
    }

    /// Creates a limiter without a limit: only the vendor's own rate limiting holds requests back.
    pub fn unlimited() -> Self {
        Self(GcraRateLimiter::unlimited())
    }
}

#[async_trait]
impl RateLimiter for LocalRateLimiter {
    async fn acquire(&self, serves_an_order: bool, endpoint: Option<&'static str>) -> Result<(), Duration> {
        self.0.acquire(serves_an_order, endpoint).await
    }

    fn pause(&self, endpoint: Option<&'static str>, wait: Duration) {
        self.0.pause(endpoint, wait);
    }

    fn remaining(&self) -> Option<u32> {
        self.0.remaining()
    }
}
