//! Catalog. An event contains its sections with prices and remaining counts, so one call per source answers every
//! level.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use jiff::civil::Date;

use crate::map::{event, keys};
use crate::{TicketingSource, wire};
use domain::{
    Availability, Batch, CalendarDay, Catalog, CatalogScope, ErrorKind, Event, EventKey, Observed, Performance,
    PerformanceKey, PerformanceWindow, TicketType, VendorError, VendorOperation,
};

/// Concurrent reads of single events.
const MAX_CONCURRENT_READS: usize = 8;
/// Largest number of rows of a calendar.
const MAX_CALENDAR_DAYS: usize = 366;

type ObservedEvent = Observed<Arc<Event>>;

impl TicketingSource {
    /// Maps the events of a list by key.
    fn map_events(&self, ours: Vec<wire::Event>) -> BTreeMap<EventKey, ObservedEvent> {
        let refused: usize = ours.iter().map(|wire| event::image(wire, &self.defaults).refused).sum();
        if refused > 0 {
            tracing::warn!(source = %self.client.source(), refused, "left out images whose address is not a web address");
        }
        ours.into_iter()
            .filter_map(|event| self.map_event(&event))
            .map(|observed| (observed.value.key.clone(), observed))
            .collect()
    }

    fn map_event(&self, wire: &wire::Event) -> Option<ObservedEvent> {
        let now = self.clock.now();
        if let Some(word) = wire.status.as_deref().filter(|word| event::is_unknown_word(word, &self.defaults.facts)) {
            let source = self.client.source();
            self.unknown_words.warn(source, "event_status_words", word, "its events are listed and not sold");
        }
        Some(Observed::live(Arc::new(event::event(wire, &self.defaults, now)?), now))
    }

    /// Lists all events of the host that the key can see, with drafts and private ones if it is an administrator's.
    async fn list_all(&self, op: VendorOperation) -> Result<BTreeMap<EventKey, ObservedEvent>, VendorError> {
        Ok(self.map_events(self.events_of_host(op).await?))
    }

    async fn list_published(&self, op: VendorOperation) -> Result<BTreeMap<EventKey, ObservedEvent>, VendorError> {
        Ok(self.map_events(self.published_events_of_host(op).await?))
    }

    /// Loads an event; one of another host is not found.
    async fn load_event(&self, op: VendorOperation, key: &EventKey) -> Result<ObservedEvent, VendorError> {
        if !keys::is_id(key.as_str()) {
            return Err(self.client.error(op, ErrorKind::NotFound));
        }
        let wire = self.client.event(op, key.as_str()).await?;
        if !self.is_own_event(op, &wire).await? {
            return Err(self.client.error(op, ErrorKind::NotFound));
        }
        self.map_event(&wire).ok_or_else(|| self.client.error(op, ErrorKind::Malformed))
    }

    /// Loads events: a single one by its own URL, several from one list, and those missing from it by their own URLs.
    async fn load_each(&self, op: VendorOperation, wanted: &[EventKey]) -> Batch<EventKey, ObservedEvent> {
        let distinct: HashSet<&EventKey> = wanted.iter().collect();
        let mut listed = BTreeMap::new();
        if distinct.len() > 1 {
            match self.list_all(op).await {
                Ok(all) => listed = all,
                Err(error) => return error.to_batch(wanted),
            }
        }
        let (recent_availability, unlisted): (Vec<_>, Vec<_>) =
            distinct.into_iter().partition(|key| listed.contains_key(*key));
        let reads = stream::iter(unlisted.into_iter().cloned()).map(|key: EventKey| async move {
            let found = self.load_event(op, &key).await;
            (key, found)
        });
        let mut batch: Batch<_, _> = reads.buffer_unordered(MAX_CONCURRENT_READS).collect().await;
        batch.extend(
            recent_availability
                .into_iter()
                .filter_map(|key| listed.remove_entry(key))
                .map(|(key, observed)| (key, Ok(observed))),
        );
        batch
    }
}

