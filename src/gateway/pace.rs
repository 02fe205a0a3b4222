//! How much each caller may ask in a minute: requests, and vendor calls by estimate. Shared by replicas where they can.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

/// Callers that are told apart in one minute; any more count as one.
const TOLD_APART: usize = 100_000;

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Counts that all replicas share.
#[async_trait]
pub trait SharedCounts: Send + Sync {
    /// Adds to the count of a name in the present minute. `None`: the store does not answer, this process counts alone.
    async fn add(&self, name: &str, amount: u32) -> Option<Count>;
}

/// A count, and when it begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// What was counted in this minute, the last amount included.
    pub used: u64,
    /// Seconds to the next minute, at least one.
    pub resets_in: u64,
}

/// Where a caller stands in its minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it may ask in a minute.
    pub limit: u32,
    /// What was asked already.
    pub used: u64,
    /// Seconds to the next minute.
    pub resets_in: u64,
}

impl Standing {
    /// Whether what was asked last was too much.
    pub fn is_over(&self) -> bool {
        self.used > u64::from(self.limit)
    }

    /// What may still be asked in this minute.
    pub fn remaining(&self) -> u64 {
        u64::from(self.limit).saturating_sub(self.used)
    }

    /// Tells it as `ratelimit-limit`, `ratelimit-remaining` and `ratelimit-reset`.
    pub fn tell(&self, headers: &mut HeaderMap) {
        for (name, value) in [
            ("ratelimit-limit", self.limit.into()),
            ("ratelimit-remaining", self.remaining()),
            ("ratelimit-reset", self.resets_in),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
}

/// The counts of this process for one minute. All of them go when the next begins, so they never pile up.
#[derive(Default)]
struct Minute {
    number: u64,
    counts: HashMap<String, u64>,
}

/// Counts what callers ask.
#[derive(Default)]
pub struct Pace {
    minute: Mutex<Minute>,
    shared: Option<Arc<dyn SharedCounts>>,
}

impl Pace {
    /// Counts in the process, and together with other replicas where there is a store.
    pub fn new(shared: Option<Arc<dyn SharedCounts>>) -> Self {
        Self { minute: Mutex::default(), shared }
    }

    /// Counts requests of a caller.
    pub async fn count_requests(&self, caller: &str, requests: u32, limit: u32) -> Standing {
        self.count(&format!("requests:{caller}"), requests, limit).await
    }

    /// Counts the vendor calls that an operation of a caller is estimated to make.
    pub async fn count_calls(&self, caller: &str, calls: u32, limit: u32) -> Standing {
        self.count(&format!("calls:{caller}"), calls, limit).await
    }

    async fn count(&self, name: &str, amount: u32, limit: u32) -> Standing {
        let here = self.count_here(name, amount);
        let Count { used, resets_in } = match &self.shared {
            Some(shared) => shared.add(name, amount).await.unwrap_or(here),
            None => here,
        };
        Standing { limit, used, resets_in }
    }

    fn count_here(&self, name: &str, amount: u32) -> Count {
        let second = STARTED.elapsed().as_secs();
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.number != second / 60 {
            *minute = Minute { number: second / 60, counts: HashMap::new() };
        }
        let resets_in = 60 - second % 60;
        if let Some(used) = minute.counts.get_mut(name) {
            *used += u64::from(amount);
            return Count { used: *used, resets_in };
        }
        let is_full = minute.counts.len() >= TOLD_APART;
        let used = minute.counts.entry(if is_full { String::new() } else { name.to_owned() }).or_default();
        *used += u64::from(amount);
        Count { used: *used, resets_in }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn counts_begin_anew_each_minute_and_never_pile_up() {
        let pace = Pace::default();
        for caller in 0..1_000 {
            assert_eq!(pace.count_calls(&caller.to_string(), 7, 10).await.remaining(), 3);
        }
        assert!(pace.count_calls("5", 7, 10).await.is_over());
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(!pace.count_calls("5", 7, 10).await.is_over());
        assert_eq!(pace.minute.lock().expect("counts").counts.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn callers_beyond_those_told_apart_share_one_count() {
        let pace = Pace::default();
        for caller in 0..TOLD_APART {
            pace.count_here(&caller.to_string(), 1);
        }
        assert_eq!([pace.count_here("one", 1).used, pace.count_here("other", 1).used], [1, 2]);
        assert_eq!(pace.count_here("7", 1).used, 2);
    }

    struct Away;

    #[async_trait]
    impl SharedCounts for Away {
        async fn add(&self, _: &str, _: u32) -> Option<Count> {
            None
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_leaves_the_process_counting_alone() {
        let pace = Pace::new(Some(Arc::new(Away)));
        assert!(!pace.count_calls("a", 6, 10).await.is_over());
        assert!(pace.count_calls("a", 6, 10).await.is_over());
    }
}
