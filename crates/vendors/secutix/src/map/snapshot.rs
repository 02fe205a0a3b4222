//! The catalog as kept in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::{Event, EventKey, EventStatus, Performance, PerformanceKey, PerformanceWindow, Price, TicketType};
use jiff::{SignedDuration, Timestamp};

use crate::map::family::ProductFamily;
use crate::map::keys::{PerformanceRef, ProductItem};
use crate::map::point_of_sale::PointOfSale;

/// One catalog of a sales channel. Immutable: a new one replaces it.
#[derive(Debug)]
pub(crate) struct CatalogSnapshot {
    /// Point of sale that it was read for.
    pub point_of_sale: PointOfSale,
    /// Events of the catalog, by ascending key.
    pub listed: Vec<Arc<Event>>,
    /// Events by key, including removed ones: removed from the catalog does not mean canceled (`secutix.md §7`).
    pub events: HashMap<EventKey, Arc<Event>>,
    /// Dates and passes by key, including removed ones.
    pub performances: HashMap<PerformanceKey, Arc<PerformanceEntry>>,
    /// Codes of all seasons of the catalog, also of those that are not offered.
    pub seasons: Vec<String>,
    /// Number of prices that are not sold, because they do not fit their currency.
    pub unsold_prices: usize,
    /// Number of products that are not sold, by family.
    pub unsold_families: BTreeMap<ProductFamily, usize>,
}

/// A date or a pass, with the fields needed to compute its availability.
#[derive(Debug, Clone)]
pub(crate) struct PerformanceEntry {
    /// The performance as the domain sees it.
    pub performance: Arc<Performance>,
    /// Vendor ids in its key.
    pub reference: PerformanceRef,
    /// Id of the product.
    pub product_id: i64,
    /// True if season, product and date are all for sale.
    pub is_for_sale: bool,
    /// Tariffs on sale.
    pub prices: Vec<TariffPrice>,
    /// Maximum number of seats in one order.
    pub max_per_order: Option<u32>,
}

/// A tariff at a price.
#[derive(Debug, Clone)]
pub(crate) struct TariffPrice {
    /// Ticket type of the tariff.
    pub ticket_type: Arc<TicketType>,
    /// Seat category or pass item.
    pub item: ProductItem,
    /// Current price.
    pub price: Price,
}

impl PerformanceEntry {
    /// Returns the instant that lists are sorted by; `None` for an open pass.
    pub(crate) fn begins_at(&self, point_of_sale: &PointOfSale) -> Option<Timestamp> {
        let performance = &self.performance;
        performance.starts_at.or_else(|| point_of_sale.time_zone.to_timestamp(performance.date?.at(0, 0, 0, 0)).ok())
    }

    /// Returns true once nobody can attend it: a dated visit lasts to the end of its day.
    pub(crate) fn is_over(&self, point_of_sale: &PointOfSale, now: Timestamp) -> bool {
        let performance = &self.performance;
        let end = match (performance.starts_at, performance.date) {
            // Tickets are not sold once it has begun.
            (Some(start), _) => Some(start),
            (None, Some(day)) => performance
                .ends_at
                .or_else(|| point_of_sale.time_zone.to_timestamp(day.tomorrow().ok()?.at(0, 0, 0, 0)).ok()),
            (None, None) => performance.ends_at,
        };
        end.is_some_and(|end| end <= now)
    }

    /// Returns true if it falls into a window. Open passes do while they are valid.
    pub(crate) fn is_within(&self, point_of_sale: &PointOfSale, window: &PerformanceWindow) -> bool {
        match self.begins_at(point_of_sale) {
            Some(start) if self.performance.starts_at.is_some() => {
                start >= window.from && window.to.is_none_or(|to| start < to)
            }
            start => {
                !self.is_over(point_of_sale, window.from)
                    && start.is_none_or(|start| window.to.is_none_or(|to| start < to))
            }
        }
    }
}

impl CatalogSnapshot {
    /// Returns an event as of `now`: an event whose run is over has ended, whatever its status at the vendor.
    pub(crate) fn as_of(&self, event: &Arc<Event>, now: Timestamp) -> Arc<Event> {
        let is_past = event.ends_at.is_some_and(|end| end <= now);
        if !is_past || !matches!(event.status, EventStatus::OnSale | EventStatus::OffSale) {
            return Arc::clone(event);
        }
        Arc::new(Event { status: EventStatus::Ended, ..Event::clone(event) })
    }

    /// Returns the performances of an event in list order.
    pub(crate) fn performances_of<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Arc<PerformanceEntry>> {
        let performances = event.listed_performances.iter().flat_map(|list| list.iter());
        performances.filter_map(|performance| self.performances.get(&performance.key))
    }

    /// Adds the entries of an older snapshot that this one lacks, as no longer for sale.
    #[must_use]
    pub(crate) fn with_removed_from(mut self, older: &Self) -> Self {
        for (key, event) in &older.events {
            self.events.entry(key.clone()).or_insert_with(|| {
                let status = match event.status {
                    EventStatus::OnSale => EventStatus::OffSale,
                    other => other,
                };
                Arc::new(Event { status, price_from: None, ..Event::clone(event) })
            });
        }
        for (key, entry) in &older.performances {
            self.performances
                .entry(key.clone())
                .or_insert_with(|| Arc::new(PerformanceEntry { is_for_sale: false, ..PerformanceEntry::clone(entry) }));
        }
        self
    }
}

/// Returns the end of a performance of known length.
pub(crate) fn end_at(start: Option<Timestamp>, seconds: Option<i64>) -> Option<Timestamp> {
    start?.checked_add(SignedDuration::from_secs(seconds.filter(|seconds| *seconds > 0)?)).ok()
}