fn map_values<K, V, W>(batch: Batch<K, V>, change: impl Fn(V) -> W) -> Batch<K, W>
where
    K: Eq + std::hash::Hash,
{
    batch.into_iter().map(|(key, outcome)| (key, outcome.map(&change))).collect()
}

fn performances(observed: &Event) -> impl Iterator<Item = &Arc<Performance>> {
    observed.listed_performances.iter().flat_map(|listed| listed.iter())
}

/// Maps events to their single performances, under the performance's own key.
fn by_performance(batch: Batch<EventKey, ObservedEvent>) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
    let rows = batch.into_iter().filter_map(|(key, outcome)| match outcome {
        Ok(observed) => {
            let performance = performances(&observed.value).next().cloned()?;
            Some((performance.key.clone(), Ok(Observed { value: performance, freshness: observed.freshness })))
        }
        Err(error) => Some((keys::performance_key(&key), Err(error))),
    });
    rows.collect()
}

#[async_trait]
impl Catalog for TicketingSource {
    async fn list_events(&self, scope: CatalogScope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let listed = match scope {
            CatalogScope::Public => self.list_published(VendorOperation::ListEvents).await?,
            CatalogScope::All => self.list_all(VendorOperation::ListEvents).await?,
        };
        let events = listed.into_values().map(|observed| observed.value);
        Ok(Observed::live(Arc::new(events.collect()), self.clock.now()))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, ObservedEvent> {
        self.load_each(VendorOperation::LoadEvents, keys).await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        map_values(self.load_each(VendorOperation::LoadTicketTypes, events).await, |observed| {
            observed.map(|event| event.listed_ticket_types.clone().unwrap_or_default())
        })
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let inside = |performance: &Performance| {
            performance.starts_at.is_none_or(|at| at >= window.from && window.to.is_none_or(|to| at < to))
        };
        map_values(self.load_each(VendorOperation::ListPerformances, events).await, |observed| {
            observed.map(|event| {
                let wanted = performances(&event).filter(|performance| inside(performance));
                Arc::new(wanted.take(window.limit).cloned().collect())
            })
        })
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let events: Vec<EventKey> = keys.iter().map(keys::event_key).collect();
        by_performance(self.load_each(VendorOperation::LoadPerformances, &events).await)
    }

    async fn load_availability(
        &self,
        wanted: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let now = self.clock.now();
        let recent_availability = |observed: &Observed<Arc<Performance>>| {
            let listed = observed.value.listed_availability.clone()?;
            let is_recent = !max_age.is_zero() && observed.freshness.is_within(max_age, now);
            is_recent.then_some(Observed { value: listed, freshness: observed.freshness })
        };
        let mut batch = Batch::new();
        let mut stale = Vec::new();
        for observed in wanted {
            match recent_availability(observed) {
                Some(listed) => drop(batch.insert(observed.value.key.clone(), Ok(listed))),
                None => stale.push(observed.value.event.clone()),
            }
        }
        let read = by_performance(self.load_each(VendorOperation::LoadAvailability, &stale).await);
        batch.extend(read.into_iter().map(|(key, outcome)| {
            let listed = |observed: Observed<Arc<Performance>>| {
                let listed = observed.value.listed_availability.clone();
                let missing = || self.client.error(VendorOperation::LoadAvailability, ErrorKind::Malformed);
                Ok(Observed { value: listed.ok_or_else(missing)?, freshness: observed.freshness })
            };
            (key, outcome.and_then(listed))
        }));
        batch
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        map_values(self.load_each(VendorOperation::LoadCalendar, events).await, |observed| {
            let days = from.series(jiff::ToSpan::days(1)).take_while(|day| *day <= to).take(MAX_CALENDAR_DAYS);
            Arc::new(days.map(|day| event::calendar_day(&observed.value, observed.freshness, day)).collect())
        })
    }
}
