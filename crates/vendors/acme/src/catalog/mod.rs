//! Catalog of one tenant: templates are events, instances are performances.

mod availability;
mod performances;
mod template_cache;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::catalog::template_cache::{CachedTemplate, TemplateCache};
use crate::client::Client;
use crate::map::calendar::VenueCalendar;
use crate::map::{SourceDefaults, calendar, days, event, keys};
use crate::wire::catalog::Template;
use domain::{
    Availability, Batch, CalendarDay, Catalog, CatalogScope, Clock, ErrorKind, Event, EventKey, Observed, Performance,
    PerformanceKey, PerformanceWindow, SourceId, TicketType, VendorError, VendorOperation,
};

/// Days ahead that a list without an end date covers; `acme.md §4.1` recommends one day per call.
pub(crate) const HORIZON_DAYS: u16 = 7;

/// Reads the catalog of one tenant.
pub(crate) struct AcmeCatalog {
    source: SourceId,
    client: Arc<Client>,
    defaults: SourceDefaults,
    clock: Arc<dyn Clock>,
    templates: TemplateCache,
}

impl AcmeCatalog {
    pub(crate) fn new(source: SourceId, client: Arc<Client>, defaults: SourceDefaults, clock: Arc<dyn Clock>) -> Self {
        Self { source, client, defaults, clock, templates: TemplateCache::default() }
    }

    fn error(&self, op: VendorOperation, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, op, kind)
    }

    /// Fetches templates: a single one by id, several from the list of all templates, and those missing from it by id.
    async fn fetch_templates(&self, op: VendorOperation, wanted: &[EventKey]) -> Batch<EventKey, CachedTemplate> {
        let mut results = Batch::new();
        let mut left: BTreeMap<&str, &EventKey> =
            wanted.iter().filter_map(|key| keys::template_id(key).map(|id| (id, key))).collect();
        if left.len() > 1 {
            let listed = match self.client.list_templates(op, true).await {
                Ok(listed) => self.templates.insert(listed, self.clock.now()),
                Err(error) => return error.to_batch(wanted),
            };
            for cached in listed {
                if let Some(key) = left.remove(cached.template.id.to_string().as_str()) {
                    results.insert(key.clone(), Ok(cached));
                }
            }
        }
        let requests =
            left.into_iter().map(|(id, key)| async move { (key.clone(), self.fetch_template(op, id).await) });
        results.extend(join_all(requests).await);
        self.fill_missing(op, wanted, results)
    }

    async fn fetch_template(&self, op: VendorOperation, id: &str) -> Result<CachedTemplate, VendorError> {
        let template = self.client.find_template(op, id).await?;
        let cached = self.templates.insert(template.into_iter().collect(), self.clock.now());
        cached.into_iter().next().ok_or_else(|| self.error(op, ErrorKind::NotFound))
    }

    /// Returns templates that are recent enough for planning: cached ones, otherwise fetched.
    async fn cached_or_fetched_templates(
        &self,
        op: VendorOperation,
        wanted: &[EventKey],
    ) -> Batch<EventKey, CachedTemplate> {
        let now = self.clock.now();
        let from_cache = |key: &EventKey| Some((key.clone(), Ok(self.templates.get(key.as_str(), now)?)));
        let mut results: Batch<EventKey, CachedTemplate> = wanted.iter().filter_map(from_cache).collect();
        let missing: Vec<EventKey> = wanted.iter().filter(|key| !results.contains_key(key)).cloned().collect();
        if !missing.is_empty() {
            results.extend(self.fetch_templates(op, &missing).await);
        }
        results
    }

    /// Adds `NotFound` for every key without a result.
    fn fill_missing<K: Clone + Eq + std::hash::Hash, V>(
        &self,
        op: VendorOperation,
        keys: &[K],
        mut batch: Batch<K, V>,
    ) -> Batch<K, V> {
        for key in keys {
            batch.entry(key.clone()).or_insert_with(|| Err(self.error(op, ErrorKind::NotFound)));
        }
        batch
    }

    fn observed_event(&self, cached: &CachedTemplate) -> Observed<Arc<Event>> {
        Observed::live(Arc::new(event::event(&cached.template, &self.defaults, cached.fetched_at)), cached.fetched_at)
    }

    /// Reads the venue's calendar. It is optional: without it the calendar is derived from schedules alone.
    async fn venue_calendar(&self, events: &[EventKey], span: (Date, Date)) -> Option<VenueCalendar> {
        if !self.client.reads_b2c() {
            return None;
        }
        let template = if let [only] = events { keys::template_id(only) } else { None };
        let read =
            self.client.load_calendar(VendorOperation::LoadCalendar, template, span, &self.defaults.time_zone).await;
        read.ok().map(|calendar| VenueCalendar::from_wire(&calendar, template.is_some()))
    }
}

