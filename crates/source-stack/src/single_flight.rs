//! Single-flight layer: concurrent identical catalog queries share one call.
//!
//! A call runs in its own task under the guard's deadline, so a caller that hangs up does not fail the others, and each caller
//! keeps its own deadline by ceasing to wait. A failure is shared by everyone who waited for it instead of being repeated by each.

use std::sync::Arc;

use domain::{Batch, Catalog, ErrorKind, SourceId, TurnScope, VendorError};
use futures_util::future::join_all;
use metrics::counter;
use resilience::{Lead, SingleFlight};
use telemetry::explain::{propagate, record};
use tracing::Instrument;

use crate::cache_key::FlightKey;
use crate::catalog_cache::SourceCache;
use crate::catalog_query::{
    CatalogLayer, CatalogQuery, ListEventsQuery, ListPerformancesQuery, LoadAvailabilityQuery, LoadCalendarQuery,
    LoadEventsQuery, LoadPerformancesQuery, LoadTicketTypesQuery,
};

/// Calls in flight for queries with one type of value.
pub(crate) type Flights<V> = SingleFlight<FlightKey, Result<V, VendorError>>;

/// Shares calls between concurrent identical queries.
pub(crate) struct SingleFlightLayer {
    cache: SourceCache,
    inner: Arc<dyn Catalog>,
    flights: FlightTables,
}

/// Calls in flight, one table per query.
#[derive(Default)]
pub(crate) struct FlightTables {
    pub(crate) list_events: Flights<<ListEventsQuery as CatalogQuery>::Value>,
    pub(crate) load_events: Flights<<LoadEventsQuery as CatalogQuery>::Value>,
    pub(crate) load_ticket_types: Flights<<LoadTicketTypesQuery as CatalogQuery>::Value>,
    pub(crate) list_performances: Flights<<ListPerformancesQuery as CatalogQuery>::Value>,
    pub(crate) load_performances: Flights<<LoadPerformancesQuery as CatalogQuery>::Value>,
    pub(crate) load_availability: Flights<<LoadAvailabilityQuery as CatalogQuery>::Value>,
    pub(crate) load_calendar: Flights<<LoadCalendarQuery as CatalogQuery>::Value>,
}

impl SingleFlightLayer {
    /// Creates the layer. The tags of `cache` decide which calls are outdated, and its tracker owns the tasks.
    pub(crate) fn new(cache: SourceCache, inner: Arc<dyn Catalog>) -> Self {
        Self { cache, inner, flights: FlightTables::default() }
    }

    /// Makes the calls that nobody else has in flight, in a task of their own.
    fn spawn<Q: CatalogQuery>(
        &self,
        query: Q,
        items: Vec<Q::Item>,
        lead: Lead<FlightKey, Result<Q::Value, VendorError>>,
    ) {
        let span = lead.span().clone();
        let inner = Arc::clone(&self.inner);
        let call = async move {
            let keys: Vec<Q::Key> = items.iter().map(Q::key).collect();
            let mut results = query.fetch_from(&*inner, items).await;
            lead.finish(keys.iter().map(|key| results.remove(key)));
        };
        // The call waits for its turn like the first who asked for it.
        self.cache.tasks().spawn(TurnScope::propagate(propagate(call.instrument(span))));
    }
}

impl CatalogLayer for SingleFlightLayer {
    fn source(&self) -> &SourceId {
        self.cache.source()
    }

    async fn fetch<Q: CatalogQuery>(&self, query: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Value> {
        let tags = self.cache.tags();
        let flight_key = |item| FlightKey { cache_key: query.cache_key(self.source(), item), max_age: query.max_age() };
        // A call started before an invalidation may return the old value, so it is not joined.
        let is_current = |key: &FlightKey, epoch| !tags.is_stale(&key.cache_key, epoch);
        let span = || tracing::info_span!("flight", source = self.source().as_str(), operation = Q::OPERATION.name());
        let join = Q::flights(&self.flights).join_at(tags.epoch(), items.iter().map(flight_key), is_current, span);
        let keys: Vec<Q::Key> = items.iter().map(Q::key).collect();
        if join.joined > 0 {
            let joined = join.joined as u64;
            counter!("ticketgraph_coalesced_total", "source" => self.source().to_string()).increment(joined);
            record(self.source().as_str(), Q::OPERATION.name(), |stats| stats.coalesced += joined);
        }
        if !join.lead.is_empty() {
            let items = join.lead.positions().iter().map(|position| items[*position].clone()).collect();
            self.spawn(query, items, join.lead);
        }
        let lost =
            || VendorError::new(self.source(), Q::OPERATION, ErrorKind::Internal).with_cause("the call was lost");
        let results = join_all(join.results).await.into_iter().map(|result| result.unwrap_or_else(|| Err(lost())));
        keys.into_iter().zip(results).collect()
    }
}
