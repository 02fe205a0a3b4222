//! Fetches availability counts: only entries that are missing or out of date, only products that changed, in batches
//! (`secutix.md §5.3`).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, ErrorKind, FreshnessMode, PerformanceKey, VendorError, VendorOperation};
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};

use crate::assumptions;
use crate::availability_cache::{AvailabilityCache, CachedCounts, Claim, FetchResult};
use crate::client::Client;
use crate::map::availability::availability_counts;
use crate::map::keys::PerformanceRef;
use crate::map::snapshot::{CatalogSnapshot, PerformanceEntry};
use crate::map::time;
use crate::wire::availability::{
    AvailabilityRow, EventAvailabilityQuery, ProductAvailabilityQuery, UpdatedAvailabilitiesQuery,
};

/// Maximum number of concurrent batches (`secutix.md §2.8`).
const MAX_CONCURRENT_BATCHES: usize = 2;
/// Maximum difference between our clock and the vendor's, subtracted from the reference date of a change query.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Fetches availability counts through the cache.
#[derive(Default)]
pub(crate) struct AvailabilityFetcher {
    cache: AvailabilityCache,
    contingents: Vec<i64>,
}

/// The performances of one request: dates and passes have separate endpoints.
enum FetchBatch<'a> {
    Dates(Vec<&'a Arc<PerformanceEntry>>),
    Passes(Vec<&'a Arc<PerformanceEntry>>),
}

impl AvailabilityFetcher {
    /// Counts the given contingents only. An empty list counts every contingent of the sales channel.
    pub(crate) fn new(contingents: Vec<i64>) -> Self {
        Self { cache: AvailabilityCache::default(), contingents }
    }

    /// Loads the counts of performances, no older than `max_age` or one minute, whichever is longer. Each comes with its
    /// freshness mode. Known counts are stale while the limits of the source leave no call to renew them.
    pub(crate) async fn load_counts(
        &self,
        client: &Client,
        clock: &dyn Clock,
        snapshot: &CatalogSnapshot,
        entries: &[Arc<PerformanceEntry>],
        max_age: Duration,
    ) -> HashMap<PerformanceKey, Result<(CachedCounts, FreshnessMode), VendorError>> {
        let now = clock.now();
        let keys: Vec<_> = entries.iter().map(|entry| entry.performance.key.clone()).collect();
        let claim = self.cache.claim(&keys, max_age, now);
        let mut results: HashMap<PerformanceKey, Result<(CachedCounts, FreshnessMode), VendorError>> = claim
            .fresh
            .iter()
            .map(|(key, counts)| (key.clone(), Ok((counts.clone(), FreshnessMode::Cached))))
            .collect();
        let mut seen = HashSet::new();
        let owned: Vec<&Arc<PerformanceEntry>> = entries
            .iter()
            .filter(|entry| claim.owned.contains_key(&entry.performance.key) && seen.insert(&entry.performance.key))
            .collect();
        let changed = self.changed_products(client, snapshot, &claim, &owned, now).await;
        let (outdated, unchanged): (Vec<_>, Vec<_>) = owned.into_iter().partition(|entry| {
            let expired = claim.owned.get(&entry.performance.key).is_some_and(Option::is_some);
            !expired || changed.as_ref().is_none_or(|changed| changed.contains(&entry.product_id))
        });
        for entry in unchanged {
            let key = &entry.performance.key;
            if let Some(Some(expired)) = claim.owned.get(key) {
                let counts = CachedCounts { observed_at: now, ..expired.clone() };
                claim.insert(key, counts.clone());
                results.insert(key.clone(), Ok((counts, FreshnessMode::Live)));
            }
        }
        for (key, fetched) in self.fetch(client, clock, snapshot, outdated).await {
            let known = claim.owned.get(&key).cloned().flatten().filter(|_| !max_age.is_zero());
            let result = match (fetched, known) {
                // The limits leave no call for it now: older counts, marked as stale, are better than none.
                (Err(error), Some(known)) if error.only_waits() => Ok((known, FreshnessMode::Stale)),
                (fetched, _) => fetched.map(|counts| (counts, FreshnessMode::Live)),
            };
            if let Ok((counts, FreshnessMode::Live)) = &result {
                claim.insert(&key, counts.clone());
            }
            results.insert(key, result);
        }
        if !claim.pending.is_empty() {
            let pending: Vec<_> = claim.pending.keys().cloned().collect();
            let mut shared = claim.wait_for_others(now).await;
            let failed = || client.error(VendorOperation::LoadAvailability, ErrorKind::Unavailable);
            results.extend(pending.into_iter().map(|key| {
                let counts = shared.remove(&key).ok_or_else(failed);
                (key, counts.map(|counts| (counts, FreshnessMode::Live)))
            }));
        }
        results
    }

    /// Returns the products that changed since the oldest cached counts. `None` if nothing is cached, the vendor was asked
    /// less than a minute ago, or its query fails.
    async fn changed_products(
        &self,
        client: &Client,
        snapshot: &CatalogSnapshot,
        claim: &Claim<'_>,
        owned: &[&Arc<PerformanceEntry>],
        now: Timestamp,
    ) -> Option<HashSet<i64>> {
        let expired =
            |entry: &&&Arc<PerformanceEntry>| claim.owned.get(&entry.performance.key).is_some_and(Option::is_some);
        let product_ids: BTreeSet<i64> = owned.iter().filter(expired).map(|entry| entry.product_id).collect();
        let oldest = claim.owned.values().flatten().map(|counts| counts.observed_at).min()?;
        if !self.cache.may_ask_for_changes(now) {
            return None;
        }
        let since = oldest.min(now).checked_sub(MAX_CLOCK_SKEW).ok()?;
        let query = UpdatedAvailabilitiesQuery {
            point_of_sales_id: snapshot.point_of_sale.id,
            product_ids: product_ids.into_iter().collect(),
            reference_date: time::format_instant(since),
        };
        // The change query only saves calls: if it fails, every performance is fetched.
        client.updated_availabilities(&query).await.ok().map(HashSet::from_iter)
    }

    async fn fetch(
        &self,
        client: &Client,
        clock: &dyn Clock,
        snapshot: &CatalogSnapshot,
        entries: Vec<&Arc<PerformanceEntry>>,
    ) -> Vec<(PerformanceKey, FetchResult)> {
        let (dates, passes): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| matches!(entry.reference, PerformanceRef::Date(_)));
        let max_performances = client.facts().max_performances;
        let dates = dates.chunks(max_performances).map(|chunk| FetchBatch::Dates(chunk.to_vec()));
        let passes = passes.chunks(max_performances).map(|chunk| FetchBatch::Passes(chunk.to_vec()));
        let requests: Vec<_> =
            dates.chain(passes).map(|batch| self.fetch_batch(client, clock, snapshot, batch)).collect();
        futures_util::stream::iter(requests).buffer_unordered(MAX_CONCURRENT_BATCHES).concat().await
    }

    async fn fetch_batch(
        &self,
        client: &Client,
        clock: &dyn Clock,
        snapshot: &CatalogSnapshot,
        batch: FetchBatch<'_>,
    ) -> Vec<(PerformanceKey, FetchResult)> {
        let (entries, rows) = match batch {
            FetchBatch::Dates(entries) => {
                let rows = client.event_availability(&self.date_query(snapshot, &entries)).await;
                (entries, rows)
            }
            FetchBatch::Passes(entries) => {
                let rows = client.product_availability(&self.pass_query(snapshot, &entries)).await;
                (entries, rows)
            }
        };
        let observed_at = clock.now();
        let count = |rows: &Vec<AvailabilityRow>, entry: &PerformanceEntry| CachedCounts {
            counts: availability_counts(rows, entry.reference),
            observed_at,
        };
        entries
            .into_iter()
            .map(|entry| {
                (entry.performance.key.clone(), rows.as_ref().map(|rows| count(rows, entry)).map_err(Clone::clone))
            })
            .collect()
    }

    fn date_query(&self, snapshot: &CatalogSnapshot, entries: &[&Arc<PerformanceEntry>]) -> EventAvailabilityQuery {
        let date = |entry: &&Arc<PerformanceEntry>| match entry.reference {
            PerformanceRef::Date(id) => Some(id),
            _ => None,
        };
        EventAvailabilityQuery {
            point_of_sales_id: snapshot.point_of_sale.id,
            event_ids: product_ids(entries),
            performance_ids: entries.iter().filter_map(date).collect(),
            seat_category_ids: vec![assumptions::ALL_SEAT_CATEGORIES],
            contingent_ids: self.contingents.clone(),
        }
    }

    fn pass_query(&self, snapshot: &CatalogSnapshot, entries: &[&Arc<PerformanceEntry>]) -> ProductAvailabilityQuery {
        ProductAvailabilityQuery {
            point_of_sales_id: snapshot.point_of_sale.id,
            product_ids: product_ids(entries),
            contingent_ids: self.contingents.clone(),
        }
    }
}

fn product_ids(entries: &[&Arc<PerformanceEntry>]) -> Vec<i64> {
    entries.iter().map(|entry| entry.product_id).collect::<BTreeSet<_>>().into_iter().collect()
}
