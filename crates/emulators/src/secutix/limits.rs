//! Request limits: 60 per minute and service, 180 per minute and institution, one catalog in ten minutes, then 509
//! (`secutix.md §2.8`). A poll of a catalog that is in progress counts as part of the first call, which is INFERRED.
//!
//! They go by real time, whatever the clock of the emulated venue shows, as the clients' limits do.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Name under which requests of the catalog are counted.
const CATALOG: &str = "catalog";

/// Calls that are allowed in any window of a length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    calls: usize,
    window: Duration,
}

/// A service of an institution, or all of them.
type Counted = (&'static str, Option<&'static str>);

/// Recent calls of each institution and of each of its services.
pub(super) struct RequestLimits {
    of_service: Limit,
    of_institution: Limit,
    of_catalog: Limit,
    recent: Mutex<HashMap<Counted, VecDeque<Instant>>>,
}

impl RequestLimits {
    /// The documented limits. A service is limited with all its methods, in every version and both protocols.
    pub(super) fn documented() -> Self {
        let of_catalog = Limit { calls: 1, window: Duration::from_secs(600) };
        Self { of_catalog, ..Self::new(60, 180, Duration::from_secs(60)) }
    }

    /// Other limits: calls of each service and of the institution in any window.
    pub(super) fn new(of_service: usize, of_institution: usize, window: Duration) -> Self {
        let limit = |calls| Limit { calls, window };
        let (of_service, of_institution, of_catalog) = (limit(of_service), limit(of_institution), limit(usize::MAX));
        Self { of_service, of_institution, of_catalog, recent: Mutex::default() }
    }

    /// Counts a call unless it exceeds a limit; returns false then. `is_catalog` is true for a new request of the catalog.
    pub(super) fn try_acquire(&self, institution: &'static str, service: &'static str, is_catalog: bool) -> bool {
        let now = Instant::now();
        let mut recent = self.recent.lock();
        let mut limits =
            vec![((institution, Some(service)), self.of_service), ((institution, None), self.of_institution)];
        if is_catalog {
            limits.push(((institution, Some(CATALOG)), self.of_catalog));
        }
        let is_allowed = limits.iter().all(|(counted, limit)| {
            let calls = recent.entry(*counted).or_default();
            while calls.front().is_some_and(|at| now.duration_since(*at) >= limit.window) {
                calls.pop_front();
            }
            calls.len() < limit.calls
        });
        if is_allowed {
            limits.iter().for_each(|(counted, _)| recent.entry(*counted).or_default().push_back(now));
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_service_and_the_institution_are_limited_in_any_minute() {
        let limits = RequestLimits::documented();
        let send = |service, calls: usize| (0..calls).filter(|_| limits.try_acquire("OPERA", service, false)).count();
        assert_eq!(send("orders", 40), 40);
        advance(Duration::from_secs(30)).await;
        assert_eq!(send("orders", 40), 20);
        assert_eq!((send("catalog", 80), send("seats", 80)), (60, 60));
        assert!(limits.try_acquire("CLUB", "orders", false), "another institution");
        assert_eq!(send("contacts", 1), 0, "180 in all");
        advance(Duration::from_secs(30)).await;
        assert_eq!(send("orders", 80), 40, "those of the first half of the minute are over");
        let catalog = || limits.try_acquire("CLUB", "catalogService", true);
        assert_eq!((catalog(), catalog()), (true, false));
        advance(Duration::from_secs(600)).await;
        assert!(catalog());
    }
}
