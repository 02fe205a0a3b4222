//! The catalogue port: lists and dates from memory, availability from the vendor at most once a minute.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::asking::Asking;
use crate::client::Client;
use crate::map::availability::availability;
use crate::map::snapshot::{Show, Snapshot};
use crate::memo::{AT_MOST_EVERY, Known};
use crate::shelf::Shelf;
use domain::{
    Availability, AvailabilityStatus, Batch, CalendarDay, Catalog, Clock, ErrorKind, Event, EventKey, EventStatus,
    Freshness, FreshnessMode, Observed, Operation, Performance, PerformanceKey, Scope, TicketType, VendorError, Window,
};

/// Telling what S-360 sells.
pub(crate) struct Shop {
    /// Calls the vendor.
    pub client: Arc<Client>,
    /// The catalogue.
    pub shelf: Arc<Shelf>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Asks what is free.
    pub asking: Asking,
}

/// How old the counts behind a calendar may be: hourly is normal (`secutix.md §2.8`).
const CALENDAR_AGE: Duration = Duration::from_secs(3600);

impl Shop {
    fn not_found(&self, operation: Operation) -> VendorError {
        self.client.error(operation, ErrorKind::NotFound)
    }

    /// Answers each key from the catalogue.
    async fn each<K, V>(
        &self,
        operation: Operation,
        keys: &[K],
        find: impl Fn(&Snapshot, &K) -> Option<V>,
    ) -> Batch<K, Observed<V>>
    where
        K: Clone + Eq + std::hash::Hash,
    {
        let snapshot = match self.shelf.current(operation).await {
            Ok(snapshot) => snapshot,
            Err(error) => return error.for_all(keys),
        };
        let answer = |key: &K| {
            let value = find(&snapshot.value, key).ok_or_else(|| self.not_found(operation))?;
            Ok(Observed { value, freshness: snapshot.freshness })
        };
        keys.iter().map(|key| (key.clone(), answer(key))).collect()
    }

    /// The counts of shows, each asked for at most once a minute.
    async fn known(
        &self,
        snapshot: &Snapshot,
        shows: &[Arc<Show>],
        max_age: Duration,
    ) -> HashMap<PerformanceKey, Result<(Known, FreshnessMode), VendorError>> {
        self.asking.known(&self.client, self.clock.as_ref(), snapshot, shows, max_age).await
    }
}

