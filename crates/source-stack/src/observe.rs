//! Observes catalog values that come from the vendor, below the caches, so that changes are noticed by what is fetched anyway.

use std::sync::Arc;

use domain::{
    Availability, Batch, Catalog, Event, EventKey, Performance, PerformanceKey, PerformanceWindow, SourceId, TicketType,
};
use jiff::Timestamp;

use crate::catalog_query::{CatalogLayer, CatalogQuery};

/// A catalog value that the vendor has returned.
#[derive(Debug, Clone)]
pub enum Observation {
    /// All public events of a source.
    PublicEvents(Arc<Vec<Arc<Event>>>),
    /// One event by key.
    Event(Arc<Event>),
    /// The ticket types of an event.
    TicketTypes(EventKey, Arc<Vec<TicketType>>),
    /// The performances of an event in a window.
    Performances(EventKey, PerformanceWindow, Arc<Vec<Arc<Performance>>>),
    /// One performance by key.
    Performance(Arc<Performance>),
    /// The availability of a performance.
    Availability(PerformanceKey, EventKey, Arc<Availability>),
}

/// Receives the catalog values of all sources. It must return at once.
pub trait CatalogObserver: Send + Sync {
    /// Receives a value that the vendor returned at a time.
    fn observe(&self, source: &SourceId, at: Timestamp, value: Observation);
}

/// Passes values on to an observer.
pub(crate) struct ObservedCatalog {
    source: SourceId,
    inner: Arc<dyn Catalog>,
    observer: Arc<dyn CatalogObserver>,
}

impl ObservedCatalog {
    pub(crate) fn new(source: SourceId, inner: Arc<dyn Catalog>, observer: Arc<dyn CatalogObserver>) -> Self {
        Self { source, inner, observer }
    }
}

impl CatalogLayer for ObservedCatalog {
    fn source(&self) -> &SourceId {
        &self.source
    }

    async fn fetch<Q: CatalogQuery>(&self, query: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Value> {
        let results = query.fetch_from(&*self.inner, items.clone()).await;
        for item in &items {
            let Some(Ok(value)) = results.get(&Q::key(item)) else { continue };
            if let Some((at, observation)) = query.observation(item, value) {
                self.observer.observe(&self.source, at, observation);
            }
        }
        results
    }
}
