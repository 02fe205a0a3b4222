//! Catalog. A product contains its options and units, so one list answers events and ticket types; performances and availability are
//! one request per event.

mod slots;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use jiff::civil::Date;

use crate::OctoSource;
use crate::client::{BAD_REQUEST, Reading, has_code};
use crate::map::keys::{self, OfferingId};
use crate::map::{Offering, event, slot};
use crate::wire::catalog::Product;
use crate::wire::requests::DaysQuery;
use domain::{
    Availability, Batch, CalendarDay, Catalog, CatalogScope, ErrorKind, Event, EventKey, Freshness, Observed,
    Performance, PerformanceKey, PerformanceWindow, TicketType, VendorError, VendorOperation,
};

/// Concurrent requests of one call.
const MAX_CONCURRENT_READS: usize = 8;
/// Largest number of rows of a calendar, which is also what one request may ask for (`octo.md §2.5`).
const MAX_CALENDAR_DAYS: usize = 366;

type ObservedEvent = Observed<Arc<Event>>;
/// Products by id, each read once.
type Products = HashMap<String, Result<Arc<Reading<Product>>, VendorError>>;

impl OctoSource {
    /// Lists all products. Their events are sorted by key.
    async fn list_all(&self, op: VendorOperation) -> Result<BTreeMap<EventKey, ObservedEvent>, VendorError> {
        let listed = self.client.products(op).await?;
        let cap = self.defaults.facts.list_cap;
        if cap > 0 && listed.value.len() >= cap {
            tracing::warn!(source = %self.client.source(), cap, "the list of products is cut off: events are missing");
        }
        let refused: usize = listed.value.iter().map(|product| event::image(product).refused).sum();
        if refused > 0 {
            tracing::warn!(source = %self.client.source(), refused, "left out images whose address is not a web address");
        }
        let now = self.clock.now();
        let events = listed.value.iter().flat_map(|product| {
            product.options.iter().filter_map(|option| {
                let offering = Offering { product, option, has_prices: listed.has_prices };
                let event = event::event(offering, &self.defaults)?;
                Some((event.key.clone(), Observed::live(Arc::new(event), now)))
            })
        });
        Ok(events.collect())
    }

    /// Reads products by id, each once.
    pub(crate) async fn read_products(&self, op: VendorOperation, ids: BTreeSet<String>) -> Products {
        let reads = stream::iter(ids).map(|id| async move {
            let read = self.read_product(op, &id).await;
            (id, read)
        });
        reads.buffer_unordered(MAX_CONCURRENT_READS).collect().await
    }

    /// Reads a product.
    pub(super) async fn read_product(
        &self,
        op: VendorOperation,
        id: &str,
    ) -> Result<Arc<Reading<Product>>, VendorError> {
        let read = Arc::new(self.client.product(op, id).await?);
        self.recent.insert_product(&read, self.clock.now());
        Ok(read)
    }

