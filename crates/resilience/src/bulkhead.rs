//! Bulkhead: limits how many calls run at once, so that one kind of traffic cannot take the capacity of another.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// Limits the number of concurrent calls.
pub struct Bulkhead {
    permits: Semaphore,
    max_wait: Duration,
}

impl Bulkhead {
    /// Creates a bulkhead with `permits` concurrent calls. A call waits for a permit for at most `max_wait`.
    pub fn new(permits: usize, max_wait: Duration) -> Self {
        Self { permits: Semaphore::new(permits), max_wait }
    }

    /// Acquires a permit, waiting until `deadline` or for `max_wait`, whichever is shorter. Returns `None` if none became free.
    pub async fn acquire(&self, deadline: Instant) -> Option<SemaphorePermit<'_>> {
        let last = deadline.min(Instant::now() + self.max_wait);
        timeout_at(last, self.permits.acquire()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_a_permit_until_max_wait_or_its_deadline() {
        let bulkhead = Bulkhead::new(1, Duration::from_secs(2));
        let far_deadline = Instant::now() + Duration::from_secs(60);
        let permit = bulkhead.acquire(far_deadline).await.expect("a free permit");
        let started_at = Instant::now();
        assert!(bulkhead.acquire(far_deadline).await.is_none());
        assert_eq!(started_at.elapsed(), Duration::from_secs(2));
        assert!(bulkhead.acquire(Instant::now() + Duration::from_secs(1)).await.is_none());
        assert_eq!(started_at.elapsed(), Duration::from_secs(3));
        drop(permit);
        assert!(bulkhead.acquire(far_deadline).await.is_some());
    }
}
