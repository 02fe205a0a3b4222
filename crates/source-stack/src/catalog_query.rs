//! Catalog reads as values, so that each catalog layer is written once for all of them.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Availability, AvailabilityStatus, Batch, CalendarDay, Catalog, CatalogScope, ErrorKind, Event, EventKey,
    FreshnessMode, Observed, Performance, PerformanceKey, PerformanceWindow, SourceId, TicketType, VendorError,
    VendorOperation,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::cache_key::{CacheKey, CacheRange, CacheSubject};
use crate::cached_value::CachedValue;
use crate::observe::Observation;
use crate::single_flight::{FlightTables, Flights};

/// A read of many items at once, each with a result of its own.
pub(crate) trait CatalogQuery: Clone + Send + Sync + 'static {
    /// Requested item, with everything needed to fetch its value.
    type Item: Clone + Send + Sync + 'static;
    /// Key of an item.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// Fetched value of an item.
    type Value: CachedValue;

    /// Name of the read for the guard and in metrics.
    const OPERATION: VendorOperation;

    /// Returns the key of an item.
    fn key(item: &Self::Item) -> Self::Key;

    /// Returns the subject of an item's value.
    fn subject(item: &Self::Item) -> CacheSubject;

    /// Returns the range of time that the values cover.
    fn range(&self) -> CacheRange {
        CacheRange::Whole
    }

    /// Returns the maximum age of a cached value, if the caller sets it.
    fn max_age(&self) -> Option<Duration> {
        None
    }

    /// Removes from an item whatever was observed before its value was last invalidated.
    fn drop_invalidated(
        &self,
        _source: &SourceId,
        item: Self::Item,
        _invalidated_at: impl Fn(&CacheKey) -> Option<Timestamp>,
    ) -> Self::Item {
        item
    }

    /// Returns the cache key of an item's value.
    fn cache_key(&self, source: &SourceId, item: &Self::Item) -> CacheKey {
        let subject = Self::subject(item);
        CacheKey { source: source.clone(), operation: Self::OPERATION, subject, range: self.range() }
    }

    /// Returns the value as an observer receives it, with the time at which the vendor returned it. `None` if it is not public, or if
    /// other reads return the same facts.
    fn observation(&self, _item: &Self::Item, _value: &Self::Value) -> Option<(Timestamp, Observation)> {
        None
    }

    /// Returns the table of this query's calls in flight.
    fn flights(tables: &FlightTables) -> &Flights<Self::Value>;

    /// Fetches the items from a catalog.
    fn fetch_from<'a>(
        &self,
        catalog: &'a dyn Catalog,
        items: Vec<Self::Item>,
    ) -> BoxFuture<'a, Batch<Self::Key, Self::Value>>;
}

/// A layer around a catalog. It returns a result for every item, usually from the layer below.
pub(crate) trait CatalogLayer: Send + Sync {
    /// Returns the source whose catalog it is.
    fn source(&self) -> &SourceId;

    /// Returns the value of every item.
    fn fetch<Q: CatalogQuery>(
        &self,
        query: Q,
        items: Vec<Q::Item>,
    ) -> impl Future<Output = Batch<Q::Key, Q::Value>> + Send;
}

/// A catalog whose reads go through a layer.
pub(crate) struct LayeredCatalog<L>(pub(crate) L);

#[async_trait]
impl<L: CatalogLayer> Catalog for LayeredCatalog<L> {
    async fn list_events(&self, scope: CatalogScope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let result = self.0.fetch(ListEventsQuery, vec![scope]).await.remove(&scope);
        let missing = || VendorError::new(self.0.source(), VendorOperation::ListEvents, ErrorKind::Internal);
        result.unwrap_or_else(|| Err(missing()))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        self.0.fetch(LoadEventsQuery, keys.to_vec()).await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        self.0.fetch(LoadTicketTypesQuery, events.to_vec()).await
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        self.0.fetch(ListPerformancesQuery { window: *window }, events.to_vec()).await
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        self.0.fetch(LoadPerformancesQuery, keys.to_vec()).await
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        self.0.fetch(LoadAvailabilityQuery { max_age }, performances.to_vec()).await
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        self.0.fetch(LoadCalendarQuery { from, to }, events.to_vec()).await
    }
}

