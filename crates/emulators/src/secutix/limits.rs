//! Request limit: 60 per minute, institution and endpoint, then 509 (`secutix.md §2.8`).

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

const MINUTE: Duration = Duration::from_secs(60);
const MAX_CALLS_PER_MINUTE: u32 = 60;

/// Fixed-window counters of calls.
pub(super) struct EndpointLimits {
    calls: u32,
    window: Duration,
    counts: Mutex<HashMap<(String, String), (i128, u32)>>,
}

impl EndpointLimits {
    /// The documented limit.
    pub(super) fn documented() -> Self {
        Self::new(MAX_CALLS_PER_MINUTE, MINUTE)
    }

    /// Another limit: `calls` for each endpoint in each window.
    pub(super) fn new(calls: u32, window: Duration) -> Self {
        Self { calls, window, counts: Mutex::default() }
    }

    /// Counts a call; returns false if it exceeds the limit.
    pub(super) fn try_acquire(&self, institution: &str, endpoint: &str, now: Timestamp) -> bool {
        let length = i128::try_from(self.window.as_nanos()).unwrap_or(i128::MAX).max(1);
        let window = now.as_nanosecond().div_euclid(length);
        let mut counts = self.counts.lock();
        let entry = counts.entry((institution.to_owned(), endpoint.to_owned())).or_insert((window, 0));
        if entry.0 != window {
            *entry = (window, 0);
        }
        entry.1 += 1;
        entry.1 <= self.calls
    }
}
