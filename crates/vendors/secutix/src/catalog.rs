//! The catalog port: events and performances from the snapshot, availability from the vendor at most once a minute.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Availability, AvailabilityStatus, Batch, CalendarDay, Catalog, CatalogScope, Clock, ErrorKind, Event, EventKey,
    EventStatus, Freshness, FreshnessMode, Observed, Performance, PerformanceKey, PerformanceWindow, TicketType,
    VendorError, VendorOperation,
};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::availability_cache::{CachedCounts, MIN_FETCH_INTERVAL};
use crate::availability_fetcher::AvailabilityFetcher;
use crate::client::Client;
use crate::map::availability::availability;
use crate::map::snapshot::{CatalogSnapshot, PerformanceEntry};
use crate::snapshot_cache::SnapshotCache;

/// Catalog of one S-360 institution.
pub(crate) struct SecutixCatalog {
    /// Client of the source.
    pub client: Arc<Client>,
    /// Cache of the catalog snapshot.
    pub snapshots: Arc<SnapshotCache>,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Fetches availability counts.
    pub availability: AvailabilityFetcher,
}

/// Maximum age of the counts behind a calendar; hourly is usual (`secutix.md §2.8`).
const CALENDAR_MAX_AGE: Duration = Duration::from_secs(3600);

impl SecutixCatalog {
    fn not_found(&self, operation: VendorOperation) -> VendorError {
        self.client.error(operation, ErrorKind::NotFound)
    }

    /// Looks up each key in the snapshot.
    async fn load_each<K, V>(
        &self,
        operation: VendorOperation,
        keys: &[K],
        find: impl Fn(&CatalogSnapshot, &K) -> Option<V>,
    ) -> Batch<K, Observed<V>>
    where
        K: Clone + Eq + std::hash::Hash,
    {
        let snapshot = match self.snapshots.current(operation).await {
            Ok(snapshot) => snapshot,
            Err(error) => return error.to_batch(keys),
        };
        let answer = |key: &K| {
            let value = find(&snapshot.value, key).ok_or_else(|| self.not_found(operation))?;
            Ok(Observed { value, freshness: snapshot.freshness })
        };
        keys.iter().map(|key| (key.clone(), answer(key))).collect()
    }

    /// Loads the counts of performances, each fetched at most once a minute.
    async fn load_counts(
        &self,
        snapshot: &CatalogSnapshot,
        entries: &[Arc<PerformanceEntry>],
        max_age: Duration,
    ) -> HashMap<PerformanceKey, Result<(CachedCounts, FreshnessMode), VendorError>> {
        self.availability.load_counts(&self.client, self.clock.as_ref(), snapshot, entries, max_age).await
    }
}

#[async_trait]
impl Catalog for SecutixCatalog {
    async fn list_events(&self, scope: CatalogScope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let snapshot = self.snapshots.current(VendorOperation::ListEvents).await?;
        let now = self.clock.now();
        let is_shown = |event: &Arc<Event>| scope == CatalogScope::All || event.status != EventStatus::Draft;
        Ok(snapshot.map(|snapshot| {
            let events = snapshot.listed.iter().filter(|event| is_shown(event));
            Arc::new(events.map(|event| snapshot.as_of(event, now)).collect())
        }))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        let now = self.clock.now();
        self.load_each(VendorOperation::LoadEvents, keys, |snapshot, key| {
            snapshot.events.get(key).map(|event| snapshot.as_of(event, now))
        })
        .await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        self.load_each(VendorOperation::LoadTicketTypes, events, |snapshot, key| {
            snapshot.events.get(key).map(|event| event.listed_ticket_types.clone().unwrap_or_default())
        })
        .await
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        self.load_each(VendorOperation::ListPerformances, events, |snapshot, key| {
            let event = snapshot.events.get(key)?;
            let entries =
                snapshot.performances_of(event).filter(|entry| entry.is_within(&snapshot.point_of_sale, window));
            Some(Arc::new(entries.take(window.limit).map(|entry| Arc::clone(&entry.performance)).collect()))
        })
        .await
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        self.load_each(VendorOperation::LoadPerformances, keys, |snapshot, key| {
            snapshot.performances.get(key).map(|entry| Arc::clone(&entry.performance))
        })
        .await
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let operation = VendorOperation::LoadAvailability;
        let keys: Vec<PerformanceKey> = performances.iter().map(|performance| performance.value.key.clone()).collect();
        let snapshot = match self.snapshots.current(operation).await {
            Ok(snapshot) => snapshot.value,
            Err(error) => return error.to_batch(&keys),
        };
        let entries: Vec<Arc<PerformanceEntry>> =
            keys.iter().filter_map(|key| snapshot.performances.get(key).map(Arc::clone)).collect();
        let known = self.load_counts(&snapshot, &entries, max_age).await;
        let now = self.clock.now();
        let answer = |key: &PerformanceKey| {
            let entry = snapshot.performances.get(key).ok_or_else(|| self.not_found(operation))?;
            let (known, mode) = known.get(key).cloned().unwrap_or_else(|| Err(self.not_found(operation)))?;
            let expires_at = known.observed_at.checked_add(MIN_FETCH_INTERVAL).ok();
            let freshness = Freshness { mode, observed_at: known.observed_at, expires_at };
            Ok(Observed {
                value: Arc::new(availability(entry, &known.counts, &snapshot.point_of_sale, now)),
                freshness,
            })
        };
        keys.iter().map(|key| (key.clone(), answer(key))).collect()
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        let operation = VendorOperation::LoadCalendar;
        let snapshot = match self.snapshots.current(operation).await {
            Ok(snapshot) => snapshot,
            Err(error) => return error.to_batch(events),
        };
        let catalog = &snapshot.value;
        let mut wanted: HashMap<PerformanceKey, Arc<PerformanceEntry>> = HashMap::new();
        for event in events.iter().filter_map(|key| catalog.events.get(key)) {
            let entries =
                catalog.performances_of(event).filter(|entry| visit_days(entry, catalog, from, to).next().is_some());
            wanted.extend(entries.map(|entry| (entry.performance.key.clone(), Arc::clone(entry))));
        }
        let entries: Vec<_> = wanted.into_values().collect();
        let known = self.load_counts(catalog, &entries, CALENDAR_MAX_AGE).await;
        let now = self.clock.now();
        let answer = |key: &EventKey| {
            let event = catalog.events.get(key).ok_or_else(|| self.not_found(operation))?;
            let mut rows = CalendarBuilder::between(from, to, snapshot.freshness);
            for entry in catalog.performances_of(event) {
                let counted = known.get(&entry.performance.key).and_then(|known| known.as_ref().ok());
                for day in visit_days(entry, catalog, from, to) {
                    rows.add(day, entry, counted, catalog, now);
                }
            }
            Ok(Arc::new(rows.days.into_values().collect()))
        };
        events.iter().map(|key| (key.clone(), answer(key))).collect()
    }
}