/// Returns an observation with its time, unless the vendor crate served the value stale.
fn observed<T>(value: &Observed<T>, observation: Observation) -> Option<(Timestamp, Observation)> {
    (value.freshness.mode != FreshnessMode::Stale).then_some((value.freshness.observed_at, observation))
}

/// Implements `CatalogQuery` for a query whose items are their own keys: operation, table of calls in flight, key, value, subject,
/// range, the call on the catalog, and the observation of a value.
macro_rules! keyed_query {
    (
        $query:ty: $operation:ident, $table:ident, $key:ty => $value:ty, $subject:path,
        |$this:ident| $range:expr, |$catalog:ident, $keys:ident| $call:expr,
        |$asked:ident, $item:ident, $observed:ident| $observation:expr
    ) => {
        impl CatalogQuery for $query {
            type Item = $key;
            type Key = $key;
            type Value = $value;
            const OPERATION: VendorOperation = VendorOperation::$operation;

            fn key(item: &$key) -> $key {
                item.clone()
            }

            fn subject(item: &$key) -> CacheSubject {
                $subject(item.clone())
            }

            fn range(&self) -> CacheRange {
                let $this = self;
                $range
            }

            fn observation(&self, $item: &$key, $observed: &$value) -> Option<(Timestamp, Observation)> {
                let $asked = self;
                $observation
            }

            fn flights(tables: &FlightTables) -> &Flights<$value> {
                &tables.$table
            }

            fn fetch_from<'a>(
                &self,
                $catalog: &'a dyn Catalog,
                $keys: Vec<$key>,
            ) -> BoxFuture<'a, Batch<$key, $value>> {
                let $this = self.clone();
                async move { $call.await }.boxed()
            }
        }
    };
}

/// Lists all events in a scope.
#[derive(Clone)]
pub(crate) struct ListEventsQuery;

impl CatalogQuery for ListEventsQuery {
    type Item = CatalogScope;
    type Key = CatalogScope;
    type Value = Observed<Arc<Vec<Arc<Event>>>>;
    const OPERATION: VendorOperation = VendorOperation::ListEvents;

    fn key(item: &CatalogScope) -> CatalogScope {
        *item
    }

    fn subject(item: &CatalogScope) -> CacheSubject {
        CacheSubject::List(*item)
    }

    fn observation(&self, scope: &CatalogScope, value: &Self::Value) -> Option<(Timestamp, Observation)> {
        let is_public = *scope == CatalogScope::Public;
        is_public.then(|| observed(value, Observation::PublicEvents(Arc::clone(&value.value)))).flatten()
    }

    fn flights(tables: &FlightTables) -> &Flights<Self::Value> {
        &tables.list_events
    }

    fn fetch_from<'a>(
        &self,
        catalog: &'a dyn Catalog,
        items: Vec<CatalogScope>,
    ) -> BoxFuture<'a, Batch<CatalogScope, Self::Value>> {
        async move {
            let mut results = Batch::with_capacity(items.len());
            for scope in items {
                results.insert(scope, catalog.list_events(scope).await);
            }
            results
        }
        .boxed()
    }
}

/// Loads events by key.
#[derive(Clone)]
pub(crate) struct LoadEventsQuery;

keyed_query!(
    LoadEventsQuery: LoadEvents, load_events, EventKey => Observed<Arc<Event>>, CacheSubject::Event,
    |_query| CacheRange::Whole, |catalog, keys| catalog.load_events(&keys),
    |_query, _key, event| observed(event, Observation::Event(Arc::clone(&event.value)))
);

/// Loads the ticket types of events.
#[derive(Clone)]
pub(crate) struct LoadTicketTypesQuery;

keyed_query!(
    LoadTicketTypesQuery: LoadTicketTypes, load_ticket_types, EventKey => Observed<Arc<Vec<TicketType>>>,
    CacheSubject::Event, |_query| CacheRange::Whole, |catalog, keys| catalog.load_ticket_types(&keys),
    |_query, key, listed| observed(listed, Observation::TicketTypes(key.clone(), Arc::clone(&listed.value)))
);

