//! The catalogue. An event carries its sections with prices and what is left, so one call a source answers every level.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use jiff::civil::Date;

use crate::map::{event, keys};
use crate::{Account, wire};
use domain::{
    Availability, Batch, CalendarDay, Catalog, ErrorKind, Event, EventKey, Observed, Operation, Performance,
    PerformanceKey, Scope, TicketType, VendorError, Window,
};

/// Events that are asked for side by side by their own addresses.
const AT_ONCE: usize = 8;
/// The most rows of a calendar.
const MOST_DAYS: usize = 366;

type Known = Observed<Arc<Event>>;

impl Account {
    /// The events that a list gave, ours only, by key.
    fn ours(&self, listed: Vec<wire::Event>) -> BTreeMap<EventKey, Known> {
        let host = &self.terms.host;
        let foreign = |told: &String| keys::tail(told) != Some(host);
        let ours = listed.into_iter().filter(|event| !event.host.as_ref().is_some_and(foreign));
        ours.filter_map(|event| self.take(&event)).map(|known| (known.value.key.clone(), known)).collect()
    }

    fn take(&self, wire: &wire::Event) -> Option<Known> {
        let now = self.clock.now();
        Some(Observed::live(Arc::new(event::event(wire, &self.terms, now)?), now))
    }

    /// All events that the key may see. A key below administrator may not list drafts: it gets what is published.
    async fn everything(&self, op: Operation) -> Result<BTreeMap<EventKey, Known>, VendorError> {
        if self.lists_published_only.load(Ordering::Relaxed) {
            return self.published(op).await;
        }
        match self.client.events(op, &self.terms.host).await {
            Err(fault) if fault.kind == ErrorKind::Unauthorized => {
                let published = self.published(op).await?;
                self.lists_published_only.store(true, Ordering::Relaxed);
                Ok(published)
            }
            listed => Ok(self.ours(listed?)),
        }
    }

    async fn published(&self, op: Operation) -> Result<BTreeMap<EventKey, Known>, VendorError> {
        Ok(self.ours(self.client.published_events(op, &self.terms.host).await?))
    }

    async fn one(&self, op: Operation, key: &EventKey) -> Result<Known, VendorError> {
        if !keys::is_id(key.as_str()) {
            return Err(self.client.error(op, ErrorKind::NotFound));
        }
        let wire = self.client.event(op, key.as_str()).await?;
        self.take(&wire).ok_or_else(|| self.client.error(op, ErrorKind::Malformed))
    }

    /// Reads events: one by its own address, several by one walk over the list, and by their own address those that no list shows.
    async fn read(&self, op: Operation, wanted: &[EventKey]) -> Batch<EventKey, Known> {
        let distinct: HashSet<&EventKey> = wanted.iter().collect();
        let mut listed = BTreeMap::new();
        if distinct.len() > 1 {
            match self.everything(op).await {
                Ok(all) => listed = all,
                Err(fault) => return fault.for_all(wanted),
            }
        }
        let (at_hand, unlisted): (Vec<_>, Vec<_>) = distinct.into_iter().partition(|key| listed.contains_key(*key));
        let asked = stream::iter(unlisted.into_iter().cloned()).map(|key: EventKey| async move {
            let found = self.one(op, &key).await;
            (key, found)
        });
        let mut batch: Batch<_, _> = asked.buffer_unordered(AT_ONCE).collect().await;
        batch.extend(
            at_hand.into_iter().filter_map(|key| listed.remove_entry(key)).map(|(key, known)| (key, Ok(known))),
        );
        batch
    }
}

fn each<K, V, W>(batch: Batch<K, V>, change: impl Fn(V) -> W) -> Batch<K, W>
where
    K: Eq + std::hash::Hash,
{
    batch.into_iter().map(|(key, outcome)| (key, outcome.map(&change))).collect()
}

fn performances(known: &Event) -> impl Iterator<Item = &Arc<Performance>> {
    known.listed_performances.iter().flat_map(|listed| listed.iter())
}

/// The one performance of each event, under the performance's own key.
fn by_performance(batch: Batch<EventKey, Known>) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
    let rows = batch.into_iter().filter_map(|(key, outcome)| match outcome {
        Ok(known) => {
            let performance = performances(&known.value).next().cloned()?;
            Some((performance.key.clone(), Ok(Observed { value: performance, freshness: known.freshness })))
        }
        Err(fault) => Some((keys::performance_of(&key), Err(fault))),
    });
    rows.collect()
}

#[async_trait]
impl Catalog for Account {
    async fn list_events(&self, scope: Scope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let listed = match scope {
            Scope::Public => self.published(Operation::ListEvents).await?,
            Scope::Everything => self.everything(Operation::ListEvents).await?,
        };
        let events = listed.into_values().map(|known| known.value);
        Ok(Observed::live(Arc::new(events.collect()), self.clock.now()))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Known> {
        self.read(Operation::LoadEvents, keys).await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        each(self.read(Operation::LoadTicketTypes, events).await, |known| {
            known.map(|event| event.listed_ticket_types.clone().unwrap_or_default())
        })
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let inside = |performance: &Performance| {
            performance.starts_at.is_none_or(|at| at >= window.from && window.to.is_none_or(|to| at < to))
        };
        each(self.read(Operation::ListPerformances, events).await, |known| {
            known.map(|event| {
                let wanted = performances(&event).filter(|performance| inside(performance));
                Arc::new(wanted.take(window.limit).cloned().collect())
            })
        })
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let events: Vec<EventKey> = keys.iter().map(keys::event_of).collect();
        by_performance(self.read(Operation::LoadPerformances, &events).await)
    }

    async fn load_availability(
        &self,
        wanted: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let now = self.clock.now();
        let at_hand = |known: &Observed<Arc<Performance>>| {
            let listed = known.value.listed_availability.clone()?;
            let is_young = !max_age.is_zero() && known.freshness.is_within(max_age, now);
            is_young.then_some(Observed { value: listed, freshness: known.freshness })
        };
        let mut batch = Batch::new();
        let mut stale = Vec::new();
        for known in wanted {
            match at_hand(known) {
                Some(listed) => drop(batch.insert(known.value.key.clone(), Ok(listed))),
                None => stale.push(known.value.event.clone()),
            }
        }
        let read = by_performance(self.read(Operation::LoadAvailability, &stale).await);
        batch.extend(read.into_iter().map(|(key, outcome)| {
            let listed = |known: Observed<Arc<Performance>>| {
                let listed = known.value.listed_availability.clone();
                let missing = || self.client.error(Operation::LoadAvailability, ErrorKind::Malformed);
                Ok(Observed { value: listed.ok_or_else(missing)?, freshness: known.freshness })
            };
            (key, outcome.and_then(listed))
        }));
        batch
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        each(self.read(Operation::LoadCalendar, events).await, |known| {
            let days = from.series(jiff::ToSpan::days(1)).take_while(|day| *day <= to).take(MOST_DAYS);
            Arc::new(days.map(|day| event::calendar_day(&known.value, known.freshness, day)).collect())
        })
    }
}
