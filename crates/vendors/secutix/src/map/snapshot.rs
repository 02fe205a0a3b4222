//! The catalogue as we keep it in memory.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::map::keys::{Occasion, Ware};
use crate::map::till::Till;
use domain::{Event, EventKey, EventStatus, Performance, PerformanceKey, Price, TicketType, Window};

/// One catalogue of a sales channel. Never changed: a new one takes its place.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The point of sale that it was read for.
    pub till: Till,
    /// What is in the catalogue, by ascending key.
    pub listed: Vec<Arc<Event>>,
    /// The same by key, and what was there before: gone from the catalogue is not cancelled (`secutix.md §7`).
    pub events: HashMap<EventKey, Arc<Event>>,
    /// Dates and passes by key, gone ones too.
    pub shows: HashMap<PerformanceKey, Arc<Show>>,
}

/// A date or a pass, and what it takes to tell what is free.
#[derive(Debug, Clone)]
pub(crate) struct Show {
    /// The same as others see it.
    pub performance: Arc<Performance>,
    /// What its key names.
    pub occasion: Occasion,
    /// The product.
    pub product: i64,
    /// Whether season, product and date are all for sale.
    pub is_for_sale: bool,
    /// What can be bought.
    pub rows: Vec<Row>,
    /// Most places in one order.
    pub most_places: Option<u32>,
}

/// A tariff at a price.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The tariff.
    pub ticket_type: Arc<TicketType>,
    /// What of the product.
    pub ware: Ware,
    /// The price.
    pub price: Price,
}

impl Show {
    /// The instant that lists are ordered by; none for an open pass.
    pub fn begins(&self, till: &Till) -> Option<Timestamp> {
        let performance = &self.performance;
        performance.starts_at.or_else(|| till.zone.to_timestamp(performance.date?.at(0, 0, 0, 0)).ok())
    }

    /// The instant from which nobody can go there any more: a dated visit lasts to the end of its day.
    pub fn is_over(&self, till: &Till, now: Timestamp) -> bool {
        let performance = &self.performance;
        let end = match (performance.starts_at, performance.date) {
            // Tickets are not sold once it has begun.
            (Some(start), _) => Some(start),
            (None, Some(day)) => {
                performance.ends_at.or_else(|| till.zone.to_timestamp(day.tomorrow().ok()?.at(0, 0, 0, 0)).ok())
            }
            (None, None) => performance.ends_at,
        };
        end.is_some_and(|end| end <= now)
    }

    /// Whether it falls into a window: open passes do while they are good.
    pub fn is_within(&self, till: &Till, window: &Window) -> bool {
        match self.begins(till) {
            Some(start) if self.performance.starts_at.is_some() => {
                start >= window.from && window.to.is_none_or(|to| start < to)
            }
            start => {
                !self.is_over(till, window.from) && start.is_none_or(|start| window.to.is_none_or(|to| start < to))
            }
        }
    }
}

impl Snapshot {
    /// An event as it is now: what has run its course has ended, whatever the vendor still calls it.
    pub fn as_of(&self, event: &Arc<Event>, now: Timestamp) -> Arc<Event> {
        let is_past = event.ends_at.is_some_and(|end| end <= now);
        if !is_past || !matches!(event.status, EventStatus::OnSale | EventStatus::OffSale) {
            return Arc::clone(event);
        }
        Arc::new(Event { status: EventStatus::Ended, ..Event::clone(event) })
    }

    /// The shows of an event, in the order of lists; empty for what has none.
    pub fn shows_of<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Arc<Show>> {
        let performances = event.listed_performances.iter().flat_map(|list| list.iter());
        performances.filter_map(|performance| self.shows.get(&performance.key))
    }

    /// Takes along what an older catalogue had and this one has not, as no longer for sale.
    #[must_use]
    pub fn remembering(mut self, older: &Self) -> Self {
        for (key, event) in &older.events {
            self.events.entry(key.clone()).or_insert_with(|| {
                let status = match event.status {
                    EventStatus::OnSale => EventStatus::OffSale,
                    other => other,
                };
                Arc::new(Event { status, price_from: None, ..Event::clone(event) })
            });
        }
        for (key, show) in &older.shows {
            self.shows.entry(key.clone()).or_insert_with(|| Arc::new(Show { is_for_sale: false, ..Show::clone(show) }));
        }
        self
    }
}

/// Length of a performance, where told.
pub(crate) fn end_of(start: Option<Timestamp>, seconds: Option<i64>) -> Option<Timestamp> {
    start?.checked_add(SignedDuration::from_secs(seconds.filter(|seconds| *seconds > 0)?)).ok()
}
