//! Request limit: 60 per minute, institution and endpoint, then 509 (`secutix.md §2.8`).

use std::collections::HashMap;

use jiff::Timestamp;
use parking_lot::Mutex;

const SECONDS_PER_MINUTE: i64 = 60;
const MAX_CALLS_PER_MINUTE: u32 = 60;

/// Fixed-window counters of calls per minute.
#[derive(Default)]
pub(super) struct EndpointLimits(Mutex<HashMap<(String, String), (i64, u32)>>);

impl EndpointLimits {
    /// Counts a call; returns false if it exceeds the limit.
    pub(super) fn try_acquire(&self, institution: &str, endpoint: &str, now: Timestamp) -> bool {
        let minute = now.as_second().div_euclid(SECONDS_PER_MINUTE);
        let mut counts = self.0.lock();
        let entry = counts.entry((institution.to_owned(), endpoint.to_owned())).or_insert((minute, 0));
        if entry.0 != minute {
            *entry = (minute, 0);
        }
        entry.1 += 1;
        entry.1 <= MAX_CALLS_PER_MINUTE
    }
}