/// Lists the performances of events in a window of time.
#[derive(Clone)]
pub(crate) struct ListPerformancesQuery {
    pub(crate) window: PerformanceWindow,
}

keyed_query!(
    ListPerformancesQuery: ListPerformances, list_performances, EventKey => Observed<Arc<Vec<Arc<Performance>>>>,
    CacheSubject::Event, |query| CacheRange::Window(query.window),
    |catalog, keys| catalog.list_performances(&keys, &query.window),
    |query, key, listed| observed(listed, Observation::Performances(key.clone(), query.window, Arc::clone(&listed.value)))
);

/// Loads performances by key.
#[derive(Clone)]
pub(crate) struct LoadPerformancesQuery;

keyed_query!(
    LoadPerformancesQuery: LoadPerformances, load_performances, PerformanceKey => Observed<Arc<Performance>>,
    CacheSubject::Performance, |_query| CacheRange::Whole, |catalog, keys| catalog.load_performances(&keys),
    |_query, _key, performance| observed(performance, Observation::Performance(Arc::clone(&performance.value)))
);

/// Loads the calendar rows of events for a range of days, both included.
#[derive(Clone)]
pub(crate) struct LoadCalendarQuery {
    pub(crate) from: Date,
    pub(crate) to: Date,
}

keyed_query!(
    LoadCalendarQuery: LoadCalendar, load_calendar, EventKey => Arc<Vec<CalendarDay>>, CacheSubject::Event,
    |query| CacheRange::Days(query.from, query.to), |catalog, keys| catalog.load_calendar(&keys, query.from, query.to),
    |_query, _key, _days| None
);

/// Loads the availability of performances.
#[derive(Clone)]
pub(crate) struct LoadAvailabilityQuery {
    pub(crate) max_age: Duration,
}

impl CatalogQuery for LoadAvailabilityQuery {
    type Item = Observed<Arc<Performance>>;
    type Key = PerformanceKey;
    type Value = Observed<Arc<Availability>>;
    const OPERATION: VendorOperation = VendorOperation::LoadAvailability;

    fn key(item: &Self::Item) -> PerformanceKey {
        item.value.key.clone()
    }

    fn subject(item: &Self::Item) -> CacheSubject {
        CacheSubject::Performance(item.value.key.clone())
    }

    fn max_age(&self) -> Option<Duration> {
        Some(self.max_age)
    }

    /// Removes the availability that was listed with a performance before the performance was invalidated.
    fn drop_invalidated(
        &self,
        source: &SourceId,
        item: Self::Item,
        invalidated_at: impl Fn(&CacheKey) -> Option<Timestamp>,
    ) -> Self::Item {
        let is_stale = item.value.listed_availability.is_some()
            && invalidated_at(&self.cache_key(source, &item)).is_some_and(|at| at >= item.freshness.observed_at);
        if !is_stale {
            return item;
        }
        item.map(|performance| Arc::new(Performance { listed_availability: None, ..Performance::clone(&performance) }))
    }

    fn observation(&self, item: &Self::Item, value: &Self::Value) -> Option<(Timestamp, Observation)> {
        let Performance { key, event, .. } = &*item.value;
        let observation = Observation::Availability(key.clone(), event.clone(), Arc::clone(&value.value));
        // Unknown says that the vendor could not be reached, not what it would have returned.
        let is_known = value.value.status != AvailabilityStatus::Unknown;
        is_known.then(|| observed(value, observation)).flatten()
    }

    fn flights(tables: &FlightTables) -> &Flights<Self::Value> {
        &tables.load_availability
    }

    fn fetch_from<'a>(
        &self,
        catalog: &'a dyn Catalog,
        items: Vec<Self::Item>,
    ) -> BoxFuture<'a, Batch<PerformanceKey, Self::Value>> {
        let max_age = self.max_age;
        async move { catalog.load_availability(&items, max_age).await }.boxed()
    }
}