#[async_trait]
impl Catalog for Shop {
    async fn list_events(&self, scope: Scope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let snapshot = self.shelf.current(Operation::ListEvents).await?;
        let now = self.clock.now();
        let is_shown = |event: &Arc<Event>| scope == Scope::Everything || event.status != EventStatus::Draft;
        Ok(snapshot.map(|snapshot| {
            let events = snapshot.listed.iter().filter(|event| is_shown(event));
            Arc::new(events.map(|event| snapshot.as_of(event, now)).collect())
        }))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        let now = self.clock.now();
        self.each(Operation::LoadEvents, keys, |snapshot, key| {
            snapshot.events.get(key).map(|event| snapshot.as_of(event, now))
        })
        .await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        self.each(Operation::LoadTicketTypes, events, |snapshot, key| {
            snapshot.events.get(key).map(|event| event.listed_ticket_types.clone().unwrap_or_default())
        })
        .await
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        self.each(Operation::ListPerformances, events, |snapshot, key| {
            let event = snapshot.events.get(key)?;
            let shows = snapshot.shows_of(event).filter(|show| show.is_within(&snapshot.till, window));
            Some(Arc::new(shows.take(window.limit).map(|show| Arc::clone(&show.performance)).collect()))
        })
        .await
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        self.each(Operation::LoadPerformances, keys, |snapshot, key| {
            snapshot.shows.get(key).map(|show| Arc::clone(&show.performance))
        })
        .await
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let operation = Operation::LoadAvailability;
        let keys: Vec<PerformanceKey> = performances.iter().map(|performance| performance.value.key.clone()).collect();
        let snapshot = match self.shelf.current(operation).await {
            Ok(snapshot) => snapshot.value,
            Err(error) => return error.for_all(&keys),
        };
        let shows: Vec<Arc<Show>> = keys.iter().filter_map(|key| snapshot.shows.get(key).map(Arc::clone)).collect();
        let known = self.known(&snapshot, &shows, max_age).await;
        let now = self.clock.now();
        let answer = |key: &PerformanceKey| {
            let show = snapshot.shows.get(key).ok_or_else(|| self.not_found(operation))?;
            let (known, mode) = known.get(key).cloned().unwrap_or_else(|| Err(self.not_found(operation)))?;
            let expires_at = known.observed_at.checked_add(AT_MOST_EVERY).ok();
            let freshness = Freshness { mode, observed_at: known.observed_at, expires_at };
            Ok(Observed { value: Arc::new(availability(show, &known.counts, &snapshot.till, now)), freshness })
        };
        keys.iter().map(|key| (key.clone(), answer(key))).collect()
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        let operation = Operation::LoadCalendar;
        let snapshot = match self.shelf.current(operation).await {
            Ok(snapshot) => snapshot,
            Err(error) => return error.for_all(events),
        };
        let catalog = &snapshot.value;
        let mut wanted: HashMap<PerformanceKey, Arc<Show>> = HashMap::new();
        for event in events.iter().filter_map(|key| catalog.events.get(key)) {
            let shows = catalog.shows_of(event).filter(|show| days(show, catalog, from, to).next().is_some());
            wanted.extend(shows.map(|show| (show.performance.key.clone(), Arc::clone(show))));
        }
        let shows: Vec<_> = wanted.into_values().collect();
        let known = self.known(catalog, &shows, CALENDAR_AGE).await;
        let now = self.clock.now();
        let answer = |key: &EventKey| {
            let event = catalog.events.get(key).ok_or_else(|| self.not_found(operation))?;
            let mut rows = Rows::between(from, to, snapshot.freshness);
            for show in catalog.shows_of(event) {
                let counted = known.get(&show.performance.key).and_then(|known| known.as_ref().ok());
                for day in days(show, catalog, from, to) {
                    rows.add(day, show, counted, catalog, now);
                }
            }
            Ok(Arc::new(rows.days.into_values().collect()))
        };
        events.iter().map(|key| (key.clone(), answer(key))).collect()
    }
}

/// The days of a range on which a show can be visited.
fn days<'a>(show: &'a Show, snapshot: &Snapshot, from: Date, to: Date) -> impl Iterator<Item = Date> + use<'a> {
    let zone = &snapshot.till.zone;
    let last = show.performance.ends_at.map(|end| {
        let day = end.to_zoned(zone.clone());
        // The end of a validity is the midnight after its last day.
        if day.time() == jiff::civil::Time::midnight() {
            day.date().yesterday().unwrap_or(day.date())
        } else {
            day.date()
        }
    });
    let (first, last) = match show.performance.date {
        Some(day) => (day.max(from), day.min(to)),
        None => (from, last.map_or(to, |last| last.min(to))),
    };
    first.series(jiff::Span::new().days(1)).take_while(move |day| *day <= last)
}

/// The rows of a calendar while they are filled.
struct Rows {
    days: std::collections::BTreeMap<Date, CalendarDay>,
}

impl Rows {
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
        show: &Show,
        known: Option<&(Known, FreshnessMode)>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) {
        let Some(row) = self.days.get_mut(&day) else { return };
        let counts = known.map(|(known, _)| known.counts.clone()).unwrap_or_default();
        let told = availability(show, &counts, &snapshot.till, now);
        row.performance_count += 1;
        if rank(told.status) > rank(row.status) {
            row.status = told.status;
        }
        let on_offer = told.status != AvailabilityStatus::Closed;
        let cheapest =
            show.rows.iter().filter(|_| on_offer).map(|row| row.price.retail).min_by_key(|money| money.amount);
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

/// Which state of a day's performances speaks for the day.
fn rank(status: AvailabilityStatus) -> u8 {
    match status {
        AvailabilityStatus::Closed => 0,
        AvailabilityStatus::SoldOut => 1,
        AvailabilityStatus::Unknown => 2,
        AvailabilityStatus::Limited => 3,
        AvailabilityStatus::Available | AvailabilityStatus::Freesale => 4,
    }
}
