//! The catalogue of one tenant: templates are events, instances are performances.

mod availability;
mod performances;
mod shelf;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::catalog::shelf::{Seen, Shelf};
use crate::client::Client;
use crate::map::calendar::OpenDays;
use crate::map::{Venue, calendar, days, event, keys};
use crate::wire::catalog::Template;
use domain::{
    Availability, Batch, CalendarDay, Catalog, Clock, ErrorKind, Event, EventKey, Observed, Operation, Performance,
    PerformanceKey, Scope, SourceId, TicketType, VendorError, Window,
};

/// Days ahead that a list without an end covers (`acme.md §4.1` advises a day a call).
pub(crate) const HORIZON_DAYS: u16 = 7;

/// Tells what one tenant sells.
pub(crate) struct Programme {
    source: SourceId,
    client: Arc<Client>,
    venue: Venue,
    clock: Arc<dyn Clock>,
    shelf: Shelf,
}

impl Programme {
    pub(crate) fn new(source: SourceId, client: Arc<Client>, venue: Venue, clock: Arc<dyn Clock>) -> Self {
        Self { source, client, venue, clock, shelf: Shelf::default() }
    }

    fn error(&self, op: Operation, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, op, kind)
    }

    /// Asks for templates: one by its id, several by the list of all, what that leaves out one by one.
    async fn ask_templates(&self, op: Operation, wanted: &[EventKey]) -> Batch<EventKey, Seen> {
        let mut answers = Batch::new();
        let mut left: BTreeMap<&str, &EventKey> =
            wanted.iter().filter_map(|key| keys::template(key).map(|id| (id, key))).collect();
        if left.len() > 1 {
            let listed = match self.client.list_templates(op, true).await {
                Ok(listed) => self.shelf.put(listed, self.clock.now()),
                Err(error) => return error.for_all(wanted),
            };
            for seen in listed {
                if let Some(key) = left.remove(seen.template.id.to_string().as_str()) {
                    answers.insert(key.clone(), Ok(seen));
                }
            }
        }
        let asked = left.into_iter().map(|(id, key)| async move { (key.clone(), self.ask_template(op, id).await) });
        answers.extend(join_all(asked).await);
        self.fill(op, wanted, answers)
    }

    async fn ask_template(&self, op: Operation, id: &str) -> Result<Seen, VendorError> {
        let template = self.client.find_template(op, id).await?;
        let seen = self.shelf.put(template.into_iter().collect(), self.clock.now());
        seen.into_iter().next().ok_or_else(|| self.error(op, ErrorKind::NotFound))
    }

    /// Templates good enough to plan with: those seen lately, the others asked for.
    async fn recall_templates(&self, op: Operation, wanted: &[EventKey]) -> Batch<EventKey, Seen> {
        let now = self.clock.now();
        let recall = |key: &EventKey| Some((key.clone(), Ok(self.shelf.find(key.as_str(), now)?)));
        let mut answers: Batch<EventKey, Seen> = wanted.iter().filter_map(recall).collect();
        let unknown: Vec<EventKey> = wanted.iter().filter(|key| !answers.contains_key(key)).cloned().collect();
        if !unknown.is_empty() {
            answers.extend(self.ask_templates(op, &unknown).await);
        }
        answers
    }

    /// Answers every key that has no answer with `NotFound`.
    fn fill<K: Clone + Eq + std::hash::Hash, V>(
        &self,
        op: Operation,
        keys: &[K],
        mut batch: Batch<K, V>,
    ) -> Batch<K, V> {
        for key in keys {
            batch.entry(key.clone()).or_insert_with(|| Err(self.error(op, ErrorKind::NotFound)));
        }
        batch
    }

    fn observed(&self, seen: &Seen) -> Observed<Arc<Event>> {
        Observed::live(Arc::new(event::event(&seen.template, &self.venue, seen.at)), seen.at)
    }

    /// The calendar of the venue, where it can be read. Without it the schedules speak alone: it is a convenience, not a duty.
    async fn open_days(&self, events: &[EventKey], span: (Date, Date)) -> Option<OpenDays> {
        if !self.client.reads_b2c() {
            return None;
        }
        let template = if let [only] = events { keys::template(only) } else { None };
        let read = self.client.load_calendar(Operation::LoadCalendar, template, span, &self.venue.zone).await;
        read.ok().map(|calendar| OpenDays::read(&calendar, template.is_some()))
    }
}

/// Splits a batch into what was found and the errors of the rest.
fn split<V, W>(batch: Batch<EventKey, V>) -> (HashMap<EventKey, V>, Batch<EventKey, W>) {
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
impl Catalog for Programme {
    async fn list_events(&self, scope: Scope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let templates = self.client.list_templates(Operation::ListEvents, scope == Scope::Everything).await?;
        let now = self.clock.now();
        let is_draft =
            |t: &Template| t.review_state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("draft"));
        let seen = self.shelf.put(templates, now);
        let mut events: Vec<Arc<Event>> = seen
            .iter()
            .filter(|seen| keys::is_plain(&seen.template.id.to_string()))
            .filter(|seen| {
                scope == Scope::Everything || !(event::is_private(&seen.template) || is_draft(&seen.template))
            })
            .map(|seen| self.observed(seen).value)
            .collect();
        events.sort_by(|a, b| a.key.cmp(&b.key));
        events.dedup_by(|a, b| a.key == b.key);
        Ok(Observed::live(Arc::new(events), now))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        let seen = self.ask_templates(Operation::LoadEvents, keys).await;
        seen.into_iter().map(|(key, seen)| (key, seen.map(|seen| self.observed(&seen)))).collect()
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        let (found, mut answers) = split(self.recall_templates(Operation::LoadTicketTypes, events).await);
        let mut bare = Vec::new();
        for (key, seen) in found {
            let listed = event::listed_ticket_types(&seen.template, &self.venue);
            if listed.is_empty() {
                bare.push((key, seen));
            } else {
                let freshness = seen.freshness(self.clock.now());
                answers.insert(key, Ok(Observed { value: Arc::new(listed), freshness }));
            }
        }
        answers.extend(self.ticket_types_of_instances(bare).await);
        answers
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let (found, mut answers) = split(self.recall_templates(Operation::ListPerformances, events).await);
        answers.extend(self.walk_window(found.into_iter().collect(), window).await);
        answers
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let op = Operation::LoadPerformances;
        let loaded = self.read_performances(op, keys).await;
        self.fill(op, keys, loaded)
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        self.count(performances, max_age).await
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        let (found, mut answers) = split(self.recall_templates(Operation::LoadCalendar, events).await);
        let open = if found.is_empty() { None } else { self.open_days(events, (from, to)).await };
        let now = self.clock.now();
        let span: Vec<Date> = days::span(from, to).into();
        for (key, seen) in found {
            let prices = event::listed_ticket_types(&seen.template, &self.venue);
            let price_from = prices.iter().filter_map(|kind| kind.price.as_ref()).map(|price| price.retail).min();
            let context = (&self.venue, seen.freshness(now));
            let rows = calendar::rows(&seen.template, &span, open.as_ref(), price_from, context);
            answers.insert(key, Ok(Arc::new(rows)));
        }
        answers
    }
}

/// The present day of a venue.
fn today(venue: &Venue, now: Timestamp) -> Date {
    days::of(now, &venue.zone)
}
