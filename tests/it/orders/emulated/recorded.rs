//! Recorded catalog: read once, so that the cases do not spend their time on planning.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Availability, Batch, CalendarDay, Catalog, CatalogScope, ErrorKind, Event, EventKey, Observed, Performance,
    PerformanceKey, PerformanceWindow, Source, SourceId, TicketType, VendorError, VendorOperation,
};
use jiff::civil::Date;

/// Recorded facts about one performance.
pub(super) struct RecordedCatalog {
    source: SourceId,
    event: Observed<Arc<Event>>,
    performance: Observed<Arc<Performance>>,
    availability: Observed<Arc<Availability>>,
}

impl RecordedCatalog {
    /// Records the facts about a performance.
    pub(super) async fn of(source: &Source, key: &PerformanceKey) -> Arc<dyn Catalog> {
        let one = std::slice::from_ref(key);
        let performance = source.catalog.load_performances(one).await.remove(key).expect(RECORDED).expect(RECORDED);
        let event = performance.value.event.clone();
        let known = std::slice::from_ref(&performance);
        let availability = source.catalog.load_availability(known, Duration::ZERO).await.remove(key);
        let availability = availability.expect(RECORDED).expect(RECORDED);
        let event = source.catalog.load_events(std::slice::from_ref(&event)).await.remove(&event);
        let event = event.expect(RECORDED).expect(RECORDED);
        Arc::new(Self { source: source.id.clone(), event, performance, availability })
    }

    fn unexpected_call(&self, operation: VendorOperation) -> VendorError {
        VendorError::new(&self.source, operation, ErrorKind::Unsupported)
    }
}

const RECORDED: &str = "a recorded performance";

fn for_each_key<K: Clone + Eq + std::hash::Hash, V: Clone>(keys: &[K], value: &V) -> Batch<K, V> {
    keys.iter().map(|key| (key.clone(), Ok(value.clone()))).collect()
}

#[async_trait]
impl Catalog for RecordedCatalog {
    async fn list_events(&self, _: CatalogScope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        Err(self.unexpected_call(VendorOperation::ListEvents))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        for_each_key(keys, &self.event)
    }

    async fn load_ticket_types(&self, _: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        Batch::new()
    }

    async fn list_performances(
        &self,
        _: &[EventKey],
        _: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        Batch::new()
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        for_each_key(keys, &self.performance)
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        _: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        performances.iter().map(|one| (one.value.key.clone(), Ok(self.availability.clone()))).collect()
    }

    async fn load_calendar(&self, _: &[EventKey], _: Date, _: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        Batch::new()
    }
}
