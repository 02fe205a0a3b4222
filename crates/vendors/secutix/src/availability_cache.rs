//! Availability cache with single-flight. The vendor allows one request per minute and performance (`secutix.md §2.8`), so
//! concurrent callers share one.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::{PerformanceKey, VendorError};
use jiff::Timestamp;
use parking_lot::Mutex;
use resilience::single_flight::{Lead, SharedResult, SingleFlight};

use crate::map::availability::AvailabilityCounts;

/// Minimum time between two requests for the same performance (`secutix.md §2.8`).
pub(crate) const MIN_FETCH_INTERVAL: Duration = Duration::from_secs(60);
/// Time that old counts are kept, so that an "unchanged" response can renew them.
pub(crate) const RETENTION: Duration = Duration::from_secs(3600);
/// Number of entries above which expired ones are pruned.
const PRUNE_THRESHOLD: usize = 20_000;

/// Counts and the time at which they were observed.
#[derive(Debug, Clone)]
pub(crate) struct CachedCounts {
    /// Vacancies of the performance.
    pub counts: AvailabilityCounts,
    /// Time of the vendor's response.
    pub observed_at: Timestamp,
}

/// Cached counts per performance, and the fetches in flight.
#[derive(Default)]
pub(crate) struct AvailabilityCache {
    entries: Mutex<HashMap<PerformanceKey, CachedCounts>>,
    /// The result only marks the end of a fetch: followers read the counts from `entries`.
    in_flight: SingleFlight<PerformanceKey, ()>,
    /// Time of the last question for changes.
    change_query_at: Mutex<Option<Timestamp>>,
}

/// The requested performances, divided by who fetches them. Dropping a claim releases the owned ones.
pub(crate) struct Claim<'a> {
    cache: &'a AvailabilityCache,
    lead: Lead<PerformanceKey, ()>,
    /// Counts that are young enough.
    pub fresh: HashMap<PerformanceKey, CachedCounts>,
    /// Performances that this caller must fetch, each with its expired counts, if any.
    pub owned: HashMap<PerformanceKey, Option<CachedCounts>>,
    /// Performances that another caller is fetching.
    pub pending: HashMap<PerformanceKey, SharedResult<()>>,
}

impl AvailabilityCache {
    /// Returns true if the vendor may be asked for changes now, which is allowed once a minute (`secutix.md §2.8`), and counts
    /// the question.
    pub(crate) fn may_ask_for_changes(&self, now: Timestamp) -> bool {
        let mut last = self.change_query_at.lock();
        let is_due = last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= MIN_FETCH_INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }

    /// Divides performances into cached ones, ones that this caller fetches, and ones that another caller is fetching.
    pub(crate) fn claim(&self, keys: &[PerformanceKey], max_age: Duration, now: Timestamp) -> Claim<'_> {
        // Held while joining: a fetch that ends in between has cached its counts before it left the table.
        let entries = self.entries.lock();
        let is_fresh = |cached: &&CachedCounts| age(cached, now) <= max_age.max(MIN_FETCH_INTERVAL);
        let fresh: HashMap<_, _> =
            keys.iter().filter_map(|key| Some((key.clone(), entries.get(key).filter(is_fresh)?.clone()))).collect();
        let missing: HashSet<&PerformanceKey> = keys.iter().filter(|key| !fresh.contains_key(*key)).collect();
        let missing: Vec<PerformanceKey> = missing.into_iter().cloned().collect();
        let join = self.in_flight.join(missing.iter().cloned());
        let is_retained = |cached: &&CachedCounts| age(cached, now) <= RETENTION;
        let owned: HashMap<_, _> =
            join.lead.keys().iter().map(|key| (key.clone(), entries.get(key).filter(is_retained).cloned())).collect();
        let pending = missing.into_iter().zip(join.results).filter(|(key, _)| !owned.contains_key(key)).collect();
        Claim { cache: self, lead: join.lead, fresh, owned, pending }
    }
}

impl Claim<'_> {
    /// Caches counts.
    pub(crate) fn insert(&self, key: &PerformanceKey, counts: CachedCounts) {
        let mut entries = self.cache.entries.lock();
        if entries.len() >= PRUNE_THRESHOLD {
            let now = counts.observed_at;
            entries.retain(|_, cached| age(cached, now) <= RETENTION);
        }
        entries.insert(key.clone(), counts);
    }

    /// Releases the claim, then waits for the other callers' fetches. Performances whose fetch failed are absent from the
    /// result.
    pub(crate) async fn wait_for_others(self, now: Timestamp) -> HashMap<PerformanceKey, CachedCounts> {
        let Self { cache, lead, pending, .. } = self;
        drop(lead);
        let mut counts = HashMap::new();
        for (key, fetch) in pending {
            fetch.await;
            let cached = cache.entries.lock().get(&key).cloned();
            if let Some(cached) = cached.filter(|cached| age(cached, now) <= MIN_FETCH_INTERVAL) {
                counts.insert(key, cached);
            }
        }
        counts
    }
}

fn age(cached: &CachedCounts, now: Timestamp) -> Duration {
    now.duration_since(cached.observed_at).try_into().unwrap_or_default()
}

/// Outcome of fetching one performance.
pub(crate) type FetchResult = Result<CachedCounts, VendorError>;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_793_905_200 + second).expect("valid timestamp")
    }

    fn key(text: &str) -> PerformanceKey {
        PerformanceKey::new(text)
    }

    #[test]
    fn counts_are_not_fetched_again_within_a_minute_whatever_the_max_age() {
        let cache = AvailabilityCache::default();
        let claim = cache.claim(&[key("1")], Duration::ZERO, at(0));
        claim.insert(&key("1"), CachedCounts { counts: AvailabilityCounts::default(), observed_at: at(0) });
        drop(claim);
        assert_eq!(cache.claim(&[key("1")], Duration::ZERO, at(60)).owned.len(), 0);
        let renewed = cache.claim(&[key("1")], Duration::ZERO, at(61));
        assert!(renewed.owned[&key("1")].is_some(), "the expired counts are available for renewal");
        drop(renewed);
        assert_eq!(cache.claim(&[key("1")], Duration::from_secs(600), at(500)).owned.len(), 0);
        assert!(cache.claim(&[key("1")], Duration::ZERO, at(4000)).owned[&key("1")].is_none());
    }

    #[tokio::test]
    async fn a_second_caller_waits_for_the_first_and_shares_its_result() {
        let cache = AvailabilityCache::default();
        let first = cache.claim(&[key("1")], Duration::ZERO, at(0));
        let second = cache.claim(&[key("1")], Duration::ZERO, at(0));
        assert_eq!((second.owned.len(), second.pending.len()), (0, 1));
        let fetch = async {
            first.insert(&key("1"), CachedCounts { counts: AvailabilityCounts::default(), observed_at: at(0) });
            drop(first);
        };
        let (shared, ()) = tokio::join!(second.wait_for_others(at(0)), fetch);
        assert!(shared.contains_key(&key("1")));
    }

    #[tokio::test]
    async fn a_canceled_caller_releases_its_claims() {
        let cache = AvailabilityCache::default();
        let first = cache.claim(&[key("1")], Duration::ZERO, at(0));
        let second = cache.claim(&[key("1")], Duration::ZERO, at(0));
        drop(first);
        assert!(second.wait_for_others(at(0)).await.is_empty());
        assert_eq!(cache.claim(&[key("1")], Duration::ZERO, at(0)).owned.len(), 1);
    }
}
