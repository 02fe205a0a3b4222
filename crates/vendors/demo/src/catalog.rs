//! Catalog. One list answers every question: an event contains its performance, its ticket type and its vacancies.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Availability, AvailabilityStatus, Batch, CalendarDay, Catalog, CatalogScope, ErrorKind, Event, EventKey,
    EventStatus, Observed, Performance, PerformanceKey, PerformanceWindow, TicketType, VendorError, VendorOperation,
};
use jiff::ToSpan;
use jiff::civil::Date;

use crate::{DemoSource, map};

impl DemoSource {
    async fn events(&self, operation: VendorOperation) -> Result<Vec<Arc<Event>>, VendorError> {
        let listed = self.client.list_events(operation).await?;
        let mut events: Vec<_> = listed.iter().map(|wire| Arc::new(map::event(wire, &self.defaults))).collect();
        events.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(events)
    }

    /// Loads events and converts each of them. A key that is not listed is not found.
    async fn load<T>(
        &self,
        operation: VendorOperation,
        keys: &[EventKey],
        convert: impl Fn(Arc<Event>) -> T,
    ) -> Batch<EventKey, T> {
        let events = match self.events(operation).await {
            Ok(events) => events,
            Err(error) => return error.to_batch(keys),
        };
        let by_key: HashMap<_, _> = events.into_iter().map(|event| (event.key.clone(), event)).collect();
        let missing = || self.client.error(operation, ErrorKind::NotFound);
        let find = |key: &EventKey| by_key.get(key).cloned().map(&convert).ok_or_else(missing);
        keys.iter().map(|key| (key.clone(), find(key))).collect()
    }

    async fn load_live<T>(
        &self,
        operation: VendorOperation,
        keys: &[EventKey],
        convert: impl Fn(Arc<Event>) -> T,
    ) -> Batch<EventKey, Observed<T>> {
        let now = self.clock.now();
        self.load(operation, keys, |event| Observed::live(convert(event), now)).await
    }
}

fn performances(event: &Event) -> Vec<Arc<Performance>> {
    event.listed_performances.as_deref().cloned().unwrap_or_default()
}

#[async_trait]
impl Catalog for DemoSource {
    async fn list_events(&self, scope: CatalogScope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let mut events = self.events(VendorOperation::ListEvents).await?;
        events.retain(|event| scope == CatalogScope::All || event.status != EventStatus::Draft);
        Ok(Observed::live(Arc::new(events), self.clock.now()))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        self.load_live(VendorOperation::LoadEvents, keys, |event| event).await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        let convert = |event: Arc<Event>| event.listed_ticket_types.clone().unwrap_or_default();
        self.load_live(VendorOperation::LoadTicketTypes, events, convert).await
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let is_inside = |performance: &Arc<Performance>| {
            performance.starts_at.is_some_and(|at| at >= window.from && window.to.is_none_or(|to| at < to))
        };
        let convert = |event: Arc<Event>| {
            Arc::new(performances(&event).into_iter().filter(is_inside).take(window.limit).collect())
        };
        self.load_live(VendorOperation::ListPerformances, events, convert).await
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let events: Vec<_> = keys.iter().map(|key| EventKey::new(key.as_str())).collect();
        let loaded = self.load_live(VendorOperation::LoadPerformances, &events, |event| performances(&event)).await;
        let by_performance = |(key, result): (EventKey, Result<Observed<Vec<Arc<Performance>>>, VendorError>)| {
            let missing = || self.client.error(VendorOperation::LoadPerformances, ErrorKind::NotFound);
            let single = result.and_then(|observed| {
                let performance = observed.value.first().cloned().ok_or_else(missing)?;
                Ok(Observed { value: performance, freshness: observed.freshness })
            });
            (PerformanceKey::new(key.as_str()), single)
        };
        loaded.into_iter().map(by_performance).collect()
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let now = self.clock.now();
        let is_recent =
            |observed: &Observed<Arc<Performance>>| !max_age.is_zero() && observed.freshness.is_within(max_age, now);
        let mut batch = Batch::new();
        if performances.iter().all(is_recent) {
            batch.extend(performances.iter().map(|observed| (observed.value.key.clone(), Ok(observed.clone()))));
        } else {
            let keys: Vec<_> = performances.iter().map(|observed| observed.value.key.clone()).collect();
            batch.extend(self.load_performances(&keys).await);
        }
        let missing = || self.client.error(VendorOperation::LoadAvailability, ErrorKind::NotFound);
        let availability = |observed: Observed<Arc<Performance>>| {
            let value = observed.value.listed_availability.clone().ok_or_else(missing)?;
            Ok(Observed { value, freshness: observed.freshness })
        };
        batch.into_iter().map(|(key, result)| (key, result.and_then(availability))).collect()
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        let freshness = Observed::live((), self.clock.now()).freshness;
        let convert = |event: Arc<Event>| {
            let day = |date: Date| {
                let count = performances(&event).iter().filter(|performance| performance.date == Some(date)).count();
                let status = if count == 0 { AvailabilityStatus::Closed } else { AvailabilityStatus::Available };
                let price_from = event.price_from.filter(|_| count > 0);
                CalendarDay {
                    date,
                    status,
                    price_from,
                    performance_count: u32::try_from(count).unwrap_or(0),
                    freshness,
                }
            };
            Arc::new(from.series(1.day()).take_while(|date| *date <= to).take(366).map(day).collect())
        };
        self.load(VendorOperation::LoadCalendar, events, convert).await
    }
}