    /// Returns the offering of an event out of the products; `NotFound` if its product has no such option.
    pub(super) fn offering<'p>(
        &self,
        op: VendorOperation,
        products: &'p Products,
        id: &OfferingId,
    ) -> Result<Offering<'p>, VendorError> {
        let missing = || self.client.error(op, ErrorKind::NotFound);
        let product = products.get(&id.product).ok_or_else(missing)?.as_ref().map_err(Clone::clone)?;
        Offering::of(&product.value, &id.option, product.has_prices).ok_or_else(missing)
    }

    /// Loads events: a few by their own URLs, many from one list, and those missing from it by their own URLs.
    async fn load_each(&self, op: VendorOperation, wanted: &[EventKey]) -> Batch<EventKey, ObservedEvent> {
        let mut batch = Batch::new();
        let mut ids = BTreeMap::new();
        for key in wanted {
            match keys::parse_event(key) {
                Some(id) => drop(ids.insert(key, id)),
                None => drop(batch.insert(key.clone(), Err(self.client.error(op, ErrorKind::NotFound)))),
            }
        }
        let distinct = |ids: &BTreeMap<&EventKey, OfferingId>| -> BTreeSet<String> {
            ids.values().map(|id| id.product.clone()).collect()
        };
        if distinct(&ids).len() > 1 {
            match self.list_all(op).await {
                Ok(mut all) => ids.retain(|key, _| {
                    let Some(event) = all.remove(*key) else { return true };
                    batch.insert((*key).clone(), Ok(event));
                    false
                }),
                Err(error) => {
                    batch.extend(ids.keys().map(|key| ((*key).clone(), Err(error.clone()))));
                    return batch;
                }
            }
        }
        let products = self.read_products(op, distinct(&ids)).await;
        let now = self.clock.now();
        batch.extend(ids.into_iter().map(|(key, id)| {
            let read = self.offering(op, &products, &id).and_then(|offering| {
                let event = event::event(offering, &self.defaults);
                event.ok_or_else(|| self.client.error(op, ErrorKind::Malformed))
            });
            (key.clone(), read.map(|event| Observed::live(Arc::new(event), now)))
        }));
        batch
    }

    async fn calendar_of(&self, event: &EventKey, from: Date, to: Date) -> Result<Vec<CalendarDay>, VendorError> {
        let op = VendorOperation::LoadCalendar;
        let id = keys::parse_event(event).ok_or_else(|| self.client.error(op, ErrorKind::NotFound))?;
        let days: Vec<Date> =
            from.series(jiff::ToSpan::days(1)).take_while(|day| *day <= to).take(MAX_CALENDAR_DAYS).collect();
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Vec::new()) };
        let query = DaysQuery {
            product_id: &id.product,
            option_id: &id.option,
            local_date_start: first.to_string(),
            local_date_end: last.to_string(),
            currency: self.defaults.currency.map(domain::Currency::code),
        };
        let read = match self.client.calendar(op, &query).await {
            // A product of other currencies has a calendar without prices.
            Err(error) if query.currency.is_some() && has_code(&error, BAD_REQUEST) => {
                self.client.calendar(op, &DaysQuery { currency: None, ..query }).await?
            }
            read => read?,
        };
        let currency = self.defaults.currency.filter(|_| read.has_prices);
        let rows: HashMap<&str, _> = read.value.iter().map(|row| (row.local_date.as_str(), row)).collect();
        let freshness = Freshness::live(self.clock.now());
        let row = |date: &Date| {
            let row = rows.get(date.to_string().as_str()).map(|row| (*row, currency));
            slot::calendar_day(*date, row, freshness)
        };
        Ok(days.iter().map(row).collect())
    }
}

#[async_trait]
impl Catalog for OctoSource {
    async fn list_events(&self, _scope: CatalogScope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let listed = self.list_all(VendorOperation::ListEvents).await?;
        let events = listed.into_values().map(|observed| observed.value);
        Ok(Observed::live(Arc::new(events.collect()), self.clock.now()))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, ObservedEvent> {
        self.load_each(VendorOperation::LoadEvents, keys).await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        let loaded = self.load_each(VendorOperation::LoadTicketTypes, events).await;
        let types =
            |observed: ObservedEvent| observed.map(|event| event.listed_ticket_types.clone().unwrap_or_default());
        loaded.into_iter().map(|(key, outcome)| (key, outcome.map(types))).collect()
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        self.performances_of(events, window).await
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        self.read_performances(VendorOperation::LoadPerformances, keys).await
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let now = self.clock.now();
        let mut batch = Batch::new();
        let mut stale = Vec::new();
        for observed in performances {
            let is_recent = !max_age.is_zero() && observed.freshness.is_within(max_age, now);
            match observed.value.listed_availability.clone().filter(|_| is_recent) {
                Some(value) => {
                    let listed = Observed { value, freshness: observed.freshness };
                    drop(batch.insert(observed.value.key.clone(), Ok(listed)));
                }
                None => stale.push(observed.value.key.clone()),
            }
        }
        let op = VendorOperation::LoadAvailability;
        let availability = |observed: Observed<Arc<Performance>>| {
            let listed = observed.value.listed_availability.clone();
            let value = listed.ok_or_else(|| self.client.error(op, ErrorKind::Malformed))?;
            Ok(Observed { value, freshness: observed.freshness })
        };
        let read = self.read_performances(op, &stale).await;
        batch.extend(read.into_iter().map(|(key, outcome)| (key, outcome.and_then(availability))));
        batch
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        let reads =
            stream::iter(events.iter().cloned().collect::<std::collections::HashSet<_>>()).map(|key| async move {
                let rows = self.calendar_of(&key, from, to).await.map(Arc::new);
                (key, rows)
            });
        reads.buffer_unordered(MAX_CONCURRENT_READS).collect().await
    }
}