/// Returns the days of a range on which a performance can be visited.
fn visit_days<'a>(
    entry: &'a PerformanceEntry,
    snapshot: &CatalogSnapshot,
    from: Date,
    to: Date,
) -> impl Iterator<Item = Date> + use<'a> {
    let zone = &snapshot.point_of_sale.time_zone;
    let last = entry.performance.ends_at.map(|end| {
        let day = end.to_zoned(zone.clone());
        // A validity ends at the midnight after its last day.
        if day.time() == jiff::civil::Time::midnight() {
            day.date().yesterday().unwrap_or(day.date())
        } else {
            day.date()
        }
    });
    let (first, last) = match entry.performance.date {
        Some(day) => (day.max(from), day.min(to)),
        None => (from, last.map_or(to, |last| last.min(to))),
    };
    first.series(jiff::Span::new().days(1)).take_while(move |day| *day <= last)
}

/// Accumulates the days of a calendar.
struct CalendarBuilder {
    days: std::collections::BTreeMap<Date, CalendarDay>,
}

impl CalendarBuilder {
    fn between(from: Date, to: Date, freshness: Freshness) -> Self {
        let empty = |date| CalendarDay {
            date,
            status: AvailabilityStatus::Closed,
            price_from: None,
            performance_count: 0,
            freshness,
        };
        let days: BTreeSet<Date> =
            from.series(jiff::Span::new().days(1)).take_while(|day| *day <= to).take(366).collect();
        Self { days: days.into_iter().map(|day| (day, empty(day))).collect() }
    }

    fn add(
        &mut self,
        day: Date,
        entry: &PerformanceEntry,
        known: Option<&(CachedCounts, FreshnessMode)>,
        snapshot: &CatalogSnapshot,
        now: Timestamp,
    ) {
        let Some(row) = self.days.get_mut(&day) else { return };
        let counts = known.map(|(known, _)| known.counts.clone()).unwrap_or_default();
        let availability = availability(entry, &counts, &snapshot.point_of_sale, now);
        row.performance_count += 1;
        if status_rank(availability.status) > status_rank(row.status) {
            row.status = availability.status;
        }
        let on_offer = availability.status != AvailabilityStatus::Closed;
        let cheapest =
            entry.prices.iter().filter(|_| on_offer).map(|row| row.price.retail).min_by_key(|money| money.amount);
        row.price_from = match (row.price_from, cheapest) {
            (Some(left), Some(right)) if right.amount < left.amount => Some(right),
            (known, cheapest) => known.or(cheapest),
        };
        if let Some((known, mode)) = known
            && known.observed_at < row.freshness.observed_at
        {
            row.freshness = Freshness { mode: *mode, observed_at: known.observed_at, expires_at: None };
        }
    }
}

/// Ranks a status: the highest of a day's performances becomes the status of the day.
fn status_rank(status: AvailabilityStatus) -> u8 {
    match status {
        AvailabilityStatus::Closed => 0,
        AvailabilityStatus::SoldOut => 1,
        AvailabilityStatus::Unknown => 2,
        AvailabilityStatus::Limited => 3,
        AvailabilityStatus::Available | AvailabilityStatus::Freesale => 4,
    }
}