/// Splits a batch into its values and its errors.
fn partition_results<V, W>(batch: Batch<EventKey, V>) -> (HashMap<EventKey, V>, Batch<EventKey, W>) {
    let mut found = HashMap::new();
    let mut failed = Batch::new();
    for (key, outcome) in batch {
        match outcome {
            Ok(value) => drop(found.insert(key, value)),
            Err(error) => drop(failed.insert(key, Err(error))),
        }
    }
    (found, failed)
}

#[async_trait]
impl Catalog for AcmeCatalog {
    async fn list_events(&self, scope: CatalogScope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let templates = self.client.list_templates(VendorOperation::ListEvents, scope == CatalogScope::All).await?;
        let now = self.clock.now();
        let is_draft =
            |t: &Template| t.review_state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("draft"));
        let cached = self.templates.insert(templates, now);
        let refused: usize = cached.iter().map(|cached| event::image(&cached.template, &self.defaults).refused).sum();
        if refused > 0 {
            tracing::warn!(source = %self.source, refused, "left out images whose address is not a web address");
        }
        let mut events: Vec<Arc<Event>> = cached
            .iter()
            .filter(|cached| keys::is_plain(&cached.template.id.to_string()))
            .filter(|cached| {
                scope == CatalogScope::All || !(event::is_private(&cached.template) || is_draft(&cached.template))
            })
            .map(|cached| self.observed_event(cached).value)
            .collect();
        events.sort_by(|a, b| a.key.cmp(&b.key));
        events.dedup_by(|a, b| a.key == b.key);
        Ok(Observed::live(Arc::new(events), now))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        let cached = self.fetch_templates(VendorOperation::LoadEvents, keys).await;
        cached.into_iter().map(|(key, cached)| (key, cached.map(|cached| self.observed_event(&cached)))).collect()
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        let (found, mut results) =
            partition_results(self.cached_or_fetched_templates(VendorOperation::LoadTicketTypes, events).await);
        let mut without_types = Vec::new();
        for (key, cached) in found {
            let listed = event::listed_ticket_types(&cached.template, &self.defaults);
            if listed.is_empty() {
                without_types.push((key, cached));
            } else {
                let freshness = cached.freshness(self.clock.now());
                results.insert(key, Ok(Observed { value: Arc::new(listed), freshness }));
            }
        }
        results.extend(self.ticket_types_of_instances(without_types).await);
        results
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let (found, mut results) =
            partition_results(self.cached_or_fetched_templates(VendorOperation::ListPerformances, events).await);
        results.extend(self.list_window(found.into_iter().collect(), window).await);
        results
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let op = VendorOperation::LoadPerformances;
        let loaded = self.read_performances(op, keys).await;
        self.fill_missing(op, keys, loaded)
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        self.load_counts(performances, max_age).await
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        let (found, mut results) =
            partition_results(self.cached_or_fetched_templates(VendorOperation::LoadCalendar, events).await);
        let open = if found.is_empty() { None } else { self.venue_calendar(events, (from, to)).await };
        let now = self.clock.now();
        let span: Vec<Date> = days::date_range(from, to).into();
        for (key, cached) in found {
            let prices = event::listed_ticket_types(&cached.template, &self.defaults);
            let price_from = prices.iter().filter_map(|kind| kind.price.as_ref()).map(|price| price.retail).min();
            let context = (&self.defaults, cached.freshness(now));
            let rows = calendar::calendar_days(&cached.template, &span, open.as_ref(), price_from, context);
            results.insert(key, Ok(Arc::new(rows)));
        }
        results
    }
}

/// Current date at the venue.
fn today(defaults: &SourceDefaults, now: Timestamp) -> Date {
    days::date_of(now, &defaults.time_zone)
}
